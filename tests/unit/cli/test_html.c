/* Pages: what is escaped, and what the head forbids. */
#include "tests/unit/test.h"

#include <string.h>

#include "cli/html.h"

static void expect_escaped(const char *s, size_t len, const char *expected)
{
    struct buf out;
    buf_init(&out);
    html_put_escaped(&out, s, len);
    assert_string_equal(out.data, expected);
    buf_done(&out);
}

static void test_markup_becomes_text(void **state)
{
    (void)state;
    expect_escaped("<a href=\"x\">'&amp;</a>", 22, "&lt;a href=&quot;x&quot;&gt;&#39;&amp;amp;&lt;/a&gt;");
    expect_escaped("", 0, "");
    expect_escaped("plain \xc3\xa9", 8, "plain \xc3\xa9");
    expect_escaped("<", 1, "&lt;");
    expect_escaped("abc>", 3, "abc"); /* no byte behind the end */
}

static void test_text_is_cleaned_first(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out);
    html_put_text(&out, "a\x1b[31m<b>\n\xff");
    assert_null(strchr(out.data, '\x1b'));
    assert_null(strchr(out.data, '<'));
    assert_null(strchr(out.data, '\n'));
    assert_non_null(strstr(out.data, "&lt;b&gt;"));
    buf_done(&out);
}

static void test_the_head_forbids_all_that_is_fetched(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out);
    html_put_head(&out, "</title><script>", "b{}");
    assert_non_null(strstr(out.data, "<title>&lt;/title&gt;&lt;script&gt;</title>"));
    const char *policy = strstr(out.data, "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'");
    assert_non_null(policy);
    assert_true(policy < strstr(out.data, "<title>")); /* it holds for what stands behind it */
    buf_done(&out);
}

static void test_money_and_times(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out);
    html_put_usd(&out, -1500000);
    assert_int_equal(out.data[0], '-');
    buf_reset(&out);
    html_put_time(&out, true, false, 0);
    assert_int_equal(out.len, strlen("01-01"));
    buf_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_markup_becomes_text),
        cmocka_unit_test(test_text_is_cleaned_first),
        cmocka_unit_test(test_the_head_forbids_all_that_is_fetched),
        cmocka_unit_test(test_money_and_times),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
