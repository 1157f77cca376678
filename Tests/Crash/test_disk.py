"""The database's disk is full (promise 8): changes are refused with 503, and possible again when there is room."""

import os
import shutil
import subprocess
import time

import pytest

from processes import wait_for
from trouble import Load, Troubled


def test_the_disk_is_full(scratch):
    disk = f"{scratch}/disk"
    os.makedirs(disk, mode=0o755)
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=224m,mode=755", "tmpfs", disk], capture_output=True, check=False)
    if mounted.returncode != 0:
        pytest.skip("needs the right to mount a file system")
    try:
        # One segment at a time: what the log needs ahead must not be what runs out.
        with Troubled(scratch, "full", ["max_wal_size=32MB", "min_wal_size=32MB"], directory=f"{disk}/pg") as troubled:
            with Load(troubled.server, troubled.runtime, troubled.sql) as load:
                time.sleep(1)
                troubled.sql("checkpoint")
                filler = f"{disk}/filler"
                with open(filler, "wb", buffering=0) as file:
                    try:
                        while True:
                            file.write(bytes(4096))
                    except OSError:
                        pass
                # What is there of tables and log is used up first.
                full = time.monotonic()
                data = os.urandom(4 << 20)
                refused = None
                while time.monotonic() < full + 120 and not refused:
                    reply = signed_put(troubled, f"/_s3/{troubled.crashing.workshop.bucket}/fill-{time.monotonic()}", data)
                    assert reply.status in (200, 503), reply
                    refused = reply if reply.status == 503 else None
                assert refused, "the disk was never full"
                time.sleep(1)
                os.unlink(filler)
                back = time.monotonic()
                wait_for(lambda: signed_put(
                    troubled, f"/_s3/{troubled.crashing.workshop.bucket}/after", b"x").status == 200, 60, "uploads stay refused")
                seconds = time.monotonic() - back
            load.check()
            print(f"{troubled.settled(load)} moves; uploads possible {seconds:.2f} s after there was room; {dict(load.counts)}")
    finally:
        subprocess.run(["umount", disk], check=True)
        shutil.rmtree(disk, ignore_errors=True)


def signed_put(troubled, path, data):
    return troubled.server.signer(service="s3").send("PUT", path, data)
