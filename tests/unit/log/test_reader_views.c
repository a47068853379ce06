/* What the dashboard's views sum: breaks by reason, spend over time, groups by folder. */
#include "tests/unit/log/tmplog.h"

#include "base/clock.h"
#include "log/reader.h"

#define NOW_MS  ((int64_t)1795351351000) /* 2026-11-22 12:42:31 UTC */
#define HOUR_MS ((int64_t)3600000)

static struct err e;

static void add_break(int id, int64_t started_at, const char *reason, int cost)
{
    char sql[256];
    snprintf(sql, sizeof sql,
             "INSERT INTO call(id,state,started_at,finished_at,cache_break,cache_break_microusd)"
             " VALUES(%d,'done',%lld,%lld,%s,%d)",
             id, (long long)started_at, (long long)started_at + 5, reason, cost);
    tmplog_run(sql);
}

static void test_breaks_are_ranked_by_cost_within_the_time(void **state)
{
    (void)state;
    struct break_sums s;
    add_break(1, NOW_MS - 30 * HOUR_MS, "'tool: Old'", 900000);
    add_break(2, NOW_MS - 23 * HOUR_MS, "'tool: Bash'", 100);
    add_break(3, NOW_MS - 2 * HOUR_MS, "'expired: 7 min of 5'", 500);
    add_break(4, NOW_MS - 1 * HOUR_MS, "NULL", 0);
    add_break(5, NOW_MS - 1 * HOUR_MS, "'tool: Read'", 200);
    assert_int_equal(reader_breaks(tmplog, NOW_MS - 24 * HOUR_MS, NOW_MS, &s, &e), 0);
    assert_int_equal(s.count, 2);
    assert_string_equal(s.rows[0].kind, "expired");
    assert_string_equal(s.rows[1].kind, "tool");
    assert_int_equal(s.rows[1].breaks, 2);
    assert_int_equal(s.rows[1].cost_microusd, 300);
    assert_int_equal(s.rows[1].buckets[1], 100);
    assert_int_equal(s.rows[1].buckets[23], 200);
    break_sums_done(&s);
}

static void test_spend_by_day_and_week_keeps_all_money(void **state)
{
    (void)state;
    struct spend_chart c;
    int64_t sum = 0;
    char sql[256];
    for (int i = 0; i < 8; i++) { /* more models than have a series of their own */
        snprintf(sql, sizeof sql,
                 "INSERT INTO day_sum(day,session_id,model,provider,purpose,calls,cost_microusd)"
                 " VALUES(%d,'s','m%d','p','main',1,%d)",
                 i % 2 ? 20261122 : 20261121, i, 1000 - i);
        tmplog_run(sql);
    }
    assert_int_equal(reader_spend(tmplog, SPEND_DAYS, NOW_MS, &c, &e), 0);
    assert_int_equal(c.bars, 30);
    assert_int_equal(c.series_count, SPEND_SERIES_MAX);
    assert_string_equal(c.series[0].model, "m0");
    assert_null(c.series[SPEND_SERIES_MAX - 1].model);
    assert_int_equal(c.series[0].cost_microusd[28], 1000);
    assert_int_equal(c.series[1].cost_microusd[29], 999);
    spend_chart_done(&c);
    assert_int_equal(reader_spend(tmplog, SPEND_WEEKS, NOW_MS, &c, &e), 0);
    for (size_t i = 0; i < c.series_count; i++)
        sum += c.series[i].cost_microusd[c.bars - 1];
    assert_int_equal(sum, 8 * 1000 - 28);
    spend_chart_done(&c);
}

static void test_spend_by_hour_counts_a_call_where_it_ended(void **state)
{
    (void)state;
    struct spend_chart c;
    int64_t start = clock_day_start_ms(NOW_MS);
    char sql[256];
    for (int i = 0; i < 3; i++) {
        snprintf(sql, sizeof sql,
                 "INSERT INTO minute_sum(minute,model,provider,calls,cost_microusd)"
                 " VALUES(%lld,'m','p%d',1,10)",
                 (long long)((start + i * HOUR_MS) / 60000 + 59), i);
        tmplog_run(sql);
    }
    assert_int_equal(reader_spend(tmplog, SPEND_HOURS, NOW_MS, &c, &e), 0);
    assert_int_equal(c.bars, 24);
    assert_int_equal(c.series_count, 1);
    for (int i = 0; i < 4; i++)
        assert_int_equal(c.series[0].cost_microusd[i], i < 3 ? 10 : 0);
    spend_chart_done(&c);
}

static void test_groups_by_folder(void **state)
{
    (void)state;
    struct group_page p;
    tmplog_run("INSERT INTO session(session_id,first_at,last_at,work_dir) "
               "VALUES('s',1,1,'/src/api'),('t',1,1,'/src/api'),('u',1,1,NULL)");
    tmplog_run("INSERT INTO day_sum(day,session_id,model,provider,purpose,calls,cost_microusd) VALUES"
               "(20261122,'s','m','p','main',1,5),(20261122,'t','m','p','main',1,6),(20261122,'u','m','p','main',1,1)");
    assert_int_equal(reader_groups(tmplog, clock_day_start_ms(NOW_MS), GROUP_FOLDER, &p, &e), 0);
    assert_int_equal(p.count, 2);
    assert_string_equal(p.rows[0].key, "/src/api");
    assert_int_equal(p.rows[0].totals.cost_microusd, 11);
    assert_null(p.rows[1].key);
    group_page_done(&p);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, tmplog_open, tmplog_close)

int main(void)
{
    setenv("TZ", "UTC", 1);
    const struct CMUnitTest tests[] = {
        TEST(test_breaks_are_ranked_by_cost_within_the_time),
        TEST(test_spend_by_day_and_week_keeps_all_money),
        TEST(test_spend_by_hour_counts_a_call_where_it_ended),
        TEST(test_groups_by_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
