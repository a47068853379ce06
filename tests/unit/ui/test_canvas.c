/* Whatever text is put, a canvas keeps its columns and holds nothing a terminal
 * would obey. */
#include "tests/unit/test.h"

#include <locale.h>
#include <string.h>

#include "ui/canvas.h"
#include "ui/glyph.h"

static struct canvas c;

static int open_canvas(void **state)
{
    (void)state;
    glyph_use_ascii(false);
    canvas_init(&c, 3, 12);
    return 0;
}

static int close_canvas(void **state)
{
    (void)state;
    canvas_done(&c);
    glyph_use_ascii(false);
    return 0;
}

static const char *row_text(int row)
{
    static struct buf out;
    buf_done(&out);
    buf_init(&out);
    canvas_row_text(&c, row, &out);
    return out.data;
}

/* Widths of a row add up to its columns, whatever was put. */
static void check_columns(int row)
{
    int sum = 0;
    for (int col = 0; col < c.cols; col++)
        sum += canvas_at(&c, row, col)->width;
    assert_int_equal(sum, c.cols);
}

static void test_text_stands_where_it_is_put(void **state)
{
    (void)state;
    assert_int_equal(canvas_put(&c, 0, 2, 10, INK_PLAIN, "abc"), 3);
    assert_string_equal(row_text(0), "  abc");
    assert_int_equal(canvas_put_right(&c, 1, 2, 6, INK_PLAIN, "42"), 2);
    assert_string_equal(row_text(1), "      42");
}

static void test_long_text_is_cut_with_an_ellipsis(void **state)
{
    (void)state;
    assert_int_equal(canvas_put(&c, 0, 0, 5, INK_PLAIN, "abcdefgh"), 5);
    assert_string_equal(row_text(0), "abcd…");
    canvas_put(&c, 1, 0, 5, INK_PLAIN, "abcde");
    assert_string_equal(row_text(1), "abcde");
}

static void test_wide_signs_take_two_columns(void **state)
{
    (void)state;
    assert_int_equal(canvas_put(&c, 0, 0, 12, INK_PLAIN, "設計a"), 5);
    assert_int_equal(canvas_at(&c, 0, 0)->width, 2);
    assert_int_equal(canvas_at(&c, 0, 1)->width, 0);
    assert_int_equal(canvas_put(&c, 1, 0, 4, INK_PLAIN, "設計図"), 3); /* one sign, the ellipsis */
    assert_string_equal(row_text(1), "設…");
    check_columns(0);
    check_columns(1);
}

static void test_half_a_wide_sign_is_never_left_over(void **state)
{
    (void)state;
    canvas_put(&c, 0, 0, 12, INK_PLAIN, "設計");
    canvas_put(&c, 0, 1, 2, INK_PLAIN, "xy");
    assert_string_equal(row_text(0), " xy");
    check_columns(0);
    canvas_put(&c, 1, 0, 12, INK_PLAIN, "abcdef");
    canvas_put(&c, 1, 1, 2, INK_PLAIN, "図");
    canvas_put(&c, 1, 2, 2, INK_PLAIN, "形");
    check_columns(1);
    canvas_fill(&c, 2, 0, 12, INK_PLAIN, "図"); /* each one over the half of the last */
    check_columns(2);
}

static void test_controls_never_reach_a_cell(void **state)
{
    (void)state;
    static const char *const hostile[] = {
        "\x1b[2J\x1b[1;1H",
        "\x9b"
        "31m",
        "\xc2\x9b"
        "31m",
        "a\rb\nc",
        "\x07\x08\x7f",
        "\xe2\x80\xae"
        "abc",
        "\xff\xfe",
        "\xed\xa0\x80",
        "a\tb",
    };
    for (size_t i = 0; i < sizeof(hostile) / sizeof(hostile[0]); i++) {
        canvas_clear(&c);
        canvas_put(&c, 0, 0, 12, INK_PLAIN, hostile[i]);
        check_columns(0);
        for (const unsigned char *s = (const unsigned char *)row_text(0); *s; s++)
            if (*s < 0x20 || *s == 0x7f || (*s == 0xc2 && s[1] < 0xa0))
                fail_msg("text %zu left the byte %02x in a cell", i, *s);
        assert_null(strstr(row_text(0), "\xe2\x80\xae"));
    }
}

