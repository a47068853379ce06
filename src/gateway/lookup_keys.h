/* The keys that Respan's log may be asked with: the gateway's own, and those
 * that calls went up with.
 *
 * Memory: copies, here alone, wiped when they go.  Never logged or shown.
 * Thread: proxy thread. */
#ifndef SPANTOP_GATEWAY_LOOKUP_KEYS_H
#define SPANTOP_GATEWAY_LOOKUP_KEYS_H

#include <stdbool.h>

#include "gateway/headers.h"

#define LOOKUP_KEYS_MAX 16 /* people behind one gateway; further ones do without */
#define LOOKUP_KEY_OWN  0
#define LOOKUP_KEY_NONE (-1)

struct lookup_keys {
    char *keys[LOOKUP_KEYS_MAX]; /* [LOOKUP_KEY_OWN]: the gateway's, or NULL */
    bool refused[LOOKUP_KEYS_MAX];
};

/* own may be NULL. */
void lookup_keys_init(struct lookup_keys *k, const char *own);
void lookup_keys_done(struct lookup_keys *k);
/* The key to ask with about a call that went up with these headers: the gateway's
 * own, unless there is none or it was refused; else the call's. */
int lookup_keys_choose(struct lookup_keys *k, const struct headers *sent);
const char *lookup_keys_peek(const struct lookup_keys *k, int key);
/* Respan does not take it.  It is kept, so that it is known again. */
void lookup_keys_refuse(struct lookup_keys *k, int key);

#endif
