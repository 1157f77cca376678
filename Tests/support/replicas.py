"""Several servers on one database, each with a home, sandboxes and failpoints of its own."""

import concurrent.futures
import json
import os
import shutil
import signal
import threading

import places
import transitions
from crashing import Crashing
from failpoints import Failpoints
from processes import end_all, wait_for
from server import ServeServer


class Replica(ServeServer):
    """A server that shares the first one's master key and access key."""

    def __init__(self, home, database_url, *, first=None, arguments=(), **options):
        self.failpoints = Failpoints(f"{home}-failpoints")
        self.first = first
        super().__init__(
            home, database_url, environment=self.failpoints.environment,
            arguments=["--shutdown-grace", "5", "--log-level", "info", *self.failpoints.arguments, *arguments], **options)

    def __enter__(self):
        if not self.first:
            return super().__enter__()
        os.makedirs(self.home, mode=0o711, exist_ok=True)
        shutil.copytree(f"{self.first.home}/keys", f"{self.home}/keys")
        self.environment = {name: value.replace(self.first.url, self.url) for name, value in self.first.environment.items()}
        try:
            self.start()
        except BaseException:
            end_all(self.belongings())
            raise
        return self

    @property
    def id(self):
        """By which work and sessions name their owner."""
        with open(f"{self.home}/replica", encoding="utf-8") as file:
            return file.read().strip()

    def pause(self):
        self.process.send_signal(signal.SIGSTOP)

    def resume(self):
        self.process.send_signal(signal.SIGCONT)

    def logged(self, text):
        """Messages of the log that contain a text."""
        return [line for line in self.log_tail(1 << 24).splitlines() if text in line]


class Pair:
    """Two replicas, and what tests ask of both."""

    def __init__(self, scratch, postgres, name, arguments=()):
        self.postgres = postgres
        self.database = postgres.create_database()
        make = lambda which, first: Replica(  # noqa: E731
            f"{scratch}/{name}-{which}", postgres.url(self.database), first=first, log=places.log(f"{name}-{which}"),
            arguments=arguments)
        self.one = make("one", None)
        self.two = make("two", self.one)
        self.both = (self.one, self.two)
        self._threads = concurrent.futures.ThreadPoolExecutor(8)

    def __enter__(self):
        self.one.__enter__()
        try:
            transitions.observe(self.sql)
            self.two.__enter__()
        except BaseException:
            self.__exit__()
            raise
        self.crashing = Crashing(self.one, self.postgres, self.database)
        self.workshop = self.crashing.workshop
        return self

    def __exit__(self, *failure):
        try:
            if failure and failure[0] is None:
                self.workshop.close()
                self.check()
        finally:
            self._threads.shutdown()
            try:
                if self.two.process:
                    self.two.__exit__()
            finally:
                self.one.__exit__()

    def sql(self, statement):
        return self.postgres.query(statement, self.database)

    def check(self):
        """No work is left, and everything that happened was legal."""
        wait_for(lambda: not self.sql("select * from work"), 30, lambda: f"work is left: {self.sql('select * from work')}")
        self.crashing.history_is_legal()
        return transitions.check(self.sql)

    def race(self, *calls):
        """Runs the calls at the same moment. Their results, in their order."""
        barrier = threading.Barrier(len(calls))

        def run(call):
            barrier.wait(30)
            return call()

        return [future.result(120) for future in [self._threads.submit(run, call) for call in calls]]

    @staticmethod
    def send(server, method, path, body=None):
        """One signed request: the answer's bytes as they came."""
        data = json.dumps(body).encode() if body is not None else b""
        return server.signer().send(method, path, data, [("Content-Type", "application/json")] if body is not None else [])
