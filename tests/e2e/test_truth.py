"""A long random session of every kind of call against the simulator's own ledger: what the log
says was spent is what was handed out, call by call, by the catalog's prices and by Respan's."""
import base64
import json
import random

import pytest
from spantop import KEY, wait_for

OPUS, SONNET, HAIKU = "claude-opus-5-5", "claude-sonnet-5-5", "claude-haiku-4-5-20251001"
KINDS = ["stream"] * 5 + ["plain"] * 3 + ["grow"] * 5 + ["title", "count", "busy", "cut", "left", "hit", "fallback", "pin", "search", "blocked",
                                                      "unknown", "switch", "repeat"]
CALLS = 400
CLASSES = {"tokens_in": "input_tokens", "tokens_cache_read": "cache_read", "tokens_cache_write_5m": "cache_write_5m",
           "tokens_cache_write_1h": "cache_write_1h", "tokens_out": "output_tokens"}
SUMMED = ["calls", "errors", "retries", *CLASSES, "cost_microusd", "unpriced_calls", "cache_breaks", "cache_break_microusd", "ttft_count",
          "ttft_sum_ms"]


class User:
    """Makes one call after another, as the seed has it."""

    def __init__(self, stage, sim, gateway, seed):
        self.stage, self.sim, self.gateway, self.random = stage, sim, gateway, random.Random(seed)
        self.talks = {f"{n:08d}-0000-4000-8000-000000000000": [] for n in range(4)}
        self.last = None
        self.kinds = []
        self.sent = 0

    def run(self, *words):
        done = self.stage.run(*words, "--log", self.gateway.log.path)
        assert done.returncode == 0, done

    def body(self, session, text, **more):
        """A turn of the session: what was said before, read from the cache, and something new."""
        talk = self.talks[session]
        talk.append({"role": "user", "content": [{"type": "text", "text": text}]})
        messages = [*talk[:-1], {"role": "user", "content": [{**talk[-1]["content"][0], "cache_control": {"type": "ephemeral", **self.ttl()}}]}]
        talk.append({"role": "assistant", "content": [{"type": "text", "text": "yes"}]})
        return {"model": OPUS, "max_tokens": 500, "system": [{"type": "text", "text": "Rules. " * 1500}], "messages": messages, **more}

    def ttl(self):
        return self.random.choice([{}, {"ttl": "1h"}, {"ttl": "5m"}])

    def send(self, body, session, headers=(), target="/v1/messages?beta=true", leaves=False):
        data = json.dumps(body).encode()
        every = [("x-api-key", KEY), ("Content-Type", "application/json"), ("X-Claude-Code-Session-Id", session), *headers]
        self.sent += 1
        with self.gateway.connect() as client:
            client.send_request("POST", target, every, data)
            if not leaves:
                return client.read_response("POST").status
            next(client.events(client.read_head()))
        return None

    def call(self):
        kind = self.random.choice(KINDS)
        session = self.random.choice(list(self.talks))
        self.kinds.append(kind)
        getattr(self, kind, self.stream)(session, f"turn {len(self.kinds)} [[sim words {self.random.randint(3, 60)}]]")

    # ---- the kinds ----

    def stream(self, session, text):
        self.last = (self.body(session, text, stream=True), session)
        assert self.send(*self.last) == 200

    def plain(self, session, text):
        assert self.send(self.body(session, text), session) == 200

    def grow(self, session, text):
        assert self.send(self.body(session, text + " more" * self.random.randint(50, 3000), stream=True), session) == 200

    def title(self, session, text):
        schema = {"type": "object", "properties": {"title": {"type": "string"}}}
        body = self.body(session, text, model=HAIKU, output_config={"format": {"type": "json_schema", "schema": schema}})
        assert self.send(body, session) == 200

    def count(self, session, text):
        assert self.send({"model": OPUS, "messages": [{"role": "user", "content": text}]}, session, target="/v1/messages/count_tokens") == 200

    def busy(self, session, text):
        self.sim.faults({"status": 529})
        self.last = (self.body(session, text, stream=True), session)
        assert self.send(*self.last) == 529
        assert self.send(*self.last) == 200

    def repeat(self, session, text):
        self.last = self.last or (self.body(session, text, stream=True), session)
        assert self.send(*self.last) == 200

    def cut(self, session, text):
        self.sim.faults({"stage": self.random.choice(["between_events", "before_end", "mid_event"]), "fault": "close"})
        self.sent += 1
        with self.gateway.connect() as client:
            client.send_request("POST", "/v1/messages", [("x-api-key", KEY), ("X-Claude-Code-Session-Id", session)],
                                json.dumps(self.body(session, text, stream=True)).encode())
            client.read_head()
            client.wait_closed()

    def left(self, session, text):
        self.sim.faults({"stage": "between_events", "fault": "stall"})
        self.send(self.body(session, text, stream=True), session, leaves=True)

    def respan(self, **params):
        return [("X-Data-Respan-Params", base64.b64encode(json.dumps(params).encode()).decode())]

    def hit(self, session, text):
        body = {"model": SONNET, "max_tokens": 50, "messages": [{"role": "user", "content": "always the same [[sim text same]]"}]}
        assert self.send(body, session, self.respan(cache_enabled=True, cache_ttl=3600)) == 200

    def fallback(self, session, text):
        self.sim.faults({"status": 529, "match": {"model": OPUS}})
        assert self.send(self.body(session, text, stream=True), session, self.respan(fallback_models=[HAIKU])) in (200, 529)
        self.sim.faults()

    def pin(self, session, text):
        assert self.send(self.body(session, text, stream=True), session, [("X-Respan-Route-Provider", "vertex_ai")]) == 200

    def search(self, session, text):
        usage = {"server_tool_use": {"web_search_requests": 2}}
        self.sim.script({"text": "found", "usage": usage})
        assert self.send(self.body(session, "who is it?", stream=True), session) == 200

    def unknown(self, session, text):
        assert self.send(self.body(session, text, model="claude-nobody-has"), session) == 404

    def switch(self, session, text):
        self.run("model", self.random.choice([SONNET, HAIKU, OPUS]), "--session", session)
        self.stream(session, text)
        self.run("model", "--clear", "--session", session)

    def blocked(self, session, text):
        self.run("budget", "set", "call", "0")
        assert self.send(self.body(session, text, stream=True), session) == 429
        self.run("budget", "rm", "call")


