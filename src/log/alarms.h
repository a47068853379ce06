/* Which calls raise an alarm: the rules, and what they know as usual.  Pure: no clock,
 * no log; time is that of the calls.
 *
 * cache_break  a call's cache break cost at least so much.
 * runaway      a session began at least so many calls within a minute, and four times
 *              its usual (alarms_pace.h).  Agents that start agents make hundreds.
 * storm        at least so many calls failed or were repeated within five minutes, and
 *              that is half of all that ended then (alarms_trouble.h).
 * ttft         the last five calls of a model at a provider waited for their first token
 *              so many times as long as is usual there (alarms_wait.h).
 * context      a call's input filled so many percent of what its model takes.  Told once
 *              until that agent stands below it again, which ends the alarm.
 *
 * Each thing is told once in ALARM_REST_MS, however long it lasts: ten minutes is
 * often enough to be reminded and seldom enough not to be ignored.
 *
 * Bound: about 100 KB in all; sessions, agents and models beyond the tables' size push
 * out those that were silent longest.
 * Thread: the journal's. */
#ifndef SPANTOP_LOG_ALARMS_H
#define SPANTOP_LOG_ALARMS_H

#include <stdbool.h>
#include <stddef.h>

#include "log/alarm.h"
#include "log/call.h"
#include "respan/catalog.h"

#define ALARM_REST_MS ((int64_t)10 * 60 * 1000)

struct alarms;
/* catalog (borrowed) may be NULL: then nobody knows a context limit. */
struct alarms *alarms_new(const struct alarm_limits *limits, const struct catalog *catalog);
void alarms_free(struct alarms *a);

/* Learn only: calls of the past make what is usual and raise nothing. */
void alarms_set_quiet(struct alarms *a, bool quiet);
/* A call began; is_retry: the same bytes as one that failed. */
void alarms_begin(struct alarms *a, const struct call *c, bool is_retry);
/* It ended, with its cost and cache break known. */
void alarms_end(struct alarms *a, const struct call *c, bool is_retry);

/* What came of the calls since alarms_forget(), in order.  Lent.  An alarm with id -1 is
 * none: it ends those of its kind and subject that are still shown. */
const struct alarm *alarms_peek(const struct alarms *a, size_t *count);
void alarms_forget(struct alarms *a);

#endif
