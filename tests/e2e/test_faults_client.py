"""The client misbehaves: leaves at every stage, half-closes, pipelines, drips, never reads."""
import json
import os
import resource
import shlex
import socket
import threading
import time

import pytest
import spantop
from recorder import RESET, plain
from spantop import KEY, SLOWER, wait_for
from wire import chunk, format_request

TARGET = "/api/anthropic/v1/messages?beta=true"
HEADERS = [("x-api-key", KEY), ("Content-Type", "application/json")]
STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
START = (b'event: message_start\ndata: {"type":"message_start","message":{"id":"msg_1","model":"claude-sonnet-5",'
         b'"usage":{"input_tokens":7,"output_tokens":1}}}\n\n')
DELTA = (b'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta",'
         b'"text":"Gr\xc3\xbc\xc3\x9fe"}}\n\n')
BODY = json.dumps({"model": "claude-sonnet-5", "max_tokens": 9, "stream": True,
                   "messages": [{"role": "user", "content": "hello" * 30}]}).encode()
SOON_S = 0.1 * SLOWER

# -- Leaving at every stage ------------------------------------------------------------
HEAD = format_request("POST", TARGET, HEADERS, BODY, "localhost")
CHUNKED_HEAD = format_request("POST", TARGET, HEADERS, b"", "localhost", chunked=True)
WHOLE = HEAD + BODY

