"""A registry of images on loopback: as much of the distribution API as pulls and pushes need, with or without a password."""

import base64
import gzip
import hashlib
import http.server
import io
import json
import platform
import tarfile
import threading
import urllib.parse
import uuid

MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


def architecture():
    return ARCHITECTURES[platform.machine()]


def layer(files):
    """A layer as tar, of {path: bytes}."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            entry.mode = 0o755
            tar.addfile(entry, io.BytesIO(data))
    return buffer.getvalue()


class Registry:
    def __init__(self, port, password=None):
        self.port = port
        #: ("name", "password"), or None for a registry that asks nobody.
        self.password = password
        self.blobs = {}
        self.manifests = {}
        #: Media types of manifests that were pushed to us, by digest.
        self.kinds = {}
        self.tags = {}
        self.uploads = {}
        self.requests = []
        #: Seconds that a blob is held back, so that a pull can be watched.
        self.delay = 0
        registry = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                registry.answer(self)

            do_HEAD = do_POST = do_PATCH = do_PUT = do_GET

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.server.daemon_threads = True

    @property
    def host(self):
        return f"127.0.0.1:{self.port}"

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()

    def push(self, repository, tag, layers, configuration, arch=None):
        """Makes an image of tar layers and points the tag at it. Returns (image id, manifest digest)."""
        document = {
            "architecture": arch or architecture(), "os": "linux", "config": configuration,
            "rootfs": {"type": "layers", "diff_ids": [digest(data) for data in layers]},
            "history": [{"created": "2026-01-01T00:00:00Z"} for _ in layers],
        }
        config = json.dumps(document).encode()
        compressed = [gzip.compress(data, 1, mtime=0) for data in layers]
        manifest = json.dumps({
            "schemaVersion": 2, "mediaType": MANIFEST,
            "config": {"mediaType": "application/vnd.docker.container.image.v1+json", "size": len(config), "digest": digest(config)},
            "layers": [{"mediaType": "application/vnd.docker.image.rootfs.diff.tar.gzip", "size": len(data), "digest": digest(data)}
                       for data in compressed],
        }).encode()
        for data in (config, *compressed):
            self.blobs[digest(data)] = data
        self.manifests[(repository, digest(manifest))] = manifest
        self.tags[(repository, tag)] = digest(manifest)
        return digest(config), digest(manifest)

    def answer(self, handler):
        body = self.body(handler)
        self.requests.append((handler.command, handler.path))
        if self.password:
            wanted = "Basic " + base64.b64encode(":".join(self.password).encode()).decode()
            if handler.headers.get("Authorization") != wanted:
                return self.reply(handler, 401, error("UNAUTHORIZED", "authentication required"), "application/json",
                                  {"WWW-Authenticate": 'Basic realm="test"'})
        parts = handler.path.split("?")[0].strip("/").split("/")
        if parts == ["v2"]:
            return self.reply(handler, 200, b"{}", "application/json")
        if handler.command in ("POST", "PATCH", "PUT"):
            return self.take(handler, parts, body)
        kind, name, repository = parts[-2], parts[-1], "/".join(parts[1:-2])
        if kind == "manifests":
            found = self.manifests.get((repository, self.tags.get((repository, name), name)))
            if found:
                return self.reply(handler, 200, found, self.kinds.get(digest(found), MANIFEST))
            return self.reply(handler, 404, error("MANIFEST_UNKNOWN", "manifest unknown"), "application/json")
        if kind == "blobs" and name in self.blobs:
            if self.delay:
                threading.Event().wait(self.delay)
            return self.reply(handler, 200, self.blobs[name], "application/octet-stream", digest_of=name)
        self.reply(handler, 404, error("BLOB_UNKNOWN", "blob unknown"), "application/json")

    def take(self, handler, parts, body):
        """A push: blobs as uploads in one piece or several, then the manifest."""
        if parts[-2] == "manifests":
            repository, name = "/".join(parts[1:-2]), parts[-1]
            self.manifests[(repository, digest(body))] = body
            self.kinds[digest(body)] = handler.headers["Content-Type"]
            if not name.startswith("sha256:"):
                self.tags[(repository, name)] = digest(body)
            return self.reply(handler, 201, b"", "text/plain", digest_of=digest(body))
        where = "/" + "/".join(parts)
        if handler.command == "POST":
            where = f"{where}/{uuid.uuid4()}"
            self.uploads[where] = b""
        self.uploads[where] += body
        query = urllib.parse.parse_qs(urllib.parse.urlsplit(handler.path).query)
        if "digest" not in query:
            end = max(0, len(self.uploads[where]) - 1)
            return self.reply(handler, 202, b"", "text/plain", {"Location": where, "Range": f"0-{end}"})
        data, wanted = self.uploads.pop(where), query["digest"][0]
        if digest(data) != wanted:
            return self.reply(handler, 400, error("DIGEST_INVALID", "provided digest did not match uploaded content"), "application/json")
        self.blobs[wanted] = data
        self.reply(handler, 201, b"", "text/plain", {"Location": "/".join(where.split("/")[:-2] + [wanted])}, digest_of=wanted)

    @staticmethod
    def body(handler):
        if handler.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
        pieces = []
        while size := int(handler.rfile.readline().split(b";")[0], 16):
            pieces.append(handler.rfile.read(size))
            handler.rfile.readline()
        handler.rfile.readline()
        return b"".join(pieces)

    @staticmethod
    def reply(handler, status, body, kind, headers=None, digest_of=None):
        handler.send_response(status)
        handler.send_header("Content-Type", kind)
        handler.send_header("Content-Length", str(len(body)))
        handler.send_header("Docker-Distribution-Api-Version", "registry/2.0")
        handler.send_header("Docker-Content-Digest", digest_of or digest(body))
        for name, value in (headers or {}).items():
            handler.send_header(name, value)
        handler.end_headers()
        if handler.command != "HEAD":
            handler.wfile.write(body)


def digest(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def error(code, message):
    return json.dumps({"errors": [{"code": code, "message": message}]}).encode()
