"""Servers that start together on an empty database: its migrations run once (promise 9)."""

import concurrent.futures
import os
import pathlib
import subprocess

import pytest

import places
from processes import clean_environment
from replicas import Replica


def test_migrations_run_once(scratch, postgres, long_run):
    """Several at once on an empty database."""
    def migrate(url):
        return subprocess.run(
            [places.signalbox(), "migrate", "--home", f"{scratch}/migrate"], capture_output=True, text=True, check=False, timeout=120,
            env=clean_environment(SIGNALBOX_DATABASE_URL=url))

    with concurrent.futures.ThreadPoolExecutor(4) as threads:
        for _ in range(20 if long_run else 3):
            database = postgres.create_database()
            done = list(threads.map(migrate, [postgres.url(database)] * 4))
            assert all(one.returncode == 0 for one in done), [one.stderr for one in done]
            assert sorted(one.stdout.startswith("applied") for one in done) == [False, False, False, True], [o.stdout for o in done]
            rows = postgres.query("select number from schema_migration order by number", database)
            assert [int(row[0]) for row in rows] == list(range(1, len(rows) + 1))


def test_two_servers_start_on_an_empty_database(scratch, postgres, long_run):
    for number in range(8 if long_run else 2):
        database = postgres.create_database()
        servers = [
            Replica(f"{scratch}/empty-{number}-{which}", postgres.url(database), log=places.log("empty")) for which in "ab"]
        for server in servers:
            os.makedirs(f"{server.home}/keys", mode=0o700)
            os.chmod(server.home, 0o711)
            # Servers of one database share the master key, which whoever installs them copies.
            pathlib.Path(f"{server.home}/keys/master.key").write_bytes(f"{number:032d}".encode())
            os.chmod(f"{server.home}/keys/master.key", 0o600)
        try:
            with concurrent.futures.ThreadPoolExecutor(2) as threads:
                list(threads.map(lambda server: server.start(), servers))
            rows = postgres.query("select number from schema_migration order by number", database)
            assert [int(row[0]) for row in rows] == list(range(1, len(rows) + 1))
            assert len(postgres.query("select 1 from replica", database)) == 2
        finally:
            for server in servers:
                server.__exit__()


def test_a_server_without_the_master_key_says_so(scratch, postgres):
    """Two homes with keys of their own: the second one's would seal what the first can't read."""
    url = postgres.url(postgres.create_database())
    first, second = (Replica(f"{scratch}/own-key-{which}", url, log=places.log(f"own-key-{which}")) for which in "ab")
    for server in (first, second):
        os.makedirs(server.home, mode=0o711)
    try:
        first.start()
        with pytest.raises(RuntimeError, match="Error: The database's master key [0-9a-f]{16} is not in this home"):
            second.start()
    finally:
        for server in (first, second):
            server.__exit__()
