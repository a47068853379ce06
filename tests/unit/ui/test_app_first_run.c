/* The guided start: the card on an empty log, then the line about the first call. */
#include "tests/unit/ui/tmpapp.h"

static void add_call(int id, const char *state, int status, const char *error)
{
    char sql[512];
    snprintf(sql, sizeof sql,
             "INSERT INTO call(id, state, started_at, finished_at, purpose, method, path, status, error_type, error_message, model_asked,"
             " model_sent, provider_served, cost_microusd, duration_ms, body_state) VALUES(%d, '%s', %lld, %lld, 'main', 'POST',"
             " '/v1/messages?beta=true', %d, 'some_error', %s, 'claude-opus-5-5', 'claude-opus-5-5', 'anthropic', 31000, 900, 'off')",
             id, state, (long long)CLOCK_MS - 1000, (long long)CLOCK_MS - 100, status, error);
    tmplog_run(sql);
}

/* As after a second, on a log that somebody else wrote. */
static void look_again(void)
{
    app.data.sums_due_us = app.feed_due_us = 0;
    app.data.is_stale = app.is_feed_stale = true;
    app_tick(&app);
}

static void say_key(const char *from, int refused, const char *why)
{
    app.data.has_health = true;
    app.data.health.refused = refused;
    snprintf(app.data.health.key, sizeof app.data.health.key, "%s", from);
    snprintf(app.data.health.refusal, sizeof app.data.health.refusal, "%s", why);
}

static void test_the_card_tells_where_the_key_is(void **state)
{
    (void)state;
    start(0);
    see_no("Respan key");
    say_key("environment", 0, "");
    see("✓ Respan key found in RESPAN_API_KEY.");
    say_key("file", 0, "");
    see("✓ Respan key found in the key file.");
    say_key("none", 0, "");
    see("✖ No Respan key yet");
    see("export RESPAN_API_KEY=YOUR-KEY");
    options.key_lines = "stop it first\nand start it again";
    see("stop it first");
    see("Waiting for the first call.");
}

static void test_requests_without_a_row_are_told(void **state)
{
    (void)state;
    static const char *const told[][2] = {{"no_key", "because the gateway has no Respan"}, {"token", "its local token is another"},
                                          {"host", "it asked for another host"}, {"origin", "it came from a web page"},
                                          {"no_client_key", "it brought no key"}, {"new-code", "refused by the gateway.  spantop doctor"}};
    start(0);
    for (size_t i = 0; i < sizeof told / sizeof told[0]; i++) {
        say_key("environment", 1, told[i][0]);
        see("✖ A request came, and was refused ");
        see(told[i][1]);
        see("Waiting for the first call.");
    }
}

static void test_the_first_call_says_that_it_works(void **state)
{
    (void)state;
    start(0);
    add_call(1, "done", 200, "NULL");
    look_again();
    see_no("Welcome to spantop");
    see("✓ It works: the first call came through.  opus-5-5 at anthropic, 0.9s, $0.031");
    see("following");
    press("j");
    see_no("It works");
    app_done(&app);
    app_init(&app, &options, tmplog);
    look_again();
    see_no("It works"); /* that was then */
}

static void test_it_works_goes_by_itself(void **state)
{
    (void)state;
    start(0);
    add_call(1, "done", 200, "NULL");
    look_again();
    see("It works");
    app.first_run_until_us = 1;
    look_again();
    see_no("It works");
}

static void test_a_call_that_fails_says_why_until_one_comes_through(void **state)
{
    (void)state;
    start(0);
    add_call(1, "error", 401, "'Invalid API key.'");
    look_again();
    see("✖ The first call failed: Invalid API key.  spantop doctor finds what stops it.");
    add_call(2, "error", 502, "NULL");
    look_again();
    see("✖ The first call failed: some_error");
    add_call(3, "done", 200, "NULL");
    look_again();
    see("✓ It works");
    see_no("failed:");
}

static void test_the_list_of_models_is_no_first_call(void **state)
{
    (void)state;
    start(0);
    add_call(1, "done", 200, "NULL");
    tmplog_run("UPDATE call SET path = '/v1/models?limit=1000'");
    look_again();
    see_no("It works");
    see_no("Welcome");
}

static int play(void *arg, struct err *e)
{
    (void)arg;
    (void)e;
    return 0;
}

static void test_d_asks_for_the_demo_before_the_first_call_alone(void **state)
{
    (void)state;
    start(0);
    see("spantop demo");
    see_no("d demo");
    press("d");
    assert_false(app.wants_demo); /* nobody here can play it */
    options.play_demo = play;
    see("d plays spantop demo.");
    press("d");
    assert_true(app.wants_demo);
    app.wants_demo = false;
    press("?");
    see("Keys before the first call");
    press("\033");
    see("Welcome to spantop");
    add_call(1, "done", 200, "NULL");
    look_again();
    press("d");
    assert_false(app.wants_demo);
}

static void test_every_size_holds_the_card(void **state)
{
    (void)state;
    start(0);
    say_key("none", 1, "token");
    options.setup_lines = "eval \"$(/a/folder/of/some/length/spantop --log /another/folder/that/is/long/indeed/log.db env)\"\nclaude";
    for (int cols = 1; cols < 200; cols += 3)
        for (int rows = 1; rows < 50; rows++)
            draw(rows, cols);
    options.play_demo = play;
    options.setup_lines = "eval \"$(spantop env)\"\nclaude";
    draw(16, 60);
    assert_true(find("eval \"$(spantop env)\"") > 0);
    if (find("refused because its") < 0)
        fail_without("refused because its");
    assert_true(find("Just looking?") > 0);
    assert_int_equal(find("d demo  ? help  Q leave"), 15);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_LOG(test_the_card_tells_where_the_key_is),
        WITH_LOG(test_requests_without_a_row_are_told),
        WITH_LOG(test_the_first_call_says_that_it_works),
        WITH_LOG(test_it_works_goes_by_itself),
        WITH_LOG(test_a_call_that_fails_says_why_until_one_comes_through),
        WITH_LOG(test_the_list_of_models_is_no_first_call),
        WITH_LOG(test_d_asks_for_the_demo_before_the_first_call_alone),
        WITH_LOG(test_every_size_holds_the_card),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
