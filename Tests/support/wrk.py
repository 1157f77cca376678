"""wrk with requests signed beforehand. A signature is good for five minutes."""

import re
import shutil
import subprocess
from dataclasses import dataclass

# wrk's own report has no figure for answers of the wrong status by kind, and `requests` there counts all.
SCRIPT = """\
-- Requests in turn, as bytes that were signed before.
local requests = {%s}
local turn = 0
function request()
    turn = turn %% #requests + 1
    return requests[turn]
end
function done(summary, latency)
    local e = summary.errors
    io.write(string.format("RESULT %%d %%d %%d %%d %%d %%d %%d\\n", summary.requests, summary.duration,
        e.status, e.connect + e.read + e.write + e.timeout, latency:percentile(50), latency:percentile(99), summary.bytes))
end
"""


@dataclass
class Result:
    requests: int
    seconds: float
    #: Answers of a status of 400 and more.
    failures: int
    #: Connections refused, cut or timed out.
    errors: int
    median_ms: float
    p99_ms: float

    @property
    def per_second(self):
        return self.requests / self.seconds


def program():
    return shutil.which("wrk")


def run(url, requests, script, *, connections, seconds, threads=1):
    """Sends `requests` (bytes each, whole) in turn over `connections` for `seconds`."""
    script.write_text(SCRIPT % ", ".join(_lua(request) for request in requests))
    done = subprocess.run(
        [program(), "--threads", str(threads), "--connections", str(connections), "--duration", f"{seconds}s",
         "--timeout", "30s", "--script", str(script), url],
        capture_output=True, text=True, check=True, timeout=seconds + 60)
    numbers = [int(n) for n in re.search(r"RESULT (.*)", done.stdout).group(1).split()]
    return Result(numbers[0], numbers[1] / 1e6, numbers[2], numbers[3], numbers[4] / 1e3, numbers[5] / 1e3)


def _lua(data):
    return '"' + "".join(chr(b) if 32 <= b < 127 and b not in b'"\\' else f"\\{b:03d}" for b in data) + '"'
