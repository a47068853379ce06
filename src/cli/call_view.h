/* One call for people and for scripts: the fields of the view `calls`. */
#ifndef SPANTOP_CLI_CALL_VIEW_H
#define SPANTOP_CLI_CALL_VIEW_H

#include <cjson/cJSON.h>

#include "cli/table.h"
#include "log/call.h"

/* Every column of `calls` under its own name, null when unknown.  Caller frees. */
cJSON *call_to_json(const struct call *c);

extern const struct table_column call_columns[];
extern const size_t call_column_count;
void call_put_row(struct table *t, const struct call *c);

/* What the call's usage, times and names are, line by line, to stdout. */
void call_print_overview(const struct call *c);

#endif
