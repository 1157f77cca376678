"""`signalbox deploy` of folders with a Dockerfile: built by the engine's API, deployed by digest, pushed."""

import base64
import json
import pathlib
import platform
import shutil

import pip
import pytest

import bundles
import engines
import places
from clients import settled_runtime
from registry import Registry
from runtimes import Runtime, Workshop, session_id, unique


@pytest.fixture(scope="module")
def registry(engine):
    with Registry(engine.registry_port) as registry:
        yield registry


@pytest.fixture
def agent(tmp_path, images):
    """A folder with the test agent and its Dockerfile."""
    folder = tmp_path / "agent"
    folder.mkdir()
    shutil.copy(places.AGENTS / "probe.py", folder / "main.py")
    dockerfile(folder, images)
    return folder


def dockerfile(folder, images, *lines, name="Dockerfile"):
    (folder / name).write_text("\n".join([
        f"FROM {images.base}", "ARG VERSION=1", "WORKDIR /app", "COPY . /app", *lines, "ENV AGENT_VERSION=$VERSION",
        f'CMD ["{engines.interpreter()}", "main.py"]']) + "\n")


class Deployments:
    """Runs `signalbox deploy` and knows what it made."""

    def __init__(self, server, workshop):
        self.server = server
        self.workshop = workshop
        self.docker_host = workshop.images.arguments

    def __call__(self, name, *arguments):
        """The runtime as it is now, and what was said."""
        done = self.attempt(name, *arguments)
        assert done.returncode == 0, done.stderr
        answer = json.loads(done.stdout)
        return self.known(answer), answer, done.stderr

    def attempt(self, name, *arguments):
        done = self.server.run(
            "deploy", *map(str, arguments), "--name", name, "--output", "json", *self.docker_host, check=False)
        for runtime in self.workshop.control.list_agent_runtimes()["agentRuntimes"]:
            if runtime["agentRuntimeName"] == name:
                self.known(runtime)
        return done

    def known(self, answer):
        if answer["agentRuntimeId"] not in self.workshop._made:
            self.workshop._made.append(answer["agentRuntimeId"])
        return Runtime(self.workshop, answer)


@pytest.fixture
def deploy(server, workshop):
    return Deployments(server, workshop)


def uri(answer):
    return answer["agentRuntimeArtifact"]["containerConfiguration"]["containerUri"]


def image_id(engine, reference):
    found = engine.image_id(reference)
    return found if found.startswith("sha256:") else f"sha256:{found}"


def test_a_folder_by_digest_and_once(deploy, agent, engine, images):
    name = unique("Built__")
    runtime, first, said = deploy(name, agent)
    repository, _, digest = uri(first).partition("@")
    assert repository == "localhost/signalbox/" + name.lower().replace("__", "_").replace("__", "_")
    assert runtime.invoke()["version"] == "1"
    # Kept by a tag of its own, so that nothing prunes it.
    tag = f"{repository}:{digest.removeprefix('sha256:')[:12]}"
    assert image_id(engine, tag) == digest
    assert f"✓ built {tag} in 6 steps" in said

    # Nothing to do, whatever the files' times are.
    (agent / "main.py").touch()
    _, again, _ = deploy(name, agent)
    assert again["agentRuntimeVersion"] == "1" and uri(again) == uri(first)
    assert "unchanged" in deploy.server.run("deploy", str(agent), "--name", name, *images.arguments).stdout

    _, second, _ = deploy(name, agent, "--build-arg", "VERSION=two", "--env", "KEPT=yes")
    assert second["agentRuntimeVersion"] == "2" and uri(second) != uri(first)
    assert runtime.invoke(session=session_id())["version"] == "two"
    # What is not said stays, other than the image.
    _, third, _ = deploy(name, agent)
    assert third["agentRuntimeVersion"] == "3" and uri(third) == uri(first) and third["environmentVariables"] == {"KEPT": "yes"}
    assert deploy(name, agent, "--force")[1]["agentRuntimeVersion"] == "4"


