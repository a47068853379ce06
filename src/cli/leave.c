#include "cli/leave.h"

#include "base/clock.h"
#include "log/reader.h"

#define IN_USE_MS (12 * 3600000LL) /* a night's sleep does not make a client forget the gateway */

/* The newest call in the log.  When in doubt, yes. */
static bool is_in_use(const char *log_path)
{
    struct err ignored;
    struct call_page page;
    struct call_query newest = {.sort = SORT_ID, .descending = true, .limit = 1};
    struct db *db = db_open(log_path, DB_READ, &ignored);
    if (!db || reader_calls(db, &newest, &page, &ignored) != 0) {
        db_close(db);
        return true;
    }
    bool used = page.count > 0 && page.calls[0].started_at >= clock_wall_ms() - IN_USE_MS;
    call_page_done(&page);
    db_close(db);
    return used;
}

/* The log is a moment behind: a gateway younger than that tells itself. */
static bool has_carried_calls(const struct peer *p)
{
    struct err ignored;
    struct peer_health h;
    if (gateway_verify(p, &h, &ignored) != 0)
        return false;
    return h.in_flight > 0 || (h.calls > 0 && h.started_at >= clock_wall_ms() - IN_USE_MS);
}

int gateway_leave(const struct settings *s, const struct started *g, bool *stays, struct err *e)
{
    struct peer now;
    *stays = false;
    int r = peer_find(s->log_path, &now, e);
    if (r != 0)
        return r < 0 ? -1 : 0;
    *stays = !g->is_ours || gateway_is_shared(g) || has_carried_calls(&now) || is_in_use(s->log_path);
    return *stays ? 0 : gateway_stop(s->log_path, &now, false, NULL, e);
}
