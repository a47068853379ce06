"""The disk fails: full, frozen, read-only; the log is locked, deleted, replaced, truncated.

The streams never wait; what cannot be written waits in memory, is counted when it
is dropped, and writing resumes by itself.  SPANTOP_LOCK_S=30 holds the lock for as
long as the promise says (3 s by default).
"""
import concurrent.futures
import errno
import json
import os
import pathlib
import re
import resource
import shutil
import signal
import sqlite3
import subprocess
import threading
import time

import pytest
from load import Load
from spantop import KEY, LIMIT_S, ROOT, SLOWER, Log, wait_for

LOCK_S = float(os.environ.get("SPANTOP_LOCK_S", "3"))
NOTICED_S = 1.0
BODY = {"model": "claude-sonnet-5", "max_tokens": 99, "stream": True, "messages": [{"role": "user", "content": "[[sim text hello]]"}]}


def ask(gateway, count=1, text="[[sim text hello]]"):
    """Calls that must go through unhindered, each within a second; their ids."""
    ids = []
    for _ in range(count):
        start = time.monotonic()
        answer = gateway.messages({**BODY, "messages": [{"role": "user", "content": text}]})
        assert answer.status == 200 and answer.complete
        assert time.monotonic() - start < 1 * SLOWER, "the call waited for the disk"
        ids.append(int(answer.header("x-spantop-call-id")))
    return ids


def problem(gateway):
    return gateway.health()["problem"]


def wait_problem(gateway, word, limit_s=LIMIT_S):
    return wait_for(lambda: (lambda p: p if word in p else None)(problem(gateway)), limit_s,
                    lambda: f"the problem to tell {word!r}; it is {problem(gateway)!r}")


def wait_well(gateway):
    wait_for(lambda: problem(gateway) == "", what=lambda: f"no problem to be left; it is {problem(gateway)!r}")


