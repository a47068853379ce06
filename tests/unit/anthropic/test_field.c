#include "anthropic/field.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct span all(const char *s)
{
    return (struct span){0, strlen(s)};
}

static void test_copy_keeps_whole_characters(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t len;
        const char *field;
    } cases[] = {
        {"abc", 3, "abc"},
        {"abcdefg", 7, "abcdefg"},
        {"abcdefgh", 8, "abcdefg"},
        {"abcde\xE2\x82\xAC", 8, "abcde"},
        {"abcd\xE2\x82\xAC", 7, "abcd\xE2\x82\xAC"},
        {"abcd\xF0\x9F\x98\x80", 8, "abcd"},
        {"abcd\x80\x80\x80\x80", 8, "abcd"},
        {"a\0b", 3, "a"},
        {"", 0, ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char field[8];
        memset(field, 'x', sizeof field);
        field_copy(field, sizeof field, cases[i].text, cases[i].len);
        assert_string_equal(field, cases[i].field);
    }
}

static void test_text_of_a_string_value(void **state)
{
    (void)state;
    char field[16] = "before";
    assert_false(field_from_json(field, sizeof field, "12", all("12")));
    assert_false(field_from_json(field, sizeof field, "", (struct span){0, 0}));
    assert_string_equal(field, "before");
    assert_true(field_from_json(field, sizeof field, "\"a\\u00e4\\n\"", all("\"a\\u00e4\\n\"")));
    assert_string_equal(field, "a\xC3\xA4\n");
}

static void test_members(void **state)
{
    (void)state;
    static const char s[] = "{\"a\":\"1\",\"b\":{\"a\":\"2\"},\"a\":\"3\"}";
    char field[8] = "";
    struct span v;
    assert_true(field_from_member(field, sizeof field, s, all(s), "a"));
    assert_string_equal(field, "3");
    assert_true(field_member(s, all(s), "b", &v));
    assert_true(field_from_member(field, sizeof field, s, v, "a"));
    assert_string_equal(field, "2");
    assert_false(field_member(s, (struct span){0, 0}, "a", &v));
    assert_false(field_member("[1]", all("[1]"), "a", &v));
    assert_false(field_member("\"a\"", all("\"a\""), "a", &v));
}

static void test_words_are_compared_without_their_escapes(void **state)
{
    (void)state;
    static const char *const same[] = {"model", "\\u006dodel", "mod\\u0065l", "\\u006d\\u006f\\u0064\\u0065\\u006c"};
    static const char *const other[] = {"mode", "modem", "models", "", "\\u006eodel", "mode\\\\l", "\\u006dodels"};
    for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
        char quoted[64] = "\"";
        strcat(strcat(quoted, same[i]), "\"");
        assert_true(field_key_is(quoted, (struct span){1, strlen(same[i])}, "model"));
        assert_true(field_value_is(quoted, all(quoted), "model"));
    }
    for (size_t i = 0; i < sizeof other / sizeof *other; i++) {
        char quoted[64] = "\"";
        strcat(strcat(quoted, other[i]), "\"");
        assert_false(field_key_is(quoted, (struct span){1, strlen(other[i])}, "model"));
        assert_false(field_value_is(quoted, all(quoted), "model"));
    }
    assert_false(field_value_is("true", all("true"), "ru"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_copy_keeps_whole_characters),
        cmocka_unit_test(test_text_of_a_string_value),
        cmocka_unit_test(test_members),
        cmocka_unit_test(test_words_are_compared_without_their_escapes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
