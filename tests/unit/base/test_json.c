/* The span walker: finds ends, never prints again. */
#include "tests/unit/test.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"

static void expect_end(const char *json, size_t want)
{
    size_t got = json_skip_value(json, strlen(json), 0);
    if (got != want)
        fail_msg("json_skip_value(%s): expected %zu, got %zu", json, want, got);
}

static void test_values_end_where_they_end(void **state)
{
    (void)state;
    expect_end("\"a\\\"b\" x", 6);
    expect_end("\"\\\\\" ", 4);
    expect_end("{\"a\":[1,{\"b\":\"}]\"}]},", 20);
    expect_end("1e400,", 5);
    expect_end("true]", 4);
    expect_end("[]", 2);
    expect_end("\"open", JSON_NONE);
    expect_end("[1,2", JSON_NONE);
    expect_end("[1}", JSON_NONE);
    expect_end("", JSON_NONE);
    expect_end(",", JSON_NONE);
}

static void test_deep_nesting_is_refused_not_followed(void **state)
{
    (void)state;
    size_t n = JSON_DEPTH_MAX + 1;
    char *s = xmalloc(2 * n + 1);
    memset(s, '[', n);
    memset(s + n, ']', n);
    s[2 * n] = '\0';
    assert_true(json_skip_value(s, 2 * n, 0) == JSON_NONE);
    assert_true(json_skip_value(s + 1, 2 * n - 2, 0) == 2 * n - 2);
    free(s);
}

static void test_members_are_walked_in_order_with_duplicates(void **state)
{
    (void)state;
    const char *s = " { \"a\" : 1 , \"b\":\"x\",\"a\":[2] } ";
    struct json_iter it = json_object(s, strlen(s), 1);
    struct buf seen;
    buf_init(&seen);
    while (json_next(&it))
        buf_printf(&seen, "%.*s=%.*s;", (int)it.key.len, s + it.key.off, (int)it.value.len, s + it.value.off);
    assert_false(it.bad);
    assert_string_equal(seen.data, "a=1;b=\"x\";a=[2];");
    buf_done(&seen);
}

static void test_last_duplicate_wins(void **state)
{
    (void)state;
    const char *s = "{\"m\":1,\"m\":2}";
    struct span v;
    assert_true(json_member(s, strlen(s), 0, "m", &v));
    assert_int_equal(s[v.off], '2');
}

static void test_path_follows_objects_only(void **state)
{
    (void)state;
    const char *s = "{\"a\":{\"b\":{\"c\":7}},\"l\":[1]}";
    struct span v;
    int64_t n = 0;
    assert_true(json_path(s, strlen(s), 0, "a/b/c", &v));
    assert_true(json_int(s, v, &n));
    assert_int_equal(n, 7);
    assert_false(json_path(s, strlen(s), 0, "a/x", &v));
    assert_false(json_path(s, strlen(s), 0, "l/0", &v));
}

static void expect_broken(const char *s)
{
    struct json_iter it = json_object(s, strlen(s), 0);
    while (json_next(&it))
        ;
    if (!it.bad)
        fail_msg("expected %s to be seen as broken", s);
}

static void test_broken_objects_say_so(void **state)
{
    (void)state;
    expect_broken("{\"a\":1");
    expect_broken("{\"a\" 1}");
    expect_broken("{a:1}");
    expect_broken("{\"a\":}");
    expect_broken("{\"a\":1 \"b\":2}");
    expect_broken("{\"a\":1,}");
    expect_broken("[1]");
}

/* Every cut of a good object is seen as broken and never read beyond. */
static void test_every_prefix_is_broken(void **state)
{
    (void)state;
    const char *s = "{\"a\":[1,{\"b\":\"\\u00e4\\\\\"}],\"c\":-1.5e3,\"d\":null}";
    for (size_t len = 0; len < strlen(s); len++) {
        char *copy = xmalloc(len + 1); /* exact size, so that a sanitizer sees a step too far */
        memcpy(copy, s, len);
        struct json_iter it = json_object(copy, len, 0);
        while (json_next(&it))
            ;
        assert_true(it.bad);
        free(copy);
    }
}

static void expect_text(const char *json, const char *want)
{
    struct buf out;
    buf_init(&out);
    assert_int_equal(json_text(json, (struct span){0, strlen(json)}, &out), 0);
    assert_string_equal(out.data, want);
    buf_done(&out);
}

