/* The log as a file: where it is, opening it, its version.
 *
 * Every connection of a process goes through here, so that no other code ever
 * open()s and close()s the log's files (closing drops SQLite's POSIX locks).
 * Thread: a struct db belongs to one thread at a time. */
#ifndef SPANTOP_LOG_DB_H
#define SPANTOP_LOG_DB_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

enum db_mode {
    DB_CREATE, /* gateway only: create or migrate the schema */
    DB_WRITE,  /* dashboard, command line: routes and settings; busy timeout 2 s */
    DB_READ,
};

struct db;

/* Refuses, in one sentence each: a missing log (DB_WRITE, DB_READ), a file that
 * is no spantop log, a damaged one, one of a newer version. */
struct db *db_open(const char *path, enum db_mode mode, struct err *e);
void db_close(struct db *db);
const char *db_path(const struct db *db);
/* Changed by anybody else since the last call?  6 us. */
bool db_changed(struct db *db);
/* Was the file deleted, replaced or emptied under us? */
bool db_is_replaced(struct db *db);
/* Does it lie on a network file system, so that damage is possible?  warning says it. */
bool db_is_remote(const char *path, struct err *warning);
/* Is nothing at its path that could be lost: no file, or an empty one? */
bool db_is_vacant(const struct db *db);
/* After db_is_replaced(), by the gateway alone: make the path ready for another log.
 * Commits go into the old file, wherever it is now; its -wal and -shm, which the
 * new log would take for its own, leave the path, and so does an emptied file. */
void db_vacate(struct db *db);

/* $XDG_DATA_HOME/spantop/log.db; caller frees. */
char *db_default_path(void);

/* Small settings that live in the log (key, text). NULL: not set; caller frees. */
char *db_setting(struct db *db, const char *key);
NODISCARD int db_set_setting(struct db *db, const char *key, const char *value, struct err *e);

#endif
