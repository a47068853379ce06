"""setup and run with the real Claude Code: no question, no variable set by hand, nothing left behind."""
import json

import pytest
from claude import leave, say
from spantop import KEY

pytestmark = pytest.mark.limit(100)
QUIET = {"CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1"}


@pytest.fixture
def keyed(stage, sim):
    """A gateway that knows the Respan key, so that the local token stands for it."""
    return stage.gateway(sim, env={"RESPAN_API_KEY": KEY})


@pytest.fixture
def home(stage, claude_binary):
    """A user who has used claude, but never with this gateway."""
    project = stage.folder / "project"
    project.mkdir()
    (stage.home / ".claude.json").write_text(json.dumps({
        "hasCompletedOnboarding": True,
        "projects": {str(project): {"hasTrustDialogAccepted": True, "hasCompletedProjectOnboarding": True}}}))
    settings = stage.home / ".claude" / "settings.json"
    settings.parent.mkdir()
    settings.write_text('{\n  "theme": "dark",\n  "env": {"MINE": "1"}\n}\n')
    return project


def test_setup_then_an_interactive_start_without_questions_then_undo(stage, keyed, sim, home, claude_binary):
    settings = stage.home / ".claude" / "settings.json"
    before = settings.read_bytes()
    done = stage.run("--log", keyed.log.path, "setup", "--approve")
    assert done.returncode == 0, done
    screen = stage.screen([claude_binary], cwd=home, env=QUIET)
    screen.wait_text(r"\? for shortcuts", 30)
    say(screen, "[[sim text routed by setup]]", "routed by setup")
    keyed.log.wait_calls(1, "purpose = 'main' AND state = 'done'")
    headers = dict((name.lower(), value) for name, value in sim.requests(target="/v1/messages")[0]["headers"])
    assert headers["x-api-key"] == KEY and "authorization" not in headers
    assert leave(screen) == 0  # and has written its state for the last time
    done = stage.run("--log", keyed.log.path, "setup", "--undo")
    assert done.returncode == 0, done
    assert settings.read_bytes() == before
    assert not json.loads((stage.home / ".claude.json").read_text()).get("customApiKeyResponses", {}).get("approved")
    assert [path.name for path in settings.parent.glob("*spantop*")] == []


def test_run_needs_nothing_but_the_key(stage, sim, home, claude_binary):
    options = ["--log", stage.folder / "own" / "log.db", "--listen", "127.0.0.1:0"]
    done = stage.run(*options, "--upstream", sim.base_url, "run", claude_binary, "-p", "[[sim text through run]]",
                     env={**QUIET, "RESPAN_API_KEY": KEY}, limit_s=60)
    stage.run(*options, "stop", "--now")
    assert done.returncode == 0 and "through run" in done.stdout, done
    assert "1 call" in done.stderr and "$" in done.stderr


def test_doctor_finds_the_key_the_client_leaves_out(stage, keyed, home, claude_binary):
    stage.run("--log", keyed.log.path, "setup")
    token = json.loads((stage.home / ".claude" / "settings.json").read_text())["env"]["ANTHROPIC_API_KEY"]
    state = stage.home / ".claude.json"
    state.write_text(json.dumps({**json.loads(state.read_text()), "customApiKeyResponses": {"approved": [], "rejected": [token[-20:]]}}))
    path = f"{claude_binary.parent}:/usr/bin:/bin"
    done = stage.run("--log", keyed.log.path, "--upstream", keyed.upstream, "doctor", "--json", env={"PATH": path})
    checks = {c["id"]: c for c in json.loads(done.stdout)["checks"]}
    assert checks["key_approval"]["state"] == "fail" and checks["base_url"]["state"] == "ok"
    assert checks["claude"]["state"] == "ok" and "2.1." in checks["claude"]["message"]
