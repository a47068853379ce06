"""The look-up of Respan's own log row: what it fills in, and that it is never in the way."""
import base64
import json
import random
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from spantop import KEY, PROGRAM, wait_for

BODY = {"model": "claude-opus-5-5", "messages": [{"role": "user", "content": "hi"}], "max_tokens": 10, "stream": True}
OWN_KEY = "own-key-9876.zyxwvutsrqponmlkjihgfedcba"
SUMS = "calls, cost_microusd, unpriced_calls, tokens_in, tokens_out"
LANDED = "cost_source = 'respan'"


class Respan:
    """Answers calls with log ids of its own, and questions about them as the test says.

    rows[id] is a row, or a (status, body[, headers]) answer; a row that is not
    there is a 404.  asked holds (method, path, headers, body) of each question."""

    def __init__(self):
        self.rows, self.asked, self.lists, self.calls = {}, [], True, 0
        self.lock = threading.Lock()
        self.hold = threading.Event()
        self.hold.set()
        fake = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def reply(self, status, body, headers=()):
                data = body if isinstance(body, bytes) else json.dumps(body).encode()
                self.send_response(status)
                for name, value in headers:
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def do_GET(self):
                with fake.lock:
                    fake.asked.append(("GET", self.path, dict(self.headers), b""))
                fake.hold.wait(20)
                row = fake.rows.get(self.path.rstrip("/").rsplit("/", 1)[1], (404, {"detail": "Not found."}))
                self.reply(*row) if isinstance(row, tuple) else self.reply(200, row)

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                if "request-logs/list" in self.path:
                    with fake.lock:
                        fake.asked.append(("POST", self.path, dict(self.headers), body))
                    wanted = json.loads(body)["filters"]["unique_id"]["value"]
                    found = [fake.rows[i] for i in wanted if isinstance(fake.rows.get(i), dict)]
                    self.reply(200, {"count": len(found), "next": None, "previous": None, "results": found}) \
                        if fake.lists else self.reply(404, {"detail": "Not found."})
                    return
                with fake.lock:
                    fake.calls += 1
                    number = fake.calls
                answer = {"type": "message", "model": "claude-opus-5-5", "content": [],
                          "usage": {"input_tokens": 1000, "output_tokens": 100}}
                self.reply(200, answer, [("Content-Type", "application/json"), ("x-respan-log-id", f"log-{number}")])

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.base_url = f"http://127.0.0.1:{self.server.server_port}/api/anthropic/"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def row(self, number, **fields):
        row = {"unique_id": f"log-{number}", "cost": 0.5, "provider_id": "bedrock", "model": "claude-opus-5-5",
               "cache_hit": False, "prompt_messages": [{"role": "user", "content": "hi"}], **fields}
        self.rows[f"log-{number}"] = row

    def asked_for(self, number):
        with self.lock:
            return [a for a in self.asked if a[1].endswith(f"/request-logs/log-{number}/")]

    def stop(self):
        self.hold.set()
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def respan(stage):
    return stage.add(Respan())


def check_sums(log):
    """The rollups say what the rows say."""
    rows = log.query("SELECT count(*) AS calls, total(cost_microusd) AS cost_microusd,"
                     " total(cost_microusd IS NULL AND tokens_in IS NOT NULL) AS unpriced_calls,"
                     " total(tokens_in) AS tokens_in, total(tokens_out) AS tokens_out FROM calls WHERE state <> 'open'")
    for table in "session", "day_sum", "minute_sum":
        sums = log.query("SELECT " + ", ".join(f"total({c}) AS {c}" for c in SUMS.split(", ")) + f" FROM {table}")
        assert sums == rows, table
    by_provider = "SELECT ifnull(provider_served, '') AS p, count(*) AS n FROM calls GROUP BY 1"
    assert log.query("SELECT provider AS p, sum(calls) AS n FROM minute_sum GROUP BY 1") == log.query(by_provider)
    assert log.query("SELECT provider AS p, sum(calls) AS n FROM day_sum GROUP BY 1") == log.query(by_provider)


def call(gateway, count=1, key=KEY):
    data = json.dumps(BODY).encode()
    for _ in range(count):
        answer = gateway.request("POST", "/api/anthropic/v1/messages",
                                 [("x-api-key", key), ("X-Claude-Code-Session-Id", "s-1")], data)
        assert answer.status == 200


