"""What an agent can reach: its own sandbox, and nothing of others or of the server (promise 7)."""

import pytest

from runtimes import session_id

pytestmark = pytest.mark.local


def test_files_of_another_session_are_out_of_reach(probe):
    one, other = session_id(), session_id()
    probe.invoke({"do": "write", "path": "/tmp/secret", "text": "of session one"}, session=one)
    assert probe.invoke({"do": "look", "paths": ["/tmp/secret"]}, session=one)["/tmp/secret"] == "of session one"
    assert probe.invoke({"do": "look", "paths": ["/tmp/secret"]}, session=other)["/tmp/secret"].startswith("refused")


def test_the_bundle_is_read_only(probe):
    with pytest.raises(probe.data.exceptions.RuntimeClientError):
        probe.invoke({"do": "write", "path": "main.py", "text": "pass"})


def test_only_its_own_processes_are_seen(probe):
    processes = probe.invoke({"do": "look", "processes": True})["processes"]
    assert len(processes) <= 6, processes


def test_nothing_of_the_server(server, probe):
    paths = [server.home, f"{server.home}/keys/master.key", f"{server.home}/keys", f"{server.home}/supervisor.sock",
             f"{server.home}/pg", "/root", "/home", "/etc/shadow", "/var/lib/signalbox", "/sys/fs/cgroup", "/proc/1/environ"]
    found = probe.invoke({"do": "look", "paths": paths})
    for path in paths:
        assert found[path].startswith("refused") or found[path] == [] or path == "/proc/1/environ", (path, found[path])
    for secret in ("SIGNALBOX", "AWS_SECRET", "DATABASE"):
        assert secret not in found["/proc/1/environ"]


def test_no_port_but_its_own(server, probe):
    """A sandbox has a loopback of its own. Where its way out leads is tried among namespaces (NetworkTests.swift):
    from here nothing is sent that could leave the host."""
    outside = ["127.0.0.1:%d" % server.port, "127.0.0.1:5432", "169.254.169.254:80", "198.19.0.1:%d" % server.port]
    found = probe.invoke({"do": "look", "connect": [*outside, "127.0.0.1:8080"]})
    assert found["127.0.0.1:8080"] == "connected"
    for address in outside:
        assert found[address].startswith("refused"), (address, found[address])


def test_no_privilege(probe):
    status = dict(line.split(":\t", 1) for line in probe.invoke(
        {"do": "look", "status": True})["status"].splitlines() if ":\t" in line)
    for kind in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        assert int(status[kind], 16) == 0, kind
    assert status["NoNewPrivs"] == "1" and status["Seccomp"] == "2"
    assert "0" not in status["Uid"].split()
