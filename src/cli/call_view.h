/* One call for people: a row of a table, an overview; for scripts see log/call_json.h. */
#ifndef SPANTOP_CLI_CALL_VIEW_H
#define SPANTOP_CLI_CALL_VIEW_H

#include "cli/table.h"
#include "log/call.h"
#include "log/call_json.h"

extern const struct table_column call_columns[];
extern const size_t call_column_count;
void call_put_row(struct table *t, const struct call *c);

/* What the call's usage, times and names are, line by line, to stdout. */
void call_print_overview(const struct call *c);

#endif
