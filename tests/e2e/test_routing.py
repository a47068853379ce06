"""A switch never breaks a session: what only the old model takes is left behind, a
refused switch goes up again as it came, a pin whose provider fails lets go."""
import base64
import json

import pytest
from spantop import wait_for

SESSION = "aaaaaaaa-0000-4000-8000-000000000001"
OPUS, HAIKU = "claude-opus-4-8", "claude-haiku-4-5-20251001"
BODY = (b'{ "model" : "claude-opus-4-8","max_tokens":2000, "n":[1e400,\t12345678901234567890,"\\u00e4\\ud83d\\ude00"],'
        b'"messages":[{"role":"user","content":"[[sim text ok]]"}],"thinking":{"type":"adaptive"},'
        b'"output_config":{"effort":"high"},"stream":true }')


def post(gateway, body=BODY):
    answer = gateway.messages(body, [("X-Claude-Code-Session-Id", SESSION), ("anthropic-beta", "a-1,context-1m-2025-08-07,b-2")])
    return answer, gateway.log.wait_calls(1, "id = ? AND state <> 'open'", int(answer.header("x-spantop-call-id")))[0]


def route(gateway, **columns):
    names = ", ".join(columns)
    marks = ", ".join("?" * len(columns))
    gateway.log.execute(f"INSERT INTO routes({names}) VALUES({marks})", *columns.values())


def routes(gateway):
    return gateway.log.query("SELECT enabled, note FROM routes ORDER BY id")


def wait_disabled(gateway):
    return wait_for(lambda: [r for r in routes(gateway) if not r["enabled"]], what="the route to be disabled")[0]


def test_switched_body_loses_what_only_the_old_model_takes_and_nothing_else(gateway, sim, stage):
    route(gateway, set_model=HAIKU)
    answer, row = post(gateway)
    assert answer.status == 200
    sent = sim.body(sim.requests()[-1]["n"])
    assert b'"n":[1e400,\t12345678901234567890,"\\u00e4\\ud83d\\ude00"]' in sent
    assert json.loads(sent)["model"] == HAIKU and b"effort" not in sent and b"adaptive" not in sent
    headers = {n.lower(): v for n, v in sim.requests()[-1]["headers"]}
    assert headers["anthropic-beta"] == "a-1,b-2"
    assert (row["model_asked"], row["model_sent"], row["attempt"]) == (OPUS, HAIKU, 1)
    shown = [stage.run("--log", gateway.log.path, "show", row["id"], what, text=False).stdout for what in ("--request", "--sent")]
    assert shown == [BODY, sent]
    changes = json.loads(row["changes"])
    assert HAIKU in changes[0] and any("effort" in c for c in changes)


def test_refused_switch_goes_up_as_it_came_and_the_route_is_off(gateway, sim):
    route(gateway, set_model="claude-no-such-model")
    answer, row = post(gateway)
    assert answer.status == 200
    first, second = sim.requests()[-2:]
    assert json.loads(sim.body(first["n"]))["model"] == "claude-no-such-model"
    assert sim.body(second["n"]) == BODY
    assert {n.lower(): v for n, v in second["headers"]}["anthropic-beta"] == "a-1,context-1m-2025-08-07,b-2"
    assert (row["state"], row["status"], row["attempt"], row["model_sent"]) == ("done", 200, 2, OPUS)
    assert "404" in row["route_note"] and row["changes"] is None
    assert "refused with 404" in wait_disabled(gateway)["note"]
    _, row = post(gateway)
    assert row["attempt"] == 1


def test_request_that_is_refused_either_way_does_not_blame_the_route(gateway, sim):
    route(gateway, set_model="claude-sonnet-5")
    sim.faults({"status": 400, "times": 2, "body": {"detail": "this is wrong"}})
    answer, row = post(gateway)
    assert answer.status == 400 and b"this is wrong" in answer.body
    assert (row["attempt"], row["status"], row["model_sent"]) == (2, 400, OPUS)
    assert [r["enabled"] for r in routes(gateway)] == [1]
    answer, row = post(gateway)
    assert (row["attempt"], row["model_sent"], answer.status) == (1, "claude-sonnet-5", 200)


