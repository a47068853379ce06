/* Which requests are refused before anything is done with them.
 *
 * Three dangers: another web site's script using the user's gateway (foreign Host
 * after DNS rebinding, Origin, Sec-Fetch-Site), two parties reading one request's
 * end differently (length with chunked, two lengths, folded lines), and bytes
 * that would change meaning on the way up.
 *
 * Pure: nothing is read but the arguments. */
#ifndef SPANTOP_GATEWAY_GUARD_H
#define SPANTOP_GATEWAY_GUARD_H

#include <stdbool.h>
#include <stddef.h>

#include "gateway/headers.h"

#define GUARD_HEAD_MAX ((size_t)64 << 10) /* headers above this: 431 */

struct guard_request {
    const char *method;
    const char *target;         /* as received */
    const struct headers *headers;
    size_t head_bytes;          /* as received; 0 unknown */
    size_t folded_bytes;        /* bytes of the head that no header line accounts for */
    const char *local_address;  /* the address the client reached, no port; NULL unknown */
};

struct refusal {
    int status;          /* 0: let it pass */
    const char *type;    /* Anthropic's error type */
    const char *code;    /* value of x-spantop-error */
    const char *message;
};

/* Is the head itself malformed?  Where the request ends is then anybody's guess: the
 * connection ends with the answer, or its body could be taken for another request. */
bool refusal_is_of_the_head(const struct refusal *r);

/* listen_host: host of --listen, without port or brackets. */
struct refusal guard_check(const struct guard_request *r, const char *listen_host);

#endif
