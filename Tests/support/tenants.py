"""A server with keys of every role, and of another account."""

import json

from clients import Clients
from server import ACCOUNT, environment_of
from signing import Signer

STRANGER = "210987654321"


class Tenants:
    """Clients and signers by `role` or `account/role`."""

    def __init__(self, server):
        self.server = server
        self._environments = {}

    def environment(self, name):
        if name not in self._environments:
            account, role = name.split("/") if "/" in name else (ACCOUNT, name)
            key = json.loads(self.server.run("key", "create", "--account", account, "--role", role, "--output", "json").stdout)
            self._environments[name] = environment_of(self.server.url, key["AccessKeyId"], key["SecretAccessKey"], "us-east-1")
        return self._environments[name]

    def clients(self, name):
        return Clients(self.environment(name))

    def signer(self, name):
        return Signer(self.server.url, self.environment(name))
