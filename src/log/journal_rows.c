#include "log/journal_rows.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "log/sql.h"

#define BUCKETS 1024 /* calls in flight; chains stay short far beyond any client */

struct rows {
    struct row *buckets[BUCKETS];
    struct row *first_dirty;
    struct row **last_dirty;
    size_t dirty_count;
    sqlite3_stmt *insert;
    sqlite3_stmt *replace;
    sqlite3_stmt *update;
    sqlite3_stmt *put_headers;
};

/* Columns in the order bind_row() binds them; the id and the lists stand apart. */
static const char *const columns[] = {
    "state",
    "started_at",
    "finished_at",
    "session_id",
    "agent_id",
    "parent_agent_id",
    "purpose",
    "method",
    "path",
    "status",
    "error_type",
    "error_message",
    "stop_reason",
    "model_asked",
    "model_sent",
    "model_served",
    "provider_pinned",
    "provider_served",
    "tokens_in",
    "tokens_cache_read",
    "tokens_cache_write_5m",
    "tokens_cache_write_1h",
    "tokens_out",
    "web_searches",
    "cost_microusd",
    "cost_source",
    "cost_catalog_microusd",
    "cost_differs",
    "respan_cache",
    "ttfb_ms",
    "ttft_ms",
    "duration_ms",
    "bytes_in",
    "bytes_out",
    "request_id",
    "respan_log_id",
    "attempt",
    "is_retry",
    "cache_break",
    "cache_break_microusd",
    "route_note",
    "changes",
    "work_dir",
};
#define COLUMNS       ((int)(sizeof columns / sizeof *columns))
#define AT_ID         (COLUMNS + 1)
#define AT_BODY_STATE (COLUMNS + 2)
#define AT_LISTS      (COLUMNS + 3)

static const char *const list_columns[ROW_BODIES] = {"request_body", "sent_body", "response_body"};

/* ---- Statements -------------------------------------------------------------- */

static void write_insert_sql(struct buf *sql, const char *or)
{
    buf_printf(sql, "INSERT OR %s INTO call(", or);
    for (int i = 0; i < COLUMNS; i++)
        buf_printf(sql, "%s, ", columns[i]);
    buf_puts(sql, "id, body_state, request_body, sent_body, response_body) VALUES(");
    for (int i = 1; i < AT_LISTS + ROW_BODIES; i++)
        buf_printf(sql, i == 1 ? "?%d" : ", ?%d", i);
    buf_puts(sql, ")");
}

/* An end brings some lists and must not bring back those that have expired. */
static void write_update_sql(struct buf *sql)
{
    buf_puts(sql, "UPDATE OR FAIL call SET "); /* the batch is rolled back then: nothing need be kept to undo it alone */
    for (int i = 0; i < COLUMNS; i++)
        buf_printf(sql, "%s = ?%d, ", columns[i], i + 1);
    for (int i = 0; i < ROW_BODIES; i++)
        buf_printf(sql, "%s = coalesce(?%d, %s), ", list_columns[i], AT_LISTS + i, list_columns[i]);
    buf_printf(sql, "body_state = CASE body_state WHEN 'expired' THEN body_state ELSE ?%d END WHERE id = ?%d",
               AT_BODY_STATE, AT_ID);
}

struct rows *rows_open(sqlite3 *sq, struct err *e)
{
    struct rows *r = xcalloc(1, sizeof *r);
    struct buf sql;
    r->last_dirty = &r->first_dirty;
    buf_init(&sql);
    write_insert_sql(&sql, "FAIL");
    r->insert = sql_prepare(sq, sql.data, e);
    buf_reset(&sql);
    write_insert_sql(&sql, "REPLACE");
    r->replace = r->insert ? sql_prepare(sq, sql.data, e) : NULL;
    buf_reset(&sql);
    write_update_sql(&sql);
    r->update = r->replace ? sql_prepare(sq, sql.data, e) : NULL;
    buf_done(&sql);
    r->put_headers = r->update ? sql_prepare(sq, "INSERT OR REPLACE INTO headers(call_id, request, sent, response) VALUES(?,?,?,?)", e) : NULL;
    if (r->put_headers)
        return r;
    rows_free(r);
    return NULL;
}

static void row_free(struct row *row)
{
    call_done(&row->call);
    for (int i = 0; i < ROW_BODIES; i++)
        free(row->lists[i]);
    free(row);
}

