"""A replica that is stopped in the middle of its work (promise 7): another takes over, and its late writes are refused."""

import time

import pytest

from clients import ready_runtime
from processes import wait_for
from runtimes import session_id
from signing import SESSION, invocation_target

#: Seconds; conftest.py sets it.
LEASE = 3


@pytest.fixture
def holder(pair):
    """The replica that gets the next work, and the other one, which doesn't look until `let_go`."""
    pair.two.pause()
    try:
        yield pair.one, pair.two
    finally:
        pair.two.resume()
        pair.one.resume()
        for server in pair.both:
            for place in ("work.renewing", "prepare.commit", "prepare.probed", "prepare.written"):
                server.failpoints.disarm(place)
            server.failpoints.clear()


def held(pair):
    return pair.sql("select holder, fencing_token from work where holder is not null")


def begin(pair, holder, place):
    """Starts a preparation that stands still at a place of the first replica."""
    holder.failpoints.arm(place, "stall:3600")
    made = pair.workshop.create(environment={"AGENT_VERSION": "1"})
    wait_for(lambda: holder.failpoints.triggered(place), 60, f"{place} was not reached")
    ((owner, token),) = held(pair)
    assert owner == holder.id
    return made["agentRuntimeId"], int(token)


def taken_over(pair, runtime_id, other, token, seconds=60):
    """The other replica has done the work, under a later token."""
    ready = ready_runtime(other.clients.control, runtime_id, seconds)
    assert ready["agentRuntimeVersion"] == "1"
    wait_for(lambda: not pair.sql("select 1 from work"), 60, "work is left")
    assert pair.sql(f"select count(*) from endpoint_history where runtime_id = '{runtime_id}' and kind = 'flipped'") == [["1"]]
    assert int(pair.sql("select last_value from work_fencing_token")[0][0]) > token


def test_a_stalled_holder_is_refused(pair, holder):
    """Its lease isn't prolonged, it goes on when the work is done: the fence refuses the write."""
    one, two = holder
    one.failpoints.arm("work.renewing", "stall:3600", always=True)
    one.failpoints.arm("prepare.commit", f"stall:{4 * LEASE}")
    made = pair.workshop.create(environment={"AGENT_VERSION": "1"})
    wait_for(lambda: one.failpoints.triggered("prepare.commit"), 60, "prepare.commit was not reached")
    ((owner, token),) = held(pair)
    assert owner == one.id
    refused = len(one.logged("a late write was refused"))
    # From here on the other one may look.
    two.resume()
    taken_over(pair, made["agentRuntimeId"], two, int(token))
    wait_for(lambda: len(one.logged("a late write was refused")) > refused, 60, "no late write was refused")
    settled_once(pair, made["agentRuntimeId"])


def test_a_late_write_while_another_works(pair, holder):
    """The work is still there, under another's token: nothing but the token tells the late write from a good one."""
    one, two = holder
    one.failpoints.arm("work.renewing", "stall:3600", always=True)
    # It is stopped before its stall is over, and woken when it is.
    one.failpoints.arm("prepare.commit", f"stall:{LEASE}")
    two.failpoints.arm("prepare.commit", "stall:12")
    made = pair.workshop.create(environment={"AGENT_VERSION": "1"})
    wait_for(lambda: one.failpoints.triggered("prepare.commit"), 60, "prepare.commit was not reached")
    one.pause()
    two.resume()
    wait_for(lambda: two.failpoints.triggered("prepare.commit"), 60, "the other one didn't take over")
    ((owner, token),) = held(pair)
    assert owner == two.id
    refused = len(one.logged("a late write was refused"))
    one.resume()
    wait_for(lambda: len(one.logged("a late write was refused")) > refused, 11, "the late write was not refused")
    assert pair.sql(f"select status from agent_runtime where runtime_id = '{made['agentRuntimeId']}'") == [["CREATING"]]
    assert held(pair) == [[owner, token]]
    ready_runtime(two.clients.control, made["agentRuntimeId"], 60)
    settled_once(pair, made["agentRuntimeId"])


def test_a_holder_that_sleeps(pair, holder, long_run):
    """SIGSTOP in the middle of a preparation, SIGCONT when another has done it."""
    one, two = holder
    runtime_id, token = begin(pair, one, "prepare.probed")
    lost = len(one.logged("the work is somebody else's now"))
    one.pause()
    began = time.monotonic()
    two.resume()
    taken_over(pair, runtime_id, two, token)
    print(f"taken over {time.monotonic() - began:.1f} s after the holder fell asleep (lease {LEASE} s)")
    if long_run:
        time.sleep(max(0.0, 30 - (time.monotonic() - began)))
    before = pair.sql(f"select * from endpoint_detail where runtime_id = '{runtime_id}'")
    one.resume()
    wait_for(lambda: len(one.logged("the work is somebody else's now")) > lost, 60, "the sleeper doesn't notice")
    settled_once(pair, runtime_id)
    assert pair.sql(f"select * from endpoint_detail where runtime_id = '{runtime_id}'") == before
    # The sleeper's probe is gone, too.
    wait_for(lambda: not [pid for pid in one.belongings() if pid not in (one.process.pid, one.supervisor())], 60,
             "the sleeper's sandbox is left")


def test_a_holder_that_sleeps_in_its_transaction(pair, holder):
    """It holds the runtime's row: PostgreSQL ends the transaction, and another does the work."""
    one, two = holder
    runtime_id, token = begin(pair, one, "prepare.written")
    one.pause()
    two.resume()
    taken_over(pair, runtime_id, two, token, seconds=60)
    one.resume()
    settled_once(pair, runtime_id)


def test_the_dead_leave_their_work(pair, holder):
    """kill -9 and no restart: the other one takes over when the lease has ended."""
    one, two = holder
    runtime_id, token = begin(pair, one, "prepare.commit")
    one.kill()
    began = time.monotonic()
    two.resume()
    try:
        taken_over(pair, runtime_id, two, token)
        print(f"taken over {time.monotonic() - began:.1f} s after the holder's death (lease {LEASE} s)")
    finally:
        one.start()
    settled_once(pair, runtime_id)


@pytest.mark.long
def test_sessions_of_a_replica_that_was_away(pair):
    """Another opens its session anew after 30 s of silence; when it is back, its own incarnation ends."""
    one, two = pair.both
    runtime = pair.workshop.runtime(environment={"AGENT_VERSION": "1"})
    session = session_id()
    headers = [(SESSION, session), ("Content-Type", "application/json")]
    before = runtime.invoke(session=session)["incarnation"]
    one.pause()
    try:
        def anew():
            answer = two.signer().send("POST", invocation_target(runtime.arn), b"{}", headers)
            assert answer.status in (200, 409), answer
            return answer.json["incarnation"] if answer.status == 200 else None

        after = wait_for(anew, 90, "the session can't be opened elsewhere")
        assert after != before
    finally:
        one.resume()
    wait_for(lambda: not [pid for pid in one.belongings() if pid not in (one.process.pid, one.supervisor())], 60,
             "two sandboxes of one session live")
    assert two.signer().send("POST", invocation_target(runtime.arn), b"{}", headers).json["incarnation"] == after


def settled_once(pair, runtime_id):
    """One flip, and legal steps alone; the check finds a second one if it happened."""
    time.sleep(0.5)
    assert pair.sql(f"select count(*) from endpoint_history where runtime_id = '{runtime_id}' and kind = 'flipped'") == [["1"]]
    pair.check()
