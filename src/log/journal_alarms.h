/* The journal's alarms: what calls raise becomes rows in the commit of those calls,
 * then the user's command hears of it.
 *
 * What is usual is learned from the last calls of the log at the start, so that a
 * restart neither forgets it nor tells anew what was told.
 * Thread: the journal's. */
#ifndef SPANTOP_LOG_JOURNAL_ALARMS_H
#define SPANTOP_LOG_JOURNAL_ALARMS_H

#include <sqlite3.h>
#include <stdbool.h>

#include "base/attr.h"
#include "base/err.h"
#include "log/journal.h"

#define ALARMS_LEARNED 2000 /* calls */

struct journal_alarms;
struct journal_alarms *journal_alarms_open(sqlite3 *sq, const struct journal_options *o, struct err *e);
void journal_alarms_free(struct journal_alarms *j);

/* j writes another log from now on: what is usual, alarms that were not committed yet, the command
 * that runs and the alarms that wait for it pass over from the old one. */
void journal_alarms_take_over(struct journal_alarms *j, struct journal_alarms *old);

void journal_alarms_begin(struct journal_alarms *j, const struct call *c, bool is_retry);
void journal_alarms_end(struct journal_alarms *j, const struct call *c, bool is_retry);

/* Inside a transaction, after the rows and titles of its calls. */
NODISCARD int journal_alarms_write(struct journal_alarms *j, struct err *e);
/* It was committed. */
void journal_alarms_written(struct journal_alarms *j);
/* Once a second: look after the user's command. */
void journal_alarms_step(struct journal_alarms *j);

#endif
