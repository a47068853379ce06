"""Who looks goes away or stands still: closed pipes, closed and stopped terminals, Ctrl-Z.

None of it may hinder the gateway, hold a read transaction of the log open (the
write-ahead log could not shrink any more), or leave a process that spins.
"""
import fcntl
import os
import pty
import re
import signal
import sqlite3
import struct
import subprocess
import termios
import threading

import pytest
from load import Load
from spantop import KEY, PROGRAM, ROOT, SLOWER, wait_for

BODY = {"model": "claude-sonnet-5", "max_tokens": 99, "stream": True, "messages": [{"role": "user", "content": "[[sim text hello]]"}]}


def state(pid):
    """As in ps: R, S, T, Z …; None when it is gone."""
    try:
        with open(f"/proc/{pid}/stat") as f:
            return f.read().rsplit(")", 1)[1].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return None


def cpu_s(pid):
    with open(f"/proc/{pid}/stat") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def check_nobody_reads(log):
    """No transaction is open: everything can be copied back and the write-ahead log begin anew."""
    connection = sqlite3.connect(log.path, timeout=10 * SLOWER, isolation_level=None)
    try:  # again while the gateway itself is copying
        wait_for(lambda: connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone() == (0, 0, 0),
                 what="the write-ahead log to be copied whole: somebody reads")
    finally:
        connection.close()


# -- A pipe whose reader left ---------------------------------------------------------------
def commands():
    """Every command that prints something and ends; how it is called."""
    yield from ([], ["--version"], ["--help"], ["help"], ["help", "options"], ["help", "gateway"], ["help", "calls"])
    yield from (["status"], ["status", "--json"], ["calls"], ["calls", "--json"], ["show", "1"], ["show", "1", "--json"],
                ["show", "1", "--request"], ["show", "1", "--response"], ["show", "2", "--diff"], ["show", "1", "--curl"],
                ["stats"], ["stats", "--json"], ["stats", "--by", "model"], ["stats", "--csv"],
                ["models"], ["models", "--json"], ["routes"], ["routes", "--json"], ["route", "add", "--model", "claude-opus-5-5"],
                ["alarms"], ["alarms", "--json"], ["preset"], ["preset", "save", "a"], ["model"], ["model", "claude-haiku-4-5"], ["provider"],
                ["env"], ["env", "--json"], ["setup", "--dry-run"], ["doctor"], ["doctor", "--json"], ["budget"],
                ["report", "--html", "-"], ["export"], ["export", "--har"], ["export", "--csv"], ["export", "--otlp"],
                ["export", "--html", "-", "--session", "s"],
                ["config"], ["config", "show"], ["config", "check"], ["config", "example"], ["service"],
                ["completion", "bash"], ["completion", "zsh"], ["completion", "fish"], ["reconcile"], ["calls", "--follow"], ["alarms"], ["alarms", "--json"])


def test_every_command_bears_a_reader_that_left(stage, sim, gateway):
    """No signal kills it, it says nothing but one sentence of its own trade, and it ends."""
    for _ in range(3):
        gateway.messages(BODY, [("X-Claude-Code-Session-Id", "s")])
    gateway.log.wait_calls(3)
    for words in commands():
        read, write = os.pipe()
        os.close(read)
        try:
            done = subprocess.run([PROGRAM, "--log", gateway.log.path, "--listen", gateway.address, "--upstream", sim.base_url, *words],
                                  stdin=subprocess.DEVNULL, stdout=write, stderr=subprocess.PIPE, text=True,
                                  env=stage.environment(), cwd=stage.folder, timeout=20 * SLOWER)
        finally:
            os.close(write)
        assert done.returncode in (0, 1, 2), (words, done)
        assert "roken pipe" not in done.stderr and "annot write" not in done.stderr, (words, done)
    assert gateway.health()["status"] == "ok"
    check_nobody_reads(gateway.log)


def test_no_command_is_left_out():
    """A new command is to be tried here, too."""
    names = re.findall(r'\.name = "(\w+)"', "".join(p.read_text() for p in (ROOT / "src/cli").glob("cmd_*.c")))
    # What runs on until it is told to end stands in other tests; the last ends the gateway.
    tried = {words[0] for words in commands() if words} | {"dashboard", "serve", "run", "demo", "sim", "stop"}
    others = {"search", "replay", "watch"}  # tried where they are tested
    assert set(names) - tried - others == set()


