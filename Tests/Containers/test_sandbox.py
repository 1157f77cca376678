"""What a container may do, how it ends, and what is left of it: nothing."""

import concurrent.futures
import json
import os
import signal
import socket
import struct
import time

import pytest
from botocore.exceptions import ClientError

from engines import of
from processes import wait_for
from runtimes import session_id


@pytest.fixture(scope="module")
def runtime(shared_workshop):
    runtime = shared_workshop.runtime(environment={"AGENT_VERSION": "1", "GREETING": "hello"})
    yield runtime
    runtime.delete()


def container_of(engine, session):
    """The one container of a session that was just opened."""
    found = [c for c in engine.containers() if c["Labels"].get("signalbox.kind") == "session"]
    assert found, f"no container for {session}"
    # Numbers of sessions only rise.
    return engine.inspect(max(found, key=lambda c: int(c["Labels"]["signalbox.session"]))["Id"])


def status_of(text):
    return dict(line.split(":\t", 1) for line in text.splitlines() if ":\t" in line)


def test_hardened(runtime, engine, server):
    session = session_id()
    seen = runtime.invoke({"do": "look", "status": True, "paths": ["/", "/mnt/work", "/proc/1/root", "/var/run/docker.sock"],
                           "processes": True}, session=session)
    container = container_of(engine, session)
    host = container["HostConfig"]
    assert host["ReadonlyRootfs"] and host["NetworkMode"] == "none" and not host["Privileged"]
    assert host["Memory"] == host["MemorySwap"] == 2 << 30 and host["NanoCpus"] == 2 * 10**9 and host["PidsLimit"] == 512
    labels = container["Config"]["Labels"]
    assert labels["signalbox.runtime"] == runtime.id and labels["signalbox.version"] == "1"
    assert labels["signalbox.endpoint"] == "DEFAULT" and labels["signalbox.session"] and labels["signalbox.replica"]
    assert labels["signalbox.sandbox"] in container["Name"]
    status = status_of(seen["status"])
    assert int(status["CapEff"], 16) == int(status["CapPrm"], 16) == int(status["CapBnd"], 16) == 0
    assert status["NoNewPrivs"] == "1" and status["Seccomp"] == "2"
    assert int(status["Uid"].split()[0]) >= 1000 and int(status["Gid"].split()[0]) >= 1000
    assert seen["processes"] == [1]
    assert seen["/mnt/work"] == [] and seen["/var/run/docker.sock"].startswith("refused")
    # Two sandboxes never share a user.
    other = session_id()
    again = status_of(runtime.invoke({"do": "look", "status": True}, session=other)["status"])
    assert again["Uid"] != status["Uid"]
    for path in ("/app/x", "/x", "/usr/x"):
        with pytest.raises(runtime.data.exceptions.RuntimeClientError):
            runtime.invoke({"do": "write", "path": path, "text": "x"}, session=session_id())
    for path in ("/tmp/x", "/mnt/work/x", "/dev/shm/x"):
        assert runtime.invoke({"do": "write", "path": path, "text": "x"}, session=session) == {"written": path}
    seen = runtime.invoke({"do": "environment", "names": ["HOME", "GREETING", "AWS_REGION", "DOCKER_CONTAINER", "PYTHONPATH"]},
                          session=session)
    assert seen == {"HOME": "/mnt/work", "GREETING": "hello", "AWS_REGION": "us-east-1", "DOCKER_CONTAINER": "1", "PYTHONPATH": "/app"}
    assert "hello" not in json.dumps([c["Labels"] for c in engine.containers()])


def test_nothing_is_left_of_a_session(runtime, engine, server):
    session = session_id()
    runtime.invoke(session=session)
    container = container_of(engine, session)
    work = next(mount["Source"] for mount in container["Mounts"] if mount["Destination"] == "/mnt/work")
    assert os.path.isdir(work)
    runtime.stop(session)
    wait_for(lambda: container["Id"] not in [c["Id"] for c in engine.containers()], 20, "the container is still there")
    wait_for(lambda: not os.path.exists(work), 10, "the work directory is still there")
    assert engine.volumes() == []


@pytest.mark.parametrize("user,uid", [("4242", "4242"), ("agent", "4242"), ("root", "0"), ("0:0", "0")])
def test_the_images_own_user(workshop, images, user, uid):
    name = f"localhost/signalbox-test/user-{user.replace(':', '-')}:1"
    images.make(name, (images_source()), lines=[f"USER {user}"])
    runtime = workshop.runtime(of(name))
    status = status_of(runtime.invoke({"do": "look", "status": True})["status"])
    assert status["Uid"].split()[0] == uid
    assert int(status["CapEff"], 16) == 0 and status["NoNewPrivs"] == "1"
    assert runtime.invoke({"do": "write", "path": "/mnt/work/x", "text": "x"})


