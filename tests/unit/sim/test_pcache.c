/* The prompt cache model: what is read and written, where, and for how long. */
#include "tests/unit/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "sim/pcache.h"

#define MIN 1024
#define BIG 6000 /* bytes: about 1500 tokens, above the minimum */

struct world {
    struct pcache *cache;
    struct buf json;
    int64_t now_ms;
};

static int setup(void **state)
{
    struct world *w = calloc(1, sizeof(*w));
    w->cache = pcache_new();
    buf_init(&w->json);
    w->now_ms = 1000000;
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    pcache_free(w->cache);
    buf_done(&w->json);
    free(w);
    return 0;
}

static void put_big(struct world *w, char fill)
{
    for (int i = 0; i < BIG; i++)
        buf_putc(&w->json, fill);
}

static void begin(struct world *w)
{
    buf_reset(&w->json);
    buf_puts(&w->json, "{\"tools\":[{\"name\":\"Bash\"}],\"messages\":[");
}

static void put_message(struct world *w, const char *role, char fill, const char *mark)
{
    if (w->json.data[w->json.len - 1] != '[')
        buf_putc(&w->json, ',');
    buf_printf(&w->json, "{\"role\":\"%s\",\"content\":[{\"type\":\"text\",\"text\":\"", role);
    put_big(w, fill);
    buf_printf(&w->json, "\"%s%s}]}", *mark ? ",\"cache_control\":" : "", mark);
}

static struct pcache_use call_as(struct world *w, const char *model, const char *provider)
{
    struct pcache_use use;
    struct elements e;
    cJSON *body;

    buf_puts(&w->json, "]}");
    body = cJSON_ParseWithLength(w->json.data, w->json.len);
    assert_non_null(body);
    elements_read(&e, body);
    pcache_call(w->cache, model, provider, &e, MIN, w->now_ms, &use);
    assert_int_equal(use.input + use.read + use.write_5m + use.write_1h, e.tokens);
    elements_done(&e);
    cJSON_Delete(body);
    return use;
}

static struct pcache_use call(struct world *w) { return call_as(w, "claude-sonnet-5", "anthropic"); }

#define M5 "{\"type\":\"ephemeral\"}"
#define M1H "{\"type\":\"ephemeral\",\"ttl\":\"1h\"}"

static struct pcache_use first_turn(struct world *w, const char *mark)
{
    begin(w);
    put_message(w, "user", 'a', mark);
    return call(w);
}

static void test_first_call_writes_up_to_the_mark(void **state)
{
    struct pcache_use use = first_turn(*state, M5);
    assert_int_equal(use.read, 0);
    assert_true(use.write_5m > MIN);
    assert_int_equal(use.write_1h, 0);
    assert_int_equal(use.input, 0);
}

static void test_next_turn_reads_the_first_and_writes_the_rest(void **state)
{
    struct world *w = *state;
    struct pcache_use one = first_turn(w, M5), two;

    begin(w);
    put_message(w, "user", 'a', ""); /* it lost its mark: still the same prefix */
    put_message(w, "assistant", 'b', "");
    put_message(w, "user", 'c', M5);
    two = call(w);
    assert_int_equal(two.read, one.write_5m);
    assert_true(two.write_5m > 2000);
    assert_int_equal(two.input, 0);
}

static void test_string_content_is_the_same_as_one_text_block(void **state)
{
    struct world *w = *state;
    struct pcache_use one = first_turn(w, M5), two;

    begin(w);
    buf_puts(&w->json, "{\"role\":\"user\",\"content\":\"");
    put_big(w, 'a');
    buf_puts(&w->json, "\"}");
    put_message(w, "user", 'c', M5);
    two = call(w);
    assert_int_equal(two.read, one.write_5m);
}

static void test_five_minutes_later_it_is_gone(void **state)
{
    struct world *w = *state;
    first_turn(w, M5);
    w->now_ms += PCACHE_5M_MS - 1;
    assert_true(first_turn(w, M5).read > 0); /* and that read began the time anew */
    w->now_ms += PCACHE_5M_MS - 1;
    assert_true(first_turn(w, M5).read > 0);
    w->now_ms += PCACHE_5M_MS;
    assert_int_equal(first_turn(w, M5).read, 0);
}

