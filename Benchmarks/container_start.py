"""The first invocation of a new session of a container image against `docker start` and `podman start` of the same image.

Bare: a container was made beforehand, with the same limits and hardening; from the start of the engine's own command line
to the first whole answer of POST /invocations, asked for every millisecond inside its network. Signalbox: from the call to
its whole answer, making the container, its start, session row, health check and proxying included. The agent is
examples/plain on a copy of this host's Python.
"""

import ctypes
import http.client
import json
import os
import shutil
import socket
import statistics
import subprocess
import threading
import time

import places
from cold_start import BODY, through_signalbox
from engines import ENGINES, Images, of
from places import LOGS
from runtimes import Workshop
from server import DevServer

SAMPLES = 15
LIBC = ctypes.CDLL(None, use_errno=True)


class Inside(http.client.HTTPConnection):
    """A connection to port 8080 inside a process's network."""

    def __init__(self, pid):
        super().__init__("127.0.0.1", 8080)
        self._pid = pid

    def connect(self):
        # A thread of its own: the namespace is the thread's, and a socket keeps the one in which it was made.
        made = []

        def make():
            with open(f"/proc/{self._pid}/ns/net", "rb") as network:
                if LIBC.setns(network.fileno(), 0x40000000) == 0:  # CLONE_NEWNET
                    made.append(socket.socket())

        thread = threading.Thread(target=make)
        thread.start()
        thread.join()
        if not made:
            raise ConnectionError("its network is gone")
        self.sock = made[0]
        self.sock.connect(("127.0.0.1", 8080))


def bare(engine, image, number):
    """Seconds until the agent in a container that was made beforehand has answered."""
    made = engine.call("POST", f"/containers/create?name=bench-{number}", {
        "Image": image, "User": "65534:65534", "Env": ["HOME=/tmp"], "Labels": {"signalbox.instance": "bench"},
        "HostConfig": {
            "NetworkMode": "none", "ReadonlyRootfs": True, "CapDrop": ["ALL"], "SecurityOpt": ["no-new-privileges"],
            "Memory": 2 << 30, "MemorySwap": 2 << 30, "NanoCpus": 2 * 10**9, "PidsLimit": 512, "Tmpfs": {"/tmp": "size=64m"},
            "Ulimits": [{"Name": "nofile", "Soft": 1024, "Hard": 1024}, {"Name": "nproc", "Soft": 4096, "Hard": 4096}]}})["Id"]
    program = ["docker", "--host", engine.url] if engine.name == "docker" else ["podman"]
    try:
        began = time.perf_counter()
        subprocess.run([*program, "start", made], check=True, stdout=subprocess.DEVNULL, env=engine.environment())
        pid = engine.inspect(made)["State"]["Pid"]
        while True:
            try:
                connection = Inside(pid)
                connection.request("POST", "/invocations", BODY, {"Content-Type": "application/json"})
                assert json.loads(connection.getresponse().read())["result"] == "Hello, Ada"
                return time.perf_counter() - began
            except ConnectionError:
                time.sleep(0.001)
    finally:
        engine.call("DELETE", f"/containers/{made}?force=true&v=true")


def measure(run):
    for name, kind in ENGINES.items():
        if not shutil.which({"docker": "dockerd"}.get(name, name)):
            run.say(f"\n{name} is not installed: its cold start is not measured")
            continue
        with kind(f"{run.scratch}/{name}") as engine:
            one(run, engine)


def one(run, engine):
    images = Images(engine)
    reference = "localhost/signalbox-test/plain:1"
    image = images.make(reference, (places.EXAMPLES / "plain" / "main.py").read_bytes())
    found = {f"{engine.name} start": [], "Signalbox": []}
    with DevServer(f"{run.scratch}/cold-{engine.name}", log=LOGS / f"bench-cold-{engine.name}.log", images=images) as server:
        workshop = Workshop(server.clients)
        runtime = workshop.runtime(of(reference))
        for number in range(SAMPLES + 2):
            theirs, ours = bare(engine, image, f"{os.getpid()}-{number}"), through_signalbox(server, runtime)
            if number >= 2:
                found[f"{engine.name} start"].append(theirs)
                found["Signalbox"].append(ours)
        workshop.close()
    run.table(f"Cold start of an image with {engine.name} to its first answer, {SAMPLES} times in turn", [
        (name, {"median": f"{statistics.median(v) * 1e3:.0f} ms", "fastest": f"{min(v) * 1e3:.0f} ms", "slowest": f"{max(v) * 1e3:.0f} ms"})
        for name, v in found.items()])
    ratio = statistics.median(found["Signalbox"]) / statistics.median(found[f"{engine.name} start"])
    run.ratio(f"cold start against {engine.name} start", ratio, "≤ 1.25")
