"""Requests that are refused here, and what is answered here."""
import json

import pytest
from spantop import KEY, SLOWER


def raw(gateway, request):
    with gateway.connect() as client:
        client.send(request)
        return client.read_response()


def error_of(answer):
    body = json.loads(answer.body)
    assert body["type"] == "error" and body["error"]["message"] and "request_id" in body, body
    return body["error"]["type"]


def refused(gateway, recorder, request, status, code):
    before = gateway.health()["refused"]
    answer = raw(gateway, request)
    assert answer.status == status, answer
    assert answer.header("x-spantop-error") == code
    error_of(answer)
    assert gateway.health()["refused"] == before + 1
    assert recorder.requests == [] and gateway.log.calls() == []
    return answer


@pytest.mark.parametrize("host", ["evil.example", "evil.example:4777", "127.0.0.1.evil.example", "localhost.evil.example", "",
                                  "127.0.0.2", "[::2]", "localhost:80x", "[::1", "a@127.0.0.1"])
def test_foreign_host_is_refused(recorded, recorder, host):
    refused(recorded, recorder, f"POST /v1/messages HTTP/1.1\r\nHost: {host}\r\nContent-Length: 2\r\n\r\n{{}}".encode(), 403, "host")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "LOCALHOST:99", "[::1]:4777", "127.0.0.1:1"])
