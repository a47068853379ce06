/* The calls table and the pure half of switching: what stands in a cell, which
 * columns fit, what a switch costs, what the pickers choose. */
#include "tests/unit/test.h"

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ui/columns.h"
#include "ui/glyph.h"
#include "ui/keys.h"
#include "ui/picker.h"
#include "ui/switches.h"

#define NOW ((int64_t)1795351351000) /* 2026-11-22 12:42:31 UTC */
#define DAY 20261122

static struct catalog *catalog;

static int load(void **state)
{
    (void)state;
    struct err e;
    setlocale(LC_ALL, "C.UTF-8");
    setenv("TZ", "UTC", 1);
    catalog = catalog_load(NULL, NULL, &e);
    return catalog ? 0 : -1;
}

static int unload(void **state)
{
    (void)state;
    catalog_free(catalog);
    return 0;
}

static struct call a_call(void)
{
    struct call c;
    call_init(&c);
    c.id = 7;
    c.state = CALL_DONE;
    c.status = 200;
    c.started_at = NOW - 5000;
    c.duration_ms = 4900;
    c.ttft_ms = 900;
    c.model_asked = c.model_sent = (char *)"claude-opus-5-5"; /* borrowed: never call_done() here */
    c.usage.in = 12;
    c.usage.cache_read = 138000;
    c.usage.cache_write_5m = 4000;
    c.usage.cache_write_1h = 0;
    c.usage.out = 320;
    c.cost_microusd = 31000;
    return c;
}

static const char *cell(const struct call *call, enum column column)
{
    static char out[CELL_MAX];
    struct row_context x = {.catalog = catalog, .now_ms = NOW, .has_duration = true};
    column_text(column, call, &x, out);
    return out;
}

static void test_cells_of_a_finished_call(void **state)
{
    (void)state;
    struct call c = a_call();
    assert_string_equal(cell(&c, COLUMN_TIME), "12:42:26");
    assert_string_equal(cell(&c, COLUMN_STATE), "200");
    assert_string_equal(cell(&c, COLUMN_MODEL), "opus-5-5");
    assert_string_equal(cell(&c, COLUMN_IN), "142k");
    assert_string_equal(cell(&c, COLUMN_CACHE), "97%");
    assert_string_equal(cell(&c, COLUMN_OUT), "320");
    assert_string_equal(cell(&c, COLUMN_TTFT), "0.9s");
    assert_string_equal(cell(&c, COLUMN_DURATION), "4.9s");
    assert_string_equal(cell(&c, COLUMN_RATE), "80");
    assert_string_equal(cell(&c, COLUMN_COST), "$0.031");
}

static void test_unknown_is_a_dash_and_never_a_zero(void **state)
{
    (void)state;
    struct call c;
    call_init(&c);
    c.state = CALL_DONE;
    static const enum column all[] = {COLUMN_SESSION,  COLUMN_WHO,   COLUMN_MODEL, COLUMN_PROVIDER,
                                      COLUMN_IN,       COLUMN_CACHE, COLUMN_OUT,   COLUMN_TTFT,
                                      COLUMN_DURATION, COLUMN_RATE,  COLUMN_COST};
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        assert_string_equal(cell(&c, all[i]), "–");
}

static void test_a_running_call_moves(void **state)
{
    (void)state;
    struct call c = a_call();
    c.state = CALL_OPEN;
    c.duration_ms = -1;
    c.cost_microusd = -1;
    c.usage.out = -1;
    c.live_tokens_out = 318;
    c.live_is_estimate = true;
    assert_string_equal(cell(&c, COLUMN_OUT), "~318");
    assert_string_equal(cell(&c, COLUMN_DURATION), "5.0s");
    assert_string_equal(cell(&c, COLUMN_RATE), "78"); /* 318 in 4.1 s after the first token */
    assert_string_equal(cell(&c, COLUMN_COST), "…");
    assert_string_not_equal(cell(&c, COLUMN_STATE), "");
    c.live_is_estimate = false;
    assert_string_equal(cell(&c, COLUMN_OUT), "318");
}

static void test_a_state_is_told_in_words(void **state)
{
    (void)state;
    struct call c = a_call();
    c.state = CALL_ERROR;
    c.status = 529;
    assert_string_equal(cell(&c, COLUMN_STATE), "✖ 529");
    c.status = 200;
    c.error_type = (char *)"upstream_cut";
    assert_string_equal(cell(&c, COLUMN_STATE), "✖ cut");
    c.state = CALL_ABORTED;
    assert_string_equal(cell(&c, COLUMN_STATE), "left");
    c.state = CALL_LOST;
    assert_string_equal(cell(&c, COLUMN_STATE), "lost");
}

