"""One cell of the grid: a server that dies, fails or stalls at one place of one operation."""

import json
import pathlib
import threading
import time

from botocore.exceptions import ClientError

import transitions
from crashing import PATIENCE, Crashing
from failpoints import Failpoints
from operations import OPERATIONS
from processes import wait_for
from server import ServeServer

#: Seconds of a stall.
STALL = 5
#: Seconds until an armed place must have been reached.
REACH = 60
#: Seconds without a step after which nobody has anything left to say.
QUIET = 0.5

_CHANGE = {"change.begun", "change.token", "change.rows", "change.written", "change.committed"}
_WORK = {"notice.work", "notice.endpoint", "work.claimed"}
_PREPARE = {"prepare.begun", "prepare.probed", "prepare.stopped", "prepare.commit", "prepare.written", "prepare.committed"}
_SETTLE = {"settle.begun", "settle.commit", "settle.written", "settle.committed"}
_SESSION = {"session.opened", "session.started", "session.ending"}

#: What each operation passes; it never reaches the others. The test of each operation left alone holds this.
REACHED = {
    "create": _CHANGE | _WORK | _PREPARE | {"bundle.fetched", "bundle.unpacked"},
    "update": _CHANGE | _WORK | _PREPARE,
    "switch": _CHANGE | _WORK | _SETTLE,
    "roll back": _CHANGE | _WORK | _SETTLE,
    "delete": _CHANGE | _WORK | {"work.waiting", "remove.begun", "remove.commit", "remove.written", "remove.committed",
                                 "notice.session", "session.ending"},
    "open": _SESSION,
}
#: Tried elsewhere: a preparation must last a third of a lease until it is prolonged (Tests/Race/test_lease.py), and only
#: images are pulled (Tests/Containers/test_crash.py).
ELSEWHERE = {"work.renewing": "Tests/Race/test_lease.py", "prepare.pulled": "Tests/Containers/test_crash.py"}

ACTIONS = ("kill", "error", "stall")


