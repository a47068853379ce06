#include "tests/unit/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "respan/loglist.h"

static void test_a_row_among_prompts(void **state)
{
    (void)state;
    struct buf b;
    struct logrow row;
    struct err e = {""};
    buf_init(&b);
    buf_puts(&b, " {\"unique_id\":\"abc\",\"input\":\"");
    for (int i = 0; i < 100000; i++)
        buf_puts(&b, "\\\"cost\\\":9,{[");
    buf_puts(&b, "\",\"prompt_messages\":[{\"cost\":7}],\"cost\":0.5,\"provider_id\":\"bedrock\",\"cache_hit\":true,"
                 "\"timestamp\":\"2026-01-02T03:04:05Z\",\"status_code\":200,\"output\":{\"model\":\"no\"}}\n");
    assert_int_equal(loglist_row(b.data, b.len, &row, &e), 0);
    assert_string_equal(row.unique_id, "abc");
    assert_string_equal(row.provider, "bedrock");
    assert_string_equal(row.model, "");
    assert_string_equal(row.timestamp, "2026-01-02T03:04:05Z");
    assert_int_equal(row.cost_microusd, 500000);
    assert_int_equal(row.cache_hit, 1);
    assert_int_equal(row.status_code, 200);
    buf_done(&b);
}

static void test_a_row_as_long_as_a_member_may_be_is_no_member(void **state)
{
    (void)state;
    struct buf b;
    struct logrow row;
    struct err e;
    buf_init(&b);
    buf_puts(&b, "{\"error_message\":\"");
    for (int i = 0; i < 20000; i++)
        buf_putc(&b, 'x');
    buf_puts(&b, "\",\"cost\":1}");
    assert_int_equal(loglist_row(b.data, b.len, &row, &e), 0);
    assert_string_equal(row.error_message, "");
    assert_int_equal(row.cost_microusd, 1000000);
    buf_done(&b);
}

static void test_what_is_no_row(void **state)
{
    (void)state;
    static const char *const bad[] = {"", "null", "[]", "\"x\"", "{", "{\"cost\":", "{\"cost\":1", "{\"cost\":nope}",
                                      "{\"unique_id\":\"a\""};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct logrow row;
        struct err e = {""};
        if (loglist_row(bad[i], strlen(bad[i]), &row, &e) == 0)
            fail_msg("taken for a row: %s", bad[i]);
        assert_true(e.text[0] != '\0');
    }
}

struct seen {
    char ids[256];
    int64_t cost;
};

static void on_row(void *arg, const struct logrow *row)
{
    struct seen *s = arg;
    strcat(strcat(s->ids, row->unique_id), " ");
    s->cost += row->cost_microusd;
}

static int page(const char *json, struct seen *s, bool *has_more, struct err *e)
{
    memset(s, 0, sizeof *s);
    return loglist_page(json, strlen(json), on_row, s, has_more, e);
}

static void test_a_page_of_rows(void **state)
{
    (void)state;
    struct seen s;
    struct err e = {""};
    bool has_more = false;
    assert_int_equal(page("{\"count\":3,\"next\":\"https://x/?page=2\",\"results\":[{\"unique_id\":\"a\",\"cost\":0.1},"
                          "null,{\"unique_id\":\"b\",\"cost\":0.2}],\"previous\":null}",
                          &s, &has_more, &e),
                     0);
    assert_string_equal(s.ids, "a b ");
    assert_int_equal(s.cost, 300000);
    assert_true(has_more);
    assert_int_equal(page("{\"next\":null,\"results\":[]}", &s, &has_more, &e), 0);
    assert_false(has_more);
    assert_string_equal(s.ids, "");
}

static void test_what_is_no_page(void **state)
{
    (void)state;
    static const char *const bad[] = {"", "[]", "{}", "{\"results\":{}}", "{\"results\":[{\"unique_id\":\"a\"}",
                                      "{\"results\":[{]}"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct seen s;
        struct err e = {""};
        bool has_more;
        if (page(bad[i], &s, &has_more, &e) == 0)
            fail_msg("taken for a page: %s", bad[i]);
        assert_true(e.text[0] != '\0');
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_row_among_prompts),
        cmocka_unit_test(test_a_row_as_long_as_a_member_may_be_is_no_member),
        cmocka_unit_test(test_what_is_no_row),
        cmocka_unit_test(test_a_page_of_rows),
        cmocka_unit_test(test_what_is_no_page),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
