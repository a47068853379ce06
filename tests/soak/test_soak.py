"""Hours in minutes: mixed load, faults, switches, dashboards that come and go, clients
that leave.  At the end nothing has grown that should not, each call a client saw is in the
log once, and its tokens are those that the simulator handed out.

    SOAK_SECONDS=1800   how long (make soak); the whole test takes a little longer
"""
import json
import os
import pathlib
import random
import re
import sqlite3
import statistics
import threading
import time

import pytest
from load import Load
from spantop import KEY, PROGRAM, SLOWER, wait_for

SECONDS = int(os.environ.get("SOAK_SECONDS", "1800"))
MIB = 1 << 20
USAGE = {"tokens_in": "input_tokens", "tokens_cache_read": "cache_read", "tokens_cache_write_5m": "cache_write_5m",
         "tokens_cache_write_1h": "cache_write_1h", "tokens_out": "output_tokens"}
# Each meets one call and is then over.
FAULTS = [{"status": 529}, {"status": 429, "headers": {"retry-after": "1"}}, {"status": 500, "shape": "html"}, {"status": 503, "shape": "empty"},
          *[{"stage": stage, "fault": fault} for stage in ("first_event", "mid_event", "mid_utf8", "between_events", "before_end")
            for fault in ("reset", "close", "error_event")],
          {"stage": "headers", "fault": "close"}, {"stage": "headers", "fault": "1xx"}, {"stage": "headers", "fault": "redirect"},
          {"stage": "mid_headers", "fault": "reset"}, {"stage": "between_events", "fault": "drip"}]


class Samples(threading.Thread):
    """What the gateway holds, over time."""

    def __init__(self, gateway, stop):
        super().__init__(daemon=True)
        self.gateway, self.stopped, self.rows = gateway, stop, []

    def look(self):
        status = pathlib.Path(f"/proc/{self.gateway.pid}/status").read_text()
        log = self.gateway.log.path
        # What is in the log, wherever it lies: the file itself grows when a checkpoint comes.
        inside = self.gateway.log.query("SELECT (page_count - freelist_count) * page_size AS bytes, (SELECT max(id) FROM calls) AS calls"
                                        " FROM pragma_page_count, pragma_freelist_count, pragma_page_size")[0]
        return {"at": time.monotonic(), "rss": int(re.search(r"VmRSS:\s+(\d+)", status).group(1)) * 1024,
                "threads": int(re.search(r"Threads:\s+(\d+)", status).group(1)),
                "fds": len(os.listdir(f"/proc/{self.gateway.pid}/fd")),
                "log": inside["bytes"], "calls": inside["calls"], "wal": pathlib.Path(f"{log}-wal").stat().st_size}

    def run(self):
        while not self.stopped.wait(max(0.2, SECONDS / 600)):
            self.rows.append(self.look())

    def middle(self, name, part):
        """The median of a quarter of the time, 0 to 3."""
        size = len(self.rows) // 4
        return statistics.median(row[name] for row in self.rows[part * size:(part + 1) * size])


class Errand(threading.Thread):
    """Does one thing again and again; what went wrong is kept for the end."""

    def __init__(self, stop, pause_s, what):
        super().__init__(daemon=True)
        self.stopped, self.pause_s, self.what, self.count, self.error = stop, pause_s, what, 0, None

    def run(self):
        try:
            while not self.stopped.wait(self.pause_s):
                self.what(self.count)
                self.count += 1
        except BaseException as error:  # a thread's failure is the test's
            self.error = error

    def check(self):
        if self.error:
            raise self.error
        assert self.count > 0, f"{self.what.__name__} never ran"


def errands(stage, sim, gateway, stop, ledger):
    rng = random.Random(8)
    where = ["--log", gateway.log.path]

    def add_fault(_):
        sim.faults({"times": 1, **rng.choice(FAULTS)})

    def switch(count):
        words = [["model", "claude-sonnet-5"], ["model", "--clear"], ["provider", "vertex_ai"], ["provider", "--clear"],
                 ["model", "claude-opus-5-5", "--session", "session-1"], ["model", "--clear", "--session", "session-1"]][count % 6]
        done = stage.run(*where, *words, limit_s=20 * SLOWER)
        assert done.returncode == 0, done

    def look(count):
        words = [["calls", "--last", "50"], ["stats"], ["status"], ["routes"], ["calls", "--json", "--where", "state=error"]][count % 5]
        done = stage.run(*where, *words, limit_s=30 * SLOWER)
        assert done.returncode == 0, done

    def watch(count):
        screen = stage.screen([PROGRAM, *where, "--listen", gateway.address], columns=[80, 120, 160][count % 3])
        screen.wait_text("session-|sonnet|opus")
        for key in "2", "3", "4", "5", "1", "q":
            screen.keys(key)
        if count % 2:
            screen.keys("Q")
            screen.wait_dead()
        screen.stop()
        stage._actors.remove(screen)

    def leave(_):
        with gateway.connect() as client:
            body = json.dumps({"model": "claude-opus-5-5", "stream": True, "max_tokens": 99,
                               "messages": [{"role": "user", "content": "[[sim words 400]]"}]}).encode()
            request = b"POST /v1/messages HTTP/1.1\r\nHost: localhost\r\nx-api-key: %s\r\nContent-Length: %d\r\n\r\n" % (KEY.encode(), len(body))
            whole = request + body
            client.send(whole[:rng.choice([5, len(request) - 3, len(request) + 9, len(whole)])])
            stop.wait(rng.uniform(0, 0.05))
            client.reset()

    def read_ledger(_):
        ledger.update({row["request_id"]: row for row in sim.ledger()["rows"]})

    return [Errand(stop, *task) for task in ((0.15, add_fault), (1.5, switch), (1.0, look), (3.0, watch), (0.1, leave),
                                            (max(3.0, min(60.0, SECONDS / 5)), read_ledger))]


