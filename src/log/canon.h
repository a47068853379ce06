/* The form in which an element is stored: without what Claude Code adds to it
 * for one turn only.  Pure.
 *
 * Only bytes are taken out, so putting them back gives the exact element:
 * - `,"cache_control":{…}`, which the last message and some others carry and
 *   lose one turn later;
 * - the array around a user message's only text block, which is then sent
 *   as a plain string. */
#ifndef SPANTOP_LOG_CANON_H
#define SPANTOP_LOG_CANON_H

#include <stddef.h>

#include "base/buf.h"
#include "base/span.h"

#define CANON_CUTS_MAX 4 /* as many cache_control markers as the API takes */

struct canon {
    struct span cuts[CANON_CUTS_MAX]; /* in the element, rising; taken out */
    size_t count;
};
void canon_find(struct bytes element, struct canon *c);
/* Append the element without the cuts. -1: out of memory. */
int canon_write(struct bytes element, const struct canon *c, struct buf *out);

#endif
