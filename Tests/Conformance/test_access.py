"""Accounts, keys, temporary credentials, presigned URLs and master keys, with two replicas on one database."""

import concurrent.futures
import json
import os
import shutil
import socket
import threading
import urllib.error
import urllib.request

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

import places
from clients import Clients, CommandLine
from processes import wait_for
from server import ACCOUNT, ServeServer

pytestmark = pytest.mark.local


@pytest.fixture(scope="module")
def replicas(scratch, postgres, server):
    """Two servers with homes of their own and the same master key."""
    url = postgres.url(postgres.create_database())
    first = ServeServer(f"{scratch}/access-1", url, log=places.log("access-1"), arguments=["--maximum-runtimes", "6"])
    second = ServeServer(f"{scratch}/access-2", url, log=places.log("access-2"),
                         arguments=["--maximum-runtimes", "6", "--maximum-spool", "40"])
    with first:
        os.makedirs(f"{second.home}/keys", mode=0o700)
        shutil.copy(f"{first.home}/keys/master.key", f"{second.home}/keys/master.key")
        with second:
            yield first, second


def run_json(server, *arguments):
    return json.loads(server.run(*arguments, "--output", "json").stdout)


def new_key(server, role="admin", account=ACCOUNT):
    return run_json(server, "key", "create", "--account", account, "--role", role)


def environment(server, credentials):
    values = {**server.environment, "AWS_ACCESS_KEY_ID": credentials["AccessKeyId"],
              "AWS_SECRET_ACCESS_KEY": credentials["SecretAccessKey"]}
    if "SessionToken" in credentials:
        values["AWS_SESSION_TOKEN"] = credentials["SessionToken"]
    return values


def client(server, credentials, service="bedrock-agentcore-control", endpoint=None):
    return boto3.client(
        service, endpoint_url=endpoint or server.url, region_name="us-east-1", aws_access_key_id=credentials["AccessKeyId"],
        aws_secret_access_key=credentials["SecretAccessKey"], aws_session_token=credentials.get("SessionToken"),
        config=Config(retries={"total_max_attempts": 1}))


def outcome(server, credentials):
    try:
        client(server, credentials).list_agent_runtimes()
        return "ok"
    except ClientError as error:
        return error.response["Error"]["Code"]


def becomes(replicas, credentials, expected, seconds=60):
    """On every replica; far sooner than keys are read again without a notification."""
    for replica in replicas:
        wait_for(lambda: outcome(replica, credentials) == expected, seconds, f"{credentials['AccessKeyId']}: not {expected}")


def test_a_key_ends_on_every_replica_at_once(replicas):
    first, second = replicas
    key, other = new_key(first), new_key(first)
    becomes(replicas, key, "ok")
    first.run("key", "disable", key["AccessKeyId"])
    becomes(replicas, key, "UnrecognizedClientException")
    assert outcome(second, other) == "ok"
    first.run("key", "enable", key["AccessKeyId"])
    becomes(replicas, key, "ok")
    first.run("key", "delete", key["AccessKeyId"])
    becomes(replicas, key, "UnrecognizedClientException")
    gone = first.run("key", "disable", key["AccessKeyId"], check=False)
    assert gone.returncode == 1 and "was not found" in gone.stderr
    listed = {entry["AccessKeyId"]: entry for entry in run_json(first, "key", "list", "--account", ACCOUNT)["AccessKeys"]}
    assert key["AccessKeyId"] not in listed and listed[other["AccessKeyId"]]["Status"] == "Active"
    assert "SecretAccessKey" not in listed[other["AccessKeyId"]]


def test_an_account_ends_with_all_its_keys(replicas):
    first, _ = replicas
    account = "000000000042"
    first.run("account", "create", account, "--name", "research")
    keys = [new_key(first, role, account) for role in ("admin", "viewer")]
    for key in keys:
        becomes(replicas, key, "ok")
    first.run("account", "disable", account)
    for key in keys:
        becomes(replicas, key, "UnrecognizedClientException")
    accounts = {entry["Account"]: entry for entry in run_json(first, "account", "list")["Accounts"]}
    assert accounts[account]["Status"] == "Inactive" and accounts[account]["Name"] == "research"
    assert accounts[ACCOUNT]["Status"] == "Active"
    first.run("account", "enable", account)
    for key in keys:
        becomes(replicas, key, "ok")
    assert first.run("account", "disable", "999999999999", check=False).returncode == 1
    assert first.run("account", "create", "12", check=False).returncode == 64


