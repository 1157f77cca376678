"""An upgrade, replica by replica: servers of this release on the schema of the next one.

The next release's migration is played by changes that schema/README.md allows it: further columns, tables, indexes. It is
applied while both servers run under load; then each of them is stopped and starts again.
"""

import hashlib
import signal
import subprocess
import time

import pytest

import places
from clients import ready_endpoint
from processes import clean_environment
from runtimes import Workshop, session_id
from trouble import Load

#: Every table that servers write to, with a column of the kind that a migration may add.
COLUMNS = {
    "account": "next_plan text", "access_key": "next_scope text default 'all'", "agent_runtime": "next_note text",
    "agent_runtime_version": "next_origin text not null default ''", "version_status": "next_progress integer not null default 0",
    "runtime_endpoint": "next_weights jsonb", "endpoint_history": "next_ticket text", "replica": "next_zone text",
    "session": "next_region text not null default ''", "session_history": "next_cost integer", "work": "next_priority integer default 0",
    "idempotency": "next_origin text", "bucket": "next_owner text", "bucket_object": "next_class text default 'standard'",
    "artifact": "next_codec text", "artifact_chunk": "next_codec text",
}


@pytest.fixture(scope="module")
def runtime(pair):
    runtime = pair.workshop.runtime(environment={"AGENT_VERSION": "1"})
    runtime.update(environment={"AGENT_VERSION": "2"})
    for name in ("one", "two"):
        runtime.endpoint(name, 1)
    return runtime


def migrate(pair, name):
    """Applies a migration that this release doesn't know."""
    ((number,),) = pair.sql("select max(number) + 1 from schema_migration")
    statements = [f"alter table {table} add column if not exists {column}" for table, column in COLUMNS.items()]
    checksum = hashlib.sha256(name.encode()).hexdigest()
    script = "; ".join([
        "begin", *statements, f"create table {name} (id bigint primary key)",
        f"create index {name}_idle on session (last_active_at)",
        f"insert into schema_migration (number, name, checksum) values ({number}, '{name}', decode('{checksum}', 'hex'))", "commit"])
    for attempt in range(10):
        try:
            return pair.sql(script)
        except RuntimeError as error:
            # With changes that lock the same tables in another order. PostgreSQL chose this one to begin again.
            if attempt == 9 or "deadlock detected" not in str(error):
                raise


def story(pair, server):
    """Every kind of change, asked of one server."""
    workshop = Workshop(server.clients)
    runtime = workshop.runtime(environment={"AGENT_VERSION": "1"})
    runtime.update(environment={"AGENT_VERSION": "2"})
    runtime.endpoint("prod", 1)
    runtime.switch("prod", 2)
    session = session_id()
    assert runtime.invoke(qualifier="prod", session=session)["version"] == "2"
    reply = pair.send(server, "POST", f"/_signalbox/v1/runtimes/{runtime.id}/runtime-endpoints/prod/rollback", {})
    assert reply.status == 202, reply
    assert ready_endpoint(runtime.control, runtime.id, "prod")["liveVersion"] == "1"
    assert runtime.invoke(qualifier="prod", session=session)["version"] == "2"
    runtime.stop(session, "prod")
    runtime.delete()


def restart(server):
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(60) == 0
    server.start()


def test_while_both_run(pair, runtime):
    """The migration comes under load: no request fails for it."""
    with Load(pair.one, runtime, pair.sql, "one") as one, Load(pair.two, runtime, pair.sql, "two") as two:
        time.sleep(1)
        migrate(pair, "next_release")
        moved = time.monotonic()
        for load in (one, two):
            load.back_after(moved)
        time.sleep(2)
    for load in (one, two):
        load.check()
        refused = {name: count for name, count in load.counts.items() if name.endswith(" 503")}
        assert not refused, f"refused because of the migration: {refused}"
        assert load.is_durable() > 0, "nothing was moved"
    for server in pair.both:
        story(pair, server)
    pair.check()


def test_one_after_the_other_starts_again(pair, runtime):
    """As when an upgrade is taken back: the servers of this release start on the next one's schema."""
    for stopped, name, other in ((pair.one, "two", pair.two), (pair.two, "one", pair.one)):
        with Load(other, runtime, pair.sql, name) as load:
            time.sleep(0.5)
            restart(stopped)
            time.sleep(0.5)
        load.check()
        story(pair, stopped)
    done = subprocess.run(
        [places.signalbox(), "migrate", "--check", "--home", pair.one.home], capture_output=True, text=True, check=False, timeout=60,
        env=clean_environment(**pair.one.extra))
    assert done.returncode == 0, done.stderr
    pair.check()


def test_too_far_ahead(pair):
    """Two releases at once: who runs goes on, who starts says why it doesn't."""
    migrate(pair, "release_after_that")
    try:
        story(pair, pair.two)
        pair.one.process.send_signal(signal.SIGTERM)
        assert pair.one.process.wait(60) == 0
        with pytest.raises(RuntimeError, match="which is too new for this program"):
            pair.one.start()
    finally:
        pair.sql("delete from schema_migration where name = 'release_after_that'; drop table release_after_that")
        pair.one.start()
    story(pair, pair.one)
