#include "tests/unit/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "cli/reconcile.h"

#define NOW   ((int64_t)1795356151000) /* 2026-11-22T14:02:31Z */
#define SINCE (NOW - 3600000)

static struct reconcile r;

static int set_up(void **state)
{
    (void)state;
    reconcile_init(&r, SINCE, NOW);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    reconcile_done(&r);
    return 0;
}

struct here {
    const char *log_id;
    int64_t started_at;
    int64_t cost;
    int64_t in, cache_read, out;
};

static void add_call(int64_t id, const struct here *h)
{
    struct call c;
    call_init(&c);
    c.id = id;
    c.state = CALL_DONE;
    c.respan_log_id = (char *)h->log_id;
    c.started_at = h->started_at;
    c.finished_at = h->started_at + 1000;
    c.cost_microusd = h->cost;
    c.usage.in = h->in;
    c.usage.cache_read = h->cache_read;
    c.usage.out = h->out;
    reconcile_add_call(&r, &c);
}

static void add_row(const char *log_id, int64_t cost, int64_t in, int64_t out, int64_t at_ms)
{
    struct logrow row = {.cost_microusd = cost, .tokens_prompt = in, .tokens_completion = out};
    snprintf(row.unique_id, sizeof row.unique_id, "%s", log_id);
    if (at_ms > 0)
        clock_to_iso(row.timestamp, at_ms);
    reconcile_add_row(&r, &row);
}

#define THEN (SINCE + 60000)

static void test_two_logs_that_agree(void **state)
{
    (void)state;
    add_call(1, &(struct here){"b", THEN, 500, 10, 90, 7});
    add_call(2, &(struct here){"a", THEN, 300, 10, 0, 7});
    add_call(3, &(struct here){"c", THEN, 200, 10, 90, 7});
    reconcile_sort(&r);
    add_row("a", 300, 10, 7, THEN);
    add_row("b", 500, 100, 7, THEN);
    add_row("c", 200, 10, 7, THEN); /* the provider's input is without the cached part */
    reconcile_sum(&r);
    assert_int_equal(r.compared, 3);
    assert_int_equal(r.differing, 0);
    assert_int_equal(r.missing_there, 0);
    assert_int_equal(r.missing_here_count, 0);
    assert_int_equal(r.here.cost_microusd, 1000);
    assert_int_equal(r.there.cost_microusd, 1000);
    assert_int_equal(r.here.tokens_in, 210);
    assert_int_equal(r.calls[0].id, 1);
}

static void test_what_differs(void **state)
{
    (void)state;
    static const struct {
        int64_t cost, in, out;
        unsigned differs;
    } table[] = {
        {1000, 100, 7, 0},
        {1010, 100, 7, 0}, /* one percent is no difference */
        {1011, 100, 7, DIFFERS_COST},
        {980, 100, 7, DIFFERS_COST},
        {1000, 101, 7, DIFFERS_IN},
        {1000, 100, 8, DIFFERS_OUT},
        {0, 99, 0, DIFFERS_COST | DIFFERS_IN | DIFFERS_OUT},
        {-1, -1, -1, 0}, /* what one side does not say cannot differ */
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        reconcile_done(&r);
        reconcile_init(&r, SINCE, NOW);
        add_call(1, &(struct here){"a", THEN, 1000, 10, 90, 7});
        reconcile_sort(&r);
        add_row("a", table[i].cost, table[i].in, table[i].out, THEN);
        reconcile_sum(&r);
        if (r.calls[0].differs != table[i].differs)
            fail_msg("row %zu: expected %u, got %u", i, table[i].differs, r.calls[0].differs);
        assert_int_equal(r.differing, table[i].differs != 0);
        assert_int_equal(r.unpriced, table[i].cost < 0);
    }
}

static void test_who_is_missing_where(void **state)
{
    (void)state;
    add_call(1, &(struct here){"gone", THEN, 1, 1, 0, 1});
    add_call(2, &(struct here){"early", SINCE - 1000, 1, 1, 0, 1});     /* before the window */
    add_call(3, &(struct here){"young", NOW - 5000, 1, 1, 0, 1});       /* its row may still come */
    add_call(4, &(struct here){NULL, THEN, 1, 1, 0, 1});                /* no id to compare by */
    add_call(5, &(struct here){"edge", SINCE - 2000, 1, 1, 0, 1});      /* Respan's clock is ahead */
    reconcile_sort(&r);
    add_row("edge", 1, 1, 1, SINCE + 1000);
    add_row("new", 2, 3, 4, THEN + 1000);
    add_row("other", 2, 3, 4, THEN);
    add_row("other", 2, 3, 4, THEN); /* again, on the next page */
    add_row("old", 2, 3, 4, SINCE - 1000);
    add_row("undated", 2, 3, 4, 0);
    add_row("", 2, 3, 4, THEN);
    reconcile_sum(&r);
    assert_int_equal(r.compared, 0);
    assert_int_equal(r.missing_there, 1);
    assert_true(reconcile_is_missing(&r, &r.calls[0]));
    assert_int_equal(r.landing, 1);
    assert_int_equal(r.unnamed, 1);
    assert_int_equal(r.missing_here_count, 3);
    assert_string_equal(r.missing_here[0].log_id, "undated");
    assert_string_equal(r.missing_here[1].log_id, "other");
    assert_string_equal(r.missing_here[2].log_id, "new");
}

static void test_nothing_on_either_side(void **state)
{
    (void)state;
    reconcile_sort(&r);
    reconcile_sum(&r);
    assert_int_equal(r.compared + r.missing_there + r.missing_here_count + r.landing, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_two_logs_that_agree),
        TEST(test_what_differs),
        TEST(test_who_is_missing_where),
        TEST(test_nothing_on_either_side),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
