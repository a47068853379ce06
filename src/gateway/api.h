/* Respan's management API beside the gateway's upstream: where it lies, how it is
 * asked, and a client for commands that may wait for an answer.
 * Thread: the caller's; an api_client belongs to one. */
#ifndef SPANTOP_GATEWAY_API_H
#define SPANTOP_GATEWAY_API_H

#include <stdbool.h>

#include "base/attr.h"
#include "base/blob.h"
#include "base/buf.h"
#include "base/err.h"
#include "gateway/headers.h"

/* The API behind an upstream: without its last part "anthropic/".  NULL: it does
 * not end so.  Caller frees. */
char *api_base_of(const char *upstream);

/* The headers of a question: the key as bearer (NULL: none), JSON wanted (and sent). */
NODISCARD int api_put_headers(struct headers *h, const char *key, bool has_body);

struct api_client;
/* base: "https://api.respan.ai/api"; ca_file NULL: the system's. */
struct api_client *api_client_new(const char *base, const char *ca_file, struct err *e);
void api_client_free(struct api_client *c);
/* Ask and wait: GET base/rest, or POST when there is a body.  The answer replaces
 * what answer held.  -1: no whole answer within limit_ms, e says why. */
NODISCARD int api_client_ask(struct api_client *c, const char *rest, const char *key, struct blob *body, int limit_ms,
                             int *status, struct buf *answer, struct err *e);

#endif
