/* What the look-up decides by itself: when to ask, with which key, where. */
#include "tests/unit/test.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/api.h"
#include "gateway/lookup_keys.h"
#include "gateway/lookup_list.h"

#define S ((int64_t)1000000)

/* ---- The list ----------------------------------------------------------------- */

static void test_a_row_is_asked_for_each_second_then_ever_more_slowly(void **state)
{
    (void)state;
    struct lookup_list l = {0};
    int64_t now = 5 * S;
    int64_t step = 0;
    int tries = 0;
    struct lookup_item *i = lookup_list_add(&l, 7, "log_1", 0, now);
    assert_int_equal(i->due_us, now + S);
    while (l.count > 0) {
        int64_t last = now;
        now = lookup_list_next_us(&l);
        assert_ptr_equal(lookup_list_due(&l, now), i);
        assert_null(lookup_list_due(&l, now - 1));
        if (now - 5 * S <= 20 * S)
            assert_int_equal(now - last, S);
        else
            assert_true(now - last >= step && now - last <= 160 * S);
        step = now - last;
        tries++;
        lookup_list_again(&l, i, now);
    }
    assert_int_equal(l.given_up, 1);
    assert_in_range(now - 5 * S, 600 * S, 760 * S);
    assert_in_range(tries, 30, 45);
    assert_int_equal(lookup_list_next_us(&l), INT64_MAX);
}

static void test_the_one_that_is_due_longest_comes_first(void **state)
{
    (void)state;
    struct lookup_list l = {0};
    struct lookup_item *a = lookup_list_add(&l, 1, "a", 0, 0);
    struct lookup_item *b = lookup_list_add(&l, 2, "b", 0, 100);
    struct lookup_item *c = lookup_list_add(&l, 3, "c", 1, 200);
    lookup_list_again(&l, a, S); /* at 2 s */
    assert_ptr_equal(lookup_list_due(&l, 3 * S), b);
    assert_int_equal(lookup_list_count_due(&l, 0, 3 * S), 2);
    assert_int_equal(lookup_list_count_due(&l, 1, 3 * S), 1);
    assert_int_equal(lookup_list_count_due(&l, 0, S + 100), 1);
    lookup_list_remove(&l, b);
    assert_ptr_equal(lookup_list_due(&l, 3 * S), c);
    lookup_list_drop_key(&l, 1);
    assert_ptr_equal(lookup_list_due(&l, 3 * S), a);
    assert_int_equal(l.count, 1);
    lookup_list_done(&l);
    assert_null(l.first);
    assert_null(l.last);
}

static void test_the_oldest_is_let_go_but_never_the_one_being_asked_for(void **state)
{
    (void)state;
    struct lookup_list l = {0};
    lookup_list_add(&l, 1, "asked", 0, 0)->is_asked = true;
    for (int64_t id = 2; id <= LOOKUP_WAITING_MAX + 5; id++)
        lookup_list_add(&l, id, "x", 0, id);
    assert_int_equal(l.count, LOOKUP_WAITING_MAX);
    assert_int_equal(l.dropped, 5);
    assert_int_equal(l.first->call_id, 1);
    assert_int_equal(l.first->next->call_id, 7);
    assert_int_equal(l.last->call_id, LOOKUP_WAITING_MAX + 5);
    lookup_list_done(&l);
}

