/* Tables: aligned by what a terminal shows, cut to its width, cleaned. */
#include "tests/unit/test.h"

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/difference.h"
#include "cli/table.h"

static const struct table_column columns[] = {
    {.title = "NAME", .shrinks = true},
    {.title = "N", .right = true},
    {.title = "WHERE"},
};

static FILE *screen;
static char *text;
static size_t text_len;

static void begin(void)
{
    screen = stdout;
    stdout = open_memstream(&text, &text_len);
    assert_non_null(stdout);
}

static void end(const char *want)
{
    fclose(stdout);
    stdout = screen;
    assert_string_equal(text, want);
    free(text);
}

static void put_row(struct table *t, const char *a, const char *b, const char *c)
{
    table_put(t, a);
    table_put(t, b);
    table_put(t, c);
}

static void test_columns_line_up_by_width(void **state)
{
    (void)state;
    struct table t;
    table_init(&t, columns, 3);
    put_row(&t, "漢字", "1", "here");
    put_row(&t, "abc", "200", NULL);
    begin();
    table_print(&t, true, 0);
    end("NAME    N  WHERE\n"
        "漢字    1  here\n"
        "abc   200  –\n");
    table_done(&t);
}

static void test_wide_columns_give_way(void **state)
{
    (void)state;
    struct table t;
    table_init(&t, columns, 3);
    put_row(&t, "a long name that does not fit", "1", "here");
    put_row(&t, "漢字漢字漢字漢字", "2", "x");
    begin();
    table_print(&t, true, 20);
    end("NAME        N  WHERE\n"
        "a long na…  1  here\n"
        "漢字漢字…   2  x\n");
    table_done(&t);
}

static void test_columns_go_in_their_order_when_narrowing_is_not_enough(void **state)
{
    static const struct table_column dropping[] = {
        {.title = "NAME", .shrinks = true, .min_width = 8},
        {.title = "LESS", .drop = 1},
        {.title = "LAST", .drop = 2},
    };
    static const struct {
        int columns;
        const char *want;
    } table[] = {
        {0, "NAME        LESS  LAST\na long one  less  last\n"},
        {20, "NAME      LESS  LAST\na long …  less  last\n"},
        {18, "NAME        LAST\na long one  last\n"},
        {14, "NAME      LAST\na long …  last\n"},
        {13, "NAME\na long one\n"},
        {3, "NAME\na long …\n"}, /* as narrow as it gets */
    };
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct table t;
        table_init(&t, dropping, 3);
        put_row(&t, "a long one", "less", "last");
        begin();
        table_print(&t, true, table[i].columns);
        end(table[i].want);
        table_done(&t);
    }
}

static void test_nothing_unsafe_is_printed(void **state)
{
    (void)state;
    struct table t;
    table_init(&t, columns, 3);
    put_row(&t, "a\x1b[2Jb\nc", "1", "x");
    begin();
    table_print(&t, false, 0);
    end("a\xEF\xBF\xBD[2Jb\xEF\xBF\xBD" "c  1  x\n");
    table_done(&t);
}

static void test_difference_shows_the_replaced_value_alone(void **state)
{
    (void)state;
    const char *a = "{\"model\":\"claude-opus-5-5\",\"messages\":[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21]}";
    const char *b = "{\"model\":\"claude-sonnet-5\",\"messages\":[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21]}";
    begin();
    difference_print(bytes_of(a), bytes_of(b));
    end("94 bytes as the client sent them, 94 as they went upstream\n"
        "@ byte 17\n"
        "- {\"model\":\"claude-opus-5-5\",\"messages\":[1,2,3,4,5,6,7,8,9,10,11, ...\n"
        "+ {\"model\":\"claude-sonnet-5\",\"messages\":[1,2,3,4,5,6,7,8,9,10,11, ...\n");
}

static void test_difference_at_the_very_end(void **state)
{
    (void)state;
    begin();
    difference_print(bytes_of("same"), bytes_of("same, and more"));
    end("4 bytes as the client sent them, 14 as they went upstream\n"
        "@ byte 4\n"
        "- same\n"
        "+ same, and more\n");
}

int main(void)
{
    setlocale(LC_ALL, "C.UTF-8");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_columns_line_up_by_width),
        cmocka_unit_test(test_wide_columns_give_way),
        cmocka_unit_test(test_columns_go_in_their_order_when_narrowing_is_not_enough),
        cmocka_unit_test(test_nothing_unsafe_is_printed),
        cmocka_unit_test(test_difference_shows_the_replaced_value_alone),
        cmocka_unit_test(test_difference_at_the_very_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
