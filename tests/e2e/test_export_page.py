"""spantop export --html: a session as one page that stands for itself, whatever was said in it."""
import base64
import html.parser
import json
import re

import pytest
from browser import browse
from spantop import KEY

SESSION = "bbbbbbbb-0000-4000-8000-000000000002"
WHO = ("X-Claude-Code-Session-Id", SESSION)
# Each tries to become markup at another place: between tags, in an attribute, in the title, the style, a comment, a script.
EVIL = ['</pre></details><script>document.title="owned"</script>', '"><img src=x onerror=document.title="owned">', "' onmouseover='alert(1)",
        "</title><script>alert(1)</script>", "</style><link rel=stylesheet href=http://evil.example/x>", "<!--", "<iframe src=http://evil.example>",
        "&lt;script&gt;", "<svg/onload=alert(1)>", "\u2028\u202e\x1b]0;x\x07", "```</pre><script>alert(1)</script>", "`<b onclick=x>`", "**<i>**"]
TAGS = {"html", "head", "meta", "title", "style", "body", "header", "main", "footer", "h1", "h2", "p", "dl", "div", "dt", "dd", "small", "svg", "a",
        "rect", "i", "b", "span", "code", "pre", "details", "summary"}
ATTRIBUTES = {"lang", "charset", "http-equiv", "content", "name", "class", "id", "href", "style", "viewbox", "preserveaspectratio", "role",
              "aria-label", "x", "y", "width", "height"}


class Page(html.parser.HTMLParser):
    """Reads a page as browsers do; keeps elements, checks that tags close in order."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.open, self.elements, self.texts = [], [], []
        self.feed(text)
        self.close()
        assert self.open == [], f"never closed: {self.open}"

    def handle_starttag(self, tag, attrs):
        assert tag in TAGS, f"<{tag}> does not belong here"
        assert {name for name, _ in attrs} <= ATTRIBUTES, attrs
        self.elements.append((tag, dict(attrs), tuple(self.open)))
        if tag not in ("meta", "rect"):
            self.open.append(tag + "." + (dict(attrs).get("class") or ""))

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in ("meta", "rect"):
            self.handle_endtag(tag)

    def handle_endtag(self, tag):
        assert self.open and self.open[-1].split(".")[0] == tag, f"</{tag}> inside {self.open}"
        self.open.pop()

    def handle_comment(self, data):
        raise AssertionError(f"a comment: {data}")

    def handle_data(self, data):
        self.texts.append((data, tuple(self.open)))

    def where(self, words):
        """The open elements around each place where the words stand."""
        return [place for text, place in self.texts for _ in range(text.count(words))]


def page_of(stage, gateway, *args, session=SESSION):
    done = stage.run("export", "--html", "-", "--session", session, "--log", gateway.log.path, *args)
    assert done.returncode == 0 and done.stderr == "" and KEY not in done.stdout, done
    return done.stdout


class Talk:
    """A client that sends the whole conversation again with each turn."""

    def __init__(self, gateway, agent=None, model="claude-opus-5-5", **more):
        self.gateway, self.messages = gateway, []
        self.headers = [WHO] + ([("x-claude-code-agent-id", agent)] if agent else [])
        self.more = {"model": model, "max_tokens": 99, "system": [{"type": "text", "text": "SYSTEM WORDS"}],
                     "tools": [{"name": n, "description": "d", "input_schema": {"type": "object"}} for n in ("Agent", "Bash")], **more}

    def say(self, *content):
        """Sends one more message of the user; the answer's blocks."""
        self.messages.append({"role": "user", "content": list(content)})
        for message in self.messages:  # the mark wanders, as Claude Code's does
            for block in message["content"]:
                block.pop("cache_control", None)
        self.messages[-1]["content"][-1]["cache_control"] = {"type": "ephemeral"}
        answer = self.gateway.messages({**self.more, "messages": self.messages}, self.headers)
        if answer.status != 200:
            self.messages.pop()
            return answer.status
        blocks = json.loads(answer.body)["content"]
        self.messages.append({"role": "assistant", "content": blocks})
        return blocks


def text(words):
    return {"type": "text", "text": words}


def tool(name, given):
    return text(f"[[sim tool {name} {json.dumps(given)}]]")


def result(blocks, content, **more):
    return {"type": "tool_result", "tool_use_id": next(b["id"] for b in blocks if b["type"] == "tool_use"), "content": content, **more}