def test_rotation_leaves_the_old_key_a_while(replicas):
    first, _ = replicas
    old = new_key(first, "invoker")
    becomes(replicas, old, "ok")
    new = run_json(first, "key", "rotate", old["AccessKeyId"], "--grace", "5s")
    assert new["Role"] == "invoker" and new["Account"] == ACCOUNT and new["AccessKeyId"] != old["AccessKeyId"]
    for replica in replicas:
        assert outcome(replica, new) == "ok" and outcome(replica, old) == "ok"
    twice = first.run("key", "rotate", old["AccessKeyId"], check=False)
    assert twice.returncode == 1 and new["AccessKeyId"] in twice.stderr
    becomes(replicas, old, "UnrecognizedClientException", 30)
    becomes(replicas, new, "ok")


def test_a_homes_own_key_is_rotated(replicas):
    first, _ = replicas
    made = run_json(first, "key", "create", "--account", ACCOUNT, "--save")
    rotated = run_json(first, "key", "rotate", made["AccessKeyId"], "--grace", "0s", "--save")
    environment = json.loads(first.run("env", "--home", first.home, "--output", "json").stdout)
    assert environment["AWS_ACCESS_KEY_ID"] == rotated["AccessKeyId"]
    assert environment["AWS_SECRET_ACCESS_KEY"] == rotated["SecretAccessKey"]
    assert outcome(first, rotated) == "ok"
    becomes(replicas, made, "UnrecognizedClientException")


def test_an_administrator_keeps_keys_through_the_server(server):
    """Without a database: own routes, own account."""
    made = run_json(server, "key", "create", "--role", "operator")
    assert outcome(server, made) == "ok"
    fresh = run_json(server, "key", "rotate", made["AccessKeyId"], "--grace", "1h")
    listed = {entry["AccessKeyId"]: entry for entry in run_json(server, "key", "list")["AccessKeys"]}
    assert listed[made["AccessKeyId"]]["ReplacedBy"] == fresh["AccessKeyId"]
    assert "ExpirationDate" in listed[made["AccessKeyId"]]
    server.run("key", "disable", fresh["AccessKeyId"])
    becomes([server], fresh, "UnrecognizedClientException")
    own = server.run("key", "disable", server.environment["AWS_ACCESS_KEY_ID"], check=False)
    assert own.returncode == 1 and "signed this request" in own.stderr
    for key in (made, fresh):
        server.run("key", "delete", key["AccessKeyId"])
    # Whoever is no administrator learns nothing, and other accounts' keys are not there.
    denied = server.signer(key=made["AccessKeyId"], secret=made["SecretAccessKey"])
    becomes([server], made, "UnrecognizedClientException")
    assert denied.send("GET", "/_signalbox/v1/keys").status == 403


