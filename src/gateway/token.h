/* Which key goes up: the client's own, or Respan's in place of the local token.
 *
 * The local token (from `spantop env`) begins with "spantop-" and opens nothing
 * but this gateway; compared in constant time.  Keys are never copied into
 * anything that is written down. */
#ifndef SPANTOP_GATEWAY_TOKEN_H
#define SPANTOP_GATEWAY_TOKEN_H

#include <stdbool.h>

#include "gateway/headers.h"

#define TOKEN_PREFIX "spantop-"

enum token_verdict {
    TOKEN_PASS,    /* the client's own key: pass it on */
    TOKEN_REPLACE, /* the local token: put the Respan key in */
    TOKEN_WRONG,   /* begins like the local token and is not it */
};

enum token_verdict token_check(const struct headers *h, const char *local_token);
/* Does the client bring any key at all? */
bool token_is_there(const struct headers *h);
/* Take the client's x-api-key and bearer out, put `x-api-key: key` in. */
int token_replace(struct headers *h, const char *key);

#endif
