/* Bars, the line editor, the key table, wrapped text. */
#include "tests/unit/test.h"

#include <locale.h>
#include <stdio.h>
#include <string.h>

#include "ui/bars.h"
#include "ui/field.h"
#include "ui/glyph.h"
#include "ui/keys.h"
#include "ui/pager.h"

/* ---- Bars ---- */

static void test_bar_shows_little_and_never_lies_about_whole(void **state)
{
    (void)state;
    assert_int_equal(bar_eighths(10, 0, 100), 0);
    assert_int_equal(bar_eighths(10, 1, 1000000), 1);
    assert_int_equal(bar_eighths(10, 50, 100), 40);
    assert_int_equal(bar_eighths(10, 999999, 1000000), 79);
    assert_int_equal(bar_eighths(10, 100, 100), 80);
    assert_int_equal(bar_eighths(10, 200, 100), 80);
    assert_int_equal(bar_eighths(10, 5, 0), 0);
    assert_int_equal(bar_eighths(-3, 5, 10), 0);
}

static void test_spark_levels(void **state)
{
    (void)state;
    assert_int_equal(spark_level(0, 100), 0);
    assert_int_equal(spark_level(1, 1000000), 1);
    assert_int_equal(spark_level(100, 100), 8);
    assert_int_equal(spark_level(50, 100), 4);
    assert_int_equal(spark_level(5, 0), 0);
}

static void test_bar_in_ascii(void **state)
{
    (void)state;
    struct canvas c;
    struct buf out;
    glyph_use_ascii(true);
    canvas_init(&c, 1, 10);
    buf_init(&out);
    bar_draw(&c, 0, 0, 10, INK_GOOD, 42, 100);
    canvas_row_text(&c, 0, &out);
    assert_string_equal(out.data, "####......");
    buf_done(&out);
    canvas_done(&c);
    glyph_use_ascii(false);
}

/* ---- The line editor ---- */

static void press(struct field *f, const char *keys)
{
    bool changed;
    for (; *keys; keys++)
        assert_true(field_key(f, *keys, &changed));
}

static void test_field_edits_at_the_cursor(void **state)
{
    (void)state;
    struct field f;
    bool changed;
    field_set(&f, "");
    press(&f, "abd");
    field_key(&f, KEY_CODE_LEFT, &changed);
    assert_false(changed);
    press(&f, "c");
    assert_string_equal(f.text, "abcd");
    field_key(&f, KEY_CODE_HOME, &changed);
    field_key(&f, KEY_CODE_DELETE, &changed);
    assert_true(changed);
    field_key(&f, KEY_CODE_END, &changed);
    field_key(&f, KEY_CODE_BACKSPACE, &changed);
    assert_string_equal(f.text, "bc");
    field_key(&f, KEY_CTRL('U'), &changed);
    assert_string_equal(f.text, "");
    field_key(&f, KEY_CODE_BACKSPACE, &changed);
    assert_false(changed);
}

static void test_field_moves_by_whole_characters(void **state)
{
    (void)state;
    struct field f;
    bool changed;
    field_set(&f, "é設");
    field_key(&f, 0x1f680, &changed); /* four bytes */
    assert_string_equal(f.text, "é設🚀");
    for (int i = 0; i < 2; i++)
        field_key(&f, KEY_CODE_LEFT, &changed);
    field_key(&f, KEY_CODE_BACKSPACE, &changed);
    assert_string_equal(f.text, "設🚀");
    field_key(&f, KEY_CODE_DELETE, &changed);
    assert_string_equal(f.text, "🚀");
}

static void test_field_deletes_words_and_keeps_its_bound(void **state)
{
    (void)state;
    struct field f;
    bool changed;
    field_set(&f, "model:opus status>=400  ");
    field_key(&f, KEY_CTRL('W'), &changed);
    assert_string_equal(f.text, "model:opus ");
    for (int i = 0; i < 2 * FIELD_MAX; i++)
        field_key(&f, 0x8a2d, &changed);
    assert_true(f.len < FIELD_MAX);
    assert_int_equal(strlen(f.text), f.len);
}

static void test_field_leaves_other_keys_alone(void **state)
{
    (void)state;
    struct field f;
    bool changed;
    field_set(&f, "x");
    assert_false(field_key(&f, KEY_CODE_ENTER, &changed));
    assert_false(field_key(&f, KEY_CODE_ESC, &changed));
    assert_false(field_key(&f, KEY_CODE_TAB, &changed));
    assert_false(field_key(&f, KEY_CODE_UP, &changed));
    assert_false(field_key(&f, 0x9b, &changed)); /* a C1 control */
    assert_string_equal(f.text, "x");
}

/* ---- Keys ---- */

