/* Looking through a large log a slice at a time: in the end the same as at once. */
#include "tests/unit/log/tmplog.h"

#include "log/filter.h"
#include "log/reader.h"
#include "log/sql.h"

enum { CALLS = 70000 };

static int fill(void **state)
{
    tmplog_open(state);
    tmplog_run("INSERT INTO session(session_id, title, first_at, last_at) VALUES('s1', 'One', 1, 2)");
    tmplog_run("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 70000)"
               " INSERT INTO call(id, state, started_at, session_id, model_sent, tokens_out, cost_microusd, ttft_ms, duration_ms, work_dir)"
               " SELECT i, CASE WHEN i % 100 THEN 'done' ELSE 'error' END, i, 's' || (i % 9), CASE WHEN i % 7 THEN 'm' || (i % 5) END,"
               "  i * 31 % 4001, CASE WHEN i % 11 THEN i * 7919 % 89 END, 100, 100 + i % 500, CASE WHEN i % 1000 = 999 THEN '/rare' ELSE '/home' END FROM n");
    return 0;
}

/* One slice each time; how many it took. */
static int look_through(struct call_query *q, struct call_page *page)
{
    struct err e = {""};
    struct call_look look = {.us = 1};
    int steps = 0;
    q->look = &look;
    for (;;) {
        if (reader_calls(tmplog, q, page, &e) != 0)
            fail_msg("%s", e.text);
        steps++;
        if (!look.is_open)
            break;
        call_page_done(page);
    }
    q->look = NULL;
    return steps;
}

static int check_same(struct call_query q)
{
    struct err e = {""};
    struct call_page at_once, in_slices;
    int steps = look_through(&q, &in_slices);
    if (reader_calls(tmplog, &q, &at_once, &e) != 0)
        fail_msg("%s", e.text);
    assert_int_equal(in_slices.count, at_once.count);
    assert_int_equal(in_slices.has_more, at_once.has_more);
    for (size_t i = 0; i < at_once.count; i++)
        if (in_slices.calls[i].id != at_once.calls[i].id)
            fail_msg("sort %d: place %zu is %lld instead of %lld", q.sort, i, (long long)in_slices.calls[i].id, (long long)at_once.calls[i].id);
    call_page_done(&at_once);
    call_page_done(&in_slices);
    return steps;
}

static void check_count(struct call_query q)
{
    struct err e = {""};
    int64_t counted = -1, all = -2;
    struct call_look look = {.us = 1};
    assert_int_equal(reader_count(tmplog, &q, &all, &e), 0);
    q.look = &look;
    do
        assert_int_equal(reader_count_on(tmplog, &q, &counted, &e), 0);
    while (look.is_open);
    assert_int_equal(counted, all);
}

static void test_it_finds_what_a_look_at_once_finds(void **state)
{
    (void)state;
    static const char *const filters[] = {"work_dir:rare", "model:m3 cost>0.00005", "nosuchtext", "session:One"};
    static const enum call_sort sorts[] = {SORT_ID, SORT_MODEL, SORT_COST};
    for (size_t i = 0; i < sizeof filters / sizeof *filters; i++) {
        struct err e = {""};
        struct filter *f = filter_parse(filters[i], &e);
        assert_non_null(f);
        for (size_t k = 0; k < sizeof sorts / sizeof *sorts; k++) {
            struct call_query q = {.filter = f, .sort = sorts[k], .descending = (i + k) % 2, .limit = 30};
            check_same(q);
            q.after_id = 35999; /* matches the first */
            q.descending = !q.descending;
            check_same(q);
        }
        check_count((struct call_query){.filter = f});
        filter_free(f);
    }
}

