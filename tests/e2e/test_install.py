"""What `make install`, `make uninstall` and `make deb` leave, and man pages that say what the program says."""
import fcntl
import os
import pathlib
import re
import shutil
import subprocess

import pytest
from spantop import PROGRAM, ROOT

FOLDER = pathlib.Path(PROGRAM).resolve().parent  # build, build/asan, build/poll
FLAVOUR = FOLDER.name if FOLDER.name in ("asan", "tsan", "cov") else "release"
BUILD = os.path.relpath(FOLDER if FLAVOUR == "release" else FOLDER.parent, ROOT)
PAGES = sorted(p.name.removesuffix(".md") for p in (ROOT / "docs/man").glob("*.md"))
DOCUMENTS = ["LICENSE", "README.md", "SECURITY.md", "CHANGELOG.md",
             *(f"docs/{p.name}" for p in sorted((ROOT / "docs").glob("*.md")))]


def make(*words, then=None):
    """make in the tree, one at a time: tests of other processes share its build folder."""
    with open(ROOT / BUILD / ".make-lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = subprocess.run(["make", "--no-print-directory", f"FLAVOUR={FLAVOUR}", f"BUILD={BUILD}",
                               *(["LOOP=poll"] if FOLDER.name == "poll" else []), *map(str, words)], cwd=ROOT,
                              env={k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")},
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=240)
        assert done.returncode == 0, done.stdout + done.stderr
        return then() if then else done


def files_below(folder):
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if not p.is_dir())


def wanted_files(share, zsh="zsh/site-functions"):
    return sorted([f"{share}/doc/spantop/{d}" for d in DOCUMENTS] +
                  [f"{share}/man/man{p[-1]}/{p}" for p in PAGES] +
                  [f"{share}/bash-completion/completions/spantop", f"{share}/{zsh}/_spantop",
                   f"{share}/fish/vendor_completions.d/spantop.fish"])


@pytest.fixture(scope="module")
def pages():
    """The man pages' text by name."""
    make("man")
    return {name: (ROOT / BUILD / "man" / name).read_text() for name in PAGES}


# ---- make install ------------------------------------------------------------------

@pytest.mark.limit(240)
def test_install_and_uninstall(stage):
    root = stage.folder / "an image"
    make("install", f"DESTDIR={root}", "PREFIX=/opt/spantop")
    assert files_below(root) == sorted(["opt/spantop/bin/spantop", *wanted_files("opt/spantop/share")])
    done = subprocess.run([root / "opt/spantop/bin/spantop", "--version"], capture_output=True, text=True)
    assert done.returncode == 0 and done.stdout.startswith("spantop ")
    for path in root.rglob("*"):
        assert path.stat().st_mode & 0o777 == (0o755 if path.is_dir() or path.name == "spantop" and "bin" in path.parts
                                               else 0o644), path
    (root / "opt/spantop/share/doc/other").mkdir()
    make("uninstall", f"DESTDIR={root}", "PREFIX=/opt/spantop")
    assert files_below(root) == []
    assert (root / "opt/spantop/share/doc/other").is_dir() and not (root / "opt/spantop/share/doc/spantop").exists()


def test_a_make_without_doing_does_nothing(tmp_path):
    done = make("-n", "ci-checks", f"BUILD={tmp_path}/b")
    assert "run-tests analyze" in done.stdout and not (tmp_path / "b").exists()


# ---- The Debian package --------------------------------------------------------------

def dpkg(root, *words):
    admin = root / "var/lib/dpkg"
    for folder in ("updates", "info", "triggers"):
        (admin / folder).mkdir(parents=True, exist_ok=True)
    for name in ("status", "available"):
        (admin / name).touch()
    return subprocess.run(["dpkg", f"--root={root}", "--force-depends", f"--log={root}/dpkg.log", *map(str, words)],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)


@pytest.mark.skipif(not shutil.which("dpkg-shlibdeps") or FLAVOUR != "release", reason="Debian packages are made on Debian")
@pytest.mark.limit(240)
def test_package_installs_and_goes_without_a_rest(stage):
    package = stage.folder / "spantop.deb"
    make("deb-built", then=lambda: shutil.copy(next((ROOT / BUILD / "deb").glob("*.deb")), package))
    fields = subprocess.run(["dpkg-deb", "--field", package], capture_output=True, text=True, check=True).stdout
    assert re.search(r"^Depends: .*libmicrohttpd\d+.*libsqlite3-0", fields, re.M) and "@" not in re.sub("<.*>", "", fields)
    assert re.search(r"^Version: (.+)$", fields, re.M).group(1) == re.search(
        r"^spantop \((.+)\)", (ROOT / "data/debian/changelog").read_text()).group(1)
    wanted = {p if "/man/" not in p else p + ".gz" for p in wanted_files("usr/share", "zsh/vendor-completions")}
    wanted -= {"usr/share/doc/spantop/LICENSE", "usr/share/doc/spantop/CHANGELOG.md"}
    wanted |= {"usr/bin/spantop", *(f"usr/share/doc/spantop/{n}" for n in ("copyright", "changelog.gz", "changelog.upstream.gz"))}
    root = stage.folder / "root"
    if os.geteuid() != 0:  # only root may give files to root
        subprocess.run(["dpkg-deb", "-x", package, root], check=True)
        assert set(files_below(root)) == wanted
        return
    root.mkdir()
    done = dpkg(root, "--install", package)
    assert done.returncode == 0, done.stderr
    assert {f for f in files_below(root) if f.startswith("usr/")} == wanted
    version = subprocess.run([root / "usr/bin/spantop", "--version"], capture_output=True, text=True, check=True)
    assert version.stdout.split()[1] in fields
    done = dpkg(root, "--purge", "spantop")
    assert done.returncode == 0 and not (root / "usr").exists(), done.stderr


