"""Keys stay where they belong: nothing the program ever wrote holds one."""
import json
import os
import pathlib
import signal

import pytest
from spantop import PROGRAM, wait_for

CLIENT = "client-key-7f3a.QWERTYUIOPASDFGHJKLZXCVBNM"
BEARER = "bearer-key-91cc.asdfghjklqwertyuiopzxcvbnm"
RESPAN = "respan-key-04bd.mnbvcxzlkjhgfdsapoiuytrewq"
IN_FILE = "filed-key-55aa.plokmijnuhbygvtfcrdxeszwaq"
BODY = {"model": "claude-opus-5-5", "max_tokens": 20, "stream": True, "messages": [{"role": "user", "content": "hi"}]}


class Found:
    """Where any of the secrets was seen."""

    def __init__(self, secrets):
        self.secrets = {name: text.encode() for name, text in secrets.items()}
        self.places, self.looked = [], 0

    def look(self, where, data):
        data = data if isinstance(data, bytes) else data.encode(errors="surrogateescape")
        self.looked += len(data)
        self.places += [f"{name} in {where}: {data[max(0, data.find(secret) - 60):][:120]!r}"
                        for name, secret in self.secrets.items() if secret in data]

    def look_at_files(self, folder, but=()):
        for path in sorted(pathlib.Path(folder).rglob("*")):
            if path.is_file() and path.name not in but:
                self.look(path, path.read_bytes())

    def look_at_processes(self):
        """Arguments alone: the environment is where RESPAN_API_KEY comes from."""
        for entry in pathlib.Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    self.look(f"ps {entry.name}", (entry / "cmdline").read_bytes())
                except OSError:
                    pass


def run(stage, found, log, *words, env=None):
    done = stage.run("--log", log, *words, env=env)
    found.look(f"{words} stdout", done.stdout)
    found.look(f"{words} stderr", done.stderr)
    return done


def call_in_every_way(gateway, sim, token):
    keys = [[("x-api-key", CLIENT)], [("Authorization", f"Bearer {BEARER}")], [("x-api-key", token)],
            [("Authorization", f"Bearer {token}")], [("x-api-key", CLIENT), ("Authorization", f"Bearer {BEARER}")]]
    scripts = ["[[sim text hello]]", "[[sim status 400]]", "[[sim status 401]]", "[[sim status 529]]"]
    for headers in keys:
        for text in scripts:
            body = {**BODY, "messages": [{"role": "user", "content": text}]}
            gateway.request("POST", "/v1/messages", headers, json.dumps(body).encode())
        gateway.request("GET", "/v1/models", headers)
        gateway.request("POST", "/v1/messages", [*headers, ("Cookie", CLIENT), ("X-Other-Key", CLIENT), ("Proxy-Authorization", CLIENT)], b"{no")
        gateway.request("GET", "/elsewhere", headers)
        gateway.request("POST", "/v1/messages", [*headers, ("Origin", "http://evil")], b"{}")
        gateway.request("POST", "/v1/messages", [*headers, ("Content-Length", "2"), ("Transfer-Encoding", "chunked")], length=False)
    return len(keys) * (len(scripts) + 2)


