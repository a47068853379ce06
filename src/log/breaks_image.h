/* A request body as the prompt cache upstream sees it: the tools, the system
 * blocks and the blocks of the messages, each as a hash, and where the
 * breakpoints (cache_control) stand.
 *
 * cache_control itself is no part of what is hashed, and a plain string is the
 * same as its one text block: both change from turn to turn without changing what
 * the cache holds.  An image knows no text but the tools' names.
 *
 * Thread: the journal's; images are shared there by counting references. */
#ifndef SPANTOP_LOG_BREAKS_IMAGE_H
#define SPANTOP_LOG_BREAKS_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"
#include "log/cut.h"

/* A hostile body of tiny blocks has no image; a real one of 1 MB has 1,500 blocks. */
#define IMAGE_PRINTS_MAX ((size_t)16384)
#define IMAGE_NAME_MAX   ((size_t)128)

enum image_part { IMAGE_TOOLS, IMAGE_SYSTEM, IMAGE_MESSAGES, IMAGE_PARTS }; /* the order of the cache */
enum image_mark { IMAGE_NO_MARK, IMAGE_MARK_5M, IMAGE_MARK_1H };
enum image_role { ROLE_USER, ROLE_ASSISTANT, ROLE_SYSTEM, ROLE_OTHER };

struct print {
    uint64_t hash;
    uint32_t bytes;
    uint32_t element : 24; /* which tool, system block or message */
    uint32_t mark : 4;     /* enum image_mark */
    uint32_t role : 4;     /* of the message */
};
struct image_range {
    size_t first;
    size_t count;
};
struct image_element { /* its prints */
    uint32_t first;
    uint32_t count;
};
struct image {
    unsigned refs;
    struct print *prints; /* in the order of the body */
    size_t print_count;
    struct image_range parts[IMAGE_PARTS];
    struct image_element *elements; /* by element of the cut */
    size_t element_count;
    char *names; /* the tools' names, each ended by NUL */
    size_t names_len;
    size_t message_count;
    uint64_t params;           /* what else of the body can change the cache's key */
    enum image_mark last_mark; /* a cache_control of the whole request: it marks the last block */
};

/* Of a body and its cut.  Elements that the cut found in the body before (same)
 * are taken over from that body's image; without one all are read.
 * NULL: the body cannot be seen through (no JSON, or beyond a bound). */
struct image *image_new(struct bytes body, const struct cut *cut, const struct image *before);
/* The same, cutting the body itself. */
struct image *image_of(struct bytes body);
struct image *image_ref(struct image *im); /* NULL is fine */
void image_unref(struct image *im);
size_t image_size(const struct image *im); /* bytes of memory */

/* In the cache's order: i < image_count(). */
size_t image_count(const struct image *im);
const struct print *image_at(const struct image *im, size_t i);
enum image_part image_part_of(const struct image *im, size_t i);
enum image_mark image_mark_at(const struct image *im, size_t i);
/* The last block with a mark, or -1. */
int64_t image_last_mark(const struct image *im);
/* "" when there is no such tool. */
const char *image_tool_name(const struct image *im, size_t tool);
bool image_has_tool(const struct image *im, const char *name);

#endif
