"""TLS on the listener: real clients, a certificate that is replaced, and whoever doesn't speak it."""

import os
import signal
import socket
import ssl
import subprocess
import time

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import SSLError

import places
from clients import CommandLine
from processes import clean_environment, wait_for
from server import ServeServer

pytestmark = pytest.mark.local


class Authority:
    """A certificate authority, and the files that a server reads."""

    def __init__(self, folder):
        self.folder = str(folder)
        self.ca, self.certificate, self.key = (f"{folder}/{name}.pem" for name in ("ca", "server", "server-key"))
        self.openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", "ca-key.pem",
                     "-out", "ca.pem", "-subj", "/CN=test authority", "-days", "2", "-addext", "basicConstraints=critical,CA:TRUE")
        self.serial = 0
        self.issue()

    def openssl(self, *arguments):
        subprocess.run(["openssl", *arguments], cwd=self.folder, check=True, capture_output=True)

    def issue(self):
        """A new certificate and key in place of the old ones; returns the serial number."""
        self.serial += 1
        with open(f"{self.folder}/extensions", "w", encoding="ascii") as file:
            file.write("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
        self.openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", "new-key.pem",
                     "-out", "request.pem", "-subj", "/CN=localhost")
        self.openssl("x509", "-req", "-in", "request.pem", "-CA", "ca.pem", "-CAkey", "ca-key.pem", "-set_serial", str(self.serial),
                     "-out", "new.pem", "-days", "2", "-extfile", "extensions")
        os.replace(f"{self.folder}/new.pem", self.certificate)
        os.replace(f"{self.folder}/new-key.pem", self.key)
        return self.serial


class SecureServer(ServeServer):
    def __init__(self, home, database_url, authority, **options):
        super().__init__(home, database_url, **options)
        self.arguments += ["--tls-certificate", authority.certificate, "--tls-key", authority.key]
        self.url = f"https://127.0.0.1:{self.port}"


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def secure(scratch, postgres, authority, server):
    with SecureServer(f"{scratch}/secure", postgres.url(postgres.create_database()), authority, log=places.log("secure")) as it:
        yield it


def serial(server):
    """Of the certificate that a new connection gets."""
    done = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{server.port}"], input="", capture_output=True, text=True, check=False)
    certificate = subprocess.run(["openssl", "x509", "-noout", "-serial"], input=done.stdout, capture_output=True, text=True, check=True)
    return int(certificate.stdout.strip().split("=")[1], 16)


def client(server, verify, service="bedrock-agentcore-control", endpoint=None):
    return boto3.client(
        service, endpoint_url=endpoint or server.url, region_name="us-east-1",
        aws_access_key_id=server.environment["AWS_ACCESS_KEY_ID"], aws_secret_access_key=server.environment["AWS_SECRET_ACCESS_KEY"],
        verify=verify, config=Config(retries={"total_max_attempts": 1}))


def test_boto3_curl_the_aws_cli_and_our_own(secure, authority):
    assert client(secure, authority.ca).list_agent_runtimes()["agentRuntimes"] == []
    with pytest.raises(SSLError):
        client(secure, True).list_agent_runtimes()
    # botocore sends trailing checksums over TLS, unsigned.
    s3 = client(secure, authority.ca, "s3", f"{secure.url}/_s3")
    s3.create_bucket(Bucket="over-tls")
    body = os.urandom(3_000_000)
    s3.put_object(Bucket="over-tls", Key="k", Body=body)
    assert s3.get_object(Bucket="over-tls", Key="k")["Body"].read() == body
    aws = CommandLine({**secure.environment, "AWS_CA_BUNDLE": authority.ca})
    assert aws("bedrock-agentcore-control", "list-agent-runtimes")["agentRuntimes"] == []
    curl = subprocess.run(
        ["curl", "-sS", "--cacert", authority.ca, "-w", "%{http_code} %{http_version} %{ssl_verify_result}", f"{secure.url}/healthz"],
        capture_output=True, text=True, check=True)
    assert curl.stdout == "ok\n200 1.1 0"
    # The command: by the variables with the bundle, by the home without.
    environment = {**secure.environment, "AWS_CA_BUNDLE": authority.ca}
    for extra, code in (({"AWS_CA_BUNDLE": authority.ca}, 0), ({}, 1)):
        done = subprocess.run(
            [places.signalbox(), "runtime", "list"], capture_output=True, text=True, check=False,
            env=clean_environment(**{**secure.environment, **extra, "SIGNALBOX_HOME": "/nonexistent"}))
        assert done.returncode == code, done.stderr
    assert subprocess.run([places.signalbox(), "health", "--ready", "--home", secure.home], check=False, capture_output=True,
                          env=clean_environment()).returncode == 0
    assert environment["AWS_ENDPOINT_URL_S3"].startswith("https://")