class Lane:
    """A server of its own, on which one cell at a time is tried."""

    def __init__(self, number, scratch, postgres, log):
        self.failpoints = Failpoints(f"{scratch}/lane-{number}-failpoints")
        self.database = postgres.create_database()
        self.server = ServeServer(
            f"{scratch}/lane-{number}", postgres.url(self.database), log=log, environment=self.failpoints.environment,
            arguments=["--shutdown-grace", "2", "--log-level", "info", *self.failpoints.arguments])
        self.postgres = postgres

    def __enter__(self):
        self.server.__enter__()
        try:
            self.crashing = Crashing(self.server, self.postgres, self.database)
            transitions.observe(self.sql)
            self.control = self.crashing.control
            self.workshop = self.crashing.workshop
            self.runtime = self.workshop.runtime(environment={"AGENT_VERSION": "1"})
            self.runtime.update(environment={"AGENT_VERSION": "2"})
            self.runtime.endpoint("prod", 1)
        except BaseException:
            self.server.__exit__()
            raise
        return self

    def __exit__(self, *failure):
        try:
            if failure[0] is None:
                self.workshop.close()
                self.nothing_left()
        finally:
            self.server.__exit__()

    def sql(self, statement):
        return self.postgres.query(statement, self.database)

    # -- cells

    def alone(self, name):
        """The operation left alone. Returns the places that it reached."""
        operation = OPERATIONS[name](self)
        operation.prepare()
        # What the preparation set off has been said to everybody by now.
        wait_for(lambda: not self.work(), PATIENCE, lambda: f"work before the operation: {self.work()}")
        self.quiet()
        self.failpoints.clear()
        operation.call()
        self.crashing.settle()
        wait_for(lambda: not self.work(), PATIENCE, lambda: f"work is left: {self.work()}")
        wait_for(lambda: REACHED[name] <= {place for place, _ in self.failpoints.reached()}, PATIENCE,
                 lambda: f"never reached: {REACHED[name] - {place for place, _ in self.failpoints.reached()}}")
        self.quiet()
        reached = {place for place, _ in self.failpoints.reached()}
        operation.finish()
        return reached

    def cell(self, name, place, action):
        """Tries one cell. Returns seconds until everything had settled."""
        operation = OPERATIONS[name](self)
        operation.prepare()
        wait_for(lambda: not self.work(), PATIENCE, lambda: f"work before the operation: {self.work()}")
        self.failpoints.clear()
        self.failpoints.arm(place, f"stall:{STALL}" if action == "stall" else action)
        outcome = {}
        caller = threading.Thread(target=self.ask, args=(operation, outcome))
        caller.start()
        try:
            wait_for(lambda: self.failpoints.triggered(place), REACH, f"{place} was not reached")
            began = time.monotonic()
            if action == "kill":
                self.server.process.wait(PATIENCE)
                self.server.start()
                began = time.monotonic()
            elif action == "stall":
                began += STALL
        finally:
            self.failpoints.disarm(place)
            caller.join(REACH)
        assert not caller.is_alive(), "the call hangs"
        self.crashing.settle()
        wait_for(lambda: not self.work(), PATIENCE, lambda: f"work is left: {self.work()}")
        seconds = max(0.0, time.monotonic() - began)
        self.check(operation, name, place, outcome)
        operation.finish()
        self.nothing_left()
        return seconds

    @staticmethod
    def ask(operation, outcome):
        try:
            outcome["answer"] = operation.call()
        except ClientError as refusal:
            outcome["refusal"] = refusal
        except Exception as failure:  # noqa: BLE001 - the connection broke: not acknowledged
            outcome["failure"] = failure

    def check(self, operation, name, place, outcome):
        state = operation.state()
        assert state in ("old", "new"), f"neither old nor new: {state}"
        if refusal := outcome.get("refusal"):
            # Nothing here is refused for good reason: only the failure itself may be told.
            assert refusal.response["ResponseMetadata"]["HTTPStatusCode"] in (500, 503), refusal
        if name == "open":
            return
        if "answer" in outcome:
            assert state == "new", f"an acknowledged change is lost ({place})"
        # The client's own way out of not knowing: the same request again.
        again = operation.call()
        self.crashing.settle()
        wait_for(lambda: not self.work(), PATIENCE, lambda: f"work is left: {self.work()}")
        assert operation.state() == "new", "the same request again did not do it"
        if "answer" in outcome:
            assert plain(again) == plain(outcome["answer"]), "the same token got another answer"

    def quiet(self):
        """Waits until no place has been reached for a while."""
        last = [-1, 0.0]

        def is_quiet():
            count, now = len(self.failpoints.reached()), time.monotonic()
            if count != last[0]:
                last[:] = count, now
            return now - last[1] > QUIET

        wait_for(is_quiet, PATIENCE, "places are reached without end")

    # -- what must be true after each

    def work(self):
        return self.sql("select kind, subject, coalesce(holder, ''), coalesce(last_error, '') from work")

    def nothing_left(self):
        for (session, endpoint, arn) in self.sql("""
                select s.session_id, e.name, 'arn:aws:bedrock-agentcore:' || e.region || ':' || e.account || ':runtime/' || e.runtime_id
                from session s join endpoint_detail e on e.id = s.endpoint"""):
            self.workshop.data.stop_runtime_session(agentRuntimeArn=arn, runtimeSessionId=session, qualifier=endpoint)
        self.crashing.nothing_left()
        self.crashing.history_is_legal()
        transitions.check(self.sql)
        wait_for(lambda: not self.leftovers(), PATIENCE, lambda: f"directories are left: {self.leftovers()}")

    def leftovers(self):
        """Half-made bundles, and what isn't the log of a sandbox that has ended."""
        home = pathlib.Path(self.server.home)
        found = [str(path) for path in home.glob("bundles/.unpacking-*")]
        for state in home.glob("sandboxes/*/state.json"):
            try:
                known = json.loads(state.read_text())
            except (FileNotFoundError, ValueError):
                # It is just being written, or going.
                found.append(str(state))
                continue
            if "exit" not in known or (state.parent / "work").exists():
                found.append(str(state.parent))
        return found


def plain(answer):
    """An answer without what differs from one response to the next."""
    return {name: value for name, value in answer.items() if name != "ResponseMetadata"}