def test_the_context(deploy, agent, images):
    """Links stay links and nothing outside comes along; what is ignored is not there; another Dockerfile."""
    (agent.parent / "secret").write_text("outside")
    (agent / "link").symlink_to(agent.parent / "secret")
    (agent / "inside").symlink_to("main.py")
    (agent / "data").mkdir()
    for name in ("data/keep.txt", "data/drop.txt", "secret.key", "tool"):
        (agent / name).write_text(name)
    (agent / "tool").chmod(0o755)
    (agent / ("deep" * 40)).write_text("long")
    # Docker leaves the file itself out only if it is told to.
    (agent / ".dockerignore").write_text("# what is left out\n*.key\ndata\n!data/keep.txt\nContainerfile\n.dockerignore\n")
    (agent / "Dockerfile").unlink()
    program = (
        "import os, pathlib\n"
        "found = sorted(str(p) for p in pathlib.Path('.').rglob('*'))\n"
        "assert found == ['data', 'data/keep.txt', %r, 'inside', 'link', 'main.py', 'tool'], found\n"
        "assert os.path.islink('link') and not os.path.exists('link'), 'followed'\n"
        "assert os.readlink('inside') == 'main.py' and os.access('tool', os.X_OK) and not os.access('main.py', os.X_OK)\n"
        "print('the context is right')\n" % ("deep" * 40))
    dockerfile(agent, images, f'RUN ["{engines.interpreter()}", "-c", {json.dumps(program)}]', name="Containerfile")
    runtime, _, _ = deploy(unique(), agent)
    assert runtime.invoke()["version"] == "1"
    (agent / "docker").mkdir()
    (agent / "Containerfile").unlink()
    dockerfile(agent, images, "ENV OTHER=yes", name="docker/other")
    runtime, _, _ = deploy(unique(), agent, "--dockerfile", "docker/other")
    assert runtime.invoke()["version"] == "1"


def test_a_link_that_leads_out(deploy, agent, images):
    (agent / "out").symlink_to("../secret")
    done = deploy.attempt(unique(), agent)
    if images.engine.name == "docker":
        assert done.returncode == 0, done.stderr
    else:
        assert done.returncode == 1 and "no links that lead out of the folder, such as out" in done.stderr, done.stderr


def test_a_build_that_fails(deploy, agent, images):
    dockerfile(agent, images, "RUN echo this is why >&2; exit 3")
    name = unique("failing")
    done = deploy.attempt(name, agent)
    assert done.returncode == 1
    assert "building the image failed at step 5/7 RUN echo this is why" in done.stderr, done.stderr
    assert "\nthis is why\n" in done.stderr and "✗ image" in done.stderr
    assert name not in [runtime["agentRuntimeName"] for runtime in deploy.workshop.control.list_agent_runtimes()["agentRuntimes"]]
    (agent / "Dockerfile").write_text("NONSENSE\n")
    done = deploy.attempt(name, agent)
    assert done.returncode == 1 and any(word in done.stderr for word in ("NONSENSE", "no FROM")), done.stderr
    (agent / "Dockerfile").write_text("FROM scratch\nCOPY absent /\n")
    done = deploy.attempt(name, agent)
    assert done.returncode == 1 and "absent" in done.stderr, done.stderr


def test_wrong_words(deploy, agent, server):
    def refused(*arguments, code=64):
        done = server.run("deploy", "--name", "n", *map(str, arguments), check=False)
        assert done.returncode == code, done.stderr
        return done.stderr

    assert "--archive" in refused(agent, "--entry-point", "main.py")
    assert "without TLS" in refused(agent, "--docker-host", "tcp://elsewhere:1")
    assert "is off" in refused(agent, "--docker-host", "off", code=1)
    assert "does not answer" in refused(agent, "--docker-host", "unix:///nowhere.sock", code=1)
    assert "has no Dockerfile" in refused(places.EXAMPLES / "plain", "--push", "localhost:1/n")
    assert "no file absent" in refused(agent, "--dockerfile", "absent", code=1)


def test_archive_and_image_in_turns(deploy, agent, images):
    name = unique("turns")
    runtime, first, _ = deploy(name, agent, "--archive", "--env", "AGENT_VERSION=archive")
    assert "codeConfiguration" in first["agentRuntimeArtifact"]
    assert runtime.invoke()["version"] == "archive"
    _, second, _ = deploy(name, agent)
    assert uri(second) and second["environmentVariables"] == {"AGENT_VERSION": "archive"}
    _, third, _ = deploy(name, agent, "--unset-env", "AGENT_VERSION")
    assert runtime.invoke(session=session_id())["version"] == "1"
    _, fourth, _ = deploy(name, agent, "--archive")
    assert fourth["agentRuntimeVersion"] == "4" and "codeConfiguration" in fourth["agentRuntimeArtifact"]


def test_an_image_as_it_is(deploy, images):
    name, reference = unique("as_it_is"), images.reference()
    runtime, first, _ = deploy(name, "--image", reference, "--env", "AGENT_VERSION=given", "--endpoint", "prod")
    assert uri(first) == reference
    assert runtime.invoke(qualifier="prod")["version"] == "given"
    said = deploy.server.run("deploy", "--image", reference, "--name", name).stdout
    assert "unchanged, version 1 READY" in said and "--force" in said


