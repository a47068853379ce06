"""What no route touches passes through the gateway byte for byte."""
import json
import threading

import pytest
from recorder import plain
from spantop import KEY

TARGET = "/api/anthropic/v1/messages?beta=true"
BODIES = {
    "escapes": rb'{"model":"claude-opus-5-5","a":"\u0041\/\b\f\n\r\t\"\\"}',
    "surrogates": rb'{"a":"\ud83d\ude00 \ud800 \udc00"}',
    "large integers": b'{"a":18446744073709551615,"b":-9223372036854775809,"c":1e400,"d":1.0,"e":-0,"f":1E+2}',
    "duplicate keys": b'{"model":"a","model":"b","x":1,"x":2}',
    "white space": b' \r\n\t{ "a" :\t[ 1 ,2 ] \n}\r\n ',
    "key order": b'{"z":1,"a":2,"m":{"y":1,"b":2}}',
    "NUL bytes": b'{"a":"\x00"}\x00\x00tail',
    "no JSON": bytes(range(256)) * 3,
    "broken UTF-8": b'{"a":"\xff\xfe\xc3"}',
    "one byte": b"x",
}


def upstream_body(gateway, recorder, body, **options):
    answer = gateway.request("POST", TARGET, [("x-api-key", KEY)], body, **options)
    assert answer.status == 200, answer
    return recorder.wait_request(len(recorder.requests) or 1).body


@pytest.mark.parametrize("name", BODIES)
@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
def test_body_arrives_unchanged(recorded, recorder, name, chunked):
    assert upstream_body(recorded, recorder, BODIES[name], chunked=chunked) == BODIES[name]


