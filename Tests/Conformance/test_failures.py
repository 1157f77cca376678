"""A version that can't be prepared: *_FAILED with a reason a person can act on, liveVersion untouched."""

import sys

import pytest

import bundles
import places
from clients import ready_endpoint, settled_runtime


def python(minor):
    return f"PYTHON_3_{minor}"


def wrong_interpreter():
    """The first interpreter of the contract that this host's sandboxes don't have."""
    import os

    for minor in (13, 10, 12, 14, 11):
        if minor != sys.version_info.minor and not any(
            os.path.exists(f"{directory}/python3.{minor}") for directory in ("/usr/bin", "/usr/local/bin", "/bin")
        ):
            return python(minor)
    pytest.skip("this host has every interpreter")


BROKEN = [
    ("a program that ends at once", dict(environment={"PROBE_START": "exit"}), ["ModuleNotFoundError", "the_missing_module"]),
    ("a program that never listens", dict(environment={"PROBE_START": "never-bind"}), ["/ping", "8080", "20 s"]),
    ("a program whose ping fails", dict(environment={"PROBE_START": "ping-500"}), ["/ping", "500"]),
    ("a syntax error", dict(agent=bundles.archive({"main.py": "def broken(:\n"})), ["SyntaxError"]),
    ("no entry file", dict(agent=bundles.archive({"other.py": "pass\n"})), ["main.py"]),
    ("bytes that are no archive", dict(agent=b"this is not a zip archive at all, whatever its name says"), ["zip"]),
    ("a path that climbs out", dict(agent=bundles.archive({"main.py": "pass\n", "../escaped.py": "pass\n"})), ["../escaped.py"]),
    ("an absolute path", dict(agent=bundles.archive({"main.py": "pass\n", "/etc/escaped": "x"})), ["/etc/escaped"]),
]


@pytest.mark.parametrize("broken,words", [(b, w) for _, b, w in BROKEN], ids=[name for name, _, _ in BROKEN])
def test_create(control, data, workshop, broken, words):
    created = workshop.create(**broken)
    runtime = settled_runtime(control, created["agentRuntimeId"])
    assert runtime["status"] == "CREATE_FAILED"
    for word in words:
        assert word in runtime["failureReason"], runtime["failureReason"]
    endpoint = control.get_agent_runtime_endpoint(agentRuntimeId=created["agentRuntimeId"], endpointName="DEFAULT")
    assert endpoint["status"] == "CREATE_FAILED" and "liveVersion" not in endpoint and endpoint["failureReason"]
    with pytest.raises(data.exceptions.ResourceNotFoundException):
        data.invoke_agent_runtime(agentRuntimeArn=created["agentRuntimeArn"], payload=b"{}")


def test_symbolic_link_that_leads_out(control, workshop):
    import io
    import zipfile

    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr("main.py", (places.AGENTS / "probe.py").read_bytes())
        link = zipfile.ZipInfo("outside")
        link.external_attr = 0o120777 << 16
        file.writestr(link, "/etc")
        file.writestr("outside/escaped", "x")
    created = workshop.create(buffer.getvalue())
    runtime = settled_runtime(control, created["agentRuntimeId"])
    assert runtime["status"] == "CREATE_FAILED" and "outside" in runtime["failureReason"]


def test_wrong_interpreter(control, workshop):
    wanted = wrong_interpreter()
    artifact = workshop.artifact()
    artifact["codeConfiguration"]["runtime"] = wanted
    created = workshop.create(artifact)
    runtime = settled_runtime(control, created["agentRuntimeId"])
    assert runtime["status"] == "CREATE_FAILED"
    assert runtime["failureReason"].startswith(f"{wanted}: no such interpreter in the sandbox; found ")
    assert f"3.{sys.version_info.minor}" in runtime["failureReason"]


def test_update_fails_and_the_old_version_serves_on(control, workshop):
    runtime = workshop.runtime(environment={"AGENT_VERSION": "1"})
    runtime.endpoint("prod", 1)
    assert runtime.update(environment={"PROBE_START": "exit"}, wait=False) == "2"
    failed = settled_runtime(control, runtime.id)
    assert failed["status"] == "UPDATE_FAILED" and "the_missing_module" in failed["failureReason"]
    endpoint = runtime.get_endpoint("DEFAULT")
    assert endpoint["status"] == "UPDATE_FAILED" and endpoint["liveVersion"] == "1"
    assert runtime.invoke()["version"] == "1"
    ready_endpoint(control, runtime.id, "prod", 1)
    # A version that isn't READY can't be switched to.
    with pytest.raises(control.exceptions.ConflictException):
        control.update_agent_runtime_endpoint(agentRuntimeId=runtime.id, endpointName="prod", agentRuntimeVersion="2")
    # A later update may follow; the number of the failed version isn't given again.
    assert runtime.update(environment={"AGENT_VERSION": "3"}) == "3"
    assert "failureReason" not in control.get_agent_runtime(agentRuntimeId=runtime.id)
    assert runtime.invoke()["version"] == "3"
    # An endpoint made without a version takes the newest READY one.
    assert runtime.endpoint("newest")["liveVersion"] == "3"


def test_an_agent_that_binds_late_is_waited_for(workshop):
    runtime = workshop.runtime(environment={"PROBE_START": "late:5"})
    assert runtime.invoke()["calls"] == 1


def test_an_agent_that_floods_its_output_at_start(workshop):
    runtime = workshop.runtime(environment={"PROBE_START": "flood"})
    assert runtime.invoke()["calls"] == 1


def test_create_failed_can_be_updated(control, workshop):
    created = workshop.create(environment={"PROBE_START": "exit"})
    assert settled_runtime(control, created["agentRuntimeId"])["status"] == "CREATE_FAILED"
    control.update_agent_runtime(agentRuntimeId=created["agentRuntimeId"], **workshop.request(environment={"AGENT_VERSION": "2"}))
    runtime = settled_runtime(control, created["agentRuntimeId"])
    assert runtime["status"] == "READY" and runtime["agentRuntimeVersion"] == "2"
    ready_endpoint(control, created["agentRuntimeId"], "DEFAULT", 2)
