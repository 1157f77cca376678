"""The operations of the grid, and one cell of it: a server that dies, fails or stalls at one place of one operation."""

import json
import pathlib
import threading
import time

import bundles
from botocore.exceptions import ClientError

import transitions
from clients import gone, ready_endpoint, ready_runtime
from crashing import Crashing
from failpoints import Failpoints
from processes import wait_for
from runtimes import Runtime, session_id, unique
from server import ServeServer

#: Seconds of a stall.
STALL = 5
#: Seconds until an armed place must have been reached.
REACH = 40

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


class Operation:
    """One kind of change. `prepare`, then `call` as often as a client would repeat it, with the same token."""

    def __init__(self, lane):
        self.lane = lane
        self.control = lane.control
        self.token = f"token-{session_id()}"

    def prepare(self):
        """Makes what it is about."""

    def call(self):
        """The request. Returns what it answered."""
        raise NotImplementedError

    def state(self):
        """`old`, `new`, or what is neither."""
        raise NotImplementedError

    def finish(self):
        """Takes away what would be in the way of the next."""


class Create(Operation):
    def prepare(self):
        self.name = unique("g")
        # Bytes of its own, so that they have to be unpacked.
        source = bundles.archive({"main.py": (bundles.places.AGENTS / "probe.py").read_bytes(), "name.txt": self.name})
        self.request = self.lane.workshop.request(source, description=self.name, environment={"AGENT_VERSION": "1"})

    def call(self):
        return self.control.create_agent_runtime(agentRuntimeName=self.name, clientToken=self.token, **self.request)

    def find(self):
        rows = self.lane.sql(f"select runtime_id from agent_runtime where name = '{self.name}'")
        return [row[0] for row in rows]

    def state(self):
        found = self.find()
        if not found:
            return "old"
        assert len(found) == 1, f"made twice: {found}"
        self.lane.crashing.whole_runtime(found[0], self.name, self.name, {"AGENT_VERSION": "1"})
        return "new"

    def finish(self):
        for runtime_id in self.find():
            self.control.delete_agent_runtime(agentRuntimeId=runtime_id)
            gone(self.control, runtime_id)


class Update(Operation):
    def prepare(self):
        self.runtime = self.lane.runtime
        self.before = self.lane.crashing.versions(self.runtime.id)
        self.newest = max(self.before)
        self.request = self.lane.workshop.request(
            description=self.token, environment={"AGENT_VERSION": str(self.newest + 1)})

    def call(self):
        return self.control.update_agent_runtime(agentRuntimeId=self.runtime.id, clientToken=self.token, **self.request)

    def state(self):
        after = self.lane.crashing.versions(self.runtime.id)
        assert {version: after[version] for version in self.before} == self.before, "an earlier version changed"
        added = set(after) - set(self.before)
        assert added in (set(), {self.newest + 1}), f"versions {added} were added to {self.newest}"
        assert not added or after[self.newest + 1][1] == self.token
        self.runtime.ready(version=max(after))
        return "new" if added else "old"


class Switch(Operation):
    def prepare(self):
        self.runtime = self.lane.runtime
        self.old = int(self.runtime.get_endpoint("prod")["liveVersion"])
        self.new = 3 - self.old

    def call(self):
        return self.control.update_agent_runtime_endpoint(
            agentRuntimeId=self.runtime.id, endpointName="prod", agentRuntimeVersion=str(self.new), clientToken=self.token)

    def state(self):
        endpoint = ready_endpoint(self.control, self.runtime.id, "prod", seconds=5)
        return {str(self.old): "old", str(self.new): "new"}.get(endpoint["liveVersion"], endpoint["liveVersion"])


