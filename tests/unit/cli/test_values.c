/* Sizes, times and addresses as people write them; words for a shell. */
#include "tests/unit/test.h"

#include <string.h>

#include "base/clock.h"
#include "cli/values.h"

static void test_sizes(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t bytes; /* -1: refused */
    } table[] = {
        {"0", 0},          {"4096", 4096},       {"512K", 524288},  {"200M", 209715200}, {"2G", 2147483648LL},
        {"1.5 GB", 1610612736LL}, {"1kib", 1024}, {"", -1},         {"G", -1},           {"-1", -1},
        {"5 bananas", -1}, {"1e300", -1},        {"inf", -1},       {"0x10 ", -1},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct err e;
        int64_t n = -1;
        int r = value_size("--max-log-bytes", table[i].text, &n, &e);
        if (r != (table[i].bytes < 0 ? -1 : 0) || (r == 0 && n != table[i].bytes))
            fail_msg("\"%s\": expected %lld, got %d, %lld", table[i].text, (long long)table[i].bytes, r, (long long)n);
    }
}

static void test_times(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t ms;
    } table[] = {
        {"300ms", 300}, {"20s", 20000}, {"5m", 300000}, {"1h", 3600000}, {"1.5h", 5400000},
        {"7d", 604800000}, {"2w", 1209600000}, {"3", 3000}, {"", -1}, {"soon", -1}, {"-5s", -1}, {"5y", -1},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct err e;
        int64_t n = -1;
        int r = value_duration("--keep", table[i].text, 1000, &n, &e);
        if (r != (table[i].ms < 0 ? -1 : 0) || (r == 0 && n != table[i].ms))
            fail_msg("\"%s\": expected %lld, got %d, %lld", table[i].text, (long long)table[i].ms, r, (long long)n);
    }
}

static void test_since_counts_back_from_now(void **state)
{
    (void)state;
    struct err e;
    int64_t now = 1795355411000, since;
    assert_int_equal(value_since("1h", now, &since, &e), 0);
    assert_true(since == now - 3600000);
    assert_int_equal(value_since("all", now, &since, &e), 0);
    assert_true(since == 0);
    assert_int_equal(value_since("today", now, &since, &e), 0);
    assert_true(since == clock_day_start_ms(now));
    assert_int_equal(value_since("5", now, &since, &e), -1); /* five what? */
    assert_non_null(strstr(e.text, "1h or 7d"));
}

static void test_addresses(void **state)
{
    (void)state;
    static const char *const good[] = {"127.0.0.1:4777", "[::1]:4777", "localhost:0", "0.0.0.0:65535"};
    static const char *const bad[] = {"", "4777", ":4777", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "::1:4777", "a:b", "[::1]", "1:-1"};
    struct err e;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_int_equal(value_address("--listen", good[i], &e), 0);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        if (value_address("--listen", bad[i], &e) == 0)
            fail_msg("\"%s\" was taken for an address", bad[i]);
    }
}

static void test_flags(void **state)
{
    (void)state;
    struct err e;
    bool b = false;
    assert_int_equal(value_bool("x", "Yes", &b, &e), 0);
    assert_true(b);
    assert_int_equal(value_bool("x", "off", &b, &e), 0);
    assert_false(b);
    assert_int_equal(value_bool("x", "maybe", &b, &e), -1);
}

static void expect_word(const char *s, const char *want)
{
    struct buf out;
    buf_init(&out);
    shell_word(&out, s);
    assert_string_equal(out.data, want);
    buf_done(&out);
}

static void test_words_are_quoted_where_they_must_be(void **state)
{
    (void)state;
    expect_word("/usr/bin/spantop", "/usr/bin/spantop");
    expect_word("", "''");
    expect_word("a b", "'a b'");
    expect_word("it's", "'it'\\''s'");
    expect_word("$(x)", "'$(x)'");
    expect_word("~", "'~'");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_times),
        cmocka_unit_test(test_since_counts_back_from_now),
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_flags),
        cmocka_unit_test(test_words_are_quoted_where_they_must_be),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
