"""The control plane beside the PostgreSQL that it writes to: reads, accepted switches, lists, and the way from 202 to READY.

Every request is signed and verified; signatures are made beforehand. pgbench runs on the same cluster, takes turns with the
server, and sends, for the switch, the very statements that the server was seen to send.
"""

import http.client
import json
import os
import re
import statistics
import subprocess
import time

import bundles
import statements
import wrk
from contextlib import contextmanager
from places import LOGS
from population import Population, runtime_id
from postgres import PrivatePostgres
from processes import wait_for
from runtimes import Workshop
from server import ACCOUNT, ServeServer, environment_of
from signing import Signer

CONNECTIONS = 32
#: Endpoints that are switched at once.
ENDPOINTS = int(os.environ.get("ENDPOINTS", "10000"))
#: Runtimes of the large account and of the small one.
MANY, FEW = int(os.environ.get("RUNTIMES", "100000")), 1_000
SMALL, LARGE = "222222222222", "333333333333"


def measure(run):
    with PrivatePostgres(f"{run.scratch}/control-pg", settings=["shared_buffers=512MB", "max_wal_size=4GB"]) as postgres:
        plane = Plane(run, postgres)
        plane.populate()
        reads(run, plane)
        lists(run, plane)
        accepted(run, plane)
        settling(run, plane)


class Plane:
    """A database with its population, and servers on it."""

    def __init__(self, run, postgres):
        self.run, self.postgres = run, postgres
        self.database = postgres.create_database()

    def query(self, sql):
        return self.postgres.query(sql, self.database)

    @contextmanager
    def server(self, name="one"):
        with ServeServer(f"{self.run.scratch}/{name}", self.postgres.url(self.database), log=LOGS / f"bench-control-{name}.log",
                         keys=f"{self.run.scratch}/keys") as server:
            yield server

    def populate(self):
        with self.server() as server:
            # Keys that no other number of a statement can be taken for.
            self.query("alter table agent_runtime alter column id restart with 710001; "
                       "alter table runtime_endpoint alter column id restart with 820001")
            workshop = Workshop(server.clients)
            runtime = workshop.runtime(bundles.fast_agent())
            runtime.update(bundles.fast_agent())
            runtime.ready()
            runtime.endpoint("prod", version="1")
            self.original = runtime.id
            self.trace = statements.of(self.postgres, self.database, lambda: runtime.control.update_agent_runtime_endpoint(
                agentRuntimeId=runtime.id, endpointName="prod", agentRuntimeVersion="2"))
            wait_for(lambda: not self.query("select from work"), 30, "the switch does not settle")
            [[row, endpoint]] = self.query(
                f"select r.id, e.id from agent_runtime r join runtime_endpoint e on e.runtime = r.id and e.name = 'prod' "
                f"where r.runtime_id = '{runtime.id}'")
            [[token]] = self.query("select token from idempotency where operation = 'UpdateAgentRuntimeEndpoint'")
            wire = "('" + runtime_id("' || :k || '", ACCOUNT) + "')"
            self.known = {
                row: ":r::bigint", endpoint: ":e", runtime.id: wire, f"{runtime.id}/prod": f"({wire} || '/prod')",
                token: f"('{token}' || :k)"}
        self.switched = Population(self.postgres, self.database, self.original, ACCOUNT, ENDPOINTS, pinned="prod")
        Population(self.postgres, self.database, self.original, SMALL, FEW)
        Population(self.postgres, self.database, self.original, LARGE, MANY)

    def pgbench(self, *arguments, database=None):
        done = subprocess.run(
            [f"{self.postgres.bin}/pgbench", "-h", self.postgres.directory, "-U", "signalbox", *arguments, database or self.database],
            check=False, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"pgbench ended with {done.returncode}: {done.stderr[-2000:]}")
        found = re.search(r"tps = ([\d.]+)", done.stdout)
        return float(found.group(1)) if found else None

    def signer(self, server, account):
        key = json.loads(server.run("key", "create", "--account", account, "--role", "admin", "--output", "json").stdout)
        return Signer(server.url, environment_of(server.url, key["AccessKeyId"], key["SecretAccessKey"], "us-east-1"))


