"""Why the prompt cache broke: the log's cache_break against the simulator's cache,
which is the truth."""
import copy

import pytest
from spantop import wait_for

MODEL = "claude-opus-5-5"
# Micro-dollars a million tokens, 5-minute write and read; what tests/e2e/test_cli_read.py checks the catalog by.
WRITE, READ = 5_000_000, 400_000


def words(seed, size):
    """Text of that many bytes, its own for each seed."""
    return "".join(f"{seed} line {i}: the quick brown fox jumps over the lazy dog.\n" for i in range(size // 40))[:size]


def tool(name, size=3000):
    return {"name": name, "description": words(name, size),
            "input_schema": {"type": "object", "properties": {"command": {"type": "string"}}}}


def text(words_, mark=False):
    return {"type": "text", "text": words_, **({"cache_control": {"type": "ephemeral"}} if mark else {})}


class Conversation:
    """Claude Code's bodies: three breakpoints, the last one wandering with the turns."""

    def __init__(self, gateway, session="s-1", agent=None, model=MODEL):
        self.gateway, self.session, self.agent = gateway, session, agent
        self.ttl = None
        self.body = {"model": model, "messages": [], "system": [
            text("x-anthropic-billing-header: cc_version=2.1.197.abc;"), text("You are Claude Code.", True),
            text(words("system", 12000), True)],
            "tools": [tool(n) for n in ("Agent", "Bash", "Edit", "Read", "Write")],
            "max_tokens": 1000, "thinking": {"type": "adaptive"}, "stream": True}

    def ask(self, words_):
        self.body["messages"].append({"role": "user", "content": [text("<system-reminder>ctx</system-reminder>"), text(words_)]})
        return self

    def answered(self, words_="Certainly."):
        self.body["messages"].append({"role": "assistant", "content": [text(words_)]})
        return self

    def marked(self):
        """The body as it goes out: the last block carries the mark, the ones before are plain."""
        body = copy.deepcopy(self.body)
        if body["messages"]:
            last = body["messages"][-1]["content"]
            last[-1]["cache_control"] = {"type": "ephemeral"}
        for message in body["messages"][:-1]:
            if len(message["content"]) == 1 and message["role"] == "user":
                message["content"] = message["content"][0]["text"]
        if self.ttl:
            for blocks in [body["system"], *[m["content"] for m in body["messages"]]]:
                for block in blocks:
                    if isinstance(block, dict) and "cache_control" in block:
                        block["cache_control"]["ttl"] = self.ttl
        return body

    def send(self, body=None, headers=()):
        """One call; its row."""
        every = [("X-Claude-Code-Session-Id", self.session), *headers]
        if self.agent:
            every.append(("x-claude-code-agent-id", self.agent))
        answer = self.gateway.messages(self.marked() if body is None else body, every)
        number = answer.header("x-spantop-call-id")
        # The reason comes with the row's end: the first sight of the one shows the other.
        return self.gateway.log.wait_calls(1, "id = ? AND state <> 'open'", number)[0]

    def turn(self, words_="go on", answer="Certainly."):
        row = self.ask(words_).send()
        self.answered(answer)
        return row


def cached(row):
    return row["tokens_cache_read"] + row["tokens_cache_write_5m"] + row["tokens_cache_write_1h"]


def begin(conversation):
    """Two turns that leave a full cache behind: the row of the second."""
    first = conversation.turn(words("first", 16000))
    second = conversation.turn("and then?")
    assert first["cache_break"] is None and second["cache_break"] is None
    assert second["tokens_cache_read"] == cached(first) > 10000
    return second


def assert_break(before, row, reason):
    """This reason, and the money that the simulator's figures give."""
    assert row["cache_break"] == reason, row
    lost = cached(before) - row["tokens_cache_read"]
    assert lost >= 2000
    anew = min(lost, row["tokens_cache_write_5m"])
    assert row["cache_break_microusd"] == (anew * (WRITE - READ) + 500_000) // 1_000_000


def assert_sums(log):
    """Sessions, days and minutes count what the rows say."""
    rows = log.query("SELECT count(cache_break) AS n, coalesce(sum(cache_break_microusd), 0) AS usd FROM call")[0]
    for table in ("session", "day_sum", "minute_sum"):
        sums = log.query(f"SELECT sum(cache_breaks) AS n, sum(cache_break_microusd) AS usd FROM {table}")[0]
        assert sums == rows, table


def test_turns_retries_forks_titles_and_subagents_have_none(sim, gateway):
    main = Conversation(gateway)
    sub = Conversation(gateway, agent="agent-1")
    sub.body["tools"] = sub.body["tools"][1:3]
    sub.body["system"][1] = text("You are an agent.", True)
    main.turn(words("first", 16000))
    title = {"model": MODEL, "messages": [{"role": "user", "content": [text("first")]}], "system": [text(words("title", 9000), True)],
             "tools": [], "max_tokens": 100, "stream": True,
             "output_config": {"format": {"type": "json_schema", "schema": {"type": "object", "properties": {"title": {"type": "string"}}}}}}
    main.send(title)
    for i in range(3):
        main.turn(words(f"turn {i}", 3000))
        sub.turn(words(f"sub {i}", 9000))
    main.ask(words("retried", 5000))
    sim.faults({"status": 529, "times": 1})
    assert main.send()["status"] == 529
    assert main.send()["state"] == "done"
    sim.faults({"stage": "between_events", "fault": "close", "times": 1})
    cut = main.answered().ask("cut").send()
    assert cut["state"] == "error"
    plain = main.marked()
    del plain["stream"]
    assert main.send(plain)["state"] == "done"
    main.answered()
    fork = main.marked()
    fork["messages"].append({"role": "user", "content": [text("Summarise all this.")]})
    assert main.send(fork)["purpose"] == "fork"
    fork["messages"][-1]["content"][0]["text"] = words("Suggest something.", 4000)
    main.send(fork)
    main.turn("after the forks")
    rows = gateway.log.calls()
    assert {r["purpose"] for r in rows} == {"main", "subagent", "title", "fork"}
    assert [r["cache_break"] for r in rows] == [None] * len(rows)
    assert_sums(gateway.log)


def change_tool(body):
    body["tools"][1]["description"] += " And more."


def add_tool(body):
    body["tools"].append(tool("mcp__db__query"))


def drop_tool(body):
    del body["tools"][3]


def change_system(body):
    body["system"][2]["text"] += "gitStatus: changed"


def change_message(body):
    body["messages"][0]["content"][0]["text"] = "<system-reminder>Today is another day.</system-reminder>"


def change_model(body):
    body["model"] = "claude-opus-5"


@pytest.mark.parametrize("change,reason", [
    (change_tool, "tool: Bash"), (add_tool, "tool: mcp__db__query"), (drop_tool, "tool: Read"),
    (change_system, "system: system[2]"), (change_message, "message: message[0] (user)"),
])
def test_the_first_changed_element_is_named(gateway, change, reason):
    main = Conversation(gateway)
    before = begin(main)
    change(main.body)
    assert_break(before, main.turn(), reason)
    assert main.turn()["cache_break"] is None
    assert_sums(gateway.log)


def test_a_changed_model(gateway):
    main = Conversation(gateway)
    before = begin(main)
    change_model(main.body)
    row = main.turn()
    assert row["cache_break"] == "model: claude-opus-5-5 → claude-opus-5"
    anew = min(cached(before), row["tokens_cache_write_5m"])
    assert row["cache_break_microusd"] == (anew * (6_250_000 - 500_000) + 500_000) // 1_000_000
    assert main.turn()["cache_break"] is None


def test_a_model_switched_by_a_route(stage, gateway):
    main = Conversation(gateway)
    begin(main)
    assert stage.run("model", "claude-sonnet-5-5", "--session", "s-1", "--log", gateway.log.path).returncode == 0
    assert main.turn()["cache_break"] == "model: claude-opus-5-5 → claude-sonnet-5-5"


def test_a_changed_provider(stage, sim, gateway):
    main = Conversation(gateway)
    before = begin(main)
    assert stage.run("provider", "vertex_ai", "--log", gateway.log.path).returncode == 0
    assert_break(before, main.turn(), "provider: anthropic → vertex_ai")
    before = main.turn()
    assert stage.run("provider", "--clear", "--log", gateway.log.path).returncode == 0
    sim.config(provider="bedrock")
    assert_break(before, main.turn(), "provider: vertex_ai → bedrock")


def test_a_breakpoint_moved_before(gateway):
    main = Conversation(gateway)
    before = begin(main)
    body = main.ask("go on").marked()
    body["messages"][-1]["content"] = [text("go on")]
    row = main.send(body)
    assert_break(before, row, "breakpoint: system[2], was message[2] (user)")


def test_a_breakpoint_too_far_behind(gateway):
    main = Conversation(gateway)
    before = begin(main)
    for i in range(30):
        main.body["messages"][-1]["content"].append(text(f"note {i}"))
    row = main.turn()
    assert_break(before, row, "breakpoint: message[4] (user), 33 blocks behind message[2] (user)")


@pytest.mark.parametrize("ttl,minutes,idle", [(None, 6, "6m00s, lifetime 5m"), ("1h", 61, "1h01m, lifetime 1h")])
def test_an_expired_lifetime(stage, sim, ttl, minutes, idle):
    """The gateway's clock is moved by starting it again on the same log."""
    start = 1_800_000_000_000
    first = stage.gateway(sim, env={"SPANTOP_CLOCK": start})
    main = Conversation(first)
    main.ttl = ttl
    before = begin(main)
    first.stop()
    sim.clock(advance_ms=minutes * 60_000)
    main.gateway = stage.gateway(sim, env={"SPANTOP_CLOCK": start + minutes * 60_000}, log=first.log.path)
    row = main.turn()
    assert row["cache_break"] == f"expired: idle {idle}"
    assert cached(before) - row["tokens_cache_read"] >= 2000
    assert row["cache_break_microusd"] > 0
    assert main.turn()["cache_break"] is None


def test_a_restart_alone_breaks_nothing(stage, sim):
    first = stage.gateway(sim)
    main = Conversation(first)
    begin(main)
    first.stop()
    main.gateway = stage.gateway(sim, log=first.log.path)
    assert main.turn()["cache_break"] is None


def test_a_compacted_conversation(gateway):
    main = Conversation(gateway)
    begin(main)
    before = main.turn(words("more", 3000))
    main.body["system"][0]["text"] = "x-anthropic-billing-header: cc_version=2.1.197.def;"
    main.body["messages"] = []
    assert_break(before, main.ask("This session is being continued: " + words("summary", 4000)).send(), "compacted: 5 → 1 messages")


def test_a_prompt_below_the_minimum(gateway):
    main = Conversation(gateway, model="claude-haiku-4-5-20251001")
    main.body["tools"] = main.body["tools"][:2]
    for t in main.body["tools"]:
        t["description"] = "Small."
    main.body["thinking"] = {"type": "disabled"}
    main.body["system"] = main.body["system"][:2]
    main.ask(words("small", 7500))
    first = main.send()
    assert first["cache_break"] is None and cached(first) == 0 and first["tokens_in"] < 2048
    row = main.send()
    assert row["cache_break"].startswith("minimum: about 20") and row["cache_break_microusd"] == 0


def test_what_the_upstream_lost(sim, gateway):
    main = Conversation(gateway)
    before = begin(main)
    sim.reset()
    assert_break(before, main.turn(), "upstream: nothing differs")


def test_a_rewound_conversation_is_no_break(gateway):
    main = Conversation(gateway)
    begin(main)
    kept = copy.deepcopy(main.body["messages"])
    main.turn(words("a way", 12000), answer=words("answer", 8000))
    main.body["messages"] = kept
    assert main.turn(words("another way", 3000))["cache_break"] is None


def test_unproven_breaks_have_no_reason(sim, gateway):
    main = Conversation(gateway)
    begin(main)
    sim.reset()
    main.body["thinking"] = {"type": "adaptive", "display": "summarized"}
    row = main.turn()
    assert row["tokens_cache_read"] == 0 and row["cache_break"] is None
    assert row["cache_break_microusd"] is None


def test_reasons_without_bodies(stage, sim):
    gateway = stage.gateway(sim, "--no-bodies")
    main = Conversation(gateway)
    before = begin(main)
    change_tool(main.body)
    assert_break(before, main.turn(), "tool: Bash")


def test_a_provider_told_later_is_the_reason(stage, sim):
    """Respan's own log names who served, once its row is there."""
    sim.config(provider_header=False)
    gateway = stage.gateway(sim)
    main = Conversation(gateway)
    begin(main)
    wait_for(lambda: gateway.log.calls("provider_served = 'anthropic'") and not gateway.log.calls("provider_served IS NULL"),
             what="Respan's word on who served")
    sim.config(provider="vertex_ai")
    number = main.turn()["id"]
    wait_for(lambda: gateway.log.call(number)["cache_break"] == "provider: anthropic → vertex_ai",
             what=lambda: f"the reason to become the provider: {gateway.log.call(number)}")
    assert_sums(gateway.log)


def test_show_diff_names_the_element_and_its_lines(stage, gateway):
    main = Conversation(gateway)
    begin(main)
    change_tool(main.body)
    number = main.turn()["id"]
    told = stage.run("show", number, "--diff", "--log", gateway.log.path)
    assert told.returncode == 0, told.stderr
    assert "cache break" in stage.run("show", number, "--log", gateway.log.path).stdout
    assert "tool Bash" in told.stdout and "And more." in told.stdout
    assert "tool Edit" not in told.stdout
