/* How many calls each session begins within a minute, and how many are usual.
 *
 * Usual is the median of the session's last 30 minutes in which it made any call,
 * from the fifth on; before that, of all sessions' minutes, from the fifteenth on;
 * before that nobody knows, and the limit alone counts.  A median, so that the minute
 * that ran away does not make itself usual.
 *
 * Bound: PACE_SESSIONS; the one that was silent longest goes.  Thread: the journal's. */
#ifndef SPANTOP_LOG_ALARMS_PACE_H
#define SPANTOP_LOG_ALARMS_PACE_H

#include <stdbool.h>
#include <stdint.h>

#define PACE_SESSIONS 128
#define PACE_FACTOR   4

struct paces;
struct paces *paces_new(void);
void paces_free(struct paces *p);

struct pace {
    int64_t calls; /* begun in the minute that ends at the call */
    int64_t usual; /* calls a minute; 0: not known */
};
/* A call of that session (a hash, not 0) began; true when that is at least limit and
 * PACE_FACTOR times the usual. */
bool pace_count(struct paces *p, uint64_t session, int64_t at_ms, int64_t limit, struct pace *now);

#endif
