/* The tables of the full-text search.
 *
 *   search_todo    ended calls whose texts are not in the index yet
 *   search_gen     the generations, each with an FTS5 table search_text_ID of its own
 *   search_piece   what each generation holds: the piece, and the call that brought it first
 *
 * A generation is complete in itself: a piece that lives on from an older one is
 * indexed once more when the next call brings it.  So an old one is dropped whole when
 * its calls have given up their bodies, and no text need be taken out of an
 * index (which would cost as much as putting it in).  Where the log has a bound, each
 * epoch of retention (see retention.h) has its own; else they grow with the log.
 *
 * The FTS5 tables hold which words a piece has, neither text nor order
 * (detail=none: a quarter of the size; phrases are read in the pieces); rowid is
 * the piece's id. */
#ifndef SPANTOP_LOG_SEARCH_SCHEMA_H
#define SPANTOP_LOG_SEARCH_SCHEMA_H

#include <sqlite3.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"

/* Makes what is missing; in a log that had none of it, all calls are still to do.
 * Writes nothing when all is there. */
NODISCARD int search_schema_complete(sqlite3 *sq, struct err *e);
/* Inside a transaction: the generation that begins with this call. */
NODISCARD int search_schema_add_gen(sqlite3 *sq, int64_t gen, int64_t first_call, struct err *e);

/* Calls before this one have no bodies any more. */
#define SEARCH_GONE_SQL                                                  \
    "max((SELECT value FROM meta WHERE key = 'bodies_gone_to'),"         \
    " ifnull((SELECT min(id) FROM call), 0))"

#endif
