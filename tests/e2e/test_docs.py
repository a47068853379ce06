"""Every command that a document shows is run as it stands there; so is every statement of SQL and every filter.

A command is a line of a fenced block, or `spantop …` within a sentence; blocks go first, in their order, since one
line may build on another. What cannot be run stands in NOT_RUN with its reason, and nothing else is left out.
"""
import os
import pathlib
import re
import shutil
import signal
import sqlite3
import subprocess

import pytest
from manager import SYSTEMCTL, Manager
from spantop import KEY, LIMIT_S, PROGRAM, ROOT, wait_for

DOCUMENTS = [p for folder in (".", "docs", "docs/man") for p in sorted((ROOT / folder).glob("*.md")) if p.name != "CHANGELOG.md"]
CALLS = 50  # documents show call 17, call 42
SESSION = "aaaaaaaa-0000-4000-8000-000000000001"

NOT_RUN = [
    (r"^claude$", "the real Claude Code is driven by tests/client"),
    (r"^make\b", "a target of make: it must exist; install, uninstall, man and deb are run by test_install.py"),
    (r"^sqlite3 ", "a program of its own; the statements are run below"),
    (r"--to http://localhost:4318/", "needs a collector; test_export.py plays one"),
    (r"^spantop (\[OPTIONS\]|COMMAND)", "tells the form, is no command"),
]
# A command may well say that something is wrong: this HOME is not set up.
MAY_FAIL = [r"^spantop doctor$"]
# These ask on a terminal before they spend anything.
ASKS = r"^spantop replay\b"
# These run until they are ended.
STAYS = r"^spantop (serve|sim|demo)\b"
# These bring up a gateway of their own, beside the one of the test.
APART = r"^spantop (serve|service)\b"
# A name in a sentence, not a line to type: it lacks a word, and says so.
FRAGMENT = r"needs|it is spantop"


def fences(text, *languages):
    return [block for language, block in re.findall(r"^```(\w*)\n(.*?)^```$", text, re.M | re.S) if language in languages]


def commands_in_blocks(text):
    """What stands behind two blanks explains."""
    lines = [line.strip() for block in fences(text, "sh", "") for line in block.splitlines()]
    return [re.split(r" {2,}", line)[0] for line in lines if re.match(r"(build/)?(spantop|make|claude|eval|source|sqlite3)\b", line)]


def commands_in_sentences(text):
    prose = re.sub(r"^```\w*\n.*?^```$", "", text, flags=re.M | re.S)
    return [span for span in re.findall(r"`([^`\n]+)`", prose) if re.match(r"(build/)?spantop |make |eval ", span)]


def fill_in(line):
    """The words in capitals that stand for something."""
    line = re.sub(r"^build/", "", line).replace("$(build/", "$(")
    line = re.sub(r"(?<=--session )ID\b", SESSION, line)
    line = re.sub(r"\bID\b", "1", line)
    line = re.sub(r"\bNAME\b", "claude-opus-5-5", line)
    return line + " --yes" if re.search(ASKS, line) else line


def matches(patterns, line):
    return any(re.search(p, line) for p in patterns)


@pytest.fixture
def shell(stage, sim):
    """shell(line): as a user types it, in a HOME with a key file and a log of some calls."""
    gateway = stage.gateway(sim, env={"RESPAN_API_KEY": KEY})
    headers = [("X-Claude-Code-Session-Id", SESSION)]
    for _ in range(CALLS):
        gateway.messages({"model": "claude-opus-4-8", "max_tokens": 9, "messages": [{"role": "user", "content": "[[sim text x]]"}]}, headers)
    gateway.log.wait_calls(CALLS)
    gateway.log.execute("UPDATE session SET title = 'api-refactor'")
    folder = stage.home / ".config/spantop"
    folder.mkdir(parents=True)
    (folder / "respan.key").write_text(KEY + "\n")
    (folder / "respan.key").chmod(0o600)
    manager = Manager(stage, "systemctl", SYSTEMCTL)
    (manager.bin / "spantop").symlink_to(pathlib.Path(PROGRAM).resolve())
    (manager.bin / "claude").write_text("#!/bin/sh\necho 2.1.197\n")
    (manager.bin / "claude").chmod(0o755)
    base = {"PATH": f"{manager.bin}:{os.environ['PATH']}", "FAKE": manager.folder, "SPANTOP_UPSTREAM": sim.base_url,
            "SPANTOP_LOG": gateway.log.path, "RESPAN_API_KEY": KEY}

    def run(line):
        env = dict(base)
        if re.search(APART, line):
            env.update(SPANTOP_LOG=stage.folder / "apart.db", SPANTOP_LISTEN="127.0.0.1:0")
        if re.search(STAYS, line):
            return run_for_a_moment(line, stage.environment(env), stage)
        shell = ["fish", "--no-config"] if line.endswith("| source") else ["bash"]
        if not shutil.which(shell[0]):
            return subprocess.CompletedProcess(line, 0, "", "")
        return subprocess.run([*shell, "-c", line], env=stage.environment(env), cwd=stage.folder, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=4 * LIMIT_S)

    def start_anew():
        """Commands in sentences do not build on one another."""
        for page in stage.folder.glob("*.html"):  # an export overwrites nothing
            page.unlink()
        gateway.log.execute("UPDATE routes SET enabled = 0")  # replay refuses what a route would turn elsewhere
    run.log, run.start_anew = gateway.log, start_anew
    return run


