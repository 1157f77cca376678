"""Writes signed-requests.json and chunked-bodies.json: what botocore itself signs and frames.

Run `python3 generate.py` with botocore 1.43.11 after a change and commit the result. The clock is
fixed and the keys are AWS's documentation examples. Nothing is sent anywhere: requests are taken
at `before-send`.
"""

import base64
import datetime
import hashlib
import hmac
import io
import json
import os
import re
import zlib
from urllib.parse import urlsplit

import boto3
import botocore.auth
from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest, AWSResponse
from botocore.credentials import Credentials

ACCESS_KEY = "AKIAIOSFODNN7EXAMPLE"
SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
NOW = datetime.datetime(2026, 11, 21, 3, 9, 12)
REGION = "us-east-1"
ARN = "arn:aws:bedrock-agentcore:us-east-1:123456789012:runtime/hello_agent-AbC123dEf9"
HERE = os.path.dirname(os.path.abspath(__file__))

botocore.auth.get_current_datetime = lambda *args, **kwargs: NOW

canonical = []
original = SigV4Auth.canonical_request


def recording(self, request):
    text = original(self, request)
    canonical.append(text)
    return text


SigV4Auth.canonical_request = recording


def vector(name, service, method, url, headers, body):
    parts = urlsplit(url)
    raw = url.split(parts.netloc, 1)[1]
    path, _, query = raw.partition("?")
    # Not signed, and new or machine-dependent each time.
    headers = [[key, value.decode() if isinstance(value, bytes) else value] for key, value in headers
               if key.lower() not in ("amz-sdk-invocation-id", "user-agent")]
    if not any(key.lower() == "host" for key, _ in headers):
        headers.insert(0, ["Host", parts.netloc])
    text = canonical[-1]
    return {
        "name": name, "service": service, "region": REGION, "time": NOW.strftime("%Y%m%dT%H%M%SZ"),
        "accessKeyID": ACCESS_KEY, "secret": SECRET, "method": method, "rawPath": path, "rawQuery": query,
        "headers": headers, "payloadHash": text.rsplit("\n", 1)[1], "body": body, "canonicalRequest": text,
    }


def through_client(vectors, service, url, calls):
    client = boto3.client(service, endpoint_url=url, region_name=REGION, aws_access_key_id=ACCESS_KEY,
                          aws_secret_access_key=SECRET)
    taken = []

    def take(request, **_):
        body = request.body
        if hasattr(body, "read"):
            body = body.read()
        taken.append((request.method, request.url, list(request.headers.items()), body))
        return AWSResponse(request.url, 200, {}, io.BytesIO(b""))

    client.meta.events.register("before-send", take)
    for name, operation, arguments in calls:
        try:
            getattr(client, operation)(**arguments)
        except Exception:  # the empty answer does not parse everywhere; the request is what counts
            pass
        method, url_sent, headers, body = taken.pop()
        if isinstance(body, str):
            body = body.encode()
        signing = "s3" if service == "s3" else "bedrock-agentcore"
        vectors.append(vector(name, signing, method, url_sent, headers,
                              base64.b64encode(body or b"").decode()))
    return client


def direct(vectors, name, method, url, headers=(), body=b"", service="bedrock-agentcore", token=None):
    """Signs a request that no client makes."""
    request = AWSRequest(method=method, url=url, data=body)
    for key, value in headers:
        request.headers.add_header(key, value)
    auth = S3SigV4Auth if service == "s3" else SigV4Auth
    auth(Credentials(ACCESS_KEY, SECRET, token), service, REGION).add_auth(request)
    vectors.append(vector(name, service, method, url, list(request.headers.items()), base64.b64encode(body).decode()))


