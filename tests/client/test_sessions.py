"""Whole sessions of the real Claude Code: what it sends beside the turns, and what is kept of it."""
import json
import re

import pytest
from claude import enter, leave, press, say
from spantop import PROGRAM, wait_for

pytestmark = pytest.mark.limit(100)

TURNS = 40
# The growing conversation of the facts: 8.4 MB in 41 calls had 0.39 MB of new text, 4.6 %, which compresses threefold.
# These turns add less than real ones, so nearly all of it is the 90 KB of the first body.
STORED_SHARE_MAX = 0.02
TOKENS = {"input_tokens": "tokens_in", "cache_read": "tokens_cache_read", "cache_write_5m": "tokens_cache_write_5m",
          "cache_write_1h": "tokens_cache_write_1h", "output_tokens": "tokens_out"}


class Sent:
    """One request as the simulator got it, and its row in the log."""

    def __init__(self, sim, request, row):
        self.target, self.row = request["target"], row
        self.headers = {name.lower(): value for name, value in request["headers"]}
        self.body = sim.body(request["n"])


def everything(gateway, sim):
    """All that asked for an answer or a count, in the log's order.  Calls at the same moment may
    change places on their way up; the id that Respan gives each one tells which is which."""
    requests = {r["log_id"]: r for r in sim.requests(target="/v1/messages")}
    rows = gateway.log.wait_calls(len(requests))
    assert {row["respan_log_id"] for row in rows} == set(requests) and len(rows) == len(requests)
    return [Sent(sim, requests[row["respan_log_id"]], row) for row in rows]


def check_sums(gateway, sim):
    """The log has every token that the simulator handed out, and no other."""
    totals = sim.ledger()["totals"]
    [log] = gateway.log.query("SELECT " + ", ".join(f"sum({column}) AS {name}" for name, column in TOKENS.items()) + " FROM calls")
    assert log == {name: totals[name] for name in TOKENS}
    [sums] = gateway.log.query("SELECT " + ", ".join(f"sum({column}) AS {name}" for name, column in TOKENS.items()) + " FROM sessions")
    assert sums == log


def provoked(sent):
    """What made the client send this, told by its words and not by spantop's rules."""
    body = json.loads(sent.body)
    last = json.dumps(body["messages"][-1])
    if "count_tokens" in sent.target:
        return "count_tokens"
    if "Write the title" in last:
        return "title"
    if "You are an assistant for performing a web search" in json.dumps(body["system"]):
        return "side"
    if "Respond with TEXT ONLY" in last or "This is a side question" in last or "[SUGGESTION MODE" in last:
        return "fork"
    return "subagent" if "x-claude-code-agent-id" in sent.headers else "main"


def check_purposes(gateway, sim):
    """Each row's purpose is what provoked its request; returns them all."""
    told = [(sent.row["id"], provoked(sent)) for sent in everything(gateway, sim)]
    assert [(row["id"], row["purpose"]) for row in gateway.log.calls()] == told
    return {purpose for _, purpose in told}


def check_bodies(gateway, sim, stage):
    """Byte for byte what the simulator got."""
    for sent in everything(gateway, sim):
        shown = stage.run("show", sent.row["id"], "--request", "--log", gateway.log.path, text=False)
        assert shown.stdout == sent.body, f"call {sent.row['id']}: the log has another body than went up"


def test_forty_turns_are_kept_byte_for_byte_in_little_room(claude, gateway, sim, stage):
    talk = claude.converse()
    for i in range(TURNS):
        words = f"[[sim text answer {i} {'and more ' * 20}]]"
        assert f"answer {i} " in talk.ask(f"Turn {i}: what about part {i * 7919}? {words}")[-1]["result"]
    rows = [sent.row for sent in everything(gateway, sim)]
    assert len(rows) == TURNS and {row["state"] for row in rows} == {"done"}
    assert {row["session_id"] for row in rows} == {talk.session_id}
    check_bodies(gateway, sim, stage)
    check_sums(gateway, sim)
    assert check_purposes(gateway, sim) == {"main"}
    [size] = gateway.log.query("SELECT (SELECT value FROM meta WHERE key = 'raw_body_bytes') AS raw,"
                               " (SELECT value FROM meta WHERE key = 'stored_body_bytes') AS stored")
    assert size["raw"] >= sum(len(sent.body) for sent in everything(gateway, sim))
    assert size["stored"] < STORED_SHARE_MAX * size["raw"], size
    assert [row["cache_break"] for row in rows] == [None] * TURNS
    assert sum(row["tokens_cache_read"] > 0 for row in rows) == TURNS - 1