def run_for_a_moment(line, env, stage):
    """Until it says something: where it listens, or a call."""
    out = stage.folder / "stays.out"
    with open(out, "wb") as file:
        process = subprocess.Popen(["bash", "-c", "exec " + line], env=env, cwd=stage.folder, stdin=subprocess.DEVNULL,
                                   stdout=file, stderr=subprocess.STDOUT)
    try:
        wait_for(lambda: re.search(r"http://|^ *\d+  ", out.read_text(), re.M) or process.poll() is not None, what=f"{line} to say something")
        process.send_signal(signal.SIGTERM)
        status = process.wait(4 * LIMIT_S)
    finally:
        process.kill()
    return subprocess.CompletedProcess(line, status, out.read_text(), out.read_text())


@pytest.mark.limit(180)
@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda p: str(p.relative_to(ROOT)))
def test_every_command_runs(shell, path):
    text = path.read_text()
    typed, named = commands_in_blocks(text), commands_in_sentences(text)
    # What ends the gateway comes last.
    lines = sorted([(line, True) for line in typed] + [(line, False) for line in dict.fromkeys(named)],
                   key=lambda item: item[0].startswith("spantop stop"))
    for line, is_typed in lines:
        if matches([pattern for pattern, _ in NOT_RUN], line):
            continue
        if not is_typed:
            shell.start_anew()
        done = shell(fill_in(line))
        told = f"{path.name}: {line}\nstatus {done.returncode}\n{done.stdout}{done.stderr}"
        if not is_typed and done.returncode == 2:
            assert re.search(FRAGMENT, done.stderr), told
        else:
            assert done.returncode == 0 or matches(MAY_FAIL, line), told


def test_nothing_is_left_out_in_vain():
    """What no document shows any more goes from the list."""
    shown = [line for path in DOCUMENTS for line in commands_in_blocks(path.read_text()) + commands_in_sentences(path.read_text())]
    assert len(shown) > 150
    for pattern in [p for p, _ in NOT_RUN] + MAY_FAIL:
        assert any(re.search(pattern, line) for line in shown), pattern


def test_every_command_is_shown_somewhere(stage):
    """In README or docs/, beside its own help and spantop(1)."""
    text = "\n".join(p.read_text() for p in DOCUMENTS if p.parent.name != "man")
    for name in stage.run("completion", "--words", "--", "").stdout.split():
        assert re.search(rf"spantop {name}\b", text), f"no document shows spantop {name}"


def test_every_target_of_make_is_there():
    targets = set(re.findall(r"^([a-z][\w-]*(?: [a-z][\w-]*)*):", (ROOT / "Makefile").read_text(), re.M))
    targets = {name for line in targets for name in line.split()}
    for path in DOCUMENTS:
        for line in commands_in_blocks(path.read_text()) + commands_in_sentences(path.read_text()):
            words = line.split(" && ")[0].split("#")[0].split()
            if words[0] == "make":
                for word in words[1:]:
                    assert word in targets or "=" in word or "/" in word or not re.match(r"[a-z]", word) or "'" in line, f"{path.name}: {line}"


@pytest.mark.parametrize("path", [p for p in DOCUMENTS if fences(p.read_text(), "sql")], ids=lambda p: p.name)
def test_every_statement_runs(shell, path):
    for block in fences(path.read_text(), "sql"):
        for statement in filter(None, (s.strip() for s in block.split(";\n"))):
            try:
                shell.log.execute(statement)
            except sqlite3.Error as why:
                pytest.fail(f"{path.name}: {statement}\n{why}")


@pytest.mark.parametrize("path", [p for p in DOCUMENTS if fences(p.read_text(), "filter")], ids=lambda p: p.name)
def test_every_filter_is_understood(stage, shell, path):
    for block in fences(path.read_text(), "filter"):
        for line in block.splitlines():
            done = stage.run("calls", "--json", "--log", shell.log.path, "--where", line)
            assert done.returncode == 0, f"{line}\n{done.stderr}"


def test_every_line_of_a_config_file_is_good(stage, shell):
    """In blocks of their own, and `name = value` within others."""
    lines = [line for path in DOCUMENTS for block in fences(path.read_text(), "conf", "") for line in block.splitlines()
             if re.match(r"[a-z-]+ = ", line)]
    assert len(lines) > 5
    for line in lines:
        (stage.folder / "spantop.conf").write_text(line + "\n")
        done = stage.run("config", "check", "spantop.conf")
        assert done.returncode == 0, done.stdout


def test_links_lead_somewhere():
    for path in DOCUMENTS:
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", path.read_text()):
            assert (path.parent / target).exists(), f"{path.name}: {target}"