void rows_free(struct rows *r)
{
    if (!r)
        return;
    for (size_t i = 0; i < BUCKETS; i++) {
        for (struct row *row = r->buckets[i], *next; row; row = next) {
            next = row->next;
            row_free(row);
        }
    }
    sqlite3_finalize(r->insert);
    sqlite3_finalize(r->replace);
    sqlite3_finalize(r->update);
    sqlite3_finalize(r->put_headers);
    free(r);
}

/* ---- Rows in memory ------------------------------------------------------------ */

static struct row **row_slot(struct rows *r, int64_t id)
{
    struct row **slot = &r->buckets[(uint64_t)id % BUCKETS];
    while (*slot && (*slot)->call.id != id)
        slot = &(*slot)->next;
    return slot;
}

static struct row *row_new(struct rows *r, struct call *c)
{
    struct row *row = xcalloc(1, sizeof *row);
    struct row **slot = &r->buckets[(uint64_t)c->id % BUCKETS];
    row->call = *c;
    call_init(c);
    row->next = *slot;
    *slot = row;
    return row;
}

struct row *rows_begin(struct rows *r, struct call *c)
{
    struct row *row = *row_slot(r, c->id);
    if (!row)
        return row_new(r, c);
    call_merge(&row->call, c);
    return row;
}

struct row *rows_find(struct rows *r, int64_t id)
{
    return *row_slot(r, id);
}

struct row *rows_end(struct rows *r, struct call *c)
{
    struct row *row = *row_slot(r, c->id);
    if (row)
        call_merge(&row->call, c);
    else
        row = row_new(r, c);
    row->is_ended = true;
    return row;
}

void rows_mark_dirty(struct rows *r, struct row *row)
{
    if (row->is_dirty)
        return;
    row->is_dirty = true;
    row->next_dirty = NULL;
    *r->last_dirty = row;
    r->last_dirty = &row->next_dirty;
    r->dirty_count++;
}

struct row *rows_dirty(struct rows *r)
{
    return r->first_dirty;
}

size_t rows_dirty_count(const struct rows *r)
{
    return r->dirty_count;
}

void row_set_list(struct row *row, enum body_kind kind, const char *list, size_t len)
{
    free(row->lists[kind]);
    row->lists[kind] = xmalloc(len);
    memcpy(row->lists[kind], list, len);
    row->list_lens[kind] = len;
}

static void drop_lists(struct row *row)
{
    row->raw_bytes = 0;
    for (int i = 0; i < ROW_BODIES; i++) {
        free(row->lists[i]);
        row->lists[i] = NULL;
    }
}

/* A row that nobody has written: true when it loses its bodies. */
static bool start_anew(struct row *row)
{
    bool has_body = row->call.body_state == BODY_KEPT || row->call.body_state == BODY_REDACTED;
    drop_lists(row);
    if (has_body)
        row->call.body_state = BODY_DROPPED;
    row->is_dirty = row->is_inserted = row->is_announced = false;
    return has_body;
}

size_t rows_move(struct rows *to, struct rows *from)
{
    size_t without = 0;
    for (size_t i = 0; i < BUCKETS; i++) {
        for (struct row *row = from->buckets[i], *next; row; row = next) {
            next = row->next;
            without += start_anew(row);
            row->next = to->buckets[i];
            to->buckets[i] = row;
            rows_mark_dirty(to, row);
        }
        from->buckets[i] = NULL;
    }
    from->first_dirty = NULL;
    from->last_dirty = &from->first_dirty;
    from->dirty_count = 0;
    return without;
}

/* ---- Writing ----------------------------------------------------------------- */

static int bind_head(sqlite3_stmt *st, int at, const struct call *c)
{
    sql_bind_text(st, at++, call_state_name(c->state));
    sqlite3_bind_int64(st, at++, c->started_at >= 0 ? c->started_at : c->finished_at >= 0 ? c->finished_at : 0);
    sql_bind_known(st, at++, c->finished_at);
    sql_bind_text(st, at++, c->session_id);
    sql_bind_text(st, at++, c->agent_id);
    sql_bind_text(st, at++, c->parent_agent_id);
    sql_bind_text(st, at++, c->has_purpose ? purpose_name(c->purpose) : NULL);
    sql_bind_text(st, at++, c->method);
    sql_bind_text(st, at++, c->path);
    sql_bind_known(st, at++, c->status);
    sql_bind_text(st, at++, c->error_type);
    sql_bind_text(st, at++, c->error_message);
    sql_bind_text(st, at++, c->stop_reason);
    sql_bind_text(st, at++, c->model_asked);
    sql_bind_text(st, at++, c->model_sent);
    sql_bind_text(st, at++, c->model_served);
    sql_bind_text(st, at++, c->provider_pinned);
    sql_bind_text(st, at++, c->provider_served);
    return at;
}

