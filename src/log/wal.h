/* Keeping the write-ahead log short.
 *
 * Thread: wal_open, wal_step and wal_close on the journal's connection's thread;
 * a thread of its own does the checkpoints. */
#ifndef SPANTOP_LOG_WAL_H
#define SPANTOP_LOG_WAL_H

#include <stdbool.h>

#include "base/err.h"
#include "log/db.h"

struct wal;
struct wal *wal_open(struct db *writer, struct err *e);
void wal_close(struct wal *w);
/* After a commit, outside of any transaction. */
void wal_step(struct wal *w);
/* About once a second: when nothing is committed any more, what is left is copied. */
void wal_rest(struct wal *w);
/* Was anything committed since this was asked last? */
bool wal_was_written(struct wal *w);
/* Above 64 MB after the last commit: a reader hinders every checkpoint. */
bool wal_is_too_long(const struct wal *w);

#endif
