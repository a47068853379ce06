"""Commands that look: status, calls, show, stats, models, env; and their help."""
import json
import os
import re
import subprocess

import pytest
from spantop import KEY, PROGRAM, wait_for

SESSION = "11111111-2222-3333-4444-555555555555"
COLUMNS = """id state started_at finished_at session_id session_title agent_id parent_agent_id purpose method path status
error_type error_message stop_reason model_asked model_sent model_served provider_pinned provider_served tokens_in
tokens_cache_read tokens_cache_write_5m tokens_cache_write_1h tokens_out cost_microusd cost_source respan_cache ttfb_ms
ttft_ms duration_ms bytes_in bytes_out request_id respan_log_id attempt cache_break body_state""".split()


def ask(gateway, text="[[sim text hello]]", **more):
    return gateway.messages({"model": "claude-opus-5-5", "max_tokens": 50, "messages": [{"role": "user", "content": text}],
                             **more}, [("X-Claude-Code-Session-Id", SESSION)])


def run(stage, gateway, *args, **options):
    return stage.run("--log", gateway.log.path, *args, **options)


def ok(done):
    assert done.returncode == 0 and not done.stderr, done
    return done.stdout


def test_status_tells_where_and_how(stage, gateway):
    ask(gateway)
    gateway.log.wait_calls(1)
    state = json.loads(ok(run(stage, gateway, "status", "--json")))
    assert state["running"] is True and state["address"] == gateway.address and state["pid"] == gateway.pid
    assert state["calls"] == 1 and state["in_flight"] == 0 and state["dropped"] == 0
    assert state["log"] == str(gateway.log.path) and state["log_bytes"] > 0 and state["problem"] is None
    text = ok(run(stage, gateway, "status"))
    assert gateway.address in text and gateway.upstream in text


def test_status_without_a_gateway_or_a_log(stage):
    state = json.loads(ok(stage.run("status", "--json")))
    assert state["running"] is False and state["address"] is None and state["log_bytes"] is None
    assert "not running" in ok(stage.run("status"))


def test_calls_as_json_are_the_view(stage, gateway):
    ask(gateway)
    ask(gateway, "[[sim status 400]]")
    gateway.log.wait_calls(2)

    def both():
        """Respan's own figures may come in between the two."""
        told = json.loads(ok(run(stage, gateway, "calls", "--json")))
        return [{name: row[name] for name in told[0] if name in row} for row in gateway.log.calls()], told
    assert [[name for name in call if name in COLUMNS] for call in both()[1]] == [COLUMNS] * 2
    wait_for(lambda: (lambda view, told: view == told)(*both()), what=lambda: f"the same from both: {both()}")


def test_calls_newest_last_and_only_the_last(stage, gateway):
    with gateway.connect() as client:
        for _ in range(7):
            client.send_request("POST", "/v1/messages", [("x-api-key", KEY)], b"{}")
            client.read_response("POST")
    gateway.log.wait_calls(7)
    assert [c["id"] for c in json.loads(ok(run(stage, gateway, "calls", "--json")))] == list(range(1, 8))
    assert [c["id"] for c in json.loads(ok(run(stage, gateway, "calls", "--json", "--last", 3)))] == [5, 6, 7]
    lines = ok(run(stage, gateway, "calls", "--last", 2)).splitlines()
    assert [line.split()[0] for line in lines] == ["ID", "6", "7"]
    assert json.loads(ok(run(stage, gateway, "calls", "--json", "--where", "id>100"))) == []


@pytest.mark.limit(90)
def test_calls_over_many_pages(stage, sim):
    """More than two pages of 200 rows, in order, none twice, none left out."""
    gateway = stage.gateway(sim, "--no-bodies")
    with gateway.connect() as client:
        for _ in range(450):
            client.send_request("GET", "/v1/x", [("x-api-key", KEY)])
            client.read_response("GET")
    gateway.log.wait_calls(450)
    ids = [c["id"] for c in json.loads(ok(run(stage, gateway, "calls", "--json")))]
    assert ids == list(range(1, 451))
    assert [c["id"] for c in json.loads(ok(run(stage, gateway, "calls", "--json", "--last", 399)))] == list(range(52, 451))


