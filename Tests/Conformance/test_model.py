"""Compares our description of the API with botocore's model.

CONFORMANCE_MODEL names the file that `ModelDescription.json()` was written to; the Swift test
ModelDescriptionTests writes it when the same variable is set. Every difference must stand in
INTENDED with its reason, and every entry of INTENDED must still be a difference.
"""

import json
import os

import pytest
from botocore.loaders import Loader

SERVICES = {"control": "bedrock-agentcore-control", "data": "bedrock-agentcore"}
CONSTRAINTS = ("min", "max", "pattern", "enum")
NEWER = "member of botocore 1.44.5, stored and returned"
#: Errors that botocore 1.44.5 adds.
NEWER_ERRORS = {"CreateWorkloadIdentity": {"ConflictException"}}
OLD_ARN = "the old model's ARN (agent/<uuid>) was never real; 1.44.5 corrects it"

# (path, aspect) -> reason. Paths name an operation, its side, then members; `[]` is a list's
# element, `{k}` and `{v}` a map's key and value.
INTENDED = {}


def intend(aspect, reason, *paths):
    for path in paths:
        INTENDED[(path, aspect)] = reason


CREATE, UPDATE = "CreateAgentRuntime.input", "UpdateAgentRuntime.input"
GET = "GetAgentRuntime.output"
CONFIGURED = (CREATE, UPDATE, GET)

for side in CONFIGURED:
    intend("required", "optional since 1.44.5; absent means PUBLIC", f"{side}.networkConfiguration")
    for member in ("hooksConfiguration", "platformVersion", "allowedPorts", "resourceConfigurations"):
        intend("extra", NEWER, f"{side}.{member}")
    for member in ("port", "path"):
        intend("extra", NEWER, f"{side}.protocolConfiguration.{member}")
    authorizer = f"{side}.authorizerConfiguration.customJWTAuthorizer"
    intend("pattern", "the newer model also allows oauth-authorization-server", f"{authorizer}.discoveryUrl")
    for member in ("advertisedScopeMapping", "allowedWorkloadConfiguration"):
        intend("extra", NEWER, f"{authorizer}.{member}")
    intend("extra", "newer member, refused by name", f"{authorizer}.certificateConfigurations",
           f"{side}.filesystemConfigurations[].capacityProviderVolume")
    intend("pattern", "any OCI reference unless strictImageUri is set",
           f"{side}.agentRuntimeArtifact.containerConfiguration.containerUri")
INTENDED.pop((f"{GET}.networkConfiguration", "required"))  # always filled in answers
for side in (CREATE, UPDATE):
    intend("extra", "newer member, refused by name", f"{side}.capacityProviderConfiguration")
intend("extra", "accepted when sent, since AWS now wants MMDSv2 (contract 20)", f"{CREATE}.metadataConfiguration")
intend("extra", NEWER, "DeleteAgentRuntime.input.agentRuntimeVersion", "DeleteAgentRuntime.output.agentRuntimeVersion",
       "InvokeAgentRuntime.input.mcpMethod", "InvokeAgentRuntime.input.mcpName")
for operation in ("ListAgentRuntimes", "ListAgentRuntimeEndpoints"):
    intend("extra", "a filter of ours, by query parameter", *(f"{operation}.input.{m}" for m in ("namePrefix", "status", "tags")))
for operation in ("ListAgentRuntimes", "ListAgentRuntimeVersions"):
    intend("required", "left out when unset: the model's own minimum length is 1",
           f"{operation}.output.agentRuntimes[].description")
    intend("pattern", OLD_ARN, f"{operation}.output.agentRuntimes[].agentRuntimeArn")
    intend("enum", "1.44.5 adds DELETE_FAILED", f"{operation}.output.agentRuntimes[].status")
for path in ("CreateAgentRuntime.output", "UpdateAgentRuntime.output", GET, "DeleteAgentRuntime.output",
             "CreateAgentRuntimeEndpoint.output", "UpdateAgentRuntimeEndpoint.output", "GetAgentRuntimeEndpoint.output",
             "DeleteAgentRuntimeEndpoint.output", "ListAgentRuntimeEndpoints.output.runtimeEndpoints[]"):
    intend("enum", "1.44.5 adds DELETE_FAILED", f"{path}.status")
    if not path.startswith("Delete"):
        intend("pattern", OLD_ARN, f"{path}.agentRuntimeArn")
        if "Endpoint" in path:
            intend("pattern", OLD_ARN, f"{path}.agentRuntimeEndpointArn")
for operation in ("InvokeAgentRuntime", "StopRuntimeSession"):
    for aspect in CONSTRAINTS[:3]:
        intend(aspect, "session ids of 33 to 256 characters are echoed verbatim; the model's 100 contradicts its input",
               f"{operation}.output.runtimeSessionId")
intend("max", "as long as the request's Mcp-Session-Id", "InvokeAgentRuntime.output.mcpSessionId")
intend("pattern", "an MCP server chooses it freely", "InvokeAgentRuntime.output.mcpSessionId")


