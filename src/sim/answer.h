/* What the model says: blocks of thinking, text and tool use, why it stopped, and
 * how fast it speaks.  Independent of how it is sent (events.h). */
#ifndef SPANTOP_SIM_ANSWER_H
#define SPANTOP_SIM_ANSWER_H

#include <stdint.h>

#include <cjson/cJSON.h>

#include "base/err.h"
#include "sim/rng.h"

enum block_kind {
    BLOCK_TEXT,
    BLOCK_THINKING,
    BLOCK_TOOL,
};

struct answer_block {
    enum block_kind kind;
    char *text; /* words, or the tool's input as compact JSON */
    char *name; /* tools: its name; thinking: its signature */
    char *id;   /* tools */
};

struct answer {
    struct answer_block *blocks;
    size_t count;
    char *stop_reason; /* NULL: by the blocks */
    char *model;       /* served instead of the one asked for, or NULL */
    char *provider;    /* likewise */
    cJSON *usage;      /* fields that replace the modelled ones, or NULL */
    cJSON *events;     /* [{"event","data"}] to send as they are, or NULL */
    int chunks;        /* deltas a text block is cut into; 0: at the model's pace */
    int64_t delay_ms;  /* between deltas; -1: human speed */
    int64_t first_ms;  /* before the first byte; -1: human */
};

void answer_init(struct answer *a);
void answer_done(struct answer *a);
void answer_copy(struct answer *to, const struct answer *from); /* `to` is uninitialised */
void answer_add(struct answer *a, enum block_kind kind, const char *text);
/* input: compact JSON; id NULL: answer_finish() makes one. */
void answer_add_tool(struct answer *a, const char *name, const char *input, const char *id);
void answer_drop_tools(struct answer *a);
/* A script item as in sim.h; -1 and untouched when it is none. */
int answer_from_json(struct answer *a, const cJSON *item, struct err *e);
/* Give tools ids, thinking signatures and the whole a stop reason; cut at max_tokens (0: no limit). */
void answer_finish(struct answer *a, struct rng *rng, const char *provider, int64_t max_tokens);
int64_t answer_tokens(const struct answer *a);

/* prefix and len characters out of [0-9A-Za-z]; caller frees. */
char *make_id(struct rng *rng, const char *prefix, int len);
/* "msg_", "msg_vrtx_", "msg_bdrk_" as the providers' own ids begin. */
char *make_message_id(struct rng *rng, const char *kind, const char *provider);

#endif
