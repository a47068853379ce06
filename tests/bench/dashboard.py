"""The dashboard on a log of a million calls: time to the first screen, from a key
to the screen, and memory.  Part of make bench.

    dashboard.py [--calls N] [--out FILE]"""

import argparse
import fcntl
import os
import pty
import random
import select
import signal
import sqlite3
import statistics
import struct
import subprocess
import tempfile
import termios
import time
from pathlib import Path

import proxies

PROGRAM = os.environ.get("SPANTOP_BIN", "build/spantop")
MODELS = ["claude-opus-5-5", "claude-sonnet-5", "claude-haiku-4-5-20251001"]
PROVIDERS = ["anthropic", "vertex_ai", "bedrock"]
DAY_MS = 86_400_000
QUIET_S = 0.03  # a screen is whole when nothing more came for this long


def serve(log):
    port = proxies.free_port()
    process = subprocess.Popen([PROGRAM, "serve", "--listen", f"127.0.0.1:{port}", "--log", log, "--keep", "0",
                                "--upstream", "http://127.0.0.1:9/api/anthropic/"], stdout=subprocess.PIPE, text=True)
    process.stdout.readline()
    return process, port


def rows(count):
    rng = random.Random(7)
    now = int(time.time() * 1000)
    step = 60 * DAY_MS // count
    for i in range(count):
        started = now - (count - i) * step
        failed = rng.random() < 0.01
        yield (i + 1, "error" if failed else "done", started, started + 4000, f"session-{i // 200:08}", "main", "POST",
               "/v1/messages?beta=true", 529 if failed else 200, "overloaded_error" if failed else None,
               MODELS[i % 3], MODELS[i % 3], MODELS[i % 3], PROVIDERS[i % 7 % 3], 12, 90000 + i % 5000, 800, 0,
               rng.randrange(50, 3000), rng.randrange(1000, 90000), "catalog", 400, 900, 4000, 90000, 7000, 1, "off")


COLUMNS = ("id, state, started_at, finished_at, session_id, purpose, method, path, status, error_type, model_asked, model_sent, "
           "model_served, provider_served, tokens_in, tokens_cache_read, tokens_cache_write_5m, tokens_cache_write_1h, "
           "tokens_out, cost_microusd, cost_source, ttfb_ms, ttft_ms, duration_ms, bytes_in, bytes_out, attempt, body_state")
SUMS = ("count(*) AS calls, sum(state = 'error') AS errors, sum(tokens_in) AS tokens_in, sum(tokens_cache_read) AS tokens_cache_read, "
        "sum(tokens_cache_write_5m) AS tokens_cache_write_5m, 0 AS tokens_cache_write_1h, sum(tokens_out) AS tokens_out, "
        "sum(cost_microusd) AS cost_microusd, count(*) AS ttft_count, sum(ttft_ms) AS ttft_sum_ms")
SUM_NAMES = ("calls, errors, tokens_in, tokens_cache_read, tokens_cache_write_5m, tokens_cache_write_1h, tokens_out, cost_microusd, "
             "ttft_count, ttft_sum_ms")


def fill(log, count):
    db = sqlite3.connect(log)
    db.execute("PRAGMA synchronous = OFF")
    marks = ", ".join("?" * len(COLUMNS.split(",")))
    db.executemany(f"INSERT INTO call({COLUMNS}) VALUES({marks})", rows(count))
    db.execute(f"INSERT INTO session(session_id, title, first_at, last_at, {SUM_NAMES}) SELECT session_id, 'work ' || session_id, "
               f"min(started_at), max(started_at), {SUMS} FROM call GROUP BY session_id")
    day = "CAST(strftime('%Y%m%d', started_at / 1000, 'unixepoch', 'localtime') AS INTEGER)"
    db.execute(f"INSERT INTO day_sum(day, session_id, model, provider, purpose, {SUM_NAMES}) SELECT {day}, session_id, model_served, "
               f"provider_served, purpose, {SUMS} FROM call GROUP BY 1, 2, 3, 4, 5")
    db.execute(f"INSERT INTO minute_sum(minute, model, provider, {SUM_NAMES}) SELECT finished_at / 60000, model_served, "
               f"provider_served, {SUMS} FROM call GROUP BY 1, 2, 3")
    db.execute("UPDATE meta SET value = ? WHERE key = 'next_call_id'", (count + 1,))
    db.commit()
    db.close()


