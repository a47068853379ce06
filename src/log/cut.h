/* Where a request body is cut into elements.  Pure; works on any bytes.
 *
 * The elements of every array that stands directly in the top object (messages,
 * system, tools) are cut out.  An element is everything between two commas of
 * its array, white space included, so that `[` elements joined by `,` `]` give
 * the exact bytes back whatever they are.  Nothing needs to be valid JSON: where
 * the walk no longer understands the bytes it stops, and all that follows stays
 * whole.  Bounded by BODY_ARRAYS_MAX and BODY_ELEMENTS_MAX. */
#ifndef SPANTOP_LOG_CUT_H
#define SPANTOP_LOG_CUT_H

#include <stddef.h>

#include "base/span.h"

#define CUT_NEW ((size_t)-1)

struct cut_element {
    size_t off;
    size_t end;  /* of the comma or bracket behind it */
    size_t same; /* cut_again: index of the element of the previous body with these bytes, or CUT_NEW */
};
struct cut_array {
    size_t open;  /* offset of [ */
    size_t close; /* offset of ] */
    size_t first; /* index of its first element */
    size_t count; /* at least 1 */
};
struct cut {
    struct cut_array *arrays;
    size_t array_count;
    struct cut_element *elements; /* in the order of the body */
    size_t element_count;
    size_t element_cap;
};

void cut_init(struct cut *c);
void cut_done(struct cut *c);

/* Cut a body. */
void cut_fresh(struct bytes body, struct cut *c);
/* The same cut, found by comparing with a previous body and its cut: what stands
 * before the first difference, and what follows an array behind which both go
 * on alike, is taken over unread.  prefix is cut_common_prefix() of the two. */
void cut_again(struct bytes body, struct bytes previous, const struct cut *old, size_t prefix, struct cut *c);

size_t cut_common_prefix(struct bytes a, struct bytes b);

#endif
