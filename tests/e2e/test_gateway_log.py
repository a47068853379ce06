"""What a call leaves in the log."""
import base64
import json
import threading
import zlib

import pytest
from recorder import CLOSE, plain
from spantop import KEY, wait_for

TARGET = "/api/anthropic/v1/messages?beta=true"
STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n"
BODY = json.dumps({"model": "claude-opus-5-5", "messages": [{"role": "user", "content": "hi"}], "max_tokens": 10,
                   "stream": True}).encode()


def sse(name, **data):
    return f"event: {name}\ndata: {json.dumps({'type': name, **data})}\n\n".encode()


START = sse("message_start", message={"id": "msg_1", "model": "claude-opus-5-5", "role": "assistant", "content": [],
                                      "usage": {"input_tokens": 11, "cache_read_input_tokens": 700, "output_tokens": 1,
                                                "cache_creation": {"ephemeral_5m_input_tokens": 20, "ephemeral_1h_input_tokens": 30}}})
TEXT = sse("content_block_delta", index=0, delta={"type": "text_delta", "text": "Hello there"})
DELTA = sse("message_delta", delta={"stop_reason": "end_turn"}, usage={"output_tokens": 42})
STOP = sse("message_stop")


def chunk(data):
    return b"%x\r\n%s\r\n" % (len(data), data)


def stream(*events, headers=b""):
    return STREAM + headers + b"\r\n" + b"".join(chunk(e) for e in events)


def test_row_of_a_whole_stream(recorded, recorder):
    recorder.answer(stream(START, TEXT, DELTA, STOP, headers=b"request-id: req_1\r\nx-respan-log-id: log_1\r\n"), b"0\r\n\r\n")
    answer = recorded.messages(BODY, [("X-Claude-Code-Session-Id", "11111111-2222-3333-4444-555555555555"),
                                      ("x-claude-code-agent-id", "a1"), ("x-claude-code-parent-agent-id", "a0")])
    assert answer.complete
    row = recorded.log.wait_calls()[0]
    expected = {
        "id": int(answer.header("x-spantop-call-id")), "state": "done", "method": "POST", "path": "/v1/messages?beta=true",
        "status": 200, "error_type": None, "stop_reason": "end_turn", "model_asked": "claude-opus-5-5",
        "model_served": "claude-opus-5-5", "provider_pinned": None, "tokens_in": 11, "tokens_cache_read": 700,
        "tokens_cache_write_5m": 20, "tokens_cache_write_1h": 30, "tokens_out": 42, "bytes_in": len(BODY),
        "bytes_out": len(answer.body), "request_id": "req_1", "respan_log_id": "log_1", "attempt": 1, "body_state": "kept",
        "session_id": "11111111-2222-3333-4444-555555555555", "agent_id": "a1", "parent_agent_id": "a0", "provider_served": None,
    }
    assert {name: row[name] for name in expected} == expected
    assert 0 <= row["ttfb_ms"] <= row["ttft_ms"] <= row["duration_ms"]
    assert row["started_at"] <= row["finished_at"]


def test_provider_served_is_what_a_header_says(gateway):
    gateway.messages(BODY)
    answer = gateway.messages(BODY, [("X-Respan-Route-Provider", "vertex_ai")])
    row = gateway.log.wait_calls(2)[1]
    assert row["provider_pinned"] == "vertex_ai"
    assert row["provider_served"] == answer.header("x-respan-provider", row["provider_served"])


def test_plain_answer(recorded, recorder):
    body = json.dumps({"id": "m", "type": "message", "model": "claude-x", "content": [{"type": "text", "text": "hi"}],
                       "stop_reason": "max_tokens", "usage": {"input_tokens": 5, "output_tokens": 6}}).encode()
    recorder.answer(plain(body, headers=[("Content-Type", "application/json")]))
    recorded.messages(BODY)
    row = recorded.log.wait_calls()[0]
    assert (row["tokens_in"], row["tokens_out"], row["model_served"], row["stop_reason"]) == (5, 6, "claude-x", "max_tokens")


