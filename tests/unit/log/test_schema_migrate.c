/* A log of version 1 becomes one of this version: nothing is lost, and what cannot be
 * done leaves it as it was. */
#include "tests/unit/log/tmplog.h"

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "log/reader.h"
#include "log/schema.h"

#define OLD_SCHEMA "tests/unit/log/schema_1.sql"

/* Every row of a query, every column, types included. */
static char *everything(sqlite3 *sq, const char *sql)
{
    struct buf out;
    sqlite3_stmt *st = NULL;
    buf_init(&out);
    if (sqlite3_prepare_v2(sq, sql, -1, &st, NULL) != SQLITE_OK)
        fail_msg("%s: %s", sql, sqlite3_errmsg(sq));
    while (sqlite3_step(st) == SQLITE_ROW) {
        for (int i = 0; i < sqlite3_column_count(st); i++) {
            const char *text = (const char *)sqlite3_column_text(st, i);
            buf_printf(&out, "%s %d %s|", sqlite3_column_name(st, i), sqlite3_column_type(st, i), text ? text : "");
        }
        buf_putc(&out, '\n');
    }
    sqlite3_finalize(st);
    return buf_take(&out, NULL);
}

static void run(sqlite3 *sq, const char *sql)
{
    if (sqlite3_exec(sq, sql, NULL, NULL, NULL) != SQLITE_OK)
        fail_msg("%s: %s", sql, sqlite3_errmsg(sq));
}

static int64_t ask(sqlite3 *sq, const char *sql)
{
    struct err e = {""};
    int64_t n = INT64_MIN;
    if (sql_int64(sq, sql, &n, &e) < 0)
        fail_msg("%s in: %s", e.text, sql);
    return n;
}

/* A call with a value of its own in each column, and others that lack some. */
static void fill(sqlite3 *sq)
{
    char *columns = everything(sq, "SELECT group_concat('''' || name || '''') FROM pragma_table_info('call') WHERE type = 'TEXT'");
    assert_non_null(strstr(columns, "response_headers"));
    free(columns);
    run(sq, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300)"
            " INSERT INTO call SELECT i, CASE i % 7 WHEN 0 THEN 'open' WHEN 1 THEN 'error' ELSE 'done' END, i * 10, i * 10 + 5, 'session-' || (i % 5),"
            " 'agent', 'parent', 'main', 'POST', '/v1/messages', 200, 'type', 'message', 'end_turn', 'asked', 'sent', 'served', 'pinned',"
            " 'provider', 1, 2, 3, 4, 5, 6, 7, 'respan', 8, 1, 'hit', 9, 10, 11, 12, 13, 'req_' || i, 'log_' || i, 1, i % 2, 'tool: x', 14,"
            " 'kept', '#1', '[]', '/home', '[[\"a\",\"' || i || '\"]]', CASE i % 3 WHEN 0 THEN '[[\"b\",\"' || i || '\"]]' END,"
            " '[[\"c\",\"' || hex(zeroblob(300)) || '\"]]', x'01', CASE i % 3 WHEN 0 THEN x'0203' END, x'04' FROM n");
    run(sq, "INSERT INTO call(id, state, started_at) VALUES(1001, 'lost', 1), (1002, 'done', 2)");
    run(sq, "INSERT INTO call(id, state, started_at, response_headers) VALUES(1003, 'done', 3, '[]')");
    run(sq, "INSERT INTO progress VALUES(7, 321, 1, 4567, 2)");
    run(sq, "INSERT INTO session(session_id, title, first_at, last_at, calls) VALUES('session-1', 'One', 1, 2, 60)");
    run(sq, "INSERT INTO day_sum(day, session_id, model, provider, purpose, calls) VALUES(20260101, 's', 'm', 'p', 'main', 4)");
    run(sq, "INSERT INTO routes(set_model) VALUES('x')");
    run(sq, "CREATE VIEW mine AS SELECT id, request_headers FROM calls WHERE model_sent = 'sent'");
}

static sqlite3 *make_old(void)
{
    struct buf sql;
    struct err e = {""};
    sqlite3 *sq = NULL;
    buf_init(&sql);
    if (file_read(OLD_SCHEMA, 1 << 20, &sql, &e) != 0)
        fail_msg("%s (the tests run from the top of the tree)", e.text);
    assert_int_equal(sqlite3_open(tmplog_path, &sq), SQLITE_OK);
    run(sq, sql.data);
    buf_done(&sql);
    run(sq, "PRAGMA journal_mode = WAL");
    fill(sq);
    return sq;
}

static int setup(void **state)
{
    int rc = tmplog_open(state);
    db_close(tmplog);
    tmplog = NULL;
    remove(tmplog_path);
    return rc;
}

static struct db *open_as(enum db_mode mode)
{
    struct err e = {""};
    struct db *db = db_open(tmplog_path, mode, &e);
    if (!db)
        fail_msg("%s", e.text);
    return db;
}

static const char *const views[] = {
    "SELECT * FROM calls ORDER BY id", "SELECT * FROM sessions", "SELECT * FROM agents", "SELECT * FROM routes", "SELECT * FROM day_sum",
    "SELECT * FROM meta", "SELECT * FROM mine ORDER BY id",
    "SELECT id, hex(request_body), hex(sent_body), hex(response_body) FROM call ORDER BY id",
};
#define VIEWS (sizeof views / sizeof *views)

