"""The real Claude Code, pinned in package.json, in a HOME and an environment of its own.

It is fetched once, by npm, into build/client/.  Nothing of it enters the tree.
"""
import json
import os
import pathlib
import platform
import re
import shutil
import subprocess

from spantop import KEY, ROOT

HERE = pathlib.Path(__file__).resolve().parent
FOLDER = ROOT / "build/client"
MACHINES = {"x86_64": "x64", "aarch64": "arm64"}
# The client's own start takes a second; with a busy machine and a retry's pause, this is a hang.
RUN_LIMIT_S = 45
START_LIMIT_S = 30
PRESSES = 5
# Stands below the input line while it is empty and nothing runs.
READY = r"\? for shortcuts"


class Unavailable(Exception):
    """Why there is no client here."""


def npm(folder, *args):
    """What it complains about, "" when nothing."""
    try:
        done = subprocess.run(["npm", *args, "--fetch-retries=2", "--update-notifier=false"], cwd=folder, timeout=240,
                              stdin=subprocess.DEVNULL, capture_output=True, text=True)
    except subprocess.TimeoutExpired:
        return "it did not end within 240 s"
    return done.stderr[-500:] if done.returncode else ""


def fetch():
    """The path of the pinned binary; Unavailable says why there is none."""
    machine = MACHINES.get(platform.machine())
    if platform.system() != "Linux" or machine is None:
        raise Unavailable(f"no pinned Claude Code for {platform.system()} on {platform.machine()}")
    wanted = json.loads((HERE / "package.json").read_text())["optionalDependencies"]
    package = f"@anthropic-ai/claude-code-linux-{machine}"
    folder = FOLDER / wanted[package]
    binary = folder / "node_modules" / package / "claude"
    if not binary.exists():
        if not shutil.which("npm"):
            raise Unavailable("npm, which fetches the pinned Claude Code, is not installed")
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(HERE / name, folder)
        said = npm(folder, "ci", "--ignore-scripts", "--no-audit", "--no-fund")
        if not binary.exists():
            # npm passes over an optional package that it cannot fetch; a look-up says why.
            raise Unavailable(f"npm could not fetch {package}@{wanted[package]}: "
                              f"{said or npm(folder, 'view', f'{package}@{wanted[package]}', 'version')}")
    return binary


class Claude:
    """One user's client: a HOME, a project folder, the gateway in its environment."""

    def __init__(self, stage, base_url, binary):
        self.stage, self.binary = stage, binary
        self.project = stage.folder / "project"
        self.project.mkdir()
        self.env = {"ANTHROPIC_BASE_URL": base_url, "ANTHROPIC_API_KEY": KEY, "ANTHROPIC_AUTH_TOKEN": "",
                    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1"}
        # What the first start would ask: the tour, the folder's trust, the key.
        (stage.home / ".claude.json").write_text(json.dumps({
            "hasCompletedOnboarding": True,
            "projects": {str(self.project): {"hasTrustDialogAccepted": True, "hasCompletedProjectOnboarding": True}},
            "customApiKeyResponses": {"approved": [KEY[-20:]], "rejected": []},
        }))

    def run(self, prompt, *args):
        """`claude -p PROMPT` to its end: the result message as a dict, `result` being the answer."""
        done = subprocess.run([self.binary, "-p", prompt, "--output-format", "json", *args], cwd=self.project,
                              env=self.stage.environment(self.env), stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=RUN_LIMIT_S)
        assert done.stdout.startswith("{"), f"claude ended with {done.returncode}: {done.stdout}{done.stderr}"
        return json.loads(done.stdout)

    def converse(self, *args):
        """A session that takes its turns one by one."""
        return self.stage.add(Conversation(self, args))

    def open(self, *args, **options):
        """The interactive client in a terminal, ready for input."""
        screen = self.stage.screen([self.binary, *args], cwd=self.project, env=self.env, **options)
        screen.wait_text(READY, START_LIMIT_S)
        return screen


def enter(screen, words):
    """Type a line into the interactive client once it listens.  Enter waits until the words are
    there: both in one read are taken for a paste, and Enter for a line break."""
    screen.wait_text(READY, START_LIMIT_S)
    screen.type(words)
    screen.wait_text(re.escape(words[-24:]))
    screen.keys("Enter")


def say(screen, prompt, answer):
    """One turn: the prompt, and the answer it makes the simulator give."""
    enter(screen, prompt)
    screen.wait_text("● " + re.escape(answer), START_LIMIT_S)


def press(screen, key, question):
    """The key that ends what asks this.  The client draws a question a moment before it listens
    to it, so a key may be lost: it is pressed again as long as the question stands."""
    screen.wait_text(question)
    for left in reversed(range(PRESSES)):
        screen.keys(key)
        try:
            screen.wait_no_text(question, 3)
            return
        except AssertionError:
            if left == 0:
                raise


def leave(screen):
    """/exit; the exit status."""
    enter(screen, "/exit")
    return screen.wait_dead()


def starting(description, prompt, kind="general-purpose"):
    """The directive that makes the model start a subagent."""
    words = json.dumps({"description": description, "subagent_type": kind, "prompt": prompt})
    return f"[[sim tool Agent {words}]]"


class Conversation:
    """`claude -p` with stream-json on both sides."""

    def __init__(self, claude, args):
        self._errors = open(claude.stage.folder / "claude.stderr", "w+")
        self.process = subprocess.Popen(
            [claude.binary, "-p", "--input-format", "stream-json", "--output-format", "stream-json", "--verbose", *args],
            cwd=claude.project, env=claude.stage.environment(claude.env), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=self._errors, text=True)
        self.session_id = None

    def ask(self, prompt):
        """One turn: the messages up to and including its result."""
        self.begin(prompt)
        return self.finish()

    def begin(self, prompt):
        message = {"type": "user", "message": {"role": "user", "content": [{"type": "text", "text": prompt}]}}
        self.process.stdin.write(json.dumps(message) + "\n")
        self.process.stdin.flush()

    def finish(self):
        messages = []
        for line in self.process.stdout:
            messages.append(json.loads(line))
            self.session_id = messages[-1].get("session_id", self.session_id)
            if messages[-1]["type"] == "result":
                return messages
        self._errors.seek(0)
        raise AssertionError(f"claude ended in mid-turn: {messages}\n{self._errors.read()}")

    def stop(self):
        self.process.stdin.close()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
        self._errors.close()


def is_ci():
    return os.environ.get("CI") == "true"
