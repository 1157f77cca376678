"""Two replicas race (promise 6): the same request twice, requests that exclude each other, the same piece of work.

A thousand rounds in all, which the last test counts; what happened to each status is held against the state machines by
triggers in the database.
"""

import collections
import time
import uuid

import pytest

from clients import gone
from processes import wait_for
from runtimes import Runtime, unique

#: Rounds of each kind of race; in --long this many times as many.
ROUNDS = {
    "create runtime, same token": 4, "create runtime, other token": 4, "create endpoint, same token": 100,
    "create endpoint, other token": 160, "move to the same version": 250, "move to different versions": 220, "move and delete": 140,
    "roll back and move": 80, "token after the deletion": 50,
}
LONG = 8
#: How many have been run.
DONE = collections.Counter()


@pytest.fixture(scope="module")
def runtime(pair):
    """Three versions that are ready."""
    runtime = pair.workshop.runtime(environment={"AGENT_VERSION": "1"})
    for number in (2, 3):
        runtime.update(environment={"AGENT_VERSION": str(number)})
    yield runtime


class Rounds:
    """What a round needs, and how often it came out which way."""

    def __init__(self, pair, runtime, times):
        self.pair, self.runtime, self.times = pair, runtime, times
        self.outcomes = collections.Counter()
        self.path = f"/runtimes/{runtime.id}/runtime-endpoints/"

    def run(self, kind, body):
        began = time.monotonic()
        for number in range(ROUNDS[kind] * self.times):
            body(number)
            DONE[kind] += 1
        print(f"{kind}: {DONE[kind]} rounds in {time.monotonic() - began:.1f} s: {dict(self.outcomes)}")

    def race(self, *requests):
        """(method, path, body) of each, sent to the two replicas in turn at the same moment."""
        replies = self.pair.race(*(
            lambda server=self.pair.both[number % 2], request=request: self.pair.send(server, *request)
            for number, request in enumerate(requests)))
        for reply in replies:
            assert reply.status in (200, 202, 400, 404, 409), reply
        self.outcomes[tuple(reply.status for reply in replies)] += 1
        return replies

    def get(self, name, server=None):
        return self.pair.send(server or self.pair.one, "GET", f"{self.path}{name}/")

    def settled(self, name):
        """The endpoint once it moves no more; None once it is gone."""
        def look():
            reply = self.get(name)
            if reply.status == 404:
                return "gone"
            return reply.json if reply.json["status"] not in ("CREATING", "UPDATING", "DELETING") else None

        found = wait_for(look, 60, lambda: f"{name} does not settle: {self.get(name)}")
        return None if found == "gone" else found

    def endpoint(self, version=1):
        """A new endpoint that is ready."""
        name = f"e{uuid.uuid4().hex[:10]}"
        reply = self.pair.send(self.pair.one, "PUT", self.path, {"name": name, "agentRuntimeVersion": str(version)})
        assert reply.status == 202, reply
        assert self.settled(name)["status"] == "READY"
        return name

    def delete(self, name, token=None):
        return ("DELETE", f"{self.path}{name}/" + (f"?clientToken={token}" if token else ""), None)

    def move(self, name, version, token=None):
        body = {"agentRuntimeVersion": str(version), **({"clientToken": token} if token else {})}
        return ("PUT", f"{self.path}{name}/", body)

    def away(self, name):
        """Takes an endpoint away, for the quota's sake."""
        wait_for(lambda: self.pair.send(self.pair.two, *self.delete(name)).status in (202, 404), 60, f"{name} can't be deleted")
        assert self.settled(name) is None

    def history(self, name):
        return [(kind, target) for kind, target in self.pair.sql(
            f"select kind, to_version from endpoint_history where endpoint_name = '{name}' order by id")]


@pytest.fixture
def rounds(pair, runtime, long_run):
    found = Rounds(pair, runtime, LONG if long_run else 1)
    yield found
    pair.check()


def token():
    return f"token-{uuid.uuid4()}-{uuid.uuid4().hex[:4]}"


def refused_as_conflict(reply):
    return reply.status == 409 and reply.error == "ConflictException"


# -- the same create