def images_source():
    import places
    return (places.AGENTS / "probe.py").read_bytes()


def test_declared_volumes_leave_nothing(workshop, images, engine):
    name = "localhost/signalbox-test/volume:1"
    images.make(name, images_source(), lines=["VOLUME /data"])
    runtime = workshop.runtime(of(name))
    session = session_id()
    runtime.invoke(session=session)
    assert len(engine.volumes()) == 1
    runtime.stop(session)
    wait_for(lambda: engine.volumes() == [], 20, "the volume is left over")


def test_twenty_at_once(runtime, engine):
    sessions = [session_id() for _ in range(20)]
    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda session: runtime.invoke(session=session), sessions))
        assert len({answer["incarnation"] for answer in answers}) == 20
        again = list(pool.map(lambda session: runtime.invoke(session=session), sessions))
        assert [a["incarnation"] for a in again] == [a["incarnation"] for a in answers]
        list(pool.map(runtime.stop, sessions))
    wait_for(lambda: not [c for c in engine.containers() if c["Labels"]["signalbox.runtime"] == runtime.id
                          and c["Labels"]["signalbox.session"] in sessions], 30, "containers are left")


def test_out_of_memory_is_said(runtime):
    session = session_id()
    with pytest.raises(runtime.data.exceptions.RuntimeClientError) as failure:
        runtime.invoke({"do": "eat", "mebibytes": 4096}, session=session)
    assert "out of memory (limit 2 GiB)" in failure.value.response["Error"]["Message"]
    assert runtime.invoke(session=session)["calls"] == 1


def test_a_killed_container(runtime, engine):
    session = session_id()
    first = runtime.invoke(session=session)
    container = container_of(engine, session)
    os.kill(container["State"]["Pid"], signal.SIGKILL)
    def comes_back():
        try:
            return runtime.invoke(session=session)["incarnation"] != first["incarnation"]
        except runtime.data.exceptions.RuntimeClientError:
            return False
    wait_for(comes_back, 20, "the session does not come back")
    wait_for(lambda: container["Id"] not in [c["Id"] for c in engine.containers()], 20, "the dead container is left")
    runtime.stop(session)


def test_an_agent_without_a_handler_stops_at_once(runtime):
    """The kernel drops SIGTERM for the first process of a container: nobody waits out a grace that can't be used."""
    session = session_id()
    runtime.invoke(session=session)
    began = time.monotonic()
    runtime.stop(session)
    assert runtime.invoke(session=session)["calls"] == 1
    assert time.monotonic() - began < 10
    runtime.stop(session)


class TestThatDoesNotStart:
    def failure(self, workshop, artifact, **options):
        from clients import settled_runtime
        created = workshop.create(artifact, **options)
        runtime = settled_runtime(workshop.control, created["agentRuntimeId"])
        assert runtime["status"] == "CREATE_FAILED"
        return runtime["failureReason"]

    def test_one_that_never_answers(self, workshop):
        reason = self.failure(workshop, "probe", environment={"PROBE_START": "never-bind"})
        assert reason.startswith("the agent did not answer GET /ping on port 8080 within ") and "probe agent starts: never-bind" in reason

    def test_one_that_exits(self, workshop):
        reason = self.failure(workshop, "probe", environment={"PROBE_START": "exit"})
        assert reason.startswith("the agent exited with code 3") and "the_missing_module" in reason

    def test_one_without_its_program(self, workshop, images):
        name = "localhost/signalbox-test/nothing:1"
        images.engine.build(name, {"Dockerfile": f'FROM {images.base}\nCMD ["/no/such/program"]\n'})
        assert "/no/such/program" in self.failure(workshop, of(name))


def test_an_archive_becomes_an_image_and_back(workshop, shared_workshop):
    import bundles
    archive = {"codeConfiguration": {
        "code": {"s3": {"bucket": workshop.bucket, "prefix": workshop.upload(bundles.agent("probe"))}},
        "runtime": __import__("places").PYTHON_RUNTIME, "entryPoint": ["main.py"]}}
    runtime = workshop.runtime(archive, environment={"AGENT_VERSION": "archive"})
    runtime.endpoint("prod", 1)
    runtime.update("probe", environment={"AGENT_VERSION": "image"})
    assert runtime.invoke()["version"] == "image" and runtime.invoke(qualifier="prod")["version"] == "archive"
    runtime.switch("prod", 2)
    assert runtime.invoke(qualifier="prod", session=session_id())["version"] == "image"
    runtime.update(archive, environment={"AGENT_VERSION": "archive again"})
    assert runtime.invoke()["version"] == "archive again"
    runtime.switch("prod", 1)
    assert runtime.invoke(qualifier="prod", session=session_id())["version"] == "archive"


