"""Docker and Podman of our own, with storage and sockets of their own, and images made of this host's files.

No registry is asked for anything: images are built from scratch.
"""

import hashlib
import http.client
import io
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tarfile
import urllib.parse
import zipfile

import places
from processes import end_all, free_port, is_alive, wait_for


#: What wheels may be linked with (PEP 600: manylinux).
WHEEL_LIBRARIES = (
    "libgcc_s.so.1", "libstdc++.so.6", "libm.so.6", "libdl.so.2", "librt.so.1", "libpthread.so.0", "libutil.so.1", "libresolv.so.2",
    "libnss_files.so.2", "libnss_dns.so.2")


class Refused(Exception):
    def __init__(self, status, message):
        super().__init__(f"{status}: {message}")
        self.status = status


class _Connection(http.client.HTTPConnection):
    def __init__(self, path, timeout):
        super().__init__("engine", timeout=timeout)
        self._path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class Engine:
    """A container engine as a process; `with` starts and ends it."""

    name = ""

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        self.socket = str(self.directory / "engine.sock")
        self.log = places.log(f"engine-{self.name}")
        self.process = None
        #: Of a registry that need not speak TLS.
        self.registry_port = free_port()

    @property
    def url(self):
        return f"unix://{self.socket}"

    def command(self):
        raise NotImplementedError

    def environment(self):
        return dict(os.environ)

    def __enter__(self):
        self.directory.mkdir(mode=0o711, parents=True, exist_ok=True)
        self.start()
        return self

    def __exit__(self, *_):
        try:
            for container in self.containers():
                self.call("DELETE", f"/containers/{container['Id']}?force=true&v=true")
        finally:
            self.stop()

    def start(self):
        if os.path.exists(self.socket):
            os.unlink(self.socket)
        # Podman's conmon leaves a file named `oom` where it was started.
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                self.command(), stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True, env=self.environment(),
                cwd=self.directory)
        wait_for(self._answers, 60, lambda: f"{self.name} does not come up:\n{self.log.read_text(errors='replace')[-2000:]}")

    def _answers(self):
        if self.process.poll() is not None:
            raise RuntimeError(f"{self.name} ended with {self.process.returncode}:\n{self.log.read_text(errors='replace')[-2000:]}")
        try:
            return self.call("GET", "/version")
        except OSError:
            return False

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(10)

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(30)
        self.end_helpers()
        end_all(self._left())
        # Podman makes its storage a mount of its own and leaves it.
        for point in sorted(self._mounts(), reverse=True):
            subprocess.run(["umount", "--lazy", point], check=False, capture_output=True)
        shutil.rmtree(self.directory, ignore_errors=True)

    def _mounts(self):
        with open("/proc/self/mountinfo", encoding="utf-8") as file:
            points = [line.split()[4] for line in file]
        return [point for point in points if point.startswith(f"{self.directory}/")]

    def _left(self):
        """Processes of the engine that outlived it: those that name its directory."""
        mark = os.fsencode(str(self.directory))
        found = []
        for name in os.listdir("/proc"):
            if not name.isdigit() or int(name) == os.getpid() or not is_alive(int(name)):
                continue
            try:
                with open(f"/proc/{name}/cmdline", "rb") as file:
                    if mark in file.read():
                        found.append(int(name))
            except OSError:
                continue
        return found

    def end_helpers(self):
        """Ends what the engine's own process does not."""

    # -- the API

    def call(self, method, path, body=None, content="application/json", timeout=120):
        connection = _Connection(self.socket, timeout)
        try:
            data = body if isinstance(body, (bytes, type(None))) else json.dumps(body).encode()
            connection.request(method, f"/v1.41{path}", data, {"Content-Type": content} if data else {})
            reply = connection.getresponse()
            text = reply.read()
        finally:
            connection.close()
        if reply.status >= 300:
            raise Refused(reply.status, text.decode(errors="replace"))
        return json.loads(text) if text.strip().startswith((b"{", b"[")) and b"\n{" not in text.strip() else text

    def containers(self, label="signalbox.instance"):
        query = urllib.parse.quote(json.dumps({"label": [label]}))
        return self.call("GET", f"/containers/json?all=true&filters={query}")

    def inspect(self, container):
        return self.call("GET", f"/containers/{container}/json")

    def volumes(self):
        return self.call("GET", "/volumes").get("Volumes") or []

    def networks(self):
        return sorted(network["Name"] for network in self.call("GET", "/networks"))

    def image_id(self, reference):
        return self.call("GET", f"/images/{reference}/json")["Id"]

    def build(self, reference, files, executable=()):
        """Builds an image; `files` holds the Dockerfile and what it copies."""
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w") as tar:
            for name, data in files.items():
                data = data.encode() if isinstance(data, str) else data
                entry = tarfile.TarInfo(name)
                entry.size = len(data)
                entry.mode = 0o755 if name in executable else 0o644
                tar.addfile(entry, io.BytesIO(data))
        said = self.call("POST", f"/build?t={urllib.parse.quote(reference)}&rm=true", buffer.getvalue(), "application/x-tar", 300)
        if b'"error"' in (said if isinstance(said, bytes) else json.dumps(said).encode()):
            raise RuntimeError(f"{reference} can't be built: {said}")
        return self.image_id(reference)

    def tag(self, image, repository, tag):
        self.call("POST", f"/images/{image}/tag?repo={urllib.parse.quote(repository)}&tag={tag}")


