#include "log/redact.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"

#include "tests/unit/test.h"

static struct redact *make(const char *one, const char *two)
{
    struct err e = {""};
    const char *patterns[] = {one, two, NULL};
    struct redact *r = redact_new(patterns, &e);
    if (!r)
        fail_msg("%s", e.text);
    return r;
}

static void check(struct redact *r, const char *text, size_t len, const char *want)
{
    struct blob *body = blob_copy(text, len);
    struct blob *out = NULL;
    /* Twice: what was found clean is remembered. */
    for (int i = 0; i < 2; i++) {
        enum redacted verdict = redact_body(r, body, &out);
        if (!want) {
            assert_int_equal(verdict, REDACT_CLEAN);
            assert_null(out);
            continue;
        }
        assert_int_equal(verdict, REDACT_CHANGED);
        assert_int_equal(out->len, strlen(want));
        assert_memory_equal(out->data, want, out->len);
        blob_unref(out);
    }
    blob_unref(body);
}

static void test_matches_are_taken_out(void **state)
{
    (void)state;
    static const struct {
        const char *text, *want;
    } cases[] = {
        {"", NULL},
        {"nothing here", NULL},
        {"{\"k\":\"sk-abc123\"}", "{\"k\":\"[redacted]\"}"},
        {"sk-a", "[redacted]"},
        {"{\"a\":\"x sk-a1 y sk-b2\",\"b\":\"sk-c3\"}", "{\"a\":\"x [redacted] y [redacted]\",\"b\":\"[redacted]\"}"},
        {"{\"a\":\"say \\\"sk-a1\\\" now\"}", "{\"a\":\"say \\\"[redacted]\\\" now\"}"},
        {"data: {\"t\":\"4111-1111\"}\n\ndata: {\"t\":\"sk-x\"}\n", "data: {\"t\":\"[redacted]\"}\n\ndata: {\"t\":\"[redacted]\"}\n"},
        {"sk-\"abc\"", NULL}, /* not across a string's end */
        {"sk-\nabc", NULL},   /* nor a line's */
        {"ends in a backslash \\", NULL},
    };
    struct redact *r = make("sk-[a-z0-9]+", "[0-9]{4}-[0-9]{4}");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check(r, cases[i].text, strlen(cases[i].text), cases[i].want);
    redact_free(r);
}

static void test_a_match_across_windows_is_found(void **state)
{
    (void)state;
    struct redact *r = make("SECRET[0-9]{20}", NULL);
    for (size_t at = 4060; at < 4110; at++) {
        struct buf text, want;
        buf_init(&text);
        buf_init(&want);
        for (size_t i = 0; i < at; i++)
            buf_putc(&text, 'a');
        buf_put(&want, text.data, text.len);
        buf_puts(&text, "SECRET01234567890123456789 and more");
        buf_puts(&want, "[redacted] and more");
        check(r, text.data, text.len, want.data);
        buf_done(&text);
        buf_done(&want);
    }
    redact_free(r);
}

static void test_bytes_are_bytes(void **state)
{
    (void)state;
    static const char text[] = "a\0b\xff\xfe sk-1 \xc3\xa4";
    static const char want[] = "a\0b\xff\xfe [redacted] \xc3\xa4";
    struct redact *r = make("sk-[0-9]", NULL);
    struct blob *body = blob_copy(text, sizeof text - 1);
    struct blob *out = NULL;
    assert_int_equal(redact_body(r, body, &out), REDACT_CHANGED);
    assert_int_equal(out->len, sizeof want - 1);
    assert_memory_equal(out->data, want, sizeof want - 1);
    blob_unref(out);
    blob_unref(body);
    redact_free(r);
}

static void test_a_slow_pattern_keeps_nothing(void **state)
{
    (void)state;
    size_t len = (size_t)8 << 20;
    struct redact *r = make("(a|aa)*(a|aa)*(a|aa)*b", NULL);
    char *text = xmalloc(len);
    memset(text, 'a', len);
    struct blob *body = blob_copy(text, len);
    struct blob *out = NULL;
    int64_t start_us = clock_mono_us();
    assert_int_equal(redact_body(r, body, &out), REDACT_FAILED);
    assert_null(out);
    assert_true(clock_mono_us() - start_us < REDACT_BODY_US + 20000000);
    blob_unref(body);
    free(text);
    redact_free(r);
}

static void test_rows_texts(void **state)
{
    (void)state;
    struct redact *r = make("sk-[a-z]+", NULL);
    char *text = NULL;
    redact_text(r, &text);
    assert_null(text);
    text = xstrdup("bad key sk-abc here");
    redact_text(r, &text);
    assert_string_equal(text, "bad key [redacted] here");
    free(text);
    redact_free(r);
}

static void test_bad_patterns_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *pattern, *why;
    } cases[] = {{"(", "no POSIX extended"}, {"", "1 to"}, {"(a)\\1", "refers back"}, {"a*", "everywhere"}, {"[", "no POSIX"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct err e = {""};
        const char *patterns[] = {"fine", cases[i].pattern, NULL};
        assert_null(redact_new(patterns, &e));
        if (!strstr(e.text, cases[i].why))
            fail_msg("\"%s\" does not say \"%s\"", e.text, cases[i].why);
    }
    const char *many[REDACT_PATTERNS_MAX + 2] = {NULL};
    struct err e = {""};
    for (size_t i = 0; i <= REDACT_PATTERNS_MAX; i++)
        many[i] = "x";
    assert_null(redact_new(many, &e));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_matches_are_taken_out),     cmocka_unit_test(test_a_match_across_windows_is_found),
        cmocka_unit_test(test_bytes_are_bytes),           cmocka_unit_test(test_a_slow_pattern_keeps_nothing),
        cmocka_unit_test(test_rows_texts),                cmocka_unit_test(test_bad_patterns_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
