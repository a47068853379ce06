#include "log/alarms_wait.h"

#include <stdlib.h>

#include "base/mem.h"
#include "log/alarms_usual.h"

struct key {
    uint64_t name; /* 0: free */
    int64_t last_at[WAIT_NEW];
    size_t calls;
    struct usual waits;
};

struct waits {
    struct key keys[WAIT_KEYS];
};

struct waits *waits_new(void)
{
    return xcalloc(1, sizeof(struct waits));
}

void waits_free(struct waits *w)
{
    free(w);
}

static int64_t used_at(const struct key *k)
{
    return k->calls ? k->last_at[(k->calls - 1) % WAIT_NEW] : 0;
}

static struct key *find(struct waits *w, uint64_t name)
{
    struct key *oldest = &w->keys[0];
    for (size_t i = 0; i < WAIT_KEYS; i++) {
        if (w->keys[i].name == name)
            return &w->keys[i];
        if (used_at(&w->keys[i]) < used_at(oldest))
            oldest = &w->keys[i];
    }
    *oldest = (struct key){.name = name};
    return oldest;
}

bool wait_count(struct waits *w, uint64_t name, int64_t at_ms, int64_t ttft_ms, int64_t factor, struct wait *now)
{
    struct key *k = find(w, name);
    k->last_at[k->calls++ % WAIT_NEW] = at_ms;
    usual_put(&k->waits, ttft_ms);
    /* The next slot to be written is the oldest of the five. */
    if (k->waits.count < WAIT_LEAST + WAIT_NEW || at_ms - k->last_at[k->calls % WAIT_NEW] >= WAIT_SPAN_MS)
        return false;
    now->now_ms = usual_median_of_last(&k->waits, WAIT_NEW);
    now->usual_ms = usual_median(&k->waits, WAIT_NEW);
    return now->now_ms >= now->usual_ms * factor && now->now_ms >= now->usual_ms + WAIT_MORE_MS;
}