static int bind_figures(sqlite3_stmt *st, int at, const struct call *c)
{
    sql_bind_known(st, at++, c->usage.in);
    sql_bind_known(st, at++, c->usage.cache_read);
    sql_bind_known(st, at++, c->usage.cache_write_5m);
    sql_bind_known(st, at++, c->usage.cache_write_1h);
    sql_bind_known(st, at++, c->usage.out);
    sql_bind_known(st, at++, c->usage.web_searches);
    sql_bind_known(st, at++, c->cost_microusd);
    sql_bind_text(st, at++, c->cost_microusd >= 0 ? cost_source_name(c->cost_source) : NULL);
    sql_bind_known(st, at++, c->cost_catalog_microusd);
    sqlite3_bind_int(st, at++, c->cost_differs);
    sql_bind_text(st, at++, c->respan_cache < 0 ? NULL : c->respan_cache ? "hit" : "miss");
    sql_bind_known(st, at++, c->ttfb_ms);
    sql_bind_known(st, at++, c->ttft_ms);
    sql_bind_known(st, at++, c->duration_ms);
    sql_bind_known(st, at++, c->bytes_in);
    sql_bind_known(st, at++, c->bytes_out);
    return at;
}

static void bind_tail(sqlite3_stmt *st, int at, const struct row *row)
{
    const struct call *c = &row->call;
    sql_bind_text(st, at++, c->request_id);
    sql_bind_text(st, at++, c->respan_log_id);
    sql_bind_known(st, at++, c->attempt);
    sqlite3_bind_int(st, at++, row->is_retry);
    sql_bind_text(st, at++, c->cache_break);
    sql_bind_known(st, at++, c->cache_break_microusd);
    sql_bind_text(st, at++, c->route_note);
    sql_bind_text(st, at++, c->changes);
    sql_bind_text(st, at++, c->work_dir);
    sqlite3_bind_int64(st, at++, c->id);
    sql_bind_text(st, at++, body_state_name(c->body_state));
    for (int i = 0; i < ROW_BODIES; i++)
        sql_bind_blob(st, at++, (struct bytes){row->lists[i], row->list_lens[i]});
}

static bool has_headers(const struct call *c)
{
    return c->request_headers || c->sent_headers || c->response_headers;
}

static int write_headers(struct rows *r, const struct call *c, struct err *e)
{
    if (!has_headers(c))
        return 0;
    sqlite3_bind_int64(r->put_headers, 1, c->id);
    sql_bind_text(r->put_headers, 2, c->request_headers);
    sql_bind_text(r->put_headers, 3, c->sent_headers);
    sql_bind_text(r->put_headers, 4, c->response_headers);
    return sql_done(r->put_headers, e);
}

static int write_call(sqlite3_stmt *st, const struct row *row, struct err *e)
{
    int at = bind_head(st, 1, &row->call);
    at = bind_figures(st, at, &row->call);
    bind_tail(st, at, row);
    return sql_done(st, e);
}

/* OR REPLACE costs a third more, for it is ready to take a row out of every index; a row
 * is in the way only when somebody put one there, or put back an older log. */
static int insert_call(struct rows *r, const struct row *row, struct err *e)
{
    struct err why;
    if (write_call(r->insert, row, &why) == 0)
        return 0;
    if ((sqlite3_errcode(sqlite3_db_handle(r->insert)) & 0xff) == SQLITE_CONSTRAINT)
        return write_call(r->replace, row, e);
    return err_set(e, "%s", why.text);
}

int rows_write(struct rows *r, const struct row *row, struct err *e)
{
    if ((row->is_inserted ? write_call(r->update, row, e) : insert_call(r, row, e)) != 0)
        return -1;
    return write_headers(r, &row->call, e);
}

static void settle(struct rows *r, struct row *row)
{
    row->is_dirty = false;
    row->is_inserted = row->is_announced = true;
    row->queue_bytes = 0;
    drop_lists(row);
    if (!row->is_ended)
        return;
    struct row **slot = row_slot(r, row->call.id);
    *slot = row->next;
    row_free(row);
}

size_t rows_written(struct rows *r, int64_t *ended)
{
    size_t bytes = 0;
    *ended = 0;
    for (struct row *row = r->first_dirty, *next; row; row = next) {
        next = row->next_dirty;
        bytes += row->queue_bytes;
        *ended += row->is_ended;
        settle(r, row);
    }
    r->first_dirty = NULL;
    r->last_dirty = &r->first_dirty;
    r->dirty_count = 0;
    return bytes;
}
