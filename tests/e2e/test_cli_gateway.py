"""Starting, attaching, leaving and stopping: the gateway as commands see it."""
import json
import os
import pathlib
import signal
import subprocess

import pytest
from spantop import KEY, PROGRAM, wait_for

BODY = '{"model":"claude-opus-5-5","max_tokens":9,"messages":[{"role":"user","content":"[[sim text hello]]"}]}'
WAIT = "while [ ! -e go ]; do sleep 0.02; done"  # until the test makes that file
CURL = "curl -sS -H \"x-api-key: $ANTHROPIC_API_KEY\" -d '%s' \"${ANTHROPIC_BASE_URL}v1/messages\"" % BODY


@pytest.fixture
def home(stage, sim):
    """Options of a log in the test's folder; ends a gateway that stayed."""
    options = ["--log", str(stage.folder / "own" / "log.db"), "--listen", "127.0.0.1:0"]
    yield options
    stage.run("--log", options[1], "stop", "--now")


def status(stage, home):
    return json.loads(stage.run(*home, "status", "--json").stdout)


def is_alive(pid):
    try:
        state = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
        return state != "Z"
    except FileNotFoundError:
        return False


def test_stop_ends_it_after_calls_in_flight(stage, sim, gateway):
    sim.config(speed=0)
    sim.faults({"stage": "headers", "delay_ms": 700})
    with gateway.connect() as client:
        client.send_request("POST", "/v1/messages", [("x-api-key", KEY)], BODY.encode())
        sim.wait_requests(1)
        done = stage.run("--log", gateway.log.path, "stop")
        assert done.returncode == 0 and "1 call" in done.stdout, done
        assert client.read_response("POST").status == 200
    assert gateway.wait_end() == 0
    assert gateway.log.calls()[0]["state"] == "done"


def test_stop_now_does_not_wait(stage, sim, gateway):
    sim.faults({"stage": "headers", "fault": "stall"})
    with gateway.connect() as client:
        client.send_request("POST", "/v1/messages", [("x-api-key", KEY)], BODY.encode())
        sim.wait_requests(1)
        assert stage.run("--log", gateway.log.path, "stop", "--now").returncode == 0
    assert gateway.wait_end() == 0


def test_stop_without_a_gateway(stage):
    done = stage.run("stop")
    assert done.returncode == 1 and "no gateway" in done.stderr


def test_a_second_gateway_of_a_log_says_who_has_it(stage, gateway):
    done = stage.run("serve", "--log", gateway.log.path, "--listen", "127.0.0.1:0")
    assert done.returncode == 1 and str(gateway.pid) in done.stderr and gateway.address in done.stderr


def test_a_port_in_use_says_who_holds_it(stage, gateway):
    done = stage.run("serve", "--log", stage.folder / "other" / "log.db", "--listen", gateway.address)
    assert done.returncode == 1 and str(gateway.pid) in done.stderr and len(done.stderr.splitlines()) == 1


def test_the_same_reason_reaches_the_one_who_starts_it(stage, gateway):
    done = stage.run("--log", stage.folder / "other" / "log.db", "--listen", gateway.address, "run", "true")
    assert done.returncode == 1 and str(gateway.pid) in done.stderr and done.stderr.count("\n") == 2, done


def test_run_routes_the_command(stage, sim, home):
    done = stage.run(*home, "--upstream", sim.base_url, "run", "--", "bash", "-c", CURL + "; echo; printenv ANTHROPIC_AUTH_TOKEN; exit 7",
                     env={"RESPAN_API_KEY": KEY, "ANTHROPIC_AUTH_TOKEN": "old"})
    assert done.returncode == 7, done
    answer, token = done.stdout.splitlines()
    assert json.loads(answer)["content"][0]["text"] == "hello" and token == ""
    assert "1 call" in done.stderr and len(done.stderr.splitlines()) == 1
    headers = dict((name.lower(), value) for name, value in sim.requests()[0]["headers"])
    assert headers["x-api-key"] == KEY
    state = status(stage, home)
    assert state["running"], "a gateway that carried a call stays"
    assert KEY not in pathlib.Path(f"/proc/{state['pid']}/cmdline").read_text()


def test_run_leaves_no_gateway_that_nobody_used(stage, sim, home):
    done = stage.run(*home, "--upstream", sim.base_url, "run", "true", env={"RESPAN_API_KEY": KEY})
    assert done.returncode == 0 and "no call" in done.stderr
    assert not status(stage, home)["running"]


def test_run_uses_the_running_gateway(stage, gateway):
    done = stage.run("--log", gateway.log.path, "run", "bash", "-c", CURL, env={"RESPAN_API_KEY": KEY, "ANTHROPIC_API_KEY": "x"})
    assert done.returncode == 0
    assert gateway.is_running()


