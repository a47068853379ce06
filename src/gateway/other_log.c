#include "gateway/other_log.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "base/mem.h"
#include "log/budgets.h"

/* On its way there with what is new, on its way back with what was old. */
struct box {
    struct route_watch *routes;
    struct budget_watch *budgets;
};

struct other_log {
    const char *path;
    struct peer_lock *lock;
    struct peer peer;
    atomic_bool is_announced;
    _Atomic(struct box *) fresh; /* to the proxy thread */
    _Atomic(struct box *) spent; /* and back */
    /* the journal's thread alone */
    int64_t logs_announced;
    int64_t logs_opened;
    int boxes; /* not back yet */
};

struct other_log *other_log_new(const char *log_path)
{
    struct other_log *o = xcalloc(1, sizeof *o);
    o->path = log_path;
    return o;
}

static void drop(struct other_log *o, struct box *b)
{
    if (!b)
        return;
    route_watch_close(b->routes);
    budget_watch_close(b->budgets);
    free(b);
    o->boxes--;
}

void other_log_free(struct other_log *o)
{
    if (!o)
        return;
    drop(o, atomic_load(&o->fresh));
    drop(o, atomic_load(&o->spent));
    free(o);
}

/* ---- Proxy thread ---------------------------------------------------------------------- */

void other_log_announced(struct other_log *o, struct peer_lock *l, const struct peer *p)
{
    o->lock = l;
    o->peer = *p;
    atomic_store(&o->is_announced, true);
}

void other_log_take(struct other_log *o, struct route_watch *routes, struct budgets *budgets)
{
    if (!atomic_load_explicit(&o->fresh, memory_order_relaxed) || atomic_load(&o->spent))
        return; /* nothing is there, or the last box is still on its way back */
    struct box *b = atomic_exchange(&o->fresh, NULL);
    if (!b)
        return;
    route_watch_swap(routes, b->routes);
    if (budgets)
        budgets_swap(budgets, b->budgets);
    atomic_store(&o->spent, b);
}

/* ---- Journal's thread ------------------------------------------------------------------- */

/* First of all: nobody opens a log of which the lock file says that it is not the gateway's. */
static int announce(struct other_log *o, int64_t logs, struct err *e)
{
    o->peer.files = log_files_at(o->path);
    if (peer_lock_announce(o->lock, &o->peer, e) != 0)
        return -1;
    o->logs_announced = logs;
    return 0;
}

static int open_anew(struct other_log *o, int64_t logs, struct err *e)
{
    struct box *b = xcalloc(1, sizeof *b);
    o->boxes++;
    b->routes = route_watch_open(o->path, e);
    b->budgets = b->routes ? budget_watch_open(o->path, e) : NULL;
    if (!b->budgets) {
        drop(o, b);
        return err_prefix(e, "routes and budgets hold as they were in the log before, until those of the new one can be read");
    }
    drop(o, atomic_exchange(&o->fresh, b));
    o->logs_opened = logs;
    return 0;
}

int other_log_step(void *arg, int64_t logs, struct err *e)
{
    struct other_log *o = arg;
    int rc = 0;
    drop(o, atomic_exchange(&o->spent, NULL));
    if (!atomic_load(&o->is_announced))
        return 1;
    if (o->logs_announced != logs)
        rc = announce(o, logs, e);
    if (o->logs_opened != logs && open_anew(o, logs, e) != 0)
        rc = -1;
    return rc != 0 ? rc : o->boxes > 0;
}
