/* What a new log takes over from the one that went away under the gateway: what
 * somebody set (routes, presets, budgets, settings), not what was logged.
 * Thread: the journal's. */
#ifndef SPANTOP_LOG_CARRY_H
#define SPANTOP_LOG_CARRY_H

#include <sqlite3.h>
#include <stdbool.h>

#include "base/attr.h"
#include "base/err.h"

/* from is the old log, whose file may be anywhere or nowhere; to is a fresh log of the
 * same version.  All or nothing: -1 when the old one cannot be read any more. */
NODISCARD int carry_over(sqlite3 *from, sqlite3 *to, struct err *e);
/* Has nobody put anything into this log yet? */
bool carry_is_blank(sqlite3 *sq);

#endif
