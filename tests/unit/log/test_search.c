/* The search index: each text once, at the call that brought it, for as long as a
 * call holds it, and nothing missed meanwhile. */
#include "tests/unit/log/tmplog.h"

#include <inttypes.h>

#include "base/clock.h"
#include "base/mem.h"
#include "log/bodies.h"
#include "log/filter_sql.h"
#include "log/reader.h"
#include "log/search.h"
#include "log/search_index.h"

static struct bodies *bodies;
static struct search_index *search;
static bool is_bounded;
static bool is_off;

static void open_parts(void)
{
    struct err e = {""};
    struct search_index_options o = {.is_off = is_off, .is_bounded = is_bounded};
    bodies = bodies_open(db_sqlite(tmplog), &e);
    search = bodies ? search_index_open(db_sqlite(tmplog), &o, &e) : NULL;
    if (!search)
        fail_msg("%s", e.text);
}

static void close_parts(void)
{
    search_index_free(search);
    bodies_free(bodies);
}

static int set_up(void **state)
{
    tmplog_open(state);
    is_bounded = false;
    is_off = false;
    open_parts();
    return 0;
}

static int tear_down(void **state)
{
    close_parts();
    return tmplog_close(state);
}

static void insert(int64_t id, const struct buf *request, const struct buf *answer)
{
    struct err e = {""};
    sqlite3_stmt *st = sql_prepare(db_sqlite(tmplog),
                                   "INSERT INTO call(id, state, started_at, session_id, body_state, request_body, response_body)"
                                   " VALUES(?, 'done', 1000, 'sess', 'kept', ?, ?)",
                                   &e);
    sqlite3_bind_int64(st, 1, id);
    sql_bind_blob(st, 2, buf_bytes(request));
    sql_bind_blob(st, 3, answer->len ? buf_bytes(answer) : (struct bytes){NULL, 0});
    if (sql_done(st, &e) != 0 || search_index_add(search, id, &e) != 0)
        fail_msg("%s", e.text);
    sqlite3_finalize(st);
}

/* Call id asks `messages` (the inside of the array) and gets this text. */
static void say(int64_t id, const char *messages, const char *answer)
{
    struct err e = {""};
    struct buf list;
    struct buf answer_list;
    struct body_origin from = {"c", id};
    int64_t repeat_of;
    int64_t stored;
    char *text = xasprintf("{\"model\":\"m\",\"messages\":[%s]}", messages);
    char *reply = xasprintf("{\"content\":[{\"type\":\"text\",\"text\":\"%s\"}]}", answer ? answer : "");
    struct blob *body = blob_copy(text, strlen(text));
    buf_init(&list);
    buf_init(&answer_list);
    assert_int_equal(bodies_put_request(bodies, &from, body, &list, &repeat_of), 0);
    if (answer)
        assert_int_equal(bodies_put_answer(bodies, bytes_of(reply), &answer_list), 0);
    tmplog_run("BEGIN IMMEDIATE");
    if (bodies_write(bodies, &stored, &e) != 0)
        fail_msg("%s", e.text);
    insert(id, &list, &answer_list);
    tmplog_run("COMMIT");
    bodies_written(bodies);
    blob_unref(body);
    buf_done(&list);
    buf_done(&answer_list);
    free(text);
    free(reply);
}

static void work(void)
{
    struct err e = {""};
    bool has_more = true;
    while (has_more)
        if (search_index_work(search, &has_more, &e) != 0)
            fail_msg("%s", e.text);
    assert_int_equal(tmplog_int("SELECT count(*) FROM search_todo"), 0);
}

/* "2 answer, 1 user" and how many calls were not searched. */
static const char *hits(const char *words)
{
    static char out[400];
    struct err e = {""};
    struct search_ask ask = {.query = search_query_parse(words, &e)};
    struct search_cursor at = {0};
    struct search_hits page = {.has_more = true};
    out[0] = '\0';
    while (page.has_more) {
        if (search_page(tmplog, &ask, &at, &page, &e) != 0)
            fail_msg("%s", e.text);
        for (size_t i = 0; i < page.count && strlen(out) < 300; i++)
            snprintf(out + strlen(out), sizeof out - strlen(out), "%s%" PRId64 " %s", out[0] ? ", " : "", page.hits[i].call_id, page.hits[i].where);
        if (!page.has_more && page.unindexed)
            snprintf(out + strlen(out), sizeof out - strlen(out), " +%" PRId64, page.unindexed);
        bool has_more = page.has_more;
        search_hits_done(&page);
        page.has_more = has_more;
    }
    search_query_free(ask.query);
    return out;
}

