"""Processes and what they leave behind, always by id."""

import os
import signal
import socket
import subprocess
import time


def wait_for(condition, seconds, what):
    """Returns the first truthy value of `condition`; fails with `what` when there is none in time."""
    deadline = time.monotonic() + seconds
    pause = 0.005
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise TimeoutError(f"after {seconds} s: {what() if callable(what) else what}")
        time.sleep(pause)
        pause = min(pause * 1.5, 0.2)


def free_port():
    """A port that nothing listens on now. The kernel hands recently used ones out last."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def clean_environment(**extra):
    """This process's environment without what would steer the executable under test or the AWS clients."""
    kept = {
        name: value for name, value in os.environ.items()
        if not name.startswith(("SIGNALBOX_", "AWS_", "PG")) or name == "AWS_CA_BUNDLE"
    }
    return {**kept, "AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": "/dev/null",
            "AWS_SHARED_CREDENTIALS_FILE": "/dev/null", **extra}


def is_alive(pid):
    """Whether the process runs; a zombie doesn't."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
            return file.read().rpartition(")")[2].split()[0] not in ("Z", "X")
    except (FileNotFoundError, ProcessLookupError):
        return False


def stop(process, seconds=60, how=signal.SIGINT):
    """Ends a child by its id: politely, then not."""
    if process.poll() is None:
        process.send_signal(how)
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(30)
            raise TimeoutError(f"process {process.pid} still ran {seconds} s after signal {how}") from None
    return process.returncode


def pids():
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def _read(path):
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return b""


def belonging_to(home):
    """Every process that has to do with a home: by its arguments, its environment, or what is mounted for it.

    A sandboxed agent knows nothing of the home, but the bundle it runs from was mounted out of it.
    """
    mark = os.fsencode(home)
    # A mount table names a source by its path within its file system.
    point = home
    while not os.path.ismount(point):
        point = os.path.dirname(point)
    source = os.fsencode(home[len(point.rstrip("/")):])
    own_mounts = _read("/proc/self/mountinfo")
    found = []
    for pid in pids():
        if pid == os.getpid() or not is_alive(pid):
            continue
        if mark in _read(f"/proc/{pid}/cmdline") or (
            source and source in (mounts := _read(f"/proc/{pid}/mountinfo")) and mounts != own_mounts
        ):
            found.append(pid)
    return found


def describe(found):
    return "; ".join(f"{pid}: {_read(f'/proc/{pid}/cmdline').replace(bytes(1), b' ').decode(errors='replace')[:160]}" for pid in found)


def end_all(found, seconds=30):
    """Ends processes that the tests started and that outlived their parent, by id."""
    for how in (signal.SIGTERM, signal.SIGKILL):
        for pid in found:
            if is_alive(pid):
                try:
                    os.kill(pid, how)
                except ProcessLookupError:
                    pass
        try:
            wait_for(lambda: not any(is_alive(pid) for pid in found), seconds, "processes still run")
            return
        except TimeoutError:
            if how == signal.SIGKILL:
                raise


def held_namespaces(pid):
    """Namespaces other than its own that a process holds open by descriptor."""
    try:
        links = [os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")]
    except OSError:
        return set()
    kinds = ("net", "mnt", "pid", "user", "ipc")
    # Its own, which the supervisor keeps to come back to, is no sandbox's.
    own = {os.readlink(f"/proc/{pid}/ns/{kind}") for kind in kinds}
    return {link for link in links if link.startswith(tuple(f"{kind}:[" for kind in kinds))} - own


def sockets_open(pid):
    """Number of descriptors of a process, for leak checks."""
    return len(os.listdir(f"/proc/{pid}/fd"))