def reads(run, plane):
    """GetAgentRuntime against pgbench's select by key."""
    bench = plane.postgres.create_database()
    plane.pgbench("-i", "-q", "-s", "1", database=bench)
    theirs, ours, slowest = [], [], []
    with plane.server() as server:
        for number in range(run.rounds + 1):
            seconds = run.seconds if number else 2
            found = plane.pgbench("-S", "-M", "prepared", "-n", "-c", str(CONNECTIONS), "-j", str(os.cpu_count()), "-T", str(seconds),
                                  database=bench)
            requests = [server.signer().raw("GET", f"/runtimes/{runtime_id(copy, ACCOUNT)}/") for copy in range(1, 501)]
            result = wrk.run(server.url, requests, run.scratch / "reads.lua", connections=CONNECTIONS, seconds=seconds)
            assert result.failures == result.errors == 0, result
            if number:
                theirs.append(found)
                ours.append(result.per_second)
                slowest.append(result.p99_ms)
    peer, own = statistics.median(theirs), statistics.median(ours)
    run.table(f"GetAgentRuntime, {CONNECTIONS} connections", [
        ("pgbench -S -M prepared", {"per second": f"{peer:,.0f}", "p99": ""}),
        ("Signalbox", {"per second": f"{own:,.0f}", "p99": f"{statistics.median(slowest):.1f} ms"})])
    run.ratio("GetAgentRuntime against pgbench -S", own / peer, "≥ 0.25, better 0.5")


class Caller:
    """One kept connection that sends a request signed before, and times its whole answer."""

    def __init__(self, server):
        self.connection = http.client.HTTPConnection(server.url.removeprefix("http://"), timeout=60)

    def call(self, method, target, headers, body=b""):
        began = time.perf_counter()
        self.connection.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
        for name, value in headers:
            self.connection.putheader(name, value)
        self.connection.endheaders(body or None)
        answer = self.connection.getresponse()
        data = answer.read()
        took = time.perf_counter() - began
        assert answer.status < 300, (answer.status, data)
        return took, json.loads(data)


