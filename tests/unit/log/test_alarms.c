/* Which calls raise an alarm, and which do not. */
#include "tests/unit/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "log/alarms.h"
#include "log/alarms_usual.h"
#include "respan/catalog.h"

#define T0     INT64_C(1800000000000)
#define SECOND INT64_C(1000)
#define MINUTE (60 * SECOND)

static struct alarms *rules;
static struct catalog *catalog;
static int64_t next_id;

static int open_rules(void **state)
{
    (void)state;
    struct err e = {""};
    catalog = catalog_load(NULL, NULL, &e);
    assert_non_null(catalog);
    const struct alarm_limits limits = ALARM_LIMITS_DEFAULT;
    rules = alarms_new(&limits, catalog);
    next_id = 0;
    return 0;
}

static int close_rules(void **state)
{
    (void)state;
    alarms_free(rules);
    catalog_free(catalog);
    return 0;
}

/* A call of session s, as text in the struct's own words. */
struct one {
    const char *session, *agent, *model, *provider, *error, *cache_break;
    int64_t at, status, ttft_ms, tokens, break_microusd;
    enum call_state state;
    enum call_purpose purpose;
    bool is_retry;
};

static void play(const struct one *o)
{
    struct call c;
    call_init(&c);
    c.id = ++next_id;
    c.session_id = xstrdup(o->session);
    c.agent_id = xstrdup(o->agent);
    c.has_purpose = true;
    c.purpose = o->purpose;
    c.started_at = o->at;
    alarms_begin(rules, &c, o->is_retry);
    c.finished_at = o->at + 10;
    c.state = o->state == CALL_OPEN ? CALL_DONE : o->state;
    c.status = o->status ? o->status : 200;
    c.error_type = xstrdup(o->error);
    c.model_served = xstrdup(o->model ? o->model : "claude-opus-5-5");
    c.provider_served = xstrdup(o->provider);
    c.ttft_ms = o->ttft_ms ? o->ttft_ms : 900;
    c.usage.in = o->tokens ? o->tokens : 1000;
    c.cache_break = xstrdup(o->cache_break);
    c.cache_break_microusd = o->cache_break ? o->break_microusd : -1;
    alarms_end(rules, &c, o->is_retry);
    call_done(&c);
}

/* What was raised since the last time, as "kind: text" lines. */
static const char *raised(void)
{
    static char out[4096];
    size_t count, len = 0;
    const struct alarm *list = alarms_peek(rules, &count);
    out[0] = '\0';
    for (size_t i = 0; i < count; i++)
        len += (size_t)snprintf(out + len, sizeof out - len, "%s%s: %s", i ? "\n" : "", alarm_kind_name(list[i].kind),
                                list[i].id < 0 ? "over" : list[i].text);
    alarms_forget(rules);
    return out;
}

static void many(struct one o, int count, int64_t apart_ms)
{
    for (int i = 0; i < count; i++, o.at += apart_ms)
        play(&o);
}

/* ---- Limits ------------------------------------------------------------------------ */

static void test_limits_are_read_and_written(void **state)
{
    (void)state;
    struct alarm_limits l = ALARM_LIMITS_DEFAULT, again = {{0}};
    struct err e = {""};
    char text[ALARM_LIMITS_TEXT_MAX];
    alarm_limits_text(&l, text);
    assert_string_equal(text, "cache_break=0.5,runaway=120,storm=10,ttft=4,context=85");
    assert_int_equal(alarm_limits_parse(&l, "--alarms", "cache_break=0.0315, context=off,runaway=300", &e), 0);
    alarm_limits_text(&l, text);
    assert_string_equal(text, "cache_break=0.0315,runaway=300,storm=10,ttft=4,context=off");
    assert_int_equal(alarm_limits_parse(&again, "--alarms", text, &e), 0);
    assert_memory_equal(&again, &l, sizeof l);
    assert_int_equal(alarm_limits_parse(&l, "--alarms", "off", &e), 0);
    for (size_t i = 0; i < ALARM_KIND_COUNT; i++)
        assert_int_equal(l.from[i], 0);
}

static void test_bad_limits_are_refused_whole(void **state)
{
    (void)state;
    static const char *const bad[] = {"", "cache_break", "cache_break=", "cache_break=free", "cache_break=-1", "cache_break=0", "nosuch=3", "context=101",
                                      "context=8.5", "storm=101", "ttft=nan", "ttft=1e9", "runaway=120,", "runaway=0x10", "storm=10 20", "cache_break=inf"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct alarm_limits l = ALARM_LIMITS_DEFAULT, before = l;
        char text[80];
        struct err e = {""};
        snprintf(text, sizeof text, "runaway=7,%s", bad[i]);
        if (alarm_limits_parse(&l, "--alarms", text, &e) == 0)
            fail_msg("taken: %s", text);
        assert_memory_equal(&l, &before, sizeof l);
        if (strncmp(e.text, "--alarms: ", 10) != 0)
            fail_msg("%s: %s", text, e.text);
    }
}

