"""Routes that hold for a number of calls or until a time, and presets: sets of routes."""
import json
import time

import pytest
from spantop import wait_for

A, OPUS, SONNET, HAIKU = "aaaaaaaa-0000-4000-8000-000000000001", "claude-opus-5-5", "claude-sonnet-5-5", "claude-haiku-5-5"
TEXT = {"model": OPUS, "max_tokens": 20, "messages": [{"role": "user", "content": "[[sim text ok]]"}]}


def ask(gateway, **options):
    answer = gateway.messages(TEXT, [("X-Claude-Code-Session-Id", A)], **options)
    assert answer.status == 200, answer
    return gateway.log.wait_calls(1, "id = ? AND state <> 'open'", int(answer.header("x-spantop-call-id")))[0]


def sent(gateway):
    return ask(gateway)["model_sent"]


def run(stage, gateway, *args):
    return stage.run("--log", gateway.log.path, *args)


def ok(done):
    assert done.returncode == 0, done
    return done.stdout


def only_route(gateway):
    [row] = gateway.log.query("SELECT * FROM routes")
    return row


# ---- a number of calls --------------------------------------------------------------

def test_switch_for_the_next_calls_ends_by_itself(stage, gateway):
    ok(run(stage, gateway, "model", SONNET, "--for-next", 2))
    assert "0 of 2 calls taken" in ok(run(stage, gateway, "model"))
    assert [sent(gateway) for _ in range(4)] == [SONNET, SONNET, OPUS, OPUS]
    wait_for(lambda: not only_route(gateway)["enabled"], what="the route to be disabled")
    assert only_route(gateway)["calls_taken"] == 2
    assert ok(run(stage, gateway, "model")) == "as sent\n"
    assert "over" in ok(run(stage, gateway, "routes", "--all"))


def test_calls_that_come_at_once_are_counted_one_by_one(stage, gateway, sim):
    """The gateway counts; that the log learns of it later does not give a call away."""
    gateway.log.execute("INSERT INTO routes(set_model, max_calls) VALUES(?, 3)", HAIKU)
    clients = [gateway.connect() for _ in range(8)]
    body = json.dumps(TEXT).encode()
    for client in clients:
        client.send_request("POST", "/v1/messages", [("x-api-key", "k"), ("Content-Type", "application/json")], body)
    for client in clients:
        assert client.read_response("POST").status == 200
        client.close()
    models = [row["model_sent"] for row in gateway.log.wait_calls(8)]
    assert sorted(models) == [HAIKU] * 3 + [OPUS] * 5


def test_counting_tokens_uses_up_no_call(gateway):
    gateway.log.execute("INSERT INTO routes(set_model, max_calls) VALUES(?, 1)", SONNET)
    assert gateway.messages(TEXT, target="/v1/messages/count_tokens").status == 200
    assert gateway.log.wait_calls(1)[0]["model_sent"] == SONNET
    assert [sent(gateway), sent(gateway)] == [SONNET, OPUS]


def test_less_specific_route_holds_when_a_limited_one_is_over(gateway):
    gateway.log.execute("INSERT INTO routes(set_model) VALUES(?)", HAIKU)
    gateway.log.execute("INSERT INTO routes(session_id, set_model, max_calls) VALUES(?, ?, 1)", A, SONNET)
    assert [sent(gateway), sent(gateway)] == [SONNET, HAIKU]


def test_used_up_route_is_counted_anew_when_it_is_enabled(stage, gateway):
    gateway.log.execute("INSERT INTO routes(set_model, max_calls) VALUES(?, 1)", SONNET)
    for again in (lambda: ok(run(stage, gateway, "route", "enable", 1)), lambda: ok(run(stage, gateway, "route", "edit", 1, "--for-next", 1)),
                  lambda: gateway.log.execute("UPDATE routes SET enabled = 1, calls_taken = 0")):
        assert [sent(gateway), sent(gateway)] == [SONNET, OPUS]
        wait_for(lambda: not only_route(gateway)["enabled"], what="the route to be disabled")
        again()
    assert sent(gateway) == SONNET


def test_count_outlives_the_gateway(stage, gateway, sim):
    gateway.log.execute("INSERT INTO routes(set_model, max_calls) VALUES(?, 2)", SONNET)
    assert sent(gateway) == SONNET
    wait_for(lambda: only_route(gateway)["calls_taken"] == 1, what="the call to be counted")
    gateway.stop()
    again = stage.gateway(sim, log=gateway.log.path)
    assert [sent(again), sent(again)] == [SONNET, OPUS]


# ---- until a time -------------------------------------------------------------------

def test_route_with_a_time_of_its_own_ends(stage, gateway):
    ok(run(stage, gateway, "model", SONNET, "--for", "1500ms"))
    assert "until" in ok(run(stage, gateway, "model"))
    assert sent(gateway) == SONNET
    wait_for(lambda: only_route(gateway)["until_at"] <= time.time() * 1000, what="its end")
    assert sent(gateway) == OPUS
    wait_for(lambda: not only_route(gateway)["enabled"], what="the route to be disabled")
    done = run(stage, gateway, "route", "enable", 1)
    assert done.returncode == 1 and "over" in done.stderr
    ok(run(stage, gateway, "route", "edit", 1, "--for", "1h"))
    assert sent(gateway) == SONNET