static void test_the_keys_of_the_contract(void **state)
{
    (void)state;
    static const struct {
        int key;
        enum action action;
    } live[] = {
        {'1', ACTION_VIEW_1},
        {'5', ACTION_VIEW_5},
        {KEY_CODE_ENTER, ACTION_OPEN},
        {KEY_CODE_ESC, ACTION_BACK},
        {'q', ACTION_BACK},
        {'Q', ACTION_LEAVE},
        {'m', ACTION_MODEL},
        {'p', ACTION_PROVIDER},
        {'u', ACTION_UNDO},
        {'/', ACTION_FILTER},
        {'s', ACTION_SORT},
        {'F', ACTION_FOLLOW},
        {'e', ACTION_NEXT_ERROR},
        {'E', ACTION_PREVIOUS_ERROR},
        {'y', ACTION_COPY},
        {'?', ACTION_HELP},
        {KEY_CTRL('L'), ACTION_REDRAW},
        {'j', ACTION_DOWN},
        {'k', ACTION_UP},
        {'g', ACTION_FIRST},
        {'G', ACTION_LAST},
        {KEY_CODE_PAGE_UP, ACTION_PAGE_UP},
        {KEY_CODE_PAGE_DOWN, ACTION_PAGE_DOWN},
        {'R', ACTION_RESTART},
    };
    for (size_t i = 0; i < sizeof(live) / sizeof(live[0]); i++)
        if (keys_action(PLACE_LIVE, live[i].key) != live[i].action)
            fail_msg("key %d of Live does %d", live[i].key, keys_action(PLACE_LIVE, live[i].key));
}

static void test_no_key_means_two_things_in_one_place(void **state)
{
    (void)state;
    for (unsigned place = PLACE_LIVE; place <= PLACE_ROUTES; place <<= 1) {
        const struct key_binding *k;
        for (size_t i = 0; (k = keys_at(place, i)); i++)
            for (int n = 0; n < KEYS_MAX; n++)
                if (k->keys[n] != KEY_CODE_NONE && keys_action(place, k->keys[n]) != k->action)
                    fail_msg("place %x: '%s' is also another key's", place, k->label);
    }
}

static void test_every_view_can_be_left_and_explained(void **state)
{
    (void)state;
    for (unsigned place = PLACE_LIVE; place <= PLACE_INSPECT; place <<= 1) {
        assert_int_equal(keys_action(place, '?'), ACTION_HELP);
        assert_int_equal(keys_action(place, KEY_CODE_ESC), ACTION_BACK);
        assert_int_equal(keys_action(place, 'Q'), ACTION_LEAVE);
        assert_int_equal(keys_action(place, KEY_CTRL('C')), ACTION_LEAVE);
    }
}

/* ---- Wrapped text ---- */

static void test_pager_wraps_at_words(void **state)
{
    (void)state;
    struct pager p;
    static const char text[] = "one two three four five six\n\nnext\r\n";
    pager_init(&p, 20);
    pager_add_text(&p, INK_PLAIN, 0, text, sizeof(text) - 1);
    assert_int_equal(p.count, 4);
    assert_string_equal(p.lines[0].text, "one two three four");
    assert_string_equal(p.lines[1].text, "five six");
    assert_string_equal(p.lines[2].text, "");
    assert_string_equal(p.lines[3].text, "next");
    pager_done(&p);
}

static void test_pager_wraps_what_has_no_words(void **state)
{
    (void)state;
    struct pager p;
    char text[100];
    memset(text, 'x', sizeof(text));
    pager_init(&p, 20);
    pager_add_text(&p, INK_PLAIN, 0, text, sizeof(text));
    assert_int_equal(p.count, 5);
    pager_done(&p);
    pager_init(&p, 21);
    pager_add_text(&p, INK_PLAIN, 0, "図図図図図図図図図図図図", 36);
    assert_int_equal(p.count, 2);
    assert_int_equal(strlen(p.lines[0].text), 30); /* ten signs, twenty columns */
    pager_done(&p);
}

static void test_pager_is_bounded(void **state)
{
    (void)state;
    struct pager p;
    struct buf text;
    buf_init(&text);
    for (int i = 0; i < PAGER_LINES_MAX + 100; i++)
        buf_puts(&text, "x\n");
    pager_init(&p, 80);
    pager_add_text(&p, INK_PLAIN, 0, text.data, text.len);
    assert_int_equal(p.count, PAGER_LINES_MAX);
    assert_true(p.is_cut);
    pager_add(&p, INK_PLAIN, 0, "more");
    assert_int_equal(p.count, PAGER_LINES_MAX);
    pager_scroll(&p, 1000000);
    assert_true(p.top < p.count);
    pager_done(&p);
    buf_done(&text);
}

static void test_pager_cleans_what_it_keeps(void **state)
{
    (void)state;
    struct pager p;
    static const char text[] = "\x1b[31mred\ttab\x07";
    pager_init(&p, 80);
    pager_add_text(&p, INK_PLAIN, 0, text, sizeof(text) - 1);
    for (const char *s = p.lines[0].text; *s; s++)
        assert_true((unsigned char)*s >= 0x20 && *s != 0x7f);
    pager_done(&p);
}

int main(void)
{
    setlocale(LC_ALL, "C.UTF-8");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bar_shows_little_and_never_lies_about_whole),
        cmocka_unit_test(test_spark_levels),
        cmocka_unit_test(test_bar_in_ascii),
        cmocka_unit_test(test_field_edits_at_the_cursor),
        cmocka_unit_test(test_field_moves_by_whole_characters),
        cmocka_unit_test(test_field_deletes_words_and_keeps_its_bound),
        cmocka_unit_test(test_field_leaves_other_keys_alone),
        cmocka_unit_test(test_the_keys_of_the_contract),
        cmocka_unit_test(test_no_key_means_two_things_in_one_place),
        cmocka_unit_test(test_every_view_can_be_left_and_explained),
        cmocka_unit_test(test_pager_wraps_at_words),
        cmocka_unit_test(test_pager_wraps_what_has_no_words),
        cmocka_unit_test(test_pager_is_bounded),
        cmocka_unit_test(test_pager_cleans_what_it_keeps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
