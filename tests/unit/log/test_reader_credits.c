#include "tests/unit/log/tmplog.h"

#include <inttypes.h>

#include "log/reader.h"

#define MINUTE 60000
#define NOW    ((int64_t)1795356000000) /* a whole minute */

static int read_credits(struct credits *c)
{
    struct err e = {""};
    int rc = reader_credits(tmplog, NOW, c, &e);
    if (rc < 0)
        fail_msg("%s", e.text);
    return rc;
}

static void spend(int64_t minutes_ago, int64_t microusd)
{
    char sql[200];
    snprintf(sql, sizeof sql,
             "INSERT INTO minute_sum(minute, model, provider, calls, cost_microusd) VALUES(%" PRId64 ", 'm', '', 1, %" PRId64 ")",
             NOW / MINUTE - minutes_ago, microusd);
    tmplog_run(sql);
}

static void have(const char *microusd)
{
    char sql[200];
    snprintf(sql, sizeof sql,
             "INSERT OR REPLACE INTO setting VALUES('credits_left_microusd', '%s'), ('credits_left_at', '1795355999000')", microusd);
    tmplog_run(sql);
}

static void test_nobody_has_told_them(void **state)
{
    (void)state;
    struct credits c;
    spend(5, 1000);
    assert_int_equal(read_credits(&c), 1);
}

static void test_an_hour_of_spending(void **state)
{
    (void)state;
    struct credits c;
    have("9000000");
    spend(59, 1000000);
    spend(30, 1500000);
    spend(1, 450000);
    spend(61, 70000000); /* longer ago */
    assert_int_equal(read_credits(&c), 0);
    assert_int_equal(c.left_microusd, 9000000);
    assert_int_equal(c.at, 1795355999000);
    assert_int_equal(c.per_hour_microusd, 3000000); /* 2.95 in 59 minutes */
    assert_int_equal(c.lasts_ms, 3 * 60 * MINUTE);
}

static void test_a_beginning_is_no_pace(void **state)
{
    (void)state;
    struct credits c;
    have("6000000");
    spend(0, 100000);
    assert_int_equal(read_credits(&c), 0);
    assert_int_equal(c.per_hour_microusd, 600000); /* as if in ten minutes */
    assert_int_equal(c.lasts_ms, 10 * 60 * MINUTE);
}

static void test_nothing_to_tell(void **state)
{
    (void)state;
    struct credits c;
    have("5000000");
    assert_int_equal(read_credits(&c), 0);
    assert_int_equal(c.per_hour_microusd, 0);
    assert_int_equal(c.lasts_ms, -1);
    spend(20, 1000);
    have("-300");
    assert_int_equal(read_credits(&c), 0);
    assert_int_equal(c.left_microusd, -300);
    assert_int_equal(c.lasts_ms, -1);
    have("9000000000000000000");
    assert_int_equal(read_credits(&c), 0);
    assert_int_equal(c.lasts_ms, -1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, tmplog_open, tmplog_close)
    const struct CMUnitTest tests[] = {
        TEST(test_nobody_has_told_them),
        TEST(test_an_hour_of_spending),
        TEST(test_a_beginning_is_no_pace),
        TEST(test_nothing_to_tell),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
