"""What a server tells of itself: metrics, status, audit trail, readiness, log."""

import http.client
import json
import re
import signal
import subprocess
import time

import places
from processes import clean_environment, free_port, wait_for
from runtimes import Workshop, session_id

OWN = "/_signalbox/v1"


def fetch(port, path):
    """Unsigned GET: status and body."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request("GET", path)
        reply = connection.getresponse()
        return reply.status, reply.read().decode()
    finally:
        connection.close()


def health(server):
    return subprocess.run([places.signalbox(), "health", "--ready", "--home", server.home], check=False, capture_output=True, text=True,
                          env=clean_environment())


def value(page, sample):
    """The value of a sample, given as it stands on the page; 0 when it isn't there."""
    found = re.search(rf"^{re.escape(sample)} (\S+)$", page, re.MULTILINE)
    return float(found.group(1)) if found else 0.0


def test_from_the_first_request_to_the_drain(dev_server, images):
    """One life of a server, with everything switched on that shows something."""
    # Logs of earlier runs may stand before ours.
    started = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime())
    metrics_port = free_port()
    server = dev_server("--metrics-listen", f"127.0.0.1:{metrics_port}", "--access-log", "--drain-delay", "12")
    signer = server.signer()
    workshop = Workshop(server.clients, images)
    runtime = workshop.runtime("probe", environment={"AGENT_VERSION": "1", "PASSWORD": "hush-hush"})
    session = session_id()
    began = time.time()
    assert runtime.invoke({"do": "seen"}, session=session)
    assert runtime.invoke({"do": "seen"}, session=session)

    # Metrics, both ways.
    def counted():
        page = fetch(metrics_port, "/metrics")[1]
        return value(page, 'signalbox_http_requests_total{plane="data",operation="InvokeAgentRuntime",code="200"}') == 2
    wait_for(counted, 30, lambda: "the invocations were not counted")
    status, page = fetch(metrics_port, "/metrics")
    assert status == 200
    assert value(page, 'signalbox_transition_duration_seconds_count{transition="create_runtime",outcome="ready"}') == 1
    assert value(page, 'signalbox_session_start_duration_seconds_count{outcome="ready"}') == 1
    assert value(page, "signalbox_invocation_first_byte_seconds_count") == 2
    assert value(page, "signalbox_invocation_duration_seconds_count") == 2
    assert value(page, "signalbox_sessions") == 1
    assert value(page, "signalbox_invocations_in_flight") == 0
    assert value(page, "signalbox_sandboxes{state=\"running\"}") == 1
    for one in ("signalbox_ready", "signalbox_postgres_up", "signalbox_supervisor_connected"):
        assert value(page, one) == 1, one
    assert value(page, 'signalbox_postgres_listeners{state="connected"}') == 1
    assert value(page, 'signalbox_postgres_listeners{state="away"}') == 0
    assert 0 < value(page, "process_resident_memory_bytes") < 4 << 30
    assert abs(value(page, "process_start_time_seconds") - began) < 120
    for secret in (runtime.id, session, server.environment["AWS_ACCESS_KEY_ID"], "hush-hush"):
        assert secret not in page
    signed = signer.send("GET", f"{OWN}/metrics")
    assert signed.status == 200 and b"signalbox_build_info" in signed.body
    assert fetch(metrics_port, "/")[0] == 404
    assert fetch(server.port, f"{OWN}/metrics")[0] == 403

    # Who did it, and on which version.
    events = signer.send("GET", f"{OWN}/audit?runtime={runtime.id}").json["events"]
    assert [event["operation"] for event in events] == ["EndpointReady", "CreateAgentRuntime"]
    assert events[1]["actor"] == server.environment["AWS_ACCESS_KEY_ID"] and events[1]["sourceAddress"] == "127.0.0.1"
    assert "hush-hush" not in json.dumps(events)
    printed = server.run("audit", "--runtime", runtime.id, "--since", "1h").stdout
    assert "CreateAgentRuntime" in printed and "EndpointReady" in printed
    at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 1))
    served = json.loads(server.run("audit", "session", session, "--at", at, "--output", "json").stdout)["sessions"]
    assert [(row["agentRuntimeVersion"], row["agentRuntimeId"]) for row in served] == [("1", runtime.id)]
    assert server.run("audit", "session", session, "--at", "2020-01-01", check=False).returncode == 1
    server.clients.data.stop_runtime_session(agentRuntimeArn=runtime.arn, runtimeSessionId=session)
    wait_for(lambda: signer.send("GET", f"{OWN}/audit?operation=StopRuntimeSession").json["events"], 30,
             lambda: "nothing tells who stopped the session")

    # Nothing is stuck.
    status = json.loads(server.run("status", "--output", "json").stdout)
    assert status["problems"] == [] and status["replicas"][0]["isLive"] and status["database"] == "up"
    assert "prepare-version" in server.run("status").stdout

    # Ready, then not any more while requests still get their answers.
    code, body = fetch(server.port, "/readyz")
    assert code == 200, body
    parts = json.loads(body)["parts"]
    assert {name: part["state"] for name, part in parts.items()} == {
        "database": "up", "schema": "current", "supervisor": "up", "drain": "off"}
    assert all(part["message"].endswith(".") for part in parts.values())
    for hidden in (server.home, "/", "PostgreSQL 1"):
        assert hidden not in body
    done = health(server)
    assert (done.returncode, done.stderr) == (0, ""), done
    assert re.findall(r"^(\w+) +(yes|no) +(\w+) ", done.stdout, re.MULTILINE) == [
        ("database", "yes", "up"), ("drain", "yes", "off"), ("schema", "yes", "current"), ("supervisor", "yes", "up")]
    assert done.stdout.endswith("\nok\n")
    server.process.send_signal(signal.SIGTERM)
    wait_for(lambda: fetch(server.port, "/readyz")[0] == 503, 60, lambda: "still ready")
    done = health(server)
    assert done.returncode == 1 and "answered 503" in done.stderr, done
    assert re.search(r"^drain +no +draining +\S", done.stdout, re.MULTILINE) and "ok" not in done.stdout.split(), done
    assert json.loads(fetch(server.port, "/readyz")[1])["parts"]["drain"]["state"] == "draining"
    assert fetch(server.port, "/healthz")[0] == 200
    assert signer.send("POST", "/runtimes/").status == 200
    assert value(fetch(metrics_port, "/metrics")[1], "signalbox_ready") == 0
    server.process.wait(60)
    assert server.process.returncode == 0
    check_log(server, runtime, started)


def check_log(server, runtime, started):
    """Each line is an object; requests can be followed by their id; nothing is told that is secret."""
    text = server.log.read_text()
    lines = [line for line in text.splitlines() if line.startswith("{")]
    messages = [message for message in map(json.loads, lines) if message["time"] >= started]
    for message in messages:
        assert {"time", "level", "message"} <= message.keys() and all(isinstance(v, str) for v in message.values()), message
    requests = [message for message in messages if message["message"] == "request"]
    assert len({message["request_id"] for message in requests}) == len(requests) > 10
    invoked = [message for message in requests if message["operation"] == "InvokeAgentRuntime"]
    assert len(invoked) == 2
    for message in invoked:
        assert (message["account"], message["runtime"], message["status"]) == (server.account, runtime.id, "200")
        assert message["method"] == "POST" and float(message["duration_ms"]) > 0 and int(message["bytes"]) > 0
    assert any(message["operation"] == "GetAgentRuntime" and message["runtime"] == runtime.id for message in requests)
    assert all("?" not in message.get("path", "") for message in requests)
    for secret in ("hush-hush", server.environment["AWS_SECRET_ACCESS_KEY"], "Signature="):
        assert secret not in text
