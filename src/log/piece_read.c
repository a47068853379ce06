#include "log/piece_read.h"

#include <stdlib.h>
#include <zstd.h>

#include "base/mem.h"
#include "log/sql.h"

#define BLOCK_KEPT ((size_t)4 << 20) /* a giant one must not leave its size behind */

struct piece_reader {
    sqlite3 *sq;
    sqlite3_stmt *find;
    sqlite3_stmt *load;
    int64_t blk; /* in text; 0: none */
    char *text;
    size_t len;
    size_t cap;
};

struct piece_reader *piece_reader_open(sqlite3 *sq, struct err *e)
{
    struct piece_reader *r = xcalloc(1, sizeof *r);
    r->sq = sq;
    r->find = sql_prepare(sq, "SELECT kind, blk, off, len FROM piece WHERE id = ?", e);
    r->load = sql_prepare(sq, "SELECT len, data FROM blk WHERE id = ?", e);
    if (r->find && r->load)
        return r;
    piece_reader_close(r);
    return NULL;
}

void piece_reader_close(struct piece_reader *r)
{
    if (!r)
        return;
    sqlite3_finalize(r->find);
    sqlite3_finalize(r->load);
    free(r->text);
    free(r);
}

void piece_reader_begin(struct piece_reader *r)
{
    r->blk = 0;
    if (r->cap > BLOCK_KEPT) {
        free(r->text);
        r->text = NULL;
        r->cap = 0;
    }
}

static int unpack(struct piece_reader *r, int64_t blk, struct err *e)
{
    size_t len = (size_t)sqlite3_column_int64(r->load, 0);
    r->blk = 0;
    if (!r->text || len > r->cap) {
        char *bigger = len > SIZE_MAX / 4 ? NULL : realloc(r->text, len + 1);
        if (!bigger)
            return err_set(e, "out of memory for a block of %zu bytes", len);
        r->text = bigger;
        r->cap = len;
    }
    size_t got = ZSTD_decompress(r->text, len, sqlite3_column_blob(r->load, 1), (size_t)sqlite3_column_bytes(r->load, 1));
    if (ZSTD_isError(got) || got != len)
        return err_set(e, "a block of bodies cannot be unpacked");
    r->blk = blk;
    r->len = len;
    return 0;
}

/* 1: there is none. */
static int load(struct piece_reader *r, int64_t blk, struct err *e)
{
    if (blk == r->blk)
        return 0;
    sqlite3_bind_int64(r->load, 1, blk);
    int rc = sqlite3_step(r->load);
    if (rc == SQLITE_ROW)
        rc = unpack(r, blk, e);
    else
        rc = rc == SQLITE_DONE ? 1 : err_set(e, "%s", sqlite3_errmsg(r->sq));
    sqlite3_reset(r->load);
    return rc;
}

int piece_reader_get(struct piece_reader *r, int64_t id, enum piece_kind *kind, struct bytes *text, struct err *e)
{
    int64_t blk = 0;
    int64_t off = 0;
    int64_t len = 0;
    sqlite3_bind_int64(r->find, 1, id);
    int rc = sqlite3_step(r->find);
    if (rc == SQLITE_ROW) {
        *kind = (enum piece_kind)sqlite3_column_int(r->find, 0);
        blk = sqlite3_column_int64(r->find, 1);
        off = sqlite3_column_int64(r->find, 2);
        len = sqlite3_column_int64(r->find, 3);
    }
    sqlite3_reset(r->find);
    if (rc != SQLITE_ROW)
        return rc == SQLITE_DONE ? 1 : err_set(e, "%s", sqlite3_errmsg(r->sq));
    rc = load(r, blk, e);
    if (rc != 0)
        return rc;
    if (off < 0 || len < 0 || (uint64_t)off > r->len || (uint64_t)len > r->len - (size_t)off)
        return err_set(e, "a piece of a body stands outside its block");
    *text = (struct bytes){r->text + off, (size_t)len};
    return 0;
}
