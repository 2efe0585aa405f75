// A server on loopback, in front of the emulator: it keeps what it receives, and hands it on as it is.

import { createServer, request as send } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";

// X-Date counts whole seconds: whoever dates a request anew after more than one cannot come to the same date.
const ANOTHER_DATE = 1_100;

// In the envelope of the service's errors, so that an SDK that reads the answer finds something to report.
const MOVED = { ResponseMetadata: { RequestId: "moved", Error: { Code: "Moved", Message: "moved" } } };

// `received` are the requests' headers, in order. With `redirect` the first request is answered with a redirect to where it
// came; whoever follows it reaches the emulator.
export async function record(emulator, { redirect = false } = {}) {
  const received = [];
  const server = createServer((request, response) => {
    received.push(request.headers);
    if (redirect && received.length === 1) {
      response.writeHead(302, { "Content-Type": "application/json", Location: request.url }).end(JSON.stringify(MOVED));
      return;
    }
    send(emulator, { path: request.url, headers: request.headers, agent: false, timeout: 10_000 }, (reply) => {
      response.writeHead(reply.statusCode, reply.headers);
      reply.pipe(response);
    })
      .on("error", async () => {
        // Nothing is answered here, either.
        await sleep(ANOTHER_DATE);
        request.socket.destroy();
      })
      .end();
  });
  await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
  const stop = () => {
    server.close();
    server.closeAllConnections();
  };
  return { url: `http://127.0.0.1:${server.address().port}`, received, stop };
}