def dashboard(stage, gateway):
    return stage.screen([PROGRAM, "--log", str(gateway.log.path), "--listen", gateway.address, "--upstream", gateway.upstream],
                        columns=120, rows=40, env={"LC_ALL": "C.UTF-8"})


def files_of(gateway):
    return b"".join(p.read_bytes() for p in gateway.log.path.parent.glob("log.db*"))


# ---- What it fills in ---------------------------------------------------------------


def test_the_row_lands_and_fills_the_call(stage, sim):
    sim.config(log_latency_ms=2200, provider="bedrock", provider_header=False)
    gateway = stage.gateway(sim)
    call(gateway, 3)
    before = gateway.log.wait_calls(3)
    assert {row["cost_source"] for row in before} == {"catalog"} and {row["provider_served"] for row in before} == {None}
    after = gateway.log.wait_calls(3, LANDED)
    assert {row["provider_served"] for row in after} == {"bedrock"} and {row["respan_cache"] for row in after} == {"miss"}
    ledger = {row["log_id"]: row for row in sim.ledger()["rows"]}
    for row in after:
        assert row["cost_microusd"] == ledger[row["respan_log_id"]]["cost_microusd"]
        assert row["cost_catalog_microusd"] == row["cost_microusd"] and row["cost_differs"] == 0
    check_sums(gateway.log)
    # 404 means not yet: asked at 1 s, 2 s, 3 s after the call
    for row in after:
        asked = sim.requests("GET", row["respan_log_id"])
        assert 2 <= len(asked) <= 6
        gaps = [b["at_ms"] - a["at_ms"] for a, b in zip(asked, asked[1:])]
        assert min(gaps) >= 900


def test_credits_left_are_kept_for_the_dashboard(gateway, sim):
    sim.config(log_latency_ms=0)
    call(gateway, 2)
    gateway.log.wait_calls(2, LANDED)
    setting = {row["key"]: int(row["value"]) for row in gateway.log.query("SELECT * FROM setting")}
    spent = sum(row["cost_microusd"] for row in gateway.log.calls())
    assert setting["credits_left_microusd"] == 250_000_000 - spent
    assert abs(setting["credits_left_at"] - time.time() * 1000) < 60_000


def test_an_answer_from_respans_cache_is_a_hit(gateway, sim):
    sim.config(log_latency_ms=0)
    params = base64.b64encode(json.dumps({"cache_enabled": True}).encode()).decode()
    for _ in range(2):
        assert gateway.messages(BODY, [("X-Data-Respan-Params", params), ("X-Claude-Code-Session-Id", "s-1")]).status == 200
    rows = gateway.log.wait_calls(2, LANDED)
    assert [row["respan_cache"] for row in rows] == ["miss", "hit"]
    assert all(row["model_served"] == "claude-opus-5-5" and row["cost_differs"] == 0 for row in rows)
    assert rows[1]["cost_microusd"] == 0 and rows[1]["cost_catalog_microusd"] > 0
    check_sums(gateway.log)


def test_both_costs_are_kept_when_they_differ(stage, respan):
    gateway = stage.gateway(respan)
    respan.row(1, cost=0.75)
    call(gateway)
    row = gateway.log.wait_calls(1, LANDED)[0]
    assert row["cost_microusd"] == 750_000 and row["cost_differs"] == 1 and 0 < row["cost_catalog_microusd"] < 750_000
    shown = json.loads(stage.run("show", row["id"], "--json", "--log", gateway.log.path).stdout)
    assert shown["cost_catalog_microusd"] == row["cost_catalog_microusd"] and shown["cost_differs"] is True
    assert "from Respan, the catalog says" in stage.run("show", row["id"], "--log", gateway.log.path).stdout.replace("(", "").replace(")", "")
    check_sums(gateway.log)
    screen = dashboard(stage, gateway)
    screen.wait_text(r"bedrock +200")
    screen.keys("Enter")
    screen.wait_text(r"0\.75\S* +by respan\s+differs +\S+ +by catalog")


