/* Presets: what is enabled after each step, and after each step is taken back. */
#include "tests/unit/log/tmplog.h"

#include "log/presets.h"
#include "log/routes.h"

static const char ENABLED[] = "SELECT set_model, set_provider, preset FROM routes WHERE enabled ORDER BY set_model, set_provider";

static void check_ok(int rc, const struct err *e)
{
    if (rc != 0)
        fail_msg("status %d: %s", rc, e->text);
}

static void save(const char *name)
{
    struct err e = {""};
    check_ok(preset_save(tmplog, name, NULL, &e), &e);
}

static void use(const char *name)
{
    struct err e = {""};
    check_ok(preset_use(tmplog, name, &e), &e);
}

static void undo(const char *told)
{
    struct err e = {""};
    char what[200] = "";
    check_ok(routes_undo(tmplog, what, sizeof what, &e), &e);
    assert_string_equal(what, told);
}

/* Presets a (model a) and b (model b, provider p); model c is enabled. */
static void make_two(void)
{
    tmplog_run("INSERT INTO routes(set_model) VALUES('a')");
    save("a");
    tmplog_run("UPDATE routes SET set_model = 'b', set_provider = 'p'");
    save("b");
    tmplog_run("UPDATE routes SET set_model = 'c', set_provider = NULL");
}

static void test_each_step_is_taken_back(void **state)
{
    (void)state;
    struct err e = {""};
    make_two();
    use("a");
    assert_string_equal(tmplog_rows(ENABLED), "a|-|a");
    use("b");
    assert_string_equal(tmplog_rows(ENABLED), "b|p|b");
    check_ok(preset_off(tmplog, &e), &e);
    assert_string_equal(tmplog_rows(ENABLED), "c|-|-");
    undo("preset off");
    assert_string_equal(tmplog_rows(ENABLED), "b|p|b");
    undo("preset b");
    assert_string_equal(tmplog_rows(ENABLED), "a|-|a");
    undo("preset a");
    assert_string_equal(tmplog_rows(ENABLED), "c|-|-");
    assert_null(preset_used(tmplog));
    assert_int_equal(tmplog_int("SELECT count(*) FROM routes"), 1);
}

static void test_switch_on_top_of_a_preset_is_taken_back_first(void **state)
{
    (void)state;
    struct err e = {""};
    struct route_scope every = {0};
    make_two();
    use("a");
    check_ok(routes_switch(tmplog, ROUTE_MODEL, &every, "m", &e), &e);
    assert_string_equal(tmplog_rows(ENABLED), "m|-|-");
    undo("model m for every session");
    assert_string_equal(tmplog_rows(ENABLED), "a|-|a");
    undo("preset a");
    assert_string_equal(tmplog_rows(ENABLED), "c|-|-");
}

static void test_off_after_undo_knows_what_was_before(void **state)
{
    (void)state;
    struct err e = {""};
    make_two();
    use("a");
    use("b");
    undo("preset b");
    check_ok(preset_off(tmplog, &e), &e);
    assert_string_equal(tmplog_rows(ENABLED), "c|-|-");
    assert_int_equal(preset_off(tmplog, &e), 1);
}

static void test_cycling_goes_through_all_and_ends_with_none(void **state)
{
    (void)state;
    static const char *const names[] = {"a", "b", NULL, "a"};
    struct err e = {""};
    char *now = NULL;
    assert_int_equal(preset_cycle(tmplog, &now, &e), 1);
    make_two();
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        check_ok(preset_cycle(tmplog, &now, &e), &e);
        if (names[i])
            assert_string_equal(now, names[i]);
        else
            assert_null(now);
        free(now);
    }
    assert_string_equal(tmplog_rows(ENABLED), "a|-|a");
}

static void test_routes_that_end_by_themselves_are_not_saved(void **state)
{
    (void)state;
    struct err e = {""};
    int64_t count = 0;
    tmplog_run("INSERT INTO routes(set_model, until_at) VALUES('t', 9000000000000)");
    tmplog_run("INSERT INTO routes(set_model, max_calls, calls_taken) VALUES('n', 5, 3), ('used up', 5, 5)");
    check_ok(preset_save(tmplog, "x", &count, &e), &e);
    assert_int_equal(count, 1);
    use("x");
    assert_string_equal(tmplog_rows("SELECT set_model, max_calls, calls_taken FROM routes WHERE enabled"), "n|5|0");
    undo("preset x");
    assert_string_equal(tmplog_rows("SELECT set_model, calls_taken FROM routes WHERE enabled ORDER BY id"), "t|0;n|3;used up|5");
}

static void test_preset_that_is_not_there_changes_nothing(void **state)
{
    (void)state;
    struct err e = {""};
    make_two();
    int64_t version = tmplog_int("SELECT value FROM meta WHERE key = 'routes_version'");
    assert_int_equal(preset_use(tmplog, "z", &e), -1);
    assert_non_null(strstr(e.text, "no preset z"));
    assert_int_equal(tmplog_int("SELECT value FROM meta WHERE key = 'routes_version'"), version);
    assert_int_equal(preset_use(tmplog, "no name", &e), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_each_step_is_taken_back, tmplog_open, tmplog_close),
        cmocka_unit_test_setup_teardown(test_switch_on_top_of_a_preset_is_taken_back_first, tmplog_open, tmplog_close),
        cmocka_unit_test_setup_teardown(test_off_after_undo_knows_what_was_before, tmplog_open, tmplog_close),
        cmocka_unit_test_setup_teardown(test_cycling_goes_through_all_and_ends_with_none, tmplog_open, tmplog_close),
        cmocka_unit_test_setup_teardown(test_routes_that_end_by_themselves_are_not_saved, tmplog_open, tmplog_close),
        cmocka_unit_test_setup_teardown(test_preset_that_is_not_there_changes_nothing, tmplog_open, tmplog_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
