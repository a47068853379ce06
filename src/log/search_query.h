/* What somebody looks for in the texts of the log:
 *
 *   connection refused     both words, in one text (a message, a tool, an answer)
 *   "connection refused"   one behind the other
 *   refus*                 a word that begins so; three letters at least
 *   -timeout               not this one
 *
 * What is no letter and no digit parts words: lost+found is the words lost and found
 * one behind the other, as in quotes.  Nothing that is typed can be wrong but
 * in these ways: no word at all, nothing but words with -, a quote that does not
 * end, a * behind too little, more than 64 words. */
#ifndef SPANTOP_LOG_SEARCH_QUERY_H
#define SPANTOP_LOG_SEARCH_QUERY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/span.h"
#include "log/search_text.h"

struct search_query;

/* NULL: e says why. */
struct search_query *search_query_parse(const char *text, struct err *e);
/* All of text one phrase, but for a * at its end.  NULL also when there is no word in it. */
struct search_query *search_query_phrase(const char *text, struct err *e);
void search_query_free(struct search_query *q);

/* For MATCH.  Holds nothing but quoted words and FTS5's own. */
const char *search_query_fts(const struct search_query *q);
/* The index knows which words a text has, not in which order: is that not enough? */
bool search_query_must_read(const struct search_query *q);

/* Does a piece's text match?  m gets where what was found first stands. */
struct search_match {
    size_t part;
    struct span at; /* in t->text */
};
bool search_query_match(struct search_query *q, const struct search_text *t, struct search_match *m);

#endif
