/* What the files about budgets share. */
#ifndef SPANTOP_LOG_BUDGETS_ROW_H
#define SPANTOP_LOG_BUDGETS_ROW_H

#include <sqlite3.h>

#include "log/budgets.h"

sqlite3_stmt *budgets_prepare_load(sqlite3 *sq, struct err *e);
/* Step st to its end; s->version is the caller's. */
NODISCARD int budgets_read(sqlite3_stmt *st, struct budget_set *s, struct err *e);

#endif
