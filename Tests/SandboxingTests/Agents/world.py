"""Servers of a network namespace that stands for a part of the world: each says its name and who asked.

world.py NAME READY LOG ADDRESS:PORT... dns=ADDRESS... Ends with its standard input.
"""
import ipaddress
import socket
import struct
import sys
import threading

NAME, READY, LOG = sys.argv[1:4]
KNOWN = {"model.example": ["93.184.216.34"], "many.example": ["93.184.216.%d" % number for number in range(1, 201)]}
lock = threading.Lock()


def note(protocol, source, payload):
    with lock, open(LOG, "a") as file:
        file.write("%s %s %s %s\n" % (NAME, protocol, source, payload.decode("ascii", "replace")))


def bound(kind, host, port):
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    server = socket.socket(family, kind)
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    server.bind((host, port))
    if kind == socket.SOCK_STREAM:
        server.listen(64)
    return server


def serve_stream(server):
    while True:
        connection, peer = server.accept()
        with connection:
            note("tcp", peer[0], b"")
            connection.sendall(("%s %s" % (NAME, peer[0])).encode())


def serve_datagrams(server):
    while True:
        payload, peer = server.recvfrom(2048)
        note("udp", peer[0], payload)
        try:
            server.sendto(("%s %s" % (NAME, peer[0])).encode(), peer)
        except OSError:
            # Under an address that nobody here has a way to.
            note("unanswered", peer[0], b"")


def answer(query, limit):
    labels, place = [], 12
    while query[place]:
        labels.append(query[place + 1:place + 1 + query[place]].decode())
        place += 1 + query[place]
    question = query[12:place + 5]
    kind = struct.unpack(">H", query[place + 1:place + 3])[0]
    addresses = KNOWN.get(".".join(labels).lower())
    code = 3 if addresses is None else 0
    records = addresses or [] if kind == 1 else []
    body = b"".join(b"\xc0\x0c" + struct.pack(">HHIH", 1, 1, 60, 4) + ipaddress.ip_address(a).packed for a in records)
    flags = 0x8180 | code
    if limit and 12 + len(question) + len(body) > limit:
        flags, body, records = flags | 0x0200, b"", []
    return query[:2] + struct.pack(">HHHHH", flags, 1, len(records), 0, 0) + question + body


def serve_names(server):
    while True:
        query, peer = server.recvfrom(2048)
        server.sendto(answer(query, 512), peer)


def serve_long_names(server):
    while True:
        connection, _ = server.accept()
        with connection:
            length = struct.unpack(">H", connection.recv(2, socket.MSG_WAITALL))[0]
            reply = answer(connection.recv(length, socket.MSG_WAITALL), 0)
            connection.sendall(struct.pack(">H", len(reply)) + reply)


def start(target, server):
    threading.Thread(target=target, args=(server,), daemon=True).start()


for place in sys.argv[4:]:
    if place.startswith("dns="):
        start(serve_names, bound(socket.SOCK_DGRAM, place[4:], 53))
        start(serve_long_names, bound(socket.SOCK_STREAM, place[4:], 53))
    else:
        host, port = place.rsplit(":", 1)
        start(serve_stream, bound(socket.SOCK_STREAM, host, int(port)))
        start(serve_datagrams, bound(socket.SOCK_DGRAM, host, int(port)))
open(READY, "w").close()
sys.stdin.read()
