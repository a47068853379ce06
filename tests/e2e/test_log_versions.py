"""A log of an earlier version: the gateway makes it one of today's, others wait for it."""
import sqlite3
from pathlib import Path

import pytest

OLD_SCHEMA = Path(__file__).parents[1] / "unit" / "log" / "schema_1.sql"
CALLS = 500


@pytest.fixture
def old_log(tmp_path):
    path = tmp_path / "old" / "log.db"
    path.parent.mkdir(mode=0o700)
    db = sqlite3.connect(path)
    db.executescript(OLD_SCHEMA.read_text())
    db.execute("PRAGMA journal_mode = WAL")
    db.executemany("INSERT INTO call(id, state, started_at, finished_at, session_id, path, status, model_sent, request_headers, body_state)"
                   " VALUES(?, 'done', ?, ?, 'old-session', '/v1/messages', 200, 'claude-opus-5-5', ?, 'off')",
                   [(i, 1000 * i, 1000 * i + 5, f'[["x-app","old-{i}"]]') for i in range(1, CALLS + 1)])
    db.execute("INSERT INTO routes(set_model, note) VALUES('claude-sonnet-5', 'of the old log')")
    db.execute("UPDATE meta SET value = ? WHERE key = 'next_call_id'", (CALLS + 1,))
    db.commit()
    db.close()
    path.chmod(0o600)
    return path


def test_an_old_log_is_carried_on(stage, sim, old_log):
    waiting = stage.run("--log", old_log, "calls")
    assert waiting.returncode == 1 and "of an older spantop; start the gateway once" in waiting.stderr
    gateway = stage.gateway(sim, log=old_log)
    assert "log version 1" in gateway.stderr
    gateway.messages({"model": "claude-opus-5-5", "max_tokens": 50, "messages": [{"role": "user", "content": "hi"}]})
    gateway.log.wait_calls(CALLS + 1)
    assert gateway.log.query("SELECT id, request_headers FROM calls WHERE id = 7")[0]["request_headers"] == '[["x-app","old-7"]]'
    new = gateway.log.call(CALLS + 1)
    assert new["model_sent"] == "claude-sonnet-5", "the old log's route holds"
    shown = stage.run("--log", old_log, "show", "7", "--headers")
    assert "x-app: old-7" in shown.stdout
    found = stage.run("--log", old_log, "calls", "--json", "--where", "request_headers:old-499")
    assert found.stdout.count('"id":') == 1


def test_a_log_that_is_locked_stays_as_it_was(stage, sim, old_log):
    """Somebody writes and does not let go: then nothing has changed."""
    db = sqlite3.connect(old_log, isolation_level=None)
    db.execute("BEGIN IMMEDIATE")
    ended = stage.run("serve", "--listen", "127.0.0.1:0", "--log", old_log, "--upstream", sim.base_url, limit_s=60)
    assert ended.returncode == 1 and "stays as it was, version 1" in ended.stderr and "locked" in ended.stderr, ended
    db.execute("ROLLBACK")
    assert db.execute("PRAGMA user_version").fetchone() == (1,)
    assert db.execute("SELECT count(*) FROM calls WHERE request_headers LIKE '%old-%'").fetchone() == (CALLS,)
    db.close()
