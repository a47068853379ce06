/* An answer as it goes over the wire: Anthropic's server-sent events, or one JSON
 * object.  Knows the shape and the pace, not the socket (reply.h). */
#ifndef SPANTOP_SIM_EVENTS_H
#define SPANTOP_SIM_EVENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "sim/answer.h"
#include "sim/pcache.h"

#define EVENTS_OUT_AT_START 1 /* output tokens that message_start claims, before any was made */

/* What a call used, as told to the client; out is the final figure. */
struct figures {
    struct pcache_use in;
    int64_t out;
};

struct event {
    char *bytes;       /* "event: …\ndata: …\n\n" */
    size_t len;
    int64_t delay_us;  /* before it, at human speed */
    int64_t tokens;    /* of output that it carries */
    bool is_delta;     /* content_block_delta */
    bool is_exact;     /* the delay is the script's own, not scaled by speed */
};

struct event_list {
    struct event *v;
    size_t count;
};


/* Let the script's usage fields replace the modelled ones. */
void figures_override(struct figures *f, const cJSON *usage);

void events_build(struct event_list *list, const struct answer *a, const char *id, const char *model, const struct figures *f,
                  struct rng *rng);
void events_done(struct event_list *list);

/* The plain answer, compact JSON. */
void events_plain(struct buf *out, const struct answer *a, const char *id, const char *model, const struct figures *f);

/* How long the model takes for all of it at human speed. */
int64_t events_duration_us(const struct event_list *list);

#endif
