"""Every operation of a server that is told to throttle: one call, and not a second."""

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

import places
from document import Document
from server import DevServer
from test_routes import request

DOCUMENT = Document.load()
THROTTLED = [name for name, operation in DOCUMENT.operations.items() if operation.is_signed]

pytestmark = pytest.mark.local


@pytest.fixture(scope="module")
def limited(scratch):
    with DevServer(f"{scratch}/limited", arguments=["--throttle", "*=0.001"], log=places.log("limited")) as server:
        yield server


@pytest.mark.parametrize("name", THROTTLED)
def test_the_second_call_is_too_many(limited, name):
    operation = DOCUMENT.operations[name]
    target, body, headers = request(operation)
    first, second = (limited.signer().send(operation.method, target, body, headers) for _ in range(2))
    assert first.status != 429, first
    assert f"{second.status} {second.error}" == "429 ThrottlingException", second
    assert set(second.json) == {"message"} and second.headers["content-type"] == "application/json"
    assert int(second.headers["retry-after"]) >= 1


def test_as_a_client_sees_it(limited):
    client = boto3.client(
        "bedrock-agentcore-control", endpoint_url=limited.url, region_name=limited.region,
        aws_access_key_id=limited.environment["AWS_ACCESS_KEY_ID"], aws_secret_access_key=limited.environment["AWS_SECRET_ACCESS_KEY"],
        config=Config(retries={"total_max_attempts": 1}))
    with pytest.raises(ClientError) as refusal:
        for _ in range(2):
            client.list_agent_runtimes()
    assert type(refusal.value).__name__ == "ThrottlingException"
    assert refusal.value.response["ResponseMetadata"]["HTTPStatusCode"] == 429
