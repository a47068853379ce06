"""Alarms: what raises one, where it is told, and the user's own command."""
import json
import os
import sqlite3
from concurrent.futures import ThreadPoolExecutor

from spantop import KEY, wait_for
from test_breaks import Conversation, begin, change_tool, words

A, B = "aaaaaaaa-0000-4000-8000-00000000000a", "bbbbbbbb-0000-4000-8000-00000000000b"
OPUS, HAIKU = "claude-opus-5-5", "claude-haiku-4-5-20251001"


def body(words_="[[sim text ok]]", model=OPUS, **more):
    tools = [{"name": name, "input_schema": {"type": "object"}} for name in ("Bash", "Edit")]
    return {"model": model, "max_tokens": 20, "messages": [{"role": "user", "content": words_}], "tools": tools, "stream": True, **more}


def ask(gateway, words_="[[sim text ok]]", session=A, model=OPUS):
    return gateway.messages(body(words_, model), [("X-Claude-Code-Session-Id", session)])


def alarms(gateway, where="1"):
    return gateway.log.query(f"SELECT * FROM alarms WHERE {where} ORDER BY id")


def wait_alarms(gateway, count=1):
    return wait_for(lambda: (lambda rows: rows if len(rows) >= count else None)(alarms(gateway)),
                    what=lambda: f"{count} alarms; there are {alarms(gateway)}")


def test_a_dear_cache_break(stage, sim):
    gateway = stage.gateway(sim, "--alarms", "cache_break=0.01")
    main = Conversation(gateway)
    begin(main)
    change_tool(main.body)
    row = main.turn()
    alarm, = wait_alarms(gateway)
    assert (alarm["kind"], alarm["session_id"], alarm["call_id"]) == ("cache_break", "s-1", row["id"])
    assert alarm["text"].endswith(": tool: Bash") and "$0.0" in alarm["text"]
    assert alarm["at"] == row["finished_at"] and alarm["until_at"] == alarm["at"] + 600_000
    # The row of the alarm is committed with the call's.
    main.body["tools"][2]["description"] += "!"
    assert main.turn()["cache_break"] == "tool: Edit"
    assert len(alarms(gateway)) == 1, "one of a kind and session in ten minutes"


def test_nothing_is_raised_below_the_limit_or_when_it_is_off(stage, sim):
    cheap = stage.gateway(sim)
    main = Conversation(cheap)
    begin(main)
    change_tool(main.body)
    assert main.turn()["cache_break"]
    assert alarms(cheap) == []
    quiet = stage.gateway(sim, "--alarms", "off", log=stage.folder / "quiet.db")
    sim.faults({"status": 529, "times": 30})
    for _ in range(30):
        ask(quiet)
    quiet.log.wait_calls(30)
    assert alarms(quiet) == []


def test_a_storm_of_errors(sim, gateway):
    for _ in range(3):
        assert ask(gateway).status == 200
    sim.faults({"status": 529, "times": 12})
    for _ in range(12):
        assert ask(gateway).status == 529
    gateway.log.wait_calls(15)
    alarm, = wait_alarms(gateway)
    assert (alarm["kind"], alarm["session_id"], alarm["call_id"]) == ("storm", A, 13)
    assert alarm["text"] == "10 of 13 calls failed or were repeated within 5 minutes, mostly 529 overloaded_error"


def test_runaway_agents(stage, sim):
    gateway = stage.gateway(sim, "--alarms", "runaway=40,storm=off")
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda i: ask(gateway, f"[[sim text {i}]]", B if i % 4 == 0 else A), range(60)))
    gateway.log.wait_calls(60)
    alarm, = wait_alarms(gateway)
    assert (alarm["kind"], alarm["session_id"]) == ("runaway", A)
    assert alarm["text"] == "runaway agents: 40 calls within a minute"


def test_first_tokens_that_take_long_against_the_usual_of_the_log(stage, sim):
    """What is usual is learned from the log at the start."""
    first = stage.gateway(sim)
    for i in range(24):
        assert ask(first, f"[[sim text {i}]]").status == 200
    first.log.wait_calls(24)
    first.stop()
    gateway = stage.gateway(sim, log=first.log.path)
    with ThreadPoolExecutor(5) as pool:
        list(pool.map(lambda i: ask(gateway, f"[[sim delay 2300]][[sim text slow {i}]]"), range(5)))
    gateway.log.wait_calls(29)
    alarm, = wait_alarms(gateway)
    assert (alarm["kind"], alarm["session_id"], alarm["subject"]) == ("ttft", None, f"{OPUS} at anthropic")
    assert alarm["text"].startswith(f"{OPUS} at anthropic: the first token takes 2.")


