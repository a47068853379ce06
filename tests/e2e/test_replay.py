"""spantop replay: a logged call sent again through the gateway, beside the first."""
import json

import pytest
from spantop import KEY, PROGRAM

SESSION = "cccccccc-0000-4000-8000-000000000003"
HEADERS = [("X-Claude-Code-Session-Id", SESSION), ("anthropic-version", "2023-06-01"), ("anthropic-beta", "context-1m-2025-08-07,effort-2025-11-24"),
           ("User-Agent", "claude-cli/9"), ("x-secret-header", "do not tell")]


def body_of(words, **more):
    return {"model": "claude-opus-5-5", "max_tokens": 99, "messages": [{"role": "user", "content": words}], **more}


@pytest.fixture
def ready(stage, sim):
    """A gateway with a Respan key of its own; its clients bring the local token."""
    return stage.gateway(sim, env={"RESPAN_API_KEY": KEY})


def first_call(gateway, words="[[sim text the same words]]", **more):
    number = len(gateway.log.calls()) + 1
    assert gateway.messages(body_of(words, **more), HEADERS).status == 200
    gateway.log.wait_calls(number)
    return number


def replay(stage, gateway, *args, env=None, input=None):
    return stage.run("replay", *args, "--log", gateway.log.path, env={"RESPAN_API_KEY": KEY, **(env or {})}, input=input)


def replayed(stage, gateway, *args, **options):
    done = replay(stage, gateway, "--yes", "--json", *args, **options)
    assert done.returncode == 0 and KEY not in done.stdout + done.stderr, done
    return json.loads(done.stdout)


def test_the_same_bytes_go_up_again(stage, sim, ready):
    number = first_call(ready, stream=True)
    found = replayed(stage, ready, str(number))
    assert found["is_same_answer"] and found["first_answer"] == "the same words"
    assert found["first"]["id"] == 1 and found["again"]["id"] == 2 and found["again"]["state"] == "done"
    one, two = sim.requests("POST", "messages")
    assert sim.body(two["n"]) == sim.body(one["n"]) and two["target"] == one["target"]
    sent = {k.lower(): v for k, v in sim.request(two["n"])["headers"]}
    assert sent["x-api-key"] == KEY, "the gateway put its own key in place of the local token"
    assert sent["anthropic-beta"] == HEADERS[2][1] and sent["user-agent"] == "claude-cli/9" and "x-secret-header" not in sent
    again = ready.log.call(2)
    assert again["session_id"] == "replay-1" and again["cache_break"] is None
    session = ready.log.query("SELECT calls FROM sessions WHERE session_id = ?", SESSION)
    assert session == [{"calls": 1}], "the session's own sums stay as they were"
    assert found["expected_least_microusd"] <= again["cost_microusd"] <= found["expected_most_microusd"]


def test_another_model_and_provider(stage, sim, ready):
    number = first_call(ready, output_config={"effort": "high"}, thinking={"type": "adaptive"})
    found = replayed(stage, ready, str(number), "--model", "claude-haiku-4-5-20251001", "--provider", "vertex_ai")
    request = sim.requests("POST", "messages")[-1]
    body = json.loads(sim.body(request["n"]))
    assert body["model"] == "claude-haiku-4-5-20251001" and "output_config" not in body, "what it would refuse is left behind, as a route does"
    assert {k.lower(): v for k, v in sim.request(request["n"])["headers"]}["x-respan-route-provider"] == "vertex_ai"
    assert found["again"]["model_served"] == "claude-haiku-4-5-20251001" and found["changes"][0].startswith("model claude-opus-5-5")
    assert found["again"]["cost_microusd"] < found["first"]["cost_microusd"]
    assert ready.log.query("SELECT * FROM routes") == [], "no route stays behind, and none was there"


