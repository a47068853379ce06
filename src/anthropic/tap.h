/* What one answer says about itself, learned while its bytes pass by.
 *
 * The tap looks, it never changes, delays or fails anything: whatever it cannot
 * read it leaves unknown.  Memory is bounded (SSE_EVENT_MAX, TAP_PLAIN_MAX).
 * Understands SSE and plain JSON, identity, gzip and deflate; anything else is
 * passed over.
 * Thread: the thread that feeds it. */
#ifndef SPANTOP_ANTHROPIC_TAP_H
#define SPANTOP_ANTHROPIC_TAP_H

#include <stdbool.h>
#include <stdint.h>

#include "anthropic/usage.h"

#define TAP_NAME_MAX 128
#define TAP_MESSAGE_MAX 512
#define TAP_PLAIN_MAX ((size_t)16 << 20) /* a plain answer above this is not read for usage */

/* What is known so far; all strings "" while unknown. */
struct tap_facts {
    struct usage usage;
    char model[TAP_NAME_MAX];          /* message_start's or the answer's `model` */
    char stop_reason[TAP_NAME_MAX];
    char message_id[TAP_NAME_MAX];
    char error_type[TAP_NAME_MAX];     /* from an error body or an SSE error event */
    char error_message[TAP_MESSAGE_MAX];
    bool has_content;                  /* the first content (text, thinking, tool input) has come */
    bool is_complete;                  /* message_stop seen, or a plain answer read to its end */
    int64_t delta_bytes;               /* text, thinking and tool-input bytes seen so far (live estimate) */
};

struct tap;

/* content_type and content_encoding as received (NULL: none); status decides
 * whether a body is read as an error. */
struct tap *tap_new(int status, const char *content_type, const char *content_encoding);
void tap_free(struct tap *t);
void tap_feed(struct tap *t, const void *data, size_t len);
/* The body ended (cleanly or not): reads a plain JSON body gathered so far. */
void tap_end(struct tap *t);
const struct tap_facts *tap_peek(const struct tap *t);
/* tokens_out while it streams: the last cumulative figure, else an estimate
 * from delta_bytes; *is_estimate says which. */
int64_t tap_tokens_out(const struct tap *t, bool *is_estimate);

#endif