static void test_a_log_of_version_1_becomes_one_of_this_version(void **state)
{
    (void)state;
    char *before[VIEWS];
    sqlite3 *old = make_old();
    for (size_t i = 0; i < VIEWS; i++)
        before[i] = everything(old, views[i]);
    sqlite3_close(old);
    db_close(open_as(DB_CREATE));
    struct db *db = open_as(DB_READ);
    sqlite3 *sq = db_sqlite(db);
    for (size_t i = 0; i < VIEWS; i++) {
        char *after = everything(sq, views[i]);
        if (strcmp(before[i], after) != 0)
            fail_msg("%s gave\n%.600s\nand now\n%.600s", views[i], before[i], after);
        free(after);
        free(before[i]);
    }
    assert_int_equal(ask(sq, "PRAGMA user_version"), SCHEMA_VERSION);
    assert_int_equal(ask(sq, "SELECT count(*) FROM headers"), 301); /* not for calls that had none */
    assert_int_equal(ask(sq, "SELECT count(*) FROM sqlite_schema WHERE name = 'call_1'"), 0);
    struct err e = {""};
    struct call c;
    assert_int_equal(reader_call(db, 3, &c, &e), 0);
    assert_string_equal(c.sent_headers, "[[\"b\",\"3\"]]");
    call_done(&c);
    db_close(db);
}

/* The same tables, indexes, triggers and views as a new log has. */
static void test_it_is_like_a_new_one(void **state)
{
    (void)state;
    static const char all[] = "SELECT type, name, sql FROM sqlite_schema WHERE name NOT IN ('mine', 'sqlite_sequence') ORDER BY 1, 2";
    struct err e = {""};
    sqlite3 *fresh = NULL;
    assert_int_equal(sqlite3_open(":memory:", &fresh), SQLITE_OK);
    assert_int_equal(schema_create(fresh, &e), 0);
    char *wanted = everything(fresh, all);
    sqlite3_close(fresh);
    sqlite3_close(make_old());
    struct db *db = open_as(DB_CREATE);
    char *there = everything(db_sqlite(db), all);
    assert_string_equal(there, wanted);
    free(there);
    free(wanted);
    db_close(db);
}

static void test_it_can_be_opened_again_and_written(void **state)
{
    (void)state;
    sqlite3_close(make_old());
    db_close(open_as(DB_CREATE));
    struct db *db = open_as(DB_CREATE);
    sqlite3 *sq = db_sqlite(db);
    run(sq, "DELETE FROM call WHERE id <= 100");
    assert_int_equal(ask(sq, "SELECT count(*) FROM headers WHERE call_id <= 100"), 0);
    assert_int_equal(ask(sq, "SELECT count(*) FROM headers"), 201);
    assert_int_equal(ask(sq, "SELECT value FROM meta WHERE key = 'calls_gone_at'"), 1005);
    db_close(db);
}

static void test_others_ask_for_the_gateway(void **state)
{
    (void)state;
    struct err e = {""};
    sqlite3_close(make_old());
    assert_null(db_open(tmplog_path, DB_READ, &e));
    assert_non_null(strstr(e.text, "of an older spantop; start the gateway once"));
    assert_non_null(strstr(e.text, "spantop stop")); /* after an update the old one runs on */
}

/* Wherever it stops, the log is still wholly of version 1. */
static void test_no_room_leaves_it_as_it_was(void **state)
{
    (void)state;
    sqlite3 *sq = make_old();
    char *before = everything(sq, views[0]);
    int64_t pages = ask(sq, "PRAGMA page_count");
    for (int64_t more = 0; more < 60; more += 3) {
        struct err e = {""};
        char limit[64];
        snprintf(limit, sizeof limit, "PRAGMA max_page_count = %lld", (long long)(pages + more));
        run(sq, limit);
        assert_int_equal(schema_migrate(sq, 1, &e), -1);
        assert_non_null(strstr(e.text, "full"));
        assert_int_equal(ask(sq, "PRAGMA user_version"), 1);
        char *after = everything(sq, views[0]);
        assert_string_equal(after, before);
        free(after);
    }
    free(before);
    sqlite3_close(sq);
}

/* Two that open it at once: the second finds it done. */
static void test_somebody_else_was_first(void **state)
{
    (void)state;
    struct err e = {""};
    sqlite3 *sq = make_old();
    assert_int_equal(schema_migrate(sq, 1, &e), 0);
    assert_int_equal(schema_migrate(sq, 1, &e), 0);
    assert_int_equal(ask(sq, "SELECT count(*) FROM call"), 303);
    run(sq, "PRAGMA user_version = 77");
    assert_int_equal(schema_migrate(sq, 1, &e), -1);
    sqlite3_close(sq);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, tmplog_close)
    const struct CMUnitTest tests[] = {
        TEST(test_a_log_of_version_1_becomes_one_of_this_version),
        TEST(test_it_is_like_a_new_one),
        TEST(test_it_can_be_opened_again_and_written),
        TEST(test_others_ask_for_the_gateway),
        TEST(test_no_room_leaves_it_as_it_was),
        TEST(test_somebody_else_was_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
