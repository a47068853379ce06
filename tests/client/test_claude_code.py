"""The real Claude Code through spantop, against the simulated Respan.

Prompts carry the simulator's directives ([[sim …]], see src/sim/sim.h): what the
model is to do stands in what the user says.
"""
import json

import pytest
from claude import leave, say
from spantop import PROGRAM

pytestmark = pytest.mark.limit(100)

MESSAGES = "method = 'POST' AND path LIKE '/v1/messages%' AND purpose = 'main' AND state <> 'open'"


def rows_of(gateway, count, where=MESSAGES):
    return gateway.log.wait_calls(count, where)


def test_prompt_becomes_one_row_with_the_right_tokens(claude, gateway, sim):
    answer = claude.run("[[sim text hello from the other side]]")
    assert answer["result"] == "hello from the other side"
    [row] = rows_of(gateway, 1)
    [sent] = sim.wait_requests(1, target="/v1/messages")
    usage = answer["usage"]
    assert row["state"] == "done" and row["status"] == 200
    assert row["session_id"] == answer["session_id"]
    assert row["purpose"] == "main"
    assert row["path"] == "/v1/messages?beta=true"
    assert row["model_asked"] == row["model_sent"] == row["model_served"]
    assert row["tokens_in"] == usage["input_tokens"]
    assert row["tokens_out"] == usage["output_tokens"]
    assert row["tokens_cache_read"] == usage["cache_read_input_tokens"]
    assert row["tokens_cache_write_5m"] + row["tokens_cache_write_1h"] == usage["cache_creation_input_tokens"]
    assert row["stop_reason"] == "end_turn"
    assert row["cost_microusd"] > 0
    assert row["bytes_in"] == sent["body_len"]


def test_body_arrives_upstream_and_in_the_log_byte_for_byte(claude, gateway, sim, stage):
    claude.run("[[sim text fine]]")
    [row] = rows_of(gateway, 1)
    [sent] = sim.requests(target="/v1/messages")
    body = sim.body(sent["n"])
    shown = stage.run("show", row["id"], "--request", "--log", gateway.log.path, text=False)
    assert shown.stdout == body
    json.loads(body)  # the client's own, whole
    names = [name.lower() for name, _ in sent["headers"]]
    for name in ("x-claude-code-session-id", "anthropic-beta", "anthropic-version", "x-stainless-lang", "x-app", "x-api-key"):
        assert name in names
    assert not [name for name in names if name.startswith(("x-respan", "x-data", "x-spantop"))]


def test_tool_call_runs_and_its_result_goes_up(claude, gateway, sim):
    answer = claude.run('[[sim tool Bash {"command":"echo tool-was-here > made.txt","description":"write"}]] [[sim then]] '
                        "[[sim text done with the tool]]", "--allowedTools", "Bash")
    assert answer["result"] == "done with the tool"
    assert (claude.project / "made.txt").read_text() == "tool-was-here\n"
    first, second = rows_of(gateway, 2)
    assert (first["stop_reason"], second["stop_reason"]) == ("tool_use", "end_turn")
    assert first["session_id"] == second["session_id"]
    body = json.loads(sim.body(sim.requests(target="/v1/messages")[-1]["n"]))
    assert any(block["type"] == "tool_result" for message in body["messages"] if isinstance(message["content"], list)
               for block in message["content"])


def test_overloaded_upstream_is_asked_again_by_the_client(claude, gateway):
    answer = claude.run("[[sim status 529]] [[sim text after the wait]]")
    assert answer["result"] == "after the wait"
    failed, good = rows_of(gateway, 2)
    assert (failed["status"], failed["state"], failed["error_type"]) == (529, "error", "overloaded_error")
    assert (good["status"], good["state"]) == (200, "done")
    assert failed["bytes_in"] == good["bytes_in"]  # the client's retry: the same bytes


def test_cut_stream_is_seen_as_cut_and_recovered(claude, gateway, sim):
    answer = claude.run("[[sim fault mid_event close]] [[sim text whole at last]]")
    assert answer["result"] == "whole at last"
    cut, good = rows_of(gateway, 2)
    assert (cut["state"], cut["error_type"]) == ("error", "upstream_cut")
    assert good["state"] == "done"
    bodies = [json.loads(sim.body(r["n"])) for r in sim.requests(target="/v1/messages")]
    assert bodies[0]["stream"] is True
    assert "stream" not in bodies[1]  # how the client shows that it saw a broken stream


def test_model_switched_between_two_turns_of_a_session(claude, gateway, sim, stage):
    talk = claude.converse()
    assert talk.ask("[[sim text first]]")[-1]["result"] == "first"
    switched = stage.run("model", "claude-sonnet-5", "--log", gateway.log.path)
    assert switched.returncode == 0, switched.stderr
    messages = talk.ask("[[sim text second]]")
    assert messages[-1]["result"] == "second"
    first, second = rows_of(gateway, 2)
    assert first["session_id"] == second["session_id"] == talk.session_id
    assert first["model_sent"] == first["model_asked"] != "claude-sonnet-5"
    assert second["model_asked"] == first["model_asked"]
    assert second["model_sent"] == second["model_served"] == "claude-sonnet-5"
    sent = sim.body(sim.requests(target="/v1/messages")[-1]["n"])
    asked = stage.run("show", second["id"], "--request", "--log", gateway.log.path, text=False).stdout
    old, new = (json.dumps({"model": name}, separators=(",", ":"))[1:-1].encode() for name in (second["model_asked"], "claude-sonnet-5"))
    assert sent == asked.replace(old, new, 1)  # nothing but that value


def test_provider_pinned_between_two_turns_of_a_session(claude, gateway, sim, stage):
    talk = claude.converse()
    talk.ask("[[sim text first]]")
    assert stage.run("provider", "vertex_ai", "--log", gateway.log.path).returncode == 0
    assert talk.ask("[[sim text second]]")[-1]["result"] == "second"
    pins = [dict((n.lower(), v) for n, v in r["headers"]).get("x-respan-route-provider") for r in sim.requests(target="/v1/messages")]
    assert pins == [None, "vertex_ai"]
    assert [row["provider_pinned"] for row in rows_of(gateway, 2)] == [None, "vertex_ai"]


def test_interactive_session_is_switched_by_a_key_on_the_dashboard(claude, gateway, sim, stage):
    dashboard = stage.screen([PROGRAM, "--log", gateway.log.path, "--listen", gateway.address, "--upstream", gateway.upstream])
    dashboard.wait_text("spantop")
    client = claude.open()
    say(client, "[[sim text the first answer]]", "the first answer")
    [first] = rows_of(gateway, 1)
    dashboard.keys("m")
    dashboard.wait_text("Switch model")
    dashboard.type("claude-sonnet-5")
    dashboard.wait_text("> claude-sonnet-5")
    dashboard.keys("Enter")
    dashboard.wait_no_text("Switch model")
    say(client, "[[sim text the second answer]]", "the second answer")
    _, second = rows_of(gateway, 2)
    assert second["session_id"] == first["session_id"]
    assert (second["model_asked"], second["model_sent"]) == (first["model_asked"], "claude-sonnet-5")
    dashboard.wait_text("→ *sonnet-5")
    assert leave(client) == 0
