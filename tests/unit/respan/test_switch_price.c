/* The price of a switch, before it is made. */
#include "tests/unit/test.h"

#include "respan/switch_price.h"

#define DAY 20261122
#define OPUS "claude-opus-5-5"   /* 4 · 20 */
#define SONNET "claude-sonnet-5" /* 2 · 10 */
#define SMALL "claude-haiku-4-5-20251001" /* 200k */

static struct catalog *catalog;

static void test_switch_writes_the_context_anew(void **state)
{
    (void)state;
    struct switch_price p;
    assert_true(switch_price(catalog, &(struct switch_about){OPUS, SONNET, 142000, false, DAY}, &p));
    assert_int_equal(p.now_microusd, 56800);   /* 142k at 0.40 */
    assert_int_equal(p.next_microusd, 355000); /* at 2.50 */
    assert_int_equal(p.then_microusd, 28400);  /* at 0.20 */
    assert_int_equal(p.running_microusd, -28400);
    assert_false(p.is_too_long);
}

static void test_an_hours_cache_costs_more_to_write(void **state)
{
    (void)state;
    struct switch_price p;
    assert_true(switch_price(catalog, &(struct switch_about){OPUS, SONNET, 100000, true, DAY}, &p));
    assert_int_equal(p.next_microusd, 400000);
}

static void test_another_provider_loses_the_cache_of_the_same_model(void **state)
{
    (void)state;
    struct switch_price p;
    assert_true(switch_price(catalog, &(struct switch_about){OPUS, OPUS, 1000000, false, DAY}, &p));
    assert_int_equal(p.next_microusd, 5000000);
    assert_int_equal(p.running_microusd, 0);
}

static void test_context_that_does_not_fit_is_told(void **state)
{
    (void)state;
    struct switch_price p;
    assert_true(switch_price(catalog, &(struct switch_about){OPUS, SMALL, 200000, false, DAY}, &p));
    assert_false(p.is_too_long);
    assert_true(switch_price(catalog, &(struct switch_about){OPUS, SMALL, 200001, false, DAY}, &p));
    assert_true(p.is_too_long);
}

static void test_unknown_is_no_price(void **state)
{
    (void)state;
    static const struct switch_about none[] = {
        {OPUS, "unheard-of", 1000, false, DAY}, {"unheard-of", OPUS, 1000, false, DAY}, {NULL, OPUS, 1000, false, DAY},
        {OPUS, NULL, 1000, false, DAY},         {OPUS, SONNET, 0, false, DAY},          {OPUS, SONNET, -1, false, DAY},
    };
    struct switch_price p;
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        if (switch_price(catalog, &none[i], &p))
            fail_msg("row %zu has a price", i);
    assert_false(switch_price(NULL, &(struct switch_about){OPUS, SONNET, 1, false, DAY}, &p));
}

int main(void)
{
    struct err warning;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_switch_writes_the_context_anew),
        cmocka_unit_test(test_an_hours_cache_costs_more_to_write),
        cmocka_unit_test(test_another_provider_loses_the_cache_of_the_same_model),
        cmocka_unit_test(test_context_that_does_not_fit_is_told),
        cmocka_unit_test(test_unknown_is_no_price),
    };
    catalog = catalog_load(NULL, NULL, &warning);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    catalog_free(catalog);
    return failed;
}
