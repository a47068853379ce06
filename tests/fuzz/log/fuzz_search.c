/* Any query is refused with a sentence or is one that FTS5 takes, and what matches a
 * text is never ruled out by its words.  Any bytes are a piece. */
#include <sqlite3.h>
#include <string.h>

#include "log/search_query.h"

#include "tests/fuzz/fuzz.h"

static sqlite3 *sq;
static sqlite3_stmt *insert, *find;

static void open_index(void)
{
    static const char table[] = "CREATE VIRTUAL TABLE t USING fts5(text, content='', detail=none, columnsize=0)";
    MUST(sqlite3_open(":memory:", &sq) == SQLITE_OK && sqlite3_exec(sq, table, NULL, NULL, NULL) == SQLITE_OK);
    MUST(sqlite3_prepare_v2(sq, "INSERT INTO t(rowid, text) VALUES(1, ?)", -1, &insert, NULL) == SQLITE_OK);
    MUST(sqlite3_prepare_v2(sq, "SELECT rowid FROM t WHERE t MATCH ?", -1, &find, NULL) == SQLITE_OK);
}

static bool index_finds(const struct search_text *t, const char *fts)
{
    MUST(sqlite3_exec(sq, "BEGIN", NULL, NULL, NULL) == SQLITE_OK);
    sqlite3_bind_text(insert, 1, t->text.data, (int)t->text.len, SQLITE_STATIC);
    MUST(sqlite3_step(insert) == SQLITE_DONE);
    sqlite3_reset(insert);
    sqlite3_bind_text(find, 1, fts, -1, SQLITE_STATIC);
    int rc = sqlite3_step(find);
    MUST(rc == SQLITE_ROW || rc == SQLITE_DONE); /* no syntax error */
    sqlite3_reset(find);
    MUST(sqlite3_exec(sq, "ROLLBACK", NULL, NULL, NULL) == SQLITE_OK);
    return rc == SQLITE_ROW;
}

static void check(struct search_query *q, const struct err *e, const struct search_text *t)
{
    struct search_match m = {0};
    MUST(q || e->text[0]);
    if (!q)
        return;
    bool is_match = search_query_match(q, t, &m);
    bool is_found = index_finds(t, search_query_fts(q));
    MUST(!is_match || is_found);
    MUST(!is_match || (m.part < t->count && m.at.off + m.at.len <= t->text.len));
    search_query_free(q);
}

/* KIND, a query up to the first line's end, a piece. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct search_text t;
    struct err e = {""};
    if (size < 1 || size > 20000)
        return 0;
    if (!sq)
        open_index();
    const uint8_t *line = memchr(data + 1, '\n', size - 1);
    size_t query_len = (line ? (size_t)(line - data) : size) - 1;
    size_t rest = line ? query_len + 2 : size;
    char *query = malloc(query_len + 1);
    MUST(query != NULL);
    memcpy(query, data + 1, query_len);
    query[query_len] = '\0';
    search_text_init(&t);
    search_text_read(&t, (enum piece_kind)(data[0] % 3 + 1), (struct bytes){(const char *)data + rest, size - rest});
    for (size_t i = 0; i < t.count; i++)
        MUST(t.parts[i].at.len > 0 && t.parts[i].at.off + t.parts[i].at.len <= t.text.len);
    check(search_query_parse(query, &e), &e, &t);
    e.text[0] = '\0';
    check(search_query_phrase(query, &e), &e, &t);
    search_text_done(&t);
    free(query);
    return 0;
}