def test_what_a_route_made_of_it_is_what_goes_up_again(stage, sim, ready):
    stage.run("model", "claude-sonnet-5-5", "--log", ready.log.path)
    number = first_call(ready)
    stage.run("model", "--clear", "--log", ready.log.path)
    found = replayed(stage, ready, str(number))
    assert found["again"]["model_sent"] == "claude-sonnet-5-5"
    found = replayed(stage, ready, str(number), "--model", "claude-haiku-5-5")
    assert found["again"]["model_sent"] == "claude-haiku-5-5" and "claude-opus-5-5" in found["changes"][0]


def test_the_first_ones_pin_stays_unless_it_is_taken_away(stage, sim, ready):
    stage.run("provider", "vertex_ai", "--log", ready.log.path)
    number = first_call(ready)
    done = replay(stage, ready, str(number), "--provider", "auto", "--yes")
    assert done.returncode == 1 and "spantop route disable 1" in done.stderr
    stage.run("provider", "--clear", "--log", ready.log.path)
    assert replayed(stage, ready, str(number))["again"]["provider_pinned"] == "vertex_ai"
    assert replayed(stage, ready, str(number), "--provider", "auto")["again"]["provider_pinned"] is None


def test_a_route_that_is_in_the_way_is_named(stage, sim, ready):
    number = first_call(ready)
    stage.run("model", "claude-sonnet-5-5", "--log", ready.log.path)
    done = replay(stage, ready, str(number), "--model", "claude-haiku-5-5", "--yes")
    assert done.returncode == 1 and "spantop route disable 1" in done.stderr and len(sim.requests("POST", "messages")) == 1
    stage.run("provider", "bedrock", "--log", ready.log.path)
    done = replay(stage, ready, str(number), "--provider", "vertex_ai", "--yes")
    assert done.returncode == 1 and "bedrock" in done.stderr and len(sim.requests("POST", "messages")) == 1


def test_side_by_side_for_people(stage, sim, ready):
    number = first_call(ready, "[[sim words 30]] [[sim tool Bash {\"command\":\"ls\"}]]", tools=[{"name": "Bash", "input_schema": {"type": "object"}}])
    done = replay(stage, ready, str(number), "--yes", "--model", "claude-sonnet-5-5")
    assert done.returncode == 0 and done.stderr == "", done
    lines = done.stdout.splitlines()
    assert lines[0].startswith("sending ") and "to claude-sonnet-5-5, which costs" in lines[0]
    assert lines[1] == "changed: model claude-opus-5-5 → claude-sonnet-5-5"
    for words in ("FIRST", "AGAIN", "stop reason", "tokens in", "from cache", "first content", "took", "cost"):
        assert words in done.stdout
    row = next(line.split() for line in lines if line.startswith("model"))
    assert row == ["model", "claude-opus-5-5", "claude-sonnet-5-5"]


def test_what_it_says_otherwise_is_shown_by_line(stage, recorder):
    gateway = stage.gateway(recorder, env={"RESPAN_API_KEY": KEY})

    def answer(words):
        data = json.dumps({"type": "message", "role": "assistant", "model": "claude-opus-5-5", "stop_reason": "end_turn",
                           "content": [{"type": "thinking", "thinking": words[::-1]}, {"type": "text", "text": words}],
                           "usage": {"input_tokens": 5, "output_tokens": 5}}).encode()
        return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(data), data)
    recorder.answer(answer("one\ntwo\nthree\x1b[31m"))
    assert gateway.messages(body_of("hello"), HEADERS).status == 200
    gateway.log.wait_calls(1)
    recorder.answer(answer("one\n2\nthree\x1b[31m"))
    done = replay(stage, gateway, "1", "--yes")
    assert done.returncode == 0, done
    assert "what it says otherwise" in done.stdout and "  - two\n" in done.stdout and "  + 2\n" in done.stdout and "eerht" not in done.stdout
    assert "\x1b" not in done.stdout