def test_a_wrong_filter_is_wrong_usage(stage, gateway):
    done = run(stage, gateway, "calls", "--where", "modle:opus")
    assert done.returncode == 2 and "modle" in done.stderr and "--help" in done.stderr


def test_show_gives_bodies_to_the_last_byte(stage, gateway):
    body = b'{"model" : "claude-opus-5-5","a":1e400,"a":"\\ud800\\u00e9","max_tokens":9,\r\n"messages":[{"role":"user","content":"x\xff"}]} '
    answer = gateway.messages(body)
    gateway.log.wait_calls(1)
    assert run(stage, gateway, "show", 1, "--request", text=False).stdout == body
    assert run(stage, gateway, "show", 1, "--sent", text=False).stdout == body
    assert run(stage, gateway, "show", 1, "--response", text=False).stdout == answer.body


def test_an_empty_body_is_shown_as_nothing(stage, gateway):
    gateway.request("GET", "/v1/x", [("x-api-key", KEY)])
    gateway.log.wait_calls(1)
    assert ok(run(stage, gateway, "show", 1, "--request")) == ""


def test_show_cleans_what_goes_to_a_terminal(stage, gateway):
    gateway.messages(b'{"model":"claude-opus-5-5","evil":"\x1b]0;owned\x07\x1b[2J"}')
    gateway.log.wait_calls(1)
    screen = stage.screen([PROGRAM, "--log", gateway.log.path, "show", "1", "--request"])
    screen.wait_text(r"\[2J")
    assert "]0;owned" in screen.text() and "\x1b]" not in screen.styled()


def test_show_overview_headers_and_diff(stage, gateway):
    ok(run(stage, gateway, "model", "claude-sonnet-5-5"))
    ask(gateway)
    gateway.log.wait_calls(1)
    overview = ok(run(stage, gateway, "show", 1))
    assert "claude-opus-5-5" in overview and "claude-sonnet-5-5" in overview and SESSION in overview
    headers = ok(run(stage, gateway, "show", 1, "--headers"))
    assert "x-api-key" in headers and KEY not in headers
    difference = ok(run(stage, gateway, "show", 1, "--diff"))
    assert re.search(r"^- .*opus", difference, re.M) and re.search(r"^\+ .*sonnet", difference, re.M)


ODD_BODIES = {
    "quotes and blanks": b"""{"model":"claude-opus-5-5","max_tokens":9,"messages":[{"role":"user","content":"it's $HOME `x` \\\\ \\"q\\" !! %s\\n"}]}  """,
    "lines": b'{"model":"claude-opus-5-5",\n\t"max_tokens":9,"messages":[]}\n\n',
    "bytes that are no text": b'{"model":"claude-opus-5-5","a":"\xff\x00\x1b[2J\r"}',
    "other scripts": '{"model":"claude-opus-5-5","a":"設計 é 🚀 \u202e"}'.encode(),
    "large": b'{"model":"claude-opus-5-5","a":"' + b"it's long; " * 60000 + b'"}',
    "large and no text": bytes(range(256)) * 800,
}


