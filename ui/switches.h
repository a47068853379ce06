/* What is switched, in words, and what a switch will cost.  Pure. */
#ifndef SPANTOP_UI_SWITCHES_H
#define SPANTOP_UI_SWITCHES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "log/reader.h"
#include "log/routes.h"
#include "respan/catalog.h"

/* The settings in force for a scope (exactly that one; NULL members mean any).
 * Borrowed from the set. */
struct in_force {
    const char *model;    /* NULL: as sent */
    const char *provider; /* NULL: automatic */
    char cache[24];       /* "off", "on", "1h" */
    size_t narrower;      /* enabled routes of narrower scopes */
};
void switches_in_force(const struct route_set *set, const struct route_scope *scope, struct in_force *f);

/* Prices of the next call of a session with that many tokens in its context. */
struct switch_price {
    int64_t now_microusd;  /* as things are: read from the cache */
    int64_t next_microusd; /* after the switch: written anew */
    int64_t then_microusd; /* each call behind that, read from the cache again */
};
/* false when a price is not known.  model_to may equal model_from (a change of
 * provider loses the cache all the same). */
bool switches_price(const struct catalog *catalog, const char *model_from, const char *model_to, int64_t context_tokens,
                    int day, struct switch_price *p);

/* The model families a scope can be made of: claude-opus-5-5 → "*opus*";
 * false when the name has none. */
bool switches_family(const char *model, char *glob, size_t size);

#endif
