"""docs/routing.md: every command is run as it stands there, in order, and so is every statement."""
import re
import shlex
import sqlite3

import pytest
from spantop import ROOT

PAGE = (ROOT / "docs/routing.md").read_text()
TEXT = {"model": "claude-opus-4-8", "max_tokens": 20, "messages": [{"role": "user", "content": "[[sim text ok]]"}]}


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def test_every_command_does_what_it_says(stage, gateway):
    commands = [line for block in blocks("sh") for line in block.splitlines()]
    assert len(commands) > 25
    for line in commands:
        words = shlex.split(line)
        assert words[0] == "spantop"
        done = stage.run("--log", gateway.log.path, *words[1:])
        assert done.returncode == 0, f"{line}\n{done.stderr}"
        assert gateway.messages(TEXT).status == 200, line
    assert gateway.log.query("SELECT count(*) AS n FROM routes WHERE enabled")[0]["n"] > 3


def test_every_statement_runs_on_a_log(gateway):
    answer = gateway.messages(TEXT, [("X-Claude-Code-Session-Id", "aaaaaaaa-0000-4000-8000-000000000001")])
    gateway.log.wait_calls(1)
    assert answer.status == 200
    statements = [s.strip() for block in blocks("sql") for s in block.split(";\n") if s.strip()]
    assert len(statements) > 8
    for statement in statements:
        try:
            gateway.log.execute(statement)
        except sqlite3.Error as why:
            pytest.fail(f"{statement}\n{why}")
        assert gateway.messages(TEXT).status == 200, statement
    added = gateway.log.query("SELECT * FROM routes")
    assert len(added) == sum(s.startswith("INSERT") for s in statements) and not [r for r in added if r["enabled"]]


def test_catalog_of_ones_own_is_read(stage):
    folder = stage.home / ".config/spantop"
    folder.mkdir(parents=True)
    [example] = blocks("json")
    (folder / "catalog.json").write_text(example)
    done = stage.run("models")
    assert done.stderr == "" and re.search(r"claude-opus-5-5 +\$3\.60 +\$18\.00.*user", done.stdout), done


def test_every_option_of_route_is_on_the_page(stage):
    told = stage.run("route", "--help").stdout
    for option in set(re.findall(r"--[a-z-]+", told)) - {"--note"}:
        assert option in PAGE, option
