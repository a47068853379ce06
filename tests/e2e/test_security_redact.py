"""--redact: the log's copy of a body lacks what a pattern takes out, the wire has it all."""
import json

import pytest
from recorder import plain
from spantop import wait_for

SECRET = "sk-ant-" + "0123456789abcdef"  # in two parts, so that nobody takes it for a real one
CARD = "4111-1111-1111-1111"
BODY = {"model": "claude-opus-5-5", "max_tokens": 9, "system": [{"type": "text", "text": f"token {SECRET} \"{CARD}\" end"}],
        "messages": [{"role": "user", "content": f"my key is {SECRET}\nand {CARD}"}, {"role": "user", "content": "clean"}]}
ANSWER = {"id": "m", "type": "message", "role": "assistant", "model": "claude-opus-5-5",
          "content": [{"type": "text", "text": f"you said {SECRET}"}], "stop_reason": "end_turn",
          "usage": {"input_tokens": 3, "output_tokens": 4}}


def json_answer(value, status="200 OK"):
    return plain(json.dumps(value).encode(), status, [("Content-Type", "application/json")])


def everything_stored(log):
    """The log's rows as text, and what show makes of its bodies is asked apart."""
    tables = [row["name"] for row in log.query("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")]
    return "\n".join(str(row) for table in tables for row in log.query(f"SELECT * FROM {table}"))


def shown(stage, gateway, number, view):
    done = stage.run("show", number, view, "--log", gateway.log.path)
    assert done.returncode == 0, done.stderr
    return done.stdout


def check(stage, recorder, gateway):
    sent = json.dumps(BODY).encode()
    recorder.answer(json_answer(ANSWER))
    answer = gateway.messages(sent)
    assert json.loads(answer.body) == ANSWER and recorder.requests[0].body == sent, "the wire is never touched"
    row = gateway.log.wait_calls()[0]
    assert row["body_state"] == "redacted" and row["bytes_in"] == len(sent) and row["tokens_out"] == 4
    request = json.loads(shown(stage, gateway, 1, "--request"))
    assert request["system"][0]["text"] == 'token [redacted] "[redacted]" end'
    assert request["messages"] == [{"role": "user", "content": "my key is [redacted]\nand [redacted]"}, {"role": "user", "content": "clean"}]
    assert json.loads(shown(stage, gateway, 1, "--response"))["content"][0]["text"] == "you said [redacted]"
    overview = stage.run("show", 1, "--log", gateway.log.path).stdout
    assert "bodies redacted" in overview, overview
    assert stage.run("calls", "--where", "body_state=redacted", "--json", "--log", gateway.log.path).stdout.count("\n") >= 1


def test_by_option(stage, recorder):
    check(stage, recorder, stage.gateway(recorder, "--redact", "sk-[a-z0-9-]+", "--redact", "([0-9]{4}-){3}[0-9]{4}"))


def test_by_environment(stage, recorder):
    check(stage, recorder, stage.gateway(recorder, env={"SPANTOP_REDACT": "sk-[a-z0-9-]+\n([0-9]{4}-){3}[0-9]{4}\n"}))


def test_by_config_file(stage, recorder):
    config = stage.folder / "spantop.conf"
    config.write_text("redact = sk-[a-z0-9-]+\nredact = ([0-9]{4}-){3}[0-9]{4}\n")
    check(stage, recorder, stage.gateway(recorder, "--config", str(config)))


def test_the_child_of_spantop_knows_them(stage, sim):
    """`run` starts the gateway as a child; a pattern of the environment does not show in ps."""
    env = {"SPANTOP_REDACT": "from-the-environment-[0-9]+"}
    log = stage.folder / "log.db"
    args = ["--listen", "127.0.0.1:0", "--upstream", sim.base_url, "--log", str(log)]
    done = stage.run(*args, "run", "--", "sh", "-c", "ps -eo args | grep -c '[f]rom-the-environment' ; exit 0", env=env)
    assert done.returncode == 0 and done.stdout.split()[-1] == "0", done


def test_what_is_derived_from_a_body_is_redacted_too(stage, recorder):
    gateway = stage.gateway(recorder, "--redact", "sk-[a-z0-9-]+")
    recorder.answer(json_answer({"type": "error", "error": {"type": "api_error", "message": f"bad {SECRET} key"}}, "400 Bad Request"))
    assert gateway.messages(BODY).status == 400
    row = gateway.log.wait_calls()[0]
    assert row["error_message"] == "bad [redacted] key"
    assert SECRET not in everything_stored(gateway.log)


def test_clean_bodies_stay_kept_and_repeat(stage, recorder):
    gateway = stage.gateway(recorder, "--redact", "no-such-thing")
    for _ in range(3):
        assert gateway.messages(BODY).status == 200
    assert [row["body_state"] for row in gateway.log.wait_calls(3)] == ["kept"] * 3
    assert json.loads(shown(stage, gateway, 3, "--request")) == BODY


def test_a_pattern_without_end_costs_the_body_and_nothing_else(stage, recorder):
    gateway = stage.gateway(recorder, "--redact", "(x|xx)*(x|xx)*(x|xx)*y")
    body = {"model": "m", "messages": [{"role": "user", "content": "x" * 4000000 + SECRET}]}
    assert gateway.messages(body).status == 200
    row = gateway.log.wait_calls()[0]
    assert row["body_state"] == "dropped" and row["state"] == "done" and row["model_asked"] == "m"
    done = stage.run("show", 1, "--request", "--log", gateway.log.path)
    assert done.returncode == 1 and "--redact" in done.stderr
    wait_for(lambda: gateway.health()["dropped_bodies"] == 1, what="the dropped body to be counted")


@pytest.mark.parametrize("pattern,why", [("(", "regular expression"), ("a*", "everywhere"), (r"(a)\1", "back"), ("", "bytes")])
def test_bad_patterns_stop_the_start(stage, pattern, why):
    done = stage.run("serve", "--listen", "127.0.0.1:0", "--log", stage.folder / "log.db", "--redact", pattern)
    assert done.returncode == 1 and why in done.stderr, done.stderr
