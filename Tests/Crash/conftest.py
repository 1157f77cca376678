"""A server that is killed and started again, on a PostgreSQL that stays."""

import pytest

import places
from crashing import Crashing
from server import ServeServer


@pytest.fixture(scope="module")
def crashing(scratch, postgres, images, request):
    database = postgres.create_database()
    name = request.module.__name__.removeprefix("test_")
    server = ServeServer(
        f"{scratch}/crash-{name}", postgres.url(database), log=places.log(f"crash-{name}"),
        # What is in flight at a stop in good order need not be waited for here.
        arguments=["--shutdown-grace", "2"], images=images)
    with server:
        crashing = Crashing(server, postgres, database)
        yield crashing
        crashing.workshop.close()
        crashing.nothing_left()
        crashing.settled_in_time()
