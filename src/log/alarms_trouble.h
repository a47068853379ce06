/* Calls that failed or were repeated, among those of the last five minutes.
 *
 * Five minutes, because one client that is refused tries about ten times in three;
 * half of all, because under heavy load a few failures are no news.  What the client
 * broke off itself and what a budget here refused is no trouble.
 *
 * Bound: the last TROUBLE_CALLS calls that ended, so under heavy load the span is
 * shorter.  Thread: the journal's. */
#ifndef SPANTOP_LOG_ALARMS_TROUBLE_H
#define SPANTOP_LOG_ALARMS_TROUBLE_H

#include <stdbool.h>
#include <stdint.h>

#include "log/call.h"

#define TROUBLE_CALLS   256
#define TROUBLE_SPAN_MS ((int64_t)5 * 60 * 1000)

struct trouble;
struct trouble *trouble_new(void);
void trouble_free(struct trouble *t);

struct storm {
    int64_t failed, all;
    bool is_of_session; /* of this session alone, or nearly */
};
/* A call of that session (a hash) ended; true when with it at least limit failed and
 * half of all.  s is filled then. */
bool trouble_count(struct trouble *t, uint64_t session, const struct call *c, bool is_retry, int64_t limit,
                   struct storm *s);
/* What they failed of most often, as "529 overloaded_error"; "" when they only were
 * repeated.  Takes half a millisecond: for the one that is told. */
#define TROUBLE_WHY_MAX 64
void trouble_mostly(const struct trouble *t, int64_t now_ms, char why[TROUBLE_WHY_MAX]);

#endif
