"""Endpoints: pin, switch, roll back (contract §7; decisions 5 and 6 of docs/architecture.md)."""

import json

import pytest

from clients import ready_endpoint, ready_runtime, settled_endpoint, settled_runtime
from runtimes import session_id


@pytest.fixture(scope="module")
def three(shared_workshop):
    """A runtime with three READY versions that tell which they are."""
    runtime = shared_workshop.runtime(environment={"AGENT_VERSION": "1"})
    for number in (2, 3):
        assert runtime.update(environment={"AGENT_VERSION": str(number)}) == str(number)
    yield runtime
    runtime.delete()


@pytest.fixture
def roll_back(signer):
    def post(runtime, name, **body):
        data = json.dumps(body).encode() if body else b""
        headers = [("Content-Type", "application/json")] if body else []
        return signer.send("POST", f"/_signalbox/v1/runtimes/{runtime.id}/runtime-endpoints/{name}/rollback", data, headers)

    return post


class TestSwitch:
    def test_pin_and_move(self, three):
        assert three.endpoint("move", 1)["liveVersion"] == "1"
        for version in (3, 2, 1):
            three.switch("move", version)
            assert three.invoke(qualifier="move")["version"] == str(version)

    def test_a_session_never_changes_version(self, three):
        three.endpoint("sticky", 1)
        session = session_id()
        first = three.invoke(qualifier="sticky", session=session)
        three.switch("sticky", 2)
        again = three.invoke(qualifier="sticky", session=session)
        assert again["version"] == "1" and again["incarnation"] == first["incarnation"] and again["calls"] == 2
        assert three.invoke(qualifier="sticky", session=session_id())["version"] == "2"
        # After it ended, the same id starts on the live version.
        three.stop(session, "sticky")
        assert three.invoke(qualifier="sticky", session=session)["version"] == "2"

    def test_the_same_session_id_on_two_endpoints_is_two_sessions(self, three):
        three.endpoint("left", 1)
        three.endpoint("right", 2)
        session = session_id()
        left, right = three.invoke(qualifier="left", session=session), three.invoke(qualifier="right", session=session)
        assert (left["version"], right["version"]) == ("1", "2") and left["incarnation"] != right["incarnation"]

    def test_answers(self, control, three):
        made = control.create_agent_runtime_endpoint(
            agentRuntimeId=three.id, name="answers", agentRuntimeVersion="1", description="for people")
        assert made["ResponseMetadata"]["HTTPStatusCode"] == 202
        assert made["status"] == "CREATING" and made["targetVersion"] == "1" and made["endpointName"] == "answers"
        assert made["agentRuntimeEndpointArn"] == f"{three.arn}/runtime-endpoint/answers"
        ready_endpoint(control, three.id, "answers", 1)
        moved = control.update_agent_runtime_endpoint(
            agentRuntimeId=three.id, endpointName="answers", agentRuntimeVersion="2")
        assert moved["targetVersion"] == "2" and moved["status"] in ("UPDATING", "READY")
        assert ready_endpoint(control, three.id, "answers", 2)["description"] == "for people"
        # A description alone leaves the version where it is.
        control.update_agent_runtime_endpoint(agentRuntimeId=three.id, endpointName="answers", description="changed")
        assert ready_endpoint(control, three.id, "answers", 2)["description"] == "changed"

    def test_refusals(self, control, three):
        three.endpoint("refuse", 1)
        of = {"agentRuntimeId": three.id}
        with pytest.raises(control.exceptions.ResourceNotFoundException):
            control.create_agent_runtime_endpoint(**of, name="other", agentRuntimeVersion="99")
        with pytest.raises(control.exceptions.ResourceNotFoundException):
            control.update_agent_runtime_endpoint(**of, endpointName="refuse", agentRuntimeVersion="99")
        with pytest.raises(control.exceptions.ResourceNotFoundException):
            control.update_agent_runtime_endpoint(**of, endpointName="nothere", agentRuntimeVersion="1")
        with pytest.raises(control.exceptions.ConflictException):
            control.create_agent_runtime_endpoint(**of, name="refuse", agentRuntimeVersion="1")
        with pytest.raises(control.exceptions.ConflictException, match="DEFAULT"):
            control.update_agent_runtime_endpoint(**of, endpointName="DEFAULT", agentRuntimeVersion="1")
        with pytest.raises(control.exceptions.ValidationException):
            control.create_agent_runtime_endpoint(**of, name="no-hyphens")

    def test_moves_while_the_runtime_prepares_a_newer_version(self, workshop):
        runtime = workshop.runtime(environment={"AGENT_VERSION": "1"})
        runtime.update(environment={"AGENT_VERSION": "2"})
        runtime.endpoint("prod", 1)
        runtime.update(environment={"AGENT_VERSION": "3", "PROBE_START": "late:6"}, wait=False)
        runtime.switch("prod", 2)
        assert runtime.control.get_agent_runtime(agentRuntimeId=runtime.id)["status"] == "UPDATING"
        assert runtime.invoke(qualifier="prod")["version"] == "2"
        runtime.ready(version="3")

    def test_unknown_qualifier(self, data, three):
        with pytest.raises(data.exceptions.ResourceNotFoundException) as refusal:
            three.invoke(qualifier="nowhere")
        assert refusal.value.response["Error"]["Message"] == (
            f"No endpoint or agent found with qualifier 'nowhere' for agent '{three.arn}'")
        unknown = three.arn.replace(three.id, "nobody-0123456789")
        with pytest.raises(data.exceptions.ResourceNotFoundException) as refusal:
            data.invoke_agent_runtime(agentRuntimeArn=unknown, payload=b"{}")
        assert refusal.value.response["Error"]["Message"] == (
            f"No endpoint or agent found with qualifier 'DEFAULT' for agent '{unknown}'")


