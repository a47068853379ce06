"""The proxies that are compared: spantop with full logging, nginx and haproxy as
plain reverse proxies, and none.  Each is started on a port of its own, pinned
to one core, and can tell the CPU time and memory it has used."""

import os
import shutil
import socket
import sqlite3
import subprocess
import time
from pathlib import Path

PROXY_CORE = 0
LOAD_CORE = 1

NGINX = """
daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/nginx.err;
events {{ worker_connections 4096; }}
http {{
  access_log off; client_body_temp_path {folder}/body; proxy_temp_path {folder}/temp;
  fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  keepalive_requests 1000000; tcp_nodelay on;
  upstream origin {{ server 127.0.0.1:{origin}; keepalive 256; keepalive_requests 1000000; }}
  server {{
    listen 127.0.0.1:{port};
    client_max_body_size 64m; client_body_buffer_size 2m;
    location / {{
      proxy_pass http://origin; proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_buffering off; proxy_request_buffering on; proxy_read_timeout 600s;
    }}
  }}
}}
"""

HAPROXY = """
global
  maxconn 4096
  nbthread 1
defaults
  mode http
  timeout connect 5s
  timeout client 600s
  timeout server 600s
  option http-no-delay
  option http-keep-alive
  http-reuse always
frontend f
  bind 127.0.0.1:{port}
  default_backend b
backend b
  server o 127.0.0.1:{origin}
"""


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_port(port, limit=10.0):
    end = time.monotonic() + limit
    while time.monotonic() < end:
        with socket.socket() as s:
            if s.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.01)
    raise SystemExit(f"bench: nothing listens on port {port} after {limit} s")


def on_core(core):
    return lambda: os.sched_setaffinity(0, {core})


class Proxy:
    """path is what stands in front of v1/messages."""

    name = ""
    path = "/api/anthropic"

    def __init__(self, folder, origin):
        self.folder = Path(folder) / self.name
        self.folder.mkdir(parents=True, exist_ok=True)
        self.origin = origin
        self.port = free_port()
        self.process = self.start()
        wait_port(self.port)

    def spawn(self, command, **more):
        return subprocess.Popen([str(c) for c in command], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                stderr=open(self.folder / "stderr", "wb"), preexec_fn=on_core(PROXY_CORE), **more)

    def pids(self):
        mine = [self.process.pid]
        children = Path(f"/proc/{mine[0]}/task/{mine[0]}/children").read_text().split()
        return mine + [int(c) for c in children]

    def cpu_us(self):
        """CPU time of all threads so far; schedstat counts nanoseconds where stat counts ticks."""
        total = 0
        for pid in self.pids():
            for task in Path(f"/proc/{pid}/task").iterdir():
                total += int((task / "schedstat").read_text().split()[0])
        return total / 1000

    def memory_kib(self):
        total = 0
        for pid in self.pids():
            for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1])
        return total

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()


class Direct(Proxy):
    name = "direct"

    def __init__(self, folder, origin):
        self.port = origin

    def cpu_us(self):
        return 0.0

    def memory_kib(self):
        return 0

    def stop(self):
        pass


class Nginx(Proxy):
    name = "nginx"

    def start(self):
        config = self.folder / "nginx.conf"
        config.write_text(NGINX.format(folder=self.folder, port=self.port, origin=self.origin))
        return self.spawn([shutil.which("nginx") or "/usr/sbin/nginx", "-c", config, "-p", self.folder])


class Haproxy(Proxy):
    name = "haproxy"

    def start(self):
        config = self.folder / "haproxy.cfg"
        config.write_text(HAPROXY.format(port=self.port, origin=self.origin))
        return self.spawn([shutil.which("haproxy") or "/usr/sbin/haproxy", "-f", config])


class Spantop(Proxy):
    """Its upstream does not end in anthropic/, so there is no log of Respan's to be asked for costs: the origin
    has none, and asking it in vain for every call would be measured instead of the proxy."""

    name = "spantop"

    def start(self):
        self.log = self.folder / "log.db"
        program = os.environ.get("SPANTOP_BIN", "build/spantop")
        return self.spawn([program, "serve", "--listen", f"127.0.0.1:{self.port}", "--log", self.log,
                           "--upstream", f"http://127.0.0.1:{self.origin}/api/"])

    def calls_done(self):
        with sqlite3.connect(f"file:{self.log}?mode=ro", uri=True) as db:
            return db.execute("SELECT count(*) FROM calls WHERE state = 'done'").fetchone()[0]

    def wait_calls(self, want, limit=30.0):
        end = time.monotonic() + limit
        while (got := self.calls_done()) < want:
            if time.monotonic() > end:
                raise SystemExit(f"bench: {want} calls were made, the log holds {got}: calls are missing")
            time.sleep(0.05)
        if got != want:
            raise SystemExit(f"bench: {want} calls were made, the log holds {got}: calls too many")

    def log_bytes(self):
        return sum(f.stat().st_size for f in self.folder.glob("log.db*"))
