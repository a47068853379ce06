"""The simulated Respan itself: what it serves, breaks and remembers (src/sim/sim.h)."""
import base64
import gzip
import json
import socket
import time

import pytest
from spantop import KEY, wait_for
from wire import Client

MESSAGES = "/api/anthropic/v1/messages"
MARK = {"type": "ephemeral"}


def body(text="hello", stream=True, model="claude-sonnet-5", **more):
    return {"model": model, "max_tokens": 4000, "stream": stream, "messages": [{"role": "user", "content": text}], **more}


def ask(sim, message=None, headers=(), target=MESSAGES, method="POST", key=KEY):
    data = b"" if message is None else json.dumps(message).encode()
    with Client("127.0.0.1", sim.port) as client:
        client.send_request(method, target, [("x-api-key", key), *headers], data)
        return client.read_response(method)


def get(sim, target, headers=(("Authorization", "Bearer " + KEY),)):
    with Client("127.0.0.1", sim.port) as client:
        client.send_request("GET", target, list(headers))
        answer = client.read_response("GET")
    return answer.status, json.loads(answer.body)


def events(answer):
    """[(name, data)] of an SSE body."""
    found = []
    for block in answer.body.decode().split("\n\n"):
        lines = dict(line.split(": ", 1) for line in block.splitlines() if ": " in line)
        if lines:
            found.append((lines.get("event"), json.loads(lines["data"])))
    return found


def text_of(answer):
    return "".join(data["delta"].get("text", "") for name, data in events(answer) if name == "content_block_delta")


def usage_of(answer):
    return next(data["usage"] for name, data in events(answer) if name == "message_delta")


def test_stream_has_the_shape_of_anthropics(sim):
    tools = [{"name": "Bash", "input_schema": {"type": "object"}}]
    answer = ask(sim, body('[[sim think let me see]] [[sim text wörter → 語]] [[sim tool Bash {"command":"echo hi"}]]', tools=tools))
    assert answer.status == 200 and answer.complete
    assert answer.header("content-type").startswith("text/event-stream")
    assert answer.header("x-respan-provider") == "anthropic"
    assert answer.header("x-respan-log-id") and answer.header("x-respan-gateway-request-id") and answer.header("request-id")
    seen = events(answer)
    names = [name for name, _ in seen]
    assert names[:3] == ["message_start", "content_block_start", "ping"]
    assert names[-2:] == ["message_delta", "message_stop"]
    assert names.count("content_block_start") == names.count("content_block_stop") == 3
    for name, data in seen:
        assert data["type"] == name
    kinds = [data["content_block"]["type"] for name, data in seen if name == "content_block_start"]
    assert kinds == ["thinking", "text", "tool_use"]
    deltas = [data["delta"] for name, data in seen if name == "content_block_delta"]
    assert "".join(d.get("thinking", "") for d in deltas) == "let me see"
    assert "".join(d.get("text", "") for d in deltas) == "wörter → 語"
    assert json.loads("".join(d.get("partial_json", "") for d in deltas)) == {"command": "echo hi"}
    assert any(d.get("signature") for d in deltas)
    message = seen[0][1]["message"]
    assert message["model"] == "claude-sonnet-5" and message["content"] == [] and message["stop_reason"] is None
    final = seen[-2][1]
    assert final["delta"]["stop_reason"] == "tool_use"
    assert final["usage"]["output_tokens"] > message["usage"]["output_tokens"]
    assert set(final["usage"]["cache_creation"]) == {"ephemeral_5m_input_tokens", "ephemeral_1h_input_tokens"}


def test_plain_answer_is_one_json_object(sim):
    answer = ask(sim, body("[[sim text hello]]", stream=False))
    message = json.loads(answer.body)
    assert message["content"] == [{"type": "text", "text": "hello"}]
    assert message["stop_reason"] == "end_turn"
    assert int(answer.header("content-length")) == len(answer.body)


