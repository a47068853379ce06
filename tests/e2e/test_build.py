"""The scripts behind `make`: dependencies, the layers' check, the data in the program."""
import os
import shutil
import subprocess

import pytest
from spantop import ROOT

TOOLS = ROOT / "tests/tools"


@pytest.fixture
def machine(tmp_path):
    """A PATH of its own: the real shell tools, and whatever a test pretends."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for tool in ("sh", "grep", "mktemp", "rm", "tail", "env", "cat", "echo"):
        (folder / tool).symlink_to(shutil.which(tool))

    def pretend(name, script):
        (folder / name).write_text(f"#!{shutil.which('sh')}\n{script}\n")
        (folder / name).chmod(0o755)

    pretend("dpkg-query", "exit 1")
    pretend("apt-get", f'echo "$@" >> {tmp_path}/apt.log')
    pretend("npm", "exit 0")
    return pretend


def deps(tmp_path, *sets):
    return subprocess.run(["sh", TOOLS / "deps", *sets], env={"PATH": str(tmp_path / "bin"), "TMPDIR": str(tmp_path)},
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=20)


def test_deps_without_root_names_the_packages_and_stops_with_status_1(machine, tmp_path):
    machine("id", "echo 1000")
    done = deps(tmp_path, "build")
    assert done.returncode == 1
    assert "libmicrohttpd-dev" in done.stderr and "libsqlite3-dev" in done.stderr
    assert not (tmp_path / "apt.log").exists()


def test_deps_does_not_wait_for_a_password_without_a_terminal(machine, tmp_path):
    machine("id", "echo 1000")
    machine("sudo", '[ "$1" = -n ] && exit 1; read answer; exit 9')
    done = deps(tmp_path, "build")
    assert done.returncode == 1
    assert "libmicrohttpd-dev" in done.stderr


def test_deps_says_what_it_installs_before_it_does(machine, tmp_path):
    machine("id", "echo 0")
    machine("apt-get", "echo apt-get broke; exit 1")
    done = deps(tmp_path, "build", "test")
    assert done.returncode == 1
    assert done.stdout.startswith("Installing with apt-get: ") and "libcmocka-dev" in done.stdout
    assert "apt-get broke" in done.stderr


def test_deps_installs_only_what_is_missing(machine, tmp_path):
    machine("id", "echo 0")
    machine("dpkg-query", 'case "$*" in *libzstd-dev*) exit 1;; esac; echo installed')
    done = deps(tmp_path, "build")
    assert done.returncode == 0, done.stderr
    assert "Installing with apt-get: libzstd-dev\n" in done.stdout
    update, install = (tmp_path / "apt.log").read_text().splitlines()
    assert update.startswith("update") and install.endswith("--no-install-recommends libzstd-dev")


def test_deps_is_silent_when_all_is_there(machine, tmp_path):
    machine("dpkg-query", "echo installed")
    done = deps(tmp_path, "build", "test", "pictures")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


OTHERS = {  # manager -> (how it says that nothing is there, an install line, names of libmicrohttpd and cmocka)
    "dnf": ("rpm", "exit 1", "install -y -q", "libmicrohttpd-devel", "libcmocka-devel"),
    "pacman": ("pacman", '[ "$1" = -T ] && echo "$2"; [ "$1" = -T ] || echo "$@" >> {log}', "-S --needed --noconfirm", "libmicrohttpd", "cmocka"),
    "apk": ("apk", '[ "$1" = info ] && exit 1; echo "$@" >> {log}', "add", "libmicrohttpd-dev", "cmocka-dev"),
    "brew": ("brew", '[ "$1" = list ] && exit 1; echo "$@" >> {log}', "install", "libmicrohttpd", "cmocka"),
}


@pytest.mark.parametrize("manager", OTHERS)
def test_deps_installs_with_what_is_there(machine, tmp_path, manager):
    query, script, line, library, cmocka = OTHERS[manager]
    log = tmp_path / "install.log"
    for name in ("dpkg-query", "apt-get"):
        (tmp_path / "bin" / name).unlink()
    machine("id", "echo 0")
    machine(manager, f'echo "$@" >> {log}')
    machine(query, script.format(log=log))
    done = deps(tmp_path, "build", "test")
    assert done.returncode == 0, done.stderr
    said = done.stdout.splitlines()[0].split()
    assert said[:2] == ["Installing", "with"] and {library, cmocka} <= set(said)
    assert not [word for word in said if word in ("-", "libc6-dev", "libxxhash-dev" if manager != "apk" else "")], said
    assert log.read_text().splitlines() == [" ".join([line, *said[3:]])]


@pytest.mark.parametrize("manager, there", [("dnf", "rpm"), ("pacman", "pacman"), ("apk", "apk"), ("brew", "brew")])
def test_deps_is_silent_elsewhere_too(machine, tmp_path, manager, there):
    for name in ("dpkg-query", "apt-get"):
        (tmp_path / "bin" / name).unlink()
    machine(manager, "exit 0")
    machine(there, "exit 0")
    done = deps(tmp_path, "build", "test", "analyze", "fuzz", "valgrind", "bench", "pictures")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_deps_without_any_package_manager_names_what_is_missing(machine, tmp_path):
    for name in ("dpkg-query", "apt-get"):
        (tmp_path / "bin" / name).unlink()
    done = deps(tmp_path, "build")
    assert done.returncode == 1 and "libmicrohttpd-dev" in done.stderr and done.stdout == ""


def check_layers(root):
    return subprocess.run([TOOLS / "check-layers", root], capture_output=True, text=True, timeout=20)


@pytest.mark.parametrize("path, line, fault", [
    ("src/base/a.c", '#include "log/db.h"', "lies below"),
    ("src/sim/a.c", '#include "log/db.h"', "lies below"),
    ("ui/a.c", '#include "gateway/gateway.h"', "lies below"),
    ("src/log/a.h", "#include <sys/epoll.h>", "which only"),
    ("src/cli/a.c", "#include <sqlite3.h>", "which only"),
    ("src/gateway/exchange.c", "#include <curl/curl.h>", "which only"),
    ("src/cli/a.c", "# include <ncurses.h>", "which only"),
    ("src/log/a.c", '#include "db.h"', "root of src"),
    ("src/other/a.c", "", "lies in no layer"),
    ("src/log/a.c", "int f(int p[2]) { return pipe2(p, 0); }", "base/sys.h"),
    ("ui/a.c", "#ifdef __APPLE__", "base/sys.h"),
])
def test_layers_finds_the_fault(tmp_path, path, line, fault):
    file = tmp_path / path
    file.parent.mkdir(parents=True)
    file.write_text(line + "\n")
    done = check_layers(tmp_path)
    assert done.returncode == 1
    assert path in done.stdout and fault in done.stdout


def test_layers_accepts_what_is_allowed(tmp_path):
    for path, line in (("src/log/a.c", '#include <sqlite3.h>\n#include "base/err.h"\n#include "log/db.h"'),
                       ("ui/a.c", '#include <ncurses.h>\n#include "ui/b.h"\n#include "log/db.h"'),
                       ("src/gateway/loop_epoll.c", "#include <sys/epoll.h>"),
                       ("src/base/a.c", "/* not pipe2(), which\n * some lack */"),
                       ("src/gateway/server_answer.c", "#include <microhttpd.h>"),
                       ("src/gateway/upstream_parts.h", "#include <curl/curl.h>"),
                       ("src/cli/a.c", '#include "gateway/a.h"\n#include "ui/b.h"')):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(line + "\n")
    assert (check_layers(tmp_path).returncode, check_layers(tmp_path).stdout) == (0, "")


def test_embedded_data_is_the_file_byte_for_byte(tmp_path):
    (tmp_path / "data").mkdir()
    content = bytes(range(256)) + b"\n\\\"'\n" + bytes(1000)
    (tmp_path / "data/odd-name.json").write_bytes(content)
    for kind, name in (("header", "embedded.h"), ("source", "data.c")):
        text = subprocess.run(["sh", TOOLS / "embed", kind, "data/odd-name.json"], cwd=tmp_path, capture_output=True, check=True).stdout
        (tmp_path / "data" / name).write_bytes(text)
    (tmp_path / "main.c").write_text('#include <stdio.h>\n#include "data/embedded.h"\nint main(void)\n{\n'
                                     "    return fwrite(data_odd_name_json, 1, data_odd_name_json_len, stdout) == 0;\n}\n")
    compiler = os.environ.get("CC", "cc").split()
    subprocess.run([*compiler, "-Wall", "-Wextra", "-Werror", "-I.", "-o", "out", "main.c", "data/data.c"], cwd=tmp_path, check=True)
    assert subprocess.run([tmp_path / "out"], capture_output=True, check=True).stdout == content


CMOCKA_GOOD = "[==========] Running 2 test(s).\n[ RUN      ] a\n[       OK ] a\n[ RUN      ] b\n[       OK ] b\n"
CMOCKA_SKIP = "[==========] Running 1 test(s).\n[ RUN      ] a\n[  SKIPPED ] a\n[  SKIPPED ] 1 test(s), listed below:\n[  SKIPPED ] a\n"
CMOCKA_DIED = "[==========] Running 2 test(s).\n[ RUN      ] a\n[       OK ] a\n[ RUN      ] b\n"


def run_tests(tmp_path, output, status, ci="", suites=("unit",)):
    """The runner in a tree of its own, with one program that says this."""
    for folder in ("tests/tools", "tests/unit/base", "tests/e2e", "build/release/unit/base"):
        (tmp_path / folder).mkdir(parents=True, exist_ok=True)
    shutil.copy(TOOLS / "run-tests", tmp_path / "tests/tools")
    (tmp_path / "tests/unit/base/test_x.c").write_text("")
    (tmp_path / "said").write_text(output)
    program = tmp_path / "build/release/unit/base/test_x"
    program.write_text(f"#!/bin/sh\ncat said\nexit {status}\n")
    program.chmod(0o755)
    env = {"PATH": os.environ["PATH"], "CI": ci, "SPANTOP_BUILD": "build/release"}
    done = subprocess.run([tmp_path / "tests/tools/run-tests", *suites], env=env, capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout.splitlines()[-1]


@pytest.mark.parametrize("output, status, ci, wanted", [
    (CMOCKA_GOOD, 0, "", (0, "2 passed, 0 failed")),
    (CMOCKA_GOOD, 1, "", (1, "2 passed, 1 failed")),
    (CMOCKA_DIED, 139, "", (1, "1 passed, 1 failed")),
    ("", 0, "", (1, "0 passed, 1 failed")),
    (CMOCKA_GOOD + CMOCKA_SKIP, 0, "", (0, "2 passed, 0 failed, 1 skipped")),
    (CMOCKA_GOOD + CMOCKA_SKIP, 0, "true", (1, "2 passed, 1 failed, 1 skipped")),
])
def test_runner_counts_what_a_unit_test_said(tmp_path, output, status, ci, wanted):
    assert run_tests(tmp_path, output, status, ci) == wanted


def test_runner_adds_up_its_suites(tmp_path):
    (tmp_path / "tests/e2e").mkdir(parents=True)
    (tmp_path / "tests/e2e/test_y.py").write_text("def test_good(): pass\n\ndef test_bad(): assert 0\n")
    assert run_tests(tmp_path, CMOCKA_GOOD, 0, suites=("unit", "e2e")) == (1, "3 passed, 1 failed")