def test_own_host_names_pass(recorded, recorder, host):
    assert raw(recorded, f"GET /v1/x HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()).status == 200


def test_whole_url_as_target_is_understood_and_guarded(recorded, recorder):
    refused(recorded, recorder, b"GET http://evil.example/v1/x HTTP/1.1\r\nHost: localhost\r\n\r\n", 403, "host")
    assert raw(recorded, b"GET http://localhost:1/v1/x?y HTTP/1.1\r\nHost: localhost\r\n\r\n").status == 200
    assert recorder.requests[0].target == "/api/anthropic/v1/x?y"


@pytest.mark.parametrize("header,code", [
    ("Origin: https://evil.example", "origin"), ("Origin: null", "origin"), ("Origin: http://127.0.0.1", "origin"),
    ("Sec-Fetch-Site: cross-site", "fetch_site"), ("Sec-Fetch-Site: same-site", "fetch_site"),
])
def test_web_pages_are_refused(recorded, recorder, header, code):
    refused(recorded, recorder, f"POST /v1/messages HTTP/1.1\r\nHost: localhost\r\n{header}\r\nContent-Length: 2\r\n\r\n{{}}".encode(),
            403, code)


@pytest.mark.parametrize("site", ["none", "same-origin"])
def test_own_pages_and_typed_addresses_pass(recorded, site):
    assert raw(recorded, f"GET /v1/x HTTP/1.1\r\nHost: localhost\r\nSec-Fetch-Site: {site}\r\n\r\n".encode()).status == 200


def test_health_is_guarded_too(recorded, recorder):
    refused(recorded, recorder, b"GET /spantop/health HTTP/1.1\r\nHost: evil.example\r\n\r\n", 403, "host")


@pytest.mark.parametrize("lines", [
    "Content-Length: 2\r\nTransfer-Encoding: chunked", "Transfer-Encoding: chunked\r\nContent-Length: 2",
    "Content-Length: 2\r\nContent-Length: 2", "Content-Length: 2\r\nContent-Length: 3",
    "Content-Length: 2\r\nTransfer-Encoding:\r\n chunked",
])
def test_two_ways_to_end_a_request_are_refused(recorded, recorder, lines):
    answer = raw(recorded, f"POST /v1/messages HTTP/1.1\r\nHost: localhost\r\n{lines}\r\n\r\n{{}}\r\n0\r\n\r\n".encode())
    assert answer.status == 400
    assert recorder.requests == [] and recorded.log.calls() == []


@pytest.mark.parametrize("lines", [
    "Content-Length : 5", "Transfer-Encoding : chunked\r\nContent-Length: 5", "Transfer-Encoding:\r\n chunked\r\nContent-Length: 5",
    "X-A: b\r\n Content-Length: 5", "X-A: b\rTransfer-Encoding: chunked\r\nContent-Length: 5", "Content-Length: +5", "Content-Length: 5, 5",
    "Content-Length: 5\r\nContent-Length: 5", "Transfer-Encoding: chunked\r\nContent-Length: 5", "Transfer-Encoding: identity",
    "X-(): b\r\nContent-Length: 5"])
def test_behind_a_malformed_head_nothing_is_read(recorded, recorder, lines):
    """Where it ends nobody knows: what follows may be its body, and is no request."""
    with recorded.connect() as client:
        client.send(f"POST /v1/messages HTTP/1.1\r\nHost: localhost\r\n{lines}\r\n\r\nhello"
                    "GET /v1/smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        answer = client.read_response()
        # libmicrohttpd 1.x has a word of its own for an encoding it does not know.
        assert answer.status in (400, 501) and answer.header("connection") == "close"
        assert client.wait_closed(5 * SLOWER), "the connection goes on"
    assert recorded.messages(b"{}").status == 200
    assert [request.target for request in recorder.requests] == ["/api/anthropic/v1/messages?beta=true"]


def test_behind_too_large_a_head_nothing_is_read(recorded, recorder):
    with recorded.connect() as client:
        client.send(b"GET /v1/x HTTP/1.1\r\nHost: localhost\r\n" + b"".join(b"X-%d: %s\r\n" % (n, b"y" * 1000) for n in range(70)) +
                    b"\r\nGET /v1/smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert client.read_response().status == 431
        assert client.wait_closed(5 * SLOWER), "the connection goes on"
    assert recorder.requests == []


@pytest.mark.parametrize("lines", ["Content-Length: 2, 2", "Content-Length: +2", "Content-Length: -1", "Content-Length: 0x2",
                                   "Content-Length: 99999999999999999999", "Content-Length: ", "Transfer-Encoding: gzip, chunked",
                                   "Transfer-Encoding: identity", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"])
def test_odd_framing_never_reaches_the_upstream(recorded, recorder, lines):
    with recorded.connect() as client:
        client.send(f"POST /v1/messages HTTP/1.1\r\nHost: localhost\r\n{lines}\r\n\r\n0\r\n\r\n".encode())
        assert client.read_response().status in (400, 413, 501)
    assert recorder.requests == []


@pytest.mark.parametrize("body", [b"zz\r\nab\r\n0\r\n\r\n", b"-1\r\n\r\n", b"2\r\nabXX0\r\n\r\n", b"fffffffffffffffff\r\nx"])
def test_bad_chunks_never_reach_the_upstream(recorded, recorder, body):
    with recorded.connect() as client:
        client.send(b"POST /v1/messages HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n" + body)
        assert client.wait_closed(10)
    assert recorder.requests == []


@pytest.mark.parametrize("request_line", ["GET /v1/x HTTP/1.1\r\nHost: localhost\r\nX-A: b\r\n folded",
                                          "GET /v1/x HTTP/1.1\r\nHost: localhost\r\nX-A: b\r\n\tfolded\r\nX-B: c"])
def test_folded_headers_are_refused(recorded, recorder, request_line):
    request = f"{request_line}\r\n\r\n".encode()
    answer = raw(recorded, request)
    if answer.header("x-spantop-error"):
        refused(recorded, recorder, request, 400, "folded")
    else:  # libmicrohttpd 1.x does so by itself
        assert answer.status == 400 and recorder.requests == []


def test_odd_spaces_around_values_are_no_fold(recorded, recorder):
    answer = raw(recorded, b"GET /v1/x HTTP/1.1\r\nHost:localhost\r\nX-A:b\r\nX-B:    c\r\nX-C: d  \r\n\r\n")
    assert answer.status == 200
    assert [h for h in recorder.requests[0].headers if h[0].startswith("X-")] == [("X-A", "b"), ("X-B", "c"), ("X-C", "d")]


@pytest.mark.parametrize("request_bytes", [b"GARBAGE\r\n\r\n", b"GET /v1/x HTTP/9.9\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n",
                                           b"GET /v1/x HTTP/1.1\r\nHost: localhost\r\nno colon\r\n\r\n",
                                           b"GET /v1/x HTTP/1.1\r\nHost: localhost\r\nbad name: x\r\n\r\n",
                                           b"GE(T /v1/x HTTP/1.1\r\nHost: localhost\r\n\r\n"])
def test_malformed_requests_harm_nobody(recorded, recorder, request_bytes):
    with recorded.connect() as client:
        client.send(request_bytes)
        client.socket.shutdown(1)
        assert client.wait_closed(10)
    assert recorder.requests == [] and recorded.health()["status"] == "ok"


def test_headers_up_to_60_kb_pass(recorded, recorder):
    assert recorded.request("GET", "/v1/x", [(f"X-{n}", "v" * 1000) for n in range(59)]).status == 200
    assert len(recorder.requests[0].headers) >= 59


@pytest.mark.parametrize("kib", [66, 90, 120, 200])
def test_headers_above_64_kb_are_431(recorded, recorder, kib):
    with recorded.connect() as client:
        client.send_request("GET", "/v1/x", [(f"X-{n}", "v" * 1013) for n in range(kib)])
        assert client.read_head().status == 431
    assert recorder.requests == []


def test_header_a_byte_at_a_time_is_fine(recorded, recorder):
    with recorded.connect() as client:
        for byte in b"POST /v1/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\nab":
            client.send(bytes([byte]))
        assert client.read_response().status == 200
    assert recorder.requests[0].body == b"ab"


# -- Answered here -------------------------------------------------------------
@pytest.mark.parametrize("target", ["/", "/api/anthropic", "/api/anthropic/", "/api/hello", "/api/anthropic/?x=1"])
def test_warm_up_is_answered_here(recorded, recorder, target):
    answer = recorded.request("HEAD", target)
    assert answer.status == 200 and answer.header("x-spantop-call-id") is None
    assert recorder.requests == [] and recorded.log.calls() == []


@pytest.mark.parametrize("method,target", [("GET", "/"), ("POST", "/other"), ("GET", "/v12/x"), ("GET", "/spantop/other"),
                                           ("GET", "/api/anthropicx/v1/messages"), ("GET", "/favicon.ico")])
def test_paths_outside_the_bases_are_404(recorded, recorder, method, target):
    answer = recorded.request(method, target, body=b"{}" if method == "POST" else b"")
    assert answer.status == 404 and error_of(answer) == "not_found_error"
    assert recorder.requests == []


def test_health_has_what_scripts_read(recorded):
    recorded.messages(b"{}")
    health = recorded.health()
    assert health["status"] == "ok" and health["calls"] == 1 and health["in_flight"] == 0
    assert {"version", "started_at", "dropped", "refused", "routes_version"} <= set(health)
    assert KEY not in json.dumps(health)


def test_body_above_the_limit_is_drained_then_413(recorded, recorder):
    size = (64 << 20) + 1
    with recorded.connect() as client:
        client.send(b"POST /v1/messages HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % size)
        block = b"x" * (1 << 20)
        for _ in range(64):
            client.send(block)
        client.send(b"x")
        answer = client.read_response()
        assert answer.status == 413 and error_of(answer) == "request_too_large"
        assert answer.header("x-spantop-error") == "too_large"
        client.send_request("POST", "/v1/messages", [], b"{}")
        assert client.read_response().status == 200
    row = recorded.log.wait_calls(2)[0]
    assert (row["state"], row["status"], row["error_type"], row["bytes_in"]) == ("error", 413, "request_too_large", size)
    assert len(recorder.requests) == 1


def test_chunked_body_above_the_limit_is_413(stage, recorder):
    gateway = stage.gateway(recorder, "--max-body-bytes", "1M")
    answer = gateway.request("POST", "/v1/messages", chunked=[b"x" * 65536] * 17)
    assert answer.status == 413 and recorder.requests == []
    assert gateway.request("POST", "/v1/messages", chunked=[b"x" * 65536] * 16).status == 200
    assert len(recorder.requests[0].body) == 1 << 20


def test_body_of_exactly_the_limit_passes(recorded, recorder):
    recorder.answer(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    assert recorded.request("POST", "/v1/messages", body=b"x" * (64 << 20)).status == 200
    assert len(recorder.wait_request().body) == 64 << 20


# -- Keys ---------------------------------------------------------------------------
RESPAN = "respan-key-5678.zyxw"


@pytest.fixture
def keyed(stage, recorder):
    return stage.gateway(recorder, env={"RESPAN_API_KEY": RESPAN})


def token_of(gateway):
    return (gateway.log.path.parent / "token").read_text().strip()


@pytest.mark.parametrize("header", ["x-api-key: {}", "X-Api-Key: {}", "Authorization: Bearer {}", "authorization: bearer  {}",
                                    "Authorization: Bearer other\r\nx-api-key: {}"])
def test_local_token_is_replaced_by_the_respan_key(keyed, recorder, header):
    lines = header.format(token_of(keyed))
    answer = raw(keyed, f"POST /v1/messages HTTP/1.1\r\nHost: localhost\r\n{lines}\r\nContent-Length: 2\r\n\r\n{{}}".encode())
    assert answer.status == 200
    request = recorder.wait_request()
    assert request.all("x-api-key") == [RESPAN] and request.header("authorization") is None


@pytest.mark.parametrize("header", [("x-api-key", KEY), ("Authorization", f"Bearer {KEY}"), ("Authorization", "Basic abc")])
def test_own_key_is_passed_on(keyed, recorder, header):
    assert keyed.request("POST", "/v1/messages", [header], b"{}").status == 200
    request = recorder.wait_request()
    assert header in request.headers and RESPAN not in str(request.headers)


@pytest.mark.parametrize("header", ["x-api-key: spantop-wrong", "Authorization: Bearer spantop-wrong",
                                    "x-api-key: {}0", "Authorization: Bearer spantop-x\r\nx-api-key: {}"])
def test_wrong_local_token_is_401(keyed, recorder, header):
    lines = header.format(token_of(keyed))
    refused(keyed, recorder, f"POST /v1/messages HTTP/1.1\r\nHost: localhost\r\n{lines}\r\nContent-Length: 2\r\n\r\n{{}}".encode(),
            401, "token")


def test_local_token_without_a_respan_key_is_401_that_says_so(recorded, recorder):
    answer = recorded.request("POST", "/v1/messages", [("x-api-key", token_of(recorded))], b"{}")
    assert answer.status == 401 and error_of(answer) == "authentication_error"
    assert b"RESPAN_API_KEY" in answer.body and recorder.requests == []


def test_keys_are_in_no_file(keyed, recorder):
    secret = "sk-secret-abcdefgh"
    keyed.request("POST", "/v1/messages", [("x-api-key", token_of(keyed)), ("Cookie", f"a={secret}"),
                                           ("X-Custom-Secret", secret)], b"{}")
    keyed.request("POST", "/v1/messages", [("Authorization", f"Bearer {secret}")], b"{}")
    keyed.log.wait_calls(2)
    assert keyed.stop() is None
    for path in keyed.log.path.parent.rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            assert RESPAN.encode() not in data and secret.encode() not in data, path
