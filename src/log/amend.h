/* What Respan's own log row says about a call that has ended: its cost, who
 * served it, whether Respan's cache answered, the credits left.
 *
 * Memory: amend_done() frees what a struct amend holds. */
#ifndef SPANTOP_LOG_AMEND_H
#define SPANTOP_LOG_AMEND_H

#include "log/call.h"
#include "respan/logrow.h"

struct amend {
    int64_t cost_microusd;         /* CALL_UNKNOWN: keep the catalog's */
    char *provider_served;         /* NULL: keep */
    char *model_served;            /* taken only when the answer named none */
    int respan_cache;              /* 1 hit, 0 miss, -1 keep */
    int64_t credits_left_microusd; /* INT64_MIN: not said */
    char *cache_break;             /* what the provider explains; NULL: keep */
};

void amend_init(struct amend *a); /* says nothing */
void amend_done(struct amend *a);
/* The meaning of a row of Respan's log. */
void amend_from_row(struct amend *a, const struct logrow *row);
/* Put it into c.  A catalog's figure that it replaces is kept beside. */
void amend_apply(struct call *c, const struct amend *a);

#endif
