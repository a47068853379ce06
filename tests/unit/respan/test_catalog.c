#include "respan/catalog.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define TODAY 20261122

static struct catalog *load(const char *cache, const char *user)
{
    struct err warning;
    struct catalog *c = catalog_load(cache, user, &warning);
    assert_string_equal(warning.text, "");
    return c;
}

/* A file that is gone when the test ends. */
static char *write_file(const char *text)
{
    static char path[2][64];
    static int next;
    char *name = path[next++ % 2];
    snprintf(name, sizeof *path, "/tmp/spantop-test-catalog-XXXXXX");
    int fd = mkstemp(name);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
    return name;
}

static struct catalog *load_user(const char *text)
{
    char *path = write_file(text);
    struct catalog *c = load(NULL, path);
    unlink(path);
    return c;
}

/* --- The built-in data --- */

static void test_built_in_is_whole_and_dated(void **state)
{
    (void)state;
    struct catalog *c = load(NULL, NULL);
    assert_int_equal(strlen(catalog_date(c)), 10);
    assert_true(catalog_count(c) >= 12);
    assert_string_equal(catalog_providers(c)[0], "anthropic");
    for (size_t i = 0; i < catalog_count(c); i++) {
        const struct model *m = catalog_at(c, i);
        const struct price *p = model_price_on(m, TODAY);
        if (!p || p->in <= 0 || p->out <= p->in || p->cache_read * 10 != p->in || p->cache_write_5m * 4 != p->in * 5 ||
            p->cache_write_1h != p->in * 2 || p->web_search != 10000)
            fail_msg("%s: its price is not whole", m->name);
        if (m->context_tokens < 200000 || m->max_output_tokens < 32000 || m->thinking == THINKING_UNKNOWN ||
            m->takes_effort < 0 || m->takes_structured < 0 || !m->providers || strcmp(m->source, "built-in") != 0)
            fail_msg("%s: something is unknown", m->name);
    }
    catalog_free(c);
}

static void test_built_in_figures(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        const char *label;
        int64_t in;
        int64_t out;
        int64_t context;
        int64_t max_output;
        enum thinking_kind thinking;
        int effort;
    } facts[] = {
        {"claude-fable-5-1", "fable-5-1", 10000000, 50000000, 1000000, 128000, THINKING_ALWAYS, 1},
        {"claude-opus-5-5", "opus-5-5", 4000000, 20000000, 1000000, 128000, THINKING_ALWAYS, 1},
        {"claude-opus-5", "opus-5", 5000000, 25000000, 1000000, 128000, THINKING_ADAPTIVE, 1},
        {"claude-opus-4-8", "opus-4-8", 5000000, 25000000, 1000000, 128000, THINKING_ADAPTIVE, 1},
        {"claude-sonnet-5-5", "sonnet-5-5", 2000000, 10000000, 1000000, 128000, THINKING_ADAPTIVE, 1},
        {"claude-sonnet-5", "sonnet-5", 2000000, 10000000, 1000000, 128000, THINKING_ADAPTIVE, 1},
        {"claude-haiku-5-5", "haiku-5-5", 100000, 500000, 1000000, 128000, THINKING_ADAPTIVE, 1},
        {"claude-haiku-4-5-20251001", "haiku-4-5", 1000000, 5000000, 200000, 64000, THINKING_BUDGET, 0},
        {"claude-sonnet-4-5-20250929", "sonnet-4-5", 3000000, 15000000, 200000, 64000, THINKING_BUDGET, 0},
    };
    struct catalog *c = load(NULL, NULL);
    for (size_t i = 0; i < sizeof facts / sizeof *facts; i++) {
        const struct model *m = catalog_find(c, facts[i].name);
        assert_non_null(m);
        const struct price *p = model_price_on(m, TODAY);
        assert_string_equal(m->label, facts[i].label);
        assert_int_equal(p->in, facts[i].in);
        assert_int_equal(p->out, facts[i].out);
        assert_int_equal(m->context_tokens, facts[i].context);
        assert_int_equal(m->max_output_tokens, facts[i].max_output);
        assert_int_equal(m->thinking, facts[i].thinking);
        assert_int_equal(m->takes_effort, facts[i].effort);
    }
    catalog_free(c);
}

/* --- Finding --- */

