"""The server that the other tests use, or one that this folder starts for itself."""

import pytest

from runtimes import Workshop


@pytest.fixture(scope="module")
def workshop(server):
    workshop = Workshop(server.clients)
    yield workshop
    workshop.close()