def test_a_row_without_a_cost_leaves_the_catalogs(stage, respan):
    gateway = stage.gateway(respan)
    respan.row(1, cost=None, provider_id="vertex_ai")
    call(gateway)
    row = gateway.log.wait_calls(1, "provider_served = 'vertex_ai'")[0]
    assert row["cost_source"] == "catalog" and row["cost_catalog_microusd"] is None
    check_sums(gateway.log)


# ---- With which key -----------------------------------------------------------------


def test_the_calls_own_key_is_used_and_kept_nowhere(stage, respan):
    gateway = stage.gateway(respan)
    respan.row(1)
    call(gateway)
    gateway.log.wait_calls(1, LANDED)
    method, path, headers, _ = respan.asked[0]
    assert (method, path) == ("GET", "/api/request-logs/log-1/")
    assert headers["Authorization"] == f"Bearer {KEY}" and "x-api-key" not in {h.lower() for h in headers}
    assert KEY.encode() not in files_of(gateway) and KEY not in gateway.stderr


def test_the_gateways_key_goes_first(stage, respan):
    gateway = stage.gateway(respan, env={"RESPAN_API_KEY": OWN_KEY})
    respan.row(1)
    call(gateway)
    gateway.log.wait_calls(1, LANDED)
    assert respan.asked[0][2]["Authorization"] == f"Bearer {OWN_KEY}"
    assert OWN_KEY.encode() not in files_of(gateway) and OWN_KEY not in gateway.stderr


def test_a_refused_key_is_not_asked_with_again(stage, respan):
    gateway = stage.gateway(respan)
    for number in 1, 2, 3:
        respan.rows[f"log-{number}"] = (401, {"detail": "Invalid API key."})
    respan.row(4)
    call(gateway, 2, "refused-key-aaaaaaaaaaaaaaaa")
    wait_for(lambda: "does not open its log" in gateway.stderr)
    call(gateway, 1, "refused-key-aaaaaaaaaaaaaaaa")
    call(gateway, 1, "another-key-bbbbbbbbbbbbbbbb")
    gateway.log.wait_calls(1, LANDED)
    assert len(respan.asked_for(1)) == 1 and not respan.asked_for(2) and not respan.asked_for(3)
    assert gateway.stderr.count("does not open its log") == 1 and "refused-key" not in gateway.stderr


# ---- Where --------------------------------------------------------------------------


def test_an_upstream_without_a_log_is_not_asked(stage, respan):
    gateway = stage.gateway(respan.base_url.replace("/api/anthropic/", "/plain/"))
    with_log = stage.gateway(respan, log=stage.folder / "with.db")
    call(gateway)
    call(with_log)
    respan.row(2)
    with_log.log.wait_calls(1, LANDED)
    assert not respan.asked_for(1) and gateway.log.calls()[0]["respan_log_id"] == "log-1"


def test_the_log_may_lie_elsewhere(stage, respan):
    upstream = respan.base_url.replace("/api/anthropic/", "/plain/")
    gateway = stage.gateway(upstream, env={"RESPAN_BASE_URL": respan.base_url.replace("/anthropic/", "")})
    respan.row(1)
    call(gateway)
    gateway.log.wait_calls(1, LANDED)


def call_many(gateway, respan, count):
    """So many calls, all due while one question is not yet answered."""
    respan.hold.clear()
    call(gateway, count)
    due_at = time.monotonic() + 1.1
    wait_for(lambda: respan.asked and time.monotonic() > due_at)
    respan.hold.set()


# ---- Many, and trouble --------------------------------------------------------------


def test_many_are_asked_for_by_the_page(stage, respan):
    gateway = stage.gateway(respan)
    for number in range(1, 61):
        respan.row(number, cost=number / 1000)
    call_many(gateway, respan, 60)
    rows = gateway.log.wait_calls(60, LANDED)
    assert sorted(row["cost_microusd"] for row in rows) == [n * 1000 for n in range(1, 61)]
    pages = [a for a in respan.asked if a[0] == "POST"]
    assert pages and len(respan.asked) < 60
    body = json.loads(pages[0][3])["filters"]["unique_id"]
    assert body["operator"] == "in" and 20 < len(body["value"]) <= 50
    assert "start_time=20" in pages[0][1] and "include_fields=" in pages[0][1]
    assert pages[0][2]["Authorization"] == f"Bearer {KEY}" and pages[0][2]["Content-Type"] == "application/json"
    check_sums(gateway.log)


