"""A log with known calls, and the dashboard on it in a terminal of a known size,
locale and clock."""
import os
import pathlib
import re

import pytest
from spantop import PROGRAM

CLOCK_MS = 1795351351000  # 2026-11-22 12:42:31 UTC
SCREENS = pathlib.Path(__file__).parent / "screens"

TITLES = {"s1": "api-refactor", "s2": "docs-site", "s3": "fix the flaky ingest tests"}
MODELS = {"main": "claude-opus-5-5", "subagent": "claude-sonnet-5", "title": "claude-haiku-4-5-20251001"}


def insert(log, table, **row):
    log.execute(f"INSERT INTO {table}({','.join(row)}) VALUES({','.join('?' * len(row))})", *row.values())


def add_call(log, number, **row):
    """A finished call; what is given replaces what is usual."""
    purpose = row.get("purpose", "main")
    model = MODELS.get(purpose, MODELS["main"])
    started = row.get("started_at", CLOCK_MS - 300000 + number * 6000)
    usual = dict(id=number, state="done", started_at=started, finished_at=started + 4200, session_id="s1", purpose=purpose,
                 method="POST", path="/v1/messages?beta=true", status=200, stop_reason="end_turn", model_asked=model,
                 model_sent=model, model_served=model, provider_served="anthropic", tokens_in=6,
                 tokens_cache_read=number * 1500, tokens_cache_write_5m=900, tokens_cache_write_1h=0,
                 tokens_out=100 + number * 7, cost_microusd=4000 + number * 700, cost_source="catalog", ttfb_ms=810,
                 ttft_ms=900, duration_ms=4200, bytes_in=90000, bytes_out=4000, attempt=1, body_state="off",
                 request_id=f"req_{number:04}")
    insert(log, "call", **{**usual, **row})


def add_session(log, session_id, title, **row):
    usual = dict(session_id=session_id, title=title, first_at=CLOCK_MS - 3600000, last_at=CLOCK_MS - 1000,
                 context_tokens=142000, context_limit=1000000, model="claude-opus-5-5", provider="anthropic", calls=20,
                 errors=1, tokens_in=100, tokens_cache_read=900000, tokens_out=9000, cost_microusd=2100000)
    insert(log, "session", **{**usual, **row})


def fill(log):
    """Forty finished calls of three sessions, two that run, the sums they make."""
    for number in range(1, 41):
        row = dict(session_id="s2" if number % 3 == 0 else "s3" if number % 7 == 0 else "s1",
                   provider_served="vertex_ai" if number % 4 == 0 else "anthropic",
                   purpose="title" if number == 5 else "subagent" if number % 5 == 0 else "main")
        if number == 33:
            row.update(state="error", status=529, error_type="overloaded_error", error_message="Overloaded",
                       stop_reason=None, provider_served=None, tokens_out=None, cost_microusd=None, tokens_in=None,
                       tokens_cache_read=None, tokens_cache_write_5m=None, tokens_cache_write_1h=None)
        if number == 36:
            row.update(state="error", error_type="upstream_cut", error_message="the upstream broke off", stop_reason=None)
        if number == 38:
            row.update(model_sent="claude-sonnet-5", model_served="claude-sonnet-5", route_note="#1 session > claude-sonnet-5")
        if number == 39:
            row.update(cache_break="tool: Bash", tokens_cache_read=0, tokens_cache_write_5m=60000)
        if number == 40:
            row.update(state="aborted", stop_reason=None)
        add_call(log, number, **row)
    for number, started in ((41, 12000), (42, 3000)):
        insert(log, "call", id=number, state="open", started_at=CLOCK_MS - started, session_id="s1", purpose="main", method="POST",
               path="/v1/messages?beta=true", model_asked="claude-opus-5-5", model_sent="claude-opus-5-5", bytes_in=90000, attempt=1,
               ttft_ms=900 if number == 41 else None)
    insert(log, "progress", call_id=41, tokens_out=318, is_estimate=1, bytes_out=2000, at=CLOCK_MS)
    for position, (session_id, title) in enumerate(TITLES.items()):
        add_session(log, session_id, title, last_at=CLOCK_MS - 1000 - position, context_tokens=(142000, 61000, 910000)[position],
                    cost_microusd=(2100000, 310000, 1790000)[position])
    insert(log, "day_sum", day=20261122, session_id="s1", model="claude-opus-5-5", provider="anthropic", purpose="main", calls=434, errors=2,
           retries=2, tokens_in=30000, tokens_cache_read=11200000, tokens_cache_write_5m=900000, tokens_out=200000,
           cost_microusd=3100000, cache_breaks=2, cache_break_microusd=380000, ttft_count=434, ttft_sum_ms=434 * 1100)
    insert(log, "day_sum", day=20261122, session_id="s2", model="claude-sonnet-5", provider="vertex_ai", purpose="main", calls=178, errors=1,
           tokens_in=11000, tokens_cache_read=2000000, tokens_cache_write_5m=300000, tokens_out=48000, cost_microusd=1110000,
           ttft_count=178, ttft_sum_ms=178 * 1400)
    for hour, opus, sonnet in ((8, 300000, 0), (9, 900000, 400000), (10, 1200000, 310000), (11, 200000, 100000), (12, 500000, 300000)):
        minute = CLOCK_MS // 86400000 * 1440 + hour * 60 + 30
        insert(log, "minute_sum", minute=minute, model="claude-opus-5-5", provider="anthropic", calls=90, cost_microusd=opus)
        insert(log, "minute_sum", minute=minute, model="claude-sonnet-5", provider="vertex_ai", calls=40, cost_microusd=sonnet)


