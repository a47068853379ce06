/* Budgets in the log: editing, what is used of them, and the gateway's watch. */
#include "tests/unit/log/tmplog.h"

#include "base/clock.h"
#include "log/budgets.h"
#include "log/routes.h"

#define S1 "aaaaaaaa-0000-4000-8000-000000000001"

static struct budget_watch *watch;
static struct route_watch *routes;

static void check_ok(int rc, const struct err *e)
{
    if (rc != 0)
        fail_msg("status %d: %s", rc, e->text);
}

static int open_watch(void **state)
{
    struct err e = {""};
    tmplog_open(state);
    watch = budget_watch_open(tmplog_path, &e);
    routes = route_watch_open(tmplog_path, &e);
    if (!watch || !routes)
        fail_msg("%s", e.text);
    return 0;
}

static int close_watch(void **state)
{
    budget_watch_close(watch);
    route_watch_close(routes);
    return tmplog_close(state);
}

static void put(enum budget_scope scope, enum budget_level level, int64_t limit)
{
    struct err e = {""};
    check_ok(budgets_put(tmplog, scope, level, limit, &e), &e);
}

/* A call as the journal leaves it: the row and the sums in one commit. */
static void arrive(int64_t id, int64_t started_ms, int64_t cost)
{
    char sql[1000];
    snprintf(sql, sizeof sql,
             "BEGIN; INSERT INTO call(id, state, started_at, finished_at, session_id, cost_microusd) VALUES(%lld, 'done', %lld, %lld, '" S1 "', %lld);"
             "INSERT INTO session(session_id, first_at, last_at, cost_microusd) VALUES('" S1 "', 1, %lld, %lld)"
             " ON CONFLICT(session_id) DO UPDATE SET cost_microusd = cost_microusd + excluded.cost_microusd;"
             "INSERT INTO day_sum(day, session_id, model, provider, purpose, cost_microusd) VALUES(%d, '" S1 "', '', '', '', %lld)"
             " ON CONFLICT DO UPDATE SET cost_microusd = cost_microusd + excluded.cost_microusd; COMMIT",
             (long long)id, (long long)started_ms, (long long)started_ms, (long long)cost, (long long)started_ms, (long long)cost,
             clock_day_number(started_ms), (long long)cost);
    tmplog_run(sql);
}

static void check_spent(int64_t now_ms, int64_t session, int64_t day, int64_t month)
{
    struct budget_spent s;
    budget_watch_spent(watch, S1, now_ms, &s);
    assert_int_equal(s.session, session);
    assert_int_equal(s.day, day);
    assert_int_equal(s.month, month);
}

/* ---- editing ---- */

static void test_a_budget_is_replaced_not_doubled(void **state)
{
    (void)state;
    struct err e = {""};
    struct budget_set s;
    put(BUDGET_DAY, BUDGET_BLOCK, 5);
    put(BUDGET_DAY, BUDGET_BLOCK, 7);
    put(BUDGET_DAY, BUDGET_WARN, 6);
    put(BUDGET_RATE, BUDGET_BLOCK, 30);
    check_ok(budgets_load(tmplog, &s, &e), &e);
    assert_int_equal(s.count, 3);
    assert_int_equal(s.budgets[0].limit, 6);
    assert_int_equal(s.budgets[1].limit, 7);
    assert_int_equal(s.budgets[2].scope, BUDGET_RATE);
    check_ok(budgets_remove(tmplog, BUDGET_DAY, 1u << BUDGET_WARN, &e), &e);
    assert_int_equal(budgets_remove(tmplog, BUDGET_DAY, 1u << BUDGET_WARN, &e), 1);
    assert_int_equal(tmplog_int("SELECT count(*) FROM budgets WHERE scope = 'day'"), 1);
}

static void test_lift_holds_for_blocks_until_its_time(void **state)
{
    (void)state;
    struct err e = {""};
    struct budget_page p;
    int64_t now_ms = clock_wall_ms();
    int count = 0;
    put(BUDGET_DAY, BUDGET_BLOCK, 0);
    put(BUDGET_DAY, BUDGET_WARN, 0);
    check_ok(budgets_lift(tmplog, NULL, now_ms + 60000, &count, &e), &e);
    assert_int_equal(count, 1);
    check_ok(budgets_status(tmplog, now_ms, &p, &e), &e);
    assert_int_equal(p.states[0].mood, BUDGET_WARNS);
    assert_int_equal(p.states[1].mood, BUDGET_LIFTED);
    budget_page_done(&p);
    check_ok(budgets_status(tmplog, now_ms + 60000, &p, &e), &e);
    assert_int_equal(p.states[1].mood, BUDGET_BLOCKS);
    budget_page_done(&p);
    check_ok(budgets_lift(tmplog, NULL, now_ms - 1, &count, &e), &e);
    assert_int_equal(tmplog_int("SELECT count(*) FROM budgets WHERE lifted_until IS NOT NULL"), 0);
}

