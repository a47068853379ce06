"""What keys do: in a real terminal, with a real gateway and log."""
import os
import re
import signal
import time

from conftest import add_alarm, fill
from spantop import LIMIT_S, PROGRAM, SLOWER, wait_for

READY = r"live"


def routes(log):
    return [(r["session_id"], r["set_model"], r["set_provider"]) for r in log.query("SELECT * FROM routes WHERE enabled ORDER BY id")]


def shown(screen, pattern):
    return screen.wait_text(pattern, LIMIT_S)


def test_a_model_is_switched_for_every_session(open_dashboard, gateway, log):
    fill(log)
    screen = open_dashboard()
    shown(screen, READY)
    screen.keys("m")
    screen.type("claude-sonnet-5")
    screen.keys("Enter")
    shown(screen, r"from the next call")
    assert routes(log) == [(None, "claude-sonnet-5", None)]
    shown(screen, r"model sonnet-5")
    wait_for(lambda: gateway.health()["routes_version"] == log.query("SELECT value FROM meta WHERE key = 'routes_version'")[0]["value"],
             what="the gateway to take the switch")
    screen.keys("u")
    shown(screen, r"Taken back: .*claude-sonnet-5")
    shown(screen, r"model as sent")
    assert routes(log) == []


def test_a_selected_row_scopes_the_switch_to_its_session(open_dashboard, log):
    fill(log)
    screen = open_dashboard()
    shown(screen, READY)
    screen.keys("Up", "Up", "Up", "Up")  # call 39: session s2
    shown(screen, r"▸.*docs-site")
    screen.keys("m")
    shown(screen, r"\(●\) session docs-site")
    screen.type("claude-haiku-5-5")
    shown(screen, r"next call re-reads 61k tokens uncached: \$[\d.]+ instead of \$[\d.]+, then \$[\d.]+")
    screen.keys("Enter")
    shown(screen, r"for session docs-site, from the next call")
    assert routes(log) == [("s2", "claude-haiku-5-5", None)]
    screen.keys("p")
    screen.type("vertex_ai")
    screen.keys("Tab")
    shown(screen, r"\(●\) every session")
    screen.keys("Enter")
    shown(screen, r"provider vertex_ai")
    assert routes(log) == [("s2", "claude-haiku-5-5", None), (None, None, "vertex_ai")]


def test_calls_appear_as_they_come(open_dashboard, sim, gateway):
    screen = open_dashboard(env={"SPANTOP_CLOCK": str(int(time.time() * 1000))})
    shown(screen, r"Waiting for the first call")
    body = {"model": "claude-sonnet-5", "max_tokens": 100, "stream": True, "messages": [{"role": "user", "content": "[[sim text hello]]"}]}
    assert gateway.messages(body, [("X-Claude-Code-Session-Id", "11112222-0000-4000-8000-000000000001")]).status == 200
    shown(screen, r"11112222 .*sonnet-5 .*200")
    screen.keys("Enter")
    shown(screen, r"Overview")
    screen.keys("Tab", "Tab")
    shown(screen, r"(?m)^ +hello")
    screen.keys("Tab")
    shown(screen, r"request-id: req_")
    screen.keys("Tab")
    shown(screen, r"not cached +\d+ +100%")
    shown(screen, r"is the first of its agent|No session")
    screen.keys("Tab")
    shown(screen, r"message_start")
    screen.keys("Tab", "Tab")
    shown(screen, r"messages.*\d B")


def test_a_running_call_moves(open_dashboard, stage, sim, gateway, log):
    sim.config(speed=1)
    screen = open_dashboard(env={"SPANTOP_CLOCK": None})
    shown(screen, READY)
    body = {"model": "claude-sonnet-5", "max_tokens": 100, "stream": True,
            "messages": [{"role": "user", "content": "[[sim words 4000]]"}]}
    import json
    with gateway.connect() as client:
        client.send_request("POST", "/api/anthropic/v1/messages", [("x-api-key", "k"), ("Content-Type", "application/json")],
                            json.dumps(body).encode())
        shown(screen, r"1 running")
        first = int(shown(screen, r"~(\d+) ").group(1))
        screen.wait(lambda text: (m := re.search(r"~(\d+) ", text)) and int(m.group(1)) > first, 20, "more tokens")
        screen.keys("Enter", "Tab")
        shown(screen, r"messages")  # of the request, whole from the beginning
        assert log.query("SELECT count(*) AS n FROM live_body")[0]["n"] == 0  # nobody looked at the answer yet
        screen.keys("Tab")
        shown(screen, r"(?m)^  Text$")

        def told():
            return log.query("SELECT ifnull(sum(length(data)), 0) AS n FROM live_body")[0]["n"]
        before = told()
        assert before > 0
        wait_for(lambda: told() > before, what="more of the answer while it streams")
        screen.keys("Escape")
    shown(screen, r" left ")  # the client left


