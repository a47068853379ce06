/* The call before, from the log: for an agent that this gateway has not seen yet. */
#ifndef SPANTOP_LOG_BREAKS_RECALL_H
#define SPANTOP_LOG_BREAKS_RECALL_H

#include <sqlite3.h>

#include "log/breaks_why.h"
#include "log/call.h"
#include "respan/catalog.h"

/* The newest call of c's agent before the call below_id that has usage and its
 * body.  0, or 1: there is none, or it cannot be read.  A new session costs one look-up
 * by index, a resumed one the reading of a body (about 10 ms), once an agent. */
int breaks_recall(sqlite3 *sq, const struct catalog *catalog, const struct call *c, int64_t below_id,
                  struct break_call *old);

/* Shared with breaks.c.  fill takes the image; models that the catalog (may be NULL)
 * knows go by its name: each provider has its own way to write them. */
void break_call_fill(struct break_call *to, const struct call *c, struct image *image, const struct catalog *catalog);
void break_call_done(struct break_call *c);

#endif