def handshake(server, **options):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    for name, value in options.items():
        setattr(context, name, value)
    context.set_alpn_protocols(["h2", "http/1.1"])
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as plain, context.wrap_socket(plain) as secured:
        return secured.version(), secured.selected_alpn_protocol()


def test_versions_and_protocols(secure):
    assert handshake(secure) == ("TLSv1.3", "http/1.1")
    assert handshake(secure, maximum_version=ssl.TLSVersion.TLSv1_2) == ("TLSv1.2", "http/1.1")
    with pytest.raises((ssl.SSLError, ConnectionResetError)):
        handshake(secure, minimum_version=ssl.TLSVersion.TLSv1, maximum_version=ssl.TLSVersion.TLSv1_1)


def test_who_speaks_no_tls_is_closed(secure):
    with socket.create_connection(("127.0.0.1", secure.port), timeout=30) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        received = b""
        while block := connection.recv(4096):
            received += block
        assert b"HTTP/1.1" not in received
    # A handshake has ten seconds, whatever arrives meanwhile.
    began = time.monotonic()
    with socket.create_connection(("127.0.0.1", secure.port), timeout=60) as connection:
        connection.sendall(b"\x16\x03\x01\x02\x00\x01")
        try:
            while connection.recv(4096):
                pass
        except ConnectionResetError:
            pass
    assert 5 < time.monotonic() - began < 45
    assert handshake(secure)[1] == "http/1.1"


def test_a_certificate_is_replaced_while_a_body_streams(secure, authority):
    s3 = client(secure, authority.ca, "s3", f"{secure.url}/_s3")
    s3.create_bucket(Bucket="streaming")
    body = os.urandom(30_000_000)
    s3.put_object(Bucket="streaming", Key="k", Body=body)
    old = serial(secure)
    stream = s3.get_object(Bucket="streaming", Key="k")["Body"]
    received = stream.read(100_000)
    new = authority.issue()
    # By itself, within seconds.
    wait_for(lambda: serial(secure) == new != old, 30, "the new certificate isn't used")
    received += stream.read()
    assert received == body, "the connection from before goes on"
    assert client(secure, authority.ca).list_agent_runtimes()["agentRuntimes"] == []
    # A pair that doesn't fit is left alone.
    with open(authority.key, "rb") as file:
        good = file.read()
    authority.openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", "other-key.pem")
    os.replace(f"{authority.folder}/other-key.pem", authority.key)
    os.kill(secure.process.pid, signal.SIGHUP)
    wait_for(lambda: "keeps its certificate" in secure.log_tail(), 30, "the log says nothing of the wrong key")
    assert serial(secure) == new
    with open(authority.key, "wb") as file:
        file.write(good)
    # And on SIGHUP, which ends nothing.
    newest = authority.issue()
    os.kill(secure.process.pid, signal.SIGHUP)
    wait_for(lambda: serial(secure) == newest, 30, "SIGHUP brought no new certificate")
    assert secure.process.poll() is None


def test_other_addresses_need_tls_or_a_word(secure, scratch):
    def serve(*arguments):
        return subprocess.run(
            [places.signalbox(), "serve", "--home", f"{scratch}/nobody", "--listen", "0.0.0.0:0", *arguments], capture_output=True, text=True,
            check=False, timeout=60, env=clean_environment(SIGNALBOX_DATABASE_URL="host=/nowhere dbname=x"))

    refused = serve()
    assert refused.returncode == 64 and "--tls-certificate" in refused.stderr and "--allow-plaintext" in refused.stderr
    half = serve("--tls-certificate", "x.pem")
    assert half.returncode == 64 and "--tls-key" in half.stderr
