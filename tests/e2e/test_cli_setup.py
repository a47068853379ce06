"""setup: other programs' files keep every byte that is not ours, and come back as they were."""
import json
import os
import subprocess

import pytest
from spantop import PROGRAM

SETTINGS = '{\n\t"permissions" : { "allow": [ ] },\n\t"env": {\n\t\t"FOO": "b\\u00e4r"\n\t},\n\n\t"model": "opus"\n}\n'
OURS = {"ANTHROPIC_BASE_URL", "ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN"}


def ok(done):
    assert done.returncode == 0 and not done.stderr, done
    return done.stdout


@pytest.fixture
def settings(stage):
    path = stage.home / ".claude" / "settings.json"
    path.parent.mkdir()
    return path


def test_settings_get_three_entries_and_come_back(stage, settings):
    settings.write_text(SETTINGS)
    settings.chmod(0o644)
    ok(stage.run("setup"))
    after = settings.read_text()
    env = json.loads(after)["env"]
    assert set(env) == OURS | {"FOO"} and env["ANTHROPIC_BASE_URL"] == "http://127.0.0.1:4777/api/anthropic/"
    assert env["ANTHROPIC_API_KEY"].startswith("spantop-") and env["ANTHROPIC_AUTH_TOKEN"] == ""
    start = SETTINGS.index('r"\n\t}') + 2
    assert after.startswith(SETTINGS[:start]) and after.endswith(SETTINGS[start:]), "all else byte for byte"
    assert settings.stat().st_mode & 0o777 == 0o644
    assert (settings.parent / "settings.json.spantop-backup").read_text() == SETTINGS
    ok(stage.run("setup", "--undo"))
    assert settings.read_text() == SETTINGS
    assert list(settings.parent.iterdir()) == [settings]


def test_a_file_that_was_not_there_goes_again(stage, settings):
    ok(stage.run("setup"))
    assert settings.stat().st_mode & 0o777 == 0o600
    assert set(json.loads(settings.read_text())["env"]) == OURS
    ok(stage.run("setup", "--undo"))
    assert list(settings.parent.iterdir()) == []


def test_a_second_setup_and_one_undo(stage, settings):
    settings.write_text(SETTINGS)
    ok(stage.run("setup"))
    ok(stage.run("setup", "--listen", "127.0.0.1:5000"))
    assert "127.0.0.1:5000" in settings.read_text()
    ok(stage.run("setup", "--undo"))
    assert settings.read_text() == SETTINGS


def test_undo_after_the_user_changed_the_file(stage, settings):
    settings.write_text('{"env":{"ANTHROPIC_BASE_URL":"https://mine/","X":"1"}}')
    ok(stage.run("setup"))
    text = settings.read_text().replace('"X":"1"', '"X":"2","Y":"3"')
    settings.write_text(text)
    ok(stage.run("setup", "--undo"))
    assert settings.read_text() == '{"env":{"ANTHROPIC_BASE_URL":"https://mine/","X":"2","Y":"3"}}'


def test_undo_keeps_what_is_not_ours(stage, settings):
    settings.write_text('{"env":{"ANTHROPIC_API_KEY":"sk-own","A":"1"}}')
    assert "nothing" in ok(stage.run("setup", "--undo"))
    assert settings.read_text() == '{"env":{"ANTHROPIC_API_KEY":"sk-own","A":"1"}}'


@pytest.mark.parametrize("text, line", [('{\n  // no\n  "a": 1\n}', 2), ('{\n"a": 1,\n}', 3), ('{"env": {}', 1), ("", 1)])
def test_what_would_be_destroyed_is_refused(stage, settings, text, line):
    settings.write_text(text)
    done = stage.run("setup")
    assert done.returncode == 1 and f"settings.json:{line}:" in done.stderr, done
    assert settings.read_text() == text and list(settings.parent.iterdir()) == [settings]


def test_a_symlink_is_followed(stage, settings):
    target = stage.folder / "dotfiles.json"
    target.write_text(SETTINGS)
    settings.symlink_to(target)
    ok(stage.run("setup"))
    assert settings.is_symlink() and set(json.loads(target.read_text())["env"]) > OURS
    ok(stage.run("setup", "--undo"))
    assert settings.is_symlink() and target.read_text() == SETTINGS


def test_dry_run_shows_and_changes_nothing(stage, settings):
    settings.write_text(SETTINGS)
    out = ok(stage.run("setup", "--dry-run"))
    assert '\n+\t\t"ANTHROPIC_BASE_URL" : "http://127.0.0.1:4777/api/anthropic/",\n' in out and "-" in out
    assert settings.read_text() == SETTINGS and list(settings.parent.iterdir()) == [settings]


