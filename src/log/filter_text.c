/* Texts of requests and answers in a filter.
 *
 * The index gives the pieces that have all words, and so the calls that may match; it
 * is asked before the statement runs.  Whether the words follow each other is read in
 * the pieces by a function of the statement, and only of calls that it comes to: a
 * page of a large log is full long before all are read.
 *
 * A few calls are given to SQL as a list, so that it need not look at others. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "log/filter_sql.h"
#include "log/search.h"
#include "log/sql.h"

#define LIST_MAX     5000
#define POINTER_TYPE "spantop filter text"

struct filter_text {
    struct search_query *query;
    struct search_found found;
    struct search_reader *reader;
    sqlite3 *sq; /* the connection that was asked last; only compared */
    bool has_state;
    int64_t state[SEARCH_STATE];
    struct buf ids;
};

struct filter_text *filter_text_new(const char *phrase, struct err *e)
{
    struct search_query *query = search_query_phrase(phrase, e);
    if (!query)
        return NULL;
    struct filter_text *t = xcalloc(1, sizeof *t);
    t->query = query;
    buf_init(&t->ids);
    return t;
}

void filter_text_free(struct filter_text *t)
{
    if (!t)
        return;
    search_reader_close(t->reader);
    search_found_done(&t->found);
    search_query_free(t->query);
    buf_done(&t->ids);
    free(t);
}

/* ---- In SQL ------------------------------------------------------------------------- */

/* Any piece of this call, until one matches; what was read is kept. */
static int holds(struct filter_text *t, int64_t call_id, struct err *e)
{
    for (size_t i = search_found_at(&t->found, call_id); i < t->found.count && t->found.all[i].call_id == call_id; i++) {
        struct search_candidate *c = &t->found.all[i];
        if (c->verdict == SEARCH_UNREAD) {
            int rc = search_reader_match(t->reader, t->query, c->piece_id, e);
            if (rc < 0)
                return -1;
            c->verdict = rc ? SEARCH_MATCHES : SEARCH_DIFFERS;
        }
        if (c->verdict == SEARCH_MATCHES)
            return 1;
    }
    return 0;
}

static void search_holds(sqlite3_context *context, int count, sqlite3_value **values)
{
    struct err e = {""};
    (void)count;
    struct filter_text *t = sqlite3_value_pointer(values[0], POINTER_TYPE);
    int rc = t ? holds(t, sqlite3_value_int64(values[1]), &e) : 0;
    if (rc < 0)
        sqlite3_result_error(context, e.text, -1);
    else
        sqlite3_result_int(context, rc);
}

static int use_connection(struct filter_text *t, sqlite3 *sq, struct err *e)
{
    search_reader_close(t->reader);
    t->sq = NULL;
    t->reader = search_reader_open(sq, e);
    if (!t->reader)
        return -1;
    if (sqlite3_create_function_v2(sq, "search_holds", 2, SQLITE_UTF8 | SQLITE_DIRECTONLY, NULL, search_holds, NULL, NULL, NULL) != SQLITE_OK)
        return err_set(e, "%s", sqlite3_errmsg(sq));
    t->sq = sq;
    return 0;
}

void filter_text_put(const struct filter_text *t, struct buf *sql, size_t param)
{
    bool is_few = t->sq && t->found.count <= LIST_MAX;
    if (is_few)
        buf_printf(sql, "(c.id IN (SELECT value FROM json_each(?%zu)) AND search_holds(?%zu, c.id))", param, param + 1);
    else
        buf_printf(sql, "search_holds(?%zu, c.id)", param + 1);
}

void filter_text_bind(struct filter_text *t, sqlite3_stmt *st, int param)
{
    sqlite3_bind_text(st, param, t->ids.data, (int)t->ids.len, SQLITE_STATIC);
    sqlite3_bind_pointer(st, param + 1, t, POINTER_TYPE, NULL);
}

bool filter_text_reads_bodies(const struct filter_text *t)
{
    return search_query_must_read(t->query);
}

int64_t filter_text_unsearched(const struct filter_text *t)
{
    return t->found.unindexed;
}

/* ---- Looking up --------------------------------------------------------------------- */

static void write_ids(struct filter_text *t)
{
    buf_reset(&t->ids);
    buf_putc(&t->ids, '[');
    for (size_t i = 0; i < t->found.count && t->found.count <= LIST_MAX; i++)
        buf_printf(&t->ids, "%s%" PRId64, i ? "," : "", t->found.all[i].call_id);
    buf_putc(&t->ids, ']');
}

/* What was read before need not be read again. */
static void take_over_verdicts(struct search_found *now, const struct search_found *before)
{
    size_t b = 0;
    for (size_t i = 0; i < now->count; i++) {
        struct search_candidate *c = &now->all[i];
        while (b < before->count && search_candidate_compare(&before->all[b], c) < 0)
            b++;
        if (b < before->count && search_candidate_compare(&before->all[b], c) == 0 && c->verdict == SEARCH_UNREAD)
            c->verdict = before->all[b].verdict;
    }
}

int filter_text_find(struct filter_text *t, sqlite3 *sq, struct err *e)
{
    int64_t state[SEARCH_STATE] = {0};
    struct search_found found;
    if (t->sq != sq && use_connection(t, sq, e) != 0)
        return -1;
    search_reader_begin(t->reader);
    bool has_state = search_state(sq, state, e) == 0; /* a log without an index has none */
    if (has_state && t->has_state && memcmp(state, t->state, sizeof state) == 0)
        return 0;
    if (search_find(sq, t->query, &found, e) != 0)
        return -1;
    take_over_verdicts(&found, &t->found);
    search_found_done(&t->found);
    t->found = found;
    write_ids(t);
    t->has_state = has_state;
    memcpy(t->state, state, sizeof state);
    return 0;
}
