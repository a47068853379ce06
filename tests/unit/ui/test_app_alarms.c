/* Alarms in the dashboard: told until somebody looked, listed, rung for. */
#include "tests/unit/ui/tmpapp.h"

static void add_alarm(int64_t minutes_ago, const char *session, const char *text)
{
    char sql[512];
    int64_t at = CLOCK_MS - minutes_ago * 60000;
    snprintf(sql, sizeof sql,
             "INSERT INTO alarm(kind, subject, at, until_at, session_id, call_id, text) VALUES('storm', 's', %lld, %lld, %s, 7, '%s')",
             (long long)at, (long long)at + 600000, session, text);
    tmplog_run(sql);
}

static void look_again(void)
{
    app.data.sums_due_us = 0;
    app.data.is_stale = true;
    app_tick(&app);
}

static void test_an_alarm_is_told_until_somebody_looked(void **state)
{
    (void)state;
    add_alarm(11, "NULL", "this is over");
    start(120);
    see_no("this is over");
    add_alarm(1, "'s1'", "12 of 15 calls failed");
    look_again();
    see("▲ 12:41:31  docs-site: 12 of 15 calls failed");
    see("A alarms");
    press("3");
    see("docs-site: 12 of 15 calls failed");
    add_alarm(0, "NULL", "first tokens take long");
    look_again();
    see("▲ 12:42:31  first tokens take long");
    see("A 2 alarms");
    press("A");
    see_no("A 2 alarms");
    see("12 of 15 calls failed");
    see("this is over");
    app_key(&app, KEY_CODE_DOWN);
    add_alarm(0, "'s2'", "came while looking");
    look_again();
    assert_int_equal(app.alarm_selected_id, 2);
    press("\n");
    assert_true(app.inspect.is_open);
    assert_int_equal(app.inspect.call.id, 7);
    press("\033");
    see_no("▲ 12:42:31");
    /* Another dashboard on the same log. */
    app_done(&app);
    app_init(&app, &options, tmplog);
    see_no("came while looking");
}

static void test_the_bell_rings_for_new_alarms_alone(void **state)
{
    (void)state;
    add_alarm(1, "'s1'", "there before");
    options.bell = true;
    start(120);
    look_again();
    assert_false(app.wants_bell);
    add_alarm(0, "'s1'", "new");
    look_again();
    assert_true(app.wants_bell);
    app.wants_bell = false;
    look_again();
    assert_false(app.wants_bell);
    options.bell = false;
    add_alarm(0, "'s1'", "newer");
    look_again();
    assert_false(app.wants_bell);
}

static void test_the_list_of_alarms_without_one(void **state)
{
    (void)state;
    start(5);
    press("A");
    see("No alarm yet.");
    press("\n");
    assert_false(app.inspect.is_open);
    press("?");
    see("Keys in Alarms");
    press("\033");
    see("No alarm yet.");
    press("A");
    see("following");
}

static void test_an_alarm_whose_call_is_gone(void **state)
{
    (void)state;
    add_alarm(1, "'s1'", "of call 7");
    start(5);
    press("A\n");
    see("Call 7 is no longer in the log.");
    see("of call 7");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_LOG(test_an_alarm_is_told_until_somebody_looked),
        WITH_LOG(test_the_bell_rings_for_new_alarms_alone),
        WITH_LOG(test_the_list_of_alarms_without_one),
        WITH_LOG(test_an_alarm_whose_call_is_gone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
