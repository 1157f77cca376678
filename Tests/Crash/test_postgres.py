"""A database in trouble (promises 8 and 9), under load: 503 with Retry-After, never a hang; warm sessions go on; service is
back within three seconds; nothing acknowledged is lost.
"""

import concurrent.futures
import json
import os
import random
import shutil
import signal
import subprocess
import time

import pytest

import places
import transitions
from clients import endpoint_gone, wait_for
from crashing import Crashing
from failpoints import Failpoints
from postgres import PrivatePostgres
from processes import clean_environment
from replicas import Replica
from runtimes import session_id
from server import ServeServer
from trouble import Load

#: Seconds from the database's return to the first answer. Promised; a slow machine gets some more.
BACK, PATIENCE = 3, 10
#: Who the server is in the database.
ROLE = "server"


class Troubled:
    """A server on a PostgreSQL that nobody else needs."""

    def __init__(self, scratch, name, settings=(), directory=None):
        self.cluster = PrivatePostgres(directory or f"{scratch}/pg-{name}", settings)
        self.failpoints = Failpoints(f"{scratch}/{name}-failpoints")
        self.scratch, self.name = scratch, name

    def __enter__(self):
        self.cluster.__enter__()
        try:
            self.database = self.cluster.create_database()
            # No superuser: one would be exempt from the limit of its connections.
            self.cluster.query(f"create role {ROLE} login")
            self.cluster.query(f"alter database {self.database} owner to {ROLE}")
            self.server = ServeServer(
                f"{self.scratch}/{self.name}", self.cluster.url(self.database).replace("signalbox@", f"{ROLE}@"), log=places.log(f"postgres-{self.name}"),
                environment=self.failpoints.environment, arguments=["--shutdown-grace", "2", *self.failpoints.arguments])
            self.server.__enter__()
        except BaseException:
            self.cluster.__exit__()
            raise
        try:
            self.crashing = Crashing(self.server, self.cluster, self.database)
            transitions.observe(self.sql)
            self.runtime = self.crashing.workshop.runtime(environment={"AGENT_VERSION": "1"})
            self.runtime.update(environment={"AGENT_VERSION": "2"})
            self.runtime.endpoint("prod", 1)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        try:
            self.server.__exit__()
        finally:
            self.cluster.__exit__()

    def sql(self, statement):
        return self.cluster.query(statement, self.database)

    def settled(self, load):
        """Everything has come to rest, and is as the callers were told."""
        self.crashing.settle()
        done = load.is_durable()
        load.leaves_no_session()
        self.crashing.history_is_legal()
        transitions.check(self.sql)
        return done

    def backends(self, condition="true"):
        return [int(row[0]) for row in self.sql(
            f"select pid from pg_stat_activity where usename = '{ROLE}' and {condition}")]


@pytest.fixture(scope="module")
def troubled(scratch):
    with Troubled(scratch, "trouble") as troubled:
        yield troubled


def test_immediate_restarts(troubled, long_run):
    with Load(troubled.server, troubled.runtime, troubled.sql) as load:
        time.sleep(1)
        found = []
        for _ in range(12 if long_run else 3):
            troubled.cluster.stop("immediate")
            time.sleep(0.5)
            troubled.cluster.start()
            found.append(load.back_after(time.monotonic()))
            time.sleep(4.5 if long_run else 2)
    load.check()
    print(f"{troubled.settled(load)} moves; back after {[round(seconds, 2) for seconds in found]} s")
    assert max(found) < PATIENCE


def test_connections_are_ended_at_random(troubled, long_run):
    chance = random.Random(11)
    with Load(troubled.server, troubled.runtime, troubled.sql) as load:
        deadline = time.monotonic() + (60 if long_run else 6)
        ended = 0
        while time.monotonic() < deadline:
            for pid in chance.sample(found := troubled.backends(), min(len(found), 2)):
                troubled.sql(f"select pg_terminate_backend({pid})")
                ended += 1
            time.sleep(0.1)
        quiet = time.monotonic()
        back = load.back_after(quiet)
    load.check()
    print(f"{ended} connections ended, {troubled.settled(load)} moves; back after {back:.2f} s")
    assert ended > 10 and back < PATIENCE


@pytest.mark.parametrize("limit", [0, 3])
def test_the_connection_limit(troubled, limit):
    """The server loses its connections, and may have fewer than it wants, or none."""
    with Load(troubled.server, troubled.runtime, troubled.sql) as load:
        time.sleep(0.5)
        troubled.sql(f"alter role {ROLE} connection limit {limit}")
        try:
            troubled.sql(f"select pg_terminate_backend(pid) from pg_stat_activity where usename = '{ROLE}'")
            if limit == 0:
                wait_for(lambda: load.counts["read 503"] > 10, 20, "nobody noticed")
            time.sleep(3)
            assert len(troubled.backends()) <= limit
        finally:
            troubled.sql(f"alter role {ROLE} connection limit -1")
        back = load.back_after(time.monotonic())
    load.check()
    print(f"at most {limit}: {troubled.settled(load)} moves, {load.counts['read 503']} reads refused; back after {back:.2f} s")
    assert back < PATIENCE