def signed_requests():
    vectors = []
    session = "s" * 33
    artifact = {"codeConfiguration": {"code": {"s3": {"bucket": "agents", "prefix": "hello.zip"}},
                                      "runtime": "PYTHON_3_11", "entryPoint": ["main.py"]}}
    through_client(vectors, "bedrock-agentcore-control", "http://127.0.0.1:4747", [
        ("list with an empty body", "list_agent_runtimes", {}),
        ("query with special characters", "list_agent_runtimes", {"maxResults": 7, "nextToken": "a/b+c=&d~e*'()!é%2F"}),
        ("query of a version", "get_agent_runtime", {"agentRuntimeId": "hello-AbC123dEf9", "agentRuntimeVersion": "3"}),
        ("json body", "create_agent_runtime", {
            "agentRuntimeName": "hello", "agentRuntimeArtifact": artifact, "clientToken": "c" * 36,
            "roleArn": "arn:aws:iam::123456789012:role/agent", "networkConfiguration": {"networkMode": "PUBLIC"}}),
        ("delete", "delete_agent_runtime", {"agentRuntimeId": "hello-AbC123dEf9", "clientToken": "c" * 36}),
        ("percent-encoded ARN", "list_tags_for_resource", {"resourceArn": ARN}),
        ("repeated query key", "untag_resource", {"resourceArn": ARN, "tagKeys": ["b", "a", "a b", "c+d"]}),
    ])
    through_client(vectors, "bedrock-agentcore", "http://127.0.0.1:4747/prefix", [
        ("invocation below a path prefix", "invoke_agent_runtime", {
            "agentRuntimeArn": ARN, "runtimeSessionId": session, "qualifier": "prod", "payload": b'{"prompt":"hi"}',
            "contentType": "application/json", "accept": "text/event-stream, application/json"}),
    ])
    through_client(vectors, "bedrock-agentcore", "http://signalbox.internal", [
        ("invocation with headers that have spaces", "invoke_agent_runtime", {
            "agentRuntimeArn": ARN, "runtimeSessionId": session, "payload": b"\x00\xff", "baggage": "a=1,  b=2   c",
            "traceState": "x=y", "mcpSessionId": "m"}),
        ("stop", "stop_runtime_session", {"agentRuntimeArn": ARN, "runtimeSessionId": session, "clientToken": "c" * 36}),
    ])
    through_client(vectors, "s3", "http://127.0.0.1:4747/_s3", [
        ("object", "put_object", {"Bucket": "agents", "Key": "hello.zip", "Body": b"zip"}),
        ("object with spaces and unicode", "put_object", {"Bucket": "agents", "Key": "a b/ü+&=?#%2F/~(1)*'!.zip", "Body": b"x",
                                                          "Metadata": {"note": "two  spaces"}}),
        ("object with slashes and dots", "get_object", {"Bucket": "agents", "Key": "a//b/./../c/", "Range": "bytes=0-9"}),
        ("head", "head_object", {"Bucket": "agents", "Key": "hello.zip"}),
        ("list objects", "list_objects_v2", {"Bucket": "agents", "Prefix": "a b/ü", "Delimiter": "/", "MaxKeys": 3}),
        ("multipart create", "create_multipart_upload", {"Bucket": "agents", "Key": "k"}),
        ("multipart part", "upload_part", {"Bucket": "agents", "Key": "k", "UploadId": "u-1+/=", "PartNumber": 2, "Body": b"x"}),
    ])
    through_client(vectors, "s3", "https://signalbox.internal/_s3", [
        ("chunked over TLS", "put_object", {"Bucket": "agents", "Key": "k", "Body": io.BytesIO(b"hello world" * 1000)}),
    ])

    base = "http://127.0.0.1:4747"
    direct(vectors, "unencoded ARN", "POST", f"{base}/runtimes/{ARN}/invocations?qualifier=DEFAULT", body=b"{}")
    direct(vectors, "doubled slashes and dot segments", "GET", f"{base}/runtimes//a/./b/../c/")
    direct(vectors, "no path", "GET", "http://127.0.0.1:4747")
    direct(vectors, "unsorted query", "GET", f"{base}/x?b=2&a=2&a=1&c&A=0&a-b=1&ab=1&a%20b=%2F")
    direct(vectors, "repeated and folded headers", "POST", f"{base}/x", [
        ("X-Custom", "  b   c\t d "), ("X-Custom", "a"), ("X-Empty", "")], b"{}")
    direct(vectors, "session token", "GET", f"{base}/x", token="TOKEN/+=")
    direct(vectors, "unsigned payload", "PUT", f"{base}/x", [("X-Amz-Content-SHA256", "UNSIGNED-PAYLOAD")])
    return vectors


# What follows has no counterpart in botocore: a second, plain implementation of AWS's description of
# signed chunks. Two bodies are those of AWS's documentation, which prints
# their signatures.

