"""The gateway as a process: starting, stopping, ports, TLS, proxies, time limits."""
import os
import signal
import socket
import subprocess
import threading
import time

import pytest
from recorder import plain
from spantop import KEY, SLOWER, wait_for

TARGET = "/api/anthropic/v1/messages?beta=true"
STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


def ask(gateway):
    client = gateway.connect()
    client.send_request("POST", TARGET, [("x-api-key", KEY)], b"{}")
    return client


# -- Stopping ---------------------------------------------------------------------
def test_sigterm_lets_running_calls_end_and_refuses_new_ones(recorded, recorder):
    gate = threading.Event()
    recorder.answer(STREAM, b"1\r\nx\r\n", gate, b"1\r\ny\r\n0\r\n\r\n")
    client = ask(recorded)
    answer = client.read_head()
    recorded.signal(signal.SIGTERM)
    wait_for(lambda: recorded.health()["status"] == "stopping", what="the gateway to be stopping")
    late = recorded.messages(b"{}")
    assert late.status == 503 and late.header("x-spantop-error") == "stopping"
    gate.set()
    for _ in client.pieces(answer):
        pass
    assert answer.body == b"xy" and answer.complete
    assert recorded.wait_end() == 0
    states = [(row["state"], row["status"]) for row in recorded.log.calls()]
    assert states == [("done", 200), ("error", 503)]
    assert len(recorder.requests) == 1


def test_sigterm_without_calls_ends_at_once(recorded):
    recorded.messages(b"{}")
    start = time.monotonic()
    recorded.signal(signal.SIGTERM)
    assert recorded.wait_end() == 0
    assert time.monotonic() - start < 2 * SLOWER


@pytest.mark.parametrize("signals", [(signal.SIGINT,), (signal.SIGTERM, signal.SIGTERM)], ids=["INT", "TERM twice"])
def test_impatient_stop_breaks_calls_off(recorded, recorder, signals):
    recorder.answer(STREAM, b"1\r\nx\r\n", threading.Event())
    recorder.answer(threading.Event())
    streaming = ask(recorded)
    answer = streaming.read_head()
    waiting = ask(recorded)
    recorder.wait_request(2)
    for number in signals:
        recorded.signal(number)
        time.sleep(0.05)
    for _ in streaming.pieces(answer):
        pass
    assert not answer.complete
    assert waiting.wait_closed()
    assert recorded.wait_end() == 0
    assert {row["state"] for row in recorded.log.calls()} == {"error"}
    assert [row["error_type"] for row in recorded.log.calls()] == ["stopped", "stopped"]


def test_stop_with_clients_that_do_nothing(recorded):
    idle = [recorded.connect() for _ in range(5)]
    idle[0].send(b"POST /v1/messages HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nabc")
    idle[1].send(b"POST /v1/mess")
    recorded.health()
    recorded.signal(signal.SIGTERM)
    assert recorded.wait_end() == 0


# -- Starting ----------------------------------------------------------------------
def test_port_held_by_another_program_is_named(stage, recorder):
    taken = socket.create_server(("127.0.0.1", 0))
    port = taken.getsockname()[1]
    result = stage.run("serve", "--listen", f"127.0.0.1:{port}", "--log", "x/log.db", "--upstream", recorder.base_url)
    assert result.returncode == 1 and result.stdout == ""
    assert f"pid {os.getpid()}" in result.stderr and str(port) in result.stderr and len(result.stderr.splitlines()) == 1


def test_port_held_by_another_gateway_is_named(stage, recorded):
    result = stage.run("serve", "--listen", recorded.address, "--log", "x/log.db")
    assert result.returncode == 1 and len(result.stderr.splitlines()) == 1
    assert "another spantop gateway" in result.stderr and f"pid {recorded.pid}" in result.stderr


def test_one_gateway_a_log(stage, recorded):
    result = stage.run("serve", "--listen", "127.0.0.1:0", "--log", recorded.log.path)
    assert result.returncode == 1 and len(result.stderr.splitlines()) == 1
    assert str(recorded.pid) in result.stderr and recorded.messages(b"{}").status == 200


@pytest.mark.parametrize("args,word", [
    (["--listen", "nonsense"], "--listen"), (["--listen", "127.0.0.1:99999"], "--listen"),
    (["--listen", "203.0.113.9:0"], "203.0.113.9"), (["--upstream", "ftp://x/"], "--upstream"),
    (["--upstream", "http://user:pw@x/"], "--upstream"), (["--upstream", "http://x/?q"], "--upstream"),
])
def test_impossible_settings_are_one_sentence(stage, args, word):
    result = stage.run("serve", "--log", "x/log.db", *(["--listen", "127.0.0.1:0"] if "--listen" not in args else []), *args)
    assert result.returncode in (1, 2) and len(result.stderr.splitlines()) <= 2 and word in result.stderr


def test_ready_line_and_health_agree(recorded):
    assert recorded.ready_line.string == f"spantop listening on http://{recorded.address}"


def test_listens_on_ipv6(stage, recorder):
    if not has_ipv6():
        pytest.skip("this machine has no ::1")
    program = stage.start("serve", "--listen", "[::1]:0", "--log", "v6/log.db", "--upstream", recorder.base_url)
    port = int(program.wait_line(r"\[::1\]:(\d+)").group(1))
    with socket.create_connection(("::1", port)) as s:
        s.sendall(b"GET /spantop/health HTTP/1.1\r\nHost: [::1]:%d\r\nConnection: close\r\n\r\n" % port)
        assert b'"status":"ok"' in s.makefile("rb").read()


def has_ipv6():
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
        return True
    except OSError:
        return False