def test_packed_stream_is_read_and_passed_as_it_is(recorded, recorder):
    packer = zlib.compressobj(wbits=31)
    packed = packer.compress(START + TEXT + DELTA + STOP) + packer.flush()
    recorder.answer(stream(packed, headers=b"Content-Encoding: gzip\r\n"), b"0\r\n\r\n")
    assert recorded.messages(BODY).body == packed
    row = recorded.log.wait_calls()[0]
    assert (row["tokens_in"], row["tokens_out"], row["stop_reason"]) == (11, 42, "end_turn")


def test_aborted_stream_keeps_what_was_seen(recorded, recorder):
    recorder.answer(stream(START, TEXT), threading.Event())
    with recorded.connect() as client:
        client.send_request("POST", TARGET, [], BODY)
        answer = client.read_head()
        pieces = client.pieces(answer)
        while b"Hello there" not in answer.body:
            next(pieces)
    row = recorded.log.wait_calls()[0]
    assert (row["state"], row["status"], row["tokens_in"], row["tokens_cache_read"]) == ("aborted", 200, 11, 700)
    assert row["ttft_ms"] is not None


def test_aborted_before_an_answer_has_no_status(recorded, recorder):
    recorder.answer(threading.Event())
    with recorded.connect() as client:
        client.send_request("POST", TARGET, [], BODY)
        recorder.wait_request()
    row = recorded.log.wait_calls()[0]
    assert (row["state"], row["status"], row["ttfb_ms"]) == ("aborted", None, None)


def test_upstream_error_is_named(recorded, recorder):
    recorder.answer(plain(b'{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}', "529 Overloaded",
                          [("Content-Type", "application/json")]))
    recorded.messages(BODY)
    row = recorded.log.wait_calls()[0]
    assert (row["state"], row["status"], row["error_type"], row["error_message"]) == ("error", 529, "overloaded_error", "Overloaded")


def test_row_is_open_while_the_call_runs_and_moves(recorded, recorder):
    gates = [threading.Event() for _ in range(2)]
    recorder.answer(stream(START), gates[0], chunk(TEXT * 50), gates[1], b"0\r\n\r\n")
    with recorded.connect() as client:
        client.send_request("POST", TARGET, [], BODY)
        answer = client.read_head()
        row = recorded.log.wait_calls(1, "state = 'open'")[0]
        assert row["model_asked"] == "claude-opus-5-5" and row["status"] is None
        assert recorded.health()["in_flight"] == 1
        wait_for(lambda: not gates[0].wait(0.25), what="the pace of progress")
        gates[0].set()
        wait_for(lambda: recorded.log.query("SELECT bytes_out FROM progress WHERE bytes_out > 1000"), what="progress in the log")
        gates[1].set()
        for _ in client.pieces(answer):
            pass
    assert recorded.log.wait_calls()[0]["state"] == "done"
    assert recorded.log.query("SELECT * FROM progress") == []


def test_own_errors_have_rows_with_their_type(stage, recorder):
    gateway = stage.gateway(recorder)
    recorder.answer(CLOSE)
    gateway.messages(BODY)
    row = gateway.log.wait_calls()[0]
    assert row["error_type"] == "upstream_cut" and row["error_message"] and row["tokens_in"] is None


def test_headers_are_kept_without_secrets(recorded, recorder):
    recorder.answer(plain(b"{}", headers=[("request-id", "r"), ("Set-Cookie", "secret-cookie"), ("X-Unknown", "secret-value")]))
    recorded.messages(BODY, [("anthropic-beta", "x-2026"), ("X-Mine", "secret-mine")])
    recorded.log.wait_calls()
    row = recorded.log.query("SELECT * FROM calls")[0]
    request, response = json.loads(row["request_headers"]), json.loads(row["response_headers"])
    assert ["anthropic-beta", "x-2026"] in request and ["request-id", "r"] in response
    text = json.dumps([request, response])
    assert KEY not in text and "secret-" not in text
    assert {"x-api-key", "X-Mine"} <= {name for name, _ in request}