static void test_a_switched_model_shows_both(void **state)
{
    (void)state;
    struct call c = a_call();
    c.model_sent = (char *)"claude-sonnet-5";
    assert_string_equal(cell(&c, COLUMN_MODEL), "opus-5-5 → sonnet-5");
    c.model_sent = (char *)"vendor/unheard-of";
    assert_string_equal(cell(&c, COLUMN_MODEL), "opus-5-5 → vendor/unheard-of");
    c.model_asked = c.model_sent = NULL;
    c.method = (char *)"GET";
    c.path = (char *)"/v1/models?limit=1000";
    assert_string_equal(cell(&c, COLUMN_MODEL), "GET /v1/models");
}

static void test_cache_is_whole_only_when_all_was_read(void **state)
{
    (void)state;
    struct call c = a_call();
    c.usage.cache_write_5m = 0;
    c.usage.cache_read = 10000000;
    assert_string_equal(cell(&c, COLUMN_CACHE), "99%");
    c.usage.in = 0;
    assert_string_equal(cell(&c, COLUMN_CACHE), "100%");
}

/* ---- Layout ---- */

static bool has(const struct column_layout *l, enum column column)
{
    for (size_t i = 0; i < l->count; i++)
        if (l->places[i].column == column)
            return true;
    return false;
}

static void test_columns_never_touch_nor_leave_the_screen(void **state)
{
    (void)state;
    for (int width = 60; width <= 300; width++) {
        struct column_layout l;
        columns_lay_out(width, width % 2 == 0, &l);
        int end = 0;
        for (size_t i = 0; i < l.count; i++) {
            if (i && l.places[i].col <= end)
                fail_msg("width %d: %s touches the column before", width, column_title(l.places[i].column));
            end = l.places[i].col + l.places[i].width;
        }
        if (end >= width)
            fail_msg("width %d: the last column ends at %d", width, end);
    }
}

static void test_columns_give_way_in_their_order(void **state)
{
    (void)state;
    static const enum column order[] = {COLUMN_RATE, COLUMN_TTFT, COLUMN_WHO, COLUMN_PROVIDER};
    size_t gone = 0;
    for (int width = 140; width >= 60; width--) {
        struct column_layout l;
        columns_lay_out(width, false, &l);
        while (gone < 4 && !has(&l, order[gone]))
            gone++;
        for (size_t i = gone; i < 4; i++)
            if (!has(&l, order[i]))
                fail_msg("width %d: %s went before %s", width, column_title(order[i]), column_title(order[gone]));
        assert_true(has(&l, COLUMN_TIME) && has(&l, COLUMN_SESSION) && has(&l, COLUMN_MODEL) && has(&l, COLUMN_STATE) &&
                    has(&l, COLUMN_COST));
    }
    assert_int_equal(gone, 4);
}

static void test_everything_fits_at_120(void **state)
{
    (void)state;
    struct column_layout l;
    columns_lay_out(120, false, &l);
    assert_int_equal(l.count, COLUMN_COUNT_ - 2); /* all but ID, which only Calls has, and the note */
    columns_lay_out(190, true, &l);
    assert_int_equal(l.count, COLUMN_COUNT_);
}

/* ---- Switching ---- */

static void test_in_force_for_a_scope(void **state)
{
    (void)state;
    struct route routes[] = {
        {.id = 1, .enabled = true, .set_model = (char *)"old"},
        {.id = 2,
         .enabled = true,
         .set_model = (char *)"new",
         .params_json = (char *)"{\"cache_enabled\": true, \"cache_ttl\":3600}"},
        {.id = 3, .enabled = false, .set_model = (char *)"off", .set_provider = (char *)"off"},
        {.id = 4, .enabled = true, .session_id = (char *)"s1", .set_provider = (char *)"bedrock"},
    };
    struct route_set set = {.routes = routes, .count = 4};
    struct route_scope every = {NULL, NULL, NULL}, one = {.session_id = "s1"};
    struct in_force f;
    switches_in_force(&set, &every, &f);
    assert_string_equal(f.model, "new");
    assert_null(f.provider);
    assert_string_equal(f.cache, "1h");
    assert_int_equal(f.narrower, 1);
    switches_in_force(&set, &one, &f);
    assert_null(f.model);
    assert_string_equal(f.provider, "bedrock");
    assert_string_equal(f.cache, "off");
}

