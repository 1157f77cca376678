"""Where things are in a working copy."""

import os
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = ROOT / ".build"
EXAMPLES = ROOT / "examples"
AGENTS = pathlib.Path(__file__).resolve().parent / "agents"
CACHE = BUILD / "conformance"
LOGS = BUILD / "test-logs"


def signalbox():
    """The executable under test. CONFORMANCE_SIGNALBOX names another than the release build's."""
    path = pathlib.Path(os.environ.get("CONFORMANCE_SIGNALBOX", BUILD / "release" / "signalbox"))
    if not path.exists():
        raise FileNotFoundError(f"{path}: build it first (scripts/test does), or name one in CONFORMANCE_SIGNALBOX")
    return str(path)


def log(name):
    LOGS.mkdir(parents=True, exist_ok=True)
    return LOGS / f"{name}.log"


# The interpreter that runs the tests is the host's, and so the sandboxes': `scripts/test` sees to that.
PYTHON_RUNTIME = f"PYTHON_{sys.version_info.major}_{sys.version_info.minor}"
