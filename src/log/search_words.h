/* Texts as words, cut and folded just as the search index does it.
 *
 * Letters and digits of any script make words; case and accents do not count.
 * Thread: one at a time. */
#ifndef SPANTOP_LOG_SEARCH_WORDS_H
#define SPANTOP_LOG_SEARCH_WORDS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/err.h"
#include "base/span.h"

/* How FTS5 is told the same. */
#define SEARCH_TOKENIZER "unicode61"

struct search_words;
/* NULL: this SQLite cannot search. */
struct search_words *search_words_open(struct err *e);
void search_words_close(struct search_words *w);

/* A word (lent) and where it stands in the text.  false: enough. */
typedef bool search_word_fn(void *arg, struct bytes word, struct span at);
void search_words_each(struct search_words *w, struct bytes text, search_word_fn *fn, void *arg);

#endif