def key_of(date, region, service):
    key = ("AWS4" + SECRET).encode()
    for part in (date, region, service, "aws4_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return key


def signed_chunks(data, size, time, seed, trailer=None):
    scope = f"{time[:8]}/{REGION}/s3/aws4_request"
    key = key_of(time[:8], REGION, "s3")
    previous, out = seed, b""
    pieces = [data[start:start + size] for start in range(0, len(data), size)] + [b""]
    for piece in pieces:
        text = "\n".join(["AWS4-HMAC-SHA256-PAYLOAD", time, scope, previous, hashlib.sha256(b"").hexdigest(),
                          hashlib.sha256(piece).hexdigest()])
        previous = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
        out += f"{len(piece):x};chunk-signature={previous}\r\n".encode() + piece
        out += b"\r\n" if piece or trailer is None else b""
    if trailer is not None:
        line = f"{trailer[0]}:{trailer[1]}"
        text = "\n".join(["AWS4-HMAC-SHA256-TRAILER", time, scope, previous,
                          hashlib.sha256((line + "\n").encode()).hexdigest()])
        signature = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
        out += f"{line}\r\nx-amz-trailer-signature:{signature}\r\n\r\n".encode()
    return out


def runs(encoded):
    """The body as [text, times] pairs, so that 65,536 equal letters stay readable."""
    pieces = [piece.decode() for piece in re.split(rb"(a{100,}|(?:hello world){100,})", encoded) if piece]
    return [["a", len(piece)] if piece.startswith("aaaa") else ["hello world", len(piece) // 11]
            if piece.startswith("hello worldhello") else [piece, 1] for piece in pieces]


def chunked_bodies(requests):
    chunked = next(request for request in requests if request["name"] == "chunked over TLS")
    headers = {key.lower(): value for key, value in chunked["headers"]}
    seed = "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9"
    trailer_seed = "106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e"
    example = b"a" * 66560
    crc = base64.b64encode(zlib.crc32(example).to_bytes(4, "big")).decode()
    sha = base64.b64encode(hashlib.sha256(example).digest()).decode()
    sha1 = base64.b64encode(hashlib.sha1(example).digest()).decode()
    time = "20130524T000000Z"

    def body(name, variant, encoded, trailer, data, seed=seed):
        return {"name": name, "variant": variant, "time": time, "seed": seed, "region": REGION, "secret": SECRET,
                "trailer": trailer, "decodedLength": len(data), "decodedSHA256": hashlib.sha256(data).hexdigest(),
                "encoded": runs(encoded)}

    signed = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
    return [
        body("botocore over TLS", "STREAMING-UNSIGNED-PAYLOAD-TRAILER", base64.b64decode(chunked["body"]),
             headers["x-amz-trailer"], b"hello world" * 1000),
        body("signed, the documentation's example", signed, signed_chunks(example, 65536, time, seed), None, example),
        body("signed, crc32 trailer", signed + "-TRAILER",
             signed_chunks(example, 10000, time, seed, ("x-amz-checksum-crc32", crc)), "x-amz-checksum-crc32", example),
        body("signed, sha256 trailer", signed + "-TRAILER",
             signed_chunks(example, 65536, time, seed, ("x-amz-checksum-sha256", sha)), "x-amz-checksum-sha256", example),
        body("signed, sha1 trailer", signed + "-TRAILER",
             signed_chunks(example, 65536, time, seed, ("x-amz-checksum-sha1", sha1)), "x-amz-checksum-sha1", example),
        body("signed trailer, the documentation's example", signed + "-TRAILER",
             signed_chunks(example, 65536, time, trailer_seed, ("x-amz-checksum-crc32c", "sOO8/Q==")),
             "x-amz-checksum-crc32c", example, trailer_seed),
        body("signed, empty", signed, signed_chunks(b"", 65536, time, seed), None, b""),
    ]


def write(name, value):
    with open(os.path.join(HERE, name), "w", encoding="utf-8") as file:
        json.dump(value, file, indent=1, ensure_ascii=True)
        file.write("\n")


if __name__ == "__main__":
    requests = signed_requests()
    write("signed-requests.json", requests)
    write("chunked-bodies.json", chunked_bodies(requests))
    print(len(requests), "requests")
