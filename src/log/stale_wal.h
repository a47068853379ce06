/* A log that was put in the place of another one, over its write-ahead log.
 *
 * `mv backup.db log.db` leaves log.db-wal behind when the gateway was killed, or still
 * runs.  SQLite takes it for the new log's, and both are lost.  The lock file of the
 * gateway (peer.h) names the two files that belong together by their inodes: the
 * same -wal beside another log is stale.  (A copy of the whole folder has new inodes
 * for both, and is none; a copy written into the old file cannot be told.) */
#ifndef SPANTOP_LOG_STALE_WAL_H
#define SPANTOP_LOG_STALE_WAL_H

#include <stdbool.h>
#include <stdint.h>

struct log_files {
    int64_t log; /* inodes; 0: unknown */
    int64_t wal;
};

/* Those at log_path now. */
struct log_files log_files_at(const char *log_path);
/* known: those that belonged together when a gateway had them open. */
bool stale_wal_is_at(const char *log_path, struct log_files known);
/* Rename it to -wal.old, so that nothing is thrown away.  Only for who holds the
 * gateway's lock, before the log is opened. */
void stale_wal_set_aside(const char *log_path);

#endif
