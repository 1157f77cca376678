"""An engine that listens on TCP with TLS, as DOCKER_HOST, DOCKER_TLS_VERIFY and DOCKER_CERT_PATH describe it."""

import os
import subprocess

import pytest

from engines import Docker, Images
from processes import free_port
from runtimes import Workshop


def openssl(folder, *arguments):
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def certificates(tmp_path):
    """A certificate authority, a server's and a client's key: ca.pem, server-*.pem, and cert.pem and key.pem."""
    (tmp_path / "server.ext").write_text("subjectAltName=IP:127.0.0.1\nextendedKeyUsage=serverAuth\n")
    (tmp_path / "client.ext").write_text("extendedKeyUsage=clientAuth\n")
    openssl(tmp_path, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "ca-key.pem", "-out", "ca.pem", "-subj", "/CN=test",
            "-days", "2")
    for name, key, certificate in (("server", "server-key.pem", "server-cert.pem"), ("client", "key.pem", "cert.pem")):
        openssl(tmp_path, "req", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", "request.pem", "-subj", f"/CN={name}")
        openssl(tmp_path, "x509", "-req", "-in", "request.pem", "-CA", "ca.pem", "-CAkey", "ca-key.pem", "-CAcreateserial",
                "-out", certificate, "-days", "2", "-extfile", f"{name}.ext")
    return tmp_path


def test_tcp_with_tls(engine, another_server, certificates, scratch):
    if engine.name != "docker":
        pytest.skip("Podman's service speaks TLS from version 5 on")
    port = free_port()
    docker = Docker(f"{scratch}/tls-engine")
    docker.extra = ["--host", f"tcp://127.0.0.1:{port}", "--tlsverify", "--tlscacert", f"{certificates}/ca.pem",
                    "--tlscert", f"{certificates}/server-cert.pem", "--tlskey", f"{certificates}/server-key.pem"]
    with docker:
        images = Images(docker)
        environment = {"DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": str(certificates)}
        server = another_server("--docker-host", f"tcp://127.0.0.1:{port}", environment=environment)
        workshop = Workshop(server.clients, images)
        runtime = workshop.runtime(environment={"AGENT_VERSION": "1"})
        assert runtime.invoke()["version"] == "1"
        workshop.close()
        # Without a certificate that the engine knows nobody is let in; nothing is sent in the clear instead.
        os.rename(f"{certificates}/cert.pem", f"{certificates}/own-cert.pem")
        openssl(certificates, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "key.pem", "-out", "cert.pem",
                "-subj", "/CN=stranger", "-days", "2")
        stranger = another_server("--docker-host", f"tcp://127.0.0.1:{port}", environment=environment)
        workshop = Workshop(stranger.clients, images)
        created = workshop.create()
        runtime = workshop.control.get_agent_runtime(agentRuntimeId=created["agentRuntimeId"])
        assert runtime["status"] == "CREATING"
        answer = stranger.signer().send("GET", f"/_signalbox/v1/runtimes/{created['agentRuntimeId']}/preparation")
        assert answer.json["status"] == "CREATING" and "image" not in answer.json
