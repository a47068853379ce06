"""Starts and watches the programs under test: simulator, gateway, commands.

Every process belongs to a Stage, which gives each test a folder, a HOME and a
clean environment of its own, and ends what it started, last first.  A process
that died by itself of a signal, or a sanitizer report, fails the test.

The program is $SPANTOP_BIN (build/spantop by default).
"""
import json
import os
import pathlib
import re
import shutil
import signal
import sqlite3
import subprocess
import threading
import time
import urllib.request

from recorder import Recorder
from screen import Screen
from wire import Client

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = os.environ.get("SPANTOP_BIN", str(ROOT / "build/spantop"))
# A sanitizer build is several times slower; a limit bounds a hang, it is no measure.
SLOWER = 1 if pathlib.Path(PROGRAM).parent.name == "build" else 4
LIMIT_S = 10.0 * SLOWER
KEY = "test-key-1234.abcdefghijklmnopqrstuvwxyz"


def wait_for(condition, limit_s=LIMIT_S, what=None, step_s=0.01):
    """The first true value of condition(); AssertionError when limit_s passed."""
    end = time.monotonic() + limit_s
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            text = what() if callable(what) else what
            raise AssertionError(f"waited {limit_s:g} s for {text or condition}")
        time.sleep(step_s)


class Program:
    """One process; its stdout as lines, its stderr in a file."""

    def __init__(self, stage, argv, env=None, name="program", stdin=subprocess.DEVNULL, cwd=None):
        self.name, self.argv = name, argv
        self.lines = []
        self.stderr_path = stage.folder / f"{name}.stderr"
        self._expected = False
        with open(self.stderr_path, "ab") as stderr:
            self.process = subprocess.Popen(argv, env=stage.environment(env), stdin=stdin, stdout=subprocess.PIPE,
                                            stderr=stderr, cwd=cwd or stage.folder, start_new_session=True)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        for line in self.process.stdout:
            self.lines.append(line.decode(errors="replace").rstrip("\n"))

    @property
    def pid(self):
        return self.process.pid

    @property
    def stderr(self):
        return self.stderr_path.read_text(errors="replace")

    def is_running(self):
        return self.process.poll() is None

    def wait_line(self, pattern, limit_s=LIMIT_S):
        """The match of the first line of stdout that has the pattern."""
        def found():
            for line in list(self.lines):
                match = re.search(pattern, line)
                if match:
                    return match
            if not self.is_running() and not self._reader.is_alive():
                raise AssertionError(f"{self.name} ended with status {self.process.returncode} before it said "
                                     f"/{pattern}/\nstdout: {self.lines}\nstderr: {self.stderr}")
            return None
        return wait_for(found, limit_s, f"{self.name} to say /{pattern}/")

    def wait_end(self, limit_s=LIMIT_S):
        """The exit status."""
        self._expected = True
        self.process.wait(limit_s)
        self._reader.join(limit_s)
        return self.process.returncode

    def signal(self, number):
        self._expected = True
        self.process.send_signal(number)

    def kill(self):
        """kill -9, as a test of what survives it."""
        self.signal(signal.SIGKILL)
        return self.wait_end()

    def stop(self, limit_s=LIMIT_S):
        """SIGTERM, then SIGINT, at last SIGKILL; the complaint about how it ended, or None."""
        died = None
        if self.process.poll() not in (None, 0) and not self._expected:
            died = f"{self.name} ended by itself with status {self.process.returncode}\n{self.stderr}"
        for number, wait_s in ((signal.SIGTERM, limit_s / 2), (signal.SIGINT, limit_s / 2), (signal.SIGKILL, 5)):
            if self.process.poll() is not None:
                break
            self.process.send_signal(number)
            try:
                self.process.wait(wait_s)
            except subprocess.TimeoutExpired:
                if number == signal.SIGINT:
                    died = f"{self.name} did not end on SIGTERM nor SIGINT within {limit_s:g} s\n{self.stderr}"
        self._reader.join(5)
        return died


