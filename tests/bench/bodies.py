"""Request bodies in the shape Claude Code sends: one conversation, turn by turn.

Compact UTF-8 JSON, keys in the client's order, messages before system and
tools, `cache_control` on the last user block only (so each turn one old message
loses it and a lone text block becomes a plain string).  Deterministic."""

import json
import random

WORDS = (
    "the of and to in is request server error function return value list file path change test build run "
    "config token stream cache model call read write open close user session message block tool result "
    "struct static const char int size_t buffer length pointer null string index count limit while for if else "
    "handler client upstream timeout retry header body parse format print log query table row column key"
).split()


def prose(rng, size):
    out = []
    length = 0
    while length < size:
        word = rng.choice(WORDS)
        if rng.random() < 0.12:
            word = f"{word}_{rng.randrange(10000)}"
        if rng.random() < 0.08:
            word += rng.choice([".\n", ";\n", "();\n", " {\n", "\n}\n", ", "])
        out.append(word)
        length += len(word) + 1
    return " ".join(out)


def tool(rng, index):
    properties = {
        f"{rng.choice(WORDS)}_{i}": {"type": rng.choice(["string", "number", "boolean"]), "description": prose(rng, 120)}
        for i in range(4)
    }
    return {
        "name": f"Tool{index}",
        "description": prose(rng, 1300),
        "input_schema": {"type": "object", "properties": properties, "required": list(properties)[:1], "additionalProperties": False},
    }


def marked(block):
    return {**block, "cache_control": {"type": "ephemeral"}}


class Conversation:
    """body() is the next call's bytes; turn(size) appends an answer with a tool call and its result."""

    def __init__(self, seed=1, session="00000000-0000-4000-8000-000000000001", first=3000):
        self.rng = random.Random(seed)
        self.session = session
        self.system = [
            {"type": "text", "text": "x-anthropic-billing-header: cc_version=2.1.197; cc_entrypoint=cli;"},
            marked({"type": "text", "text": "You are Claude Code, Anthropic's official CLI for Claude."}),
            marked({"type": "text", "text": prose(self.rng, 24000) + "\nPrimary working directory: /home/user/project\n"}),
        ]
        self.tools = [tool(self.rng, i) for i in range(26)]
        self.messages = [{"role": "user", "content": [{"type": "text", "text": prose(self.rng, first)}]}]
        self.turns = 0

    def body(self):
        messages = [dict(m) for m in self.messages]
        last = dict(messages[-1])
        last["content"] = [*last["content"][:-1], marked(last["content"][-1])]
        messages[-1] = last
        for i, message in enumerate(messages[:-1]):
            content = message["content"]
            if message["role"] == "user" and len(content) == 1 and content[0]["type"] == "text":
                messages[i] = {"role": "user", "content": content[0]["text"]}
        request = {
            "model": "claude-opus-5-5",
            "messages": messages,
            "system": self.system,
            "tools": self.tools,
            "metadata": {"user_id": json.dumps({"device_id": "d" * 64, "account_uuid": "", "session_id": self.session})},
            "max_tokens": 64000,
            "thinking": {"type": "adaptive"},
            "context_management": {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]},
            "output_config": {"effort": "high"},
            "stream": True,
        }
        return json.dumps(request, ensure_ascii=False, separators=(",", ":")).encode()

    def turn(self, size):
        tool_id = f"toolu_{self.rng.randrange(16**20):020x}"
        self.messages.append({"role": "assistant", "content": [
            {"type": "text", "text": prose(self.rng, size // 5)},
            {"type": "tool_use", "id": tool_id, "name": "Tool3", "input": {"path": f"src/file{self.turns}.c"}},
        ]})
        self.messages.append({"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": tool_id, "content": prose(self.rng, size * 4 // 5)},
        ]})
        self.turns += 1


def write_conversation(folder, turns=200, final=1_000_000):
    """turns files growing to about `final` bytes; returns their paths in order."""
    conversation = Conversation()
    step = (final - len(conversation.body())) // turns
    paths = []
    for i in range(turns):
        path = folder / f"turn{i:03}.json"
        path.write_bytes(conversation.body())
        paths.append(path)
        conversation.turn(step)
    return paths


def write_body(folder, size=90_000):
    conversation = Conversation(seed=2, first=1000)
    conversation.messages[0]["content"][0]["text"] += prose(conversation.rng, max(0, size - len(conversation.body())))
    path = folder / "body.json"
    path.write_bytes(conversation.body())
    return path
