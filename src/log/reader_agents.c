/* The agents of a session, counted from its calls. */
#include <stdlib.h>

#include "base/mem.h"
#include "log/reader.h"
#include "log/reader_row.h"
#include "log/sql.h"

#define AGENTS_MAX 1000

/* Open calls count as running alone. */
static const char SQL_AGENTS[] =
    "SELECT g.agent_id, coalesce(a.parent_agent_id, g.parent_agent_id), a.type, a.description, a.tool_use_id, a.parent_call_id,"
    " g.first_call_id, g.first_at, g.last_at, g.running, g.calls, g.errors, g.retries, g.tokens_in, g.tokens_cache_read,"
    " g.tokens_cache_write_5m, g.tokens_cache_write_1h, g.tokens_out, g.cost_microusd, g.unpriced_calls, g.cache_breaks,"
    " g.cache_break_microusd FROM ("
    "SELECT agent_id, max(parent_agent_id) AS parent_agent_id, min(id) AS first_call_id, min(started_at) AS first_at, max(last_at) AS last_at, sum(running) AS running,"
    " ifnull(sum(calls) FILTER (WHERE NOT running), 0) AS calls, sum(errors) AS errors, sum(retries) AS retries,"
    " sum(tokens_in) AS tokens_in, sum(tokens_cache_read) AS tokens_cache_read,"
    " sum(tokens_cache_write_5m) AS tokens_cache_write_5m, sum(tokens_cache_write_1h) AS tokens_cache_write_1h,"
    " sum(tokens_out) AS tokens_out, sum(cost_microusd) AS cost_microusd,"
    " ifnull(sum(unpriced_calls) FILTER (WHERE NOT running), 0) AS unpriced_calls, sum(cache_breaks) AS cache_breaks,"
    " sum(cache_break_microusd) AS cache_break_microusd FROM ("
    "SELECT c.agent_id, c.parent_agent_id, c.id, c.started_at, ifnull(c.finished_at, c.started_at) AS last_at, c.state = 'open' AS running,"
    " " READER_ENDED_FIGURES " FROM call c WHERE c.session_id = ?1) GROUP BY agent_id) g"
    " LEFT JOIN agent a ON a.session_id = ?1 AND a.agent_id = g.agent_id ORDER BY g.first_call_id LIMIT ?2";

static struct agent_row read_agent(sqlite3_stmt *st)
{
    return (struct agent_row){
        .agent_id = sql_text(st, 0),
        .parent_agent_id = sql_text(st, 1),
        .type = sql_text(st, 2),
        .description = sql_text(st, 3),
        .tool_use_id = sql_text(st, 4),
        .parent_call_id = sql_known(st, 5),
        .first_call_id = sqlite3_column_int64(st, 6),
        .first_at = sqlite3_column_int64(st, 7),
        .last_at = sqlite3_column_int64(st, 8),
        .running = sqlite3_column_int64(st, 9),
        .totals = reader_totals(st, 10),
    };
}

int reader_agents(struct db *db, const char *session_id, struct agent_page *page, struct err *e)
{
    sqlite3 *sq = db_sqlite(db);
    size_t cap = 0;
    int rc;
    *page = (struct agent_page){0};
    sqlite3_stmt *st = sql_prepare(sq, SQL_AGENTS, e);
    if (!st)
        return -1;
    sql_bind_text(st, 1, session_id);
    sqlite3_bind_int(st, 2, AGENTS_MAX);
    while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
        if (page->count == cap) {
            cap = cap ? cap * 2 : 8;
            page->rows = xrealloc(page->rows, cap * sizeof *page->rows);
        }
        page->rows[page->count++] = read_agent(st);
    }
    if (rc != SQLITE_DONE) {
        reader_fail(sq, e);
        agent_page_done(page);
    }
    sqlite3_finalize(st);
    return rc == SQLITE_DONE ? 0 : -1;
}

int reader_launch(struct db *db, const char *session_id, const char *agent_id, struct agent_row *a, struct err *e)
{
    static const char sql[] = "SELECT agent_id, parent_agent_id, type, description, tool_use_id, parent_call_id, first_call_id"
                              " FROM agent WHERE session_id = ?1 AND agent_id = ?2";
    sqlite3 *sq = db_sqlite(db);
    sqlite3_stmt *st = sql_prepare(sq, sql, e);
    *a = (struct agent_row){0};
    if (!st)
        return -1;
    sql_bind_text(st, 1, session_id);
    sql_bind_text(st, 2, agent_id);
    int rc = sqlite3_step(st);
    if (rc == SQLITE_ROW)
        *a = (struct agent_row){.agent_id = sql_text(st, 0),
                                .parent_agent_id = sql_text(st, 1),
                                .type = sql_text(st, 2),
                                .description = sql_text(st, 3),
                                .tool_use_id = sql_text(st, 4),
                                .parent_call_id = sql_known(st, 5),
                                .first_call_id = sql_known(st, 6)};
    else if (rc != SQLITE_DONE)
        reader_fail(sq, e);
    sqlite3_finalize(st);
    return rc == SQLITE_ROW ? 0 : rc == SQLITE_DONE ? 1 : -1;
}

void agent_row_done(struct agent_row *a)
{
    free(a->agent_id);
    free(a->parent_agent_id);
    free(a->type);
    free(a->description);
    free(a->tool_use_id);
    *a = (struct agent_row){0};
}

void agent_page_done(struct agent_page *p)
{
    for (size_t i = 0; i < p->count; i++)
        agent_row_done(&p->rows[i]);
    free(p->rows);
    *p = (struct agent_page){0};
}
