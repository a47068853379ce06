/* The filter language of `/` and --where:
 *   model:opus status>=400 cost>0.5 since:1h session:api "connection refused" !state:done
 *
 * Words are joined by AND; `!` in front of a word turns it round (and then holds
 * for unknown values, too).  A bare word is looked for in the row's texts, quoted
 * text in these or in the request and the answer.  In quotes a backslash keeps a
 * quote: "say \"hi\"".
 *
 *   FIELD:TEXT     contains, ASCII case folded       FIELD=TEXT   is exactly
 *   FIELD:NUMBER   is, like =                        FIELD<NUMBER and <=, >, >=, !=
 *   FIELD=""       is not known                      status:5xx   500 … 599
 *   errors, retries, breaks, running                 words of their own
 *
 * Fields: the columns of `calls` in their own units (cost_microusd, ttft_ms …)
 * and the short names:
 *   model      asked, sent or served           provider  pinned or served
 *   session    id or title                     who       purpose
 *   agent      agent_id                        error     error_type or error_message
 *   break      cache_break                     route     route_note
 *   text       request and answer: text:word, text:"some words", text:begin*, by whole
 *              words; the calls in which that text came first (see search.h)
 *   cost       dollars                         ttft, duration   seconds, or 300ms, 2m
 *   in         whole input: fresh, cache read and written;  out, read   tokens (38k, 1.2M)
 *   cache      percent of the input read from the cache
 *   rate       tokens a second
 *   since, until    1h 30m 2d 1w, today, yesterday, 14:00, 2026-11-22, 2026-11-22T14:00
 *              (local time; what is relative counts from the moment of parsing) */
#ifndef SPANTOP_LOG_FILTER_H
#define SPANTOP_LOG_FILTER_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct filter; /* owns everything; read-only after parsing */

/* "" or NULL gives a filter that matches all. NULL on error, which names the word and what is possible. */
struct filter *filter_parse(const char *text, struct err *e);
void filter_free(struct filter *f);
/* How many ended calls the last query left out of a search for texts, since they are not
 * in the index yet (see search.h); 0 where nothing is looked for in texts.  f may be NULL. */
int64_t filter_unsearched(const struct filter *f);
/* NULL-terminated names, for completion and help: short names and words first, then the columns. */
const char *const *filter_fields(void);

#endif
