"""spantop export: the log in other people's formats, whole, safe and in bounded memory."""
import base64
import csv
import io
import json
import os
import re
import shlex
import subprocess
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest
from spantop import KEY, PROGRAM, ROOT, SLOWER, wait_for

SESSION = "aaaaaaaa-0000-4000-8000-000000000001"
# What other people's programs trip over: quotes, line breaks, formulas, markup, signs of other scripts, an escape sequence.
HOSTILE = '=cmd|\'/c calc\'!A1,"quoted"\r\n<script>alert(1)</script>&amp;\x1b[31m\u202e\U0001f600 end'


def body_of(text, **more):
    return {"model": "claude-opus-5-5", "max_tokens": 99, "messages": [{"role": "user", "content": text}], **more}


@pytest.fixture
def filled(stage, sim, gateway):
    """Four calls: two of a session, one that failed, one whose body is no text; the session's title is hostile."""
    who = [("X-Claude-Code-Session-Id", SESSION)]
    assert gateway.messages(body_of("[[sim text hello]] " + HOSTILE), who).status == 200
    assert gateway.messages(body_of("[[sim text again]]", stream=True), who).status == 200
    assert gateway.messages(body_of("[[sim status 529]]")).status == 529
    gateway.messages(b"\xff\xfe\x00 no text at all")
    gateway.log.wait_calls(4)
    gateway.log.execute("UPDATE session SET title = ? WHERE session_id = ?", HOSTILE, SESSION)
    return gateway


def export(stage, gateway, *args, **options):
    done = stage.run("export", "--log", gateway.log.path, *args, **options)
    stdout = done.stdout if isinstance(done.stdout, str) else done.stdout.decode("utf-8")
    assert done.returncode == 0 and KEY not in stdout + str(done.stderr), done
    return stdout


def body(stage, gateway, number, which):
    done = stage.run("show", number, f"--{which}", "--log", gateway.log.path, text=False)
    assert done.returncode == 0, done
    return done.stdout


# ---- Rows ------------------------------------------------------------------------------------

def test_json_lines_are_the_calls(stage, filled):
    calls = json.loads(stage.run("calls", "--json", "--log", filled.log.path).stdout)
    lines = export(stage, filled).splitlines()
    assert [json.loads(line) for line in lines] == calls and len(calls) == 4
    assert export(stage, filled, "--jsonl").splitlines() == lines
    some = export(stage, filled, "3", "1").splitlines()
    assert [json.loads(line)["id"] for line in some] == [3, 1]


def test_what_is_chosen(stage, filled):
    def ids(*args):
        return [json.loads(line)["id"] for line in export(stage, filled, *args).splitlines()]
    assert ids("--session", SESSION[:8]) == [1, 2]
    assert ids("--where", "status=529") == [3]
    assert ids("--where", "status>=400", "--since", "1h")[0] == 3
    filled.log.execute("UPDATE call SET started_at = started_at - 7200000 WHERE id IN (1, 3)")
    assert ids("--since", "1h") == [2, 4] and ids("--since", "1d") == [1, 2, 3, 4]
    assert ids("--session", SESSION, "--since", "1h") == [2]


def test_json_lines_with_bodies_have_every_byte(stage, filled):
    for line in export(stage, filled, "--bodies").splitlines():
        row = json.loads(line)
        for name, which in ("request_body", "request"), ("response_body", "response"):
            exact = body(stage, filled, row["id"], which)
            coded = row.get(f"{name}_base64")
            assert (base64.b64decode(coded) if coded else row[name].encode()) == exact, (row["id"], name)
        assert ("request_body_base64" in row) == (row["id"] == 4)


def test_csv_is_read_back_and_runs_no_formula(stage, filled):
    text = stage.run("export", "--csv", "--log", filled.log.path, text=False).stdout.decode()
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    calls = json.loads(stage.run("calls", "--json", "--log", filled.log.path).stdout)
    assert len(rows) == len(calls) and list(rows[0]) == list(calls[0])
    for row, call in zip(rows, calls):
        for name, value in call.items():
            expected = "" if value is None else str(int(value)) if isinstance(value, bool) else str(value)
            if expected[:1] in tuple("=+-@\t\r"):
                expected = "'" + expected
            assert row[name] == expected, name
    assert rows[0]["session_title"] == "'" + HOSTILE
    assert text.endswith("\r\n") and not re.search(r'(^|,)"?[=+@-]', text, re.M)


