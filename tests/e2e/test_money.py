"""docs/money.md says what is so; stats gives the same figures whatever the form."""
import csv
import io
import json
import re
import shlex

from spantop import KEY, ROOT

A, B = "aaaaaaaa-0000-4000-8000-00000000000a", "bbbbbbbb-0000-4000-8000-00000000000b"
DOCUMENT = ROOT / "docs/money.md"


def ask(gateway, session, turns, model="claude-opus-5-5", **more):
    """A conversation of so many turns: all but its last is read from the cache."""
    system = [{"type": "text", "text": "Rules. " * 2000, "cache_control": {"type": "ephemeral"}}]
    messages = [{"role": "user", "content": f"[[sim words {3 + turn}]]"} if turn % 2 == 0 else {"role": "assistant", "content": "yes"}
                for turn in range(2 * turns - 1)]
    assert gateway.messages({"model": model, "max_tokens": 99, "system": system, "messages": messages, **more},
                            [("X-Claude-Code-Session-Id", session)]).status == 200


def fill(gateway):
    for turns in range(1, 5):
        ask(gateway, A, turns)
    ask(gateway, B, 1, model="claude-haiku-4-5-20251001")
    gateway.log.wait_calls(5)


def commands():
    blocks = re.findall(r"```sh\n(.*?)```", DOCUMENT.read_text(), re.S)
    return [shlex.split(line)[1:] for block in blocks for line in block.splitlines() if line.startswith("spantop ")]


def test_every_command_of_the_document_works_as_it_stands(stage, sim, gateway):
    fill(gateway)
    every = commands()
    assert len(every) >= 20
    for words in every:
        done = stage.run(*words, "--log", gateway.log.path, "--upstream", sim.base_url, env={"RESPAN_API_KEY": KEY})
        assert done.returncode == 0, (words, done)
        assert done.stdout, words
    assert {row["scope"] for row in gateway.log.query("SELECT scope FROM budgets")} == {"call", "session", "day", "month"}


def stats(stage, gateway, *words):
    done = stage.run("stats", "--since", "all", *words, "--log", gateway.log.path)
    assert done.returncode == 0, done
    return done.stdout


def test_stats_gives_the_same_figures_in_every_form(stage, sim, gateway):
    sim.config(log_latency_ms=100_000_000)
    fill(gateway)
    gateway.log.execute("UPDATE session SET title = 'a \"good\", long one', work_dir = '/src/x' WHERE session_id = ?", A)
    for by in ("model", "provider", "session", "day", "purpose", "folder"):
        told = json.loads(stats(stage, gateway, "--by", by, "--json"))
        table = list(csv.DictReader(io.StringIO(stats(stage, gateway, "--by", by, "--csv"))))
        assert len(table) == len(told["rows"])
        for row, other in zip(table, told["rows"]):
            assert {name: value or None for name, value in row.items()} == {
                name: None if value is None else str(value) for name, value in other.items()}, by
        for name, total in told["totals"].items():
            assert total == sum(row[name] for row in told["rows"]), (by, name)
        assert told["totals"]["calls"] == 5
        text = stats(stage, gateway, "--by", by)
        assert re.search(r"^all +5 ", text, re.M), text
    assert {row["folder"] for row in json.loads(stats(stage, gateway, "--by", "folder", "--json"))["rows"]} == {"/src/x", None}


def test_savings_are_the_price_without_a_cache_less_the_price_paid(stage, sim, gateway):
    sim.config(log_latency_ms=100_000_000)
    fill(gateway)
    [opus] = [row for row in json.loads(stats(stage, gateway, "--json"))["rows"] if row["model"] == "claude-opus-5-5"]
    tokens = opus["tokens_in"] + opus["tokens_cache_read"] + opus["tokens_cache_write_5m"] + opus["tokens_cache_write_1h"]
    assert opus["tokens_cache_read"] > 0 and opus["tokens_cache_write_5m"] > 0
    uncached = tokens * 4 + opus["tokens_out"] * 20  # micro-dollars a token
    # Each of the four calls was rounded to a micro-dollar.
    assert abs(opus["cache_saved_microusd"] - (uncached - opus["cost_microusd"])) <= 4
    assert opus["cache_saved_microusd"] > 0