def test_speed_is_a_persons_times_the_factor(stage):
    sim = stage.sim(config={"speed": 10, "first_ms": 0})
    with Client("127.0.0.1", sim.port) as client:
        client.send_request("POST", MESSAGES, [("x-api-key", KEY)], json.dumps(body("[[sim words 150]]")).encode())
        answer = client.read_head()
        times = [time.monotonic() for _ in client.pieces(answer, "POST")]
    tokens = usage_of(answer)["output_tokens"]
    # At most 85 tokens a second, tenfold; how much slower it is depends on the machine.
    assert len(times) > 20 and times[-1] - times[0] > tokens / 85 / 10 * 0.8


@pytest.mark.parametrize("status, marks", [
    (400, b'"type":"invalid_request_error"'), (401, b'{"detail":'), (402, b'{"detail":'), (403, b'{"detail":'), (404, b'{"detail":'),
    (413, b"request_too_large"), (422, b'"errors":{'), (429, b'"retry_after":60'), (500, b'{"error":"'), (502, b"<html>"),
    (503, b'{"message":'), (529, b"overloaded_error")])
def test_errors_have_respans_shapes(sim, status, marks):
    sim.faults({"status": status})
    answer = ask(sim, body())
    assert answer.status == status and marks in answer.body and answer.complete
    assert ask(sim, body()).status == 200  # once was asked for


def test_status_fault_takes_shape_body_and_headers(sim):
    sim.faults({"status": 529, "shape": "provider", "headers": {"retry-after": "2"}}, {"status": 418, "body": {"odd": 1}},
               {"status": 200, "body": "<html>", "headers": {"content-type": "text/html"}}, {"status": 502, "shape": "empty"})
    first, second, third, fourth = (ask(sim, body()) for _ in range(4))
    assert first.header("retry-after") == "2" and json.loads(first.body)["error"]["type"] == "overloaded_error"
    assert second.status == 418 and json.loads(second.body) == {"odd": 1}
    assert third.all("content-type") == ["text/html"] and third.body == b"<html>"
    assert fourth.status == 502 and fourth.body == b""


CUTS = ["headers", "mid_headers", "first_event", "mid_event", "mid_utf8", "between_events", "before_end", "terminator"]


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("fault", ["reset", "close"])
@pytest.mark.parametrize("stage_name", CUTS)
def test_cut_is_seen_as_cut(sim, stage_name, fault, stream):
    sim.faults({"stage": stage_name, "fault": fault})
    with Client("127.0.0.1", sim.port) as client:
        client.send_request("POST", MESSAGES, [("x-api-key", KEY)], json.dumps(body("[[sim words 80]]", stream=stream)).encode())
        try:
            answer = client.read_response("POST")
        except Exception as broken:  # no head came at all
            assert stage_name in ("headers", "mid_headers"), broken
            return
    assert stage_name not in ("headers", "mid_headers")
    if stage_name == "terminator" and not stream:
        return  # all of the announced length was there
    assert not answer.complete
    if stream:
        assert (b"message_stop" in answer.body) == (stage_name == "terminator")
        assert (b"message_start" in answer.body) == (stage_name != "first_event")
    if stage_name == "mid_utf8":
        with pytest.raises(UnicodeDecodeError):
            answer.body.decode()
    wait_for(lambda: sim.requests()[-1]["state"] == "fault", what="the record to say fault")


def test_connect_fault_breaks_before_anything_is_read(sim):
    sim.faults({"stage": "connect", "fault": "reset"})
    with pytest.raises(Exception):
        ask(sim, body())
    assert sim.requests() == []
    assert ask(sim, body()).status == 200


@pytest.mark.parametrize("fault, check", [
    ("gzip", lambda a: a.header("content-encoding") == "gzip" and b"message_stop" in gzip.decompress(a.body)),
    ("http10", lambda a: a.version == "HTTP/1.0" and b"message_stop" in a.body and not a.all("transfer-encoding")),
    ("dup_headers", lambda a: len(a.all("content-type")) == 2 and len(a.all("request-id")) == 2),
    ("wrong_length", lambda a: not a.complete and b"message_stop" in a.body),
    ("redirect", lambda a: a.status == 307 and a.header("location")),
    ("crlf", lambda a: b"event: message_stop\r\n" in a.body),
    ("comments", lambda a: b": a comment" in a.body and b"message_stop" in a.body),
    ("no_event_lines", lambda a: b"event:" not in a.body and b"message_stop" in a.body),
    ("plain_json", lambda a: json.loads(a.body)["role"] == "assistant"),
    ("long_line", lambda a: len(a.header("x-long")) == 200000),
])
def test_odd_answers(sim, fault, check):
    sim.faults({"fault": fault})
    answer = ask(sim, body("[[sim words 60]]"))
    assert check(answer), answer


