#include "respan/params.h"
#include "respan/params_words.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void test_right_parameters_pass(void **state)
{
    (void)state;
    static const char *const good[] = {
        "{}",
        " { \"cache_enabled\" : true , \"cache_ttl\" : 3600 } ",
        "{\"fallback_models\":[\"claude-sonnet-5\",\"claude-haiku-4-5-20251001\"],\"disable_fallback\":false}",
        "{\"load_balance_group\":{\"group_id\":\"g\",\"models\":[{\"model\":\"a\",\"weight\":1},{\"model\":\"b\","
        "\"weight\":0.5}]}}",
        "{\"load_balance_models\":[{\"model\":\"a\"}]}",
        "{\"retry_params\":{\"retry_enabled\":true,\"num_retries\":3,\"retry_after\":0.2}}",
        "{\"models\":[\"a\"],\"exclude_models\":[\"b\"],\"exclude_providers\":[\"c\"]}",
        "{\"cache_options\":{\"cache_by_customer\":true,\"is_cached_by_model\":false,\"omit_log\":true}}",
        "{\"customer_identifier\":\"u\",\"thread_identifier\":\"claudecode_1\",\"custom_identifier\":\"x\",\"trace_"
        "unique_id\":\"t\"}",
        "{\"metadata\":{\"a\":\"b\",\"n\":1},\"properties\":{\"deep\":{\"er\":[1]}},\"span_name\":\"s\",\"customer_"
        "params\":{\"email\":\"e\"}}",
        "{\"disable_log\":true,\"request_breakdown\":false}",
    };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        struct err e = {{0}};
        if (params_check(good[i], &e) != 0)
            fail_msg("%s was refused: %s", good[i], e.text);
    }
}