static void test_the_median_is_of_the_last_thirty(void **state)
{
    (void)state;
    struct usual u = {.count = 0};
    assert_int_equal(usual_median(&u, 0), 0);
    for (int64_t i = 1; i <= 100; i++)
        usual_put(&u, i);
    assert_int_equal(usual_median(&u, 0), 86);          /* of 71 … 100 */
    assert_int_equal(usual_median(&u, 10), 81);         /* of 71 … 90 */
    assert_int_equal(usual_median_of_last(&u, 5), 98);  /* of 96 … 100 */
    assert_int_equal(usual_median(&u, 30), 0);
}

/* ---- Cache breaks -------------------------------------------------------------------- */

static void test_a_dear_cache_break_is_told_once_in_ten_minutes(void **state)
{
    (void)state;
    struct one o = {.session = "s", .at = T0, .cache_break = "tool: Bash", .break_microusd = 499999};
    play(&o);
    assert_string_equal(raised(), "");
    o.break_microusd = 620000;
    play(&o);
    assert_string_equal(raised(), "cache_break: a cache break cost $0.620: tool: Bash");
    o.at += 9 * MINUTE;
    play(&o);
    assert_string_equal(raised(), "");
    o.session = "another";
    play(&o);
    assert_string_equal(raised(), "cache_break: a cache break cost $0.620: tool: Bash");
    o.session = "s";
    o.at += 2 * MINUTE;
    play(&o);
    assert_string_equal(raised(), "cache_break: a cache break cost $0.620: tool: Bash");
    o.cache_break = "tool: \x1b[31mevil";
    o.at += 11 * MINUTE;
    play(&o);
    assert_null(strchr(raised(), '\x1b'));
}

/* ---- Runaway agents -------------------------------------------------------------------- */

static void test_a_runaway_without_a_past(void **state)
{
    (void)state;
    many((struct one){.session = "s", .at = T0}, 119, 400);
    assert_string_equal(raised(), "");
    many((struct one){.session = "s", .at = T0 + 119 * 400}, 20, 400);
    assert_string_equal(raised(), "runaway: runaway agents: 120 calls within a minute");
}

static void test_a_steady_pace_is_no_runaway(void **state)
{
    (void)state;
    /* 100 a minute for an hour, in two sessions each. */
    for (int64_t at = T0; at < T0 + 60 * MINUTE; at += 600) {
        play(&(struct one){.session = "a", .at = at});
        play(&(struct one){.session = "b", .at = at});
    }
    assert_string_equal(raised(), "");
    /* 200 a minute is above the limit, but no four times the usual. */
    many((struct one){.session = "a", .at = T0 + 60 * MINUTE}, 400, 300);
    assert_string_equal(raised(), "");
    /* 500 a minute is. */
    many((struct one){.session = "a", .at = T0 + 63 * MINUTE}, 500, 100);
    assert_string_equal(raised(), "runaway: runaway agents: 400 calls within a minute, usually 100");
}

static void test_repeats_and_counting_are_no_runaway(void **state)
{
    (void)state;
    many((struct one){.session = "s", .at = T0, .is_retry = true, .state = CALL_ABORTED}, 500, 10);
    many((struct one){.session = "s", .at = T0, .purpose = PURPOSE_COUNT_TOKENS}, 500, 10);
    assert_string_equal(raised(), "");
}

static void test_more_sessions_than_are_kept(void **state)
{
    (void)state;
    char name[20];
    for (int i = 0; i < 2000; i++) {
        snprintf(name, sizeof name, "s%d", i);
        play(&(struct one){.session = name, .at = T0 + i});
    }
    assert_string_equal(raised(), "");
    many((struct one){.session = "s0", .at = T0 + 3 * SECOND}, 120, 10);
    assert_string_equal(raised(), "runaway: runaway agents: 120 calls within a minute");
}

/* ---- Storms ---------------------------------------------------------------------------- */

static void test_failures_make_a_storm_when_they_are_half(void **state)
{
    (void)state;
    struct one bad = {.session = "s", .at = T0, .state = CALL_ERROR, .status = 529, .error = "overloaded_error"};
    many((struct one){.session = "s", .at = T0}, 12, SECOND);
    many(bad, 11, SECOND);
    assert_string_equal(raised(), "");
    many(bad, 1, SECOND);
    assert_string_equal(raised(), "storm: 12 of 24 calls failed or were repeated within 5 minutes, mostly 529 overloaded_error");
    many(bad, 30, SECOND);
    assert_string_equal(raised(), "");
}

