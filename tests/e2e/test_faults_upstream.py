"""The upstream breaks in every way at every stage: what the client sees, what the log holds.

Between gateway and simulator lies a wire tap, so that what the client got is compared
with the very bytes the simulator sent before it broke.
"""
import concurrent.futures
import gzip
import json
import socket
import struct
import subprocess
import threading

import pytest
from recorder import CLOSE, RESET
from spantop import SLOWER, wait_for
from tap import Tap, body_of

# -- The matrix ------------------------------------------------------------------------
STAGES = "connect headers mid_headers first_event mid_event mid_utf8 between_events before_end terminator".split()

# What the client sees, and what its row then holds, by the outcome's name:
#   whole     200, ended as its framing says          done, the usage as answered
#   garbled   the same, though its content is damaged  done, what could be read of it
#   error     200, ended, with an SSE error in it      done, that error's type
#   cut       200, a broken answer                     error upstream_cut, the usage that was seen
#   502       an error in Anthropic's shape            error upstream_cut
#   redirect  502, no Location                         error upstream_redirect
# Behind a comma stands what a plain answer gives where it differs from a stream; "-": no such thing.
#
# fault            connect headers   mid_headers first_event    mid_event     mid_utf8      between       before_end     terminator
MATRIX = """
reset            502     502       502         cut            cut           cut           cut           cut            cut,whole
close            502     502       502         cut            cut           cut           cut           cut            cut,whole
garbage          502     502       502         garbled        garbled       garbled       garbled       garbled        garbled,whole
bad_chunk        502     502       502         cut            cut           cut           cut           cut,garbled    cut,whole
wrong_length     502     cut       cut         cut            cut           cut           cut           cut            cut
too_short        -       garbled   garbled     -              -             -             -             -              -
dup_headers      -       whole,502 -           -              -             -             -             -              -
long_line        -       502       502         garbled        garbled       garbled       garbled       garbled        garbled,whole
1xx              -       whole     -           -              -             -             -             -              -
redirect         -       redirect  -           -              -             -             -             -              -
drip             -       whole     -           -              whole         whole         -             whole          whole
gzip             -       whole     -           -              -             -             -             -              -
http10           -       whole     -           -              -             -             -             -              -
crlf             -       whole,-   -           -              -             -             -             -              -
comments         -       whole,-   -           -              -             -             -             -              -
no_event_lines   -       whole,-   -           -              -             -             -             -              -
plain_json       -       whole,-   -           -              -             -             -             -              -
error_event      -       -         -           error,-        error,-       error,-       error,-       error,-        error,-
"""


def cases():
    for line in MATRIX.strip().splitlines():
        fault, *outcomes = line.split()
        for stage_name, outcome in zip(STAGES, outcomes, strict=True):
            for kind, expected in zip(("stream", "plain"), (outcome.split(",") * 2)[:2]):
                if expected != "-":
                    yield pytest.param(fault, stage_name, kind, expected, id=f"{fault}-{stage_name}-{kind}")


TEXT = "Grüße, 世界, 🙂! "
SPECIAL = {"too_short": {"fault": "wrong_length", "bytes": -7}}


def request(mark, kind, text=TEXT * 6):
    return {"model": "claude-sonnet-5", "max_tokens": 200, "stream": kind == "stream",
            "messages": [{"role": "user", "content": f"{mark} [[sim text {text}]]"}]}


def facts(body, kind):
    """(tokens_in, tokens_out, stop_reason) as far as they can be read off the bytes."""
    if kind == "plain" or body.startswith(b"{"):
        try:
            message = json.loads(body)
        except ValueError:
            return None, None, None
        return message["usage"]["input_tokens"], message["usage"]["output_tokens"], message["stop_reason"]
    seen = [None, None, None]
    for block in body.replace(b"\r\n", b"\n").split(b"\n\n")[:-1]:
        try:
            data = json.loads(next(line for line in block.split(b"\n") if line.startswith(b"data: "))[6:])
        except (StopIteration, ValueError):
            continue
        if data["type"] == "message_start":
            seen[:2] = data["message"]["usage"]["input_tokens"], data["message"]["usage"]["output_tokens"]
        elif data["type"] == "message_delta":
            seen[1:] = data["usage"]["output_tokens"], data["delta"]["stop_reason"]
    return tuple(seen)


ROWS = {"whole": ("done", 200, None), "garbled": ("done", 200, None), "error": ("done", 200, "overloaded_error"),
        "cut": ("error", 200, "upstream_cut"), "502": ("error", 502, "upstream_cut"),
        "redirect": ("error", 502, "upstream_redirect"), "504": ("error", 504, "upstream_silent"),
        "silent": ("error", 200, "upstream_silent")}