static void test_names_with_marks_are_found(void **state)
{
    (void)state;
    static const char *const same[][2] = {
        {"claude-sonnet-4-5", "claude-sonnet-4-5-20250929"},
        {"claude-sonnet-4-5@20250929", "claude-sonnet-4-5-20250929"},
        {"vertex_ai/claude-sonnet-4-5@20250929", "claude-sonnet-4-5-20250929"},
        {"vertex_ai/claude-opus-5@default", "claude-opus-5"},
        {"anthropic/claude-opus-5-5", "claude-opus-5-5"},
        {"bedrock/anthropic.claude-haiku-4-5-20251001-v1:0", "claude-haiku-4-5-20251001"},
        {"bedrock/us.anthropic.claude-haiku-4-5-20251001-v1:0", "claude-haiku-4-5-20251001"},
        {"anthropic.claude-opus-4-6-v1", "claude-opus-4-6"},
        {"claude-opus-5[1m]", "claude-opus-5"},
    };
    struct catalog *c = load(NULL, NULL);
    for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
        const struct model *m = catalog_find(c, same[i][0]);
        if (!m || strcmp(m->name, same[i][1]) != 0)
            fail_msg("%s: expected %s, came %s", same[i][0], same[i][1], m ? m->name : "nothing");
    }
    catalog_free(c);
}

static void test_nothing_is_found_by_likeness(void **state)
{
    (void)state;
    static const char *const unknown[] = {"",
                                          "claude",
                                          "claude-opus",
                                          "claude-opus-5-",
                                          "claude-opus-5-6",
                                          "Claude-Opus-5",
                                          "claude-sonnet-4-5-20990101",
                                          "claude-sonnet-4-5@20990101",
                                          "opus-5",
                                          "my-claude-opus-5",
                                          "claude-opus-5-v1:0x",
                                          "gpt-5",
                                          "/",
                                          "@",
                                          "bedrock/",
                                          "anthropic.",
                                          "[1m]"};
    struct catalog *c = load(NULL, NULL);
    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++)
        if (catalog_find(c, unknown[i]))
            fail_msg("'%s' was taken for %s", unknown[i], catalog_find(c, unknown[i])->name);
    assert_null(catalog_find(c, NULL));
    char longest[5000];
    memset(longest, 'a', sizeof longest);
    longest[sizeof longest - 1] = '\0';
    assert_null(catalog_find(c, longest));
    catalog_free(c);
}

/* --- Money --- */

static struct usage counts(int64_t in, int64_t read, int64_t w5, int64_t w1, int64_t out)
{
    struct usage u;
    usage_init(&u);
    u.in = in;
    u.cache_read = read;
    u.cache_write_5m = w5;
    u.cache_write_1h = w1;
    u.out = out;
    return u;
}

static void test_every_class_has_its_price(void **state)
{
    (void)state;
    struct catalog *c = load(NULL, NULL);
    struct usage u = counts(1000, 200000, 3000, 4000, 500);
    /* opus-5: 1000×5 + 200000×0.5 + 3000×6.25 + 4000×10 + 500×25 = 176,250 */
    assert_int_equal(catalog_cost_microusd(c, "claude-opus-5", TODAY, &u), 176250);
    u.web_searches = 3;
    assert_int_equal(catalog_cost_microusd(c, "claude-opus-5", TODAY, &u), 206250);
    catalog_free(c);
}

static void test_half_a_micro_dollar_rounds_up_once(void **state)
{
    (void)state;
    struct catalog *c = load(NULL, NULL);
    /* haiku-5-5: 0.1 and 0.5 micro-dollars a token, 0.01 a cache read */
    struct usage u = counts(4, 0, 0, 0, 0);
    assert_int_equal(catalog_cost_microusd(c, "claude-haiku-5-5", TODAY, &u), 0);
    u = counts(5, 0, 0, 0, 0);
    assert_int_equal(catalog_cost_microusd(c, "claude-haiku-5-5", TODAY, &u), 1);
    u = counts(4, 9, 0, 0, 0);
    assert_int_equal(catalog_cost_microusd(c, "claude-haiku-5-5", TODAY, &u), 0);
    u = counts(4, 10, 0, 0, 0);
    assert_int_equal(catalog_cost_microusd(c, "claude-haiku-5-5", TODAY, &u), 1);
    catalog_free(c);
}