def botocore_models():
    loader = Loader()
    return {plane: loader.load_service_model(name, "service-2") for plane, name in SERVICES.items()}


@pytest.fixture(scope="module")
def ours():
    path = os.environ.get("CONFORMANCE_MODEL")
    if not path:
        pytest.skip("CONFORMANCE_MODEL is not set")
    with open(path, encoding="utf-8") as file:
        return json.load(file)


@pytest.fixture(scope="module")
def theirs():
    return botocore_models()


def compare(path, ours, name, theirs, their_name, found):
    """Adds every difference below one shape to `found`."""
    our, their = ours["shapes"][name], theirs["shapes"][their_name]
    if our["type"] == "document":
        return
    if our["type"] != their["type"]:
        found[(path, "type")] = (our["type"], their["type"])
        return
    for aspect in CONSTRAINTS:
        mine, yours = our.get(aspect), their.get(aspect)
        if aspect == "enum":
            mine, yours = sorted(mine or []), sorted(yours or [])
        if mine != yours:
            found[(path, aspect)] = (mine, yours)
    if bool(our.get("union")) != bool(their.get("union")):
        found[(path, "union")] = (our.get("union"), their.get("union"))
    if their.get("sensitive") and not our.get("sensitive"):
        found[(path, "sensitive")] = (False, True)  # hiding more than botocore does is fine
    if our["type"] == "list":
        compare(f"{path}[]", ours, our["member"], theirs, their["member"]["shape"], found)
    elif our["type"] == "map":
        compare(f"{path}{{k}}", ours, our["key"], theirs, their["key"]["shape"], found)
        compare(f"{path}{{v}}", ours, our["value"], theirs, their["value"]["shape"], found)
    elif our["type"] == "structure":
        compare_members(path, ours, our, theirs, their, found)


def compare_members(path, ours, our, theirs, their, found):
    mine = {member["name"]: member for member in our["members"]}
    for name, yours in their["members"].items():
        here = f"{path}.{name}"
        member = mine.pop(name, None)
        if member is None:
            found[(here, "missing")] = (None, yours)
            continue
        required = name in their.get("required", [])
        if member["required"] != required:
            found[(here, "required")] = (member["required"], required)
        location = "payload" if their.get("payload") == name else yours.get("location", "body")
        if member["location"] != location:
            found[(here, "location")] = (member["location"], location)
        if member.get("locationName") != yours.get("locationName") and location != "statusCode":
            found[(here, "locationName")] = (member.get("locationName"), yours.get("locationName"))
        if bool(member.get("idempotencyToken")) != bool(yours.get("idempotencyToken")):
            found[(here, "idempotencyToken")] = (member.get("idempotencyToken"), yours.get("idempotencyToken"))
        compare(here, ours, member["shape"], theirs, yours["shape"], found)
    for name in mine:
        found[(f"{path}.{name}", "extra")] = (mine[name]["shape"], None)


def test_operations(ours, theirs):
    ours_to_have = ("AgentRuntime", "TagResource", "UntagResource", "ListTagsForResource", "ResourcePolicy", "WorkloadIdentit")
    expected = {name for name in theirs["control"]["operations"] if any(word in name for word in ours_to_have)}
    names = {operation["name"] for operation in ours["operations"]}
    assert expected <= names
    for operation in ours["operations"]:
        their = theirs[operation["plane"]]["operations"][operation["name"]]
        assert operation["method"] == their["http"]["method"], operation["name"]
        assert operation["path"] == their["http"]["requestUri"], operation["name"]
        assert operation["status"] == their["http"]["responseCode"], operation["name"]
        assert operation["idempotent"] == their.get("idempotent", False), operation["name"]
        assert operation["readonly"] == their.get("readonly", False), operation["name"]
        errors = {error["shape"] for error in their["errors"]} | NEWER_ERRORS.get(operation["name"], set())
        assert set(operation["errors"]) == errors, operation["name"]


def test_errors(ours, theirs):
    for name, error in ours["errors"].items():
        model = next(model for model in theirs.values() if name in model["shapes"])
        assert error["status"] == model["shapes"][name]["error"]["httpStatusCode"], name
        found = {}
        compare(name, ours, name, model, name, found)
        assert not found


def test_every_difference_is_intended(ours, theirs):
    found = {}
    for operation in ours["operations"]:
        model = theirs[operation["plane"]]
        their = model["operations"][operation["name"]]
        for side in ("input", "output"):
            compare(f"{operation['name']}.{side}", ours, operation[side], model, their[side]["shape"], found)
    unintended = {key: value for key, value in found.items() if key not in INTENDED}
    assert not unintended, "\n".join(f"{path} {aspect}: ours {value[0]!r}, botocore {value[1]!r}"
                                     for (path, aspect), value in unintended.items())
    assert not (set(INTENDED) - set(found)), "no longer a difference"