def test_garbage_long_event_and_error_event_inside_the_stream(sim):
    sim.faults({"stage": "mid_event", "fault": "garbage", "bytes": 300}, {"stage": "between_events", "fault": "long_line", "bytes": 70000},
               {"stage": "mid_event", "fault": "error_event"}, {"stage": "first_event", "fault": "bad_chunk"})
    garbage, long_line, error = (ask(sim, body("[[sim words 60]]")) for _ in range(3))
    assert garbage.complete and b"message_stop" in garbage.body
    with pytest.raises(ValueError):
        events(garbage)
    assert long_line.complete and b"a" * 70000 in long_line.body and events(long_line)
    assert events(error)[-1][0] == "error" and error.complete
    with pytest.raises(ValueError):  # a chunk length that is none
        ask(sim, body("[[sim words 60]]"))


def test_drip_and_interim_answers_arrive_whole(sim):
    sim.faults({"stage": "mid_event", "fault": "drip"}, {"fault": "1xx"})
    assert text_of(ask(sim, body("[[sim text slowly but surely]]"))) == "slowly but surely"
    with Client("127.0.0.1", sim.port) as client:
        client.send_request("POST", MESSAGES, [("x-api-key", KEY)], json.dumps(body()).encode())
        assert [client.read_head().status for _ in range(3)] == [100, 103, 200]


def test_stall_lasts_until_the_client_leaves_and_says_when(sim):
    sim.faults({"stage": "mid_event", "fault": "stall"})
    client = Client("127.0.0.1", sim.port)
    client.send_request("POST", MESSAGES, [("x-api-key", KEY)], json.dumps(body("[[sim words 60]]")).encode())
    client.read_head()
    assert sim.status()["in_flight"] == 1
    client.close()
    wait_for(lambda: sim.status()["in_flight"] == 0, what="the stalled answer to end")
    assert sim.ledger()["rows"][-1]["state"] == "cut"


def test_client_that_leaves_is_an_aborted_call(sim):
    sim.script({"text": "word " * 200, "chunks": 200, "delay_ms": 20})
    client = Client("127.0.0.1", sim.port)
    client.send_request("POST", MESSAGES, [("x-api-key", KEY)], json.dumps(body()).encode())
    pieces = client.pieces(client.read_head(), "POST")
    for _ in range(6):
        next(pieces)
    client.close()
    [request] = wait_for(lambda: [r for r in sim.requests() if r["state"] == "gone"], what="the record to say gone")
    assert request["left_after_ms"] < 4000 and request["events_sent"] < 200
    row = sim.ledger()["rows"][-1]
    assert row["state"] == "aborted" and 0 < row["usage"]["output_tokens"] < 200 and row["told"]["output_tokens"] == 1


def test_faults_match_and_skip(sim):
    sim.faults({"status": 529, "match": {"model": "*opus*"}}, {"status": 503, "skip": 1, "match": {"session": "s1"}})
    session = [("X-Claude-Code-Session-Id", "s1")]
    assert [ask(sim, body()).status, ask(sim, body(model="claude-opus-5-5")).status] == [200, 529]
    assert [ask(sim, body(), session).status for _ in range(3)] == [200, 503, 200]
    with pytest.raises(OSError):
        sim.faults({"stage": "nowhere", "fault": "reset"})


