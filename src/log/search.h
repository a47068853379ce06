/* Finding texts in the requests and answers of the log.
 *
 * A hit is a piece of a body (a message, a tool, a system block, an answer) and the
 * call that brought it first; newest first.  Of calls that are not in the index yet the
 * newest are read as they are, up to 100 of them and 16 MB; how many more there are
 * is told, so that nothing is missed in silence.  Calls that still run are not searched.
 *
 * Thread: the db's.  Every function leaves no statement open. */
#ifndef SPANTOP_LOG_SEARCH_H
#define SPANTOP_LOG_SEARCH_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"
#include "base/span.h"
#include "log/db.h"
#include "log/filter.h"
#include "log/search_query.h"

/* Hits; the first page may hold more, and later ones are longer. */
#define SEARCH_PAGE     50
#define SEARCH_PAGE_MAX 3200

struct search_hit {
    int64_t call_id;
    int64_t piece_id;
    char where[SEARCH_WHERE_MAX]; /* as in search_text.h; clean */
    char *excerpt;                /* one clean line */
    struct span mark;             /* in excerpt: what was found first */
};
struct search_hits {
    struct search_hit *hits;
    size_t count;
    bool has_more;     /* call again with the same cursor */
    int64_t unindexed; /* ended calls that are neither in the index nor were read */
};
void search_hits_done(struct search_hits *h);

struct search_ask {
    struct search_query *query;
    const struct filter *filter; /* of the calls; NULL: all */
    const char *session_id;      /* NULL: any; exact */
};
/* Where the next page goes on; all 0: at the newest. */
struct search_cursor {
    bool is_past_unindexed;
    int64_t unindexed;
    int64_t gen; /* 0: not begun */
    int64_t piece;
    size_t page_size;
};
/* A page may be short, even empty, and yet have more: it ends after some time, too. */
NODISCARD int search_page(struct db *db, const struct search_ask *ask, struct search_cursor *at, struct search_hits *page, struct err *e);

/* ---- For filters -------------------------------------------------------------------- */

/* A piece that has the words of a query, and the call that brought it first. */
enum search_verdict { SEARCH_UNREAD, SEARCH_MATCHES, SEARCH_DIFFERS };
struct search_candidate {
    int64_t call_id;
    int64_t piece_id;
    enum search_verdict verdict;
};
/* All of them, by call and piece. */
struct search_found {
    struct search_candidate *all;
    size_t count;
    size_t cap;
    int64_t unindexed;
};
NODISCARD int search_find(sqlite3 *sq, struct search_query *q, struct search_found *found, struct err *e);
void search_found_done(struct search_found *f);
/* The first candidate of this call or a later one. */
size_t search_found_at(const struct search_found *f, int64_t call_id);
int search_candidate_compare(const void *a, const void *b);
/* Changes whenever search_find() may find something else. */
#define SEARCH_STATE 5
NODISCARD int search_state(sqlite3 *sq, int64_t state[SEARCH_STATE], struct err *e);

/* Reads pieces for whether they match. */
struct search_reader;
struct search_reader *search_reader_open(sqlite3 *sq, struct err *e);
void search_reader_close(struct search_reader *r);
/* Before each statement that reads: blocks may have changed. */
void search_reader_begin(struct search_reader *r);
/* 1 or 0; -1. */
NODISCARD int search_reader_match(struct search_reader *r, struct search_query *q, int64_t piece_id, struct err *e);

#endif