# -- A terminal ------------------------------------------------------------------------------
class Terminal:
    """A pseudo terminal with the dashboard in it, read only as far as the test wants."""

    def __init__(self, stage, gateway, ignores_hangup=False):
        self.ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 36, 120, 0, 0))

        def start():
            os.setsid()
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)
            if ignores_hangup:
                signal.signal(signal.SIGHUP, signal.SIG_IGN)

        self.process = subprocess.Popen([PROGRAM, "--log", gateway.log.path, "--listen", gateway.address], stdin=theirs,
                                        stdout=theirs, stderr=theirs, preexec_fn=start,
                                        env=stage.environment({"TERM": "xterm-256color", "LC_ALL": "C.UTF-8"}))
        os.close(theirs)
        self.pid = self.process.pid

    def read_until(self, text):
        got = b""
        while text not in got:
            got += os.read(self.ours, 65536)

    def close(self):
        if self.ours >= 0:
            os.close(self.ours)
        self.ours = -1

    def stop(self):
        self.close()
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(10)


@pytest.mark.parametrize("ignores_hangup", [False, True], ids=["hangup", "nohup"])
def test_dashboard_ends_when_its_terminal_is_closed(stage, gateway, ignores_hangup):
    """With SIGHUP ignored, too: reading and writing fail, and it must not try for ever."""
    terminal = stage.add(Terminal(stage, gateway, ignores_hangup))
    gateway.messages(BODY)
    terminal.read_until(b"sonnet")
    terminal.close()
    terminal.process.wait(10 * SLOWER)
    assert gateway.messages(BODY).status == 200
    check_nobody_reads(gateway.log)


def test_dashboard_whose_terminal_stands_still_hinders_nobody(stage, sim, gateway):
    """Ctrl-S, a hung ssh: what it draws is not taken any more, so it stands in the middle of a write."""
    terminal = stage.add(Terminal(stage, gateway))
    gateway.messages(BODY)
    terminal.read_until(b"sonnet")
    load = Load(gateway, count=4, seed="xoff")

    def stands():  # the terminal's buffer is full: poll() for room would tell it, too, but not from this side
        with open(f"/proc/{terminal.pid}/wchan") as wchan, open(f"/proc/{terminal.pid}/syscall") as syscall:
            return syscall.read().split()[0] == "1" or "tty" in wchan.read()

    wait_for(stands, 30 * SLOWER, "the dashboard to stand in a write")
    before = len(load.calls())
    wait_for(lambda: len([call for call in load.calls()[before:] if call.is_whole]) > 20, 30 * SLOWER, "calls to go on")
    load.stop()
    assert gateway.health()["problem"] == "" and gateway.health()["in_flight"] == 0
    check_nobody_reads(gateway.log)
    terminal.close()
    terminal.process.wait(10 * SLOWER)


def test_stopped_by_ctrl_z_it_holds_no_read_open(stage, sim, gateway):
    """At a dozen random moments, under load."""
    load = Load(gateway, count=3, seed="tstp", pause_s=0.01)
    shell = stage.screen(["bash", "--norc", "--noprofile", "-i"], env={"LC_ALL": "C.UTF-8", "PS1": "prompt> "})
    shell.wait_text(r"prompt>")
    shell.type(f"'{PROGRAM}' --log '{gateway.log.path}' --listen {gateway.address}")
    shell.keys("Enter")
    shell.wait_text(r"session-|sonnet|opus")
    pid = int(subprocess.run(["ps", "-o", "pid=", "--ppid", str(shell.pid())], capture_output=True, text=True).stdout.split()[0])
    for number in range(12):
        os.kill(pid, signal.SIGTSTP)
        wait_for(lambda: state(pid) == "T", what="the dashboard to stop")
        check_nobody_reads(gateway.log)
        shell.wait_text(r"(?s)Stopped.*prompt>\s*$")
        shell.type("fg")
        shell.keys("Enter")
        wait_for(lambda: state(pid) != "T", what="the dashboard to go on")
        shell.wait_text(r"(?m)^ spantop .*live")
        threading.Event().wait(0.01 * number)  # another moment each time
    load.stop()
    shell.keys("Q")
    shell.wait_text(r"prompt>\s*$")