def lists(run, plane):
    """A page of 100 of a large account against one of a small account, in turns, from every part of the list."""
    with plane.server() as server:
        samples = {}
        walks = {}
        for account, count in ((SMALL, FEW), (LARGE, MANY)):
            signer = plane.signer(server, account)
            caller = Caller(server)
            token, pages = None, []
            # The tokens of ten pages, spread over the list.
            for number in range(count // 100):
                target = "/runtimes/?maxResults=100" + (f"&nextToken={token}" if token else "")
                if number % max(1, count // 1_000) == 0:
                    pages.append(target)
                _, page = caller.call("POST", target, signer.headers("POST", target))
                assert len(page["agentRuntimes"]) == 100
                token = page.get("nextToken")
            assert token is None, "the list does not end"
            walks[account] = (caller, [(target, signer.headers("POST", target)) for target in pages])
            samples[account] = []
        until = time.monotonic() + run.seconds * run.rounds
        turn = 0
        while time.monotonic() < until:
            for account, (caller, pages) in walks.items():
                target, headers = pages[turn % len(pages)]
                samples[account].append(caller.call("POST", target, headers)[0] * 1e3)
            turn += 1
    rows = []
    p99 = {}
    for account, count in ((SMALL, FEW), (LARGE, MANY)):
        cuts = statistics.quantiles(samples[account], n=100)
        p99[account] = cuts[98]
        rows.append((f"{count:,} runtimes", {"pages": len(samples[account]), "p50": f"{cuts[49]:.2f} ms", "p99": f"{cuts[98]:.2f} ms"}))
    run.table("ListAgentRuntimes, a page of 100, from ten places of the list in turn", rows)
    run.ratio(f"list, p99 with {MANY:,} runtimes against {FEW:,}", p99[LARGE] / p99[SMALL], "≤ 1.5")


def switch_requests(server, plane, version):
    body = json.dumps({"agentRuntimeVersion": version}).encode()
    stamp = time.time_ns()
    for copy in range(1, plane.switched.count + 1):
        payload = body[:-1] + f', "clientToken": "benchmark-{stamp:020d}-{copy:012d}"'.encode() + b"}"
        yield server.signer().raw("PUT", f"/runtimes/{runtime_id(copy, ACCOUNT)}/runtime-endpoints/prod/", payload, [("Content-Type", "application/json")])


def accepted(run, plane):
    """UpdateAgentRuntimeEndpoint to its 202 against pgbench with the same statements; then all endpoints settle at once on two replicas.

    Meanwhile a trigger makes the work due tomorrow, on both sides: what is measured is the acceptance, not the reconcilers beside it.
    """
    script = run.scratch / "switch.sql"
    per_client = plane.switched.count // CONNECTIONS
    script.write_text(statements.pgbench_script(plane.trace, plane.known, per_client))
    plane.query("create function put_off() returns trigger language plpgsql as "
                "$$ begin new.due_at := now() + interval '1 day'; return new; end $$")
    theirs, ours, spans = [], [], []
    for number in range(run.rounds):
        version = "2" if number % 2 == 0 else "1"
        plane.query("create trigger put_off before insert on work for each row execute function put_off()")
        plane.query("checkpoint")
        theirs.append(plane.pgbench("-M", "prepared", "-n", "-f", str(script), "-c", str(CONNECTIONS), "-j", str(os.cpu_count()),
                                    "-t", str(per_client), "-D", "i=0", "-D", f"runtimes={plane.switched.runtime_base}",
                                    "-D", f"endpoints={plane.switched.endpoint_base}"))
        [[asked]] = plane.query("select count(*) from work")
        assert int(asked) == per_client * CONNECTIONS, asked
        plane.query("truncate work, idempotency; delete from endpoint_history; "
                    "update runtime_endpoint set status = 'READY', generation = generation + 1, "
                    "target = jsonb_build_array(jsonb_build_object('version', live_version, 'weight', 100)) where status = 'UPDATING'")
        plane.query("vacuum analyze")
        with plane.server() as server, plane.server("two"):
            requests = list(switch_requests(server, plane, version))
            plane.query("checkpoint")
            result = wrk.run_once(server.url, requests, run.scratch / "switch.lua", connections=CONNECTIONS, seconds=240)
            assert result.failures == result.errors == 0, result
            plane.query("drop trigger put_off on work")
            plane.query("update work set due_at = now(); notify signalbox_work, 'settle-endpoint'")
            began = time.monotonic()
            wait_for(lambda: plane.query("select count(*) from work") == [["0"]], 240, "not all endpoints settle")
            spans.append(time.monotonic() - began)
            [[settled]] = plane.query(
                f"select count(*) from runtime_endpoint where name = 'prod' and status = 'READY' and live_version = {version}")
            assert int(settled) >= plane.switched.count, settled
        ours.append(result.requests / result.seconds)
    peer, own = statistics.median(theirs), statistics.median(ours)
    run.table(f"Switches accepted, {CONNECTIONS} connections, {plane.switched.count:,} endpoints", [
        ("pgbench, the same statements in one transaction", {"per second": f"{peer:,.0f}"}),
        ("UpdateAgentRuntimeEndpoint, 202", {"per second": f"{own:,.0f}"})])
    run.ratio("202 of a switch against pgbench", own / peer, "≥ 0.6")
    run.say(f"\n{plane.switched.count:,} endpoints that are to settle at once, on two replicas: all READY after "
            f"{statistics.median(spans):.1f} s, {plane.switched.count / statistics.median(spans):,.0f} a second.")
    run.figures["endpoints settled per second"] = round(plane.switched.count / statistics.median(spans))


def settling(run, plane):
    """From the 202 to READY as a client sees it, against a commit of one row."""
    [[_]] = plane.query("create table if not exists bench_commit (n bigint); select 1")
    commit = run.scratch / "commit.sql"
    commit.write_text("insert into bench_commit values (1);\n")
    commits, waits = [], []
    with plane.server() as server, plane.server("two") as other:
        callers = [Caller(server), Caller(other)]
        get = f"/runtimes/{runtime_id(1, ACCOUNT)}/runtime-endpoints/prod/"
        _, now = callers[0].call("GET", get, server.signer().headers("GET", get))
        version = now["liveVersion"]
        for _ in range(run.rounds):
            log = run.scratch / "commits"
            plane.pgbench("-n", "-M", "prepared", "-f", str(commit), "-c", "1", "-T", str(max(2, run.seconds // 2)), "-l",
                          f"--log-prefix={log}")
            for path in run.scratch.glob("commits.*"):
                commits += [int(line.split()[2]) / 1e6 for line in path.read_text().splitlines()]
                path.unlink()
            headers = [s.signer().headers("GET", get) for s in (server, other)]
            # The first on each replica unpack the archive.
            for turn in range(-6, 50):
                version = "2" if version == "1" else "1"
                body = json.dumps({"agentRuntimeVersion": version}).encode()
                signed = server.signer().headers("PUT", get, body, [("Content-Type", "application/json")])
                callers[0].call("PUT", get, signed, body)
                began = time.perf_counter()
                while True:
                    # Asked on either replica in turn.
                    _, endpoint = callers[turn % 2].call("GET", get, headers[turn % 2])
                    if endpoint["status"] == "READY" and endpoint["liveVersion"] == version:
                        break
                if turn >= 0:
                    waits.append(time.perf_counter() - began)
    ours, theirs = statistics.median(waits), statistics.median(commits)
    run.table("From the 202 to READY, one switch at a time, two replicas", [
        ("commit of one row", {"p50": f"{theirs * 1e3:.2f} ms", "p99": f"{statistics.quantiles(commits, n=100)[98] * 1e3:.2f} ms"}),
        ("202 to READY", {"p50": f"{ours * 1e3:.2f} ms", "p99": f"{statistics.quantiles(waits, n=100)[98] * 1e3:.2f} ms"})])
    run.ratio("202 to READY against a commit", ours / theirs, "≤ 30")
