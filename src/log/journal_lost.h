/* Calls that a dead gateway left open.
 * Thread: the journal's owner, inside a transaction, before the first call. */
#ifndef SPANTOP_LOG_JOURNAL_LOST_H
#define SPANTOP_LOG_JOURNAL_LOST_H

#include <sqlite3.h>

#include "base/attr.h"
#include "base/err.h"
#include "log/journal_sums.h"

/* Mark them `lost`, with the tokens seen last, and count them. When they ended
 * nobody knows. */
NODISCARD int lost_mark(sqlite3 *sq, struct sums *sums, struct err *e);

#endif