def test_the_sums_as_csv_run_no_formula_either(stage, filled):
    done = stage.run("stats", "--by", "session", "--csv", "--log", filled.log.path)
    rows = list(csv.DictReader(io.StringIO(done.stdout, newline="")))
    assert done.returncode == 0 and "'" + HOSTILE.replace("\r\n", "\n") in [row["title"].replace("\r\n", "\n") for row in rows]


def test_csv_of_nothing_has_its_titles(stage, gateway):
    assert export(stage, gateway, "--csv").startswith("id,state,started_at")
    assert export(stage, gateway, "--jsonl") == ""
    assert json.loads(export(stage, gateway, "--har"))["log"]["entries"] == []
    assert export(stage, gateway, "--otlp") == ""


# ---- HAR ---------------------------------------------------------------------------------------

def check_headers(headers):
    assert isinstance(headers, list)
    for header in headers:
        assert set(header) == {"name", "value"} and all(isinstance(v, str) for v in header.values())


def check_har(har):
    """What HAR 1.2 demands of each object."""
    log = har["log"]
    assert set(har) == {"log"} and log["version"] == "1.2" and set(log["creator"]) == {"name", "version"}
    for entry in log["entries"]:
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", entry["startedDateTime"])
        timings, request, response = entry["timings"], entry["request"], entry["response"]
        assert {"send", "wait", "receive"} <= set(timings) and all(v >= 0 for v in timings.values())
        assert entry["time"] == sum(timings.values()) and entry["cache"] == {}
        assert {"method", "url", "httpVersion", "cookies", "headers", "queryString", "headersSize", "bodySize"} <= set(request)
        assert re.match(r"https?://[^#]+$", request["url"]) and request["cookies"] == []
        check_headers(request["headers"])
        check_headers(request["queryString"])
        if "postData" in request:
            assert {"mimeType", "text"} <= set(request["postData"]) and "params" not in request["postData"]
        assert {"status", "statusText", "httpVersion", "cookies", "headers", "content", "redirectURL", "headersSize",
                "bodySize"} <= set(response)
        assert isinstance(response["status"], int)
        check_headers(response["headers"])
        assert {"size", "mimeType"} <= set(response["content"])
        known = {"startedDateTime", "time", "request", "response", "cache", "timings"}
        assert all(name in known or name.startswith("_") for name in entry)
    return log["entries"]


def bytes_of(holder, encoding):
    return base64.b64decode(holder["text"]) if holder.get(encoding) == "base64" else holder["text"].encode()


def test_har_has_what_the_format_demands_and_every_byte(stage, filled):
    entries = check_har(json.loads(export(stage, filled, "--har")))
    assert [e["_spantop"]["id"] for e in entries] == [1, 2, 3, 4]
    for number, entry in enumerate(entries, 1):
        request, content = entry["request"], entry["response"]["content"]
        exact = body(stage, filled, number, "request")
        assert bytes_of(request["postData"], "_encoding") == exact and request["bodySize"] == len(exact)
        exact = body(stage, filled, number, "response")
        assert bytes_of(content, "encoding") == exact and content["size"] == len(exact)
        assert request["url"] == filled.upstream + "v1/messages?beta=true"
        assert request["queryString"] == [{"name": "beta", "value": "true"}]
        assert {h["value"] for h in request["headers"] if h["name"].lower() == "x-api-key"} == {"(masked)"}
    call = filled.log.call(1)
    assert entries[0]["timings"]["wait"] == call["ttfb_ms"] and entries[0]["time"] == call["duration_ms"]
    assert entries[2]["response"]["status"] == 529
    assert entries[3]["request"]["postData"]["_encoding"] == "base64"


def test_har_without_bodies(stage, filled):
    text = export(stage, filled, "--har", "--no-bodies")
    for entry in check_har(json.loads(text)):
        assert "postData" not in entry["request"] and "text" not in entry["response"]["content"]
    assert "[[sim text" not in text


