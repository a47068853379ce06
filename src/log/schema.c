/* The log's tables, written so that a person with sqlite3 can read them.
 *
 * - `call` holds a row a call; its last columns are the piece lists of its
 *   bodies (see pieces.h).  Words (state, purpose …) are stored as words.
 * - `headers` holds what is read of one call at a time only: with the header
 *   lists a row would be three times as long, and so would every scan take.
 * - `progress` is narrow because it is written five times a second for every
 *   running call (measured: a wide row costs ten times the bytes).
 * - `session`, `day_sum` and `minute_sum` are kept in the same commit as the
 *   calls and never shrink with them: spend stays right after rows are pruned,
 *   and grouping a million calls by session costs nothing.
 * - `piece` and `blk` are the body store.
 * - `routes` and `budgets` are the user's; triggers count their versions up.
 * - `meta` holds counters and the secret of the piece hash.
 *
 * Sums count a call when it ends (whatever way); `sessions.calls` adds the
 * calls still open.  A day is the local calendar day a call started on
 * (YYYYMMDD), a minute the one it ended in (Unix ms / 60000).  In the sums a
 * text that is unknown is '', since NULL is never equal in a key. */
#include "log/schema.h"

#include <inttypes.h>
#include <stdio.h>

#include "log/schema_parts.h"
#include "log/search_schema.h"
#include "log/sql.h"

/* Milliseconds since 1970, for rows that somebody inserts by hand.
 * (unixepoch('subsec') came with SQLite 3.42.) */
#define SQL_NOW_MS "(CAST(round((julianday('now') - 2440587.5) * 86400000.0) AS INTEGER))"

#define SQL_SUMS                                                                                                       \
    "  calls INTEGER NOT NULL DEFAULT 0,"                                                                              \
    "  errors INTEGER NOT NULL DEFAULT 0,"                                                                             \
    "  retries INTEGER NOT NULL DEFAULT 0,"                                                                            \
    "  tokens_in INTEGER NOT NULL DEFAULT 0,"                                                                          \
    "  tokens_cache_read INTEGER NOT NULL DEFAULT 0,"                                                                  \
    "  tokens_cache_write_5m INTEGER NOT NULL DEFAULT 0,"                                                              \
    "  tokens_cache_write_1h INTEGER NOT NULL DEFAULT 0,"                                                              \
    "  tokens_out INTEGER NOT NULL DEFAULT 0,"                                                                         \
    "  cost_microusd INTEGER NOT NULL DEFAULT 0,"                                                                      \
    "  unpriced_calls INTEGER NOT NULL DEFAULT 0,"                                                                     \
    "  cache_breaks INTEGER NOT NULL DEFAULT 0,"                                                                       \
    "  cache_break_microusd INTEGER NOT NULL DEFAULT 0,"                                                               \
    "  ttft_count INTEGER NOT NULL DEFAULT 0,"                                                                         \
    "  ttft_sum_ms INTEGER NOT NULL DEFAULT 0"

