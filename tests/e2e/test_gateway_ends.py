"""How calls end: the client leaves, the upstream breaks off, nobody resends."""
import threading
import time

import pytest
from recorder import CLOSE, RESET, plain
from spantop import KEY, SLOWER, wait_for

TARGET = "/api/anthropic/v1/messages?beta=true"
STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
SOON_S = 0.1 * SLOWER


def event(data=b"x" * 40):
    return b"%x\r\nevent: e\ndata: %s\n\n\r\n" % (len(data) + 17, data)


def ask(client, body=b'{"model":"claude-opus-5-5","stream":true}'):
    client.send_request("POST", TARGET, [("x-api-key", KEY)], body)


def leave(client, how):
    """Returns when it left."""
    at = time.monotonic()
    if how == "reset":
        client.reset()
    elif how == "half-close":
        client.socket.shutdown(1)
    else:
        client.close()
    return at


# -- The client leaves ----------------------------------------------------------
@pytest.mark.parametrize("how", ["close", "reset", "half-close"])
def test_client_leaving_before_the_first_byte_cancels_upstream(recorded, recorder, how):
    recorder.answer(threading.Event())
    client = recorded.connect()
    ask(client)
    request = recorder.wait_request()
    at = leave(client, how)
    assert request.left.wait(5), "the upstream call runs on"
    assert request.left_at - at < SOON_S
    assert wait_for(lambda: recorded.health()["in_flight"] == 0, what="the call to be over")


@pytest.mark.parametrize("how", ["close", "reset", "half-close"])
def test_client_leaving_in_mid_stream_cancels_upstream(recorded, recorder, how):
    recorder.answer(STREAM, event(), threading.Event())
    client = recorded.connect()
    ask(client)
    answer = client.read_head()
    assert next(client.pieces(answer))
    at = leave(client, how)
    assert recorder.requests[0].left.wait(5), "the upstream call runs on"
    assert recorder.requests[0].left_at - at < SOON_S


def test_client_leaving_with_bytes_unread_cancels_upstream(recorded, recorder):
    """Closing with data unread sends a reset instead of a plain end."""
    recorder.answer(STREAM, event(b"y" * 20000), threading.Event())
    client = recorded.connect(receive_buffer=4096)
    ask(client)
    client.read_head()
    at = leave(client, "close")
    assert recorder.requests[0].left.wait(5), "the upstream call runs on"
    assert recorder.requests[0].left_at - at < SOON_S


def test_client_leaving_in_mid_upload_reaches_nobody(recorded, recorder):
    client = recorded.connect()
    client.send(b"POST /v1/messages HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n{")
    client.close()
    assert recorded.messages(b"{}").status == 200
    assert len(recorder.requests) == 1 and recorded.health()["in_flight"] == 0


def test_client_that_never_reads_can_leave(recorded, recorder):
    gate = threading.Event()
    recorder.answer(STREAM, *[event(b"z" * 60000)] * 100, gate)
    client = recorded.connect(receive_buffer=4096)
    ask(client)
    recorder.wait_request()
    wait_for(lambda: recorder.requests[0].bytes_sent > 500000, what="the stream to fill the way")
    at = leave(client, "close")
    assert recorder.requests[0].left.wait(5), "the upstream call runs on"
    assert recorder.requests[0].left_at - at < SOON_S


# -- A slow client -----------------------------------------------------------------
def test_slow_client_slows_the_upstream(stage):
    recorder = stage.recorder(send_buffer=64 << 10)
    gateway = stage.gateway(recorder)
    piece, count = event(b"z" * 65000), 400
    recorder.answer(STREAM, *[piece] * count, b"0\r\n\r\n")
    client = gateway.connect(receive_buffer=4096)
    ask(client)
    answer = client.read_head()
    recorder.wait_request()
    before = -1
    while before != recorder.requests[0].bytes_sent:  # until the sender stands still
        before = recorder.requests[0].bytes_sent
        time.sleep(0.3 * SLOWER)
    # What the kernel holds for the client and the recorder themselves is not the gateway's.
    kernel = 256 << 10
    assert before < kernel + (1 << 20), f"{before} bytes were taken from the upstream for a client that does not read"
    memory = resident_kb(gateway.pid)
    for _ in client.pieces(answer):
        pass
    assert answer.complete and len(answer.body) == count * (65000 + 17)
    assert memory < 60 << 10 or SLOWER > 1


