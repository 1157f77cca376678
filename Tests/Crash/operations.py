"""The operations of the grid: what each prepares, asks for, and leads to."""

import json

from botocore.exceptions import ClientError

import bundles
from clients import gone, ready_endpoint
from runtimes import session_id, unique


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
        endpoint = ready_endpoint(self.control, self.runtime.id, "prod", seconds=30)
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
