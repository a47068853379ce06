/* What creating a log and migrating one have in common.  Private to schema*.c. */
#ifndef SPANTOP_LOG_SCHEMA_PARTS_H
#define SPANTOP_LOG_SCHEMA_PARTS_H

#include <sqlite3.h>

#include "base/attr.h"
#include "base/err.h"

extern const char schema_call[];    /* the table */
extern const char schema_headers[];
/* Lists end with NULL. */
extern const char *const schema_call_parts[]; /* its trigger and indexes: behind the rows, where there are many */
extern const char *const schema_views[];

/* Run a list of statements. */
NODISCARD int schema_run(sqlite3 *sq, const char *const *sql, struct err *e);

#endif
