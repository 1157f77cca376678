"""Requests made up from the OpenAPI document, good ones and bad ones, signed, against a running server.

Whatever comes: no 5xx; status, content type, headers and body as the document says; an error's code among those that
the operation documents; a good signature never refused. FUZZ_SEED=N repeats a run, FUZZ_EXAMPLES=N makes it longer.
"""

import os
import random
import time
from collections import Counter, defaultdict
from urllib.parse import urlsplit

import hypothesis
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance, response_headers_conformance, response_schema_conformance, status_code_conformance)

from document import Document

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_headers_conformance,
          response_schema_conformance]
NAMES = list(Document.load().operations)
#: {(operation, mode): {status: how often}}
ANSWERED = defaultdict(Counter)
#: So long an operation may take beyond its first FEW examples, in seconds, so that a slow machine sees fewer of them.
LIMIT, FEW = 2.0, 15
#: Each of these starts a sandbox.
SLOW = {"CreateAgentRuntime", "UpdateAgentRuntime", "InvokeAgentRuntime"}


class Signed(requests.auth.AuthBase):
    """Signs what requests made of a case, as it will go out."""

    def __init__(self, signer):
        self.signer = signer

    def __call__(self, request):
        body = request.body or b""
        if isinstance(body, str):
            body = request.body = body.encode()
        # A space as "+" has two readings; signers of AWS write %20.
        request.url = request.url.replace("+", "%20")
        parts = urlsplit(request.url)
        target = parts.path + (f"?{parts.query}" if parts.query else "")
        # What requests adds by itself is not signed, as with every SDK.
        kept = {name: value for name, value in request.headers.items()
                if name.lower() not in ("connection", "accept-encoding", "user-agent", "content-length", "accept", "host", "transfer-encoding")}
        headers = self.signer.headers(request.method, target, body, [(n, v if isinstance(v, str) else v.decode("latin-1")) for n, v in kept.items()])
        request.headers.update({name: value for name, value in headers if name not in ("Host", "Content-Length")})
        return request


@pytest.fixture(scope="session")
def operations(document, server):
    config = schemathesis.Config()
    schema = schemathesis.openapi.from_dict(document.data, config=config)
    found = {}
    for result in schema.get_all_operations():
        operation = result.ok()
        found[operation.definition.raw["operationId"]] = operation
    assert set(found) == set(NAMES)
    return found


def check(operation, case, response):
    """What schemathesis does not look at, and what of it does not apply."""
    headers = {name.lower(): values[0] for name, values in response.headers.items()}
    code = headers.get("x-amzn-errortype", "")
    assert code != "InvalidSignatureException", (
        f"a good signature was refused: {response.request.method} {response.request.url} {dict(response.request.headers)}")
    if code == "UnknownOperationException":
        # The made-up path is another one, or none.
        assert response.status_code in (404, 405) and set(response.json()) == {"message"}
        return
    if response.status_code == 414:
        # Not of any operation: the document's introduction has it.
        assert response.json()["reason"] == "CannotParse" and len(response.request.url) > 16_000
        return
    case.validate_response(response, checks=CHECKS)
    if response.status_code >= 400:
        documented = {(e["code"], e["status"]) for e in operation.data.get("x-signalbox-errors", [])}
        assert (code, response.status_code) in documented, f"{response.status_code} {code} is not documented: {response.text[:500]}"
    assert headers["x-amzn-requestid"]


@pytest.mark.parametrize("mode", ["good", "bad"])
@pytest.mark.parametrize("name", NAMES)
def test_operation(name, mode, operations, document, world, server, fuzz_seed, long_run):
    described = document.operations[name]
    operation = operations[name]
    if mode == "bad" and not (described.parameters or described.data.get("requestBody")):
        return  # nothing of it can be wrong
    examples = int(os.environ.get("FUZZ_EXAMPLES", 1000 if long_run else 12 if name in SLOW and mode == "good" else 40))
    strategy = operation.as_strategy(
        generation_mode=GenerationMode.POSITIVE if mode == "good" else GenerationMode.NEGATIVE)
    draw = random.Random(f"{fuzz_seed} {name} {mode}")
    auth = Signed(server.signer())
    session = requests.Session()
    session.trust_env = False
    until = time.monotonic() + (LIMIT if not long_run and "FUZZ_EXAMPLES" not in os.environ else 3600)
    @hypothesis.seed(fuzz_seed)
    @hypothesis.settings(
        max_examples=examples, deadline=None, database=None, phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck))
    @hypothesis.given(case=strategy)
    def run(case):
        if sum(ANSWERED[name, mode].values()) >= FEW and time.monotonic() > until:
            return
        world.mix(described, case, draw)
        response = case.call(base_url=server.url, session=session, auth=auth, timeout=60, allow_redirects=False)
        ANSWERED[name, mode][response.status_code] += 1
        check(described, case, response)

    try:
        run()
    except BaseException:
        print(f"repeat with FUZZ_SEED={fuzz_seed} FUZZ_EXAMPLES={examples} and -k '{name} and {mode}'")
        raise
    finally:
        session.close()
    assert ANSWERED[name, mode], "nothing was sent"


def test_it_got_somewhere(world, server, document):
    """Made-up requests alone would only ever see refusals. And the runtime that was fuzzed still does what it is for."""
    for (name, mode), found in ANSWERED.items():
        print(name, mode, dict(found))
        assert mode == "bad" or found[document.operations[name].success], f"{name} never succeeded: {dict(found)}"
    assert world.good.invoke({"do": "tell"})["calls"] >= 1
    assert server.signer().send("GET", "/readyz").status == 200
