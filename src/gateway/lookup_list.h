/* The calls whose row in Respan's log is still wanted, and when to ask for each.
 *
 * A row lands some seconds after its call: asked each second for 20 s, then ever
 * more slowly, and given up after 10 minutes.
 * Bound: LOOKUP_WAITING_MAX; beyond it the oldest is let go, its call keeps the
 *        catalog's cost.
 * Thread: proxy thread. */
#ifndef SPANTOP_GATEWAY_LOOKUP_LIST_H
#define SPANTOP_GATEWAY_LOOKUP_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOOKUP_WAITING_MAX 2000 /* a minute of more than any team does; 400 KB */
#define LOOKUP_ID_MAX      128

struct lookup_item {
    struct lookup_item *prev, *next; /* by age, oldest first */
    int64_t call_id;
    char log_id[LOOKUP_ID_MAX];
    int64_t since_us;
    int64_t due_us;
    int key;       /* which one to ask with; see lookup_keys.h */
    bool is_asked; /* the running request asks for it */
};

struct lookup_list {
    struct lookup_item *first, *last;
    size_t count;
    int64_t dropped;
    int64_t given_up;
};

void lookup_list_done(struct lookup_list *l);

/* Ids come from the upstream and go into a path: letters, digits, - and _ alone. */
bool lookup_id_is_plain(const char *log_id);
/* A copy of log_id (plain); due a second from now. */
struct lookup_item *lookup_list_add(struct lookup_list *l, int64_t call_id, const char *log_id, int key, int64_t now_us);
void lookup_list_remove(struct lookup_list *l, struct lookup_item *i);
/* The item that was due first and is due now; NULL: none. */
struct lookup_item *lookup_list_due(const struct lookup_list *l, int64_t now_us);
size_t lookup_list_count_due(const struct lookup_list *l, int key, int64_t now_us);
/* When the next one is due; INT64_MAX: none waits. */
int64_t lookup_list_next_us(const struct lookup_list *l);
/* Its row is not there yet: set when to ask again, or give it up and remove it. */
void lookup_list_again(struct lookup_list *l, struct lookup_item *i, int64_t now_us);
/* Nobody may ask with this key any more. */
void lookup_list_drop_key(struct lookup_list *l, int key);

#endif
