/* The gateway's eye on the budgets and on what is spent: asked before a call.
 *
 * Nothing is read while nothing moved: data_version, which the routes' watch has just
 * asked for, stands before the budgets' version, that before the rows.  Sums are read in one transaction with a look for the calls that ended
 * here: a call counts either in the sums or in `pending`, never in both or neither.
 * A read waits for nobody in a write-ahead log, and the busy timeout is 0 besides;
 * what could not be read is tried again at the next call.
 *
 * The days of the month before today are read once a minute: they change only by an
 * amendment that comes late, and there may be thousands of rows. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "log/budgets.h"
#include "log/budgets_row.h"
#include "log/sql.h"

#define MONTH_AGE_US INT64_C(60000000)
/* Calls that ended and are not in the log yet: a tenth of a second of them, unless
 * the disk stands still.  Beyond this the oldest is taken as never to arrive. */
#define PENDING_MAX 4096
/* The journal writes in the order of the ends, nearly: who looks for the oldest that
 * are missing need not look for all behind them. */
#define MISSES_MAX 32

struct pending {
    int64_t call_id;
    char session_id[64];
    int day;
    int64_t cost;
};

struct budget_watch {
    struct db *db;
    sqlite3_stmt *version;
    sqlite3_stmt *load;
    sqlite3_stmt *is_ended;
    sqlite3_stmt *days;
    sqlite3_stmt *session;
    struct budget_set set;
    int64_t log_changes; /* at the last poll */
    bool is_stale;      /* the rows of `budgets` may have moved */
    bool has_old_sums;  /* so may the sums */
    struct pending *pending;
    size_t pending_count;
    int day;            /* of the two sums below; 0: none read */
    int64_t today;
    int64_t before_today;
    int64_t month_read_us; /* 0: must be read again */
};

static int prepare(struct budget_watch *w, struct err *e)
{
    sqlite3 *sq = db_sqlite(w->db);
    w->version = sql_prepare(sq, "SELECT value FROM meta WHERE key = 'budgets_version'", e);
    w->load = w->version ? budgets_prepare_load(sq, e) : NULL;
    w->is_ended = w->load ? sql_prepare(sq, "SELECT state != 'open' FROM call WHERE id = ?1", e) : NULL;
    w->days = w->is_ended
                  ? sql_prepare(sq, "SELECT coalesce(sum(cost_microusd), 0) FROM day_sum WHERE day BETWEEN ?1 AND ?2", e)
                  : NULL;
    w->session = w->days ? sql_prepare(sq, "SELECT cost_microusd FROM session WHERE session_id = ?1", e) : NULL;
    return w->session ? 0 : -1;
}

static int open_log(struct budget_watch *w, const char *log_path, struct err *e)
{
    w->is_stale = w->has_old_sums = true;
    w->db = db_open(log_path, DB_READ, e);
    if (w->db)
        sqlite3_busy_timeout(db_sqlite(w->db), 0);
    return w->db ? prepare(w, e) : -1;
}

static void close_log(struct budget_watch *w)
{
    sqlite3_finalize(w->version);
    sqlite3_finalize(w->load);
    sqlite3_finalize(w->is_ended);
    sqlite3_finalize(w->days);
    sqlite3_finalize(w->session);
    db_close(w->db);
}

struct budget_watch *budget_watch_open(const char *log_path, struct err *e)
{
    struct budget_watch *w = xcalloc(1, sizeof *w);
    if (open_log(w, log_path, e) == 0)
        return w;
    budget_watch_close(w);
    return NULL;
}

/* The budgets in hand stay until those of the other log are read, whatever their version. */
void budget_watch_swap(struct budget_watch *w, struct budget_watch *fresh)
{
    struct budget_watch old = *w;
    *w = *fresh;
    w->pending = old.pending;
    w->pending_count = old.pending_count;
    w->set = old.set;
    w->set.version = 0;
    old.pending = NULL;
    old.pending_count = 0;
    *fresh = old;
}

void budget_watch_close(struct budget_watch *w)
{
    if (!w)
        return;
    close_log(w);
    free(w->pending);
    free(w);
}

/* --- The budgets ------------------------------------------------------------------ */

static void look_for_changes(struct budget_watch *w)
{
    if (db_changed(w->db))
        w->is_stale = w->has_old_sums = true;
}

