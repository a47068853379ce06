#include "log/journal_amends.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "log/sql.h"

struct amends {
    struct rows *rows;
    struct sums *sums;
    sqlite3_stmt *read;
    sqlite3_stmt *update;
    sqlite3_stmt *set;
    struct queue_op *first; /* of rows no longer in memory, oldest first */
    struct queue_op **last;
    size_t count;
    size_t bytes;
    int64_t credits_microusd;
    int64_t credits_call; /* the newest call whose row told credits */
    bool has_new_credits;
};

/* All that the sums were made from, in the order read_row() takes it. */
static const char SQL_READ[] =
    "SELECT state, started_at, finished_at, session_id, purpose, model_asked, model_sent, model_served, provider_served,"
    " tokens_in, tokens_cache_read, tokens_cache_write_5m, tokens_cache_write_1h, tokens_out, cost_microusd,"
    " cost_source, cost_catalog_microusd, respan_cache, ttft_ms, attempt, cache_break, is_retry, cache_break_microusd"
    " FROM call WHERE id = ?1";

/* ---- Opening and taking ------------------------------------------------------- */

struct amends *amends_open(sqlite3 *sq, struct rows *rows, struct sums *sums, struct err *e)
{
    struct amends *a = xcalloc(1, sizeof *a);
    a->rows = rows;
    a->sums = sums;
    a->last = &a->first;
    a->read = sql_prepare(sq, SQL_READ, e);
    a->update = sql_prepare(sq,
                            "UPDATE call SET provider_served = ?2, model_served = ?3, respan_cache = ?4,"
                            " cost_microusd = ?5, cost_source = ?6, cost_catalog_microusd = ?7, cost_differs = ?8,"
                            " cache_break = ?9"
                            " WHERE id = ?1",
                            e);
    a->set = sql_prepare(sq, "INSERT OR REPLACE INTO setting(key, value) VALUES(?1, ?2)", e);
    if (a->read && a->update && a->set)
        return a;
    amends_free(a);
    return NULL;
}

static void drop_all(struct amends *a)
{
    for (struct queue_op *next; a->first; a->first = next) {
        next = a->first->next;
        queue_op_free(a->first);
    }
    a->last = &a->first;
    a->count = a->bytes = 0;
}

void amends_free(struct amends *a)
{
    if (!a)
        return;
    sqlite3_finalize(a->read);
    sqlite3_finalize(a->update);
    sqlite3_finalize(a->set);
    drop_all(a);
    free(a);
}

/* Answers come in any order; the newest call's credits are the last word. */
static void take_credits(struct amends *a, const struct queue_op *op)
{
    if (op->amend.credits_left_microusd == INT64_MIN || op->call.id < a->credits_call)
        return;
    a->credits_microusd = op->amend.credits_left_microusd;
    a->credits_call = op->call.id;
    a->has_new_credits = true;
}

void amends_take(struct amends *a, struct queue_op *op)
{
    struct row *row = rows_find(a->rows, op->call.id);
    take_credits(a, op);
    if (row) {
        amend_apply(&row->call, &op->amend);
        row->queue_bytes += op->bytes;
        rows_mark_dirty(a->rows, row);
        queue_op_free(op);
        return;
    }
    op->next = NULL;
    *a->last = op;
    a->last = &op->next;
    a->count++;
    a->bytes += op->bytes;
}

size_t amends_count(const struct amends *a)
{
    return a->count;
}

/* ---- Writing ------------------------------------------------------------------- */

static bool is_word(sqlite3_stmt *st, int column, const char *word)
{
    const char *text = (const char *)sqlite3_column_text(st, column);
    return text && strcmp(text, word) == 0;
}

static void read_figures(sqlite3_stmt *st, struct call *c)
{
    c->usage.in = sql_known(st, 9);
    c->usage.cache_read = sql_known(st, 10);
    c->usage.cache_write_5m = sql_known(st, 11);
    c->usage.cache_write_1h = sql_known(st, 12);
    c->usage.out = sql_known(st, 13);
    c->cost_microusd = sql_known(st, 14);
    c->cost_source = is_word(st, 15, "respan") ? COST_RESPAN : c->cost_microusd >= 0 ? COST_CATALOG : COST_NONE;
    c->cost_catalog_microusd = sql_known(st, 16);
    c->respan_cache = is_word(st, 17, "hit") ? 1 : is_word(st, 17, "miss") ? 0 : -1;
    c->ttft_ms = sql_known(st, 18);
    c->attempt = sql_known(st, 19);
    c->cache_break = sql_text(st, 20);
    c->cache_break_microusd = sql_known(st, 22);
}

