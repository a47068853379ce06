"""The guided start: from an empty log to "it works", with the demo one key away."""
import json
import os
import re
import signal

import pytest
from conftest import CLOCK_MS, Dashboard
from spantop import LIMIT_S, PROGRAM, wait_for
from test_keys import shown

MESSAGE = {"model": "claude-opus-5-5", "max_tokens": 20, "messages": [{"role": "user", "content": "[[sim text ok]]"}],
           "tools": [{"name": n, "input_schema": {"type": "object"}} for n in ("Bash", "Edit")], "stream": True}


class FirstRun(Dashboard):
    """spantop as after `make install`: found by its name, its log where it is by default."""

    def __init__(self, stage, upstream, columns=80, rows=24, key="key-1234", args=()):
        programs = stage.folder / "bin"
        programs.mkdir(exist_ok=True)
        (programs / "spantop").symlink_to(PROGRAM)
        path = stage.home / ".local/share/spantop/log.db"
        env = {"SPANTOP_CLOCK": str(CLOCK_MS)}
        self.gateway = stage.gateway(upstream, log=path, env={**env, "RESPAN_API_KEY": key} if key else env)
        self.token = (path.parent / "token").read_text().strip()
        argv = ["spantop", "--listen", self.gateway.address, "--upstream", self.gateway.upstream, *args]
        self.screen = stage.screen(argv, columns=columns, rows=rows,
                                   env={**env, "LC_ALL": "C.UTF-8", "PATH": f"{programs}:{os.environ['PATH']}"})

    def call(self, *headers):
        return self.gateway.request("POST", "/api/anthropic/v1/messages", [("X-Claude-Code-Session-Id", "s-1"), *(headers or [("x-api-key", self.token)]), (
            "Content-Type", "application/json")], json.dumps(MESSAGE).encode())


@pytest.mark.parametrize("columns,rows,key,args", [
    (120, 36, "key-1234", []), (80, 24, "key-1234", []), (60, 16, "key-1234", ["--no-unicode", "--no-color"]),
    (80, 24, None, []), (60, 16, None, []),
])
def test_what_to_do_stands_on_the_screen(stage, sim, columns, rows, key, args):
    screen = FirstRun(stage, sim, columns, rows, key, args)
    screen.see_screen(f"first-run-{'key' if key else 'none'}-{columns}x{rows}", r"Waiting for the first call")
    if args:
        assert screen.text().isascii()


def test_from_waiting_to_it_works(stage, sim):
    screen = FirstRun(stage, sim)
    shown(screen, r"✓ +Respan key found in RESPAN_API_KEY")
    assert screen.call().status == 200
    shown(screen, r"✓ It works: the first call came through\.  opus-5-5 at anthropic, [\d.]+s, \$0\.")
    shown(screen, r"(?m)^ +\d\d:\d\d:\d\d .* opus-5-5 .* 200 ")
    screen.keys("3")
    shown(screen, r"SESSION")
    screen.wait_no_text("It works")


def test_a_first_call_that_fails(stage, sim):
    screen = FirstRun(stage, sim)
    shown(screen, r"Waiting for the first call")
    sim.faults({"status": 401, "times": 1})
    screen.call()
    shown(screen, r"✖ +The first call failed: Invalid API key")
    shown(screen, r"spantop doctor")
    screen.call()
    shown(screen, r"It works")


def test_a_request_that_gets_no_row_is_told_all_the_same(stage, sim):
    screen = FirstRun(stage, sim, key=None)
    shown(screen, r"✖ +No Respan key yet")
    assert screen.call().status == 401
    shown(screen, r"✖ +A request came, and was refused because the gateway has no Respan")
    assert screen.call(("x-api-key", "spantop-" + "0" * 64)).status == 401
    shown(screen, r"its local token is another")
    assert screen.gateway.log.calls() == []
    # A client's own key needs none here.
    assert screen.call(("x-api-key", "own-key-5678")).status == 200
    shown(screen, r"It works")


