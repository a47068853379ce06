/* How one body is put together from pieces: the BLOB in call.request_body,
 * sent_body and response_body.
 *
 * A body is its skeleton (all bytes outside the arrays that were cut) with the
 * elements of each array put back in, joined by single commas.  An element is
 * its piece with a few inserts (a cache_control marker, say) put back.
 *
 *   byte    1                             the format
 *   varint  length of the body
 *   varint  piece id of the skeleton
 *   varint  arrays;  each: varint offset in the skeleton since the last one, varint elements
 *   varint  runs;    each: zigzag first id since the end of the last run, varint ids
 *   varint  inserts; each: varint elements since the last one, zigzag place
 *                    (n >= 0: n bytes from the piece's start; n < 0: -1 - n from its end),
 *                    varint text (a number of the table, or 0: varint length, bytes)
 *
 * Complete in itself: no list depends on another call. */
#ifndef SPANTOP_LOG_BODY_LIST_H
#define SPANTOP_LOG_BODY_LIST_H

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/span.h"

#define BODY_ARRAYS_MAX   ((size_t)64) /* bounds hostile bodies; the rest is skeleton */
#define BODY_ELEMENTS_MAX ((size_t)4096)
#define BODY_INSERTS_MAX  ((size_t)8192)

struct body_array {
    size_t at;    /* offset in the skeleton */
    size_t count; /* elements, at least 1 */
};
struct body_insert {
    size_t element;
    int64_t place;     /* see above */
    struct bytes text; /* borrowed */
};
struct body_list {
    size_t len;
    int64_t skeleton;
    struct body_array arrays[BODY_ARRAYS_MAX];
    size_t array_count;
    int64_t *elements; /* piece ids; owned */
    size_t element_count;
    struct body_insert *inserts; /* owned; texts borrowed from the table or the decoded bytes */
    size_t insert_count;
};

void body_list_done(struct body_list *l);
/* Append to out. -1: out of memory. */
NODISCARD int body_list_encode(const struct body_list *l, struct buf *out);
/* Reads hostile bytes safely. -1: damaged.  Texts point into in. */
NODISCARD int body_list_decode(struct bytes in, struct body_list *l);
/* The length of the body alone; -1 damaged. */
int64_t body_list_len(struct bytes in);

#endif
