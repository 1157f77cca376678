"""Tries to reach what it is given as {"name": ["tcp"|"udp"|"name", HOST, PORT]} and prints what came of each."""
import concurrent.futures
import fcntl
import json
import os
import socket
import struct
import sys


def attempt(way):
    kind, host, port = way
    try:
        if kind == "name":
            return " ".join(sorted({entry[4][0] for entry in socket.getaddrinfo(host, port, socket.AF_INET)}))
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with socket.socket(family, socket.SOCK_STREAM if kind == "tcp" else socket.SOCK_DGRAM) as connection:
            connection.settimeout(3)
            connection.connect((host, port))
            if kind == "udp":
                connection.send(b"ask")
                return connection.recv(200).decode()
            try:
                return connection.recv(200).decode() or "closed"
            except OSError:
                # It waits for us to speak first.
                return "connected"
    except BaseException as error:
        return "refused: " + type(error).__name__ + " " + str(getattr(error, "errno", None) or error)


def change(number, place):
    """ioctl(2) on the interface to the world, as ifconfig does it."""
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
            fcntl.ioctl(control, number, struct.pack("16s24s", b"eth0", place))
        return "done"
    except OSError as error:
        return "refused: %s" % error.errno


def raw(family, kind, protocol):
    try:
        socket.socket(family, kind, protocol).close()
        return "made"
    except OSError as error:
        return "refused: %s" % error.errno


address = struct.pack("HH4s", socket.AF_INET, 0, socket.inet_aton("198.19.0.77"))
found = {"interfaces": sorted(name for _, name in socket.if_nameindex())}
found["ipv6"] = [line.split()[-1] for line in open("/proc/net/if_inet6") if line.split()[-1] != "lo"] \
    if os.path.exists("/proc/net/if_inet6") else []
found["resolver"] = open("/etc/resolv.conf").read()
# Never where the interface could be the machine's own.
found["changes"] = {} if "unchanged" in sys.argv else {
    "address": change(0x8916, address), "down": change(0x8914, struct.pack("H", 0)), "name": change(0x8923, b"eth9"),
    "raw": raw(socket.AF_INET, socket.SOCK_RAW, 255), "packet": raw(17, socket.SOCK_RAW, 0x0300),
}
ways = json.loads(sys.argv[1])
with concurrent.futures.ThreadPoolExecutor(64) as pool:
    found["reached"] = dict(zip(ways, pool.map(attempt, ways.values())))
print("REACH " + json.dumps(found), flush=True)