static void test_what_terminals_disagree_about_is_not_drawn(void **state)
{
    (void)state;
    /* woman, joiner, girl: two signs of two columns; thumb with a skin tone: one; a flag: letters */
    assert_int_equal(canvas_put(&c, 0, 0, 12, INK_PLAIN, "\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x91\xa7"), 4);
    assert_int_equal(canvas_put(&c, 1, 0, 12, INK_PLAIN, "\xf0\x9f\x91\x8d\xf0\x9f\x8f\xbd"), 2);
    canvas_put(&c, 2, 0, 12, INK_PLAIN, "\xf0\x9f\x87\xa9\xf0\x9f\x87\xaa");
    assert_string_equal(row_text(2), "DE");
    assert_null(strstr(row_text(0), "\xe2\x80\x8d"));
}

static void test_combining_marks_stay_with_their_letter(void **state)
{
    (void)state;
    assert_int_equal(canvas_put(&c, 0, 0, 12, INK_PLAIN, "cafe\xcc\x81!"), 5);
    assert_string_equal(row_text(0), "cafe\xcc\x81!");
    char zalgo[256] = "z";
    for (int i = 0; i < 100; i++)
        strcat(zalgo, "\xcc\x81");
    assert_int_equal(canvas_put(&c, 1, 0, 12, INK_PLAIN, zalgo), 1);
    assert_true(canvas_at(&c, 1, 0)->len <= CELL_TEXT_MAX);
}

static void test_ascii_holds_ascii_alone(void **state)
{
    (void)state;
    glyph_use_ascii(true);
    canvas_put(&c, 0, 0, 6, INK_PLAIN, "é設計");
    assert_string_equal(row_text(0), "???");
    canvas_put(&c, 1, 0, 4, INK_PLAIN, "abcdefg");
    assert_string_equal(row_text(1), "abc~");
}

static void test_where_ambiguous_signs_are_wide_only_sure_ones_stay(void **state)
{
    (void)state;
    glyph_use_ascii_and_wide();
    assert_int_equal(canvas_put(&c, 0, 0, 12, INK_PLAIN, "é→設計a"), 7);
    assert_string_equal(row_text(0), "??設計a");
}

static void test_outside_is_cut_off(void **state)
{
    (void)state;
    canvas_put(&c, -1, 0, 5, INK_PLAIN, "x");
    canvas_put(&c, 3, 0, 5, INK_PLAIN, "x");
    canvas_put(&c, 0, 10, 8, INK_PLAIN, "abcd");
    canvas_put(&c, 1, -2, 8, INK_PLAIN, "abcd");
    canvas_box(&c, -1, -1, 9, 40, "a title that is longer than the canvas");
    canvas_put(&c, 2, 11, 4, INK_PLAIN, "図");
    for (int row = 0; row < 3; row++)
        check_columns(row);
}

int main(void)
{
    setlocale(LC_ALL, "C.UTF-8");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_text_stands_where_it_is_put, open_canvas, close_canvas),
        cmocka_unit_test_setup_teardown(test_long_text_is_cut_with_an_ellipsis, open_canvas, close_canvas),
        cmocka_unit_test_setup_teardown(test_wide_signs_take_two_columns, open_canvas, close_canvas),
        cmocka_unit_test_setup_teardown(test_half_a_wide_sign_is_never_left_over, open_canvas, close_canvas),
        cmocka_unit_test_setup_teardown(test_controls_never_reach_a_cell, open_canvas, close_canvas),
        cmocka_unit_test_setup_teardown(test_what_terminals_disagree_about_is_not_drawn, open_canvas, close_canvas),
        cmocka_unit_test_setup_teardown(test_combining_marks_stay_with_their_letter, open_canvas, close_canvas),
        cmocka_unit_test_setup_teardown(test_ascii_holds_ascii_alone, open_canvas, close_canvas),
        cmocka_unit_test_setup_teardown(test_where_ambiguous_signs_are_wide_only_sure_ones_stay, open_canvas,
                                        close_canvas),
        cmocka_unit_test_setup_teardown(test_outside_is_cut_off, open_canvas, close_canvas),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
