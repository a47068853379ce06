/* What the routes make of a call: another model in its body, a pin and parameters
 * in its headers.  When no route touches it, nothing is changed, and its body is
 * not even looked at. */
#ifndef SPANTOP_GATEWAY_ROUTER_H
#define SPANTOP_GATEWAY_ROUTER_H

#include <stdbool.h>

#include "base/blob.h"
#include "gateway/headers.h"
#include "log/routes.h"

struct routed {
    struct blob *sent;   /* NULL: the body goes up as it came */
    char *model_asked;   /* NULL unless the body was read */
    char *model_sent;    /* NULL unless a route set it */
    char *provider;      /* what the pin header says now, a route's or the client's own */
    char *note;          /* which routes and why */
    char *changes;       /* JSON array of what was changed in the body */
    bool has_headers_changed;
};

/* Apply the routes to a call (POST v1/messages or count_tokens).  Changes h in
 * place.  Never fails: what cannot be applied is left out and told in note. */
void router_apply(const struct route_set *routes, const char *rest, const struct blob *body, struct headers *h,
                  struct routed *r);
void routed_done(struct routed *r);

#endif
