/* Directives in prompts, and the answers made of them. */
#include "tests/unit/test.h"

#include <stdlib.h>
#include <string.h>

#include "sim/ask.h"
#include "sim/compose.h"
#include "sim/directive.h"
#include "sim/jsonx.h"

static void test_parts_stand_in_order(void **state)
{
    struct directive d;
    (void)state;
    directive_read(&d, "do it [[sim think hm]] now [[sim text a [b] c]] [[sim tool Bash {\"command\":\"echo [[1]]\"}]] ok", 0);
    assert_true(d.any);
    assert_int_equal(d.answer.count, 3);
    assert_string_equal(d.answer.blocks[0].text, "hm");
    assert_string_equal(d.answer.blocks[1].text, "a [b] c");
    assert_string_equal(d.answer.blocks[2].name, "Bash");
    assert_string_equal(d.answer.blocks[2].text, "{\"command\":\"echo [[1]]\"}");
    directive_done(&d);
}

static void test_nested_directives_belong_to_the_inner_prompt(void **state)
{
    struct directive d, inner;
    cJSON *input;
    (void)state;
    directive_read(&d, "[[sim tool Agent {\"prompt\":\"[[sim tool Read {\\\"a\\\":1}]] [[sim then]] [[sim text sub]]\"}]] [[sim then]] [[sim text main]]", 0);
    assert_int_equal(d.answer.count, 1);
    input = cJSON_Parse(d.answer.blocks[0].text);
    directive_read(&inner, jsonx_string(input, "prompt", ""), 1);
    assert_int_equal(inner.answer.count, 1);
    assert_string_equal(inner.answer.blocks[0].text, "sub");
    directive_done(&inner);
    cJSON_Delete(input);
    directive_done(&d);
}

static void test_then_parts_the_steps(void **state)
{
    static const char prompt[] = "[[sim text one]] [[sim then]] [[sim text two]]";
    static const char *const expected[] = {"one", "two"};
    struct directive d;
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        directive_read(&d, prompt, i);
        assert_int_equal(d.answer.count, 1);
        assert_string_equal(d.answer.blocks[0].text, expected[i]);
        directive_done(&d);
    }
    directive_read(&d, prompt, 2);
    assert_int_equal(d.answer.count, 0);
    directive_done(&d);
}

static void test_faults_and_status_are_read(void **state)
{
    struct directive d;
    (void)state;
    directive_read(&d, "[[sim status 429 times 2 retry-after 3]] [[sim fault mid_event reset]] [[sim fault nowhere reset]] [[sim status x]]", 0);
    assert_int_equal(d.fault_count, 2);
    assert_int_equal(d.faults[0]->status, 429);
    assert_int_equal(d.faults[0]->times, 2);
    assert_string_equal(jsonx_string(d.faults[0]->headers, "retry-after", ""), "3");
    assert_int_equal(d.faults[1]->stage, STAGE_MID_EVENT);
    assert_int_equal(d.faults[1]->kind, FAULT_RESET);
    directive_done(&d);
}

static void test_strip_leaves_the_words(void **state)
{
    struct buf out;
    (void)state;
    buf_init(&out);
    directive_strip("fix [[sim text x [[sim text y]] ]]the login[[sim then]]", &out);
    assert_string_equal(out.data, "fix the login");
    buf_done(&out);
}

/* What the composer answers to this body. */
static struct answer compose(struct composer *c, const char *text, struct fault **fault)
{
    struct http_request r = {.target = (char *)(size_t) "/api/anthropic/v1/messages"};
    struct rng rng = {1};
    struct answer a;
    struct ask q;
    cJSON *body = cJSON_Parse(text);

    assert_non_null(body);
    ask_init(&q, &r, body);
    composer_answer(c, &q, NULL, &rng, &a, fault);
    answer_finish(&a, &rng, "anthropic", 0);
    ask_done(&q);
    cJSON_Delete(body);
    return a;
}

static void expect_text(const char *body, const char *text)
{
    struct composer c;
    struct fault *fault;
    struct answer a;

    composer_init(&c, 1);
    a = compose(&c, body, &fault);
    assert_true(a.count >= 1);
    assert_string_equal(a.blocks[a.count - 1].text, text);
    assert_null(fault);
    answer_done(&a);
    composer_done(&c);
}

static void test_only_the_newest_prompt_counts(void **state)
{
    (void)state;
    expect_text("{\"messages\":[{\"role\":\"user\",\"content\":\"[[sim text old]]\"},{\"role\":\"assistant\",\"content\":\"old\"},"
                "{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"<system-reminder>[[sim text no]]</system-reminder>\"},"
                "{\"type\":\"text\",\"text\":\"[[sim text new]]\"}]}]}",
                "new");
}

static void test_tool_result_takes_the_next_step(void **state)
{
    (void)state;
    expect_text("{\"tools\":[{\"name\":\"Bash\"}],\"messages\":[{\"role\":\"user\",\"content\":\"[[sim tool Bash {}]] [[sim then]] [[sim text done]]\"},"
                "{\"role\":\"assistant\",\"content\":[{\"type\":\"tool_use\",\"id\":\"t\",\"name\":\"Bash\",\"input\":{}}]},"
                "{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\",\"tool_use_id\":\"t\",\"content\":\"[[sim text no]]\"},"
                "{\"type\":\"text\",\"text\":\"<system-reminder>x</system-reminder>\"}]}]}",
                "done");
}

