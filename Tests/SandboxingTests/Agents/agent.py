"""An agent of the standard library alone; its command line says how it misbehaves."""
import http.server
import json
import os
import signal
import socket
import subprocess
import sys
import time

MODE = sys.argv[1] if len(sys.argv) > 1 else "plain"


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        status = 500 if MODE == "ping-500" else 200
        self.answer(status, b'{"status":"Healthy"}')

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("content-length", "0")))
        if body == b"exit":
            os._exit(3)
        self.answer(200, body)

    def answer(self, status, body):
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass


if MODE == "ignore-sigterm":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
if MODE == "graceful":
    def leave(*_):
        print("leaving", flush=True)
        os._exit(0)
    signal.signal(signal.SIGTERM, leave)
if MODE == "forks":
    for _ in range(5):
        # Children that leave their session and ignore SIGTERM.
        subprocess.Popen([sys.executable, "-c", "import os,signal,time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
                          "os.setsid(); os.fork(); time.sleep(1000)"])
if MODE == "flood":
    line = b"x" * 1023 + b"\n"
    started = time.time()
    for _ in range(64 * 1024):
        os.write(1, line)
    os.write(2, b"flooded in %.3f s\n" % (time.time() - started))
if MODE == "silent":
    time.sleep(1000)
if MODE == "hang":
    listener = socket.create_server(("127.0.0.1", 8080))
    time.sleep(1000)
if MODE == "late":
    time.sleep(0.7)
if MODE == "exit-7":
    print("about to leave", flush=True)
    sys.exit(7)
if MODE == "segfault":
    os.kill(os.getpid(), signal.SIGSEGV)
if MODE == "eats":
    hoard = []
    while True:
        hoard.append(bytearray(8 << 20))
if MODE == "write-work":
    with open("/mnt/work/secret.txt", "w") as file:
        file.write("only mine")

print("serving", flush=True)
http.server.ThreadingHTTPServer.request_queue_size = 128
http.server.ThreadingHTTPServer(("0.0.0.0" if MODE == "everywhere" else "127.0.0.1", 8080), Handler).serve_forever()
