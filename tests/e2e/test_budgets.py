"""Budgets: what stops a call, what it says, what it counts, and how it is lifted."""
import json
import time

import pytest
from spantop import KEY, wait_for

A, B = "aaaaaaaa-0000-4000-8000-00000000000a", "bbbbbbbb-0000-4000-8000-00000000000b"
OPUS, HAIKU = "claude-opus-5-5", "claude-haiku-4-5-20251001"
HEADERS = [("x-api-key", KEY), ("Content-Type", "application/json")]


def body(text="[[sim text ok]]", model=OPUS, **more):
    return {"model": model, "max_tokens": 20, "messages": [{"role": "user", "content": text}], **more}


def ask(gateway, text="[[sim text ok]]", session=A, **more):
    return gateway.messages(body(text, **more), [("X-Claude-Code-Session-Id", session)])


def budget(stage, gateway, *words):
    done = stage.run("budget", *words, "--log", gateway.log.path)
    assert done.returncode == 0, done
    return done.stdout


def shown(stage, gateway):
    return json.loads(budget(stage, gateway, "--json"))["budgets"]


def check_blocked(answer, scope):
    assert answer.status == 429, answer
    assert answer.header("x-should-retry") == "false"
    assert answer.header("x-spantop-error") == "budget"
    error = json.loads(answer.body)["error"]
    assert error["type"] == "billing_error"
    assert f"the {scope} budget of " in error["message"]
    assert "spantop budget lift" in error["message"]
    return error["message"]


def cost(gateway):
    return gateway.log.query("SELECT coalesce(sum(cost_microusd), 0) AS cost FROM day_sum")[0]["cost"]


def test_day_budget_blocks_once_it_is_spent_and_goes_on_when_lifted(stage, sim, gateway):
    assert ask(gateway).status == 200
    gateway.log.wait_calls(1)
    budget(stage, gateway, "set", "day", "0.00002")
    sent = len(sim.requests())
    check_blocked(ask(gateway), "day")
    assert len(sim.requests()) == sent, "a blocked call went up"
    row = gateway.log.wait_calls(1, "status = 429")[0]
    assert (row["state"], row["error_type"], row["session_id"]) == ("error", "billing_error", A)
    assert "day budget" in row["error_message"]
    assert row["cost_microusd"] is None
    [state] = shown(stage, gateway)
    assert (state["budget"], state["level"], state["state"]) == ("day", "block", "blocks")
    assert state["used_microusd"] == cost(gateway) > state["limit_microusd"] == 20
    assert "lifted until" in budget(stage, gateway, "lift")
    assert ask(gateway).status == 200
    assert "lifted until" in budget(stage, gateway)
    budget(stage, gateway, "lift", "--for", "0s")
    check_blocked(ask(gateway), "day")
    budget(stage, gateway, "rm", "day")
    assert ask(gateway).status == 200


def test_lift_ends_by_itself(stage, gateway):
    budget(stage, gateway, "set", "day", "0")
    check_blocked(ask(gateway), "day")
    budget(stage, gateway, "lift", "--for", "1s")
    assert ask(gateway).status == 200
    wait_for(lambda: ask(gateway).status == 429, what="the lift to be over")


def test_call_that_just_ended_counts_before_the_log_has_it(stage, gateway):
    """A hundred calls one behind the other: what they cost is known before any commit."""
    assert ask(gateway).status == 200
    each = gateway.log.wait_calls(1)[0]["cost_microusd"]
    budget(stage, gateway, "set", "day", f"{each * 10 / 1e6:.6f}")
    statuses = [ask(gateway).status for _ in range(30)]
    good = statuses.count(200)
    assert statuses == [200] * good + [429] * (30 - good)
    # The estimate of the input may stop it a call early, never late.
    assert each * 9 <= each * (good + 1) <= each * 10
    gateway.log.wait_calls(31)
    assert cost(gateway) == each * (good + 1)


def test_one_huge_call_does_not_slip_under_a_budget_with_room(stage, sim, gateway):
    budget(stage, gateway, "set", "day", "1")
    assert ask(gateway).status == 200
    message = check_blocked(ask(gateway, "x" * 2_000_000), "day")  # 500,000 tokens at $4 a million: 2 dollars
    assert "about $2.00 for this call's input" in message
    assert ask(gateway).status == 200


def test_call_budget_looks_at_the_price_of_the_model_that_is_sent(stage, gateway):
    budget(stage, gateway, "set", "call", "0.5")
    huge = "x" * 800_000  # 200,000 tokens: $0.80 for Opus, $0.20 for Haiku
    assert "about $0.80" in check_blocked(ask(gateway, huge), "call")
    assert ask(gateway, "[[sim text ok]]" + huge, model=HAIKU).status == 200
    gateway.log.execute("INSERT INTO routes(set_model) VALUES(?)", HAIKU)
    assert ask(gateway, "[[sim text ok]]" + huge).status == 200


def test_picture_counts_as_a_picture_not_as_its_letters(stage, gateway):
    budget(stage, gateway, "set", "call", "0.1")
    source = {"type": "base64", "media_type": "image/png", "data": "A" * 1_000_000}
    content = [{"type": "image", "source": source}, {"type": "text", "text": "[[sim text ok]]"}]
    assert gateway.messages(body(content)).status == 200