def test_a_context_that_fills_and_is_compacted(sim, gateway):
    full = words("full", 700_000)
    assert ask(gateway, "[[sim text ok]]" + full[:20000], model=HAIKU).status == 200
    assert ask(gateway, "[[sim text ok]]" + full, model=HAIKU).status == 200
    tokens = gateway.log.wait_calls(2)[1]["tokens_in"]
    assert 170_000 < tokens < 200_000, tokens
    alarm, = wait_alarms(gateway)
    assert (alarm["kind"], alarm["session_id"], alarm["call_id"]) == ("context", A, 2)
    assert alarm["text"].startswith(f"the context is {tokens * 100 // 200_000} % full: ")
    assert ask(gateway, "[[sim text ok]] A summary.", model=HAIKU).status == 200
    over = gateway.log.wait_calls(3)[2]["finished_at"]
    assert alarms(gateway)[0]["until_at"] == over, "compacting ends it"


def test_a_restart_tells_nothing_twice(stage, sim):
    first = stage.gateway(sim)
    sim.faults({"status": 500, "times": 30})
    for _ in range(12):
        ask(first)
    first.log.wait_calls(12)
    wait_alarms(first)
    first.stop()
    second = stage.gateway(sim, log=first.log.path)
    for _ in range(5):
        ask(second)
    second.log.wait_calls(17)
    assert len(alarms(second)) == 1


SLOW = "cat > {0}/$SPANTOP_ALARM_CALL.new; env >> {0}/$SPANTOP_ALARM_CALL.new; mv {0}/$SPANTOP_ALARM_CALL.new {0}/$SPANTOP_ALARM_CALL.told"


def told(stage):
    return {int(p.stem): p.read_text() for p in stage.folder.glob("*.told")}


def test_the_users_command(stage, sim):
    gateway = stage.gateway(sim, "--alarms", "storm=2", "--on-alarm", SLOW.format(stage.folder),
                            env={"RESPAN_API_KEY": "respan-" + KEY, "DISPLAY": ":9"})
    sim.faults({"status": 529, "times": 4})
    ask(gateway)
    ask(gateway, session=A)
    wait_alarms(gateway)
    wait_for(lambda: told(stage), what="the command to have run")
    line, environment = told(stage)[2].split("\n", 1)
    alarm, = alarms(gateway)
    assert json.loads(line) == {"id": 1, "at": alarm["at"], "kind": "storm", "text": alarm["text"], "session_id": A,
                                "session_title": None, "call_id": 2}
    assert "SPANTOP_ALARM_KIND=storm\n" in environment and f"SPANTOP_ALARM_SESSION={A}\n" in environment
    assert "DISPLAY=:9\n" in environment and KEY not in environment and "RESPAN" not in environment
    wait_for(lambda: not [p for p in children(gateway.pid) if state(p) != "Z"], what="the command to end")


def state(pid):
    with open(f"/proc/{pid}/stat") as f:
        return f.read().rsplit(")", 1)[1].split()[0]


def children(pid):
    return [int(p) for task in os.listdir(f"/proc/{pid}/task") for p in open(f"/proc/{pid}/task/{task}/children").read().split()]


def test_a_command_that_fails_or_hangs_harms_no_call_and_no_stop(stage, sim):
    begun = stage.folder / "begun"
    gateway = stage.gateway(sim, "--alarms", "storm=2", "--on-alarm", f"touch {begun}; exec sleep 1000")
    sim.faults({"status": 529, "times": 2})
    ask(gateway)
    ask(gateway)
    wait_for(begun.exists, what="the command to run")
    sleeper = wait_for(lambda: children(gateway.pid), what="a child")[0]
    assert ask(gateway).status == 200
    gateway.signal(15)
    assert gateway.wait_end() == 0, "stopping waits for no command"
    wait_for(lambda: not os.path.exists(f"/proc/{sleeper}") or state(sleeper) == "Z", what="the command to end with the gateway")

    failing = stage.gateway(sim, "--alarms", "storm=2", "--on-alarm", "exit 7", log=stage.folder / "failing.db")
    sim.faults({"status": 529, "times": 2})
    ask(failing)
    ask(failing)
    wait_for(lambda: "the command of --on-alarm ended with status 7" in failing.stderr, what=lambda: f"a word: {failing.stderr}")
    wait_for(lambda: not children(failing.pid), what="the child to be reaped")
    assert ask(failing).status == 200


def test_settings_from_everywhere_and_words_about_wrong_ones(stage, sim):
    for args, env in ((["--alarms", "storms=3"], {}), ([], {"SPANTOP_ALARMS": "storm=0"})):
        done = stage.run("serve", *args, "--log", stage.folder / "x.db", env=env)
        assert done.returncode == 2, done
        assert "storm" in done.stderr
    gateway = stage.gateway(sim, env={"SPANTOP_ALARMS": "storm=1"})
    sim.faults({"status": 500, "times": 1})
    ask(gateway)
    assert wait_alarms(gateway)[0]["text"].startswith("1 of 1 calls")


