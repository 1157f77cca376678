"""The OpenAPI document as tests use it: operations by name, references followed."""

import json
import pathlib

PATH = pathlib.Path(__file__).resolve().parents[2] / "openapi" / "signalbox.json"


class Operation:
    def __init__(self, document, path, method, data):
        self.document = document
        self.path = path
        self.method = method.upper()
        self.data = data
        self.name = data["operationId"]
        self.plane = data["x-signalbox-plane"]
        self.parameters = data.get("parameters", [])
        self.changes = data["x-signalbox-changes"]
        self.is_signed = data.get("security") != []

    @property
    def body(self):
        """Schema of a JSON body, or None."""
        content = self.data.get("requestBody", {}).get("content", {})
        return content["application/json"]["schema"] if "application/json" in content else None

    @property
    def responses(self):
        return {int(status): self.document.resolve(response) for status, response in self.data["responses"].items()}

    @property
    def success(self):
        return min(self.responses)

    @property
    def errors(self):
        """(code, status) of errors that the model has."""
        return {(e["code"], e["status"]) for e in self.data.get("x-signalbox-errors", []) if e["modelled"]}

    def target(self, **parameters):
        """Its path with these parameters, percent-encoded."""
        from urllib.parse import quote

        path = self.path
        for name, value in parameters.items():
            path = path.replace("{%s}" % name, quote(value, safe=""))
        assert "{" not in path, path
        return path


class Document:
    def __init__(self, data):
        self.data = data
        found = {
            item["operationId"]: Operation(self, path, method, item)
            for path, methods in data["paths"].items() for method, item in methods.items()
        }
        assert sorted(found) == sorted(data["x-signalbox-operations"])
        self.operations = {name: found[name] for name in data["x-signalbox-operations"]}

    @classmethod
    def load(cls):
        return cls(json.loads(PATH.read_text()))

    def resolve(self, value):
        """What a reference means; other values as they are."""
        if not isinstance(value, dict) or "$ref" not in value:
            return value
        found = self.data
        for part in value["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        return {**found, **{name: item for name, item in value.items() if name != "$ref"}}

    @property
    def of_aws(self):
        """Operations that AWS's SDKs know."""
        return {name: operation for name, operation in self.operations.items() if operation.plane != "own"}
