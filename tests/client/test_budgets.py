"""A blocked budget with the real Claude Code: it stops at once, says the sentence, and goes on when lifted."""
import time

import pytest

pytestmark = pytest.mark.limit(100)


def budget(stage, gateway, *words):
    done = stage.run("budget", *words, "--log", gateway.log.path)
    assert done.returncode == 0, done


def test_client_stops_at_a_blocked_budget_and_goes_on_when_it_is_lifted(claude, gateway, sim, stage):
    talk = claude.converse()
    assert talk.ask("[[sim text first]]")[-1]["result"] == "first"
    gateway.log.wait_calls(1, "purpose = 'main' AND state <> 'open'")
    budget(stage, gateway, "set", "day", "0.0001")
    before, began = len(sim.requests(target="/v1/messages")), time.monotonic()
    result = talk.ask("[[sim text second]]")[-1]
    assert "the day budget of $0.0001 is reached" in result["result"], result
    assert "spantop budget lift" in result["result"]
    assert time.monotonic() - began < 10, "it tried again and again"
    assert len(sim.requests(target="/v1/messages")) == before
    assert len(gateway.log.wait_calls(1, "status = 429 AND purpose = 'main'")) == 1, "it sent the call again"
    budget(stage, gateway, "lift")
    assert talk.ask("[[sim text third]]")[-1]["result"] == "third"
