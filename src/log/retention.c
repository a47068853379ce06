#include "log/retention.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/diag.h"
#include "base/mem.h"
#include "log/body_list.h"
#include "log/sql.h"
#include "log/sweep.h"

#define EPOCH_BYTES_DEFAULT ((int64_t)64 << 20)
#define EPOCHS_IN_BOUND     32                  /* a smaller part means more renewals, a larger one coarser expiry */
#define STEP_US             ((int64_t)10000)    /* work within a step; its commit comes on top */
#define PAUSE_US            ((int64_t)20000)    /* between steps: others may write */
#define LOOK_US             ((int64_t)1000000)  /* how often the bounds are looked at while calls come, */
#define IDLE_US             ((int64_t)60000000) /* and while none come */
#define RETRY_US            ((int64_t)5000000)  /* after an error */
#define PAGE_BYTES          4096
#define UNUSED_PAGES        1024
#define FAILURES_TOLD       3 /* a program that holds the log for a moment is no news */
#define ROWS_A_TIME         50
#define SMALLEST_BOUND      ((int64_t)1 << 20)      /* the empty tables and some calls must fit */
#define MINUTES_KEPT        ((int64_t)90 * 24 * 60) /* minute sums serve charts; older ones are read by day */
#define DAY_MS              ((int64_t)86400000)
#define DOUBT_MS            ((int64_t)3600000)

enum phase { LOOK, EXPIRE_CALLS, SWEEP_BLOCKS, DELETE_CALLS, GIVE_BACK };

struct retention {
    sqlite3 *sq;
    struct bodies *bodies;
    struct sweep *sweep;
    int64_t max_bytes;
    int64_t keep_ms;
    int64_t epoch_max;
    sqlite3_stmt *add_bytes;
    sqlite3_stmt *add_epoch;
    sqlite3_stmt *read_bodies;
    sqlite3_stmt *expire;
    sqlite3_stmt *oldest;
    sqlite3_stmt *delete_call;
    sqlite3_stmt *add_meta;
    sqlite3_stmt *set_meta;
    /* the epoch that runs */
    int day;
    int64_t bytes;
    int64_t bytes_after; /* once the transaction is committed */
    int day_after;
    int64_t epoch_after; /* 0: the same */
    int64_t next_call;
    bool is_changed; /* since the last look */
    /* what is being done */
    enum phase phase;
    int64_t before_epoch; /* pieces last used before this one go */
    int64_t before_call;
    int64_t before_blk;
    int64_t at; /* next call or block */
    int64_t due_us;
    int failures;
    int64_t wall_ms; /* the time when the clock was believed last, */
    int64_t mono_ms; /* and that of the other clock then */
};

/* ---- Statements ------------------------------------------------------------------------ */

static int prepare(struct retention *r, struct err *e)
{
    sqlite3 *sq = r->sq;
    r->add_bytes = sql_prepare(sq, "UPDATE epoch SET bytes = bytes + ?2, day = ?3 WHERE id = ?1", e);
    r->add_epoch = sql_prepare(sq, "INSERT INTO epoch(id, day, first_call, first_blk) VALUES(?,?,?,?)", e);
    r->read_bodies = sql_prepare(sq,
                                 "SELECT id, request_body, sent_body, response_body FROM call"
                                 " WHERE id >= ? AND id < ? ORDER BY id LIMIT ?",
                                 e);
    r->expire = sql_prepare(sq,
                            "UPDATE call SET request_body = NULL, sent_body = NULL, response_body = NULL,"
                            " body_state = CASE WHEN body_state IN ('kept', 'redacted') THEN 'expired' ELSE body_state END"
                            " WHERE id >= ? AND id < ?",
                            e);
    r->oldest = sql_prepare(sq,
                            "SELECT id, started_at, request_body, sent_body, response_body FROM call"
                            " WHERE state <> 'open' ORDER BY id LIMIT ?",
                            e);
    r->delete_call = sql_prepare(sq, "DELETE FROM call WHERE id = ?", e);
    r->add_meta = sql_prepare(sq, "UPDATE meta SET value = value + ?2 WHERE key = ?1", e);
    r->set_meta = sql_prepare(sq, "UPDATE meta SET value = ?2 WHERE key = ?1", e);
    return r->add_bytes && r->add_epoch && r->read_bodies && r->expire && r->oldest && r->delete_call && r->add_meta &&
                   r->set_meta
               ? 0
               : -1;
}

