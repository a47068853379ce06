#include "log/conversations.h"

#include <stdlib.h>
#include <xxhash.h>

#include "base/mem.h"

struct conversations {
    /* Names apart from the records: searching them touches 8 KB and no more. */
    uint64_t names[CONVERSATIONS_MAX];
    struct record records[CONVERSATIONS_MAX];
    size_t high; /* records in use lie below */
    size_t bytes;
    uint64_t clock;
};

void record_init(struct record *r)
{
    *r = (struct record){0};
    cut_init(&r->cut);
}

void record_done(struct record *r)
{
    blob_unref(r->body);
    cut_done(&r->cut);
    image_unref(r->image);
    free(r->pieces);
    free(r->notes);
    *r = (struct record){0};
}

struct conversations *conversations_new(void)
{
    return xcalloc(1, sizeof(struct conversations));
}

static void drop(struct conversations *c, size_t i)
{
    c->bytes -= c->records[i].body->cap; /* NOLINT(clang-analyzer-core.NullDereference): only used ones are dropped */
    c->names[i] = 0;
    record_done(&c->records[i]);
}

void conversations_free(struct conversations *c)
{
    if (!c)
        return;
    conversations_forget_before(c, INT64_MAX);
    free(c);
}

uint64_t conversation_name(const char *text)
{
    uint64_t name = XXH3_64bits(text, strlen(text));
    return name ? name : 1;
}

struct record *conversations_find(struct conversations *c, uint64_t name, struct bytes body, size_t *prefix)
{
    struct record *best = NULL;
    *prefix = 0;
    for (size_t i = 0; i < c->high; i++) {
        if (c->names[i] != name)
            continue;
        size_t same = cut_common_prefix(body, blob_bytes(c->records[i].body));
        if (best && same <= *prefix)
            continue;
        best = &c->records[i];
        *prefix = same;
    }
    return best;
}

/* The one not used for longest, of a name (or of all, name 0); CONVERSATIONS_MAX: none. */
static size_t oldest_of(const struct conversations *c, uint64_t name)
{
    size_t oldest = CONVERSATIONS_MAX;
    for (size_t i = 0; i < c->high; i++) {
        if (c->names[i] == 0 || (name != 0 && c->names[i] != name))
            continue;
        if (oldest == CONVERSATIONS_MAX || c->records[i].used < c->records[oldest].used)
            oldest = i;
    }
    return oldest;
}

static size_t free_slot(struct conversations *c)
{
    for (size_t i = 0; i < c->high; i++)
        if (c->names[i] == 0)
            return i;
    if (c->high < CONVERSATIONS_MAX)
        return c->high++;
    size_t oldest = oldest_of(c, 0);
    drop(c, oldest);
    return oldest;
}

static size_t count_of(const struct conversations *c, uint64_t name)
{
    size_t n = 0;
    for (size_t i = 0; i < c->high; i++)
        n += c->names[i] == name;
    return n;
}

struct record *conversations_keep(struct conversations *c, struct record *old, struct record *r)
{
    if (r->body->cap > CONVERSATIONS_BYTES / 4) { /* one giant must not push out everybody */
        record_done(r);
        return NULL;
    }
    if (old)
        drop(c, (size_t)(old - c->records));
    else if (count_of(c, r->name) >= CONVERSATION_RECORDS)
        drop(c, oldest_of(c, r->name));
    while (c->bytes + r->body->cap > CONVERSATIONS_BYTES)
        drop(c, oldest_of(c, 0));
    size_t i = free_slot(c);
    c->records[i] = *r;
    c->records[i].used = ++c->clock;
    c->names[i] = r->name;
    c->bytes += r->body->cap;
    *r = (struct record){0};
    return &c->records[i];
}

void conversations_forget_before(struct conversations *c, int64_t epoch)
{
    for (size_t i = 0; i < c->high; i++)
        if (c->names[i] != 0 && c->records[i].epoch < epoch)
            drop(c, i);
}