def check_calls(log, calls, ledger):
    """Each call a client saw is there once, as it saw it."""
    rows = {row["id"]: row for row in log.query("SELECT id, path, state, status, request_id, " + ", ".join(USAGE) + " FROM calls")}
    seen = [call for call in calls if call.id]
    assert len({call.id for call in seen}) == len(seen), "an id was handed out twice"
    paths = log.query("SELECT path, count(*) AS n FROM calls WHERE path LIKE '%call=%' GROUP BY 1 HAVING n > 1")
    assert not paths, f"more than one row a call: {paths[:5]}"
    missing = [call.id for call in seen if call.id not in rows]
    assert not missing, f"{len(missing)} of {len(seen)} calls are not in the log, such as {missing[:5]}"
    differ = []
    sums, handed_out, whole = dict.fromkeys(USAGE, 0), dict.fromkeys(USAGE, 0), 0
    for call in seen:
        row = rows[call.id]
        assert row["path"].endswith(f"call={call.mark}") and row["status"] == call.status, (row, call.mark)
        assert row["state"] != "open", row
        if not call.is_whole or row["state"] != "done" or row["request_id"] not in ledger:
            continue
        if ledger[row["request_id"]]["state"] != "done":
            continue
        whole += 1
        if any((row[column] or 0) != ledger[row["request_id"]]["usage"][field] for column, field in USAGE.items()):
            differ.append((row, ledger[row["request_id"]], call.answer[-300:]))
        for column, field in USAGE.items():
            sums[column] += row[column] or 0
            handed_out[column] += ledger[row["request_id"]]["usage"][field]
    assert not differ, f"{len(differ)} calls have other tokens than the simulator handed out: {differ[:2]}"
    assert sums == handed_out, f"the log has {sums}, the simulator handed out {handed_out}"
    assert whole > len(seen) / 3, f"only {whole} of {len(seen)} calls went well"
    return whole


def check_growth(samples, calls):
    first, last = samples.middle("rss", 1), samples.middle("rss", 3)
    # Caches fill for a while: half a minute shows less of a level than half an hour.
    allowed = (1.10 if SECONDS >= 600 else 1.5) * first + 16 * MIB
    assert last < allowed, f"memory grew from {first / MIB:.1f} to {last / MIB:.1f} MiB"
    assert len({row["threads"] for row in samples.rows[len(samples.rows) // 4:]}) <= 3, "threads come and stay"
    assert samples.middle("fds", 3) < samples.middle("fds", 1) + 24, "descriptors grew"
    assert max(row["wal"] for row in samples.rows) < 64 * MIB, "the write-ahead log grew"
    # By the call: a machine that others use, too, does not carry as many in each quarter.
    early, late = ({name: samples.middle(name, part) - samples.middle(name, part - 1) for name in ("log", "calls")} for part in (1, 3))
    early_bytes, late_bytes = early["log"] / early["calls"], late["log"] / late["calls"]
    assert late_bytes < 1.6 * early_bytes + 4 * MIB / late["calls"], \
        f"a call took {early_bytes:.0f} bytes of the log in an early quarter, {late_bytes:.0f} in a late one"


@pytest.mark.limit(SECONDS + 240)
def test_soak(stage):
    sim = stage.sim("--log-latency", "50", config={"speed": 0})
    gateway = stage.gateway(sim, env={"RESPAN_API_KEY": KEY})
    assert gateway.messages({"model": "claude-opus-5-5", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}).status == 200
    stop, ledger = threading.Event(), {}
    samples = Samples(gateway, stop)
    at_start = samples.look()
    load = Load(gateway, count=6, seed="soak", pause_s=0.15)
    others = [samples, *errands(stage, sim, gateway, stop, ledger)]
    for thread in others:
        thread.start()
    threading.Event().wait(SECONDS)  # the soak itself
    stop.set()
    for thread in others:
        thread.join(60 * SLOWER)
        assert not thread.is_alive(), f"{thread} hangs"
    calls = load.stop()
    for errand in others[1:]:
        errand.check()
    wait_for(lambda: gateway.health()["in_flight"] == 0, 30 * SLOWER, "the last calls to end")
    gateway.log.wait_calls(0, limit_s=1)
    wait_for(lambda: not gateway.log.calls("state = 'open'"), what="the last rows")
    wait_for(lambda: len(os.listdir(f"/proc/{gateway.pid}/fd")) < at_start["fds"] + 80, what="connections to close")
    assert gateway.health()["dropped"] == 0
    ledger.update({row["request_id"]: row for row in sim.ledger()["rows"]})
    whole = check_calls(gateway.log, calls, ledger)
    check_growth(samples, len(calls))
    connection = sqlite3.connect(gateway.log.path)
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    connection.close()
    print(f"soak: {len(calls)} calls in {SECONDS} s, {whole} whole with the simulator's tokens; memory "
          f"{samples.middle('rss', 1) / MIB:.0f} → {samples.middle('rss', 3) / MIB:.0f} MiB")
