"""spantop search and the filter's text: what was said is found, at the call that brought it, and nothing is missed in silence."""
import json
import re

import pytest
from spantop import KEY, PROGRAM, wait_for

SESSION = "aaaaaaaa-0000-4000-8000-000000000001"
OTHER = "bbbbbbbb-0000-4000-8000-000000000002"
SYSTEM = [{"type": "text", "text": "You look after the warehouse."}]
TOOLS = [{"name": "Bash", "description": "Runs a shell command",
          "input_schema": {"type": "object", "properties": {"command": {"type": "string", "description": "what to execute"}}}}]


def user(text):
    """The simulated answer would take words up."""
    return {"role": "user", "content": [{"type": "text", "text": text if text.startswith("[[") else f"[[sim text fine]] {text}"}]}


def ask(gateway, messages, session=SESSION, **more):
    body = {"model": "claude-opus-5-5", "max_tokens": 99, "system": SYSTEM, "tools": TOOLS, "messages": messages, **more}
    return gateway.messages(body, [("X-Claude-Code-Session-Id", session)])


def text_of(answer):
    """The text of a streamed answer, as the client would send it back."""
    events = [json.loads(line[6:]) for line in answer.body.decode().splitlines() if line.startswith("data: ")]
    return "".join(event.get("delta", {}).get("text", "") for event in events)


def indexed(gateway, calls=0):
    if calls:
        gateway.log.wait_calls(calls)
    wait_for(lambda: gateway.log.query("SELECT count(*) AS n FROM search_todo")[0]["n"] == 0, what="every call in the index")


def search(stage, gateway, *words, status=0):
    done = stage.run("search", "--log", gateway.log.path, "--json", *words)
    assert done.returncode == status, done
    return json.loads(done.stdout) if status == 0 else done


def found(stage, gateway, *words):
    return [(hit["call_id"], hit["where"]) for hit in search(stage, gateway, *words)]


def filtered(stage, gateway, words):
    done = stage.run("calls", "--log", gateway.log.path, "--json", "--where", words)
    assert done.returncode == 0, done
    return [call["id"] for call in json.loads(done.stdout)]