# ---- Man pages -----------------------------------------------------------------------

def test_the_pages_that_are_promised_are_there():
    assert {"spantop.1", "spantop.conf.5", "spantop-log.5", "spantop-routes.5"} <= set(PAGES)


@pytest.mark.parametrize("name", PAGES)
def test_pages_are_clean(pages, name):
    path = ROOT / BUILD / "man" / name
    env = {**os.environ, "LC_ALL": "C.UTF-8", "MANWIDTH": "80"}
    readers = [["mandoc", "-T", "lint", path], ["groff", "-ww", "-k", "-man", "-Tutf8", "-z", path],
               ["man", "--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z", path]]
    found = [r for r in readers if shutil.which(r[0])]
    assert found, "no mandoc, groff or man to read the pages with"
    for reader in found:
        done = subprocess.run(reader, env=env, capture_output=True, text=True, timeout=30)
        said = done.stderr + (done.stdout if reader[0] == "mandoc" else "")
        assert (done.returncode, said) == (0, ""), f"{reader[0]}: {said}"


def plain(page):
    """The text of a page without its fonts and escapes."""
    return re.sub(r"\\f[BR]|\\%|\\&", "", page).replace("\\-", "-").replace("\\e", "\\")


def options_in(text):
    return set(re.findall(r"--[a-z][a-z-]+", text))


def commands_of(stage):
    return [w for w in stage.run("completion", "--words", "--", "").stdout.split() if w != "help"]


def test_every_command_and_option_is_in_spantop_1(stage, pages):
    page = plain(pages["spantop.1"])
    parts = dict(re.findall(r"^\.SS spantop ([a-z]+)\n(.*?)(?=^\.S[SH] )", page, re.M | re.S))
    assert sorted(parts) == sorted(commands_of(stage))
    for name, part in parts.items():
        offered = options_in(stage.run("completion", "--words", "--", name, "--").stdout) if name != "completion" else set()
        common = options_in(page[page.index(".SH OPTIONS"):])
        assert offered - common <= options_in(part), name
        example = stage.run("help", name).stdout.split("\nExample:\n")[1].splitlines()[0].strip()
        assert example in part, name
    listed = options_in(stage.run("help", "options").stdout) | options_in(stage.run("help", "gateway").stdout)
    assert len(listed) > 20 and listed <= options_in(page[page.index(".SH OPTIONS"):])


def test_the_keys_are_in_spantop_1(pages):
    page = plain(pages["spantop.1"])
    part = page[page.index(".SH KEYS"):page.index(".SH EXIT STATUS")]
    told = {word for tag in re.findall(r"^\.TP\n(.*)$", part, re.M) for word in tag.split()}
    assert {"1", "5", "Enter", "Esc", "q", "Q", "m", "p", "u", "r", "/", "s", "F", "e", "E", "y", "?", "Ctrl-L"} <= told


def test_every_setting_is_in_spantop_conf_5(stage, pages):
    settings = re.findall(r"^#([a-z-]+) = (.*)$", stage.run("config", "example").stdout, re.M)
    page = plain(pages["spantop.conf.5"])
    told = re.findall(r"^\.SS ([a-z-]+)\n", page, re.M)
    assert told == [name for name, _ in settings] and len(told) > 15
    for name, example in settings:
        part = page[page.index(f".SS {name}\n"):].split("\n.SS ")[0]
        assert f"{name} = {example}\n" in part and f"SPANTOP_{name.upper().replace('-', '_')}" in part and "Default: " in part


