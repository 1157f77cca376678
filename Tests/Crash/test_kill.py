"""kill -9 of the server around and during create, update, switch and delete (promises 1 and 2).

Each operation is first timed undisturbed. Then the server is killed at moments spread over twice that time, counted from
the request, and started again: what was acknowledged is whole, what was not is absent or whole, everything settles, and
no sandbox is left.
"""

import pytest
from botocore.exceptions import ClientError

from clients import gone, ready_endpoint, ready_runtime, wait_for
from crashing import PATIENCE
from runtimes import Runtime, session_id, unique


@pytest.fixture(scope="module")
def rounds(long_run, images):
    """Per operation; there are four of them. A container's start takes several times an archive's."""
    return 250 if long_run else 6 if images else 25


def invoke_once(runtime, **options):
    """One call in a session of its own, which is then stopped."""
    session = session_id()
    answer = runtime.invoke(session=session, **options)
    runtime.stop(session, options.get("qualifier", "DEFAULT"))
    return answer


def find(crashing, name):
    pages = crashing.control.get_paginator("list_agent_runtimes").paginate()
    return [r["agentRuntimeId"] for page in pages for r in page["agentRuntimes"] if r["agentRuntimeName"] == name]


def test_create(crashing, rounds):
    workshop = crashing.workshop
    duration = crashing.duration(
        lambda _: workshop.create(), lambda created: ready_runtime(crashing.control, created["agentRuntimeId"]))
    workshop.close()
    acknowledged = 0
    for number, delay in enumerate(crashing.delays(duration, rounds)):
        name, description, environment = unique("c"), f"round {number}", {"AGENT_VERSION": f"c{number}"}
        answer = crashing.kill_during(
            lambda: workshop.create(name=name, description=description, environment=environment), delay)
        crashing.settle()
        found = find(crashing, name)
        if answer:
            acknowledged += 1
            assert found == [answer["agentRuntimeId"]], "an acknowledged runtime is lost"
        assert len(found) <= 1
        if found:
            crashing.whole_runtime(found[0], name, description, environment)
            runtime = Runtime(workshop, crashing.control.get_agent_runtime(agentRuntimeId=found[0]))
            assert invoke_once(runtime)["version"] == f"c{number}"
            crashing.nothing_left()
            runtime.delete()
        crashing.nothing_left()
        crashing.history_is_legal()
    print(f"create: {duration:.2f} s undisturbed, {acknowledged} of {rounds} acknowledged")
    assert 0 < acknowledged


def test_update(crashing, rounds):
    runtime = crashing.workshop.runtime(description="version 1", environment={"AGENT_VERSION": "1"})
    newest = 1

    def update(number):
        return runtime.control.update_agent_runtime(agentRuntimeId=runtime.id, **crashing.workshop.request(
            description=f"version {number}", environment={"AGENT_VERSION": str(number)}))

    duration = crashing.duration(lambda sample: update(newest + 1 + sample), lambda _: runtime.ready())
    newest += 3
    acknowledged = 0
    for delay in crashing.delays(duration, rounds):
        before = crashing.versions(runtime.id)
        answer = crashing.kill_during(lambda: update(newest + 1), delay)
        crashing.settle()
        after = crashing.versions(runtime.id)
        assert {version: after[version] for version in before} == before, "an earlier version changed"
        assert set(after) - set(before) in (set(), {newest + 1})
        if answer:
            acknowledged += 1
            assert answer["agentRuntimeVersion"] == str(newest + 1) and newest + 1 in after, "an acknowledged version is lost"
        if newest + 1 in after:
            newest += 1
            assert after[newest][1] == f"version {newest}"
        assert runtime.ready()["agentRuntimeVersion"] == str(newest)
        assert invoke_once(runtime)["version"] == str(newest)
        crashing.nothing_left()
        crashing.history_is_legal()
    print(f"update: {duration:.2f} s undisturbed, {acknowledged} of {rounds} acknowledged")
    assert 0 < acknowledged
    runtime.delete()


