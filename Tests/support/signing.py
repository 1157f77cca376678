"""Requests signed by hand: what SDKs never send, and loads that must not spend their time on signing."""

import datetime
import hashlib
import http.client
import json
import socket
import urllib.parse

import botocore.auth
from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

SESSION = "X-Amzn-Bedrock-AgentCore-Runtime-Session-Id"


class Reply:
    """An HTTP answer, read to its end."""

    def __init__(self, status, headers, body):
        self.status = status
        self.headers = {name.lower(): value for name, value in headers}
        self.body = body

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def error(self):
        return self.headers.get("x-amzn-errortype", "").split(":")[0]

    def __repr__(self):
        return f"<{self.status} {self.error} {self.body[:200]!r}>"


class _Shifted(SigV4Auth):
    """Signs for another time, of this request alone: others are being signed on other threads."""

    shift = 0

    def _modify_request_before_signing(self, request):
        time = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=self.shift)
        request.context["timestamp"] = time.strftime(botocore.auth.SIGV4_TIMESTAMP)
        super()._modify_request_before_signing(request)


class _ShiftedS3(_Shifted, S3SigV4Auth):
    pass


class Signer:
    """Signs as botocore does. Every part of it can be falsified by an argument."""

    def __init__(self, url, environment, *, key=None, secret=None, region=None, service="bedrock-agentcore", shift=0):
        self.url = url
        self.host = urllib.parse.urlsplit(url).netloc
        self.credentials = Credentials(
            key or environment["AWS_ACCESS_KEY_ID"], secret or environment["AWS_SECRET_ACCESS_KEY"])
        self.region = region or environment["AWS_REGION"]
        self.service = service
        self.shift = shift

    def headers(self, method, target, body=b"", headers=()):
        """All headers of the signed request, `Host` and `Content-Length` included, in the order to send them."""
        # Given as `params`, the query would be encoded once more; in the URL it's taken as it stands.
        request = AWSRequest(method=method, url=self.url + target, data=body, headers=dict(headers))
        auth = (_ShiftedS3 if self.service == "s3" else _Shifted)(self.credentials, self.service, self.region)
        auth.shift = self.shift
        auth.add_auth(request)
        result = [("Host", self.host), *request.headers.items()]
        if body or method in ("POST", "PUT"):
            result.append(("Content-Length", str(len(body))))
        return result

    def send(self, method, target, body=b"", headers=(), *, signed_target=None, timeout=60):
        """Signs and sends. `signed_target` differs from `target` in tests of tampering."""
        return self.send_with(method, target, body, self.headers(method, signed_target or target, body, headers), timeout=timeout)

    def send_with(self, method, target, body, headers, *, timeout=60):
        """Sends exactly these headers."""
        connection = http.client.HTTPConnection(self.host, timeout=timeout)
        try:
            connection.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
            for name, value in headers:
                connection.putheader(name, value)
            connection.endheaders()
            try:
                connection.send(body)
            except (BrokenPipeError, ConnectionResetError):
                pass  # refused before it was read: the answer tells why
            answer = connection.getresponse()
            return Reply(answer.status, answer.getheaders(), answer.read())
        finally:
            connection.close()

    def raw(self, method, target, body=b"", headers=()):
        """The whole request as bytes."""
        head = "".join(f"{name}: {value}\r\n" for name, value in self.headers(method, target, body, headers))
        return f"{method} {target} HTTP/1.1\r\n{head}\r\n".encode() + body

    def exchange(self, data, *, timeout=10, until=lambda received: True):
        """Sends bytes as they are; everything that comes back until the peer closes or falls silent.

        What is silence has a minute until what has been received is enough.
        """
        host, port = self.host.rsplit(":", 1)
        with socket.create_connection((host, int(port)), timeout=60) as connection:
            connection.sendall(data)
            received = bytearray()
            try:
                connection.settimeout(timeout if until(bytes(received)) else 60)
                while block := connection.recv(65536):
                    received += block
                    connection.settimeout(timeout if until(bytes(received)) else 60)
            except (TimeoutError, ConnectionResetError):
                pass
            return bytes(received)


def invocation_target(arn, qualifier=None, *, encode=True, **query):
    """Path and query of an invocation."""
    query = {**({"qualifier": qualifier} if qualifier else {}), **query}
    path = urllib.parse.quote(arn, safe="") if encode else arn
    return f"/runtimes/{path}/invocations" + (f"?{urllib.parse.urlencode(query)}" if query else "")


def stop_target(arn, qualifier="DEFAULT"):
    return f"/runtimes/{urllib.parse.quote(arn, safe='')}/stopruntimesession?qualifier={qualifier}"


def sha256(data):
    return hashlib.sha256(data).hexdigest()
