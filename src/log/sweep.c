#include "log/sweep.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "base/mem.h"
#include "log/sql.h"

struct sweep {
    sqlite3 *sq;
    struct pieces *pieces;
    sqlite3_stmt *find;
    sqlite3_stmt *list;
    sqlite3_stmt *load;
    sqlite3_stmt *forget;
    sqlite3_stmt *move;
    sqlite3_stmt *store;
    sqlite3_stmt *drop;
};

struct block {
    int64_t id;
    int64_t first;
    int64_t last;
    int64_t len;
    int64_t packed_len;
};

struct member {
    int64_t id;
    bool is_wanted;
    bool has_hash;
    char hash[16];
    int64_t off;
    int64_t len;
};

struct members {
    struct member *all;
    size_t count;
    size_t wanted;
    int64_t wanted_bytes;
};

struct sweep *sweep_open(sqlite3 *sq, struct pieces *pieces, struct err *e)
{
    struct sweep *s = xcalloc(1, sizeof *s);
    s->sq = sq;
    s->pieces = pieces;
    s->find = sql_prepare(sq,
                          "SELECT id, first_piece, first_piece + piece_count - 1, len, length(data) FROM blk"
                          " WHERE id >= ? AND id < ? ORDER BY id LIMIT 1",
                          e);
    s->list = sql_prepare(sq, "SELECT id, hash, epoch, off, len FROM piece WHERE id BETWEEN ? AND ? ORDER BY id", e);
    s->load = sql_prepare(sq, "SELECT data FROM blk WHERE id = ?", e);
    s->forget = sql_prepare(sq, "DELETE FROM piece WHERE id = ?", e);
    s->move = sql_prepare(sq, "UPDATE piece SET off = ?2 WHERE id = ?1", e);
    s->store = sql_prepare(sq, "UPDATE blk SET len = ?2, data = ?3 WHERE id = ?1", e);
    s->drop = sql_prepare(sq, "DELETE FROM blk WHERE id = ?", e);
    if (s->find && s->list && s->load && s->forget && s->move && s->store && s->drop)
        return s;
    sweep_free(s);
    return NULL;
}

void sweep_free(struct sweep *s)
{
    if (!s)
        return;
    sqlite3_finalize(s->find);
    sqlite3_finalize(s->list);
    sqlite3_finalize(s->load);
    sqlite3_finalize(s->forget);
    sqlite3_finalize(s->move);
    sqlite3_finalize(s->store);
    sqlite3_finalize(s->drop);
    free(s);
}

/* 1: no block there. */
static int find_block(struct sweep *s, int64_t from, int64_t to, struct block *b, struct err *e)
{
    sqlite3_bind_int64(s->find, 1, from);
    sqlite3_bind_int64(s->find, 2, to);
    int rc = sqlite3_step(s->find);
    if (rc == SQLITE_ROW)
        *b = (struct block){sqlite3_column_int64(s->find, 0), sqlite3_column_int64(s->find, 1),
                            sqlite3_column_int64(s->find, 2), sqlite3_column_int64(s->find, 3),
                            sqlite3_column_int64(s->find, 4)};
    else if (rc != SQLITE_DONE)
        err_set(e, "%s", sqlite3_errmsg(s->sq));
    sqlite3_reset(s->find);
    return rc == SQLITE_ROW ? 0 : rc == SQLITE_DONE ? 1 : -1;
}

static void read_member(sqlite3_stmt *st, int64_t epoch, struct member *m)
{
    *m = (struct member){.id = sqlite3_column_int64(st, 0), .is_wanted = sqlite3_column_int64(st, 2) >= epoch};
    m->has_hash = sqlite3_column_bytes(st, 1) == sizeof m->hash;
    if (m->has_hash)
        memcpy(m->hash, sqlite3_column_blob(st, 1), sizeof m->hash);
    m->off = sqlite3_column_int64(st, 3);
    m->len = sqlite3_column_int64(st, 4);
}

static int read_members(struct sweep *s, const struct block *b, int64_t epoch, struct members *ms, struct err *e)
{
    size_t cap = 0;
    int rc;
    *ms = (struct members){0};
    sqlite3_bind_int64(s->list, 1, b->first);
    sqlite3_bind_int64(s->list, 2, b->last);
    while ((rc = sqlite3_step(s->list)) == SQLITE_ROW) {
        if (ms->count == cap) {
            cap = cap ? cap * 2 : 32;
            ms->all = xrealloc(ms->all, cap * sizeof *ms->all);
        }
        struct member *m = &ms->all[ms->count++];
        read_member(s->list, epoch, m);
        ms->wanted += m->is_wanted;
        ms->wanted_bytes += m->is_wanted ? m->len : 0;
    }
    if (rc != SQLITE_DONE)
        err_set(e, "%s", sqlite3_errmsg(s->sq));
    sqlite3_reset(s->list);
    return rc == SQLITE_DONE ? 0 : -1;
}

