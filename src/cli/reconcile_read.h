/* Fills a reconcile from our log and from Respan's.
 * Blocks; limit_ms bounds each page of Respan's. */
#ifndef SPANTOP_CLI_RECONCILE_READ_H
#define SPANTOP_CLI_RECONCILE_READ_H

#include "base/attr.h"
#include "base/err.h"
#include "cli/options.h"
#include "cli/reconcile.h"

/* base: Respan's API.  r is summed up after. */
NODISCARD int reconcile_read(struct reconcile *r, const struct settings *s, const char *base, const char *key, int limit_ms,
                             struct err *e);

#endif