def test_session_tokens_with_boto3_and_the_aws_cli(replicas):
    first, second = replicas
    key = new_key(first, "operator")
    holder = dict(first.extra)
    first.extra = {}  # without the database: through the server
    saved, first.environment = first.environment, environment(first, key)
    try:
        session = run_json(first, "key", "session", "--duration", "15m")
        viewer = run_json(first, "key", "session", "--role", "viewer")
        exports = first.run("key", "session").stdout
        too_long = first.run("key", "session", "--duration", "13h", check=False)
    finally:
        first.extra, first.environment = holder, saved
    assert too_long.returncode == 1 and "durationSeconds" in too_long.stderr
    assert session["Version"] == 1 and session["AccessKeyId"].startswith("ASIA") and session["Role"] == "operator"
    assert exports.count("export AWS_") == 3 and "AWS_SESSION_TOKEN" in exports
    for replica in replicas:
        assert outcome(replica, session) == "ok"
    with pytest.raises(ClientError) as denied:
        client(second, viewer).delete_workload_identity(name="none")
    assert denied.value.response["Error"]["Code"] == "AccessDeniedException"
    s3 = client(second, session, "s3", f"{second.url}/_s3")
    s3.create_bucket(Bucket="session-bucket")
    s3.put_object(Bucket="session-bucket", Key="k", Body=b"by a session")
    assert s3.get_object(Bucket="session-bucket", Key="k")["Body"].read() == b"by a session"
    assert CommandLine(environment(second, session))("bedrock-agentcore-control", "list-agent-runtimes")["agentRuntimes"] is not None

    other = {**session, "SessionToken": viewer["SessionToken"]}
    assert outcome(first, other) == "UnrecognizedClientException"
    assert outcome(first, {**session, "SessionToken": "AAAA"}) == "UnrecognizedClientException"
    without = {name: value for name, value in session.items() if name != "SessionToken"}
    assert outcome(first, without) == "UnrecognizedClientException"
    assert outcome(first, {**session, "SecretAccessKey": "x"}) == "InvalidSignatureException"
    # The key ends: so do they.
    first.run("key", "disable", key["AccessKeyId"])
    for credentials in (session, viewer):
        becomes(replicas, credentials, "UnrecognizedClientException")


def fetch(url, method="GET", data=None, headers=None):
    request = urllib.request.Request(url, data=data, method=method, headers=headers or {})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def test_presigned_urls(replicas):
    first, second = replicas
    credentials = {"AccessKeyId": first.environment["AWS_ACCESS_KEY_ID"], "SecretAccessKey": first.environment["AWS_SECRET_ACCESS_KEY"]}
    s3 = boto3.client(
        "s3", endpoint_url=f"{second.url}/_s3", region_name="us-east-1", aws_access_key_id=credentials["AccessKeyId"],
        aws_secret_access_key=credentials["SecretAccessKey"], config=Config(signature_version="s3v4", s3={"addressing_style": "path"}))
    s3.create_bucket(Bucket="presigned-bucket")
    target = {"Bucket": "presigned-bucket", "Key": "a key/ü+&.txt"}
    put = s3.generate_presigned_url("put_object", Params=target, ExpiresIn=60)
    assert fetch(put, "PUT", b"anything goes")[0] == 200
    get = s3.generate_presigned_url("get_object", Params=target, ExpiresIn=60)
    assert fetch(get) == (200, b"anything goes")
    # Only for what it was made for.
    assert fetch(put)[0] == 403
    for status, body in (fetch(get.replace("a%20key", "b%20key")), fetch(get + "&x=1"), fetch(get[:-1] + ("0" if get[-1] != "0" else "1"))):
        assert status == 403 and b"SignatureDoesNotMatch" in body
    assert fetch(get, headers={"x-amz-acl": "public-read"})[0] == 403
    brief = s3.generate_presigned_url("get_object", Params=target, ExpiresIn=1)
    wait_for(lambda: fetch(brief)[0] == 403, 60, "a URL that is good for a second")
    assert b"Request has expired" in fetch(brief)[1]
    long = s3.generate_presigned_url("get_object", Params=target, ExpiresIn=604801)
    assert fetch(long)[0] == 403 and b"604800" in fetch(long)[1]

    # Both planes and our own routes, by the command that people have for it.
    url = second.run("presign", "/_signalbox/v1/interpreters", "--expires", "5m").stdout.strip()
    assert fetch(url)[0] == 200 and b"interpreters" in fetch(url)[1]
    assert fetch(url.replace("interpreters", "keys"))[0] == 403
    assert fetch(second.run("presign", "s3://presigned-bucket/a key/ü+&.txt").stdout.strip()) == (200, b"anything goes")
    listing = second.run("presign", "/runtimes/?maxResults=1", "--method", "POST").stdout.strip()
    assert fetch(listing, "POST", b"")[0] == 200
    # The body is part of what was signed: none.
    assert fetch(listing, "POST", b"{}")[0] == 403
    arn = f"arn%3Aaws%3Abedrock-agentcore%3Aus-east-1%3A{ACCOUNT}%3Aruntime%2Fnone-0123456789"
    invocation = second.run("presign", f"/runtimes/{arn}/invocations", "--method", "POST").stdout.strip()
    status, body = fetch(invocation, "POST", b"")
    assert status == 404 and b"No endpoint or agent found" in body
    assert fetch(invocation, "POST", b"x")[0] == 403