static int forget_unwanted(struct sweep *s, const struct members *ms, struct err *e)
{
    for (size_t i = 0; i < ms->count; i++) {
        const struct member *m = &ms->all[i];
        if (m->is_wanted)
            continue;
        sqlite3_bind_int64(s->forget, 1, m->id);
        if (sql_done(s->forget, e) != 0)
            return -1;
        /* Should the transaction fail after this, a piece is stored twice, no more. */
        if (m->has_hash)
            pieces_forget(s->pieces, m->hash, m->id);
    }
    return 0;
}

/* ---- Packing anew ------------------------------------------------------------------- */

static char *unpack(struct sweep *s, const struct block *b, struct err *e)
{
    char *text = b->len >= 0 && b->len < INT32_MAX ? malloc((size_t)b->len + 1) : NULL;
    bool is_whole = false;
    sqlite3_bind_int64(s->load, 1, b->id);
    if (text && sqlite3_step(s->load) == SQLITE_ROW)
        is_whole = ZSTD_decompress(text, (size_t)b->len, sqlite3_column_blob(s->load, 0),
                                   (size_t)sqlite3_column_bytes(s->load, 0)) == (size_t)b->len;
    sqlite3_reset(s->load);
    if (is_whole)
        return text;
    free(text);
    err_set(e, "a block of bodies cannot be read");
    return NULL;
}

/* Move the wanted pieces to the front of text; returns how long they are, or -1. */
static int64_t gather(struct sweep *s, const struct block *b, const struct members *ms, char *text, struct err *e)
{
    int64_t to = 0;
    for (size_t i = 0; i < ms->count; i++) {
        const struct member *m = &ms->all[i];
        if (!m->is_wanted)
            continue;
        if (m->off < to || m->len < 0 || m->off > b->len || m->len > b->len - m->off)
            return err_set(e, "a block of bodies is damaged");
        memmove(text + to, text + m->off, (size_t)m->len);
        sqlite3_bind_int64(s->move, 1, m->id);
        sqlite3_bind_int64(s->move, 2, to);
        if (sql_done(s->move, e) != 0)
            return -1;
        to += m->len;
    }
    return to;
}

static int repack(struct sweep *s, const struct block *b, const struct members *ms, int64_t *freed, struct err *e)
{
    char *packed = NULL;
    int rc = -1;
    char *text = unpack(s, b, e);
    int64_t len = text ? gather(s, b, ms, text, e) : -1;
    if (len < 0)
        goto out;
    size_t bound = ZSTD_compressBound((size_t)len);
    packed = malloc(bound);
    size_t packed_len = packed ? ZSTD_compress(packed, bound, text, (size_t)len, 1) : 0;
    if (!packed || ZSTD_isError(packed_len)) {
        err_set(e, "out of memory while bodies were packed");
        goto out;
    }
    sqlite3_bind_int64(s->store, 1, b->id);
    sqlite3_bind_int64(s->store, 2, len);
    sql_bind_blob(s->store, 3, (struct bytes){packed, packed_len});
    rc = sql_done(s->store, e);
    *freed = b->packed_len - (int64_t)packed_len;
out:
    free(text);
    free(packed);
    return rc;
}

int sweep_block(struct sweep *s, int64_t from, int64_t to, int64_t epoch, int64_t *next, int64_t *freed, struct err *e)
{
    struct block b;
    struct members ms;
    *next = *freed = 0;
    int rc = find_block(s, from, to, &b, e);
    if (rc != 0)
        return rc < 0 ? -1 : 0;
    *next = b.id + 1;
    if (read_members(s, &b, epoch, &ms, e) != 0) {
        free(ms.all);
        return -1;
    }
    if (ms.wanted == 0) {
        sqlite3_bind_int64(s->drop, 1, b.id);
        rc = sql_done(s->drop, e);
        *freed = b.packed_len;
    } else if (ms.wanted_bytes < b.len / 2) {
        rc = repack(s, &b, &ms, freed, e);
    } else {
        goto out; /* what is unwanted stays usable until the block is worth the work */
    }
    if (rc == 0)
        rc = forget_unwanted(s, &ms, e);
out:
    free(ms.all);
    return rc;
}
