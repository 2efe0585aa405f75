// Prints the emulator's scenario file for errors.json: its first error for the first request, and so on.

import { readFileSync } from "node:fs";

const errors = JSON.parse(readFileSync(new URL("../errors.json", import.meta.url), "utf8"));
const forced = errors.map(({ fault, code }) => fault ?? { "api-error": { code, after_deletion: false } });
console.log(JSON.stringify(forced.map((fault, index) => ({ when: { requests: [index + 1] }, fault }))));