static void test_few_or_old_failures_make_none(void **state)
{
    (void)state;
    struct one bad = {.session = "s", .at = T0, .state = CALL_ERROR, .status = 500, .error = "api_error"};
    many(bad, 9, SECOND);
    bad.at += 10 * MINUTE;
    many(bad, 9, SECOND);
    assert_string_equal(raised(), "");
    many((struct one){.session = "s", .at = T0 + 11 * MINUTE, .state = CALL_ABORTED}, 50, 10);
    many((struct one){.session = "s", .at = T0 + 30 * MINUTE, .state = CALL_ERROR, .status = 429, .error = "billing_error"}, 50, 10);
    many((struct one){.session = "s", .at = T0 + 60 * MINUTE, .state = CALL_ERROR, .status = 404, .purpose = PURPOSE_COUNT_TOKENS}, 50, 10);
    assert_string_equal(raised(), "");
}

static void test_a_session_fails_among_well_ones(void **state)
{
    (void)state;
    size_t count;
    many((struct one){.session = "well", .at = T0}, 60, SECOND);
    many((struct one){.session = "ill", .at = T0 + MINUTE, .state = CALL_ERROR, .status = 400, .error = "invalid_request_error"}, 10, SECOND);
    const struct alarm *a = alarms_peek(rules, &count);
    assert_int_equal(count, 1);
    assert_string_equal(a->session_id, "ill");
    assert_string_equal(a->text, "10 of 10 calls failed or were repeated within 5 minutes, mostly 400 invalid_request_error");
}

static void test_a_storm_over_every_session(void **state)
{
    (void)state;
    size_t count;
    char name[8];
    for (int i = 0; i < 10; i++) {
        snprintf(name, sizeof name, "s%d", i % 4);
        play(&(struct one){.session = name, .at = T0 + i * SECOND, .state = CALL_ERROR, .error = "upstream_cut"});
    }
    const struct alarm *a = alarms_peek(rules, &count);
    assert_int_equal(count, 1);
    assert_null(a->session_id);
    assert_string_equal(a->text, "10 of 10 calls failed or were repeated within 5 minutes, mostly upstream_cut");
}

static void test_repeats_that_come_through_are_a_storm(void **state)
{
    (void)state;
    for (int i = 0; i < 5; i++) {
        play(&(struct one){.session = "s", .at = T0 + i * 20 * SECOND, .state = CALL_ERROR, .error = "upstream_cut"});
        play(&(struct one){.session = "s", .at = T0 + i * 20 * SECOND + 1, .is_retry = true});
    }
    assert_string_equal(raised(), "storm: 10 of 10 calls failed or were repeated within 5 minutes, mostly upstream_cut");
}

/* ---- First tokens ------------------------------------------------------------------------ */

static void test_long_waits_against_the_usual_of_that_model(void **state)
{
    (void)state;
    struct one o = {.session = "s", .at = T0, .provider = "anthropic", .ttft_ms = 1200};
    many(o, 19, SECOND);
    o.at += 20 * SECOND;
    o.ttft_ms = 14000;
    many(o, 2, SECOND); /* two of five are no median */
    assert_string_equal(raised(), "");
    o.at += 2 * SECOND;
    many(o, 3, SECOND);
    /* 19 calls are not enough to be usual, with the three before they are. */
    o.at += 3 * SECOND;
    many(o, 1, SECOND);
    assert_string_equal(raised(), "ttft: claude-opus-5-5 at anthropic: the first token takes 14s, usually 1.2s");
    o.provider = "vertex_ai";
    many(o, 40, SECOND);
    assert_string_equal(raised(), ""); /* there it is usual */
}

static void test_waits_that_are_long_but_few_or_not_far_above(void **state)
{
    (void)state;
    struct one o = {.session = "s", .at = T0, .ttft_ms = 200};
    many(o, 25, SECOND);
    o.at += MINUTE;
    o.ttft_ms = 2000; /* ten times, but nobody notices 1.8 seconds */
    many(o, 5, SECOND);
    assert_string_equal(raised(), "");
    for (int i = 0; i < 10; i++) { /* one in a while */
        o.at += 20 * MINUTE;
        o.ttft_ms = 30000;
        play(&o);
        o.ttft_ms = 200;
        o.at += 5 * MINUTE;
        play(&o);
    }
    assert_string_equal(raised(), "");
}

/* ---- Contexts ---------------------------------------------------------------------------- */