def test_refused_pin_and_refused_parameters_are_blamed_too(gateway, sim):
    for column in ({"set_provider": "nowhere"}, {"params_json": '{"cache_ttl":60}'}):
        route(gateway, **column)
        sim.faults({"status": 422, "times": 1})
        answer, row = post(gateway)
        assert (answer.status, row["attempt"], row["provider_pinned"]) == (200, 2, None)
        headers = {n.lower() for n, _ in sim.requests()[-1]["headers"]}
        assert not [n for n in headers if n.startswith(("x-respan-route", "x-data"))]
        wait_for(lambda: not routes(gateway)[-1]["enabled"], what="the route to be disabled")


def test_unrouted_refusal_is_passed_on_once(gateway, sim):
    before = len(sim.requests())
    sim.faults({"status": 400, "times": 1})
    answer, row = post(gateway)
    assert (answer.status, row["attempt"]) == (400, 1)
    assert len(sim.requests()) == before + 1


def test_pin_whose_provider_fails_lets_go_after_three(gateway, sim):
    route(gateway, set_provider="bedrock")
    sim.faults({"status": 529, "times": 9, "match": {"provider": "bedrock"}})
    seen = [post(gateway) for _ in range(4)]
    assert [a.status for a, _ in seen] == [529, 529, 200, 200]  # the third fails, too, and goes up again without the pin
    assert [r["provider_pinned"] for _, r in seen] == ["bedrock"] * 2 + [None] * 2
    assert [r["attempt"] for _, r in seen] == [1, 1, 2, 1]
    assert all("rests" in r["route_note"] for _, r in seen[2:])
    assert [r["enabled"] for r in routes(gateway)] == [1]


def test_when_a_pin_lets_go_is_a_setting(stage, sim):
    gateway = stage.gateway(sim, "--pin-failures", "1", "--pin-rest", "300ms")
    route(gateway, set_provider="bedrock")
    sim.faults({"status": 529, "times": 1, "match": {"provider": "bedrock"}})
    _, row = post(gateway)  # one failure is enough
    assert (row["attempt"], row["provider_pinned"]) == (2, None)
    wait_for(lambda: post(gateway)[1]["provider_pinned"] == "bedrock", what="the pin to be tried again", step_s=0.1)


def test_wait_from_which_a_429_counts_is_a_setting(stage, sim):
    gateway = stage.gateway(sim, env={"SPANTOP_PIN_LONG_WAIT": "2s", "SPANTOP_PIN_FAILURES": "1"})
    route(gateway, set_provider="bedrock")
    sim.faults({"status": 429, "times": 1, "headers": {"retry-after": "1"}}, {"status": 429, "times": 1, "headers": {"retry-after": "2"}})
    assert [post(gateway)[0].status for _ in range(2)] == [429, 200]


def test_settings_of_pins_that_make_no_sense(stage):
    for words in (("--pin-failures", "0"), ("--pin-rest", "0s"), ("--pin-long-wait", "soon")):
        done = stage.run("status", *words)
        assert done.returncode == 2 and words[0] in done.stderr, done


# ---- Respan's parameters ------------------------------------------------------------

NEW, LEGACY = "x-data-respan-params", "x-data-keywordsai-params"


def params_sent(gateway, sim, headers=(), session=SESSION):
    """What the upstream got: (name, object) of each parameter header."""
    session = [("X-Claude-Code-Session-Id", session)] if session else []
    assert gateway.messages(BODY, [*session, *headers]).status == 200
    sent = [(name.lower(), value) for name, value in sim.requests()[-1]["headers"]]
    return [(name, json.loads(base64.b64decode(value))) for name, value in sent if name in (NEW, LEGACY)]


