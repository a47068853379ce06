/* The user's own command (--on-alarm), run once for each alarm: `sh -c COMMAND` with the
 * alarm as one line of JSON on its standard input and SPANTOP_ALARM_* in its environment.
 *
 * It gets of the gateway's environment what a program needs to reach the user (path,
 * home, language, display, session bus) and nothing else: no key, no proxy's password.
 * Its output goes nowhere, no file of the gateway's stays open in it.
 *
 * One runs at a time, for limit_ms at most, then it is killed with all it started;
 * HOOK_WAITING alarms wait meanwhile, more are let go.  What fails is said in the
 * diagnostics, once until it works again.  When the gateway ends, so does a
 * command that still runs; nothing waits for it.  A log that goes away ends nothing.
 *
 * Thread: one, the journal's.  Nothing here blocks: the child is looked after once a
 * second, by alarm_hook_step(). */
#ifndef SPANTOP_LOG_ALARM_HOOK_H
#define SPANTOP_LOG_ALARM_HOOK_H

#include "log/alarm.h"

#define HOOK_LIMIT_MS 30000
#define HOOK_WAITING  16

struct alarm_hook;
/* NULL without a command: every function here takes that. */
struct alarm_hook *alarm_hook_new(const char *command, int limit_ms);
void alarm_hook_free(struct alarm_hook *h);

/* Run it for this alarm (copied) as soon as none runs. */
void alarm_hook_give(struct alarm_hook *h, const struct alarm *a);
/* Has it ended, has it run too long, is one waiting? */
void alarm_hook_step(struct alarm_hook *h);

#endif