def status(stage, gateway):
    done = stage.run("--log", gateway.log.path, "status", "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def check_integrity(log):
    assert log.query("PRAGMA integrity_check") == [{"integrity_check": "ok"}]


# -- Locked ---------------------------------------------------------------------------------
class Lock:
    """Another program in the middle of a write."""

    def __init__(self, path):
        self.connection = sqlite3.connect(path, timeout=LIMIT_S, isolation_level=None)
        self.connection.execute("BEGIN IMMEDIATE")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.connection.execute("ROLLBACK")
        self.connection.close()


@pytest.mark.limit(60 + LOCK_S)
def test_locked_log_keeps_no_stream_waiting(stage, sim, gateway):
    ask(gateway)
    gateway.log.wait_calls(1)
    end = time.monotonic() + LOCK_S
    with Lock(gateway.log.path):
        ids = ask(gateway, 5)
        told = wait_problem(gateway, "locked")
        assert str(gateway.log.path) in told
        assert told == status(stage, gateway)["problem"]
        while not threading.Event().wait(0.05) and time.monotonic() < end:
            ids += ask(gateway)
        assert len(gateway.log.calls()) == 1
    rows = gateway.log.wait_calls(1 + len(ids), "state = 'done'")
    assert [row["id"] for row in rows][1:] == ids and all(row["body_state"] == "kept" for row in rows)
    wait_well(gateway)
    assert gateway.health()["dropped"] == 0 and gateway.health()["dropped_bodies"] == 0


def test_locked_log_and_a_full_queue_drop_bodies_and_count_them(stage, sim):
    gateway = stage.gateway(sim, "--max-queue-bytes", "200k")
    with Lock(gateway.log.path):
        ids = ask(gateway, 12, "[[sim text hello]]" + "x" * 60_000)
        dropped = wait_for(lambda: gateway.health()["dropped_bodies"], what="bodies to be dropped")
        assert gateway.health()["dropped"] == 0
        told = status(stage, gateway)
        assert (told["dropped"], told["dropped_bodies"]) == (0, dropped)
        assert re.search(rf"^dropped +0, and {dropped} bodies$", stage.run("--log", gateway.log.path, "status").stdout, re.M)
    rows = gateway.log.wait_calls(len(ids), "state = 'done'")
    assert [row["id"] for row in rows] == ids, "rows outlive bodies"
    without = [row for row in rows if row["body_state"] == "dropped"]
    assert without and gateway.health()["dropped_bodies"] >= dropped
    assert rows[0]["body_state"] == "kept" and all(row["tokens_out"] for row in rows)


def test_stopping_while_the_log_is_locked_waits_a_moment_for_it(stage, sim, gateway):
    with Lock(gateway.log.path):
        ids = ask(gateway, 20)
        wait_problem(gateway, "locked")
        ids += ask(gateway, 20)
        gateway.signal(signal.SIGTERM)
        wait_for(lambda: is_refused(gateway), what="the port to be closed")
    assert gateway.wait_end() == 0
    assert [row["id"] for row in gateway.log.calls("state = 'done'")] == ids
    assert "could not be written" not in gateway.stderr


def is_refused(gateway):
    try:
        gateway.connect().close()
    except ConnectionRefusedError:
        return True
    return False


def test_switch_in_a_locked_log_is_refused_in_one_sentence(stage, sim, gateway):
    with Lock(gateway.log.path):
        done = stage.run("--log", gateway.log.path, "model", "claude-opus-5-5")
    assert done.returncode == 1 and len(done.stderr.splitlines()) == 1 and "another program" in done.stderr
    assert sim.requests() == [] and gateway.log.query("SELECT * FROM routes") == []


# -- Moved away -----------------------------------------------------------------------------
def delete(path):
    for end in ("", "-wal", "-shm"):
        pathlib.Path(f"{path}{end}").unlink(missing_ok=True)


def delete_alone(path):
    """Its write-ahead log stays, and would be taken for the new one's."""
    path.unlink()


def move(path):
    os.rename(path, f"{path}.away")


def empty(path):
    os.truncate(path, 0)


AWAY = {"deleted": delete, "deleted alone": delete_alone, "moved": move, "emptied": empty}


def make_other(path):
    connection = sqlite3.connect(f"{path}.other")
    connection.execute("CREATE TABLE other(x)")
    connection.close()
    os.rename(f"{path}.other", path)


def copy_of(gateway):
    copy = f"{gateway.log.path}.copy"
    connection = sqlite3.connect(gateway.log.path)
    connection.execute("VACUUM INTO ?", (copy,))
    connection.close()
    return copy


def wait_notice(gateway):
    """That it goes on with another log, within a second."""
    start = time.monotonic()
    told = wait_for(lambda: gateway.health()["notice"], what="the other log to be told")
    assert str(gateway.log.path) in told and time.monotonic() - start < NOTICED_S + 0.5 * SLOWER
    return told


def model_of_last(sim):
    return json.loads(sim.body(sim.requests(target="messages")[-1]["n"]))["model"]


def switch(stage, gateway, *words):
    done = stage.run("--log", gateway.log.path, "model", *words, limit_s=2 * LIMIT_S)
    assert done.returncode == 0, done


@pytest.mark.parametrize("how", AWAY)
def test_log_that_goes_away_is_begun_anew(stage, sim, gateway, how):
    switch(stage, gateway, "claude-haiku-4-5")
    before = ask(gateway, 3)
    gateway.log.wait_calls(3)
    gateway.log.execute("INSERT INTO setting VALUES('ui.alarms_seen', '57'), ('somebody.s', 'kept')")
    AWAY[how](gateway.log.path)
    told = wait_notice(gateway)
    assert told in gateway.stderr and status(stage, gateway)["notice"] == told
    assert f"notice    {told}" in stage.run("--log", gateway.log.path, "status").stdout

    ids = ask(gateway, 3)
    assert min(ids) > max(before), "an id was handed out twice"
    assert model_of_last(sim) == "claude-haiku-4-5", "a switch in force went with the log"
    rows = gateway.log.wait_calls(3)
    assert [(row["id"], row["state"], row["body_state"]) for row in rows] == [(n, "done", "kept") for n in ids]
    check_integrity(gateway.log)
    if how == "emptied":  # nobody could read the routes there any more
        assert "until the next switch" in told and "until the next switch" in problem(gateway)
    else:
        wait_well(gateway)
        assert [row["set_model"] for row in gateway.log.query("SELECT * FROM routes")] == ["claude-haiku-4-5"]
        settings = gateway.log.query("SELECT key FROM setting WHERE key IN ('ui.alarms_seen', 'somebody.s')")
        assert settings == [{"key": "somebody.s"}], "the new log's alarms begin at 1: nobody has seen those"

    switch(stage, gateway, "claude-opus-5-5")
    wait_well(gateway)
    ask(gateway)
    assert model_of_last(sim) == "claude-opus-5-5"
    switch(stage, gateway, "--clear")
    ask(gateway)
    assert model_of_last(sim) == BODY["model"]
    assert gateway.health()["dropped"] == gateway.health()["dropped_bodies"] == 0
    gateway.signal(signal.SIGTERM)
    assert gateway.wait_end() == 0
    assert len(gateway.log.calls("state = 'done'")) == 5
    if how == "moved":
        away = Log(f"{gateway.log.path}.away")
        check_integrity(away)
        assert [row["id"] for row in away.calls("state = 'done'")] == before, "what was committed is whole where it is now"


def test_a_new_log_that_fails_at_first_has_all_in_the_end(stage, sim, gateway):
    """The file is made, but what lies beside it keeps it from being used."""
    switch(stage, gateway, "claude-haiku-4-5")
    done = stage.run("--log", gateway.log.path, "budget", "set", "day", "500")
    assert done.returncode == 0, done
    ask(gateway)
    gateway.log.wait_calls(1)
    in_the_way = pathlib.Path(f"{gateway.log.path}-shm")
    delete(gateway.log.path)
    in_the_way.mkdir()
    wait_for(lambda: "was replaced under the gateway" in gateway.health()["problem"], what="the trouble to be told")
    in_the_way.rmdir()
    wait_notice(gateway)
    wait_well(gateway)
    assert [row["set_model"] for row in gateway.log.query("SELECT * FROM routes")] == ["claude-haiku-4-5"]
    assert [row["limit_microusd"] for row in gateway.log.query("SELECT * FROM budgets")] == [500_000_000]


def test_routes_and_budgets_of_another_log_arrive_when_files_can_be_opened_again(stage, sim, gateway):
    """In a crowd the journal gets the last file that may be open: nothing is left for the rest."""
    other = copy_of(gateway)
    other_log = Log(other)
    other_log.execute("INSERT INTO routes(set_model) VALUES('claude-haiku-4-5')")
    other_log.execute("INSERT INTO budgets(scope, level, limit_microusd) VALUES('day', 'warn', 1)")
    limits = resource.prlimit(gateway.pid, resource.RLIMIT_NOFILE)
    with gateway.connect() as client:

        def health():
            client.send_request("GET", "/spantop/health")
            return json.loads(client.read_response("GET").body)

        health()
        files = max(int(fd) for fd in os.listdir(f"/proc/{gateway.pid}/fd")) + 1
        resource.prlimit(gateway.pid, resource.RLIMIT_NOFILE, (files, limits[1]))
        os.rename(other, gateway.log.path)
        wait_for(lambda: health()["problem"], what="the trouble to be told")
        while "another log was put" not in gateway.stderr:
            files += 1
            resource.prlimit(gateway.pid, resource.RLIMIT_NOFILE, (files, limits[1]))
            wait_tries(gateway)
        wait_for(lambda: "routes and budgets hold as they were" in health()["problem"], what=lambda: f"it to be told: {health()}")
        resource.prlimit(gateway.pid, resource.RLIMIT_NOFILE, limits)
    wait_well(gateway)
    ask(gateway)
    assert model_of_last(sim) == "claude-haiku-4-5"
    wait_for(lambda: gateway.health()["warnings"], what="the budget of the other log to hold")
    wait_for(lambda: not [f for f in files_of(gateway) if f.endswith("(deleted)")], what="the old log to be let go")


def wait_tries(gateway):
    """The journal has tried in vain to open the log, from beginning to end, or goes on with it: it makes the file private first."""
    for _ in range(2):
        os.chmod(gateway.log.path, 0o644)
        wait_for(lambda: "another log was put" in gateway.stderr or gateway.log.path.stat().st_mode & 0o777 == 0o600,
                 what="the journal to try again")


def files_of(gateway):
    names = []
    for fd in os.listdir(f"/proc/{gateway.pid}/fd"):
        try:
            names.append(os.readlink(f"/proc/{gateway.pid}/fd/{fd}"))
        except FileNotFoundError:
            pass
    return names


def test_calls_in_flight_pass_over_to_the_new_log(stage, recorder):
    gateway, gate = stage.gateway(recorder), threading.Event()
    recorder.answer(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n", gate, b"0\r\n\r\n")
    with gateway.connect() as client:
        client.send_request("POST", "/v1/messages?call=long", [("x-api-key", KEY), ("X-Claude-Code-Session-Id", "s")],
                            json.dumps(BODY).encode())
        head = client.read_head()
        number = gateway.log.wait_calls(1, "state = 'open'")[0]["id"]
        delete(gateway.log.path)
        wait_notice(gateway)
        assert gateway.log.wait_calls(1, "state = 'open'")[0]["id"] == number
        gate.set()
        assert [*client.pieces(head)] and head.complete
    row = gateway.log.wait_calls()[0]
    assert (row["id"], row["state"], row["path"], row["model_asked"]) == (number, "done", "/v1/messages?call=long", BODY["model"])
    assert row["body_state"] == "dropped" and gateway.health()["dropped_bodies"] == 1
    assert stage.run("show", number, "--response", "--log", gateway.log.path).stdout == "{}"
    assert gateway.log.query("SELECT calls FROM session UNION ALL SELECT calls FROM day_sum") == [{"calls": 1}] * 2


@pytest.mark.parametrize("is_wal_left", [True, False], ids=["over its write-ahead log", "alone"])
def test_log_put_in_its_place_is_written_on(stage, sim, gateway, is_wal_left):
    """As `mv backup.db log.db` does.  The write-ahead log of the old one would damage it."""
    switch(stage, gateway, "claude-haiku-4-5")
    before = ask(gateway, 2)
    gateway.log.wait_calls(2)
    copy = copy_of(gateway)
    switch(stage, gateway, "claude-opus-5-5")
    after = ask(gateway, 200)  # what the write-ahead log is full of
    gateway.log.wait_calls(202)
    if not is_wal_left:
        delete(gateway.log.path)
    os.rename(copy, gateway.log.path)
    wait_notice(gateway)
    ids = ask(gateway, 2)
    assert model_of_last(sim) == "claude-haiku-4-5", "the routes of the log that is there hold"
    assert min(ids) > max(after), "an id was handed out twice"
    assert [row["id"] for row in gateway.log.wait_calls(4)] == before + ids
    check_integrity(gateway.log)


def test_log_put_over_the_write_ahead_log_of_a_dead_gateway(stage, sim, gateway):
    """SQLite alone would take that for the new log's and ruin both."""
    before = ask(gateway, 2)
    gateway.log.wait_calls(2)
    copy = copy_of(gateway)
    after = ask(gateway, 200)
    gateway.log.wait_calls(202)
    gateway.kill()
    wal = pathlib.Path(f"{gateway.log.path}-wal").read_bytes()
    assert len(wal) > 100_000
    os.rename(copy, gateway.log.path)
    for words in ["calls"], ["model", "claude-opus-5-5"]:
        done = stage.run("--log", gateway.log.path, *words)
        assert done.returncode == 1 and len(done.stderr.splitlines()) == 1 and "write-ahead log of another" in done.stderr, done
    again = stage.gateway(sim, log=gateway.log.path)
    assert pathlib.Path(f"{gateway.log.path}-wal.old").read_bytes() == wal and "-wal.old" in again.stderr
    ids = ask(again, 2)
    assert [row["id"] for row in again.log.wait_calls(4)] == before + ids
    check_integrity(again.log)


def test_folder_copied_whole_keeps_what_its_write_ahead_log_has(stage, sim, gateway):
    ids = ask(gateway, 20)
    gateway.log.wait_calls(20)
    gateway.kill()
    copied = stage.folder / "copied"
    copied.mkdir(mode=0o700)
    for path in stage.folder.glob("log.db*"):
        shutil.copy(path, copied)
    again = stage.gateway(sim, log=copied / "log.db")
    assert [row["id"] for row in again.log.calls()] == ids


def test_nobody_reads_a_log_just_put_in_place_before_the_gateway_has_it(stage, sim, gateway):
    ask(gateway, 5)
    gateway.log.wait_calls(5)
    copy = copy_of(gateway)
    ask(gateway, 100)
    gateway.log.wait_calls(105)
    gateway.signal(signal.SIGSTOP)
    os.rename(copy, gateway.log.path)
    done = stage.run("--log", gateway.log.path, "calls")
    assert done.returncode == 1 and "try again" in done.stderr, done
    gateway.signal(signal.SIGCONT)
    wait_notice(gateway)
    shown = stage.run("--log", gateway.log.path, "calls", "--json")
    assert shown.returncode == 0 and len(json.loads(shown.stdout)) == 5
    check_integrity(gateway.log)


def test_what_is_no_log_is_left_alone_and_calls_wait(stage, sim, gateway):
    ask(gateway)
    gateway.log.wait_calls(1)
    make_other(gateway.log.path)
    told = wait_problem(gateway, "no spantop log")
    assert "move away" in told and told in stage.run("--log", gateway.log.path, "status").stdout
    ids = ask(gateway, 5)
    refused = stage.run("--log", gateway.log.path, "model", "claude-opus-5-5")
    assert refused.returncode == 1 and len(refused.stderr.splitlines()) == 1, refused
    os.rename(gateway.log.path, f"{gateway.log.path}.other")
    wait_notice(gateway)
    wait_well(gateway)
    rows = gateway.log.wait_calls(5)
    assert [row["id"] for row in rows] == ids and gateway.health()["dropped"] == 0
    assert Log(f"{gateway.log.path}.other").query("SELECT * FROM sqlite_schema WHERE name <> 'other'") == []


def test_log_put_back_is_well_again(stage, sim, gateway):
    first = ask(gateway)
    gateway.log.wait_calls(1)
    move(gateway.log.path)
    wait_notice(gateway)
    os.rename(f"{gateway.log.path}.away", gateway.log.path)
    wait_for(lambda: "put in the place" in gateway.health()["notice"], what="the old log to be taken up")
    second = ask(gateway)
    assert [row["id"] for row in gateway.log.wait_calls(2)] == first + second
    check_integrity(gateway.log)


# -- The write-ahead log ------------------------------------------------------------------------
def test_write_ahead_log_that_cannot_shrink_is_told(stage, sim):
    """A reader in the middle of a transaction keeps every page from being copied back."""
    gateway = stage.gateway(sim)
    ask(gateway)
    gateway.log.wait_calls(1)
    reader = sqlite3.connect(gateway.log.path, isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM calls").fetchone()
    wal = pathlib.Path(f"{gateway.log.path}-wal")
    while wal.stat().st_size < 68 << 20:
        gateway.messages({**BODY, "messages": [{"role": "user", "content": "[[sim text a]]" + os.urandom(3_000_000).hex()}]})
    told = wait_problem(gateway, "write-ahead log")
    assert "64 MB" in told and told in stage.run("--log", gateway.log.path, "status").stdout
    reader.execute("ROLLBACK")
    reader.close()
    wait_for(lambda: ask(gateway, 5) and problem(gateway) == "", what="the write-ahead log to be short again")
    wait_for(lambda: ask(gateway) and wal.stat().st_size <= 32 << 20, what="its file to be short again")
    check_integrity(gateway.log)


def test_bound_holds_once_the_calls_rest(stage, sim):
    """Nobody calls any more: what was taken out is given back all the same, though it went through the write-ahead log."""
    gateway = stage.gateway(sim, "--max-log-bytes", "16M")

    def call(_):
        return gateway.messages({**BODY, "messages": [{"role": "user", "content": "[[sim text a]]" + os.urandom(150_000).hex()}]}).status

    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        assert set(pool.map(call, range(300))) == {200}
    wait_for(lambda: gateway.log.path.stat().st_size < 17 << 20, 20 * SLOWER, lambda: f"the log to shrink; it has {gateway.log.path.stat().st_size}")
    assert len(gateway.log.calls("state = 'done'")) == 300 and gateway.log.calls("body_state = 'expired'")
    check_integrity(gateway.log)


# -- Disks of our own ----------------------------------------------------------------------------
def mount(*argv):
    done = subprocess.run(["mount", *map(str, argv)], capture_output=True, text=True)
    if done.returncode == 0:
        return
    if os.geteuid() == 0 and os.environ.get("CI") == "true":
        pytest.fail(f"root in CI cannot mount a small disk: {done.stderr}")
    pytest.skip(f"a small disk cannot be mounted here (root can): {done.stderr.strip()}")


class Disk:
    """A small disk, mounted; everything on it is fillable."""

    def __init__(self, folder, kind, megabytes):
        self.folder = folder / "disk"
        self.folder.mkdir()
        self.image = None
        if kind == "tmpfs":
            mount("-t", "tmpfs", "-o", f"size={megabytes}m,mode=0700", "none", self.folder)
        else:
            self.image = folder / "image"
            with open(self.image, "wb") as f:
                f.truncate(megabytes << 20)
            subprocess.run(["mkfs.ext4", "-q", "-m", "0", "-O", "^has_journal", self.image], check=True)
            mount("-o", "loop,errors=remount-ro", self.image, self.folder)
            os.chmod(self.folder, 0o700)
        self.log = self.folder / "log.db"
        self._frozen = False

    def fill(self):
        with open(self.folder / "filler", "ab", buffering=0) as f:
            for size in (1 << 20, 4096, 512, 1):
                try:
                    while True:
                        f.write(b"x" * size)
                except OSError as error:
                    assert error.errno == errno.ENOSPC

    def make_room(self):
        (self.folder / "filler").unlink()

    def freeze(self):
        subprocess.run(["fsfreeze", "-f", self.folder], check=True)
        self._frozen = True

    def thaw(self):
        if self._frozen:
            subprocess.run(["fsfreeze", "-u", self.folder], check=True)
            self._frozen = False

    def stop(self):
        self.thaw()
        subprocess.run(["umount", "-l", self.folder], check=True)


@pytest.fixture
def disk(stage, tmp_path):
    return stage.add(Disk(tmp_path, "tmpfs", 80))


@pytest.fixture
def on_disk(stage, sim, disk):
    """A gateway whose log lies on `disk`, some calls in it."""
    gateway = stage.gateway(sim, log=disk.log)
    ask(gateway, 3)
    gateway.log.wait_calls(3)
    return gateway


def test_full_disk_stops_no_stream_and_writing_resumes(stage, sim, disk, on_disk):
    disk.fill()
    ids = ask(on_disk, 3, "[[sim text hello]]" + os.urandom(20_000).hex())
    told = wait_problem(on_disk, "full")
    assert str(disk.log) in told and status(stage, on_disk)["problem"] == told
    ids += ask(on_disk, 20, "[[sim text hello]]" + os.urandom(20_000).hex())
    assert on_disk.health()["dropped"] == 0
    disk.make_room()
    rows = on_disk.log.wait_calls(3 + len(ids), "state = 'done'")
    assert [row["id"] for row in rows][3:] == ids and all(row["body_state"] == "kept" for row in rows)
    wait_well(on_disk)
    check_integrity(on_disk.log)
    assert (disk.folder / "log.db-reserve").exists(), "the reserve is laid anew"


def test_switches_land_on_a_full_disk(stage, sim, disk, on_disk):
    disk.fill()
    for n, model in enumerate(["claude-opus-5-5", "claude-sonnet-5", "claude-haiku-4-5"]):
        switched = stage.run("--log", disk.log, "model", model)
        assert switched.returncode == 0, switched.stderr
        ask(on_disk)
        assert json.loads(sim.body(sim.requests(target="messages")[-1]["n"]))["model"] == model
    assert not (disk.folder / "log.db-reserve").exists()
    # The journal stands back, or the room would be gone with the next calls.
    ask(on_disk, 20, "[[sim text hello]]" + os.urandom(60_000).hex())
    wait_problem(on_disk, "full")
    assert stage.run("--log", disk.log, "model", "--clear").returncode == 0
    disk.make_room()
    on_disk.log.wait_calls(26, "state = 'done'")


def test_stopping_on_a_full_disk_writes_what_waits_into_the_reserve(stage, sim, disk, on_disk):
    disk.fill()
    ids = ask(on_disk, 30, "[[sim text hello]]" + os.urandom(2_000).hex())
    wait_problem(on_disk, "full")
    on_disk.signal(signal.SIGTERM)
    assert on_disk.wait_end() == 0
    assert [row["id"] for row in on_disk.log.calls("state = 'done'")][3:] == ids
    assert "could not be written" not in on_disk.stderr


def test_lost_calls_are_marked_on_a_full_disk(stage, sim, disk, on_disk):
    with on_disk.connect() as client:
        client.send_request("POST", "/v1/messages", [("x-api-key", KEY)], json.dumps(
            {**BODY, "messages": [{"role": "user", "content": "[[sim fault mid_event stall]]"}]}).encode())
        client.read_head()
        lost = on_disk.log.wait_calls(1, "state = 'open'")[0]["id"]
        disk.fill()
        on_disk.kill()
    again = stage.gateway(sim, log=disk.log)
    assert again.log.call(lost)["state"] == "lost"
    ids = ask(again, 3)
    assert min(ids) > lost
    wait_problem(again, "full")
    disk.make_room()
    again.log.wait_calls(3, "id > ?", lost)
    wait_well(again)
    check_integrity(again.log)


def test_kill_on_a_full_disk_damages_nothing(stage, sim, disk, on_disk):
    sim.config(speed=12, first_ms=5)
    load = Load(on_disk, count=4, seed="full")
    wait_for(lambda: sum(call.is_whole for call in load.calls()) > 8, what="the load to run")
    disk.fill()
    wait_problem(on_disk, "full")
    on_disk.kill()
    before = max(call.id or 0 for call in load.stop())
    check_integrity(on_disk.log)
    disk.make_room()
    again = stage.gateway(sim, log=disk.log)
    assert min(ask(again, 3)) > before, "an id was handed out twice"
    assert again.log.calls("state = 'open' AND id <= ?", before) == []
    check_integrity(again.log)


def test_start_on_a_full_disk_without_a_reserve_is_one_sentence(stage, sim, disk):
    disk.fill()
    done = stage.run("serve", "--listen", "127.0.0.1:0", "--log", disk.log, "--upstream", sim.base_url)
    assert done.returncode == 1 and len(done.stderr.splitlines()) == 1 and "full" in done.stderr, done


def test_read_only_disk_is_refused_at_start(stage, sim, disk):
    gateway = stage.gateway(sim, log=disk.log)
    ask(gateway)
    assert gateway.stop() is None
    mount("-o", "remount,ro", disk.folder)
    done = stage.run("serve", "--listen", "127.0.0.1:0", "--log", disk.log, "--upstream", sim.base_url)
    assert done.returncode == 1 and len(done.stderr.splitlines()) == 1 and str(disk.folder) in done.stderr, done
    mount("-o", "remount,rw", disk.folder)


@pytest.fixture
def ext4(stage, tmp_path):
    return stage.add(Disk(tmp_path, "ext4", 32))


def wait_commits(log):
    """Until nothing is written any more, told without reading the log: a reader leaves its mark there."""
    wal, sizes = pathlib.Path(f"{log.path}-wal"), []

    def stands_still():
        sizes.append(wal.stat().st_mtime_ns)
        return len(sizes) > 50 and len(set(sizes[-50:])) == 1

    wait_for(stands_still, what="the last commit")


@pytest.mark.parametrize("is_read", [True, False], ids=["read by others", "read by nobody"])
def test_frozen_disk_stops_no_stream(stage, sim, ext4, is_read):
    """Every write hangs, as on a disk that is about to die: a write into shared memory that is a file's, too."""
    gateway = stage.gateway(sim, log=ext4.log)
    ask(gateway)
    wait_commits(gateway.log)
    if is_read:
        gateway.log.wait_calls(1)
    ext4.freeze()
    ids = ask(gateway, 30)
    with gateway.connect() as client:  # a stream goes on, too
        client.send_request("POST", "/v1/messages", [("x-api-key", KEY)], json.dumps(BODY).encode())
        assert client.read_response("POST").complete
    assert gateway.health()["status"] == "ok"
    ext4.thaw()
    rows = gateway.log.wait_calls(2 + len(ids), "state = 'done'")
    assert [row["id"] for row in rows][1:-1] == ids
    wait_well(gateway)
    check_integrity(gateway.log)


def trip(disk):
    """ext4 finds itself damaged and turns read-only, under the open log."""
    device = subprocess.run(["findmnt", "-no", "SOURCE", disk.folder], capture_output=True, text=True, check=True).stdout.strip()
    pathlib.Path(f"/sys/fs/ext4/{pathlib.Path(device).name}/trigger_fs_error").write_text("a test")


def test_disk_that_turns_read_only_stops_no_stream(stage, sim, ext4):
    gateway = stage.gateway(sim, log=ext4.log)
    ask(gateway)
    gateway.log.wait_calls(1)
    trip(ext4)
    ids = ask(gateway, 10)
    told = wait_for(lambda: problem(gateway), what="the problem to be told")
    assert str(ext4.log) in told
    assert len(gateway.log.calls()) < 1 + len(ids)
    gateway.signal(signal.SIGTERM)
    assert gateway.wait_end() == 0, "it ends all the same"
    assert "could not be written" in gateway.stderr


# -- A network file system ----------------------------------------------------------------------
if SLOWER == 1:  # the sanitizers preload something themselves
    def test_log_on_a_network_is_warned_of(stage, sim):
        shim = stage.folder / "network_shim.so"
        subprocess.run(["cc", "-shared", "-fPIC", "-o", shim, ROOT / "tests/lib/network_shim.c"], check=True)
        env = {"LD_PRELOAD": shim}
        gateway = stage.gateway(sim, env=env)
        ask(gateway)
        told = gateway.health()["notice"]
        assert "NFS" in told and "local disk" in told and str(gateway.log.path) in told
        assert told in gateway.stderr and told == status(stage, gateway)["notice"]
        doctor = stage.run("--log", gateway.log.path, "doctor", env=env)
        assert told in " ".join(doctor.stdout.split()), doctor.stdout