static void read_call(sqlite3_stmt *st, int64_t id, struct call *c)
{
    const char *purpose = (const char *)sqlite3_column_text(st, 4);
    call_init(c);
    c->id = id;
    c->state = is_word(st, 0, "open") ? CALL_OPEN : is_word(st, 0, "error") ? CALL_ERROR : CALL_DONE;
    c->started_at = sqlite3_column_int64(st, 1);
    c->finished_at = sql_known(st, 2);
    c->has_purpose = purpose && purpose_parse(purpose, &c->purpose);
    c->session_id = sql_text(st, 3);
    c->model_asked = sql_text(st, 5);
    c->model_sent = sql_text(st, 6);
    c->model_served = sql_text(st, 7);
    c->provider_served = sql_text(st, 8);
    read_figures(st, c);
}

/* The same row before and after; 1: there is none. */
static int read_row(struct amends *a, int64_t id, struct call *before, struct call *after, bool *is_retry,
                    struct err *e)
{
    sqlite3_bind_int64(a->read, 1, id);
    int rc = sqlite3_step(a->read);
    if (rc == SQLITE_ROW) {
        read_call(a->read, id, before);
        read_call(a->read, id, after);
        *is_retry = sqlite3_column_int(a->read, 21) != 0;
    } else if (rc != SQLITE_DONE) {
        err_set(e, "%s", sqlite3_errmsg(sqlite3_db_handle(a->read)));
    }
    sqlite3_reset(a->read);
    return rc == SQLITE_ROW ? 0 : rc == SQLITE_DONE ? 1 : -1;
}

static int update(struct amends *a, const struct call *c, struct err *e)
{
    sqlite3_bind_int64(a->update, 1, c->id);
    sql_bind_text(a->update, 2, c->provider_served);
    sql_bind_text(a->update, 3, c->model_served);
    sql_bind_text(a->update, 4, c->respan_cache < 0 ? NULL : c->respan_cache ? "hit" : "miss");
    sql_bind_known(a->update, 5, c->cost_microusd);
    sql_bind_text(a->update, 6, c->cost_microusd >= 0 ? cost_source_name(c->cost_source) : NULL);
    sql_bind_known(a->update, 7, c->cost_catalog_microusd);
    sqlite3_bind_int(a->update, 8, c->cost_differs);
    sql_bind_text(a->update, 9, c->cache_break);
    return sql_done(a->update, e);
}

static int write_one(struct amends *a, const struct queue_op *op, struct err *e)
{
    struct call before, after;
    bool is_retry = false;
    int rc = read_row(a, op->call.id, &before, &after, &is_retry, e);
    if (rc != 0)
        return rc > 0 ? 0 : -1;
    amend_apply(&after, &op->amend);
    rc = update(a, &after, e);
    /* An open call is not summed up yet. */
    if (rc == 0 && before.state != CALL_OPEN)
        rc = sums_amend(a->sums, &before, &after, is_retry, e);
    call_done(&before);
    call_done(&after);
    return rc;
}

static int set(struct amends *a, const char *key, int64_t value, struct err *e)
{
    char text[32];
    snprintf(text, sizeof text, "%" PRId64, value);
    sql_bind_text(a->set, 1, key);
    sql_bind_text(a->set, 2, text);
    return sql_done(a->set, e);
}

int amends_write(struct amends *a, struct err *e)
{
    for (const struct queue_op *op = a->first; op; op = op->next)
        if (write_one(a, op, e) != 0)
            return -1;
    if (!a->has_new_credits)
        return 0;
    if (set(a, "credits_left_microusd", a->credits_microusd, e) != 0)
        return -1;
    return set(a, "credits_left_at", clock_wall_ms(), e);
}

size_t amends_written(struct amends *a)
{
    size_t bytes = a->bytes;
    drop_all(a);
    a->has_new_credits = false;
    return bytes;
}
