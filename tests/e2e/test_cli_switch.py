"""model, provider, routes and route: what is in the log after them, and what the next call does."""
import fcntl
import http.server
import json
import os
import re
import threading

from spantop import KEY

A, B = "aaaaaaaa-0000-4000-8000-000000000001", "bbbbbbbb-0000-4000-8000-000000000002"


def ask(gateway, session=A, model="claude-opus-5-5"):
    answer = gateway.messages({"model": model, "max_tokens": 20, "messages": [{"role": "user", "content": "[[sim text ok]]"}]},
                              [("X-Claude-Code-Session-Id", session)])
    assert answer.status == 200, answer
    return gateway.log.wait_calls(1, "id = ? AND state <> 'open'", int(answer.header("x-spantop-call-id")))[0]


def run(stage, gateway, *args):
    return stage.run("--log", gateway.log.path, *args)


def ok(done):
    assert done.returncode == 0, done
    return done.stdout


def test_a_switch_holds_for_the_very_next_call(stage, gateway):
    assert ask(gateway)["model_sent"] == "claude-opus-5-5"
    ok(run(stage, gateway, "model", "claude-sonnet-5-5"))
    call = ask(gateway)
    assert (call["model_asked"], call["model_sent"]) == ("claude-opus-5-5", "claude-sonnet-5-5")
    ok(run(stage, gateway, "model", "--clear"))
    assert ask(gateway)["model_sent"] == "claude-opus-5-5"


def test_a_switch_for_one_session_or_one_model(stage, gateway):
    ask(gateway, A)
    ask(gateway, B)
    ok(run(stage, gateway, "model", "claude-sonnet-5-5", "--session", A))
    ok(run(stage, gateway, "model", "claude-haiku-5-5", "--for", "claude-fable-*"))
    assert ask(gateway, A)["model_sent"] == "claude-sonnet-5-5"
    assert ask(gateway, B)["model_sent"] == "claude-opus-5-5"
    assert ask(gateway, B, "claude-fable-5-1")["model_sent"] == "claude-haiku-5-5"


def test_a_session_is_named_by_the_beginning_of_its_id(stage, gateway):
    ask(gateway, A)
    ok(run(stage, gateway, "model", "claude-sonnet-5-5", "--session", "aaaa"))
    assert gateway.log.query("SELECT session_id FROM routes WHERE enabled") == [{"session_id": A}]


def test_a_pin_and_its_end(stage, gateway, sim):
    ok(run(stage, gateway, "provider", "vertex_ai"))
    assert ask(gateway)["provider_pinned"] == "vertex_ai"
    headers = dict((name.lower(), value) for name, value in sim.requests()[-1]["headers"])
    assert headers["x-respan-route-provider"] == "vertex_ai"
    ok(run(stage, gateway, "provider", "--clear"))
    assert ask(gateway)["provider_pinned"] is None


def test_without_a_name_what_is_in_force(stage, gateway):
    assert ok(run(stage, gateway, "model")) == "as sent\n"
    assert ok(run(stage, gateway, "provider")) == "auto\n"
    ok(run(stage, gateway, "model", "claude-sonnet-5-5"))
    ok(run(stage, gateway, "provider", "bedrock", "--for", "claude-*"))
    assert ok(run(stage, gateway, "model")) == "claude-sonnet-5-5 for every session\n"
    assert ok(run(stage, gateway, "provider")) == "bedrock for only claude-*\n"


def test_a_switch_replaces_the_one_of_its_scope_only(stage, gateway):
    run(stage, gateway, "model", "claude-opus-5", "--for", "claude-opus-*")
    for name in ("claude-sonnet-5", "claude-sonnet-5-5"):
        ok(run(stage, gateway, "model", name))
    rows = gateway.log.query("SELECT set_model, model_glob FROM routes WHERE enabled ORDER BY set_model")
    assert rows == [{"set_model": "claude-opus-5", "model_glob": "claude-opus-*"},
                    {"set_model": "claude-sonnet-5-5", "model_glob": None}]


def test_a_name_as_lists_show_it_means_the_whole_name(stage, gateway):
    ok(run(stage, gateway, "model", "sonnet-5-5"))
    assert ask(gateway)["model_sent"] == "claude-sonnet-5-5"


def test_a_name_that_is_in_no_catalog_is_taken_with_a_word(stage, gateway):
    done = run(stage, gateway, "model", "claude-next-9")
    assert done.returncode == 0 and "catalog" in done.stderr
    assert gateway.log.query("SELECT set_model FROM routes WHERE enabled") == [{"set_model": "claude-next-9"}]
    done = run(stage, gateway, "route", "add", "--model", "claude-next-9")
    assert done.returncode == 0 and "catalog" in done.stderr
    assert run(stage, gateway, "route", "add", "--model", "opus-5-5").stderr == ""
    assert gateway.log.query("SELECT set_model FROM routes WHERE id = 3") == [{"set_model": "claude-opus-5-5"}]


def test_names_that_cannot_be_are_wrong_usage(stage, gateway):
    for name in ("", "two words", 'quo"te', "x" * 500, "new\nline"):
        assert run(stage, gateway, "model", name).returncode == 2, name
    assert run(stage, gateway, "model", "claude-opus-5", "--clear").returncode == 2
    assert gateway.log.query("SELECT * FROM routes") == []


