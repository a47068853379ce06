"""doctor: each thing that stops the routing is found, named and has a way out."""
import json

import pytest
from spantop import KEY, wait_for


def doctor(stage, gateway, *words, upstream=None, **env):
    env = {"RESPAN_API_KEY": KEY, **env}
    done = stage.run("--log", gateway.log.path, "--upstream", upstream or gateway.upstream, "doctor", "--json", *words, env=env)
    report = json.loads(done.stdout)
    assert done.returncode == (0 if report["ok"] else 1), done
    assert all(set(c) == {"id", "state", "message", "fix"} for c in report["checks"])
    assert KEY not in done.stdout + done.stderr
    return {c["id"]: c for c in report["checks"]}


def routed(stage, gateway):
    """The environment that spantop env makes."""
    lines = stage.run("--log", gateway.log.path, "env").stdout.splitlines()
    return {line.split("=", 1)[0].removeprefix("export "): line.split("=", 1)[1].strip("'") for line in lines}


def test_all_is_well(stage, gateway):
    checks = doctor(stage, gateway, **routed(stage, gateway))
    bad = [c for c in checks.values() if c["state"] != "ok" and c["id"] != "claude"]
    assert not bad
    assert {"gateway", "journal", "log", "base_url", "api_key", "auth_token", "respan", "respan_key", "clock"} <= set(checks)


@pytest.mark.parametrize("change, check, state", [
    ({"ANTHROPIC_AUTH_TOKEN": "x"}, "auth_token", "fail"),
    ({"ANTHROPIC_BASE_URL": "http://127.0.0.1:1/api/anthropic/"}, "base_url", "fail"),
    ({"ANTHROPIC_BASE_URL": "https://api.respan.ai/api/anthropic/"}, "base_url", "fail"),
    ({"ANTHROPIC_BASE_URL": None}, "base_url", "warn"),
    ({"ANTHROPIC_API_KEY": "spantop-" + "0" * 64}, "api_key", "fail"),
    ({"ANTHROPIC_API_KEY": None}, "api_key", "warn"),
    ({"CLAUDE_CODE_USE_BEDROCK": "1"}, "other_backend", "fail"),
    ({"HTTP_PROXY": "http://127.0.0.2:3128"}, "proxy", "warn"),
    ({"HTTP_PROXY": "http://127.0.0.2:3128", "NO_PROXY": "localhost"}, "proxy", "ok"),
    ({"RESPAN_API_KEY": None}, "respan_key", "warn"),
    ({"RESPAN_API_KEY": "bad-key"}, "respan_key", "fail"),
    ({"RESPAN_API_KEY": "two words"}, "respan_key", "fail"),
])
def test_what_the_environment_has_wrong(stage, gateway, change, check, state):
    found = doctor(stage, gateway, **{**routed(stage, gateway), **change})[check]
    assert found["state"] == state, found
    assert state == "ok" or found["fix"]


def test_a_settings_file_beats_the_shell(stage, gateway):
    folder = stage.folder / ".claude"  # commands run in the stage's folder: a project
    folder.mkdir()
    (folder / "settings.json").write_text(json.dumps({"env": {"ANTHROPIC_BASE_URL": "https://elsewhere/"}, "apiKeyHelper": "x"}))
    checks = doctor(stage, gateway, **routed(stage, gateway))
    assert checks["base_url"]["state"] == "fail" and str(folder / "settings.json") in checks["base_url"]["message"]
    assert checks["api_key_helper"]["state"] == "warn"
    (folder / "settings.local.json").write_text(json.dumps({"env": {"ANTHROPIC_BASE_URL": gateway.base_url}}))
    assert doctor(stage, gateway, **routed(stage, gateway))["base_url"]["state"] == "ok"
    (folder / "settings.local.json").write_text("{,}")
    assert doctor(stage, gateway)["settings"]["state"] == "fail"


def test_a_rejected_key(stage, gateway):
    env = routed(stage, gateway)
    state = stage.home / ".claude.json"
    state.write_text(json.dumps({"customApiKeyResponses": {"rejected": [env["ANTHROPIC_API_KEY"][-20:]]}}))
    found = doctor(stage, gateway, **env)["key_approval"]
    assert found["state"] == "fail" and "/config" in found["fix"]
    assert doctor(stage, gateway, "--fix", **env)["key_approval"]["state"] == "ok"


def test_fix_mends_what_the_shell_has_wrong(stage, gateway):
    wrong = {"ANTHROPIC_AUTH_TOKEN": "x", "ANTHROPIC_BASE_URL": "http://127.0.0.1:1/"}
    before = doctor(stage, gateway, **wrong)
    assert before["auth_token"]["state"] == before["base_url"]["state"] == "fail"
    assert not (stage.home / ".claude").exists(), "without --fix nothing changes"
    after = doctor(stage, gateway, "--fix", **wrong)
    assert after["auth_token"]["state"] == after["base_url"]["state"] == after["api_key"]["state"] == "ok"


def test_no_gateway_and_the_wrong_one(stage, gateway):
    done = stage.run("--log", stage.folder / "other" / "log.db", "--listen", gateway.address, "--upstream", gateway.upstream,
                     "doctor", "--json")
    checks = {c["id"]: c for c in json.loads(done.stdout)["checks"]}
    assert checks["gateway"]["state"] == "fail" and "another log" in checks["gateway"]["message"]
    gateway.stop()
    wait_for(lambda: not gateway.is_running())
    assert doctor(stage, gateway)["gateway"]["state"] == "warn"


def test_respan_out_of_reach(stage, gateway, sim):
    assert doctor(stage, gateway, **routed(stage, gateway))["respan"]["state"] == "ok"
    sim.faults({"stage": "connect", "fault": "stall", "times": 0, "match": {"path": "*"}})
    found = doctor(stage, gateway, **routed(stage, gateway))["respan"]
    assert found["state"] == "fail" and found["fix"]


def test_lines_for_people(stage, gateway):
    done = stage.run("--log", gateway.log.path, "--upstream", gateway.upstream, "doctor", env={"ANTHROPIC_AUTH_TOKEN": "x"})
    assert done.returncode == 1 and not done.stderr
    assert any(line.startswith("fail") and "ANTHROPIC_AUTH_TOKEN" in line for line in done.stdout.splitlines())