static void test_ids_that_would_change_the_path_are_not_looked_up(void **state)
{
    (void)state;
    char longest[LOOKUP_ID_MAX + 1];
    static const char *const bad[] = {"", "..", "a/b", "a?b", "a b", "a%2F", "a\nb", "\"", "a.b", "\xc3\xa4"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (lookup_id_is_plain(bad[i]))
            fail_msg("taken: %s", bad[i]);
    assert_true(lookup_id_is_plain("ic1PPAXPHPAdgCsb9WfAYE4J0QXUtRYT"));
    assert_true(lookup_id_is_plain("0b3f-41_a"));
    memset(longest, 'a', sizeof longest);
    longest[LOOKUP_ID_MAX] = '\0';
    assert_false(lookup_id_is_plain(longest));
    longest[LOOKUP_ID_MAX - 1] = '\0';
    assert_true(lookup_id_is_plain(longest));
}

/* ---- Keys --------------------------------------------------------------------- */

static int choose(struct lookup_keys *k, const char *name, const char *value)
{
    struct headers h;
    headers_init(&h);
    assert_int_equal(headers_put(&h, "Accept", "*/*"), 0);
    if (name)
        assert_int_equal(headers_put(&h, name, value), 0);
    int key = lookup_keys_choose(k, &h);
    headers_done(&h);
    return key;
}

static void test_the_gateways_own_key_goes_before_the_calls(void **state)
{
    (void)state;
    struct lookup_keys k;
    lookup_keys_init(&k, "own");
    assert_int_equal(choose(&k, "x-api-key", "call"), LOOKUP_KEY_OWN);
    assert_int_equal(lookup_keys_choose(&k, NULL), LOOKUP_KEY_OWN);
    assert_string_equal(lookup_keys_peek(&k, LOOKUP_KEY_OWN), "own");
    lookup_keys_refuse(&k, LOOKUP_KEY_OWN);
    int key = choose(&k, "x-api-key", "call");
    assert_string_equal(lookup_keys_peek(&k, key), "call");
    assert_int_equal(choose(&k, "x-api-key", "own"), LOOKUP_KEY_NONE); /* known to be refused */
    assert_int_equal(lookup_keys_choose(&k, NULL), LOOKUP_KEY_NONE);
    lookup_keys_done(&k);
}

static void test_a_calls_key_is_found_in_either_header(void **state)
{
    (void)state;
    struct lookup_keys k;
    lookup_keys_init(&k, NULL);
    assert_int_equal(choose(&k, NULL, NULL), LOOKUP_KEY_NONE);
    assert_int_equal(choose(&k, "Authorization", "Basic abc"), LOOKUP_KEY_NONE);
    int a = choose(&k, "X-API-Key", "k1");
    int b = choose(&k, "authorization", "bearer  k2");
    assert_string_equal(lookup_keys_peek(&k, a), "k1");
    assert_string_equal(lookup_keys_peek(&k, b), "k2");
    assert_int_not_equal(a, b);
    assert_int_equal(choose(&k, "Authorization", "Bearer k1"), a);
    lookup_keys_refuse(&k, a);
    assert_int_equal(choose(&k, "x-api-key", "k1"), LOOKUP_KEY_NONE);
    assert_int_equal(choose(&k, "x-api-key", "k2"), b);
    lookup_keys_done(&k);
}

static void test_more_keys_than_room_do_without(void **state)
{
    (void)state;
    struct lookup_keys k;
    char key[16];
    lookup_keys_init(&k, NULL);
    for (int i = 1; i < LOOKUP_KEYS_MAX; i++) {
        snprintf(key, sizeof key, "key-%d", i);
        assert_int_equal(choose(&k, "x-api-key", key), i);
    }
    assert_int_equal(choose(&k, "x-api-key", "one more"), LOOKUP_KEY_NONE);
    assert_int_equal(choose(&k, "x-api-key", "key-3"), 3);
    lookup_keys_done(&k);
}

/* ---- Where -------------------------------------------------------------------- */

static void test_the_api_lies_beside_anthropic(void **state)
{
    (void)state;
    static const char *const table[][2] = {
        {"https://api.respan.ai/api/anthropic/", "https://api.respan.ai/api"},
        {"https://api.respan.ai/api/anthropic", "https://api.respan.ai/api"},
        {"http://127.0.0.1:99/anthropic//", "http://127.0.0.1:99"},
        {"https://api.anthropic.com/", NULL},
        {"https://example.com/notanthropic/", NULL},
        {"/anthropic", NULL},
        {"", NULL},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        char *base = api_base_of(table[i][0]);
        if ((base == NULL) != (table[i][1] == NULL) || (base && strcmp(base, table[i][1]) != 0))
            fail_msg("%s: expected %s, got %s", table[i][0], table[i][1] ? table[i][1] : "none", base ? base : "none");
        free(base);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_row_is_asked_for_each_second_then_ever_more_slowly),
        cmocka_unit_test(test_the_one_that_is_due_longest_comes_first),
        cmocka_unit_test(test_the_oldest_is_let_go_but_never_the_one_being_asked_for),
        cmocka_unit_test(test_ids_that_would_change_the_path_are_not_looked_up),
        cmocka_unit_test(test_the_gateways_own_key_goes_before_the_calls),
        cmocka_unit_test(test_a_calls_key_is_found_in_either_header),
        cmocka_unit_test(test_more_keys_than_room_do_without),
        cmocka_unit_test(test_the_api_lies_beside_anthropic),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