static void test_a_full_context_is_told_until_it_is_over(void **state)
{
    (void)state;
    struct one o = {.session = "s", .at = T0, .model = "claude-haiku-4-5-20251001", .tokens = 169999};
    play(&o);
    assert_string_equal(raised(), "");
    o.tokens = 172000;
    play(&o);
    assert_string_equal(raised(), "context: the context is 86 % full: 172k of 200k tokens");
    o.at += 20 * MINUTE;
    o.tokens = 190000;
    many(o, 5, SECOND);
    assert_string_equal(raised(), ""); /* it only grew */
    o.purpose = PURPOSE_FORK;
    o.tokens = 1000;
    play(&o);
    assert_string_equal(raised(), "");
    o.purpose = PURPOSE_MAIN;
    o.tokens = 30000; /* compacted */
    play(&o);
    assert_string_equal(raised(), "context: over");
    o.at += 20 * MINUTE;
    o.tokens = 172000;
    play(&o);
    assert_string_equal(raised(), "context: the context is 86 % full: 172k of 200k tokens");
    o.purpose = PURPOSE_SUBAGENT;
    o.agent = "a1";
    play(&o);
    assert_string_equal(raised(), "context: the context of a subagent is 86 % full: 172k of 200k tokens");
    o.model = "nobody-knows-this";
    o.agent = "a2";
    play(&o);
    assert_string_equal(raised(), "");
}

/* ---- The past ------------------------------------------------------------------------------ */

static void test_the_past_is_learned_and_not_told(void **state)
{
    (void)state;
    struct one full = {.session = "s", .at = T0, .model = "claude-haiku-4-5-20251001", .tokens = 172000};
    struct one waits = {.session = "t", .at = T0, .ttft_ms = 1000};
    alarms_set_quiet(rules, true);
    play(&full);
    many(waits, 25, SECOND);
    many((struct one){.session = "s", .at = T0 + MINUTE, .state = CALL_ERROR, .status = 500, .error = "api_error"}, 40, 100);
    assert_string_equal(raised(), "");
    alarms_set_quiet(rules, false);
    full.at += 20 * MINUTE;
    play(&full);
    assert_string_equal(raised(), "");
    waits.at += 20 * MINUTE;
    waits.ttft_ms = 9000;
    many(waits, 5, SECOND);
    assert_string_equal(raised(), "ttft: claude-opus-5-5: the first token takes 9.0s, usually 1.0s");
}

/* NTP sets a clock right that was hours ahead: what was told and counted then is no longer "now". */
static void test_a_clock_set_back_neither_silences_nor_raises(void **state)
{
    (void)state;
    const int64_t back = 3 * 60 * MINUTE;
    struct one dear = {.session = "s", .at = T0, .cache_break = "tool: Bash", .break_microusd = 620000};
    struct one bad = {.session = "b", .at = T0, .state = CALL_ERROR, .status = 529, .error = "overloaded_error"};
    play(&dear);
    many(bad, 9, SECOND);
    assert_string_equal(raised(), "cache_break: a cache break cost $0.620: tool: Bash");
    dear.at -= back;
    play(&dear);
    assert_string_equal(raised(), "cache_break: a cache break cost $0.620: tool: Bash");
    bad.at -= back;
    play(&bad); /* the tenth, but hours from the others */
    assert_string_equal(raised(), "");
    many((struct one){.session = "s", .at = T0 - back + MINUTE}, 200, 20 * SECOND); /* three a minute */
    assert_string_equal(raised(), "");
}

static void test_limits_that_are_off(void **state)
{
    (void)state;
    const struct alarm_limits off = {{0}};
    alarms_free(rules);
    rules = alarms_new(&off, catalog);
    many((struct one){.session = "s", .at = T0, .tokens = 999999, .cache_break = "tool: Bash", .break_microusd = 9000000}, 500, 10);
    many((struct one){.session = "s", .at = T0, .state = CALL_ERROR, .status = 500, .ttft_ms = 90000}, 500, 10);
    assert_string_equal(raised(), "");
}

#define RULE(f) cmocka_unit_test_setup_teardown(f, open_rules, close_rules)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_limits_are_read_and_written),
        cmocka_unit_test(test_bad_limits_are_refused_whole),
        cmocka_unit_test(test_the_median_is_of_the_last_thirty),
        RULE(test_a_dear_cache_break_is_told_once_in_ten_minutes),
        RULE(test_a_runaway_without_a_past),
        RULE(test_a_steady_pace_is_no_runaway),
        RULE(test_repeats_and_counting_are_no_runaway),
        RULE(test_more_sessions_than_are_kept),
        RULE(test_failures_make_a_storm_when_they_are_half),
        RULE(test_few_or_old_failures_make_none),
        RULE(test_a_session_fails_among_well_ones),
        RULE(test_a_storm_over_every_session),
        RULE(test_repeats_that_come_through_are_a_storm),
        RULE(test_long_waits_against_the_usual_of_that_model),
        RULE(test_waits_that_are_long_but_few_or_not_far_above),
        RULE(test_a_full_context_is_told_until_it_is_over),
        RULE(test_the_past_is_learned_and_not_told),
        RULE(test_a_clock_set_back_neither_silences_nor_raises),
        RULE(test_limits_that_are_off),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
