"""deploy/Dockerfile's image by itself."""

import re
import subprocess
import time

from processes import wait_for


def test_says_what_it_is(docker, image):
    configuration = docker.inspect(image)["Config"]
    assert configuration["User"] == "signalbox"
    assert configuration["Entrypoint"] == ["tini", "--", "signalbox"] and configuration["Cmd"] == ["serve"]
    assert "4747/tcp" in configuration["ExposedPorts"]
    assert configuration["Labels"]["org.opencontainers.image.version"] == "test"
    assert configuration["Healthcheck"]["Test"] == ["CMD", "signalbox", "health"]
    assert "signalbox serve" in docker.run("run", "--rm", image, "serve", "--help")


def test_everything_it_asks_of_debian_is_in_the_base(docker, base):
    # The offline build relies on it, and it would not say so.
    text = open(f"{__file__.rsplit('/', 3)[0]}/deploy/Dockerfile", encoding="utf-8").read()
    packages = re.search(r'^ARG PACKAGES="([^"]+)"', text, re.MULTILINE).group(1).split()
    docker.run("run", "--rm", base, "dpkg", "--status", *packages)


def test_a_command_without_signal_handlers_ends_at_sigterm(docker, image):
    """As process 1 it would not: the kernel drops signals there that nobody handles."""
    docker.run("run", "--detach", "--name", "waits", "--network", "none", "--entrypoint", "tini", image, "--", "sleep", "600")
    began = time.monotonic()
    docker.run("stop", "--time", "30", "waits")
    assert time.monotonic() - began < 15
    assert docker.inspect("waits")["State"]["ExitCode"] == 143
    docker.run("rm", "waits")


def test_a_server_without_its_database_ends_with_a_reason(docker, image):
    done = docker.attempt("run", "--rm", "--network", "none", image, "serve")
    assert done.returncode == 64 and "SIGNALBOX_DATABASE_URL" in done.stderr


def test_a_check_of_nothing_fails(docker, image):
    done = docker.attempt("run", "--rm", "--network", "none", image, "health")
    assert done.returncode == 1 and "no Signalbox runs" in done.stderr


def test_a_stop_while_it_waits_for_its_supervisor_is_clean(docker, image, postgres_image):
    """Exit code 0 at SIGTERM from the first moment on."""
    docker.run("network", "create", "--internal", "waiting")
    docker.run("run", "--detach", "--name", "waiting-db", "--network", "waiting", "--env", "POSTGRES_USER=signalbox", "--env",
               "POSTGRES_DB=signalbox", "--env", "POSTGRES_PASSWORD_FILE=/etc/hostname", postgres_image)
    wait_for(lambda: docker.attempt("exec", "waiting-db", "pg_isready", "--quiet", "--host", "127.0.0.1").returncode == 0, 60,
             "PostgreSQL does not answer")
    password = docker.run("exec", "waiting-db", "cat", "/etc/hostname")
    docker.run("run", "--detach", "--name", "waiting", "--network", "waiting", "--env",
               f"SIGNALBOX_DATABASE_URL=postgresql://signalbox:{password}@waiting-db/signalbox", image, "serve", "--log-level", "info",
               "--supervisor-socket", "/run/signalbox/supervisor.sock")

    def is_waiting():
        log = subprocess.run([docker.program, "logs", "waiting"], capture_output=True, text=True, check=True, env=docker.environment)
        assert docker.inspect("waiting")["State"]["Running"], log.stderr
        return "schema" in docker.run("exec", "waiting-db", "psql", "-U", "signalbox", "-d", "signalbox", "-Atc", "\\dt")

    wait_for(is_waiting, 60, "the server does not get as far as its supervisor")
    began = time.monotonic()
    docker.run("stop", "--time", "60", "waiting")
    assert docker.inspect("waiting")["State"]["ExitCode"] == 0
    assert time.monotonic() - began < 30
    docker.run("rm", "--force", "--volumes", "waiting", "waiting-db")
    docker.run("network", "rm", "waiting")
