/* The store of pieces, writing side: each distinct piece once, in compressed blocks.
 *
 * pieces_put() looks a piece up by its hash and, when it is new, gives it the
 * next id and adds it to the block that is being filled.  Nothing touches the
 * disk until pieces_write(), which runs inside the transaction that also
 * writes the rows naming these ids.  When that transaction fails, nothing is lost: the
 * block waits for the next try.
 *
 * A look-up that misses only stores a piece twice, so the map may be bounded and
 * no index on the hash is needed in SQL.
 *
 * Thread: the journal's. */
#ifndef SPANTOP_LOG_PIECES_H
#define SPANTOP_LOG_PIECES_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"
#include "base/span.h"

enum piece_kind { PIECE_ELEMENT = 1, PIECE_SKELETON = 2, PIECE_ANSWER = 3 };

struct pieces;

/* Loads the hashes of the newest pieces. */
struct pieces *pieces_open(sqlite3 *sq, struct err *e);
void pieces_free(struct pieces *p);

/* The id of the piece with these bytes.  *is_old (may be NULL) tells that it
 * was stored in an earlier epoch and is to be renewed.  0: out of memory.
 * Answers are never looked up: no two are alike. */
int64_t pieces_put(struct pieces *p, struct bytes text, enum piece_kind kind, bool *is_old);
/* These ids are wanted in the epoch that runs now: say so with the next write. */
void pieces_renew(struct pieces *p, const int64_t *ids, size_t count);
/* Forget a piece that retention takes away. */
void pieces_forget(struct pieces *p, const void *hash, int64_t id);

int64_t pieces_epoch(const struct pieces *p);
/* The id that the next block will have. */
int64_t pieces_next_blk(const struct pieces *p);
void pieces_set_epoch(struct pieces *p, int64_t epoch);

/* Unwritten bytes, unpacked. */
size_t pieces_pending_bytes(const struct pieces *p);
/* Inside a transaction; *stored gets the bytes written.  May be called again
 * after the transaction failed. */
NODISCARD int pieces_write(struct pieces *p, int64_t *stored, struct err *e);
/* The transaction was committed. */
void pieces_written(struct pieces *p);

#endif
