"""Text from outside never reaches a terminal raw, by no command and in no place."""
import json
import sqlite3
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import terminal
from recorder import plain
from spantop import KEY, PROGRAM

# Colours, title, clipboard, 8-bit CSI, bell, backspace, NUL-less C0, DEL, C1 as UTF-8, bidi, a broken byte.
EVIL = "\x1b[31mred\x1b]0;title\x07\x1b]52;c;aGk=\x07\x08\x0e\x7f\x85\x9b31m\u202ertl\u2066"
MARK = "visible"
HOSTILE = f"{MARK}{EVIL}"
SESSION = "11111111-2222-3333-4444-555555555555"


class Evil(ThreadingHTTPServer):
    """An upstream whose every word is hostile."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def base_url(self):
        return f"http://127.0.0.1:{self.server_port}/api/anthropic/"

    def stop(self):
        self.shutdown()
        self.server_close()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, value, headers=()):
        body = json.dumps(value).encode()
        self.send_response(status)
        for name, text in [("Content-Type", "application/json"), ("Content-Length", str(len(body))), *headers]:
            self.send_header(name, text)
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        if "request-logs" in self.path:
            row = {"unique_id": "log-1", "id": HOSTILE, "model": HOSTILE, "provider_id": HOSTILE, "cost": 1.5, "status": HOSTILE,
                   "timestamp": HOSTILE, "prompt_tokens": 7, "completion_tokens": 8}
            one = self.path.rstrip("/").split("/")[-1].startswith("log-")
            return self.answer(200, row if one else {"results": [row], "count": 1, "next": None})
        return self.answer(500, {"error": HOSTILE, "detail": HOSTILE, "message": HOSTILE, "object": "list", "data": [{"id": HOSTILE}]})

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        headers = [("request-id", "a\x1b[31m\x9b"), ("x-respan-log-id", "log-1"), ("x-respan-provider", "p\x1b[32m\x85")]
        if body.get("max_tokens") == 400:
            return self.answer(400, {"type": "error", "error": {"type": HOSTILE, "message": HOSTILE}}, headers)
        self.answer(200, {"id": HOSTILE, "type": "message", "role": "assistant", "model": HOSTILE, "stop_reason": HOSTILE,
                          "content": [{"type": "text", "text": HOSTILE}], "usage": {"input_tokens": 5, "output_tokens": 6}}, headers)
        return None


def bodies():
    """Two turns and an error: titles, tools, elements and labels with hostile names."""
    tools = [{"name": HOSTILE, "description": HOSTILE, "input_schema": {HOSTILE: HOSTILE}}]
    first = {"model": HOSTILE, "max_tokens": 10, "system": [{"type": "text", "text": HOSTILE}], "tools": tools,
             "messages": [{"role": "user", "content": HOSTILE}]}
    second = {**first, HOSTILE: 1, "tools": [{**tools[0], "description": HOSTILE + "2"}],
              "messages": [*first["messages"], {"role": HOSTILE, "content": [{"type": HOSTILE, "text": HOSTILE}]}]}
    return [first, second, {**second, "max_tokens": 400}]


def poison(path):
    """Hostile text in every text column that is not a word of ours."""
    connection = sqlite3.connect(path, timeout=20)
    own = {"state", "purpose", "cost_source", "respan_cache", "body_state", "key", "session_id", "params_json", "undo_json"}
    with connection:
        connection.execute("INSERT INTO routes(set_model, set_provider, model_glob, note, purpose, params_json) VALUES(?,?,?,?,?,?)",
                           (HOSTILE, HOSTILE, f"x{HOSTILE}", HOSTILE, "main", json.dumps({HOSTILE: HOSTILE})))
        connection.execute("INSERT INTO routes(session_id, set_model) VALUES(?,?)", (HOSTILE, "m"))
        connection.execute("INSERT INTO switch_history(what, undo_json) VALUES(?,'{}')", (HOSTILE,))
        connection.execute("UPDATE call SET session_id = ? WHERE id = 1", (HOSTILE,))
        for table in ("call", "session", "day_sum", "minute_sum"):
            for _, name, kind, *_ in connection.execute(f"PRAGMA table_info({table})").fetchall():
                if kind == "TEXT" and name not in own:
                    connection.execute(f"UPDATE OR IGNORE {table} SET {name} = ?", (HOSTILE,))
        connection.execute("UPDATE call SET changes = ?1", (json.dumps([[HOSTILE, HOSTILE]]),))
        connection.execute("INSERT OR REPLACE INTO headers SELECT id, ?1, ?1, ?1 FROM call", (json.dumps([[HOSTILE, HOSTILE]]),))
        connection.execute("UPDATE call SET state = ?, body_state = ?, purpose = ?, cost_source = ? WHERE id = 2", (HOSTILE,) * 4)
    connection.close()


COMMANDS = [["status"], ["status", "--json"], ["calls"], ["calls", "--json"], ["calls", "--where", HOSTILE], ["models"],
            ["models", "--json"], ["model"], ["provider"], ["routes"], ["route", "edit", "1"], ["route", "rm", "2"],
            ["stats", "--since", "all"], ["stats", "--by", "model"], ["stats", "--by", "provider"], ["stats", "--by", "session"],
            ["stats", "--by", "day"], ["stats", "--json"], ["reconcile", "--since", "all"], ["reconcile", "--json"],
            ["doctor"], ["doctor", "--json"], ["env"], ["setup", "--dry-run"], ["model", HOSTILE], ["provider", HOSTILE],
            ["model", "--clear", "--session", HOSTILE], ["completion", "--words", "--", "show", ""],
            ["completion", "--words", "--", "model", ""], ["completion", "--words", "--", "model", "--session", ""],
            ["completion", "--words", "--", "route", "rm", ""], ["completion", "--words", "--", "provider", ""],
            [HOSTILE], ["show", HOSTILE], ["calls", f"--{HOSTILE}"], ["stats", "--by", HOSTILE], ["help", HOSTILE],
            *[["show", str(number), *view] for number in (1, 2, 3) for view in
              ([], ["--request"], ["--sent"], ["--response"], ["--headers"], ["--diff"], ["--json"])], ["stop"]]


def test_no_command_prints_it_raw(stage):
    evil = stage.add(Evil())
    gateway = stage.gateway(evil.base_url, env={"RESPAN_API_KEY": KEY})
    for body in bodies():
        gateway.request("POST", "/v1/messages", [("x-api-key", KEY), ("X-Claude-Code-Session-Id", SESSION),
                                                 ("User-Agent", "u\x1b[31m\x9b"), ("x-app", "\x07\x1b[1m")], json.dumps(body).encode())
    gateway.log.wait_calls(3)
    before = stage.run("status", "--log", gateway.log.path)
    assert before.returncode == 0, before.stderr
    poison(gateway.log.path)
    env = stage.environment({"RESPAN_API_KEY": KEY, "TERM": "xterm-256color"})
    bad, seen = {}, 0
    for words in COMMANDS:
        argv = [PROGRAM, "--log", str(gateway.log.path), "--upstream", evil.base_url, *words]
        _, output = terminal.run(argv, env, stage.folder)
        seen += MARK.encode() in output
        if found := terminal.active_parts(output):
            bad[" ".join(words)] = found[:3]
    assert not bad, "\n".join(f"{words!r}: {found}" for words, found in bad.items())
    assert seen > len(COMMANDS) / 2, f"only {seen} commands showed any of it"


def test_the_gateway_says_nothing_raw(stage):
    """Its own stderr is a terminal when `serve` runs in one."""
    evil = stage.add(Evil())
    for words in (["serve", "--listen", HOSTILE], ["serve", "--upstream", f"http://{HOSTILE}/"], ["serve", "--config", HOSTILE],
                  ["serve", "--listen", "127.0.0.1:0", "--log", f"/proc/{HOSTILE}/log.db"],
                  ["serve", "--listen", "127.0.0.1:0", "--redact", f"({HOSTILE}"], ["serve", "--key-file", f"/{HOSTILE}", "--upstream", evil.base_url]):
        status, output = terminal.run([PROGRAM, *words], stage.environment(), stage.folder)
        assert status != 0 and terminal.active_parts(output) == [], (words, output)


@pytest.mark.parametrize("text,parts", [(b"plain \xc3\xa4\r\n", 0), (b"a\x1b[31m", 1), (b"\xc2\x9b", 1), (b"\xff", 1)])
def test_the_look_itself_sees(text, parts):
    assert len(terminal.active_parts(text)) == parts
