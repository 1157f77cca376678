"""deploy/compose.yaml on a Docker daemon of the tests."""

import json
import os
import pathlib
import secrets
import subprocess

from clients import Clients
from processes import wait_for


class Project:
    """All services of the file, up; `clients` have an administrator's key."""

    def __init__(self, docker, file, directory, *, image, postgres_image):
        self.docker, self.file = docker, str(file)
        # The file names others beside it.
        self.folder = pathlib.Path(file).parent
        folder = pathlib.Path(directory, "secrets")
        # As deploy/README.md says: a private folder, and in it a file that the containers' users can read.
        os.makedirs(folder, mode=0o700)
        (folder / "postgres-password").write_text(secrets.token_hex(32) + "\n")
        os.chmod(folder / "postgres-password", 0o644)
        self.environment = {**docker.environment, "DEPLOY_IMAGE": image, "DEPLOY_POSTGRES_IMAGE": postgres_image,
                            "DEPLOY_SECRETS": str(folder), "COMPOSE_PROJECT_NAME": "signalbox"}

    def compose(self, *arguments, file=None):
        done = subprocess.run(["docker-compose", "--file", str(file or self.file), *arguments], capture_output=True, text=True,
                              check=False, timeout=300, env=self.environment, cwd=self.folder)
        if done.returncode != 0:
            raise RuntimeError(f"docker-compose {' '.join(arguments)} ended with {done.returncode}: {done.stderr}{done.stdout}\n"
                               f"{self.logs() if arguments[0] == 'up' else ''}")
        return done.stdout

    def logs(self):
        return subprocess.run(["docker-compose", "--file", self.file, "logs", "--no-color", "--tail", "20"], capture_output=True,
                              text=True, check=False, env=self.environment, cwd=self.folder).stdout

    def up(self, *arguments, file=None):
        self.compose("up", "--detach", "--no-build", *arguments, file=file)

    def container(self, service):
        return f"signalbox_{service}_1"

    def exec(self, service, *command, user=None):
        return self.docker.run("exec", *(["--user", user] if user else []), self.container(service), *command)

    def first_key(self):
        """The two commands of deploy/README.md."""
        self.exec("signalbox", "signalbox", "key", "create", "--account", "123456789012", "--save")
        self.ready()
        self.clients = Clients(json.loads(self.exec("signalbox", "signalbox", "env", "--output", "json")))

    def ready(self, seconds=60):
        wait_for(lambda: self.docker.attempt("exec", self.container("signalbox"), "signalbox", "health", "--ready").returncode == 0,
                 seconds, lambda: f"not ready:\n{self.logs()}")

    def healthy(self, service, seconds=60):
        wait_for(lambda: self.docker.inspect(self.container(service))["State"]["Health"]["Status"] == "healthy", seconds,
                 lambda: f"{service} is not healthy:\n{self.logs()}")

    def sandboxes(self):
        """Names of the directories of sandboxes that have something left: a work directory."""
        return self.exec("supervisor", "find", "/var/lib/signalbox-supervisor/sandboxes", "-mindepth", "2", "-name", "work",
                         user="root").split()