const char schema_call[] =
    "CREATE TABLE call("
    "  id INTEGER PRIMARY KEY,"
    "  state TEXT NOT NULL,"
    "  started_at INTEGER NOT NULL,"
    "  finished_at INTEGER,"
    "  session_id TEXT,"
    "  agent_id TEXT,"
    "  parent_agent_id TEXT,"
    "  purpose TEXT,"
    "  method TEXT,"
    "  path TEXT,"
    "  status INTEGER,"
    "  error_type TEXT,"
    "  error_message TEXT,"
    "  stop_reason TEXT,"
    "  model_asked TEXT,"
    "  model_sent TEXT,"
    "  model_served TEXT,"
    "  provider_pinned TEXT,"
    "  provider_served TEXT,"
    "  tokens_in INTEGER,"
    "  tokens_cache_read INTEGER,"
    "  tokens_cache_write_5m INTEGER,"
    "  tokens_cache_write_1h INTEGER,"
    "  tokens_out INTEGER,"
    "  web_searches INTEGER,"
    "  cost_microusd INTEGER,"
    "  cost_source TEXT,"
    "  cost_catalog_microusd INTEGER," /* only where Respan's figure has replaced it */
    "  cost_differs INTEGER NOT NULL DEFAULT 0,"
    "  respan_cache TEXT,"
    "  ttfb_ms INTEGER,"
    "  ttft_ms INTEGER,"
    "  duration_ms INTEGER,"
    "  bytes_in INTEGER,"
    "  bytes_out INTEGER,"
    "  request_id TEXT,"
    "  respan_log_id TEXT,"
    "  attempt INTEGER,"
    "  is_retry INTEGER NOT NULL DEFAULT 0," /* the same bytes as an earlier call that did not come through */
    "  cache_break TEXT,"
    "  cache_break_microusd INTEGER,"
    "  body_state TEXT,"
    "  route_note TEXT,"
    "  changes TEXT,"
    "  work_dir TEXT,"
    "  request_body BLOB," /* piece lists; NULL: none kept (sent_body: NULL also when alike) */
    "  sent_body BLOB,"
    "  response_body BLOB)";

/* From when on every call is there: sums that reach further back cannot be
 * counted anew (see sums_rebuild.h). */
static const char call_removed[] =
    "CREATE TRIGGER call_removed AFTER DELETE ON call BEGIN"
    "  UPDATE meta SET value = max(value, OLD.started_at, ifnull(OLD.finished_at, 0)) WHERE key = 'calls_gone_at';"
    "  DELETE FROM headers WHERE call_id = OLD.id; END";

/* Every figure a reader sorts or filters by, narrow and in the order of
 * arrival: scanning it takes a third of the time of the rows.  An index for
 * each figure would be faster still to read, but its random pages cost
 * 100 us and 80 KB of writing a call on a large log (measured); this one 1 KB. */
static const char call_scan[] =
    "CREATE INDEX call_scan ON call(id, started_at, tokens_in, tokens_cache_read, tokens_cache_write_5m,"
    "  tokens_cache_write_1h, tokens_out, cost_microusd, ttft_ms, duration_ms, status, state, purpose)";

const char *const schema_call_parts[] = {
    call_removed,
    "CREATE INDEX call_session ON call(session_id, id)",
    "CREATE INDEX call_finished ON call(finished_at)",
    "CREATE INDEX call_open ON call(id) WHERE state = 'open'",
    "CREATE INDEX call_error ON call(id) WHERE state = 'error'",
    /* With what is summed up about breaks: there are few, and each in a page of its own. */
    "CREATE INDEX call_break ON call(id, started_at, cache_break, cache_break_microusd) WHERE cache_break IS NOT NULL",
    "CREATE INDEX call_model ON call(coalesce(model_served, model_sent, model_asked), id)",
    "CREATE INDEX call_provider ON call(coalesce(provider_served, provider_pinned), id)",
    "CREATE INDEX call_status ON call(status, id)",
    "CREATE INDEX call_purpose ON call(purpose, id)",
    call_scan,
    NULL,
};

const char schema_headers[] =
    "CREATE TABLE headers("
    "  call_id INTEGER PRIMARY KEY,"
    "  request TEXT,"
    "  sent TEXT,"
    "  response TEXT)";