/* The first column of the first row; 1: no row, *n unchanged.  Bindings stay. */
static int one(sqlite3_stmt *st, int64_t *n)
{
    int rc = sqlite3_step(st);
    if (rc == SQLITE_ROW)
        *n = sqlite3_column_int64(st, 0);
    sqlite3_reset(st);
    return rc == SQLITE_ROW ? 0 : rc == SQLITE_DONE ? 1 : -1;
}

static int refresh(struct budget_watch *w, struct err *e)
{
    int64_t version = 0;
    if (one(w->version, &version) != 0)
        return err_set(e, "cannot read the budgets: %s", sqlite3_errmsg(db_sqlite(w->db)));
    if (version == w->set.version)
        return 0;
    struct budget_set fresh = {.version = version};
    if (budgets_read(w->load, &fresh, e) != 0)
        return -1;
    w->set = fresh;
    return 0;
}

const struct budget_set *budget_watch_poll(struct budget_watch *w, int64_t log_changes, struct err *problem)
{
    struct err why = {0};
    if (log_changes != w->log_changes)
        w->is_stale = w->has_old_sums = true;
    w->log_changes = log_changes;
    if (w->is_stale)
        w->is_stale = refresh(w, &why) != 0;
    if (problem)
        *problem = why;
    return &w->set;
}

/* --- What is spent ------------------------------------------------------------------ */

static void drop_pending(struct budget_watch *w, size_t at)
{
    if (w->pending[at].day != w->day)
        w->month_read_us = 0; /* it began before midnight */
    w->pending_count--;
    memmove(&w->pending[at], &w->pending[at + 1], (w->pending_count - at) * sizeof *w->pending);
}

static void drop_arrived(struct budget_watch *w)
{
    size_t misses = 0;
    for (size_t i = 0; i < w->pending_count && misses < MISSES_MAX;) {
        int64_t is_ended = 0;
        sqlite3_bind_int64(w->is_ended, 1, w->pending[i].call_id);
        if (one(w->is_ended, &is_ended) == 0 && is_ended) {
            drop_pending(w, i);
        } else {
            misses++;
            i++;
        }
    }
}

static int sum_days(struct budget_watch *w, int from, int to, int64_t *sum)
{
    sqlite3_bind_int(w->days, 1, from);
    sqlite3_bind_int(w->days, 2, to);
    return one(w->days, sum);
}

static int read_days(struct budget_watch *w, int day)
{
    int64_t now_us = clock_mono_us();
    if (w->day != day || !w->month_read_us || now_us - w->month_read_us > MONTH_AGE_US) {
        if (sum_days(w, day / 100 * 100, day - 1, &w->before_today) != 0)
            return -1;
        w->month_read_us = now_us;
    }
    w->day = day;
    return sum_days(w, day, day, &w->today);
}

static void read_sums(struct budget_watch *w, int day)
{
    /* The look for changes reads from the snapshot that the sums are then read from. */
    sql_try(db_sqlite(w->db), "BEGIN");
    look_for_changes(w);
    if (w->has_old_sums || w->day != day) {
        drop_arrived(w);
        w->has_old_sums = read_days(w, day) != 0;
    }
}

void budget_watch_spent(struct budget_watch *w, const char *session_id, int64_t now_ms, struct budget_spent *s)
{
    int day = clock_day_number(now_ms);
    *s = (struct budget_spent){0};
    read_sums(w, day);
    if (session_id) {
        sql_bind_text(w->session, 1, session_id);
        (void)one(w->session, &s->session);
        sqlite3_clear_bindings(w->session);
    }
    sql_try(db_sqlite(w->db), "COMMIT");
    s->day = w->today;
    s->month = w->today + w->before_today;
    for (size_t i = 0; i < w->pending_count; i++) {
        const struct pending *p = &w->pending[i];
        if (session_id && strcmp(session_id, p->session_id) == 0)
            s->session += p->cost;
        if (p->day == day)
            s->day += p->cost;
        if (p->day / 100 == day / 100)
            s->month += p->cost;
    }
}

void budget_watch_ended(struct budget_watch *w, int64_t call_id, const char *session_id, int64_t started_ms, int64_t cost_microusd)
{
    struct pending p = {.call_id = call_id, .day = clock_day_number(started_ms), .cost = cost_microusd};
    if (call_id <= 0 || cost_microusd <= 0)
        return;
    if (session_id && strlen(session_id) < sizeof p.session_id)
        strcpy(p.session_id, session_id);
    if (!w->pending)
        w->pending = xcalloc(PENDING_MAX, sizeof *w->pending);
    if (w->pending_count == PENDING_MAX)
        drop_pending(w, 0);
    w->pending[w->pending_count++] = p;
}
