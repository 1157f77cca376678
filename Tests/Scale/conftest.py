"""Large databases, and servers on them."""

import pytest

from crowds import Crowd, populate, server_on
from plans import explained
from runtimes import Workshop


@pytest.fixture(scope="module")
def crowd(scratch, postgres):
    database = postgres.create_database()
    serve = server_on(scratch, postgres, database, "crowd")
    with serve() as first:
        workshop = Workshop(first.clients)
        runtime = workshop.runtime("probe")
        runtime.endpoint("prod", version="1")
    populate(postgres, database, runtime)
    postgres.query("vacuum analyze", database)
    with explained(postgres) as plans, serve() as second:
        yield Crowd(second, postgres, database, runtime, workshop, plans)


@pytest.fixture
def grown(scratch, postgres):
    """As `crowd`, but the server made its plans while the tables were all but empty, and known to be so."""
    database = postgres.create_database()
    serve = server_on(scratch, postgres, database, "grown")
    postgres.query("alter system set autovacuum = off")
    try:
        with serve() as first:
            workshop = Workshop(first.clients)
            runtime = workshop.runtime("probe")
            runtime.endpoint("prod", version="1")
        postgres.query("vacuum analyze", database)
        with explained(postgres) as plans, serve() as second:
            crowd = Crowd(second, postgres, database, runtime, workshop, plans)
            crowd.grow = lambda: populate(postgres, database, runtime)
            yield crowd
    finally:
        postgres.query("alter system reset autovacuum")
        postgres.query("select pg_reload_conf()")
