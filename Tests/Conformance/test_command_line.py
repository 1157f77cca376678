"""The `signalbox` command as a script uses it."""

import json

import pytest

import places

pytestmark = pytest.mark.local


@pytest.fixture
def signalbox(server):
    def run(*arguments, check=True):
        return server.run(*arguments, check=check)

    return run


def test_deploy_invoke_switch_and_roll_back(signalbox, control):
    plain = str(places.EXAMPLES / "plain")
    try:
        signalbox("deploy", plain, "--name", "cli_plain")
        answer = json.loads(signalbox("invoke", "cli_plain", '{"name":"Ada"}').stdout)
        assert answer["result"] == "Hello, Ada"
        # Unchanged it makes no version; changed it's the next one of the same runtime.
        assert "unchanged" in signalbox("deploy", plain, "--name", "cli_plain").stdout
        signalbox("deploy", plain, "--name", "cli_plain", "--env", "AGENT_VERSION=green")
        runtimes = json.loads(signalbox("runtime", "list", "--output", "json").stdout)["agentRuntimes"]
        mine = [r for r in runtimes if r["agentRuntimeName"] == "cli_plain"]
        assert [r["agentRuntimeVersion"] for r in mine] == ["2"]
        versions = json.loads(signalbox("version", "list", "cli_plain", "--output", "json").stdout)["agentRuntimes"]
        assert [v["agentRuntimeVersion"] for v in versions] == ["2", "1"]
        signalbox("endpoint", "create", "cli_plain", "prod", "--version", "1", "--wait")
        signalbox("endpoint", "switch", "cli_plain", "prod", "--to", "2", "--wait")
        live = lambda: json.loads(signalbox("endpoint", "get", "cli_plain", "prod", "--output", "json").stdout)["liveVersion"]
        assert live() == "2"
        signalbox("endpoint", "rollback", "cli_plain", "prod", "--wait")
        assert live() == "1"
        assert "prod" in signalbox("endpoint", "list", "cli_plain").stdout
        assert json.loads(signalbox("invoke", "cli_plain", "--qualifier", "prod", "{}").stdout)["calls"] == 1
    finally:
        for runtime in control.list_agent_runtimes()["agentRuntimes"]:
            if runtime["agentRuntimeName"] == "cli_plain":
                control.delete_agent_runtime(agentRuntimeId=runtime["agentRuntimeId"])


def test_failures_end_with_a_status_and_a_sentence(signalbox, tmp_path):
    nothing = signalbox("invoke", "no_such_runtime", "{}", check=False)
    assert nothing.returncode != 0 and "no_such_runtime" in nothing.stderr and not nothing.stdout
    (tmp_path / "agent").mkdir()
    empty = signalbox("deploy", str(tmp_path / "agent"), "--name", "empty", check=False)
    assert empty.returncode != 0 and empty.stderr
    unknown = signalbox("runtime", "lst", check=False)
    assert unknown.returncode == 64


def test_env_is_fit_for_eval(signalbox, server):
    text = signalbox("env").stdout
    for line in text.strip().splitlines():
        assert line.startswith(("export ", "#")), line
    assert f"AWS_ENDPOINT_URL_BEDROCK_AGENTCORE_CONTROL" in text and f"{server.url}/_s3" in text