static int read_epoch(struct retention *r, struct err *e)
{
    int64_t day = 0;
    if (sql_int64(r->sq, "SELECT coalesce(max(id), 0) + 1 FROM call", &r->next_call, e) != 0 ||
        sql_int64(r->sq, "SELECT day FROM epoch ORDER BY id DESC LIMIT 1", &day, e) != 0 ||
        sql_int64(r->sq, "SELECT bytes FROM epoch ORDER BY id DESC LIMIT 1", &r->bytes, e) != 0)
        return -1;
    r->day = (int)day;
    return 0;
}

void retention_free(struct retention *r)
{
    if (!r)
        return;
    sweep_free(r->sweep);
    sqlite3_finalize(r->add_bytes);
    sqlite3_finalize(r->add_epoch);
    sqlite3_finalize(r->read_bodies);
    sqlite3_finalize(r->expire);
    sqlite3_finalize(r->oldest);
    sqlite3_finalize(r->delete_call);
    sqlite3_finalize(r->add_meta);
    sqlite3_finalize(r->set_meta);
    free(r);
}

/* ---- Epochs ------------------------------------------------------------------------------- */

static int begin_epoch(struct retention *r, int64_t id, int64_t next_call, struct err *e)
{
    sqlite3_bind_int64(r->add_epoch, 1, id);
    sqlite3_bind_int(r->add_epoch, 2, r->day_after);
    sqlite3_bind_int64(r->add_epoch, 3, next_call);
    sqlite3_bind_int64(r->add_epoch, 4, pieces_next_blk(bodies_pieces(r->bodies)));
    return sql_done(r->add_epoch, e);
}

int retention_write(struct retention *r, int64_t stored, int64_t next_call, struct err *e)
{
    int64_t epoch = pieces_epoch(bodies_pieces(r->bodies));
    int today = clock_day_number(clock_wall_ms());
    r->bytes_after = r->bytes + stored;
    r->day_after = r->bytes == 0 ? today : r->day;
    r->epoch_after = 0;
    r->next_call = next_call;
    if (stored > 0) {
        sqlite3_bind_int64(r->add_bytes, 1, epoch);
        sqlite3_bind_int64(r->add_bytes, 2, stored);
        sqlite3_bind_int(r->add_bytes, 3, r->day_after);
        if (sql_done(r->add_bytes, e) != 0)
            return -1;
    }
    if (r->bytes_after == 0 || (r->bytes_after < r->epoch_max && r->day_after == today))
        return 0;
    r->bytes_after = 0;
    r->day_after = today;
    r->epoch_after = epoch + 1;
    return begin_epoch(r, r->epoch_after, next_call, e);
}

void retention_written(struct retention *r)
{
    r->bytes = r->bytes_after;
    r->day = r->day_after;
    if (r->epoch_after != 0)
        pieces_set_epoch(bodies_pieces(r->bodies), r->epoch_after);
    r->epoch_after = 0;
    r->is_changed = true;
}

void retention_notice(struct retention *r)
{
    int64_t soon = clock_mono_us() + LOOK_US;
    r->is_changed = true;
    if (r->due_us > soon)
        r->due_us = soon;
}

/* A gateway that nobody calls keeps its promise to forget, too: midnight ends
 * the epoch without a batch. */
static int end_old_day(struct retention *r, struct err *e)
{
    if (r->bytes == 0 || r->day == clock_day_number(clock_wall_ms()))
        return 0;
    if (sql_run(r->sq, "BEGIN IMMEDIATE", e) != 0)
        return -1;
    if (retention_write(r, 0, r->next_call, e) != 0 || sql_run(r->sq, "COMMIT", e) != 0) {
        sql_try(r->sq, "ROLLBACK");
        return -1;
    }
    retention_written(r);
    return 0;
}

