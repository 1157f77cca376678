"""An upgrade from a release that was really built: it and this one serve one database, and nothing is lost.

Needs its executable, since building it takes too long for every run:

    SIGNALBOX_OLDER=/path/to/signalbox …/python -m pytest … Tests/Race/test_older_release.py

test_upgrade.py plays the other side in every run: this release on the schema of the next one.
"""

import json
import os
import signal
import time

import pytest

import places
import transitions
from clients import wait_for
from crashing import Crashing
from processes import is_alive, stop
from runtimes import session_id
from server import ServeServer
from test_upgrade import restart, story
from trouble import Load

OLDER = os.environ.get("SIGNALBOX_OLDER")

pytestmark = pytest.mark.skipif(not OLDER, reason="SIGNALBOX_OLDER names no executable of the release before")


class Upgrade:
    """Two servers of the release before on a database of theirs."""

    def __init__(self, scratch, postgres):
        self.postgres = postgres
        self.database = postgres.create_database()
        self.one, self.two = (
            ServeServer(f"{scratch}/older-{which}", postgres.url(self.database), keys=f"{scratch}/older-keys", program=OLDER,
                        log=places.log(f"older-{which}"), arguments=["--shutdown-grace", "5", "--log-level", "info"])
            for which in ("one", "two"))

    def __enter__(self):
        self.one.__enter__()
        try:
            transitions.observe(self.sql)
            self.two.__enter__()
        except BaseException:
            self.__exit__()
            raise
        self.crashing = Crashing(self.one, self.postgres, self.database)
        return self

    def __exit__(self, *_):
        try:
            if self.two.process:
                self.two.__exit__()
        finally:
            self.one.__exit__()

    def sql(self, statement):
        return self.postgres.query(statement, self.database)

    def schema(self):
        return int(self.sql("select max(number) from schema_migration")[0][0])

    @staticmethod
    def send(server, method, path, body=None):
        data = json.dumps(body).encode() if body is not None else b""
        return server.signer().send(method, path, data, [("Content-Type", "application/json")] if body is not None else [])

    def check(self):
        wait_for(lambda: not self.sql("select * from work"), 60, lambda: f"work is left: {self.sql('select * from work')}")
        self.crashing.history_is_legal()
        return transitions.check(self.sql)

    def replace(self, server, program):
        """Stops a server in good order and starts it with another executable."""
        server.program = program
        restart(server)


@pytest.fixture(scope="module")
def upgrade(scratch, postgres):
    with Upgrade(scratch, postgres) as upgrade:
        yield upgrade


@pytest.fixture(scope="module")
def runtime(upgrade):
    runtime = upgrade.crashing.workshop.runtime(environment={"AGENT_VERSION": "1"})
    runtime.update(environment={"AGENT_VERSION": "2"})
    for name in ("one", "two"):
        runtime.endpoint(name, 1)
    return runtime


def step(upgrade, runtime, server, program):
    """Puts another executable in a server's place, under load, and asks both servers for everything."""
    other, name = (upgrade.one, "one") if server is upgrade.two else (upgrade.two, "two")
    session = session_id()
    before = runtime.invoke(session=session)
    with Load(other, runtime, upgrade.sql, name) as load:
        time.sleep(0.5)
        upgrade.replace(server, program)
        back = load.back_after(time.monotonic())
    load.check()
    refused = {kind: count for kind, count in load.counts.items() if kind.endswith(" 503")}
    assert not refused, f"refused while the other was replaced: {refused}"
    assert load.is_durable() > 0, "nothing was moved"
    with Load(upgrade.one, runtime, upgrade.sql, "one") as first, Load(upgrade.two, runtime, upgrade.sql, "two") as second:
        for one in (upgrade.one, upgrade.two):
            story(upgrade, one)
    for load in (first, second):
        load.check()
        assert load.is_durable() > 0, "nothing was moved beside the story"
    # Its sandbox has outlived the server that began it.
    after = runtime.invoke(session=session)
    assert (after["incarnation"], after["calls"]) == (before["incarnation"], before["calls"] + 1)
    runtime.stop(session)
    print(f"back after {back:.2f} s; {upgrade.check()} steps, all legal; schema {upgrade.schema()}")


def test_one_server_after_the_other(upgrade, runtime):
    before = upgrade.schema()
    step(upgrade, runtime, upgrade.two, None)
    migrated = upgrade.schema()
    assert migrated in (before, before + 1), "a release brings one migration at most"
    step(upgrade, runtime, upgrade.one, None)
    assert upgrade.schema() == migrated


def test_one_starts_again_as_it_was(upgrade, runtime):
    """As when an upgrade is taken back: the release before on the schema of this one, beside this one."""
    try:
        step(upgrade, runtime, upgrade.one, OLDER)
    except RuntimeError as refusal:
        # Releases that know nothing of a schema ahead of them say so in these words.
        if "newer than this program (it knows" not in str(refusal):
            raise
        pytest.skip("the release before refuses every newer schema")
    finally:
        if upgrade.one.program or not is_alive(upgrade.one.process.pid):
            stop(upgrade.one.process, how=signal.SIGTERM)
            upgrade.one.program = None
            upgrade.one.start()
    step(upgrade, runtime, upgrade.two, None)


def test_what_the_release_before_did_is_in_the_trail(upgrade, runtime):
    """Of changes that it brought to their end the audit trail tells, though it may not have known of one."""
    ((done,),) = upgrade.sql(f"""
        select count(*) from endpoint_history h where runtime_id = '{runtime.id}' and kind = 'flipped' and at > (
            select applied_at + interval '5 seconds' from schema_migration order by number desc limit 1)""")
    ((told,),) = upgrade.sql(f"""
        select count(*) from audit where runtime_id = '{runtime.id}' and operation = 'EndpointReady' and at > (
            select applied_at + interval '5 seconds' from schema_migration order by number desc limit 1)""")
    assert int(told) == int(done) > 0
