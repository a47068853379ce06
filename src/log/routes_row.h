/* What routes.c, routes_switch.c and routes_watch.c share.  Private to them. */
#ifndef SPANTOP_LOG_ROUTES_ROW_H
#define SPANTOP_LOG_ROUTES_ROW_H

#include <sqlite3.h>

#include "base/attr.h"
#include "base/err.h"
#include "log/routes.h"

/* e: "cannot WHAT: …", told for people.  Always -1. */
int routes_fail(sqlite3 *sq, const char *what, struct err *e);
NODISCARD int routes_check_text(const char *name, const char *value, struct err *e);
NODISCARD int routes_check_scope(const struct route_scope *scope, struct err *e);

/* The statement that reads all routes by id, and running it into an empty *s;
 * the statement is reset after. */
sqlite3_stmt *routes_prepare_load(sqlite3 *sq, struct err *e);
NODISCARD int routes_read(sqlite3_stmt *st, struct route_set *s, struct err *e);

#endif
