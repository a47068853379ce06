/* Where a fault strikes in an answer, and the pieces that answer is cut into. */
#include "tests/unit/test.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "sim/jsonx.h"
#include "sim/place.h"

static void build(struct event_list *list, const char *text, int chunks)
{
    struct figures f = {.in = {10, 20, 30, 40}, .out = 50};
    struct rng rng = {5};
    struct answer a;

    answer_init(&a);
    answer_add(&a, BLOCK_TEXT, text);
    a.chunks = chunks;
    answer_finish(&a, &rng, "anthropic", 0);
    events_build(list, &a, "msg_1", "claude-sonnet-5", &f, &rng);
    answer_done(&a);
}

static bool is_named(const struct event *e, const char *name)
{
    size_t len = strlen(name);
    return strncmp(e->bytes, "event: ", 7) == 0 && strncmp(e->bytes + 7, name, len) == 0 && e->bytes[7 + len] == '\n';
}

static void test_every_stage_has_its_place(void **state)
{
    struct fault f = {.kind = FAULT_RESET};
    struct event_list list;
    struct place p;
    (void)state;
    build(&list, "plain words then h\xc3\xa9re and more words to come", 8);

    f.stage = STAGE_FIRST_EVENT;
    p = place_in_events(&f, &list);
    assert_true(p.event == 0 && p.byte == 0);
    f.stage = STAGE_MID_EVENT;
    p = place_in_events(&f, &list);
    assert_true(list.v[p.event].is_delta && p.byte > 0 && p.byte < list.v[p.event].len);
    f.stage = STAGE_BETWEEN_EVENTS;
    p = place_in_events(&f, &list);
    assert_true(list.v[p.event].is_delta && list.v[p.event - 1].is_delta && p.byte == 0);
    f.stage = STAGE_MID_UTF8;
    p = place_in_events(&f, &list);
    assert_memory_equal(list.v[p.event].bytes + p.byte - 1, "\xc3\xa9", 2);
    f.stage = STAGE_BEFORE_END;
    p = place_in_events(&f, &list);
    assert_true(is_named(&list.v[p.event], "message_stop") && p.byte == 0);
    f.stage = STAGE_TERMINATOR;
    assert_int_equal(place_in_events(&f, &list).event, list.count);
    f.stage = STAGE_HEADERS;
    assert_true(place_in_events(&f, &list).event == PLACE_NONE);
    assert_true(place_in_events(NULL, &list).event == PLACE_NONE);
    f.stage = STAGE_MID_EVENT;
    f.kind = FAULT_ERROR_EVENT;
    assert_int_equal(place_in_events(&f, &list).byte, 0);
    events_done(&list);
}

static void test_plain_body_has_the_same_stages(void **state)
{
    static const char body[] = "{\"text\":\"0123456789\xe2\x9c\x93 0123456789\"}";
    size_t len = sizeof(body) - 1;
    struct fault f = {.kind = FAULT_CLOSE, .stage = STAGE_MID_UTF8};
    (void)state;
    assert_memory_equal(body + place_in_body(&f, body, len) - 1, "\xe2\x9c\x93", 3);
    f.stage = STAGE_BEFORE_END;
    assert_int_equal(place_in_body(&f, body, len), len - 1);
    f.stage = STAGE_FIRST_EVENT;
    assert_int_equal(place_in_body(&f, body, len), 0);
    assert_int_equal(place_in_body(&f, "", 0), 0);
    assert_true(place_in_body(NULL, body, len) == PLACE_NONE);
}

static void test_deltas_are_whole_characters_and_make_the_text(void **state)
{
    static const char text[] = "\xe8\xaa\x9e\xe8\xaa\x9e\xf0\x9f\x99\x82 caf\xc3\xa9 \xe8\xaa\x9e and the rest of a longer sentence, with words.";
    (void)state;
    for (int chunks = 0; chunks < 30; chunks++) {
        struct event_list list;
        char joined[256] = "";
        build(&list, text, chunks);
        for (size_t i = 0; i < list.count; i++) {
            cJSON *data = cJSON_Parse(strstr(list.v[i].bytes, "data: ") + 6);
            const char *piece = jsonx_string(jsonx_get(data, "delta"), "text", "");
            assert_true(text_is_utf8(piece, strlen(piece)));
            strcat(joined, piece);
            cJSON_Delete(data);
        }
        assert_string_equal(joined, text);
        events_done(&list);
    }
}

static void test_usage_fields_can_be_replaced(void **state)
{
    struct figures f = {.in = {10, 20, 30, 40}, .out = 50};
    cJSON *usage = cJSON_Parse("{\"input_tokens\":1,\"cache_creation_input_tokens\":7,\"output_tokens\":\"x\"}");
    (void)state;
    figures_override(&f, usage);
    assert_int_equal(f.in.input, 1);
    assert_int_equal(f.in.read, 20);
    assert_int_equal(f.in.write_5m, 7);
    assert_int_equal(f.in.write_1h, 0);
    assert_int_equal(f.out, 50);
    cJSON_Delete(usage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_stage_has_its_place),
        cmocka_unit_test(test_plain_body_has_the_same_stages),
        cmocka_unit_test(test_deltas_are_whole_characters_and_make_the_text),
        cmocka_unit_test(test_usage_fields_can_be_replaced),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