def test_run_gives_the_commands_own_end(stage, gateway):
    def run(*words):
        return stage.run("--log", gateway.log.path, "run", *words, env={"RESPAN_API_KEY": KEY})
    assert run("bash", "-c", "kill -TERM $$").returncode == -signal.SIGTERM
    assert run("no-such-command-here").returncode == 127
    assert run("/etc/passwd").returncode == 126
    assert run("bash", "-c", 'echo "$@"', "x", "--json", "--help", "--").stdout == "--json --help --\n"


def test_run_passes_signals_on(stage, gateway):
    actor = stage.start("--log", str(gateway.log.path), "run", "bash", "-c",
                        "trap 'echo got it; exit 5' TERM; echo ready; while :; do sleep 0.05; done", env={"RESPAN_API_KEY": KEY})
    actor.wait_line("ready")
    actor.signal(signal.SIGTERM)
    actor.wait_line("got it")
    assert actor.wait_end() == 5


def test_run_stops_and_goes_on_with_its_command(stage, gateway):
    """Ctrl-Z in a shell with job control, twice: it stops once each time, and fg brings both back."""
    screen = stage.screen(["bash", "--norc", "-i"], env={"PS1": "$ ", "RESPAN_API_KEY": KEY})
    screen.wait_text(r"^\$")
    screen.type(f"{PROGRAM} --log {gateway.log.path} run bash -c 'echo be''gun; read x; echo got $x; exit 3'")
    screen.keys("Enter")
    screen.wait_text("begun")
    for stops in (1, 2):
        screen.keys("C-z")
        screen.wait(lambda text, n=stops: text.count("Stopped") == n, 15, f"{stops} times Stopped")
        screen.type("fg")
        screen.keys("Enter")
        screen.wait(lambda text, n=stops: text.count("\n$ fg") == n, 15, "fg")
    screen.type("hello")
    screen.keys("Enter")
    screen.wait_text("got hello")
    screen.wait_text("no call")
    screen.type("echo status $?")
    screen.keys("Enter")
    screen.wait_text("status 3")
    assert screen.text().count("Stopped") == 2


def test_an_other_address_than_the_running_one_is_refused(stage, gateway):
    done = stage.run("--log", gateway.log.path, "--listen", "127.0.0.1:1", "run", "true", env={"RESPAN_API_KEY": KEY})
    assert done.returncode == 1 and gateway.address in done.stderr
    done = stage.run("--log", gateway.log.path, "--upstream", "http://127.0.0.1:1/api/anthropic/", "run", "true",
                     env={"RESPAN_API_KEY": KEY})
    assert done.returncode == 1 and gateway.upstream in done.stderr


def test_plain_lines_where_stdout_is_no_terminal(stage, sim, home):
    actor = stage.start(*home, "--upstream", sim.base_url)
    state = wait_for(lambda: (lambda s: s if s["running"] else None)(status(stage, home)))
    subprocess.run(["bash", "-c", CURL], env=stage.environment({"ANTHROPIC_API_KEY": KEY, "ANTHROPIC_BASE_URL":
                   f"http://{state['address']}/api/anthropic/"}), check=True, capture_output=True)
    actor.wait_line("opus-5-5")
    actor.signal(signal.SIGINT)
    assert actor.wait_end() == 0
    assert status(stage, home)["running"] and "stop" in actor.stderr


def test_leaving_ends_a_gateway_that_nobody_used(stage, sim, home):
    actor = stage.start(*home, "--upstream", sim.base_url)
    state = wait_for(lambda: (lambda s: s if s["running"] else None)(status(stage, home)))
    actor.signal(signal.SIGINT)
    assert actor.wait_end() == 0
    assert not status(stage, home)["running"]
    wait_for(lambda: not is_alive(state["pid"]), what="the gateway's process to end")


def test_a_key_starts_a_dead_gateway_where_it_was(stage, sim, home):
    screen = stage.screen([PROGRAM, *home, "--upstream", sim.base_url])
    before = wait_for(lambda: (lambda s: s if s["running"] else None)(status(stage, home)))
    screen.wait_text("live")
    os.kill(before["pid"], signal.SIGKILL)
    screen.wait_text("gateway (has )?stopped")
    screen.keys("R")
    after = wait_for(lambda: (lambda s: s if s["running"] else None)(status(stage, home)))
    assert after["address"] == before["address"] and after["pid"] != before["pid"]
    screen.wait_text("live")
    screen.keys("Q")
    assert screen.wait_dead() == 0


def test_two_that_start_at_once_share_one_gateway(stage, sim, home):
    actors = [stage.start(*home, "--upstream", sim.base_url, "run", "bash", "-c", f"echo $ANTHROPIC_BASE_URL; {WAIT}",
                          env={"RESPAN_API_KEY": KEY}) for _ in range(3)]
    urls = {actor.wait_line(r"http://\S+").group(0) for actor in actors}
    (stage.folder / "go").touch()
    for actor in actors:
        assert actor.wait_end() == 0
    assert len(urls) == 1


