"""A container's way out: to the world, but not to the host, its neighbours and what is near. In namespaces of the test's own."""

import contextlib
import ctypes
import json
import os
import socket
import struct
import subprocess
import threading

import places
from processes import clean_environment, stop, wait_for

WORLD = "203.0.113.2"
HOST = "203.0.113.1"
METADATA = "169.254.169.254"


def run(*command):
    subprocess.run(command, check=True, capture_output=True)


@contextlib.contextmanager
def lab():
    """A host (`router`) with one way to the world (`outside`), where everything else of interest answers, too."""
    router, outside = (f"sbx-{name}-{os.getpid()}" for name in ("r", "o"))
    try:
        for name in (router, outside):
            run("ip", "netns", "add", name)
            run("ip", "-n", name, "link", "set", "lo", "up")
        run("ip", "-n", router, "link", "add", "up0", "type", "veth", "peer", "name", "in0", "netns", outside)
        run("ip", "-n", router, "address", "add", f"{HOST}/24", "dev", "up0")
        run("ip", "-n", outside, "address", "add", f"{WORLD}/24", "dev", "in0")
        for name, link in ((router, "up0"), (outside, "in0")):
            run("ip", "-n", name, "link", "set", link, "up")
        run("ip", "-n", router, "route", "add", "default", "via", WORLD)
        for address in (METADATA, "10.9.9.9"):
            run("ip", "-n", outside, "address", "add", f"{address}/32", "dev", "lo")
        yield router, outside
    finally:
        for name in (router, outside):
            subprocess.run(["ip", "netns", "delete", name], capture_output=True, check=False)


def listener(namespace, address, port):
    """A socket that listens inside a namespace: it keeps the one in which its thread made it."""
    made = []

    def make():
        libc = ctypes.CDLL(None, use_errno=True)
        with open(f"/var/run/netns/{namespace}", "rb") as file:
            assert libc.setns(file.fileno(), 0x40000000) == 0  # CLONE_NEWNET
        it = socket.socket()
        it.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        it.bind((address, port))
        it.listen(16)
        made.append(it)

    thread = threading.Thread(target=make)
    thread.start()
    thread.join()
    return made[0]