@pytest.mark.parametrize("lists", ["absent", "blind"])
def test_without_pages_each_row_is_asked_for_alone(stage, respan, lists):
    gateway = stage.gateway(respan)
    respan.lists = lists == "blind"
    for number in range(1, 41):
        respan.row(number)
        if lists == "blind":  # the list does not know them, the rows themselves are there
            respan.rows[f"log-{number}"] = (200, respan.rows[f"log-{number}"])
    call_many(gateway, respan, 40)
    gateway.log.wait_calls(40, LANDED)
    assert 1 <= len([a for a in respan.asked if a[0] == "POST"]) <= 8
    check_sums(gateway.log)


def test_trouble_passes(stage, respan):
    gateway = stage.gateway(respan)
    respan.rows["log-1"] = (503, {"detail": "busy"})
    call(gateway)
    wait_for(lambda: respan.asked_for(1))
    call(gateway, 5)
    for number in range(1, 7):
        respan.row(number)
    gateway.log.wait_calls(6, LANDED, limit_s=20)
    check_sums(gateway.log)


NO_ROWS = {"garbage": b"garbage", "empty": b"", "array": b"[1,2]", "cut": b'{"cost":', "gzip": b"\x1f\x8b\x00",
           "long": b'"' + b"x" * 3_000_000}


@pytest.mark.parametrize("answer", NO_ROWS.values(), ids=NO_ROWS)
def test_an_answer_that_is_no_row_is_asked_for_again(stage, respan, answer):
    gateway = stage.gateway(respan)
    respan.rows["log-1"] = (200, answer)
    call(gateway)
    wait_for(lambda: len(respan.asked_for(1)) >= 2)
    respan.row(1)
    gateway.log.wait_calls(1, LANDED)


def test_calls_pass_while_the_log_hangs(stage, respan):
    gateway = stage.gateway(respan)
    respan.hold.clear()
    call(gateway)
    wait_for(lambda: respan.asked_for(1))
    began = time.monotonic()
    call(gateway, 30)
    assert time.monotonic() - began < 5
    with respan.lock:
        assert len(respan.asked) == 1  # one at a time
    for number in range(1, 32):
        respan.row(number)
    respan.hold.set()
    gateway.log.wait_calls(31, LANDED)
    check_sums(gateway.log)


def test_the_gateway_ends_while_the_log_hangs(stage, respan):
    gateway = stage.gateway(respan)
    respan.hold.clear()
    call(gateway)
    wait_for(lambda: respan.asked_for(1))
    gateway.signal(15)
    assert gateway.wait_end() == 0


def test_what_a_killed_gateway_did_not_get_to_is_looked_up_by_the_next(stage, respan):
    gateway = stage.gateway(respan, env={"RESPAN_API_KEY": OWN_KEY})
    call(gateway, 3)
    gateway.log.wait_calls(3)
    gateway.kill()
    for number in 1, 2, 3:
        respan.row(number)
    again = stage.gateway(respan, env={"RESPAN_API_KEY": OWN_KEY}, log=gateway.log.path)
    again.log.wait_calls(3, LANDED)
    check_sums(again.log)


def row_of(screen, heading):
    return next(i for i, line in enumerate(screen.text().splitlines()) if line.startswith(f" {heading} "))


def test_the_dashboard_stands_still_until_a_provider_is_known(stage, sim):
    sim.config(log_latency_ms=0, provider_header=False)
    gateway = stage.gateway(sim)
    call(gateway, 3)
    gateway.log.wait_calls(3, LANDED)
    screen = dashboard(stage, gateway)
    screen.wait_text(r"anthropic +100%")
    before = row_of(screen, "Calls")
    sim.config(log_latency_ms=3_600_000)
    call(gateway, 2)
    screen.wait_text(r" 5 calls")
    assert "unknown" not in screen.text() and row_of(screen, "Calls") == before


# ---- The truth ----------------------------------------------------------------------