def test_who_started_it_does_not_end_it_under_another(stage, sim, home):
    options = [*home, "--upstream", sim.base_url]
    first = stage.start(*options, "run", "bash", "-c", f"echo ready; {WAIT}", env={"RESPAN_API_KEY": KEY})
    first.wait_line("ready")
    second = stage.start(*options)
    wait_for(lambda: len(list(pathlib.Path(f"/proc/{second.pid}/fd").iterdir())) > 4 and "log.db.users" in
             " ".join(os.readlink(fd) for fd in pathlib.Path(f"/proc/{second.pid}/fd").iterdir()), what="the second to attach")
    (stage.folder / "go").touch()
    assert first.wait_end() == 0
    assert status(stage, home)["running"]
    second.signal(signal.SIGINT)
    assert second.wait_end() == 0


def test_stop_compares_tokens_not_pids(stage, sim, home):
    """Something else answers at the address of a gateway that hangs: it is not touched."""
    first = stage.start(*home, "--upstream", sim.base_url, "run", "bash", "-c", f"echo ready; {WAIT}",
                        env={"RESPAN_API_KEY": KEY})
    first.wait_line("ready")
    lock = pathlib.Path(home[1] + ".gateway")
    told = json.loads(lock.read_text())
    lock.write_text(json.dumps({**told, "token": "0" * 64, "pid": first.pid}))
    done = stage.run("--log", home[1], "stop")
    assert done.returncode == 1 and "not this log's gateway" in done.stderr, done
    assert first.is_running()
    lock.write_text(json.dumps(told))
    assert stage.run("--log", home[1], "stop").returncode == 0
    (stage.folder / "go").touch()
    assert first.wait_end() == 0


@pytest.mark.skipif(os.geteuid() == 0 and not os.path.exists("/proc/self/fd"), reason="needs /proc")
def test_the_gateway_holds_nothing_of_the_command_that_started_it(stage, sim, home):
    """Neither its terminal nor its pipes: a reader of our output must see its end."""
    done = stage.run(*home, "--upstream", sim.base_url, "run", "bash", "-c", CURL, env={"RESPAN_API_KEY": KEY})
    assert done.returncode == 0
    pid = status(stage, home)["pid"]
    assert os.getsid(pid) == pid
    assert os.readlink(f"/proc/{pid}/cwd") == "/"
    targets = [os.readlink(f"/proc/{pid}/fd/{n}") for n in ("0", "1", "2")]
    assert targets[0] == "/dev/null" and targets[1] == targets[2] == home[1] + ".diag"


def test_demo_runs_by_itself_and_leaves_nothing(stage):
    actor = stage.start("demo", "--speed", "50", env={"XDG_RUNTIME_DIR": stage.folder})
    actor.wait_line("opus|sonnet|haiku|fable")
    folder = next(stage.folder.glob("spantop-demo-*"))
    assert not (stage.home / ".local").exists(), "the user's own log is not touched"
    pid = json.loads((folder / "log.db.gateway").read_text())["pid"]
    actor.signal(signal.SIGINT)
    assert actor.wait_end() == 0
    assert not folder.exists()
    wait_for(lambda: not is_alive(pid), what="the demo's gateway to end")


def test_a_demo_that_is_killed_takes_its_gateway_along(stage):
    actor = stage.start("demo", "--speed", "50", env={"XDG_RUNTIME_DIR": stage.folder})
    actor.wait_line("opus|sonnet|haiku|fable")
    folder = next(stage.folder.glob("spantop-demo-*"))
    pid = json.loads((folder / "log.db.gateway").read_text())["pid"]
    actor.kill()
    wait_for(lambda: not is_alive(pid), 40, what="the demo's gateway to end")


def test_demo_refuses_a_log(stage):
    assert stage.run("demo", "--log", "x").returncode == 2


def test_settings_from_environment_and_config(stage, sim):
    config = stage.folder / "spantop.conf"
    config.write_text(f"# test\nupstream = {sim.base_url}\nlisten = 127.0.0.1:1\nlog = {stage.folder}/own/log.db\n")
    gateway = stage.start("serve", "--config", str(config), env={"SPANTOP_LISTEN": "127.0.0.1:0"})
    gateway.wait_line("listening")
    state = json.loads(stage.run("status", "--json", env={"SPANTOP_CONFIG": config}).stdout)
    assert state["running"] and state["upstream"] == sim.base_url
    config.write_text("lisen = 3\n")
    done = stage.run("status", "--config", config)
    assert done.returncode == 2 and "spantop.conf:1" in done.stderr