def test_har_tells_what_went_up_after_a_switch(stage, gateway):
    stage.run("model", "claude-sonnet-5-5", "--log", gateway.log.path)
    gateway.messages(body_of("[[sim text hello]]"))
    gateway.log.wait_calls(1)
    request = check_har(json.loads(export(stage, gateway, "--har")))[0]["request"]
    assert json.loads(request["postData"]["text"])["model"] == "claude-sonnet-5-5"
    assert request["bodySize"] == len(request["postData"]["text"])


# ---- OTLP ----------------------------------------------------------------------------------------

def value_of(v):
    kind, inner = next(iter(v.items()))
    assert len(v) == 1 and kind in ("stringValue", "intValue", "doubleValue", "boolValue", "arrayValue")
    if kind == "intValue":
        assert isinstance(inner, str) and re.fullmatch(r"-?\d+", inner)
        return int(inner)
    return [value_of(i) for i in inner["values"]] if kind == "arrayValue" else inner


def check_spans(text):
    """Every line an export request; the spans with their attributes as a dict."""
    spans = []
    for line in text.splitlines():
        for resource in json.loads(line)["resourceSpans"]:
            assert any(a["key"] == "service.name" for a in resource["resource"]["attributes"])
            for scope in resource["scopeSpans"]:
                spans += scope["spans"]
    for span in spans:
        assert re.fullmatch("[0-9a-f]{32}", span["traceId"]) and int(span["traceId"], 16)
        assert re.fullmatch("[0-9a-f]{16}", span["spanId"]) and int(span["spanId"], 16)
        assert span["kind"] == 3 and isinstance(span["startTimeUnixNano"], str) and isinstance(span["endTimeUnixNano"], str)
        assert int(span["endTimeUnixNano"]) >= int(span["startTimeUnixNano"])
        keys = [a["key"] for a in span["attributes"]]
        assert len(keys) == len(set(keys))
        span["is"] = {a["key"]: value_of(a["value"]) for a in span["attributes"]}
    return spans


def test_spans_follow_the_conventions(stage, filled):
    text = export(stage, filled, "--otlp")
    assert len(text.splitlines()) == 1, "JSON Lines: a line is a request"
    spans = check_spans(text)
    call = filled.log.call(1)
    first = spans[0]
    assert first["traceId"] == SESSION.replace("-", "") == spans[1]["traceId"] and first["spanId"] != spans[1]["spanId"]
    assert first["name"] == "chat claude-opus-5-5"
    assert int(first["endTimeUnixNano"]) == call["finished_at"] * 1_000_000
    a = first["is"]
    assert a["gen_ai.operation.name"] == "chat" and a["gen_ai.provider.name"] == "anthropic"
    assert a["gen_ai.conversation.id"] == SESSION and a["gen_ai.response.finish_reasons"] == ["end_turn"]
    whole = sum(call[f"tokens_{n}"] or 0 for n in ("in", "cache_read", "cache_write_5m", "cache_write_1h"))
    assert a["gen_ai.usage.input_tokens"] == whole and a["gen_ai.usage.output_tokens"] == call["tokens_out"]
    assert a["spantop.cost_usd"] == pytest.approx(call["cost_microusd"] / 1e6) and a["spantop.session_title"] == HOSTILE
    assert first["status"] == {}
    assert spans[2]["status"]["code"] == 2 and spans[2]["is"]["error.type"] == "overloaded_error"
    assert "gen_ai.input.messages" not in a
    assert export(stage, filled, "--otlp") == text, "the same spans again"


def test_spans_with_bodies_have_the_messages(stage, filled):
    a = check_spans(export(stage, filled, "--otlp", "--bodies"))[0]["is"]
    asked, answered = json.loads(a["gen_ai.input.messages"]), json.loads(a["gen_ai.output.messages"])
    assert asked == [{"role": "user", "parts": [{"type": "text", "content": "[[sim text hello]] " + HOSTILE}]}]
    assert answered[0]["parts"][0] == {"type": "text", "content": "hello"} and answered[0]["finish_reason"] == "end_turn"


