/* The digest of a route set that makes choosing fast.  Private to routes_*.c.
 *
 * Built once when routes are read, read-only after; it points into the set's
 * routes and dies with the set. */
#ifndef SPANTOP_LOG_ROUTES_INDEX_H
#define SPANTOP_LOG_ROUTES_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"
#include "log/routes.h"

/* One member of a params_json: `"key":value`, as it stands there. */
struct route_param {
    uint32_t key;      /* number of the resolved key in this index */
    struct bytes text; /* lent by the route */
};

/* One enabled route with at least one setting. */
struct route_entry {
    uint64_t session;    /* hash; 0: any */
    uint64_t glob_pairs; /* letter pairs the model's name must have; 0: any */
    uint32_t purposes;   /* bits of route_purpose_bit() */
    uint32_t route;      /* place in the set */
    uint32_t first_param;
    uint32_t param_count;
    bool sets_model;
    bool sets_provider;
};

struct route_index {
    struct route_entry *entries; /* most specific first, then highest id */
    size_t count;
    size_t param_entries_end;    /* no entry from here on has params */
    struct route_param *params;
    size_t param_count;
    char **keys;                 /* resolved names by number, for notes */
    size_t key_count;
    bool needs_body;
    int64_t ends_at;             /* the earliest until_at; INT64_MAX: none */
};

struct route_index *route_index_new(const struct route_set *s);
void route_index_free(struct route_index *x);

uint64_t route_hash_session(const char *id);
/* Letter pairs of text, ASCII case folded, as a set of 64 bits. */
uint64_t route_pairs(const char *text, bool is_glob);
uint32_t route_purpose_bit(const struct route_subject *who);

#endif