def sums_of(log, table):
    """The table's rows by key, summed as the contract has it."""
    return {tuple(row.values()): row for row in log.query(f"SELECT * FROM {table} ORDER BY 1, 2, 3")}


def explain(row, told):
    """Why this call's figures may differ from the ledger's; None: they must not."""
    if row["state"] in ("aborted", "error") and told is not None:
        return "it broke off before its last figures came"
    return None


def check_each(gateway, sim):
    """Each call by what its client was told of it; the calls whose figures differ, and why."""
    ledger = {row["log_id"]: row for row in sim.ledger()["rows"] if row["log_id"]}
    differing = {}
    for row in gateway.log.calls("path LIKE '/v1/messages?%' OR path = '/v1/messages'"):
        made = ledger.get(row["respan_log_id"])
        if made is None:
            assert row["cost_microusd"] is None, f"nobody was paid for {row}"
            continue
        for ours, theirs in CLASSES.items():
            if (row[ours] or 0) != made["usage"][theirs]:
                differing.setdefault(row["id"], []).append((ours, row[ours], made["usage"][theirs]))
        if row["id"] in differing:
            assert explain(row, made["told"]), (row, made, differing[row["id"]])
            # Only the end is missing, never a class of the input.
            assert {name for name, *_ in differing[row["id"]]} <= {"tokens_out"}, (row["state"], row["error_message"], row["stop_reason"], row["path"], made["told"], differing[row["id"]])
    return differing, ledger