def test_every_id_is_its_own_and_rises(recorded):
    ids = [int(recorded.messages(b"{}").header("x-spantop-call-id")) for _ in range(20)]
    assert ids == sorted(set(ids))
    assert [row["id"] for row in recorded.log.wait_calls(20)] == ids


def test_answer_above_16_mb_passes_and_its_body_is_flagged(recorded, recorder):
    body = b"0123456789abcdef" * (1 << 20) + b"!"
    recorder.answer(plain(body))
    assert recorded.messages(BODY).body == body
    row = recorded.log.wait_calls()[0]
    assert (row["state"], row["bytes_out"], row["body_state"]) == ("done", len(body), "dropped")


def test_no_bodies_keeps_none(stage, recorder):
    gateway = stage.gateway(recorder, "--no-bodies")
    recorder.answer(stream(START, TEXT, DELTA, STOP), b"0\r\n\r\n")
    gateway.messages(BODY.replace(b"hi", b"a-word-to-be-found"))
    row = gateway.log.wait_calls()[0]
    assert (row["body_state"], row["tokens_out"], row["model_asked"]) == ("off", 42, "claude-opus-5-5")
    gateway.stop()
    assert all(b"a-word-to-be-found" not in p.read_bytes() for p in gateway.log.path.parent.glob("log.db*"))


def test_anything_below_the_base_has_a_row(recorded):
    recorded.request("BREW", "/api/anthropic/v1/pots/1?x=%2F")
    recorded.request("GET", "/api/anthropic/other")
    rows = recorded.log.wait_calls(2)
    assert [(r["method"], r["path"], r["state"]) for r in rows] == [("BREW", "/v1/pots/1?x=%2F", "done"), ("GET", "/other", "done")]


# -- The model list -------------------------------------------------------------
def test_model_list_of_the_upstream_is_passed_on(recorded, recorder):
    recorder.answer(plain(b'{"data":[{"id":"claude-x"}]}', headers=[("X-List", "1")]))
    answer = recorded.request("GET", "/api/anthropic/v1/models?limit=1000", [("x-api-key", KEY)])
    assert (answer.status, answer.body, answer.header("x-list")) == (200, b'{"data":[{"id":"claude-x"}]}', "1")
    assert recorder.requests[0].target == "/api/anthropic/v1/models?limit=1000"
    row = recorded.log.wait_calls()[0]
    assert (row["state"], row["method"], row["path"], row["status"]) == ("done", "GET", "/v1/models?limit=1000", 200)


def catalog_answer(gateway):
    answer = gateway.request("GET", "/v1/models", [("x-api-key", KEY)])
    data = json.loads(answer.body)["data"]
    assert answer.status == 200 and data
    assert all(m["type"] == "model" and m["id"].startswith(("claude", "anthropic")) and m["display_name"] for m in data)
    return data


def test_model_list_comes_from_the_catalog_when_the_upstream_has_none(recorded, recorder):
    recorder.answer(plain(b"{}", "404 Not Found"))
    catalog_answer(recorded)
    catalog_answer(recorded)
    assert len(recorder.requests) == 1, "a 404 is to be remembered"
    assert [r["status"] for r in recorded.log.wait_calls(2)] == [200, 200]


@pytest.mark.parametrize("steps", [(plain(b"{}", "401 No"),), (CLOSE,), (plain(b"", "307 Moved", [("Location", "http://x/")]),)])
def test_model_list_comes_from_the_catalog_when_the_upstream_fails(recorded, recorder, steps):
    for _ in range(2):
        recorder.answer(*steps)
        catalog_answer(recorded)
    assert len(recorder.requests) == 2, "only a 404 is to be remembered"


def test_model_list_waits_a_second_and_a_half(recorded, recorder):
    recorder.answer(threading.Event())
    catalog_answer(recorded)
    assert recorder.requests[0].left.wait(5)
    row = recorded.log.wait_calls()[0]
    assert 1400 <= row["duration_ms"] < 2900 or row["duration_ms"] > 1400