struct retention *retention_open(sqlite3 *sq, struct bodies *bodies, int64_t max_bytes, int keep_days, struct err *e)
{
    struct retention *r = xcalloc(1, sizeof *r);
    r->sq = sq;
    r->bodies = bodies;
    r->max_bytes = max_bytes > 0 && max_bytes < SMALLEST_BOUND ? SMALLEST_BOUND : max_bytes;
    r->keep_ms = keep_days * DAY_MS;
    r->wall_ms = clock_wall_ms();
    r->mono_ms = clock_mono_us() / 1000;
    r->epoch_max = max_bytes > 0 ? r->max_bytes / EPOCHS_IN_BOUND : EPOCH_BYTES_DEFAULT;
    r->due_us = clock_mono_us() + LOOK_US;
    r->sweep = sweep_open(sq, bodies_pieces(bodies), e);
    if (r->sweep && prepare(r, e) == 0 && read_epoch(r, e) == 0 && end_old_day(r, e) == 0)
        return r;
    retention_free(r);
    return NULL;
}

/* ---- Looking ------------------------------------------------------------------------------ */

static int ask(struct retention *r, const char *sql, int64_t *n, struct err *e)
{
    *n = 0;
    return sql_int64(r->sq, sql, n, e) < 0 ? -1 : 0;
}

static int used_bytes(struct retention *r, int64_t *used, int64_t *unused, struct err *e)
{
    int64_t pages;
    int64_t size;
    if (ask(r, "PRAGMA page_count", &pages, e) != 0 || ask(r, "PRAGMA freelist_count", unused, e) != 0 ||
        ask(r, "PRAGMA page_size", &size, e) != 0)
        return -1;
    *used = (pages - *unused) * size;
    return 0;
}

/* The write-ahead log needs room, too, and expiry comes a little late. */
static bool is_too_large(const struct retention *r, int64_t used)
{
    return r->max_bytes > 0 && used > r->max_bytes - r->max_bytes / 8;
}

/* Free pages are used again soon, so not each is given back at once. */
static int64_t unused_max(const struct retention *r)
{
    int64_t part = r->max_bytes / PAGE_BYTES / 64;
    return r->max_bytes > 0 && part < UNUSED_PAGES ? part : UNUSED_PAGES;
}

/* A clock that jumps ahead by days is more often wrong for a moment (a laptop wakes, no
 * time server was heard yet) than right, and what is deleted by it is gone: it
 * is believed after an hour. */
static int64_t believed_ms(struct retention *r)
{
    int64_t wall_ms = clock_wall_ms();
    int64_t mono_ms = clock_mono_us() / 1000;
    int64_t expected_ms = r->wall_ms + mono_ms - r->mono_ms;
    if (wall_ms > expected_ms + DAY_MS && mono_ms - r->mono_ms < DOUBT_MS)
        return expected_ms;
    r->wall_ms = wall_ms;
    r->mono_ms = mono_ms;
    return wall_ms;
}

static bool is_too_old(struct retention *r, int64_t started_at)
{
    return r->keep_ms > 0 && started_at < believed_ms(r) - r->keep_ms;
}

/* The oldest epoch gives up its bodies when the log is too large, or when its
 * calls are gone already.  Never the one that runs. */
static int look_at_epochs(struct retention *r, bool is_large, bool *found, struct err *e)
{
    *found = false;
    sqlite3_stmt *st = sql_prepare(r->sq,
                                   "SELECT id, first_call, first_blk,"
                                   " first_call <= coalesce((SELECT min(id) FROM call), first_call) AS is_empty"
                                   " FROM epoch ORDER BY id LIMIT 1 OFFSET 1",
                                   e);
    if (!st)
        return -1;
    if (sqlite3_step(st) == SQLITE_ROW && (is_large || sqlite3_column_int(st, 3))) {
        *found = true;
        r->before_epoch = sqlite3_column_int64(st, 0);
        r->before_call = sqlite3_column_int64(st, 1);
        r->before_blk = sqlite3_column_int64(st, 2);
    }
    sqlite3_finalize(st);
    return 0;
}

static int look_at_calls(struct retention *r, bool *found, struct err *e)
{
    int64_t oldest;
    *found = false;
    if (ask(r, "SELECT started_at FROM call WHERE state <> 'open' ORDER BY id LIMIT 1", &oldest, e) != 0)
        return -1;
    *found = oldest > 0 && is_too_old(r, oldest);
    return 0;
}