static void test_side_call_without_tools_calls_none(void **state)
{
    struct composer c;
    struct fault *fault;
    struct answer a;
    (void)state;
    composer_init(&c, 1);
    a = compose(&c, "{\"messages\":[{\"role\":\"user\",\"content\":\"[[sim tool Bash {}]]\"}]}", &fault);
    assert_int_equal(a.count, 1);
    assert_int_equal(a.blocks[0].kind, BLOCK_TEXT);
    assert_string_equal(a.stop_reason, "end_turn");
    answer_done(&a);
    composer_done(&c);
}

static void test_fault_strikes_once_for_a_prompt(void **state)
{
    static const char body[] = "{\"messages\":[{\"role\":\"user\",\"content\":\"[[sim status 529]] [[sim text after]]\"}]}";
    struct composer c;
    struct fault *fault;
    struct answer a;
    (void)state;
    composer_init(&c, 1);
    a = compose(&c, body, &fault);
    assert_non_null(fault);
    assert_int_equal(fault->status, 529);
    fault_free(fault);
    answer_done(&a);
    a = compose(&c, body, &fault);
    assert_null(fault);
    assert_string_equal(a.blocks[0].text, "after");
    answer_done(&a);
    composer_done(&c);
}

static void test_title_call_gets_a_title_of_the_prompt(void **state)
{
    (void)state;
    expect_text("{\"output_config\":{\"format\":{\"type\":\"json_schema\",\"schema\":{\"type\":\"object\",\"properties\":{\"title\":{\"type\":\"string\"}}}}},"
                "\"messages\":[{\"role\":\"user\",\"content\":\"<session>please refactor the api router [[sim text x]]</session>\"}]}",
                "{\"title\":\"Refactor api router\"}");
}

static void test_compact_is_summed_up_whatever_the_prompt_before_it_said(void **state)
{
    struct composer c;
    struct fault *fault;
    struct answer a;
    (void)state;
    composer_init(&c, 1);
    a = compose(&c, "{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"[[sim text third]]\"},"
                    "{\"type\":\"text\",\"text\":\"Your task is to create a detailed summary of the conversation so far\"}]}]}", &fault);
    assert_non_null(strstr(a.blocks[0].text, "<summary>"));
    assert_null(strstr(a.blocks[0].text, "[[sim"));
    answer_done(&a);
    composer_done(&c);
}

static void test_script_items_are_used_once_in_order(void **state)
{
    static const char body[] = "{\"messages\":[{\"role\":\"user\",\"content\":\"hello\"}]}";
    static const char *const expected[] = {"first", "second"};
    struct composer c;
    struct fault *fault;
    struct err e;
    cJSON *script = cJSON_Parse("[{\"text\":\"first\"},{\"text\":\"never\",\"match\":{\"model\":\"x*\"}},{\"text\":\"second\"}]");
    (void)state;
    composer_init(&c, 1);
    assert_int_equal(composer_add_script(&c, script, &e), 0);
    cJSON_Delete(script);
    for (size_t i = 0; i < 2; i++) {
        struct answer a = compose(&c, body, &fault);
        assert_string_equal(a.blocks[0].text, expected[i]);
        answer_done(&a);
    }
    assert_int_equal(cJSON_GetArraySize(c.script), 1);
    composer_done(&c);
}

static void test_max_tokens_cuts_between_characters(void **state)
{
    struct rng rng = {1};
    struct answer a;
    (void)state;
    answer_init(&a);
    answer_add(&a, BLOCK_TEXT, "abc\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9");
    answer_add_tool(&a, "Bash", "{}", NULL);
    answer_finish(&a, &rng, "anthropic", 1);
    assert_int_equal(a.count, 1);
    assert_string_equal(a.blocks[0].text, "abc");
    assert_string_equal(a.stop_reason, "max_tokens");
    answer_done(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parts_stand_in_order),
        cmocka_unit_test(test_nested_directives_belong_to_the_inner_prompt),
        cmocka_unit_test(test_then_parts_the_steps),
        cmocka_unit_test(test_faults_and_status_are_read),
        cmocka_unit_test(test_strip_leaves_the_words),
        cmocka_unit_test(test_only_the_newest_prompt_counts),
        cmocka_unit_test(test_tool_result_takes_the_next_step),
        cmocka_unit_test(test_side_call_without_tools_calls_none),
        cmocka_unit_test(test_fault_strikes_once_for_a_prompt),
        cmocka_unit_test(test_title_call_gets_a_title_of_the_prompt),
        cmocka_unit_test(test_compact_is_summed_up_whatever_the_prompt_before_it_said),
        cmocka_unit_test(test_script_items_are_used_once_in_order),
        cmocka_unit_test(test_max_tokens_cuts_between_characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
