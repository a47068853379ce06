/* Reading the log: pages in every order, single calls, sums, sessions. */
#include "tests/unit/log/tmplog.h"

#include <time.h>

#include "log/filter.h"
#include "log/reader.h"

/* 2026-11-20 00:00:00 UTC. */
#define DAY0 1795132800000
#define DAY_MS 86400000

static void check_ok(int rc, const struct err *e)
{
    if (rc != 0)
        fail_msg("status %d: %s", rc, e->text);
}

/* ---- pages ---- */

enum { MANY = 1000 };

/* Values with many equals and many unknown ones, so that ties and NULLs cross
 * page borders in every order. */
static int fill_many(void **state)
{
    setenv("TZ", "UTC", 1);
    tzset();
    tmplog_open(state);
    tmplog_run("INSERT INTO session(session_id, title, first_at, last_at) VALUES('s1', 'One', 1, 2)");
    tmplog_run("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000)"
               " INSERT INTO call(id, state, started_at, session_id, purpose, status, model_asked, model_served, provider_served,"
               "  tokens_in, tokens_cache_read, tokens_out, cost_microusd, ttft_ms, duration_ms)"
               " SELECT i, CASE WHEN i % 10 = 0 THEN 'error' ELSE 'done' END, 1000 + i,"
               "  CASE WHEN i % 7 THEN 's' || (i % 5) END, CASE WHEN i % 6 THEN CASE WHEN i % 2 THEN 'main' ELSE 'title' END END,"
               "  CASE WHEN i % 10 = 0 THEN 500 ELSE 200 END, 'asked', CASE WHEN i % 3 THEN 'm' || (i % 4) END,"
               "  CASE WHEN i % 8 THEN 'p' || (i % 3) END, CASE WHEN i % 9 THEN i % 50 END, i * 7919 % 1000, i * 7919 % 900,"
               "  CASE WHEN i % 4 THEN i * 7919 % 30 END, CASE WHEN i % 11 THEN i % 100 END, i % 300 FROM n");
    return 0;
}

/* Reads everything in pages of `size` and checks it against one plain ORDER BY. */
static void check_paging(const struct call_query *like, const char *expr, const char *where, size_t size)
{
    struct err e = {""};
    char sql[1000];
    const char *d = like->descending ? "DESC" : "ASC";
    snprintf(sql, sizeof sql, "SELECT id FROM call WHERE %s ORDER BY (%s) IS NULL, %s %s, id %s", where, expr, expr, d, d);
    sqlite3_stmt *st = sql_prepare(db_sqlite(tmplog), sql, &e);
    struct call_query q = *like;
    struct call_page page;
    q.limit = size;
    size_t seen = 0;
    do {
        check_ok(reader_calls(tmplog, &q, &page, &e), &e);
        for (size_t i = 0; i < page.count; i++, seen++) {
            int64_t expected = sqlite3_step(st) == SQLITE_ROW ? sqlite3_column_int64(st, 0) : -1;
            if (page.calls[i].id != expected)
                fail_msg("%s %s where %s: place %zu is call %lld, expected %lld", expr, d, where, seen, (long long)page.calls[i].id, (long long)expected);
        }
        assert_true(page.count <= size);
        q.after_id = page.count ? page.calls[page.count - 1].id : 0;
        bool goes_on = page.has_more;
        call_page_done(&page);
        if (!goes_on)
            break;
    } while (seen <= MANY);
    if (sqlite3_step(st) != SQLITE_DONE)
        fail_msg("%s %s where %s: only %zu calls", expr, d, where, seen);
    sqlite3_finalize(st);
}

#define INPUT "(tokens_in + ifnull(tokens_cache_read, 0) + ifnull(tokens_cache_write_5m, 0) + ifnull(tokens_cache_write_1h, 0))"
static const char *const SORT_EXPRS[SORT_COUNT_] = {
    [SORT_ID] = "id", [SORT_SESSION] = "session_id", [SORT_PURPOSE] = "purpose",
    [SORT_MODEL] = "coalesce(model_served, model_sent, model_asked)", [SORT_PROVIDER] = "coalesce(provider_served, provider_pinned)",
    [SORT_STATUS] = "status", [SORT_IN] = INPUT, [SORT_CACHE] = "tokens_cache_read * 1.0 / " INPUT, [SORT_OUT] = "tokens_out",
    [SORT_TTFT] = "ttft_ms", [SORT_DURATION] = "duration_ms", [SORT_RATE] = "tokens_out * 1000.0 / (duration_ms - ttft_ms)",
    [SORT_COST] = "cost_microusd",
};