static int look(struct retention *r, struct err *e)
{
    int64_t used;
    int64_t unused;
    bool found;
    (void)believed_ms(r); /* a jump is noticed when it happens, not when something is deleted by the time */
    if (end_old_day(r, e) != 0 || used_bytes(r, &used, &unused, e) != 0 || look_at_calls(r, &found, e) != 0)
        return -1;
    bool is_large = is_too_large(r, used);
    if (found) {
        r->phase = DELETE_CALLS;
        return 0;
    }
    if (look_at_epochs(r, is_large, &found, e) != 0)
        return -1;
    if (found) {
        r->phase = EXPIRE_CALLS;
        return ask(r, "SELECT value FROM meta WHERE key = 'bodies_gone_to'", &r->at, e);
    }
    r->phase = is_large ? DELETE_CALLS : unused > unused_max(r) ? GIVE_BACK : LOOK;
    return 0;
}

/* ---- Doing -------------------------------------------------------------------------------- */

static int bind_meta(sqlite3_stmt *st, const char *key, int64_t value, struct err *e)
{
    sql_bind_text(st, 1, key);
    sqlite3_bind_int64(st, 2, value);
    return sql_done(st, e);
}

static int64_t raw_bytes_of(sqlite3_stmt *st, int column)
{
    int64_t sum = 0;
    for (int i = column; i < column + 3; i++) {
        if (sqlite3_column_type(st, i) != SQLITE_BLOB)
            continue;
        int64_t len = body_list_len((struct bytes){sqlite3_column_blob(st, i), (size_t)sqlite3_column_bytes(st, i)});
        sum += len > 0 ? len : 0;
    }
    return sum;
}

/* Give up the bodies of some calls; *done when all before before_call are through. */
static int expire_calls(struct retention *r, bool *done, struct err *e)
{
    int64_t raw = 0;
    int64_t last = 0;
    int rc;
    sqlite3_bind_int64(r->read_bodies, 1, r->at);
    sqlite3_bind_int64(r->read_bodies, 2, r->before_call);
    sqlite3_bind_int(r->read_bodies, 3, ROWS_A_TIME);
    while ((rc = sqlite3_step(r->read_bodies)) == SQLITE_ROW) {
        last = sqlite3_column_int64(r->read_bodies, 0);
        raw += raw_bytes_of(r->read_bodies, 1);
    }
    sqlite3_reset(r->read_bodies);
    if (rc != SQLITE_DONE)
        return err_set(e, "%s", sqlite3_errmsg(r->sq));
    *done = last == 0;
    int64_t to = *done ? r->before_call : last + 1;
    sqlite3_bind_int64(r->expire, 1, r->at);
    sqlite3_bind_int64(r->expire, 2, to);
    if ((!*done && sql_done(r->expire, e) != 0) || bind_meta(r->add_meta, "raw_body_bytes", -raw, e) != 0 ||
        bind_meta(r->set_meta, "bodies_gone_to", to, e) != 0)
        return -1;
    r->at = to;
    return 0;
}

static int end_epoch(struct retention *r, struct err *e)
{
    sqlite3_stmt *st = sql_prepare(r->sq, "DELETE FROM epoch WHERE id < ?", e);
    if (!st)
        return -1;
    sqlite3_bind_int64(st, 1, r->before_epoch);
    int rc = sql_done(st, e);
    sqlite3_finalize(st);
    return rc;
}

static int sweep_blocks(struct retention *r, bool *done, struct err *e)
{
    int64_t freed;
    int64_t next;
    if (sweep_block(r->sweep, r->at, r->before_blk, r->before_epoch, &next, &freed, e) != 0)
        return -1;
    *done = next == 0;
    r->at = next;
    if (freed != 0 && bind_meta(r->add_meta, "stored_body_bytes", -freed, e) != 0)
        return -1;
    return *done ? end_epoch(r, e) : 0;
}

struct oldest {
    int64_t ids[ROWS_A_TIME];
    size_t count;
    int64_t raw;
};