class Sim(Program):
    """`spantop sim`, steered through the control interface told in src/sim/sim.h."""

    def __init__(self, stage, args=(), env=None, config=None):
        super().__init__(stage, [PROGRAM, "sim", "--port", "0", *args], env, "sim")
        self.port = int(self.wait_line(r"http://127\.0\.0\.1:(\d+)").group(1))
        self.base_url = f"http://127.0.0.1:{self.port}/api/anthropic/"
        self.config(**({"speed": 0} if config is None else config))

    def control(self, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/sim/{path}", data=data)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=LIMIT_S) as answer:
            return answer.read()

    def config(self, **settings):
        self.control("config", settings)

    def faults(self, *faults):
        self.control("faults", list(faults))

    def script(self, *items):
        self.control("script", list(items))

    def clock(self, **change):
        self.control("clock", change)

    def reset(self):
        self.control("reset", {})

    def status(self):
        return json.loads(self.control("status"))

    def ledger(self):
        return json.loads(self.control("ledger"))

    def requests(self, method="POST", target=None, since=0):
        """What arrived, oldest first; target is a substring."""
        every = json.loads(self.control(f"requests?since={since}"))["requests"]
        return [r for r in every if (method is None or r["method"] == method) and (target is None or target in r["target"])]

    def request(self, number):
        return json.loads(self.control(f"requests/{number}"))

    def body(self, number):
        """The exact bytes of request number n."""
        return self.control(f"requests/{number}/body")

    def wait_requests(self, count, method="POST", target=None, limit_s=LIMIT_S):
        return wait_for(lambda: (lambda r: r if len(r) >= count else None)(self.requests(method, target)), limit_s,
                        lambda: f"{count} requests at the simulator; there are {self.requests(method, target)}")


class Log:
    """The log as any reader sees it: read-only, a connection a query."""

    def __init__(self, path):
        self.path = pathlib.Path(path)

    def query(self, sql, *args):
        """Rows as dicts."""
        connection = sqlite3.connect(f"file:{self.path}?mode=ro", uri=True, timeout=LIMIT_S)
        try:
            connection.row_factory = sqlite3.Row
            return [dict(row) for row in connection.execute(sql, args).fetchall()]
        finally:
            connection.close()

    def execute(self, sql, *args):
        """Writes as a user's own sqlite3 would."""
        connection = sqlite3.connect(self.path, timeout=LIMIT_S)
        try:
            with connection:
                return connection.execute(sql, args).lastrowid
        finally:
            connection.close()

    def calls(self, where="1", *args):
        return self.query(f"SELECT * FROM calls WHERE {where} ORDER BY id", *args)

    def call(self, number):
        return self.calls("id = ?", number)[0]

    def wait_calls(self, count=1, where="state <> 'open'", *args, limit_s=LIMIT_S):
        """The rows once there are at least count of them."""
        return wait_for(lambda: (lambda r: r if len(r) >= count else None)(self.calls(where, *args)), limit_s,
                        lambda: f"{count} calls with {where} {args}; the log has {self.calls()}")


class Gateway(Program):
    """`spantop serve` with a log of its own."""

    def __init__(self, stage, upstream, args=(), env=None, port=0, log=None, name="gateway", listen="127.0.0.1"):
        self.log = Log(log or stage.folder / "log.db")
        self.upstream = upstream
        super().__init__(stage, [PROGRAM, "serve", "--listen", f"{listen}:{port}", "--log", str(self.log.path),
                                 "--upstream", upstream, *args], env, name)
        self.ready_line = self.wait_line(r"listening on http://[\d.]+:(\d+)")
        self.port = int(self.ready_line.group(1))
        self.address = f"127.0.0.1:{self.port}"
        self.base_url = f"http://{self.address}/api/anthropic/"

    def connect(self, **options):
        return Client("127.0.0.1", self.port, **options)

    def request(self, method, target, headers=(), body=b"", **options):
        """One request on a connection of its own; the whole answer."""
        with self.connect() as client:
            client.send_request(method, target, headers, body, **options)
            return client.read_response(method)

    def messages(self, body, headers=(), target="/api/anthropic/v1/messages?beta=true"):
        data = body if isinstance(body, bytes) else json.dumps(body, separators=(",", ":")).encode()
        return self.request("POST", target, [("x-api-key", KEY), ("Content-Type", "application/json"), *headers], data)

    def health(self):
        return json.loads(self.request("GET", "/spantop/health").body)


class Stage:
    """What one test has on stage."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.home = self.folder / "home"
        self.home.mkdir(exist_ok=True)
        self._actors = []
        self._count = 0

    def environment(self, extra=None):
        """A clean environment; extra adds, a value of None takes out."""
        reports = self.folder / "sanitizer"
        env = {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "HOME": str(self.home), "LANG": "C.UTF-8", "TZ": "UTC",
               "TMPDIR": str(self.folder), "TERM": "dumb",
               # A question beside the calls would meet the faults that tests queue.
               "SPANTOP_NO_MODEL_LIST": "1",
               "ASAN_OPTIONS": f"log_path={reports}:exitcode=99", "TSAN_OPTIONS": f"log_path={reports}:exitcode=99",
               "UBSAN_OPTIONS": f"log_path={reports}:print_stacktrace=1"}
        env.update(extra or {})
        return {name: str(value) for name, value in env.items() if value is not None}

    def add(self, actor):
        """Anything with stop(); stopped last first, at the end."""
        self._actors.append(actor)
        return actor

    def sim(self, *args, env=None, config=None):
        return self.add(Sim(self, args, env, config))

    def gateway(self, upstream, *args, env=None, port=0, log=None, listen="127.0.0.1"):
        self._count += 1
        upstream = upstream if isinstance(upstream, str) else upstream.base_url
        return self.add(Gateway(self, upstream, args, env, port, log, f"gateway{self._count}", listen))

    def recorder(self, **options):
        return self.add(Recorder(**options))

    def screen(self, argv, **options):
        """The command in a terminal of its own; see screen.Screen."""
        options["env"] = self.environment({"TERM": None, **options.get("env", {})})
        self._count += 1
        return self.add(Screen(self.folder / f"tmux{self._count}", argv, **options))

    def start(self, *args, env=None, name=None):
        """spantop with these arguments, not waited for."""
        self._count += 1
        return self.add(Program(self, [PROGRAM, *args], env, name or f"spantop{self._count}"))

    def run(self, *args, env=None, input=None, limit_s=LIMIT_S, text=True):
        """spantop with these arguments, to its end: a CompletedProcess."""
        stdin = {"input": input} if input is not None else {"stdin": subprocess.DEVNULL}
        return subprocess.run([PROGRAM, *map(str, args)], env=self.environment(env), cwd=self.folder, text=text,
                              capture_output=True, timeout=limit_s, **stdin)

    def stop(self):
        """Ends everything; the list of complaints."""
        complaints = [actor.stop() for actor in reversed(self._actors)]
        reports = [*self.folder.glob("sanitizer.*"), *self.folder.glob("valgrind.*")]
        complaints += [f"{p.name}:\n{p.read_text(errors='replace')}" for p in reports if p.stat().st_size]
        shutil.rmtree(self.home, ignore_errors=True)
        return [c for c in complaints if c]
