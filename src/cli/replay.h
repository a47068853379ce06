/* A logged call sent once more through the running gateway, beside the first.
 * Thread: one. */
#ifndef SPANTOP_CLI_REPLAY_H
#define SPANTOP_CLI_REPLAY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/blob.h"
#include "base/buf.h"
#include "base/err.h"
#include "cli/client_env.h"
#include "cli/command.h"
#include "gateway/headers.h"
#include "log/call.h"
#include "log/db.h"
#include "respan/catalog.h"

struct replay {
    struct call first;
    const char *model;       /* wanted; NULL: the one it went to */
    const char *provider;    /* wanted; NULL: as it was pinned, or not at all */
    bool is_unpinned;        /* wanted: no pin */
    bool tells;              /* say the new call's id as soon as it is known */
    char session_id[40];     /* "replay-17": a session of its own, so that the first one's sums stay */
    /* What goes out. */
    struct blob *body;
    struct headers headers;
    char *changes;           /* JSON array: what the switch changed in the body; NULL: nothing */
    /* What it may cost, in micro-dollars: with all of the prefix in the cache, and none; -1 unknown. */
    int64_t least_microusd;
    int64_t most_microusd;
    /* What came. */
    int status;
    int64_t call_id;         /* 0: the gateway gave none */
    struct buf answer;
    struct call again;
    struct buf first_answer;
};

void replay_init(struct replay *r);
void replay_done(struct replay *r);

/* Read the call and lay out what goes out: the bytes that went upstream, or with
 * another model the client's own, switched as a route would. */
NODISCARD int replay_plan(struct replay *r, struct db *db, const struct catalog *catalog, int64_t id, struct err *e);
/* A route that would send it elsewhere than wanted is named. */
NODISCARD int replay_check_routes(const struct replay *r, struct db *db, struct err *e);
/* Send and wait for the whole answer.  key: what the client would use. */
NODISCARD int replay_send(struct replay *r, const struct client_env *env, const char *key, struct err *e);
/* The new call's row, once the journal has written its end, and both answers. */
NODISCARD int replay_collect(struct replay *r, struct db *db, struct err *e);

/* "about 142k tokens to claude-opus-5-5, $0.07 to $0.89" */
void replay_put_price(const struct replay *r, struct buf *out);
void replay_print(const struct replay *r);
void replay_print_json(const struct replay *r);

#endif
