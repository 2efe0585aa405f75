// A client over @volcengine/sdk-core, as the vendor generates them, but pointed at the emulator.

import { createRequire } from "node:module";
import { resolve } from "node:path";

// A call-level error: its code and HTTP status, and what the SDK says.
export class Refused extends Error {
  constructor(status, code, text) {
    super(text);
    this.status = status;
    this.code = code;
  }
}

// The SDK lies in a folder of its own.
export function load(folder) {
  const require = createRequire(resolve(folder, "package.json"));
  const core = require("@volcengine/sdk-core");
  const { name, version } = require("@volcengine/sdk-core/package.json");

  class Sdk {
    constructor(url, region, who, { once = true } = {}) {
      this.client = new core.Client({
        protocol: "http",
        host: url.replace("http://", ""),
        region,
        accessKeyId: who.access_key_id,
        secretAccessKey: who.secret_access_key,
        sessionToken: who.session_token ?? undefined,
        // One request a call: what is compared is a single answer, not what the SDK makes of several.
        ...(once && { autoRetry: false }),
        httpOptions: { timeout: 10_000 },
      });
    }

    async call({ service, version, method, action }, parameters) {
      const command = new core.Command(parameters);
      const type = method === "GET" ? "text_plain" : "application_json";
      command.requestConfig = core.buildRequestConfigFromMetaPath(
        `/${action}/${version}/${service}/${method.toLowerCase()}/${type}/`,
      );
      try {
        return (await this.client.send(command)).Result;
      } catch (error) {
        const metadata = error.data?.ResponseMetadata;
        if (!metadata?.Error) throw error;
        const { Code, Message } = metadata.Error;
        throw new Refused(error.status, Code, `request ${metadata.RequestId}: ${error.name} ${error.status} ${Message}`);
      }
    }
  }
  return { Sdk, name: `${name} ${version}` };
}
