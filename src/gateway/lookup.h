/* The look-up of Respan's own log row of a call: what it cost, who served it,
 * whether Respan's cache answered, the credits left.
 *
 * One request at a time, beside the calls and never in their way: a connection of
 * its own, small bounded lists, nothing waits for it.  What is found goes to the
 * journal; what is not, keeps the catalog's cost.
 * Thread: proxy thread.  Events come from the loop. */
#ifndef SPANTOP_GATEWAY_LOOKUP_H
#define SPANTOP_GATEWAY_LOOKUP_H

#include <stdint.h>

#include "base/err.h"
#include "gateway/headers.h"
#include "gateway/loop.h"
#include "log/journal.h"

struct lookup_options {
    const char *api_base; /* "https://api.respan.ai/api" */
    const char *key;      /* the gateway's own; NULL: those of the calls */
    const char *ca_file;
    struct journal *journal;
};

struct lookup;

struct lookup *lookup_new(struct loop *l, const struct lookup_options *o, struct err *e);
/* Lets go what still waits.  NULL is fine. */
void lookup_free(struct lookup *k);

/* A call ended whose answer named its log row.  sent: the headers it went up
 * with, for their key; NULL: only the gateway's own may be used. */
void lookup_call(struct lookup *k, int64_t call_id, const char *log_id, const struct headers *sent);
/* At the start: calls of the last hour that an earlier gateway did not get to. */
void lookup_resume(struct lookup *k, const char *log_path);

#endif
