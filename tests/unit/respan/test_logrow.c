#include "respan/logrow.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static int parse(const char *json, struct logrow *row, struct err *e)
{
    return logrow_parse(json, strlen(json), row, e);
}

static void test_a_whole_row(void **state)
{
    (void)state;
    struct logrow row;
    struct err e;
    assert_int_equal(
        parse("{\"unique_id\":\"abc\",\"id\":\"other\",\"cost\":0.0123456,\"latency\":1.5,\"prompt_tokens\":100,"
              "\"completion_tokens\":20,\"prompt_cache_hit_tokens\":80,\"prompt_cache_creation_tokens\":5,"
              "\"model\":\"claude-opus-5\",\"provider_id\":\"vertex_ai\",\"cache_hit\":false,\"error_message\":\"\","
              "\"limit_info\":{\"limits\":[{\"name\":\"customer_budget\",\"new_value\":1},"
              "{\"name\":\"org_credits\",\"current_value\":42.5,\"new_value\":42.25,\"limit_value\":0}]}}",
              &row, &e),
        0);
    assert_string_equal(row.unique_id, "abc");
    assert_int_equal(row.cost_microusd, 12346);
    assert_string_equal(row.model, "claude-opus-5");
    assert_string_equal(row.provider, "vertex_ai");
    assert_int_equal(row.tokens_prompt, 100);
    assert_int_equal(row.tokens_completion, 20);
    assert_int_equal(row.tokens_cache_read, 80);
    assert_int_equal(row.tokens_cache_write, 5);
    assert_int_equal(row.cache_hit, 0);
    assert_int_equal(row.credits_left_microusd, 42250000);
    assert_string_equal(row.error_message, "");
}

static void test_half_a_microdollar_counts_up_as_in_the_catalog(void **state)
{
    (void)state;
    struct logrow row;
    struct err e;
    /* As a double it lies just below. */
    assert_int_equal(parse("{\"cost\":0.0160225}", &row, &e), 0);
    assert_int_equal(row.cost_microusd, 16023);
    assert_int_equal(parse("{\"cost\":0.016022499}", &row, &e), 0);
    assert_int_equal(row.cost_microusd, 16022);
}

static void test_what_is_missing_is_unknown(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "{}",
        "{\"cost\":null,\"model\":null,\"cache_hit\":null,\"prompt_tokens\":null,\"limit_info\":null}",
        "{\"cost\":-1,\"model\":5,\"cache_hit\":\"x\",\"prompt_tokens\":-3,\"completion_tokens\":\"many\",\"limit_"
        "info\":{\"limits\":{}}}",
        "{\"cost\":1e300,\"limit_info\":{\"limits\":[{\"name\":\"org_credits\"},5,{\"name\":null}]}}",
        "{\"cost\":\"nan\"}",
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct logrow row;
        struct err e;
        assert_int_equal(parse(rows[i], &row, &e), 0);
        assert_string_equal(row.unique_id, "");
        assert_int_equal(row.cost_microusd, -1);
        assert_string_equal(row.model, "");
        assert_int_equal(row.tokens_prompt, -1);
        assert_int_equal(row.tokens_completion, -1);
        assert_int_equal(row.cache_hit, -1);
        assert_true(row.credits_left_microusd == INT64_MIN);
    }
}

static void test_odd_spellings(void **state)
{
    (void)state;
    struct logrow row;
    struct err e;
    assert_int_equal(
        parse("{\"id\":\"i\",\"cost\":\"0.000001\",\"cache_hit\":true,\"error_message\":\"no\","
              "\"limit_info\":{\"limits\":[{\"name\":\"org_credits\",\"current_value\":\"-0.5\",\"new_value\":null}]}}",
              &row, &e),
        0);
    assert_string_equal(row.unique_id, "i");
    assert_int_equal(row.cost_microusd, 1);
    assert_int_equal(row.cache_hit, 1);
    assert_int_equal(row.credits_left_microusd, -500000);
    assert_string_equal(row.error_message, "no");
}

static void test_no_row(void **state)
{
    (void)state;
    static const char *const bad[] = {"", "[]", "{\"cost\":1", "{} x", "null", "<html>"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct logrow row;
        struct err e = {{0}};
        assert_int_equal(parse(bad[i], &row, &e), -1);
        assert_string_not_equal(e.text, "");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_whole_row),
        cmocka_unit_test(test_half_a_microdollar_counts_up_as_in_the_catalog),
        cmocka_unit_test(test_what_is_missing_is_unknown),
        cmocka_unit_test(test_odd_spellings),
        cmocka_unit_test(test_no_row),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