def test_until_is_a_time_of_the_day_or_a_day(stage, gateway):
    for text in ("00:00", "23:59:59", "2099-12-31", "2099-12-31 18:00", "2099-12-31T18:00:00Z"):
        ok(run(stage, gateway, "route", "add", "--model", SONNET, "--until", text))
    ends = [row["until_at"] for row in gateway.log.query("SELECT until_at FROM routes ORDER BY id")]
    now = time.time() * 1000
    assert all(now < end <= now + 86400000 for end in ends[:2]) and ends[0] % 86400000 == 0  # the tests' zone is UTC
    assert ends[2:] == [4102358400000, 4102423200000, 4102423200000]


@pytest.mark.parametrize("words", [("--for-next", "0"), ("--for-next", "x"), ("--until", "soon"), ("--until", "2001-01-01"),
                                   ("--until", "18:00", "--for", "2h"), ("--for", "0s")])
def test_limits_that_make_no_sense_are_wrong_usage(stage, gateway, words):
    assert run(stage, gateway, "model", SONNET, *words).returncode == 2
    assert run(stage, gateway, "route", "add", "--model", SONNET, *words).returncode == 2
    assert run(stage, gateway, "model", *words).returncode == 2  # nothing that could hold so long
    assert gateway.log.query("SELECT * FROM routes") == []


def test_log_refuses_limits_that_would_never_hold(gateway):
    for column, value in (("until_at", int(time.time()) + 60), ("until_at", "18:00"), ("max_calls", 0), ("max_calls", "x")):
        with pytest.raises(Exception, match="CHECK constraint failed"):
            gateway.log.execute(f"INSERT INTO routes(set_model, {column}) VALUES('a', ?)", value)


# ---- presets ------------------------------------------------------------------------

def enabled(gateway):
    return [tuple(row.values()) for row in
            gateway.log.query("SELECT session_id, purpose, set_model, set_provider FROM routes WHERE enabled ORDER BY id")]


def save_two(stage, gateway):
    ok(run(stage, gateway, "model", HAIKU))
    ok(run(stage, gateway, "provider", "bedrock"))
    assert ok(run(stage, gateway, "preset", "save", "cheap")) == "preset cheap has 2 routes\n"
    ok(run(stage, gateway, "provider", "--clear"))
    ok(run(stage, gateway, "model", SONNET))


def test_preset_takes_the_place_of_all_routes_and_gives_it_back(stage, gateway):
    save_two(stage, gateway)
    ok(run(stage, gateway, "preset", "use", "cheap"))
    row = ask(gateway)
    assert (row["model_sent"], row["provider_pinned"]) == (HAIKU, "bedrock")
    assert "preset cheap" in ok(run(stage, gateway, "routes"))
    assert json.loads(ok(run(stage, gateway, "preset", "list", "--json")))[0]["in_use"] is True
    ok(run(stage, gateway, "preset", "off"))
    row = ask(gateway)
    assert (row["model_sent"], row["provider_pinned"]) == (SONNET, None)
    assert ok(run(stage, gateway, "preset", "off")) == "no preset is in use\n"
    assert len(gateway.log.query("SELECT * FROM routes")) == 1


def test_off_brings_back_what_was_before_the_first_preset(stage, gateway):
    save_two(stage, gateway)
    ok(run(stage, gateway, "model", "--clear"))
    assert "0 routes" in ok(run(stage, gateway, "preset", "save", "plain"))
    ok(run(stage, gateway, "route", "add", "--agent", "side", "--model", SONNET))
    before = enabled(gateway)
    for name in ("cheap", "plain", "cheap"):
        ok(run(stage, gateway, "preset", "use", name))
    ok(run(stage, gateway, "model", "claude-opus-5"))  # a switch on top of a preset goes with it
    ok(run(stage, gateway, "preset", "off"))
    assert enabled(gateway) == before


def test_presets_that_are_not_there_or_have_no_name(stage, gateway):
    for verb in ("use", "rm"):
        done = run(stage, gateway, "preset", verb, "nothing")
        assert done.returncode == 1 and "no preset nothing" in done.stderr
    assert run(stage, gateway, "preset", "save", "two words").returncode == 1
    for words in (["save"], ["off", "x"], ["list", "x"], ["frob"], []):
        assert run(stage, gateway, "preset", *words).returncode == 2, words
    assert ok(run(stage, gateway, "preset", "list")).startswith("no presets")


def test_removed_preset_holds_until_off(stage, gateway):
    save_two(stage, gateway)
    ok(run(stage, gateway, "preset", "use", "cheap"))
    assert "until spantop preset off" in ok(run(stage, gateway, "preset", "rm", "cheap"))
    assert sent(gateway) == HAIKU
    ok(run(stage, gateway, "preset", "off"))
    assert sent(gateway) == SONNET
