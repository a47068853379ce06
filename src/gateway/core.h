/* The running gateway's parts, for the files of this folder.
 * Thread: proxy thread. */
#ifndef SPANTOP_GATEWAY_CORE_H
#define SPANTOP_GATEWAY_CORE_H

#include <stdbool.h>
#include <stdint.h>

#include "gateway/gateway.h"
#include "gateway/lookup.h"
#include "gateway/loop.h"
#include "gateway/modellist.h"
#include "gateway/pins.h"
#include "gateway/router.h"
#include "gateway/server.h"
#include "gateway/target.h"
#include "gateway/upstream.h"
#include "log/journal.h"
#include "log/peer.h"
#include "log/routes.h"

struct exchange;
struct budgets;
struct other_log;

struct gateway {
    const struct gateway_options *options;
    struct loop *loop;
    struct server *server;
    struct upstream *upstream;
    struct lookup *lookup;             /* NULL: Respan has no log that could be asked */
    struct modellist *modellist;       /* NULL: no list is fetched */
    struct journal *journal;
    struct other_log *other_log;       /* routes and budgets anew, when the log was replaced */
    struct route_watch *routes;
    struct pins *pins;
    struct budgets *budgets;           /* NULL: none can be read */
    struct refused_routes refused_routes;
    struct peer_lock *lock;
    struct upstream_base base;
    struct peer peer;                  /* address, instance token, version, start */
    char listen_host[64];
    char local_token[LOCAL_TOKEN_MAX];
    bool needs_key;                    /* others than this machine can connect */
    size_t body_max_bytes;
    size_t held_max_bytes;
    size_t kept_bytes;                 /* of answers on their way, for the log */

    struct exchange *exchanges;        /* all alive */
    int64_t in_flight;                 /* of them, calls on their way upstream or back */
    int64_t calls;                     /* since the start */
    int64_t refused;                   /* by the guards and the token check */
    const char *last_refusal;          /* its code; NULL: none yet */
    int64_t unlogged;                  /* calls carried without a row: no id could be had */
    int64_t routes_version;
    int64_t routes_ended_version;      /* of the set whose end the journal was told */
    struct err routes_problem;         /* why they cannot be read now; "" */
    int64_t models_absent_until_ms;    /* the upstream said it has no model list */

    bool is_stopping;
    struct timer drain_timer;
    struct watch parent;
};

/* A call ended: while stopping, the last one ends the loop. */
void gateway_call_ended(struct gateway *g);
/* The routes in force now (lent until the next call); never waits. */
const struct route_set *gateway_routes(struct gateway *g);
/* A call took these: what holds for a time only is counted, and put off when it is over. */
void gateway_routes_taken(struct gateway *g, const struct routed *r, bool is_counted);

#endif
