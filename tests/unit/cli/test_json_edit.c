/* Editing somebody else's JSON: nothing but the entry changes, and it comes out again. */
#include "tests/unit/test.h"

#include <string.h>

#include "cli/json_edit.h"

static void load(struct buf *doc, const char *text)
{
    buf_init(doc);
    buf_puts(doc, text);
}

static void expect_set(const char *before, const char *after)
{
    struct buf doc;
    struct err e = {""};
    load(&doc, before);
    assert_int_equal(json_check_strict("x", doc.data, doc.len, &e), 0);
    assert_int_equal(json_edit_set(&doc, "env", "K", "v\"", &e), 0);
    assert_string_equal(doc.data, after);
    assert_int_equal(json_check_strict("x", doc.data, doc.len, &e), 0);
    buf_done(&doc);
}

static void test_an_entry_is_laid_out_like_its_neighbours(void **state)
{
    (void)state;
    expect_set("{}", "{\n  \"env\": {\n    \"K\": \"v\\\"\"\n  }\n}");
    expect_set("{\n    \"a\" : 1e400,\n    \"a\": [ ]\n}\n",
               "{\n    \"a\" : 1e400,\n    \"a\": [ ],\n    \"env\" : {\n        \"K\" : \"v\\\"\"\n    }\n}\n");
    expect_set("{\"a\":1}", "{\"a\":1,\"env\":{\"K\":\"v\\\"\"}}");
    expect_set("{ \"a\": 1 }", "{ \"a\": 1, \"env\": { \"K\": \"v\\\"\"} }");
    expect_set("{\r\n\t\"env\": {\r\n\t\t\"X\": \"y\"\r\n\t},\r\n\t\"z\": null\r\n}",
               "{\r\n\t\"env\": {\r\n\t\t\"X\": \"y\",\r\n\t\t\"K\": \"v\\\"\"\r\n\t},\r\n\t\"z\": null\r\n}");
    expect_set("{\n  \"env\": {},\n  \"z\": 1\n}", "{\n  \"env\": {\n    \"K\": \"v\\\"\"\n  },\n  \"z\": 1\n}");
}

static void test_a_value_is_replaced_in_place(void **state)
{
    (void)state;
    expect_set("{\"env\":{\"K\" :  \"old\" , \"L\":2}}", "{\"env\":{\"K\" :  \"v\\\"\" , \"L\":2}}");
    expect_set("\xef\xbb\xbf{\"env\":{\"K\":null}}", "\xef\xbb\xbf{\"env\":{\"K\":\"v\\\"\"}}");
}

static void expect_removed(const char *before, bool drop_empty, const char *after)
{
    struct buf doc;
    load(&doc, before);
    json_edit_remove(&doc, "env", "K", drop_empty);
    assert_string_equal(doc.data, after);
    buf_done(&doc);
}

static void test_an_entry_goes_with_one_comma(void **state)
{
    (void)state;
    expect_removed("{\"env\":{\"K\":1}}", false, "{\"env\":{}}");
    expect_removed("{\"env\":{\"K\":1}}", true, "{}");
    expect_removed("{\"a\":1, \"env\":{ \"K\":1 }, \"b\":2}", true, "{\"a\":1, \"b\":2}");
    expect_removed("{\"env\":{\"K\":1, \"L\":2}}", true, "{\"env\":{\"L\":2}}");
    expect_removed("{\"env\":{\"J\":0, \"K\":1}}", true, "{\"env\":{\"J\":0}}");
    expect_removed("{\"env\":{\"J\":0, \"K\":{\"K\":[1,2]} , \"L\":2}}", true, "{\"env\":{\"J\":0 , \"L\":2}}");
    expect_removed("{\"other\":{\"K\":1}}", true, "{\"other\":{\"K\":1}}");
}

static void test_setting_and_removing_gives_the_same_bytes(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "{\n  \"a\": 1\n}\n", "{\"a\":[1, 2 ,3],\n\n\"b\":{}}", "{ \"x\" : \"\\u00e9\" }", "{\n\t\"env\": {\n\t\t\"Y\": \"1\"\n\t}\n}",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct buf doc;
        struct err e;
        load(&doc, texts[i]);
        assert_int_equal(json_edit_set(&doc, "env", "K", "v", &e), 0);
        assert_int_equal(json_edit_set(&doc, "env", "L", "w", &e), 0);
        assert_true(json_edit_has(&doc, "env", "L"));
        json_edit_remove(&doc, "env", "K", true);
        json_edit_remove(&doc, "env", "L", true);
        assert_string_equal(doc.data, texts[i]);
        buf_done(&doc);
    }
}