def test_archives_in_an_image(another_server, images):
    """`--code-image`: archives run on the interpreters of an image."""
    from runtimes import Workshop
    server = another_server("--code-image", images.base)
    workshop = Workshop(server.clients)
    runtime = workshop.runtime("probe", environment={"AGENT_VERSION": "1"})
    session = session_id()
    seen = runtime.invoke({"do": "look", "paths": ["/var/task", "/etc/passwd"]}, session=session)
    assert seen["/var/task"] == ["main.py"] and "agent:x:4242" in seen["/etc/passwd"]
    assert [c for c in images.engine.containers() if c["Labels"]["signalbox.runtime"] == runtime.id], "it runs in no container"
    workshop.close()


def supervisor(server, verb, **members):
    """One request of the supervisor's own protocol: a length of four bytes, then JSON."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(30)
        connection.connect(f"{server.home}/supervisor.sock")
        data = json.dumps({"number": 1, "verb": verb, **members}).encode()
        connection.sendall(struct.pack(">I", len(data)) + data)
        file = connection.makefile("rb")
        while True:
            answer = json.loads(file.read(struct.unpack(">I", file.read(4))[0]))
            if answer.get("number") == 1 and "progress" not in answer:
                assert "failure" not in answer, answer
                return answer


def test_over_before_it_is_seen(server, images):
    """A container may end at any moment of its start: how it ended is known, and that it did is no failure to start it."""
    image = {"id": images.engine.image_id(images.base)}
    limits = {"memoryBytes": 256 << 20, "cpus": 2, "pids": 32, "temporaryBytes": 16 << 20, "logBytes": 65536}
    for attempt in range(24):
        name = f"brief-{time.time_ns()}"
        supervisor(server, "start", specification={
            "id": name, "labels": {}, "engine": "docker", "image": image, "environment": {}, "limits": limits, "network": "none",
            "command": ["/bin/sh", "-c", f"sleep 0.{attempt * 6:03}; exit 3"]})

        def exited():
            return supervisor(server, "status", id=name)["status"]["state"].get("exited")

        wait_for(exited, 30, f"{name} does not end")
        assert exited()["_0"]["code"] == 3, exited()
        supervisor(server, "forget", id=name)


def test_paused_and_resumed(runtime, engine, server):
    session = session_id()
    first = runtime.invoke(session=session)
    sandbox = container_of(engine, session)["Config"]["Labels"]["signalbox.sandbox"]
    supervisor(server, "pause", id=sandbox)
    assert container_of(engine, session)["State"]["Paused"]
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(runtime.invoke, session=session)
        time.sleep(1)
        assert not waiting.done(), "a frozen agent answered"
        supervisor(server, "resume", id=sandbox)
        assert waiting.result(20)["incarnation"] == first["incarnation"]
    # A frozen one can be stopped.
    supervisor(server, "pause", id=sandbox)
    runtime.stop(session)
    wait_for(lambda: sandbox not in [c["Labels"]["signalbox.sandbox"] for c in engine.containers()], 30, "the frozen container is left")


def test_a_killed_engine(workshop, engine):
    """Sessions that live go on or end cleanly; new ones are refused for now; service comes back by itself."""
    runtime = workshop.runtime(environment={"AGENT_VERSION": "1"})
    session = session_id()
    runtime.invoke(session=session)
    engine.kill()
    try:
        # Its processes need no engine to answer.
        assert runtime.invoke(session=session)["calls"] == 2
        with pytest.raises(ClientError) as refusal:
            runtime.invoke(session=session_id())
        assert refusal.value.response["ResponseMetadata"]["HTTPStatusCode"] == 503
        assert "container engine is away" in refusal.value.response["Error"]["Message"]
    finally:
        engine.start()

    def answers(session):
        try:
            return runtime.invoke(session=session)["version"] == "1"
        except (runtime.data.exceptions.RuntimeClientError, runtime.data.exceptions.RetryableConflictException):
            # Docker ends at its start what ran before it.
            return False
        except ClientError as failure:
            assert failure.response["ResponseMetadata"]["HTTPStatusCode"] == 503, failure
            return False
    wait_for(lambda: answers(session), 60, "the session does not come back")
    assert runtime.invoke(session=session_id())["version"] == "1"
    runtime.update(environment={"AGENT_VERSION": "2"})