@pytest.mark.parametrize("tag", ["", ":stable"])
def test_pushed(deploy, agent, engine, registry, tag):
    name, repository = unique("pushed"), unique("team/agent")
    runtime, first, said = deploy(name, agent, "--push", f"{registry.host}/{repository}{tag}")
    where, _, digest = uri(first).partition("@")
    assert where == f"{registry.host}/{repository}"
    assert (repository, digest) in registry.manifests
    pushed = {found for (of, found) in registry.tags if of == repository}
    assert pushed == {tag[1:]} if tag else len(pushed.pop()) == 12
    assert f"✓ pushed {where}:" in said
    assert runtime.invoke()["version"] == "1"
    assert deploy(name, agent, "--push", f"{registry.host}/{repository}{tag}")[1]["agentRuntimeVersion"] == "1"

    # Another host has the registry alone.
    for container in engine.containers():
        if container["Labels"]["signalbox.runtime"] == runtime.id:
            engine.call("DELETE", f"/containers/{container['Id']}?force=true&v=true")
    local = f"localhost/signalbox/{name}"
    image = image_id(engine, f"{local}:latest")
    engine.call("DELETE", f"/images/{image}?force=true")
    registry.requests.clear()
    assert runtime.invoke(session=session_id())["version"] == "1"
    assert ("GET", f"/v2/{repository}/manifests/{digest}") in registry.requests


def test_pushed_with_a_password(agent, images, registry, tmp_path, another_server):
    """Both sides need it: whoever pushes, and whoever pulls."""
    server = another_server(environment={"DOCKER_CONFIG": str(tmp_path)})
    registry.password = ("me", "secret")
    try:
        target, words = f"{registry.host}/{unique('private')}", ["--name", "private", "--output", "json", *images.arguments]
        done = server.run("deploy", str(agent), *words, "--push", target, check=False)
        assert done.returncode == 1 and f"pushing {target}" in done.stderr, done.stderr
        auth = base64.b64encode(b"me:secret").decode()
        (tmp_path / "config.json").write_text(json.dumps({"auths": {registry.host: {"auth": auth}}}))
        answer = json.loads(server.run("deploy", str(agent), *words, "--push", target).stdout)
        assert uri(answer).startswith(f"{target}@sha256:")
        assert Runtime(Workshop(server.clients), answer).invoke()["version"] == "1"
    finally:
        registry.password = None


def test_a_server_that_has_not_the_image(deploy, agent, images, another_server):
    """As if it was built on another engine."""
    absent = f"localhost/signalbox/absent@sha256:{'0' * 64}"
    done = deploy.attempt(unique(), "--image", absent)
    assert done.returncode == 1 and f"pull {absent}" in done.stderr and "--push" in done.stderr, done.stderr
    other = another_server("--docker-host", "off")
    done = other.run("deploy", str(agent), "--name", "elsewhere", *images.arguments, check=False)
    assert done.returncode == 1 and "--docker-host off" in done.stderr, done.stderr


@pytest.fixture(scope="module")
def with_pip(images):
    """A base image like Docker Hub's python, whose pip finds wheels on the image's own disk."""
    package = pathlib.Path(pip.__file__).parent
    files = {
        f"pip/{path.relative_to(package)}": path.read_bytes()
        for path in package.rglob("*") if path.is_file() and "__pycache__" not in path.parts
    }
    for path in bundles.wheels(places.EXAMPLES / "container" / "requirements.txt").iterdir():
        files[f"wheels/{path.name}"] = path.read_bytes()
    files["python"] = f'#!/bin/sh\nexec {engines.interpreter()} "$@"\n'
    files["Dockerfile"] = "\n".join([
        f"FROM {images.base}", "COPY pip /opt/pip/pip", "COPY wheels /wheels", "COPY python /opt/bin/python",
        "ENV PATH=/opt/bin:/usr/bin:/bin PYTHONPATH=/opt/pip PIP_NO_INDEX=1 PIP_FIND_LINKS=/wheels PIP_BREAK_SYSTEM_PACKAGES=1",
    ]) + "\n"
    reference = "localhost/signalbox-test/with-pip:1"
    images.engine.build(reference, files, executable=["python"])
    return reference


def test_the_example(deploy, with_pip, images):
    name = unique("example")
    runtime, answer, said = deploy(name, places.EXAMPLES / "container", "--build-arg", f"BASE={with_pip}", "--env", "GREETING=Ahoy")
    found = runtime.invoke({"name": "Ada"})
    assert found["result"] == "Ahoy, Ada" and found["python"] == platform.python_version()
    assert found["user"] not in (0, None)
    assert settled_runtime(runtime.control, runtime.id)["status"] == "READY"
    assert uri(deploy(name, places.EXAMPLES / "container", "--build-arg", f"BASE={with_pip}")[1]) == uri(answer)
