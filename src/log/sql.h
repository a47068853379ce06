/* The few lines that every user of SQLite in this folder would write again.
 * Thread: that of the connection. */
#ifndef SPANTOP_LOG_SQL_H
#define SPANTOP_LOG_SQL_H

#include <sqlite3.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"
#include "base/span.h"
#include "log/db.h"

/* The connection inside; stays db's. */
sqlite3 *db_sqlite(struct db *db);
/* Make the sentence a user reads of what SQLite just said (e's text). */
void db_explain(struct db *db, struct err *e);

/* NULL on error. Finalize with sqlite3_finalize(). */
sqlite3_stmt *sql_prepare(sqlite3 *sq, const char *sql, struct err *e);
/* Run statements that give no rows. */
NODISCARD int sql_run(sqlite3 *sq, const char *sql, struct err *e);
/* Run sql if it fails nobody can do anything (ROLLBACK, a pragma that is only a wish). */
void sql_try(sqlite3 *sq, const char *sql);
/* Step a statement that gives no rows, reset it and clear its bindings. */
NODISCARD int sql_done(sqlite3_stmt *st, struct err *e);
/* First column of the first row. 1: no row (*n unchanged). */
NODISCARD int sql_int64(sqlite3 *sq, const char *sql, int64_t *n, struct err *e);

/* Bind; NULL and negative (unknown) become NULL.  Text must live until the step;
 * bytes that are no UTF-8 become U+FFFD. */
void sql_bind_text(sqlite3_stmt *st, int at, const char *s);
void sql_bind_known(sqlite3_stmt *st, int at, int64_t n);
void sql_bind_blob(sqlite3_stmt *st, int at, struct bytes b); /* data NULL: NULL */

/* Read; NULL gives NULL (a copy, caller frees) or -1 (unknown). */
char *sql_text(sqlite3_stmt *st, int column);
int64_t sql_known(sqlite3_stmt *st, int column);

#endif
