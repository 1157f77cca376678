"""openapi/signalbox.json against the code's own tables, against botocore's models, and as a document by itself.

The Swift test OpenAPITests compares the file with what the code makes; here nothing of that code is used: the
document is read back into shapes, which have to be the shapes that the server works by and those of botocore.
"""

import json
import os

import botocore.session
import jsonschema_rs
import pytest
from botocore.validate import ParamValidator
from openapi_spec_validator import OpenAPIV31SpecValidator

from document import Document
from test_model import INTENDED, SERVICES, botocore_models, compare


@pytest.fixture(scope="module")
def document():
    return Document.load()


# -- The document, read back into the form of ModelDescription.json()

LIMITS = {"string": ("minLength", "maxLength"), "integer": ("minimum", "maximum"), "list": ("minItems", "maxItems"),
          "map": ("minProperties", "maxProperties"), "blob": ("x-signalbox-min-bytes", "x-signalbox-max-bytes")}


class Reader:
    """Shapes of a document, by the names that they have in the model."""

    def __init__(self, document):
        self.document = document
        self.shapes = {}

    def shape(self, schema):
        """Reads a schema and what it holds; gives its name."""
        if "$ref" in schema:
            name = schema["$ref"].rsplit("/", 1)[1]
            if name not in self.shapes:
                self.shapes[name] = {}
                self.shapes[name] = self.structure(self.document.data["components"]["schemas"][name])
            return name
        name = schema["x-signalbox-shape"]
        shape = {"type": self.kind(schema)}
        low, high = LIMITS.get(shape["type"], (None, None))
        if low in schema:
            shape["min"] = schema[low]
        if high in schema:
            shape["max"] = schema[high]
        if "pattern" in schema:
            shape["pattern"] = schema["pattern"].removeprefix("^(?:").removesuffix(")$")
        if "enum" in schema:
            shape["enum"] = schema["enum"]
        if schema.get("x-signalbox-sensitive"):
            shape["sensitive"] = True
        if shape["type"] == "list":
            shape["member"] = self.shape(schema["items"])
        if shape["type"] == "map":
            values = schema["additionalProperties"] or next(iter(schema["patternProperties"].values()))
            shape["key"] = self.shape(schema.get("propertyNames") or schema["x-signalbox-key"])
            shape["value"] = self.shape(values)
        if shape["type"] == "timestamp":
            shape["timestampFormat"] = "iso8601" if schema["type"] == "string" else "unixTimestamp"
        assert self.shapes.setdefault(name, shape) == shape, f"{name} has two definitions"
        return name

    @staticmethod
    def kind(schema):
        if schema.get("format") == "date-time" or "x-signalbox-format" in schema:
            return "timestamp"
        if schema["x-signalbox-shape"] in ("Document", "JsonDocument"):
            return "document"
        return {"string": "string", "integer": "integer", "boolean": "boolean", "array": "list", "object": "map",
                None: "blob"}[schema.get("type")]

    def structure(self, schema):
        shape = {"type": "structure"}
        if "oneOf" in schema:
            shape["union"] = True
            properties = {name: value for branch in schema["oneOf"] for name, value in branch["properties"].items()}
        else:
            properties = schema["properties"]
        shape["members"] = [
            self.member(name, value, name in schema.get("required", []), "body") for name, value in properties.items()
        ] + [
            {"name": name, "shape": "Document", "required": False, "location": "body", "refused": reason}
            for name, reason in schema.get("x-signalbox-refused", {}).items()
        ]
        return shape

    def member(self, name, schema, required, location, place=None):
        result = {"name": name, "shape": self.shape(schema), "required": required, "location": location}
        if place is not None:
            result["locationName"] = place
        if schema.get("x-signalbox-idempotency-token"):
            result["idempotencyToken"] = True
        return result

    def input(self, operation):
        members = []
        for parameter in operation.parameters:
            location = {"path": "uri", "query": "querystring", "header": "header"}[parameter["in"]]
            schema, place = parameter["schema"], parameter["name"]
            if "x-signalbox-prefix" in schema:
                location, place = "queryprefix", schema["x-signalbox-prefix"]
            member = self.member(parameter["x-signalbox-member"], schema, parameter["required"], location, place)
            if parameter.get("x-signalbox-idempotency-token"):
                member["idempotencyToken"] = True
            members.append(member)
        body = operation.data.get("requestBody")
        if body and "x-signalbox-member" in body:
            members.append(self.member(body["x-signalbox-member"], operation.body, True, "payload"))
        elif body:
            members += self.shapes[self.shape(operation.body)]["members"]
        return {"type": "structure", "members": members}

    def output(self, operation):
        response = operation.responses[operation.success]
        members = [
            self.member(header["x-signalbox-member"], header["schema"], False, "header", name)
            for name, header in response["headers"].items() if "x-signalbox-member" in header
        ]
        for content in response.get("content", {}).values():
            if "$ref" in content["schema"]:
                members += self.shapes[self.shape(content["schema"])]["members"]
            else:
                members.append(self.member("response", content["schema"], False, "payload"))
        return {"type": "structure", "members": members}


