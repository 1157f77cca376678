"""What the fuzzer runs against: one server with a runtime, an endpoint, an identity, and things to delete."""

import os
import random

import pytest

from document import Document
from runtimes import Workshop, session_id, unique
from world import World

#: The same requests each time. With --long another one, printed with what it found.
SEED = 20_261_121


@pytest.fixture(scope="session")
def fuzz_seed(long_run):
    return int(os.environ.get("FUZZ_SEED", random.randrange(2**31) if long_run else SEED))


@pytest.fixture(scope="session")
def document():
    return Document.load()


@pytest.fixture(scope="session")
def world(server, document):
    workshop = Workshop(server.clients)
    control = workshop.control
    good = workshop.runtime()
    good.endpoint("prod")
    # Something to roll back from, and to.
    good.update(description="second")
    good.switch("prod", "2")
    control.put_resource_policy(resourceArn=good.arn, policy=World.policy(good.arn))
    identity = unique("identity")
    control.create_workload_identity(name=identity)
    victims = [workshop.create()["agentRuntimeId"] for _ in range(3)]
    endpoints = ["victim_a", "victim_b"]
    for name in endpoints:
        good.endpoint(name)
    identities = [unique("victim") for _ in range(3)]
    for name in identities:
        control.create_workload_identity(name=name)
    make = lambda: server.signer().send("POST", "/_signalbox/v1/keys", b'{"role":"viewer"}').json["AccessKeyId"]  # noqa: E731
    keys = {name: [make() for _ in range(3)] for name in document.operations if name.endswith("AccessKey") and name != "CreateAccessKey"}
    yield World(good, identity, workshop.artifact("probe"), session_id(), victims, endpoints, identities, keys)
    # All that the fuzzer made, too.
    for page in control.get_paginator("list_agent_runtimes").paginate():
        workshop._made += [line["agentRuntimeId"] for line in page["agentRuntimes"] if line["agentRuntimeId"] not in workshop._made]
    workshop.close()
