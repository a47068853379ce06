/* Command lines: options before or after the words, and what is refused how. */
#include "tests/unit/test.h"

#include <string.h>

#include "cli/args.h"

static const struct option_spec common[] = {{"log", "FILE", ""}, {"no-color", NULL, ""}, {"help", NULL, ""}, {NULL, NULL, NULL}};
static const struct option_spec own[] = {{"last", "N", ""}, {"json", NULL, ""}, {NULL, NULL, NULL}};
static const struct option_spec *const tables[] = {common, own, NULL};

#define LINE(...) \
    char *argv[] = {(char *)"spantop", __VA_ARGS__, NULL}; \
    int argc = (int)(sizeof argv / sizeof *argv) - 1

static void test_command_is_found_behind_options_with_values(void **state)
{
    (void)state;
    LINE("--log", "calls", "--no-color", "show", "3");
    assert_int_equal(args_find_command(argc, argv, tables), 4);
}

static void test_no_command_among_options_only(void **state)
{
    (void)state;
    LINE("--log", "x", "--no-color");
    assert_int_equal(args_find_command(argc, argv, tables), 0);
}

static void test_options_stand_before_and_after_the_words(void **state)
{
    (void)state;
    LINE("--log", "a", "show", "7", "--json", "--log=b", "--last", "2", "8");
    struct args a;
    struct err e = {""};
    assert_int_equal(args_parse(&a, argc, argv, 3, false, common, own, &e), 0);
    assert_int_equal(a.word_count, 2);
    assert_string_equal(a.words[0], "7");
    assert_string_equal(a.words[1], "8");
    assert_string_equal(args_get(&a, "log"), "b"); /* the last one counts */
    assert_string_equal(args_get(&a, "last"), "2");
    assert_true(args_has(&a, "json"));
    assert_false(args_has(&a, "no-color"));
    args_done(&a);
}

static void test_words_of_another_command_are_left_alone(void **state)
{
    (void)state;
    LINE("--no-color", "run", "claude", "--json", "-p", "--", "x");
    struct args a;
    struct err e = {""};
    assert_int_equal(args_parse(&a, argc, argv, 2, true, common, own, &e), 0);
    assert_int_equal(a.word_count, 5);
    assert_string_equal(a.words[1], "--json");
    assert_string_equal(a.words[3], "--");
    assert_false(args_has(&a, "json"));
    assert_true(args_has(&a, "no-color"));
    args_done(&a);
}

static void test_two_dashes_end_the_options(void **state)
{
    (void)state;
    LINE("run", "--", "--json", "x");
    struct args a;
    struct err e = {""};
    assert_int_equal(args_parse(&a, argc, argv, 1, true, common, own, &e), 0);
    assert_int_equal(a.word_count, 2);
    assert_string_equal(a.words[0], "--json");
    args_done(&a);
}

static void expect_refused(char *one, char *two, const char *says)
{
    char *argv[] = {(char *)"spantop", (char *)"calls", one, two, NULL};
    struct args a;
    struct err e = {""};
    assert_int_equal(args_parse(&a, two ? 4 : 3, argv, 1, false, common, own, &e), -1);
    if (!strstr(e.text, says))
        fail_msg("expected \"%s\" in \"%s\"", says, e.text);
    args_done(&a);
}

static void test_wrong_options_are_named_with_the_way_out(void **state)
{
    (void)state;
    expect_refused((char *)"--lgo", (char *)"x", "did you mean --log?");
    expect_refused((char *)"--jsno", NULL, "did you mean --json?");
    expect_refused((char *)"--quite-else", NULL, "no option --quite-else");
    expect_refused((char *)"--last", NULL, "--last N");
    expect_refused((char *)"--json=yes", NULL, "takes no value");
    expect_refused((char *)"-x", NULL, "no option -x");
}

static void test_distance_counts_slips_of_the_finger(void **state)
{
    (void)state;
    assert_int_equal(words_distance("calls", "calls"), 0);
    assert_int_equal(words_distance("clals", "calls"), 1); /* swapped */
    assert_int_equal(words_distance("cals", "calls"), 1);
    assert_int_equal(words_distance("callls", "calls"), 1);
    assert_int_equal(words_distance("kalls", "calls"), 1);
    assert_int_equal(words_distance("", "run"), 3);
    assert_int_equal(words_distance("model", "route"), 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_command_is_found_behind_options_with_values),
        cmocka_unit_test(test_no_command_among_options_only),
        cmocka_unit_test(test_options_stand_before_and_after_the_words),
        cmocka_unit_test(test_words_of_another_command_are_left_alone),
        cmocka_unit_test(test_two_dashes_end_the_options),
        cmocka_unit_test(test_wrong_options_are_named_with_the_way_out),
        cmocka_unit_test(test_distance_counts_slips_of_the_finger),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