# -- Time limits -------------------------------------------------------------------
def test_silent_upstream_is_504(stage, recorder):
    gateway = stage.gateway(recorder, "--idle-timeout", "1s")
    recorder.answer(threading.Event())
    answer = gateway.messages(b"{}")
    assert answer.status == 504 and answer.header("x-spantop-error") == "upstream_silent"
    assert recorder.requests[0].left.wait(5)
    row = gateway.log.wait_calls()[0]
    assert (row["state"], row["status"], row["error_type"]) == ("error", 504, "upstream_silent")


def test_stream_that_falls_silent_is_broken_off(stage, recorder):
    gateway = stage.gateway(recorder, "--idle-timeout", "1s")
    recorder.answer(STREAM, b"1\r\nx\r\n", threading.Event())
    answer = gateway.messages(b"{}")
    assert answer.status == 200 and not answer.complete and answer.body == b"x"
    row = gateway.log.wait_calls()[0]
    assert (row["state"], row["status"], row["error_type"]) == ("error", 200, "upstream_silent")


def test_slow_drip_is_not_silence(stage, recorder):
    gateway = stage.gateway(recorder, "--idle-timeout", "1s")
    pause = threading.Event()
    recorder.answer(STREAM, *[step for n in range(4) for step in (b"1\r\nx\r\n", lambda _: pause.wait(0.5))], b"0\r\n\r\n")
    answer = gateway.messages(b"{}")
    assert answer.complete and answer.body == b"xxxx"


# -- TLS and proxies ------------------------------------------------------------------
@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls")
    cert, key = folder / "cert.pem", folder / "key.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                    "-keyout", key, "-out", cert, "-days", "2", "-subj", "/CN=localhost",
                    "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1,DNS:api.example.test"], check=True, capture_output=True)
    return str(cert), str(key)


def test_tls_upstream_with_a_named_ca(stage, certificate):
    recorder = stage.recorder(certificate=certificate)
    gateway = stage.gateway(recorder, "--ca-file", certificate[0])
    recorder.answer(plain(b"over tls"))
    body = b"x" * 200_000
    assert gateway.messages(body).body == b"over tls"
    assert recorder.requests[0].body == body
    assert gateway.messages(b"{}").status == 200
    assert recorder.connections == 1, "TLS connections are to be kept as well"


def test_unknown_certificate_is_refused(stage, certificate):
    recorder = stage.recorder(certificate=certificate)
    gateway = stage.gateway(recorder)
    answer = gateway.messages(b"{}")
    assert answer.status == 502 and answer.header("x-spantop-error") == "connect"
    assert b"certificate" in answer.body.lower() and recorder.requests == []


class Tunnel:
    """A proxy that knows CONNECT and leads everything to one port."""

    def __init__(self, port):
        self.port, self.asked = port, []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        head = b""
        while b"\r\n\r\n" not in head:
            data = client.recv(4096)
            if not data:
                return
            head += data
        self.asked.append(head.split(b"\r\n")[0].decode())
        server = socket.create_connection(("127.0.0.1", self.port))
        client.sendall(b"HTTP/1.1 200 Connection established\r\nX-Proxy: 1\r\n\r\n")
        threading.Thread(target=self._copy, args=(client, server), daemon=True).start()
        self._copy(server, client)

    @staticmethod
    def _copy(source, sink):
        try:
            while data := source.recv(65536):
                sink.sendall(data)
        except OSError:
            pass
        for s in (source, sink):
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def stop(self):
        self.listener.close()


def test_https_proxy_is_used_for_a_far_upstream(stage, certificate):
    recorder = stage.recorder(certificate=certificate)
    tunnel = stage.add(Tunnel(recorder.port))
    gateway = stage.gateway("https://api.example.test/api/anthropic/", "--ca-file", certificate[0], env={"HTTPS_PROXY": tunnel.url})
    recorder.answer(plain(b"through"))
    answer = gateway.messages(b"{}")
    assert answer.body == b"through" and answer.header("x-proxy") is None
    assert tunnel.asked == ["CONNECT api.example.test:443 HTTP/1.1"]
    assert recorder.requests[0].header("host") == "api.example.test"


@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "https_proxy", "http_proxy", "ALL_PROXY"])
def test_no_proxy_for_this_machine(stage, recorder, variable):
    gateway = stage.gateway(recorder, env={variable: "http://127.0.0.1:1"})
    assert gateway.messages(b"{}").status == 200


# -- Load --------------------------------------------------------------------------------
def test_200_streams_at_once(recorded, recorder):
    count = 200
    for n in range(count):
        recorder.answer(STREAM, *[b"8\r\n12345678\r\n"] * 20, b"0\r\n\r\n")
    clients = [ask(recorded) for _ in range(count)]
    for client in clients:
        answer = client.read_response()
        assert answer.complete and answer.body == b"12345678" * 20
        client.close()
    rows = recorded.log.wait_calls(count)
    assert {row["state"] for row in rows} == {"done"} and len(rows) == count
    assert recorded.health()["dropped"] == 0


def test_clients_come_and_go_at_random(recorded, recorder):
    """Many at once, leaving at every stage: nothing hangs, nothing is left open."""
    for n in range(120):
        steps = [[threading.Event()], [STREAM, b"1\r\nx\r\n", threading.Event()], [STREAM, b"1\r\nx\r\n0\r\n\r\n"]][n % 3]
        recorder.answer(*steps)
    clients = [ask(recorded) for _ in range(120)]
    recorder.wait_request(120)
    for n, client in enumerate(clients):
        client.reset() if n % 2 else client.close()
    wait_for(lambda: recorded.health()["in_flight"] == 0, what="every call to be over")
    assert recorded.messages(b"{}").status == 200
    wait_for(lambda: not recorded.log.calls("state = 'open'"), what="every row to be closed")