def test_the_list_is_bounded(stage, sim):
    gateway = stage.gateway(sim, "--alarms", "storm=1")
    gateway.log.execute("INSERT INTO alarm(id, kind, subject, at, until_at, text) "
                        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1500) "
                        "SELECT i, 'storm', 's', i, i, 'old' FROM n")
    sim.faults({"status": 500, "times": 1})
    ask(gateway)
    gateway.log.wait_calls(1)
    rows = wait_for(lambda: alarms(gateway, "text <> 'old'"), what="the new alarm")
    assert rows[0]["id"] == 1501 and len(alarms(gateway)) == 1000


def test_the_command_lists_them(stage, sim):
    gateway = stage.gateway(sim, "--alarms", "storm=1")
    where = ("--log", gateway.log.path)
    empty = stage.run("alarms", *where)
    assert empty.returncode == 0 and empty.stdout.startswith("no alarm"), empty
    assert json.loads(stage.run("alarms", "--json", *where).stdout) == {"alarms": []}
    sim.faults({"status": 500, "times": 2})
    ask(gateway)
    ask(gateway, session=B)
    first, second = wait_alarms(gateway, 2)
    lines = stage.run("alarms", *where).stdout.splitlines()
    assert len(lines) == 3 and lines[0].split() == ["TIME", "KIND", "STATE", "SESSION", "CALL", "WHAT"]
    assert A in lines[1] and first["text"] in lines[1] and " now " in lines[1] and second["text"] in lines[2]
    told = json.loads(stage.run("alarms", "--json", "--last", 1, *where).stdout)["alarms"]
    assert [(t["id"], t["kind"], t["session_id"], t["call_id"], t["is_over"]) for t in told] == [(2, "storm", second["session_id"], 2, False)]
    assert stage.run("alarms", "--last", "none", *where).returncode == 2
    assert stage.run("alarms", "--log", stage.folder / "nosuch.db").returncode == 1


def test_a_log_that_cannot_be_written_for_a_while(stage, sim):
    """The commit is tried again: one row, one word to the user's command, and none before the row is there."""
    gateway = stage.gateway(sim, "--on-alarm", SLOW.format(stage.folder))
    sim.faults({"status": 529, "times": 12})
    lock = sqlite3.connect(gateway.log.path)
    lock.execute("BEGIN IMMEDIATE")
    for _ in range(12):
        assert ask(gateway).status == 529
    wait_for(lambda: gateway.health()["problem"], what="the gateway to say that it cannot write")
    assert told(stage) == {}
    lock.rollback()
    lock.close()
    gateway.log.wait_calls(12)
    alarm, = wait_alarms(gateway)
    assert (alarm["id"], alarm["kind"]) == (1, "storm")
    wait_for(lambda: told(stage), what="the command to have run")
    assert json.loads(told(stage)[alarm["call_id"]].split("\n")[0])["id"] == 1
    assert len(told(stage)) == 1


def test_what_runs_and_what_waits_outlasts_the_log(stage, sim):
    """The command goes on, the alarm that waits for it is told, and so is one whose row the old log never got."""
    begun, go = stage.folder / "begun", stage.folder / "go"
    gateway = stage.gateway(sim, "--alarms", "storm=2,context=80", "--on-alarm",
                            f"touch {begun}; until test -e {go}; do sleep 0.1; done; {SLOW.format(stage.folder)}")
    full = "[[sim text ok]]" + words("full", 700_000)
    sim.faults({"status": 529, "times": 2})
    ask(gateway)
    ask(gateway)
    wait_for(begun.exists, what="the command to run")
    ask(gateway, full, model=HAIKU)
    wait_alarms(gateway, 2)
    in_the_way = gateway.log.path.with_name(gateway.log.path.name + "-shm")
    for end in ("", "-wal", "-shm"):
        gateway.log.path.with_name(gateway.log.path.name + end).unlink()
    in_the_way.mkdir()
    wait_for(lambda: gateway.health()["problem"], what="the gateway to say that it cannot write")
    ask(gateway, full, session=B, model=HAIKU)
    in_the_way.rmdir()
    wait_for(lambda: gateway.health()["notice"], what="the new log to be begun")
    alarm, = wait_alarms(gateway)
    assert (alarm["kind"], alarm["session_id"], alarm["call_id"]) == ("context", B, 4)
    assert told(stage) == {}
    go.touch()
    wait_for(lambda: len(told(stage)) == 3, what=lambda: f"three alarms to be told: {told(stage).keys()}")
    assert sorted(told(stage)) == [2, 3, 4]
    wait_for(lambda: not children(gateway.pid), what="the last child to be reaped")
