"""The server that the other tests use, or one that this folder starts for itself."""

import pytest

from runtimes import Workshop


@pytest.fixture(scope="module")
def workshop(server, images):
    workshop = Workshop(server.clients, images)
    yield workshop
    workshop.close()
