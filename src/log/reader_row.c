#include "log/reader_row.h"

#include <stdlib.h>
#include <string.h>

#include "log/sql.h"

/* In the order read_texts() and read_figures() take them. */
static const char SQL_ROW[] =
    "SELECT session_id, session_title, agent_id, parent_agent_id, method, path, error_type, error_message, stop_reason,"
    " model_asked, model_sent, model_served, provider_pinned, provider_served, request_id, respan_log_id, cache_break,"
    " request_headers, sent_headers, response_headers, route_note, changes, work_dir,"
    " id, started_at, finished_at, status, tokens_in, tokens_cache_read, tokens_cache_write_5m, tokens_cache_write_1h,"
    " tokens_out, web_searches, cost_microusd, ttfb_ms, ttft_ms, duration_ms, bytes_in, bytes_out, attempt,"
    " live_tokens_out, live_bytes_out, cost_catalog_microusd, cache_break_microusd,"
    " state, purpose, cost_source, respan_cache, body_state, has_sent_body, live_is_estimate, cost_differs"
    " FROM calls WHERE id = ?1";

static int read_texts(sqlite3_stmt *st, struct call *c)
{
    char **const texts[] = {
        &c->session_id, &c->session_title, &c->agent_id, &c->parent_agent_id, &c->method, &c->path, &c->error_type,
        &c->error_message, &c->stop_reason, &c->model_asked, &c->model_sent, &c->model_served, &c->provider_pinned,
        &c->provider_served, &c->request_id, &c->respan_log_id, &c->cache_break, &c->request_headers, &c->sent_headers,
        &c->response_headers, &c->route_note, &c->changes, &c->work_dir,
    };
    int count = sizeof texts / sizeof *texts;
    for (int i = 0; i < count; i++)
        *texts[i] = sql_text(st, i);
    return count;
}

static int read_figures(sqlite3_stmt *st, int at, struct call *c)
{
    int64_t *const figures[] = {
        &c->id, &c->started_at, &c->finished_at, &c->status, &c->usage.in, &c->usage.cache_read, &c->usage.cache_write_5m,
        &c->usage.cache_write_1h, &c->usage.out, &c->usage.web_searches, &c->cost_microusd, &c->ttfb_ms, &c->ttft_ms,
        &c->duration_ms, &c->bytes_in, &c->bytes_out, &c->attempt, &c->live_tokens_out, &c->live_bytes_out,
        &c->cost_catalog_microusd, &c->cache_break_microusd,
    };
    int count = sizeof figures / sizeof *figures;
    for (int i = 0; i < count; i++)
        *figures[i] = sql_known(st, at + i);
    return at + count;
}

static bool is_word(sqlite3_stmt *st, int column, const char *word)
{
    const char *text = (const char *)sqlite3_column_text(st, column);
    return text && word && strcmp(text, word) == 0;
}

static void read_words(sqlite3_stmt *st, int at, struct call *c)
{
    const char *purpose = (const char *)sqlite3_column_text(st, at + 1);
    for (int s = CALL_OPEN; s <= CALL_LOST; s++)
        if (is_word(st, at, call_state_name((enum call_state)s)))
            c->state = (enum call_state)s;
    c->has_purpose = purpose && purpose_parse(purpose, &c->purpose);
    for (int s = COST_RESPAN; s <= COST_CATALOG; s++)
        if (is_word(st, at + 2, cost_source_name((enum cost_source)s)))
            c->cost_source = (enum cost_source)s;
    c->respan_cache = is_word(st, at + 3, "hit") ? 1 : is_word(st, at + 3, "miss") ? 0 : -1;
    c->body_state = BODY_DROPPED; /* a word that is not known promises no body */
    for (int s = BODY_KEPT; s <= BODY_REDACTED; s++)
        if (is_word(st, at + 4, body_state_name((enum body_state)s)))
            c->body_state = (enum body_state)s;
    c->has_sent_body = sqlite3_column_int(st, at + 5) != 0;
    c->live_is_estimate = sqlite3_column_int(st, at + 6) != 0;
    c->cost_differs = sqlite3_column_int(st, at + 7) != 0;
}

sqlite3_stmt *reader_prepare_row(sqlite3 *sq, struct err *e)
{
    return sql_prepare(sq, SQL_ROW, e);
}

int reader_read_row(sqlite3_stmt *st, int64_t id, struct call *c, struct err *e)
{
    call_init(c);
    sqlite3_bind_int64(st, 1, id);
    int rc = sqlite3_step(st);
    if (rc == SQLITE_ROW)
        read_words(st, read_figures(st, read_texts(st, c), c), c);
    else if (rc != SQLITE_DONE)
        reader_fail(sqlite3_db_handle(st), e);
    sqlite3_reset(st);
    return rc == SQLITE_ROW ? 0 : rc == SQLITE_DONE ? 1 : -1;
}

int reader_begin(sqlite3 *sq, struct err *e)
{
    struct err ignored;
    return sql_run(sq, "BEGIN", &ignored) == 0 ? 0 : reader_fail(sq, e);
}

void reader_end(sqlite3 *sq)
{
    if (!sqlite3_get_autocommit(sq))
        sql_try(sq, "COMMIT");
}

int reader_fail(sqlite3 *sq, struct err *e)
{
    return err_set(e, "the log cannot be read: %s", sqlite3_errmsg(sq));
}

struct totals reader_totals(sqlite3_stmt *st, int at)
{
    return (struct totals){
        .calls = sqlite3_column_int64(st, at),
        .errors = sqlite3_column_int64(st, at + 1),
        .retries = sqlite3_column_int64(st, at + 2),
        .tokens_in = sqlite3_column_int64(st, at + 3),
        .tokens_cache_read = sqlite3_column_int64(st, at + 4),
        .tokens_cache_write_5m = sqlite3_column_int64(st, at + 5),
        .tokens_cache_write_1h = sqlite3_column_int64(st, at + 6),
        .tokens_out = sqlite3_column_int64(st, at + 7),
        .cost_microusd = sqlite3_column_int64(st, at + 8),
        .unpriced_calls = sqlite3_column_int64(st, at + 9),
        .cache_breaks = sqlite3_column_int64(st, at + 10),
        .cache_break_microusd = sqlite3_column_int64(st, at + 11),
    };
}