def test_master_keys_change_without_a_pause(replicas):
    first, second = replicas
    control = Clients(first.environment).control
    runtime = control.create_agent_runtime(
        agentRuntimeName="sealed", roleArn=f"arn:aws:iam::{ACCOUNT}:role/agent", networkConfiguration={"networkMode": "PUBLIC"},
        agentRuntimeArtifact={"containerConfiguration": {"containerUri": f"{ACCOUNT}.dkr.ecr.us-east-1.amazonaws.com/a:1"}},
        environmentVariables={"TOKEN": "hidden"})["agentRuntimeId"]
    keys = [new_key(first, "viewer") for _ in range(5)]
    old = run_json(first, "master-key", "list")["MasterKeys"]
    assert [entry["Status"] for entry in old] == ["current"] and old[0]["Environments"] >= 1 and old[0]["MissingOn"] == []

    failures, over = [], threading.Event()

    def ask(replica):
        number = 0
        while not over.is_set():
            number += 1
            # Fresh clients: every key is looked up, used and forgotten.
            result = outcome(replica, keys[number % len(keys)])
            value = Clients(replica.environment).control.get_agent_runtime(agentRuntimeId=runtime)["environmentVariables"]
            if result != "ok" or value != {"TOKEN": "hidden"}:
                failures.append((result, value))

    threads = [threading.Thread(target=ask, args=(replica,)) for replica in replicas]
    for thread in threads:
        thread.start()
    try:
        lacking = first.run("master-key", "rotate", "--wait", "1s", check=False)
        assert lacking.returncode == 1 and "copy" in lacking.stderr, lacking.stderr
        (added,) = os.listdir(f"{first.home}/keys/master")
        assert run_json(first, "master-key", "list")["MasterKeys"][0]["Status"] == "current"
        os.makedirs(f"{second.home}/keys/master", mode=0o700)
        shutil.copy(f"{first.home}/keys/master/{added}", f"{second.home}/keys/master/{added}")
        rotated = run_json(first, "master-key", "rotate")
        assert rotated["MasterKeyId"] + ".key" == added
        keys.append(new_key(first, "viewer"))

        def converted():
            listed = {entry["MasterKeyId"]: entry for entry in run_json(first, "master-key", "list")["MasterKeys"]}
            before = listed[old[0]["MasterKeyId"]]
            return before["Status"] == "replaced" and before["AccessKeys"] == before["Environments"] == 0

        wait_for(converted, 60, "rows stay under the old key")
    finally:
        over.set()
        for thread in threads:
            thread.join(60)
    assert not failures, failures[:3]
    early = first.run("master-key", "retire", old[0]["MasterKeyId"], check=False)
    assert early.returncode == 1 and "Session tokens" in early.stderr
    first.run("master-key", "retire", old[0]["MasterKeyId"], "--force")
    assert not os.path.exists(f"{first.home}/keys/master.key")
    # A server that starts now needs the new one alone.
    first.kill()
    first.start()
    for key in keys:
        assert outcome(first, key) == "ok"


def make_runtime(server, credentials, name):
    try:
        client(server, credentials).create_agent_runtime(
            agentRuntimeName=name, roleArn=f"arn:aws:iam::{ACCOUNT}:role/agent", networkConfiguration={"networkMode": "PUBLIC"},
            agentRuntimeArtifact={"containerConfiguration": {"containerUri": f"{ACCOUNT}.dkr.ecr.us-east-1.amazonaws.com/a:1"}})
        return "made"
    except ClientError as error:
        assert error.response["ResponseMetadata"]["HTTPStatusCode"] == 402, error
        return f"{error.response['Error']['Code']}: {error.response['Error']['Message']}"


def test_a_quota_holds_on_two_replicas(replicas):
    account = "000000000077"
    replicas[0].run("account", "create", account)
    key = new_key(replicas[0], "operator", account)
    becomes(replicas, key, "ok")
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        outcomes = list(pool.map(lambda n: make_runtime(replicas[n % 2], key, f"quota_{n}"), range(16)))
    assert outcomes.count("made") == 6, outcomes
    assert set(outcomes) == {
        "made", "ServiceQuotaExceededException: The limit of 6 agent runtimes in this account and region has been reached."}


