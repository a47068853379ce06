"""A systemctl and a launchctl that only play theirs, in a PATH of their own.

What `restart` starts is the real ExecStart, so a service of a test carries calls.
"""
import os
import shutil
import signal

from spantop import LIMIT_S

# Keeps what it was asked for and plays one unit: `restart` starts its ExecStart.
SYSTEMCTL = r"""#!/bin/sh
cd "$FAKE" && echo "$*" >>asked
[ "$1" = --user ] || exit 64
unit=${XDG_CONFIG_HOME:-$HOME/.config}/systemd/user/spantop.service
halt() { [ -f pid ] && kill "$(cat pid)" && while kill -0 "$(cat pid)" 2>/dev/null; do sleep 0.01; done; rm -f pid; }
[ -f broken ] && { cat broken >&2; exit 1; }
case $2 in
show-environment) echo HOME="$HOME"; cat environment ;;
daemon-reload) ;;
enable) [ -f "$unit" ] || exit 1; mkdir -p "${unit%/*}/default.target.wants"
    ln -sf "$unit" "${unit%/*}/default.target.wants/spantop.service" ;;
restart) halt; eval "$(sed -n 's/^ExecStart=//p' "$unit") >serve.out 2>&1 &"; echo $! >pid ;;
disable) halt; rm -f "${unit%/*}/default.target.wants/spantop.service" ;;
is-active) [ -f pid ] && kill -0 "$(cat pid)" 2>/dev/null ;;
is-enabled) [ -L "${unit%/*}/default.target.wants/spantop.service" ] ;;
esac
"""

LAUNCHCTL = r"""#!/bin/sh
cd "$FAKE" && echo "$*" >>asked
case $1 in
getenv) cat environment ;;
bootstrap) cp "$3" loaded ;;
bootout) [ -f loaded ] && rm loaded ;;
print) [ -f loaded ] && printf '%s = {\n\tstate = %s\n}\n' "$2" "$(cat state)" ;;
esac
"""


class Manager:
    """A machine with one service manager, and what it was asked for."""

    def __init__(self, stage, tool, script):
        self.stage, self.folder = stage, stage.folder / "manager"
        self.bin = stage.folder / "bin"
        self.folder.mkdir()
        self.bin.mkdir()
        (self.folder / "environment").touch()
        (self.folder / "state").write_text("not running")
        for name in ("sh", "cat", "mkdir", "ln", "rm", "sed", "kill", "sleep", "cp"):
            if shutil.which(name):
                (self.bin / name).symlink_to(shutil.which(name))
        if tool:
            (self.bin / tool).write_text(script)
            (self.bin / tool).chmod(0o755)
        stage.add(self)

    def run(self, *args, env=None):
        return self.stage.run("service", *args, env={"PATH": self.bin, "FAKE": self.folder, **(env or {})}, limit_s=4 * LIMIT_S)

    def asked(self):
        path = self.folder / "asked"
        return path.read_text().splitlines() if path.exists() else []

    def stop(self):
        path = self.folder / "pid"
        if path.exists():
            os.kill(int(path.read_text()), signal.SIGKILL)