# -- Routes ---------------------------------------------------------------------------
def test_model_switch_replaces_only_the_model(recorded, recorder):
    body = b'{"messages":[{"model":"inner"}], "model" : "claude-opus-5-5" ,"x":1e400,"model":"claude-opus-5-5"}'
    recorded.log.execute("INSERT INTO routes(set_model) VALUES('claude-sonnet-5')")
    assert recorded.messages(body).status == 200
    request = recorder.wait_request()
    assert request.body == body.replace(b"claude-opus-5-5", b"claude-sonnet-5")
    assert request.all("content-length") == [str(len(request.body))]
    row = recorded.log.wait_calls()[0]
    assert (row["model_asked"], row["model_sent"], row["bytes_in"]) == ("claude-opus-5-5", "claude-sonnet-5", len(body))


def test_switch_holds_from_the_very_next_call_and_lets_go(recorded, recorder):
    body = b'{"model":"a"}'
    recorded.messages(body)
    route = recorded.log.execute("INSERT INTO routes(set_model) VALUES('b')")
    recorded.messages(body)
    recorded.log.execute("UPDATE routes SET enabled = 0 WHERE id = ?", route)
    recorded.messages(body)
    assert [r.body for r in recorder.requests] == [body, b'{"model":"b"}', body]


def test_pin_replaces_the_clients_own(recorded, recorder):
    recorded.log.execute("INSERT INTO routes(set_provider) VALUES('bedrock')")
    body = b' {"model" : "a"} '
    recorded.messages(body, [("x-respan-route-provider", "vertex_ai"), ("Z", "1")])
    recorded.messages(body)
    assert [r.all("x-respan-route-provider") for r in recorder.requests] == [["bedrock"], ["bedrock"]]
    assert [r.body for r in recorder.requests] == [body, body]
    assert [row["provider_pinned"] for row in recorded.log.wait_calls(2)] == ["bedrock", "bedrock"]


def test_parameters_are_merged_and_the_clients_keys_win(recorded, recorder):
    recorded.log.execute("INSERT INTO routes(params_json) VALUES(?)", '{"cache_enabled":true,"customer_identifier":"route"}')
    mine = base64.b64encode(b'{"customer_identifier":"mine"}').decode()
    recorded.messages(b"{}", [("X-Data-Keywordsai-Params", mine)])
    request = recorder.wait_request()
    assert request.header("x-data-keywordsai-params") is None
    assert json.loads(base64.b64decode(request.header("x-data-respan-params"))) == {"cache_enabled": True,
                                                                                    "customer_identifier": "mine"}


def test_session_route_touches_that_session_alone(recorded, recorder):
    recorded.log.execute("INSERT INTO routes(session_id, set_model) VALUES('s1', 'b')")
    for session in ("s1", "s2"):
        recorded.messages(b'{"model":"a"}', [("X-Claude-Code-Session-Id", session)])
    recorded.messages(b'{"model":"a"}')
    assert [r.body for r in recorder.requests] == [b'{"model":"b"}', b'{"model":"a"}', b'{"model":"a"}']


@pytest.mark.parametrize("method,target", [("POST", "/v1/other"), ("PUT", "/v1/messages"), ("POST", "/v1/messages/batches")])
def test_routes_leave_other_requests_alone(recorded, recorder, method, target):
    recorded.log.execute("INSERT INTO routes(set_model, set_provider) VALUES('b', 'bedrock')")
    recorded.request(method, target, [], b'{"model":"a"}')
    request = recorder.wait_request()
    assert request.body == b'{"model":"a"}' and request.header("x-respan-route-provider") is None


def test_health_tells_which_routes_are_in_force(recorded):
    before = recorded.health()["routes_version"]
    recorded.log.execute("INSERT INTO routes(set_model) VALUES('b')")
    assert recorded.health()["routes_version"] > before