static const char *const tables[] = {
    "CREATE TABLE meta(key TEXT PRIMARY KEY, value) WITHOUT ROWID",
    "INSERT INTO meta VALUES('next_call_id', 1), ('routes_version', 1), ('budgets_version', 1), ('piece_secret', randomblob(192)),"
    "  ('raw_body_bytes', 0), ('stored_body_bytes', 0), ('bodies_gone_to', 0), ('calls_gone_at', 0)",
    "CREATE TABLE setting(key TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID",

    "CREATE TABLE progress("
    "  call_id INTEGER PRIMARY KEY,"
    "  tokens_out INTEGER,"
    "  is_estimate INTEGER NOT NULL DEFAULT 0,"
    "  bytes_out INTEGER,"
    "  at INTEGER NOT NULL)",

    "CREATE TABLE session("
    "  session_id TEXT PRIMARY KEY,"
    "  title TEXT,"
    "  first_at INTEGER NOT NULL,"
    "  last_at INTEGER NOT NULL,"
    "  work_dir TEXT,"
    "  main_call_id INTEGER," /* newest main call with usage: it gave the four columns below */
    "  context_tokens INTEGER,"
    "  context_limit INTEGER,"
    "  model TEXT,"
    "  provider TEXT," SQL_SUMS ") WITHOUT ROWID",
    "CREATE INDEX session_last ON session(last_at)",

    "CREATE TABLE day_sum("
    "  day INTEGER NOT NULL,"
    "  session_id TEXT NOT NULL,"
    "  model TEXT NOT NULL," /* served, else sent, else asked */
    "  provider TEXT NOT NULL,"
    "  purpose TEXT NOT NULL," SQL_SUMS ","
    "  PRIMARY KEY(day, session_id, model, provider, purpose)) WITHOUT ROWID",
    "CREATE TABLE minute_sum("
    "  minute INTEGER NOT NULL,"
    "  model TEXT NOT NULL,"
    "  provider TEXT NOT NULL," SQL_SUMS ","
    "  PRIMARY KEY(minute, model, provider)) WITHOUT ROWID",

    /* One compressed block a commit; its pieces have consecutive ids. */
    "CREATE TABLE blk("
    "  id INTEGER PRIMARY KEY,"
    "  first_piece INTEGER NOT NULL,"
    "  piece_count INTEGER NOT NULL,"
    "  len INTEGER NOT NULL," /* unpacked */
    "  data BLOB NOT NULL)",
    "CREATE TABLE piece("
    "  id INTEGER PRIMARY KEY,"
    "  hash BLOB," /* NULL: never shared (answers) */
    "  kind INTEGER NOT NULL,"
    "  blk INTEGER NOT NULL,"
    "  off INTEGER NOT NULL,"
    "  len INTEGER NOT NULL,"
    "  epoch INTEGER NOT NULL)", /* the last one it was used in */
    /* A stretch of the log's life, ended by midnight or by so many bytes stored:
     * bodies expire an epoch at a time (see retention.h). */
    "CREATE TABLE epoch("
    "  id INTEGER PRIMARY KEY,"
    "  day INTEGER NOT NULL,"
    "  first_call INTEGER NOT NULL,"
    "  first_blk INTEGER NOT NULL,"
    "  bytes INTEGER NOT NULL DEFAULT 0)",
    "INSERT INTO epoch VALUES(1, 0, 1, 1, 0)",

    "CREATE TABLE routes("
    "  id INTEGER PRIMARY KEY AUTOINCREMENT,"
    "  enabled INTEGER NOT NULL DEFAULT 1,"
    "  session_id TEXT,"
    "  model_glob TEXT,"
    "  purpose TEXT,"
    "  set_model TEXT,"
    "  set_provider TEXT,"
    "  params_json TEXT,"
    "  created_at INTEGER NOT NULL DEFAULT " SQL_NOW_MS ","
    "  note TEXT,"
    /* For a time only.  Seconds instead of milliseconds would be a time long past,
     * and a route that silently never holds. */
    "  max_calls INTEGER CONSTRAINT max_calls_is_a_number_above_0"
    "    CHECK(max_calls IS NULL OR (typeof(max_calls) = 'integer' AND max_calls > 0)),"
    "  calls_taken INTEGER NOT NULL DEFAULT 0,"
    "  until_at INTEGER CONSTRAINT until_at_is_in_unix_milliseconds"
    "    CHECK(until_at IS NULL OR (typeof(until_at) = 'integer' AND until_at > 100000000000)),"
    "  preset TEXT,"
    "  recounts INTEGER NOT NULL DEFAULT 0)", /* how often calls_taken was set back */
    /* The routes of a preset as a JSON array of rows. */
    "CREATE TABLE preset("
    "  name TEXT PRIMARY KEY,"
    "  routes_json TEXT NOT NULL,"
    "  saved_at INTEGER NOT NULL DEFAULT " SQL_NOW_MS ") WITHOUT ROWID",
    "CREATE TRIGGER routes_added AFTER INSERT ON routes BEGIN"
    "  UPDATE meta SET value = value + 1 WHERE key = 'routes_version'; END",
    "CREATE TRIGGER routes_changed AFTER UPDATE ON routes BEGIN"
    "  UPDATE meta SET value = value + 1 WHERE key = 'routes_version'; END",
    "CREATE TRIGGER routes_removed AFTER DELETE ON routes BEGIN"
    "  UPDATE meta SET value = value + 1 WHERE key = 'routes_version'; END",
    /* The gateway counts ahead of the log; so it learns that its count is void. */
    "CREATE TRIGGER routes_recounted AFTER UPDATE OF calls_taken ON routes WHEN NEW.calls_taken < OLD.calls_taken BEGIN"
    "  UPDATE routes SET recounts = recounts + 1 WHERE id = NEW.id; END",
    /* One row for each scope and level; see budgets.h.  Dollars instead of
     * micro-dollars would be a limit below any call, and are noticed at once. */
    "CREATE TABLE budgets("
    "  id INTEGER PRIMARY KEY AUTOINCREMENT,"
    "  enabled INTEGER NOT NULL DEFAULT 1,"
    "  scope TEXT NOT NULL CONSTRAINT scope_is_call_session_day_month_or_rate"
    "    CHECK(scope IN ('call', 'session', 'day', 'month', 'rate')),"
    "  level TEXT NOT NULL DEFAULT 'block' CONSTRAINT level_is_warn_or_block CHECK(level IN ('warn', 'block')),"
    "  limit_microusd INTEGER,"
    "  limit_calls INTEGER,"
    "  lifted_until INTEGER CONSTRAINT lifted_until_is_in_unix_milliseconds"
    "    CHECK(lifted_until IS NULL OR (typeof(lifted_until) = 'integer' AND lifted_until > 100000000000)),"
    "  created_at INTEGER NOT NULL DEFAULT " SQL_NOW_MS ","
    "  note TEXT,"
    "  UNIQUE(scope, level),"
    "  CONSTRAINT rate_has_limit_calls_and_the_others_limit_microusd"
    "    CHECK(CASE scope WHEN 'rate' THEN limit_microusd IS NULL AND typeof(limit_calls) = 'integer' AND limit_calls >= 0"
    "      ELSE limit_calls IS NULL AND typeof(limit_microusd) = 'integer' AND limit_microusd >= 0 END))",
    "CREATE TRIGGER budgets_added AFTER INSERT ON budgets BEGIN"
    "  UPDATE meta SET value = value + 1 WHERE key = 'budgets_version'; END",
    "CREATE TRIGGER budgets_changed AFTER UPDATE ON budgets BEGIN"
    "  UPDATE meta SET value = value + 1 WHERE key = 'budgets_version'; END",
    "CREATE TRIGGER budgets_removed AFTER DELETE ON budgets BEGIN"
    "  UPDATE meta SET value = value + 1 WHERE key = 'budgets_version'; END",
    "CREATE TABLE switch_history("
    "  id INTEGER PRIMARY KEY AUTOINCREMENT,"
    "  at INTEGER NOT NULL DEFAULT " SQL_NOW_MS ","
    "  what TEXT NOT NULL,"
    "  undo_json TEXT NOT NULL,"
    "  undone INTEGER NOT NULL DEFAULT 0)",
    NULL,
};

