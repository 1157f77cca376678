"""An agent without dependencies: the HTTP contract of AgentCore Runtime in Python's standard library.

It answers with the version it runs as, so that a switch of an endpoint can be watched from outside:

    {"name": "Ada"}                  →  {"result": "Hello, Ada", "version": "blue", "session": "…", "calls": 1}
    {"count": 3}                     →  server-sent events: {"count": 1, "version": "blue"}, …

`AGENT_VERSION`, one of the runtime's environment variables, names the version.
"""

import json
import os
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count

VERSION = os.environ.get("AGENT_VERSION", "unnamed")
SESSION_HEADER = "X-Amzn-Bedrock-AgentCore-Runtime-Session-Id"
# Invocations that this process has answered: a session's memory lasts as long as the session.
calls = count(1)


class Agent(BaseHTTPRequestHandler):
    # HTTP/1.1 keeps connections open, which Signalbox reuses.
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.path == "/ping":
            self.reply(200, {"status": "Healthy"})
        else:
            self.reply(404, {"error": f"no such path: {self.path}"})

    def do_POST(self):
        body = self.body()
        if self.path != "/invocations":
            self.reply(404, {"error": f"no such path: {self.path}"})
            return
        try:
            payload = json.loads(body or b"{}")
        except ValueError as error:
            self.reply(400, {"error": f"the payload is not JSON: {error}"})
            return
        if not isinstance(payload, dict):
            self.reply(400, {"error": "the payload is not a JSON object"})
        elif "count" in payload:
            self.stream(int(payload["count"]), float(payload.get("seconds", 0.05)))
        else:
            self.reply(200, {
                "result": f"Hello, {payload.get('name', 'World')}",
                "version": VERSION,
                "session": self.headers.get(SESSION_HEADER),
                "calls": next(calls),
            })

    def body(self):
        """The whole request body, whichever way it is framed."""
        if "chunked" not in self.headers.get("Transfer-Encoding", "").lower():
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        data = bytearray()
        while size := int(self.rfile.readline().split(b";")[0], 16):
            data += self.rfile.read(size)
            self.rfile.readline()
        while self.rfile.readline().strip():  # trailers
            pass
        return bytes(data)

    def reply(self, status, document):
        data = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def stream(self, events, seconds):
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for number in range(1, events + 1):
            event = f"data: {json.dumps({'count': number, 'version': VERSION})}\n\n".encode()
            self.wfile.write(b"%x\r\n%s\r\n" % (len(event), event))
            time.sleep(seconds)
        self.wfile.write(b"0\r\n\r\n")

    def log_message(self, format, *arguments):
        """One line per request would drown what the agent itself has to say."""


class Server(ThreadingHTTPServer):
    request_queue_size = 128


if __name__ == "__main__":
    server = Server(("0.0.0.0", int(os.environ.get("PORT", "8080"))), Agent)
    print(f"plain agent, version {VERSION}, on port {server.server_port}", flush=True)
    server.serve_forever()