def test_the_gateway_dies_and_r_starts_it_again(open_dashboard, stage, gateway, log):
    fill(log)
    screen = open_dashboard(env={"SPANTOP_CLOCK": None})
    shown(screen, READY)
    gateway.kill()
    shown(screen, r"✖ gateway stopped")
    shown(screen, r"R starts it again")
    screen.keys("R")
    shown(screen, r"● live")
    shown(screen, r"The gateway runs again")
    stage.run("stop", "--now", "--log", gateway.log.path)
    shown(screen, r"✖ gateway stopped")


def test_filter_errors_are_told_in_place(open_dashboard, log):
    fill(log)
    screen = open_dashboard()
    shown(screen, READY)
    screen.keys("/")
    screen.type("nosuch>3")
    screen.keys("Enter")
    shown(screen, r"filter nosuch>3 .*nosuch")
    screen.keys("C-u")
    screen.type("status=529")
    screen.keys("Enter")
    shown(screen, r"filter status=529 ─+ |filter status=529")
    shown(screen, r"✖ 529")
    screen.wait(lambda text: len(re.findall(r"(?m)^  \d\d:\d\d:\d\d ", text)) == 1, LIMIT_S, "the one call that matches")
    screen.keys("Escape")
    screen.wait_no_text(r"filter status")


def test_copy_reaches_the_terminals_clipboard(open_dashboard, log):
    fill(log)
    screen = open_dashboard()
    screen.screen._tmux("set", "-s", "set-clipboard", "on")
    shown(screen, READY)
    screen.keys("Up", "Up", "Up", "y")
    shown(screen, r"Copied")
    text = wait_for(lambda: screen.screen._tmux("show-buffer", check=False), what="the copied text")
    assert text.startswith("40 req_0040 s1 "), text


def test_suspend_and_back(stage, gateway, log, open_dashboard):
    fill(log)
    shell = stage.screen(["bash", "--norc", "--noprofile", "-i"], env={"LC_ALL": "C.UTF-8", "PS1": "prompt> "})
    shell.wait_text(r"prompt>")
    shell.type(f"'{PROGRAM}' --log '{gateway.log.path}' --listen {gateway.address}")
    shell.keys("Enter")
    shell.wait_text(READY)
    shell.keys("C-z")
    shell.wait_text(r"Stopped")
    shell.type("echo still-$((40+2))")
    shell.keys("Enter")
    shell.wait_text(r"still-42")
    shell.type("fg")
    shell.keys("Enter")
    shell.wait_text(r"(?m)^ spantop .*live")
    shell.keys("j")
    shell.wait_text(r"▸")
    shell.keys("Q")
    shell.wait_text(r"prompt>\s*$")


def test_redraw_mends_what_others_wrote(open_dashboard, log):
    fill(log)
    screen = open_dashboard()
    shown(screen, READY)
    tty = screen.screen._ask("#{pane_tty}")
    with open(tty, "w") as terminal:
        terminal.write("\x1b[5;5HGARBAGE")
    shown(screen, r"GARBAGE")
    screen.keys("C-l")
    screen.wait_no_text(r"GARBAGE")


def test_leaving_gives_the_terminal_back(stage, gateway, log):
    fill(log)
    for key in ("Q", "C-c"):
        command = f"'{PROGRAM}' --log '{gateway.log.path}' --listen {gateway.address}; echo ended with $?; stty -a; exec sleep 60"
        screen = stage.screen(["bash", "-c", command], env={"LC_ALL": "C.UTF-8"})
        screen.wait_text(READY)
        screen.keys(key)
        screen.wait_text(r"ended with 0")
        screen.wait_text(r" icanon.*(?s:.)* echo ")
        assert "TIME" not in screen.text()


