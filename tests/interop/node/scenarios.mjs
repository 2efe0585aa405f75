// Drives the Node SDK through calls.json and errors.json, and compares what it reports with what should come of it.
//
// Usage: scenarios.mjs http://127.0.0.1:PORT http://127.0.0.1:PORT http://127.0.0.1:PORT FOLDER
//
// The second emulator is the one whose errors are forced, the third that of docs/lost-reply.json; the SDK is installed in the
// folder.

import { readFileSync } from "node:fs";
import { isDeepStrictEqual } from "node:util";

import { record } from "./recorder.mjs";
import { load, Refused } from "./sdk.mjs";

const data = (name) => JSON.parse(readFileSync(new URL(`../${name}`, import.meta.url), "utf8"));
const [url, forced, lossy, folder] = process.argv.slice(2);
const setup = data("emulator.json");
const [permanent, temporary] = setup.credentials;
const { Sdk, name } = load(folder);

const counts = { passed: 0, failed: 0 };

function expect(what, found, wanted) {
  const ok = isDeepStrictEqual(found, wanted);
  counts[ok ? "passed" : "failed"] += 1;
  console.log(`  ${ok ? "ok" : "MISMATCH"}: ${what}:${shown(found)}`);
  if (!ok) console.log(`  expected:${shown(wanted)}`);
}

// A short line for a refusal, a line an image for what was listed.
function shown({ listed, refused, images, described, ...rest }) {
  const lines = (members) => Object.entries(members).map(([name, value]) => `\n      ${name.padEnd(20)} ${value}`).join("");
  if (listed) return lines(Object.fromEntries(Object.entries(listed).map(([id, code]) => [id, code ?? "deleted"])));
  if (refused) return ` refused, ${refused.join(" ")}`;
  if (images) return ` ${images.join(", ")}`;
  if (described) {
    return lines(Object.fromEntries(Object.entries(described).map(([name, value]) => [name, JSON.stringify(value)])));
  }
  return ` ${JSON.stringify(rest)}`;
}

// What the SDK reports of a call, in the words of calls.json.
async function reported(sdk, call) {
  const { service = "ecs", version = "2020-04-01", method = "GET", action = "DeleteImages", pages = 1 } = call;
  const place = { service, version, method, action };
  const parameters = { ...call.parameters };
  if (call.before) {
    parameters.ImageIds = [...Array.from({ length: call.before }, (_, n) => `image-${n}`), ...parameters.ImageIds];
  }
  try {
    const result = await sdk.call(place, parameters);
    if (action === "DeleteImages") return deleted(result);
    if (action === "GetCallerIdentity") return { account: result.AccountId };
    if (call.expect.described) {
      const [image] = result.Images;
      const described = Object.keys(call.expect.described).map((name) => [name, image[name]]);
      return { described: Object.fromEntries(described) };
    }
    return { images: await listed(sdk, place, parameters, result, pages) };
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    console.log(`  ${error.message}`);
    return { refused: [error.status, error.code] };
  }
}

function deleted({ OperationDetails: details }) {
  const images = Object.fromEntries(details.map((detail) => [detail.ImageId, detail.Error?.Code ?? null]));
  const codes = new Set(Object.values(images));
  if (Object.keys(images).length !== details.length) return { "listed twice": details.map((detail) => detail.ImageId) };
  if (details.length > 10 && codes.size === 1 && codes.has("InvalidImage.NotFound")) return { missing: details.length };
  return { listed: images };
}

// The IDs of so many pages; a token that leads further, or not that far, is one ID too many.
async function listed(sdk, place, parameters, first, pages) {
  let page = first;
  const images = page.Images.map((image) => image.ImageId);
  for (let more = pages - 1; more > 0; more -= 1) {
    page = await sdk.call(place, { ...parameters, NextToken: page.NextToken });
    images.push(...page.Images.map((image) => image.ImageId));
  }
  if (page.NextToken) images.push("another page");
  if (first.TotalCount !== images.length) images.push(`${first.TotalCount} in all`);
  return images;
}

// The truth: the IDs that the emulator still has, asked without the SDK.
async function there(url) {
  const reply = await fetch(`${url}/_emulator/images`, { signal: AbortSignal.timeout(10_000) });
  return { images: (await reply.json()).map((image) => image.id).sort() };
}

console.log(`${name} against ${url}`);
const everything = setup.images.map((image) => image.id).sort();
let remaining = everything;

for (const { title, calls, gone = [] } of data("calls.json")) {
  console.log(`\n${title}`);
  for (const call of calls) {
    // This SDK has no such thing.
    if (call.presigned) continue;
    const who = { ...(call.temporary ? temporary : permanent), ...call.who };
    expect(call.what, await reported(new Sdk(url, setup.region, who), call), call.expect);
  }
  remaining = remaining.filter((id) => !gone.includes(id));
  expect("images still there", await there(url), { images: remaining });
}

console.log("\nrefused: every error of the service and of the platform, forced");
const sdk = new Sdk(forced, setup.region, permanent);
for (const { code, fault, refused } of data("errors.json")) {
  expect(code ?? JSON.stringify(fault), await reported(sdk, { parameters: { ImageIds: ["image-available1"] } }), { refused });
}
expect("images still there", await there(forced), { images: everything });

// What the SDK does by default, where a call may take more than one request.
async function attempt(recorder, image) {
  const sdk = new Sdk(recorder.url, setup.region, permanent, { once: false });
  const found = await reported(sdk, { parameters: { ImageIds: [image] } });
  recorder.stop();
  return found;
}

const requests = ({ received }) => ({ requests: received.length });

// How many values a header had; a request without it counts as one more.
const different = ({ received }, header) => ({ different: new Set(received.map((headers) => headers[header] ?? Symbol())).size });

console.log("\nattempts: the first reply is lost, after the deletion");
let recorder = await record(lossy);
const again = { listed: { "image-available1": "InvalidImage.NotFound" } };
expect("it is sent again, and the second reply is returned", await attempt(recorder, "image-available1"), again);
remaining = everything.filter((id) => id !== "image-available1");
expect("images still there", await there(lossy), { images: remaining });
expect("requests", requests(recorder), { requests: 2 });
expect("dates", different(recorder, "x-date"), { different: 1 });
expect("signatures", different(recorder, "authorization"), { different: 1 });

console.log("\nattempts: a redirect on the same host");
recorder = await record(lossy, { redirect: true });
expect("it is followed", await attempt(recorder, "image-available2"), { listed: { "image-available2": null } });
expect("images still there", await there(lossy), { images: remaining.filter((id) => id !== "image-available2") });
expect("requests", requests(recorder), { requests: 2 });
expect("signatures", different(recorder, "authorization"), { different: 1 });

console.log(`\n${counts.passed} passed, ${counts.failed} failed`);
process.exitCode = counts.failed === 0 ? 0 : 1;
