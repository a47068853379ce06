"""spantop reconcile: our log against the simulated Respan's."""
import json

import pytest
from spantop import KEY

BODY = {"model": "claude-opus-5-5", "messages": [{"role": "user", "content": "hi"}], "max_tokens": 10, "stream": True}


def call(gateway, sim, count, where="cost_source = 'respan'"):
    sim.config(log_latency_ms=0)
    for _ in range(count):
        assert gateway.messages(BODY).status == 200
    return gateway.log.wait_calls(count, where)


def reconcile(stage, gateway, *args, key=KEY, upstream=None, env=None):
    return stage.run("reconcile", "--log", gateway.log.path, "--upstream", upstream or gateway.upstream, *args,
                     env={"RESPAN_API_KEY": key, **(env or {})})


def compare(stage, gateway, *args, **options):
    result = reconcile(stage, gateway, "--json", *args, **options)
    assert result.returncode == 0 and result.stderr == "", result
    return json.loads(result.stdout)


def test_both_logs_agree(stage, sim, gateway):
    rows = call(gateway, sim, 3)
    found = compare(stage, gateway)
    cost = sum(row["cost_microusd"] for row in rows)
    assert found["compared"] == 3 and found["here"] == found["respan"] and found["here"]["cost_microusd"] == cost
    assert found["differing"] == found["missing_at_respan"] == found["missing_here"] == []
    text = reconcile(stage, gateway).stdout
    assert "3 calls" in text and "both agree" in text and f"${cost / 1e6:.6f}" in text


def test_calls_missing_on_either_side_and_figures_that_differ(stage, sim, gateway):
    rows = call(gateway, sim, 4)
    gateway.log.execute("DELETE FROM call WHERE id = 1")
    gateway.log.execute("UPDATE call SET cost_microusd = 1, tokens_out = 7 WHERE id = 2")
    gateway.log.execute("UPDATE call SET respan_log_id = 'gone', finished_at = finished_at - 70000 WHERE id = 3")
    found = compare(stage, gateway, "--since", "1h")
    assert found["compared"] == 2
    assert [c["id"] for c in found["differing"]] == [2] and [c["id"] for c in found["missing_at_respan"]] == [3]
    assert found["differing"][0]["here"]["tokens_out"] == 7
    assert found["differing"][0]["respan"]["cost_microusd"] == rows[1]["cost_microusd"]
    assert {r["respan_log_id"] for r in found["missing_here"]} == {rows[0]["respan_log_id"], rows[2]["respan_log_id"]}
    assert found["respan"]["cost_microusd"] - found["here"]["cost_microusd"] == rows[1]["cost_microusd"] - 1
    text = reconcile(stage, gateway, "--since", "1h").stdout
    for words in "1 call differs", "1 call has no row", "2 rows at Respan", "gone", rows[0]["respan_log_id"], "$0.000001":
        assert words in text


def test_more_rows_than_one_page(stage, sim, gateway):
    call(gateway, sim, 1)
    with gateway.connect() as client:
        data = json.dumps({**BODY, "stream": False}).encode()
        for _ in range(1050):
            client.send_request("POST", "/api/anthropic/v1/messages", [("x-api-key", KEY)], data)
            assert client.read_response("POST").status == 200
    gateway.log.wait_calls(1051)
    found = compare(stage, gateway)
    assert found["compared"] == 1051 and found["missing_at_respan"] == []
    pages = [r["target"] for r in sim.requests("POST", "request-logs/list/?page=")]
    assert any("page=2&" in p for p in pages) and all("start_time=20" in p for p in pages)


def test_a_call_that_has_just_ended_is_not_missing(stage, sim, gateway):
    sim.config(log_latency_ms=3_600_000)
    assert gateway.messages(BODY).status == 200
    gateway.log.wait_calls(1)
    found = compare(stage, gateway)
    assert found["landing"] == 1 and found["missing_at_respan"] == []


def test_it_says_what_is_wrong(stage, sim, gateway):
    call(gateway, sim, 1)
    file = stage.folder / "key"
    file.write_text(KEY + "\n")
    for result, words in [
        (reconcile(stage, gateway, key=""), "RESPAN_API_KEY"),
        (reconcile(stage, gateway, key="bad-key"), "401"),
        (reconcile(stage, gateway, upstream="http://127.0.0.1:9/api/anthropic/"), "cannot be asked"),
        (reconcile(stage, gateway, upstream="http://127.0.0.1:9/"), "RESPAN_BASE_URL"),
    ]:
        assert result.returncode == 1 and result.stdout == "" and words in result.stderr, result
        assert result.stderr.count("\n") == 1 and KEY not in result.stderr
    assert reconcile(stage, gateway, "--since", "yesterday").returncode == 2
    assert reconcile(stage, gateway, "--key-file", file, key="").returncode == 0


@pytest.mark.parametrize("fault", [{"status": 500}, {"status": 429}, {"status": 200, "body": "nonsense"},
                                   {"status": 200, "body": {"results": 7}}])
def test_an_answer_that_is_no_list_is_told(stage, sim, gateway, fault):
    call(gateway, sim, 1)
    sim.faults({"times": 1, "match": {"path": "*request-logs/list*"}, **fault})
    result = reconcile(stage, gateway)
    assert result.returncode == 1 and result.stdout == "" and "Respan" in result.stderr


def test_doctor_tells_it_in_a_line(stage, sim, gateway):
    def line():
        result = stage.run("doctor", "--json", "--log", gateway.log.path, "--listen", gateway.address,
                           env={"RESPAN_API_KEY": KEY})
        return next(c for c in json.loads(result.stdout)["checks"] if c["id"] == "respan_log")

    call(gateway, sim, 2)
    found = line()
    assert found["state"] == "ok" and "calls 2" in found["message"]
    gateway.log.execute("UPDATE call SET cost_microusd = 1 WHERE id = 1")
    found = line()
    assert found["state"] == "warn" and "1 differ" in found["message"] and "reconcile" in found["fix"]
