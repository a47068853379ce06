/* One request to v1/messages, understood: who asks, for which model, and what
 * the newest prompt says.  Holds pointers into the body's tree and the request. */
#ifndef SPANTOP_SIM_ASK_H
#define SPANTOP_SIM_ASK_H

#include <stdbool.h>
#include <stddef.h>

#include <cjson/cJSON.h>

#include "base/buf.h"
#include "sim/http.h"

struct ask {
    const cJSON *body;     /* lent */
    const char *target;    /* lent, from the request */
    const char *model;     /* as asked; "" when missing */
    const char *session;   /* X-Claude-Code-Session-Id, or "" */
    const char *agent;     /* x-claude-code-agent-id, or "" */
    const char *provider;  /* the one pinned by header, or "" */
    bool stream;
    bool has_tools;
    bool is_title;
    struct buf prompt;     /* text of the newest user message that is not only tool results */
    size_t steps;          /* assistant answers since that message */
    size_t messages;
    cJSON *params;         /* Respan's params, header and body merged; never NULL, owned */
};

void ask_init(struct ask *a, const struct http_request *r, const cJSON *body);
void ask_done(struct ask *a);

/* "match" of a fault or a script item: every key that is there must fit.
 * body_known: false when only the request line is known (then only path counts). */
bool ask_matches(const struct ask *a, const cJSON *match);
bool ask_path_matches(const char *target, const cJSON *match);

#endif
