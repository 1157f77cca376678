"""Values that lead a request past its 404, mixed into what the fuzzer makes up."""

import json
import random
from typing import NamedTuple

from runtimes import Runtime


class World(NamedTuple):
    good: Runtime
    identity: str
    #: `agentRuntimeArtifact` of an archive that is there.
    artifact: dict
    session: str
    #: Ids and names that may be deleted.
    runtimes: list
    endpoints: list
    identities: list
    #: Access keys by the operation that may have them.
    keys: dict

    @staticmethod
    def policy(arn):
        """One that changes nothing for anybody."""
        return json.dumps({"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Principal": "*", "Action": "bedrock-agentcore:GetAgentCard", "Resource": arn}]})

    def mix(self, operation, case, draw: random.Random):
        """Puts real values where the case has made-up ones: three times of four, each by itself."""
        deletes = operation.name.startswith("Delete")
        good = {
            "agentRuntimeId": draw.choice(self.runtimes) if operation.name == "DeleteAgentRuntime" else self.good.id,
            "endpointName": draw.choice(self.endpoints) if operation.name == "DeleteAgentRuntimeEndpoint" else draw.choice(
                ["prod", "DEFAULT"]),
            "agentRuntimeArn": draw.choice([self.good.arn, self.good.id]),
            "resourceArn": draw.choice([self.good.arn, f"{self.good.arn}/runtime-endpoint/prod"]),
            **({"accessKeyId": draw.choice(self.keys[operation.name])} if operation.name in self.keys else {}),
        }
        if operation.name == "StopRuntimeSession" and draw.random() < 0.3:
            # There is something to stop.
            self.good.invoke({}, session=self.session, qualifier="prod")
        for name in case.path_parameters or {}:
            # The document's own example of an endpoint is one that must stay.
            if name in good and (draw.random() < 0.75 or deletes and case.path_parameters[name] == "prod"):
                case.path_parameters[name] = good[name]
        for name in list(case.headers or {}):
            if name.lower().endswith("-session-id") and draw.random() < 0.75:
                case.headers[name] = self.session
        body = case.body
        if isinstance(body, dict):
            if "agentRuntimeArtifact" in body and draw.random() < 0.75:
                body["agentRuntimeArtifact"] = self.artifact
            if "policy" in body and draw.random() < 0.5:
                body["policy"] = self.policy((case.path_parameters or {}).get("resourceArn", self.good.arn))
            if "agentRuntimeVersion" in body and draw.random() < 0.75:
                body["agentRuntimeVersion"] = "1"
            if "name" in body and operation.name.endswith("WorkloadIdentity") and operation.name[:6] != "Create" and draw.random() < 0.75:
                body["name"] = draw.choice(self.identities) if deletes else self.identity
        if isinstance(case.query, dict) and "qualifier" in case.query and draw.random() < 0.75:
            case.query["qualifier"] = "prod"
        if isinstance(case.query, dict) and "version" in case.query and draw.random() < 0.75:
            case.query["version"] = "1"
