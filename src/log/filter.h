/* The filter language of `/` and --where:
 *   model:opus status>=400 cost>0.5 since:1h session:api "connection refused" !state:done
 * Words are joined by AND; a bare word or quoted text is looked for in the row's
 * texts.  FIELD:TEXT contains (case folded), FIELD=TEXT is, FIELD<,<=,>,>=NUMBER.
 * Fields: the columns of `calls` and the short names in filter_fields(). */
#ifndef SPANTOP_LOG_FILTER_H
#define SPANTOP_LOG_FILTER_H

#include <stddef.h>

#include "base/err.h"

struct filter; /* owns everything; read-only after parsing */

/* "" or NULL gives a filter that matches all. NULL on error, which names the word and what is possible. */
struct filter *filter_parse(const char *text, struct err *e);
void filter_free(struct filter *f);
/* NULL-terminated names, for completion and help. */
const char *const *filter_fields(void);

#endif
