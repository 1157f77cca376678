"""The ways in of deploy/, for real: images without a registry, Compose, and systemd in a container."""

import os
import pathlib
import shutil

import pytest

import images
import namespaces
import places
from docker import Dockerd

HERE = pathlib.Path(__file__).resolve().parent
DEPLOY = places.ROOT / "deploy"


@pytest.fixture(scope="session", autouse=True)
def _isolated():
    if os.geteuid() != 0:
        pytest.skip("needs root, for a Docker daemon of its own")
    namespaces.isolate()


@pytest.fixture(scope="session")
def docker(scratch, _isolated):
    with Dockerd(f"{scratch}/docker") as daemon:
        yield daemon


@pytest.fixture(scope="session")
def base(docker):
    """A Debian with all that the images below need; `program` holds the program under test."""
    packages = images.Packages()
    postgres = max(name for name in packages.stanzas if name.startswith("postgresql-") and name[11:].isdigit())
    docker.load("base", images.debian, [
        "bubblewrap", "ca-certificates", "iproute2", "libpq5", "libstdc++6", "mount", "nftables", "python3", "systemd", "tini",
        "zlib1g", postgres])
    docker.load("program", images.program, places.signalbox())
    return "base"


@pytest.fixture(scope="session")
def context(scratch):
    """What the image's runtime stage copies from the working copy, without the build's gigabytes."""
    directory = pathlib.Path(scratch, "context")
    shutil.copytree(DEPLOY, directory / "deploy", ignore=shutil.ignore_patterns("secrets"))
    return directory


@pytest.fixture(scope="session")
def image(docker, base, context):
    """deploy/Dockerfile's runtime stage, with the program that is there already."""
    docker.run("build", "--file", f"{context}/deploy/Dockerfile", "--build-arg", f"RUNTIME_BASE={base}", "--build-arg",
               "BINARY_FROM=program", "--build-arg", "VERSION=test", "--tag", "signalbox", str(context))
    return "signalbox"


@pytest.fixture(scope="session")
def postgres_image(docker, base):
    docker.run("build", "--tag", "postgres-test", str(HERE / "postgres"))
    return "postgres-test"
