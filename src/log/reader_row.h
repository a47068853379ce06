/* A row of the view `calls` as a struct call, and what the readers share.
 * Private to reader*.c. */
#ifndef SPANTOP_LOG_READER_ROW_H
#define SPANTOP_LOG_READER_ROW_H

#include <sqlite3.h>

#include "base/attr.h"
#include "base/err.h"
#include "log/call.h"
#include "log/db.h"
#include "log/reader.h"

/* The statement that gives one call by its id (parameter 1). */
sqlite3_stmt *reader_prepare_row(sqlite3 *sq, struct err *e);
/* 0; 1: there is no such call; -1.  The statement is reset after. */
NODISCARD int reader_read_row(sqlite3_stmt *st, int64_t id, struct call *c, struct err *e);

/* One moment of the log for several statements. End it whatever happened. */
NODISCARD int reader_begin(sqlite3 *sq, struct err *e);
void reader_end(sqlite3 *sq);

/* "the log cannot be read: …"; always -1. */
int reader_fail(sqlite3 *sq, struct err *e);

/* The sums of struct totals, in the order reader_totals() takes them.  The first
 * are for the rollup tables, the others for `call c`. */
#define READER_TOTALS                                                                                                  \
    "ifnull(sum(calls), 0), ifnull(sum(errors), 0), ifnull(sum(retries), 0), ifnull(sum(tokens_in), 0),"               \
    " ifnull(sum(tokens_cache_read), 0), ifnull(sum(tokens_cache_write_5m), 0), ifnull(sum(tokens_cache_write_1h), 0)," \
    " ifnull(sum(tokens_out), 0), ifnull(sum(cost_microusd), 0), ifnull(sum(unpriced_calls), 0),"                      \
    " ifnull(sum(cache_breaks), 0), ifnull(sum(cache_break_microusd), 0)"
#define READER_TOTALS_COUNT 12
/* What journal_sums.c counts of an ended call, as an expression a column. */
#define READER_ENDED_FIGURES                                                                                           \
    "1 AS calls, c.state = 'error' AS errors, c.is_retry + max(ifnull(c.attempt, 1) - 1, 0) AS retries,"               \
    " ifnull(c.tokens_in, 0) AS tokens_in, ifnull(c.tokens_cache_read, 0) AS tokens_cache_read,"                       \
    " ifnull(c.tokens_cache_write_5m, 0) AS tokens_cache_write_5m,"                                                    \
    " ifnull(c.tokens_cache_write_1h, 0) AS tokens_cache_write_1h, ifnull(c.tokens_out, 0) AS tokens_out,"             \
    " ifnull(c.cost_microusd, 0) AS cost_microusd,"                                                                    \
    " c.cost_microusd IS NULL AND (c.tokens_in IS NOT NULL OR c.tokens_out IS NOT NULL) AS unpriced_calls,"            \
    " c.cache_break IS NOT NULL AS cache_breaks, ifnull(c.cache_break_microusd, 0) AS cache_break_microusd,"           \
    " c.ttft_ms IS NOT NULL AS ttft_count, ifnull(c.ttft_ms, 0) AS ttft_sum_ms"
struct totals reader_totals(sqlite3_stmt *st, int first_column);

#endif
