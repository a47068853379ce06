/* Faults on demand: what to break, where in the answer, and for which calls.
 *
 * Thread: none; the caller holds its lock.  fault_take() gives a copy of its own
 * to the connection that runs into it. */
#ifndef SPANTOP_SIM_FAULT_H
#define SPANTOP_SIM_FAULT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cjson/cJSON.h>

#include "base/buf.h"
#include "base/err.h"
#include "sim/ask.h"
#include "sim/problem.h"

enum fault_stage {
    STAGE_NONE,
    STAGE_CONNECT,
    STAGE_HEADERS,
    STAGE_MID_HEADERS,
    STAGE_FIRST_EVENT,
    STAGE_MID_EVENT,
    STAGE_MID_UTF8,
    STAGE_BETWEEN_EVENTS,
    STAGE_BEFORE_END,
    STAGE_TERMINATOR,
};

enum fault_kind {
    FAULT_NONE,
    FAULT_RESET,
    FAULT_CLOSE,
    FAULT_STALL,
    FAULT_GARBAGE,
    FAULT_BAD_CHUNK,
    FAULT_DUP_HEADERS,
    FAULT_WRONG_LENGTH,
    FAULT_LONG_LINE,
    FAULT_1XX,
    FAULT_REDIRECT,
    FAULT_DRIP,
    FAULT_GZIP,
    FAULT_HTTP10,
    FAULT_ERROR_EVENT,
    FAULT_CRLF,
    FAULT_COMMENTS,
    FAULT_NO_EVENT_LINES,
    FAULT_PLAIN_JSON,
};

struct fault {
    int times; /* left; 0: for ever */
    int skip;  /* fitting calls that go free first */
    int fired;
    enum fault_stage stage;
    enum fault_kind kind;
    int status;
    enum problem_shape shape;
    struct buf body; /* of a status fault; empty and has_body false: the shape's own */
    bool has_body;
    cJSON *headers; /* object of strings, or NULL */
    cJSON *match;   /* or NULL */
    int64_t delay_ms;
    int64_t bytes;
};

const char *fault_stage_name(enum fault_stage s);
const char *fault_kind_name(enum fault_kind k);
enum fault_stage fault_stage_find(const char *name); /* STAGE_NONE: unknown */
enum fault_kind fault_kind_find(const char *name);   /* FAULT_NONE: unknown */

/* A fault of its own that times out of nothing: for directives. */
struct fault *fault_new(void);
void fault_free(struct fault *f); /* NULL is fine */

struct fault_queue {
    struct fault **v;
    size_t count;
};

void fault_queue_clear(struct fault_queue *q);
/* json: one object or an array; all or nothing. */
int fault_queue_add(struct fault_queue *q, const cJSON *json, struct err *e);
/* The first that fits the call, as a copy, or NULL.  is_messages: to v1/messages. */
struct fault *fault_take(struct fault_queue *q, const struct ask *a, bool is_messages);
/* The first of stage connect whose path fits. */
struct fault *fault_take_connect(struct fault_queue *q, const char *target);
cJSON *fault_queue_list(const struct fault_queue *q);

#endif