/* Joined tables are asked by scalar subqueries: they run only for the rows and
 * columns that somebody really reads. */
#define SQL_LIVE(column) "(SELECT p." column " FROM progress p WHERE p.call_id = c.id)"
#define SQL_HEADERS(which) "(SELECT h." which " FROM headers h WHERE h.call_id = c.id) AS " which "_headers"

/* clang-format off */
const char *const schema_views[] = {
    "CREATE VIEW calls AS SELECT"
    "  c.id, c.state, c.started_at, c.finished_at, c.session_id,"
    "  (SELECT s.title FROM session s WHERE s.session_id = c.session_id) AS session_title,"
    "  c.agent_id, c.parent_agent_id, c.purpose, c.method, c.path, c.status, c.error_type, c.error_message,"
    "  c.stop_reason, c.model_asked, c.model_sent, c.model_served, c.provider_pinned, c.provider_served,"
    "  c.tokens_in, c.tokens_cache_read, c.tokens_cache_write_5m, c.tokens_cache_write_1h,"
    "  CASE c.state WHEN 'open' THEN " SQL_LIVE("tokens_out") " ELSE c.tokens_out END AS tokens_out,"
    "  c.cost_microusd, c.cost_source, c.respan_cache, c.ttfb_ms, c.ttft_ms, c.duration_ms, c.bytes_in,"
    "  CASE c.state WHEN 'open' THEN " SQL_LIVE("bytes_out") " ELSE c.bytes_out END AS bytes_out,"
    "  c.request_id, c.respan_log_id, c.attempt, c.cache_break, c.body_state,"
    /* beyond the contract */
    "  " SQL_HEADERS("request") ", " SQL_HEADERS("sent") ", " SQL_HEADERS("response") ","
    "  c.route_note, c.changes, c.work_dir,"
    "  c.sent_body IS NOT NULL AS has_sent_body,"
    "  CASE c.state WHEN 'open' THEN " SQL_LIVE("tokens_out") " END AS live_tokens_out,"
    "  CASE c.state WHEN 'open' THEN " SQL_LIVE("is_estimate") " END AS live_is_estimate,"
    "  CASE c.state WHEN 'open' THEN " SQL_LIVE("bytes_out") " END AS live_bytes_out,"
    "  c.web_searches, c.is_retry, c.cache_break_microusd, c.cost_catalog_microusd, c.cost_differs"
    " FROM call c",

    "CREATE VIEW sessions AS SELECT"
    "  s.session_id, s.title, s.first_at, s.last_at,"
    "  s.calls + (SELECT count(*) FROM call c WHERE c.state = 'open' AND c.session_id = s.session_id) AS calls,"
    "  s.errors, s.tokens_in, s.tokens_cache_read, s.tokens_cache_write_5m, s.tokens_cache_write_1h, s.tokens_out,"
    "  s.cost_microusd, s.context_tokens, s.context_limit, s.model, s.provider,"
    /* beyond the contract */
    "  s.retries, s.unpriced_calls, s.cache_breaks, s.cache_break_microusd, s.ttft_count, s.ttft_sum_ms, s.work_dir,"
    "  (SELECT count(*) FROM call c WHERE c.state = 'open' AND c.session_id = s.session_id) AS running"
    " FROM session s",
    NULL,
};
/* clang-format on */