/* What a filter finds: "1 2". */
static const char *calls(const char *text)
{
    static char out[200];
    struct err e = {""};
    struct filter *f = filter_parse(text, &e);
    if (!f)
        fail_msg("%s: %s", text, e.text);
    struct call_query q = {.filter = f};
    struct call_page page;
    if (reader_calls(tmplog, &q, &page, &e) != 0)
        fail_msg("%s: %s", text, e.text);
    out[0] = '\0';
    for (size_t i = 0; i < page.count; i++)
        snprintf(out + strlen(out), sizeof out - strlen(out), "%s%lld", i ? " " : "", (long long)page.calls[i].id);
    call_page_done(&page);
    filter_free(f);
    return out;
}

#define USER(text)      "{\"role\":\"user\",\"content\":\"" text "\"}"
#define ASSISTANT(text) "{\"role\":\"assistant\",\"content\":[{\"type\":\"text\",\"text\":\"" text "\"}]}"

/* Two turns: the second carries the first, and the answer as a message. */
static void two_turns(void)
{
    say(1, USER("why was the connection refused"), "because nobody listens");
    say(2, USER("why was the connection refused") "," ASSISTANT("because nobody listens") "," USER("then listen"), "done");
}

static void check_two_turns(void)
{
    assert_string_equal(hits("refused"), "1 user");
    assert_string_equal(hits("nobody"), "1 answer");
    assert_string_equal(hits("listen*"), "2 user, 1 answer");
    assert_string_equal(hits("\"connection refused\""), "1 user");
    assert_string_equal(hits("\"refused connection\""), "");
    assert_string_equal(hits("connection nobody"), ""); /* in two texts */
    assert_string_equal(calls("text:refused"), "1");
    assert_string_equal(calls("text:\"connection refused\""), "1");
    assert_string_equal(calls("text:\"refused connection\""), "");
    assert_string_equal(calls("!text:refused"), "2");
    assert_string_equal(calls("text:listen*"), "1 2");
    assert_string_equal(calls("\"nobody listens\""), "1"); /* a row's text or one of its bodies */
    assert_string_equal(calls("\"sess\""), "1 2");
    assert_string_equal(calls("nobody"), ""); /* a bare word looks at the row alone */
    assert_string_equal(calls("text:refused id:2"), "");
}

static void test_a_text_is_found_once_where_it_came_first(void **state)
{
    (void)state;
    two_turns();
    work();
    check_two_turns();
}

/* The same before anything was indexed, and in a log that has no index at all. */
static void test_what_is_not_indexed_yet_is_read(void **state)
{
    (void)state;
    two_turns();
    /* The index alone knows that the assistant's message was an answer. */
    assert_string_equal(hits("refused"), "1 user");
    assert_string_equal(hits("nobody"), "2 assistant, 1 answer");
    assert_string_equal(calls("text:refused"), "1");
    tmplog_run("DROP TABLE search_todo");
    assert_string_equal(hits("refused"), "1 user");
    assert_string_equal(calls("text:\"then listen\""), "2");
}

static void test_how_many_were_not_searched_is_told(void **state)
{
    (void)state;
    for (int i = 1; i <= 130; i++) {
        char *message = xasprintf(USER("word%d"), i);
        say(i, message, NULL);
        free(message);
    }
    assert_string_equal(hits("word130"), "130 user +30");
    assert_string_equal(hits("word1"), " +30");
    work();
    assert_string_equal(hits("word1"), "1 user");
}

/* A crash between two steps: what was committed stays, the rest is done later. */
static void test_it_goes_on_after_a_restart(void **state)
{
    (void)state;
    say(1, USER("first words"), "answer one");
    work();
    say(2, USER("first words") "," ASSISTANT("answer one") "," USER("second words"), "answer two");
    close_parts();
    open_parts();
    work();
    assert_string_equal(hits("words"), "2 user, 1 user");
    assert_string_equal(hits("answer"), "2 answer, 2 assistant, 1 answer"); /* what was said is no longer known */
    say(3, USER("first words") "," USER("second words") "," USER("third words"), "answer two");
    work();
    assert_string_equal(hits("words"), "3 user, 2 user, 1 user");
}

/* A new epoch: the next call's conversation is indexed anew, the hit stays where it was,
 * until that call is gone; then the text is found at the oldest call that still holds it. */
