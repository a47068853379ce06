/* What the dashboard knows about the log and the gateway right now: copies, so
 * that drawing never reads the disk.
 *
 * snapshot_refresh() reads only what can have changed; a figure that took long to
 * sum (a log of millions) is asked for less often, so that looking on costs at
 * most a few percent of a core.
 * Thread: the db's. */
#ifndef SPANTOP_UI_SNAPSHOT_H
#define SPANTOP_UI_SNAPSHOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "log/alarm.h"
#include "log/peer.h"
#include "log/reader.h"
#include "log/routes.h"

#define CHART_SPAN_MS  (5 * 60 * 1000)
#define CHART_BUCKETS  60
#define CHART_WIDTH_MS (CHART_SPAN_MS / CHART_BUCKETS)
#define SESSIONS_SHOWN 4
#define ALARMS_SHOWN   100

struct snapshot {
    int64_t now_ms;
    struct totals today;
    int64_t log_calls; /* calls in the whole log; -1 not known yet */
    struct bucket buckets[CHART_BUCKETS];
    struct group_page providers; /* of today */
    struct session_page sessions;
    struct route_set routes;
    enum bearer bearer;       /* of the newest call, if that is fresh */
    struct alarm_page alarms; /* the last ones, newest first */
    int64_t running;
    struct credits credits; /* of the organisation at Respan */
    bool has_credits;
    char budget[ERR_TEXT_MAX]; /* the budget that presses most, clean; "" when none does */
    bool is_blocked;           /* by a budget: calls are answered with 429 */
    struct err problem; /* why the last read failed; "" when it did not */

    bool is_gateway_up;
    bool has_gateway_ever; /* was up at some time while we looked */
    struct peer peer;
    struct peer_health health;
    bool has_health; /* it answers */
    int health_misses;

    /* private: when each costly part may be read again, by clock_mono_us */
    int64_t sums_due_us, chart_due_us, health_due_us;
    int64_t chart_from_ms;
    bool is_stale;
};

void snapshot_init(struct snapshot *s);
void snapshot_done(struct snapshot *s);
/* changed: the log was written since the last time.  true when something was
 * read anew. */
bool snapshot_refresh(struct snapshot *s, struct db *db, bool changed);
/* Is a gateway there, and is it well?  Once a second. */
void snapshot_check_gateway(struct snapshot *s, const char *log_path);

#endif
