/* Server-sent events, found in a stream fed piece by piece.
 *
 * Bounded memory: an event's data above SSE_EVENT_MAX is skipped: the event is
 * reported once, with truncated set and no data.  A name above SSE_NAME_MAX is
 * left out.  Handles CR, LF, CRLF, comments, BOM, multi-line data.
 * Fed whole or byte by byte, the same events come out. */
#ifndef SPANTOP_ANTHROPIC_SSE_H
#define SPANTOP_ANTHROPIC_SSE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/span.h"

#define SSE_EVENT_MAX ((size_t)1 << 20) /* message_start with a long echo stays far below */
#define SSE_NAME_MAX  ((size_t)256)     /* the longest in use has 19 bytes */

struct sse_event {
    struct bytes name; /* empty when the event had no `event:` line */
    struct bytes data;
    bool truncated;
};

/* Events lend their bytes for the duration of the call. */
typedef void sse_event_fn(void *arg, const struct sse_event *ev);

struct sse {
    struct buf line;  /* an unfinished line */
    struct buf data;  /* the event so far, where it had to be copied */
    struct buf name;
    struct bytes data_now; /* data and name as they stand: in the buffers above or, */
    struct bytes name_now; /* during sse_feed, in the caller's piece */
    bool has_data;
    bool truncated;
    bool line_is_long;
    bool skip_lf;
    bool at_start;
    sse_event_fn *on_event;
    void *arg;
};

void sse_init(struct sse *p, sse_event_fn *on_event, void *arg);
void sse_done(struct sse *p);
void sse_feed(struct sse *p, const char *data, size_t len);

#endif
