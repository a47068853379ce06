"""The dashboard on a log of a million calls and 10 GB of bodies: every view's first
screen, filters, searches, keys, memory, each beside what was aimed at.  Part of make bench.

    dashboard.py [--calls N] [--gb N] [--out FILE]

The log is made once, in build/bench/large/ (some minutes, 2 GB); delete it to have it
made anew."""

import argparse
import fcntl
import os
import pty
import select
import signal
import sqlite3
import statistics
import struct
import subprocess
import termios
import time
from pathlib import Path

import proxies

PROGRAM = os.environ.get("SPANTOP_BIN", "build/spantop")
BUILD = Path(os.environ.get("SPANTOP_BENCH_BUILD", "build/bench"))
ROUNDS = 5
QUIET_S = 0.03  # a screen is whole when nothing more came for this long,
LOOKED_S = 0.25  # and a filter has looked through the whole log


def serve(log):
    port = proxies.free_port()
    process = subprocess.Popen([PROGRAM, "serve", "--listen", f"127.0.0.1:{port}", "--log", log, "--keep", "0",
                                "--upstream", "http://127.0.0.1:9/api/anthropic/"], stdout=subprocess.PIPE, text=True)
    process.stdout.readline()
    return process, port


class Screen:
    def __init__(self, log, port):
        self.started = time.monotonic()
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.environ.update(TERM="xterm-256color", LC_ALL="C.UTF-8")
            os.execv(PROGRAM, [PROGRAM, "--log", str(log), "--listen", f"127.0.0.1:{port}"])
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", 36, 120, 0, 0))

    def read_until_quiet(self, limit=10.0, quiet=QUIET_S):
        """Everything drawn, with the times of the first and the last byte."""
        text, first, last = b"", None, None
        end = time.monotonic() + limit
        while time.monotonic() < end:
            ready, _, _ = select.select([self.fd], [], [], quiet if last else 0.5)
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

    def drawn_ms(self, key, quiet=QUIET_S):
        """From a key until the first and the last byte that it makes the screen send, and
        the processor's time that the dashboard took for it: what a busy machine leaves true."""
        self.read_until_quiet(0.2)
        before = self.cpu_s()
        sent = time.monotonic()
        os.write(self.fd, key)
        _, first, last = self.read_until_quiet(10.0, quiet)
        cpu = (self.cpu_s() - before) * 1000
        return ((first - sent) * 1000, (last - sent) * 1000, cpu) if first else (None, None, None)

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


# A view, the keys that lead to it from Live, and those that lead back.
VIEWS = [("Calls", b"2", b"1"), ("Sessions", b"3", b"1"), ("Cache", b"4", b"1"), ("Spend", b"5", b"1"),
         ("Cache, 12 weeks", b"4ttt", b"t1"), ("Spend, 12 weeks, by session", b"5tttss", b"tssss1"),
         ("Timeline of the newest session", b"3j\r", b"q1"), ("Inspect of a call of 1 MB", b"\r", b"q"),
         ("Inspect: what was asked", b"\r\t", b"q"), ("Routes", b"r", b"r"), ("Help", b"?", b"?"),
         ("First calls of the log", b"2g", b"\x1b1")]
FILTERS = ["", "model:opus", "errors", "cost>0.2 since:1d", "session:work", "break:tool", "status>=500 model:haiku",
           "text:pointer_123", '"handler body struct"', "model:nosuch", "provider:nosuch", "agent:nosuch", "route:nosuch", "cost>50", "nosuchtext", "request_headers:nosuch"]
SEARCHES = [["pointer_123"], ["retry", "upstream", "token_7*"], ['"connection pointer"'], ["nosuchword"], ["the"]]
INDEXED_S = 900  # so long the gateway may take to put the bodies into the search index


class Table:
    """Lines of a Markdown table; says at the end what missed its aim."""

    def __init__(self):
        self.lines = []
        self.missed = []

    def add(self, what, times, aim, cpu=None):
        times = [t for t in times if t is not None]
        cpu = [t for t in cpu or [] if t is not None]
        if not times:
            self.missed.append(f"{what}: nothing was drawn")
            return
        middle = statistics.median(times)
        own = f"{statistics.median(cpu):.0f}" if cpu else ""
        self.lines.append(f"| {what} | {middle:.0f} | {max(times):.0f} | {own} | {aim} |")
        if middle > aim:
            self.missed.append(f"{what}: {middle:.0f} ms, aimed at {aim}")


