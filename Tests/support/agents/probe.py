"""An agent that behaves, or misbehaves, as a test asks. Standard library only.

`PROBE_START` (environment of the version) says how it starts, the payload's `do` what one invocation does.
Without either it is a good agent that tells who it is.
"""

import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count

START = os.environ.get("PROBE_START", "")
VERSION = os.environ.get("AGENT_VERSION", "unnamed")
STARTED = time.time()
# Distinguishes two processes that have the same pid in their own namespaces.
INCARNATION = os.urandom(8).hex()
calls = count(1)
seen = {"invocations": 0, "lines": []}
lock = threading.Lock()
steps = threading.Semaphore(0)
meetings = {}


class Probe(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Small writes must leave at once.
    disable_nagle_algorithm = True

    def do_GET(self):
        if self.path != "/ping":
            self.reply(404, {"error": self.path})
        elif START == "ping-500":
            self.reply(500, {"status": "Broken"})
        else:
            self.reply(200, {"status": "Healthy"})

    def do_POST(self):
        with lock:
            seen["invocations"] += 1
            seen["lines"].append(self.requestline)
        body = self.body()
        try:
            payload = json.loads(body)
        except ValueError:
            payload = None
        if not isinstance(payload, dict):
            payload = {"do": "measure"}
        action = payload.get("do", "tell").replace("-", "_")
        getattr(self, action)(payload, body)

    # -- good behaviour

    def tell(self, payload, body):
        self.reply(200, {
            "version": VERSION, "incarnation": INCARNATION, "pid": os.getpid(), "calls": next(calls),
            "name": payload.get("name"),
        })

    def measure(self, payload, body):
        self.reply(200, {"bytes": len(body), "sha256": hashlib.sha256(body).hexdigest()})

    def seen(self, payload, body):
        """Every request line this process has met, this one included."""
        self.reply(200, seen)

    def headers_seen(self, payload, body):
        self.reply(200, {"path": self.path, "headers": [[name.lower(), value] for name, value in self.headers.items()]})

    def environment(self, payload, body):
        self.reply(200, {name: os.environ.get(name) for name in payload["names"]} if "names" in payload else dict(os.environ))

    def slow(self, payload, body):
        time.sleep(payload["seconds"])
        self.tell(payload, body)

    def stream(self, payload, body):
        """`count` server-sent events, one per `seconds`."""
        self.head("text/event-stream", {"Transfer-Encoding": "chunked"})
        for number in range(1, payload["count"] + 1):
            self.chunk(f"data: {json.dumps({'count': number, 'version': VERSION, 'sent': time.time()})}\n\n".encode())
            time.sleep(payload["seconds"])
        self.chunk(b"")

    def stream_in_steps(self, payload, body):
        """`count` server-sent events; before each but the first it waits for an invocation that does `step`."""
        self.head("text/event-stream", {"Transfer-Encoding": "chunked"})
        for number in range(1, payload["count"] + 1):
            was_asked = number == 1 or steps.acquire(timeout=60)
            self.chunk(f"data: {json.dumps({'count': number, 'was_asked': was_asked})}\n\n".encode())
        self.chunk(b"")

    def step(self, payload, body):
        steps.release()
        self.tell(payload, body)

    def meet(self, payload, body):
        """Answers when `count` of these calls are here at once."""
        with lock:
            barrier = meetings.setdefault(payload["count"], threading.Barrier(payload["count"]))
        try:
            barrier.wait(60)
            self.tell(payload, body)
        except threading.BrokenBarrierError:
            self.reply(500, {"alone": True})

    def big(self, payload, body):
        """`bytes` bytes of a known pattern, with a length."""
        left = payload["bytes"]
        self.head("application/octet-stream", {"Content-Length": str(left)})
        block = bytes(range(256)) * 4096
        while left > 0:
            self.wfile.write(block[:left])
            left -= len(block)

    def look(self, payload, body):
        """What a path, a port or a process of the host looks like from here."""
        self.reply(200, look(payload))

    def write(self, payload, body):
        with open(payload["path"], "w", encoding="utf-8") as file:
            file.write(payload["text"])
        self.reply(200, {"written": payload["path"]})

    # -- bad behaviour

    def status(self, payload, body):
        self.reply(payload["status"], {"secret": "the agent's own error body"})

    def hang(self, payload, body):
        time.sleep(3600)

    def hang_mid_body(self, payload, body):
        self.head("application/json", {"Content-Length": "1000"})
        self.wfile.write(b'{"half":')
        time.sleep(payload.get("seconds", 3600))

    def close_mid_stream(self, payload, body):
        self.head("text/event-stream", {"Transfer-Encoding": "chunked"})
        self.chunk(b'data: {"count": 1}\n\n')
        self.vanish()

    def close_mid_body(self, payload, body):
        self.head("application/json", {"Content-Length": "1000"})
        self.wfile.write(b'{"half":')
        self.vanish()

    def close_before_head(self, payload, body):
        self.vanish()

    def vanish(self):
        """Ends this connection without a word, the process stays."""
        self.close_connection = True
        self.connection.shutdown(2)

    def drip(self, payload, body):
        text = b'{"dripped":true}'
        self.head("application/json", {"Content-Length": str(len(text))})
        for byte in text:
            self.wfile.write(bytes([byte]))
            time.sleep(payload["seconds"])

    def garbage(self, payload, body):
        self.wfile.write(b"\x00\x01 this is not HTTP\r\n\r\n")
        self.vanish()

    def flood(self, payload, body):
        """`bytes` bytes to standard output, then an answer."""
        block = b"a line of log that says nothing at all, over and over again\n" * 1000
        for _ in range(payload["bytes"] // len(block)):
            os.write(1, block)
        self.tell(payload, body)

    def exit_after(self, payload, body):
        self.tell(payload, body)
        threading.Timer(0.05, lambda: os._exit(payload.get("code", 7))).start()

    def exit_now(self, payload, body):
        os._exit(payload.get("code", 7))

    def spawn(self, payload, body):
        """Children that left the process group and ignore SIGTERM, as daemons do."""
        script = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(3600)"
        children = [subprocess.Popen([sys.executable, "-c", script], start_new_session=True) for _ in range(payload["count"])]
        self.reply(200, {"children": [child.pid for child in children], "incarnation": INCARNATION})

    def fork_bomb(self, payload, body):
        children = 0
        try:
            while children < payload["limit"]:
                if os.fork() == 0:
                    time.sleep(3600)
                    os._exit(0)
                children += 1
            self.reply(200, {"children": children, "stopped_by": None})
        except OSError as error:
            self.reply(200, {"children": children, "stopped_by": error.strerror})

    def eat(self, payload, body):
        """Memory, up to a bound that the test chose for the machine's sake."""
        eaten = []
        while len(eaten) * 64 < payload["mebibytes"]:
            eaten.append(bytearray(os.urandom(4096)) * (64 * 256))
        self.reply(200, {"mebibytes": len(eaten) * 64})

    # -- plumbing

    def body(self):
        if "chunked" not in self.headers.get("Transfer-Encoding", "").lower():
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        data = bytearray()
        while size := int(self.rfile.readline().split(b";")[0], 16):
            data += self.rfile.read(size)
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass
        return bytes(data)

    def head(self, content_type, headers):
        self.send_response(200)
        self.send_header("Content-Type", content_type)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def chunk(self, data):
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))

    def reply(self, status, document):
        data = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format, *arguments):
        pass


