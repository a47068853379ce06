/* Cache breaks: the last calls of every agent, and the reason when a new one read
 * less from the prompt cache than it could have (see breaks_why.h).
 *
 * An agent is a session and an agent id.  Of each the last BREAKS_BRANCHES calls
 * are kept as images: several, since a fork leaves the conversation and does not
 * come back.  Calls without a session have no reason; nor have title, count and
 * other side calls, which no conversation goes on from.
 *
 * Bound: BREAKS_AGENTS agents and BREAKS_BYTES of images; the agent not used for
 * longest goes.  Thread: the journal's. */
#ifndef SPANTOP_LOG_BREAKS_H
#define SPANTOP_LOG_BREAKS_H

#include <sqlite3.h>
#include <stddef.h>
#include <stdint.h>

#include "log/breaks_image.h"
#include "log/call.h"
#include "respan/catalog.h"

#define BREAKS_AGENTS   1024
#define BREAKS_BRANCHES 4
#define BREAKS_BYTES    ((size_t)32 << 20)

struct breaks;
/* sq (may be NULL): where the last call of an agent that is not known yet is looked
 * up, once, among the calls before first_call, which is this gateway's first;
 * catalog (may be NULL) has the prices. */
struct breaks *breaks_new(sqlite3 *sq, int64_t first_call, const struct catalog *catalog);
void breaks_free(struct breaks *b);

/* What went upstream for a call that runs (a reference is taken); again: it was sent anew. */
void breaks_begin(struct breaks *b, int64_t call_id, struct image *image);
/* It ended, and c is all that is known of it: sets its cache_break and
 * cache_break_microusd when there is a reason. */
void breaks_end(struct breaks *b, struct call *c);
/* Respan's log told later who served a call: the new cache_break, for the caller
 * to free, when the provider was the reason; else NULL. */
char *breaks_amend(struct breaks *b, int64_t call_id, const char *provider_served);

/* Micro-dollars: of the lost tokens those that were written anew, at the write's price
 * of that day less the read's; -1 unknown. */
int64_t breaks_cost(const struct catalog *catalog, const struct call *c, int64_t tokens_lost);

#endif
