/* Which routes hold for a call: the rules of precedence, and their speed. */
#include "tests/unit/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log/routes.h"
#include "log/routes_index.h"

#define MAIN  {.session_id = "s1", .model = "claude-opus-5-5", .has_purpose = true, .purpose = PURPOSE_MAIN}

/* A route of a table: the strings are literals, nothing is freed. */
#define R(number, ...) {.id = number, .enabled = true, __VA_ARGS__}
#define SET(array) {.routes = (array), .count = sizeof(array) / sizeof *(array)}

/* Chosen with and without the digest; both must agree. */
static struct route_choice choose(struct route_set s, struct route_subject who)
{
    struct route_choice slow, fast;
    route_choose(&s, &who, &slow);
    s.index = route_index_new(&s);
    route_choose(&s, &who, &fast);
    assert_ptr_equal(slow.model, fast.model);
    assert_ptr_equal(slow.provider, fast.provider);
    if (slow.note || fast.note)
        assert_string_equal(slow.note, fast.note);
    if (slow.params_json || fast.params_json)
        assert_string_equal(slow.params_json, fast.params_json);
    route_choice_done(&slow);
    route_index_free(s.index);
    return fast;
}

static int64_t model_route(struct route_set s, struct route_subject who)
{
    struct route_choice c = choose(s, who);
    int64_t id = c.model ? c.model->id : 0;
    route_choice_done(&c);
    return id;
}

static void test_no_routes_choose_nothing(void **state)
{
    (void)state;
    struct route_set none = {0};
    struct route_choice c = choose(none, (struct route_subject)MAIN);
    assert_null(c.model);
    assert_null(c.provider);
    assert_null(c.params_json);
    assert_null(c.note);
    assert_false(route_set_needs_body(&none));
}

static void test_more_specific_scope_wins(void **state)
{
    (void)state;
    /* From weak to strong; each beats all before it though its id is lower. */
    struct route order[] = {
        R(90, .set_model = "m"),
        R(80, .model_glob = "*opus*", .set_model = "m"),
        R(70, .purpose = "main", .set_model = "m"),
        R(60, .purpose = "main", .model_glob = "*opus*", .set_model = "m"),
        R(50, .session_id = "s1", .set_model = "m"),
        R(40, .session_id = "s1", .model_glob = "*opus*", .set_model = "m"),
        R(30, .session_id = "s1", .purpose = "main", .set_model = "m"),
        R(20, .session_id = "s1", .purpose = "main", .model_glob = "*opus*", .set_model = "m"),
    };
    for (size_t count = 1; count <= sizeof order / sizeof *order; count++) {
        struct route_set s = {.routes = order, .count = count};
        assert_int_equal(model_route(s, (struct route_subject)MAIN), order[count - 1].id);
    }
}

static void test_highest_id_wins_among_equals(void **state)
{
    (void)state;
    struct route same[] = {R(3, .set_model = "a"), R(9, .set_model = "b"), R(5, .set_model = "c")};
    assert_int_equal(model_route((struct route_set)SET(same), (struct route_subject)MAIN), 9);
}

static void test_each_setting_is_decided_alone(void **state)
{
    (void)state;
    struct route routes[] = {
        R(1, .set_model = "m1", .set_provider = "p1", .params_json = "{\"a\":1,\"b\":1}"),
        R(2, .session_id = "s1", .set_provider = "p2"),
        R(3, .session_id = "s1", .purpose = "main", .params_json = " {\"b\" : [1, 2],\"c\":1e400} "),
    };
    struct route_choice c = choose((struct route_set)SET(routes), (struct route_subject)MAIN);
    assert_int_equal(c.model->id, 1);
    assert_int_equal(c.provider->id, 2);
    assert_string_equal(c.params_json, "{\"b\" : [1, 2],\"c\":1e400,\"a\":1}");
    assert_string_equal(c.note, "#3 session+main → b, c; #2 session → provider p2; #1 every call → m1;"
                                " #1 every call → a");
    route_choice_done(&c);
}

static void test_disabled_and_foreign_routes_do_nothing(void **state)
{
    (void)state;
    struct route routes[] = {
        {.id = 9, .enabled = false, .set_model = "m"},
        R(8, .session_id = "s2", .set_model = "m"),
        R(7, .session_id = "", .set_model = "m"),
        R(6, .purpose = "subagent", .set_model = "m"),
        R(5, .purpose = "nonsense", .set_model = "m"),
        R(4, .model_glob = "*haiku*", .set_model = "m"),
        R(3, .model_glob = "opus", .set_model = "m"),
        R(2, .set_model = "", .set_provider = "", .params_json = "[1]"),
        R(1, .set_model = "line\nbreak", .set_provider = "x\r\nX-Evil: 1", .params_json = "{\"a\":"),
    };
    struct route_choice c = choose((struct route_set)SET(routes), (struct route_subject)MAIN);
    assert_null(c.model);
    assert_null(c.provider);
    assert_null(c.params_json);
    assert_null(c.note);
}