def look(payload):
    import socket

    found = {}
    for path in payload.get("paths", []):
        try:
            found[path] = sorted(os.listdir(path)) if os.path.isdir(path) else open(path, encoding="utf-8", errors="replace").read(4096)
        except OSError as error:
            found[path] = f"refused: {error.strerror}"
    for address in payload.get("connect", []):
        host, port = address.rsplit(":", 1)
        try:
            socket.create_connection((host, int(port)), timeout=2).close()
            found[address] = "connected"
        except OSError as error:
            found[address] = f"refused: {error}"
    if payload.get("processes"):
        found["processes"] = sorted(int(name) for name in os.listdir("/proc") if name.isdigit())
    if payload.get("status"):
        found["status"] = open("/proc/self/status", encoding="utf-8").read()
    return found


class Server(ThreadingHTTPServer):
    request_queue_size = 256


if __name__ == "__main__":
    print(f"probe agent starts: {START or 'well'}", flush=True)
    if START == "ignore-sigterm":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if START == "slow-end":
        signal.signal(signal.SIGTERM, lambda *_: (time.sleep(0.5), os._exit(0)))
    if START == "exit":
        print("ModuleNotFoundError: No module named 'the_missing_module'", file=sys.stderr, flush=True)
        sys.exit(3)
    if START == "never-bind":
        time.sleep(3600)
    if START.startswith("late:"):
        time.sleep(float(START.split(":")[1]))
    if START == "flood":
        for _ in range(2000):
            os.write(1, b"noise before the first request\n" * 500)
    # A test without a sandbox may choose the port.
    Server(("0.0.0.0", int(os.environ.get("PORT", "8080"))), Probe).serve_forever()