def check_client(answer, sent, expected):
    assert answer.status == ROWS[expected][1]
    assert answer.complete == (expected not in ("cut", "silent")), f"{answer}"
    if answer.status == 200:
        if expected == "cut" and len(answer.body) < len(sent):
            sent = sent[:len(answer.body)]  # a reset takes bytes with it that were on their way
        assert answer.body == sent, "the client saw other bytes than the upstream sent"
        assert answer.header("x-spantop-error") is None
    else:
        assert answer.header("x-spantop-error") == ROWS[expected][2]
        error = json.loads(answer.body)
        assert error["type"] == "error" and error["error"]["type"] and error["error"]["message"]
        assert answer.header("location") is None
    assert answer.header("x-spantop-call-id")


def check_row(stage, gateway, row, answer, expected, kind):
    assert (row["state"], row["status"], row["error_type"]) == ROWS[expected]
    assert (row["error_message"] is None) == (expected in ("whole", "garbled"))
    body = gzip.decompress(answer.body) if answer.header("content-encoding") == "gzip" else answer.body
    if expected != "garbled":
        assert (row["tokens_in"], row["tokens_out"], row["stop_reason"]) == \
            (facts(body, kind) if answer.status == 200 else (None, None, None))
    assert row["bytes_out"] == len(answer.body) and row["attempt"] == 1 and row["body_state"] == "kept"
    shown = stage.run("show", row["id"], "--response", "--log", gateway.log.path, text=False)
    assert shown.returncode == 0 and shown.stdout == answer.body


@pytest.mark.parametrize("fault,place,kind,expected", cases())
def test_fault(stage, sim, fault, place, kind, expected):
    tap = stage.add(Tap(sim.port))
    gateway = stage.gateway(tap.base_url)
    sim.faults({"stage": place, "fault": fault, "bytes": 300_000 if fault == "long_line" else 0, **SPECIAL.get(fault, {})})

    text = TEXT if fault == "drip" else TEXT * 6  # a millisecond a byte
    answer = gateway.messages(request("first", kind, text))
    struck, = tap.find(b"first")
    check_client(answer, body_of(struck.down)[1], expected)
    row = gateway.log.wait_calls()[0]
    check_row(stage, gateway, row, answer, expected, kind)
    if fault == "long_line" and expected == "502":
        assert "headers" in row["error_message"]
    assert json.loads(sim.control("faults")) == [], "the fault did not strike"

    # The broken connection poisons nothing that follows.
    if place == "terminator" and expected == "whole" and fault != "drip":
        assert struck.ended.wait(20)
    if fault == "too_short" and kind == "stream":
        # What comes behind the length spoils the connection; until it came nobody can know.
        wait_for(lambda: struck.down.endswith(b"}\n\n"), what="the bytes behind the length")
    after = gateway.messages(request("second", kind))
    assert after.status == 200 and after.complete and after.body == body_of(tap.find(b"second")[0].down)[1]
    assert len(tap.find(b"first")) == 1, "the request was sent again"
    assert gateway.health()["in_flight"] == 0


# -- Stalls: all at once, since each takes its time ------------------------------------------
STALLS = dict(zip(STAGES, "504 504 504 silent silent silent silent silent silent,whole".split()))


def test_stall_at_every_stage(stage, sim):
    tap = stage.add(Tap(sim.port))
    gateway = stage.gateway(tap.base_url, "--idle-timeout", f"{1500 * SLOWER}ms")
    wanted = {}
    for place, outcome in STALLS.items():
        for kind, expected in zip(("stream", "plain"), (outcome.split(",") * 2)[:2]):
            mark = f"at-{place}-{kind}."
            wanted[mark] = (kind, expected)
            match = {"path": f"*case={mark}"} if place == "connect" else {"text": mark}
            sim.faults({"stage": place, "fault": "stall", "match": match})
    with concurrent.futures.ThreadPoolExecutor(len(wanted)) as pool:
        asked = {mark: pool.submit(gateway.messages, request(mark, kind), target=f"/v1/messages?case={mark}")
                 for mark, (kind, _) in wanted.items()}
    rows = {row["path"].split("case=")[1]: row for row in gateway.log.wait_calls(len(wanted))}
    for mark, (kind, expected) in wanted.items():
        struck, = tap.find(mark.encode() + b" ")
        check_client(asked[mark].result(), body_of(struck.down)[1], expected)
        check_row(stage, gateway, rows[mark], asked[mark].result(), expected, kind)
    assert gateway.messages(request("after", "stream")).complete
    wait_for(lambda: sim.status()["in_flight"] == 0, what="the simulator to be rid of the calls")