@pytest.fixture(scope="module")
def model(document):
    """The document in the form of ModelDescription.json()."""
    reader = Reader(document)
    operations = []
    for name, operation in document.of_aws.items():
        reader.shapes[f"{name}.input"] = reader.input(operation)
        reader.shapes[f"{name}.output"] = reader.output(operation)
        operations.append({
            "name": name, "plane": operation.plane, "method": operation.method, "path": operation.path,
            "status": operation.success, "idempotent": operation.data["x-signalbox-idempotent"],
            "readonly": operation.data["x-signalbox-readonly"], "errors": {code for code, _ in operation.errors},
            "input": f"{name}.input", "output": f"{name}.output"})
    return {"operations": operations, "shapes": reader.shapes}


#: Members of the model that OpenAPI says in another way: the media type, the status, the body itself.
SAID_OTHERWISE = {"contentType", "statusCode"}


def normal(members):
    """Members in an order of their own."""
    return sorted((json.dumps(member, sort_keys=True) for member in members))


def test_the_document_says_what_the_code_does(model):
    path = os.environ.get("CONFORMANCE_MODEL")
    if not path:
        pytest.skip("CONFORMANCE_MODEL is not set")
    with open(path, encoding="utf-8") as file:
        code = json.load(file)
    assert [o["name"] for o in sorted(code["operations"], key=lambda o: o["name"])] == sorted(o["name"] for o in model["operations"])
    by_name = {operation["name"]: operation for operation in code["operations"]}
    for operation in model["operations"]:
        ours = by_name[operation["name"]]
        for aspect in ("plane", "method", "path", "status", "idempotent", "readonly"):
            assert operation[aspect] == ours[aspect], (operation["name"], aspect)
        assert operation["errors"] == set(ours["errors"]), operation["name"]
        for side in ("input", "output"):
            mine = code["shapes"][ours[side]]["members"]
            if side == "output":
                mine = [member for member in mine if member["name"] not in SAID_OTHERWISE]
            assert normal(model["shapes"][operation[side]]["members"]) == normal(mine), (operation["name"], side)
    for name, shape in model["shapes"].items():
        if name.split(".")[-1] in ("input", "output"):
            continue
        ours = code["shapes"][name]
        if "members" in shape:
            travelling = [member for member in ours["members"] if member["location"] == "body"]
            assert normal(shape["members"]) == normal(travelling), name
            assert bool(shape.get("union")) == bool(ours.get("union")), name
        else:
            assert shape == ours, name


def test_the_document_differs_from_botocore_as_intended(model):
    theirs = botocore_models()
    found = {}
    for operation in model["operations"]:
        their = theirs[operation["plane"]]["operations"][operation["name"]]
        assert (operation["method"], operation["path"], operation["status"]) == (
            their["http"]["method"], their["http"]["requestUri"], their["http"]["responseCode"]), operation["name"]
        for side in ("input", "output"):
            compare(f"{operation['name']}.{side}", model, operation[side], theirs[operation["plane"]], their[side]["shape"], found)
    for path, aspect in list(found):
        if aspect in ("missing", "required") and path.split(".output.")[-1] in (SAID_OTHERWISE | {"response"}):
            found.pop((path, aspect))
    unintended = {key: value for key, value in found.items() if key not in INTENDED}
    assert not unintended, "\n".join(f"{path} {aspect}: document {value[0]!r}, botocore {value[1]!r}"
                                     for (path, aspect), value in unintended.items())


