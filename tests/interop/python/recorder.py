"""A server on loopback, in front of the emulator: it keeps what it receives, and hands it on as it is."""

import http.client
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

# X-Date counts whole seconds: whoever dates a request anew after more than one cannot come to the same date.
ANOTHER_DATE = 1.1

# In the envelope of the service's errors, so that an SDK that reads the answer finds something to report.
MOVED = {"ResponseMetadata": {"RequestId": "moved", "Error": {"Code": "Moved", "Message": "moved"}}}


class Recorder(ThreadingHTTPServer):
    """`received` are the requests' headers, in order. With `redirect` the first request is answered with a redirect to
    where it came; whoever follows it reaches the emulator."""

    def __init__(self, emulator, redirect=False):
        super().__init__(("127.0.0.1", 0), Handler)
        self.emulator, self.redirect, self.received = emulator.removeprefix("http://"), redirect, []
        self.url = f"http://127.0.0.1:{self.server_port}"
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.received.append(dict(self.headers))
        if self.server.redirect and len(self.server.received) == 1:
            self.answer(302, json.dumps(MOVED).encode(), Location=self.path)
            return
        emulator = http.client.HTTPConnection(self.server.emulator, timeout=10)
        try:
            emulator.request("GET", self.path, headers=self.headers)
            reply = emulator.getresponse()
            self.answer(reply.status, reply.read())
        except http.client.RemoteDisconnected:
            # Nothing is answered here, either; the connection ends with this method.
            time.sleep(ANOTHER_DATE)
        finally:
            emulator.close()

    def answer(self, status, body, **headers):
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """What it received is in `received`."""
