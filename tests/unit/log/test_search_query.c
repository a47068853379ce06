/* What is typed finds what it says, and nothing typed is an error of FTS5's. */
#include "tests/unit/test.h"

#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "log/search_query.h"
#include "log/sql.h"

static struct search_text text;

/* A text of one part for each line. */
static void set_text(const char *s)
{
    struct buf element;
    search_text_init(&text);
    buf_init(&element);
    buf_puts(&element, "{\"role\":\"user\",\"content\":[");
    for (const char *line = s; *line;) {
        size_t len = strcspn(line, "|");
        buf_puts(&element, line == s ? "{\"type\":\"text\",\"text\":" : ",{\"type\":\"text\",\"text\":");
        json_quote(&element, line, len);
        buf_putc(&element, '}');
        line += len + (line[len] == '|');
    }
    buf_puts(&element, "]}");
    search_text_read(&text, PIECE_ELEMENT, buf_bytes(&element));
    buf_done(&element);
}

/* What FTS5 itself makes of it: the words alone must not rule out what matches. */
static bool index_finds(const char *fts)
{
    sqlite3 *sq;
    struct err e = {""};
    int64_t n = 0;
    assert_int_equal(sqlite3_open(":memory:", &sq), SQLITE_OK);
    assert_int_equal(sql_run(sq, "CREATE VIRTUAL TABLE t USING fts5(text, content='', detail=none, columnsize=0)", &e), 0);
    sqlite3_stmt *st = sql_prepare(sq, "INSERT INTO t(rowid, text) VALUES(1, ?)", &e);
    sqlite3_bind_text(st, 1, text.text.data, (int)text.text.len, SQLITE_STATIC);
    assert_int_equal(sql_done(st, &e), 0);
    sqlite3_finalize(st);
    st = sql_prepare(sq, "SELECT count(*) FROM t WHERE t MATCH ?", &e);
    sqlite3_bind_text(st, 1, fts, -1, SQLITE_STATIC);
    if (sqlite3_step(st) != SQLITE_ROW)
        fail_msg("%s: %s", fts, sqlite3_errmsg(sq));
    n = sqlite3_column_int64(st, 0);
    sqlite3_finalize(st);
    sqlite3_close(sq);
    return n == 1;
}

/* What was found first, or NULL. */
static const char *find(struct search_query *q, const char *query)
{
    static char found[100];
    struct search_match m = {0};
    if (!search_query_match(q, &text, &m))
        return NULL;
    if (!index_finds(search_query_fts(q)))
        fail_msg("%s: the index rules out what matches: %s", query, search_query_fts(q));
    snprintf(found, sizeof found, "%.*s", (int)m.at.len, text.text.data + m.at.off);
    return found;
}

static void test_each_query_finds_its_text(void **state)
{
    (void)state;
    static const struct { const char *query, *text, *found; } table[] = {
        {"refused", "the Connection was REFUSED", "REFUSED"},
        {"connection refused", "the Connection was REFUSED", "Connection"},
        {"connection reset", "the Connection was REFUSED", NULL},
        {"\"connection refused\"", "a connection refused it", "connection refused"},
        {"\"connection refused\"", "connection was refused, refused connection", NULL},
        {"\"connection refused\"", "no connection connection refused", "connection refused"},
        {"\"a b a c\"", "a b a b a c", "a b a c"},
        {"\"connection refused\"", "connection|refused", NULL}, /* in two blocks */
        {"connection refused", "connection|refused", "connection"},
        {"connection-refused", "connection refused", "connection refused"},
        {"src/log/db.c", "see src/log/db.c:12", "src/log/db.c"},
        {"src/log/db.c", "see src/db/log.c", NULL},
        {"refus*", "they REFUSE", "REFUSE"},
        {"refus*", "they refu sed", NULL},
        {"\"was ref\"*", "it was refused", "was refused"},
        {"host.x*", "at host.xyz", "host.xyz"}, /* x alone is too short for the index, not for reading */
        {"refused -connection", "refused", "refused"},
        {"refused -connection", "connection refused", NULL},
        {"refused -\"by peer\"", "refused peer by", "refused"},
        {"refused -\"by peer\"", "refused by peer", NULL},
        {"refused -conn*", "refused connection", NULL},
        {"café", "CAFE", "CAFE"}, {"CAFE", "a café", "café"}, {"straße", "STRASSE straße", "straße"},
        {"日本語", "(日本語)", "日本語"}, {"日*", "日本語", "日本語"},
        {"😀 word", "a word", "word"}, /* what is no word is not looked for */
        {"a AND b", "and a b", "and"}, {"OR", "either or", "or"}, {"NEAR(a b)", "near a b", "near a"},
        {"text:foo", "text foo", "text foo"}, {"{a b}:c", "b c a", "b c"}, {"^a", "b a", "a"}, {"a + b", "b a", "b"},
        {"it's", "it's", "it's"}, {"\"say \\\"hi\\\" now\"", "say \"hi\" now", "say \"hi\" now"}, {"foo\"bar\"", "foo bar", "foo"},
        {"--flag x", "x", "x"}, {"x -", "x", "x"}, {"x -\"\"", "x", "x"}, {"\"\" x", "x", "x"}, {"x *", "x", "x"},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct err e = {""};
        struct search_query *q = search_query_parse(table[i].query, &e);
        /* Only words with - : nothing to look for. */
        if (!q) {
            if (table[i].found || !strstr(e.text, "too"))
                fail_msg("%s: %s", table[i].query, e.text);
            continue;
        }
        set_text(table[i].text);
        const char *found = find(q, table[i].query);
        if (!found != !table[i].found || (found && strcmp(found, table[i].found) != 0))
            fail_msg("%s in %s: found %s, not %s", table[i].query, table[i].text, found ? found : "nothing",
                     table[i].found ? table[i].found : "nothing");
        search_text_done(&text);
        search_query_free(q);
    }
}