def resident_kb(pid):
    with open(f"/proc/{pid}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))


# -- The upstream breaks off -----------------------------------------------------------
BREAKS = {
    "chunked stream": (STREAM + event(),),
    "chunked, in mid-event": (STREAM + event()[:30],),
    "chunked, only the head": (STREAM,),
    "plain with a length": (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n" + b"x" * 60,),
    "a length and no byte": (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n",),
    "bad chunk": (STREAM + event(), b"zzz\r\nbroken\r\n"),
}


@pytest.mark.parametrize("how", [CLOSE, RESET])
@pytest.mark.parametrize("name", BREAKS)
def test_upstream_cut_in_mid_answer_is_a_broken_answer(recorded, recorder, name, how):
    recorder.answer(*BREAKS[name], how)
    answer = recorded.messages(b"{}")
    assert answer.status == 200
    assert not answer.complete, f"the client saw a whole answer: {answer}"
    if how == CLOSE and name != "bad chunk":
        assert answer.body == b"".join(BREAKS[name]).split(b"\r\n\r\n", 1)[1].replace(b"39\r\n", b"", 1)[:len(answer.body)]
    row = recorded.log.wait_calls()[0]
    assert (row["state"], row["error_type"], row["status"]) == ("error", "upstream_cut", 200)
    assert row["error_message"]


@pytest.mark.parametrize("steps", [(CLOSE,), (RESET,), (b"HTTP/1.1 200 OK\r\nContent-Le", CLOSE), (b"garbage\r\n\r\n", CLOSE),
                                   (b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n", CLOSE),
                                   (b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx", CLOSE),
                                   (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n", CLOSE)],
                         ids=["close", "reset", "in the head", "garbage", "bad header", "two lengths", "101"])
def test_upstream_that_breaks_off_before_its_answer_is_502(recorded, recorder, steps):
    recorder.answer(*steps)
    answer = recorded.messages(b"{}")
    assert answer.status == 502 and answer.complete
    assert answer.header("x-spantop-error") == "upstream_cut"
    assert b'"type":"error"' in answer.body
    row = recorded.log.wait_calls()[0]
    assert (row["state"], row["error_type"], row["status"]) == ("error", "upstream_cut", 502)


def test_redirect_is_never_relayed(recorded, recorder):
    recorder.answer(b"HTTP/1.1 307 Temporary Redirect\r\nLocation: http://elsewhere.example/\r\nContent-Length: 0\r\n\r\n")
    answer = recorded.messages(b"{}")
    assert answer.status == 502 and answer.header("location") is None
    assert answer.header("x-spantop-error") == "upstream_redirect"
    assert recorded.log.wait_calls()[0]["status"] == 502
    assert recorded.messages(b"{}").status == 200


def test_nothing_listens_upstream(stage):
    gateway = stage.gateway("http://127.0.0.1:1/api/anthropic/")
    answer = gateway.messages(b"{}")
    assert answer.status == 502 and answer.header("x-spantop-error") == "connect"
    row = gateway.log.wait_calls()[0]
    assert (row["state"], row["error_type"], row["status"]) == ("error", "connect", 502)


def test_upstream_name_that_does_not_resolve(stage):
    gateway = stage.gateway("https://does-not-exist.invalid/api/anthropic/")
    answer = gateway.messages(b"{}")
    assert answer.status == 502 and answer.header("x-spantop-error") == "connect"
    assert b"does-not-exist.invalid" in answer.body


def test_client_can_leave_while_a_name_is_looked_up(stage):
    """The loop goes on meanwhile."""
    gateway = stage.gateway("https://does-not-exist.invalid/api/anthropic/")
    for _ in range(5):
        client = gateway.connect()
        ask(client)
        client.close()
        start = time.monotonic()
        assert gateway.health()["status"] == "ok"
        assert time.monotonic() - start < 1 * SLOWER


# -- Nobody resends --------------------------------------------------------------------
@pytest.mark.parametrize("body", [b"", b"{}", b"x" * 300_000], ids=["none", "small", "large"])
@pytest.mark.parametrize("how", [CLOSE, RESET])
def test_request_is_not_sent_again_when_a_kept_connection_dies(recorded, recorder, body, how):
    assert recorded.messages(b"{}").status == 200
    assert recorder.connections == 1
    recorder.answer(how)
    answer = recorded.messages(body)
    assert answer.status == 502 and answer.header("x-spantop-error") == "upstream_cut"
    assert len(recorder.requests) == 2, "the request was sent twice"
    assert recorder.requests[1].connection == 1, "this was to happen on the kept connection"
    assert recorded.messages(b"{}").status == 200


def test_connection_closed_while_idle_is_replaced(recorded, recorder):
    recorder.answer(*plain_then_close())
    assert recorded.messages(b"{}").status == 200
    wait_for(lambda: recorder.open_count() == 0, what="the upstream to close")
    for _ in range(3):
        assert recorded.messages(b"{}").status == 200
    assert recorder.connections == 2


def plain_then_close():
    return plain(b"ok"), CLOSE


def test_early_answer_to_a_large_upload_is_passed_on(recorded, recorder):
    """An upstream that answers and closes before it read the body."""
    recorder.answer(plain(b'{"error":"x"}', "400 Bad Request"), CLOSE)
    answer = recorded.messages(b"x" * 5_000_000)
    assert answer.status == 400 and answer.body == b'{"error":"x"}'


def test_bytes_behind_an_answer_are_not_taken_for_the_next_one(recorder, recorded):
    for number in range(3):
        surplus = threading.Event()
        recorder.answer(plain(b"{}"), surplus, b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nforeign")
        assert recorded.messages({"model": "claude-x", "messages": []}).body == b"{}"
        surplus.set()
        assert recorder.requests[-1].answered.wait(10)
        recorder.answer(plain(b"its own"))
        answer = recorded.messages({"model": "claude-x", "messages": []})
        assert (answer.status, answer.body) == (200, b"its own")
        assert len(recorder.requests) == 2 * number + 2, "the request was sent again"
