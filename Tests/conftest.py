"""What every folder of Python tests shares: the --long switch and the session's temporary home."""

import json
import os
import shutil
import signal
import tempfile

import pytest

import places
import score
from engines import ENGINES, Images
from postgres import PrivatePostgres
from server import DevServer, RemoteServer


def pytest_configure(config):
    # A test run that is ended from outside takes its servers along, as at Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)


def pytest_addoption(parser):
    parser.addoption("--agents", choices=["archives", *ENGINES], default="archives",
                     help="what agents are made of: archives, or images on a Docker or Podman of our own")
    parser.addoption("--endpoint-url", metavar="URL",
                     help="test the server at this address, with the AWS_* credentials of the environment, instead of one of our own")
    parser.addoption("--score", metavar="FILE", help="print what was driven of the API, and write it here")
    parser.addoption("--long", action="store_true", help="turn the counts of crash and race tests up, wait for long timers")


def pytest_collection_modifyitems(config, items):
    if endpoint_url(config):
        # Here already, before any fixture starts a server for them.
        for item in items:
            if "local" in item.keywords:
                item.add_marker(pytest.mark.skip(reason="needs a server on this machine"))
    if config.getoption("--long"):
        return
    for item in items:
        if "long" in item.keywords:
            item.add_marker(pytest.mark.skip(reason="runs with --long"))


def pytest_terminal_summary(terminalreporter, config):
    path = config.getoption("--score")
    if not path:
        return
    found = score.collected()
    with open(path, "w", encoding="utf-8") as file:
        json.dump(found, file)
    terminalreporter.section("score")
    terminalreporter.write_line(score.table(found))


def endpoint_url(config):
    """Of a server that somebody else runs; None for one of our own."""
    return config.getoption("--endpoint-url") or os.environ.get("CONFORMANCE_ENDPOINT_URL")


@pytest.fixture(scope="session")
def long_run(pytestconfig):
    return pytestconfig.getoption("--long")


@pytest.fixture(scope="session")
def scratch():
    """A short path that other users may pass through: sockets and sandboxes live below it."""
    path = tempfile.mkdtemp(prefix="sbx-", dir="/tmp")
    os.chmod(path, 0o711)
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(scope="session")
def images(pytestconfig, scratch):
    """Makes agents images, when --agents names a container engine."""
    name = pytestconfig.getoption("--agents")
    if name == "archives":
        yield None
        return
    with ENGINES[name](f"{scratch}/engine") as engine:
        yield Images(engine)


@pytest.fixture(scope="session")
def server(scratch, images, pytestconfig):
    """The server that most tests share: `signalbox dev`, or whatever --endpoint-url or CONFORMANCE_ENDPOINT_URL names."""
    if url := endpoint_url(pytestconfig):
        yield RemoteServer(url)
        return
    with DevServer(f"{scratch}/home", arguments=["--agent-start-timeout", "20"], log=places.log("conformance-server"),
                   images=images) as it:
        yield it


@pytest.fixture(scope="session")
def postgres(scratch):
    with PrivatePostgres(f"{scratch}/pg") as cluster:
        yield cluster
