"""boto3 and the AWS CLI, pointed at a server by the variables of `signalbox env` and nothing else."""

import json
import subprocess
import sys
import pathlib
from functools import cached_property
from importlib.metadata import version

import boto3
from botocore.config import Config

import score

from processes import clean_environment, wait_for

SETTLED = {"READY", "CREATE_FAILED", "UPDATE_FAILED", "DELETE_FAILED"}


class Clients:
    """One client per service. Each test that counts requests makes its own."""

    def __init__(self, environment, **configuration):
        self.environment = environment
        # One attempt: a test wants to see the first answer, not the one after four retries.
        self.configuration = Config(retries={"total_max_attempts": 1}, read_timeout=300, **configuration)

    def _make(self, service, variable):
        client = boto3.client(
            service,
            endpoint_url=self.environment[variable],
            region_name=self.environment["AWS_REGION"],
            aws_access_key_id=self.environment["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=self.environment["AWS_SECRET_ACCESS_KEY"],
            config=self.configuration,
        )
        score.watch(client, f"boto3 {boto3.__version__}")
        return client

    @cached_property
    def control(self):
        return self._make("bedrock-agentcore-control", "AWS_ENDPOINT_URL_BEDROCK_AGENTCORE_CONTROL")

    @cached_property
    def data(self):
        return self._make("bedrock-agentcore", "AWS_ENDPOINT_URL_BEDROCK_AGENTCORE")

    @cached_property
    def s3(self):
        return self._make("s3", "AWS_ENDPOINT_URL_S3")


class CommandLine:
    """The AWS CLI of the test's own virtual environment."""

    def __init__(self, environment):
        self.environment = clean_environment(**environment, AWS_PAGER="", AWS_MAX_ATTEMPTS="1")
        self.program = str(pathlib.Path(sys.executable).parent / "aws")

    def __call__(self, *arguments):
        """The JSON that the command printed, or its text when that isn't JSON. Raises when it failed."""
        done = self.attempt(*arguments)
        if done.returncode != 0:
            raise RuntimeError(f"aws {' '.join(arguments)} ended with {done.returncode}: {done.stderr}")
        try:
            return json.loads(done.stdout) if done.stdout.strip() else None
        except ValueError:
            return done.stdout

    def attempt(self, *arguments):
        done = subprocess.run(
            [self.program, *arguments], capture_output=True, text=True, check=False, timeout=300, env=self.environment)
        score.watch_command(arguments, done, f"AWS CLI {version('awscli')}")
        return done


def settled_runtime(control, runtime_id, seconds=60):
    """The runtime once nothing moves any more."""
    last = {}

    def look():
        last.update(control.get_agent_runtime(agentRuntimeId=runtime_id))
        return last if last["status"] in SETTLED else None

    return wait_for(look, seconds, lambda: f"runtime {runtime_id} stays {last.get('status')}")


def ready_runtime(control, runtime_id, seconds=60):
    runtime = settled_runtime(control, runtime_id, seconds)
    assert runtime["status"] == "READY", f"{runtime['status']}: {runtime.get('failureReason')}"
    return runtime


def settled_endpoint(control, runtime_id, name, seconds=60):
    last = {}

    def look():
        last.clear()
        last.update(control.get_agent_runtime_endpoint(agentRuntimeId=runtime_id, endpointName=name))
        return last if last["status"] in SETTLED else None

    return wait_for(look, seconds, lambda: f"endpoint {name} of {runtime_id} stays {last.get('status')}")


def ready_endpoint(control, runtime_id, name, version=None, seconds=60):
    """The endpoint once it is READY and, when a version is given, live on it."""
    endpoint = settled_endpoint(control, runtime_id, name, seconds)
    assert endpoint["status"] == "READY", f"{endpoint['status']}: {endpoint.get('failureReason')}"
    assert endpoint["liveVersion"] == endpoint["targetVersion"]
    if version is not None:
        assert endpoint["liveVersion"] == str(version)
    return endpoint


def gone(control, runtime_id, seconds=60):
    """Waits until the runtime is a 404."""
    def look():
        try:
            status = control.get_agent_runtime(agentRuntimeId=runtime_id)["status"]
            assert status in ("DELETING", "READY"), f"runtime {runtime_id} is {status} after its deletion was accepted"
            return False
        except control.exceptions.ResourceNotFoundException:
            return True

    wait_for(look, seconds, f"runtime {runtime_id} is still there")


def endpoint_gone(control, runtime_id, name, seconds=60):
    def look():
        try:
            control.get_agent_runtime_endpoint(agentRuntimeId=runtime_id, endpointName=name)
            return False
        except control.exceptions.ResourceNotFoundException:
            return True

    wait_for(look, seconds, f"endpoint {name} of {runtime_id} is still there")
