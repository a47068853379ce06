"""A command's raw output when stdout and stderr are a terminal: every byte, unlike a screen's picture."""
import os
import pty
import re
import select
import struct
import subprocess
import termios
import fcntl
import time

# What a terminal acts on: C0 but tab and line ends, DEL, C1, and what turns the reading direction.
ACTIVE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def run(argv, env, cwd, limit_s=20.0, columns=160):
    """(status, bytes)"""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=theirs, stderr=theirs, env=env, cwd=cwd, start_new_session=True)
    os.close(theirs)
    output, end = b"", time.monotonic() + limit_s
    try:
        while True:
            if not select.select([ours], [], [], max(0, end - time.monotonic()))[0]:
                raise AssertionError(f"{argv} did not end within {limit_s:g} s; it said {output[-2000:]!r}")
            try:
                piece = os.read(ours, 65536)
            except OSError:  # EIO: the last one closed it
                piece = b""
            if not piece:
                return process.wait(limit_s), output
            output += piece
    finally:
        process.kill() if process.poll() is None else None
        os.close(ours)


def active_parts(output):
    """What of these bytes a terminal would act on, with what stands around it; [] is what one wants."""
    text = output.decode("utf-8", errors="surrogateescape")
    found = [text[max(0, m.start() - 40):m.end() + 20] for m in ACTIVE.finditer(text)]
    found += [text[max(0, m.start() - 40):m.end() + 20] for m in re.finditer("[\udc80-\udcff]+", text)]
    return [part.encode("utf-8", "surrogateescape") for part in found]