@pytest.mark.parametrize("same", [True, False], ids=["same-token", "other-token"])
def test_create_runtime(pair, runtime, long_run, same):
    """Dear: each winner is prepared in a sandbox."""
    kind = f"create runtime, {'same' if same else 'other'} token"
    for _ in range(ROUNDS[kind] * (LONG if long_run else 1)):
        request = {"agentRuntimeName": unique("r"), **pair.workshop.request(environment={"AGENT_VERSION": "1"})}
        shared = token()
        replies = pair.race(*(
            lambda server=server: pair.send(
                server, "PUT", "/runtimes/", {**request, "clientToken": shared if same else token()}) for server in pair.both))
        if same:
            assert [reply.status for reply in replies] == [202, 202], replies
            assert replies[0].body == replies[1].body
        else:
            assert sorted(reply.status for reply in replies) == [202, 409], replies
            assert any(refused_as_conflict(reply) for reply in replies)
        winner = next(reply for reply in replies if reply.status == 202).json
        made = Runtime(pair.workshop, winner)
        assert pair.sql(f"""
            select count(*), max(last_version), (select count(*) from agent_runtime_version v where v.runtime = min(r.id))
            from agent_runtime r where name = '{request["agentRuntimeName"]}'""") == [["1", "1", "1"]]
        made.ready()
        made.delete()
        DONE[kind] += 1
    pair.check()


def test_create_endpoint_with_the_same_token(rounds):
    def body(_):
        name, request = f"e{uuid.uuid4().hex[:10]}", {"agentRuntimeVersion": "1", "clientToken": token()}
        replies = rounds.race(*(("PUT", rounds.path, {"name": name, **request}) for _ in range(4)))
        assert {reply.status for reply in replies} == {202}, replies
        assert len({reply.body for reply in replies}) == 1, "the same token got different answers"
        assert rounds.settled(name)["status"] == "READY"
        assert rounds.history(name) == [("created", "1"), ("flipped", "1")]
        rounds.away(name)

    rounds.run("create endpoint, same token", body)


def test_create_endpoint_with_different_tokens(rounds):
    def body(_):
        name = f"e{uuid.uuid4().hex[:10]}"
        replies = rounds.race(*(
            ("PUT", rounds.path, {"name": name, "agentRuntimeVersion": "1", "clientToken": token()}) for _ in range(2)))
        assert sorted(reply.status for reply in replies) == [202, 409], replies
        assert any(refused_as_conflict(reply) for reply in replies)
        rounds.settled(name)
        rounds.away(name)

    rounds.run("create endpoint, other token", body)


# -- one endpoint


def test_move_to_the_same_version(pair, rounds):
    """One wins; the other is told so, unless it came after the first had settled."""
    name, start = rounds.endpoint(), len(pair.sql("select 1 from endpoint_history where kind = 'flipped'"))
    before = {"settle.committed": flips(pair)}
    accepted = 0

    def body(number):
        nonlocal accepted
        version = 2 - number % 2
        replies = rounds.race(rounds.move(name, version), rounds.move(name, version))
        assert all(reply.status == 202 or refused_as_conflict(reply) for reply in replies), replies
        won = sum(reply.status == 202 for reply in replies)
        assert won >= 1
        accepted += won
        found = rounds.settled(name)
        assert (found["status"], found["liveVersion"], found["targetVersion"]) == ("READY", str(version), str(version))

    rounds.run("move to the same version", body)
    # Each accepted change was carried out once, by one of the two: no work is done twice.
    assert len(pair.sql("select 1 from endpoint_history where kind = 'flipped'")) - start == accepted
    assert flips(pair) - before["settle.committed"] == accepted
    rounds.away(name)


def flips(pair):
    return sum(place == "settle.committed" for server in pair.both for place, _ in server.failpoints.reached())


def test_move_to_different_versions(rounds):
    name = rounds.endpoint()

    def body(_):
        replies = rounds.race(rounds.move(name, 2), rounds.move(name, 3))
        assert all(reply.status == 202 or refused_as_conflict(reply) for reply in replies), replies
        found = rounds.settled(name)
        accepted = {version for version, reply in zip(("2", "3"), replies) if reply.status == 202}
        assert found["status"] == "READY" and found["liveVersion"] == found["targetVersion"] and found["liveVersion"] in accepted

    rounds.run("move to different versions", body)
    rounds.away(name)


