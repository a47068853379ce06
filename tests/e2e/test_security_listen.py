"""A gateway that other machines can reach: a key from everybody, and only its own names."""
import os
import stat

import pytest
from spantop import KEY
from wire import Client

BODY = b'{"model":"claude-opus-5-5","max_tokens":8,"messages":[{"role":"user","content":"hi"}]}'


@pytest.fixture
def wide(stage, recorder):
    """Listens on every address; tests come in by 127.0.0.2, which counts as another machine's way."""
    return stage.gateway(recorder, listen="0.0.0.0")


def ask(gateway, method, target, headers=(), body=b"", address="127.0.0.2", host=None):
    with Client(address, gateway.port) as client:
        client.send_request(method, target, headers, body, host=host)
        return client.read_response(method)


@pytest.mark.parametrize("headers", [[], [("x-api-key", "")], [("Authorization", "Bearer ")], [("Authorization", "Basic abcdef")],
                                     [("x-api-key", "  ")], [("Cookie", "x-api-key=1")]])
@pytest.mark.parametrize("method,target", [("POST", "/api/anthropic/v1/messages"), ("GET", "/v1/models"), ("GET", "/v1/x"),
                                           ("GET", "/spantop/health"), ("GET", "/elsewhere")])
def test_nobody_is_served_without_a_key(wide, recorder, method, target, headers):
    answer = ask(wide, method, target, headers, BODY if method == "POST" else b"")
    assert answer.status == 401, answer
    assert answer.header("x-spantop-error") == "no_client_key"
    assert recorder.requests == [] and wide.log.calls() == []


@pytest.mark.parametrize("headers", [[("x-api-key", KEY)], [("Authorization", "Bearer " + KEY)]])
def test_an_own_key_goes_through(wide, recorder, headers):
    assert ask(wide, "POST", "/api/anthropic/v1/messages", headers, BODY).status == 200
    assert recorder.requests[0].body == BODY


def test_the_local_token_stands_for_the_respan_key(stage, recorder):
    gateway = stage.gateway(recorder, env={"RESPAN_API_KEY": KEY}, listen="0.0.0.0")
    token = (stage.folder / "token").read_text().strip()
    assert ask(gateway, "POST", "/v1/messages", [("Authorization", f"Bearer {token}")], BODY).status == 200
    assert recorder.requests[0].header("x-api-key") == KEY
    assert ask(gateway, "POST", "/v1/messages", [("x-api-key", "spantop-" + "0" * 64)], BODY).status == 401
    assert len(recorder.requests) == 1


def test_its_names_are_the_addresses_it_is_reached_by(wide, recorder):
    key = [("x-api-key", KEY)]
    assert ask(wide, "GET", "/v1/x", key, host="evil.example").status == 403
    assert ask(wide, "GET", "/v1/x", key, host="127.0.0.3").status == 403
    assert ask(wide, "GET", "/v1/x", key, host=f"127.0.0.2:{wide.port}").status == 200


def test_commands_on_the_same_machine_see_its_health(stage, wide):
    assert ask(wide, "GET", "/spantop/health", address="127.0.0.1").status == 200
    status = stage.run("status", "--log", wide.log.path)
    assert status.returncode == 0, status.stderr
    assert ask(wide, "HEAD", "/api/anthropic/").status == 200, "a warm-up holds nothing and asks for nothing"


def test_on_loopback_a_key_is_the_upstreams_matter(recorded):
    assert ask(recorded, "GET", "/v1/x", address="127.0.0.1").status == 200


def test_everything_made_is_the_users_alone(stage, recorder):
    before = os.umask(0)
    try:
        gateway = stage.gateway(recorder, log=stage.folder / "data" / "log.db")
        assert gateway.messages({"model": "m", "messages": []}).status == 200
        gateway.log.wait_calls(1)
    finally:
        os.umask(before)
    modes = {p.name: stat.S_IMODE(p.stat().st_mode) for p in (stage.folder / "data").iterdir()}
    assert {"log.db", "log.db-wal", "log.db-shm", "log.db.gateway", "token"} <= set(modes), modes
    assert set(modes.values()) == {0o600}, {name: oct(mode) for name, mode in modes.items()}
    assert stat.S_IMODE((stage.folder / "data").stat().st_mode) == 0o700


@pytest.mark.parametrize("mode", [0o770, 0o707, 0o1777])
def test_a_folder_others_can_write_to_is_refused(stage, mode):
    folder = stage.folder / "shared"
    folder.mkdir()
    folder.chmod(mode)
    done = stage.run("serve", "--listen", "127.0.0.1:0", "--log", folder / "log.db")
    assert done.returncode == 1 and "others can write" in done.stderr and "chmod" in done.stderr, done.stderr
    assert not (folder / "log.db").exists()
