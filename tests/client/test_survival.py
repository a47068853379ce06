"""What a session of the real Claude Code outlives: an idle hour, a stop, a new gateway."""
import json

import pytest
from claude import leave, say
from spantop import wait_for

pytestmark = pytest.mark.limit(100)


def upstream_connections(sim):
    return [r["connection"] for r in sim.requests(target="/v1/messages")]


def wait_until_idle_is_closed(sim):
    """No connection but the one that asks."""
    wait_for(lambda: sim.status()["connections"] == 1, what="the simulator to close idle connections")


def test_the_turn_after_the_upstream_closed_the_idle_connection(claude, gateway, sim):
    sim.config(idle_close_ms=300)
    talk = claude.converse()
    assert talk.ask("[[sim text first]]")[-1]["result"] == "first"
    wait_until_idle_is_closed(sim)
    assert talk.ask("[[sim text second]]")[-1]["result"] == "second"
    rows = gateway.log.wait_calls(2, "state = 'done'")
    assert [row["attempt"] for row in rows] == [1, 1]
    first, second = upstream_connections(sim)
    assert first != second


def test_the_turn_after_the_idle_connection_was_forgotten(claude, gateway, sim):
    """Nobody said good-bye: only the next request finds out.  It may have been acted on, so the
    gateway leaves it to the client to ask again, and that one does."""
    talk = claude.converse()
    assert talk.ask("[[sim text first]]")[-1]["result"] == "first"
    sim.faults({"stage": "connect", "fault": "reset", "match": {"path": "*/v1/messages*"}})
    assert talk.ask("[[sim text second]]")[-1]["result"] == "second"
    _, cut, again = gateway.log.wait_calls(3)
    assert (cut["state"], cut["error_type"], cut["attempt"]) == ("error", "upstream_cut", 1)
    assert (again["state"], again["is_retry"], again["bytes_in"]) == ("done", 1, cut["bytes_in"])
    assert json.loads(sim.control("faults")) == []


def test_stop_lets_the_running_turn_finish(claude, gateway, sim, stage):
    sim.config(speed=2)
    words = "word after word " * 40 + "to the very end"
    talk = claude.converse()
    talk.begin(f"[[sim text {words}]]")
    gateway.log.wait_calls(1, "state = 'open' AND tokens_out > 0", limit_s=30)
    stopping = stage.start("stop", "--log", gateway.log.path)
    stopping.wait_line("waiting for 1 call in flight")
    assert talk.finish()[-1]["result"] == words
    assert stopping.wait_end() == 0
    assert gateway.wait_end() == 0
    [row] = gateway.log.calls()
    assert (row["state"], row["stop_reason"]) == ("done", "end_turn")


def test_a_session_goes_on_with_the_next_gateway(claude, gateway, sim, stage):
    client = claude.open()
    say(client, "[[sim text first]]", "first")
    first = gateway.log.wait_calls(1, "purpose = 'main' AND state = 'done'")[0]
    assert stage.run("stop", "--log", gateway.log.path).returncode == 0
    assert gateway.wait_end() == 0
    again = stage.gateway(sim, port=gateway.port)
    say(client, "[[sim text second]]", "second")
    second = again.log.wait_calls(2, "purpose = 'main' AND state = 'done'")[-1]
    assert second["session_id"] == first["session_id"] and second["id"] > first["id"]
    assert second["tokens_cache_read"] > 0 and second["cache_break"] is None
    assert leave(client) == 0
    assert again.log.query("SELECT count(*) AS n, min(state) AS state FROM calls WHERE purpose = 'main'") == [{"n": 2, "state": "done"}]


def test_a_turn_that_finds_no_gateway_waits_for_the_next_one(claude, gateway, sim, stage):
    talk = claude.converse()
    assert talk.ask("[[sim text first]]")[-1]["result"] == "first"
    gateway.log.wait_calls(1, "state = 'done'")
    gateway.kill()
    talk.begin("[[sim text second]]")
    again = stage.gateway(sim, port=gateway.port)
    assert talk.finish()[-1]["result"] == "second"
    rows = again.log.wait_calls(2, "state = 'done'")
    assert {row["session_id"] for row in rows} == {talk.session_id}
