/* Text for people: nothing unsafe passes, figures stay short. */
#include "tests/unit/test.h"

#include <locale.h>
#include <string.h>

#include "base/text.h"

static void expect_clean(const char *in, size_t len, bool keep_lines, bool ascii, const char *want)
{
    struct buf out;
    buf_init(&out);
    text_clean(&out, in, len, keep_lines, ascii);
    assert_string_equal(out.data, want);
    buf_done(&out);
}

#define BAD "\xEF\xBF\xBD"

static void test_nothing_unsafe_passes(void **state)
{
    (void)state;
    expect_clean("a\x1b[31mb", 7, false, false, "a" BAD "[31mb");
    expect_clean("a\0b\x7f", 4, false, false, "a" BAD "b" BAD);
    expect_clean("\xc2\x9b" "31m", 5, false, false, BAD "31m");        /* C1: an 8-bit CSI */
    expect_clean("x\xe2\x80\xaey", 5, false, false, "x" BAD "y");      /* right-to-left override */
    expect_clean("\xff\xc3", 2, false, false, BAD BAD);
    expect_clean("a\nb\tc\r", 6, true, false, "a\nb\tc" BAD);
    expect_clean("a\nb", 3, false, false, "a" BAD "b");
    expect_clean("\xc3\xa4", 2, false, true, "?");
    expect_clean("\xed\xa0\x80", 3, false, false, BAD BAD BAD);        /* a surrogate is no character */
    expect_clean("\xc0\xaf", 2, false, false, BAD BAD);                /* overlong */
}

static void test_widths_of_wide_and_combining_characters(void **state)
{
    (void)state;
    assert_int_equal(text_width("abc", 3), 3);
    assert_int_equal(text_width("\xe6\xbc\xa2\xe5\xad\x97", 6), 4);
    assert_int_equal(text_width("e\xcc\x81", 3), 1);
    assert_int_equal(text_fit("\xe6\xbc\xa2\xe5\xad\x97", 6, 3), 3);
    assert_int_equal(text_fit("abcdef", 6, 4), 4);
    assert_int_equal(text_fit("abc", 3, 0), 0);
    assert_int_equal(text_wrap("one two three", 13, 13), 13);
    assert_int_equal(text_wrap("one two three", 13, 9), 7);
    assert_int_equal(text_wrap("one two,three", 13, 9), 8);
    assert_int_equal(text_wrap("a longlonglongword", 18, 9), 9); /* no blank in its second half */
    assert_int_equal(text_wrap("\xe6\xbc\xa2", 3, 1), 3);
}

typedef void format_fn(char out[TEXT_SHORT_MAX], int64_t n);

static void expect_short(format_fn *format, int64_t n, const char *want)
{
    char got[TEXT_SHORT_MAX];
    format(got, n);
    if (strcmp(got, want) != 0)
        fail_msg("%lld: expected %s, got %s", (long long)n, want, got);
}

static void test_counts(void **state)
{
    (void)state;
    expect_short(text_count, -1, "\xE2\x80\x93");
    expect_short(text_count, 0, "0");
    expect_short(text_count, 999, "999");
    expect_short(text_count, 1234, "1.2k");
    expect_short(text_count, 9949, "9.9k");
    expect_short(text_count, 9950, "10k");
    expect_short(text_count, 142400, "142k");
    expect_short(text_count, 999499, "999k");
    expect_short(text_count, 999500, "1.0M");
    expect_short(text_count, INT64_MAX, "huge");
}

static void test_durations(void **state)
{
    (void)state;
    expect_short(text_ms, 0, "0.0s");
    expect_short(text_ms, 440, "0.4s");
    expect_short(text_ms, 9949, "9.9s");
    expect_short(text_ms, 12400, "12s");
    expect_short(text_ms, 59499, "59s");
    expect_short(text_ms, 60000, "1m00s");
    expect_short(text_ms, 190000, "3m10s");
    expect_short(text_ms, 7500000, "2h05m");
}

static void test_money(void **state)
{
    (void)state;
    expect_short(text_usd, 0, "$0.000");
    expect_short(text_usd, 12, "<$.0001");
    expect_short(text_usd, 412, "$0.0004");
    expect_short(text_usd, 949, "$0.0009");
    expect_short(text_usd, 950, "$0.001");
    expect_short(text_usd, 31499, "$0.031");
    expect_short(text_usd, 999499, "$0.999");
    expect_short(text_usd, 999500, "$1.00");
    expect_short(text_usd, 4214999, "$4.21");
    expect_short(text_usd, 120400000, "$120");
}

static void test_bytes(void **state)
{
    (void)state;
    expect_short(text_bytes, 999, "999 B");
    expect_short(text_bytes, 1500, "1.5 KB");
    expect_short(text_bytes, 20000000, "20 MB");
    expect_short(text_bytes, 999600, "1.0 MB");
}

static void test_globs(void **state)
{
    (void)state;
    assert_true(text_glob("*haiku*", "claude-Haiku-4-5"));
    assert_true(text_glob("claude-?pus*", "claude-opus"));
    assert_false(text_glob("haiku", "claude-haiku"));
    assert_true(text_glob("*", ""));
    assert_false(text_glob("?", ""));
    assert_true(text_glob("a*b*c", "aXbXbc"));
    assert_false(text_glob("a*b*c", "aXbXb"));
}

static void test_find_folds_case(void **state)
{
    (void)state;
    const char *s = "Connection Refused";
    assert_ptr_equal(text_find_nocase(s, strlen(s), "refused"), s + 11);
    assert_null(text_find_nocase(s, strlen(s), "absent"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_unsafe_passes),
        cmocka_unit_test(test_widths_of_wide_and_combining_characters),
        cmocka_unit_test(test_counts),
        cmocka_unit_test(test_durations),
        cmocka_unit_test(test_money),
        cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_globs),
        cmocka_unit_test(test_find_folds_case),
    };
    setlocale(LC_CTYPE, "C.UTF-8");
    return cmocka_run_group_tests_name("text", tests, NULL, NULL);
}
