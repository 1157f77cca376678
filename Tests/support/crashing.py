"""kill -9 at a chosen moment, and what must be true after the next start."""

import json
import random
import statistics
import threading
import time

from botocore.exceptions import ClientError

from clients import SETTLED, wait_for
from processes import describe, held_namespaces
from runtimes import Workshop

#: Seconds after a start within which endpoints settle (promises.md 2). Nine times of ten: now and then a busy machine gives
#: nobody a processor, and then PATIENCE counts.
SETTLE = 10
#: Seconds for what comes for certain, however busy the machine is.
PATIENCE = 60


class Crashing:
    def __init__(self, server, postgres, database):
        self.server = server
        self.postgres = postgres
        self.database = database
        self.workshop = Workshop(server.clients, server.images)
        self.control = self.workshop.control
        #: Seconds that each `settle` took.
        self.settled = []

    def sql(self, query):
        return self.postgres.query(query, self.database)

    # -- the crash

    def kill_during(self, call, delay):
        """Starts `call`, kills the server `delay` seconds later, starts it again.

        Returns the answer if the change was acknowledged, else None. An answer that is an error of AWS's kind is a
        failure of the test: nothing here is refused for good reason.
        """
        outcome = {}

        def run():
            try:
                outcome["answer"] = call()
            except ClientError as refusal:
                # A server that is going down may say so.
                if refusal.response["ResponseMetadata"]["HTTPStatusCode"] != 503:
                    outcome["refusal"] = refusal
            except Exception:  # noqa: BLE001 - the connection broke: not acknowledged
                pass

        caller = threading.Thread(target=run)
        began = time.monotonic()
        caller.start()
        time.sleep(max(0.0, delay - (time.monotonic() - began)))
        self.server.kill()
        caller.join(PATIENCE)
        self.server.start()
        if "refusal" in outcome:
            raise outcome["refusal"]
        return outcome.get("answer")

    def duration(self, call, settle, samples=3):
        """Median seconds from request to settled, undisturbed. `call(i)` must be repeatable."""
        found = []
        for sample in range(samples):
            began = time.monotonic()
            settle(call(sample))
            found.append(time.monotonic() - began)
        return statistics.median(found)

    @staticmethod
    def delays(duration, rounds, seed=7):
        """`rounds` moments spread evenly over twice the duration, in random order: the same for the same seed."""
        moments = [2 * duration * (number + 0.5) / rounds for number in range(rounds)]
        random.Random(seed).shuffle(moments)
        return moments

    # -- what must be true afterwards

    def settle(self):
        """Every runtime and endpoint settles, and no work is left undone."""
        def moving():
            return self.sql(f"""
                select 'runtime ' || runtime_id || ' ' || status from agent_runtime where status not in {tuple(SETTLED)}
                union all
                select 'endpoint ' || runtime_id || '/' || name || ' ' || status from endpoint_detail
                    where status not in {tuple(SETTLED)}
                union all
                select 'version ' || v.runtime || '/' || v.version || ' ' || s.status
                    from agent_runtime_version v join version_status s on s.version = v.id where s.status not in {tuple(SETTLED)}
                """)

        began = time.monotonic()
        wait_for(lambda: not moving(), PATIENCE, lambda: f"not settled {PATIENCE} s after the start: {moving()}")
        self.settled.append(time.monotonic() - began)

    def settled_in_time(self):
        """The promise, held against every time that `settle` was waited for."""
        late = sorted(seconds for seconds in self.settled if seconds > SETTLE)
        assert len(late) <= len(self.settled) / 10, f"{len(late)} of {len(self.settled)} took more than {SETTLE} s: {late}"

    def nothing_left(self):
        """No session, hence no process, control group or namespace of a sandbox."""
        wait_for(lambda: not self.sql("select * from session"), PATIENCE,
                 lambda: f"sessions left: {self.sql('select session_id, sandbox_id, stop_reason from session')}")

        def left():
            own = {self.server.process.pid, self.server.supervisor()}
            return [pid for pid in self.server.belongings() if pid not in own]

        wait_for(lambda: not left(), PATIENCE, lambda: f"processes left: {describe(left())}")
        wait_for(lambda: not self.server.control_groups(), PATIENCE, lambda: f"control groups left: {self.server.control_groups()}")
        if images := self.server.images:
            wait_for(lambda: not images.engine.containers(), PATIENCE, lambda: f"containers left: {images.engine.containers()}")
            assert not images.engine.volumes()
        wait_for(lambda: not self.server.interfaces(), PATIENCE, lambda: f"interfaces left: {self.server.interfaces()}")
        for pid in (self.server.process.pid, self.server.supervisor()):
            if pid:
                wait_for(lambda: not held_namespaces(pid), PATIENCE, lambda: f"process {pid} holds {held_namespaces(pid)}")

    def whole_runtime(self, runtime_id, name, description, environment):
        """A runtime as its creation asked for it, with the DEFAULT endpoint on it."""
        runtime = self.control.get_agent_runtime(agentRuntimeId=runtime_id)
        assert runtime["status"] == "READY", (runtime["status"], runtime.get("failureReason"))
        assert runtime["agentRuntimeName"] == name and runtime["agentRuntimeVersion"] == "1"
        assert runtime["description"] == description and runtime["environmentVariables"] == environment
        endpoint = self.control.get_agent_runtime_endpoint(agentRuntimeId=runtime_id, endpointName="DEFAULT")
        assert endpoint["status"] == "READY" and endpoint["liveVersion"] == endpoint["targetVersion"] == "1", endpoint

    def versions(self, runtime_id):
        """{version: (hash, description)} of every stored version."""
        rows = self.sql(f"""
            select v.version, encode(sha256(v.configuration), 'hex'), convert_from(v.configuration, 'UTF8')
            from agent_runtime_version v join agent_runtime r on r.id = v.runtime where r.runtime_id = '{runtime_id}'
            """)
        return {int(version): (digest, json.loads(text).get("description")) for version, digest, text in rows}

    def history_is_legal(self):
        """Every endpoint's history is a path that a flip could take, and ends where the endpoint stands."""
        rows = self.sql("""
            select endpoint, kind, coalesce(from_version, 0), coalesce(to_version, 0), generation from endpoint_history order by id
            """)
        live, asked, generation, deleted = {}, {}, {}, set()
        for endpoint, kind, origin, target, number in ((r[0], r[1], int(r[2]), int(r[3]), int(r[4])) for r in rows):
            where = (endpoint, kind, origin, target, number)
            assert number >= generation.get(endpoint, 0), f"the generation went back: {where}"
            generation[endpoint] = number
            assert endpoint not in deleted, f"changed after its deletion: {where}"
            if kind in ("created", "requested"):
                asked[endpoint] = target
            elif kind in ("flipped", "rolled_back"):
                assert target == asked.get(endpoint), f"flipped to what was not asked for: {where}, asked {asked.get(endpoint)}"
                assert origin == live.get(endpoint, 0), f"flipped from what was not live: {where}, live {live.get(endpoint)}"
                live[endpoint] = target
            elif kind == "deleted":
                deleted.add(endpoint)
        for endpoint, version in self.sql("select id, coalesce(live_version, 0) from runtime_endpoint"):
            assert int(version) == live.get(endpoint, 0), f"endpoint {endpoint} is on {version}, its history says {live.get(endpoint)}"