@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
def test_body_of_20_mb_arrives_unchanged(recorded, recorder, chunked):
    body = bytes((i * 7 + i // 251) % 256 for i in range(1 << 16)) * 320
    pieces = [body[i:i + 100_000] for i in range(0, len(body), 100_000)] if chunked else False
    assert upstream_body(recorded, recorder, body, chunked=pieces) == body


def test_chunks_of_odd_sizes_arrive_as_one_body(recorded, recorder):
    pieces = [b"a", b"bc" * 3000, b"\r\n", b"0\r\n\r\n", b"z" * 70001]
    assert upstream_body(recorded, recorder, b"".join(pieces), chunked=pieces) == b"".join(pieces)
    request = recorder.requests[-1]
    assert not request.chunked and request.all("content-length") == [str(len(b"".join(pieces)))]


def test_headers_keep_order_case_and_duplicates(recorded, recorder):
    sent = [("X-B", "2"), ("x-a", "1"), ("X-B", "3, 4"), ("anthropic-BETA", "a-2025,b-2026"), ("X-Empty", ""),
            ("X-Odd", "~!@#$%^&*() \"quoted\" ;x=y:z"), ("Cookie", "a=b"), ("Authorization", "Bearer abc.def"),
            ("x-api-key", KEY), ("Accept", "application/json"), ("User-Agent", "claude-cli/2.1.197 (external, cli)"),
            ("X-Latin", "caf\xe9")]
    recorded.request("POST", TARGET, sent, b"{}")
    got = [h for h in recorder.wait_request().headers if h[0].lower() not in ("host", "accept-encoding", "content-length")]
    assert got == sent


def test_nothing_is_added_but_identity(recorded, recorder):
    recorded.request("POST", TARGET, [("x-api-key", KEY)], b"{}")
    names = sorted(name.lower() for name, _ in recorder.wait_request().headers)
    assert names == ["accept-encoding", "content-length", "host", "x-api-key"]
    assert recorder.requests[0].header("accept-encoding") == "identity"
    assert recorder.requests[0].header("host") == f"127.0.0.1:{recorder.port}"


def test_accept_encoding_is_replaced_where_it_stands(recorded, recorder):
    recorded.request("POST", TARGET, [("a", "1"), ("accept-encoding", "gzip"), ("b", "2"), ("Accept-Encoding", "br")], b"{}")
    names = [h for h in recorder.wait_request().headers if h[0].lower() in ("a", "b", "accept-encoding")]
    assert names == [("a", "1"), ("accept-encoding", "identity"), ("b", "2")]


def test_hop_by_hop_headers_end_at_the_gateway(recorded, recorder):
    recorded.request("POST", TARGET, [("Connection", "keep-alive, X-Mine"), ("X-Mine", "1"), ("Keep-Alive", "timeout=5"),
                                      ("TE", "trailers"), ("Upgrade", "h2c"), ("Proxy-Authorization", "Basic eDp5"),
                                      ("Proxy-Connection", "keep-alive"), ("X-Kept", "1")], b"{}")
    names = {name.lower() for name, _ in recorder.wait_request().headers}
    assert "x-kept" in names
    assert not names & {"connection", "x-mine", "keep-alive", "te", "upgrade", "proxy-authorization", "proxy-connection"}


@pytest.mark.parametrize("sent,got", [
    ("/api/anthropic/v1/messages?beta=true", "/api/anthropic/v1/messages?beta=true"),
    ("/v1/messages?beta=true", "/api/anthropic/v1/messages?beta=true"),
    ("/api/anthropic//v1/messages", "/api/anthropic/v1/messages"),
    ("//v1/messages", "/api/anthropic/v1/messages"),
    ("/v1/x%2Fy%20z%00+?a=&b&&c=%2f+%zz#", "/api/anthropic/v1/x%2Fy%20z%00+?a=&b&&c=%2f+%zz#"),
    ("/v1/../v1/./messages//x/", "/api/anthropic/v1/../v1/./messages//x/"),
    ("/v1/messages?", "/api/anthropic/v1/messages?"),
    ("/v1", "/api/anthropic/v1"),
    ("/api/anthropic/other?x=1", "/api/anthropic/other?x=1"),
    ("/v1/\xe9", "/api/anthropic/v1/\xe9"),
    ("/v1/a\"<>{}|^`[]", "/api/anthropic/v1/a\"<>{}|^`[]"),
])
def test_target_arrives_byte_exact(recorded, recorder, sent, got):
    recorded.request("GET", sent, [("x-api-key", KEY)])
    assert recorder.wait_request().target == got


@pytest.mark.parametrize("base", ["api/anthropic", "api/anthropic/", "", "deep/er/"])
def test_exactly_one_slash_joins_base_and_target(stage, recorder, base):
    gateway = stage.gateway(f"http://127.0.0.1:{recorder.port}/{base}")
    gateway.request("GET", "/v1/x")
    assert recorder.wait_request().target == "/" + "/".join(part for part in [base.strip("/"), "v1/x"] if part)


@pytest.mark.parametrize("method", ["GET", "DELETE", "PUT", "PATCH", "OPTIONS", "BREW", "HEAD"])
def test_any_method_is_forwarded(recorded, recorder, method):
    body = b"{}" if method in ("DELETE", "PUT", "PATCH") else b""
    recorder.answer(plain(b"ok") if method != "HEAD" else b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n")
    answer = recorded.request(method, "/v1/things/1", [("x-api-key", KEY)], body)
    request = recorder.wait_request()
    assert (answer.status, request.method, request.body) == (200, method, body)
    if method == "HEAD":
        assert answer.header("content-length") == "7" and answer.body == b""
    if not body and method != "PATCH":
        assert request.header("content-length") is None


def test_post_without_a_body_keeps_its_length_of_zero(recorded, recorder):
    recorded.request("POST", "/v1/empty", [("x-api-key", KEY)])
    request = recorder.wait_request()
    assert request.all("content-length") == ["0"] and request.body == b""


def test_answer_passes_unchanged(recorded, recorder):
    body = bytes(range(256)) * 4
    recorder.answer(b"HTTP/1.1 418 Odd\r\nContent-Type: x/y\r\nX-A: 1\r\nx-a: 2\r\nContent-Length: 1024\r\nX-Respan-Log-Id: l1\r\n"
                    b"Connection: X-Hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=4\r\nSet-Cookie: a=b\r\nSet-Cookie: c=d\r\n"
                    b"Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n\r\n" + body)
    answer = recorded.messages(b"{}")
    assert (answer.status, answer.body, answer.complete) == (418, body, True)
    kept = [h for h in answer.headers if h[0].lower() not in ("x-spantop-call-id", "connection")]
    assert sorted(kept) == sorted([("Content-Type", "x/y"), ("X-A", "1"), ("x-a", "2"), ("Content-Length", "1024"),
                                   ("X-Respan-Log-Id", "l1"), ("Set-Cookie", "a=b"), ("Set-Cookie", "c=d"),
                                   ("Date", "Thu, 01 Jan 1970 00:00:00 GMT")])
    assert [h for h in kept if h[0] != "Content-Length"] == [h for h in (
        ("Content-Type", "x/y"), ("X-A", "1"), ("x-a", "2"), ("X-Respan-Log-Id", "l1"), ("Set-Cookie", "a=b"),
        ("Set-Cookie", "c=d"), ("Date", "Thu, 01 Jan 1970 00:00:00 GMT"))]
    assert answer.header("x-spantop-call-id").isdigit()


def test_encoded_answer_is_not_unpacked(recorded, recorder):
    packed = b"\x1f\x8b\x08\x00 not even gzip"
    recorder.answer(plain(packed, headers=[("Content-Encoding", "gzip"), ("Content-Type", "application/json")]))
    answer = recorded.messages(b"{}")
    assert answer.body == packed and answer.header("content-encoding") == "gzip"


def test_stream_passes_event_by_event(recorded, recorder):
    """The next event is only sent once the client has the one before."""
    gates = [threading.Event() for _ in range(20)]
    events = [b"event: e\ndata: {\"n\":%d}\n\n" % n for n in range(20)]
    steps = [b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"]
    for event, gate in zip(events, gates):
        steps += [b"%x\r\n%s\r\n" % (len(event), event), gate]
    recorder.answer(*steps, b"0\r\n\r\n")
    with recorded.connect() as client:
        client.send_request("POST", TARGET, [("x-api-key", KEY)], b"{}")
        answer = client.read_head()
        got = 0
        for piece in client.pieces(answer):
            assert answer.body.endswith(events[got]), (got, piece)
            gates[got].set()
            got += 1
        assert (got, answer.body, answer.complete) == (20, b"".join(events), True)


def test_head_arrives_before_the_first_byte_of_the_body(recorded, recorder):
    gate = threading.Event()
    recorder.answer(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n", gate,
                    b"1\r\nx\r\n0\r\n\r\n")
    with recorded.connect() as client:
        client.send_request("POST", TARGET, [], b"{}")
        answer = client.read_head()
        gate.set()
        for _ in client.pieces(answer):
            pass
        assert answer.status == 200 and answer.body == b"x" and answer.complete


def test_answer_with_19_kb_of_headers_passes(recorded, recorder):
    recorder.answer(plain(b"ok", headers=[(f"Y-{n}", "v" * 1000) for n in range(19)]))
    answer = recorded.request("POST", TARGET, [(f"X-{n}", "v" * 1000) for n in range(58)], b"x" * 90_000)
    assert answer.status == 200 and answer.body == b"ok" and len(answer.headers) >= 20


def test_answer_with_too_many_headers_is_502(recorded, recorder):
    recorder.answer(plain(b"ok", headers=[(f"Y-{n}", "v" * 1000) for n in range(30)]))
    answer = recorded.messages(b"{}")
    assert answer.status == 502 and answer.header("x-spantop-error") == "upstream_cut"


@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified"])
def test_answers_without_a_body_leave_the_connection_usable(recorded, recorder, status):
    recorder.answer(f"HTTP/1.1 {status}\r\nETag: x\r\n\r\n".encode())
    recorder.answer(plain(b"next"))
    with recorded.connect() as client:
        client.send_request("GET", "/v1/a")
        first = client.read_response()
        assert first.status == int(status[:3]) and first.header("etag") == "x" and first.body == b""
        client.send_request("GET", "/v1/b")
        assert client.read_response().body == b"next"


def test_interim_answers_are_swallowed(recorded, recorder):
    recorder.answer(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + plain(b"ok"))
    answer = recorded.messages(b"{}")
    assert answer.status == 200 and answer.body == b"ok" and answer.header("link") is None


def test_answer_until_close_ends_well(recorded, recorder):
    recorder.answer(b"HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\n" + b"y" * 100000, "close")
    answer = recorded.messages(b"{}")
    assert answer.body == b"y" * 100000 and answer.complete


@pytest.mark.parametrize("answer", [
    (429, b'{"detail":"Rate limit exceeded","retry_after":60}', [("retry-after", "2")]),
    (529, b'{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}', []),
    (502, b"<html>bad gateway</html>", [("Content-Type", "text/html")]),
    (400, b'{"error":"x"}', []),
    (500, b"", []),
])
def test_upstream_errors_pass_unmodified(recorded, recorder, answer):
    status, body, headers = answer
    recorder.answer(plain(body, f"{status} Oops", headers))
    got = recorded.messages(b"{}")
    assert (got.status, got.body) == (status, body)
    assert all(got.header(name) == value for name, value in headers)
    assert got.header("x-spantop-error") is None


def test_connections_are_kept_on_both_sides(recorded, recorder):
    with recorded.connect() as client:
        for n in range(5):
            client.send_request("POST", TARGET, [("x-api-key", KEY)], json.dumps({"n": n}).encode())
            assert client.read_response().status == 200
    assert recorder.connections == 1 and [r.body for r in recorder.requests] == [b'{"n": %d}' % n for n in range(5)]


def test_pipelined_requests_are_answered_in_order(recorded, recorder):
    for n in range(3):
        recorder.answer(plain(b"%d" % n))
    with recorded.connect() as client:
        for _ in range(3):
            client.send_request("POST", TARGET, [], b"{}")
        assert [client.read_response().body for _ in range(3)] == [b"0", b"1", b"2"]


def test_expect_100_continue_is_answered_here(recorded, recorder):
    with recorded.connect() as client:
        client.send(b"POST /v1/messages HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n")
        assert client.read_head().status == 100
        client.send(b"abcd")
        assert client.read_response().status == 200
    assert recorder.requests[0].body == b"abcd" and recorder.requests[0].header("expect") is None