static void test_surcharges_multiply_and_unknown_ones_leave_no_price(void **state)
{
    (void)state;
    struct catalog *c = load(NULL, NULL);
    struct usage u = counts(1000, 199000, 0, 0, 1000);
    /* sonnet-4-5: 3 and 15 a million, twice and one and a half times that above 200,000 tokens */
    assert_int_equal(catalog_cost_microusd(c, "claude-sonnet-4-5", TODAY, &u), 3000 + 59700 + 15000);
    u.in = 1001;
    assert_int_equal(catalog_cost_microusd(c, "claude-sonnet-4-5", TODAY, &u), 6006 + 119400 + 22500);
    /* opus-5 costs the same at any length */
    assert_int_equal(catalog_cost_microusd(c, "claude-opus-5", TODAY, &u), 5005 + 99500 + 25000);
    u = counts(1000, 0, 0, 0, 1000);
    u.extras = USAGE_FAST;
    assert_int_equal(catalog_cost_microusd(c, "claude-opus-4-6", TODAY, &u), 30000 + 150000);
    assert_int_equal(catalog_cost_microusd(c, "claude-sonnet-4-6", TODAY, &u), -1);
    u.extras = USAGE_US_ONLY;
    assert_int_equal(catalog_cost_microusd(c, "claude-opus-4-6", TODAY, &u), 5500 + 27500);
    u.extras = USAGE_US_ONLY | USAGE_BATCH;
    assert_int_equal(catalog_cost_microusd(c, "claude-opus-4-6", TODAY, &u), 2750 + 13750);
    u.extras = USAGE_OTHER_TIER;
    assert_int_equal(catalog_cost_microusd(c, "claude-opus-4-6", TODAY, &u), -1);
    catalog_free(c);
}

static void test_unknown_costs_are_unknown(void **state)
{
    (void)state;
    struct catalog *c =
        load_user("{\"models\":[{\"name\":\"m\",\"prices\":[{\"in\":1,\"out\":2}]},{\"name\":\"free\"}]}");
    struct usage u = counts(10, -1, -1, -1, 10);
    assert_int_equal(catalog_cost_microusd(c, "m", TODAY, &u), 30);
    assert_int_equal(catalog_cost_microusd(c, "free", TODAY, &u), -1);
    assert_int_equal(catalog_cost_microusd(c, "nobody", TODAY, &u), -1);
    assert_int_equal(catalog_cost_microusd(c, NULL, TODAY, &u), -1);
    u.cache_read = 0;
    assert_int_equal(catalog_cost_microusd(c, "m", TODAY, &u), 30);
    u.cache_read = 1; /* m has no price for it */
    assert_int_equal(catalog_cost_microusd(c, "m", TODAY, &u), -1);
    u = counts(-1, 0, 0, 0, 10);
    assert_int_equal(catalog_cost_microusd(c, "m", TODAY, &u), -1);
    u = counts(10, 0, 0, 0, -1);
    assert_int_equal(catalog_cost_microusd(c, "m", TODAY, &u), -1);
    u = counts(INT64_MAX / 2, 0, 0, 0, 10);
    assert_int_equal(catalog_cost_microusd(c, "m", TODAY, &u), -1);
    catalog_free(c);
}

static void test_price_of_the_day(void **state)
{
    (void)state;
    struct catalog *c =
        load_user("{\"models\":[{\"name\":\"claude-m\",\"prices\":["
                  "{\"from\":\"2026-01-15\",\"in\":1,\"out\":2},{\"from\":\"2026-03-01\",\"in\":3,\"out\":4}]}]}");
    struct usage u = counts(1000000, 0, 0, 0, 0);
    assert_int_equal(catalog_cost_microusd(c, "claude-m", 20260114, &u), -1);
    assert_int_equal(catalog_cost_microusd(c, "claude-m", 20260115, &u), 1000000);
    assert_int_equal(catalog_cost_microusd(c, "claude-m", 20260228, &u), 1000000);
    assert_int_equal(catalog_cost_microusd(c, "claude-m", 20260301, &u), 3000000);
    catalog_free(c);
}

/* --- Other sources --- */

