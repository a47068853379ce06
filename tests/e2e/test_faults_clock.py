"""The clock jumps: a laptop sleeps and wakes, NTP steps it, a battery is empty.

The program runs with tests/lib/clock_shim.c preloaded, which the sanitizers' own
preloading does not bear; so these tests are there for a plain build alone.
"""
import json
import pathlib
import struct
import subprocess
import threading
import time

import pytest
from recorder import plain
from spantop import KEY, PROGRAM, SLOWER, wait_for

HOUR_S, DAY_S = 3600, 86400
BODY = {"model": "claude-sonnet-5", "max_tokens": 99, "stream": True, "messages": [{"role": "user", "content": "[[sim text hello]]"}]}
HEADERS = [("x-api-key", KEY), ("X-Claude-Code-Session-Id", "s-1")]


@pytest.fixture(scope="session")
def shim(tmp_path_factory):
    library = tmp_path_factory.mktemp("shim") / "clock_shim.so"
    source = pathlib.Path(__file__).resolve().parents[1] / "lib/clock_shim.c"
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", library, source], check=True)
    return library


class Clock:
    """The clock of what is started with env=clock.env; jumps add up."""

    def __init__(self, folder, library):
        self.path = folder / "clock"
        self.env = {"LD_PRELOAD": library, "CLOCK_SHIM": self.path}
        self._wall_s = self._slept_s = 0
        self._write()

    def _write(self):
        with open(self.path, "r+b" if self.path.exists() else "wb") as f:  # in place: it is mapped
            f.write(struct.pack("qq", self._wall_s * 1_000_000, self._slept_s * 1_000_000))

    def jump(self, seconds):
        self._wall_s += seconds
        self._write()

    def sleep(self, seconds):
        """The whole machine: the monotonic clock stands still meanwhile."""
        self._slept_s += seconds
        self.jump(seconds)

    def now_ms(self):
        return (time.time() + self._wall_s) * 1000


@pytest.fixture
def clock(tmp_path, shim):
    return Clock(tmp_path, shim)


def check_sums(log):
    calls = log.query("SELECT count(*) AS n, sum(tokens_out) AS t FROM calls WHERE state <> 'open'")
    for table in "session", "day_sum", "minute_sum":
        assert log.query(f"SELECT sum(calls) AS n, sum(tokens_out) AS t FROM {table}") == calls, table


def check_shown(stage, gateway, clock):
    """What a user sees has no time that cannot be."""
    for words in ["calls"], ["status"], ["stats"], ["stats", "--by", "session"]:
        done = stage.run(*words, "--log", gateway.log.path, env=clock.env)
        assert done.returncode == 0, done
        assert not any(word.startswith("-") and word[1:2].isdigit() for word in done.stdout.split()), done.stdout


if SLOWER == 1:
    @pytest.mark.parametrize("hours", [8, -8, 24 * 400, -24 * 400])
    def test_jump_while_a_stream_runs_and_between_two(stage, recorder, clock, hours):
        gateway = stage.gateway(recorder, "--keep", "0", env=clock.env)
        gate = threading.Event()
        recorder.answer(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n", gate, b"0\r\n\r\n")
        before_ms = clock.now_ms()
        with gateway.connect() as client:
            client.send_request("POST", "/v1/messages", HEADERS, json.dumps(BODY).encode())
            head = client.read_head()
            gateway.log.wait_calls(1, "state = 'open'")
            clock.jump(hours * HOUR_S)
            screen = stage.screen([PROGRAM, "--log", gateway.log.path, "--listen", gateway.address], env=clock.env)
            screen.wait_text("sonnet")
            gate.set()
            assert [*client.pieces(head)] and head.complete
        recorder.default = (plain(json.dumps({"type": "message", "usage": {"input_tokens": 3, "output_tokens": 5}}).encode()),)
        assert gateway.messages(BODY, HEADERS).status == 200
        first, second = gateway.log.wait_calls(2)
        assert (first["state"], second["state"]) == ("done", "done") and first["id"] < second["id"]
        assert abs(first["started_at"] - before_ms) < 60_000 and abs(second["started_at"] - clock.now_ms()) < 60_000
        for row in first, second:
            assert 0 <= row["ttfb_ms"] <= row["duration_ms"] < 60_000, "a duration is of the clock that does not jump"
            assert row["finished_at"] >= row["started_at"]
        check_sums(gateway.log)
        check_shown(stage, gateway, clock)
        screen.keys("2")
        screen.keys("q")

    def test_connections_from_before_a_sleep_are_not_used(stage, recorder, clock):
        """Nobody knows whether the other side still has them, and a request sent into a dead one is answered by nobody."""
        gateway = stage.gateway(recorder, env=clock.env)
        assert gateway.messages(b"{}").status == 200
        clock.jump(8 * HOUR_S)  # a clock that is set is no sleep
        assert gateway.messages(b"{}").status == 200
        assert recorder.connections == 1
        clock.sleep(8 * HOUR_S)
        for _ in range(2):  # the first of them lies at hand again when it is answered
            assert gateway.messages(b"{}").status == 200
        assert 1 not in [request.connection for request in recorder.requests[2:]]

    def test_stream_outlives_a_sleep_when_its_connection_does(stage, recorder, clock):
        gateway = stage.gateway(recorder, "--idle-timeout", "30s", env=clock.env)
        gate = threading.Event()
        recorder.answer(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n", gate, b"1\r\nb\r\n", b"0\r\n\r\n")
        with gateway.connect() as client:
            client.send_request("POST", "/v1/messages", HEADERS, b"{}")
            head = client.read_head()
            pieces = client.pieces(head)
            assert next(pieces) == b"a"
            clock.sleep(8 * HOUR_S)
            assert gateway.messages(b"{}").status == 200
            gate.set()
            assert [*pieces] == [b"b"] and head.complete
        gateway.log.wait_calls(2, "state = 'done'")

    def test_clock_that_jumps_far_ahead_deletes_nothing(stage, recorder, clock):
        """It is more often wrong for a moment than right, and what is deleted is gone."""
        gateway = stage.gateway(recorder, "--keep", "30d", env=clock.env)
        for _ in range(3):
            gateway.messages(BODY, HEADERS)
        gateway.log.wait_calls(3)
        clock.jump(40 * DAY_S)
        end = time.monotonic() + 3  # it looks once a second while calls come
        while time.monotonic() < end:
            gateway.messages(BODY, HEADERS)
        assert [row["id"] for row in gateway.log.calls("id <= 3 AND body_state = 'kept'")] == [1, 2, 3]
        gateway.signal(15)
        assert gateway.wait_end() == 0
        again = stage.gateway(recorder, "--keep", "30d", env=clock.env, log=gateway.log.path)
        again.messages(BODY, HEADERS)
        wait_for(lambda: not again.log.calls("id <= 3"), what="a gateway that knows no other time to believe the clock")
