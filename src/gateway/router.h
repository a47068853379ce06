/* What the routes make of a call: another model in its body, a pin and parameters
 * in its headers.  When no route touches it, nothing is changed, and its body is
 * not even looked at. */
#ifndef SPANTOP_GATEWAY_ROUTER_H
#define SPANTOP_GATEWAY_ROUTER_H

#include <stdbool.h>

#include "base/blob.h"
#include "gateway/headers.h"
#include "gateway/pins.h"
#include "log/routes.h"
#include "respan/catalog.h"

struct routed {
    struct blob *sent;   /* NULL: the body goes up as it came */
    char *model_asked;   /* NULL unless the body was read */
    char *model_sent;    /* NULL unless a route set it */
    char *provider;      /* what the pin header says now, a route's or the client's own */
    char *note;          /* which routes and why */
    char *changes;       /* JSON array of sentences: what was changed in body and headers for the switch */
    bool has_headers_changed;
    int64_t model_route; /* whose set_model the call took; 0: none */
    int64_t pin_route;   /* whose set_provider; 0: none, or its pin rests */
    int64_t params_route; /* the most specific one that gave parameters; 0: none */
    int64_t limited[ROUTE_LIMITED_MAX]; /* those the call took that count their calls */
    size_t limited_count;
};

/* Routes that were refused and that the journal has yet to disable. */
#define REFUSED_ROUTES_MAX 16
struct refused_routes {
    int64_t ids[REFUSED_ROUTES_MAX];
    size_t count;
    int64_t version; /* of the routes they were refused in; a newer one tells by itself */
};
void refused_routes_add(struct refused_routes *r, int64_t id, int64_t version);

struct router {
    const struct route_set *routes;  /* NULL: none */
    const struct refused_routes *refused; /* NULL: none */
    const struct catalog *catalog;   /* what a switched body must leave behind; NULL: nothing is known */
    struct pins *pins;               /* NULL: every pin holds */
    int64_t now_us;
    int64_t now_ms;                  /* wall clock; 0: no route's time is over */
};

/* Apply the routes to a call (POST v1/messages or count_tokens).  Changes h in
 * place.  Never fails: what cannot be applied is left out and told in note. */
void router_apply(const struct router *router, const char *rest, const struct blob *body, struct headers *h,
                  struct routed *r);
void routed_done(struct routed *r);

#endif
