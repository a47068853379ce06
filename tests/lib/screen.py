"""A terminal to look at: a command in tmux with its own server, size and environment.

Nothing sleeps for the screen to settle: tests wait for what they expect to see.
"""
import os
import pathlib
import re
import shlex
import subprocess
import time


class Screen:
    """env is the command's whole environment; TERM is set by tmux."""

    def __init__(self, folder, argv, columns=120, rows=36, env=None, cwd=None, term="tmux-256color"):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir()
        # A socket's path may be 107 bytes long: name it relative to its folder.
        self._socket = "s"
        config = self.folder / "conf"
        config.write_text(f'set -g default-terminal "{term}"\nset -g status off\nset -g remain-on-exit on\n'
                          'set -g remain-on-exit-format ""\nset -sg escape-time 0\n'
                          'set -ga terminal-overrides ",*:Tc"\nset -g history-limit 5000\n')
        words = [f"{name}={value}" for name, value in (env or {}).items()]
        command = "exec env " + " ".join(map(shlex.quote, [*(["-i", f"TERM={term}"] if env is not None else []), *words,
                                                           *map(str, argv)]))
        self._tmux("-f", "conf", "new-session", "-d", "-x", str(columns), "-y", str(rows),
                   "-c", str(cwd or self.folder), command)

    def _tmux(self, *args, check=True):
        env = {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "LANG": "C.UTF-8", "HOME": str(self.folder)}
        done = subprocess.run(["tmux", "-S", self._socket, *args], cwd=self.folder, env=env, capture_output=True, timeout=30)
        if check and done.returncode:
            raise AssertionError(f"tmux {args}: {done.stderr.decode()}")
        return done.stdout.decode(errors="replace")

    # -- acting --------------------------------------------------------------
    def keys(self, *names):
        """tmux's names: Enter, Escape, Tab, BSpace, Up, C-l, or a character."""
        self._tmux("send-keys", *names)

    def type(self, text):
        self._tmux("send-keys", "-l", text)

    def resize(self, columns, rows):
        self._tmux("resize-window", "-x", str(columns), "-y", str(rows))

    def stop(self):
        self._tmux("kill-server", check=False)

    # -- looking -------------------------------------------------------------
    def text(self):
        """What stands on the screen: one line a row, without trailing spaces."""
        return self._tmux("capture-pane", "-p")

    def styled(self):
        """The same with its colours, as escape sequences."""
        return self._tmux("capture-pane", "-p", "-e")

    def all_text(self):
        """With what scrolled away."""
        return self._tmux("capture-pane", "-p", "-S", "-")

    def lines(self):
        return self.text().split("\n")

    def _ask(self, what):
        return self._tmux("display-message", "-p", what).strip()

    def cursor(self):
        """(column, row), from 0."""
        column, row = self._ask("#{cursor_x} #{cursor_y}").split()
        return int(column), int(row)

    def size(self):
        columns, rows = self._ask("#{pane_width} #{pane_height}").split()
        return int(columns), int(rows)

    def is_attached(self):
        """Is a terminal emulator showing this screen?"""
        return self._ask("#{session_attached}") != "0"

    def pid(self):
        """The command's own process (exec'd, no shell between)."""
        return int(self._ask("#{pane_pid}"))

    def is_dead(self):
        """Did the program end, and is its exit status known?"""
        closed, how = self._ask("#{pane_dead}/#{pane_dead_status}#{pane_dead_signal}").split("/")
        if closed == "1" and not how:
            # tmux 3.3a misses the SIGCHLD of some programs that close their terminal
            # first; another child's makes it look at all of them.
            self._tmux("run-shell", "-b", "true")
        return how != ""

    def exit_status(self):
        """None while it runs, or when a signal ended it."""
        status = self._ask("#{pane_dead_status}")
        return int(status) if status else None

    # -- waiting -------------------------------------------------------------
    def wait(self, condition, limit_s, what):
        """Until condition(text) is true; the text that made it so."""
        end = time.monotonic() + limit_s
        while True:
            text = self.text()
            if condition(text):
                return text
            if time.monotonic() > end:
                raise AssertionError(f"waited {limit_s:g} s for {what}; the screen shows\n{text}")
            time.sleep(0.03)

    def wait_text(self, pattern, limit_s=15.0):
        """Until the pattern (a regular expression) is on the screen; the match."""
        return re.search(pattern, self.wait(lambda text: re.search(pattern, text), limit_s, f"/{pattern}/"))

    def wait_no_text(self, pattern, limit_s=15.0):
        return self.wait(lambda text: not re.search(pattern, text), limit_s, f"/{pattern}/ to go")

    def wait_dead(self, limit_s=15.0):
        """The exit status, once it ended."""
        end = time.monotonic() + limit_s
        while not self.is_dead():
            if time.monotonic() > end:
                raise AssertionError(f"waited {limit_s:g} s for the program to end; the screen shows\n{self.text()}")
            time.sleep(0.03)
        return self.exit_status()
