/* Single pieces of the body store, read one after the other.
 *
 * The block read last is kept unpacked, since pieces of one call lie together.
 * A block may be packed anew between two transactions: piece_reader_begin().
 * Thread: that of the connection. */
#ifndef SPANTOP_LOG_PIECE_READ_H
#define SPANTOP_LOG_PIECE_READ_H

#include <sqlite3.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"
#include "base/span.h"
#include "log/pieces.h"

struct piece_reader;
struct piece_reader *piece_reader_open(sqlite3 *sq, struct err *e);
void piece_reader_close(struct piece_reader *r);

/* A new moment of the log: nothing that was read before counts. */
void piece_reader_begin(struct piece_reader *r);
/* text is lent until the next call.  1: there is no such piece (any more). */
NODISCARD int piece_reader_get(struct piece_reader *r, int64_t id, enum piece_kind *kind, struct bytes *text, struct err *e);

#endif
