"""completion: what fits, asked as a shell asks, and in bash itself."""
import re
import subprocess

import pytest
from spantop import KEY, PROGRAM

SESSION = "aaaaaaaa-0000-4000-8000-000000000001"


@pytest.fixture
def words(stage, gateway):
    """words("show", "") → what the last one can become."""
    gateway.messages({"model": "claude-opus-5-5", "max_tokens": 9, "messages": [{"role": "user", "content": "[[sim text x]]"}]},
                     [("X-Claude-Code-Session-Id", SESSION)])
    gateway.log.wait_calls(1)

    def ask(*line):
        done = stage.run("completion", "--words", "--", "--log", gateway.log.path, *line)
        assert done.returncode == 0 and not done.stderr, done
        return done.stdout.split("\n")[:-1]
    return ask


def test_commands_and_their_beginnings(stage, words):
    told = stage.run("help").stdout
    named = re.findall(r"^  spantop (\w+)", told, re.M) + re.search(r"^and (.+)$", told, re.M).group(1).split()
    assert words("") == [*named, "help"]
    assert words("stat") == ["status", "stats"] or words("stat") == ["stats", "status"]
    assert words("zz") == []


def test_options_of_the_command_and_common_ones(words):
    assert "--where" in words("calls", "--") and "--listen" in words("calls", "--")
    assert "--where" not in words("status", "--")
    assert words("calls", "--wh") == ["--where"]
    assert "--ready-fd" not in words("serve", "--")


def test_models_providers_sessions_and_calls(words):
    assert "claude-opus-5-5" in words("model", "")
    assert words("model", "claude-fable") == ["claude-fable-5-1"]
    assert "vertex_ai" in words("provider", "")
    assert words("show", "") == words("replay", "") == words("export", "") == ["1"]
    assert words("model", "x", "--session", "") == [SESSION]
    assert words("model", "x", "") == []
    assert words("export", "") == words("replay", "") == ["1"] and words("export", "1", "") == ["1"]
    assert words("show", "1", "") == []


def test_values_routes_and_other_peoples_words(stage, gateway, words):
    assert words("stats", "--by", "p") == ["provider", "purpose"]
    assert words("route", "") == ["add", "edit", "enable", "disable", "raise", "rm"]
    stage.run("--log", gateway.log.path, "route", "add", "--model", "claude-opus-5")
    assert words("route", "rm", "") == ["1"]
    assert words("run", "claude", "--") == []
    assert words("budget", "set", "") == ["call", "session", "day", "month", "rate"]
    assert words("config", "c") == ["check"] and words("service", "") == ["install", "remove", "status"]
    assert words("help", "serv") == ["serve", "service"] and words("help", "g") == ["gateway"]
    assert words("serve", "--key-file", "") == []  # a file: the shell's own business


def test_without_a_log_it_is_silent(stage):
    done = stage.run("completion", "--words", "--", "show", "")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_bash_completes(stage, gateway, words):
    script = f"""source <('{PROGRAM}' completion bash)
COMP_WORDS=('{PROGRAM}' --log '{gateway.log.path}' model claude-opus-5-); COMP_CWORD=4; _spantop; echo "${{COMPREPLY[@]}}"
COMP_WORDS=('{PROGRAM}' ''); COMP_CWORD=1; _spantop; echo "${{#COMPREPLY[@]}}" """
    done = subprocess.run(["bash", "-c", script], env=stage.environment(), capture_output=True, text=True)
    first, second = done.stdout.splitlines()
    assert first == "claude-opus-5-5" and int(second) > 10 and not done.stderr
    assert KEY not in done.stdout


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_is_good_syntax(stage, shell):
    script = stage.run("completion", shell).stdout
    assert "completion --words" in script
    try:
        checked = subprocess.run([shell, "-n"], input=script, capture_output=True, text=True)
    except FileNotFoundError:
        return  # that shell is not here
    assert checked.returncode == 0, checked


def test_an_unknown_shell_is_wrong_usage(stage):
    assert stage.run("completion", "tcsh").returncode == 2
    assert stage.run("completion").returncode == 2
