/* Where a request goes: the upstream's base, and what of a target follows it.
 *
 * Pure.  A target is never decoded: %2F, +, empty arguments and odd bytes go up
 * as they came; only the slashes at the join become exactly one. */
#ifndef SPANTOP_GATEWAY_TARGET_H
#define SPANTOP_GATEWAY_TARGET_H

#include <stdbool.h>

#include "base/attr.h"
#include "base/err.h"

struct upstream_base {
    char *origin;     /* "https://api.respan.ai", port included when given */
    char *host;       /* without port and brackets */
    char *path;       /* "/api/anthropic", no slash at its end; "" when none */
    bool is_tls;
    bool is_loopback; /* then no proxy is used */
};

/* http:// or https:// with a host; no user, query or fragment. */
NODISCARD int upstream_base_parse(struct upstream_base *b, const char *url, struct err *e);
void upstream_base_done(struct upstream_base *b);
/* base path + "/" + rest.  Caller frees. */
char *upstream_base_join(const struct upstream_base *b, const char *rest);

enum target_kind {
    TARGET_FORWARD, /* below a base path; *rest follows the base and its slash */
    TARGET_WARM_UP, /* HEAD on a base path or /api/hello: 200 here */
    TARGET_HEALTH,  /* GET /spantop/health */
    TARGET_OTHER,
};

/* rest points into target (behind the base and its slashes). */
enum target_kind target_classify(const char *method, const char *target, const char **rest);

/* Do routes act on it (POST v1/messages, v1/messages/count_tokens)? */
bool target_is_routed(const char *method, const char *rest);
/* Is it one of them that only counts? */
bool target_is_count_tokens(const char *rest);
/* Is it the model list (GET v1/models)? */
bool target_is_models(const char *method, const char *rest);
/* Does it lie below v1/ (then it has a row even when it is answered here)? */
bool target_is_v1(const char *rest);

bool host_is_loopback(const char *host);

#endif
