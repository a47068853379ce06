/* docs/log.md says the truth: its tables name the columns there are, and every
 * SQL recipe and filter works on a log as the document describes it. */
#include "tests/unit/log/tmplog.h"

#include "base/buf.h"
#include "base/file.h"
#include "log/filter.h"

#define DOCUMENT "docs/log.md"

static struct buf text;

/* A log in which every recipe has something to find. */
static int fill(void **state)
{
    struct err e = {""};
    tmplog_open(state);
    buf_init(&text);
    if (file_read(DOCUMENT, 1 << 20, &text, &e) != 0)
        fail_msg("%s (the tests run from the top of the tree)", e.text);
    tmplog_run("INSERT INTO session(session_id, title, first_at, last_at, calls, tokens_in) VALUES('s1', 'api-refactor', 1, 2, 3, 4)");
    tmplog_run("INSERT INTO call(state, started_at, finished_at, session_id, purpose, status, error_type, error_message, model_asked, model_sent,"
               " model_served, provider_served, tokens_in, tokens_out, cost_microusd, ttft_ms, duration_ms, respan_log_id, cache_break,"
               " cache_break_microusd, route_note, work_dir) VALUES"
               "('done', unixepoch('now') * 1000, 2, 's1', 'main', 200, NULL, NULL, 'a', 'b', 'b', 'anthropic', 5, 6, 7000000, 10, 20, 'rl', 'tool: x', 9,"
               "  '#1 every call → b', '/p'),"
               "('error', unixepoch('now') * 1000, 2, 's1', 'title', 529, 'overloaded_error', 'busy', 'a', 'a', NULL, NULL, NULL, NULL, NULL, NULL, 20,"
               "  NULL, NULL, NULL, NULL, '/p'),"
               "('open', unixepoch('now') * 1000, NULL, 's1', 'main', NULL, NULL, NULL, 'a', 'a', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,"
               "  NULL, NULL, '/p')");
    tmplog_run("INSERT INTO headers(call_id, response) VALUES(1, '[[\"content-type\",\"application/json\"]]')");
    tmplog_run("INSERT INTO call(state, started_at, session_id, agent_id, purpose) VALUES('done', 1, 's1', 'a1', 'subagent')");
    tmplog_run("INSERT INTO agent(session_id, agent_id, type, description) VALUES('s1', 'a1', 'Explore', 'look around')");
    return 0;
}

static int done(void **state)
{
    buf_done(&text);
    return tmplog_close(state);
}

/* The next block behind *at that a line `fence` opens, cut out in place; NULL: no more. */
static char *next_block(char **at, const char *fence)
{
    char *start = strstr(*at, fence);
    if (!start)
        return NULL;
    start += strlen(fence);
    char *end = strstr(start, "```");
    assert_non_null(end);
    *end = 0;
    *at = end + 3;
    return start;
}

/* Runs one statement; how many rows it gave or changed. */
static int run_statement(const char **sql)
{
    sqlite3 *sq = db_sqlite(tmplog);
    sqlite3_stmt *st = NULL;
    const char *start = *sql;
    int rows = 0;
    int rc;
    if (sqlite3_prepare_v2(sq, start, -1, &st, sql) != SQLITE_OK)
        fail_msg("%s: %s in:\n%s", DOCUMENT, sqlite3_errmsg(sq), start);
    if (!st)
        return 1; /* white space at the end */
    while ((rc = sqlite3_step(st)) == SQLITE_ROW)
        rows++;
    if (rc != SQLITE_DONE)
        fail_msg("%s: %s in:\n%s", DOCUMENT, sqlite3_errmsg(sq), start);
    if (!sqlite3_stmt_readonly(st))
        rows = sqlite3_changes(sq);
    sqlite3_finalize(st);
    return rows;
}

static void test_every_recipe_runs_and_finds_something(void **state)
{
    (void)state;
    char *at = text.data;
    char *block;
    int blocks = 0;
    while ((block = next_block(&at, "```sql\n")) != NULL) {
        for (const char *sql = block; *sql;) {
            const char *start = sql;
            if (run_statement(&sql) == 0)
                fail_msg("%s: nothing found by:\n%s", DOCUMENT, start);
        }
        blocks++;
    }
    assert_true(blocks >= 15);
}

static void test_every_filter_is_understood(void **state)
{
    (void)state;
    struct err e = {""};
    char *at = text.data;
    char *rest = next_block(&at, "```filter\n");
    assert_non_null(rest);
    int lines = 0;
    for (char *line; (line = strsep(&rest, "\n")) != NULL && *line; lines++) {
        struct filter *f = filter_parse(line, &e);
        if (!f)
            fail_msg("%s: %s", DOCUMENT, e.text);
        filter_free(f);
    }
    assert_true(lines >= 5);
}

/* The columns of a relation, each as `name`, stand in its part of the document. */
static void check_columns(const char *heading, const char *relation)
{
    char sql[100];
    struct err e = {""};
    const char *part = strstr(text.data, heading);
    assert_non_null(part);
    const char *end = strstr(part + 4, "\n## ");
    snprintf(sql, sizeof sql, "SELECT '`' || name || '`' FROM pragma_table_info('%s')", relation);
    sqlite3_stmt *st = sql_prepare(db_sqlite(tmplog), sql, &e);
    int columns = 0;
    for (; sqlite3_step(st) == SQLITE_ROW; columns++) {
        const char *name = (const char *)sqlite3_column_text(st, 0);
        const char *found = strstr(part, name);
        if (!found || (end && found > end))
            fail_msg("%s: \"%s\" does not tell the column %s", DOCUMENT, heading, name);
    }
    sqlite3_finalize(st);
    assert_true(columns > 5);
}

static void test_every_column_is_told(void **state)
{
    (void)state;
    check_columns("## View `calls`", "calls");
    check_columns("## View `sessions`", "sessions");
    check_columns("## View `agents`", "agents");
    check_columns("## Table `routes`", "routes");
    check_columns("## Table `budgets`", "budgets");
}

/* The contract of the views: names and order that scripts rely on. */
static void test_the_contracts_columns_are_there(void **state)
{
    (void)state;
    struct err e = {""};
    static const char *const asks[] = {
        "SELECT id, state, started_at, finished_at, session_id, session_title, agent_id, parent_agent_id, purpose, method, path, status,"
        " error_type, error_message, stop_reason, model_asked, model_sent, model_served, provider_pinned, provider_served, tokens_in,"
        " tokens_cache_read, tokens_cache_write_5m, tokens_cache_write_1h, tokens_out, cost_microusd, cost_source, respan_cache, ttfb_ms,"
        " ttft_ms, duration_ms, bytes_in, bytes_out, request_id, respan_log_id, attempt, cache_break, body_state FROM calls",
        "SELECT session_id, title, first_at, last_at, calls, errors, tokens_in, tokens_cache_read, tokens_cache_write_5m,"
        " tokens_cache_write_1h, tokens_out, cost_microusd, context_tokens, context_limit, model, provider FROM sessions",
        "SELECT id, enabled, session_id, model_glob, purpose, set_model, set_provider, params_json, created_at, note FROM routes",
    };
    for (size_t i = 0; i < sizeof asks / sizeof *asks; i++)
        if (sql_run(db_sqlite(tmplog), asks[i], &e) != 0)
            fail_msg("%s", e.text);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fill, done)
    const struct CMUnitTest tests[] = {
        TEST(test_every_recipe_runs_and_finds_something),
        TEST(test_every_filter_is_understood),
        TEST(test_every_column_is_told),
        TEST(test_the_contracts_columns_are_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