static void test_the_most_pressing_budget_has_the_line(void **state)
{
    (void)state;
    struct err e = {""};
    struct budget_page p;
    struct buf line;
    int64_t now_ms = clock_wall_ms();
    buf_init(&line);
    put(BUDGET_DAY, BUDGET_WARN, 1500000);
    put(BUDGET_SESSION, BUDGET_BLOCK, 2000000);
    arrive(1, now_ms, 1600000);
    check_ok(budgets_status(tmplog, now_ms, &p, &e), &e);
    assert_true(budget_page_line(&p, &line));
    assert_string_equal(line.data, "day budget $1.60 of $1.50 used");
    budget_page_done(&p);
    arrive(2, now_ms, 600000);
    check_ok(budgets_status(tmplog, now_ms, &p, &e), &e);
    buf_reset(&line);
    assert_true(budget_page_line(&p, &line));
    assert_string_equal(line.data, "session budget of $2.00 reached, calls are blocked");
    assert_string_equal(p.states[0].who, S1);
    budget_page_done(&p);
    buf_done(&line);
}

static void test_amounts_round_to_what_can_be_seen(void **state)
{
    (void)state;
    static const struct {
        enum budget_scope scope;
        int64_t amount;
        const char *text;
    } cases[] = {{BUDGET_DAY, 0, "$0.00"},           {BUDGET_DAY, 49, "$0.0000"},      {BUDGET_DAY, 100, "$0.0001"},
                 {BUDGET_DAY, 31249, "$0.0312"},     {BUDGET_DAY, 99999, "$0.1000"},   {BUDGET_DAY, 1994999, "$1.99"},
                 {BUDGET_DAY, 1995000, "$2.00"},     {BUDGET_DAY, 20000000, "$20.00"}, {BUDGET_RATE, 1, "1 call"},
                 {BUDGET_RATE, 60, "60 calls"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buf out;
        buf_init(&out);
        budget_amount(&out, cases[i].scope, cases[i].amount);
        assert_string_equal(out.data, cases[i].text);
        buf_done(&out);
    }
}

/* ---- watching ---- */

/* As the gateway asks it: after the routes. */
static const struct budget_set *poll(struct err *e)
{
    (void)route_watch_poll(routes, NULL);
    return budget_watch_poll(watch, route_watch_changes(routes), e);
}

static void test_the_watch_sees_a_row_made_by_hand(void **state)
{
    (void)state;
    struct err e = {""};
    assert_int_equal(poll(&e)->count, 0);
    tmplog_run("INSERT INTO budgets(scope, limit_microusd) VALUES('day', 20000000)");
    const struct budget_set *s = poll(&e);
    assert_string_equal(e.text, "");
    assert_int_equal(s->count, 1);
    assert_int_equal(s->budgets[0].level, BUDGET_BLOCK);
    tmplog_run("UPDATE budgets SET enabled = 0");
    assert_int_equal(poll(&e)->count, 0);
}

static void test_a_call_counts_once_before_and_after_it_is_in_the_log(void **state)
{
    (void)state;
    int64_t now_ms = clock_wall_ms();
    check_spent(now_ms, 0, 0, 0);
    budget_watch_ended(watch, 1, S1, now_ms, 100);
    budget_watch_ended(watch, 2, S1, now_ms, 20);
    check_spent(now_ms, 120, 120, 120);
    arrive(1, now_ms, 100);
    check_spent(now_ms, 120, 120, 120);
    /* Respan's own figure may differ: then that counts. */
    arrive(2, now_ms, 25);
    check_spent(now_ms, 125, 125, 125);
    arrive(3, now_ms, 1000);
    check_spent(now_ms, 1125, 1125, 1125);
}

static void test_an_open_row_is_not_taken_for_the_end(void **state)
{
    (void)state;
    int64_t now_ms = clock_wall_ms();
    tmplog_run("INSERT INTO call(id, state, started_at) VALUES(1, 'open', 1)");
    budget_watch_ended(watch, 1, S1, now_ms, 100);
    check_spent(now_ms, 100, 100, 100);
    tmplog_run("DELETE FROM call");
    arrive(1, now_ms, 100);
    check_spent(now_ms, 100, 100, 100);
}

static void test_a_new_day_begins_at_nothing_and_the_month_goes_on(void **state)
{
    (void)state;
    const int64_t noon_ms = 1795089600000; /* 2026-11-19 12:00 UTC */
    const int64_t day_ms = 86400000;
    budget_watch_ended(watch, 1, S1, noon_ms, 100);
    check_spent(noon_ms, 100, 100, 100);
    check_spent(noon_ms + day_ms, 100, 0, 100);
    arrive(1, noon_ms, 100);
    check_spent(noon_ms + day_ms, 100, 0, 100);
    arrive(2, noon_ms + day_ms, 11);
    check_spent(noon_ms + day_ms, 111, 11, 111);
    check_spent(noon_ms + 20 * day_ms, 111, 0, 0);
}

#define WATCHED(test) cmocka_unit_test_setup_teardown(test, open_watch, close_watch)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_budget_is_replaced_not_doubled, tmplog_open, tmplog_close),
        cmocka_unit_test_setup_teardown(test_lift_holds_for_blocks_until_its_time, tmplog_open, tmplog_close),
        cmocka_unit_test_setup_teardown(test_the_most_pressing_budget_has_the_line, tmplog_open, tmplog_close),
        cmocka_unit_test(test_amounts_round_to_what_can_be_seen),
        WATCHED(test_the_watch_sees_a_row_made_by_hand),
        WATCHED(test_a_call_counts_once_before_and_after_it_is_in_the_log),
        WATCHED(test_an_open_row_is_not_taken_for_the_end),
        WATCHED(test_a_new_day_begins_at_nothing_and_the_month_goes_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
