/* What a call's input is taken to cost before it goes up. */
#include "tests/unit/test.h"

#include <stdio.h>
#include <string.h>

#include "gateway/budget_estimate.h"

static const struct estimate_subject FIRST = {.session_id = "s", .model = "m", .text_bytes = 4000, .now_ms = 1000};

static struct usage ask(const struct estimates *e, const struct estimate_subject *s)
{
    return estimate_usage(e, s);
}

static void test_four_bytes_are_a_token_while_nothing_is_known(void **state)
{
    (void)state;
    static struct estimates e;
    struct usage u = ask(&e, &FIRST);
    assert_int_equal(u.in, 1000);
    assert_int_equal(u.cache_read, 0);
    assert_int_equal(u.out, 0);
}

static void test_a_conversation_is_read_from_the_cache_and_its_growth_is_new(void **state)
{
    (void)state;
    static struct estimates e;
    struct estimate_subject next = FIRST;
    struct usage told = {.in = 10, .cache_read = 0, .cache_write_5m = 1190, .cache_write_1h = 0, .out = 5};
    estimate_learn(&e, &FIRST, &told);
    next.text_bytes = 4400;
    next.now_ms = 200000;
    struct usage u = ask(&e, &next);
    assert_int_equal(u.cache_read, 1200);
    assert_int_equal(u.in, 100);
}

static void test_cache_that_has_expired_or_is_anothers_costs_full_price(void **state)
{
    (void)state;
    struct usage told = {.in = 10, .cache_read = 0, .cache_write_5m = 1190, .cache_write_1h = 0, .out = 5};
    struct estimate_subject late = FIRST, other_model = FIRST, other_agent = FIRST, shorter = FIRST;
    static struct estimates e;
    estimate_learn(&e, &FIRST, &told);
    late.now_ms = 1000 + 300000;
    other_model.model = "n";
    other_agent.agent_id = "a";
    shorter.text_bytes = 400;
    assert_int_equal(ask(&e, &late).in, 1200);
    assert_int_equal(ask(&e, &other_model).in, 1200);
    assert_int_equal(ask(&e, &other_agent).in, 1000);
    assert_int_equal(ask(&e, &shorter).in, 100);
    assert_int_equal(ask(&e, &shorter).cache_read, 0);
}

static void test_cache_of_an_hour_lasts_an_hour(void **state)
{
    (void)state;
    struct usage told = {.in = 10, .cache_read = 0, .cache_write_5m = 0, .cache_write_1h = 1190, .out = 5};
    struct estimate_subject late = FIRST;
    static struct estimates e;
    estimate_learn(&e, &FIRST, &told);
    late.now_ms = 1000 + 3599999;
    assert_int_equal(ask(&e, &late).cache_read, 1200);
}

static void test_old_conversations_make_room(void **state)
{
    (void)state;
    static struct estimates e;
    struct usage told = {.in = 7, .cache_read = 0, .cache_write_5m = 0, .cache_write_1h = 0, .out = 5};
    char name[16];
    for (int i = 0; i < CONVERSATIONS_MAX + 1; i++) {
        snprintf(name, sizeof name, "s%d", i);
        struct estimate_subject s = {.session_id = name, .model = "m", .text_bytes = 4000, .now_ms = 1000 + i};
        estimate_learn(&e, &s, &told);
    }
    struct estimate_subject first = {.session_id = "s0", .model = "m", .text_bytes = 4000, .now_ms = 2000};
    struct estimate_subject second = {.session_id = "s1", .model = "m", .text_bytes = 4000, .now_ms = 2000};
    assert_int_equal(ask(&e, &first).cache_read, 0);
    assert_int_equal(ask(&e, &second).cache_read, 7);
}

static void test_pictures_are_left_out_of_the_text(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        int64_t text, pictures;
    } cases[] = {
        {"", 0, 0},
        {"{\"a\":\"image/png\"}", 17, 0},
        {"{\"media_type\":\"image/png\",\"data\":\"AAAA\"}", 34, 1},
        {"{\"media_type\":\"image/png\", \"data\": \"AAAA\"}{\"media_type\":\"image/gif\",\"data\":\"BB\"}", 70, 2},
        {"{\"media_type\":\"image/png\",\"data\":\"AAAA", 38, 0}, /* cut */
        {"{\"media_type\":\"application/pdf\",\"data\":\"AAAA\"}", 46, 0},
        {"\"image/", 7, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t pictures = -1;
        struct bytes body = {cases[i].body, strlen(cases[i].body)};
        int64_t text = estimate_text_bytes(body, &pictures);
        if (text != cases[i].text || pictures != cases[i].pictures)
            fail_msg("%s: %lld bytes and %lld pictures", cases[i].body, (long long)text, (long long)pictures);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_four_bytes_are_a_token_while_nothing_is_known),
        cmocka_unit_test(test_a_conversation_is_read_from_the_cache_and_its_growth_is_new),
        cmocka_unit_test(test_cache_that_has_expired_or_is_anothers_costs_full_price),
        cmocka_unit_test(test_cache_of_an_hour_lasts_an_hour),
        cmocka_unit_test(test_old_conversations_make_room),
        cmocka_unit_test(test_pictures_are_left_out_of_the_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