def test_it_rests_when_nothing_happens(open_dashboard, log):
    fill(log)
    log.execute("UPDATE call SET state = 'lost' WHERE state = 'open'")
    screen = open_dashboard(env={"SPANTOP_CLOCK": None})
    shown(screen, READY)
    shown(screen, r"lost")

    def cpu_s():
        fields = open(f"/proc/{screen.pid()}/stat").read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    begin, start = time.monotonic(), cpu_s()
    # A share of time needs time to pass; the clock of the screen shows that it lives.
    seen = {screen.lines()[0]}
    wait_for(lambda: seen.add(screen.lines()[0]) or time.monotonic() - begin > 4, 20, "four seconds", step_s=0.2)
    assert len(seen) >= 3, seen
    share = (cpu_s() - start) / (time.monotonic() - begin)
    assert share <= 0.02 * SLOWER, f"{share:.1%} of a core"


# ---- No terminal ----

def test_lines_when_stdout_is_no_terminal(stage, gateway, log):
    fill(log)
    plain = stage.start("--log", str(log.path), "--listen", gateway.address, env={"LC_ALL": "C.UTF-8"})
    plain.wait_line(r"fix the flaky.*\b200\b")
    wait_for(lambda: len(plain.lines) >= 40, what="forty lines")
    assert len(plain.lines) == 40, "the two running calls are no lines yet"
    log.execute("UPDATE call SET state = 'done', status = 200, duration_ms = 9000, tokens_out = 777 WHERE id = 42")
    plain.wait_line(r"\b777\b")
    plain.signal(signal.SIGINT)
    assert plain.wait_end() == 0
    assert not any("\x1b" in line for line in plain.lines)


def test_a_closed_pipe_ends_it(stage, gateway, log):
    fill(log)
    command = f"'{PROGRAM}' --log '{log.path}' --listen {gateway.address} | head -3; echo ${{PIPESTATUS[0]}}"
    import subprocess
    done = subprocess.run(["bash", "-c", command], env=stage.environment(), capture_output=True, text=True, timeout=30)
    lines = done.stdout.split("\n")
    assert len(lines) == 5 and lines[3] == "0", done
    assert done.stderr == "" or "goes on" in done.stderr, done.stderr


def test_presets_are_cycled_by_one_key(open_dashboard, gateway, log, stage):
    fill(log)
    for name, model in (("cheap", "claude-haiku-5-5"), ("good", "claude-opus-5-5")):
        for words in (("model", model), ("preset", "save", name)):
            assert stage.run("--log", log.path, *words).returncode == 0
    screen = open_dashboard()
    shown(screen, r"model opus-5-5")
    screen.keys("P")
    shown(screen, r"Preset cheap, from the next call")
    shown(screen, r"model haiku-5-5")
    screen.keys("P")
    shown(screen, r"Preset good")
    screen.keys("r")
    shown(screen, r"preset good")
    screen.keys("P")
    shown(screen, r"No preset: the routes are as before")
    assert routes(log) == [(None, "claude-opus-5-5", None)]
    screen.keys("u")
    shown(screen, r"Taken back: preset off")
    shown(screen, r"preset good")


def test_routes_page_tells_how_long_a_route_holds(open_dashboard, log):
    fill(log)
    log.execute("INSERT INTO routes(set_model, max_calls, calls_taken) VALUES('claude-opus-5', 9, 4)")
    log.execute("INSERT INTO routes(set_model, until_at) VALUES('claude-opus-5', 1000000000000)")
    screen = open_dashboard()
    shown(screen, READY)
    screen.keys("r")
    shown(screen, r"4 of 9 calls")
    shown(screen, r"over .*until 09-09 01:46")


def test_b_lifts_a_budget_that_blocks(open_dashboard, log):
    fill(log)
    log.execute("INSERT INTO budgets(scope, limit_microusd) VALUES('day', 1)")
    screen = open_dashboard()
    shown(screen, r"day budget of \$[\d.]+ reached, calls are blocked.*b lifts it for an hour")
    screen.keys("b")
    shown(screen, r"Budgets block nothing for an hour")
    assert log.query("SELECT count(*) AS n FROM budgets WHERE lifted_until > 0")[0]["n"] == 1
    screen.wait_no_text(r"calls are blocked")


def test_the_bell_rings_when_an_alarm_comes(open_dashboard, log):
    fill(log)
    screen = open_dashboard(args=["--bell"])
    shown(screen, READY)
    assert screen._ask("#{window_bell_flag}") == "0"
    add_alarm(log, 0, "storm", "12 of 15 calls failed", session_id="s2")
    shown(screen, r"▲ 12:42:31  docs-site: 12 of 15 calls failed +A alarms")
    wait_for(lambda: screen._ask("#{window_bell_flag}") == "1", LIMIT_S, "the bell")
    screen.keys("A", "Enter")
    shown(screen, r"Overview")