class Docker(Engine):
    """dockerd, and containerd beside it, as packages install them: the one can be killed without the other."""

    name = "docker"
    containerd = None
    #: Further arguments of dockerd.
    extra = ()

    def __enter__(self):
        self.directory.mkdir(mode=0o711, parents=True, exist_ok=True)
        with open(self.log, "ab") as log:
            self.containerd = subprocess.Popen(
                ["containerd", "--root", str(self.directory / "containerd"), "--state", str(self.directory / "containerd-run"),
                 "--address", self.containerd_socket, "--log-level", "warn"],
                stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True)
        wait_for(lambda: os.path.exists(self.containerd_socket), 60, "containerd does not come up")
        return super().__enter__()

    @property
    def containerd_socket(self):
        return str(self.directory / "containerd.sock")

    def end_helpers(self):
        self.containerd.terminate()
        self.containerd.wait(30)

    def command(self):
        # Containers of ours have no network but what is added from outside, so it needs no bridge and touches no filter.
        return ["dockerd", "--data-root", str(self.directory / "data"), "--exec-root", str(self.directory / "run"),
                "--host", self.url, "--containerd", self.containerd_socket, "--pidfile", str(self.directory / "pid"), "--group", "root",
                "--bridge", "none", "--iptables=false", "--ip6tables=false", *self.extra]


class Podman(Engine):
    name = "podman"

    def command(self):
        return ["podman", "system", "service", "--time=0", self.url]

    def environment(self):
        configuration = self.directory / "containers.conf"
        storage = self.directory / "storage.conf"
        registries = self.directory / "registries.conf"
        if not configuration.exists():
            registries.write_text(f'[[registry]]\nlocation = "127.0.0.1:{self.registry_port}"\ninsecure = true\n')
            # A container's own defaults may be above what this host lets anybody set. runc takes every mix of control groups.
            configuration.write_text(
                '[containers]\ndefault_ulimits = ["nofile=1024:20000", "nproc=4096:4096"]\n'
                f'[engine]\nruntime = "runc"\ncgroup_manager = "cgroupfs"\nevents_logger = "file"\ntmp_dir = "{self.directory}/tmp"\n')
            storage.write_text(
                f'[storage]\ndriver = "overlay"\ngraphroot = "{self.directory}/graph"\nrunroot = "{self.directory}/run"\n')
        return {**os.environ, "CONTAINERS_CONF": str(configuration), "CONTAINERS_STORAGE_CONF": str(storage),
                "CONTAINERS_REGISTRIES_CONF": str(registries)}


ENGINES = {"docker": Docker, "podman": Podman}


