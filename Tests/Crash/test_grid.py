"""Every failpoint × kill, error, stall × every operation that passes it (promises 1 and 2).

Several servers, each with a home and a database of its own, take the cells from one queue: most of a cell is waiting. After
each one everything has settled within ten seconds, an acknowledged change is there, any other is there or isn't, the same
request with the same token leads to it, every status that was ever committed is one that its machine allows, and no process,
control group, interface, lease or directory is left.

The results are in .build/test-logs/grid.json, from which `scripts/reliability` writes the tables of docs/reliability.md.
"""

import json
import queue
import threading
import time
import traceback

import pytest

import places
from crashing import PATIENCE, SETTLE
from failpoints import declared
from grid import ACTIONS, ELSEWHERE, REACHED, Lane
from operations import OPERATIONS

#: In --long; a server that is crashed once may be crashed differently the next time.
ROUNDS = 5
LANES = 4

CELLS = [(operation, place, action) for operation in OPERATIONS for place in declared() if place in REACHED[operation]
         for action in ACTIONS]


@pytest.fixture(scope="module")
def results(scratch, postgres, long_run, request):
    """{(operation, place, action): seconds or what went wrong} of the cells that were asked for."""
    wanted = {item.callspec.params["cell"] for item in request.session.items if item.function is test_cell}
    tasks = queue.Queue()
    for operation in OPERATIONS:
        tasks.put((operation, None, None))
    # Those that wait longest first.
    for cell in sorted((cell for cell in CELLS if cell in wanted), key=lambda cell: cell[2] != "stall"):
        for _ in range(ROUNDS if long_run else 1):
            tasks.put(cell)
    found, lock = {}, threading.Lock()

    def work(number):
        failed = 0
        while not tasks.empty() and failed < 3:
            try:
                with Lane(f"{number}-{tasks.qsize()}", scratch, postgres, places.log(f"grid-{number}")) as lane:
                    while serve(lane):
                        pass
            except BrokenLane:
                # It may be in any state: the next cell gets a new one.
                continue
            except Exception:  # noqa: BLE001 - told by each cell that has no result
                failed += 1
                traceback.print_exc()

    def serve(lane):
        try:
            cell = operation, place, action = tasks.get_nowait()
        except queue.Empty:
            return False
        try:
            result = lane.alone(operation) if place is None else lane.cell(*cell)
        except Exception as failure:  # noqa: BLE001
            text = "".join(traceback.format_exception(failure))
            result = f"{text}\nreached: {lane.failpoints.reached()}\n{lane.server.log_tail(2000)}"
        with lock:
            # The worst of several rounds counts.
            if not isinstance(found.get(cell), str):
                found[cell] = max(found.get(cell, 0.0), result) if isinstance(result, float) else result
        if isinstance(result, str):
            raise BrokenLane
        return True

    threads = [threading.Thread(target=work, args=(number,)) for number in range(LANES)]
    began = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(f"{len(found)} cells in {time.monotonic() - began:.0f} s")
    yield found
    passed = {cell: result for cell, result in found.items() if isinstance(result, float)}
    if set(passed) == set(CELLS):
        places.LOGS.mkdir(parents=True, exist_ok=True)
        (places.LOGS / "grid.json").write_text(json.dumps(
            [[*cell, round(seconds, 2)] for cell, seconds in sorted(passed.items())], indent=0) + "\n")


class BrokenLane(Exception):
    """Its server is not used for further cells."""


@pytest.mark.parametrize("operation", OPERATIONS)
def test_reaches(results, operation):
    """What the grid says of an operation left alone: it passes these places and no others."""
    reached = results.get((operation, None, None), "it was not tried: see the output")
    assert not isinstance(reached, str), reached
    assert reached == REACHED[operation]


def test_no_place_is_left_out():
    tried = set().union(*REACHED.values())
    assert not tried & set(ELSEWHERE)
    assert tried | set(ELSEWHERE) == set(declared())


@pytest.mark.parametrize("cell", CELLS, ids=lambda cell: "-".join(cell).replace(" ", "-"))
def test_cell(results, cell):
    result = results.get(cell, "it was not tried: see the output")
    assert isinstance(result, float), result
    assert result < PATIENCE, f"it took {result:.1f} s to settle"


def test_settles_in_time(results):
    """Nine cells of ten: now and then a busy machine gives nobody a processor."""
    seconds = {cell: result for cell, result in results.items() if isinstance(result, float)}
    late = {cell: found for cell, found in seconds.items() if found > SETTLE}
    assert len(late) <= len(seconds) / 10, late


def test_published():
    """docs/reliability.md shows these cells and no others."""
    page = (places.ROOT / "docs/reliability.md").read_text(encoding="utf-8")
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in page.splitlines() if line.startswith("| `")]
    (header,) = [[cell.strip() for cell in line.strip("|").split("|")] for line in page.splitlines() if line.startswith("| place ")]
    shown = {(operation, row[0].strip("`")) for row in rows for operation, cell in zip(header[2:], row[2:]) if cell != "–"}
    assert shown == {(operation, place) for operation, place, _ in CELLS}
