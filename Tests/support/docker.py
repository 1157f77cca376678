"""A Docker daemon of the tests' own, for as long as they run."""

import json
import os
import pathlib
import shutil
import subprocess
import uuid

from processes import clean_environment, stop, wait_for


class Dockerd:
    """`dockerd` with data, sockets and control groups of its own.

    Its bridges, firewall rules and mounts go with the namespaces it runs in: see `isolate`.
    """

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        self.socket = self.directory / "docker.sock"
        self.group = f"signalbox-test-{uuid.uuid4().hex[:12]}"
        self.process = None
        # Debian's own client has its builder within; a newer one elsewhere may need a plug-in.
        self.program = next(path for path in ("/usr/bin/docker", shutil.which("docker")) if path and os.path.exists(path))

    def __enter__(self):
        self.directory.mkdir(parents=True, mode=0o711)
        self.log = open(self.directory.with_suffix(".log"), "ab")
        self.process = subprocess.Popen(
            ["dockerd", "--data-root", f"{self.directory}/data", "--exec-root", f"{self.directory}/run", "--host", f"unix://{self.socket}",
             "--pidfile", f"{self.directory}/pid", "--group", "root", "--cgroup-parent", f"/{self.group}"],
            stdout=self.log, stderr=self.log, stdin=subprocess.DEVNULL, start_new_session=True, env=clean_environment())
        try:
            wait_for(self._answers, 60, lambda: f"dockerd does not answer:\n{self.tail()}")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        try:
            if self.process.poll() is None and self._answers():
                containers = self.run("ps", "--all", "--quiet").split()
                if containers:
                    self.run("rm", "--force", "--volumes", *containers)
            stop(self.process, 60)
        finally:
            self.log.close()
            self._unmount()
            shutil.rmtree(self.directory)
            self._remove_groups()

    def _answers(self):
        if self.process.poll() is not None:
            raise RuntimeError(f"dockerd ended with {self.process.returncode}:\n{self.tail()}")
        return self.attempt("version").returncode == 0

    def _unmount(self):
        """What a daemon leaves: above all the namespace of `--network host`."""
        with open("/proc/self/mountinfo", encoding="utf-8") as file:
            points = [line.split()[4] for line in file]
        for point in reversed([point for point in points if point.startswith(f"{self.directory}/")]):
            subprocess.run(["umount", "--lazy", point], check=True)

    def _remove_groups(self):
        for hierarchy in pathlib.Path("/sys/fs/cgroup").glob("*/"):
            top = hierarchy / self.group
            for path, _, _ in os.walk(top, topdown=False):
                os.rmdir(path)

    def tail(self, characters=3000):
        return self.directory.with_suffix(".log").read_text(errors="replace")[-characters:]

    @property
    def environment(self):
        return clean_environment(DOCKER_HOST=f"unix://{self.socket}", DOCKER_BUILDKIT="1", DOCKER_CONFIG=f"{self.directory}/config",
                                 BUILDKIT_PROGRESS="plain")

    def attempt(self, *arguments, seconds=300, **options):
        return subprocess.run([self.program, *arguments], capture_output=True, text=True, check=False, timeout=seconds,
                              env=self.environment, **options)

    def run(self, *arguments, **options):
        """What the command printed. Raises when it failed."""
        done = self.attempt(*arguments, **options)
        if done.returncode != 0:
            raise RuntimeError(f"docker {' '.join(arguments)} ended with {done.returncode}: {done.stderr}{done.stdout}")
        return done.stdout.strip()

    def inspect(self, name):
        return json.loads(self.run("inspect", name))[0]

    def load(self, tag, write, *arguments):
        """An image of what `write(stream, *arguments)` writes: a tar of its root."""
        process = subprocess.Popen([self.program, "import", "-", tag], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                   stderr=subprocess.STDOUT, env=self.environment)
        try:
            write(process.stdin, *arguments)
        finally:
            process.stdin.close()
            output = process.stdout.read().decode()
            process.wait(60)
        if process.returncode != 0:
            raise RuntimeError(f"docker import {tag}: {output}")