static void test_escapes_resolve(void **state)
{
    (void)state;
    expect_text("\"a\\n\\t\\\"\\/\\\\\"", "a\n\t\"/\\");
    expect_text("\"\\u00e4\\u20ac\"", "\xC3\xA4\xE2\x82\xAC");
    expect_text("\"\\ud83d\\ude00\"", "\xF0\x9F\x98\x80");
    expect_text("\"\\ud83d!\"", "\xEF\xBF\xBD!");
    expect_text("\"\\ude00\"", "\xEF\xBF\xBD");
    expect_text("\"\\u12\"", "\xEF\xBF\xBD" "12");
    expect_text("\"\\\xC3\xA4!\"", "\xEF\xBF\xBD!"); /* no escape: the whole character goes */
}

static void test_numbers(void **state)
{
    (void)state;
    int64_t n;
    double d;
    assert_true(json_int("9007199254740993", (struct span){0, 16}, &n));
    assert_true(n == 9007199254740993);
    assert_false(json_int("1.5", (struct span){0, 3}, &n));
    assert_false(json_int("99999999999999999999", (struct span){0, 20}, &n));
    assert_false(json_int("\"1\"", (struct span){0, 3}, &n));
    assert_true(json_number("-2.5", (struct span){0, 4}, &d));
    assert_true(d == -2.5);
}

static void test_quote_is_valid_json(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out);
    json_quote(&out, "a\"\\\n\x01\xff\xC3\xA4", 8);
    assert_string_equal(out.data, "\"a\\\"\\\\\\n\\u0001\xEF\xBF\xBD\xC3\xA4\"");
    buf_done(&out);
}

static void expect_completed(const char *cut, const char *expected)
{
    struct buf out;
    buf_init(&out);
    json_complete(cut, strlen(cut), &out);
    assert_string_equal(out.data, expected);
    buf_done(&out);
}

static void test_what_is_cut_short_is_completed(void **state)
{
    (void)state;
    expect_completed("{\"a\":\"x", "{\"a\":\"x\"}");
    expect_completed("{\"a", "{\"a\":null}");
    expect_completed("{\"a\" ", "{\"a\" :null}");
    expect_completed("{\"a\":", "{\"a\":null}");
    expect_completed("{\"a\":[1, ", "{\"a\":[1]}");
    expect_completed("{\"a\":1,\"b\":tr", "{\"a\":1,\"b\":null}");
    expect_completed("[12.", "[null]");
    expect_completed("[12.5", "[12.5]");
    expect_completed("[\"x\\u12", "[\"x\"]");
    expect_completed("[\"x\\", "[\"x\"]");
    expect_completed("[\"x\\\\", "[\"x\\\\\"]");
    expect_completed("", "");
    expect_completed("no json", "no json");
}

/* Any cut gives a value, and the whole stays as it is. */
static void test_every_cut_is_completed(void **state)
{
    (void)state;
    static const char whole[] = "{\"file\":\"a\\u00e9\\n\\\\\",\"n\":[-1.5e3, true,{\"x\":null,\"y\":[[],{}]}],\"\":{\"z\":\"\\\"\"}}";
    for (size_t cut = 1; cut < sizeof whole; cut++) {
        struct buf out;
        char *part = malloc(cut); /* nothing behind it */
        memcpy(part, whole, cut);
        buf_init(&out);
        json_complete(part, cut, &out);
        if (json_skip_value(out.data, out.len, 0) != out.len || strstr(out.data, ",}") || strstr(out.data, ",]"))
            fail_msg("%.*s became %s", (int)cut, whole, out.data);
        if (cut == sizeof whole - 1)
            assert_string_equal(out.data, whole);
        buf_done(&out);
        free(part);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values_end_where_they_end),
        cmocka_unit_test(test_deep_nesting_is_refused_not_followed),
        cmocka_unit_test(test_members_are_walked_in_order_with_duplicates),
        cmocka_unit_test(test_last_duplicate_wins),
        cmocka_unit_test(test_path_follows_objects_only),
        cmocka_unit_test(test_broken_objects_say_so),
        cmocka_unit_test(test_every_prefix_is_broken),
        cmocka_unit_test(test_escapes_resolve),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_quote_is_valid_json),
        cmocka_unit_test(test_what_is_cut_short_is_completed),
        cmocka_unit_test(test_every_cut_is_completed),
    };
    return cmocka_run_group_tests_name("json", tests, NULL, NULL);
}