def test_a_switch_without_a_gateway_says_so(stage, gateway):
    gateway.stop()
    done = run(stage, gateway, "model", "claude-sonnet-5-5")
    assert done.returncode == 0 and "no gateway" in done.stderr


class Deaf(http.server.BaseHTTPRequestHandler):
    """A gateway that goes on with the routes it knows."""

    def do_GET(self):
        page = json.dumps({"status": "ok", "version": "0", "routes_version": 1, "instance": "deaf"}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(page)))
        self.end_headers()
        self.wfile.write(page)

    def log_message(self, *_):
        pass


def test_a_gateway_that_does_not_take_a_switch_is_told(stage, gateway):
    gateway.stop()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Deaf)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    with open(f"{gateway.log.path}.gateway", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        json.dump({"address": f"127.0.0.1:{server.server_port}", "pid": os.getpid(), "token": "deaf"}, lock)
        lock.flush()
        done = run(stage, gateway, "model", "claude-sonnet-5-5")
    server.shutdown()
    server.server_close()
    assert done.returncode == 1 and "within a second" in done.stderr, done


def test_route_add_edit_disable_enable_rm(stage, gateway):
    ok(run(stage, gateway, "route", "add", "--agent", "subagent", "--model", "claude-haiku-5-5", "--cache", "1h",
           "--fallback", "claude-opus-5,claude-sonnet-5", "--note", "cheap"))
    row = gateway.log.query("SELECT * FROM routes")[0]
    assert (row["purpose"], row["set_model"], row["enabled"], row["note"]) == ("subagent", "claude-haiku-5-5", 1, "cheap")
    assert json.loads(row["params_json"]) == {"cache_enabled": True, "cache_ttl": 3600,
                                              "fallback_models": ["claude-opus-5", "claude-sonnet-5"]}
    number = row["id"]
    ok(run(stage, gateway, "route", "edit", number, "--provider", "bedrock", "--model", ""))
    row = gateway.log.query("SELECT * FROM routes")[0]
    assert (row["set_model"], row["set_provider"], row["purpose"]) == (None, "bedrock", "subagent")
    ok(run(stage, gateway, "route", "disable", number))
    assert ok(run(stage, gateway, "routes")).startswith("no routes")
    assert json.loads(ok(run(stage, gateway, "routes", "--all", "--json")))[0]["enabled"] is False
    ok(run(stage, gateway, "route", "enable", number))
    assert "bedrock" in ok(run(stage, gateway, "routes"))
    ok(run(stage, gateway, "route", "rm", number))
    assert gateway.log.query("SELECT * FROM routes") == []


def test_routes_that_make_no_sense_are_refused(stage, gateway):
    for words in (["add"], ["add", "--agent", "boss", "--model", "x"], ["add", "--params", "{"], ["add", "--params", "[]"],
                  ["add", "--cache", "maybe"], ["edit"], ["rm"], ["rm", "x"], ["frob"], [], ["add", "7", "--model", "x"],
                  ["add", "--params", '{"cache_ttl":"soon"}']):
        done = run(stage, gateway, "route", *words)
        assert done.returncode == 2, (words, done)
    done = run(stage, gateway, "route", "rm", 99)
    assert done.returncode == 1 and "99" in done.stderr
    assert gateway.log.query("SELECT * FROM routes") == []


def test_the_key_stays_out_of_the_log(stage, gateway):
    ask(gateway)
    assert KEY.encode() not in b"".join(path.read_bytes() for path in stage.folder.glob("log.db*"))


def test_price_of_a_switch_is_told_before_and_its_cost_after(stage, gateway, sim):
    """40k tokens of context: from opus' cache at 0.40 $/M to a write on sonnet at 2.50."""
    body = {"model": "claude-opus-5-5", "max_tokens": 20, "system": [{"type": "text", "text": "word " * 40000, "cache_control": {"type": "ephemeral"}}],
            "messages": [{"role": "user", "content": [{"type": "text", "text": "[[sim text ok]]", "cache_control": {"type": "ephemeral"}}]}],
            "tools": [{"name": "a", "input_schema": {}}], "stream": True}

    def call():
        answer = gateway.messages(body, [("X-Claude-Code-Session-Id", A)])
        assert answer.status == 200
        return gateway.log.wait_calls(1, "id = ? AND state <> 'open'", int(answer.header("x-spantop-call-id")))[0]
    call()
    [session] = gateway.log.query("SELECT context_tokens FROM sessions")
    tokens = session["context_tokens"]
    assert tokens > 10000
    said = ok(run(stage, gateway, "model", "claude-sonnet-5-5", "--session", A))
    told = re.search(r"uncached: \$([0-9.]+) instead of \$([0-9.]+), then \$([0-9.]+) a call", said)
    assert told, said
    for dollars, price in zip(told.groups(), (2.5, 0.4, 0.2)):
        assert abs(float(dollars) - tokens * price / 1e6) < 0.001, said
    first, second = call(), call()
    assert first["tokens_cache_write_5m"] > 10000 and second["tokens_cache_read"] > 10000
    shown = ok(run(stage, gateway, "model"))
    assert "2 calls" in shown and "were written anew" in shown, shown
    said = ok(run(stage, gateway, "provider", "bedrock", "--session", A))
    assert "uncached" in said
    ok(run(stage, gateway, "model", "claude-sonnet-5-5"))  # for no session in particular: nothing is known