/* What logs of this version did not have from its first day: a table or view that is
 * added here needs no new version, and a log that lacks it gets it at the gateway's
 * next start.  A column that is added to a table, or anything that changes, needs one
 * (see schema_migrate.c). */
static const char *const additions[] = {
    /* Who started a subagent and what for; see agents.h. */
    "CREATE TABLE IF NOT EXISTS agent("
    "  session_id TEXT NOT NULL,"
    "  agent_id TEXT NOT NULL,"
    "  parent_agent_id TEXT,"
    "  first_call_id INTEGER,"
    "  parent_call_id INTEGER,"
    "  tool_use_id TEXT,"
    "  type TEXT,"
    "  description TEXT,"
    "  PRIMARY KEY(session_id, agent_id)) WITHOUT ROWID",
    "CREATE VIEW IF NOT EXISTS agents AS SELECT session_id, agent_id, parent_agent_id, type, description, parent_call_id,"
    "  tool_use_id, first_call_id FROM agent",
    /* The answer of a call that runs; see live_bodies.h. */
    "CREATE TABLE IF NOT EXISTS watch(call_id INTEGER PRIMARY KEY, at INTEGER NOT NULL)",
    "CREATE TABLE IF NOT EXISTS live_body(call_id INTEGER NOT NULL, from_byte INTEGER NOT NULL, data BLOB NOT NULL,"
    " PRIMARY KEY(call_id, from_byte)) WITHOUT ROWID",
    /* What somebody should know now; see alarms.h. */
    "CREATE TABLE IF NOT EXISTS alarm("
    "  id INTEGER PRIMARY KEY AUTOINCREMENT,"
    "  at INTEGER NOT NULL,"
    "  until_at INTEGER NOT NULL,"
    "  kind TEXT NOT NULL,"
    "  subject TEXT NOT NULL,"
    "  session_id TEXT,"
    "  call_id INTEGER,"
    "  text TEXT NOT NULL)",
    "CREATE VIEW IF NOT EXISTS alarms AS SELECT a.id, a.at, a.kind, a.text, a.session_id,"
    "  (SELECT s.title FROM session s WHERE s.session_id = a.session_id) AS session_title,"
    "  a.call_id, a.until_at, a.subject FROM alarm a",
    NULL,
};