static void test_old_generations_are_dropped(void **state)
{
    (void)state;
    is_bounded = true;
    close_parts();
    open_parts();
    say(1, USER("lasting text"), "passing answer");
    say(2, USER("short text"), NULL);
    work();
    tmplog_run("INSERT INTO epoch VALUES(2, 0, 3, 2, 0)");
    say(3, USER("lasting text") "," USER("newer text"), NULL);
    work();
    assert_int_equal(tmplog_int("SELECT count(*) FROM search_gen"), 2);
    assert_string_equal(hits("lasting"), "1 user");
    assert_string_equal(calls("text:lasting"), "1");
    assert_string_equal(hits("text"), "3 user, 2 user, 1 user");
    /* Retention gives the first two up. */
    tmplog_run("UPDATE call SET request_body = NULL, response_body = NULL WHERE id < 3");
    tmplog_run("UPDATE meta SET value = 3 WHERE key = 'bodies_gone_to'");
    assert_string_equal(hits("lasting"), "3 user");
    assert_string_equal(hits("text"), "3 user, 3 user");
    assert_string_equal(calls("text:short"), "");
    search_index_look(search);
    assert_true(search_index_is_dropping(search));
    search_index_added(search);
    assert_true(search_index_due_us(search) <= clock_mono_us()); /* calls that come do not put it off */
    /* A step, and a crash: a new connection can go on. */
    struct err e = {""};
    bool has_more = false;
    assert_int_equal(search_index_work(search, &has_more, &e), 0);
    assert_true(has_more);
    assert_int_equal(tmplog_int("SELECT is_going FROM search_gen WHERE id = 1"), 1);
    assert_string_equal(hits("lasting"), "3 user");
    close_parts();
    db_close(tmplog);
    tmplog = db_open(tmplog_path, DB_CREATE, &e);
    assert_non_null(tmplog);
    open_parts();
    work();
    assert_false(search_index_is_dropping(search));
    assert_int_equal(tmplog_int("SELECT count(*) FROM sqlite_schema WHERE name LIKE 'search_text_1%'"), 0);
    assert_int_equal(tmplog_int("SELECT count(*) FROM search_piece WHERE gen = 1"), 0);
    assert_string_equal(hits("lasting"), "3 user");
    assert_string_equal(hits("passing"), "");
    assert_string_equal(calls("text:lasting"), "3");
    int defensive = -1;
    sqlite3_db_config(db_sqlite(tmplog), SQLITE_DBCONFIG_DEFENSIVE, -1, &defensive);
    assert_int_equal(defensive, 1);
}

static bool has_dropped;

/* The index is about to be asked: retention gives call 1 up, and its generation goes. */
static int drop_now(unsigned what, void *arg, void *st, void *sql)
{
    (void)what;
    (void)arg;
    (void)st;
    if (has_dropped || !strstr(sql, "FROM search_text_1 t "))
        return 0;
    has_dropped = true;
    tmplog_run("UPDATE call SET request_body = NULL WHERE id < 2");
    tmplog_run("UPDATE meta SET value = 2 WHERE key = 'bodies_gone_to'");
    work();
    assert_int_equal(tmplog_int("SELECT count(*) FROM search_gen"), 1);
    return 0;
}

static void test_a_filter_sees_one_moment_of_the_log(void **state)
{
    (void)state;
    struct err e = {""};
    is_bounded = true;
    close_parts();
    open_parts();
    say(1, USER("lasting text"), NULL);
    work();
    tmplog_run("INSERT INTO epoch VALUES(2, 0, 2, 2, 0)");
    say(2, USER("lasting text") "," USER("newer"), NULL);
    work();
    assert_int_equal(tmplog_int("SELECT count(*) FROM search_gen"), 2);
    struct db *reader = db_open(tmplog_path, DB_READ, &e);
    struct filter *f = filter_parse("text:lasting", &e);
    struct call_query q = {.filter = f};
    struct call_page page;
    int64_t n = 0;
    has_dropped = false;
    sqlite3_trace_v2(db_sqlite(reader), SQLITE_TRACE_STMT, drop_now, NULL);
    if (reader_calls(reader, &q, &page, &e) != 0)
        fail_msg("%s", e.text);
    assert_true(has_dropped);
    assert_int_equal(page.count, 1);
    assert_int_equal(page.calls[0].id, 1); /* as it was when it was asked */
    call_page_done(&page);
    if (reader_count(reader, &q, &n, &e) != 0)
        fail_msg("%s", e.text);
    assert_int_equal(n, 1);
    filter_free(f);
    db_close(reader);
}

/* A log that gets a bound later: a generation is older than the bodies in part. */
static void test_what_is_left_of_an_old_generation_stays(void **state)
{
    (void)state;
    say(1, USER("lasting text"), "passing answer");
    say(2, USER("lasting text") "," USER("more text"), NULL);
    work();
    assert_int_equal(tmplog_int("SELECT count(*) FROM search_gen"), 1);
    is_bounded = true;
    close_parts();
    open_parts();
    tmplog_run("INSERT INTO epoch VALUES(2, 0, 3, 2, 0)");
    say(3, USER("newest text"), NULL);
    work();
    assert_string_equal(hits("text"), "3 user, 2 user, 1 user");
    tmplog_run("UPDATE call SET request_body = NULL, response_body = NULL WHERE id < 2");
    tmplog_run("UPDATE meta SET value = 2 WHERE key = 'bodies_gone_to'");
    search_index_look(search);
    assert_true(search_index_is_dropping(search));
    work();
    assert_int_equal(tmplog_int("SELECT count(*) FROM search_gen"), 1);
    assert_string_equal(hits("lasting"), "2 user");
    assert_string_equal(hits("text"), "3 user, 2 user, 2 user");
    assert_string_equal(calls("text:lasting"), "2");
    search_index_look(search);
    assert_false(search_index_is_dropping(search));
}

