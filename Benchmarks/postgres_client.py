"""PostgresClient against pgbench -S -M prepared: the same table, query, server and number of clients."""

import json
import os
import re
import statistics
import subprocess

import places
from postgres import PrivatePostgres

CLIENTS = 32


def measure(run):
    bench = places.BUILD / "release" / "postgres-bench"
    with PrivatePostgres(f"{run.scratch}/bench-pg", settings=["shared_buffers=256MB"]) as postgres:
        database = postgres.create_database()
        pgbench = [f"{postgres.bin}/pgbench", "-h", postgres.directory, "-U", "signalbox"]
        subprocess.run([*pgbench, "-i", "-q", "-s", "1", database], check=True, capture_output=True)
        found = {"pgbench -S -M prepared": [], "PostgresClient": []}
        for number in range(run.rounds + 1):
            seconds = run.seconds if number else 2
            done = subprocess.run(
                [*pgbench, "-S", "-M", "prepared", "-n", "-c", str(CLIENTS), "-j", str(os.cpu_count()), "-T", str(seconds), database],
                check=True, capture_output=True, text=True)
            theirs = float(re.search(r"tps = ([\d.]+)", done.stdout).group(1))
            done = subprocess.run(
                [str(bench), "--database-url", postgres.url(database), "--tasks", str(CLIENTS), "--seconds", str(seconds)],
                check=True, capture_output=True, text=True)
            ours = json.loads(done.stdout)["perSecond"]
            if number:
                found["pgbench -S -M prepared"].append(theirs)
                found["PostgresClient"].append(ours)
    middle = {name: statistics.median(values) for name, values in found.items()}
    run.table(f"Select by key, {CLIENTS} clients or tasks, unix socket", [
        (name, {"queries/s": f"{value:,.0f}"}) for name, value in middle.items()])
    run.figures["PostgresClient queries/s"] = round(middle["PostgresClient"])
    run.figures["pgbench queries/s"] = round(middle["pgbench -S -M prepared"])
    run.ratio("PostgresClient against pgbench", middle["PostgresClient"] / middle["pgbench -S -M prepared"], "≥ 1.0")