@pytest.mark.limit(120)
def test_no_key_is_in_anything_it_wrote(stage, sim):
    key_file = stage.folder / "respan.key"
    key_file.write_text(IN_FILE + "\n")
    key_file.chmod(0o600)
    data = stage.folder / "data"
    log = data / "log.db"
    env = {"RESPAN_API_KEY": RESPAN}
    sim.config(log_latency_ms=0)
    first = stage.gateway(sim, env=env, log=log)
    token = (data / "token").read_text().strip()
    found = Found({"client key": CLIENT, "bearer": BEARER, "Respan key": RESPAN, "key in the file": IN_FILE, "local token": token})
    count = call_in_every_way(first, sim, token)
    first.log.wait_calls(count)
    wait_for(lambda: first.log.calls("cost_source = 'respan'"), what="a cost looked up with a key")
    found.look_at_processes()
    first.stop()
    found.look("gateway stderr", first.stderr)
    found.look("gateway stdout", "\n".join(first.lines))

    second = stage.gateway(sim, "--key-file", str(key_file), log=log)
    count += call_in_every_way(second, sim, token)
    second.log.wait_calls(count)
    for words in (["status"], ["status", "--json"], ["doctor"], ["doctor", "--json"], ["calls"], ["calls", "--json"], ["stats"],
                  ["reconcile"], ["reconcile", "--json"], ["models"], ["routes"], ["model", "claude-sonnet-5"], ["model", "--clear"],
                  ["help"], ["stop", "--nonsense"]):  # env and setup are there to hand the token out
        run(stage, found, log, *words, "--key-file", key_file, "--upstream", sim.base_url, env=env)
    for row in second.log.calls():
        for view in ([], ["--request"], ["--sent"], ["--response"], ["--headers"], ["--diff"], ["--json"]):
            run(stage, found, log, "show", row["id"], *view)
    screen = stage.screen(["sh", "-c", f"RESPAN_API_KEY=$(cat {key_file}) exec {PROGRAM} --log {log}"])
    for keys, text in ((["2"], "TIME|ID"), (["Enter"], "request"), (["h"], "."), (["r"], ".")):
        screen.keys(*keys)
        screen.wait_text(text)
        found.look(f"the screen after {keys}", screen.all_text())
    found.look_at_processes()
    # A child of `run` gets the token in its environment, as it must; nobody's arguments hold it.
    command = f"cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' ' > {stage.folder}/arguments; test -n \"$ANTHROPIC_BASE_URL\""
    assert run(stage, found, log, "run", "--", "sh", "-c", command, env=env).returncode == 0
    second.process.send_signal(signal.SIGTERM)
    second.wait_end()
    found.look_at_files(stage.folder, but=("token", "respan.key"))
    assert not found.places, "\n".join(found.places)
    assert found.looked > 200_000, f"only {found.looked} bytes were looked at"


def test_what_env_prints_is_the_token_and_no_other(stage, gateway):
    token = (gateway.log.path.parent / "token").read_text().strip()
    done = stage.run("env", "--log", gateway.log.path, env={"RESPAN_API_KEY": RESPAN})
    assert RESPAN not in done.stdout + done.stderr and token in done.stdout + (gateway.log.path.parent / "token").read_text()


def test_a_key_that_the_upstream_repeats_is_hidden_in_the_row(stage, recorder):
    from recorder import plain
    gateway = stage.gateway(recorder, "--no-bodies", env={"RESPAN_API_KEY": RESPAN})
    token = (gateway.log.path.parent / "token").read_text().strip()
    for headers, key in (([("x-api-key", CLIENT)], CLIENT), ([("Authorization", f"Bearer {BEARER}")], BEARER), ([("x-api-key", token)], RESPAN)):
        text = json.dumps({"type": "error", "error": {"type": "authentication_error", "message": f"no such key: {key}, I said {key}."}})
        recorder.answer(plain(text.encode(), "401 Unauthorized", [("Content-Type", "application/json")]))
        answer = gateway.request("POST", "/v1/messages", headers, json.dumps(BODY).encode())
        assert key in answer.body.decode(), "the wire is never touched"
    rows = gateway.log.wait_calls(3)
    assert {row["error_message"] for row in rows} == {f"no such key: {'*' * len(key)}, I said {'*' * len(key)}." for key in (CLIENT, BEARER, RESPAN)}


def test_no_core_is_dumped(gateway):
    limits = pathlib.Path(f"/proc/{gateway.pid}/limits").read_text()
    core = next(line for line in limits.splitlines() if line.startswith("Max core file size"))
    assert core.split()[4:6] == ["0", "0"], core
    assert os.path.exists(f"/proc/{gateway.pid}")
