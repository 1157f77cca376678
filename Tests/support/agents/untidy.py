"""Leaves what is hard to remove for anybody but its owner: closed and sticky directories."""

import http.server
import os

home = os.environ["HOME"]
os.makedirs(f"{home}/a/b/c")
os.makedirs(f"{home}/sticky/d")
for path in ("a/b/c", "sticky/d", "sticky"):
    with open(f"{home}/{path}/file", "w", encoding="utf-8") as file:
        file.write("left behind")
os.chmod(f"{home}/a/b/c", 0)
os.chmod(f"{home}/a/b", 0o500)
os.chmod(f"{home}/sticky", 0o1777)


class Agent(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.answer(b'{"status": "Healthy"}')

    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.answer(b'{"untidy": true}')

    def answer(self, body):
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


http.server.ThreadingHTTPServer(("0.0.0.0", 8080), Agent).serve_forever()
