"""A PostgreSQL of the tests' own, run by another user when we are root (PostgreSQL refuses root)."""

import glob
import os
import pwd
import shutil
import subprocess

from processes import stop, wait_for


def programs():
    """The directory of initdb and postgres, newest version first."""
    found = sorted(glob.glob("/usr/lib/postgresql/*/bin"), key=lambda path: -int(path.split("/")[4]))
    for directory in found:
        if os.path.exists(f"{directory}/initdb"):
            return directory
    if path := shutil.which("initdb"):
        return os.path.dirname(path)
    raise FileNotFoundError("no initdb: install the package postgresql")


class PrivatePostgres:
    """A cluster on a unix socket only, thrown away at the end."""

    def __init__(self, directory, settings=()):
        self.directory = directory
        self.settings = list(settings)
        self.bin = programs()
        self.process = None
        self.user = pwd.getpwnam("postgres" if self._has_user("postgres") else "nobody") if os.geteuid() == 0 else None
        self._databases = 0

    @staticmethod
    def _has_user(name):
        try:
            pwd.getpwnam(name)
            return True
        except KeyError:
            return False

    def __enter__(self):
        os.makedirs(self.directory, mode=0o755)
        if self.user:
            os.chown(self.directory, self.user.pw_uid, self.user.pw_gid)
        try:
            self._run("initdb", "--pgdata", f"{self.directory}/data", "--username", "signalbox", "--auth", "trust",
                      "--encoding", "UTF8", "--no-locale", "--no-sync")
            self.start()
        except BaseException:
            shutil.rmtree(self.directory, ignore_errors=True)
            raise
        return self

    def __exit__(self, *_):
        self.stop()
        shutil.rmtree(self.directory, ignore_errors=True)

    def start(self):
        arguments = [
            f"{self.bin}/postgres", "-D", f"{self.directory}/data", "-k", self.directory, "-c", "listen_addresses=",
            "-c", "max_connections=200", "-c", "log_destination=stderr",
        ]
        for setting in self.settings:
            arguments += ["-c", setting]
        self.log = open(f"{self.directory}.log", "ab")
        self.process = subprocess.Popen(
            arguments, stdout=self.log, stderr=self.log, stdin=subprocess.DEVNULL, cwd="/", **self._identity())
        wait_for(self._answers, 30, lambda: f"PostgreSQL did not start, see {self.directory}.log")

    def stop(self, how="fast"):
        """`fast` cuts sessions and checkpoints; `immediate` is a crash."""
        import signal

        if self.process:
            stop(self.process, how=signal.SIGINT if how == "fast" else signal.SIGQUIT)
            self.process = None
            self.log.close()

    def url(self, database):
        return f"postgresql://signalbox@/{database}?host={self.directory}"

    def create_database(self):
        self._databases += 1
        name = f"test_{self._databases}"
        self.query(f'create database "{name}"')
        return name

    def query(self, sql, database="postgres"):
        """Rows as lists of strings; null is the empty string."""
        done = subprocess.run(
            [f"{self.bin}/psql", "-X", "-q", "-At", "-F", "\x1f", "-v", "ON_ERROR_STOP=1", "-h", self.directory, "-U", "signalbox",
             "-d", database, "-c", sql],
            capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"psql: {done.stderr.strip()} in {sql}")
        return [line.split("\x1f") for line in done.stdout.splitlines()]

    def _answers(self):
        if self.process.poll() is not None:
            raise RuntimeError(f"PostgreSQL ended with {self.process.returncode}, see {self.directory}.log")
        try:
            return self.query("select 1") == [["1"]]
        except RuntimeError:
            return False

    def _run(self, program, *arguments):
        done = subprocess.run(
            [f"{self.bin}/{program}", *arguments], capture_output=True, text=True, check=False, cwd="/", **self._identity())
        if done.returncode != 0:
            raise RuntimeError(f"{program}: {done.stdout}{done.stderr}")

    def _identity(self):
        return {"user": self.user.pw_uid, "group": self.user.pw_gid, "extra_groups": []} if self.user else {}
