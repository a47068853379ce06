/* Putting a body together again.
 *
 * The list gives the ids; `piece` says where each lies; each block is unpacked
 * once and all its pieces are copied to their places before the next one, so a body of
 * two hundred turns takes two hundred small unpackings and never more memory
 * than itself and one block. */
#include "log/bodies.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "log/body_list.h"
#include "log/sql.h"

/* One piece of the body and where its bytes go. */
struct part {
    int64_t id;
    int64_t blk;
    size_t off; /* in the block */
    size_t len;
    size_t to; /* elements: offset in the body */
    size_t first_insert;
    size_t insert_count;
};

struct rebuild {
    sqlite3 *sq;
    struct body_list list;
    struct part *parts; /* the skeleton, then the elements in order */
    size_t count;
    struct part **order; /* by block */
    char *skeleton;
    char *body; /* list.len bytes */
    char *block;
    size_t block_cap;
};

static int damaged(struct err *e, const char *what)
{
    return err_set(e, "the stored body is damaged (%s)", what);
}

/* ---- Where the pieces are --------------------------------------------------- */

static int compare_ids(const void *a, const void *b)
{
    const struct part *x = *(struct part *const *)a;
    const struct part *y = *(struct part *const *)b;
    return x->id < y->id ? -1 : x->id > y->id;
}

static int locate_run(struct rebuild *r, sqlite3_stmt *st, size_t from, size_t *next, struct err *e)
{
    size_t to = from;
    while (to + 1 < r->count && r->order[to + 1]->id <= r->order[to]->id + 1)
        to++;
    *next = to + 1;
    sqlite3_bind_int64(st, 1, r->order[from]->id);
    sqlite3_bind_int64(st, 2, r->order[to]->id);
    size_t at = from;
    while (sqlite3_step(st) == SQLITE_ROW) {
        int64_t id = sqlite3_column_int64(st, 0);
        int64_t off = sqlite3_column_int64(st, 2);
        int64_t len = sqlite3_column_int64(st, 3);
        if (off < 0 || len < 0 || (uint64_t)len > r->list.len)
            break; /* nothing below may overflow */
        for (; at <= to && r->order[at]->id == id; at++) {
            r->order[at]->blk = sqlite3_column_int64(st, 1);
            r->order[at]->off = (size_t)off;
            r->order[at]->len = (size_t)len;
        }
    }
    sqlite3_reset(st);
    return at == to + 1 ? 0 : damaged(e, "a piece is missing or wrong");
}

/* Ids rise with the blocks they lie in, unless a block was packed anew; sorting by
 * id reads both tables in order. */
static int locate(struct rebuild *r, struct err *e)
{
    sqlite3_stmt *st =
        sql_prepare(r->sq, "SELECT id, blk, off, len FROM piece WHERE id BETWEEN ? AND ? ORDER BY id", e);
    if (!st)
        return -1;
    qsort(r->order, r->count, sizeof(struct part *), compare_ids);
    int rc = 0;
    for (size_t i = 0; i < r->count && rc == 0;)
        rc = locate_run(r, st, i, &i, e);
    sqlite3_finalize(st);
    return rc;
}

/* ---- Where their bytes go ---------------------------------------------------- */

static size_t inserts_len(const struct rebuild *r, const struct part *part)
{
    size_t len = 0;
    for (size_t i = 0; i < part->insert_count; i++)
        len += r->list.inserts[part->first_insert + i].text.len;
    return len;
}

/* Lay the elements out; every place is checked against the length here, so that
 * copying needs no more checks. */
static int lay_out(struct rebuild *r, struct err *e)
{
    const struct body_list *l = &r->list;
    size_t skeleton_len = r->parts[0].len;
    size_t taken = 0; /* of the skeleton */
    size_t at = 0;
    size_t part = 1;
    for (size_t i = 0; i < l->array_count; i++) {
        if (l->arrays[i].at < taken || l->arrays[i].at > skeleton_len)
            return damaged(e, "an array stands outside");
        at += l->arrays[i].at - taken;
        taken = l->arrays[i].at;
        for (size_t n = 0; n < l->arrays[i].count; n++, part++) {
            r->parts[part].to = at + (n > 0);
            at += r->parts[part].len + inserts_len(r, &r->parts[part]) + (n > 0);
            if (at > l->len)
                return damaged(e, "it is too long");
        }
    }
    return at + (skeleton_len - taken) == l->len ? 0 : damaged(e, "its length is wrong");
}