def test_an_interactive_session_is_named_told_apart_and_counted(claude, gateway, sim, stage):
    client = claude.open()
    say(client, "[[sim text the first answer]] please fix the parser", "the first answer")
    # The title is on the dashboard and in the sessions while the client runs.
    gateway.log.wait_calls(1, "purpose = 'title' AND state = 'done'")
    [session] = wait_for(lambda: gateway.log.query("SELECT * FROM sessions WHERE title IS NOT NULL"), what="a title")
    [answer] = [row["id"] for row in gateway.log.calls("purpose = 'title'")]
    told = stage.run("show", answer, "--response", "--log", gateway.log.path).stdout
    title = json.loads("".join(json.loads(line[6:])["delta"].get("text", "") for line in told.splitlines()
                               if line.startswith("data: ") and "text_delta" in line))["title"]
    assert session["title"] == title
    dashboard = stage.screen([PROGRAM, "--log", gateway.log.path, "--listen", gateway.address, "--upstream", gateway.upstream])
    dashboard.wait_text(re.escape(title))
    dashboard.keys("3")
    dashboard.wait_text(re.escape(title))
    dashboard.keys("Q")

    enter(client, "/btw [[sim text an aside]]")
    client.wait_text(r"an aside\s*\n")
    press(client, "Escape", "Esc to close")
    enter(client, "/context")
    client.wait_text("Skills · /skills")
    enter(client, '[[sim tool WebSearch {"query":"parsers"}]] [[sim then]] [[sim text searched for it]]')
    press(client, "Enter", "Do you want to proceed")
    client.wait_text("● searched for it")
    enter(client, "/compact")
    client.wait_text("Compacted")
    say(client, "[[sim text after compacting]]", "after compacting")

    # Another model, asked for by the client itself.
    asked = gateway.log.calls("purpose = 'main'")[-1]["model_asked"]
    enter(client, "/model sonnet")
    press(client, "Enter", "Yes, switch")
    client.wait_text("Set model to")
    say(client, "[[sim text on another model]]", "on another model")
    newest = gateway.log.wait_calls(5, "purpose = 'main' AND state = 'done'")[-1]
    assert newest["model_asked"] == newest["model_served"] == "claude-sonnet-5" != asked
    assert newest["cache_break"] == f"model: {asked} → claude-sonnet-5"
    [session] = gateway.log.query("SELECT * FROM sessions")
    assert session["title"] == title and session["model"] == "claude-sonnet-5"

    # The client's own count of this session.
    enter(client, "/cost")
    shown = client.wait_text(r"(?s)Usage by model:(.*)Esc to cancel").group(1)
    check_usage(gateway, shown)
    press(client, "Escape", "Esc to cancel")
    client.wait_text("dismissed")

    # A new session: other id, other title.
    enter(client, "/clear")
    client.wait_no_text("dismissed")
    say(client, "[[sim text in a new session]] now the printer", "in a new session")
    gateway.log.wait_calls(2, "purpose = 'title' AND state = 'done'")
    sessions = gateway.log.query("SELECT * FROM sessions ORDER BY first_at")
    assert [s["session_id"] for s in sessions][0] == session["session_id"] != sessions[1]["session_id"]
    assert sessions[1]["title"] not in (None, title)
    assert leave(client) == 0
    assert check_purposes(gateway, sim) == {"title", "main", "fork", "count_tokens", "side"}
    check_bodies(gateway, sim, stage)
    check_sums(gateway, sim)


def check_usage(gateway, shown):
    """What /cost says of each model, in its own short figures."""
    def short(n):
        return str(n) if n < 1000 else f"{(n + 50) // 100 / 10:g}k"

    rows = gateway.log.query(
        "SELECT model_served AS model, sum(tokens_in) AS i, sum(tokens_out) AS o, sum(tokens_cache_read) AS r,"
        " sum(tokens_cache_write_5m + tokens_cache_write_1h) AS w FROM calls WHERE tokens_out IS NOT NULL GROUP BY model_served")
    for row in rows:
        line = re.search(rf"{row['model']}:\s+(\S+) input, (\S+) output, (\S+) cache read, (\S+) cache write", shown)
        assert line, f"{row['model']} is missing in {shown}"
        assert [figure.replace(".0k", "k") for figure in line.groups()] == [short(row[name]) for name in "iorw"], (row, shown)


def usage_of(answer):
    """The client's own sums: input, output, read, written."""
    fields = ("inputTokens", "outputTokens", "cacheReadInputTokens", "cacheCreationInputTokens")
    return [sum(model[field] for model in answer["modelUsage"].values()) for field in fields]


def test_continued_and_resumed_sessions(claude, gateway, sim, stage):
    first = claude.run("[[sim text one]]")
    for how in (["--continue"], ["--resume", first["session_id"]]):
        answer = claude.run("[[sim text again]]", *how)
        rows = [sent.row for sent in everything(gateway, sim)]
        assert answer["session_id"] == first["session_id"]
        assert {row["session_id"] for row in rows} == {first["session_id"]}
        # A session that goes on has forgotten its 1M mark, which stands in the Bash tool's commit footer.
        assert [row["cache_break"] for row in rows[1:]] == ["tool: Bash", None][:len(rows) - 1]
        [log] = gateway.log.query("SELECT sum(tokens_in) AS i, sum(tokens_out) AS o, sum(tokens_cache_read) AS r,"
                                  " sum(tokens_cache_write_5m + tokens_cache_write_1h) AS w FROM calls WHERE id = ?",
                                  rows[-1]["id"])
        assert usage_of(answer) == list(log.values())  # a process counts what it did itself
    assert gateway.log.query("SELECT calls FROM sessions") == [{"calls": 3}]
    check_bodies(gateway, sim, stage)
    check_sums(gateway, sim)


def test_a_suggested_next_prompt_is_a_fork(claude, gateway, sim):
    claude.env["CLAUDE_CODE_ENABLE_PROMPT_SUGGESTION"] = "true"
    client = claude.open()
    say(client, "[[sim text the first answer]] please fix the parser", "the first answer")
    say(client, "[[sim text the second answer]]", "the second answer")
    gateway.log.wait_calls(1, "purpose = 'fork' AND state = 'done'", limit_s=30)
    assert leave(client) == 0
    assert check_purposes(gateway, sim) == {"title", "main", "fork"}
    check_sums(gateway, sim)
