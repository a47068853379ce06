/* Hash of a piece -> its id, in memory.  Bounded: when full, the older half goes.
 * Thread: the journal's. */
#ifndef SPANTOP_LOG_PIECE_MAP_H
#define SPANTOP_LOG_PIECE_MAP_H

#include <stddef.h>
#include <stdint.h>

#define PIECE_MAP_MAX  ((size_t)3 << 18) /* entries: three quarters of a table of 25 MB, its largest */
#define PIECE_MAP_LOAD ((size_t)300000)  /* of the newest at start: 30 ms */

struct piece_hash {
    uint64_t lo;
    uint64_t hi;
};
struct piece_entry {
    struct piece_hash hash;
    uint64_t id : 40;    /* 0: free */
    uint64_t epoch : 24; /* the last one it was used in */
};
struct piece_map {
    struct piece_entry *slots;
    size_t size; /* a power of two, or 0 */
    size_t count;
};

void piece_map_done(struct piece_map *m);
/* Lent until the map changes; NULL when absent. */
struct piece_entry *piece_map_find(struct piece_map *m, struct piece_hash hash);
/* Adds or replaces. Out of memory: is not added. */
void piece_map_add(struct piece_map *m, struct piece_hash hash, int64_t id, int64_t epoch);
/* Only when it still names this id. */
void piece_map_remove(struct piece_map *m, struct piece_hash hash, int64_t id);

#endif
