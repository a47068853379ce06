"""The real Claude Code's own ways to lose its prompt cache, named in the log."""
import pytest

pytestmark = pytest.mark.limit(100)


def newest(gateway, count):
    rows = gateway.log.wait_calls(count, "purpose = 'main' AND state <> 'open'")
    return rows[-1]


def test_an_edited_claude_md_and_a_compaction_are_named(claude, gateway):
    notes = claude.project / "CLAUDE.md"
    notes.write_text("Be kind. " * 2000)
    claude.run("[[sim words 3000]]")
    claude.run("[[sim words 2000]]", "--continue")
    claude.run("[[sim text as before]]", "--continue")
    kept = newest(gateway, 3)
    assert kept["cache_break"] is None and kept["tokens_cache_read"] > 20000
    notes.write_text("Be very kind. " * 2000)
    claude.run("[[sim text with other notes]]", "--continue")
    assert newest(gateway, 4)["cache_break"] == "message: message[0] (user)"
    claude.run("/compact", "--continue")
    claude.run("[[sim text after the compaction]]", "--continue")
    after = newest(gateway, 5)
    assert after["cache_break"].startswith("compacted: ")
    assert after["cache_break_microusd"] > 0
