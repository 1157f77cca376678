"""From a reference to a pinned image: pulled, kept, refused."""

import json
import os
import subprocess

import pytest

import engines
import places
from clients import settled_runtime
from engines import of, python_root
from processes import wait_for
from registry import Registry, layer
from runtimes import Workshop, session_id, unique


@pytest.fixture(scope="module")
def registry(engine):
    with Registry(engine.registry_port) as registry:
        yield registry


@pytest.fixture(scope="module")
def base():
    return python_root()


def push(registry, base, repository, text, tag="1", **options):
    """An agent that answers `text` as its version."""
    configuration = {
        "Cmd": [engines.interpreter(), "/app/main.py"], "Env": [f"AGENT_VERSION={text}", "PATH=/usr/bin"], "WorkingDir": "/app"}
    program = layer({"app/main.py": (places.AGENTS / "probe.py").read_bytes()})
    return registry.push(repository, tag, [base, program], configuration, **options)


def failure(workshop, artifact):
    created = workshop.create(artifact)
    runtime = settled_runtime(workshop.control, created["agentRuntimeId"])
    assert runtime["status"] == "CREATE_FAILED", runtime["status"]
    return runtime["failureReason"]


def preparation(server, runtime, version=None):
    query = f"?version={version}" if version else ""
    answer = server.signer().send("GET", f"/_signalbox/v1/runtimes/{runtime.id}/preparation{query}")
    assert answer.status == 200, answer
    return answer.json


def forget(engine, reference):
    engine.call("DELETE", f"/images/{reference}?force=true")


def test_a_moved_tag_changes_no_version(workshop, registry, base, engine, server):
    repository = unique("moved")
    reference = f"{registry.host}/{repository}:1"
    first, digest = push(registry, base, repository, "first")
    runtime = workshop.runtime(of(reference))
    assert runtime.invoke()["version"] == "first"
    runtime.endpoint("prod", 1)
    second, _ = push(registry, base, repository, "second")
    # Everywhere: in the registry and on the host.
    assert first != second
    assert runtime.invoke(session=session_id())["version"] == "first"
    runtime.update(of(reference))
    assert runtime.invoke()["version"] == "second" and runtime.invoke(qualifier="prod")["version"] == "first"
    found = preparation(server, runtime, 1)
    assert found["image"] == {"id": first, "source": f"{registry.host}/{repository}@{digest}"}
    assert preparation(server, runtime)["image"]["id"] == second
    # Back on DEFAULT: by a third version, of the first's image.
    rolled = server.signer().send("POST", f"/_signalbox/v1/runtimes/{runtime.id}/runtime-endpoints/DEFAULT/rollback")
    assert rolled.status == 202, rolled
    runtime.ready(version=3)
    assert runtime.invoke(session=session_id())["version"] == "first"
    # A host that has lost the image pulls the same one, by its digest.
    for container in engine.containers():
        if container["Labels"]["signalbox.runtime"] == runtime.id:
            engine.call("DELETE", f"/containers/{container['Id']}?force=true&v=true")
    forget(engine, first)
    assert runtime.invoke(session=session_id())["version"] == "first"


def test_a_moved_local_tag_changes_no_version(workshop, images, engine):
    name = f"localhost/signalbox-test/{unique('local')}"
    source = (places.AGENTS / "probe.py").read_bytes()
    images.make(f"{name}:1", source, lines=["ENV AGENT_VERSION=first"])
    runtime = workshop.runtime(of(f"{name}:1"))
    images.make(f"{name}:1", source, lines=["ENV AGENT_VERSION=second"])
    assert runtime.invoke(session=session_id())["version"] == "first"
    runtime.update(of(f"{name}:1"))
    assert runtime.invoke(session=session_id())["version"] == "second"


def test_an_image_named_by_its_own_hash(workshop, images, engine):
    reference = images.reference()
    image = engine.image_id(reference)
    image = image if image.startswith("sha256:") else f"sha256:{image}"
    runtime = workshop.runtime(of(f"{reference.rsplit(':', 1)[0]}@{image}"), environment={"AGENT_VERSION": "1"})
    assert runtime.invoke()["version"] == "1"


def test_progress_can_be_watched(workshop, registry, base, server):
    repository = unique("slow")
    push(registry, base + b"\0" * 1024, repository, "slow")
    registry.delay = 1
    try:
        created = workshop.create(of(f"{registry.host}/{repository}:1"))
        from runtimes import Runtime
        runtime = Runtime(workshop, created)
        seen = set()

        def look():
            seen.add(preparation(server, runtime).get("preparation"))
            return any(text and text.startswith("pulling") for text in seen)

        wait_for(look, 30, lambda: f"no progress was seen: {seen}")
        assert preparation(server, runtime)["status"] == "CREATING"
    finally:
        registry.delay = 0
    runtime.ready()
    assert "preparation" not in preparation(server, runtime)