def test_it_costs_money_so_it_asks(stage, sim, ready):
    number = first_call(ready)
    done = replay(stage, ready, str(number))
    assert done.returncode == 2 and "--yes" in done.stderr and "costs" in done.stderr and len(sim.requests("POST", "messages")) == 1
    screen = stage.screen(["sh", "-c", f"'{PROGRAM}' replay {number} --log '{ready.log.path}'; echo status $?"], env={"RESPAN_API_KEY": KEY})
    screen.wait_text(r"Send it\? \[y/N\]")
    screen.keys("n", "Enter")
    screen.wait_text(r"nothing was sent\s+status 1")
    assert len(sim.requests("POST", "messages")) == 1
    screen = stage.screen(["sh", "-c", f"'{PROGRAM}' replay {number} --log '{ready.log.path}'; echo status $?"], env={"RESPAN_API_KEY": KEY})
    screen.wait_text(r"Send it\? \[y/N\]")
    screen.keys("y", "Enter")
    screen.wait_text(r"it is call 2")
    screen.wait_text(r"both say the same\s+status 0")
    assert len(sim.requests("POST", "messages")) == 2


def test_an_answer_that_fails_is_told(stage, sim, ready):
    number = first_call(ready)
    sim.faults({"times": 1, "match": {"path": "*messages*"}, "status": 529})
    done = replay(stage, ready, str(number), "--yes")
    assert done.returncode == 1 and "call 2 ended as error" in done.stderr and "stop reason" in done.stdout
    number = first_call(ready, "[[sim words 400]]", stream=True)
    sim.faults({"stage": "between_events", "fault": "close", "times": 1})
    done = replay(stage, ready, str(number), "--yes", "--json")
    assert done.returncode == 1 and "ended as error" in done.stderr
    assert json.loads(done.stdout)["again"]["error_type"] == "upstream_cut"


def test_without_what_it_needs_it_says_so(stage, sim, ready):
    def told(gateway, *args):
        done = replay(stage, gateway, *args, "--yes")
        assert done.returncode in (1, 2) and done.stderr.count("\n") == 1 + (done.returncode == 2) and KEY not in done.stderr, done
        return done.stderr
    number = first_call(ready)
    assert "there is no call 99" in told(ready, "99")
    assert "a call's id" in told(ready, "x")
    ready.request("GET", "/api/anthropic/v1/models", [("x-api-key", KEY)])
    ready.log.wait_calls(2)
    assert "only calls to /v1/messages" in told(ready, "2")
    ready.log.execute("UPDATE call SET body_state = 'redacted' WHERE id = 1")
    assert "--redact" in told(ready, "1")
    ready.log.execute("UPDATE call SET body_state = 'kept' WHERE id = 1")
    assert stage.run("stop", "--log", ready.log.path).returncode == 0
    assert "no gateway runs" in told(ready, str(number))


def test_a_body_that_is_gone(stage, sim):
    gateway = stage.gateway(sim, "--no-bodies", env={"RESPAN_API_KEY": KEY})
    gateway.messages(body_of("hello"), HEADERS)
    gateway.log.wait_calls(1)
    done = replay(stage, gateway, "1", "--yes")
    assert done.returncode == 1 and done.stderr.startswith("spantop: call 1 cannot be sent again: ") and done.stderr.count("\n") == 1


def test_a_gateway_without_a_key_takes_the_clients_own(stage, sim):
    gateway = stage.gateway(sim, env={"RESPAN_API_KEY": None})
    number = first_call(gateway)
    done = replay(stage, gateway, str(number), "--yes", env={"RESPAN_API_KEY": None})
    assert done.returncode == 1 and "401" in done.stderr and KEY not in done.stderr
    done = replay(stage, gateway, str(number), "--yes", env={"RESPAN_API_KEY": None, "ANTHROPIC_API_KEY": KEY})
    assert done.returncode == 0 and "both say the same" in done.stdout and KEY not in done.stdout