def test_subagents_lie_under_the_call_that_started_them(stage, sim, gateway):
    who = ("X-Claude-Code-Session-Id", SESSION)
    tools = [{"name": "Agent", "description": "x", "input_schema": {"type": "object"}}]
    asked = {"description": "look it up", "subagent_type": "Explore", "prompt": "find the needle"}
    assert gateway.messages(body_of(f"[[sim tool Agent {json.dumps(asked)}]]", tools=tools, stream=True), [who]).status == 200
    gateway.log.wait_calls(1)
    assert gateway.messages(body_of("find the needle"), [who, ("x-claude-code-agent-id", "a1")]).status == 200
    gateway.log.wait_calls(2)
    wait_for(lambda: gateway.log.query("SELECT 1 FROM agents WHERE parent_call_id = 1"))
    main, sub = check_spans(export(stage, gateway, "--otlp"))
    assert sub["traceId"] == main["traceId"] and sub["parentSpanId"] == main["spanId"] and "parentSpanId" not in main
    assert sub["is"]["gen_ai.agent.id"] == "a1" and sub["is"]["gen_ai.agent.name"] == "Explore"
    assert sub["is"]["gen_ai.agent.description"] == "look it up"


@pytest.fixture
def collector():
    """Takes what is posted to it; collector.answer is the status it gives."""
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            data = self.rfile.read(int(self.headers["Content-Length"]))
            server.got.append((self.path, dict(self.headers), data))
            self.send_response(server.answer)
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    server.got, server.answer = [], 200
    Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def test_spans_are_posted_to_a_collector(stage, filled, collector):
    url = f"http://127.0.0.1:{collector.server_port}/v1/traces"
    assert f"4 calls posted to {url}" in export(stage, filled, "--otlp", "--to", url, env={"RESPAN_API_KEY": KEY})
    (path, headers, data), = collector.got
    assert path == "/v1/traces" and headers["Content-Type"] == "application/json"
    assert KEY not in str(headers) and data.decode() == export(stage, filled, "--otlp")
    collector.answer = 503
    done = stage.run("export", "--to", url, "--log", filled.log.path)
    assert done.returncode == 1 and "503" in done.stderr and done.stdout == ""
    done = stage.run("export", "--to", "http://127.0.0.1:9/v1/traces", "--log", filled.log.path)
    assert done.returncode == 1 and "cannot be asked" in done.stderr


# ---- Where it goes, and how much of it ---------------------------------------------------------------

def test_a_file_is_private_and_never_overwritten_unasked(stage, filled):
    path = stage.folder / "out.jsonl"
    done = stage.run("export", "-o", path, "--log", filled.log.path)
    assert done.returncode == 0 and done.stdout == "" and f"4 calls written to {path}" in done.stderr
    assert os.stat(path).st_mode & 0o777 == 0o600 and path.read_text() == export(stage, filled)
    done = stage.run("export", "--csv", "-o", path, "--log", filled.log.path)
    assert done.returncode == 1 and "is there already" in done.stderr and path.read_text() == export(stage, filled)
    path.chmod(0o644)
    assert stage.run("export", "--csv", "--output", path, "--force", "--log", filled.log.path).returncode == 0
    assert path.read_text().startswith("id,state")
    assert os.stat(path).st_mode & 0o777 == 0o600, "what others may read was another file's text"
    full = stage.folder / "full"
    full.symlink_to("/dev/full")
    done = stage.run("export", "--har", "-o", full, "--force", "--log", filled.log.path)
    assert done.returncode == 1 and f"cannot write {full}: No space left" in done.stderr and full.is_symlink()


def test_every_command_of_the_page_does_what_it_says(stage, filled, collector):
    filled.log.execute("UPDATE session SET title = 'api-refactor'")
    grow(filled.log, 2, first=17)
    block = re.search(r"^```\n(.*?)^```$", (ROOT / "docs/export.md").read_text(), re.M | re.S).group(1)
    lines = block.splitlines()
    assert len(lines) >= 6
    for line in lines:
        words = shlex.split(line.split("   ")[0].replace("localhost:4318", f"127.0.0.1:{collector.server_port}").split(" > ")[0])
        assert words[0] == "spantop"
        done = stage.run(*words[1:], "--log", filled.log.path)
        assert done.returncode == 0, (line, done)
    assert collector.got and (stage.folder / "two.har").exists() and (stage.folder / "session.html").exists()


