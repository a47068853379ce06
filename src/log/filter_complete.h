/* What the word of a filter that is being typed can become: fields, and behind a
 * field the values that the log has.
 *
 * Values come from the newest FILTER_LOOKED_AT calls (or sessions), so that a large
 * log takes no longer than a small one; an older value can still be typed.
 * Thread: the db's. */
#ifndef SPANTOP_LOG_FILTER_COMPLETE_H
#define SPANTOP_LOG_FILTER_COMPLETE_H

#include <stddef.h>

#include "base/attr.h"
#include "base/err.h"
#include "log/db.h"

#define FILTER_LOOKED_AT   2000
#define FILTER_CHOICES_MAX 40

struct filter_choices {
    size_t from, to; /* the bytes of the text that a choice takes the place of */
    char **list;     /* as they are to stand there; from outside: clean before a terminal sees them */
    size_t count;
};
/* For the word of text that the cursor stands in or behind.  None: count 0. */
NODISCARD int filter_complete(struct db *db, const char *text, size_t at, struct filter_choices *c, struct err *e);
void filter_choices_done(struct filter_choices *c);

#endif