@pytest.fixture
def talk(stage, sim, gateway):
    """Two turns of one session, one call of another."""
    first = [user("[[sim text the lighthouse keeper answers]] why was the \"connection\nrefused\"?")]
    answer = ask(gateway, first, stream=True)
    again = [*first, {"role": "assistant", "content": [{"type": "text", "text": text_of(answer)}]},
             {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_1", "content": "exit code 7: grüße"}]}]
    assert "lighthouse" in text_of(answer)
    ask(gateway, again, stream=True)
    ask(gateway, [user("another session, connection lost")], OTHER)
    indexed(gateway, 3)
    return gateway


def test_each_text_is_found_at_the_call_that_brought_it(stage, talk):
    assert found(stage, talk, "--", "keeper", "-connection") == [(1, "answer")]
    assert found(stage, talk, "warehouse") == [(1, "system")]
    assert found(stage, talk, "execute") == [(1, "tool Bash")]
    assert found(stage, talk, "exit", "code") == [(2, "user tool_result")]
    assert found(stage, talk, "GRUSSE") == [] and found(stage, talk, "Grüße") == [(2, "user tool_result")]
    assert found(stage, talk, '"connection refused"') == [(1, "user")]
    assert found(stage, talk, "connection") == [(3, "user"), (1, "user")]
    assert found(stage, talk, "--session", OTHER, "connection") == [(3, "user")]
    assert found(stage, talk, "--where", "id:1", "connection") == [(1, "user")]
    assert found(stage, talk, "--last", "1", "connection") == [(3, "user")]
    assert found(stage, talk, "--", "connection", "-lost") == [(1, "user")]
    assert found(stage, talk, "connec*", "refus*") == [(1, "user")]
    assert found(stage, talk, "nobody", "said", "this") == []


def test_a_hit_says_when_who_and_what(stage, talk):
    hit = search(stage, talk, '"connection refused"')[0]
    call = talk.log.call(1)
    assert hit["started_at"] == call["started_at"] and hit["session_id"] == SESSION
    assert hit["found"] == 'connection refused' and 'why was the "connection refused"?' in hit["excerpt"]
    line = stage.run("search", "--log", talk.log.path, "exit", "code").stdout
    assert re.search(r"^ +2  \d{4}-\d\d-\d\d \d\d:\d\d:\d\d  \S+ +user tool_result +exit code 7: grüße$", line, re.M), line


def test_the_filter_finds_calls_by_text(stage, talk):
    assert filtered(stage, talk, 'text:"connection refused"') == [1]
    assert filtered(stage, talk, "text:connection") == [1, 3]
    assert filtered(stage, talk, "!text:connection") == [2]
    assert filtered(stage, talk, "text:connection text:lost") == [3]
    assert filtered(stage, talk, '"exit code 7"') == [2], "quoted text is looked for in bodies, too"
    assert filtered(stage, talk, '"opus"') == [1, 2, 3], "and in the row's texts"
    assert filtered(stage, talk, "warehouse") == [], "a bare word in these alone"
    done = stage.run("calls", "--log", talk.log.path, "--where", "text:?!")
    assert done.returncode == 2 and "no letter or digit" in done.stderr


@pytest.mark.parametrize("words, why", [('"open', "is not closed"), ("-- -only", "give a word to look for"), ("-- ?! ", "no letter or digit"),
                                        ("ab*", "at least 3 letters")])
def test_what_cannot_be_looked_for_is_said(stage, talk, words, why):
    done = search(stage, talk, *words.split(" "), status=2)
    assert why in done.stderr and "fts" not in done.stderr.lower()


@pytest.mark.parametrize("words", ["NEAR(a, b)", "a AND OR NOT b", "{a} : b", "text : x", "'; DROP TABLE call; --", "x\"y", "*x*", "^x", "(((", "a\\b", "é\u202e\x1b[31m x"])
def test_nothing_typed_is_an_error_of_the_index(stage, talk, words):
    done = stage.run("search", "--log", talk.log.path, "--", words)
    assert done.returncode in (0, 2) and "fts5" not in done.stderr and "syntax" not in done.stderr, done
    assert len(talk.log.calls()) == 3


def test_on_a_terminal_hits_are_marked_and_clean(stage, sim, gateway):
    ask(gateway, [user("before \x1b[31m\u202e the needle\x07 behind")])
    indexed(gateway, 1)
    command = ["search", "--log", str(gateway.log.path), "needle"]
    screen = stage.screen([PROGRAM, *command])
    screen.wait_text("the needle.*behind")
    plain = stage.run(*command).stdout
    assert "\x1b" not in plain and "\u202e" not in plain and "needle" in plain


def test_what_is_not_in_the_index_is_read_or_told(stage, sim):
    gateway = stage.gateway(sim, "--no-search")
    for i in range(103):
        ask(gateway, [user(f"word{i}")])
    gateway.log.wait_calls(103)
    assert found(stage, gateway, "word102") == [(103, "user")]
    done = stage.run("search", "--log", gateway.log.path, "word0")
    assert "3 calls are not in the search index yet" in done.stderr and done.returncode == 0
    assert not gateway.log.query("SELECT * FROM search_gen")
    done = stage.run("calls", "--log", gateway.log.path, "--where", "text:word102")
    assert "3 calls are not in the search index yet" in done.stderr and done.stdout.count("\n") == 2, done
    gateway.stop()
    later = stage.gateway(sim, log=gateway.log.path)
    indexed(later, 103)
    assert found(stage, later, "word0") == [(1, "user")]


def test_without_bodies_there_is_nothing_to_search(stage, sim):
    gateway = stage.gateway(sim, "--no-bodies")
    ask(gateway, [user("word")])
    gateway.log.wait_calls(1)
    assert found(stage, gateway, "word") == [] and not gateway.log.query("SELECT * FROM search_todo")


def test_what_is_redacted_and_keys_are_not_found(stage, sim):
    gateway = stage.gateway(sim, "--redact", "hunter[0-9]+")
    ask(gateway, [user("the password is hunter42 indeed")])
    indexed(gateway, 1)
    assert found(stage, gateway, "password", "indeed") == [(1, "user")]
    assert found(stage, gateway, "hunter42") == [] and found(stage, gateway, KEY) == []
    gateway.stop()
    assert b"hunter42" not in gateway.log.path.read_bytes()


# ---- What outlives what --------------------------------------------------------------------

WORDS = 3000  # a call: 20 KB


def words_of(number):
    """Text that only call `number` has."""
    return f"mark{number} " + " ".join(f"w{number * 7919 + i * 104729 % 99991}" for i in range(WORDS))


def unindexed(stage, sim, calls):
    """A log whose calls are all still to be put in."""
    gateway = stage.gateway(sim, "--no-search")
    for number in range(1, calls + 1):
        ask(gateway, [user(words_of(number))], stream=False)
    gateway.log.wait_calls(calls)
    assert gateway.stop() is None
    return gateway.log


def check_index(log):
    """FTS5 finds nothing wrong in any generation."""
    for row in log.query("SELECT id FROM search_gen WHERE NOT is_going"):
        log.execute(f"INSERT INTO search_text_{row['id']}(search_text_{row['id']}) VALUES('integrity-check')")


def test_kill_9_in_the_middle_of_indexing(stage, sim):
    log = unindexed(stage, sim, 120)
    first = stage.gateway(sim, log=log.path)
    wait_for(lambda: log.query("SELECT count(*) AS n FROM search_todo")[0]["n"] < 120, what="a first step")
    first.kill()
    check_index(log)
    second = stage.gateway(sim, log=log.path)
    done = stage.run("doctor", "--rebuild", "--log", log.path)  # at the same time
    assert done.returncode == 0, done
    indexed(second, 120)
    check_index(log)
    for number in (1, 2, 59, 60, 119, 120):
        assert found(stage, second, f"mark{number}") == [(number, "user")]
    assert len(found(stage, second, "mark*")) == 120
    ask(second, [user("something new")])
    indexed(second, 121)
    newest = second.log.calls()[-1]["id"]  # ids were skipped
    assert found(stage, second, "something", "new") == [(newest, "user")]


def test_doctor_completes_the_index_without_a_gateway(stage, sim):
    log = unindexed(stage, sim, 3)
    done = stage.run("doctor", "--rebuild", "--log", log.path)
    assert "3 calls were put into the search index" in done.stdout, done
    assert "the search index has every call" in stage.run("doctor", "--rebuild", "--log", log.path).stdout
    found_at = json.loads(stage.run("search", "--log", log.path, "--json", "mark2").stdout)
    assert [hit["call_id"] for hit in found_at] == [2] and not log.query("SELECT * FROM search_todo")


def test_a_log_from_before_the_index_is_put_in(stage, talk):
    assert talk.stop() is None
    for name in ("search_text_1", "search_todo", "search_piece", "search_gen"):
        talk.log.execute(f"DROP TABLE {name}")
    assert found(stage, talk, "warehouse") == [(1, "system")], "its newest calls are read"
    later = stage.gateway(stage.sim(), log=talk.log.path)
    indexed(later, 3)
    assert found(stage, later, "warehouse") == [(1, "system")]
    assert found(stage, later, "connection") == [(3, "user"), (1, "user")]


def test_the_index_goes_with_the_bodies(stage, sim):
    """A log of 1 MB: generations come and go, and what is found is what is there."""
    gateway = stage.gateway(sim, "--max-log-bytes", "1M")
    system = [{"type": "text", "text": "the lasting lighthouse"}]
    last = 0

    def oldest():
        return gateway.log.query("SELECT min(id) AS n FROM search_gen")[0]["n"] or 0

    def more():
        nonlocal last
        last += 1
        ask(gateway, [user(words_of(last))], system=system)
        if last % 8 == 0:
            indexed(gateway)  # while calls come without a pause it would be left for seconds
        return oldest() > 3

    wait_for(more, what="the third generation to be dropped")
    indexed(gateway, 1)
    gone = gateway.log.query("SELECT value AS n FROM meta WHERE key = 'bodies_gone_to'")[0]["n"]
    calls = [call for call, _ in found(stage, gateway, "mark*")]
    assert calls == sorted(calls, reverse=True) and calls[0] == last and calls[-1] >= gone > 1
    assert found(stage, gateway, f"mark{last}") == [(last, "user")] and found(stage, gateway, "mark1") == []
    lasting = found(stage, gateway, "lasting", "lighthouse")
    assert lasting and lasting[-1][0] >= gone, "what every call carries is found at the oldest that still has it"
    assert len(lasting) == 1
    check_index(gateway.log)
    assert all("error" not in line.lower() for line in gateway.stderr.splitlines()), gateway.stderr
    pages = "SELECT (SELECT page_count FROM pragma_page_count) - (SELECT freelist_count FROM pragma_freelist_count) AS n"
    wait_for(lambda: gateway.log.query(pages)[0]["n"] * 4096 < 2**20, what="the log to be within its bound")


# ---- In the dashboard ----------------------------------------------------------------------


def test_the_dashboards_filter_finds_texts(stage, sim):
    gateway = stage.gateway(sim, "--no-search")
    for i in range(105):
        ask(gateway, [user(f"needle{i}")], f"{i:08d}-0000-4000-8000-000000000001")
    gateway.log.wait_calls(105)
    screen = stage.screen([PROGRAM, "--log", str(gateway.log.path), "--listen", gateway.address])
    screen.wait_text("00000104")
    screen.keys("/")
    screen.type("text:needle90")
    screen.keys("Enter")
    screen.wait_text("5 calls are not in the search index yet")
    shown = screen.text()
    assert re.search(r"00000090 +side", shown) and not re.search(r"00000104 +side", shown), shown
    done = stage.run("doctor", "--rebuild", "--log", gateway.log.path)
    assert done.returncode == 0, done
    screen.keys("/", "C-u")
    screen.type('text:"needle3" !text:needle4')
    screen.keys("Enter")
    screen.wait_text("00000003 +side")
    screen.keys("Enter")
    screen.wait_text("needle3")