static void test_it_stops_in_between_and_when_the_page_is_full(void **state)
{
    (void)state;
    struct err e = {""};
    struct filter *rare = filter_parse("work_dir:rare", &e), *often = filter_parse("work_dir:home", &e);
    assert_true(check_same((struct call_query){.filter = rare, .descending = true, .limit = 200}) > 2);
    assert_int_equal(check_same((struct call_query){.filter = often, .descending = true, .limit = 50}), 1);
    /* What an index answers, and all of a session, is looked at in one go. */
    assert_int_equal(check_same((struct call_query){.descending = true, .limit = 50}), 1);
    assert_int_equal(check_same((struct call_query){.session_id = "s3", .filter = rare, .limit = 200}), 1);
    filter_free(rare);
    filter_free(often);
}

static void test_the_log_may_change_in_between(void **state)
{
    (void)state;
    struct err e = {""};
    struct call_page page;
    struct call_look look = {.us = 1};
    struct filter *f = filter_parse("work_dir:rare", &e);
    struct call_query q = {.filter = f, .sort = SORT_COST, .descending = true, .limit = 200, .look = &look};
    assert_int_equal(reader_calls(tmplog, &q, &page, &e), 0);
    assert_true(look.is_open);
    assert_true(page.count > 2 && page.count < 70);
    int64_t gone = page.calls[1].id;
    call_page_done(&page);
    char sql[80];
    snprintf(sql, sizeof sql, "DELETE FROM call WHERE id = %lld", (long long)gone);
    tmplog_run(sql);
    tmplog_run("INSERT INTO call(id, state, started_at, work_dir) VALUES(80000, 'done', 1, '/rare')");
    for (;;) {
        assert_int_equal(reader_calls(tmplog, &q, &page, &e), 0);
        for (size_t i = 0; i < page.count; i++)
            assert_int_not_equal(page.calls[i].id, gone);
        if (!look.is_open)
            break;
        call_page_done(&page);
    }
    assert_int_equal(page.count, 69); /* without the one that came meanwhile */
    call_page_done(&page);
    filter_free(f);
}

static void test_no_read_stays_open_between_two_steps(void **state)
{
    (void)state;
    struct err e = {""};
    struct call_page page;
    struct call_look look = {.us = 1};
    struct filter *f = filter_parse("nosuchtext", &e);
    struct call_query q = {.filter = f, .look = &look};
    assert_int_equal(reader_calls(tmplog, &q, &page, &e), 0);
    assert_true(look.is_open);
    assert_true(sqlite3_get_autocommit(db_sqlite(tmplog)));
    for (sqlite3_stmt *st = NULL; (st = sqlite3_next_stmt(db_sqlite(tmplog), st)) != NULL;)
        assert_false(sqlite3_stmt_busy(st));
    call_page_done(&page);
    filter_free(f);
}

/* Calls that match, of each session, by step or at once. */
static void test_sessions_that_match_are_gathered(void **state)
{
    (void)state;
    struct err e = {""};
    struct filter *f = filter_parse("work_dir:rare", &e); /* 70 calls, in sessions s0 … s8 */
    struct session_matches m = {.look.us = 1};
    int64_t n = 0;
    int steps = 0;
    do
        assert_int_equal(reader_matches_on(tmplog, f, &m, &e), 0);
    while (++steps < 100 && m.look.is_open);
    assert_in_range(steps, 2, 99);
    assert_int_equal(m.count, 9);
    assert_int_equal(m.calls, 70);
    for (size_t i = 0; i < m.count; i++) {
        struct call_query q = {.filter = f, .session_id = m.rows[i].session_id};
        assert_int_equal(reader_count(tmplog, &q, &n, &e), 0);
        assert_int_equal(m.rows[i].calls, n);
    }
    tmplog_run("INSERT INTO session(session_id, title, first_at, last_at) VALUES('none', 'None', 1, 9)");
    struct session_page page;
    assert_int_equal(reader_sessions_matching(tmplog, &m, 0, 0, &page, &e), 0);
    assert_int_equal(page.count, 1); /* only s1 has a row */
    assert_string_equal(page.sessions[0].session_id, "s1");
    session_page_done(&page);
    tmplog_run("DELETE FROM call WHERE id > 5000"); /* so few are looked at in one go, anew */
    assert_int_equal(reader_matches_on(tmplog, f, &m, &e), 0);
    assert_false(m.look.is_open);
    assert_int_equal(m.calls, 5);
    session_matches_done(&m);
    filter_free(f);
}