def resident(server):
    """MiB of memory that a server's process has."""
    with open(f"/proc/{server.process.pid}/status", encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS")) / 1024


def test_many_large_bodies_take_little_memory(replicas):
    """50 payloads of 6 MB at once, whose hashes nobody declared: they wait on disk until they are verified."""
    server = replicas[0]
    body = os.urandom(6_000_000)
    signer = server.signer()
    arn = f"arn%3Aaws%3Abedrock-agentcore%3Aus-east-1%3A{ACCOUNT}%3Aruntime%2Fnone-0123456789"
    headers = signer.headers("POST", f"/runtimes/{arn}/invocations", body)
    assert not any(name.lower() == "x-amz-content-sha256" for name, _ in headers)
    before, peak, over = resident(server), [0.0], threading.Event()

    def watch():
        while not over.wait(0.01):
            peak[0] = max(peak[0], resident(server))

    watcher = threading.Thread(target=watch)
    watcher.start()
    # All but the end of each, then the ends: so that all of them wait at once.
    sockets = [socket.create_connection(("127.0.0.1", server.port), timeout=60) for _ in range(50)]
    try:
        head = "".join(f"{name}: {value}\r\n" for name, value in headers)
        start = f"POST /runtimes/{arn}/invocations HTTP/1.1\r\n{head}\r\n".encode() + body[:-1]
        with concurrent.futures.ThreadPoolExecutor(50) as pool:
            list(pool.map(lambda connection: connection.sendall(start), sockets))
        for connection in sockets:
            connection.sendall(body[-1:])
        statuses = [connection.recv(65536).split(b" ", 2)[1] for connection in sockets]
    finally:
        over.set()
        watcher.join()
        for connection in sockets:
            connection.close()
    # Verified, each of them: only then anybody learns that there is no such agent.
    assert statuses == [b"404"] * 50
    assert peak[0] - before < 120, f"{before:.0f} MiB before, {peak[0]:.0f} MiB at most, for 300 MB of bodies"
    wait_for(lambda: not [name for name in os.listdir(server.home) if name.startswith("body-")], 60, "files of bodies are left")


def test_disk_for_bodies_is_bounded(replicas):
    """The second server may keep 40 MiB: of eight bodies of 10 MB some are told to come again, and later all may."""
    server = replicas[1]
    body = os.urandom(10_000_000)
    arn = f"arn%3Aaws%3Abedrock-agentcore%3Aus-east-1%3A{ACCOUNT}%3Aruntime%2Fnone-0123456789"
    target = f"/runtimes/{arn}/invocations"
    headers = server.signer().headers("POST", target, body)
    head = "".join(f"{name}: {value}\r\n" for name, value in headers)
    start = f"POST {target} HTTP/1.1\r\n{head}\r\n".encode() + body[:-1]

    def send(connection):
        try:
            connection.sendall(start)
        except (BrokenPipeError, ConnectionResetError):
            pass  # refused before it was read: the answer tells why

    sockets = [socket.create_connection(("127.0.0.1", server.port), timeout=60) for _ in range(8)]
    try:
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            list(pool.map(send, sockets))
        answers = []
        for connection in sockets:
            try:
                connection.sendall(body[-1:])
            except (BrokenPipeError, ConnectionResetError):
                pass
            try:
                answers.append(connection.recv(65536))
            except ConnectionResetError:
                answers.append(b"")  # refused, and closed before that was read
    finally:
        for connection in sockets:
            connection.close()
    refused = [answer for answer in answers if answer.startswith(b"HTTP/1.1 503")]
    served = [answer for answer in answers if answer.startswith(b"HTTP/1.1 404")]
    assert refused and len(served) + len(refused) + answers.count(b"") == 8, [a[:40] for a in answers]
    assert all(b"retry-after" in answer.lower() for answer in refused)

    def passes():
        return server.signer().send_with("POST", target, body, headers).status == 404

    wait_for(passes, 60, "the disk isn't given back")