static void test_lists(void **state)
{
    (void)state;
    struct buf doc;
    struct err e = {""};
    load(&doc, "{\n  \"r\": {\n    \"approved\": [\n      \"x\"\n    ]\n  }\n}");
    assert_int_equal(json_edit_list_add(&doc, "r", "approved", "y", &e), 0);
    assert_int_equal(json_edit_list_add(&doc, "r", "approved", "y", &e), 0); /* once */
    assert_string_equal(doc.data, "{\n  \"r\": {\n    \"approved\": [\n      \"x\",\n      \"y\"\n    ]\n  }\n}");
    assert_true(json_edit_list_has(&doc, "r", "approved", "y"));
    json_edit_list_remove(&doc, "r", "approved", "x");
    assert_string_equal(doc.data, "{\n  \"r\": {\n    \"approved\": [\n      \"y\"\n    ]\n  }\n}");
    buf_done(&doc);
    load(&doc, "{\"a\":1}");
    assert_int_equal(json_edit_list_add(&doc, "r", "approved", "y", &e), 0);
    assert_string_equal(doc.data, "{\"a\":1,\"r\":{\"approved\":[\"y\"]}}");
    buf_done(&doc);
}

static void test_what_is_no_object_is_left_alone(void **state)
{
    (void)state;
    struct buf doc;
    struct err e = {""};
    load(&doc, "{\"env\":[]}");
    assert_int_equal(json_edit_set(&doc, "env", "K", "v", &e), -1);
    assert_string_equal(doc.data, "{\"env\":[]}");
    buf_done(&doc);
}

static void test_json_by_the_letter(void **state)
{
    (void)state;
    static const struct {
        const char *text, *wrong; /* NULL: good */
    } table[] = {
        {"{}", NULL}, {" { \"a\" : [ true , null, -0.5e+3, \"\\u12aF\\n\" ] }\n", NULL}, {"\xef\xbb\xbf{}", NULL},
        {"{\n\"a\":1,\n}", "x:3: a comma with nothing behind it"}, {"{\n// no\n}", "x:2: a comment"},
        {"{\"a\":[1,2,]}", "x:1: a comma with nothing behind it"}, {"/* c */{}", "x:1: a comment"},
        {"{\"a\":1 # c\n}", "x:1: a comment"}, {"{\"a\":1}\n// end", "x:2: a comment"}, {"", "no JSON object"},
        {"[]", "no JSON object"}, {"{a:1}", "a key without double quotes"}, {"{\"a\" 1}", "no colon"},
        {"{\"a\":1 \"b\":2}", "no comma"}, {"{\"a\":tru}", "no JSON value"}, {"{\"a\":01}", "no comma"}, {"{\"a\":.5}", "no JSON value"},
        {"{\"a\":\"x\ny\"}", "a line break"}, {"{\"a\":\"\\x\"}", "unknown escape"}, {"{\"a\":\"\\u12g4\"}", "broken \\u"},
        {"{\"a\":\"\xff\"}", "broken UTF-8"}, {"{\"a\":\"", "does not end"}, {"{\"a\":1", "missing"}, {"{} {}", "behind the end"},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct err e = {""};
        int r = json_check_strict("x", table[i].text, strlen(table[i].text), &e);
        if (table[i].wrong ? r == 0 || !strstr(e.text, table[i].wrong) : r != 0)
            fail_msg("%s: expected \"%s\", got %d \"%s\"", table[i].text, table[i].wrong ? table[i].wrong : "", r, e.text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_entry_is_laid_out_like_its_neighbours),
        cmocka_unit_test(test_a_value_is_replaced_in_place),
        cmocka_unit_test(test_an_entry_goes_with_one_comma),
        cmocka_unit_test(test_setting_and_removing_gives_the_same_bytes),
        cmocka_unit_test(test_lists),
        cmocka_unit_test(test_what_is_no_object_is_left_alone),
        cmocka_unit_test(test_json_by_the_letter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