class Images:
    """Test agents as images: what `codeConfiguration` runs on the host's Python, on a copy of it."""

    base = "localhost/signalbox-test/python:1"

    def __init__(self, engine):
        self.engine = engine
        self.arguments = ["--docker-host", engine.url]
        self._made = {}
        engine.build(self.base, {"Dockerfile": "FROM scratch\nADD base.tar /\n", "base.tar": python_root()})

    def artifact(self, agent="probe"):
        """`agentRuntimeArtifact` for the name of a test agent, or for an archive's bytes."""
        return of(self.reference(agent))

    def reference(self, agent="probe"):
        data = agent if isinstance(agent, bytes) else None
        mark = hashlib.sha256(data or agent.encode()).hexdigest()[:16]
        name = f"localhost/signalbox-test/agent-{mark}:1"
        if name not in self._made:
            self._made[name] = self.make(name, data or (places.AGENTS / f"{agent}.py").read_bytes())
        return name

    def make(self, name, content, *, lines=()):
        """An image that runs main.py: its text, or a zip that holds it. Returns its id."""
        if content[:2] == b"PK":
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                tree = {f"app/{path}": archive.read(path) for path in archive.namelist() if not path.endswith("/")}
        else:
            tree = {"app/main.py": content}
        dockerfile = "\n".join([
            f"FROM {self.base}", "COPY app /app", "WORKDIR /app", "ENV PYTHONPATH=/app", *lines,
            f'CMD ["{interpreter()}", "main.py"]'])
        return self.engine.build(name, {"Dockerfile": dockerfile + "\n", **tree})


def of(reference):
    return {"containerConfiguration": {"containerUri": reference}}


def interpreter():
    """This Python's program, not a virtual environment's link to it."""
    return os.path.realpath(sys.executable)


def python_root():
    """A root directory, as tar, with this host's Python and what it needs to run; made once."""
    program = interpreter()
    library = pathlib.Path(os.__file__).parent
    mark = hashlib.sha256(f"{program} {sys.version} 3".encode()).hexdigest()[:16]
    kept = places.CACHE / f"python-root-{mark}.tar"
    if kept.exists():
        return kept.read_bytes()
    left_out = {"test", "idlelib", "ensurepip", "lib2to3", "tkinter", "turtledemo", "config-" + library.name.removeprefix("python")}
    files = {program, "/bin/sh"}
    for path in library.rglob("*"):
        parts = path.relative_to(library).parts
        if path.is_file() and not any(part in left_out or part.startswith("config-") for part in parts):
            files.add(str(path))
    files |= {found for path in list(files) if path.endswith(".so") or path in (program, "/bin/sh") for found in libraries(path)}
    folder = os.path.dirname(next(path for path in files if "/libc.so." in path))
    files |= {f"{folder}/{name}" for name in WHEEL_LIBRARIES if os.path.exists(f"{folder}/{name}")}
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name in ("lib", "lib64", "bin"):
            # Merged into /usr, as on the host.
            if os.path.islink(f"/{name}"):
                entry = tarfile.TarInfo(name)
                entry.type, entry.linkname = tarfile.SYMTYPE, os.readlink(f"/{name}")
                tar.addfile(entry)
        tar.dereference = True
        for path in sorted({os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path)) for path in files}):
            tar.add(path, path.lstrip("/"), recursive=False)
        for name, mode in (("tmp", 0o1777), ("root", 0o700)):
            entry = tarfile.TarInfo(name)
            entry.type, entry.mode = tarfile.DIRTYPE, mode
            tar.addfile(entry)
        text = b"root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\nagent:x:4242:4242::/:/bin/sh\n"
        entry = tarfile.TarInfo("etc/passwd")
        entry.size = len(text)
        tar.addfile(entry, io.BytesIO(text))
    places.CACHE.mkdir(parents=True, exist_ok=True)
    unfinished = f"{kept}.{os.getpid()}"
    pathlib.Path(unfinished).write_bytes(buffer.getvalue())
    os.rename(unfinished, kept)
    return buffer.getvalue()


def libraries(path):
    """Shared libraries that a program or module is linked with."""
    told = subprocess.run(["ldd", path], capture_output=True, text=True, check=False).stdout
    found = set()
    for line in told.splitlines():
        for word in line.split():
            if word.startswith("/"):
                found.add(word)
    return found
