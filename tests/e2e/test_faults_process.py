"""Processes die: kill -9 at random moments under load, SIGTERM in the middle of it.

SPANTOP_KILLS=N kills N times (24 by default; `make soak` some hundreds); SPANTOP_SOAK=1
adds what takes half a minute and more.
"""
import collections
import json
import os
import random
import shlex
import signal
import socket
import subprocess
import threading
import time

import pytest
import spantop
from load import Load
from spantop import KEY, PROGRAM, SLOWER, wait_for
from wire import Client

KILLS = int(os.environ.get("SPANTOP_KILLS", "24"))
# The promise: what ended, or began, so long before the end is in the log.
KEPT_S = 0.2 * SLOWER
USAGE = {"tokens_in": "input_tokens", "tokens_cache_read": "cache_read", "tokens_cache_write_5m": "cache_write_5m",
         "tokens_cache_write_1h": "cache_write_1h", "tokens_out": "output_tokens"}


def stored(stage, log, number, part):
    shown = stage.run("show", number, part, "--log", log.path, text=False)
    assert shown.returncode == 0, shown.stderr
    return shown.stdout


def check_bodies(stage, log, calls):
    for call in calls:
        assert stored(stage, log, call.id, "--request") == call.body, f"the request of call {call.id} is another"
        assert stored(stage, log, call.id, "--response") == call.answer, f"the answer of call {call.id} is another"


def check_integrity(log):
    assert log.query("PRAGMA integrity_check") == [{"integrity_check": "ok"}]
    assert log.query("PRAGMA foreign_key_check") == []


def mark_of(target):
    return target.split("call=")[1]


def check_round(stage, sim, log, calls, first_request, killed_at):
    """What the log must hold after one kill and the next start.  Gives the rows by mark."""
    rows = {mark_of(row["path"]): row for row in log.calls("path LIKE ?", f"%call={calls[0].mark.split('-')[0]}-%")}
    before = killed_at - KEPT_S
    assert "open" not in {row["state"] for row in rows.values()}
    ended = [call for call in calls if call.is_whole and call.ended_at < before]
    for call in ended:
        row = rows.get(call.mark)
        assert row, f"call {call.id} ended {killed_at - call.ended_at:.3f} s before the kill and is not in the log"
        assert (row["id"], row["state"], row["status"], row["body_state"]) == (call.id, "done", 200, "kept")
    # The last ones are those at risk.
    check_bodies(stage, log, ended[:1] + sorted(ended, key=lambda c: c.ended_at)[-3:])

    # A call has begun at the latest when the upstream got it.
    by_mark = {call.mark: call for call in calls}
    for request in sim.requests(target="messages", since=first_request):
        call = by_mark[mark_of(request["target"])]
        if request["at_ms"] / 1000 > before or call.is_whole:
            continue
        row = rows.get(call.mark)
        assert row, f"call {call.mark} began {killed_at - request['at_ms'] / 1000:.3f} s before the kill and is not in the log"
        # Its last bytes may have died on their way to the client.
        assert row["state"] in ("lost", "done") and call.id in (None, row["id"])
    return rows


def check_sums(log):
    """The sums that are kept beside the calls are those of the calls."""
    fields = ", ".join(f"coalesce(sum({name}), 0) AS {name}" for name in [*USAGE, "cost_microusd"])
    for by, table in (("session_id", "session"), ("session_id", "day_sum")):
        of_calls = log.query(f"SELECT {by} AS k, count(*) AS calls, {fields} FROM calls GROUP BY 1 ORDER BY 1")
        kept = log.query(f"SELECT {by} AS k, sum(calls) AS calls, {fields} FROM {table} GROUP BY 1 ORDER BY 1")
        assert of_calls == kept, f"{table} tells other sums than the calls"


def check_ledger(sim, log, calls):
    """What the clients saw whole is in the log with the tokens that the simulator handed out."""
    rows = {row["id"]: row for row in log.calls()}
    ledger = {row["request_id"]: row for row in sim.ledger()["rows"]}
    sums, handed_out = collections.Counter(), collections.Counter()
    for call in calls:
        row = rows[call.id]
        for column, field in USAGE.items():
            sums[column] += row[column] or 0
            handed_out[column] += ledger[row["request_id"]]["usage"][field]
    assert sums == handed_out and sums["tokens_out"] > 0


