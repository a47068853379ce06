/* Blocks being filled, the map, and the rows of `piece` and `blk`.
 *
 * A block is compressed once and whole (measured: 3.5 us/KB at 3.0x, where a
 * frame a piece costs 6.6 at 2.1x), of about 256 KB: larger ones would make
 * reading a single call back slow. */
#include "log/pieces.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>
#include <zstd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "log/piece_map.h"
#include "log/sql.h"

#define BLOCK_BYTES ((size_t)256 << 10)
#define SECRET_MAX  1024
/* The largest body is 64 MiB; a block holds at most that and what came before. */
#define BLOCK_MAX ((size_t)192 << 20)

struct pending {
    struct piece_hash hash;
    enum piece_kind kind;
    size_t off;
    size_t len;
};

struct block {
    struct block *next;
    int64_t id;
    int64_t first_piece;
    struct buf text;
    struct pending *pieces;
    size_t count;
    size_t cap;
    char *packed; /* made by the first write, kept for another */
    size_t packed_len;
};

struct renewal {
    int64_t first;
    int64_t last;
};

struct pieces {
    sqlite3 *sq;
    sqlite3_stmt *add_blk;
    sqlite3_stmt *add_piece;
    sqlite3_stmt *renew;
    ZSTD_CCtx *zstd;
    struct piece_map map;
    unsigned char secret[SECRET_MAX];
    size_t secret_len;
    int64_t next_piece;
    int64_t next_blk;
    int64_t epoch;
    struct block *first;
    struct block *last;
    size_t pending_bytes;
    struct renewal *renewals;
    size_t renewal_count;
    size_t renewal_cap;
};

/* ---- Opening -------------------------------------------------------------- */

static int load_secret(struct pieces *p, struct err *e)
{
    sqlite3_stmt *st = sql_prepare(p->sq, "SELECT value FROM meta WHERE key = 'piece_secret'", e);
    if (!st)
        return -1;
    if (sqlite3_step(st) == SQLITE_ROW) {
        size_t len = (size_t)sqlite3_column_bytes(st, 0);
        if (len >= XXH3_SECRET_SIZE_MIN && len <= sizeof p->secret) {
            memcpy(p->secret, sqlite3_column_blob(st, 0), len);
            p->secret_len = len;
        }
    }
    sqlite3_finalize(st);
    return p->secret_len ? 0 : err_set(e, "the log has lost the secret of its body store");
}

static int load_map(struct pieces *p, struct err *e)
{
    sqlite3_stmt *st =
        sql_prepare(p->sq, "SELECT id, hash, epoch FROM piece WHERE hash IS NOT NULL ORDER BY id DESC LIMIT ?", e);
    if (!st)
        return -1;
    sqlite3_bind_int64(st, 1, (int64_t)PIECE_MAP_LOAD);
    int rc;
    while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
        struct piece_hash hash;
        if (sqlite3_column_bytes(st, 1) != sizeof hash)
            continue;
        memcpy(&hash, sqlite3_column_blob(st, 1), sizeof hash);
        piece_map_add(&p->map, hash, sqlite3_column_int64(st, 0), sqlite3_column_int64(st, 2));
    }
    sqlite3_finalize(st);
    return rc == SQLITE_DONE ? 0 : err_set(e, "%s", sqlite3_errmsg(p->sq));
}

static int prepare(struct pieces *p, struct err *e)
{
    p->add_blk = sql_prepare(p->sq, "INSERT INTO blk(id, first_piece, piece_count, len, data) VALUES(?,?,?,?,?)", e);
    p->add_piece =
        sql_prepare(p->sq, "INSERT INTO piece(id, hash, kind, blk, off, len, epoch) VALUES(?,?,?,?,?,?,?)", e);
    p->renew = sql_prepare(p->sq, "UPDATE piece SET epoch = ?1 WHERE id BETWEEN ?2 AND ?3 AND epoch < ?1", e);
    return p->add_blk && p->add_piece && p->renew ? 0 : -1;
}