def test_the_demo_is_one_key_away_and_back(stage, sim):
    screen = FirstRun(stage, sim)
    shown(screen, r"Just looking\?  d plays")
    before = screen.gateway.health()
    screen.keys("d")
    shown(screen, r" DEMO ")
    shown(screen, r"following \S+ [1-9]")
    assert not re.search(screen.gateway.address, screen.text()), "the demo has a port of its own"
    screen.keys("Q")
    shown(screen, r"Welcome to spantop")
    after = screen.gateway.health()
    assert (after["calls"], after["instance"]) == (0, before["instance"])
    assert screen.gateway.log.calls() == []
    assert not list(stage.folder.glob("spantop-demo-*")), "nothing of the demo is left"
    screen.keys("d")
    shown(screen, r" DEMO ")
    screen.keys("C-c")
    shown(screen, r"Welcome to spantop")
    screen.call()
    shown(screen, r"It works")


def calls_of_demo(screen):
    found = re.search(r" DEMO [\s\S]*following \S+ (\d+)", screen.text())
    return int(found[1]) if found else -1


def test_another_size_does_not_end_the_demo(stage, sim):
    screen = FirstRun(stage, sim)
    shown(screen, r"Just looking\?  d plays")
    screen.keys("d")
    shown(screen, r" DEMO ")
    shown(screen, r"following \S+ [1-9]")
    screen.screen.resize(100, 30)
    before = calls_of_demo(screen)
    wait_for(lambda: calls_of_demo(screen) > before + 2, LIMIT_S * 3, screen.text)
    screen.keys("Q")
    shown(screen, r"Welcome to spantop")
    assert len(screen.screen.text().splitlines()) > 24, "it learns the new size afterwards"


def test_a_signal_ends_the_demo_too(stage, sim):
    screen = FirstRun(stage, sim)
    shown(screen, r"Just looking\?  d plays")
    screen.keys("d")
    shown(screen, r" DEMO ")
    os.kill(screen.pid(), signal.SIGTERM)
    screen.wait_dead(LIMIT_S * 3)
    wait_for(lambda: not list(stage.folder.glob("spantop-demo-*")), what="the demo to be gone")


def test_ctrl_z_in_the_demo_gives_the_shell_back(stage, sim):
    screen = FirstRun(stage, sim)
    shell = stage.screen(["bash", "--norc", "-i"], env={"LC_ALL": "C.UTF-8", "PS1": "ready> ", "HOME": str(stage.home)})
    shown(shell, r"(?m)^ready>")
    shell.type(f"{PROGRAM} --log {screen.gateway.log.path} --listen {screen.gateway.address}\n")
    shown(shell, r"Just looking\?  d plays")
    shell.keys("d")
    shown(shell, r" DEMO ")
    shell.keys("C-z")
    shown(shell, r"Stopped(.*\n)*ready>")
    shell.type("fg\n")
    shown(shell, r" DEMO ")
    shell.keys("Q")
    shown(shell, r"Welcome to spantop")
    shell.keys("Q")
    shown(shell, r"ready>\s*$")


BEARER = r"▲ Unset ANTHROPIC_AUTH_TOKEN: claude sends it as a bearer token instead of its key"


def test_a_bearer_token_where_the_key_is_expected(stage, sim):
    screen = FirstRun(stage, sim, 120, 36)
    assert screen.call(("Authorization", "Bearer somebody-elses-token")).status == 200
    shown(screen, BEARER + r"\.  spantop doctor finds it\.")
    assert "somebody-elses-token" not in screen.text()
    screen.call()
    screen.wait_no_text("ANTHROPIC_AUTH_TOKEN")
    sim.faults({"status": 401, "times": 1})
    assert screen.call(("Authorization", "Bearer somebody-elses-token")).status == 401
    shown(screen, r"▲ Unset ANTHROPIC_AUTH_TOKEN: claude sends it as a bearer token, and is refused")
    # The gateway's own token is as good as a key, however it comes.
    assert screen.call(("Authorization", f"Bearer {screen.token}")).status == 200
    screen.wait_no_text("ANTHROPIC_AUTH_TOKEN")
    headers = screen.gateway.log.query("SELECT request_headers, sent_headers FROM calls")
    assert screen.token not in str(headers) and "somebody-elses-token" not in str(headers)