@pytest.mark.parametrize("view", ["calls", "sessions", "agents", "routes", "budgets"])
def test_every_column_is_in_the_document_and_in_spantop_log_5(gateway, pages, view):
    columns = [row["name"] for row in gateway.log.query(f"PRAGMA table_info({view})")]
    assert len(columns) > 5
    part = (ROOT / "docs/log.md").read_text().split(f"`{view}`\n", 1)[1].split("\n## ")[0]
    told = {name for row in re.findall(r"^\| (`.*?) \|", part, re.M) for name in re.findall(r"`(\w+)`", row)}
    assert set(columns) <= told, "docs/log.md"
    page = plain(pages["spantop-log.5"])
    part = re.search(rf"^\.SH (?:VIEW|TABLE) {view.upper()}\n(.*?)(?=^\.SH |\Z)", page, re.M | re.S).group(1)
    told = {name for tag in re.findall(r"^\.TP\n(.*)$", part, re.M) for name in tag.split(", ")}
    assert set(columns) <= told, "spantop-log(5)"


def test_columns_tell_their_units(pages):
    page = plain(pages["spantop-log.5"])
    part = page[page.index(".SH VIEW CALLS"):page.index(".SS Why the cache broke")]
    rows = re.findall(r"^\.TP\n(.*)\n((?:(?!\.TP).*\n)+)", part, re.M)
    units = {name: " ".join(text.split()) for tag, text in rows for name in tag.split(", ")}
    assert units["ttft_ms"].endswith("(milliseconds)") and units["started_at"].endswith("(Unix milliseconds)")
    assert units["cost_microusd"].endswith("(millionths of a US dollar)") and units["bytes_in"].endswith("(bytes)")
    assert units["tokens_cache_read"].endswith("(tokens)") and "(" not in units["status"]


# ---- Completion in the shells themselves ------------------------------------------------

@pytest.fixture
def path(stage, gateway):
    """A PATH on which spantop is found, and a log with a call to complete."""
    gateway.messages({"model": "claude-opus-5-5", "max_tokens": 9, "messages": [{"role": "user", "content": "[[sim text x]]"}]},
                     [("X-Claude-Code-Session-Id", "aaaaaaaa-0000-4000-8000-000000000001")])
    gateway.log.wait_calls(1)
    folder = stage.folder / "bin"
    folder.mkdir()
    (folder / "spantop").symlink_to(pathlib.Path(PROGRAM).resolve())
    return {"PATH": f"{folder}:{os.environ['PATH']}", "SPANTOP_LOG": gateway.log.path, "TERM": "xterm"}


LINES = [("spantop stat", {"stats", "status"}), ("spantop model claude-fable", {"claude-fable-5-1"}),
         ("spantop provider ver", {"vertex_ai"}), ("spantop show ", {"1"}), ("spantop route r", {"raise", "rm"}),
         ("spantop model x --session ", {"aaaaaaaa-0000-4000-8000-000000000001"}), ("spantop calls --wh", {"--where"})]


@pytest.mark.parametrize("line, wanted", LINES)
def test_fish_completes(stage, path, line, wanted):
    if not shutil.which("fish"):
        pytest.skip("no fish")
    script = stage.run("completion", "fish").stdout
    done = subprocess.run(["fish", "--no-config", "-c", f"{script}\ncomplete -C '{line}'"], env=stage.environment(path),
                          capture_output=True, text=True, timeout=30)
    assert set(done.stdout.split()) == wanted, done


@pytest.mark.parametrize("line, wanted", LINES)
def test_bash_completes(stage, path, line, wanted):
    words = line.split(" ")
    listed = " ".join(f"'{w}'" for w in words)
    script = (f"source <(spantop completion bash)\nCOMP_WORDS=({listed}); COMP_CWORD={len(words) - 1}; _spantop\n"
              "printf '%s\\n' \"${COMPREPLY[@]}\"")
    done = subprocess.run(["bash", "-c", script], env=stage.environment(path), capture_output=True, text=True, timeout=30)
    assert set(done.stdout.split()) == wanted, done


@pytest.mark.parametrize("how", ["sourced", "installed"])
def test_zsh_completes(stage, path, how):
    """At a real prompt: Tab writes the rest of the word."""
    if not shutil.which("zsh"):
        pytest.skip("no zsh")
    script = stage.run("completion", "zsh").stdout
    (stage.folder / "functions").mkdir()
    (stage.folder / "functions/_spantop").write_text(script)
    setup = (f"fpath=({stage.folder}/functions $fpath); autoload -U compinit; compinit -D -u" if how == "installed" else
             "autoload -U compinit; compinit -D -u; source <(spantop completion zsh)")
    (stage.home / ".zshrc").write_text(f"PS1='ready> '\nunsetopt beep\n{setup}\n")
    screen = stage.screen(["zsh", "-d", "-i"], env=path)
    for typed, whole in (("spantop calls --wh", "spantop calls --where"), ("spantop model claude-fable", "spantop model claude-fable-5-1"),
                         ("spantop show ", "spantop show 1")):
        screen.wait_text(r"(?m)^ready> ?$")
        screen.type(typed)
        screen.keys("Tab")
        screen.wait_text(re.escape(whole))
        screen.keys("C-u")