static void test_pages_follow_each_other_in_every_order(void **state)
{
    (void)state;
    for (int sort = 0; sort < SORT_COUNT_; sort++) {
        for (int descending = 0; descending < 2; descending++) {
            struct call_query q = {.sort = (enum call_sort)sort, .descending = descending};
            check_paging(&q, SORT_EXPRS[sort], "1", 37);
            check_paging(&q, SORT_EXPRS[sort], "1", 200);
        }
    }
}

static void test_filtered_pages_follow_each_other_in_every_order(void **state)
{
    (void)state;
    struct err e = {""};
    struct filter *f = filter_parse("model:m out>=100", &e);
    assert_non_null(f);
    for (int sort = 0; sort < SORT_COUNT_; sort++) {
        struct call_query q = {.sort = (enum call_sort)sort, .descending = sort % 2, .filter = f};
        check_paging(&q, SORT_EXPRS[sort], "model_served LIKE '%m%' AND tokens_out >= 100", 29);
        q = (struct call_query){.sort = (enum call_sort)sort, .session_id = "s1"};
        check_paging(&q, SORT_EXPRS[sort], "session_id = 's1'", 29);
        q = (struct call_query){.sort = (enum call_sort)sort, .errors_only = true, .filter = f, .session_id = "s0"};
        check_paging(&q, SORT_EXPRS[sort], "session_id = 's0' AND state = 'error' AND model_served LIKE '%m%' AND tokens_out >= 100", 5);
    }
    filter_free(f);
}

/* Enough calls for the guess that shortens scans.  Every 60th call, which is what
 * the sample of a thousand sees, has by far the greatest tokens_out: there the
 * guess is wrong. */
static int fill_large(void **state)
{
    tmplog_open(state);
    tmplog_run("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60000)"
               " INSERT INTO call(id, state, started_at, tokens_in, tokens_cache_read, tokens_out, cost_microusd, ttft_ms, duration_ms)"
               " SELECT i, 'done', i, i * 7919 % 10007, i * 104729 % 50021, CASE WHEN i % 60 = 1 THEN 1000000 + i ELSE i * 31 % 4001 END,"
               "  CASE WHEN i % 11 THEN i * 7919 % 89 END, i * 31 % 3001, 3001 + i * 7919 % 60000 FROM n");
    return 0;
}

static void check_page(const struct call_query *q, const char *expr, int64_t offset)
{
    struct err e = {""};
    char sql[800];
    struct call_page page;
    const char *d = q->descending ? "DESC" : "ASC";
    snprintf(sql, sizeof sql, "SELECT id FROM call ORDER BY (%s) IS NULL, %s %s, id %s LIMIT 200 OFFSET %lld", expr, expr, d, d, (long long)offset);
    sqlite3_stmt *st = sql_prepare(db_sqlite(tmplog), sql, &e);
    check_ok(reader_calls(tmplog, q, &page, &e), &e);
    for (size_t i = 0; i < page.count; i++) {
        assert_int_equal(sqlite3_step(st), SQLITE_ROW);
        if (page.calls[i].id != sqlite3_column_int64(st, 0))
            fail_msg("%s %s: place %lld is call %lld, expected %lld", expr, d, (long long)offset + (long long)i, (long long)page.calls[i].id,
                     (long long)sqlite3_column_int64(st, 0));
    }
    assert_int_equal(sqlite3_step(st), SQLITE_DONE);
    assert_int_equal(page.has_more, offset + 200 < 60000);
    sqlite3_finalize(st);
    call_page_done(&page);
}

