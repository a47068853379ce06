/* The body store: bodies in, piece lists out, and back again byte for byte.
 *
 * Writing belongs to the journal's thread and to its transaction: what put gave
 * a list for is on the disk only after bodies_write() and COMMIT; then call
 * bodies_written().  After a failed transaction bodies_write() may simply be
 * called again.
 * Reading (bodies_read) works on any connection of the log. */
#ifndef SPANTOP_LOG_BODIES_H
#define SPANTOP_LOG_BODIES_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/blob.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/span.h"
#include "log/body_facts.h"
#include "log/breaks_image.h"
#include "log/db.h"
#include "log/pieces.h"
#include "log/reader.h"

/* ---- Writing -------------------------------------------------------------- */
struct bodies;

struct bodies *bodies_open(sqlite3 *sq, struct err *e);
void bodies_free(struct bodies *b);
struct pieces *bodies_pieces(struct bodies *b);

/* Cut a request of this conversation (any text that its calls share: session
 * and agent) into pieces; list gets its piece list.  Keeps a reference to the
 * body to compare the next one with.  *is_repeat: the very bytes that this
 * conversation sent before, in call *repeat_of.  -1: out of memory, no list. */
struct body_origin {
    const char *conversation;
    int64_t call_id;
};
NODISCARD int bodies_put_request(struct bodies *b, const struct body_origin *from, struct blob *body, struct buf *list,
                                 int64_t *repeat_of);
/* Of the request put last; lent until the next one. NULL: it has none. */
struct image *bodies_last_image(const struct bodies *b);
/* What request_read_facts() says of the request put last (body), which is not read
 * again as far as its conversation's last one said the same. */
void bodies_read_facts(struct bodies *b, const struct facts_asker *asker, const struct blob *body, struct request_facts *f);
NODISCARD int bodies_put_answer(struct bodies *b, struct bytes answer, struct buf *list);
size_t bodies_pending_bytes(const struct bodies *b);
NODISCARD int bodies_write(struct bodies *b, int64_t *stored, struct err *e);
void bodies_written(struct bodies *b);
/* Retention took pieces of epochs before this one away. */
void bodies_forget_before(struct bodies *b, int64_t epoch);

/* ---- Reading -------------------------------------------------------------- */
/* The exact bytes into out (emptied first). 1: none was kept, or no such call;
 * e says why.  -1: damaged or out of memory. */
NODISCARD int bodies_read(struct db *db, int64_t call_id, enum body_kind kind, struct buf *out, struct err *e);
NODISCARD int bodies_read_on(sqlite3 *sq, int64_t call_id, enum body_kind kind, struct buf *out, struct err *e);

#endif
