/* How long calls wait for their first token, for each model and provider.
 *
 * What is new is the median of the last five calls, made within ten minutes: one call
 * that waits long has a reason of its own (a long prompt, a queue).  What is usual is the
 * median of those before, from twenty on.  Two seconds more than usual is the least
 * that somebody would notice.
 *
 * Bound: WAIT_KEYS; the one that was silent longest goes.  Thread: the journal's. */
#ifndef SPANTOP_LOG_ALARMS_WAIT_H
#define SPANTOP_LOG_ALARMS_WAIT_H

#include <stdbool.h>
#include <stdint.h>

#define WAIT_KEYS     64
#define WAIT_NEW      5
#define WAIT_LEAST    20
#define WAIT_SPAN_MS  ((int64_t)10 * 60 * 1000)
#define WAIT_MORE_MS  2000

struct waits;
struct waits *waits_new(void);
void waits_free(struct waits *w);

struct wait {
    int64_t now_ms, usual_ms;
};
/* A call of that model and provider (a hash, not 0) waited so long; true when the
 * last ones waited at least factor times as long as is usual. */
bool wait_count(struct waits *w, uint64_t key, int64_t at_ms, int64_t ttft_ms, int64_t factor, struct wait *now);

#endif