def test_requests_are_kept_byte_for_byte(sim):
    odd = b'{"model":"claude-sonnet-5", "a":1e400,"a":2,\x00"\xff'
    with Client("127.0.0.1", sim.port) as client:
        client.send_request("POST", MESSAGES + "?beta=true&x=%2F+", [("x-api-key", KEY), ("X-Odd", "  spaced  ")], odd, chunked=[odd[:7], odd[7:]])
        assert client.read_response("POST").status == 400
        client.send_request("GET", "/api/health-check/")  # the same connection
        assert client.read_response("GET").status == 200
    [first] = sim.requests()
    assert sim.body(first["n"]) == odd and first["body_len"] == len(odd) and first["chunked"]
    assert first["target"] == MESSAGES + "?beta=true&x=%2F+"
    assert [name for name, _ in first["headers"]] == ["Host", "x-api-key", "X-Odd", "Transfer-Encoding"]
    [second] = sim.requests(method="GET")
    assert second["connection"] == first["connection"]


def test_pipelined_requests_are_answered_in_order(sim):
    with Client("127.0.0.1", sim.port) as client:
        one = json.dumps(body("[[sim text one]]")).encode()
        two = json.dumps(body("[[sim text two]]")).encode()
        head = b"POST " + MESSAGES.encode() + b" HTTP/1.1\r\nHost: x\r\nx-api-key: k\r\nContent-Length: "
        client.send(b"".join(head + str(len(b)).encode() + b"\r\n\r\n" + b for b in (one, two)))
        assert [text_of(client.read_response("POST")) for _ in range(2)] == ["one", "two"]


def test_twenty_megabytes_arrive(sim):
    text = "x" * (20 << 20)
    answer = ask(sim, body(text, stream=False, system="[[sim text no]]"))
    assert answer.status == 200
    assert sim.requests()[-1]["body_len"] > 20 << 20


def test_prompt_cache_reads_writes_and_expires(sim):
    def turn(*texts, ttl=None):
        blocks = [{"type": "text", "text": t} for t in texts]
        blocks[-1]["cache_control"] = MARK | ({"ttl": ttl} if ttl else {})
        return usage_of(ask(sim, body(blocks)))

    big, more = "a" * 8000, "b" * 8000
    first = turn(big)
    assert first["cache_read_input_tokens"] == 0 and first["cache_creation_input_tokens"] > 1900
    assert first["cache_creation"]["ephemeral_5m_input_tokens"] == first["cache_creation_input_tokens"]
    second = turn(big, more)
    assert second["cache_read_input_tokens"] == first["cache_creation_input_tokens"]
    assert second["cache_creation_input_tokens"] > 1900
    sim.clock(advance_ms=299_000)
    assert turn(big, more)["cache_creation_input_tokens"] == 0
    sim.clock(advance_ms=301_000)
    assert turn(big, more, ttl="1h")["cache_creation"]["ephemeral_1h_input_tokens"] > 3900
    sim.clock(advance_ms=3_599_000)
    assert turn(big, more, ttl="1h")["cache_read_input_tokens"] > 3900
    pinned = ask(sim, body([{"type": "text", "text": big}, {"type": "text", "text": more, "cache_control": MARK}]),
                 [("X-Respan-Route-Provider", "vertex_ai")])
    assert usage_of(pinned)["cache_read_input_tokens"] == 0
    assert pinned.header("x-respan-provider") == "vertex_ai"
    sim.config(provider_header=False)
    assert ask(sim, body()).header("x-respan-provider") is None
    assert events(pinned)[0][1]["message"]["id"].startswith("msg_vrtx_")


def test_parameter_rules_of_the_models(sim):
    haiku = body(model="claude-haiku-4-5-20251001", thinking={"type": "adaptive"})
    refused = ask(sim, haiku)
    assert refused.status == 400 and b"adaptive thinking is not supported on this model" in refused.body
    assert ask(sim, body(model="claude-opus-5-5", thinking={"type": "enabled", "budget_tokens": 2000})).status == 400
    assert ask(sim, body(model="gpt-4")).status == 404
    count = ask(sim, {"model": "claude-sonnet-5", "messages": [{"role": "user", "content": "a" * 4000}]}, target=MESSAGES + "/count_tokens")
    assert 900 < json.loads(count.body)["input_tokens"] < 1100
    answer = ask(sim, body("same" * 100, stream=False))
    counted = ask(sim, body("same" * 100, stream=False), target=MESSAGES + "/count_tokens?beta=true")
    assert json.loads(answer.body)["usage"]["input_tokens"] == json.loads(counted.body)["input_tokens"]