class Screen:
    def __init__(self, log, port):
        self.started = time.monotonic()
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.environ.update(TERM="xterm-256color", LC_ALL="C.UTF-8")
            os.execv(PROGRAM, [PROGRAM, "--log", str(log), "--listen", f"127.0.0.1:{port}"])
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", 36, 120, 0, 0))

    def read_until_quiet(self, limit=10.0):
        """Everything drawn, with the times of the first and the last byte."""
        text, first, last = b"", None, None
        end = time.monotonic() + limit
        while time.monotonic() < end:
            ready, _, _ = select.select([self.fd], [], [], QUIET_S if last else 0.5)
            if not ready:
                if last:
                    break
                continue
            text += os.read(self.fd, 65536)
            last = time.monotonic()
            first = first or last
        return text, first, last

    def wait_for(self, want, limit=20.0):
        text = b""
        end = time.monotonic() + limit
        while want not in text:
            ready, _, _ = select.select([self.fd], [], [], max(0, end - time.monotonic()))
            if not ready:
                raise SystemExit(f"bench: the dashboard never showed {want!r}")
            text += os.read(self.fd, 65536)
        return time.monotonic()

    def key_ms(self, key):
        self.read_until_quiet(0.2)
        sent = time.monotonic()
        os.write(self.fd, key)
        _, first, _ = self.read_until_quiet(1.0)
        return (first - sent) * 1000 if first else None

    def memory_mib(self):
        for line in Path(f"/proc/{self.pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) / 1024
        return 0.0

    def cpu_s(self):
        return int(Path(f"/proc/{self.pid}/schedstat").read_text().split()[0]) / 1e9

    def leave(self):
        os.write(self.fd, b"Q")
        time.sleep(0.3)
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)


def quantile(values, q):
    ordered = sorted(values)
    return ordered[int((len(ordered) - 1) * q)]


def measure(log, port):
    firsts = []
    for _ in range(5):
        screen = Screen(log, port)
        firsts.append((screen.wait_for(b"opus-5-5") - screen.started) * 1000)
        screen.leave()
    screen = Screen(log, port)
    screen.wait_for(b"opus-5-5")
    # Each of them changes the screen, wherever the one before led to.
    keys = [b"2", b"k", b"\x1b[5~", b"\x1b[5~", b"g", b"j", b"\x1b[6~", b"G", b"3", b"4", b"5", b"1"]
    named = [(key, screen.key_ms(key)) for _ in range(10) for key in keys]
    slow = max((t, key) for key, t in named if t is not None)
    print(f"slowest key {slow[1]!r}: {slow[0]:.1f} ms; {sum(t is None for _, t in named)} keys changed nothing")
    times = [t for _, t in named if t is not None]
    before, at = screen.cpu_s(), time.monotonic()
    screen.read_until_quiet(0.2)
    time.sleep(5)
    idle = (screen.cpu_s() - before) / (time.monotonic() - at) * 100
    memory = screen.memory_mib()
    screen.leave()
    return firsts, times, idle, memory


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--calls", type=int, default=1_000_000)
    parser.add_argument("--out")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="spantop-bench-") as folder:
        log = Path(folder) / "data" / "log.db"
        process, port = serve(log)
        process.terminate()
        process.wait()
        fill(log, options.calls)
        process, port = serve(log)
        try:
            firsts, times, idle, memory = measure(log, port)
        finally:
            process.terminate()
            process.wait()
    text = (f"\n### Dashboard on a log of {options.calls:,} calls\n\n"
            f"first screen {statistics.median(firsts):.0f} ms (median of {len(firsts)} starts); key to screen p50 "
            f"{quantile(times, 0.5):.1f} ms, p95 {quantile(times, 0.95):.1f} ms over {len(times)} keys; "
            f"{idle:.2f} % of a core when nothing happens; {memory:.1f} MiB.")
    print(text)
    if options.out:
        with open(options.out, "a", encoding="utf-8") as out:
            out.write(text + "\n")


if __name__ == "__main__":
    main()
