"""An engine that has given up the version of the API that Signalbox is written for, as Docker did with 29."""

import json
import os
import socket
import threading

from runtimes import Workshop


class NewerEngine:
    """Stands before the real one: takes version 1.44 of the API and later alone."""

    def __init__(self, path, engine):
        self.engine = engine
        self.refused = []
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        self.listener.listen(64)
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def serve(self, client):
        with client:
            head = b""
            while b"\r\n\r\n" not in head:
                piece = client.recv(65536)
                if not piece:
                    return
                head += piece
            line, rest = head.split(b"\r\n", 1)
            method, target, _ = line.decode().split()
            if target.startswith("/version"):
                version = self.engine.call("GET", "/version")
                return self.answer(client, 200, {**version, "ApiVersion": "1.52", "MinAPIVersion": "1.44"})
            if not target.startswith("/v1.44/"):
                self.refused.append(target)
                return self.answer(client, 400, {"message": "client version 1.41 is too old. Minimum supported API version is 1.44"})
            with socket.socket(socket.AF_UNIX) as upstream:
                upstream.connect(self.engine.socket)
                upstream.sendall(f"{method} {target.replace('/v1.44/', '/v1.41/', 1)} HTTP/1.1\r\nConnection: close\r\n".encode() + rest)
                threading.Thread(target=self.copy, args=(client, upstream), daemon=True).start()
                self.copy(upstream, client)

    @staticmethod
    def answer(client, status, document):
        body = json.dumps(document).encode()
        client.sendall(b"HTTP/1.1 %d Told\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s" % (
            status, len(body), body))

    @staticmethod
    def copy(source, target):
        try:
            while piece := source.recv(65536):
                target.sendall(piece)
        except OSError:
            pass

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


def test_the_oldest_that_it_takes(engine, images, another_server, scratch):
    path = f"{scratch}/newer.sock"
    newer = NewerEngine(path, engine)
    try:
        server = another_server("--docker-host", f"unix://{path}")
        workshop = Workshop(server.clients, images)
        runtime = workshop.runtime(environment={"AGENT_VERSION": "1"})
        assert runtime.invoke()["version"] == "1"
        workshop.close()
        assert newer.refused == []
    finally:
        newer.close()
        os.unlink(path)
