"""A database in trouble, and load that knows what it may be answered meanwhile."""

import collections
import itertools
import json
import threading
import time
import uuid

import places
import transitions
from crashing import Crashing
from failpoints import Failpoints
from postgres import PrivatePostgres
from processes import wait_for
from runtimes import session_id
from server import ServeServer
from signing import SESSION, invocation_target, stop_target

#: Who the server is in the database.
ROLE = "server"
#: Seconds that no request may take, whatever has happened: deadlines of ten, and what a busy machine adds.
LONGEST = 30


class Load:
    """Callers that go on until they are told to stop: warm invocations, new sessions, moves of an endpoint, reads.

    Warm invocations always succeed. Anything else succeeds or gets a 503 with Retry-After, and never hangs. Each move has a
    token of its own; whether it was accepted is remembered.
    """

    def __init__(self, server, runtime, sql, endpoint="prod"):
        self.server, self.runtime, self.endpoint = server, runtime, endpoint
        self.sql = sql
        self.path = f"/runtimes/{runtime.id}/runtime-endpoints/{endpoint}/"
        self.counts = collections.Counter()
        self.failures = []
        self.slowest = collections.defaultdict(float)
        self.cold = set()
        #: Moments of successful reads, for measuring how soon service is back.
        self.read_at = []
        self.accepted, self.unknown = [], []
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._guard, args=(work,)) for work in (
            self._invoke, self._invoke, self._open, self._move, self._read)]

    def __enter__(self):
        self._before = self._requested()
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._over.set()
        for thread in self._threads:
            thread.join(90)
        assert not any(thread.is_alive() for thread in self._threads), "a request hangs"

    def check(self):
        print(f"{dict(self.counts)}; slowest {({name: round(seconds, 2) for name, seconds in self.slowest.items()})}")
        assert not self.failures, self.failures[:5]
        slow = {name: seconds for name, seconds in self.slowest.items() if seconds > LONGEST}
        assert not slow, f"these took too long: {slow}"

    def _guard(self, work):
        try:
            work()
        except Exception as failure:  # noqa: BLE001
            self.failures.append(f"{work.__name__}: {failure!r}")

    def _send(self, name, method, path, body=b"", headers=()):
        began = time.monotonic()
        reply = self.server.signer().send(method, path, body, headers)
        self.slowest[name] = max(self.slowest[name], time.monotonic() - began)
        self.counts[f"{name} {reply.status}"] += 1
        return reply

    def _invoke(self):
        session = session_id()
        headers = [(SESSION, session), ("Content-Type", "application/json")]
        first, calls = None, 0
        while not self._over.is_set():
            reply = self._send("invoke", "POST", invocation_target(self.runtime.arn, self.endpoint), b"{}", headers)
            # It is warm from its first answer on.
            if first is None and reply.status != 200 and self._is_trouble("first invocation", reply):
                continue
            calls += 1
            if reply.status != 200:
                return self.failures.append(f"a warm invocation failed: {reply} after {calls} calls")
            first = first or reply.json
            if (reply.json["incarnation"], reply.json["calls"]) != (first["incarnation"], calls):
                return self.failures.append(f"a warm session changed: {first}, {reply.json}, {calls}")
            time.sleep(0.02)

    def _open(self):
        """A session of its own each time, which is stopped when it is known to be there."""
        while not self._over.is_set():
            session = session_id()
            self.cold.add(session)
            headers = [(SESSION, session), ("Content-Type", "application/json")]
            reply = self._send("open", "POST", invocation_target(self.runtime.arn, self.endpoint), b"{}", headers)
            while reply.status == 200:
                stopped = self._send("stop", "POST", stop_target(self.runtime.arn, self.endpoint), b"{}", [(SESSION, session)])
                if stopped.status in (200, 404) or not self._is_trouble("stop", stopped):
                    break
                time.sleep(0.1)
            else:
                self._is_trouble("open", reply)
            time.sleep(0.1)

    def _move(self):
        for number in itertools.count():
            if self._over.is_set():
                return
            version, token = str(number % 2 + 1), f"token-{uuid.uuid4()}"
            body = json.dumps({"agentRuntimeVersion": version, "clientToken": token}).encode()
            reply = self._send("move", "PUT", self.path, body, [("Content-Type", "application/json")])
            if reply.status == 202:
                self.accepted.append(token)
            elif reply.status != 409 and self._is_trouble("move", reply):
                self.unknown.append(token)
            time.sleep(0.03)

    def _read(self):
        while not self._over.is_set():
            reply = self._send("read", "GET", self.path)
            if reply.status == 200:
                self.read_at.append(time.monotonic())
            else:
                self._is_trouble("read", reply)
            time.sleep(0.02)

    def _is_trouble(self, name, reply):
        if reply.status == 503 and int(reply.headers.get("retry-after", "0")) > 0 and reply.error == "ServiceUnavailableException":
            return True
        self.failures.append(f"{name}: neither an answer nor 503 with Retry-After: {reply} {reply.headers}")
        return False

    def back_after(self, moment, seconds=60):
        """Seconds from a moment until the first read that succeeded after it."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if later := [at for at in self.read_at if at > moment]:
                return later[0] - moment
            time.sleep(0.01)
        raise TimeoutError(f"no read succeeded within {seconds} s")

    def is_durable(self):
        """Every accepted move is in the history, every other one at most once. Before anything else moves the endpoint."""
        known = {row[0] for row in self.sql("select token from idempotency")}
        lost = [token for token in self.accepted if token not in known]
        assert not lost, f"{len(lost)} of {len(self.accepted)} accepted moves are lost"
        requested = self._requested() - self._before
        done = len([token for token in self.accepted + self.unknown if token in known])
        assert requested == done, f"{requested} moves were made by {done} tokens"
        return done

    def leaves_no_session(self, seconds=90):
        """Sessions that were stopped, or whose caller heard that the database is away, are gone without anybody's doing."""
        def left():
            return {row[0] for row in self.sql("select session_id from session")} & self.cold

        wait_for(lambda: not left(), seconds, lambda: f"sessions are left: {left()}")

    def _requested(self):
        return int(self.sql(f"""
            select count(*) from endpoint_history
            where runtime_id = '{self.runtime.id}' and endpoint_name = '{self.endpoint}' and kind = 'requested'""")[0][0])


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