static void test_user_file_wins_field_by_field(void **state)
{
    (void)state;
    struct catalog *c =
        load_user("{\"providers\":[\"bedrock\",\"mine\"],\"models\":[{\"name\":\"claude-opus-5\",\"prices\":[{\"in\":1,"
                  "\"out\":2}]},"
                  "{\"name\":\"new-one\",\"label\":\"n1\",\"aliases\":[\"n\"],\"context\":5000,\"max_output\":100,"
                  "\"thinking\":\"none\",\"effort\":false}]}");
    const struct model *m = catalog_find(c, "claude-opus-5");
    assert_string_equal(m->source, "user");
    assert_int_equal(model_price_on(m, TODAY)->in, 1000000);
    assert_int_equal(model_price_on(m, TODAY)->cache_write_5m, 1250000);
    assert_int_equal(m->context_tokens, 1000000);
    assert_int_equal(m->thinking, THINKING_ADAPTIVE);
    m = catalog_find(c, "n");
    assert_string_equal(m->name, "new-one");
    assert_string_equal(m->label, "n1");
    assert_int_equal(m->thinking, THINKING_NONE);
    assert_int_equal(m->takes_structured, -1);
    assert_null(model_price_on(m, TODAY));
    assert_string_equal(catalog_providers(c)[1], "mine");
    assert_string_not_equal(catalog_date(c), "");
    catalog_free(c);
}

static void test_respans_list(void **state)
{
    (void)state;
    static const char list[] =
        "{\"models\":[{\"model_name\":\"claude-opus-5\",\"max_context_window\":900000,\"input_cost\":4.5,\"output_"
        "cost\":22,"
        "\"provider\":{\"provider_name\":\"Anthropic\",\"provider_id\":\"anthropic\"}},"
        "{\"model_name\":\"vertex_ai/"
        "claude-opus-5@default\",\"input_cost\":9,\"output_cost\":9,\"provider\":{\"provider_id\":\"azure\"}},"
        "{\"model_name\":\"gpt-x\",\"max_context_window\":400000,\"input_cost\":1.25,\"output_cost\":10,\"cache_hit_"
        "input_cost\":0.125,"
        "\"provider\":{\"provider_id\":\"openai\"}},"
        "{\"model_name\":\"gpt-x\",\"input_cost\":7,\"output_cost\":7,\"provider\":{\"provider_id\":\"azure\"}},"
        "{\"model_name\":\"no-price\",\"input_cost\":0,\"output_cost\":0},{\"model_name\":null},{}]}";
    char *path = write_file(list);
    struct catalog *c = load(path, NULL);
    const struct model *m = catalog_find(c, "claude-opus-5");
    const struct price *p = model_price_on(m, TODAY);
    assert_string_equal(m->source, "respan");
    assert_int_equal(p->in, 4500000);
    assert_int_equal(p->cache_read, 450000);
    assert_int_equal(p->web_search, 10000);
    assert_int_equal(m->context_tokens, 900000);
    assert_int_equal(m->max_output_tokens, 128000);
    assert_string_equal(m->providers[3], "azure");
    assert_null(m->providers[4]);

    m = catalog_find(c, "gpt-x");
    p = model_price_on(m, TODAY);
    assert_int_equal(p->in, 1250000);
    assert_int_equal(p->cache_read, 125000);
    assert_int_equal(p->cache_write_5m, -1);
    assert_string_equal(m->providers[1], "azure");
    assert_null(model_price_on(catalog_find(c, "no-price"), TODAY));
    catalog_free(c);

    /* ?unnest=true gives a bare list; the user's file still wins. */
    char *user = write_file("{\"models\":[{\"name\":\"gpt-x\",\"prices\":[{\"in\":9,\"out\":9}]}]}");
    unlink(path);
    path = write_file("[{\"model_name\":\"gpt-x\",\"input_cost\":1,\"output_cost\":2}]");
    c = load(path, user);
    assert_int_equal(model_price_on(catalog_find(c, "gpt-x"), TODAY)->in, 9000000);
    catalog_free(c);
    unlink(path);
    unlink(user);
}

