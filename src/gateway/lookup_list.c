#include "gateway/lookup_list.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define SECOND_US    ((int64_t)1000000)
#define QUICK_US     (20 * SECOND_US)
#define GIVE_UP_US   (600 * SECOND_US)
#define SLOWER_SHARE 4 /* after the quick ones: a quarter of its age, so 5 s, 6 s … 2 min */

void lookup_list_done(struct lookup_list *l)
{
    while (l->first)
        lookup_list_remove(l, l->first); /* NOLINT(clang-analyzer-unix.Malloc): it moves l->first on */
}

bool lookup_id_is_plain(const char *log_id)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    size_t len = strspn(log_id, plain);
    return len > 0 && len < LOOKUP_ID_MAX && log_id[len] == '\0';
}

void lookup_list_remove(struct lookup_list *l, struct lookup_item *i)
{
    *(i->prev ? &i->prev->next : &l->first) = i->next;
    *(i->next ? &i->next->prev : &l->last) = i->prev;
    l->count--;
    free(i);
}

/* The one that the running request asks for stays: its answer is on the way. */
static void make_room(struct lookup_list *l)
{
    struct lookup_item *i = l->first;
    while (i && i->is_asked)
        i = i->next;
    if (l->count < LOOKUP_WAITING_MAX || !i)
        return;
    lookup_list_remove(l, i);
    l->dropped++;
}

struct lookup_item *lookup_list_add(struct lookup_list *l, int64_t call_id, const char *log_id, int key, int64_t now_us)
{
    make_room(l);
    struct lookup_item *i = xcalloc(1, sizeof *i);
    i->call_id = call_id;
    snprintf(i->log_id, sizeof i->log_id, "%s", log_id);
    i->key = key;
    i->since_us = now_us;
    i->due_us = now_us + SECOND_US;
    i->prev = l->last;
    *(l->last ? &l->last->next : &l->first) = i;
    l->last = i;
    l->count++;
    return i;
}

struct lookup_item *lookup_list_due(const struct lookup_list *l, int64_t now_us)
{
    struct lookup_item *due = NULL;
    for (struct lookup_item *i = l->first; i; i = i->next)
        if (i->due_us <= now_us && (!due || i->due_us < due->due_us))
            due = i;
    return due;
}

size_t lookup_list_count_due(const struct lookup_list *l, int key, int64_t now_us)
{
    size_t count = 0;
    for (const struct lookup_item *i = l->first; i; i = i->next)
        count += i->key == key && i->due_us <= now_us;
    return count;
}

int64_t lookup_list_next_us(const struct lookup_list *l)
{
    int64_t next = INT64_MAX;
    for (const struct lookup_item *i = l->first; i; i = i->next)
        next = i->due_us < next ? i->due_us : next;
    return next;
}

void lookup_list_again(struct lookup_list *l, struct lookup_item *i, int64_t now_us)
{
    int64_t age = now_us - i->since_us;
    if (age >= GIVE_UP_US) {
        l->given_up++;
        lookup_list_remove(l, i);
        return;
    }
    i->is_asked = false;
    i->due_us = now_us + (age < QUICK_US ? SECOND_US : age / SLOWER_SHARE);
}

void lookup_list_drop_key(struct lookup_list *l, int key)
{
    for (struct lookup_item *i = l->first, *next; i; i = next) {
        next = i->next;
        if (i->key == key)
            lookup_list_remove(l, i);
    }
}