static void test_wrong_ones_are_refused_by_name(void **state)
{
    (void)state;
    static const char *const bad[][2] = {
        {"", "JSON object"},
        {"[]", "JSON object"},
        {"{\"cache_enabled\":true", "JSON object"},
        {"{} {}", "JSON object"},
        {"{\"cache_enabled\":1}", "cache_enabled must be true or false"},
        {"{\"cache_enabled\":\"true\"}", "cache_enabled"},
        {"{\"cache_ttl\":0}", "cache_ttl"},
        {"{\"cache_ttl\":1.5}", "cache_ttl"},
        {"{\"cache_ttl\":\"1h\"}", "cache_ttl"},
        {"{\"cache_ttl\":1e300}", "cache_ttl"},
        {"{\"cache_tll\":60}", "cache_tll is no Respan parameter"},
        {"{\"fallback_models\":\"a,b\"}", "fallback_models"},
        {"{\"fallback_models\":[]}", "fallback_models"},
        {"{\"fallback_models\":[\"a\",1]}", "fallback_models"},
        {"{\"fallback_models\":[\"\"]}", "fallback_models"},
        {"{\"load_balance_group\":[]}", "load_balance_group"},
        {"{\"load_balance_group\":{\"models\":[{\"weight\":1}]}}", "load_balance_group.models needs a \"model\""},
        {"{\"load_balance_group\":{\"models\":[{\"model\":\"a\",\"weight\":-1}]}}", "load_balance_group.models.weight"},
        {"{\"load_balance_group\":{\"group\":\"g\"}}", "load_balance_group.group"},
        {"{\"load_balance_models\":[\"a\"]}", "load_balance_models"},
        {"{\"load_balance_models\":[{\"model\":\"a\",\"credentials\":{\"api_key\":\"k\"}}]}",
         "load_balance_models.credentials would put a key"},
        {"{\"customer_credentials\":{\"openai\":{\"api_key\":\"k\"}}}", "customer_credentials would put a key"},
        {"{\"retry_params\":{\"num_retries\":-1}}", "retry_params.num_retries"},
        {"{\"retry_params\":{\"retry_after\":\"1\"}}", "retry_params.retry_after"},
        {"{\"cache_options\":{\"omit_log\":\"no\"}}", "cache_options.omit_log"},
        {"{\"customer_identifier\":5}", "customer_identifier"},
        {"{\"metadata\":\"x\"}", "metadata"},
        {"{\"disable_log\":null}", "disable_log"},
        {"{\"cache_ttl\":1,\"cache_ttl\":2}", "cache_ttl is given twice"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct err e = {{0}};
        if (params_check(bad[i][0], &e) == 0)
            fail_msg("%s passed", bad[i][0]);
        if (!strstr(e.text, bad[i][1]))
            fail_msg("%s: expected '%s', the error says '%s'", bad[i][0], bad[i][1], e.text);
    }
    assert_int_equal(params_check(NULL, NULL), -1);
}

static void test_lengths_count_characters(void **state)
{
    (void)state;
    struct err e;
    char json[1000];
    char text[500] = "";

    for (int i = 0; i < 120; i++)
        strcat(text, "\xC3\xA4");
    snprintf(json, sizeof json, "{\"customer_identifier\":\"%s\"}", text);
    assert_int_equal(params_check(json, &e), 0);
    snprintf(json, sizeof json, "{\"customer_identifier\":\"%sx\"}", text);
    assert_int_equal(params_check(json, &e), -1);
    assert_non_null(strstr(e.text, "120"));
}

/* --- Merging --- */

static void assert_merged(const char *base, const char *top, const char *expected)
{
    struct err e = {{0}};
    char *merged = params_merge(base, top, &e);
    if (!merged || strcmp(merged, expected) != 0)
        fail_msg("%s under %s: expected %s, came %s %s", base ? base : "-", top ? top : "-", expected,
                 merged ? merged : "nothing", e.text);
    free(merged);
}

static void test_top_wins_key_by_key(void **state)
{
    (void)state;
    assert_merged("{\"a\":1,\"b\":2}", "{\"b\":3,\"c\":4}", "{\"a\":1,\"b\":3,\"c\":4}");
    assert_merged("{\"a\":{\"x\":1}}", "{\"a\":{\"y\":2}}", "{\"a\":{\"y\":2}}");
    assert_merged("{\"a\":1}", NULL, "{\"a\":1}");
    assert_merged(NULL, "{\"a\":1}", "{\"a\":1}");
    assert_merged(NULL, NULL, "{}");
    assert_merged("{}", " { } ", "{}");
    assert_merged("{\"\\u0061\":1,\"b\":2}", "{\"a\":3,\"\\u0062\":4}", "{\"a\":3,\"\\u0062\":4}");
}

static void test_values_are_not_printed_anew(void **state)
{
    (void)state;
    assert_merged("{ \"n\" : 12345678901234567890 }", "{\"e\":1e400,\"s\":\"\\u00e4\\/\",\"d\":1.0}",
                  "{\"n\":12345678901234567890,\"e\":1e400,\"s\":\"\\u00e4\\/\",\"d\":1.0}");
}

static void test_bad_json_is_not_merged(void **state)
{
    (void)state;
    struct err e = {{0}};
    assert_null(params_merge("{\"a\":1}", "[1]", &e));
    assert_non_null(strstr(e.text, "[1]"));
    assert_null(params_merge("{\"a\":", "{}", &e));
    assert_null(params_merge("{}", "", NULL));
}

static void assert_thread(const char *json, const char *expected)
{
    struct err e = {{0}};
    char *with = params_with_thread(json, "s-1", &e);
    if (!with || strcmp(with, expected) != 0)
        fail_msg("%s: expected %s, came %s %s", json, expected, with ? with : "nothing", e.text);
    free(with);
}

static void test_thread_is_the_session_unless_one_is_named(void **state)
{
    (void)state;
    assert_thread("{}", "{\"thread_identifier\":\"claudecode_s-1\"}");
    assert_thread("{\"a\":1}", "{\"thread_identifier\":\"claudecode_s-1\",\"a\":1}");
    assert_thread("{\"thread_identifier\":\"mine\"}", "{\"thread_identifier\":\"mine\"}");
    assert_thread("{\"thread_identifier\":\"auto\",\"a\":1}", "{\"a\":1,\"thread_identifier\":\"claudecode_s-1\"}");
    assert_null(params_with_thread("[]", "s", NULL));
    /* A session's name cannot add members of its own. */
    struct err e = {{0}};
    char *with = params_with_thread("{}", "s\",\"model\":\"x\\", &e);
    assert_string_equal(with, "{\"thread_identifier\":\"claudecode_s\\\",\\\"model\\\":\\\"x\\\\\"}");
    free(with);
}

/* --- The header --- */

static void test_header_value_and_back(void **state)
{
    (void)state;
    struct err e = {{0}};
    char *value = params_encode("{\"cache_ttl\":60}");
    assert_string_equal(value, "eyJjYWNoZV90dGwiOjYwfQ==");
    char *json = params_decode(" eyJjYWNoZV90dGwiOjYwfQ== \t", &e);
    assert_string_equal(json, "{\"cache_ttl\":60}");
    free(json);
    free(value);
    assert_null(params_decode("not base64!", &e));
    assert_non_null(strstr(e.text, "no base64"));
    assert_null(params_decode("", &e));
    value = params_encode("[1]");
    assert_null(params_decode(value, &e));
    assert_non_null(strstr(e.text, "no JSON object"));
    free(value);
}

/* --- The word for the cache --- */

static void test_cache_words(void **state)
{
    (void)state;
    static const char *const words[][2] = {
        {"off", "{\"cache_enabled\":false}"},
        {"on", "{\"cache_enabled\":true}"},
        {"300", "{\"cache_enabled\":true,\"cache_ttl\":300}"},
        {"45s", "{\"cache_enabled\":true,\"cache_ttl\":45}"},
        {"5m", "{\"cache_enabled\":true,\"cache_ttl\":300}"},
        {"1h", "{\"cache_enabled\":true,\"cache_ttl\":3600}"},
        {"7d", "{\"cache_enabled\":true,\"cache_ttl\":604800}"},
        {"2w", "{\"cache_enabled\":true,\"cache_ttl\":1209600}"},
    };
    static const char *const bad[] = {"", "0", "0h", "-5", "5x", "5mm", "h", "1.5h", "yes", "ON", " 5", "99999999999d"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        struct err e = {{0}};
        char *json = params_from_cache_word(words[i][0], &e);
        assert_non_null(json);
        assert_string_equal(json, words[i][1]);
        assert_int_equal(params_check(json, &e), 0);
        free(json);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct err e = {{0}};
        char *json = params_from_cache_word(bad[i], &e);
        if (json)
            fail_msg("'%s' gave %s", bad[i], json);
        assert_non_null(strstr(e.text, "1h"));
    }
}

static void expect_text(char *came, const char *expected)
{
    if (!expected)
        assert_null(came);
    else
        assert_string_equal(came ? came : "(none)", expected);
    free(came);
}

static void test_words_of_members_and_back(void **state)
{
    (void)state;
    expect_text(params_list_json("a"), "[\"a\"]");
    expect_text(params_list_json(" a , b\"c,d "), "[\"a\",\"b\\\"c\",\"d\"]");
    expect_text(params_list_json("a,,b"), "[\"a\",\"\",\"b\"]"); /* params_check() refuses it by name */
    expect_text(params_list_words(" {\"x\":[\"a\",\"b\"]}", "x"), "a,b");
    expect_text(params_list_words("{\"x\":[\"a\",1]}", "x"), NULL);
    expect_text(params_list_words("{\"x\":[\"a,b\",\"c\"]}", "x"), NULL);
    expect_text(params_list_words("{\"x\":[]}", "x"), NULL);
    expect_text(params_list_words("{\"x\":\"a\"}", "x"), NULL);
    expect_text(params_list_words("{}", "x"), NULL);
    expect_text(params_list_words("no json", "x"), NULL);
    expect_text(params_without("{\"a\":1,\"b\":{\"a\":2},\"a\":3}", "a"), "{\"b\":{\"a\":2}}");
    expect_text(params_without("{\"a\":1}", "a"), NULL);
    static const char *const caches[][2] = {
        {"{\"cache_enabled\":false}", "off"},  {"{\"cache_enabled\":true}", "on"},
        {"{\"cache_enabled\":true,\"cache_ttl\":3600}", "1h"}, {"{\"cache_ttl\":86400,\"cache_enabled\":true}", "1d"},
        {"{\"cache_enabled\":true,\"cache_ttl\":90}", "90"}, {"{\"cache_ttl\":3600}", NULL},
        {"{\"cache_enabled\":false,\"cache_ttl\":60}", NULL}, {"{\"cache_enabled\":1}", NULL}, {"{}", NULL}};
    for (size_t i = 0; i < sizeof caches / sizeof *caches; i++)
        expect_text(params_cache_words(caches[i][0]), caches[i][1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_right_parameters_pass),       cmocka_unit_test(test_wrong_ones_are_refused_by_name),
        cmocka_unit_test(test_lengths_count_characters),    cmocka_unit_test(test_top_wins_key_by_key),
        cmocka_unit_test(test_values_are_not_printed_anew), cmocka_unit_test(test_bad_json_is_not_merged),
        cmocka_unit_test(test_thread_is_the_session_unless_one_is_named),
        cmocka_unit_test(test_header_value_and_back),       cmocka_unit_test(test_cache_words),
        cmocka_unit_test(test_words_of_members_and_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
