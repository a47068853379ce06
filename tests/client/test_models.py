"""Claude Code's own /model offers the gateway's models, and a choice among them holds."""
import re

import pytest

pytestmark = pytest.mark.limit(100)


def discovering(claude):
    claude.env["CLAUDE_CODE_ENABLE_GATEWAY_MODEL_DISCOVERY"] = "1"
    del claude.env["CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC"]
    return claude


def open_picker(claude, gateway):
    screen = claude.open(columns=120, rows=50)
    [row] = gateway.log.wait_calls(1, "path LIKE '/v1/models%' AND state <> 'open'")
    assert row["status"] == 200
    screen.type("/model")
    screen.wait_text(r"/model")
    screen.keys("Enter")
    screen.wait_text(r"From gateway", 20)
    return screen


def test_models_of_the_gateway_stand_in_its_picker(claude, gateway, sim):
    screen = open_picker(discovering(claude), gateway)
    assert sim.requests("GET", "/v1/models")  # the upstream was asked first; it has none
    assert len(re.findall(r"From gateway", screen.text())) > 2, screen.text()


def test_models_of_the_upstream_go_before_those_of_the_catalog(claude, gateway, sim):
    sim.config(models_enabled=True)
    screen = open_picker(discovering(claude), gateway)
    assert re.search(r"From gateway", screen.text())


def test_model_chosen_there_is_what_the_next_call_asks_for(claude, gateway, sim):
    screen = open_picker(discovering(claude), gateway)
    number = int(re.search(r"(\d+)\. +sonnet-5-5 +From gateway", screen.text()).group(1))
    for at in range(2, number + 1):
        screen.keys("Down")
        screen.wait_text(rf"❯ +{at}\.")
    screen.keys("Enter")
    screen.wait_text(r"Set model to .*sonnet-5-5", 20)
    screen.type("[[sim text it answers]]")
    screen.wait_text(r"\[\[sim text it answers\]\]")
    screen.keys("Enter")
    [row] = gateway.log.wait_calls(1, "purpose = 'main' AND state <> 'open'", limit_s=30)
    assert (row["model_asked"], row["status"]) == ("claude-sonnet-5-5", 200)
