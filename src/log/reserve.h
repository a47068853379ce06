/* The reserve: a file beside the log that is given up when the disk is full.
 *
 * A full disk takes not even a switch or the mark of a lost call.  So room for
 * those is laid aside while there is some, in log.db-reserve.  Once it is given
 * up the journal stands back, or it would eat that room within a second: calls wait
 * in memory until there is room enough to lay the reserve anew.
 *
 * Thread: that of the journal; reserve_drop_if_full() any. */
#ifndef SPANTOP_LOG_RESERVE_H
#define SPANTOP_LOG_RESERVE_H

#include <stdbool.h>

struct reserve;

/* Lays the reserve beside this log; never fails. */
struct reserve *reserve_open(const char *log_path);
/* The file stays: whoever opens the log next may need it. */
void reserve_free(struct reserve *r);

/* May the journal write?  Not between giving up and laying it anew. */
bool reserve_lets_write(struct reserve *r);
/* The disk is full. */
void reserve_give_up(struct reserve *r);
/* Now and then: give it up when hardly anything is left, though nothing failed
 * yet; stand back when somebody else took it away for a switch. */
void reserve_look(struct reserve *r);

/* For those that open the log to write: a switch, or the marks of lost calls. */
void reserve_drop_if_full(const char *log_path);

#endif