struct pieces *pieces_open(sqlite3 *sq, struct err *e)
{
    struct pieces *p = xcalloc(1, sizeof *p);
    p->sq = sq;
    p->zstd = ZSTD_createCCtx();
    if (!p->zstd) {
        err_set(e, "out of memory");
        goto fail;
    }
    int64_t piece = 0;
    int64_t blk = 0;
    /* The search index may still name ids whose pieces are gone: none is given again. */
    if (sql_int64(sq,
                  "SELECT max((SELECT ifnull(max(id), 0) FROM piece), (SELECT ifnull(max((SELECT max(piece_id) FROM search_piece"
                  " WHERE gen = g.id)), 0) FROM search_gen g))",
                  &piece, e) != 0 ||
        sql_int64(sq, "SELECT max(id) FROM blk", &blk, e) != 0 ||
        sql_int64(sq, "SELECT max(id) FROM epoch", &p->epoch, e) != 0)
        goto fail;
    p->next_piece = piece + 1;
    p->next_blk = blk + 1;
    if (load_secret(p, e) != 0 || load_map(p, e) != 0 || prepare(p, e) != 0)
        goto fail;
    return p;
fail:
    pieces_free(p);
    return NULL;
}

static void block_free(struct block *b)
{
    buf_done(&b->text);
    free(b->pieces);
    free(b->packed);
    free(b);
}

static void drop_blocks(struct pieces *p)
{
    for (struct block *next; p->first; p->first = next) {
        next = p->first->next;
        block_free(p->first);
    }
    p->last = NULL;
    p->pending_bytes = 0;
}

void pieces_free(struct pieces *p)
{
    if (!p)
        return;
    drop_blocks(p);
    sqlite3_finalize(p->add_blk);
    sqlite3_finalize(p->add_piece);
    sqlite3_finalize(p->renew);
    ZSTD_freeCCtx(p->zstd);
    piece_map_done(&p->map);
    free(p->renewals);
    free(p);
}

/* ---- Taking pieces -------------------------------------------------------- */

static struct block *block_with_room(struct pieces *p)
{
    struct block *b = p->last;
    if (b && !b->packed && b->text.len < BLOCK_BYTES)
        return b;
    b = xcalloc(1, sizeof *b);
    buf_init_max(&b->text, BLOCK_MAX);
    b->id = p->next_blk++;
    b->first_piece = p->next_piece;
    if (p->last)
        p->last->next = b;
    else
        p->first = b;
    p->last = b;
    return b;
}

static int64_t add_new(struct pieces *p, struct bytes text, enum piece_kind kind, struct piece_hash hash)
{
    struct block *b = block_with_room(p);
    size_t off = b->text.len;
    if (buf_put(&b->text, text.data, text.len) != 0)
        return 0;
    if (b->count == b->cap) {
        b->cap = b->cap ? b->cap * 2 : 16;
        b->pieces = xrealloc(b->pieces, b->cap * sizeof *b->pieces);
    }
    b->pieces[b->count++] = (struct pending){hash, kind, off, text.len};
    p->pending_bytes += text.len;
    return p->next_piece++;
}

int64_t pieces_put(struct pieces *p, struct bytes text, enum piece_kind kind, bool *is_old)
{
    struct piece_hash hash = {0, 0};
    if (is_old)
        *is_old = false;
    if (kind == PIECE_ANSWER)
        return add_new(p, text, kind, hash);
    XXH128_hash_t h = XXH3_128bits_withSecret(text.data, text.len, p->secret, p->secret_len);
    hash = (struct piece_hash){h.low64, h.high64};
    struct piece_entry *known = piece_map_find(&p->map, hash);
    if (known) {
        if (is_old)
            *is_old = known->epoch != (uint64_t)p->epoch;
        known->epoch = (uint64_t)p->epoch & 0xffffff;
        return (int64_t)known->id;
    }
    int64_t id = add_new(p, text, kind, hash);
    if (id != 0)
        piece_map_add(&p->map, hash, id, p->epoch);
    return id;
}

void pieces_renew(struct pieces *p, const int64_t *ids, size_t count)
{
    for (size_t i = 0; i < count;) {
        size_t n = 1;
        while (i + n < count && ids[i + n] == ids[i] + (int64_t)n)
            n++;
        if (p->renewal_count == p->renewal_cap) {
            p->renewal_cap = p->renewal_cap ? p->renewal_cap * 2 : 64;
            p->renewals = xrealloc(p->renewals, p->renewal_cap * sizeof *p->renewals);
        }
        p->renewals[p->renewal_count++] = (struct renewal){ids[i], ids[i] + (int64_t)n - 1};
        i += n;
    }
}