def test_away(troubled):
    """The database is stopped for a while, and comes back."""
    session = session_id()
    runtime = troubled.runtime
    assert runtime.invoke(qualifier="prod", session=session)["calls"] == 1
    signer = troubled.server.signer()
    with Load(troubled.server, runtime, troubled.sql) as load:
        time.sleep(1)
        troubled.cluster.stop("fast")
        try:
            wait_for(lambda: signer.send("GET", "/readyz").status == 503, 5, "still ready without a database")
            assert signer.send("GET", "/healthz").status == 200
            for method, path, body in (
                    ("POST", "/runtimes/", b"{}"), ("GET", load.path, b""),
                    ("PUT", load.path, json.dumps({"agentRuntimeVersion": "1"}).encode())):
                began = time.monotonic()
                reply = signer.send(method, path, body, [("Content-Type", "application/json")])
                assert reply.status == 503 and reply.headers["retry-after"], reply
                assert time.monotonic() - began < 5
            assert runtime.invoke(qualifier="prod", session=session)["calls"] == 2, "a warm session stands still"
            # A new session needs a row.
            cold = signer.send(
                "POST", f"/runtimes/{runtime.arn.replace(':', '%3A').replace('/', '%2F')}/invocations?qualifier=prod", b"{}",
                [("X-Amzn-Bedrock-AgentCore-Runtime-Session-Id", session_id()), ("Content-Type", "application/json")])
            assert cold.status == 503 and cold.headers["retry-after"], cold
            time.sleep(2)
        finally:
            troubled.cluster.start()
        back = load.back_after(time.monotonic())
        wait_for(lambda: signer.send("GET", "/readyz").status == 200, PATIENCE, "not ready again")
    load.check()
    troubled.settled(load)
    assert runtime.invoke(qualifier="prod", session=session)["calls"] == 3
    runtime.stop(session, "prod")
    print(f"back after {back:.2f} s")
    assert back < PATIENCE


def test_frozen(troubled):
    """The database doesn't answer, and doesn't say so either: SIGSTOP of all of it. Deadlines bound every call."""
    with Load(troubled.server, troubled.runtime, troubled.sql) as load:
        time.sleep(0.5)
        main = troubled.cluster.process.pid
        with open(f"/proc/{main}/task/{main}/children", encoding="ascii") as file:
            frozen = [main, *(int(pid) for pid in file.read().split())]
        for pid in frozen:
            os.kill(pid, signal.SIGSTOP)
        try:
            invoked = load.counts["invoke 200"]
            time.sleep(13)
            assert load.counts["invoke 200"] > invoked + 10, "warm sessions stand still"
            assert load.counts["read 503"] > 0, "nobody noticed"
        finally:
            for pid in frozen:
                try:
                    os.kill(pid, signal.SIGCONT)
                except ProcessLookupError:
                    pass
        back = load.back_after(time.monotonic())
    load.check()
    print(f"{troubled.settled(load)} moves; back after {back:.2f} s")
    assert back < PATIENCE


def test_listeners_are_killed(troubled):
    """Their connections are opened again, and what was missed is looked up."""
    for _ in range(3):
        listening = troubled.backends("query like 'LISTEN%'")
        assert len(listening) >= 2, "nobody listens"
        for pid in listening:
            troubled.sql(f"select pg_terminate_backend({pid})")
        began = time.monotonic()
        version = 3 - int(troubled.runtime.get_endpoint("prod")["liveVersion"])
        troubled.runtime.switch("prod", version)
        print(f"settled {time.monotonic() - began:.2f} s after the listeners' end")
        assert troubled.runtime.invoke(qualifier="prod", session=session_id())["version"] == str(version)
        wait_for(lambda: len(troubled.backends("query like 'LISTEN%'")) >= 2, 20, "they don't listen again")


