/* Sessions, day sums and minute sums, in the same commit as the calls.
 * Thread: the journal's; inside its transaction. */
#ifndef SPANTOP_LOG_JOURNAL_SUMS_H
#define SPANTOP_LOG_JOURNAL_SUMS_H

#include <sqlite3.h>
#include <stdbool.h>

#include "base/attr.h"
#include "base/err.h"
#include "log/call.h"
#include "respan/catalog.h"

struct sums;
/* catalog may be NULL: then nobody knows a context limit. */
struct sums *sums_open(sqlite3 *sq, const struct catalog *catalog, struct err *e);
void sums_free(struct sums *s);

/* Calls that are committed together are added up first (sums_gather.h), so that a burst
 * writes each sum once: begin and end remember c until sums_write(), which comes
 * before any amendment or title.  What was not written is forgotten by sums_forget(). */
/* A call began: its session is there from now on. */
void sums_begin(struct sums *s, const struct call *c);
/* A call ended: count it, once. */
void sums_end(struct sums *s, const struct call *c, bool is_retry);
NODISCARD int sums_write(struct sums *s, struct err *e);
void sums_forget(struct sums *s);
/* A call that was counted as before is now to be counted as after. */
NODISCARD int sums_amend(struct sums *s, const struct call *before, const struct call *after, bool is_retry,
                         struct err *e);
NODISCARD int sums_title(struct sums *s, const char *session_id, const char *title, struct err *e);

/* The model a call is counted under: served, else sent, else asked; NULL unknown. */
const char *call_counted_model(const struct call *c);

#endif