static void test_pages_of_a_large_log_are_exact_though_guessed(void **state)
{
    (void)state;
    static const enum call_sort scanned[] = {SORT_IN, SORT_CACHE, SORT_OUT, SORT_TTFT, SORT_DURATION, SORT_RATE, SORT_COST};
    static const int64_t offsets[] = {0, 1, 900, 30000, 54400, 54600, 59800};
    for (size_t i = 0; i < sizeof scanned / sizeof *scanned; i++) {
        for (size_t k = 0; k < sizeof offsets / sizeof *offsets; k++) {
            const char *expr = SORT_EXPRS[scanned[i]];
            bool descending = (i + k) % 2;
            char sql[800];
            const char *d = descending ? "DESC" : "ASC";
            snprintf(sql, sizeof sql, "SELECT id FROM call ORDER BY (%s) IS NULL, %s %s, id %s LIMIT 1 OFFSET %lld", expr, expr, d, d,
                     (long long)offsets[k] - 1);
            struct call_query q = {.sort = scanned[i], .descending = descending, .after_id = offsets[k] ? tmplog_int(sql) : 0};
            check_page(&q, expr, offsets[k]);
        }
    }
}

static void test_a_page_is_never_larger_than_its_bound(void **state)
{
    (void)state;
    struct err e = {""};
    struct call_page page;
    struct call_query q = {.limit = 100000};
    check_ok(reader_calls(tmplog, &q, &page, &e), &e);
    assert_int_equal(page.count, READER_PAGE_MAX);
    assert_true(page.has_more);
    call_page_done(&page);
}

static void test_a_page_behind_a_call_that_is_gone(void **state)
{
    (void)state;
    struct err e = {""};
    struct call_page page;
    tmplog_run("DELETE FROM call WHERE id = 500");
    struct call_query q = {.after_id = 500, .limit = 1};
    check_ok(reader_calls(tmplog, &q, &page, &e), &e);
    assert_int_equal(page.calls[0].id, 501);
    call_page_done(&page);
    q.sort = SORT_COST;
    assert_int_equal(reader_calls(tmplog, &q, &page, &e), -1);
    assert_non_null(strstr(e.text, "call 500"));
    assert_int_equal(page.count, 0);
}

static void test_no_statement_stays_open(void **state)
{
    (void)state;
    struct err e = {""};
    for (int sort = 0; sort < SORT_COUNT_; sort++) {
        struct call_page page;
        struct call_query q = {.sort = (enum call_sort)sort, .limit = 3};
        check_ok(reader_calls(tmplog, &q, &page, &e), &e);
        call_page_done(&page);
    }
    for (sqlite3_stmt *st = NULL; (st = sqlite3_next_stmt(db_sqlite(tmplog), st)) != NULL;)
        assert_false(sqlite3_stmt_busy(st));
    assert_true(sqlite3_get_autocommit(db_sqlite(tmplog)));
}

static void test_next_and_previous_error(void **state)
{
    (void)state;
    struct err e = {""};
    struct call_page page;
    struct call_query q = {.errors_only = true, .after_id = 55, .limit = 1};
    check_ok(reader_calls(tmplog, &q, &page, &e), &e);
    assert_int_equal(page.calls[0].id, 60);
    call_page_done(&page);
    q.descending = true;
    check_ok(reader_calls(tmplog, &q, &page, &e), &e);
    assert_int_equal(page.calls[0].id, 50);
    call_page_done(&page);
}

static void test_counting(void **state)
{
    (void)state;
    struct err e = {""};
    int64_t n = 0;
    check_ok(reader_count(tmplog, &(struct call_query){0}, &n, &e), &e);
    assert_int_equal(n, 1000);
    check_ok(reader_count(tmplog, &(struct call_query){.errors_only = true}, &n, &e), &e);
    assert_int_equal(n, 100);
    check_ok(reader_count(tmplog, &(struct call_query){.session_id = "s1", .errors_only = true}, &n, &e), &e);
    assert_int_equal(n, tmplog_int("SELECT count(*) FROM call WHERE session_id = 's1' AND state = 'error'"));
}

/* ---- single calls ---- */