def test_what_cannot_be_pulled_says_why(workshop, registry, engine):
    assert "manifest unknown" in failure(workshop, of(f"{registry.host}/no/such/thing:1"))
    port = engines.free_port()
    assert "connection refused" in failure(workshop, of(f"127.0.0.1:{port}/agent:1"))


def test_a_platform_that_is_not_this_hosts(workshop, registry, base):
    repository = unique("foreign")
    other = "arm64" if engines_architecture() == "amd64" else "amd64"
    push(registry, base, repository, "foreign", arch=other)
    reason = failure(workshop, of(f"{registry.host}/{repository}:1"))
    assert f"linux/{other}" in reason and f"linux/{engines_architecture()}" in reason


def engines_architecture():
    from registry import architecture
    return architecture()


def test_an_image_that_is_too_large(another_server, images):
    server = another_server("--maximum-image-size", "1")
    workshop = Workshop(server.clients, images)
    assert "at most 1 MiB are allowed" in failure(workshop, "probe")
    workshop.close()


def test_credentials(another_server, registry, base, tmp_path, images, engine):
    """From Docker's own configuration, directly and by a helper; without them the registry's refusal is the reason."""
    import base64
    repository = unique("private")
    push(registry, base, repository, "private")
    registry.password = ("me", "s3cret-for-the-registry")
    try:
        for way in ("none", "file", "helper"):
            folder = tmp_path / way
            folder.mkdir()
            environment = {"DOCKER_CONFIG": str(folder), "PATH": f"{folder}:{os.environ['PATH']}"}
            if way == "file":
                auth = base64.b64encode(":".join(registry.password).encode()).decode()
                (folder / "config.json").write_text(json.dumps({"auths": {registry.host: {"auth": auth}}}))
            elif way == "helper":
                (folder / "config.json").write_text(json.dumps({"credHelpers": {registry.host: "test"}}))
                helper = folder / "docker-credential-test"
                helper.write_text('#!/bin/sh\n[ "$1" = get ] && read host; printf \'{"Username":"me","Secret":"s3cret-for-the-registry"}\'\n')
                helper.chmod(0o755)
            server = another_server(environment=environment)
            workshop = Workshop(server.clients, images)
            reference = f"{registry.host}/{repository}:1"
            if way == "none":
                reason = failure(workshop, of(reference))
                assert "authentication required" in reason or "no basic auth credentials" in reason or "unauthorized" in reason, reason
            else:
                runtime = workshop.runtime(of(reference))
                assert runtime.invoke()["version"] == "private"
                workshop.close()
                forget(engine, reference)
            logs = server.log.read_text(errors="replace") + open(f"{server.home}/supervisor.log", errors="replace").read()
            assert "s3cret-for-the-registry" not in logs
    finally:
        registry.password = None


def test_only_ecr_when_strict(another_server, images):
    server = another_server("--strict-image-uri")
    workshop = Workshop(server.clients, images)
    with pytest.raises(workshop.control.exceptions.ValidationException):
        workshop.create(of("localhost/agent:1"))
    workshop.close()


def test_a_full_disk(another_server, scratch, registry, base):
    """The pull fails with the engine's own words, and the next version, with room again, works."""
    repository = unique("large")
    push(registry, base, repository, "large")
    directory = f"{scratch}/small"
    os.makedirs(f"{directory}/data")
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=30m", "tmpfs", f"{directory}/data"], check=True)
    try:
        with engines.Docker(directory) as small:
            server = another_server("--docker-host", small.url)
            workshop = Workshop(server.clients)
            reason = failure(workshop, of(f"{registry.host}/{repository}:1"))
            assert "no space left on device" in reason
            subprocess.run(["mount", "-o", "remount,size=600m", f"{directory}/data"], check=True)
            runtime = workshop.runtime(of(f"{registry.host}/{repository}:1"))
            assert runtime.invoke()["version"] == "large"
            workshop.close()
    finally:
        # The engine's end takes its mounts along; this is for the case that it did not begin.
        subprocess.run(["umount", f"{directory}/data"], capture_output=True, check=False)
        assert not os.path.ismount(f"{directory}/data")


def test_no_engine_at_all(another_server):
    server = another_server("--docker-host", "off")
    workshop = Workshop(server.clients)
    assert "Containers are switched off on this server" in failure(workshop, of("localhost/agent:1"))
    workshop.close()