def params(value):
    return [("X-Data-Respan-Params", base64.b64encode(json.dumps(value).encode()).decode())]


def test_response_cache_answers_the_same_body_for_nothing(sim):
    sim.config(log_latency_ms=0)
    headers = params({"cache_enabled": True, "cache_ttl": 60, "customer_identifier": "c1"})
    first, second = ask(sim, body(), headers), ask(sim, body(), headers)
    assert text_of(first) == text_of(second)
    rows = sim.ledger()["rows"]
    assert [row["cache_hit"] for row in rows] == [False, True]
    assert rows[0]["cost_microusd"] > 0 and rows[1]["cost_microusd"] == 0
    status, row = get(sim, f"/api/request-logs/{second.header('x-respan-log-id')}/")
    assert status == 200 and row["cache_hit"] is True and row["model"] == "respan/cache" and row["cost"] == 0
    assert row["customer_identifier"] == "c1"
    sim.clock(advance_ms=61_000)
    ask(sim, body(), headers)
    ask(sim, body())
    assert [row["cache_hit"] for row in sim.ledger()["rows"]] == [False, True, False, False]


def test_log_row_is_late_and_agrees_with_the_ledger(sim):
    sim.config(log_latency_ms=400)
    answer = ask(sim, body(model="claude-opus-5-5"))
    path = f"/api/request-logs/{answer.header('x-respan-log-id')}/"
    assert get(sim, path)[0] == 404
    row = wait_for(lambda: (lambda got: got[1] if got[0] == 200 else None)(get(sim, path)), what="the log row")
    [entry] = sim.ledger()["rows"]
    usage = usage_of(answer)
    assert entry["usage"]["input_tokens"] == usage["input_tokens"] and entry["usage"]["output_tokens"] == usage["output_tokens"]
    assert entry["cost_nanousd"] == usage["input_tokens"] * 4000 + usage["output_tokens"] * 20000
    assert round(row["cost"] * 1e9) == entry["cost_nanousd"]
    assert (row["status_code"], row["provider_id"], row["model"]) == (200, "anthropic", "claude-opus-5-5")
    assert row["limit_info"]["limits"][0]["name"] == "org_credits"
    assert get(sim, path, headers=())[0] == 401


def test_log_list_pages_and_filters(sim):
    sim.config(log_latency_ms=0)
    for number in range(5):
        ask(sim, body(f"number {number}"))
    sim.faults({"status": 500})
    ask(sim, body())

    def listed(query, filters):
        with Client("127.0.0.1", sim.port) as client:
            client.send_request("POST", "/api/request-logs/" + query, [("Authorization", "Bearer " + KEY)], json.dumps({"filters": filters}).encode())
            return json.loads(client.read_response("POST").body)

    page = listed("list/?page=2&page_size=4&sort_by=-id", {})
    assert page["count"] == 6 and len(page["results"]) == 2 and page["next"] is None
    assert listed("list/?page_size=4", {})["next"]
    errors = listed("list/", {"status_code": {"operator": "gte", "value": [500]}})
    assert errors["count"] == 1 and errors["results"][0]["status"] == "error"
    wanted = [row["unique_id"] for row in page["results"]]
    assert listed("list/", {"unique_id": {"operator": "in", "value": wanted}})["count"] == 2
    summary = listed("summary/", {})
    assert summary["number_of_requests"] == 6 and round(summary["total_cost"] * 1e9) == sim.ledger()["totals"]["cost_nanousd"]