static void test_a_whole_row_is_read_back(void **state)
{
    (void)state;
    struct err e = {""};
    struct call c;
    tmplog_run("INSERT INTO session(session_id, title, first_at, last_at) VALUES('s', 'Title', 1, 2)");
    tmplog_run("INSERT INTO call(id, state, started_at, finished_at, session_id, agent_id, parent_agent_id, purpose, method, path, status,"
               " error_type, error_message, stop_reason, model_asked, model_sent, model_served, provider_pinned, provider_served, tokens_in,"
               " tokens_cache_read, tokens_cache_write_5m, tokens_cache_write_1h, tokens_out, web_searches, cost_microusd, cost_source,"
               " respan_cache, ttfb_ms, ttft_ms, duration_ms, bytes_in, bytes_out, request_id, respan_log_id, attempt, cache_break, body_state,"
               " route_note, changes, work_dir, sent_body) VALUES(7, 'aborted', 1, 2, 's', 'a',"
               " 'b', 'fork', 'POST', '/v1/messages', 200, 'et', 'em', 'sr', 'ma', 'ms', 'mv', 'pp', 'ps', 3, 4, 5, 6, 8, 9, 10, 'respan',"
               " 'hit', 11, 12, 13, 14, 15, 'ri', 'rl', 16, 'cb', 'expired', 'rn', 'ch', 'wd', x'00')");
    tmplog_run("INSERT INTO headers VALUES(7, 'rh', 'sh', 'oh')");
    check_ok(reader_call(tmplog, 7, &c, &e), &e);
    const char *const texts[][2] = {
        {c.session_id, "s"}, {c.session_title, "Title"}, {c.agent_id, "a"}, {c.parent_agent_id, "b"}, {c.method, "POST"},
        {c.path, "/v1/messages"}, {c.error_type, "et"}, {c.error_message, "em"}, {c.stop_reason, "sr"}, {c.model_asked, "ma"},
        {c.model_sent, "ms"}, {c.model_served, "mv"}, {c.provider_pinned, "pp"}, {c.provider_served, "ps"}, {c.request_id, "ri"},
        {c.respan_log_id, "rl"}, {c.cache_break, "cb"}, {c.request_headers, "rh"}, {c.sent_headers, "sh"}, {c.response_headers, "oh"},
        {c.route_note, "rn"}, {c.changes, "ch"}, {c.work_dir, "wd"},
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        assert_string_equal(texts[i][0], texts[i][1]);
    const int64_t figures[][2] = {
        {c.id, 7}, {c.state, CALL_ABORTED}, {c.started_at, 1}, {c.finished_at, 2}, {c.status, 200}, {c.usage.in, 3}, {c.usage.cache_read, 4},
        {c.usage.cache_write_5m, 5}, {c.usage.cache_write_1h, 6}, {c.usage.out, 8}, {c.usage.web_searches, 9}, {c.cost_microusd, 10},
        {c.cost_source, COST_RESPAN}, {c.respan_cache, 1}, {c.ttfb_ms, 11}, {c.ttft_ms, 12}, {c.duration_ms, 13}, {c.bytes_in, 14},
        {c.bytes_out, 15}, {c.attempt, 16}, {c.body_state, BODY_EXPIRED}, {c.has_purpose, true}, {c.purpose, PURPOSE_FORK},
        {c.has_sent_body, true}, {c.live_tokens_out, CALL_UNKNOWN}, {c.live_bytes_out, CALL_UNKNOWN},
    };
    for (size_t i = 0; i < sizeof figures / sizeof *figures; i++)
        if (figures[i][0] != figures[i][1])
            fail_msg("figure %zu is %lld, expected %lld", i, (long long)figures[i][0], (long long)figures[i][1]);
    call_done(&c);
}

static void test_an_open_call_shows_its_progress_and_nothing_else(void **state)
{
    (void)state;
    struct err e = {""};
    struct call_page page;
    tmplog_run("INSERT INTO call(id, state, started_at) VALUES(5, 'open', 1), (6, 'done', 1), (9, 'open', 1);"
               "INSERT INTO progress VALUES(9, 321, 1, 4567, 2)");
    check_ok(reader_open_calls(tmplog, &page, &e), &e);
    assert_int_equal(page.count, 2);
    assert_false(page.has_more);
    const struct call *c = &page.calls[0];
    assert_int_equal(c->id, 5);
    assert_int_equal(c->state, CALL_OPEN);
    assert_false(c->has_purpose);
    assert_null(c->session_id);
    assert_int_equal(c->status, CALL_UNKNOWN);
    assert_int_equal(c->usage.in, USAGE_UNKNOWN);
    assert_int_equal(c->respan_cache, -1);
    assert_int_equal(c->live_tokens_out, CALL_UNKNOWN);
    c = &page.calls[1];
    assert_int_equal(c->id, 9);
    assert_int_equal(c->live_tokens_out, 321);
    assert_int_equal(c->live_bytes_out, 4567);
    assert_true(c->live_is_estimate);
    call_page_done(&page);
}

static void test_a_call_that_is_not_there(void **state)
{
    (void)state;
    struct err e = {""};
    struct call c;
    assert_int_equal(reader_call(tmplog, 4711, &c, &e), 1);
    assert_non_null(strstr(e.text, "no call 4711"));
}

/* ---- sums ---- */

#define SUMS "calls, errors, retries, tokens_in, tokens_cache_read, tokens_cache_write_5m, tokens_cache_write_1h, tokens_out, cost_microusd"

/* Three local days; calls 1 to 4 stand in the day table as the journal would put them. */
static int fill_sums(void **state)
{
    setenv("TZ", "UTC", 1);
    tzset();
    tmplog_open(state);
    tmplog_run("INSERT INTO session(session_id, title, first_at, last_at) VALUES('s1', 'One', 1, 2)");
    tmplog_run("INSERT INTO call(id, state, started_at, finished_at, session_id, purpose, model_asked, model_served, provider_served, tokens_in,"
               " tokens_cache_read, tokens_out, cost_microusd, ttft_ms, attempt, is_retry) VALUES"
               "(1, 'done', 1795132800000 + 1000, 1795132800000 + 61000, 's1', 'main', 'a', 'opus', 'anthropic', 10, 100, 1, 500, 100, 1, 0),"
               "(2, 'error', 1795132800000 + 50000000, 1795132800000 + 50001000, 's1', 'main', 'opus', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 3, 0),"
               "(3, 'done', 1795132800000 + 60000000, 1795132800000 + 60001000, 's2', 'title', 'haiku', 'haiku', 'vertex', 20, 200, 2, NULL, 301, 1, 1),"
               "(4, 'done', 1795132800000 + 90000000, 1795132800000 + 90001000, NULL, NULL, 'opus', 'opus', 'vertex', 30, 300, 3, 700, 200, 1, 0),"
               "(5, 'open', 1795132800000 + 90000001, NULL, 's1', 'main', 'opus', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0)");
    tmplog_run("INSERT INTO day_sum(day, session_id, model, provider, purpose, " SUMS ", unpriced_calls, ttft_count, ttft_sum_ms) VALUES"
               "(20261120, 's1', 'opus', 'anthropic', 'main', 1, 0, 0, 10, 100, 0, 0, 1, 500, 0, 1, 100),"
               "(20261120, 's1', 'opus', '', 'main', 1, 1, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0),"
               "(20261120, 's2', 'haiku', 'vertex', 'title', 1, 0, 1, 20, 200, 0, 0, 2, 0, 1, 1, 301),"
               "(20261121, '', 'opus', 'vertex', '', 1, 0, 0, 30, 300, 0, 0, 3, 700, 0, 1, 200)");
    tmplog_run("INSERT INTO minute_sum(minute, model, provider, " SUMS ") SELECT finished_at / 60000, coalesce(model_served, model_asked),"
               " ifnull(provider_served, ''), 1, 0, 0, ifnull(tokens_in, 0), ifnull(tokens_cache_read, 0), 0, 0, ifnull(tokens_out, 0),"
               " ifnull(cost_microusd, 0) FROM call WHERE state != 'open'");
    return 0;
}

static void test_day_totals_add_up_the_days_asked_for(void **state)
{
    (void)state;
    struct err e = {""};
    struct totals t;
    check_ok(reader_day_totals(tmplog, 20261120, 20261120, &t, &e), &e);
    assert_int_equal(t.calls, 3);
    assert_int_equal(t.errors, 1);
    assert_int_equal(t.retries, 3);
    assert_int_equal(t.tokens_in, 30);
    assert_int_equal(t.tokens_cache_read, 300);
    assert_int_equal(t.tokens_out, 3);
    assert_int_equal(t.cost_microusd, 500);
    assert_int_equal(t.unpriced_calls, 1);
    check_ok(reader_day_totals(tmplog, 20261120, 20261231, &t, &e), &e);
    assert_int_equal(t.calls, 4);
    check_ok(reader_day_totals(tmplog, 20270101, 20270102, &t, &e), &e);
    assert_int_equal(t.calls, 0);
    assert_int_equal(t.cost_microusd, 0);
}

/* "key=calls/errors/retries/tokens_in+read/out/cost/unpriced/ttft", in order. */
static const char *groups(int64_t since_ms, enum group_by by)
{
    static char out[1000];
    struct err e = {""};
    struct group_page page;
    check_ok(reader_groups(tmplog, since_ms, by, &page, &e), &e);
    out[0] = 0;
    for (size_t i = 0; i < page.count; i++) {
        const struct totals *t = &page.rows[i].totals;
        snprintf(out + strlen(out), sizeof out - strlen(out), "%s%s%s%s=%lld/%lld/%lld/%lld/%lld/%lld/%lld/%lld", i ? " " : "",
                 page.rows[i].key ? page.rows[i].key : "?", page.rows[i].label ? ":" : "", page.rows[i].label ? page.rows[i].label : "",
                 (long long)t->calls, (long long)t->errors, (long long)t->retries, (long long)(t->tokens_in + t->tokens_cache_read),
                 (long long)t->tokens_out, (long long)t->cost_microusd, (long long)t->unpriced_calls, (long long)page.rows[i].ttft_ms_mean);
    }
    group_page_done(&page);
    return out;
}

static void test_groups_over_everything(void **state)
{
    (void)state;
    assert_string_equal(groups(0, GROUP_MODEL), "opus=3/1/2/440/4/1200/0/150 haiku=1/0/1/220/2/0/1/301");
    assert_string_equal(groups(0, GROUP_PROVIDER), "vertex=2/0/1/550/5/700/1/251 anthropic=1/0/0/110/1/500/0/100 ?=1/1/2/0/0/0/0/-1");
    assert_string_equal(groups(0, GROUP_SESSION), "?=1/0/0/330/3/700/0/200 s1:One=2/1/2/110/1/500/0/100 s2=1/0/1/220/2/0/1/301");
    assert_string_equal(groups(0, GROUP_DAY), "20261121=1/0/0/330/3/700/0/200 20261120=3/1/3/330/3/500/1/201");
    assert_string_equal(groups(0, GROUP_PURPOSE), "?=1/0/0/330/3/700/0/200 main=2/1/2/110/1/500/0/100 title=1/0/1/220/2/0/1/301");
}

static void test_groups_agree_between_calls_and_day_table(void **state)
{
    (void)state;
    /* A millisecond after midnight: the first day comes from the calls, the second from the table. */
    for (int by = GROUP_MODEL; by <= GROUP_PURPOSE; by++) {
        char whole[1000];
        snprintf(whole, sizeof whole, "%s", groups(DAY0, (enum group_by)by));
        assert_string_equal(groups(DAY0 + 1, (enum group_by)by), whole);
    }
}

static void test_groups_since_an_hour_within_a_day(void **state)
{
    (void)state;
    assert_string_equal(groups(DAY0 + 50000001, GROUP_MODEL), "opus=1/0/0/330/3/700/0/200 haiku=1/0/1/220/2/0/1/301");
    assert_string_equal(groups(DAY0 + DAY_MS + 1, GROUP_DAY), "20261121=1/0/0/330/3/700/0/200");
    assert_string_equal(groups(DAY0 + 90000001, GROUP_DAY), "");
    assert_string_equal(groups(DAY0 + 10 * (int64_t)DAY_MS, GROUP_MODEL), "");
}

static void test_groups_count_lost_calls_that_have_no_end(void **state)
{
    (void)state;
    tmplog_run("UPDATE call SET state = 'lost', finished_at = NULL WHERE id = 3");
    assert_string_equal(groups(DAY0 + 50000001, GROUP_MODEL), "opus=1/0/0/330/3/700/0/200 haiku=1/0/1/220/2/0/1/301");
}

static void test_groups_of_pruned_calls_stay(void **state)
{
    (void)state;
    tmplog_run("DELETE FROM call");
    assert_string_equal(groups(0, GROUP_DAY), "20261121=1/0/0/330/3/700/0/200 20261120=3/1/3/330/3/500/1/201");
    assert_string_equal(groups(DAY0 + 5, GROUP_DAY), "20261121=1/0/0/330/3/700/0/200");
}

static void test_buckets_by_minute_and_by_call_agree(void **state)
{
    (void)state;
    struct err e = {""};
    struct bucket fast[3], slow[3];
    check_ok(reader_buckets(tmplog, DAY0, 60000, fast, 3, &e), &e);
    assert_int_equal(fast[0].tokens_in, 0);
    assert_int_equal(fast[1].tokens_in, 110);
    assert_int_equal(fast[1].tokens_out, 1);
    assert_int_equal(fast[1].cost_microusd, 500);
    /* A width that no minute fits: from the calls. */
    check_ok(reader_buckets(tmplog, DAY0 + 1000, 60000, slow, 3, &e), &e);
    assert_int_equal(slow[1].tokens_in, 110);
    check_ok(reader_buckets(tmplog, DAY0 + 1001, 60000, slow, 3, &e), &e);
    assert_int_equal(slow[0].tokens_in, 110);
    assert_int_equal(slow[0].cost_microusd, 500);
    check_ok(reader_buckets(tmplog, DAY0, 100 * (int64_t)60000, fast, 3, &e), &e);
    check_ok(reader_buckets(tmplog, DAY0 + 1, 100 * (int64_t)60000, slow, 3, &e), &e);
    for (int i = 0; i < 3; i++)
        assert_int_equal(fast[i].cost_microusd, slow[i].cost_microusd);
}

/* ---- sessions ---- */

static void add_session(const char *id, const char *title, int last_at)
{
    char sql[300];
    snprintf(sql, sizeof sql,
             "INSERT INTO session(session_id, title, first_at, last_at, calls, tokens_in, cost_microusd, context_tokens, context_limit, model,"
             " provider) VALUES('%s', %s, 1, %d, 5, 6, 7, 142000, 1000000, 'opus', 'vertex')",
             id, title, last_at);
    tmplog_run(sql);
}

static void test_sessions_come_newest_first_by_pages(void **state)
{
    (void)state;
    struct err e = {""};
    struct session_page page;
    add_session("a", "'A'", 10);
    add_session("b", "NULL", 30);
    add_session("c", "'C'", 20);
    tmplog_run("INSERT INTO call(state, started_at, session_id) VALUES('open', 1, 'b'), ('open', 1, 'b'), ('done', 1, 'b')");
    check_ok(reader_sessions(tmplog, 0, 2, &page, &e), &e);
    assert_int_equal(page.count, 2);
    const struct session *s = &page.sessions[0];
    assert_string_equal(s->session_id, "b");
    assert_null(s->title);
    assert_int_equal(s->running, 2);
    assert_int_equal(s->totals.calls, 7);
    assert_int_equal(s->totals.tokens_in, 6);
    assert_int_equal(s->totals.cost_microusd, 7);
    assert_int_equal(s->context_tokens, 142000);
    assert_int_equal(s->context_limit, 1000000);
    assert_string_equal(s->model, "opus");
    assert_string_equal(s->provider, "vertex");
    assert_string_equal(page.sessions[1].session_id, "c");
    int64_t before = page.sessions[1].last_at;
    session_page_done(&page);
    check_ok(reader_sessions(tmplog, before, 2, &page, &e), &e);
    assert_int_equal(page.count, 1);
    assert_string_equal(page.sessions[0].session_id, "a");
    session_page_done(&page);
}

static void test_sessions_agree_with_the_view(void **state)
{
    (void)state;
    struct err e = {""};
    struct session s;
    add_session("a", "'A'", 10);
    tmplog_run("INSERT INTO call(state, started_at, session_id) VALUES('open', 1, 'a')");
    check_ok(reader_session(tmplog, "a", &s, &e), &e);
    assert_int_equal(s.totals.calls, tmplog_int("SELECT calls FROM sessions"));
    assert_int_equal(s.running, 1);
    session_done(&s);
}

static void check_found(const char *name, const char *id)
{
    struct err e = {""};
    struct session s;
    int rc = reader_session(tmplog, name, &s, &e);
    if (rc != 0 || strcmp(s.session_id, id) != 0)
        fail_msg("%s: status %d, %s", name, rc, rc == 0 ? s.session_id : e.text);
    session_done(&s);
}

static void test_a_session_is_found_by_id_prefix_or_title(void **state)
{
    (void)state;
    struct err e = {""};
    struct session s;
    add_session("5f0c1", "'api'", 10);
    add_session("5f0c2", "'docs'", 20);
    add_session("5f0c", "'twin'", 30);
    add_session("77", "'twin'", 40);
    add_session("88", "'5f0c2'", 50);
    check_found("5f0c1", "5f0c1");
    check_found("5f0c", "5f0c"); /* whole, though it begins others */
    check_found("8", "88");
    check_found("api", "5f0c1");
    check_found("5f0c2", "5f0c2"); /* an id before a title */
    assert_int_equal(reader_session(tmplog, "5f0", &s, &e), -1);
    assert_non_null(strstr(e.text, "5f0c1"));
    assert_int_equal(reader_session(tmplog, "twin", &s, &e), -1);
    assert_int_equal(reader_session(tmplog, "nope", &s, &e), 1);
    assert_non_null(strstr(e.text, "no session \"nope\""));
    assert_int_equal(reader_session(tmplog, "", &s, &e), 1);
    assert_int_equal(reader_session(tmplog, "%", &s, &e), 1);
}

static void test_the_size_of_the_log(void **state)
{
    (void)state;
    struct err e = {""};
    struct log_size s;
    tmplog_run("INSERT INTO call(state, started_at) VALUES('done', 1); UPDATE meta SET value = 5000 WHERE key = 'raw_body_bytes';"
               "UPDATE meta SET value = 50 WHERE key = 'stored_body_bytes'");
    check_ok(reader_size(tmplog, &s, &e), &e);
    assert_int_equal(s.calls, 1);
    assert_int_equal(s.raw_body_bytes, 5000);
    assert_int_equal(s.stored_body_bytes, 50);
    assert_true(s.file_bytes > 4096);
}

int main(void)
{
#define MANY_TEST(name) cmocka_unit_test_setup_teardown(name, fill_many, tmplog_close)
#define SUMS_TEST(name) cmocka_unit_test_setup_teardown(name, fill_sums, tmplog_close)
#define TEST(name) cmocka_unit_test_setup_teardown(name, tmplog_open, tmplog_close)
    const struct CMUnitTest tests[] = {
        MANY_TEST(test_pages_follow_each_other_in_every_order),
        MANY_TEST(test_filtered_pages_follow_each_other_in_every_order),
        cmocka_unit_test_setup_teardown(test_pages_of_a_large_log_are_exact_though_guessed, fill_large, tmplog_close),
        MANY_TEST(test_a_page_is_never_larger_than_its_bound),
        MANY_TEST(test_a_page_behind_a_call_that_is_gone),
        MANY_TEST(test_no_statement_stays_open),
        MANY_TEST(test_next_and_previous_error),
        MANY_TEST(test_counting),
        TEST(test_a_whole_row_is_read_back),
        TEST(test_an_open_call_shows_its_progress_and_nothing_else),
        TEST(test_a_call_that_is_not_there),
        SUMS_TEST(test_day_totals_add_up_the_days_asked_for),
        SUMS_TEST(test_groups_over_everything),
        SUMS_TEST(test_groups_agree_between_calls_and_day_table),
        SUMS_TEST(test_groups_since_an_hour_within_a_day),
        SUMS_TEST(test_groups_count_lost_calls_that_have_no_end),
        SUMS_TEST(test_groups_of_pruned_calls_stay),
        SUMS_TEST(test_buckets_by_minute_and_by_call_agree),
        TEST(test_sessions_come_newest_first_by_pages),
        TEST(test_sessions_agree_with_the_view),
        TEST(test_a_session_is_found_by_id_prefix_or_title),
        TEST(test_the_size_of_the_log),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