def make_a_day(gateway, sim, random, count):
    """Calls of every kind: models, caches, long answers, errors, cuts, clients that leave."""
    prompt = "The house rules stand here. " * 400
    params = base64.b64encode(json.dumps({"cache_enabled": True}).encode()).decode()
    for number in range(count):
        kind = random.choice(["plain", "plain", "stream", "cached", "respan", "error", "cut", "leave"])
        ttl = random.choice([{}, {"ttl": "1h"}])
        body = {"model": random.choice(["claude-opus-5-5", "claude-sonnet-5", "claude-haiku-4-5"]), "max_tokens": 500,
                "stream": kind != "plain", "messages": [{"role": "user", "content": f"[[sim words {random.randint(5, 60)}]] {number}"}]}
        if kind in ("cached", "cut"):
            body["system"] = [{"type": "text", "text": prompt + random.choice("abc"), "cache_control": {"type": "ephemeral", **ttl}}]
        if kind == "respan":
            body["messages"][0]["content"] = "the same question"
        if kind == "leave":
            sim.faults({"stage": "between_events", "fault": "stall"})
        if kind == "error":
            sim.faults({"status": random.choice([429, 500, 529]), "shape": "anthropic"})
        if kind == "cut":
            sim.faults({"stage": random.choice(["first_event", "between_events", "before_end"]), "fault": "reset"})
        headers = [("x-api-key", KEY), ("X-Claude-Code-Session-Id", f"s-{number % 4}")]
        headers += [("X-Data-Respan-Params", params)] if kind == "respan" else []
        with gateway.connect() as client:
            client.send_request("POST", "/api/anthropic/v1/messages", headers, json.dumps(body).encode())
            client.read_head() if kind == "leave" else client.read_response("POST")


@pytest.mark.limit(120)
def test_a_day_of_calls_costs_what_respan_counted(stage, sim):
    sim.config(log_latency_ms=300)
    gateway = stage.gateway(sim)
    make_a_day(gateway, sim, random.Random(7), 120)
    gateway.log.wait_calls(120)
    gateway.log.wait_calls(100, LANDED)
    wait_for(lambda: not gateway.log.calls("respan_log_id IS NOT NULL AND cost_source IS NOT 'respan'"))
    ledger = {row["log_id"]: row for row in sim.ledger()["rows"] if row["log_id"]}
    rows = {row["respan_log_id"]: row for row in gateway.log.calls("respan_log_id IS NOT NULL")}
    assert {i: r["cost_microusd"] for i, r in rows.items()} == {i: ledger[i]["cost_microusd"] for i in rows}
    # What Respan counted and we did not hear of: answers that never reached the gateway cost nothing.
    assert [row for i, row in ledger.items() if i not in rows and row["cost_microusd"]] == []
    spent = sum(row["cost_microusd"] for row in ledger.values())
    assert gateway.log.query("SELECT sum(cost_microusd) AS n FROM day_sum") == [{"n": spent}]
    assert {row["state"] for row in rows.values()} >= {"done", "error", "aborted"}
    assert {row["respan_cache"] for row in rows.values()} == {"hit", "miss"}
    check_sums(gateway.log)
    found = json.loads(stage.run("reconcile", "--json", "--log", gateway.log.path, "--upstream", sim.base_url,
                                 env={"RESPAN_API_KEY": KEY}).stdout)
    assert found["here"]["cost_microusd"] == found["respan"]["cost_microusd"] == spent
    # Tokens differ only where the answer broke off before its last figures came.
    assert all(c["state"] in ("error", "aborted") for c in found["differing"])


def test_surcharge_told_by_the_answer_is_priced_or_leaves_no_price(stage, recorder):
    """Fast mode costs Opus 4.6 six times as much; what it costs another model nobody knows here."""
    gateway = stage.gateway(recorder)
    for model in ("claude-opus-4-6", "claude-opus-5"):
        answer = json.dumps({"type": "message", "id": "m1", "model": model, "content": [], "stop_reason": "end_turn",
                             "usage": {"input_tokens": 1000, "output_tokens": 1000, "speed": "fast"}}).encode()
        recorder.answer(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(answer) + answer)
        assert gateway.messages({**BODY, "model": model, "stream": False}).status == 200
    rows = gateway.log.wait_calls(2)
    assert [row["cost_microusd"] for row in rows] == [6 * (5000 + 25000), None]
