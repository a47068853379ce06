/* An answer or a request laid out for people: a list of parts with their text.
 *
 * From stored bytes (SSE or plain JSON, whole or cut short; encoded bodies are
 * unpacked first with content_decode).  Used by Inspect, `show` and exports. */
#ifndef SPANTOP_ANTHROPIC_CONTENT_H
#define SPANTOP_ANTHROPIC_CONTENT_H

#include <stdbool.h>
#include <stddef.h>

#include <stdint.h>

#include "anthropic/media.h"
#include "base/buf.h"
#include "base/span.h"

enum content_kind {
    CONTENT_TEXT,
    CONTENT_THINKING,
    CONTENT_TOOL_USE,    /* text is the input JSON */
    CONTENT_TOOL_RESULT,
    CONTENT_IMAGE,       /* or a document in base64: text is media type and size */
    CONTENT_OTHER,
};

struct content_part {
    enum content_kind kind;
    bool is_error;   /* CONTENT_TOOL_RESULT: the tool failed */
    char *name;      /* tool name or block type; owned */
    char *id;        /* tool_use id, or NULL; owned */
    char *text;      /* owned; may hold any UTF-8: clean before printing */
    size_t text_len;
};
struct content {
    struct content_part *parts;
    size_t count;
    char *stop_reason; /* owned or NULL */
};

/* Unpack gzip/deflate by content_encoding (or by magic bytes when NULL) into out;
 * identity is copied. -1: broken, out holds what could be read. */
int content_decode(const char *content_encoding, const void *data, size_t len, struct buf *out);
/* Read an answer. Never fails: what cannot be read becomes one CONTENT_OTHER part. */
void content_from_answer(const char *data, size_t len, struct content *c);
/* The same for a request's own: value is a message's content or a system prompt, a
 * string or a list of blocks, of the body s. */
void content_from_blocks(const char *s, struct span value, struct content *c);
void content_done(struct content *c);

/* A request as a tree of elements in reading order: system blocks, tools,
 * messages with their blocks. */
struct content_node {
    int depth;             /* 0 section (system, tools, messages), 1 element, 2 block of a message, 3 of a tool's result */
    char label[160];       /* "tool Bash", "user", "text", … already clean of control characters */
    struct span at;        /* the element's bytes in the body */
    bool has_cache_control;
    char cache_ttl[8];     /* "5m", "1h"; "" when it has no mark */
    struct media media;    /* kind MEDIA_NONE: no image and no document */
    int64_t tokens;        /* by content_tree_estimate(); -1 unknown */
};
struct content_tree {
    struct content_node *nodes;
    size_t count;
};
void content_tree_from_request(const char *body, size_t len, struct content_tree *t);
/* About how many tokens each element is: four bytes of text are one, an image is what
 * its pixels make.  With counted >= 0 (what the answer said of the whole input) all
 * are scaled so that the sections add up to it.  An element whose tokens nobody can
 * tell (a PDF, an image of unknown size) has -1, so has what holds it, and then
 * nothing is scaled.  Were they scaled? */
bool content_tree_estimate(struct content_tree *t, int64_t counted);
void content_tree_done(struct content_tree *t);

#endif