def test_no_notification_arrives(troubled):
    """The timers alone: every change still comes to its end."""
    places_of_notices = ("notice.work", "notice.endpoint", "notice.session")
    for place in places_of_notices:
        troubled.failpoints.arm(place, "error", always=True)
    try:
        runtime = troubled.runtime
        began = time.monotonic()
        version = 3 - int(runtime.get_endpoint("prod")["liveVersion"])
        runtime.switch("prod", version)
        switched = time.monotonic() - began
        session = session_id()
        assert runtime.invoke(qualifier="prod", session=session)["version"] == str(version)
        # Its session is asked to stop by a row, and found by the sweep.
        began = time.monotonic()
        runtime.endpoint("doomed", 1)
        runtime.invoke(qualifier="doomed", session=session_id())
        runtime.control.delete_agent_runtime_endpoint(agentRuntimeId=runtime.id, endpointName="doomed")
        endpoint_gone(runtime.control, runtime.id, "doomed")
        print(f"by timers: a switch {switched:.1f} s, an endpoint made, used and deleted {time.monotonic() - began:.1f} s")
        assert troubled.failpoints.triggered("notice.work") and troubled.failpoints.triggered("notice.session")
    finally:
        for place in places_of_notices:
            troubled.failpoints.disarm(place)
        troubled.failpoints.clear()


# -- the first start


def test_migrations_run_once(scratch, troubled, long_run):
    """Several at once on an empty database."""
    def migrate(url):
        return subprocess.run(
            [places.signalbox(), "migrate", "--home", f"{scratch}/migrate"], capture_output=True, text=True, check=False, timeout=120,
            env=clean_environment(SIGNALBOX_DATABASE_URL=url))

    with concurrent.futures.ThreadPoolExecutor(4) as threads:
        for _ in range(20 if long_run else 3):
            database = troubled.cluster.create_database()
            done = list(threads.map(migrate, [troubled.cluster.url(database)] * 4))
            assert all(one.returncode == 0 for one in done), [one.stderr for one in done]
            assert sorted(one.stdout.startswith("applied") for one in done) == [False, False, False, True], [o.stdout for o in done]
            rows = troubled.cluster.query("select number from schema_migration order by number", database)
            assert [int(row[0]) for row in rows] == list(range(1, len(rows) + 1))


def test_two_servers_start_on_an_empty_database(scratch, troubled, long_run):
    for number in range(8 if long_run else 2):
        database = troubled.cluster.create_database()
        servers = [
            Replica(f"{scratch}/empty-{number}-{which}", troubled.cluster.url(database), log=places.log("empty")) for which in "ab"]
        for server in servers:
            os.makedirs(server.home, mode=0o711)
        try:
            with concurrent.futures.ThreadPoolExecutor(2) as threads:
                list(threads.map(lambda server: server.start(), servers))
            rows = troubled.cluster.query("select number from schema_migration order by number", database)
            assert [int(row[0]) for row in rows] == list(range(1, len(rows) + 1))
            assert len(troubled.cluster.query("select 1 from replica", database)) == 2
        finally:
            for server in servers:
                server.__exit__()


# -- the disk


def test_the_disk_is_full(scratch):
    """Changes are refused with 503 and are possible again when there is room."""
    disk = f"{scratch}/disk"
    os.makedirs(disk, mode=0o755)
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=224m,mode=755", "tmpfs", disk], capture_output=True, check=False)
    if mounted.returncode != 0:
        pytest.skip("needs the right to mount a file system")
    try:
        # One segment at a time: what the log needs ahead must not be what runs out.
        with Troubled(scratch, "full", ["max_wal_size=32MB", "min_wal_size=32MB"], directory=f"{disk}/pg") as troubled:
            with Load(troubled.server, troubled.runtime, troubled.sql) as load:
                time.sleep(1)
                troubled.sql("checkpoint")
                filler = f"{disk}/filler"
                with open(filler, "wb", buffering=0) as file:
                    try:
                        while True:
                            file.write(bytes(4096))
                    except OSError:
                        pass
                # What is there of tables and log is used up first.
                full = time.monotonic()
                data = os.urandom(4 << 20)
                refused = None
                while time.monotonic() < full + 60 and not refused:
                    reply = signed_put(troubled, f"/_s3/{troubled.crashing.workshop.bucket}/fill-{time.monotonic()}", data)
                    assert reply.status in (200, 503), reply
                    refused = reply if reply.status == 503 else None
                assert refused, "the disk was never full"
                time.sleep(1)
                os.unlink(filler)
                back = time.monotonic()
                wait_for(lambda: signed_put(
                    troubled, f"/_s3/{troubled.crashing.workshop.bucket}/after", b"x").status == 200, 30, "uploads stay refused")
                seconds = time.monotonic() - back
            load.check()
            print(f"{troubled.settled(load)} moves; uploads possible {seconds:.2f} s after there was room; {dict(load.counts)}")
    finally:
        subprocess.run(["umount", disk], check=True)
        shutil.rmtree(disk, ignore_errors=True)


def signed_put(troubled, path, data):
    return troubled.server.signer(service="s3").send("PUT", path, data)
