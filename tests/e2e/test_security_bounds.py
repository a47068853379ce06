"""What all calls together may hold in memory."""
import json
import pathlib
import re
import threading

import pytest
from recorder import plain
from spantop import KEY, wait_for

MIB = 1 << 20


def resident(gateway):
    return int(re.search(r"VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{gateway.pid}/status").read_text()).group(1)) * 1024


def begin(gateway, size, sent, chunked=False):
    """A client that has promised size bytes and sent the first of them."""
    client = gateway.connect()
    framing = b"Transfer-Encoding: chunked" if chunked else b"Content-Length: %d" % size
    client.send(b"POST /v1/messages HTTP/1.1\r\nHost: localhost\r\nx-api-key: " + KEY.encode() + b"\r\n" + framing + b"\r\n\r\n")
    client.send(b"%x\r\n%s\r\n" % (sent, b"x" * sent) if chunked else b"x" * sent)
    return client


def test_beyond_the_bound_new_requests_get_503_and_others_go_on(stage, recorder):
    gateway = stage.gateway(recorder, "--max-held-bytes", "4M", "--max-body-bytes", "3M")
    with begin(gateway, 3 * MIB, 1000) as first, begin(gateway, MIB, 1000) as second:
        refused = []

        def until_refused():
            refused[:] = [gateway.messages(b"y" * (MIB // 2))]
            return refused[0].status == 503
        wait_for(until_refused, what="the two requests to hold their room")
        assert refused[0].header("x-spantop-error") == "no_room" and refused[0].complete
        assert json.loads(refused[0].body)["error"]["type"] == "overloaded_error"
        first.send(b"x" * (3 * MIB - 1000))
        assert first.read_response("POST").status == 200
        second.send(b"x" * (MIB - 1000))
        assert second.read_response("POST").status == 200
    wait_for(lambda: gateway.messages(b"y" * MIB).status == 200, what="room again")
    rows = gateway.log.wait_calls(4)
    assert {row["status"] for row in rows} == {200, 503}


def test_without_a_length_the_bound_is_met_on_the_way(stage, recorder):
    gateway = stage.gateway(recorder, "--max-held-bytes", "2M", "--max-body-bytes", "2M")
    with begin(gateway, MIB, 1000) as first:
        wait_for(lambda: gateway.messages(b"y" * (MIB + 1)).status == 503, what="the first request to hold its room")
        with gateway.connect() as client:
            client.send_request("POST", "/v1/messages", [("x-api-key", KEY)], chunked=[b"z" * 65536] * 20)
            assert client.read_response("POST").status == 503
        first.send(b"x" * (MIB - 1000))
        assert first.read_response("POST").status == 200


def test_one_alone_always_has_room(stage, recorder):
    gateway = stage.gateway(recorder, "--max-held-bytes", "1K")
    assert gateway.messages(b"y" * MIB).status == 200
    assert recorder.requests[0].body == b"y" * MIB


def test_a_client_that_leaves_gives_its_room_back(stage, recorder):
    gateway = stage.gateway(recorder, "--max-held-bytes", "2M")
    for _ in range(20):
        begin(gateway, MIB * 3 // 2, 5000).close()
        begin(gateway, MIB * 3 // 2, 5000, chunked=True).reset()
    wait_for(lambda: gateway.messages(b"y" * (MIB * 3 // 2)).status == 200, what="room after everybody left")


def test_a_running_answer_holds_no_request(stage, recorder):
    """Hundreds of long streams must not use up what new requests need."""
    gateway = stage.gateway(recorder, "--max-held-bytes", "2M")
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 10\r\n\r\nhello"
    clients, never = [], threading.Event()
    for number in range(5):
        recorder.answer(head, never)
        client = gateway.connect()
        clients.append(client)
        client.send_request("POST", "/v1/messages", [("x-api-key", KEY)], b"z" * (MIB * 3 // 2))
        assert client.read_head().status == 200
        recorder.wait_request(number + 1)
    assert gateway.health()["in_flight"] == 5
    for client in clients:
        client.close()


@pytest.mark.limit(60)
def test_answers_for_the_log_are_bounded_too(stage, recorder):
    gateway = stage.gateway(recorder, "--max-held-bytes", "1M")
    recorder.answer(plain(b"a" * (2 * MIB)))
    assert len(gateway.messages(b"{}").body) == 2 * MIB, "the wire is never touched"
    recorder.answer(plain(b"b" * 1000))
    assert gateway.messages(b"{}").status == 200
    rows = gateway.log.wait_calls(2)
    assert [row["body_state"] for row in rows] == ["dropped", "kept"]


@pytest.mark.limit(90)
def test_memory_stays_below_what_was_promised(stage, recorder):
    """Forty clients promise 1 MiB each and send it; the gateway holds 8 MiB of it."""
    gateway = stage.gateway(recorder, "--max-held-bytes", "8M", "--no-bodies")
    assert gateway.messages(b"{}").status == 200
    before = resident(gateway)
    clients = [begin(gateway, MIB, MIB - 1) for _ in range(40)]
    wait_for(lambda: gateway.messages(b"y").status in (200, 503))
    for client in clients:
        client.send(b"x")
    statuses = [client.read_response("POST").status for client in clients]
    for client in clients:
        client.close()
    assert set(statuses) <= {200, 503} and 503 in statuses and 200 in statuses, statuses
    assert resident(gateway) - before < 40 * MIB, (before, resident(gateway))
