"""What Benchmarks/run runs. Each comparison takes turns, several rounds of it, and reports medians.

The load generator, the proxy and the upstream share this machine's processors, so the figures are for comparing the two
sides of a row, not with another machine's.
"""

import datetime
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "Tests" / "support"))

import cold_start  # noqa: E402
import container_start  # noqa: E402
import control_plane  # noqa: E402
import invoke  # noqa: E402
import postgres_client  # noqa: E402

BENCHMARKS = {"invoke": invoke.measure, "postgres": postgres_client.measure, "cold-start": cold_start.measure,
              "container-start": container_start.measure, "control-plane": control_plane.measure}


class Run:
    """Settings of this run, and its report."""

    def __init__(self, scratch):
        self.scratch = scratch
        self.seconds = int(os.environ.get("SECONDS_EACH", "10"))
        self.rounds = int(os.environ.get("ROUNDS", "3"))
        self.lines = []
        self.figures = {}

    def say(self, text=""):
        print(text, flush=True)
        self.lines.append(text)

    def table(self, heading, rows):
        """Rows of (name, {column: value}); the first column of each is its name."""
        columns = list(rows[0][1])
        self.say(f"\n{heading}\n")
        self.say("| " + " | ".join(["", *columns]) + " |")
        self.say("|---" * (len(columns) + 1) + "|")
        for name, values in rows:
            self.say("| " + " | ".join([name, *(str(values[column]) for column in columns)]) + " |")

    def ratio(self, name, value, aim):
        self.figures[name] = round(value, 3)
        self.say(f"\n{name}: {value:.2f} (aim: {aim})")


def machine():
    model = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo", encoding="utf-8")
                  if line.startswith("model name")), "unknown processor")
    return f"{os.cpu_count()} × {model}, Linux {os.uname().release}"


def main():
    names = sys.argv[1:] or list(BENCHMARKS)
    for name in names:
        if name not in BENCHMARKS:
            sys.exit(f"no benchmark {name}; there are {', '.join(BENCHMARKS)}")
    # Ended from outside, everything that was started ends, too.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False)
    with tempfile.TemporaryDirectory(prefix="sbx-bench-", dir="/tmp") as scratch:
        os.chmod(scratch, 0o711)
        run = Run(pathlib.Path(scratch))
        run.say(f"Signalbox {commit.stdout.strip()}, {datetime.date.today()}, {machine()}, load 1 min {os.getloadavg()[0]:.2f}")
        run.say(f"{run.rounds} rounds of {run.seconds} s each, medians")
        for name in names:
            BENCHMARKS[name](run)
    report = ROOT / ".build" / "benchmarks"
    report.mkdir(parents=True, exist_ok=True)
    (report / "report.md").write_text("\n".join(run.lines) + "\n", encoding="utf-8")
    (report / "figures.json").write_text(json.dumps(run.figures, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
