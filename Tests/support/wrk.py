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


# Each request once, in order; the last answer ends the program, since wrk itself would sleep to the end of its time.
ONCE = """\
local ffi = require("ffi")
ffi.cdef("typedef struct { long seconds; long nanoseconds; } timespec; int clock_gettime(int clock, timespec *now);")
local time = ffi.new("timespec")
local function now()
    ffi.C.clock_gettime(1, time)
    return tonumber(time.seconds) + tonumber(time.nanoseconds) / 1e9
end
local requests, turn, answers, failures, began, tried = {}, 0, 0, 0, nil, false
function init(args)
    local file = io.open("%s", "rb")
    for length in string.gmatch(file:read("*l"), "%%d+") do
        requests[#requests + 1] = file:read(tonumber(length))
    end
    file:close()
end
function request()
    -- The first call only looks how many requests there are in one; nothing is sent.
    if not tried then
        tried = true
        return requests[1]
    end
    began = began or now()
    turn = turn + 1
    -- wrk asks for more than there are; nobody waits for the answers.
    return requests[turn] or "GET /healthz HTTP/1.1\\r\\nHost: localhost\\r\\n\\r\\n"
end
function response(status)
    -- All but /healthz answer 202 when all is well.
    if status == 202 then answers = answers + 1 elseif status >= 300 then failures = failures + 1 end
    if answers + failures == #requests then
        io.write(string.format("RESULT %%d %%d %%f\\n", answers + failures, failures, now() - began))
        io.flush()
        os.exit(0)
    end
end
"""


def run_once(url, requests, script, *, connections, seconds):
    """Sends each of `requests`, which answer 202, once over `connections`. No latencies."""
    data = script.with_suffix(".requests")
    data.write_bytes(" ".join(str(len(request)) for request in requests).encode() + b"\n" + b"".join(requests))
    script.write_text(ONCE % data)
    done = subprocess.run(
        [program(), "--threads", "1", "--connections", str(connections), "--duration", f"{seconds}s", "--timeout", "60s",
         "--script", str(script), url],
        capture_output=True, text=True, check=False, timeout=seconds + 60)
    found = re.search(r"RESULT (\d+) (\d+) ([\d.]+)", done.stdout)
    if not found:
        raise RuntimeError(f"not all requests were answered in {seconds} s: {done.stdout}{done.stderr}")
    return Result(int(found[1]), float(found[3]), int(found[2]), 0, 0, 0)


def _lua(data):
    return '"' + "".join(chr(b) if 32 <= b < 127 and b not in b'"\\' else f"\\{b:03d}" for b in data) + '"'