static void test_a_damaged_file_is_told_and_left_out(void **state)
{
    (void)state;
    static const char *const damaged[][2] = {
        {"{\"models\":[{\"name\":\"claude-opus-5\",\"context\":7}", "no valid JSON"},
        {"", "no valid JSON"},
        {"{\"models\":[]} x", "no valid JSON"},
        {"{\"name\":\"x\"}", "\"models\""},
        {"{\"models\":[{\"name\":\"claude-opus-5\",\"context\":7},{\"context\":5}]}", "\"name\""},
        {"{\"models\":[{\"name\":\"claude-opus-5\",\"context\":7,\"prices\":[{\"in\":-1}]}]}", "\"in\""},
        {"{\"models\":[{\"name\":\"claude-opus-5\",\"context\":7,\"prices\":[{\"in\":\"1\"}]}]}", "\"in\""},
        {"{\"models\":[{\"name\":\"claude-opus-5\",\"context\":7,\"prices\":[1]}]}", "prices"},
        {"{\"models\":[{\"name\":\"claude-opus-5\",\"context\":7,\"prices\":[{\"from\":\"March\",\"in\":1}]}]}",
         "from"},
        {"{\"models\":[{\"name\":\"claude-opus-5\",\"context\":7,\"prices\":[{\"in\":1},{\"in\":2}]}]}", "order"},
        {"{\"models\":[{\"name\":\"claude-opus-5\",\"context\":7,\"thinking\":\"deep\"}]}", "thinking"},
        {"{\"models\":[{\"name\":\"claude-opus-5\",\"context\":\"7\"}]}", "context"},
        {"{\"models\":[{\"name\":\"claude-opus-5\",\"context\":7,\"effort\":1}]}", "effort"},
        {"{\"models\":[{\"name\":\"claude-opus-5\",\"context\":7,\"providers\":[1]}]}", "providers"},
    };
    for (size_t i = 0; i < sizeof damaged / sizeof *damaged; i++) {
        struct err warning;
        char *path = write_file(damaged[i][0]);
        struct catalog *c = catalog_load(NULL, path, &warning);
        if (!strstr(warning.text, path) || !strstr(warning.text, damaged[i][1]))
            fail_msg("%s: the warning says '%s'", damaged[i][0], warning.text);
        assert_int_equal(catalog_find(c, "claude-opus-5")->context_tokens, 1000000);
        catalog_free(c);
        c = catalog_load(path, NULL, NULL);
        assert_non_null(c);
        catalog_free(c);
        unlink(path);
    }
}

static void test_missing_files_are_no_trouble(void **state)
{
    (void)state;
    struct catalog *c = load("/nonexistent/cache.json", "/nonexistent/user.json");
    assert_non_null(catalog_find(c, "claude-opus-5"));
    catalog_free(c);
    catalog_free(NULL);
}

/* What was found before is still good after one replacement: somebody may be reading it. */
static void test_replacement_holds_for_everybody_who_has_the_catalog(void **state)
{
    (void)state;
    struct catalog *c = load(NULL, NULL);
    const struct model *before = catalog_find(c, "claude-opus-5");
    assert_null(catalog_find(c, "new-1"));
    for (int i = 0; i < 4; i++) {
        char *path = write_file("[{\"model_name\":\"new-1\",\"input_cost\":1,\"output_cost\":2}]");
        catalog_replace(c, load(path, NULL));
        assert_non_null(catalog_find(c, "new-1"));
        unlink(path);
    }
    assert_string_equal(before->name, "claude-opus-5");
    assert_true(catalog_count(c) > 0 && catalog_at(c, catalog_count(c) - 1) != NULL);
    catalog_free(c);
}

static void test_only_a_list_of_respans_is_one(void **state)
{
    (void)state;
    static const char *const none[] = {"", "{}", "[]", "{\"models\":[]}", "<html>", "{\"models\":[{\"model_name\":7}]}"};
    struct err e = {""};
    const char *good = "{\"models\":[{\"model_name\":\"a\"}]}";
    assert_int_equal(catalog_check_list(good, strlen(good), &e), 0);
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        if (catalog_check_list(none[i], strlen(none[i]), &e) == 0)
            fail_msg("%s was taken for a list", none[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_built_in_is_whole_and_dated),
        cmocka_unit_test(test_built_in_figures),
        cmocka_unit_test(test_names_with_marks_are_found),
        cmocka_unit_test(test_nothing_is_found_by_likeness),
        cmocka_unit_test(test_every_class_has_its_price),
        cmocka_unit_test(test_half_a_micro_dollar_rounds_up_once),
        cmocka_unit_test(test_surcharges_multiply_and_unknown_ones_leave_no_price),
        cmocka_unit_test(test_unknown_costs_are_unknown),
        cmocka_unit_test(test_price_of_the_day),
        cmocka_unit_test(test_user_file_wins_field_by_field),
        cmocka_unit_test(test_respans_list),
        cmocka_unit_test(test_a_damaged_file_is_told_and_left_out),
        cmocka_unit_test(test_missing_files_are_no_trouble),
        cmocka_unit_test(test_replacement_holds_for_everybody_who_has_the_catalog),
        cmocka_unit_test(test_only_a_list_of_respans_is_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
