/* The gateway's eye on the routes: asked at the start of every call.
 *
 * Three steps, each only when the one before moved: data_version (a counter of
 * SQLite in shared memory, 6 us), routes_version (30 us), the rows.  The busy
 * timeout is 0, so that no lock of another program ever makes a call wait; what
 * could not be read is tried again at the next call. */
#include <stdlib.h>

#include "base/mem.h"
#include "log/routes.h"
#include "log/routes_row.h"
#include "log/sql.h"

#define VERSION_UNTOUCHED 1 /* of a log in which nobody made a route yet */

/* How many of a route's calls are used up.  The journal writes it into the log, so
 * the log lags behind. */
struct route_count {
    int64_t id;
    int64_t recounts;
    int64_t taken;
};

struct route_watch {
    struct db *db;
    sqlite3_stmt *version;
    sqlite3_stmt *load;
    struct route_set set;
    bool is_stale;    /* something moved that is not read yet */
    bool is_orphaned; /* the set is of a log that went away */
    int64_t changes;  /* seen so far */
    bool must_read;   /* whatever its version: that of another log says nothing */
    struct route_count *counts; /* of the routes in the set that count their calls */
    size_t count_count;
};

static int open_log(struct route_watch *w, const char *log_path, struct err *e)
{
    w->is_stale = true;
    w->db = db_open(log_path, DB_READ, e);
    if (!w->db)
        return -1;
    sqlite3 *sq = db_sqlite(w->db);
    sqlite3_busy_timeout(sq, 0);
    w->version = sql_prepare(sq, "SELECT value FROM meta WHERE key = 'routes_version'", e);
    w->load = w->version ? routes_prepare_load(sq, e) : NULL;
    return w->load ? 0 : -1;
}

static void close_log(struct route_watch *w)
{
    sqlite3_finalize(w->version);
    sqlite3_finalize(w->load);
    db_close(w->db);
}

struct route_watch *route_watch_open(const char *log_path, struct err *e)
{
    struct route_watch *w = xcalloc(1, sizeof *w);
    if (open_log(w, log_path, e) == 0)
        return w;
    route_watch_close(w);
    return NULL;
}

void route_watch_swap(struct route_watch *w, struct route_watch *fresh)
{
    struct route_watch old = *w;
    w->db = fresh->db;
    w->version = fresh->version;
    w->load = fresh->load;
    w->is_stale = w->must_read = true;
    fresh->db = old.db;
    fresh->version = old.version;
    fresh->load = old.load;
}

void route_watch_close(struct route_watch *w)
{
    if (!w)
        return;
    close_log(w);
    route_set_done(&w->set);
    free(w->counts);
    free(w);
}

static int read_version(struct route_watch *w, int64_t *version, struct err *e)
{
    int rc = sqlite3_step(w->version);
    if (rc == SQLITE_ROW)
        *version = sqlite3_column_int64(w->version, 0);
    else if (rc == SQLITE_DONE)
        err_set(e, "the log has no routes_version; it is damaged");
    else
        routes_fail(db_sqlite(w->db), "read the routes", e);
    sqlite3_reset(w->version);
    return rc == SQLITE_ROW ? 0 : -1;
}

static const struct route_count *find_count(const struct route_watch *w, int64_t id)
{
    for (size_t i = 0; i < w->count_count; i++)
        if (w->counts[i].id == id)
            return &w->counts[i];
    return NULL;
}

/* What was counted here and is not in the log yet goes on counting, unless somebody
 * set the log's count back. */
static void carry_counts(struct route_watch *w, struct route_set *fresh)
{
    struct route_count *counts = NULL;
    size_t count = 0;
    for (size_t i = 0; i < fresh->count; i++) {
        struct route *r = &fresh->routes[i];
        if (r->max_calls <= 0)
            continue;
        const struct route_count *old = find_count(w, r->id);
        struct route_count now = {r->id, r->recounts, r->calls_taken};
        if (old && now.recounts == old->recounts && old->taken > now.taken)
            now.taken = old->taken;
        r->calls_taken = now.taken;
        counts = xrealloc(counts, (count + 1) * sizeof *counts);
        counts[count++] = now;
    }
    free(w->counts);
    w->counts = counts;
    w->count_count = count;
}

void route_watch_count(struct route_watch *w, int64_t id)
{
    for (size_t i = 0; i < w->count_count; i++)
        if (w->counts[i].id == id)
            w->counts[i].taken++;
    for (size_t i = 0; i < w->set.count; i++)
        if (w->set.routes[i].id == id)
            w->set.routes[i].calls_taken++;
}

static int refresh(struct route_watch *w, struct err *e)
{
    int64_t version = 0;
    if (read_version(w, &version, e) != 0)
        return -1;
    if (version == VERSION_UNTOUCHED && w->set.version > version && (w->must_read || w->is_orphaned)) {
        w->must_read = false;
        w->is_orphaned = true;
        return 0;
    }
    if (version == w->set.version && !w->must_read && !w->is_orphaned)
        return 0;
    struct route_set fresh = {0};
    if (routes_read(w->load, &fresh, e) != 0)
        return -1;
    fresh.version = version;
    carry_counts(w, &fresh);
    route_set_done(&w->set);
    w->set = fresh;
    w->must_read = w->is_orphaned = false;
    return 0;
}

int64_t route_watch_changes(const struct route_watch *w)
{
    return w->changes;
}

const struct route_set *route_watch_peek(const struct route_watch *w)
{
    return &w->set;
}

const struct route_set *route_watch_poll(struct route_watch *w, struct err *problem)
{
    struct err why = {0};
    if (db_changed(w->db)) {
        w->is_stale = true;
        w->changes++;
    }
    if (w->is_stale)
        w->is_stale = refresh(w, &why) != 0;
    if (!w->is_stale && w->is_orphaned)
        err_set(&why, "the routes of the log that was at %s before hold until the next switch", db_path(w->db));
    if (problem)
        *problem = why;
    return &w->set;
}
