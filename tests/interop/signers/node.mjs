// Signs the requests of signed-requests with @volcengine/openapi and compares. As python.py does; that says how.
//
// Usage: node.mjs requests.jsonl FOLDER, whose node_modules has the package. Its presigned URIs are left out: it does not sign
// the list of what is signed (d07), so that none is like ours; node.sh opens such URIs at the emulator.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { resolve } from "node:path";

const [requests, folder] = process.argv.slice(2);
const { Signer } = createRequire(resolve(folder, "package.json"))("@volcengine/openapi");

const escaped = (text) => encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
const trimmed = (value) => value.replace(/^[ \t]+|[ \t]+$/g, "");
const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);

// The cases that a request is one of.
function* explained({ query, headers, path }) {
  const names = query.map(([name]) => name);
  if (!same([...names].sort(), [...names].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))))) {
    yield "d03 (names are sorted by UTF-16 unit)";
  }
  const values = new Map();
  for (const [name, value] of query) values.set(name, [...(values.get(name) ?? []), escaped(value)]);
  if ([...values.values()].some((of) => !same(of, [...of].sort()))) yield "d04 (values of one name are sorted)";
  if (headers.some(([, value]) => value.trim().replace(/\s+/g, " ") !== trimmed(value))) {
    yield "d05 (blanks inside a header's value are collapsed)";
  }
  if (/:(80|443)$/.test(Object.fromEntries(headers).Host)) yield "d06 (a default port is kept)";
  if (path.split("/").map(escaped).join("/") !== path) yield "d15 (the path is not escaped)";
}

function theirs(request) {
  const params = {};
  for (const [name, value] of request.query) {
    params[name] = name in params ? [params[name], value].flat() : value;
  }
  const { method, path: pathname, body, region } = request;
  const message = { method, pathname, params, headers: Object.fromEntries(request.headers), body, region };
  const date = request.date.replace(/(....)(..)(..)T(..)(..)(..)Z/, "$1-$2-$3T$4:$5:$6Z");
  const who = { accessKeyId: request.access_key_id, secretKey: request.secret_access_key, sessionToken: request.session_token };
  new Signer(message, request.service).addAuthorization(who, new Date(date));
  return message.headers.Authorization;
}

let [alike, different, passed, failed] = [0, 0, 0, 0];
const leftOut = new Map();
for (const line of readFileSync(requests, "utf8").trimEnd().split("\n")) {
  const request = JSON.parse(line);
  const reasons = [...explained(request)];
  reasons.forEach((reason) => leftOut.set(reason, (leftOut.get(reason) ?? 0) + 1));
  if (reasons.length > 0) different += 1;
  else alike += 1;
  const signed = theirs(request);
  if ((signed === request.node) !== reasons.length > 0) {
    passed += 1;
  } else if ((failed += 1) <= 10) {
    console.log(`  MISMATCH: ${line}\n    explained by: ${reasons.join(", ") || "nothing"}`);
    console.log(`    ours:   ${request.node}\n    theirs: ${signed}`);
  }
}

console.log(`@volcengine/openapi: ${alike} that have to be signed alike, ${different} that have to differ`);
for (const reason of [...leftOut.keys()].sort()) console.log(`  ${String(leftOut.get(reason)).padStart(5)}  ${reason}`);
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed > 0 || alike < 5_000 ? 1 : 0);