static int copy_element(struct rebuild *r, const struct part *part, const char *from, struct err *e)
{
    char *to = r->body + part->to;
    size_t done = 0;
    for (size_t i = 0; i < part->insert_count; i++) {
        const struct body_insert *ins = &r->list.inserts[part->first_insert + i];
        uint64_t distance = ins->place >= 0 ? (uint64_t)ins->place : (uint64_t)(-1 - ins->place);
        if (distance > part->len)
            return damaged(e, "an insert stands outside");
        size_t place = ins->place >= 0 ? (size_t)distance : part->len - (size_t)distance;
        if (place < done)
            return damaged(e, "inserts out of order");
        memcpy(to, from + done, place - done);
        to += place - done;
        memcpy(to, ins->text.data, ins->text.len);
        to += ins->text.len;
        done = place;
    }
    memcpy(to, from + done, part->len - done);
    return 0;
}

/* The skeleton and the commas around the elements. */
static void copy_skeleton(struct rebuild *r)
{
    const struct body_list *l = &r->list;
    size_t taken = 0;
    size_t at = 0;
    size_t part = 1;
    for (size_t i = 0; i < l->array_count; i++) {
        memcpy(r->body + at, r->skeleton + taken, l->arrays[i].at - taken);
        taken = l->arrays[i].at;
        for (size_t n = 0; n < l->arrays[i].count; n++, part++)
            if (n > 0)
                r->body[r->parts[part].to - 1] = ',';
        const struct part *last = &r->parts[part - 1];
        at = last->to + last->len + inserts_len(r, last);
    }
    memcpy(r->body + at, r->skeleton + taken, r->parts[0].len - taken);
}

/* ---- Blocks ------------------------------------------------------------------ */

static int unpack(struct rebuild *r, sqlite3_stmt *st, int64_t blk, size_t *len, struct err *e)
{
    int rc = -1;
    sqlite3_bind_int64(st, 1, blk);
    if (sqlite3_step(st) != SQLITE_ROW) {
        damaged(e, "a block is missing");
        goto out;
    }
    *len = (size_t)sqlite3_column_int64(st, 0);
    if (!r->block || *len > r->block_cap) {
        char *bigger = *len > SIZE_MAX / 4 ? NULL : realloc(r->block, *len + 1);
        if (!bigger) {
            err_set(e, "out of memory for a block of %zu bytes", *len);
            goto out;
        }
        r->block = bigger;
        r->block_cap = *len;
    }
    size_t got = ZSTD_decompress(r->block, *len, sqlite3_column_blob(st, 1), (size_t)sqlite3_column_bytes(st, 1));
    if (ZSTD_isError(got) || got != *len)
        damaged(e, "a block cannot be unpacked");
    else
        rc = 0;
out:
    sqlite3_reset(st);
    return rc;
}

static int take_part(struct rebuild *r, const struct part *part, size_t block_len, struct err *e)
{
    if (part->off > block_len || part->len > block_len - part->off)
        return damaged(e, "a piece stands outside its block");
    if (part != r->parts)
        return copy_element(r, part, r->block + part->off, e);
    memcpy(r->skeleton, r->block + part->off, part->len);
    return 0;
}

static int copy_all(struct rebuild *r, struct err *e)
{
    sqlite3_stmt *st = sql_prepare(r->sq, "SELECT len, data FROM blk WHERE id = ?", e);
    if (!st)
        return -1;
    int rc = 0;
    int64_t blk = 0;
    size_t block_len = 0;
    for (size_t i = 0; i < r->count && rc == 0; i++) {
        if (r->order[i]->blk != blk) {
            blk = r->order[i]->blk;
            rc = unpack(r, st, blk, &block_len, e);
        }
        if (rc == 0)
            rc = take_part(r, r->order[i], block_len, e);
    }
    sqlite3_finalize(st);
    if (rc == 0)
        copy_skeleton(r);
    return rc;
}

/* ---- All of it --------------------------------------------------------------- */

