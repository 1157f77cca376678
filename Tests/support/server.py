"""A running Signalbox, as clients see it."""

import glob
import json
import os
import pathlib
import shutil
import signal
import subprocess

import places
from clients import Clients
from processes import belonging_to, clean_environment, describe, end_all, free_port, is_alive, stop, wait_for
from signing import Signer

ACCOUNT = "123456789012"


class Running:
    """What every kind of server offers: clients of each kind, made from `signalbox env`'s variables."""

    #: AWS_* variables that point any SDK here.
    environment: dict
    url: str
    #: What makes agents images here; archives are used without.
    images = None

    @property
    def clients(self):
        return Clients(self.environment)

    def signer(self, **changes):
        return Signer(self.url, self.environment, **changes)

    @property
    def account(self):
        return ACCOUNT

    @property
    def region(self):
        return self.environment["AWS_REGION"]


class RemoteServer(Running):
    """A server that somebody else runs, found by CONFORMANCE_ENDPOINT_URL and the usual AWS credentials."""

    is_local = False

    def __init__(self, url):
        self.url = url.rstrip("/")
        region = os.environ.get("AWS_REGION", "us-east-1")
        self.environment = environment_of(
            self.url, os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"], region)
        # One that has its object store, or its data plane, elsewhere.
        self.environment.update({name: os.environ[name] for name in self.environment if name in os.environ})


class LocalServer(Running):
    """One that we start and stop, with a home of its own."""

    is_local = True
    verb = ""

    def __init__(self, home, *, arguments=(), log, environment=None, port=None, images=None, program=None):
        self.home = home
        #: Another executable than the one under test.
        self.program = program
        self.images = images
        # The last one counts.
        self.arguments = (images.arguments if images else ["--docker-host", "off"]) + list(arguments)
        self.log = pathlib.Path(log)
        self.port = port or free_port()
        self.extra = environment or {}
        self.process = None
        self.url = f"http://127.0.0.1:{self.port}"

    @property
    def executable(self):
        return self.program or places.signalbox()

    def command(self):
        return [self.executable, self.verb, "--home", self.home, "--listen", f"127.0.0.1:{self.port}",
                "--ready-file", self.ready_file, *self.arguments]

    @property
    def ready_file(self):
        return f"{self.home}.ready"

    def start(self, seconds=60):
        if os.path.exists(self.ready_file):
            os.unlink(self.ready_file)
        with open(self.log, "ab") as log:
            # A session of its own: Ctrl-C at the terminal reaches pytest, which then stops us in order.
            self.process = subprocess.Popen(
                self.command(), stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True,
                env=clean_environment(**self.extra))
        wait_for(self._is_ready, seconds, lambda: f"not ready; {self.log} ends with\n{self.log_tail()}")
        return self

    def _is_ready(self):
        if self.process.poll() is not None:
            raise RuntimeError(f"signalbox {self.verb} ended with {self.process.returncode}:\n{self.log_tail()}")
        return os.path.exists(self.ready_file) and os.path.getsize(self.ready_file) > 0

    def log_tail(self, characters=3000):
        return self.log.read_text(errors="replace")[-characters:] if self.log.exists() else ""

    def run(self, *arguments, check=True):
        """Runs one verb of the command line against this server."""
        done = subprocess.run(
            [self.executable, *arguments], capture_output=True, text=True, check=False, timeout=300,
            env=clean_environment(**{"SIGNALBOX_HOME": self.home, **getattr(self, "environment", {}), **self.extra}))
        if check and done.returncode != 0:
            raise RuntimeError(f"signalbox {' '.join(arguments)} ended with {done.returncode}: {done.stderr}{done.stdout}")
        return done

    def kill(self):
        """SIGKILL, as the kernel does when memory is short."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(30)

    def belongings(self):
        return belonging_to(self.home)

    def control_groups(self):
        """Control groups of sandboxes of this home, whether anything lives in them or not."""
        instance = pathlib.Path(self.home, "sandboxes", ".instance")
        if not instance.exists():
            return []
        return [
            path for pattern in ("signalbox", "*/signalbox")
            for path in glob.glob(f"/sys/fs/cgroup/{pattern}/{instance.read_text().strip()}/*") if os.path.isdir(path)
        ]

    def interfaces(self):
        """Network interfaces of sandboxes of this home."""
        instance = pathlib.Path(self.home, "sandboxes", ".instance")
        if not instance.exists():
            return []
        own = f"signalbox:{instance.read_text().strip()}:"
        return [path for path in glob.glob("/sys/class/net/sgb*/ifalias") if own in _text(path)]


def _text(path):
    try:
        return pathlib.Path(path).read_text()
    except OSError:
        # It is just going.
        return ""


class DevServer(LocalServer):
    """`signalbox dev`: server, supervisor and private PostgreSQL in one."""

    verb = "dev"

    def __enter__(self):
        try:
            self.start()
            self.environment = json.loads(self.run("env", "--output", "json").stdout)
        except BaseException:
            end_all(self.belongings())
            raise
        return self

    def __exit__(self, *_):
        try:
            stop(self.process, 90)
            wait_for(lambda: not self.belongings(), 60, lambda: f"left behind by dev: {describe(self.belongings())}")
        finally:
            end_all(self.belongings())
            shutil.rmtree(self.home, ignore_errors=True)


class ServeServer(LocalServer):
    """`signalbox serve` on a PostgreSQL of ours: what a crash test kills and starts again.

    The supervisor that it starts outlives it by design and is ended here at last.
    """

    verb = "serve"

    def __init__(self, home, database_url, *, keys=None, **options):
        super().__init__(home, **options)
        self.extra["SIGNALBOX_DATABASE_URL"] = database_url
        #: Where the master keys are that all servers of a database share; the first puts its own there.
        self.keys = keys

    def __enter__(self):
        os.makedirs(self.home, mode=0o711, exist_ok=True)
        try:
            if self.keys and os.path.exists(self.keys):
                shutil.copytree(self.keys, f"{self.home}/keys")
            self.run("migrate")
            key = json.loads(self.run(
                "key", "create", "--account", ACCOUNT, "--role", "admin", "--output", "json").stdout)
            self.environment = environment_of(self.url, key["AccessKeyId"], key["SecretAccessKey"], "us-east-1")
            if self.keys and not os.path.exists(self.keys):
                shutil.copytree(f"{self.home}/keys", self.keys)
            self.start()
        except BaseException:
            end_all(self.belongings())
            raise
        return self

    def __exit__(self, *_):
        try:
            if self.process and is_alive(self.process.pid):
                stop(self.process, 90, how=signal.SIGTERM)
        finally:
            end_all(self.belongings())
            shutil.rmtree(self.home, ignore_errors=True)

    def supervisor(self):
        """The supervisor's process id, or None."""
        for pid in self.belongings():
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                if b"supervise" in file.read().split(b"\0"):
                    return pid
        return None


def environment_of(url, key, secret, region):
    """The variables that `signalbox env` prints."""
    return {
        "AWS_ENDPOINT_URL_BEDROCK_AGENTCORE": url,
        "AWS_ENDPOINT_URL_BEDROCK_AGENTCORE_CONTROL": url,
        "AWS_ENDPOINT_URL_S3": f"{url}/_s3",
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        "AWS_ACCESS_KEY_ID": key,
        "AWS_SECRET_ACCESS_KEY": secret,
    }
