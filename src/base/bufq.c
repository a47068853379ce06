#include "base/bufq.h"

#include <stdlib.h>
#include <string.h>

#define BUFQ_FIRST_CAP ((size_t)4096)

void bufq_init(struct bufq *q, size_t high, size_t low)
{
    *q = (struct bufq){.high = high, .low = low};
}

void bufq_done(struct bufq *q)
{
    free(q->data);
    bufq_init(q, q->high, q->low);
}

/* Move what waits to the front, and grow if that is not room enough. */
static int make_room(struct bufq *q, size_t len)
{
    if (q->off + q->len + len <= q->cap)
        return 0;
    if (q->off > 0 && q->len > 0)
        memmove(q->data, q->data + q->off, q->len);
    q->off = 0;
    if (q->len + len <= q->cap)
        return 0;
    size_t cap = q->cap ? q->cap : BUFQ_FIRST_CAP;
    while (cap < q->len + len)
        cap *= 2;
    char *data = realloc(q->data, cap);
    if (!data)
        return -1;
    q->data = data;
    q->cap = cap;
    return 0;
}

int bufq_put(struct bufq *q, const void *data, size_t len)
{
    if (bufq_is_full(q))
        return -1;
    if (len == 0)
        return 0;
    if (make_room(q, len) != 0)
        return -1;
    memcpy(q->data + q->off + q->len, data, len);
    q->len += len;
    return 0;
}

struct bytes bufq_peek(const struct bufq *q)
{
    return (struct bytes){q->len ? q->data + q->off : "", q->len};
}

void bufq_drop(struct bufq *q, size_t len)
{
    if (len >= q->len) {
        q->off = 0;
        q->len = 0;
        return;
    }
    q->off += len;
    q->len -= len;
}
