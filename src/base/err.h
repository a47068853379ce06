/* One error, told in one sentence.
 *
 * The caller owns a `struct err` and passes it last; a function that fails
 * fills it with a sentence that names the thing, the cause and the way out,
 * and returns -1.  A function that succeeds leaves it alone.
 * Thread: none; a struct err belongs to whoever made it. */
#ifndef SPANTOP_BASE_ERR_H
#define SPANTOP_BASE_ERR_H

#include "base/attr.h"

#define ERR_TEXT_MAX 512 /* a sentence; longer ones are cut at a character */

struct err {
    char text[ERR_TEXT_MAX];
};

/* Fill e (may be NULL: then nobody wants to know).  Always returns -1, so that
 * `return err_set(...)` reads well. */
int err_set(struct err *e, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* Put `fmt: ` in front of what e says already.  Always returns -1. */
int err_prefix(struct err *e, const char *fmt, ...) PRINTF_LIKE(2, 3);

#endif
