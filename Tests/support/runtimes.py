"""Runtimes as tests want them: made in one line, deleted at the end."""

import json
import uuid

import bundles
import places
from clients import SETTLED, gone, ready_endpoint, ready_runtime, wait_for

ROLE = "arn:aws:iam::123456789012:role/agent"


def session_id():
    return f"session-{uuid.uuid4()}"


def unique(prefix="t"):
    return f"{prefix}_{uuid.uuid4().hex[:12]}"


class Workshop:
    """Makes runtimes on one server and takes them away again."""

    def __init__(self, clients, images=None):
        #: Agents are images of this, not archives.
        self.images = images
        self.control = clients.control
        self.data = clients.data
        self.s3 = clients.s3
        self.bucket = f"agents-{uuid.uuid4().hex[:12]}"
        self._keys = {}
        self._made = []
        self.s3.create_bucket(Bucket=self.bucket)

    # -- artifacts

    def upload(self, data, key=None):
        """Uploads an archive and returns its key. The same bytes are sent once."""
        key = key or f"{bundles.hashlib.sha256(data).hexdigest()[:24]}.zip"
        if self._keys.get(key) != len(data):
            self.s3.put_object(Bucket=self.bucket, Key=key, Body=data)
            self._keys[key] = len(data)
        return key

    def artifact(self, agent="probe", *, key=None, runtime=places.PYTHON_RUNTIME, entry_point=("main.py",)):
        """`agentRuntimeArtifact` for the name of a test agent, an archive's bytes, or a key already there."""
        if self.images and key is None and runtime == places.PYTHON_RUNTIME and tuple(entry_point) == ("main.py",):
            return self.images.artifact(agent)
        if key is None:
            key = self.upload(bundles.agent(agent) if isinstance(agent, str) else agent)
        return {"codeConfiguration": {
            "code": {"s3": {"bucket": self.bucket, "prefix": key}}, "runtime": runtime, "entryPoint": list(entry_point)}}

    def request(self, agent="probe", *, environment=None, **members):
        """Members that Create and Update share."""
        request = {
            "agentRuntimeArtifact": self.artifact(agent) if not isinstance(agent, dict) else agent,
            "roleArn": ROLE,
            "networkConfiguration": {"networkMode": "PUBLIC"},
            **members,
        }
        if environment:
            request["environmentVariables"] = environment
        return request

    # -- runtimes

    def create(self, agent="probe", *, name=None, **options):
        """CreateAgentRuntime; the answer as it came, nothing waited for."""
        created = self.control.create_agent_runtime(agentRuntimeName=name or unique(), **self.request(agent, **options))
        self._made.append(created["agentRuntimeId"])
        return created

    def runtime(self, agent="probe", *, seconds=60, **options):
        """A runtime that is READY, DEFAULT included."""
        created = self.create(agent, **options)
        runtime = Runtime(self, created)
        runtime.ready(seconds)
        return runtime

    def close(self):
        for runtime_id in self._made:
            try:
                self.control.delete_agent_runtime(agentRuntimeId=runtime_id)
            except (self.control.exceptions.ResourceNotFoundException, self.control.exceptions.ConflictException):
                continue
        for runtime_id in self._made:
            wait_for(lambda: self._is_gone(runtime_id), 60, f"runtime {runtime_id} is not deleted")
        self._made.clear()

    def _is_gone(self, runtime_id):
        try:
            status = self.control.get_agent_runtime(agentRuntimeId=runtime_id)["status"]
        except self.control.exceptions.ResourceNotFoundException:
            return True
        if status in SETTLED:
            # It was refused while something else was going on.
            try:
                self.control.delete_agent_runtime(agentRuntimeId=runtime_id)
            except (self.control.exceptions.ConflictException, self.control.exceptions.ResourceNotFoundException):
                pass
        return False


class Runtime:
    """One runtime, with the calls that tests repeat."""

    def __init__(self, workshop, created):
        self.workshop = workshop
        self.control = workshop.control
        self.data = workshop.data
        self.id = created["agentRuntimeId"]
        self.arn = created["agentRuntimeArn"]

    def ready(self, seconds=60, version=None):
        runtime = ready_runtime(self.control, self.id, seconds)
        ready_endpoint(self.control, self.id, "DEFAULT", version or runtime["agentRuntimeVersion"], seconds=30)
        return runtime

    def update(self, agent="probe", *, wait=True, **options):
        """UpdateAgentRuntime, waited for unless told otherwise. Returns the new version."""
        updated = self.control.update_agent_runtime(agentRuntimeId=self.id, **self.workshop.request(agent, **options))
        if wait:
            self.ready(version=updated["agentRuntimeVersion"])
        return updated["agentRuntimeVersion"]

    def endpoint(self, name, version=None, **members):
        """An endpoint that is READY."""
        if version is not None:
            members["agentRuntimeVersion"] = str(version)
        self.control.create_agent_runtime_endpoint(agentRuntimeId=self.id, name=name, **members)
        return ready_endpoint(self.control, self.id, name, version)

    def switch(self, name, version):
        self.control.update_agent_runtime_endpoint(
            agentRuntimeId=self.id, endpointName=name, agentRuntimeVersion=str(version))
        return ready_endpoint(self.control, self.id, name, version)

    def get_endpoint(self, name):
        return self.control.get_agent_runtime_endpoint(agentRuntimeId=self.id, endpointName=name)

    def invoke_raw(self, payload, *, session=None, qualifier=None, **members):
        """The SDK's answer, its body not yet read."""
        if session:
            members["runtimeSessionId"] = session
        if qualifier:
            members["qualifier"] = qualifier
        body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        members.setdefault("contentType", "application/json")
        return self.data.invoke_agent_runtime(agentRuntimeArn=self.arn, payload=body, **members)

    def invoke(self, payload=None, **options):
        """The JSON that the agent answered."""
        return json.loads(self.invoke_raw(payload or {}, **options)["response"].read())

    def stop(self, session, qualifier="DEFAULT"):
        return self.data.stop_runtime_session(agentRuntimeArn=self.arn, runtimeSessionId=session, qualifier=qualifier)

    def delete(self):
        self.control.delete_agent_runtime(agentRuntimeId=self.id)
        gone(self.control, self.id)


def events(response):
    """The `data:` of each server-sent event, parsed as it arrives: botocore waits for whole chunks, so ask for one byte."""
    for line in response["response"].iter_lines(chunk_size=1):
        if line.startswith(b"data: "):
            yield json.loads(line[6:])


def is_cut(failure):
    """Whether this is how the SDK says that an answer ended too early."""
    return any(word in type(failure).__name__ for word in ("Incomplete", "Protocol", "Connection", "Streaming"))


def assert_cut(cut):
    """Asserts that the SDK noticed an answer that ended too early."""
    assert is_cut(cut.value), repr(cut.value)
