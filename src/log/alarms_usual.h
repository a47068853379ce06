/* The last figures of a kind, and their median: what is usual.
 * A ring in the caller's storage, all zero when new.  Thread: the owner's. */
#ifndef SPANTOP_LOG_ALARMS_USUAL_H
#define SPANTOP_LOG_ALARMS_USUAL_H

#include <stddef.h>
#include <stdint.h>

#define USUAL_KEPT 30

struct usual {
    int64_t figures[USUAL_KEPT];
    size_t count;
    size_t next;
};

void usual_put(struct usual *u, int64_t figure);
/* Without the last `newest` of them; 0 when none is left. */
int64_t usual_median(const struct usual *u, size_t newest);
/* Of the last n alone. */
int64_t usual_median_of_last(const struct usual *u, size_t n);

#endif
