/* What a call's input will cost, before anybody has counted its tokens.
 *
 * By the bytes of the body: four a token, or as many as the conversation's last call
 * had.  What that call had in its context is priced as read from the cache, if it went
 * to the same model and is not too long ago; the rest at the price of fresh input. A
 * picture counts what pictures count at most, not the length of its base64.
 *
 * Thread: the owner's.  Memory: bounded; the conversation that was told of longest ago
 * is forgotten. */
#ifndef SPANTOP_GATEWAY_BUDGET_ESTIMATE_H
#define SPANTOP_GATEWAY_BUDGET_ESTIMATE_H

#include <stdint.h>

#include "anthropic/usage.h"
#include "base/span.h"
#include "respan/catalog.h"

#define CONVERSATIONS_MAX 64

struct conversation_cost {
    uint64_t key;       /* 0: free */
    uint64_t model;
    int64_t text_bytes; /* of its last body, pictures left out */
    int64_t context;    /* tokens it was counted as */
    int64_t ended_ms;
    bool is_long;       /* its cache lives for an hour */
};

struct estimates {
    struct conversation_cost known[CONVERSATIONS_MAX];
};

struct estimate_subject {
    const char *session_id; /* NULL unknown: nothing is remembered */
    const char *agent_id;   /* NULL: the main agent */
    const char *model;      /* as sent */
    int64_t text_bytes;     /* estimate_text_bytes() */
    int64_t pictures;
    int64_t now_ms;
};

/* Bytes of a body without its pictures' data, and how many of those it has. */
int64_t estimate_text_bytes(struct bytes body, int64_t *pictures);
/* The input as classes of tokens; out is 0. */
struct usage estimate_usage(const struct estimates *e, const struct estimate_subject *s);
/* Such a call has been answered with this usage. */
void estimate_learn(struct estimates *e, const struct estimate_subject *s, const struct usage *u);

#endif