static void test_a_phrase_takes_every_sign_as_text(void **state)
{
    (void)state;
    struct err e = {""};
    struct search_query *q = search_query_phrase("-connection \"refused", &e);
    assert_non_null(q);
    assert_true(search_query_must_read(q));
    set_text("connection refused");
    assert_non_null(find(q, "phrase"));
    search_text_done(&text);
    set_text("connection was refused");
    assert_null(find(q, "phrase"));
    search_text_done(&text);
    search_query_free(q);
    q = search_query_phrase("word", &e);
    assert_false(search_query_must_read(q));
    search_query_free(q);
}

static void refuse(const char *query, const char *why)
{
    struct err e = {""};
    struct search_query *q = search_query_parse(query, &e);
    if (q || !strstr(e.text, why))
        fail_msg("%s: %s", query, q ? "was taken" : e.text);
}

static void test_what_cannot_be_looked_for_is_said(void **state)
{
    (void)state;
    struct buf many;
    refuse("", "no letter or digit");
    refuse("   ", "no letter or digit");
    refuse("?! 😀", "no letter or digit");
    refuse("-word", "give a word to look for, too");
    refuse("\"open", "is not closed");
    refuse("word \"open\\\"", "is not closed");
    refuse("ab*", "at least 3 letters");
    buf_init(&many);
    for (int i = 0; i < 65; i++)
        buf_puts(&many, "w ");
    refuse(many.data, "more than 64 words");
    buf_reset(&many);
    buf_putc(&many, '"');
    for (int i = 0; i < 65; i++)
        buf_puts(&many, "w ");
    buf_putc(&many, '"');
    refuse(many.data, "more than 64 words");
    buf_done(&many);
}

/* The last word of the longest phrase is the last bit of its state. */
static void test_a_phrase_of_64_words(void **state)
{
    (void)state;
    struct err e = {""};
    struct buf words;
    buf_init(&words);
    for (int i = 0; i < 64; i++)
        buf_printf(&words, "%sw%d", i ? " " : "", i);
    struct search_query *q = search_query_phrase(words.data, &e);
    assert_non_null(q);
    set_text(words.data);
    struct search_match m;
    assert_true(search_query_match(q, &text, &m));
    assert_int_equal(m.at.len, words.len);
    search_text_done(&text);
    words.data[words.len - 1] = 'x';
    set_text(words.data);
    assert_false(search_query_match(q, &text, &m));
    search_text_done(&text);
    search_query_free(q);
    buf_done(&words);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_query_finds_its_text),
        cmocka_unit_test(test_a_phrase_takes_every_sign_as_text),
        cmocka_unit_test(test_what_cannot_be_looked_for_is_said),
        cmocka_unit_test(test_a_phrase_of_64_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