def test_everything_said_stands_there_once_and_in_order(stage, gateway):
    talk = Talk(gateway)
    talk.say(text("<system-reminder>REMIND</system-reminder>"), text("FIRST [[sim text ANSWER-ONE and `some code`]]"))
    talk.say(text("SECOND [[sim text ANSWER-TWO]]"))
    assert talk.say(text("[[sim status 529]] REFUSED")) == 529
    blocks = talk.say(tool("Bash", {"command": "ls THE-FOLDER", "description": "look"}))
    png = base64.b64encode(b"\x89PNG" + b"x" * 3000).decode()
    talk.say(result(blocks, [text("RESULT-WORDS " * 60), {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": png}}]),
             {"type": "image", "source": {"type": "base64", "media_type": "image/jpeg", "data": png}}, text("THIRD"))
    gateway.log.wait_calls(5)
    source = page_of(stage, gateway)
    page = Page(source)
    said = "".join(words for words, _ in page.texts)
    order = ["SYSTEM WORDS", "REMIND", "FIRST", "ANSWER-ONE", "SECOND", "ANSWER-TWO", "REFUSED", "error 529", "THE-FOLDER", "RESULT-WORDS", "THIRD"]
    body = said[said.index("System prompt"):]
    assert [body.index(words) for words in order] == sorted(body.index(words) for words in order)
    for words in ("FIRST [[", "SECOND", "REFUSED", "THIRD"):
        inside = [place for place in page.where(words)]
        assert len(inside) == 1, (words, inside)
    # What the answer's directive repeats aside, each answer is said once, by the assistant.
    assert len([p for p in page.where("ANSWER-ONE") if "div.user" not in p]) == 1
    assert "div.user" in page.where("FIRST")[0] and any("details" in p for p in page.where("SYSTEM WORDS")[0])
    assert png not in source
    assert "image/jpeg 3.0 KB" in said and "[image/png 3.0 KB]" in said
    assert any(place[-1] == "code." for place in page.where("some code"))
    assert [e[1]["id"] for e in page.elements if e[1].get("class") == "call"] == ["c1", "c2", "c3", "c4", "c5"]
    totals = gateway.log.query("SELECT * FROM sessions")[0]
    assert f">{totals['calls']} <small>1 failed" in source and "cost" in said


def test_a_tool_that_failed_is_marked_and_a_document_is_no_noise(stage, gateway):
    talk = Talk(gateway)
    blocks = talk.say(tool("Bash", {"command": "false"}))
    pdf = base64.b64encode(b"%PDF-1.7" + b"x" * 9000).decode()
    talk.say(result(blocks, "IT FAILED", is_error=True),
             {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": pdf}}, text("read this"))
    gateway.log.wait_calls(2)
    source = page_of(stage, gateway)
    page = Page(source)
    assert any("failed" in element for element in page.where("IT FAILED")[0])
    assert pdf[:100] not in source and page.where("application/pdf 9.0 KB")


def test_the_page_fetches_nothing(stage, gateway):
    Talk(gateway).say(text("see https://example.org/x.png and ![a](http://evil.example/a.png)"))
    gateway.log.wait_calls(1)
    source = page_of(stage, gateway)
    page = Page(source)
    assert not [e for e in page.elements if e[0] in ("script", "img", "link", "iframe", "base", "form", "object")]
    assert all(e[1]["href"].startswith("#") for e in page.elements if "href" in e[1])
    policy = next(e[1]["content"] for e in page.elements if e[1].get("http-equiv") == "Content-Security-Policy")
    assert policy == "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
    style = source[source.index("<style>"):source.index("</style>")]
    assert "url(" not in style and "@import" not in style and "prefers-color-scheme:dark" in style


def evil_session(gateway):
    everything = " ".join(EVIL)
    talk = Talk(gateway, system=[text(everything)], tools=[{"name": "Ev<i>l", "description": everything, "input_schema": {"type": "object"}}])
    talk.say(text("<system-reminder>" + everything + "</system-reminder>" + everything))
    for evil in EVIL:
        talk.say(text(evil))
    blocks = talk.say(tool("Ev<i>l", {"command": everything, EVIL[0]: EVIL[1]}))
    if isinstance(blocks, list) and any(b["type"] == "tool_use" for b in blocks):
        talk.say(result(blocks, everything), {"type": EVIL[0], "x": everything}, {"type": "image", "source": {"type": "base64", "media_type": EVIL[1], "data": "AAAA"}})
    gateway.log.wait_calls(len(EVIL) + 2)
    for column in "model_asked", "model_sent", "model_served", "stop_reason", "cache_break", "error_message":
        gateway.log.execute(f"UPDATE call SET {column} = ?", everything)
    gateway.log.execute("UPDATE call SET state = 'error' WHERE id = 2")
    gateway.log.execute("UPDATE session SET title = ?", everything)
    gateway.log.execute("INSERT INTO agent(session_id, agent_id, type, description) VALUES(?, 'x', ?, ?)", SESSION, everything, everything)
    gateway.log.execute("UPDATE call SET agent_id = 'x' WHERE id = 3")


def test_hostile_words_never_become_markup(stage, gateway):
    evil_session(gateway)
    page = Page(page_of(stage, gateway))  # it refuses any element and attribute that is not ours
    said = "".join(words for words, _ in page.texts)
    for evil in EVIL[:9]:
        assert evil in said, evil
    assert "\x1b" not in said and "\u202e" not in said


@pytest.mark.limit(120)
def test_hostile_words_stay_words_in_a_browser(stage, gateway):
    evil_session(gateway)
    path = stage.folder / "page.html"
    path.write_text(page_of(stage, gateway))
    done = browse(stage, "--dump-dom", f"file://{path}")
    dom = done.stdout
    assert "</main>" in dom, done.stderr[-2000:]
    assert set(re.findall(r"<([a-zA-Z]+)[\s>]", dom)) <= TAGS and "<title>owned" not in dom


def test_subagents_stand_where_they_were_started(stage, gateway):
    main = Talk(gateway)
    asked = {"description": "look it up", "subagent_type": "Explore", "prompt": "find the needle"}
    blocks = main.say(tool("Agent", asked))
    gateway.log.wait_calls(1)
    Talk(gateway, agent="a1").say(text("find the needle"), text("SUB-QUESTION [[sim text SUB-ANSWER]]"))
    Talk(gateway, agent="lost").say(text("nobody knows [[sim text LOST-ANSWER]]"))
    main.say(result(blocks, "AGENT-RESULT"), text("[[sim text MAIN-ANSWER]]"))
    gateway.log.wait_calls(4)
    gateway.log.execute("INSERT OR REPLACE INTO agent(session_id, agent_id, type, description, tool_use_id, parent_call_id) VALUES(?, 'a1', 'Explore',"
                        " 'look it up', ?, 1)", SESSION, next(b["id"] for b in blocks if b["type"] == "tool_use"))
    page = Page(page_of(stage, gateway))
    said = "".join(words for words, _ in page.texts)
    order = ["look it up", "SUB-QUESTION", "AGENT-RESULT", "MAIN-ANSWER", "Subagents whose start", "LOST-ANSWER"]
    assert [said.index(words) for words in order] == sorted(said.index(words) for words in order)
    assert all("details.agent" in place for place in page.where("SUB-ANSWER") + page.where("LOST-ANSWER"))
    assert not any("details.agent" in place for place in page.where("MAIN-ANSWER"))


def test_redact_takes_out_what_matches_wherever_it_stands(stage, gateway):
    secret = "hunter2"
    talk = Talk(gateway, stream=False)
    talk.say(text(f"my password is {secret}; say \"{secret}\" [[sim text the word {secret} again]]"))
    blocks = talk.say(tool("Bash", {"command": f"echo {secret}"}))
    talk.say(result(blocks, f"{secret}\n" * 200), text(f"<system-reminder>{secret}</system-reminder>"))
    gateway.log.wait_calls(3)
    gateway.log.execute("UPDATE session SET title = ?", f"about {secret}")
    gateway.log.execute("UPDATE call SET cache_break = ?", f"tool: {secret}")
    assert page_of(stage, gateway).count(secret) > 200
    source = page_of(stage, gateway, "--redact", "hunter[0-9]")
    assert secret not in source and source.count("[redacted]") > 200
    Page(source)


def test_redact_finds_what_a_stream_had_split(stage, gateway):
    Talk(gateway, stream=True)
    body = {"model": "claude-opus-5-5", "max_tokens": 99, "stream": True,
            "messages": [{"role": "user", "content": "[[sim text a very-long-secret-word-of-many-letters b]]"}]}
    gateway.messages(body, [WHO])
    gateway.log.wait_calls(1)
    assert "secret" not in page_of(stage, gateway, "--redact", "very-[a-z-]*letters")


def test_what_is_gone_is_said(stage, sim):
    gateway = stage.gateway(sim, "--no-bodies")
    Talk(gateway).say(text("hello"))
    gateway.log.wait_calls(1)
    source = page_of(stage, gateway)
    assert "what was said is not in the log (off)" in source
    gateway.log.execute("DELETE FROM call")
    assert "1 older calls are no longer in the log" in page_of(stage, gateway)


def test_a_page_goes_into_a_file_that_is_private(stage, gateway):
    Talk(gateway).say(text("hello"))
    gateway.log.wait_calls(1)
    path = stage.folder / "page.html"
    args = ("export", "--html", path, "--session", SESSION[:8], "--log", gateway.log.path)
    done = stage.run(*args)
    assert done.returncode == 0 and done.stdout == "" and f"1 call written to {path}" in done.stderr
    assert path.stat().st_mode & 0o777 == 0o600 and path.read_text() == page_of(stage, gateway)
    assert "is there already" in stage.run(*args).stderr and stage.run(*args, "--force").returncode == 0


def test_wrong_words_are_told(stage, gateway):
    for args, words in [(("--html", "-"), "--session"), (("--html", "-", "--csv", "--session", "x"), "one at a time"),
                        (("--html", "-", "1"), "--session"), (("--html", "-", "--session", "x", "--where", "y"), "one at a time"),
                        (("--html", "-", "-o", "x", "--session", "x"), "one at a time")]:
        done = stage.run("export", *args, "--log", gateway.log.path)
        assert done.returncode == 2 and words in done.stderr, (args, done)
    done = stage.run("export", "--html", "-", "--session", "nobody", "--log", gateway.log.path)
    assert done.returncode == 1 and "there is no session nobody" in done.stderr and done.stdout == ""
