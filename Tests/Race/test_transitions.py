"""The check of every status that was committed fails when one is wrong: a check that can't fail would hold nothing."""

import subprocess

import pytest

import places
import transitions
from processes import clean_environment


@pytest.fixture
def sql(scratch, postgres):
    """A migrated, observed database with one runtime."""
    database = postgres.create_database()
    subprocess.run(
        [places.signalbox(), "migrate", "--home", f"{scratch}/transitions"], check=True, capture_output=True,
        env=clean_environment(SIGNALBOX_DATABASE_URL=postgres.url(database)))

    def run(statement):
        return postgres.query(statement, database)

    transitions.observe(run)
    run("insert into account (number) values ('123456789012')")
    run("""insert into agent_runtime (runtime_id, account, region, name, status)
        values ('r-0123456789', '123456789012', 'us-east-1', 'r', 'CREATING')""")
    return run


def test_a_legal_life(sql):
    for status in ("READY", "UPDATING", "UPDATE_FAILED", "UPDATING", "READY", "DELETING", "DELETE_FAILED", "DELETING"):
        sql(f"update agent_runtime set status = '{status}'")
    sql("delete from agent_runtime")
    assert transitions.check(sql) == 10


@pytest.mark.parametrize("path", [["UPDATING"], ["READY", "CREATING"], ["READY", "DELETING", "READY"], ["READY", None]])
def test_an_illegal_step(sql, path):
    for status in path:
        sql(f"update agent_runtime set status = '{status}'" if status else "delete from agent_runtime")
    with pytest.raises(AssertionError, match="is no legal step"):
        transitions.check(sql)


def test_an_illegal_beginning(sql):
    sql("""insert into agent_runtime (runtime_id, account, region, name, status)
        values ('s-0123456789', '123456789012', 'us-east-1', 's', 'READY')""")
    with pytest.raises(AssertionError, match="it begins as CREATING"):
        transitions.check(sql)


def test_a_change_behind_the_triggers(sql):
    """What was committed while nobody looked shows at the next step."""
    sql("alter table agent_runtime disable trigger observed; update agent_runtime set status = 'READY'; "
        "alter table agent_runtime enable trigger observed; update agent_runtime set status = 'UPDATING'")
    with pytest.raises(AssertionError, match="but it was"):
        transitions.check(sql)
