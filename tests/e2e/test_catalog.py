"""Where prices and limits of models come from: built in, Respan's list, the user's own file."""
import json
import os
import time

import pytest
from recorder import Recorder, plain
from spantop import LIMIT_S, wait_for

MODEL = "claude-opus-5-5"
LIST = {"models": [{"model_name": MODEL, "max_context_window": 777000, "input_cost": 44, "output_cost": 88,
                    "provider": {"provider_name": "Anthropic", "provider_id": "anthropic"}},
                   {"model_name": "new-model-1", "max_context_window": 5000, "input_cost": 1, "output_cost": 2,
                    "provider": {"provider_name": "Elsewhere", "provider_id": "elsewhere"}}]}


class Lister(Recorder):
    """Gives this model list; all other questions get the default answer."""

    def __init__(self, listed):
        super().__init__()
        self.listed = plain(listed)

    def _give(self, connection, request):
        if "models/public" in request.target:
            self.answer(self.listed)
        return super()._give(connection, request)


@pytest.fixture
def cache(stage):
    folder = stage.home / ".cache/spantop"
    folder.mkdir(parents=True)
    return folder / "models.json"


@pytest.fixture
def own(stage):
    folder = stage.home / ".config/spantop"
    folder.mkdir(parents=True)
    return folder / "catalog.json"


def fetching(stage, sim, **options):
    gateway = stage.gateway(sim, env={"SPANTOP_NO_MODEL_LIST": None}, **options)
    gateway.started = time.time()
    return gateway


def models(stage):
    done = stage.run("models", "--json")
    assert done.returncode == 0, done
    return {m["model"]: m for m in json.loads(done.stdout)}


def asked(sim):
    return len(sim.requests("GET", "/api/models/public"))


def test_later_sources_win_field_by_field(stage, cache, own):
    built_in = models(stage)[MODEL]
    cache.write_text(json.dumps(LIST))
    own.write_text(json.dumps({"models": [{"name": MODEL, "max_output": 1234}]}))
    known = models(stage)
    assert (known[MODEL]["in"], known[MODEL]["out"], known[MODEL]["context_tokens"]) == (44, 88, 777000)
    assert (known[MODEL]["max_output_tokens"], known[MODEL]["thinking"]) == (1234, built_in["thinking"])
    assert (known[MODEL]["source"], known["new-model-1"]["source"], known["claude-sonnet-5"]["source"]) == ("user", "respan", "built-in")
    table = stage.run("models").stdout
    assert "SOURCE" in table and "elsewhere" in table and f"your own {own}" in table and "Respan's list of" in table


@pytest.mark.parametrize("text", ["", "{", '{"models":7}', '{"models":[{"name":"a","prices":"x"}]}', "\0\1\2"])
def test_damaged_file_is_left_out_and_told(stage, gateway, own, text):
    before = models(stage)
    own.write_text(text)
    done = stage.run("models", "--json")
    assert done.returncode == 0 and str(own) in done.stderr, done
    assert {m["model"]: m for m in json.loads(done.stdout)} == before
    assert str(own) in stage.run("--log", gateway.log.path, "status").stdout
    [check] = [c for c in json.loads(stage.run("--log", gateway.log.path, "doctor", "--json", limit_s=3 * LIMIT_S).stdout)["checks"]
               if c["id"] == "catalog"]
    assert check["state"] == "warn" and str(own) in check["message"]


def test_list_is_fetched_without_a_key_and_holds_at_once(stage, sim):
    cache = stage.home / ".cache/spantop/models.json"
    gateway = fetching(stage, sim)
    wait_for(cache.exists, what="the list in the cache")
    [request] = sim.requests("GET", "/api/models/public")
    assert not [name for name, _ in request["headers"] if name.lower() in ("authorization", "x-api-key")]
    assert cache.stat().st_mode & 0o777 == 0o600
    assert "respan" in {m["source"] for m in models(stage).values()}
    assert gateway.log.calls() == []


def test_gateway_that_runs_prices_by_the_list_it_fetched(stage):
    """A model that nothing built in knows gets its price while the gateway runs."""
    recorder = stage.add(Lister(json.dumps(LIST).encode()))
    recorder.default = (plain(json.dumps({"id": "m", "type": "message", "role": "assistant", "model": "new-model-1", "content": [],
                                          "stop_reason": "end_turn", "usage": {"input_tokens": 1000000, "output_tokens": 1000000}}
                                         ).encode(), headers=[("Content-Type", "application/json")]),)
    gateway = fetching(stage, recorder)

    def cost():
        reply = gateway.messages({"model": "new-model-1", "messages": []})
        return gateway.log.wait_calls(1, "id = ? AND state <> 'open'", int(reply.header("x-spantop-call-id")))[0]["cost_microusd"]
    assert cost() is None
    assert wait_for(cost, what="a price") == 3000000


def test_fresh_list_is_not_asked_for_and_an_old_or_damaged_one_is(stage, sim, cache):
    cache.write_text(json.dumps(LIST))
    fresh = fetching(stage, sim)
    wait_for(lambda: time.time() - fresh.started > 1.5, what="the time at which it would have asked")
    fresh.stop()
    assert asked(sim) == 0
    cache.write_text("{")
    first = fetching(stage, sim, log=stage.folder / "b.db")
    wait_for(lambda: cache.read_text() != "{", what="the damaged list to be replaced")
    first.stop()
    assert asked(sim) == 1
    os.utime(cache, (time.time() - 90000,) * 2)
    fetching(stage, sim, log=stage.folder / "c.db")
    wait_for(lambda: asked(sim) == 2, what="the old list to be asked for again")


def test_list_that_is_none_replaces_nothing(stage, cache):
    cache.write_text(json.dumps(LIST))
    os.utime(cache, (time.time() - 90000,) * 2)
    gateway = fetching(stage, stage.add(Lister(b"<html>be back soon</html>")))
    wait_for(lambda: "could not be used" in gateway.stderr, what="the gateway to say so")
    assert json.loads(cache.read_text()) == LIST
    assert gateway.health()["status"] == "ok"