static void test_a_word_covers_its_purposes(void **state)
{
    (void)state;
    static const struct {
        const char *word;
        const char *covers; /* by purpose in the order of the enum, then a subagent's fork; x or . */
    } table[] = {
        {NULL, "xxxxxxxx"},       {"main", "x.x....."},  {"subagent", ".x.....x"}, {"fork", "..x....x"},
        {"title", "...x...."},    {"side", "...xxxx."},  {"other", "......x."},    {"count_tokens", "....x..."},
        {"Main", "........"},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct route one[] = {R(1, .purpose = (char *)(uintptr_t)table[i].word, .set_model = "m")};
        for (int purpose = 0; purpose <= PURPOSE_OTHER + 1; purpose++) {
            bool agent_fork = purpose > PURPOSE_OTHER;
            struct route_subject who = {.has_purpose = true, .purpose = agent_fork ? PURPOSE_FORK : (enum call_purpose)purpose,
                                        .agent_id = agent_fork ? "a1" : NULL};
            bool expected = table[i].covers[purpose] == 'x';
            if ((model_route((struct route_set)SET(one), who) == 1) != expected)
                fail_msg("purpose %s: call %d expected %d", table[i].word ? table[i].word : "NULL", purpose, expected);
        }
    }
}

static void test_an_unknown_call_takes_only_routes_for_all(void **state)
{
    (void)state;
    struct route routes[] = {
        R(1, .set_model = "m"), R(2, .purpose = "other", .set_model = "m"), R(3, .session_id = "s1", .set_model = "m"),
        R(4, .model_glob = "*", .set_model = "m"),
    };
    assert_int_equal(model_route((struct route_set)SET(routes), (struct route_subject){0}), 1);
}

static void test_globs_fold_case_and_match_whole_names(void **state)
{
    (void)state;
    static const struct { const char *glob, *model; bool fits; } table[] = {
        {"*haiku*", "claude-haiku-4-5", true}, {"*HAIKU*", "claude-haiku-4-5", true}, {"claude-?*", "Claude-Opus", true},
        {"claude-opus-5-5", "claude-opus-5-5", true}, {"claude-opus-5", "claude-opus-5-5", false}, {"*", "", true},
        {"", "", true}, {"?", "", false}, {"*é*", "modèle-é", true}, {"a*b", "acb", true}, {"a*b", "acbd", false},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct route one[] = {R(1, .model_glob = (char *)(uintptr_t)table[i].glob, .set_model = "m")};
        struct route_subject who = {.model = table[i].model};
        if ((model_route((struct route_set)SET(one), who) == 1) != table[i].fits)
            fail_msg("glob %s on %s should be %d", table[i].glob, table[i].model, table[i].fits);
    }
}

static void test_the_last_of_equal_keys_counts(void **state)
{
    (void)state;
    struct route routes[] = {R(1, .params_json = "{\"a\":1,\"\\u0061\":2,\"b\":3}"), R(2, .params_json = "{\"b\":4}")};
    struct route_choice c = choose((struct route_set)SET(routes), (struct route_subject)MAIN);
    assert_string_equal(c.params_json, "{\"b\":4,\"\\u0061\":2}");
    route_choice_done(&c);
}

static void test_a_pin_alone_needs_no_body(void **state)
{
    (void)state;
    struct route pin[] = {R(1, .session_id = "s1", .set_provider = "vertex_ai", .params_json = "{\"a\":1}")};
    struct route model[] = {R(1, .set_model = "m")};
    struct route agent[] = {R(1, .purpose = "main", .set_provider = "vertex_ai")};
    struct route glob[] = {R(1, .model_glob = "*", .set_provider = "vertex_ai")};
    struct route off[] = {{.id = 1, .set_model = "m"}};
    assert_false(route_set_needs_body(&(struct route_set)SET(pin)));
    assert_true(route_set_needs_body(&(struct route_set)SET(model)));
    assert_true(route_set_needs_body(&(struct route_set)SET(agent)));
    assert_true(route_set_needs_body(&(struct route_set)SET(glob)));
    assert_false(route_set_needs_body(&(struct route_set)SET(off)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_routes_choose_nothing),
        cmocka_unit_test(test_more_specific_scope_wins),
        cmocka_unit_test(test_highest_id_wins_among_equals),
        cmocka_unit_test(test_each_setting_is_decided_alone),
        cmocka_unit_test(test_disabled_and_foreign_routes_do_nothing),
        cmocka_unit_test(test_a_word_covers_its_purposes),
        cmocka_unit_test(test_an_unknown_call_takes_only_routes_for_all),
        cmocka_unit_test(test_globs_fold_case_and_match_whole_names),
        cmocka_unit_test(test_the_last_of_equal_keys_counts),
        cmocka_unit_test(test_a_pin_alone_needs_no_body),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