def test_switch(crashing, rounds):
    runtime = crashing.workshop.runtime(environment={"AGENT_VERSION": "1"})
    runtime.update(environment={"AGENT_VERSION": "2"})
    runtime.endpoint("prod", 1)
    live = 1

    def switch(version):
        return runtime.control.update_agent_runtime_endpoint(
            agentRuntimeId=runtime.id, endpointName="prod", agentRuntimeVersion=str(version))

    for sample in range(2):
        runtime.switch("prod", 2 - sample)
    duration = crashing.duration(
        lambda sample: switch(2 - sample % 2), lambda _: ready_endpoint(runtime.control, runtime.id, "prod"), samples=4)
    acknowledged = 0
    # The whole change may take less than a process start: then the spread is that of the kill itself.
    for delay in crashing.delays(max(duration, 0.02), rounds):
        # A session that lives across the crash: it keeps its process, its version and its memory, or is gone for good.
        session = session_id()
        kept = runtime.invoke(qualifier="prod", session=session)
        assert kept["version"] == str(live)
        target = 3 - live
        answer = crashing.kill_during(lambda: switch(target), delay)
        crashing.settle()
        endpoint = runtime.get_endpoint("prod")
        assert endpoint["status"] == "READY" and endpoint["liveVersion"] == endpoint["targetVersion"], endpoint
        assert endpoint["liveVersion"] in (str(live), str(target))
        if answer:
            acknowledged += 1
            assert endpoint["liveVersion"] == str(target), "an acknowledged switch is lost"
        live = int(endpoint["liveVersion"])
        again = runtime.invoke(qualifier="prod", session=session)
        assert again["incarnation"] == kept["incarnation"] and again["calls"] == 2, "the session's sandbox was not adopted"
        assert invoke_once(runtime, qualifier="prod")["version"] == str(live)
        runtime.stop(session, "prod")
        crashing.nothing_left()
        crashing.history_is_legal()
    print(f"switch: {duration:.2f} s undisturbed, {acknowledged} of {rounds} acknowledged")
    assert 0 < acknowledged
    runtime.delete()


def test_delete(crashing, rounds):
    workshop = crashing.workshop

    def prepare():
        runtime = workshop.runtime(description="doomed", environment={"AGENT_VERSION": "1"})
        runtime.endpoint("prod", 1)
        runtime.invoke(qualifier="prod", session=session_id())
        return runtime

    ready = [prepare() for _ in range(3)]
    duration = crashing.duration(
        lambda sample: crashing.control.delete_agent_runtime(agentRuntimeId=ready[sample].id) and ready[sample],
        lambda runtime: gone(crashing.control, runtime.id))
    acknowledged = 0
    for delay in crashing.delays(max(duration, 0.02), rounds):
        runtime = prepare()
        answer = crashing.kill_during(lambda: crashing.control.delete_agent_runtime(agentRuntimeId=runtime.id), delay)
        if answer:
            acknowledged += 1
            gone(crashing.control, runtime.id, PATIENCE)
        else:
            wait_for(lambda: is_settled_or_gone(crashing, runtime), PATIENCE, f"{runtime.id} is neither there nor gone")
            if find(crashing, runtime.id.rsplit("-", 1)[0]):
                assert invoke_once(runtime, qualifier="prod")["version"] == "1"
                runtime.delete()
        crashing.nothing_left()
        crashing.history_is_legal()
        assert crashing.sql(f"select count(*) from endpoint_detail where runtime_id = '{runtime.id}'") == [["0"]]
    print(f"delete: {duration:.2f} s undisturbed, {acknowledged} of {rounds} acknowledged")
    assert 0 < acknowledged


def is_settled_or_gone(crashing, runtime):
    try:
        return crashing.control.get_agent_runtime(agentRuntimeId=runtime.id)["status"] == "READY"
    except ClientError as refusal:
        return refusal.response["Error"]["Code"] == "ResourceNotFoundException"
