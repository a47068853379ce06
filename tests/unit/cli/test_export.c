/* The formats of `spantop export`, a call at a time, without a log. */
#include "tests/unit/test.h"

#include "cli/export.h"

#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "base/mem.h"


static struct call example(void)
{
    struct call c;
    call_init(&c);
    c.id = 7;
    c.state = CALL_DONE;
    c.started_at = 1795352400123;
    c.finished_at = 1795352402000;
    c.duration_ms = 1877;
    c.ttfb_ms = 200;
    c.status = 200;
    c.session_id = xstrdup("0f000000-0000-4000-8000-00000000000a");
    c.method = xstrdup("POST");
    c.path = xstrdup("/v1/messages?beta=true&a=%22b%22&&c+d");
    c.model_asked = xstrdup("claude-opus-5-5");
    c.cost_microusd = 1230045;
    c.usage.in = 3;
    c.usage.cache_read = 900;
    c.usage.cache_write_1h = 97;
    return c;
}

/* What f makes of c; caller frees. */
static char *made(const struct export_format *f, const struct call *c)
{
    struct export x = {.upstream = "http://up/api/anthropic/"};
    struct err e = {""};
    buf_init(&x.out);
    assert_int_equal(f->call(&x, c, &e), 0);
    return buf_take(&x.out, NULL);
}

static void expect_cell(const char *title, const char *cell)
{
    struct call c = example();
    c.session_title = xstrdup(title);
    char *line = made(&export_csv, &c);
    char *whole = xasprintf(",0f000000-0000-4000-8000-00000000000a,%s,", cell);
    if (!strstr(line, whole))
        fail_msg("expected %s in %s", whole, line);
    free(whole);
    free(line);
    call_done(&c);
}

static void test_cells_are_quoted_and_run_no_formula(void **state)
{
    (void)state;
    expect_cell("plain", "plain");
    expect_cell("", "");
    expect_cell("a,b", "\"a,b\"");
    expect_cell("say \"so\"", "\"say \"\"so\"\"\"");
    expect_cell("two\nlines", "\"two\nlines\"");
    expect_cell("=1+1", "\"'=1+1\"");
    expect_cell("-2", "\"'-2\"");
    expect_cell("@SUM(A1)", "\"'@SUM(A1)\"");
    expect_cell("\t=1", "\"'\t=1\"");
    expect_cell("a=1", "a=1");
}

static void test_an_archive_entry_has_times_and_address(void **state)
{
    (void)state;
    struct call c = example();
    char *text = made(&export_har, &c);
    cJSON *j = cJSON_Parse(text);
    assert_non_null(j);
    assert_string_equal(cJSON_GetObjectItem(j, "startedDateTime")->valuestring, "2026-11-22T13:00:00.123Z");
    assert_int_equal(cJSON_GetObjectItem(j, "time")->valueint, 1877);
    cJSON *request = cJSON_GetObjectItem(j, "request"), *query = cJSON_GetObjectItem(request, "queryString");
    assert_string_equal(cJSON_GetObjectItem(request, "url")->valuestring,
                        "http://up/api/anthropic/v1/messages?beta=true&a=%22b%22&&c+d");
    assert_int_equal(cJSON_GetArraySize(query), 3);
    assert_string_equal(cJSON_GetObjectItem(cJSON_GetArrayItem(query, 1), "value")->valuestring, "\"b\"");
    assert_string_equal(cJSON_GetObjectItem(cJSON_GetArrayItem(query, 2), "name")->valuestring, "c d");
    cJSON *timings = cJSON_GetObjectItem(j, "timings");
    assert_int_equal(cJSON_GetObjectItem(timings, "wait")->valueint, 200);
    assert_int_equal(cJSON_GetObjectItem(timings, "receive")->valueint, 1677);
    cJSON_Delete(j);
    free(text);
    call_done(&c);
}

static void test_times_of_a_call_without_an_answer(void **state)
{
    (void)state;
    struct call c = example();
    c.ttfb_ms = c.duration_ms = c.status = CALL_UNKNOWN;
    char *text = made(&export_har, &c);
    assert_non_null(strstr(text, "\"time\":0,"));
    assert_non_null(strstr(text, "\"status\":0,"));
    assert_non_null(strstr(text, "\"timings\":{\"send\":0,\"wait\":0,\"receive\":0}"));
    free(text);
    call_done(&c);
}

static void test_a_span_has_ids_in_hex_and_integers_as_text(void **state)
{
    (void)state;
    struct call c = example();
    char *text = made(&export_otlp, &c);
    assert_non_null(strstr(text, "{\"traceId\":\"0f00000000004000800000000000000a\",\"spanId\":\""));
    assert_null(strstr(text, "parentSpanId"));
    assert_non_null(strstr(text, "\"name\":\"chat claude-opus-5-5\",\"kind\":3,\"startTimeUnixNano\":\"1795352400123000000\""));
    assert_non_null(strstr(text, "{\"key\":\"gen_ai.usage.input_tokens\",\"value\":{\"intValue\":\"1000\"}}"));
    assert_non_null(strstr(text, "{\"key\":\"spantop.cost_usd\",\"value\":{\"doubleValue\":1.230045}}"));
    assert_null(strstr(text, "output_tokens")); /* unknown is not 0 */
    free(text);
    call_done(&c);
}

static void test_a_running_call_is_no_span(void **state)
{
    (void)state;
    struct call c = example();
    c.state = CALL_OPEN;
    char *text = made(&export_otlp, &c);
    assert_string_equal(text, "");
    free(text);
    call_done(&c);
}

static void test_ids_are_the_same_each_time_and_never_alike(void **state)
{
    (void)state;
    char trace[TRACE_ID_MAX], other[TRACE_ID_MAX], span[SPAN_ID_MAX], again[SPAN_ID_MAX];
    export_trace_id(trace, "0F000000-0000-4000-8000-00000000000a", 1); /* hex in small letters only */
    assert_string_not_equal(trace, "0f00000000004000800000000000000a");
    assert_int_equal(strlen(trace), 32);
    export_trace_id(other, "00000000-0000-0000-0000-000000000000", 1); /* all zero is no id */
    assert_int_not_equal(strspn(other, "0"), 32);
    export_trace_id(trace, NULL, 1);
    export_trace_id(other, NULL, 2);
    assert_string_not_equal(trace, other);
    export_span_id(span, trace, 1);
    export_span_id(again, trace, 1);
    assert_string_equal(span, again);
    export_span_id(again, trace, 2);
    assert_string_not_equal(span, again);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cells_are_quoted_and_run_no_formula),
        cmocka_unit_test(test_an_archive_entry_has_times_and_address),
        cmocka_unit_test(test_times_of_a_call_without_an_answer),
        cmocka_unit_test(test_a_span_has_ids_in_hex_and_integers_as_text),
        cmocka_unit_test(test_a_running_call_is_no_span),
        cmocka_unit_test(test_ids_are_the_same_each_time_and_never_alike),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
