"""Switches that an upstream would refuse, in mid-session with the real Claude Code."""
import base64
import json

import pytest
from spantop import wait_for

pytestmark = pytest.mark.limit(100)

HAIKU = "claude-haiku-4-5-20251001"
MAIN = "purpose = 'main' AND state <> 'open'"


def switch(stage, gateway, *words):
    done = stage.run(*words, "--log", gateway.log.path)
    assert done.returncode == 0, done.stderr


def test_switch_to_a_model_of_an_older_kind_goes_on(claude, gateway, sim, stage):
    talk = claude.converse()
    assert talk.ask("[[sim text first]]")[-1]["result"] == "first"
    switch(stage, gateway, "model", HAIKU)
    assert talk.ask("[[sim text second]]")[-1]["result"] == "second"
    switch(stage, gateway, "model", "--clear")
    assert talk.ask("[[sim text third]]")[-1]["result"] == "third"
    rows = gateway.log.wait_calls(3, MAIN)
    assert [row["attempt"] for row in rows] == [1, 1, 1]
    assert rows[1]["model_served"] == HAIKU
    assert len(json.loads(rows[1]["changes"])) > 1  # more than the name had to change


def test_switch_to_a_model_nobody_has_leaves_the_session_unharmed(claude, gateway, sim, stage):
    talk = claude.converse()
    assert talk.ask("[[sim text first]]")[-1]["result"] == "first"
    switch(stage, gateway, "model", "claude-no-such-model")
    assert talk.ask("[[sim text second]]")[-1]["result"] == "second"
    assert talk.ask("[[sim text third]]")[-1]["result"] == "third"
    rows = gateway.log.wait_calls(3, MAIN)
    assert [row["attempt"] for row in rows] == [1, 2, 1]
    assert {row["model_served"] for row in rows} == {rows[0]["model_asked"]}
    assert "404" in rows[1]["route_note"]
    wait_for(lambda: not gateway.log.query("SELECT 1 FROM routes WHERE enabled"), what="the refused route to be disabled")


def test_pin_whose_provider_is_down_lets_the_session_go_on(claude, gateway, sim, stage):
    sim.faults({"status": 529, "times": 50, "match": {"provider": "bedrock"}})
    switch(stage, gateway, "provider", "bedrock")
    answer = claude.run("[[sim text through all the same]]")
    assert answer["result"] == "through all the same"
    rows = gateway.log.wait_calls(3, MAIN)
    assert [row["provider_pinned"] for row in rows] == ["bedrock"] * 2 + [None]


def test_switch_for_the_next_call_alone_lets_the_session_go_back(claude, gateway, sim, stage):
    talk = claude.converse()
    assert talk.ask("[[sim text first]]")[-1]["result"] == "first"
    switch(stage, gateway, "model", HAIKU, "--for-next", "1")
    assert talk.ask("[[sim text second]]")[-1]["result"] == "second"
    assert talk.ask("[[sim text third]]")[-1]["result"] == "third"
    rows = gateway.log.wait_calls(3, MAIN)
    assert [row["model_served"] == HAIKU for row in rows] == [False, True, False]


def test_preset_with_parameters_goes_up_with_the_session(claude, gateway, sim, stage):
    switch(stage, gateway, "route", "add", "--model", HAIKU, "--cache", "1h", "--fallback", "claude-sonnet-5")
    switch(stage, gateway, "preset", "save", "cheap")
    switch(stage, gateway, "route", "rm", "1")
    talk = claude.converse()
    for word, preset in (("first", ()), ("second", ("use", "cheap")), ("third", ("off",))):
        if preset:
            switch(stage, gateway, "preset", *preset)
        assert talk.ask(f"[[sim text {word}]]")[-1]["result"] == word
    rows = gateway.log.wait_calls(3, MAIN)
    assert [row["model_served"] == HAIKU for row in rows] == [False, True, False]
    sent = [dict((n.lower(), v) for n, v in request["headers"]).get("x-data-respan-params") for request in sim.requests(target="/v1/messages")]
    [params] = [json.loads(base64.b64decode(value)) for value in sent if value]
    assert params == {"cache_enabled": True, "cache_ttl": 3600, "fallback_models": ["claude-sonnet-5"],
                      "thread_identifier": f"claudecode_{talk.session_id}"}
