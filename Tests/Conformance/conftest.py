"""Fixtures of the conformance tests: clients, runtimes, and one good runtime that many tests share."""

import pytest

import places
from clients import CommandLine
from runtimes import Workshop
from server import DevServer, ServeServer
from tenants import Tenants


@pytest.fixture(scope="session")
def clients(server):
    return server.clients


@pytest.fixture(scope="session")
def control(clients):
    return clients.control


@pytest.fixture(scope="session")
def data(clients):
    return clients.data


@pytest.fixture(scope="session")
def s3(clients):
    return clients.s3


@pytest.fixture(scope="session")
def aws(server):
    return CommandLine(server.environment)


@pytest.fixture(scope="session")
def signer(server):
    return server.signer()


@pytest.fixture(scope="session")
def shared_workshop(clients, images):
    workshop = Workshop(clients, images)
    yield workshop
    workshop.close()


@pytest.fixture
def workshop(clients, shared_workshop):
    """Runtimes of one test, gone when it ends. The bucket is shared."""
    own = Workshop.__new__(Workshop)
    own.__dict__.update(shared_workshop.__dict__, _made=[])
    yield own
    own.close()


@pytest.fixture(scope="module")
def probe(shared_workshop):
    """One good runtime for a module that only invokes."""
    runtime = shared_workshop.runtime("probe", environment={"AGENT_VERSION": "1"})
    yield runtime
    runtime.delete()


@pytest.fixture
def dev_server(scratch, request):
    """Starts further servers with other settings; all are stopped at the end of the test."""
    started = []

    def start(*arguments):
        number = len(started)
        name = request.node.name.replace("[", "-").replace("]", "")[:40]
        server = DevServer(f"{scratch}/h-{name}-{number}", arguments=arguments, log=places.log(f"server-{name}-{number}"))
        started.append(server.__enter__())
        return server

    yield start
    for server in reversed(started):
        server.__exit__(None, None, None)


@pytest.fixture(scope="session")
def tenants(scratch, postgres):
    """A server with keys of every role and of another account."""
    with ServeServer(f"{scratch}/tenants", postgres.url(postgres.create_database()), log=places.log("tenants")) as server:
        yield Tenants(server)
