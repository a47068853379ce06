"""Subagents of the real Claude Code, joined to the tool call that started them."""
import json

import pytest
from claude import starting
from spantop import PROGRAM

pytestmark = pytest.mark.limit(100)


def agents_of(gateway, calls):
    """The agents by description, once so many calls are done."""
    gateway.log.wait_calls(calls, "state = 'done'")
    return {row["description"]: row for row in gateway.log.query("SELECT * FROM agents")}


def tool_uses(gateway, stage, call_id):
    """The ids of the tool calls in a call's answer, by description, as the client read them."""
    done = stage.run("show", call_id, "--response", "--log", gateway.log.path)
    events = [json.loads(line[6:]) for line in done.stdout.splitlines() if line.startswith("data: ")]
    ids = {e["index"]: e["content_block"]["id"] for e in events
           if e["type"] == "content_block_start" and e["content_block"]["type"] == "tool_use"}
    inputs = dict.fromkeys(ids, "")
    for e in events:
        if e["type"] == "content_block_delta" and e["delta"]["type"] == "input_json_delta":
            inputs[e["index"]] += e["delta"]["partial_json"]
    return {json.loads(inputs[i])["description"]: ids[i] for i in ids}


def test_two_in_parallel_and_one_nested(claude, gateway, sim, stage):
    nested = starting("dig deeper", "Nested [[sim text nested done]]", "Explore")
    answer = claude.run(starting("look around", f"First {nested} [[sim then]] [[sim text first done]]")
                        + starting("second look", "Second [[sim text second done]]") + "[[sim then]] [[sim text all done]]")
    assert answer["result"] == "all done"
    agents = agents_of(gateway, 6)
    assert set(agents) == {"look around", "second look", "dig deeper"}
    first, second, deeper = agents["look around"], agents["second look"], agents["dig deeper"]
    assert [first["type"], second["type"], deeper["type"]] == ["general-purpose", "general-purpose", "Explore"]
    assert {row["session_id"] for row in agents.values()} == {answer["session_id"]}
    # Who started whom.
    mine = gateway.log.calls("agent_id IS NULL")
    assert first["parent_agent_id"] is second["parent_agent_id"] is None
    assert first["parent_call_id"] == second["parent_call_id"] == mine[0]["id"]
    assert deeper["parent_agent_id"] == first["agent_id"]
    assert gateway.log.call(deeper["parent_call_id"])["agent_id"] == first["agent_id"]
    started = tool_uses(gateway, stage, mine[0]["id"]) | tool_uses(gateway, stage, deeper["parent_call_id"])
    assert {name: row["tool_use_id"] for name, row in agents.items()} == started
    # And what each said was for it alone.
    for row, prompt in ((first, "First "), (second, "Second "), (deeper, "Nested ")):
        body = json.loads(stage.run("show", row["first_call_id"], "--request", "--log", gateway.log.path).stdout)
        assert body["messages"][0]["content"][-1]["text"].startswith(prompt)
    headers = {row["agent_id"]: row["parent_agent_id"] for row in gateway.log.calls("agent_id IS NOT NULL")}
    assert headers == {first["agent_id"]: None, second["agent_id"]: None, deeper["agent_id"]: first["agent_id"]}
    assert {row["purpose"] for row in gateway.log.calls("agent_id IS NOT NULL")} == {"subagent"}
    assert {row["purpose"] for row in mine} == {"main"}
    # The dashboard names them below their session.
    dashboard = stage.screen([PROGRAM, "--log", gateway.log.path, "--listen", gateway.address, "--upstream", gateway.upstream])
    dashboard.wait_text("Enter inspect")
    dashboard.keys("3")
    dashboard.wait_text("Space agents")
    dashboard.keys("Space")
    dashboard.wait_text("(?s)look around.*dig deeper.*second look")


def test_equal_prompts_are_two_agents(claude, gateway):
    twin = "Twin [[sim text twin done]]"
    claude.run(starting("one", twin) + starting("two", twin) + "[[sim then]] [[sim text both done]]")
    agents = agents_of(gateway, 4)
    assert set(agents) == {"one", "two"}
    assert agents["one"]["agent_id"] != agents["two"]["agent_id"]


def test_an_agent_that_runs_while_its_parent_still_speaks(claude, gateway, sim):
    """The client starts a tool as soon as its block is whole; the answer's end comes later."""
    sim.config(speed=4)
    claude.run(starting("quick", "Quick [[sim text quick done]]") + f"[[sim text {'and so on ' * 60}]] [[sim then]] [[sim text done]]")
    agent = agents_of(gateway, 3)["quick"]
    parent, own = gateway.log.call(agent["parent_call_id"]), gateway.log.call(agent["first_call_id"])
    assert parent["agent_id"] is None and parent["stop_reason"] == "tool_use"
    assert own["started_at"] < parent["finished_at"]  # else this test shows nothing
