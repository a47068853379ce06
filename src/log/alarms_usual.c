#include "log/alarms_usual.h"

#include <stdlib.h>

void usual_put(struct usual *u, int64_t figure)
{
    u->figures[u->next] = figure;
    u->next = (u->next + 1) % USUAL_KEPT;
    u->count += u->count < USUAL_KEPT;
}

static int by_size(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* Of those from the from-th newest on, n of them. */
static int64_t median(const struct usual *u, size_t from, size_t n)
{
    int64_t sorted[USUAL_KEPT];
    if (n == 0)
        return 0;
    for (size_t i = 0; i < n; i++)
        sorted[i] = u->figures[(u->next + 2 * USUAL_KEPT - 1 - from - i) % USUAL_KEPT];
    qsort(sorted, n, sizeof *sorted, by_size);
    return sorted[n / 2];
}

int64_t usual_median(const struct usual *u, size_t newest)
{
    return median(u, newest, u->count > newest ? u->count - newest : 0);
}

int64_t usual_median_of_last(const struct usual *u, size_t n)
{
    return median(u, 0, n < u->count ? n : u->count);
}