def add_alarm(log, number, kind, text, **row):
    """An alarm of a minute ago, for each number a minute older."""
    at = CLOCK_MS - number * 60000
    usual = dict(kind=kind, text=text, subject="s1", session_id="s1", call_id=39, at=at, until_at=at + 600000)
    insert(log, "alarm", **{**usual, **row})


def fill_alarms(log):
    """One of each kind, the oldest two over."""
    add_alarm(log, 47, "ttft", "claude-opus-5-5 at anthropic: the first token takes 14s, usually 1.2s", session_id=None, call_id=20)
    add_alarm(log, 31, "runaway", "runaway agents: 312 calls within a minute, usually 9", session_id="s2", call_id=21)
    add_alarm(log, 9, "storm", "12 of 15 calls failed or were repeated within 5 minutes, mostly 529 overloaded_error", session_id=None, call_id=33)
    add_alarm(log, 4, "context", "the context is 91 % full: 910k of 1.0M tokens", session_id="s3", call_id=35)
    add_alarm(log, 1, "cache_break", "a cache break cost $0.620: tool: Bash")


class Dashboard:
    """The program in a terminal; what stands there, with what differs from run to run made the same."""

    def __init__(self, stage, gateway, columns, rows, args, env):
        argv = [PROGRAM, "--log", gateway.log.path, "--listen", gateway.address, *args]
        full = {"LC_ALL": "C.UTF-8", "SPANTOP_CLOCK": str(CLOCK_MS), **env}
        self.screen = stage.screen(argv, columns=columns, rows=rows, env=full)

    def __getattr__(self, name):
        return getattr(self.screen, name)

    def lines(self):
        text = re.sub(r"127\.0\.0\.1:\d{5}", "127.0.0.1:PORT_", self.screen.text())
        return [line.rstrip() for line in text.split("\n")]

    def row(self, pattern):
        """The one row that has the pattern."""
        rows = [line for line in self.lines() if re.search(pattern, line)]
        assert len(rows) == 1, f"{len(rows)} rows have /{pattern}/:\n" + "\n".join(self.lines())
        return rows[0]

    def see_screen(self, name, ready):
        """The whole screen is as it was kept.  SPANTOP_KEEP_SCREENS=1 keeps it anew."""
        self.screen.wait_text(ready)
        path = SCREENS / f"{name}.txt"
        if os.environ.get("SPANTOP_KEEP_SCREENS"):
            path.write_text("\n".join(self.lines()).rstrip("\n") + "\n")
        kept = path.read_text().rstrip("\n")

        def same(_):
            return "\n".join(self.lines()).rstrip("\n") == kept

        try:
            self.screen.wait(same, 10, f"the screen {name}")
        except AssertionError:
            shown = "\n".join(self.lines()).rstrip("\n")
            assert shown == kept, f"{path} was kept as\n{kept}\nbut the screen shows\n{shown}"


@pytest.fixture
def log(gateway):
    return gateway.log


@pytest.fixture
def open_dashboard(stage, gateway):
    def start(columns=120, rows=36, args=(), env=None):
        return Dashboard(stage, gateway, columns, rows, args, env or {})
    return start
