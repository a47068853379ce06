/* Errors as Respan, its providers and the proxies in front of it word them. */
#ifndef SPANTOP_SIM_PROBLEM_H
#define SPANTOP_SIM_PROBLEM_H

#include "base/buf.h"

enum problem_shape {
    SHAPE_DEFAULT,   /* what that status usually looks like */
    SHAPE_ANTHROPIC, /* {"type":"error","error":{"type","message"},"request_id"} */
    SHAPE_PROVIDER,  /* {"error":{"type","message"}} */
    SHAPE_DETAIL,    /* {"detail":"…"}, with retry_after on a 429 */
    SHAPE_ERROR,     /* {"error":"…"} */
    SHAPE_MESSAGE,   /* {"message":"…"} */
    SHAPE_ERRORS,    /* 422: {"detail","errors":{field:[…]}} */
    SHAPE_HTML,
    SHAPE_TEXT,
    SHAPE_EMPTY,
};

#define PROBLEM_TEXT_MAX 400

struct problem {
    int status; /* 0: none */
    enum problem_shape shape;
    char message[PROBLEM_TEXT_MAX];
};

/* Always returns -1, so that a check can end with it. */
int problem_set(struct problem *p, int status, enum problem_shape shape, const char *fmt, ...) PRINTF_LIKE(4, 5);

/* By its name in the control interface; SHAPE_DEFAULT for NULL, -1 for an unknown one. */
int problem_shape_of(const char *name);

/* The body; message "" gives the status's usual words.  *content_type is static. */
void problem_body(const struct problem *p, const char *request_id, struct buf *out, const char **content_type);

const char *problem_type_of(int status); /* Anthropic's error type */
const char *http_reason(int status);

#endif
