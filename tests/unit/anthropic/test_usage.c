#include "anthropic/usage.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void merge(struct usage *u, const char *json)
{
    usage_merge(u, json, (struct span){0, strlen(json)});
}

#define ASSERT_USAGE(u, in_, read_, w5, w1, out_)                                                                      \
    do {                                                                                                               \
        assert_int_equal((u).in, in_);                                                                                 \
        assert_int_equal((u).cache_read, read_);                                                                       \
        assert_int_equal((u).cache_write_5m, w5);                                                                      \
        assert_int_equal((u).cache_write_1h, w1);                                                                      \
        assert_int_equal((u).out, out_);                                                                               \
    } while (0)

static void test_never_seen_is_unknown_not_zero(void **state)
{
    (void)state;
    struct usage u;
    usage_init(&u);
    ASSERT_USAGE(u, -1, -1, -1, -1, -1);
    merge(&u, "{\"input_tokens\":0}");
    ASSERT_USAGE(u, 0, -1, -1, -1, -1);
    assert_int_equal(usage_context(&u), 0);
}

static void test_all_four_classes_with_split(void **state)
{
    (void)state;
    struct usage u;
    usage_init(&u);
    merge(&u, "{\"input_tokens\":4,\"cache_creation_input_tokens\":300,\"cache_read_input_tokens\":20000,"
              "\"cache_creation\":{\"ephemeral_5m_input_tokens\":100,\"ephemeral_1h_input_tokens\":200},"
              "\"output_tokens\":7,\"server_tool_use\":{\"web_search_requests\":2},\"service_tier\":\"standard\"}");
    ASSERT_USAGE(u, 4, 20000, 100, 200, 7);
    assert_int_equal(u.web_searches, 2);
    assert_int_equal(usage_context(&u), 20304);
}

static void test_split_counts_in_any_order(void **state)
{
    (void)state;
    struct usage u;
    usage_init(&u);
    merge(&u, "{\"cache_creation\":{\"ephemeral_1h_input_tokens\":200},\"cache_creation_input_tokens\":200}");
    ASSERT_USAGE(u, -1, -1, 0, 200, -1);
}

static void test_total_alone_is_the_5_minute_class(void **state)
{
    (void)state;
    struct usage u;
    usage_init(&u);
    merge(&u, "{\"cache_creation_input_tokens\":300}");
    ASSERT_USAGE(u, -1, -1, 300, -1, -1);
}

static void test_later_total_does_not_count_1h_writes_twice(void **state)
{
    (void)state;
    struct usage u;
    usage_init(&u);
    merge(&u, "{\"cache_creation_input_tokens\":5000,\"cache_creation\":{\"ephemeral_5m_input_tokens\":0,"
              "\"ephemeral_1h_input_tokens\":5000},\"output_tokens\":1}");
    merge(&u, "{\"cache_creation_input_tokens\":5000,\"output_tokens\":90}");
    ASSERT_USAGE(u, -1, -1, 0, 5000, 90);
    merge(&u, "{\"cache_creation_input_tokens\":5600}");
    ASSERT_USAGE(u, -1, -1, 600, 5000, 90);
    merge(&u, "{\"cache_creation_input_tokens\":4000}");
    ASSERT_USAGE(u, -1, -1, 0, 4000, 90);
}

static void test_zero_split_under_a_total_loses_nothing(void **state)
{
    (void)state;
    struct usage u;
    usage_init(&u);
    merge(&u, "{\"cache_creation_input_tokens\":700,\"cache_creation\":{\"ephemeral_5m_input_tokens\":0,"
              "\"ephemeral_1h_input_tokens\":0}}");
    ASSERT_USAGE(u, -1, -1, 700, 0, -1);
}

static void test_missing_field_keeps_its_value(void **state)
{
    (void)state;
    struct usage u;
    usage_init(&u);
    merge(&u, "{\"input_tokens\":10,\"cache_read_input_tokens\":50,\"output_tokens\":1}");
    merge(&u, "{\"output_tokens\":400}");
    ASSERT_USAGE(u, 10, 50, -1, -1, 400);
}

static void test_null_text_and_negative_say_nothing(void **state)
{
    (void)state;
    struct usage u;
    usage_init(&u);
    merge(&u, "{\"input_tokens\":10,\"output_tokens\":3}");
    merge(&u, "{\"input_tokens\":null,\"output_tokens\":\"8\",\"cache_read_input_tokens\":-4,\"cache_creation\":null,"
              "\"server_tool_use\":null}");
    ASSERT_USAGE(u, 10, -1, -1, -1, 3);
    merge(&u, "{\"output_tokens\":99999999999999999999}");
    merge(&u, "[1,2]");
    merge(&u, "null");
    ASSERT_USAGE(u, 10, -1, -1, -1, 3);
}

static void test_bigger_than_32_bits(void **state)
{
    (void)state;
    struct usage u;
    usage_init(&u);
    merge(&u, "{\"input_tokens\":5000000000}");
    assert_true(u.in == INT64_C(5000000000));
}

static void test_what_the_answer_says_of_its_price(void **state)
{
    (void)state;
    static const struct {
        const char *json;
        unsigned extras;
    } cases[] = {
        {"{\"service_tier\":\"standard\",\"speed\":\"standard\",\"inference_geo\":\"global\"}", 0},
        {"{\"service_tier\":null,\"speed\":null,\"inference_geo\":\"not_available\"}", 0},
        {"{\"speed\":\"fast\"}", USAGE_FAST},
        {"{\"inference_geo\":\"us\",\"service_tier\":\"batch\"}", USAGE_US_ONLY | USAGE_BATCH},
        {"{\"service_tier\":\"priority\"}", USAGE_OTHER_TIER},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct usage u;
        usage_init(&u);
        usage_merge(&u, cases[i].json, (struct span){0, strlen(cases[i].json)});
        assert_int_equal(u.extras, cases[i].extras);
        usage_merge(&u, "{\"output_tokens\":3}", (struct span){0, 19}); /* what is not said stays */
        assert_int_equal(u.extras, cases[i].extras);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_the_answer_says_of_its_price),
        cmocka_unit_test(test_never_seen_is_unknown_not_zero),
        cmocka_unit_test(test_all_four_classes_with_split),
        cmocka_unit_test(test_split_counts_in_any_order),
        cmocka_unit_test(test_total_alone_is_the_5_minute_class),
        cmocka_unit_test(test_later_total_does_not_count_1h_writes_twice),
        cmocka_unit_test(test_zero_split_under_a_total_loses_nothing),
        cmocka_unit_test(test_missing_field_keeps_its_value),
        cmocka_unit_test(test_null_text_and_negative_say_nothing),
        cmocka_unit_test(test_bigger_than_32_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