@pytest.mark.limit(60 + 3 * KILLS)
def test_kill_at_random_moments(stage):
    rng = random.Random(int(os.environ.get("SPANTOP_SEED", "4")))
    sim = stage.sim(config={"speed": 12, "first_ms": 5})
    ids, kept, lost = [], [], 0
    gateway = stage.gateway(sim)
    for number in range(KILLS):
        first_request = max([r["n"] for r in sim.requests()], default=0)
        load = Load(gateway, count=8, seed=f"k{number}")
        wait_for(lambda: any(call.is_whole for call in load.calls()), what="the first call to be over")
        threading.Event().wait(rng.uniform(0, 0.6 * SLOWER))  # the random moment
        killed_at = time.time()
        os.kill(gateway.pid, signal.SIGKILL)
        gateway.kill()
        calls = load.stop()
        if number % 2:
            check_integrity(gateway.log)  # before anybody has mended anything
        gateway = stage.gateway(sim, log=gateway.log.path)
        rows = check_round(stage, sim, gateway.log, calls, first_request, killed_at)
        ids += [call.id for call in calls if call.id]
        kept += [call for call in calls if call.is_whole and call.mark in rows and rows[call.mark]["state"] == "done"]
        lost += sum(row["state"] == "lost" for row in rows.values())
    assert len(ids) == len(set(ids)), "an id was handed out twice"
    assert len(kept) > KILLS and lost > KILLS, "nothing was at risk"
    check_integrity(gateway.log)
    check_ledger(sim, gateway.log, kept)
    gateway.signal(signal.SIGTERM)
    assert gateway.wait_end() == 0
    check_sums(gateway.log)


def test_dashboards_killed_beside_it(stage, sim):
    """Readers that die in the middle of reading leave nothing behind that hinders the writer."""
    sim.config(speed=12, first_ms=5)
    gateway = stage.gateway(sim)
    dashboards = [stage.screen([PROGRAM, "--log", gateway.log.path, "--listen", gateway.address]) for _ in range(2)]
    load = Load(gateway, count=4, seed="d")
    for dashboard in dashboards:
        dashboard.wait_text("session-|sonnet|opus")
    os.kill(dashboards[0].pid(), signal.SIGKILL)
    before = len(load.calls())
    wait_for(lambda: len([call for call in load.calls()[before:] if call.is_whole]) > 8, what="calls to go on")
    assert gateway.health()["problem"] == ""
    killed_at = time.time()
    os.kill(gateway.pid, signal.SIGKILL)
    os.kill(dashboards[1].pid(), signal.SIGKILL)
    gateway.kill()
    calls = load.stop()
    again = stage.gateway(sim, log=gateway.log.path)
    check_round(stage, sim, again.log, calls, 0, killed_at)
    check_integrity(again.log)


def test_kill_while_it_starts(stage, recorder):
    """The log half made, the ids half reserved: the next start finds its way."""
    rng = random.Random(5)
    for number in range(25):
        log = stage.folder / f"log{number % 5}.db"  # new ones, then the same again
        started = stage.start("serve", "--listen", "127.0.0.1:0", "--log", log, "--upstream", recorder.base_url)
        threading.Event().wait(rng.uniform(0, 0.04 * SLOWER))
        started.kill()
    for number in range(5):
        gateway = stage.gateway(recorder, log=stage.folder / f"log{number}.db")
        assert gateway.messages(b"{}").status == 200
        check_integrity(gateway.log)
        assert gateway.health()["problem"] == ""


def test_of_many_starts_at_once_one_wins(stage, recorder):
    many = [stage.start("serve", "--listen", "127.0.0.1:0", "--log", stage.folder / "one.db", "--upstream", recorder.base_url)
            for _ in range(6)]

    def settled():
        return len([p for p in many if p.is_running()]) == 1 and next(p for p in many if p.is_running()).lines

    wait_for(settled, what="one gateway to be left")
    winner = next(p for p in many if p.is_running())
    for loser in many:
        if loser is not winner:
            assert loser.wait_end() == 1 and loser.lines == []
            assert len(loser.stderr.splitlines()) == 1 and str(winner.pid) in loser.stderr, loser.stderr


