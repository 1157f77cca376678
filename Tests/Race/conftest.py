"""Two replicas on one database."""

import pytest

from replicas import Pair


@pytest.fixture(scope="module")
def pair(scratch, postgres, request):
    # The name keeps homes short: sockets lie in them.
    with Pair(scratch, postgres, request.module.__name__.removeprefix("test_"), [
        "--work-lease", str(getattr(request.module, "LEASE", 3)), *getattr(request.module, "ARGUMENTS", [])]) as pair:
        yield pair
