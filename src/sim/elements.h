/* A request body as Anthropic's prompt cache sees it: the tools, the system
 * blocks and the blocks of the messages, in that order, each with the hash of
 * everything up to and including it and an estimate of its tokens.
 *
 * Elements are canonical: cache_control is taken out, and a message whose
 * content is a plain string is the same as one with that single text block. */
#ifndef SPANTOP_SIM_ELEMENTS_H
#define SPANTOP_SIM_ELEMENTS_H

#include <stddef.h>
#include <stdint.h>

#include <cjson/cJSON.h>

enum cache_mark {
    MARK_NONE,
    MARK_5M,
    MARK_1H,
    MARK_BAD, /* a cache_control with an unknown ttl or type */
};

struct element {
    uint64_t prefix[2]; /* 128 bits: chance collisions are out of question */
    int64_t tokens;     /* of this element alone */
    enum cache_mark mark;
};

struct elements {
    struct element *v;
    size_t count;
    size_t cap;
    size_t marks;
    int64_t tokens; /* of all */
};

void elements_read(struct elements *out, const cJSON *body);
void elements_done(struct elements *e);

/* About four bytes a token, as for English and code. */
int64_t tokens_of_bytes(size_t len);

#endif
