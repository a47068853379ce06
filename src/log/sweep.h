/* Taking pieces away that nobody wants any more, a block at a time.
 * Thread: the journal's; inside a transaction; while no batch is being gathered. */
#ifndef SPANTOP_LOG_SWEEP_H
#define SPANTOP_LOG_SWEEP_H

#include <sqlite3.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"
#include "log/pieces.h"

struct sweep;
struct sweep *sweep_open(sqlite3 *sq, struct pieces *pieces, struct err *e);
void sweep_free(struct sweep *s);

/* Sweep the first block with from <= id < to: pieces last wanted before `epoch`
 * go, the block too when none is left; what is still wanted is packed anew when it
 * is less than half.  *next is where to go on, 0 when no block was left;
 * *freed the bytes won. */
NODISCARD int sweep_block(struct sweep *s, int64_t from, int64_t to, int64_t epoch, int64_t *next, int64_t *freed,
                          struct err *e);

#endif