# -- Before HTTP: TCP and TLS ---------------------------------------------------------------
def make_certificate(folder, name, *options):
    cert, key = folder / f"{name}.pem", folder / f"{name}.key"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                    "-keyout", key, "-out", cert, "-subj", "/CN=localhost", *options], check=True, capture_output=True)
    return str(cert), str(key)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls")
    here = ("-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1")
    expired = make_certificate(folder, "expired", "-days", "2", *here)
    # openssl 3.0's req cannot date back; its x509 signs anew with a time that has passed.
    subprocess.run(["openssl", "x509", "-in", expired[0], "-signkey", expired[1], "-days", "-1", "-copy_extensions", "copyall",
                    "-out", expired[0] + ".new"], check=True, capture_output=True)
    return {"good": make_certificate(folder, "good", "-days", "2", *here),
            "other name": make_certificate(folder, "other", "-days", "2", "-addext", "subjectAltName=DNS:elsewhere.example"),
            "expired": (expired[0] + ".new", expired[1])}


class Door:
    """An upstream that breaks before it speaks TLS (or HTTP): act(connection) does it."""

    def __init__(self, act, scheme="https"):
        self._act = act
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.base_url = f"{scheme}://127.0.0.1:{self._listener.getsockname()[1]}/api/anthropic/"
        self.came = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.came += 1
            threading.Thread(target=self._run, args=(connection,), daemon=True).start()

    def _run(self, connection):
        with connection:
            try:
                self._act(connection)
            except OSError:
                pass

    def stop(self):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


def reset(connection):
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def half_a_handshake(connection):
    """The ServerHello's record says 90 bytes; 20 of them come."""
    connection.recv(65536)
    connection.sendall(b"\x16\x03\x03\x00\x5a" + bytes(20))


