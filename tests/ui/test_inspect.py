"""Inspect on two turns of a conversation: a tool is called, its result comes back."""
import base64
import json
import struct
import subprocess

import pytest
from conftest import CLOCK_MS, Dashboard
from recorder import plain
from spantop import KEY, LIMIT_S, wait_for

SESSION = "11111111-2222-4333-8444-555555555555"
PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + struct.pack(">II", 640, 480) + b"\x08\x06\0\0\0" + bytes(9000)).decode()
SYSTEM = [{"type": "text", "text": "You work on the ingest service.", "cache_control": {"type": "ephemeral", "ttl": "1h"}}]
TOOLS = [{"name": "Bash", "description": "Runs a command in the shell.",
          "input_schema": {"type": "object", "properties": {"command": {"type": "string"}}, "required": ["command"]}}]
ASKED = {"role": "user", "content": [{"type": "text", "text": "Why do the ingest tests fail? Here is what I see."},
                                     {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}}]}
CALLED = [{"type": "thinking", "thinking": "The tests first.", "signature": "x"}, {"type": "text", "text": "I run the tests."},
          {"type": "tool_use", "id": "toolu_01", "name": "Bash", "input": {"command": "make test 2>&1 |\n  tail -5"}}]
RESULT = {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_01", "cache_control": {"type": "ephemeral"},
                                       "content": "ingest_test: connection refused\n" + "".join(f"  at step {n}\n" for n in range(30))}]}


def answer(content, stop_reason, **usage):
    body = {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude-opus-5-5", "content": content,
            "stop_reason": stop_reason, "usage": usage}
    return plain(json.dumps(body).encode(), headers=[("Content-Type", "application/json"), ("request-id", "req_1")])


def ask(gateway, messages):
    body = {"model": "claude-opus-5-5", "max_tokens": 100, "system": SYSTEM, "tools": TOOLS, "messages": messages}
    assert gateway.messages(body, [("X-Claude-Code-Session-Id", SESSION)]).status == 200


@pytest.fixture
def open_talk(stage, recorded, recorder):
    """The dashboard on the two calls, with times that are always the same."""
    recorder.answer(answer(CALLED, "tool_use", input_tokens=800, output_tokens=120, cache_creation_input_tokens=0, cache_read_input_tokens=0))
    recorder.answer(answer([{"type": "text", "text": "The server is down: connection refused."}], "end_turn", input_tokens=1000, output_tokens=40,
                           cache_creation_input_tokens=0, cache_read_input_tokens=0))
    ask(recorded, [ASKED])
    ask(recorded, [ASKED, {"role": "assistant", "content": CALLED}, RESULT])
    recorded.log.wait_calls(2)
    for number in (1, 2):
        started = CLOCK_MS - 60000 + number * 10000
        recorded.log.execute("UPDATE call SET started_at = ?, finished_at = ?, ttfb_ms = 700, ttft_ms = 800, duration_ms = 4200 WHERE id = ?",
                             started, started + 4200, number)
    recorded.log.execute("UPDATE session SET title = 'ingest' WHERE session_id = ?", SESSION)

    def start(columns, rows):
        dashboard = Dashboard(stage, recorded, columns, rows, (), {})
        dashboard.wait_text(r"ingest")
        return dashboard
    return start


SIZES = [(120, 36), (80, 24), (60, 16)]


@pytest.mark.parametrize("columns,rows", SIZES)
def test_the_tabs_of_a_turn(open_talk, columns, rows):
    screen = open_talk(columns, rows)
    screen.keys("Up", "Enter", "Tab")
    screen.see_screen(f"inspect-request-{columns}x{rows}", r"messages")
    screen.keys("+")
    screen.see_screen(f"inspect-unfolded-{columns}x{rows}", r"ingest service")
    screen.keys("/")
    screen.type("refused")
    screen.keys("Enter")
    screen.see_screen(f"inspect-search-{columns}x{rows}", r'"refused" hit 1 of 1')
    screen.keys("Escape", "[")
    screen.wait_text(r"Call 1 ")
    screen.keys("Tab")
    screen.see_screen(f"inspect-response-{columns}x{rows}", r"Thinking")


def test_a_search_in_every_tab(open_talk):
    screen = open_talk(120, 36)
    screen.keys("Up", "Enter", "Tab", "/")
    screen.type("Connection")
    screen.keys("Enter")
    screen.wait_text(r'"Connection" hit 1 of 1')
    screen.wait_text(r"ingest_test: connection refused")
    screen.keys("n")
    screen.wait_text(r"on from the first")
    screen.keys("Tab")
    screen.wait_text(r'"Connection" 1 hit ')
    screen.keys("Tab", "Tab", "Tab")  # Headers, Cache, Raw
    screen.wait_text(r'"Connection" 2 hits ')
    screen.keys("N")
    screen.wait_text(r"hit 2 of 2")
    screen.keys("Escape")
    screen.wait_no_text(r"hit 2 of 2")
    screen.keys("Escape")
    screen.wait_no_text(r"Overview +Request")


def test_from_a_tools_call_to_its_result_and_back(open_talk):
    screen = open_talk(120, 36)
    screen.keys("Up", "Up", "Enter", "Tab", "Tab")
    screen.wait_text(r"result 5\.8s later, \d+ B, in call 2")
    screen.keys("/")
    screen.type("make test")
    screen.keys("Enter", "Enter")
    screen.wait_text(r"Call 2 ")
    screen.wait_text(r"answers Bash in call 1 \(key o\), which ended 5\.8s earlier")
    screen.keys("o")
    screen.wait_text(r"Call 1 ")
    screen.wait_text(r"I run the tests")


def test_the_clipboard_gets_curl(open_talk, stage, recorder):
    screen = open_talk(120, 36)
    screen.screen._tmux("set", "-s", "set-clipboard", "on")
    screen.keys("Up", "y")
    screen.wait_text(r"Copied the call's ids\. +c curl")
    screen.keys("c")
    screen.wait_text(r"Copied as curl")
    line = wait_for(lambda: (lambda text: text if "curl" in text else None)(screen.screen._tmux("show-buffer", check=False)), LIMIT_S, "the line of curl")
    before = len(recorder.requests)
    subprocess.run(["sh"], input=line.encode(), env=stage.environment({"RESPAN_API_KEY": KEY}), check=True, capture_output=True, timeout=60)
    assert recorder.requests[before].body == recorder.requests[1].body
    assert recorder.requests[before].target == recorder.requests[1].target


def test_a_text_that_is_searched_for_opens_the_call_there(open_talk):
    screen = open_talk(120, 36)
    screen.keys("/")
    screen.type('text:"connection refused"')
    screen.keys("Enter")
    screen.wait_text(r"filter text:")
    screen.keys("Up", "Enter")
    screen.wait_text(r'"connection refused" hit 1 of 1')
