/* Which pieces the bodies of a call are made of.
 * Thread: that of the connection. */
#ifndef SPANTOP_LOG_BODY_PIECES_H
#define SPANTOP_LOG_BODY_PIECES_H

#include <sqlite3.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"

struct piece_ids {
    int64_t *ids; /* rising, each once */
    size_t count;
    size_t cap;
};
void piece_ids_done(struct piece_ids *p);

/* For body_pieces_read(); finalize with sqlite3_finalize(). */
sqlite3_stmt *body_pieces_prepare(sqlite3 *sq, struct err *e);
/* Replaces what p held: request, sent request and answer.  A list that is damaged
 * counts as empty; so do those of a call that is gone. */
NODISCARD int body_pieces_read(sqlite3_stmt *st, int64_t call_id, struct piece_ids *p, struct err *e);

#endif
