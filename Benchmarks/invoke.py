"""Warm invocations through Signalbox against nginx's proxy_pass: the same request bytes, the same upstream program.

The upstream is a process of its own on both sides: agents/fast.c, beside nginx as it stands, behind Signalbox in the
sandbox of a session. Processor time per request is that of the proxy's processes alone.
"""

import os
import pathlib
import shutil
import statistics
import subprocess

import bundles
import wrk
from places import LOGS
from processes import free_port, pids, stop, wait_for
from runtimes import Workshop, session_id
from server import DevServer
from signing import SESSION, invocation_target

CONNECTIONS = 32
BODY = b'{"name":"Ada"}'
TICK = os.sysconf("SC_CLK_TCK")


class Nginx:
    """nginx in the foreground with the fast agent as its upstream."""

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        self.directory.mkdir()
        self.port, self.upstream_port = free_port(), free_port()

    def __enter__(self):
        configuration = self.directory / "nginx.conf"
        configuration.write_text(f"""
            daemon off;
            worker_processes auto;
            pid {self.directory}/pid;
            error_log {self.directory}/error.log warn;
            events {{ worker_connections 4096; }}
            http {{
                access_log off;
                client_body_temp_path {self.directory}/body;
                proxy_temp_path {self.directory}/proxy;
                fastcgi_temp_path {self.directory}/fastcgi;
                uwsgi_temp_path {self.directory}/uwsgi;
                scgi_temp_path {self.directory}/scgi;
                keepalive_requests 1000000000;
                upstream agent {{ server 127.0.0.1:{self.upstream_port}; keepalive 128; keepalive_requests 1000000000; }}
                server {{
                    listen 127.0.0.1:{self.port} backlog=1024;
                    location / {{
                        proxy_http_version 1.1;
                        proxy_set_header Connection "";
                        proxy_buffering off;
                        proxy_pass http://agent/invocations;
                    }}
                }}
            }}
            """)
        self.upstream = subprocess.Popen([str(bundles.fast_program()), str(self.upstream_port)])
        program = shutil.which("nginx") or "/usr/sbin/nginx"
        self.process = subprocess.Popen([program, "-c", str(configuration), "-e", str(self.directory / "error.log")])
        wait_for(lambda: len(self.pids()) > 1, 10, "nginx has no workers")
        return self

    def __exit__(self, *_):
        stop(self.process)
        stop(self.upstream, how=9)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def pids(self):
        return [self.process.pid, *(pid for pid in pids() if parent(pid) == self.process.pid)]


def stat(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
            return file.read().rpartition(")")[2].split()
    except OSError:
        return None


def parent(pid):
    fields = stat(pid)
    return int(fields[1]) if fields else None


def processor_seconds(found):
    """User and system time that processes have used so far."""
    return sum(int(f[11]) + int(f[12]) for pid in found if (f := stat(pid))) / TICK


def measure(run):
    with Nginx(run.scratch / "nginx") as nginx, DevServer(f"{run.scratch}/invoke", log=LOGS / "bench-invoke.log") as server:
        workshop = Workshop(server.clients)
        runtime = workshop.runtime(bundles.fast_agent())
        session = session_id()
        runtime.invoke_raw(BODY, session=session)["response"].read()
        others = [pid for pid in server.belongings() if pid != server.process.pid]
        sides = {
            "nginx proxy_pass": (nginx.url, nginx.pids()),
            "Signalbox": (server.url, [server.process.pid]),
        }
        found = {name: [] for name in sides}
        for number in range(run.rounds + 1):
            for name, (url, processes) in sides.items():
                # Signed anew: a signature is good for five minutes. nginx gets the same bytes, but for the host.
                request = server.signer().raw(
                    "POST", invocation_target(runtime.arn), BODY, [(SESSION, session), ("Content-Type", "application/json")])
                before, beside = processor_seconds(processes), processor_seconds(others)
                result = wrk.run(url, [request], run.scratch / "requests.lua", connections=CONNECTIONS,
                                 seconds=run.seconds if number else 2)
                assert result.failures == result.errors == 0, (name, result)
                used = processor_seconds(processes) - before
                if number:  # the first, short round only warms up
                    found[name].append((result.per_second, used / result.requests * 1e6, result.median_ms, result.p99_ms,
                                        (processor_seconds(others) - beside) / result.requests * 1e6))
        runtime.stop(session)
        workshop.close()

    middle = {name: [statistics.median(values) for values in zip(*rows)] for name, rows in found.items()}
    run.table(f"Warm invocation, {CONNECTIONS} connections, small JSON POST, upstream a process of its own", [
        (name, {"requests/s": f"{m[0]:,.0f}", "proxy CPU/request": f"{m[1]:.1f} µs", "median": f"{m[2]:.2f} ms", "p99": f"{m[3]:.2f} ms"})
        for name, m in middle.items()])
    run.say("\nSignalbox verifies each request's signature besides. PostgreSQL, supervisor and agent together used "
            f"{middle['Signalbox'][4]:.1f} µs per request meanwhile (the agent is the upstream).")
    run.figures["invoke requests/s"] = round(middle["Signalbox"][0])
    run.figures["nginx requests/s"] = round(middle["nginx proxy_pass"][0])
    run.ratio("invoke, requests/s against nginx", middle["Signalbox"][0] / middle["nginx proxy_pass"][0], "≥ 0.5")
    run.ratio("invoke, proxy CPU per request against nginx", middle["Signalbox"][1] / middle["nginx proxy_pass"][1], "lower is better")