def check_tables(log):
    """All rollups are what the calls make them, to the micro-dollar."""
    [calls] = log.query("SELECT count(*) AS calls, sum(state = 'error') AS errors, sum(cost_microusd) AS cost_microusd,"
                        " sum(tokens_in) AS tokens_in, sum(tokens_cache_read) AS tokens_cache_read, sum(tokens_out) AS tokens_out,"
                        " ifnull(sum(cache_break_microusd), 0) AS cache_break_microusd FROM calls")
    columns = ", ".join(f"sum({name}) AS {name}" for name in calls)
    for table in ("day_sum", "minute_sum", "session"):
        assert log.query(f"SELECT {columns} FROM {table}") == [calls], table


@pytest.mark.limit(60)
@pytest.mark.parametrize("seed", [11])
def test_log_agrees_with_the_ledger_over_a_long_random_session(stage, sim, seed):
    # Respan's rows come late: till then the catalog prices the calls.
    sim.config(log_latency_ms=5000)
    gateway = stage.gateway(sim)
    user = User(stage, sim, gateway, seed)
    for _ in range(CALLS):
        user.call()
    assert set(user.kinds) == set(KINDS), "the seed leaves a kind out"
    log = gateway.log
    log.wait_calls(user.sent)
    differing, ledger = check_each(gateway, sim)
    check_tables(log)
    broken = {row["id"] for row in log.calls("state IN ('aborted', 'error')")}
    assert set(differing) <= broken
    for row in log.calls("cost_source = 'catalog'"):
        made = ledger[row["respan_log_id"]]
        # An answer out of Respan's cache costs nothing, which only Respan's row will tell.
        if row["id"] not in differing and not made["cache_hit"] and not row["web_searches"]:
            assert row["cost_microusd"] == made["cost_microusd"], row
    # The same session, once Respan's own rows are there: its sums to the micro-dollar.  Counting tokens has none.
    answered = "respan_log_id IS NOT NULL AND path NOT LIKE '%count_tokens'"
    wait_for(lambda: not log.calls(answered + " AND cost_source IS NOT 'respan'"), 20,
             lambda: [(r["state"], r["status"], r["path"], r["error_type"], r["respan_log_id"], ledger.get(r["respan_log_id"]))
                      for r in log.calls(answered + " AND cost_source IS NOT 'respan'")])
    check_tables(log)
    rows = {row["respan_log_id"]: row for row in log.calls(answered)}
    assert {i: row["cost_microusd"] for i, row in rows.items()} == {i: ledger[i]["cost_microusd"] for i in rows}
    unheard = sum(row["cost_microusd"] for i, row in ledger.items() if i not in rows)
    assert log.query("SELECT sum(cost_microusd) AS n FROM day_sum") == [{"n": sum(r["cost_microusd"] for r in ledger.values()) - unheard}]
    assert unheard == 0, "answers that the gateway never saw the head of were paid for"
    check_rebuild(stage, gateway, user)


def check_rebuild(stage, gateway, user):
    """Sums counted anew are the journal's own, to the micro-dollar, while calls go on."""
    log = gateway.log
    kept = {table: sums_of(log, table) for table in ("day_sum", "minute_sum", "session")}
    done = stage.run("doctor", "--rebuild", "--log", log.path)
    assert done.returncode == 0 and "the sums agree with the" in done.stdout, done
    log.execute("UPDATE day_sum SET cost_microusd = cost_microusd + 1 + abs(random() % 1000000), calls = calls + 3")
    log.execute("DELETE FROM minute_sum")
    log.execute("UPDATE session SET tokens_in = tokens_in * 2, errors = 0")
    done = stage.run("doctor", "--rebuild", "--log", log.path)
    assert done.returncode == 0 and "are right now" in done.stdout, done
    assert {table: sums_of(log, table) for table in kept} == kept
    user.stream(next(iter(user.talks)), "[[sim text on it goes]]")
    log.wait_calls(user.sent)
    check_tables(log)