def test_it_is_valid(document):
    errors = list(OpenAPIV31SpecValidator(document.data).iter_errors())
    assert not errors, errors[:5]


def inlined(document, schema):
    """A schema that stands by itself: components are its `$defs`."""
    text = json.dumps({**schema, "$defs": document.data["components"]["schemas"]})
    return json.loads(text.replace("#/components/schemas/", "#/$defs/"))


def test_examples_obey_their_schemas(document):
    checked = 0
    for operation in document.operations.values():
        places = [(p["name"], p["schema"], p["example"]) for p in operation.parameters if "example" in p]
        contents = list(operation.data.get("requestBody", {}).get("content", {}).values())
        for response in operation.responses.values():
            contents += response.get("content", {}).values()
        for content in contents:
            examples = [content["example"]] if "example" in content else [e["value"] for e in content.get("examples", {}).values()]
            places += [("body", content["schema"], example) for example in examples]
        for place, schema, example in places:
            validator = jsonschema_rs.Draft202012Validator(inlined(document, schema), validate_formats=True)
            problems = [error.message for error in validator.iter_errors(example)]
            assert not problems, (operation.name, place, problems)
            checked += 1
    assert checked > 200


def test_examples_are_calls_that_sdks_accept(document):
    """The page makes its examples of these."""
    for operation in document.of_aws.values():
        shape = botocore.session.get_session().get_service_model(SERVICES[operation.plane]).operation_model(operation.name).input_shape
        members = {p["x-signalbox-member"]: p["example"] for p in operation.parameters if "example" in p}
        body = operation.data.get("requestBody")
        if body and "x-signalbox-member" in body:
            members[body["x-signalbox-member"]] = b"{}"
        elif body:
            members.update(body["content"]["application/json"]["example"])
        # Filters of our own, and members of newer releases.
        known = {name: value for name, value in members.items() if name in shape.members}
        assert not (report := ParamValidator().validate(known, shape)).has_errors(), (operation.name, report.generate_report())
        assert set(shape.required_members) <= set(known), operation.name


def test_every_operation_and_member_is_described(document):
    for operation in document.operations.values():
        assert operation.data["summary"].endswith(".") and operation.data["description"].endswith("."), operation.name
        for parameter in operation.parameters:
            assert parameter["description"], (operation.name, parameter["name"])
    for name, schema in document.data["components"]["schemas"].items():
        properties = schema.get("properties") or {n: p for b in schema.get("oneOf", []) for n, p in b["properties"].items()}
        for member, value in properties.items():
            assert value.get("description") or "Exception" in name, (name, member)


def test_every_error_has_its_status_headers_and_body(document):
    for operation in document.operations.values():
        for error in operation.data.get("x-signalbox-errors", []):
            response = operation.responses[error["status"]]
            header = response["headers"]["x-amzn-ErrorType"]
            assert error["code"] in header["schema"]["enum"] and header["required"], (operation.name, error)
            assert response["headers"]["x-amzn-RequestId"]["required"]
            assert "message" in response["content"]["application/json"]["examples"][error["code"]]["value"]


def test_it_is_served(signer, document):
    reply = signer.send("GET", "/_signalbox/v1/openapi.json")
    assert reply.status == 200 and reply.headers["content-type"] == "application/json"
    assert {**reply.json, "servers": None} == {**document.data, "servers": None}
    page = signer.send("GET", "/_signalbox/v1/reference")
    assert page.status == 200 and page.headers["content-type"].startswith("text/html")
    assert page.headers["content-security-policy"].startswith("default-src 'none'")


@pytest.mark.local
def test_it_is_printed(server, document, tmp_path):
    assert json.loads(server.run("openapi").stdout) == document.data
    server.run("openapi", "--html", str(tmp_path / "reference.html"), "--server", "https://api.example.com")
    text = (tmp_path / "reference.html").read_text()
    assert text.startswith("<!doctype html>") and '"url":"https://api.example.com"' in text
    # Nothing of it comes from elsewhere.
    assert not [word for word in ("<link", "src=", "@import", "url(http", "fetch(") if word in text.split('<script type="application/json"')[0]]


def test_both_planes_are_named_as_sdks_name_them(document):
    for operation in document.of_aws.values():
        assert operation.data["x-signalbox-service"] == SERVICES[operation.plane]
