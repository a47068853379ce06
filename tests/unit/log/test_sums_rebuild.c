/* Sums counted anew: what is off is put right, what reaches back to deleted calls stays. */
#include "tests/unit/log/tmplog.h"

#include "base/clock.h"
#include "log/sums_rebuild.h"

#define DAY_MS INT64_C(86400000)

/* A macro, so that the compiler sees the format. */
#define run_at(fmt, at_ms)                                                                                             \
    do {                                                                                                               \
        char sql[2000];                                                                                                \
        snprintf(sql, sizeof sql, fmt, (long long)(at_ms), (long long)(at_ms) + 5);                                    \
        tmplog_run(sql);                                                                                               \
    } while (0)

static struct sums_rebuilt rebuild(void)
{
    struct err e = {""};
    struct sums_rebuilt r;
    if (sums_rebuild(tmplog, &r, &e) != 0)
        fail_msg("%s", e.text);
    return r;
}

static int64_t two_days_ago(void)
{
    return clock_day_start_ms(clock_wall_ms()) - 2 * DAY_MS + 1000;
}

/* Three calls on one day, of two sessions and two models; one more is running. */
static void fill(int64_t at_ms)
{
    run_at("INSERT INTO call(state, started_at, finished_at, session_id, purpose, model_sent, model_served, provider_served,"
           " tokens_in, tokens_out, cost_microusd, ttft_ms, attempt, is_retry, cache_break, cache_break_microusd) VALUES"
           "('done', %1$lld, %2$lld, 'a', 'main', 'm', 'm', 'p', 10, 2, 100, 7, 1, 0, NULL, NULL),"
           "('done', %1$lld, %2$lld, 'a', 'main', 'm', 'm', 'p', 11, 3, 23, 8, 2, 1, 'tool: x', 9),"
           "('error', %1$lld, %2$lld, 'b', 'side', 'n', NULL, NULL, NULL, NULL, NULL, NULL, 1, 0, NULL, NULL),"
           "('open', %1$lld, NULL, 'b', 'main', 'n', NULL, NULL, NULL, NULL, NULL, NULL, 1, 0, NULL, NULL)",
           at_ms);
}

static void test_sums_that_are_missing_are_counted(void **state)
{
    (void)state;
    fill(two_days_ago());
    struct sums_rebuilt r = rebuild();
    assert_int_equal(r.calls, 3);
    assert_int_equal(r.mended, 2 + 2 + 2); /* days, minutes, sessions */
    assert_int_equal(r.off_microusd, 123);
    assert_string_equal(tmplog_rows("SELECT session_id, model, provider, purpose, calls, errors, retries, tokens_in, tokens_out, cost_microusd,"
                                    " unpriced_calls, cache_breaks, cache_break_microusd, ttft_count, ttft_sum_ms FROM day_sum"),
                        "a|m|p|main|2|0|2|21|5|123|0|1|9|2|15;b|n||side|1|1|0|0|0|0|0|0|0|0|0");
    assert_string_equal(tmplog_rows("SELECT session_id, calls, cost_microusd FROM session"), "a|2|123;b|1|0");
    assert_string_equal(tmplog_rows("SELECT model, calls, cost_microusd FROM minute_sum"), "m|2|123;n|1|0");
    assert_int_equal(tmplog_int("SELECT min(first_at) FROM session"), two_days_ago());
    assert_int_equal(rebuild().mended, 0);
}

static void test_sums_that_are_off_are_put_right(void **state)
{
    (void)state;
    fill(two_days_ago());
    rebuild();
    tmplog_run("CREATE TEMP TABLE good AS SELECT * FROM day_sum");
    tmplog_run("UPDATE day_sum SET cost_microusd = cost_microusd + 7, calls = 900 WHERE session_id = 'a'");
    tmplog_run("DELETE FROM day_sum WHERE session_id = 'b'");
    tmplog_run("INSERT INTO day_sum(day, session_id, model, provider, purpose, calls) VALUES(20200101, '', 'm', '', '', 3)");
    tmplog_run("INSERT INTO minute_sum(minute, model, provider, calls) SELECT minute, 'nobody', '', 1 FROM minute_sum LIMIT 1");
    tmplog_run("UPDATE session SET tokens_in = 0, title = 'kept' WHERE session_id = 'a'");
    assert_int_equal(rebuild().mended, 5);
    assert_string_equal(tmplog_rows("SELECT * FROM good EXCEPT SELECT * FROM day_sum"), "");
    assert_string_equal(tmplog_rows("SELECT * FROM day_sum EXCEPT SELECT * FROM good"), "");
    assert_int_equal(tmplog_int("SELECT count(*) FROM minute_sum"), 2);
    assert_string_equal(tmplog_rows("SELECT title, tokens_in FROM session WHERE session_id = 'a'"), "kept|21");
    assert_int_equal(rebuild().mended, 0);
}

static void test_sums_of_deleted_calls_stay(void **state)
{
    (void)state;
    int64_t old_ms = two_days_ago();
    fill(old_ms);
    rebuild();
    run_at("INSERT INTO call(state, started_at, finished_at, session_id, cost_microusd, tokens_out)"
           " VALUES('done', %1$lld, %2$lld, 'a', 5, 1), ('done', %1$lld, %2$lld, 'new', 6, 1)",
           old_ms + DAY_MS);
    rebuild();
    const int64_t before = tmplog_int("SELECT sum(cost_microusd) FROM day_sum");
    tmplog_run("DELETE FROM call WHERE id IN (1, 3)");
    tmplog_run("UPDATE day_sum SET cost_microusd = cost_microusd + 1000");
    struct sums_rebuilt r = rebuild();
    assert_int_equal(r.kept_days, 1);
    assert_int_equal(r.calls, 2); /* the newer day's */
    /* The older day keeps what it says, right or not: nobody can tell any more. */
    assert_int_equal(tmplog_int("SELECT sum(cost_microusd) FROM day_sum"), before + 2 * 1000);
    assert_string_equal(tmplog_rows("SELECT session_id, cost_microusd FROM session"), "a|128;b|0;new|6");
}

int main(void)
{
    setenv("TZ", "UTC", 1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_sums_that_are_missing_are_counted, tmplog_open, tmplog_close),
        cmocka_unit_test_setup_teardown(test_sums_that_are_off_are_put_right, tmplog_open, tmplog_close),
        cmocka_unit_test_setup_teardown(test_sums_of_deleted_calls_stay, tmplog_open, tmplog_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