int schema_run(sqlite3 *sq, const char *const *sql, struct err *e)
{
    for (; *sql; sql++)
        if (sql_run(sq, *sql, e) != 0)
            return -1;
    return 0;
}

int schema_complete(sqlite3 *sq, struct err *e)
{
    return schema_run(sq, additions, e) == 0 ? search_schema_complete(sq, e) : -1;
}

static int create_all(sqlite3 *sq, struct err *e)
{
    const char *const calls[] = {schema_call, schema_headers, NULL};
    char ids[128];
    snprintf(ids, sizeof ids, "PRAGMA application_id = %d; PRAGMA user_version = %d", SCHEMA_APPLICATION_ID, SCHEMA_VERSION);
    if (schema_run(sq, tables, e) != 0 || schema_run(sq, calls, e) != 0 || schema_run(sq, schema_call_parts, e) != 0)
        return -1;
    return schema_run(sq, schema_views, e) != 0 || schema_complete(sq, e) != 0 ? -1 : sql_run(sq, ids, e);
}

int schema_create(sqlite3 *sq, struct err *e)
{
    /* Incremental, so that retention gives space back in small steps; it must be
     * set before the first table. */
    if (sql_run(sq, "PRAGMA auto_vacuum = INCREMENTAL", e) != 0 || sql_run(sq, "BEGIN IMMEDIATE", e) != 0)
        return -1;
    if (create_all(sq, e) == 0 && sql_run(sq, "COMMIT", e) == 0)
        return 0;
    sql_try(sq, "ROLLBACK");
    return -1;
}

static int pragma_int(sqlite3 *sq, const char *sql, int *n, struct err *e)
{
    sqlite3_stmt *st = NULL;
    int rc = sqlite3_prepare_v2(sq, sql, -1, &st, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_step(st);
    if (rc == SQLITE_ROW)
        *n = sqlite3_column_int(st, 0);
    sqlite3_finalize(st);
    return rc == SQLITE_ROW ? 0 : err_set(e, "%s", sqlite3_errmsg(sq));
}

int schema_look(sqlite3 *sq, enum schema_kind *kind, int *version, struct err *e)
{
    int application_id = 0;
    int objects = 0;
    *version = 0;
    if (pragma_int(sq, "SELECT count(*) FROM sqlite_schema", &objects, e) != 0 ||
        pragma_int(sq, "PRAGMA application_id", &application_id, e) != 0 ||
        pragma_int(sq, "PRAGMA user_version", version, e) != 0)
        return -1;
    if (application_id != SCHEMA_APPLICATION_ID)
        *kind = objects == 0 && application_id == 0 && *version == 0 ? SCHEMA_EMPTY : SCHEMA_FOREIGN;
    else if (*version == SCHEMA_VERSION)
        *kind = SCHEMA_OURS;
    else
        *kind = *version > SCHEMA_VERSION ? SCHEMA_NEWER : SCHEMA_OLDER;
    return 0;
}