static int read_oldest(struct retention *r, bool any_age, struct oldest *o, struct err *e)
{
    int rc;
    *o = (struct oldest){0};
    sqlite3_bind_int(r->oldest, 1, ROWS_A_TIME);
    while ((rc = sqlite3_step(r->oldest)) == SQLITE_ROW) {
        if (!any_age && !is_too_old(r, sqlite3_column_int64(r->oldest, 1)))
            continue;
        o->ids[o->count++] = sqlite3_column_int64(r->oldest, 0);
        o->raw += raw_bytes_of(r->oldest, 2);
    }
    sqlite3_reset(r->oldest);
    return rc == SQLITE_DONE ? 0 : err_set(e, "%s", sqlite3_errmsg(r->sq));
}

/* Rows beyond their age; when no older bodies are left, also to make room.  Their sums stay. */
static int delete_calls(struct retention *r, bool *done, struct err *e)
{
    int64_t used;
    int64_t unused;
    struct oldest o;
    if (used_bytes(r, &used, &unused, e) != 0 || read_oldest(r, is_too_large(r, used), &o, e) != 0)
        return -1;
    *done = o.count == 0;
    for (size_t i = 0; i < o.count; i++) {
        sqlite3_bind_int64(r->delete_call, 1, o.ids[i]);
        if (sql_done(r->delete_call, e) != 0)
            return -1;
    }
    return bind_meta(r->add_meta, "raw_body_bytes", -o.raw, e);
}

/* Pages that are free go back to the file system; old minute sums go, too. */
static int give_back(struct retention *r, bool *done, struct err *e)
{
    int64_t used;
    int64_t unused;
    sqlite3_stmt *st = sql_prepare(r->sq, "DELETE FROM minute_sum WHERE minute < ?", e);
    if (!st)
        return -1;
    sqlite3_bind_int64(st, 1, believed_ms(r) / 60000 - MINUTES_KEPT);
    int rc = sql_done(st, e);
    sqlite3_finalize(st);
    if (rc != 0 || sql_run(r->sq, "PRAGMA incremental_vacuum(64)", e) != 0 || used_bytes(r, &used, &unused, e) != 0)
        return -1;
    *done = unused <= unused_max(r);
    return 0;
}

static int do_some(struct retention *r, bool *done, struct err *e)
{
    switch (r->phase) {
    case EXPIRE_CALLS:
        return expire_calls(r, done, e);
    case SWEEP_BLOCKS:
        return sweep_blocks(r, done, e);
    case DELETE_CALLS:
        return delete_calls(r, done, e);
    case GIVE_BACK:
        return give_back(r, done, e);
    case LOOK:
        break;
    }
    *done = true;
    return 0;
}

static void next_phase(struct retention *r)
{
    if (r->phase != EXPIRE_CALLS) {
        r->phase = LOOK;
        return;
    }
    r->phase = SWEEP_BLOCKS;
    r->at = 0;
    /* Bodies kept in memory name pieces that are about to go. */
    bodies_forget_before(r->bodies, r->before_epoch);
}

static int work(struct retention *r, struct err *e)
{
    int64_t until = clock_mono_us() + STEP_US;
    bool done = false;
    if (sql_run(r->sq, "BEGIN IMMEDIATE", e) != 0)
        return -1;
    do {
        if (do_some(r, &done, e) != 0)
            goto fail;
    } while (!done && clock_mono_us() < until);
    if (sql_run(r->sq, "COMMIT", e) != 0)
        goto fail;
    if (done)
        next_phase(r);
    return 0;
fail:
    sql_try(r->sq, "ROLLBACK");
    return -1;
}

int64_t retention_due_us(const struct retention *r)
{
    return r->due_us;
}

void retention_step(struct retention *r)
{
    struct err e = {""};
    bool is_looking = r->phase == LOOK;
    bool is_idle = is_looking && !r->is_changed;
    if (is_looking)
        r->is_changed = false;
    if ((is_looking ? look(r, &e) : work(r, &e)) == 0) {
        bool has_work = !is_looking || r->phase != LOOK;
        r->failures = 0;
        r->due_us = clock_mono_us() + (has_work ? PAUSE_US : is_idle ? IDLE_US : LOOK_US);
        return;
    }
    if (++r->failures == FAILURES_TOLD)
        diag_line("old calls cannot be taken out of the log: %s", e.text);
    r->phase = LOOK; /* begins anew; every step is complete in itself */
    r->due_us = clock_mono_us() + RETRY_US;
}
