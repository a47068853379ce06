#include "log/breaks_recall.h"

#include "base/buf.h"
#include "log/bodies.h"
#include "log/sql.h"

/* Only the session's last rows: a new agent of an old session must not read all of it. */
static const char SQL_BEFORE[] =
    "SELECT id, started_at, finished_at, model_sent, model_served, provider_pinned, provider_served,"
    " tokens_in, tokens_cache_read, tokens_cache_write_5m, tokens_cache_write_1h"
    " FROM call WHERE id IN (SELECT id FROM call WHERE session_id = ?1 AND id < ?2 ORDER BY id DESC LIMIT 200)"
    " AND agent_id IS ?3 AND purpose IN ('main', 'subagent', 'fork') AND tokens_cache_read IS NOT NULL"
    " AND request_body IS NOT NULL AND ifnull(respan_cache, '') <> 'hit'"
    " ORDER BY id DESC LIMIT 1";

static void read_row(sqlite3_stmt *st, struct call *c)
{
    call_init(c);
    c->id = sqlite3_column_int64(st, 0);
    c->started_at = sqlite3_column_int64(st, 1);
    c->finished_at = sql_known(st, 2);
    c->model_sent = sql_text(st, 3);
    c->model_served = sql_text(st, 4);
    c->provider_pinned = sql_text(st, 5);
    c->provider_served = sql_text(st, 6);
    c->usage.in = sql_known(st, 7);
    c->usage.cache_read = sql_known(st, 8);
    c->usage.cache_write_5m = sql_known(st, 9);
    c->usage.cache_write_1h = sql_known(st, 10);
}

static int find_before(sqlite3 *sq, const struct call *c, int64_t below_id, struct call *old)
{
    struct err ignored;
    sqlite3_stmt *st = sql_prepare(sq, SQL_BEFORE, &ignored);
    if (!st)
        return 1;
    sql_bind_text(st, 1, c->session_id);
    sqlite3_bind_int64(st, 2, below_id);
    sql_bind_text(st, 3, c->agent_id);
    int rc = sqlite3_step(st) == SQLITE_ROW ? 0 : 1;
    if (rc == 0)
        read_row(st, old);
    sqlite3_finalize(st);
    return rc;
}

int breaks_recall(sqlite3 *sq, const struct catalog *catalog, const struct call *c, int64_t below_id,
                  struct break_call *old)
{
    struct call row;
    struct buf body;
    struct err ignored;
    if (find_before(sq, c, below_id, &row) != 0)
        return 1;
    buf_init(&body);
    struct image *image = NULL;
    if (bodies_read_on(sq, row.id, BODY_SENT, &body, &ignored) == 0)
        image = image_of(buf_bytes(&body));
    buf_done(&body);
    if (image)
        break_call_fill(old, &row, image, catalog);
    call_done(&row);
    return image ? 0 : 1;
}