@pytest.mark.parametrize("shell", ["sh", "bash"])
@pytest.mark.parametrize("name", ODD_BODIES)
def test_show_as_curl_sends_the_same_call_again(stage, sim, gateway, shell, name):
    body = ODD_BODIES[name]
    gateway.messages(body, [("anthropic-beta", "it's-a-beta,b"), ("X-Claude-Code-Session-Id", SESSION), ("X-Data-Respan-Params", "e30=")])
    gateway.log.wait_calls(1)
    done = run(stage, gateway, "show", 1, "--curl")
    assert done.returncode == 0 and "$RESPAN_API_KEY" in done.stdout and KEY not in done.stdout, done
    assert "left out" in done.stderr and "X-Data-Respan-Params" in done.stderr
    before = len(sim.requests())
    again = subprocess.run([shell], input=done.stdout.encode(), env=stage.environment({"RESPAN_API_KEY": KEY}), capture_output=True, timeout=60)
    assert again.returncode == 0 and not again.stderr, again
    first, second = (sim.request(sim.requests()[i]["n"]) for i in (0, before))
    assert sim.body(second["n"]) == body == sim.body(first["n"])
    assert second["target"] == first["target"] and second["method"] == "POST"
    headers = {n.lower(): v for n, v in second["headers"]}
    assert headers["x-api-key"] == KEY and headers["anthropic-beta"] == "it's-a-beta,b" and headers["x-claude-code-session-id"] == SESSION


def test_show_as_curl_of_a_call_without_a_body(stage, sim, gateway):
    gateway.request("GET", "/v1/x?a=%2F", [("x-api-key", KEY)])
    gateway.log.wait_calls(1)
    line = ok(run(stage, gateway, "show", 1, "--curl"))
    subprocess.run(["sh", "-c", line], env=stage.environment({"RESPAN_API_KEY": KEY}), check=True, capture_output=True, timeout=60)
    assert len(sim.requests("GET", "/v1/x?a=%2F")) == 2


def test_show_as_curl_needs_the_body(stage, sim):
    gateway = stage.gateway(sim, "--no-bodies")
    ask(gateway)
    gateway.log.wait_calls(1)
    done = run(stage, gateway, "show", 1, "--curl")
    assert done.returncode == 1 and "--no-bodies" in done.stderr and not done.stdout


def test_show_of_what_is_not_there(stage, gateway):
    done = run(stage, gateway, "show", 77)
    assert done.returncode == 1 and "77" in done.stderr and len(done.stderr.splitlines()) == 1
    assert run(stage, gateway, "show", "x").returncode == 2
    assert run(stage, gateway, "show", 1, "--request", "--sent").returncode == 2
    assert run(stage, gateway, "show").returncode == 2


def test_a_body_that_was_not_kept_says_why(stage, sim):
    gateway = stage.gateway(sim, "--no-bodies")
    ask(gateway)
    gateway.log.wait_calls(1)
    done = run(stage, gateway, "show", 1, "--request")
    assert done.returncode == 1 and done.stdout == "" and done.stderr.strip()


def test_stats_sum_up_what_the_calls_say(stage, gateway):
    for _ in range(3):
        ask(gateway)
    ask(gateway, "[[sim status 400]]")
    gateway.log.wait_calls(4)

    def agrees(by):
        """Respan's own figures may come in between the two."""
        totals = json.loads(ok(run(stage, gateway, "stats", "--since", "1h", "--by", by, "--json")))["totals"]
        rows = gateway.log.calls()
        assert totals["calls"] == 4 and totals["errors"] == 1
        assert totals["tokens_out"] == sum(row["tokens_out"] or 0 for row in rows)
        return totals["cost_microusd"] == sum(row["cost_microusd"] or 0 for row in rows) > 0
    for by in ("model", "session", "day", "purpose", "provider"):
        wait_for(lambda: agrees(by), what=f"the calls' cost by {by}")
    assert "claude-opus-5-5" in ok(run(stage, gateway, "stats", "--since", "1h"))
    assert run(stage, gateway, "stats", "--since", "yesterday").returncode == 2
    assert run(stage, gateway, "stats", "--by", "colour").returncode == 2


def test_models_lists_the_catalog(stage):
    models = {m["model"]: m for m in json.loads(ok(stage.run("models", "--json")))}
    assert models["claude-opus-5-5"]["in"] == 4 and models["claude-opus-5-5"]["cache_write_1h"] == 8
    assert models["claude-haiku-4-5-20251001"]["context_tokens"] == 200000
    assert "claude-opus-5-5" in ok(stage.run("models"))


