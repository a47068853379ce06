/* Texts of requests and answers in a filter: the calls are looked up first, then SQL
 * gets their ids as one value. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "log/filter_sql.h"
#include "log/search.h"

struct filter_text {
    struct search_query *query;
    sqlite3 *sq; /* the connection that was asked last; only compared */
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
    search_query_free(t->query);
    buf_done(&t->ids);
    free(t);
}

static void write_ids(struct filter_text *t, const struct search_calls *calls)
{
    buf_reset(&t->ids);
    buf_putc(&t->ids, '[');
    for (size_t i = 0; i < calls->count; i++)
        buf_printf(&t->ids, "%s%" PRId64, i ? "," : "", calls->ids[i]);
    buf_putc(&t->ids, ']');
}

int filter_text_find(struct filter_text *t, sqlite3 *sq, struct err *e)
{
    int64_t state[SEARCH_STATE] = {0};
    struct search_calls calls;
    bool has_state = search_state(sq, state, e) == 0; /* a log without an index has none */
    if (has_state && t->sq == sq && memcmp(state, t->state, sizeof state) == 0)
        return 0;
    if (search_all_calls(sq, t->query, &calls, e) != 0)
        return -1;
    write_ids(t, &calls);
    free(calls.ids);
    t->sq = has_state ? sq : NULL;
    memcpy(t->state, state, sizeof state);
    return 0;
}

const char *filter_text_ids(const struct filter_text *t, size_t *len)
{
    *len = t->ids.len;
    return t->ids.data;
}