/* Without an index the list of what is to do goes with the bodies, some at a time. */
static void test_what_nobody_indexes_is_noted_no_longer_than_it_is_there(void **state)
{
    (void)state;
    is_off = true;
    close_parts();
    open_parts();
    say(1, USER("old text"), NULL);
    say(2, USER("newer text"), NULL);
    say(9000, USER("newest text"), NULL);
    search_index_look(search);
    assert_string_equal(tmplog_rows("SELECT call_id FROM search_todo"), "1;2;9000");
    tmplog_run("WITH RECURSIVE n(i) AS (SELECT 3 UNION ALL SELECT i + 1 FROM n WHERE i < 5000) INSERT INTO search_todo SELECT i FROM n");
    tmplog_run("UPDATE call SET request_body = NULL WHERE id < 2");
    tmplog_run("UPDATE meta SET value = 2 WHERE key = 'bodies_gone_to'");
    search_index_look(search);
    assert_string_equal(tmplog_rows("SELECT min(call_id) FROM search_todo"), "2");
    tmplog_run("DELETE FROM call WHERE id < 3");
    search_index_look(search);
    assert_true(tmplog_int("SELECT count(*) FROM search_todo") > 1);
    for (int i = 0; i < 10; i++)
        search_index_look(search);
    assert_string_equal(tmplog_rows("SELECT call_id FROM search_todo"), "9000");
    is_off = false;
    close_parts();
    open_parts();
    search_index_look(search);
    work();
    assert_string_equal(hits("text"), "9000 user");
}

/* Ids of pieces that are gone are not given again: the index may still name them. */
static void test_ids_of_pieces_are_not_given_twice(void **state)
{
    (void)state;
    say(1, USER("old text"), NULL);
    work();
    int64_t last = tmplog_int("SELECT max(id) FROM piece");
    tmplog_run("DELETE FROM piece");
    tmplog_run("DELETE FROM blk");
    close_parts();
    open_parts();
    say(2, USER("new text"), NULL);
    assert_true(tmplog_int("SELECT min(id) FROM piece") > last);
    work();
    assert_string_equal(hits("text"), "2 user"); /* of the other nothing can be shown */
}

static void test_pages_follow_each_other(void **state)
{
    (void)state;
    char want[400] = "";
    for (int i = 1; i <= 120; i++) {
        char *message = xasprintf(USER("same word %d"), i);
        say(i, message, NULL);
        free(message);
    }
    work();
    for (int i = 120; strlen(want) < 300; i--)
        snprintf(want + strlen(want), sizeof want - strlen(want), "%s%d user", want[0] ? ", " : "", i);
    assert_string_equal(hits("same"), want);
    assert_string_equal(hits("\"same word 7\""), "7 user");
    assert_string_equal(hits("same -word"), "");
}

static void test_what_was_found_is_marked(void **state)
{
    (void)state;
    struct err e = {""};
    struct search_cursor at = {0};
    struct search_hits page;
    say(1, USER("a rather long sentence stands in front, all of it words, so that it is cut \\u001b[31m here \\u202e the\\n\\n Needle and more"), NULL);
    work();
    struct search_ask ask = {.query = search_query_parse("needle", &e)};
    assert_int_equal(search_page(tmplog, &ask, &at, &page, &e), 0);
    assert_int_equal(page.count, 1);
    const struct search_hit *h = &page.hits[0];
    assert_memory_equal(h->excerpt + h->mark.off, "Needle", 6);
    assert_int_equal(h->mark.len, 6);
    assert_null(strchr(h->excerpt, '\033'));
    assert_null(strchr(h->excerpt, '\n'));
    assert_null(strstr(h->excerpt, "\u202e"));
    assert_null(strstr(h->excerpt, "rather"));
    search_hits_done(&page);
    search_query_free(ask.query);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_text_is_found_once_where_it_came_first),
        TEST(test_what_is_not_indexed_yet_is_read),
        TEST(test_how_many_were_not_searched_is_told),
        TEST(test_it_goes_on_after_a_restart),
        TEST(test_old_generations_are_dropped),
        TEST(test_a_filter_sees_one_moment_of_the_log),
        TEST(test_what_is_left_of_an_old_generation_stays),
        TEST(test_what_nobody_indexes_is_noted_no_longer_than_it_is_there),
        TEST(test_ids_of_pieces_are_not_given_twice),
        TEST(test_pages_follow_each_other),
        TEST(test_what_was_found_is_marked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