def test_calls_in_flight_count_too(stage, sim, gateway):
    """Huge calls at once: together they stay under the limit, though none has ended."""
    budget(stage, gateway, "set", "day", "1")
    sim.faults({"stage": "headers", "fault": "stall", "times": 0})
    huge = json.dumps(body("x" * 400_000)).encode()  # $0.40 each
    clients = [gateway.connect() for _ in range(3)]
    try:
        for client in clients[:2]:
            client.send_request("POST", "/v1/messages", HEADERS, huge)
        sim.wait_requests(2)
        clients[2].send_request("POST", "/v1/messages", HEADERS, huge)
        assert "$0.80 spent today" in check_blocked(clients[2].read_response("POST"), "day")
        clients[0].reset()
        wait_for(lambda: gateway.health()["in_flight"] == 1, what="the first call to be given up")
        with gateway.connect() as again:
            again.send_request("POST", "/v1/messages", HEADERS, huge)
            sim.wait_requests(3)
    finally:
        for client in clients:
            client.close()


def test_session_budget_stops_that_session_alone(stage, gateway):
    assert ask(gateway).status == 200
    each = gateway.log.wait_calls(1)[0]["cost_microusd"]
    budget(stage, gateway, "set", "session", f"{each * 1.5 / 1e6:.6f}")
    check_blocked(ask(gateway), "session")
    assert ask(gateway, session=B).status == 200
    assert shown(stage, gateway)[0]["who"] == A


def test_month_budget_counts_the_days_before_today(stage, gateway):
    assert ask(gateway).status == 200
    gateway.log.wait_calls(1)
    today = time.gmtime()
    if today.tm_mday == 1:
        pytest.skip("the month has no day before today")
    gateway.log.execute("INSERT INTO day_sum(day, session_id, model, provider, purpose, calls, cost_microusd)"
                        " VALUES(?, '', 'm', '', '', 1, 30000000)", int(time.strftime("%Y%m01", today)))
    budget(stage, gateway, "set", "month", "25")
    assert "$30.0" in check_blocked(ask(gateway), "month")
    budget(stage, gateway, "set", "month", "40")
    assert ask(gateway).status == 200


def test_runaway_is_stopped_by_calls_a_minute(stage, gateway):
    budget(stage, gateway, "set", "rate", "5")
    assert [ask(gateway).status for _ in range(5)] == [200] * 5
    assert "5 calls began in the last minute" in check_blocked(ask(gateway), "rate")
    assert gateway.messages(body(), target="/v1/messages/count_tokens").status == 200
    gateway.log.wait_calls(6, "path LIKE '/v1/messages?%' AND state <> 'open'")
    [state] = shown(stage, gateway)
    assert (state["used_calls"], state["limit_calls"], state["state"]) == (5, 5, "blocks")


def test_warning_is_shown_and_stops_nothing(stage, gateway):
    budget(stage, gateway, "set", "day", "0.00001", "--warn")
    assert [ask(gateway).status for _ in range(3)] == [200] * 3
    gateway.log.wait_calls(3)
    [warning] = gateway.health()["warnings"]
    assert "the day budget of $0.0000 is reached" in warning
    assert shown(stage, gateway)[0]["state"] == "warns"


def test_running_call_finishes_though_the_budget_is_set_meanwhile(stage, sim, gateway):
    sim.config(speed=1, ttft_ms=0)
    with gateway.connect() as client:
        client.send_request("POST", "/v1/messages", HEADERS, json.dumps(body("[[sim len 60]]", stream=True)).encode())
        client.read_head()
        budget(stage, gateway, "set", "day", "0")
        check_blocked(ask(gateway), "day")
    assert gateway.log.wait_calls(2)


def test_hand_made_rows_hold_and_nonsense_is_refused(stage, gateway):
    gateway.log.execute("INSERT INTO budgets(scope, limit_microusd) VALUES('day', 0)")
    check_blocked(ask(gateway), "day")
    gateway.log.execute("UPDATE budgets SET enabled = 0")
    assert ask(gateway).status == 200
    for bad in ("INSERT INTO budgets(scope, limit_microusd) VALUES('week', 1)",
                "INSERT INTO budgets(scope, limit_microusd) VALUES('rate', 1)",
                "INSERT INTO budgets(scope, limit_microusd) VALUES('month', 2.5)",
                "UPDATE budgets SET lifted_until = 1700000000"):
        with pytest.raises(Exception, match="constraint|CHECK"):
            gateway.log.execute(bad)


def test_what_was_spent_holds_over_a_restart(stage, sim, gateway):
    assert ask(gateway).status == 200
    gateway.log.wait_calls(1)
    budget(stage, gateway, "set", "day", "0.00001")
    assert gateway.stop() is None
    check_blocked(ask(stage.gateway(sim, log=gateway.log.path)), "day")


@pytest.mark.parametrize("words, says", [
    (["set", "week", "5"], "call, session, day, month and rate"), (["set", "day"], "set call|session|day|month USD"),
    (["set", "day", "much"], "limit in dollars"), (["fly"], "set, rm, lift and show"), (["set", "rate", "1.5"], "calls a minute")])
def test_wrong_words_are_told(stage, gateway, words, says):
    done = stage.run("budget", *words, "--log", gateway.log.path)
    assert done.returncode == 2 and says in done.stderr, done