class RollBack(Switch):
    def prepare(self):
        self.runtime = self.lane.runtime
        if self.runtime.get_endpoint("prod")["liveVersion"] == "1":
            self.runtime.switch("prod", 2)
        self.old, self.new = 2, 1

    def call(self):
        path = f"/_signalbox/v1/runtimes/{self.runtime.id}/runtime-endpoints/prod/rollback"
        reply = self.lane.server.signer().send(
            "POST", path, json.dumps({"clientToken": self.token}).encode(), [("Content-Type", "application/json")])
        if reply.status != 202:
            raise ClientError({"Error": {"Code": reply.error, "Message": str(reply)},
                               "ResponseMetadata": {"HTTPStatusCode": reply.status}}, "RollbackAgentRuntimeEndpoint")
        return reply.json


class Delete(Operation):
    """With a second endpoint and a session that lives."""

    def prepare(self):
        # So slowly that the removal has to wait for it, however fast the server is.
        self.runtime = self.lane.workshop.runtime(environment={"AGENT_VERSION": "1", "PROBE_START": "slow-end"})
        self.runtime.endpoint("prod", 1)
        self.runtime.invoke(qualifier="prod", session=session_id())
        self.is_asked = False

    def call(self):
        self.is_asked = True
        return self.control.delete_agent_runtime(agentRuntimeId=self.runtime.id, clientToken=self.token)

    def state(self):
        if not self.lane.sql(f"select 1 from agent_runtime where runtime_id = '{self.runtime.id}'"):
            assert self.lane.sql(f"select count(*) from endpoint_detail where runtime_id = '{self.runtime.id}'") == [["0"]]
            return "new"
        session = session_id()
        assert self.runtime.invoke(qualifier="prod", session=session)["version"] == "1"
        return "old"


class Open(Operation):
    """Not a change, but a row and a sandbox that belong together; the call is repeated with the same session's id."""

    def prepare(self):
        self.runtime = self.lane.runtime
        self.session = session_id()

    def call(self):
        answer = self.runtime.invoke(session=self.session)
        self.runtime.stop(self.session)
        return answer

    def state(self):
        return "old" if not self.lane.sql(f"select 1 from session where session_id = '{self.session}'") else "new"


OPERATIONS = {"create": Create, "update": Update, "switch": Switch, "roll back": RollBack, "delete": Delete, "open": Open}


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
        wait_for(lambda: not self.work(), 20, lambda: f"work before the operation: {self.work()}")
        time.sleep(0.3)
        self.failpoints.clear()
        operation.call()
        self.crashing.settle()
        wait_for(lambda: not self.work(), 20, lambda: f"work is left: {self.work()}")
        wait_for(lambda: REACHED[name] <= {place for place, _ in self.failpoints.reached()}, 10,
                 lambda: f"never reached: {REACHED[name] - {place for place, _ in self.failpoints.reached()}}")
        time.sleep(0.3)
        reached = {place for place, _ in self.failpoints.reached()}
        operation.finish()
        return reached

    def cell(self, name, place, action):
        """Tries one cell. Returns seconds until everything had settled."""
        operation = OPERATIONS[name](self)
        operation.prepare()
        wait_for(lambda: not self.work(), 20, lambda: f"work before the operation: {self.work()}")
        self.failpoints.clear()
        self.failpoints.arm(place, f"stall:{STALL}" if action == "stall" else action)
        outcome = {}
        caller = threading.Thread(target=self.ask, args=(operation, outcome))
        caller.start()
        try:
            wait_for(lambda: self.failpoints.triggered(place), REACH, f"{place} was not reached")
            began = time.monotonic()
            if action == "kill":
                self.server.process.wait(10)
                self.server.start()
                began = time.monotonic()
            elif action == "stall":
                began += STALL
        finally:
            self.failpoints.disarm(place)
            caller.join(REACH)
        assert not caller.is_alive(), "the call hangs"
        self.crashing.settle()
        wait_for(lambda: not self.work(), 10, lambda: f"work is left: {self.work()}")
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
        wait_for(lambda: not self.work(), 10, lambda: f"work is left: {self.work()}")
        assert operation.state() == "new", "the same request again did not do it"
        if "answer" in outcome:
            assert plain(again) == plain(outcome["answer"]), "the same token got another answer"

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
        wait_for(lambda: not self.leftovers(), 10, lambda: f"directories are left: {self.leftovers()}")

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
