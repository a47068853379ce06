/* Small allocations that may be fatal: the program has no use for a state in
 * which a few bytes cannot be had.  Anything whose size a peer decides uses
 * malloc() (or struct buf, struct blob) and fails that one call instead. */
#ifndef SPANTOP_BASE_MEM_H
#define SPANTOP_BASE_MEM_H

#include <stddef.h>

#include "base/attr.h"

void *xmalloc(size_t size);
void *xcalloc(size_t count, size_t size);
void *xrealloc(void *old, size_t size);
char *xstrdup(const char *s);               /* NULL gives NULL */
char *xstrndup(const char *s, size_t len);  /* stops at a NUL, too */
char *xasprintf(const char *fmt, ...) PRINTF_LIKE(1, 2);

/* free(*slot), then *slot = copy of s (or NULL). */
void xreplace(char **slot, const char *s);

#endif
