"""The first invocation of a new session against a bare bwrap start of the same agent.

Bare: from the start of bwrap to the first whole answer of POST /invocations, asked for every millisecond. Signalbox: from
the call to its whole answer, session row, sandbox, health check and proxying included. The agent is examples/plain.
"""

import http.client
import json
import statistics
import subprocess
import sys
import time

import bundles
import places
from places import LOGS
from processes import free_port, stop
from runtimes import Workshop, session_id
from server import DevServer
from signing import SESSION, invocation_target, stop_target

SAMPLES = 30
BODY = b'{"name":"Ada"}'


def bare():
    """Seconds until the agent in a bare sandbox has answered."""
    port = free_port()
    agent = places.EXAMPLES / "plain"
    command = [
        "bwrap", "--unshare-all", "--share-net", "--die-with-parent", "--new-session", "--ro-bind", "/usr", "/usr",
        "--symlink", "usr/lib", "/lib", "--symlink", "usr/lib64", "/lib64", "--symlink", "usr/bin", "/bin",
        "--ro-bind", str(agent), "/app", "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp", "--chdir", "/app",
        "--cap-drop", "ALL", "--clearenv", "--setenv", "PORT", str(port), "--setenv", "PATH", "/usr/bin",
        f"/usr/bin/python3.{sys.version_info.minor}", "main.py",
    ]
    began = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while True:
            try:
                connection = http.client.HTTPConnection("127.0.0.1", port)
                connection.request("POST", "/invocations", BODY, {"Content-Type": "application/json"})
                assert json.loads(connection.getresponse().read())["result"] == "Hello, Ada"
                return time.perf_counter() - began
            except ConnectionError:
                assert process.poll() is None, "bwrap failed"
                time.sleep(0.001)
    finally:
        stop(process, how=9)


def through_signalbox(server, runtime):
    """Seconds of the first call of a new session."""
    session = [(SESSION, session_id())]
    signer = server.signer()
    target = invocation_target(runtime.arn)
    headers = signer.headers("POST", target, BODY, [*session, ("Content-Type", "application/json")])
    began = time.perf_counter()
    reply = signer.send_with("POST", target, BODY, headers)
    took = time.perf_counter() - began
    assert reply.status == 200, reply
    assert signer.send("POST", stop_target(runtime.arn), b"{}", session).status == 200
    return took


def measure(run):
    with DevServer(f"{run.scratch}/cold", log=LOGS / "bench-cold.log") as server:
        workshop = Workshop(server.clients)
        runtime = workshop.runtime(bundles.example("plain"))
        found = {"bare bwrap": [], "Signalbox": []}
        for number in range(SAMPLES + 3):
            one, other = bare(), through_signalbox(server, runtime)
            if number >= 3:
                found["bare bwrap"].append(one)
                found["Signalbox"].append(other)
        workshop.close()
    run.table(f"Cold start of examples/plain to its first answer, {SAMPLES} times in turn", [
        (name, {"median": f"{statistics.median(v) * 1e3:.1f} ms", "fastest": f"{min(v) * 1e3:.1f} ms", "slowest": f"{max(v) * 1e3:.1f} ms"})
        for name, v in found.items()])
    ours, theirs = statistics.median(found["Signalbox"]), statistics.median(found["bare bwrap"])
    run.figures["cold start ms"] = round(ours * 1e3, 1)
    run.figures["bare bwrap ms"] = round(theirs * 1e3, 1)
    run.ratio("cold start against bare bwrap", ours / theirs, "≤ 1.5")
