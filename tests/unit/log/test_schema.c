/* The schema as others see it: the columns that are promised, rows made by hand. */
#include "tests/unit/test.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log/schema.h"

static int open_new(void **state)
{
    sqlite3 *sq = NULL;
    struct err e = {""};
    assert_int_equal(sqlite3_open(":memory:", &sq), SQLITE_OK);
    if (schema_create(sq, &e) != 0)
        fail_msg("%s", e.text);
    *state = sq;
    return 0;
}

static int close_it(void **state)
{
    sqlite3_close(*state);
    return 0;
}

static int64_t ask(sqlite3 *sq, const char *sql)
{
    sqlite3_stmt *st = NULL;
    if (sqlite3_prepare_v2(sq, sql, -1, &st, NULL) != SQLITE_OK || sqlite3_step(st) != SQLITE_ROW)
        fail_msg("%s: %s", sql, sqlite3_errmsg(sq));
    int64_t n = sqlite3_column_int64(st, 0);
    sqlite3_finalize(st);
    return n;
}

static void run(sqlite3 *sq, const char *sql)
{
    if (sqlite3_exec(sq, sql, NULL, NULL, NULL) != SQLITE_OK)
        fail_msg("%s: %s", sql, sqlite3_errmsg(sq));
}

/* The promised columns come first, in their order. */
static void check_columns(sqlite3 *sq, const char *view, const char *columns)
{
    char sql[64];
    sqlite3_stmt *st = NULL;
    snprintf(sql, sizeof sql, "SELECT * FROM %s", view);
    assert_int_equal(sqlite3_prepare_v2(sq, sql, -1, &st, NULL), SQLITE_OK);
    char *list = strdup(columns);
    char *rest = NULL;
    int at = 0;
    for (char *name = strtok_r(list, ", ", &rest); name; name = strtok_r(NULL, ", ", &rest))
        assert_string_equal(sqlite3_column_name(st, at++), name);
    free(list);
    sqlite3_finalize(st);
}

static void test_calls_has_the_promised_columns(void **state)
{
    check_columns(*state, "calls",
                  "id, state, started_at, finished_at, session_id, session_title, agent_id, parent_agent_id, purpose, "
                  "method, path, status, error_type, error_message, stop_reason, model_asked, model_sent, "
                  "model_served, provider_pinned, provider_served, tokens_in, tokens_cache_read, "
                  "tokens_cache_write_5m, tokens_cache_write_1h, tokens_out, cost_microusd, cost_source, "
                  "respan_cache, ttfb_ms, ttft_ms, duration_ms, bytes_in, bytes_out, request_id, respan_log_id, "
                  "attempt, cache_break, body_state");
}

static void test_sessions_has_the_promised_columns(void **state)
{
    check_columns(*state, "sessions",
                  "session_id, title, first_at, last_at, calls, errors, tokens_in, tokens_cache_read, "
                  "tokens_cache_write_5m, tokens_cache_write_1h, tokens_out, cost_microusd, context_tokens, "
                  "context_limit, model, provider");
}

static void test_routes_has_the_promised_columns(void **state)
{
    check_columns(*state, "routes",
                  "id, enabled, session_id, model_glob, purpose, set_model, set_provider, params_json, created_at, "
                  "note");
}

static void test_a_route_made_by_hand_needs_one_value(void **state)
{
    sqlite3 *sq = *state;
    run(sq, "INSERT INTO routes(set_model) VALUES('x')");
    assert_int_equal(ask(sq, "SELECT count(*) FROM routes WHERE id = 1 AND enabled = 1 AND session_id IS NULL"), 1);
    int64_t off_by = ask(sq, "SELECT abs(created_at / 1000 - strftime('%s', 'now')) FROM routes");
    assert_true(off_by <= 5);
}

static void test_every_change_of_a_route_moves_the_version(void **state)
{
    sqlite3 *sq = *state;
    const char *version = "SELECT value FROM meta WHERE key = 'routes_version'";
    int64_t at = ask(sq, version);
    run(sq, "INSERT INTO routes(set_model) VALUES('x')");
    assert_int_equal(ask(sq, version), at + 1);
    run(sq, "UPDATE routes SET enabled = 0");
    assert_int_equal(ask(sq, version), at + 2);
    run(sq, "DELETE FROM routes");
    assert_int_equal(ask(sq, version), at + 3);
}

static void test_an_open_call_shows_its_progress(void **state)
{
    sqlite3 *sq = *state;
    run(sq, "INSERT INTO session(session_id, title, first_at, last_at) VALUES('s', 'Title', 1, 2)");
    run(sq, "INSERT INTO call(id, state, started_at, session_id) VALUES(7, 'open', 1, 's')");
    run(sq, "INSERT INTO progress(call_id, tokens_out, is_estimate, bytes_out, at) VALUES(7, 33, 1, 99, 5)");
    assert_int_equal(ask(sq, "SELECT tokens_out = 33 AND bytes_out = 99 AND live_is_estimate AND session_title = "
                             "'Title' FROM calls"),
                     1);
    assert_int_equal(ask(sq, "SELECT calls = 1 AND running = 1 FROM sessions"), 1);
    run(sq, "UPDATE call SET state = 'done', tokens_out = 40, bytes_out = 100");
    assert_int_equal(ask(sq, "SELECT tokens_out = 40 AND bytes_out = 100 AND live_tokens_out IS NULL FROM calls"), 1);
}

static void test_the_file_says_what_it_is(void **state)
{
    sqlite3 *sq = *state;
    struct err e = {""};
    enum schema_kind kind = SCHEMA_EMPTY;
    int version = 0;
    assert_int_equal(schema_look(sq, &kind, &version, &e), 0);
    assert_int_equal(kind, SCHEMA_OURS);
    assert_int_equal(version, SCHEMA_VERSION);
    run(sq, "PRAGMA user_version = 999");
    assert_int_equal(schema_look(sq, &kind, &version, &e), 0);
    assert_int_equal(kind, SCHEMA_NEWER);
    run(sq, "PRAGMA application_id = 0");
    assert_int_equal(schema_look(sq, &kind, &version, &e), 0);
    assert_int_equal(kind, SCHEMA_FOREIGN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_calls_has_the_promised_columns, open_new, close_it),
        cmocka_unit_test_setup_teardown(test_sessions_has_the_promised_columns, open_new, close_it),
        cmocka_unit_test_setup_teardown(test_routes_has_the_promised_columns, open_new, close_it),
        cmocka_unit_test_setup_teardown(test_a_route_made_by_hand_needs_one_value, open_new, close_it),
        cmocka_unit_test_setup_teardown(test_every_change_of_a_route_moves_the_version, open_new, close_it),
        cmocka_unit_test_setup_teardown(test_an_open_call_shows_its_progress, open_new, close_it),
        cmocka_unit_test_setup_teardown(test_the_file_says_what_it_is, open_new, close_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