def test_stopped_and_continued_it_reads_before_it_calls_the_upstream_silent(stage, recorder):
    """As with Ctrl-Z and fg: what came meanwhile lies in the socket, the time limit is long over."""
    gateway = stage.gateway(recorder, "--idle-timeout", f"{SLOWER}s")
    gate = threading.Event()
    recorder.answer(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n", gate, b"1\r\nb\r\n", b"0\r\n\r\n")
    with gateway.connect() as client:
        client.send_request("POST", "/v1/messages", [("x-api-key", KEY)], b"{}")
        answer = client.read_head()
        pieces = client.pieces(answer)
        assert next(pieces) == b"a"
        gateway.signal(signal.SIGSTOP)
        gate.set()
        assert recorder.requests[0].answered.wait(20)
        threading.Event().wait(1.5 * SLOWER)  # beyond the limit
        gateway.signal(signal.SIGCONT)
        assert list(pieces) == [b"b"] and answer.complete
    assert gateway.log.wait_calls()[0]["state"] == "done"


# -- Standard files -----------------------------------------------------------------------------
def test_closed_standard_files_are_nobody_elses(stage, recorder, monkeypatch):
    """Else the log or a client's socket gets the number, and a message is written into it."""
    closing = stage.folder / "closing"
    closing.write_text(f'#!/bin/sh\nexec {shlex.quote(spantop.PROGRAM)} "$@" <&- 2>&-\n')
    closing.chmod(0o755)
    with monkeypatch.context() as patched:
        patched.setattr(spantop, "PROGRAM", str(closing))
        gateway = stage.gateway(recorder)
    assert [os.readlink(f"/proc/{gateway.pid}/fd/{n}") for n in (0, 2)] == ["/dev/null"] * 2
    os.rename(gateway.log.path, f"{gateway.log.path}.away")  # gives it something to say
    wait_for(lambda: gateway.health()["notice"], what="the new log to be told")
    assert gateway.messages(b"{}").status == 200


def test_reader_of_its_messages_that_goes_away_harms_nothing(stage, recorder):
    read, write = os.pipe()
    port = free_port()
    with subprocess.Popen([PROGRAM, "serve", "--listen", f"127.0.0.1:{port}", "--log", stage.folder / "log.db", "--upstream",
                           recorder.base_url], env=stage.environment(), stdin=subprocess.DEVNULL, stdout=write, stderr=write) as p:
        os.close(write)
        assert b"listening" in os.read(read, 200)
        os.close(read)
        os.rename(stage.folder / "log.db", stage.folder / "away.db")
        with Client("127.0.0.1", port) as client:
            def told():
                client.send_request("GET", "/spantop/health")
                return json.loads(client.read_response().body)["notice"]
            wait_for(told, what="the new log to be told")
        p.send_signal(signal.SIGTERM)
        assert p.wait(20) == 0


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as s:
        return s.getsockname()[1]


# -- SIGTERM --------------------------------------------------------------------------------
def test_sigterm_under_load_ends_every_call_well(stage, sim):
    sim.config(speed=12, first_ms=5)
    gateway = stage.gateway(sim)
    load = Load(gateway, count=12, seed="t")
    wait_for(lambda: sum(call.is_whole for call in load.calls()) > 12, what="the load to run")
    gateway.signal(signal.SIGTERM)
    assert gateway.wait_end() == 0
    calls = load.stop()
    rows = {mark_of(row["path"]): row for row in gateway.log.calls()}
    assert {row["state"] for row in rows.values()} <= {"done", "error"}
    assert {row["status"] for row in rows.values() if row["state"] == "error"} <= {503}
    for call in calls:
        if call.status == 200:
            assert call.is_whole, f"call {call.id} was running and was broken off"
            assert rows[call.mark]["state"] == "done"
        elif call.status:
            assert call.status == 503 and rows[call.mark]["status"] == 503
    done = [call for call in calls if call.status == 200]
    check_bodies(stage, gateway.log, done[-6:])
    check_ledger(sim, gateway.log, done)
    check_sums(gateway.log)
    check_integrity(gateway.log)


def ask_for_long(gateway, count):
    """Calls that are in mid-stream and stay so."""
    clients = []
    for n in range(count):
        client = gateway.connect()
        client.send_request("POST", f"/v1/messages?call=long-{n}", [("x-api-key", KEY)], json.dumps(
            {"model": "claude-sonnet-5", "max_tokens": 99, "stream": True,
             "messages": [{"role": "user", "content": f"{n} [[sim fault mid_event stall]] hello"}]}).encode())
        clients.append((client, client.read_head()))
    return clients


def test_second_sigterm_ends_at_once_and_closes_every_row(stage, sim, gateway):
    clients = ask_for_long(gateway, 40)
    gateway.signal(signal.SIGTERM)
    wait_for(lambda: gateway.health()["status"] == "stopping", what="the gateway to be stopping")
    assert gateway.health()["in_flight"] == 40
    start = time.monotonic()
    gateway.signal(signal.SIGTERM)
    assert gateway.wait_end() == 0
    assert time.monotonic() - start < 1 * SLOWER
    for client, answer in clients:
        assert b"message_start" in b"".join(client.pieces(answer)) and not answer.complete
    rows = gateway.log.calls()
    assert [(row["state"], row["error_type"], row["status"]) for row in rows] == [("error", "stopped", 200)] * 40
    assert all(row["tokens_in"] for row in rows), "what was seen of the usage is to be kept"


if os.environ.get("SPANTOP_SOAK"):  # it takes what it says
    @pytest.mark.limit(90)
    def test_calls_that_do_not_end_are_broken_off_after_30_s(stage, sim, gateway):
        clients = ask_for_long(gateway, 3)
        gateway.signal(signal.SIGTERM)
        start = time.monotonic()
        assert gateway.wait_end(45) == 0
        assert 29 < time.monotonic() - start < 35
        assert [(row["state"], row["error_type"]) for row in gateway.log.calls()] == [("error", "stopped")] * 3
        assert not any(b"message_stop" in b"".join(client.pieces(answer)) for client, answer in clients)
