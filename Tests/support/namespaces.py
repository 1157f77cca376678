"""A network and mounts of the test process's own."""

import ctypes
import os
import subprocess

CLONE_NEWNS, CLONE_NEWNET = 0x00020000, 0x40000000
MS_REC, MS_PRIVATE = 0x4000, 0x40000


def isolate():
    """Moves this process, and whatever it starts from now on, into new network and mount namespaces.

    Bridges, firewall rules and mounts that are made there end with the last process: nothing is left on the host, and
    nothing of the host's network can be reached.
    """
    libc = ctypes.CDLL(None, use_errno=True)

    def call(result, what):
        if result != 0:
            raise OSError(ctypes.get_errno(), f"{what}: {os.strerror(ctypes.get_errno())}")

    call(libc.unshare(CLONE_NEWNS | CLONE_NEWNET), "unshare")
    call(libc.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None), "mount")
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
