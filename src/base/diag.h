/* Diagnostics: what the gateway would tell an operator.  One line each, cleaned,
 * to stderr or to the file named once at start; identical lines are counted
 * instead of repeated.  Never holds a key: callers pass none.
 * Thread: any. */
#ifndef SPANTOP_BASE_DIAG_H
#define SPANTOP_BASE_DIAG_H

#include "base/attr.h"
#include "base/err.h"

/* NULL: stderr. */
NODISCARD int diag_open(const char *path, struct err *e);
void diag_line(const char *fmt, ...) PRINTF_LIKE(1, 2);

#endif
