#include "base/blob.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define BLOB_SMALLEST ((size_t)1024)

/* Size classes at 1, 1.25, 1.5 and 1.75 of each power of two: at most a fifth is
 * unused, and a body that grew a little still fits the block just freed. */
static size_t size_class(size_t cap)
{
    if (cap <= BLOB_SMALLEST)
        return BLOB_SMALLEST;
    size_t power = BLOB_SMALLEST;
    while (power <= cap / 2)
        power *= 2;
    size_t step = power / 4;
    size_t rounded = power;
    while (rounded < cap)
        rounded += step;
    return rounded;
}

struct blob *blob_new(size_t cap)
{
    if (cap > SIZE_MAX / 4)
        return NULL;
    cap = size_class(cap);
    struct blob *b = malloc(sizeof *b + cap + 1);
    if (!b)
        return NULL;
    atomic_init(&b->refs, 1);
    b->len = 0;
    b->cap = cap;
    b->data[0] = '\0';
    return b;
}

struct blob *blob_copy(const void *data, size_t len)
{
    struct blob *b = blob_new(len);
    if (b && blob_put(&b, data, len, len) != 0) {
        blob_unref(b);
        return NULL;
    }
    return b;
}

static int grow(struct blob **slot, size_t need)
{
    struct blob *b = *slot;
    /* Half as much again: an upload without a length is copied a few times only. */
    size_t cap = size_class(need > b->cap + b->cap / 2 ? need : b->cap + b->cap / 2);
    b = realloc(b, sizeof *b + cap + 1);
    if (!b)
        return -1;
    b->cap = cap;
    *slot = b;
    return 0;
}

int blob_put(struct blob **slot, const void *data, size_t len, size_t max)
{
    struct blob *b = *slot;
    if (len == 0)
        return 0;
    if (b->len > max || len > max - b->len)
        return -1;
    if (len > b->cap - b->len && grow(slot, b->len + len) != 0)
        return -1;
    b = *slot;
    memcpy(b->data + b->len, data, len);
    b->len += len;
    b->data[b->len] = '\0';
    return 0;
}

struct blob *blob_ref(struct blob *b)
{
    if (b)
        atomic_fetch_add_explicit(&b->refs, 1, memory_order_relaxed);
    return b;
}

void blob_unref(struct blob *b)
{
    if (b && atomic_fetch_sub_explicit(&b->refs, 1, memory_order_acq_rel) == 1)
        free(b);
}