def test_move_and_delete(rounds):
    def body(_):
        name = rounds.endpoint()
        moved, deleted = rounds.race(rounds.move(name, 2), rounds.delete(name))
        assert moved.status == 202 or refused_as_conflict(moved) or moved.status == 404, moved
        assert deleted.status == 202 or refused_as_conflict(deleted), deleted
        assert 202 in (moved.status, deleted.status)
        found = rounds.settled(name)
        if deleted.status == 202:
            assert found is None
        else:
            assert (found["status"], found["liveVersion"]) == ("READY", "2")
            rounds.away(name)

    rounds.run("move and delete", body)


def test_roll_back_and_move(rounds):
    def body(_):
        name = rounds.endpoint(1)
        assert rounds.pair.send(rounds.pair.two, *rounds.move(name, 2)).status == 202
        assert rounds.settled(name)["liveVersion"] == "2"
        back, moved = rounds.race(("POST", f"/_signalbox/v1{rounds.path}{name}/rollback", {}), rounds.move(name, 3))
        assert all(reply.status == 202 or refused_as_conflict(reply) for reply in (back, moved)), (back, moved)
        found = rounds.settled(name)
        allowed = {"1"} if back.status == 202 else set()
        if moved.status == 202:
            # After the rollback, or before: then it was 3 that was rolled back from, to 2.
            allowed |= {"3", *({"2"} if back.status == 202 else ())}
        assert found["status"] == "READY" and found["liveVersion"] == found["targetVersion"], found
        assert found["liveVersion"] in allowed, (found, back, moved)
        rounds.away(name)

    rounds.run("roll back and move", body)


# -- client tokens


def test_a_token_after_the_deletion(rounds):
    """The same request: the stored 202, byte for byte, on either replica. Another: refused with its reason."""
    def body(_):
        name, used, moved = rounds.endpoint(), token(), token()
        first_move = rounds.pair.send(rounds.pair.one, *rounds.move(name, 2, moved))
        assert first_move.status == 202
        rounds.settled(name)
        first, second = rounds.race(rounds.delete(name, used), rounds.delete(name, used))
        assert (first.status, second.status) == (202, 202) and first.body == second.body
        assert rounds.settled(name) is None
        for server in rounds.pair.both:
            again = rounds.pair.send(server, *rounds.delete(name, used))
            assert (again.status, again.body) == (202, first.body)
            again = rounds.pair.send(server, *rounds.move(name, 2, moved))
            assert (again.status, again.body) == (202, first_move.body)
            other = rounds.pair.send(server, *rounds.move(name, 3, moved))
            assert (other.status, other.error) == (400, "ValidationException"), other
            assert other.json["reason"] == "IdempotentParameterMismatchException", other
        assert rounds.history(name)[-1][0] == "deleted"

    rounds.run("token after the deletion", body)


def test_a_token_after_the_runtime_is_gone(pair):
    request = {"agentRuntimeName": unique("r"), **pair.workshop.request(environment={"AGENT_VERSION": "1"}), "clientToken": token()}
    made = pair.send(pair.one, "PUT", "/runtimes/", request)
    runtime = Runtime(pair.workshop, made.json)
    runtime.ready()
    used = token()
    deleted = pair.send(pair.one, "DELETE", f"/runtimes/{runtime.id}/?clientToken={used}")
    assert deleted.status == 202
    gone(runtime.control, runtime.id)
    for server in pair.both:
        again = pair.send(server, "DELETE", f"/runtimes/{runtime.id}/?clientToken={used}")
        assert (again.status, again.body) == (202, deleted.body)
        again = pair.send(server, "PUT", "/runtimes/", request)
        assert (again.status, again.body) == (202, made.body)
    assert pair.sql(f"select 1 from agent_runtime where runtime_id = '{runtime.id}'") == []


def test_a_thousand_rounds(request, long_run):
    """All that this file says was run. When somebody asked for a few tests alone there is nothing to count."""
    asked = {item.originalname for item in request.session.items if item.path == request.node.path}
    if asked != {name for name in vars(request.module) if name.startswith("test_")}:
        pytest.skip("not all races were asked for")
    wanted = {kind: count * (LONG if long_run else 1) for kind, count in ROUNDS.items()}
    assert DONE == wanted and sum(wanted.values()) >= 1000, (DONE, wanted)