def test_wrong_words_are_told(stage, filled):
    for args, words in [(("--har", "--csv"), "one at a time"), (("--csv", "--bodies"), "no room"), (("1", "--where", "x"), "either"),
                        (("x",), "a call's id"), (("--where", "nofield:1<"), ""), (("--har", "--to", "http://a/b"), "--otlp"),
                        (("--bodies", "--no-bodies"), "either"), (("--redact", "("), "expression")]:
        done = stage.run("export", *args, "--log", filled.log.path)
        assert done.returncode in (1, 2) and words in done.stderr and done.stdout == "", (args, done)
    done = stage.run("export", "99", "--log", filled.log.path)
    assert done.returncode == 1 and "no call 99" in done.stderr


@pytest.mark.parametrize("form", ["--jsonl", "--har", "--otlp"])
def test_redact_takes_out_what_matches(stage, gateway, form):
    gateway.messages(body_of("my password is hunter2, [[sim text hunter2 is secret]]", stream=True), [("X-Claude-Code-Session-Id", SESSION)])
    gateway.log.wait_calls(1)
    gateway.log.execute("UPDATE session SET title = 'about hunter2'")
    assert "hunter2" in export(stage, gateway, form, "--bodies")
    text = export(stage, gateway, form, "--bodies", "--redact", "hunter[0-9]")
    assert "hunter2" not in text and text.count("[redacted]") >= 2
    json.loads(text) if form != "--otlp" else check_spans(text)


def test_bodies_that_are_gone_leave_the_row(stage, sim):
    gateway = stage.gateway(sim, "--no-bodies")
    gateway.messages(body_of("[[sim text hello]]"))
    gateway.log.wait_calls(1)
    entry, = check_har(json.loads(export(stage, gateway, "--har")))
    assert "postData" not in entry["request"] and entry["response"]["bodySize"] > 0
    row = json.loads(export(stage, gateway, "--bodies"))
    assert row["request_body"] is None and row["response_body"] is None


def grow(log, rows, first=1000):
    """Copies of call 1, so many, without bodies."""
    columns = ", ".join(c["name"] for c in log.query("PRAGMA table_info(call)") if c["name"] != "id")
    log.execute(f"WITH RECURSIVE n(i) AS (SELECT {first} UNION ALL SELECT i + 1 FROM n WHERE i < {rows + first - 1}) "
                f"INSERT INTO call(id, {columns}) SELECT n.i, {columns.replace('session_id', 'call.session_id')} FROM n, call WHERE call.id = 1")


def peak_memory(pid):
    with open(f"/proc/{pid}/status") as status:
        return next((int(line.split()[1]) << 10 for line in status if line.startswith("VmHWM")), 0)


@pytest.mark.limit(120)
def test_a_closed_pipe_ends_quietly_and_memory_is_bounded(stage, filled):
    grow(filled.log, 60_000)
    assert stage.run("stop", "--log", filled.log.path).returncode == 0
    for form in "--jsonl", "--csv", "--har", "--otlp":
        argv = [PROGRAM, "export", form, "--no-bodies", "--log", str(filled.log.path)]
        with subprocess.Popen(argv, env=stage.environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            assert process.stdout.read(1000)
            process.stdout.close()
            assert process.stderr.read() == b""
            assert process.wait(60 * SLOWER) == 0, form
    spans = peak = 0
    with subprocess.Popen(argv, env=stage.environment(), stdout=subprocess.PIPE) as process:
        for number, line in enumerate(process.stdout):
            spans += line.count(b'"traceId"')
            if number % 1000 == 0:  # not what wait4() tells: that counts this process before its exec(), too
                peak = max(peak, peak_memory(process.pid))
    assert process.returncode == 0 and spans == 60_004
    assert SLOWER > 1 or 0 < peak < 48 << 20, f"{peak >> 10} KiB for 60,000 calls"