def test_env_is_ready_for_eval(stage, gateway):
    lines = ok(run(stage, gateway, "env"))
    assert "#" not in lines
    shell = subprocess.run(["bash", "-c", f"{lines}\nprintenv ANTHROPIC_BASE_URL ANTHROPIC_API_KEY; echo \"[${{ANTHROPIC_AUTH_TOKEN-unset}}]\""],
                           env=stage.environment({"ANTHROPIC_AUTH_TOKEN": "old"}), capture_output=True, text=True, check=True)
    url, key, token = shell.stdout.split()
    assert url == gateway.base_url and key.startswith("spantop-") and token == "[]"


def test_env_direct_never_prints_the_key(stage):
    done = stage.run("env", "--direct", env={"RESPAN_API_KEY": KEY})
    assert KEY not in ok(done)
    shell = subprocess.run(["bash", "-c", f"{done.stdout}\nprintenv ANTHROPIC_BASE_URL ANTHROPIC_API_KEY"],
                           env=stage.environment({"RESPAN_API_KEY": KEY}), capture_output=True, text=True, check=True)
    assert shell.stdout.split() == ["https://api.respan.ai/api/anthropic/", KEY]
    assert stage.run("env", "--direct").returncode == 1


def test_env_on_a_terminal_says_how_to_use_it(stage):
    screen = stage.screen([PROGRAM, "env"])
    screen.wait_text(r'eval "\$\(')


def test_a_reader_that_left_ends_a_listing_quietly(stage, gateway):
    with gateway.connect() as client:
        for _ in range(250):
            client.send_request("GET", "/v1/x", [("x-api-key", KEY)])
            client.read_response("GET")
    gateway.log.wait_calls(250)
    command = f"'{PROGRAM}' --log '{gateway.log.path}' calls --json | head -c 10 >/dev/null; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], env=stage.environment(), capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("0\n", "")


def test_a_full_disk_is_told(stage):
    with open("/dev/full", "w") as full:
        done = subprocess.run([PROGRAM, "models"], env=stage.environment(), stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 1 and "No space left" in done.stderr


def test_wrong_usage_is_status_2_with_a_hint(stage):
    for words, says in ((["cals"], "calls"), (["calls", "--lats", "3"], "--last"), (["calls", "--last"], "--last N"),
                        (["calls", "--last", "many"], "many"), (["stop", "it"], "it"), (["--listen", "x"], "--listen"),
                        (["--nothing"], "--nothing"), (["sim"], "--port")):
        done = stage.run(*words)
        assert done.returncode == 2 and says in done.stderr and "--help" in done.stderr, done
        assert done.stdout == ""


def test_help_and_version(stage):
    first = ok(stage.run("--help"))
    assert ok(stage.run("help")) == first
    for name in re.findall(r"^  spantop (\w+)", first, re.M):
        assert ok(stage.run(name, "--help")) == ok(stage.run("help", name))
    assert re.match(r"spantop \d+\.\d+", ok(stage.run("--version")))


def test_a_missing_log_is_told_in_one_sentence(stage):
    for words in (["calls"], ["show", "1"], ["stats"], ["model", "x"], ["routes"]):
        done = stage.run(*words)
        assert done.returncode == 1 and len(done.stderr.splitlines()) == 1 and "log.db" in done.stderr, done


def test_a_damaged_or_foreign_log_is_told(stage):
    folder = stage.folder / "other"
    folder.mkdir(mode=0o700)
    path = folder / "log.db"
    path.write_bytes(b"no database at all" * 500)
    os.chmod(path, 0o600)
    done = stage.run("--log", path, "calls")
    assert done.returncode == 1 and str(path) in done.stderr and len(done.stderr.splitlines()) == 1
