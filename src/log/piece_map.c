/* Open addressing with linear probing; the hash is secret-keyed, so nobody
 * outside can build pieces that collide. */
#include "log/piece_map.h"

#include <stdlib.h>

#define SMALLEST ((size_t)1024)

void piece_map_done(struct piece_map *m)
{
    free(m->slots);
    *m = (struct piece_map){0};
}

static size_t slot_of(const struct piece_map *m, struct piece_hash hash)
{
    return (size_t)hash.lo & (m->size - 1);
}

/* The slot that holds hash, or the free one where it would go. */
static size_t probe(const struct piece_map *m, struct piece_hash hash)
{
    size_t at = slot_of(m, hash);
    while (m->slots[at].id != 0 && (m->slots[at].hash.lo != hash.lo || m->slots[at].hash.hi != hash.hi))
        at = (at + 1) & (m->size - 1);
    return at;
}

struct piece_entry *piece_map_find(struct piece_map *m, struct piece_hash hash)
{
    if (m->size == 0)
        return NULL;
    struct piece_entry *slot = &m->slots[probe(m, hash)];
    return slot->id != 0 ? slot : NULL;
}

/* Move entries with an id of at least oldest into a table of that size. */
static int rebuild(struct piece_map *m, size_t size, uint64_t oldest)
{
    struct piece_map bigger = {calloc(size, sizeof *bigger.slots), size, 0};
    if (!bigger.slots)
        return -1;
    for (size_t i = 0; i < m->size; i++) {
        if (m->slots[i].id == 0 || m->slots[i].id < oldest)
            continue;
        bigger.slots[probe(&bigger, m->slots[i].hash)] = m->slots[i];
        bigger.count++;
    }
    free(m->slots);
    *m = bigger;
    return 0;
}

static int make_room(struct piece_map *m)
{
    if (m->size == 0)
        return rebuild(m, SMALLEST, 0);
    if (m->count < PIECE_MAP_MAX)
        return m->count < m->size / 4 * 3 ? 0 : rebuild(m, m->size * 2, 0);
    uint64_t newest = 0;
    uint64_t oldest = UINT64_MAX;
    for (size_t i = 0; i < m->size; i++) {
        uint64_t id = m->slots[i].id;
        newest = id > newest ? id : newest;
        oldest = id != 0 && id < oldest ? id : oldest;
    }
    return rebuild(m, m->size, oldest + (newest - oldest) / 2 + 1);
}

void piece_map_add(struct piece_map *m, struct piece_hash hash, int64_t id, int64_t epoch)
{
    struct piece_entry *slot = piece_map_find(m, hash);
    if (!slot) {
        if (make_room(m) != 0 && (m->size == 0 || m->count >= m->size - 1))
            return;
        slot = &m->slots[probe(m, hash)];
        m->count++;
    }
    slot->hash = hash;
    slot->id = (uint64_t)id & (((uint64_t)1 << 40) - 1);
    slot->epoch = (uint64_t)epoch & 0xffffff;
}

/* Close the gap, or probes for entries behind it would stop there. */
static void close_gap(struct piece_map *m, size_t gap)
{
    for (size_t at = (gap + 1) & (m->size - 1); m->slots[at].id != 0; at = (at + 1) & (m->size - 1)) {
        size_t home = slot_of(m, m->slots[at].hash);
        size_t from_home = (at - home) & (m->size - 1);
        size_t from_gap = (at - gap) & (m->size - 1);
        if (from_home < from_gap)
            continue;
        m->slots[gap] = m->slots[at];
        gap = at;
    }
    m->slots[gap].id = 0;
}

void piece_map_remove(struct piece_map *m, struct piece_hash hash, int64_t id)
{
    struct piece_entry *slot = piece_map_find(m, hash);
    if (!slot || slot->id != (uint64_t)id)
        return;
    close_gap(m, (size_t)(slot - m->slots));
    m->count--;
}
