/* What switching a session's model or provider does to its money.  Pure.
 *
 * The session's next call reads its context from the prompt cache as things are;
 * after a switch it writes all of it anew, since no other model and no other
 * provider has it.  Each call behind that reads again, at the new model's price.
 * Answers and what the call adds are left out: nobody knows them yet. */
#ifndef SPANTOP_RESPAN_SWITCH_PRICE_H
#define SPANTOP_RESPAN_SWITCH_PRICE_H

#include <stdbool.h>
#include <stdint.h>

#include "respan/catalog.h"

struct switch_about {
    const char *model_from; /* the session's now */
    const char *model_to;   /* may be the same: another provider loses the cache, too */
    int64_t context_tokens; /* of the session */
    bool is_1h;             /* it writes for an hour, which costs more */
    int day;                /* YYYYMMDD */
};

struct switch_price {
    int64_t now_microusd;     /* the next call as things are */
    int64_t next_microusd;    /* the next call after the switch */
    int64_t then_microusd;    /* each call behind that */
    int64_t running_microusd; /* then less now: what each call costs more, or saves */
    bool is_too_long;         /* the context is larger than the new model's */
};

/* false when a price is not known, or there is no context to pay for. */
bool switch_price(const struct catalog *c, const struct switch_about *about, struct switch_price *p);

#endif