void pieces_forget(struct pieces *p, const void *hash, int64_t id)
{
    struct piece_hash h;
    memcpy(&h, hash, sizeof h);
    piece_map_remove(&p->map, h, id);
}

int64_t pieces_epoch(const struct pieces *p)
{
    return p->epoch;
}

int64_t pieces_next_blk(const struct pieces *p)
{
    return p->next_blk;
}

void pieces_set_epoch(struct pieces *p, int64_t epoch)
{
    p->epoch = epoch;
}

size_t pieces_pending_bytes(const struct pieces *p)
{
    return p->pending_bytes;
}

/* ---- Writing -------------------------------------------------------------- */

/* gcc 12 -fanalyzer takes the buffer that b->packed now holds for lost, in its own
 * loop over blocks whose packed it knows nothing of. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpragmas"
#pragma GCC diagnostic ignored "-Wunknown-warning-option"
#pragma GCC diagnostic ignored "-Wanalyzer-malloc-leak"
static int pack(struct pieces *p, struct block *b, struct err *e)
{
    if (b->packed)
        return 0;
    size_t bound = ZSTD_compressBound(b->text.len);
    char *packed = malloc(bound);
    if (!packed)
        return err_set(e, "out of memory while %zu bytes of bodies were packed", b->text.len);
    size_t len = ZSTD_compressCCtx(p->zstd, packed, bound, b->text.data, b->text.len, 1);
    if (ZSTD_isError(len)) {
        free(packed);
        return err_set(e, "bodies could not be packed: %s", ZSTD_getErrorName(len));
    }
    b->packed = packed;
    b->packed_len = len;
    char *fitted = realloc(packed, len);
    if (fitted)
        b->packed = fitted;
    return 0;
}

static int write_block(struct pieces *p, struct block *b, struct err *e)
{
    if (pack(p, b, e) != 0)
        return -1;
    sqlite3_bind_int64(p->add_blk, 1, b->id);
    sqlite3_bind_int64(p->add_blk, 2, b->first_piece);
    sqlite3_bind_int64(p->add_blk, 3, (int64_t)b->count);
    sqlite3_bind_int64(p->add_blk, 4, (int64_t)b->text.len);
    sql_bind_blob(p->add_blk, 5, (struct bytes){b->packed, b->packed_len});
    if (sql_done(p->add_blk, e) != 0)
        return -1;
    for (size_t i = 0; i < b->count; i++) {
        const struct pending *piece = &b->pieces[i];
        bool shared = piece->kind != PIECE_ANSWER;
        sqlite3_bind_int64(p->add_piece, 1, b->first_piece + (int64_t)i);
        sql_bind_blob(p->add_piece, 2, (struct bytes){shared ? (const char *)&piece->hash : NULL, sizeof piece->hash});
        sqlite3_bind_int(p->add_piece, 3, (int)piece->kind);
        sqlite3_bind_int64(p->add_piece, 4, b->id);
        sqlite3_bind_int64(p->add_piece, 5, (int64_t)piece->off);
        sqlite3_bind_int64(p->add_piece, 6, (int64_t)piece->len);
        sqlite3_bind_int64(p->add_piece, 7, p->epoch);
        if (sql_done(p->add_piece, e) != 0)
            return -1;
    }
    return 0;
}

int pieces_write(struct pieces *p, int64_t *stored, struct err *e)
{
    *stored = 0;
    for (struct block *b = p->first; b; b = b->next) {
        if (write_block(p, b, e) != 0)
            return -1;
        *stored += (int64_t)b->packed_len;
    }
    for (size_t i = 0; i < p->renewal_count; i++) {
        sqlite3_bind_int64(p->renew, 1, p->epoch);
        sqlite3_bind_int64(p->renew, 2, p->renewals[i].first);
        sqlite3_bind_int64(p->renew, 3, p->renewals[i].last);
        if (sql_done(p->renew, e) != 0)
            return -1;
    }
    return 0;
}
#pragma GCC diagnostic pop

void pieces_written(struct pieces *p)
{
    drop_blocks(p);
    p->renewal_count = 0;
}