DOORS = {
    "close at once": lambda c: None,
    "reset at once": reset,
    "close after the ClientHello": lambda c: c.recv(65536),
    "reset after the ClientHello": lambda c: (c.recv(65536), reset(c)),
    "close in the ServerHello": half_a_handshake,
    "no TLS at all": lambda c: (c.recv(65536), c.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")),
    "stall, then reset": lambda c: (c.recv(65536), threading.Event().wait(0.3), reset(c)),
    "garbage in the ServerHello": lambda c: (c.recv(65536), c.sendall(b"\x16\x03\x03\x00\x5a" + bytes(range(90)))),
    "garbage": lambda c: (c.recv(65536), c.sendall(b"\xff\x00garbage\x00" * 50)),
    "an alert": lambda c: (c.recv(65536), c.sendall(b"\x15\x03\x03\x00\x02\x02\x28")),
}


def check_unreachable(gateway, words=()):
    answer = gateway.messages(b'{"model":"claude-sonnet-5"}')
    assert answer.status == 502 and answer.complete and answer.header("x-spantop-error") == "connect", f"{answer}"
    row = gateway.log.wait_calls()[0]
    assert (row["state"], row["status"], row["error_type"]) == ("error", 502, "connect")
    assert all(word in row["error_message"] for word in ("127.0.0.1", *words)), row["error_message"]


@pytest.mark.parametrize("name", DOORS)
def test_handshake_that_breaks_is_502_and_tried_once(stage, name):
    door = stage.add(Door(DOORS[name]))
    check_unreachable(stage.gateway(door))
    assert door.came == 1


def test_handshake_that_stalls_is_502_in_the_time_to_connect(stage):
    silent = threading.Event()
    door = stage.add(Door(lambda connection: silent.wait(50)))
    try:
        check_unreachable(stage.gateway(door, "--connect-timeout", "500ms"))
    finally:
        silent.set()


def test_connect_that_stalls_is_502_in_the_time_to_connect(stage):
    """A listener whose queue is full leaves a new SYN unanswered."""
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        waiting = [socket.socket() for _ in range(8)]
        for s in waiting:
            s.setblocking(False)
            s.connect_ex(full.getsockname())
        gateway = stage.gateway(f"http://127.0.0.1:{full.getsockname()[1]}/api/anthropic/", "--connect-timeout", "500ms")
        check_unreachable(gateway)
        for s in waiting:
            s.close()


@pytest.mark.parametrize("name,trusted", [("other name", "other name"), ("expired", "expired"), ("good", None), ("good", "expired")],
                         ids=["other name", "expired", "self-signed", "other authority"])
def test_certificate_that_does_not_fit_is_502(stage, certificates, name, trusted):
    recorder = stage.recorder(certificate=certificates[name])
    gateway = stage.gateway(recorder, *(["--ca-file", certificates[trusted][0]] if trusted else []))
    check_unreachable(gateway, ("certificate",))
    assert recorder.requests == [], "the key went to a server that could not prove its name"


# What other programs are told to do without: nothing of it may switch the check off.
@pytest.mark.parametrize("env", [{"NODE_TLS_REJECT_UNAUTHORIZED": "0"}, {"CURL_INSECURE": "1"}, {"PYTHONHTTPSVERIFY": "0"}],
                         ids=lambda env: next(iter(env)))
def test_no_variable_switches_the_check_off(stage, certificates, env):
    home_rc = stage.home / ".curlrc"
    home_rc.write_text("insecure\n")
    recorder = stage.recorder(certificate=certificates["good"])
    check_unreachable(stage.gateway(recorder, env=env), ("certificate",))
    assert recorder.requests == []


# -- In mid-upload ------------------------------------------------------------------------------
def read_a_part(connection):
    taken = 0
    while taken < 100_000:
        taken += len(connection.recv(65536))


UPLOADS = {"close": lambda c: read_a_part(c), "reset": lambda c: (read_a_part(c), reset(c)),
           "close unread": lambda c: c.recv(1), "stall": lambda c: (read_a_part(c), threading.Event().wait(30))}


@pytest.mark.parametrize("name", UPLOADS)
def test_upstream_that_breaks_off_in_mid_upload(stage, name):
    """Larger than all buffers, so that the gateway is still sending."""
    door = stage.add(Door(UPLOADS[name], "http"))
    gateway = stage.gateway(door, "--idle-timeout", f"{SLOWER}s")
    answer = gateway.messages(b'{"model":"claude-sonnet-5","x":"' + b"x" * 30_000_000 + b'"}')
    expected = (504, "upstream_silent") if name == "stall" else (502, "upstream_cut")
    assert answer.complete and (answer.status, answer.header("x-spantop-error")) == expected, f"{answer}"
    assert door.came == 1, "the request was sent again"
    row = gateway.log.wait_calls()[0]
    assert (row["state"], row["status"], row["error_type"]) == ("error", *expected)
    assert row["model_asked"] == "claude-sonnet-5" and row["bytes_in"] > 30_000_000
    assert gateway.health()["in_flight"] == 0


# -- Ends that prove nothing ------------------------------------------------------------------
UNTIL_CLOSE = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n"
START = (b'event: message_start\ndata: {"type":"message_start","message":{"id":"msg_1","model":"claude-sonnet-5",'
         b'"usage":{"input_tokens":7,"output_tokens":1}}}\n\n')
STOP = b'event: message_stop\ndata: {"type":"message_stop"}\n\n'


@pytest.mark.parametrize("how", [CLOSE, RESET])
@pytest.mark.parametrize("framing", ["chunked", "until close"])
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_stream_that_ends_early_is_cut_however_it_is_framed(stage, certificates, scheme, framing, how):
    """Where the connection's end is the only framing, and be it TCP's end without TLS's goodbye,
    only message_stop tells a whole answer from one whose server died."""
    recorder = stage.recorder(certificate=certificates["good"] if scheme == "https" else None)
    gateway = stage.gateway(recorder, "--ca-file", certificates["good"][0])
    recorder.answer(CHUNKED % len(START) + START if framing == "chunked" else UNTIL_CLOSE + START, how)
    answer = gateway.messages(b"{}")
    assert answer.status == 200 and not answer.complete and answer.body in (START, b""), f"{answer}"
    row = gateway.log.wait_calls()[0]
    assert (row["state"], row["error_type"]) == ("error", "upstream_cut") and row["error_message"]
    assert gateway.messages(b"{}").status == 200


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("body", [START + STOP, b'{"type":"message"}', b"", START + b'event: error\ndata: {"type":"error",'
                                  b'"error":{"type":"overloaded_error","message":"Overloaded"}}\n\n'],
                         ids=["stream", "plain", "empty", "error"])
def test_answer_until_close_is_whole_when_it_says_all(stage, certificates, scheme, body):
    recorder = stage.recorder(certificate=certificates["good"] if scheme == "https" else None)
    gateway = stage.gateway(recorder, "--ca-file", certificates["good"][0])
    recorder.answer(UNTIL_CLOSE + body, CLOSE)
    answer = gateway.messages(b"{}")
    assert answer.complete and answer.body == body
    assert gateway.log.wait_calls()[0]["state"] == "done"