class Supervisor:
    """`signalbox supervise` inside a namespace, spoken to as servers do."""

    def __init__(self, namespace, home, images, *arguments):
        os.makedirs(home, mode=0o711)
        self.home = home
        self.log = places.log("containers-network")
        self.command = ["nsenter", f"--net=/var/run/netns/{namespace}", places.signalbox(), "supervise", "--home", home,
                        *images.arguments, *arguments]
        self.run()

    def run(self):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                self.command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True, env=clean_environment())
        wait_for(lambda: os.path.exists(f"{self.home}/supervisor.sock"), 30, "the supervisor does not come up")

    def kill(self):
        self.process.kill()
        self.process.wait(10)
        os.unlink(f"{self.home}/supervisor.sock")

    def ask(self, verb, **members):
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(60)
            connection.connect(f"{self.home}/supervisor.sock")
            data = json.dumps({"number": 1, "verb": verb, **members}).encode()
            connection.sendall(struct.pack(">I", len(data)) + data)
            received, descriptors = b"", []
            while len(received) < 4 or len(received) < 4 + struct.unpack(">I", received[:4])[0]:
                piece, found, _, _ = socket.recv_fds(connection, 65536, 4)
                assert piece, "the supervisor hung up"
                received += piece
                descriptors += found
            answer = json.loads(received[4:4 + struct.unpack(">I", received[:4])[0]])
            assert "failure" not in answer, answer
            return answer, descriptors

    def start(self, name, image, network="public"):
        self.ask("start", specification={
            "id": name, "labels": {}, "engine": "docker", "image": {"id": image}, "command": [], "environment": {},
            "limits": {"memoryBytes": 256 << 20, "cpus": 1, "pids": 64, "temporaryBytes": 16 << 20, "logBytes": 1 << 20},
            "network": network})
        wait_for(lambda: self.invoke(name, {}), 30, f"{name} does not answer")

    def invoke(self, name, payload):
        _, (descriptor,) = self.ask("openSocket", id=name, port=8080)
        with socket.socket(fileno=descriptor) as connection:
            connection.setblocking(True)
            connection.settimeout(60)
            body = json.dumps(payload).encode()
            try:
                connection.sendall(b"POST /invocations HTTP/1.0\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
                answer = b"".join(iter(lambda: connection.recv(65536), b""))
            except OSError:
                return None
        return json.loads(answer.partition(b"\r\n\r\n")[2]) if answer.startswith(b"HTTP/1.1 200") else None

    def connects(self, name, *targets):
        return self.invoke(name, {"do": "look", "connect": list(targets)})

    def end(self):
        stop(self.process, 30, how=15)


def address_of(supervisor, name):
    status = supervisor.ask("status", id=name)[0]["status"]
    told = subprocess.run(
        ["nsenter", f"--net=/proc/{status['processID']}/ns/net", "ip", "-4", "-o", "address", "show", "dev", "eth0"],
        capture_output=True, text=True, check=True).stdout
    return told.split()[3].split("/")[0]


def test_the_world_and_nothing_near(images, engine, scratch):
    image = engine.image_id(images.reference("probe"))
    image = image if image.startswith("sha256:") else f"sha256:{image}"
    with lab() as (router, outside):
        listeners = [
            listener(outside, WORLD, 443), listener(outside, METADATA, 80), listener(outside, "10.9.9.9", 80),
            listener(outside, WORLD, 444), listener(router, "0.0.0.0", 5432)]
        home = f"{scratch}/net-home"
        supervisor = Supervisor(router, home, images, "--sandbox-denied", "10.9.9.0/24")
        try:
            supervisor.start("one", image)
            supervisor.start("two", image)
            supervisor.start("shut", image, network="none")
            one, two = address_of(supervisor, "one"), address_of(supervisor, "two")
            gateway = subprocess.run(
                ["nsenter", f"--net=/proc/{supervisor.ask('status', id='one')[0]['status']['processID']}/ns/net", "ip", "route"],
                capture_output=True, text=True, check=True).stdout.split("via ")[1].split()[0]
            seen = supervisor.connects(
                "one", f"{WORLD}:443", f"{HOST}:5432", f"{gateway}:5432", f"{two}:8080", f"{METADATA}:80", "10.9.9.9:80",
                "127.0.0.1:5432", f"{one}:8080")
            reached = {target for target, result in seen.items() if result == "connected"}
            # Its own address is its own.
            assert reached == {f"{WORLD}:443", f"{one}:8080"}, seen
            assert "connected" not in supervisor.connects("shut", f"{WORLD}:443", f"{two}:8080").values()
            # Its user can't change the network.
            status = supervisor.invoke("one", {"do": "look", "status": True})["status"]
            assert "CapEff:\t0000000000000000" in status
            # A supervisor that was killed finds the network of a container that lives.
            supervisor.kill()
            supervisor.run()
            assert supervisor.connects("one", f"{WORLD}:443")[f"{WORLD}:443"] == "connected"
            assert address_of(supervisor, "one") == one
            # An address is given to nobody else while its container lives.
            supervisor.start("three", image)
            assert address_of(supervisor, "three") not in (one, two)
            for name in ("one", "two", "three", "shut"):
                supervisor.ask("stop", id=name, graceMilliseconds=1000)
            links = subprocess.run(["ip", "-n", router, "-o", "link"], capture_output=True, text=True, check=True).stdout
            assert "sgb" not in links, links
        finally:
            supervisor.end()
            for it in listeners:
                it.close()
        rules = subprocess.run(["ip", "netns", "exec", router, "nft", "list", "ruleset"], capture_output=True, text=True, check=True)
        assert "signalbox" not in rules.stdout, rules.stdout
        left = [container["Labels"]["signalbox.sandbox"] for container in engine.containers()]
        assert not {"one", "two", "three", "shut"} & set(left)
