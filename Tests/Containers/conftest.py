"""A server beside a container engine of our own: Docker or Podman, as --agents says."""

import pytest

import places
from runtimes import Workshop
from server import DevServer, ServeServer


@pytest.fixture(scope="session")
def images(images):
    if not images:
        pytest.skip("needs --agents docker or --agents podman")
    return images


@pytest.fixture(scope="session")
def engine(images):
    return images.engine


@pytest.fixture(scope="session")
def server(scratch, images):
    with DevServer(f"{scratch}/containers", arguments=["--agent-start-timeout", "20"], log=places.log(f"containers-{images.engine.name}"),
                   images=images) as server:
        yield server


@pytest.fixture(scope="session")
def shared_workshop(server, images):
    workshop = Workshop(server.clients, images)
    yield workshop
    workshop.close()


@pytest.fixture
def workshop(shared_workshop, engine):
    """Runtimes of one test, gone when it ends, and with them their containers."""
    own = Workshop.__new__(Workshop)
    own.__dict__.update(shared_workshop.__dict__, _made=[])
    before = {container["Id"] for container in engine.containers()}
    yield own
    own.close()
    assert {container["Id"] for container in engine.containers()} <= before, "containers are left over"
    assert engine.volumes() == []


@pytest.fixture
def another_server(scratch, request, images, postgres):
    """Starts servers with other settings, or a server whose supervisor outlives it; all are stopped at the end."""
    started = []

    def start(*arguments, keeps_sandboxes=False, environment=None):
        name = f"{request.node.name[:30].replace('[', '-').replace(']', '')}-{len(started)}"
        options = dict(
            arguments=["--agent-start-timeout", "20", "--shutdown-grace", "2", *arguments], log=places.log(f"containers-{name}"),
            environment=environment or {}, images=images)
        if keeps_sandboxes:
            server = ServeServer(f"{scratch}/{name}", postgres.url(postgres.create_database()), **options)
        else:
            server = DevServer(f"{scratch}/{name}", **options)
        started.append(server.__enter__())
        return server

    yield start
    for server in reversed(started):
        server.__exit__(None, None, None)
