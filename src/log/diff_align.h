/* Which elements of two lists belong together: Myers' shortest edit, by keys.
 * Pure. */
#ifndef SPANTOP_LOG_DIFF_ALIGN_H
#define SPANTOP_LOG_DIFF_ALIGN_H

#include <stddef.h>
#include <stdint.h>

#define DIFF_NONE ((size_t)-1)
/* Edits looked for, after equal ends are set aside; 2 MB of memory, some milliseconds.
 * Beyond it what is between the ends counts as replaced. */
#define DIFF_EDITS_MAX 700

/* to_b[i]: the place in b of a[i], or DIFF_NONE.  Places rise. */
void diff_align(const uint64_t *a, size_t a_count, const uint64_t *b, size_t b_count, size_t *to_b);

#endif