def test_the_config_folder_of_claude_is_honoured(stage):
    folder = stage.folder / "elsewhere"
    env = {"CLAUDE_CONFIG_DIR": folder}
    ok(stage.run("setup", env=env))
    assert (folder / "settings.json").exists() and not (stage.home / ".claude").exists()


def test_the_key_is_approved_with_consent_only(stage, settings):
    state = stage.home / ".claude.json"
    before = '{"numStartups":3,"customApiKeyResponses":{"approved":["a"],"rejected":[]}}'
    state.write_text(before)
    ok(stage.run("setup"))
    assert state.read_text() == before
    ok(stage.run("setup", "--approve"))
    key = json.loads(settings.read_text())["env"]["ANTHROPIC_API_KEY"]
    assert json.loads(state.read_text())["customApiKeyResponses"]["approved"] == ["a", key[-20:]]
    ok(stage.run("setup", "--undo"))
    assert state.read_text() == before


def test_a_rejected_key_is_approved_on_request(stage, settings):
    ok(stage.run("setup"))
    key = json.loads(settings.read_text())["env"]["ANTHROPIC_API_KEY"]
    state = stage.home / ".claude.json"
    state.write_text(json.dumps({"customApiKeyResponses": {"approved": [], "rejected": [key[-20:]]}}))
    ok(stage.run("setup", "--approve"))
    assert json.loads(state.read_text())["customApiKeyResponses"] == {"approved": [key[-20:]], "rejected": []}


def test_the_question_on_a_terminal(stage, settings):
    screen = stage.screen([PROGRAM, "setup"])
    screen.wait_text(r"\[y/N\]")
    screen.type("y")
    screen.keys("Enter")
    screen.wait_text("claude now goes to")
    assert json.loads((stage.home / ".claude.json").read_text())["customApiKeyResponses"]["approved"]


def test_project_settings_must_be_ignored_by_git(stage):
    project = stage.folder / "project"
    project.mkdir()

    def run(*words):
        return subprocess.run([PROGRAM, "setup", "--project", *words], cwd=project, env=stage.environment(),
                              stdin=subprocess.DEVNULL, capture_output=True, text=True)
    git = subprocess.run(["git", "init", "-q"], cwd=project, env=stage.environment(), capture_output=True)
    assert git.returncode == 0, git
    done = run()
    assert done.returncode == 1 and "git" in done.stderr and not (project / ".claude").exists()
    (project / ".git/info").mkdir(exist_ok=True)
    (project / ".git/info/exclude").write_text(".claude/settings.local.json\n")
    ok(run())
    assert set(json.loads((project / ".claude/settings.local.json").read_text())["env"]) == OURS
    ok(run("--undo"))
    assert list((project / ".claude").iterdir()) == []


@pytest.mark.parametrize("text", [None, "", "alias x=y\n", "alias x=y"])
def test_a_profile_gets_a_block_and_loses_it(stage, text):
    profile = stage.home / ".bashrc"
    if text is not None:
        profile.write_text(text)
    ok(stage.run("setup", "--shell", "bash"))
    ok(stage.run("setup", "--shell", "bash", "--listen", "127.0.0.1:5000"))
    assert profile.read_text().count(">>> spantop") == 1
    shell = subprocess.run(["bash", "-c", f". '{profile}'; printenv ANTHROPIC_BASE_URL"], env=stage.environment(),
                           capture_output=True, text=True)
    assert shell.stdout == "http://127.0.0.1:5000/api/anthropic/\n"
    with open(profile, "a") as more:
        more.write("export LATER=1\n")
    assert "export LATER=1\n" in profile.read_text()
    profile.write_text(profile.read_text().replace("export LATER=1\n", ""))
    ok(stage.run("setup", "--shell", "bash", "--undo"))
    assert (profile.read_text() if profile.exists() else None) == text


def test_wrong_scopes_are_wrong_usage(stage):
    assert stage.run("setup", "--global", "--project").returncode == 2
    assert stage.run("setup", "--shell", "tcsh").returncode == 2
    assert stage.run("setup", "now").returncode == 2


def test_without_a_home(stage):
    done = stage.run("setup", env={"HOME": None, "XDG_DATA_HOME": stage.folder / "d", "XDG_CONFIG_HOME": stage.folder / "c"})
    assert done.returncode == 1 and "HOME" in done.stderr
    assert not os.path.exists("/.claude")