def measure_views(log, port, table):
    firsts = []
    for _ in range(ROUNDS):
        screen = Screen(log, port)
        firsts.append((screen.wait_for(b"opus-5-5") - screen.started) * 1000)
        screen.leave()
    table.add("Live, from the start of the program", firsts, 100)
    screen = Screen(log, port)
    screen.wait_for(b"opus-5-5")
    for name, there, back in VIEWS:
        times, cpu = [], []
        for _ in range(ROUNDS):
            for key in there[:-1]:
                screen.drawn_ms(bytes([key]))
            _, last, own = screen.drawn_ms(there[-1:])
            times.append(last)
            cpu.append(own)
            for key in [back] if back.startswith(b"\x1b") else [bytes([k]) for k in back]:
                screen.drawn_ms(key)
        table.add(name, times, 100, cpu)
    screen.leave()


def measure_filters(log, port, table, options):
    screen = Screen(log, port)
    screen.wait_for(b"opus-5-5")
    screen.drawn_ms(b"2")
    for words in options.filter or FILTERS:
        firsts, wholes, cpu = [], [], []
        for _ in range(options.rounds):
            screen.drawn_ms(b"/\x15" + words.encode())
            first, last, own = screen.drawn_ms(b"\r", LOOKED_S)
            firsts.append(first)
            wholes.append(last)
            cpu.append(own)
        table.add(f"filter `{words}`" if words else "no filter", firsts, 200)
        table.add("… until all of it is known", wholes, 10000, cpu)
    screen.leave()


def measure_search(log, table):
    """The command, with its own start: the first page of hits."""
    for words in SEARCHES:
        times = []
        for _ in range(ROUNDS):
            at = time.monotonic()
            subprocess.run([PROGRAM, "search", "--log", log, "--last", "40", *words], stdout=subprocess.DEVNULL,
                           stderr=subprocess.DEVNULL, check=False)
            times.append((time.monotonic() - at) * 1000)
        table.add(f"`spantop search {' '.join(words)}`", times, 300)


def measure_keys(log, port):
    screen = Screen(log, port)
    screen.wait_for(b"opus-5-5")
    # Each of them changes the screen, wherever the one before led to.
    keys = [b"2", b"k", b"\x1b[5~", b"\x1b[5~", b"g", b"j", b"\x1b[6~", b"G", b"3", b"4", b"5", b"1"]
    times = [t for t in (screen.drawn_ms(key)[0] for _ in range(10) for key in keys) if t is not None]
    before, at = screen.cpu_s(), time.monotonic()
    screen.read_until_quiet(0.2)
    time.sleep(5)
    idle = (screen.cpu_s() - before) / (time.monotonic() - at) * 100
    memory = screen.memory_mib()
    screen.leave()
    return times, idle, memory


def make_log(log, calls, gigabytes):
    if log.exists():
        return
    log.parent.mkdir(parents=True, exist_ok=True)
    log.parent.chmod(0o700)
    unfinished = log.with_name("unfinished.db")
    for old in log.parent.glob("unfinished.db*"):
        old.unlink()
    subprocess.run([BUILD / "fill", unfinished, str(calls), str(gigabytes)], check=True)
    unfinished.rename(log)


def await_index(log):
    """Bodies are put into the search index when nothing else is to do."""
    db = sqlite3.connect(log)
    end = time.monotonic() + INDEXED_S
    while db.execute("SELECT count(*) FROM search_todo").fetchone()[0] > 0:
        if time.monotonic() > end:
            raise SystemExit("bench: the search index is not complete")
        time.sleep(1)
    db.close()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--calls", type=int, default=1_000_000)
    parser.add_argument("--gb", type=float, default=10)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--filter", action="append", help="only this one, not the views")
    parser.add_argument("--out")
    options = parser.parse_args()
    log = BUILD / "large" / f"{options.calls}-{options.gb:g}.db"
    make_log(log, options.calls, options.gb)
    table = Table()
    process, port = serve(log)
    try:
        await_index(log)
        if not options.filter:
            measure_search(log, table)
            measure_views(log, port, table)
        measure_filters(log, port, table, options)
        times, idle, memory = measure_keys(log, port)
    finally:
        process.terminate()
        process.wait()
    text = (f"\n### Dashboard on a log of {options.calls:,} calls and {options.gb:g} GB of bodies\n\n"
            "Milliseconds from the last key to the whole screen.\n\n| | median | worst | CPU | aim |\n|---|---|---|---|---|\n" +
            "\n".join(table.lines) +
            f"\n\nKey to screen p50 {quantile(times, 0.5):.1f} ms, p95 {quantile(times, 0.95):.1f} ms over {len(times)} keys; "
            f"{idle:.2f} % of a core when nothing happens; {memory:.1f} MiB (aim 64).\n" +
            "".join(f"\nmissed: {line}" for line in table.missed))
    print(text)
    if options.out:
        with open(options.out, "a", encoding="utf-8") as out:
            out.write(text + "\n")


if __name__ == "__main__":
    main()
