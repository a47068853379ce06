/* Sessions, and how large the log is. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/mem.h"
#include "log/reader.h"
#include "log/reader_row.h"
#include "log/sql.h"

/* As the view `sessions`, but the open calls are counted once, from their own
 * small index, not session by session. */
#define SQL_SESSION                                                                                                    \
    "WITH running AS MATERIALIZED (SELECT session_id, count(*) AS n FROM call INDEXED BY call_open"                    \
    " WHERE state = 'open' GROUP BY session_id)"                                                                       \
    " SELECT s.session_id, title, model, provider, first_at, last_at, context_tokens, context_limit, ifnull(n, 0),"    \
    " calls + ifnull(n, 0), errors, retries, tokens_in, tokens_cache_read, tokens_cache_write_5m,"                     \
    " tokens_cache_write_1h, tokens_out, cost_microusd, unpriced_calls, cache_breaks, cache_break_microusd"            \
    " FROM session s LEFT JOIN running r ON r.session_id = s.session_id "

static struct session read_session(sqlite3_stmt *st)
{
    return (struct session){
        .session_id = sql_text(st, 0),
        .title = sql_text(st, 1),
        .model = sql_text(st, 2),
        .provider = sql_text(st, 3),
        .first_at = sqlite3_column_int64(st, 4),
        .last_at = sqlite3_column_int64(st, 5),
        .context_tokens = sql_known(st, 6),
        .context_limit = sql_known(st, 7),
        .running = sqlite3_column_int64(st, 8),
        .totals = reader_totals(st, 9),
    };
}

/* Rows of a bound statement, at most max; the statement is finalized. */
static int take_sessions(sqlite3 *sq, sqlite3_stmt *st, size_t max, struct session_page *page, struct err *e)
{
    int rc;
    *page = (struct session_page){.sessions = xcalloc(max, sizeof *page->sessions)};
    while ((rc = sqlite3_step(st)) == SQLITE_ROW && page->count < max)
        page->sessions[page->count++] = read_session(st);
    if (rc != SQLITE_DONE && rc != SQLITE_ROW) {
        reader_fail(sq, e);
        session_page_done(page);
    }
    sqlite3_finalize(st);
    return rc == SQLITE_DONE || rc == SQLITE_ROW ? 0 : -1;
}

#define SQL_PAGE(condition) SQL_SESSION "WHERE last_at < ?1" condition " ORDER BY last_at DESC, s.session_id LIMIT ?2"

/* ids: a JSON array of those to choose from, or NULL. */
static int read_page(sqlite3 *sq, const char *ids, int64_t before_ms, size_t limit, struct session_page *page, struct err *e)
{
    *page = (struct session_page){0};
    if (limit == 0 || limit > READER_PAGE_MAX)
        limit = READER_PAGE_MAX;
    sqlite3_stmt *st =
        sql_prepare(sq, ids ? SQL_PAGE(" AND s.session_id IN (SELECT value FROM json_each(?3))") : SQL_PAGE(""), e);
    if (!st)
        return -1;
    sqlite3_bind_int64(st, 1, before_ms > 0 ? before_ms : INT64_MAX);
    sqlite3_bind_int64(st, 2, (int64_t)limit);
    if (ids)
        sql_bind_text(st, 3, ids);
    return take_sessions(sq, st, limit, page, e);
}

int reader_sessions(struct db *db, int64_t before_ms, size_t limit, struct session_page *page, struct err *e)
{
    return read_page(db_sqlite(db), NULL, before_ms, limit, page, e);
}

int reader_sessions_matching(struct db *db, const struct session_matches *m, int64_t before_ms, size_t limit,
                             struct session_page *page, struct err *e)
{
    struct buf ids;
    buf_init(&ids);
    for (size_t i = 0; i < m->count; i++) {
        buf_putc(&ids, i ? ',' : '[');
        json_quote(&ids, m->rows[i].session_id, strlen(m->rows[i].session_id));
    }
    buf_puts(&ids, m->count ? "]" : "[]");
    int rc = read_page(db_sqlite(db), ids.data, before_ms, limit, page, e);
    buf_done(&ids);
    return rc;
}

/* ---- One session ---- */

static int find(sqlite3 *sq, const char *sql, const char *text, struct session_page *page, struct err *e)
{
    sqlite3_stmt *st = sql_prepare(sq, sql, e);
    if (!st)
        return -1;
    sql_bind_text(st, 1, text);
    return take_sessions(sq, st, 3, page, e);
}

static int ambiguous(const char *text, const struct session_page *page, struct err *e)
{
    struct buf names;
    buf_init(&names);
    for (size_t i = 0; i < page->count; i++)
        buf_printf(&names, "%s%.40s", i ? ", " : "", page->sessions[i].session_id);
    err_set(e, "\"%.60s\" may be one of several sessions: %s%s; give more of the id", text, names.data, page->count == 3 ? " …" : "");
    buf_done(&names);
    return -1;
}

int reader_session(struct db *db, const char *id_or_title, struct session *s, struct err *e)
{
    static const char *const ways[] = {
        SQL_SESSION "WHERE s.session_id = ?1",
        SQL_SESSION "WHERE s.session_id >= ?1 AND s.session_id < ?1 || char(1114111) LIMIT 3",
        SQL_SESSION "WHERE title = ?1 LIMIT 3",
    };
    int rc = 1;
    *s = (struct session){0};
    for (size_t i = 0; i < sizeof ways / sizeof *ways && rc == 1 && *id_or_title; i++) {
        struct session_page page;
        rc = find(db_sqlite(db), ways[i], id_or_title, &page, e);
        if (rc != 0)
            return rc;
        rc = page.count == 0 ? 1 : page.count == 1 ? 0 : ambiguous(id_or_title, &page, e);
        if (rc == 0) {
            *s = page.sessions[0];
            page.count = 0; /* given away */
        }
        session_page_done(&page);
    }
    if (rc == 1)
        err_set(e, "there is no session \"%.60s\" in the log", id_or_title);
    return rc;
}

void session_done(struct session *s)
{
    free(s->session_id);
    free(s->title);
    free(s->model);
    free(s->provider);
    *s = (struct session){0};
}

void session_page_done(struct session_page *p)
{
    for (size_t i = 0; i < p->count; i++)
        session_done(&p->sessions[i]);
    free(p->sessions);
    *p = (struct session_page){0};
}

/* ---- The log's size ---- */

static int64_t bytes_of_file(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 ? (int64_t)st.st_size : 0;
}

static int meta_number(sqlite3 *sq, const char *sql, int64_t *n, struct err *e)
{
    *n = 0;
    return sql_int64(sq, sql, n, e) < 0 ? -1 : 0;
}

int reader_size(struct db *db, struct log_size *s, struct err *e)
{
    sqlite3 *sq = db_sqlite(db);
    char *wal = xasprintf("%s-wal", db_path(db));
    *s = (struct log_size){.file_bytes = bytes_of_file(db_path(db)) + bytes_of_file(wal)};
    free(wal);
    if (meta_number(sq, "SELECT value FROM meta WHERE key = 'raw_body_bytes'", &s->raw_body_bytes, e) != 0 ||
        meta_number(sq, "SELECT value FROM meta WHERE key = 'stored_body_bytes'", &s->stored_body_bytes, e) != 0)
        return -1;
    return meta_number(sq, "SELECT count(*) FROM call", &s->calls, e);
}