static void set_parts(struct rebuild *r)
{
    size_t ins = 0;
    for (size_t i = 0; i < r->count; i++) {
        struct part *part = &r->parts[i];
        r->order[i] = part;
        part->id = i == 0 ? r->list.skeleton : r->list.elements[i - 1];
        part->first_insert = ins;
        while (i > 0 && ins < r->list.insert_count && r->list.inserts[ins].element == i - 1) {
            part->insert_count++;
            ins++;
        }
    }
}

static int rebuild(sqlite3 *sq, struct bytes encoded, struct buf *out, struct err *e)
{
    struct rebuild r = {.sq = sq};
    int rc = -1;
    if (body_list_decode(encoded, &r.list) != 0) {
        damaged(e, "its list cannot be read");
        goto out;
    }
    r.count = r.list.element_count + 1;
    r.parts = calloc(r.count, sizeof *r.parts);
    r.order = calloc(r.count, sizeof(struct part *));
    if (!r.parts || !r.order) {
        err_set(e, "out of memory");
        goto out;
    }
    set_parts(&r);
    if (locate(&r, e) != 0 || lay_out(&r, e) != 0)
        goto out;
    r.skeleton = malloc(r.parts[0].len + 1);
    if (!r.skeleton || buf_reserve(out, r.list.len) != 0) {
        err_set(e, "out of memory for a body of %zu bytes", r.list.len);
        goto out;
    }
    r.body = out->data;
    rc = copy_all(&r, e);
    if (rc == 0 && r.list.len > 0) {
        out->len = r.list.len;
        out->data[out->len] = '\0';
    }
out:
    body_list_done(&r.list);
    free(r.parts);
    free(r.order);
    free(r.skeleton);
    free(r.block);
    return rc;
}

static int why_none(sqlite3_stmt *st, int64_t call_id, enum body_kind kind, struct err *e)
{
    const char *state = (const char *)sqlite3_column_text(st, 1);
    static const char *const names[] = {"request", "sent request", "answer"};
    if (state && strcmp(state, "off") == 0)
        err_set(e, "call %" PRId64 " has no %s: the gateway ran with --no-bodies", call_id, names[kind]);
    else if (state && strcmp(state, "dropped") == 0)
        err_set(e, "call %" PRId64 " has no %s: it came faster than the disk (or --redact) could take it", call_id, names[kind]);
    else if (state && strcmp(state, "expired") == 0)
        err_set(e, "call %" PRId64 " has no %s any more: it expired to keep the log within its bound", call_id,
                names[kind]);
    else
        err_set(e, "call %" PRId64 " has no %s", call_id, names[kind]);
    return 1;
}

int bodies_read(struct db *db, int64_t call_id, enum body_kind kind, struct buf *out, struct err *e)
{
    return bodies_read_on(db_sqlite(db), call_id, kind, out, e);
}

int bodies_read_on(sqlite3 *sq, int64_t call_id, enum body_kind kind, struct buf *out, struct err *e)
{
    static const char *const asks[] = {
        "SELECT request_body, body_state FROM call WHERE id = ?",
        "SELECT coalesce(sent_body, request_body), body_state FROM call WHERE id = ?",
        "SELECT response_body, body_state FROM call WHERE id = ?",
    };
    int rc = -1;
    buf_reset(out);
    /* One snapshot for list, pieces and blocks, or retention could take them away in between. */
    sqlite3_stmt *st = sql_prepare(sq, asks[kind], e);
    if (!st)
        return -1;
    sqlite3_bind_int64(st, 1, call_id);
    int step = sqlite3_step(st);
    if (step == SQLITE_DONE) {
        err_set(e, "there is no call %" PRId64 " in the log", call_id);
        rc = 1;
    } else if (step != SQLITE_ROW) {
        err_set(e, "call %" PRId64 " cannot be read: %s", call_id, sqlite3_errmsg(sq));
    } else if (sqlite3_column_type(st, 0) == SQLITE_NULL) {
        rc = why_none(st, call_id, kind, e);
    } else {
        struct bytes list = {sqlite3_column_blob(st, 0), (size_t)sqlite3_column_bytes(st, 0)};
        rc = rebuild(sq, list, out, e);
        if (rc != 0)
            err_prefix(e, "call %" PRId64, call_id);
    }
    sqlite3_finalize(st);
    return rc;
}
