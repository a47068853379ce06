/* The tables and views of the log, and which version of them a file holds.
 *
 * Views `calls`, `sessions` and `agents` and the table `routes` are for everybody; their
 * columns are a promise (docs: the log as an interface).  The other tables may
 * change with SCHEMA_VERSION.  Only the gateway creates or migrates. */
#ifndef SPANTOP_LOG_SCHEMA_H
#define SPANTOP_LOG_SCHEMA_H

#include <sqlite3.h>

#include "base/attr.h"
#include "base/err.h"

#define SCHEMA_APPLICATION_ID 0x53704e74 /* "SpNt": tells a spantop log from any other database */
#define SCHEMA_VERSION        2          /* PRAGMA user_version */

/* Make everything in an empty database, in one transaction. */
NODISCARD int schema_create(sqlite3 *sq, struct err *e);
/* Make a log of any earlier version one of this, in one transaction: it is wholly
 * what it was, or wholly new.  Takes about 50 s for a million calls. */
NODISCARD int schema_migrate(sqlite3 *sq, int from, struct err *e);
/* Add what a log of this version may lack; writes nothing when it has all. */
NODISCARD int schema_complete(sqlite3 *sq, struct err *e);

/* What an open database is. -1 only when it cannot be read; then e says why. */
enum schema_kind { SCHEMA_EMPTY, SCHEMA_OURS, SCHEMA_OLDER, SCHEMA_NEWER, SCHEMA_FOREIGN };
NODISCARD int schema_look(sqlite3 *sq, enum schema_kind *kind, int *version, struct err *e);

#endif
