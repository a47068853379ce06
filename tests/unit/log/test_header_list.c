/* The log's lists of headers. */
#include "tests/unit/test.h"

#include <string.h>

#include "log/header_list.h"

static void test_pairs_come_in_order_and_odd_ones_are_left_out(void **state)
{
    (void)state;
    struct json_iter it = header_list("[[\"Host\",\"a\"],7,[],[\"x\"],[\"n\",3],[\"B\",\"say \\\"so\\\"\"]]");
    struct span name, value;
    assert_true(header_next(&it, &name, &value));
    assert_memory_equal(it.s + name.off, "\"Host\"", name.len);
    assert_true(header_next(&it, &name, &value));
    assert_memory_equal(it.s + value.off, "\"say \\\"so\\\"\"", value.len);
    assert_false(header_next(&it, &name, &value));
}

static void test_what_is_no_list_is_empty(void **state)
{
    (void)state;
    static const char *const lists[] = {NULL, "", "{}", "7", "[", "[[\"a\",", "[[\"a\""};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        struct json_iter it = header_list(lists[i]);
        struct span name, value;
        assert_false(header_next(&it, &name, &value));
    }
}

static void test_a_value_by_its_name(void **state)
{
    (void)state;
    static const char list[] = "[[\"Content-Type\",\"text/html\"],[\"content-type\",\"two\"],[\"X\",\"\\u00e9\"]]";
    char field[32] = "as it was";
    assert_false(header_get(list, "nothing", field, sizeof field));
    assert_string_equal(field, "as it was");
    assert_true(header_get(list, "content-type", field, sizeof field));
    assert_string_equal(field, "text/html");
    assert_true(header_get(list, "x", field, sizeof field));
    assert_string_equal(field, "\xc3\xa9");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pairs_come_in_order_and_odd_ones_are_left_out),
        cmocka_unit_test(test_what_is_no_list_is_empty),
        cmocka_unit_test(test_a_value_by_its_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