# Stage: what the client sends; what the upstream answers before it waits (None: it is never asked);
# how much of the answer the client reads before it leaves.
NEVER = None
STAGES = {
    "connected": (b"", NEVER, 0),
    "in the request line": (HEAD[:9], NEVER, 0),
    "in the headers": (HEAD[:40], NEVER, 0),
    "before the body": (HEAD, NEVER, 0),
    "in the body": (HEAD + BODY[:50], NEVER, 0),
    "before the last byte": (WHOLE[:-1], NEVER, 0),
    "before a chunk": (CHUNKED_HEAD, NEVER, 0),
    "in a chunk's size": (CHUNKED_HEAD + b"1", NEVER, 0),
    "in a chunk": (CHUNKED_HEAD + chunk(BODY)[:40], NEVER, 0),
    "before the last chunk": (CHUNKED_HEAD + chunk(BODY), NEVER, 0),
    "waiting for 100 Continue": (HEAD[:-2] + b"Expect: 100-continue\r\n\r\n", NEVER, 0),
    "before the head": (WHOLE, (), 0),
    "in the upstream's head": (WHOLE, (STREAM[:25],), 0),
    "behind the head": (WHOLE, (STREAM,), 0),
    "in the first event": (WHOLE, (STREAM, chunk(START[:30])), 30),
    "in a character": (WHOLE, (STREAM, chunk(START + DELTA[:DELTA.index(b"\xbc")])), len(START) + 10),
    "between events": (WHOLE, (STREAM, chunk(START), chunk(DELTA)), len(START + DELTA)),
    "before the end": (WHOLE, (STREAM, chunk(START), chunk(DELTA)), len(START)),
    "in a plain answer": (WHOLE, (b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n", b"x" * 20), 20),
}


def leave(client, how):
    """The moment it left."""
    at = time.monotonic()
    if how == "reset":
        client.reset()
    elif how == "half-close":
        client.socket.shutdown(socket.SHUT_WR)
    else:
        client.close()
    return at


def read_some(client, count):
    answer = client.read_head()
    pieces = client.pieces(answer)
    while len(answer.body) < count:
        next(pieces)
    return answer.body


@pytest.mark.parametrize("how", ["close", "reset", "half-close"])
@pytest.mark.parametrize("name", STAGES)
def test_client_leaves(recorded, recorder, name, how):
    sent, answered, count = STAGES[name]
    before = descriptors(recorded)
    if answered is not NEVER:
        recorder.answer(*answered, threading.Event())
    client = recorded.connect()
    client.send(sent)
    if answered is not NEVER:
        request = recorder.wait_request()
        if STREAM in answered or count:
            read_some(client, count)
    at = leave(client, how)
    if answered is NEVER:
        if how == "half-close":
            assert client.wait_closed(5 * SLOWER), "half a request keeps its connection"
        assert recorded.messages(BODY).status == 200
        assert len(recorder.requests) == 1, "half a request reached the upstream"
        assert [row["state"] for row in recorded.log.wait_calls()] == ["done"]
    else:
        assert request.left.wait(20), "the upstream call runs on"
        assert request.left_at - at < SOON_S
        row = recorded.log.wait_calls()[0]
        assert row["state"] == "aborted" and row["status"] == (200 if STREAM in answered or count else None)
        assert row["tokens_in"] == (7 if count >= len(START) else None)
        assert row["bytes_in"] == len(BODY)
        assert recorded.messages(BODY).status == 200
    assert recorded.health()["in_flight"] == 0
    client.close()
    # One more is the kept connection to the upstream.
    wait_for(lambda: descriptors(recorded) <= before + 1, what="the descriptors to be closed")


def descriptors(gateway):
    return len(os.listdir(f"/proc/{gateway.pid}/fd"))


# -- Pipelines -----------------------------------------------------------------------------
def test_pipelined_requests_cut_anywhere_are_each_one_call(recorded, recorder):
    bodies = [json.dumps({"n": n, "pad": "x" * (n * 37 % 500)}).encode() for n in range(40)]
    stream = b"".join(format_request("POST", TARGET, HEADERS, b"", "localhost", chunked=True) + chunk(body[:7]) + chunk(body[7:]) +
                      b"0\r\n\r\n" if n % 3 == 0 else format_request("POST", TARGET, HEADERS, body, "localhost") + body
                      for n, body in enumerate(bodies))
    for n in range(len(bodies)):
        recorder.answer(plain(b"answer %d" % n))
    with recorded.connect() as client:
        for at in range(0, len(stream), 331):
            client.send(stream[at:at + 331])
        answers = [client.read_response("POST") for _ in bodies]
    assert [answer.body for answer in answers] == [b"answer %d" % n for n in range(len(bodies))]
    assert [request.body for request in recorder.requests] == bodies
    ids = [int(answer.header("x-spantop-call-id")) for answer in answers]
    assert ids == sorted(set(ids)) == [row["id"] for row in recorded.log.wait_calls(len(bodies))]


def test_leaving_a_pipeline_ends_what_runs_and_asks_nothing_more(recorded, recorder):
    recorder.answer(STREAM, chunk(START), threading.Event())
    client = recorded.connect()
    client.send(WHOLE * 5)
    read_some(client, len(START))
    at = leave(client, "close")
    assert recorder.requests[0].left.wait(20) and recorder.requests[0].left_at - at < SOON_S
    assert [row["state"] for row in recorded.log.wait_calls()] == ["aborted"]
    assert recorded.messages(BODY).status == 200
    assert len(recorder.requests) == 2, "a request of a client that left was sent upstream"


def test_pipelined_request_behind_a_broken_answer_is_never_mixed_up(recorded, recorder):
    recorder.answer(STREAM, chunk(START), RESET)
    recorder.answer(plain(b"second"))
    with recorded.connect() as client:
        client.send(WHOLE * 2)
        first = client.read_response("POST")
        assert not first.complete and b"second" not in first.body
        assert client.wait_closed(5 * SLOWER), "a connection whose answer broke has no next answer"
    assert recorded.messages(BODY).status == 200


@pytest.mark.parametrize("tail", [b"\x00\xff\x00garbage\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n"],
                         ids=["garbage", "version"])
def test_garbage_behind_a_request_hurts_itself_alone(recorded, recorder, tail):
    recorder.answer(plain(b"good"))
    with recorded.connect() as client:
        client.send(WHOLE + tail)
        answer = client.read_response("POST")
        assert answer.status == 200 and answer.body == b"good"
        client.socket.shutdown(socket.SHUT_WR)
        assert client.wait_closed(5 * SLOWER)
    assert len(recorder.requests) == 1 and recorder.requests[0].body == BODY
    assert recorded.health()["status"] == "ok"


# -- Slow clients -------------------------------------------------------------------------
def test_whole_exchange_a_byte_at_a_time(recorded, recorder):
    """Chunked framing, too; and the answer is read a byte at a time."""
    body = '{"model":"claude-sonnet-5","x":"Grüße"}'.encode()
    recorder.answer(STREAM, chunk(START), chunk(DELTA), b"0\r\n\r\n")
    with recorded.connect(receive_buffer=1) as client:
        for byte in CHUNKED_HEAD + chunk(body[:11]) + chunk(body[11:]) + b"0\r\nX-Trailer: y\r\n\r\n":
            client.send(bytes([byte]))
        got = b""
        while not got.endswith(b"0\r\n\r\n"):
            got += client.socket.recv(1)
    assert recorder.requests[0].body == body
    assert START in got.replace(b"\r\n", b"\r\n") and DELTA in got
    assert recorded.log.wait_calls()[0]["state"] == "done"


def test_many_half_requests_hinder_nobody(recorded, recorder):
    waiting = [recorded.connect() for _ in range(200)]
    for n, client in enumerate(waiting):
        client.send((WHOLE if n % 2 else CHUNKED_HEAD + chunk(BODY))[:1 + n * 3])
    start = time.monotonic()
    answer = recorded.messages(BODY)
    assert answer.status == 200 and time.monotonic() - start < 1 * SLOWER
    assert cpu_s(recorded.pid, lambda: threading.Event().wait(0.5)) < 0.1 * SLOWER, "half requests keep the gateway busy"
    for client in waiting:
        client.close()
    assert recorded.health()["in_flight"] == 0


def cpu_s(pid, act):
    def used():
        with open(f"/proc/{pid}/stat") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / 100
    before = used()
    act()
    return used() - before


def resident(pid):
    with open(f"/proc/{pid}/status") as status:
        return next(int(line.split()[1]) << 10 for line in status if line.startswith("VmRSS"))


def kernel_holds():
    """What the two sockets of a call may hold on the gateway's side."""
    return sum(int(open(f"/proc/sys/net/ipv4/{name}").read().split()[2]) for name in ("tcp_rmem", "tcp_wmem"))


def test_clients_that_never_read_slow_their_own_upstream_alone(stage):
    """Each adds at most 1 MiB to the gateway; calls beside them go on; leaving ends all at once."""
    count, piece = 16, chunk(b"event: e\ndata: " + b"z" * 32_000 + b"\n\n")
    recorder = stage.recorder(send_buffer=64 << 10)
    gateway = stage.gateway(recorder, "--no-bodies")  # what the log keeps is bounded apart
    assert gateway.messages(BODY).status == 200
    before = resident(gateway.pid)
    for _ in range(count):
        recorder.answer(STREAM, *[piece] * 2000, threading.Event())
    clients = [gateway.connect(receive_buffer=4096) for _ in range(count)]
    for client in clients:
        client.send(WHOLE)
    recorder.wait_request(1 + count)
    sent = []

    def stands_still():
        sent.append(sum(request.bytes_sent for request in recorder.requests))
        return len(sent) > 30 and sent[-1] == sent[-30] > 0

    wait_for(stands_still, what="the upstreams to be slowed")
    assert sent[-1] < count * (kernel_holds() + (1 << 20)), "far more was taken than the sockets' own buffers hold"
    added = (resident(gateway.pid) - before) / count
    assert added < 1 << 20 or SLOWER > 1, f"{added / 1024:.0f} KiB for a client that does not read"
    assert cpu_s(gateway.pid, lambda: threading.Event().wait(0.5)) < 0.1 * SLOWER, "waiting costs time"

    start = time.monotonic()
    recorder.answer(plain(b"beside"))
    assert gateway.messages(BODY).body == b"beside" and time.monotonic() - start < 1 * SLOWER
    at = [leave(client, ("close", "reset")[n % 2]) for n, client in enumerate(clients)]
    for request in recorder.requests[1:1 + count]:
        assert request.left.wait(20), "the upstream call runs on"
    assert max(r.left_at for r in recorder.requests[1:1 + count]) - at[-1] < 2 * SOON_S
    rows = gateway.log.wait_calls(count, "state = 'aborted'")
    assert len(rows) == count and gateway.health()["in_flight"] == 0


# -- More clients than descriptors ---------------------------------------------------------
def test_too_many_clients_are_told_503_and_running_calls_go_on(stage, recorder, monkeypatch):
    few = stage.folder / "few-files"
    few.write_text(f'#!/bin/sh\nulimit -n 96\nexec {shlex.quote(spantop.PROGRAM)} "$@"\n')
    few.chmod(0o755)
    with monkeypatch.context() as patched:
        patched.setattr(spantop, "PROGRAM", str(few))
        gateway = stage.gateway(recorder)
    gate = threading.Event()
    recorder.answer(STREAM, chunk(START), gate, chunk(DELTA), b"0\r\n\r\n")
    with gateway.connect() as running:
        running.send(WHOLE)
        answer = running.read_head()
        pieces = running.pieces(answer)
        while len(answer.body) < len(START):
            next(pieces)
        many = [gateway.connect() for _ in range(100)]
        for client in many:
            client.send(b"GET /v1/x HTTP/1.1\r\nHost: localhost\r\n\r\n")
        served = [client for client in many[:10] if client.read_response().status == 200]
        assert len(served) == 10
        refused = many[23].read_response()  # of 24 connections 21 are for calls
        assert refused.status == 503 and refused.header("x-spantop-error") == "too_many"
        assert b"open files" in refused.body and many[23].wait_closed(5 * SLOWER)
        assert cpu_s(gateway.pid, lambda: threading.Event().wait(0.5)) < 0.2 * SLOWER, "the limit keeps the gateway busy"
        gate.set()
        assert b"".join(pieces) == DELTA and answer.complete
        for client in many:
            client.close()
    wait_for(lambda: gateway.messages(BODY).status == 200, what="calls to go through again")
    assert "too_many" not in {row["error_type"] for row in gateway.log.calls("state = 'done'")}


def test_descriptors_that_run_out_meanwhile_do_not_make_it_deaf(stage, recorder):
    """accept() fails, though the gateway's own limit was not met."""
    gateway = stage.gateway(recorder)
    before = descriptors(gateway)
    resource.prlimit(gateway.pid, resource.RLIMIT_NOFILE, (64, 64))
    many = [gateway.connect() for _ in range(100)]
    for client in many:
        client.send(b"GET /v1/x HTTP/1.1\r\nHost: localhost\r\n\r\n")
    wait_for(lambda: "Too many open files" in gateway.stderr, what="accept() to fail")
    assert cpu_s(gateway.pid, lambda: threading.Event().wait(0.5)) < 0.2 * SLOWER, "the limit keeps the gateway busy"
    for client in many:
        client.close()
    # Of the 48 left for calls at most half went to the upstream, whose connections are kept.
    wait_for(lambda: descriptors(gateway) < before + 30, what="the descriptors to be closed")
    with gateway.connect(limit_s=5 * SLOWER) as client:
        client.send(b"GET /spantop/health HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert client.read_response().status == 200


# -- Old clients --------------------------------------------------------------------------
@pytest.mark.parametrize("is_broken", [True, False], ids=["broken", "whole"])
@pytest.mark.parametrize("extra", ["", "Connection: keep-alive\r\n"], ids=["close", "keep-alive"])
def test_http_1_0_client_can_tell_a_broken_stream(recorded, recorder, extra, is_broken):
    """Without chunks only a reset tells it from a whole one."""
    gate = threading.Event()
    recorder.answer(STREAM, chunk(START), gate, *([RESET] if is_broken else [b"0\r\n\r\n"]))
    with recorded.connect() as client:
        client.send(f"POST {TARGET} HTTP/1.0\r\nHost: localhost\r\n{extra}Content-Length: {len(BODY)}\r\n\r\n".encode() + BODY)
        answer = client.read_head()
        pieces = client.pieces(answer)
        while len(answer.body) < len(START):
            next(pieces)
        gate.set()
        assert b"".join(pieces) == b"" and answer.body == START
        assert not answer.complete if is_broken else answer.complete, f"{answer}"
    assert recorded.log.wait_calls()[0]["state"] == ("error" if is_broken else "done")