static void type(struct picker *p, const char *text)
{
    for (; *text; text++)
        assert_true(picker_key(p, *text));
}

static struct picker *a_picker(enum route_setting what, const struct picker_about *about)
{
    static struct picker p;
    picker_open(&p, what, catalog, about, "claude-opus-5-5", "claude-haiku-5-5\n", DAY);
    return &p;
}

static void test_picker_begins_with_as_asked_then_recent(void **state)
{
    (void)state;
    struct picker *p = a_picker(ROUTE_MODEL, NULL);
    assert_string_equal(picker_choice(p), "");
    assert_string_equal(p->items[1].value, "claude-haiku-5-5");
    assert_true(p->items[1].is_recent);
    assert_true(p->count > 4);
}

static void test_a_whole_name_wins_over_names_that_hold_it(void **state)
{
    (void)state;
    struct picker *p = a_picker(ROUTE_MODEL, NULL);
    type(p, "claude-sonnet-5");
    assert_string_equal(picker_choice(p), "claude-sonnet-5");
    p = a_picker(ROUTE_MODEL, NULL);
    type(p, "sonnet-5");
    assert_string_equal(picker_choice(p), "claude-sonnet-5");
    p = a_picker(ROUTE_MODEL, NULL);
    type(p, "opus 5-5");
    assert_string_equal(picker_choice(p), "claude-opus-5-5");
}

static void test_free_text_can_be_chosen(void **state)
{
    (void)state;
    struct picker *p = a_picker(ROUTE_MODEL, NULL);
    type(p, "my/own-model");
    assert_string_equal(picker_choice(p), "my/own-model");
    p = a_picker(ROUTE_PROVIDER, NULL);
    type(p, "azure_eu");
    assert_string_equal(picker_choice(p), "azure_eu");
}

static void test_scopes_of_the_picker(void **state)
{
    (void)state;
    struct picker *p = a_picker(ROUTE_MODEL, NULL);
    assert_null(picker_scope(p)->session_id);
    assert_null(picker_scope(p)->model_glob);
    picker_next_scope(p, true);
    assert_string_equal(picker_scope(p)->model_glob, "*opus*");
    picker_next_scope(p, true);
    assert_null(picker_scope(p)->model_glob);
    struct picker_about about = {"s1", "api \x1b[31mrefactor", "claude-opus-5-5", 142000, false};
    p = a_picker(ROUTE_MODEL, &about);
    assert_string_equal(picker_scope(p)->session_id, "s1");
    picker_next_scope(p, true);
    assert_null(picker_scope(p)->session_id);
    picker_next_scope(p, false);
    assert_string_equal(picker_scope(p)->session_id, "s1");
}

static void test_recent_choices_are_kept_newest_first(void **state)
{
    (void)state;
    struct picker *p = a_picker(ROUTE_MODEL, NULL);
    char out[1024];
    picker_remember(p, "claude-sonnet-5", out, sizeof(out));
    assert_string_equal(out, "claude-sonnet-5\nclaude-haiku-5-5\n");
    picker_remember(p, "claude-haiku-5-5", out, sizeof(out));
    assert_string_equal(out, "claude-haiku-5-5\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cells_of_a_finished_call),
        cmocka_unit_test(test_unknown_is_a_dash_and_never_a_zero),
        cmocka_unit_test(test_a_running_call_moves),
        cmocka_unit_test(test_a_state_is_told_in_words),
        cmocka_unit_test(test_a_switched_model_shows_both),
        cmocka_unit_test(test_cache_is_whole_only_when_all_was_read),
        cmocka_unit_test(test_columns_never_touch_nor_leave_the_screen),
        cmocka_unit_test(test_columns_give_way_in_their_order),
        cmocka_unit_test(test_everything_fits_at_120),
        cmocka_unit_test(test_in_force_for_a_scope),
        cmocka_unit_test(test_picker_begins_with_as_asked_then_recent),
        cmocka_unit_test(test_a_whole_name_wins_over_names_that_hold_it),
        cmocka_unit_test(test_free_text_can_be_chosen),
        cmocka_unit_test(test_scopes_of_the_picker),
        cmocka_unit_test(test_recent_choices_are_kept_newest_first),
    };
    return cmocka_run_group_tests(tests, load, unload);
}