def encoded(value):
    return base64.b64encode(json.dumps(value).encode()).decode()


def test_parameters_of_a_route_name_the_session(gateway, sim):
    route(gateway, params_json='{"cache_enabled":true}')
    assert params_sent(gateway, sim) == [(NEW, {"cache_enabled": True, "thread_identifier": f"claudecode_{SESSION}"})]
    assert params_sent(gateway, sim, session=None) == [(NEW, {"cache_enabled": True})]
    route(gateway, params_json='{"thread_identifier":"mine"}')
    assert params_sent(gateway, sim) == [(NEW, {"cache_enabled": True, "thread_identifier": "mine"})]


@pytest.mark.parametrize("name", ["X-Data-Respan-Params", "X-Data-Keywordsai-Params"])
def test_keys_of_the_client_win_over_those_of_a_route(gateway, sim, name):
    mine = {"cache_ttl": 7, "customer_identifier": "me", "thread_identifier": "t"}
    assert params_sent(gateway, sim, [(name, encoded(mine))]) == [(name.lower(), mine)]  # without a route as it came
    route(gateway, params_json='{"cache_enabled":true,"cache_ttl":60}')
    assert params_sent(gateway, sim, [(name, encoded(mine))]) == [(NEW, {"cache_enabled": True, **mine})]


def test_without_a_route_that_gives_parameters_none_are_added(gateway, sim):
    route(gateway, set_model="claude-sonnet-5")
    assert params_sent(gateway, sim) == []


def test_typed_options_become_parameters(gateway, sim, stage):
    done = stage.run("--log", gateway.log.path, "route", "add", "--fallback", "claude-sonnet-5,claude-opus-5", "--cache", "1h",
                     "--customer", "team-7", "--thread", "auto", "--custom-id", "x1", "--exclude-models", "claude-haiku-5-5",
                     "--exclude-providers", "azure,bedrock", "--retries", "2", "--log-at-respan", "off",
                     "--params", '{"metadata":{"team":"7"}}')
    assert done.returncode == 0, done
    assert params_sent(gateway, sim) == [(NEW, {
        "fallback_models": ["claude-sonnet-5", "claude-opus-5"], "cache_enabled": True, "cache_ttl": 3600,
        "customer_identifier": "team-7", "thread_identifier": f"claudecode_{SESSION}", "custom_identifier": "x1",
        "exclude_models": ["claude-haiku-5-5"], "exclude_providers": ["azure", "bedrock"],
        "retry_params": {"retry_enabled": True, "num_retries": 2}, "disable_log": True, "metadata": {"team": "7"}})]
    done = stage.run("--log", gateway.log.path, "route", "edit", 1, "--cache", "off", "--retries", "", "--custom-id", "",
                     "--exclude-models", "", "--exclude-providers", "", "--log-at-respan", "", "--fallback", "", "--customer", "")
    assert done.returncode == 0, done
    stored = json.loads(gateway.log.query("SELECT params_json FROM routes")[0]["params_json"])
    assert stored == {"cache_enabled": False, "thread_identifier": "auto", "metadata": {"team": "7"}}


@pytest.mark.parametrize("words, key", [
    (("--customer", "x" * 121), "customer_identifier"), (("--params", '{"retry_params":{"num_retries":"many"}}'), "retry_params.num_retries"),
    (("--params", '{"fallback_models":"a"}'), "fallback_models"), (("--params", '{"nonsense":1}'), "nonsense"),
    (("--params", '{"load_balance_models":[{"weight":1}]}'), "load_balance_models"), (("--retries", "x"), "--retries"),
    (("--fallback", "a,,b"), "model"), (("--log-at-respan", "maybe"), "--log-at-respan")])
def test_error_names_the_parameter_that_is_wrong(stage, gateway, words, key):
    done = stage.run("--log", gateway.log.path, "route", "add", *words)
    assert done.returncode == 2 and key in done.stderr, done