static void gather(const struct filter *f, int64_t since_ms, enum group_by by, int64_t us, struct group_sums *g)
{
    struct err e = {""};
    *g = (struct group_sums){.look.us = us};
    int steps = 0;
    do
        assert_int_equal(reader_group_sums_on(tmplog, f, since_ms, by, g, &e), 0);
    while (++steps < 100 && g->look.is_open);
    assert_in_range(steps, us == 1 && since_ms == 0 ? 2 : 1, 99);
}

/* Their sums, too; and only of what began in the time and has ended. */
static void test_sums_of_calls_that_match_are_gathered(void **state)
{
    (void)state;
    struct err e = {""};
    struct filter *f = filter_parse("work_dir:rare", &e);
    struct group_sums g, at_once;
    int64_t cost = 0;
    assert_int_equal(sql_int64(db_sqlite(tmplog), "SELECT sum(cost_microusd) FROM call WHERE work_dir = '/rare'", &cost, &e), 0);
    for (int by = GROUP_MODEL; by <= GROUP_FOLDER; by++) {
        gather(f, 0, (enum group_by)by, 1, &g);
        gather(f, 0, (enum group_by)by, 60000000, &at_once);
        assert_int_equal(g.totals.calls, 70);
        assert_int_equal(g.totals.cost_microusd, cost);
        assert_int_equal(g.page.count, at_once.page.count);
        int64_t calls = 0;
        for (size_t i = 0; i < g.page.count; i++) {
            assert_int_equal(g.page.rows[i].totals.cost_microusd, at_once.page.rows[i].totals.cost_microusd);
            assert_true(i == 0 || g.page.rows[i].totals.cost_microusd <= g.page.rows[i - 1].totals.cost_microusd);
            calls += g.page.rows[i].totals.calls;
            if (by == GROUP_SESSION && strcmp(g.page.rows[i].key, "s1") == 0)
                assert_string_equal(g.page.rows[i].label, "One");
        }
        assert_int_equal(calls, 70);
        group_sums_done(&g);
        group_sums_done(&at_once);
    }
    tmplog_run("UPDATE call SET state = 'open' WHERE id = 69999");
    tmplog_run("UPDATE call SET finished_at = started_at + 1 WHERE id < 60000");
    gather(f, 50000, GROUP_SESSION, 1, &g); /* started_at is the id */
    assert_int_equal(g.totals.calls, 19);
    group_sums_done(&g);
    filter_free(f);
}

static void test_breaks_that_match_are_summed(void **state)
{
    (void)state;
    struct err e = {""};
    struct break_sums s;
    struct filter *f = filter_parse("work_dir:rare", &e);
    tmplog_run("UPDATE call SET cache_break = CASE id WHEN 999 THEN 'ttl: x' ELSE 'tool: y' END, cache_break_microusd = 5"
               " WHERE id IN (999, 1000, 1999, 2999)");
    assert_int_equal(reader_breaks_matching(tmplog, f, 0, 100000, &s, &e), 0);
    assert_int_equal(s.count, 2);
    assert_string_equal(s.rows[0].kind, "tool");
    assert_int_equal(s.rows[0].breaks, 2);
    assert_int_equal(s.rows[1].breaks, 1);
    break_sums_done(&s);
    assert_int_equal(reader_breaks(tmplog, 0, 100000, &s, &e), 0);
    assert_int_equal(s.rows[0].breaks, 3);
    break_sums_done(&s);
    filter_free(f);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, fill, tmplog_close)
    const struct CMUnitTest tests[] = {
        TEST(test_it_finds_what_a_look_at_once_finds),
        TEST(test_it_stops_in_between_and_when_the_page_is_full),
        TEST(test_the_log_may_change_in_between),
        TEST(test_no_read_stays_open_between_two_steps),
        TEST(test_sessions_that_match_are_gathered),
        TEST(test_sums_of_calls_that_match_are_gathered),
        TEST(test_breaks_that_match_are_summed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