static void test_one_hour_mark_lives_an_hour(void **state)
{
    struct world *w = *state;
    struct pcache_use use = first_turn(w, M1H);
    assert_int_equal(use.write_5m, 0);
    assert_true(use.write_1h > MIN);
    w->now_ms += PCACHE_1H_MS - 1;
    assert_true(first_turn(w, M1H).read > 0);
    w->now_ms += PCACHE_1H_MS;
    assert_int_equal(first_turn(w, M1H).read, 0);
}

static void test_mixed_lifetimes_are_split_at_the_last_hour_mark(void **state)
{
    struct world *w = *state;
    struct pcache_use use;

    begin(w);
    put_message(w, "user", 'a', M1H);
    put_message(w, "assistant", 'b', "");
    put_message(w, "user", 'c', M5);
    put_message(w, "user", 'd', "");
    use = call(w);
    assert_int_equal(use.read, 0);
    assert_true(use.write_1h > 1400 && use.write_1h < 1700);
    assert_true(use.write_5m > 2900 && use.write_5m < 3200);
    assert_true(use.input > 1400 && use.input < 1700);
}

static void test_below_the_minimum_nothing_is_kept(void **state)
{
    struct world *w = *state;
    struct pcache_use use;

    for (int i = 0; i < 2; i++) {
        buf_reset(&w->json);
        buf_puts(&w->json, "{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"short\",\"cache_control\":" M5 "}]}");
        use = call(w);
        assert_int_equal(use.read + use.write_5m + use.write_1h, 0);
    }
}

static void test_other_model_or_provider_starts_cold(void **state)
{
    struct world *w = *state;
    first_turn(w, M5);
    begin(w);
    put_message(w, "user", 'a', M5);
    assert_int_equal(call_as(w, "claude-opus-5-5", "anthropic").read, 0);
    begin(w);
    put_message(w, "user", 'a', M5);
    assert_int_equal(call_as(w, "claude-sonnet-5", "vertex_ai").read, 0);
    assert_true(first_turn(w, M5).read > 0);
}

static void test_changed_element_breaks_all_behind_it(void **state)
{
    struct world *w = *state;
    struct pcache_use use;

    first_turn(w, M5);
    begin(w);
    put_message(w, "user", 'x', "");
    put_message(w, "user", 'a', M5);
    use = call(w);
    assert_int_equal(use.read, 0);
    assert_true(use.write_5m > 2900);
}

/* n short blocks behind the first big one; how much is read then. */
static int64_t read_after(struct world *w, int blocks)
{
    first_turn(w, M5);
    begin(w);
    put_message(w, "user", 'a', "");
    buf_puts(&w->json, ",{\"role\":\"user\",\"content\":[");
    for (int i = 0; i < blocks; i++)
        buf_printf(&w->json, "%s{\"type\":\"text\",\"text\":\"%d\"%s}", i ? "," : "", i, i == blocks - 1 ? ",\"cache_control\":" M5 : "");
    buf_puts(&w->json, "]}");
    return call(w).read;
}

static void test_look_back_ends_after_twenty_elements(void **state)
{
    assert_true(read_after(*state, PCACHE_LOOK_BACK - 1) > 0);
    teardown(state);
    setup(state);
    assert_int_equal(read_after(*state, PCACHE_LOOK_BACK), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
        T(test_first_call_writes_up_to_the_mark),
        T(test_next_turn_reads_the_first_and_writes_the_rest),
        T(test_string_content_is_the_same_as_one_text_block),
        T(test_five_minutes_later_it_is_gone),
        T(test_one_hour_mark_lives_an_hour),
        T(test_mixed_lifetimes_are_split_at_the_last_hour_mark),
        T(test_below_the_minimum_nothing_is_kept),
        T(test_other_model_or_provider_starts_cold),
        T(test_changed_element_breaks_all_behind_it),
        T(test_look_back_ends_after_twenty_elements),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
