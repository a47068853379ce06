#include "log/bodies.h"

#include <stdlib.h>

#include "base/mem.h"
#include "log/body_list.h"

struct bodies {
    struct pieces *pieces;
};

struct bodies *bodies_open(sqlite3 *sq, struct err *e)
{
    struct bodies *b = xcalloc(1, sizeof *b);
    b->pieces = pieces_open(sq, e);
    if (!b->pieces) {
        free(b);
        return NULL;
    }
    return b;
}

void bodies_free(struct bodies *b)
{
    if (!b)
        return;
    pieces_free(b->pieces);
    free(b);
}

struct pieces *bodies_pieces(struct bodies *b)
{
    return b->pieces;
}

static int put_whole(struct bodies *b, struct bytes text, enum piece_kind kind, struct buf *list)
{
    bool is_old;
    struct body_list l = {.len = text.len};
    l.skeleton = pieces_put(b->pieces, text, kind, &is_old);
    if (l.skeleton == 0)
        return -1;
    if (is_old)
        pieces_renew(b->pieces, &l.skeleton, 1);
    return body_list_encode(&l, list);
}

int bodies_put_request(struct bodies *b, const struct body_origin *from, struct blob *body, struct buf *list,
                       int64_t *repeat_of)
{
    (void)from;
    *repeat_of = 0;
    return put_whole(b, blob_bytes(body), PIECE_SKELETON, list);
}

int bodies_put_answer(struct bodies *b, struct bytes answer, struct buf *list)
{
    return put_whole(b, answer, PIECE_ANSWER, list);
}

size_t bodies_pending_bytes(const struct bodies *b)
{
    return pieces_pending_bytes(b->pieces);
}

int bodies_write(struct bodies *b, int64_t *stored, struct err *e)
{
    return pieces_write(b->pieces, stored, e);
}

void bodies_written(struct bodies *b)
{
    pieces_written(b->pieces);
}

void bodies_forget_before(struct bodies *b, int64_t epoch)
{
    (void)b;
    (void)epoch;
}