def test_models_health_and_keys(sim):
    assert get(sim, "/api/health-check/", ())[0] == 200
    status, models = get(sim, "/api/models/public", ())
    assert status == 200 and any(m["model_name"] == "claude-opus-5-5" and m["input_cost"] == 4 for m in models["models"])
    assert isinstance(get(sim, "/api/models/public?unnest=true", ())[1], list)
    assert get(sim, "/api/models/", ())[0] == 401
    assert "cache_hit_input_cost" in get(sim, "/api/models/")[1]["models"][0]
    assert get(sim, "/api/anthropic/v1/models?limit=1000")[0] == 404
    sim.config(models_enabled=True)
    assert get(sim, "/api/anthropic/v1/models?limit=1000")[1]["data"][0]["type"] == "model"
    assert ask(sim, body(), key="bad-key").status == 401
    assert ask(sim, body(), key="").status == 401
    assert ask(sim, None, method="HEAD", target="/api/anthropic/").status == 200
    assert ask(sim, body(), target="/api/anthropic//v1/messages").status == 404


def test_fallback_models_act_when_switched_on(sim):
    headers = params({"fallback_models": ["claude-sonnet-5-5"]})
    assert ask(sim, body(model="claude-gone"), headers).status == 404
    sim.config(fallbacks=True)
    answer = ask(sim, body(model="claude-gone"), headers)
    assert events(answer)[0][1]["message"]["model"] == "claude-sonnet-5-5"
    sim.faults({"status": 529})
    assert ask(sim, body(), headers).status == 200


def test_script_sets_usage_pace_and_events(sim):
    sim.script({"text": "abcdef", "chunks": 3, "usage": {"input_tokens": 7, "output_tokens": 9, "cache_creation": {"ephemeral_1h_input_tokens": 5}}},
               {"events": [{"event": "odd", "data": {"type": "odd"}}]}, {"text": "bare", "usage": {"output_tokens": None}})
    first = ask(sim, body())
    assert [d["delta"]["text"] for n, d in events(first) if n == "content_block_delta"] == ["ab", "cd", "ef"]
    assert (usage_of(first)["input_tokens"], usage_of(first)["output_tokens"]) == (7, 9)
    assert sim.ledger()["rows"][0]["cost_nanousd"] == 7 * 2000 + 5 * 4000 + 9 * 10000
    assert events(ask(sim, body())) == [("odd", {"type": "odd"})]
    assert "output_tokens" not in usage_of(ask(sim, body()))


def test_header_dictates_the_answer(sim):
    header = [("x-sim-answer", base64.b64encode(json.dumps({"text": "dictated"}).encode()).decode())]
    assert text_of(ask(sim, body("[[sim text from the prompt]]"), header)) == "dictated"


def test_same_seed_gives_the_same_answers(stage):
    texts = []
    for seed in ("7", "7", "8"):
        sim = stage.sim("--seed", seed)
        texts.append([text_of(ask(sim, body(f"explain the parser {n}"))) for n in range(3)])
    assert texts[0] == texts[1] != texts[2]


def test_reset_forgets_everything(sim):
    sim.faults({"status": 500, "times": 0})
    sim.script({"text": "x"})
    ask(sim, body())
    sim.reset()
    assert sim.requests() == [] and sim.ledger()["rows"] == []
    assert sim.status()["script"] == sim.status()["faults"] == 0


def test_malformed_requests_are_refused(sim):
    for raw, status in ((b"nonsense\r\n\r\n", 400), (b"GET / HTTP/1.1\r\nno colon\r\n\r\n", 400),
                        (b"GET / HTTP/1.1\r\nx: " + b"a" * (300 << 10) + b"\r\n\r\n", 431),
                        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400)):
        with Client("127.0.0.1", sim.port) as client:
            client.send(raw)
            assert client.read_head().status == status


def test_ends_at_once_on_sigterm_with_streams_open(stage):
    sim = stage.sim(config={"speed": 1})
    clients = [Client("127.0.0.1", sim.port) for _ in range(5)]
    for client in clients:
        client.send_request("POST", MESSAGES, [("x-api-key", KEY)], json.dumps(body("[[sim words 500]]")).encode())
    wait_for(lambda: sim.status()["in_flight"] == 5, what="five streams")
    began = time.monotonic()
    assert sim.stop() is None
    assert time.monotonic() - began < 3
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.1", sim.port), 1).close()
    for client in clients:
        client.close()