class TestRollback:
    def test_walks_back_and_never_ping_pongs(self, three, roll_back):
        three.endpoint("walk", 1)
        three.switch("walk", 2)
        three.switch("walk", 3)
        for expected in (2, 1):
            reply = roll_back(three, "walk")
            assert reply.status == 202 and reply.json["targetVersion"] == str(expected), reply
            ready_endpoint(three.control, three.id, "walk", expected)
        reply = roll_back(three, "walk")
        assert (reply.status, reply.error) == (409, "ConflictException"), reply
        ready_endpoint(three.control, three.id, "walk", 1)

    def test_after_a_new_switch_it_starts_anew(self, three, roll_back):
        three.endpoint("anew", 1)
        three.switch("anew", 2)
        assert roll_back(three, "anew").status == 202
        ready_endpoint(three.control, three.id, "anew", 1)
        three.switch("anew", 3)
        reply = roll_back(three, "anew")
        assert reply.status == 202 and reply.json["targetVersion"] == "1", reply
        ready_endpoint(three.control, three.id, "anew", 1)

    def test_default_gets_a_new_version(self, control, workshop, roll_back):
        runtime = workshop.runtime(environment={"AGENT_VERSION": "first"}, description="the good one")
        runtime.update(environment={"AGENT_VERSION": "second"})
        reply = roll_back(runtime, "DEFAULT")
        assert reply.status == 202 and reply.json["targetVersion"] == "3", reply
        assert ready_runtime(control, runtime.id)["agentRuntimeVersion"] == "3"
        ready_endpoint(control, runtime.id, "DEFAULT", 3)
        assert runtime.invoke()["version"] == "first"
        assert control.get_agent_runtime(agentRuntimeId=runtime.id)["description"] == "the good one"
        # The copy is as far back as it goes.
        assert roll_back(runtime, "DEFAULT").status == 409

    def test_after_a_failed_update_it_clears_to_what_is_live(self, control, workshop, roll_back):
        runtime = workshop.runtime(environment={"AGENT_VERSION": "1"})
        runtime.update(environment={"PROBE_START": "exit"}, wait=False)
        assert settled_runtime(control, runtime.id)["status"] == "UPDATE_FAILED"
        assert settled_endpoint(control, runtime.id, "DEFAULT")["status"] == "UPDATE_FAILED"
        reply = roll_back(runtime, "DEFAULT")
        assert reply.status == 202, reply
        endpoint = ready_endpoint(control, runtime.id, "DEFAULT")
        assert "failureReason" not in endpoint
        assert runtime.invoke()["version"] == "1"

    def test_ends_sessions_of_the_version_left_when_asked(self, three, roll_back):
        three.endpoint("stops", 1)
        older = session_id()
        kept = three.invoke(qualifier="stops", session=older)
        three.switch("stops", 2)
        newer = session_id()
        left = three.invoke(qualifier="stops", session=newer)
        reply = roll_back(three, "stops", stopSessions=True)
        assert reply.status == 202, reply
        ready_endpoint(three.control, three.id, "stops", 1)
        again = three.invoke(qualifier="stops", session=newer)
        assert again["version"] == "1" and again["incarnation"] != left["incarnation"]
        assert three.invoke(qualifier="stops", session=older)["incarnation"] == kept["incarnation"]

    def test_leaves_sessions_alone_otherwise(self, three, roll_back):
        three.endpoint("stays", 1)
        three.switch("stays", 2)
        session = session_id()
        before = three.invoke(qualifier="stays", session=session)
        assert roll_back(three, "stays").status == 202
        ready_endpoint(three.control, three.id, "stays", 1)
        after = three.invoke(qualifier="stays", session=session)
        assert after["version"] == "2" and after["incarnation"] == before["incarnation"]

    def test_refusals(self, three, roll_back):
        assert roll_back(three, "nothere").status == 404
        three.endpoint("fresh", 1)
        reply = roll_back(three, "fresh")
        assert (reply.status, reply.error) == (409, "ConflictException") and reply.json["message"], reply
