#include "respan/compat.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"

#define OPUS   "claude-opus-5"             /* adaptive, effort */
#define ALWAYS "claude-opus-5-5"           /* always thinking, effort */
#define BOTH   "claude-opus-4-6"           /* budget and adaptive, effort up to max without xhigh */
#define HAIKU  "claude-haiku-4-5-20251001" /* budget, no effort, 200K, 64K */
#define OLD    "claude-sonnet-4-20250514"  /* as haiku, no structured output */

static struct catalog *catalog;

static int load(void **state)
{
    (void)state;
    static const char extra[] =
        "{\"models\":[{\"name\":\"plain\",\"thinking\":\"none\",\"effort\":false,\"max_output\":4096}]}";
    char path[] = "/tmp/spantop-test-compat-XXXXXX";
    FILE *f = fdopen(mkstemp(path), "w");
    fputs(extra, f);
    fclose(f);
    catalog = catalog_load(NULL, path, NULL);
    remove(path);
    return 0;
}

static int unload(void **state)
{
    (void)state;
    catalog_free(catalog);
    return 0;
}

/* The body after the switch, with the changes behind a line feed. */
static char *switched(const char *from, const char *to, const char *body)
{
    struct compat c;
    struct buf out;

    buf_init(&out);
    if (compat_plan(&c, body, strlen(body), to, catalog_find(catalog, from), catalog_find(catalog, to)) != 0) {
        compat_done(&c);
        return buf_take(&out, NULL);
    }
    assert_int_equal(request_splice(body, strlen(body), c.splices, c.splice_count, &out), 0);
    char *changes = compat_changes_json(&c);
    if (changes)
        buf_printf(&out, "\n%s", changes);
    free(changes);
    compat_done(&c);
    return buf_take(&out, NULL);
}

static void assert_switched(const char *from, const char *to, const char *body, const char *expected)
{
    char *came = switched(from, to, body);
    if (strcmp(came, expected) != 0)
        fail_msg("%s to %s\n  body     %s\n  expected %s\n  came     %s", from, to, body, expected, came);
    free(came);
}

/* --- Only the model --- */

static void test_alike_models_change_only_the_name(void **state)
{
    (void)state;
    /* Everything that printing again would lose. */
    assert_switched(OPUS, "claude-sonnet-5",
                    " { \"model\" : \"" OPUS
                    "\" ,\t\"n\":12345678901234567890,\"e\":1e400, \"f\":1.0,\"s\":\"\\u00e4\\/\\ud800\","
                    "\"a\":1,\"a\":2,\"thinking\":{ \"type\":\"adaptive\" "
                    "},\"output_config\":{\"effort\":\"xhigh\"},\"max_tokens\":128000}\n",
                    " { \"model\" : \"claude-sonnet-5\" ,\t\"n\":12345678901234567890,\"e\":1e400, "
                    "\"f\":1.0,\"s\":\"\\u00e4\\/\\ud800\","
                    "\"a\":1,\"a\":2,\"thinking\":{ \"type\":\"adaptive\" "
                    "},\"output_config\":{\"effort\":\"xhigh\"},\"max_tokens\":128000}\n");
}

static void test_unknown_models_change_only_the_name(void **state)
{
    (void)state;
    assert_switched(
        OPUS, "some/\"model\"", "{\"model\":\"x\",\"thinking\":{\"type\":\"adaptive\"},\"model\":\"y\"}",
        "{\"model\":\"some/\\\"model\\\"\",\"thinking\":{\"type\":\"adaptive\"},\"model\":\"some/\\\"model\\\"\"}");
}

static void test_what_cannot_be_switched_is_refused(void **state)
{
    (void)state;
    static const char *const bodies[] = {
        "", "hello", "{}", "{\"messages\":[{\"model\":\"x\"}]}", "{\"model\":\"x\"", "{\"model\":\"x\"} x", "[]"};
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++)
        assert_switched(OPUS, HAIKU, bodies[i], "");

    struct buf body;
    buf_init(&body);
    buf_puts(&body, "{\"model\":\"x\"");
    for (int i = 0; i < 100; i++)
        buf_puts(&body, ",\"max_tokens\":999999");
    buf_puts(&body, "}");
    assert_switched(OPUS, HAIKU, body.data, "");
    buf_reset(&body);
    buf_puts(&body, "{\"model\":\"x\",\"thinking\":{\"type\":\"adaptive\"},\"max_tokens\":1000,\"context_management\":{"
                    "\"edits\":[");
    for (int i = 0; i < 1000; i++)
        buf_printf(&body, "%s{\"type\":\"clear_%s\"}", i ? "," : "", i % 2 ? "thinking_20251015" : "tool_uses");
    buf_puts(&body, "]}}");
    assert_switched(OPUS, HAIKU, body.data, "");
    buf_done(&body);
}

/* --- Thinking --- */

static void test_adaptive_becomes_a_budget(void **state)
{
    (void)state;
    assert_switched(
        OPUS, HAIKU, "{\"model\":\"m\",\"max_tokens\":32000,\"thinking\":{\"type\":\"adaptive\"},\"stream\":true}",
        "{\"model\":\"" HAIKU
        "\",\"max_tokens\":32000,\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":16000},\"stream\":true}\n"
        "[\"thinking: adaptive to a budget of 16000 tokens\"]");
    assert_switched(OPUS, HAIKU, "{\"model\":\"m\",\"thinking\":{\"type\":\"adaptive\",\"display\":\"omitted\"}}",
                    "{\"model\":\"" HAIKU "\",\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":31999}}\n"
                    "[\"thinking: adaptive to a budget of 31999 tokens\"]");
    assert_switched(OPUS, BOTH, "{\"model\":\"m\",\"thinking\":{\"type\":\"adaptive\"}}",
                    "{\"model\":\"" BOTH "\",\"thinking\":{\"type\":\"adaptive\"}}");
}

static void test_budget_becomes_adaptive(void **state)
{
    (void)state;
    static const char *const to[] = {OPUS, ALWAYS};
    for (size_t i = 0; i < 2; i++) {
        char expected[256];
        snprintf(expected, sizeof expected,
                 "{\"thinking\":{\"type\":\"adaptive\"},\"model\":\"%s\"}\n[\"thinking: budget to adaptive\"]", to[i]);
        assert_switched(HAIKU, to[i], "{\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":9000},\"model\":\"m\"}",
                        expected);
    }
    assert_switched(HAIKU, BOTH, "{\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":9000},\"model\":\"m\"}",
                    "{\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":9000},\"model\":\"" BOTH "\"}");
}

#define TOOL_TURN(first)                                                                                               \
    "\"messages\":[{\"role\":\"user\",\"content\":\"go\"},{\"role\":\"assistant\",\"content\":[" first                 \
    "{\"type\":\"tool_use\",\"id\":\"t\",\"name\":\"Bash\",\"input\":{}}]},"                                           \
    "{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\",\"tool_use_id\":\"t\"}]},{\"role\":\"system\","         \
    "\"content\":\"x\"}]"

static void test_no_budget_begins_inside_a_tool_loop_without_thinking(void **state)
{
    (void)state;
    assert_switched(OPUS, HAIKU, "{\"model\":\"m\"," TOOL_TURN("") ",\"thinking\":{\"type\":\"adaptive\"}}",
                    "{\"model\":\"" HAIKU
                    "\"," TOOL_TURN("") ",\"thinking\":{\"type\":\"disabled\"}}\n"
                                        "[\"thinking: switched off, a tool loop without thinking cannot begin it\"]");
    assert_switched(
        OPUS, HAIKU,
        "{\"model\":\"m\"," TOOL_TURN(
            "{\"type\":\"thinking\",\"thinking\":\"\",\"signature\":\"s\"},") ",\"thinking\":{\"type\":\"adaptive\"}}",
        "{\"model\":\"" HAIKU "\"," TOOL_TURN(
            "{\"type\":\"thinking\",\"thinking\":\"\",\"signature\":\"s\"},") ",\"thinking\":{\"type\":\"enabled\","
                                                                              "\"budget_tokens\":31999}}\n[\"thinking: "
                                                                              "adaptive to a budget of 31999 "
                                                                              "tokens\"]");
}

static void test_too_small_for_a_budget(void **state)
{
    (void)state;
    assert_switched(OPUS, HAIKU, "{\"model\":\"m\",\"thinking\":{\"type\":\"adaptive\"},\"max_tokens\":2000}",
                    "{\"model\":\"" HAIKU "\",\"thinking\":{\"type\":\"disabled\"},\"max_tokens\":2000}\n"
                    "[\"thinking: switched off, max_tokens leaves no room for a budget\"]");
}

static void test_disabled_goes_where_thinking_is_always_on(void **state)
{
    (void)state;
    assert_switched(OPUS, ALWAYS, "{\"model\":\"m\",\"thinking\":{\"type\":\"disabled\"}}",
                    "{\"model\":\"" ALWAYS "\"}\n[\"thinking: cannot be switched off on opus-5-5\"]");
    assert_switched("claude-fable-5-1", ALWAYS, "{\"model\":\"m\",\"thinking\":{\"type\":\"disabled\"}}",
                    "{\"model\":\"" ALWAYS "\",\"thinking\":{\"type\":\"disabled\"}}");
    assert_switched(OPUS, HAIKU, "{\"model\":\"m\",\"thinking\":{\"type\":\"disabled\"}}",
                    "{\"model\":\"" HAIKU "\",\"thinking\":{\"type\":\"disabled\"}}");
}

static void test_thinking_goes_with_its_edits(void **state)
{
    (void)state;
    assert_switched(
        OPUS, "plain",
        "{\"model\":\"m\",\"thinking\":{\"type\":\"adaptive\"},\"context_management\":{\"edits\":[{\"type\":\"clear_"
        "thinking_20251015\","
        "\"keep\":\"all\"}]},\"stream\":true}",
        "{\"model\":\"plain\",\"stream\":true}\n"
        "[\"thinking: switched off, the model has none\",\"context_management: clearing of thinking left out\"]");
    assert_switched(
        OPUS, "plain",
        "{\"model\":\"m\",\"context_management\":{\"edits\":[ {\"type\":\"clear_thinking_20251015\"} , "
        "{\"type\":\"clear_tool_uses_20250919\"}, "
        "{\"type\":\"clear_thinking_x\"} ]},\"thinking\":{\"type\":\"adaptive\"}}",
        "{\"model\":\"plain\",\"context_management\":{\"edits\":[ {\"type\":\"clear_tool_uses_20250919\"} ]}}\n"
        "[\"thinking: switched off, the model has none\",\"context_management: clearing of thinking left out\"]");
    assert_switched(
        OPUS, "plain",
        "{\"model\":\"m\",\"thinking\":{\"type\":\"adaptive\"},\"context_management\":{\"edits\":[{\"type\":\"clear_"
        "thinking_1\"}],\"x\":1}}",
        "{\"model\":\"plain\",\"context_management\":{\"edits\":[],\"x\":1}}\n"
        "[\"thinking: switched off, the model has none\",\"context_management: clearing of thinking left out\"]");
}

static void test_edits_stay_while_thinking_stays(void **state)
{
    (void)state;
    assert_switched(OPUS, HAIKU,
                    "{\"model\":\"m\",\"thinking\":{\"type\":\"adaptive\"},\"context_management\":{\"edits\":[{"
                    "\"type\":\"clear_thinking_20251015\"}]}}",
                    "{\"model\":\"" HAIKU
                    "\",\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":31999},\"context_management\":{\"edits\":"
                    "[{\"type\":\"clear_thinking_20251015\"}]}}\n[\"thinking: adaptive to a budget of 31999 tokens\"]");
}

/* --- Effort, format, limits --- */

static void test_effort_is_left_out(void **state)
{
    (void)state;
    assert_switched(OPUS, HAIKU, "{\"model\":\"m\",\"output_config\":{\"effort\":\"high\"},\"stream\":true}",
                    "{\"model\":\"" HAIKU "\",\"stream\":true}\n[\"effort: left out, haiku-4-5 takes none\"]");
    assert_switched(OPUS, HAIKU, "{\"model\":\"m\",\"stream\":true , \"output_config\":{\"effort\":\"high\"} }",
                    "{\"model\":\"" HAIKU "\",\"stream\":true }\n[\"effort: left out, haiku-4-5 takes none\"]");
    assert_switched(OPUS, HAIKU, "{\"output_config\":{\"effort\":\"high\"},\"model\":\"m\"}",
                    "{\"model\":\"" HAIKU "\"}\n[\"effort: left out, haiku-4-5 takes none\"]");
    assert_switched(
        OPUS, HAIKU, "{\"model\":\"m\",\"output_config\":{\"format\":{\"type\":\"json_schema\"}, \"effort\":\"high\"}}",
        "{\"model\":\"" HAIKU
        "\",\"output_config\":{\"format\":{\"type\":\"json_schema\"}}}\n[\"effort: left out, haiku-4-5 takes none\"]");
    assert_switched(
        OPUS, HAIKU, "{\"model\":\"m\",\"output_config\":{\"effort\":\"high\", \"format\":{\"type\":\"json_schema\"}}}",
        "{\"model\":\"" HAIKU
        "\",\"output_config\":{\"format\":{\"type\":\"json_schema\"}}}\n[\"effort: left out, haiku-4-5 takes none\"]");
    /* What the old model did not take either is the client's own affair. */
    assert_switched("claude-sonnet-4-5", HAIKU, "{\"model\":\"m\",\"output_config\":{\"effort\":\"high\"}}",
                    "{\"model\":\"" HAIKU "\",\"output_config\":{\"effort\":\"high\"}}");
}

static void test_effort_above_the_models_levels(void **state)
{
    (void)state;
    assert_switched(OPUS, BOTH, "{\"model\":\"m\",\"output_config\":{\"effort\":\"xhigh\",\"x\":1}}",
                    "{\"model\":\"" BOTH
                    "\",\"output_config\":{\"effort\":\"high\",\"x\":1}}\n[\"effort: xhigh to high\"]");
    assert_switched(OPUS, BOTH, "{\"model\":\"m\",\"output_config\":{\"effort\":\"max\"}}",
                    "{\"model\":\"" BOTH "\",\"output_config\":{\"effort\":\"max\"}}");
}

static void test_structured_output_is_left_out(void **state)
{
    (void)state;
    assert_switched(OPUS, OLD,
                    "{\"model\":\"m\",\"output_config\":{\"effort\":\"low\",\"format\":{\"type\":\"json_schema\"}},"
                    "\"output_format\":{},\"n\":1}",
                    "{\"model\":\"" OLD "\",\"n\":1}\n[\"effort: left out, sonnet-4 takes none\",\"structured output: "
                                        "left out, sonnet-4 takes none\"]");
}

static void test_max_tokens_above_the_limit(void **state)
{
    (void)state;
    assert_switched(OPUS, HAIKU, "{\"model\":\"m\",\"max_tokens\":128000,\"thinking\":{\"type\":\"adaptive\"}}",
                    "{\"model\":\"" HAIKU
                    "\",\"max_tokens\":64000,\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":31999}}\n"
                    "[\"max_tokens: 128000 to 64000, the most that haiku-4-5 gives\",\"thinking: adaptive to a budget "
                    "of 31999 tokens\"]");
    assert_switched(OPUS, HAIKU, "{\"model\":\"m\",\"max_tokens\":64000}",
                    "{\"model\":\"" HAIKU "\",\"max_tokens\":64000}");
    assert_switched(OPUS, HAIKU, "{\"model\":\"m\",\"max_tokens\":1e400}",
                    "{\"model\":\"" HAIKU "\",\"max_tokens\":1e400}");
}

static void test_budget_follows_a_smaller_max_tokens(void **state)
{
    (void)state;
    assert_switched(
        "claude-opus-4-6", HAIKU,
        "{\"model\":\"m\",\"max_tokens\":100000,\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":90000}}",
        "{\"model\":\"" HAIKU "\",\"max_tokens\":64000,\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":63999}}\n"
        "[\"max_tokens: 100000 to 64000, the most that haiku-4-5 gives\",\"thinking: budget 90000 to 63999 tokens\"]");
}

/* What Claude Code really sends, opus to haiku: every rule at once, and the
 * members that go are neighbours. */
static void test_a_whole_call(void **state)
{
    (void)state;
    assert_switched(
        OPUS, HAIKU,
        "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"\\\"model\\\":\\\"m\\\"\"}],\"system\":[],"
        "\"tools\":[],"
        "\"metadata\":{},\"max_tokens\":1500,\"thinking\":{\"type\":\"adaptive\"},\"context_management\":{\"edits\":"
        "[{\"type\":\"clear_thinking_20251015\",\"keep\":\"all\"}]},\"output_config\":{\"effort\":\"high\"}}",
        "{\"model\":\"" HAIKU
        "\",\"messages\":[{\"role\":\"user\",\"content\":\"\\\"model\\\":\\\"m\\\"\"}],\"system\":[],\"tools\":[],"
        "\"metadata\":{},\"max_tokens\":1500,\"thinking\":{\"type\":\"disabled\"}}\n"
        "[\"thinking: switched off, max_tokens leaves no room for a budget\",\"effort: left out, haiku-4-5 takes "
        "none\","
        "\"context_management: clearing of thinking left out\"]");
}

/* --- anthropic-beta --- */

static void assert_betas(const char *to, const char *value, bool dropped, const char *expected)
{
    static const char body[] = "{\"model\":\"m\",\"output_config\":{\"format\":{}}}";
    struct compat c;
    struct buf out;

    buf_init(&out);
    assert_int_equal(compat_plan(&c, body, sizeof body - 1, to, catalog_find(catalog, OPUS), catalog_find(catalog, to)),
                     0);
    assert_int_equal(compat_filter_betas(&c, value, &out), dropped);
    assert_string_equal(out.data, expected);
    char *changes = compat_changes_json(&c);
    assert_int_equal(changes && strstr(changes, "anthropic-beta: context-1m-2025-08-07 taken out"),
                     dropped && strstr(value, "context-1m") != NULL);
    free(changes);
    compat_done(&c);
    buf_done(&out);
}

static void test_betas(void **state)
{
    (void)state;
    assert_betas(HAIKU, "claude-code-20250219,context-1m-2025-08-07,x", true, "claude-code-20250219,x");
    assert_betas(HAIKU, "context-1m-2025-08-07", true, "");
    assert_betas(HAIKU, "context-1m-2025-08-07, a, b", true, " a, b");
    assert_betas(HAIKU, "a, context-1m-2025-08-07 ", true, "a");
    assert_betas(HAIKU, "a,context-1m-2025-08-07x,structured-outputs-2025-11-13", false,
                 "a,context-1m-2025-08-07x,structured-outputs-2025-11-13");
    assert_betas(HAIKU, "", false, "");
    assert_betas(OLD, "a,structured-outputs-2025-11-13,context-1m-2025-08-07", true, "a");
    assert_betas("claude-sonnet-5", "a,context-1m-2025-08-07", false, "a,context-1m-2025-08-07");
    assert_betas("nobody", "a,context-1m-2025-08-07", false, "a,context-1m-2025-08-07");
}

/* Any order of members, any one of them last: the result is JSON with no comma
 * too many or too few, and switching what was switched changes nothing more. */
static void test_every_order_stays_json(void **state)
{
    (void)state;
    static const char *const members[] = {
        "\"model\":\"m\"", "\"thinking\":{\"type\":\"adaptive\"}", "\"output_config\":{\"effort\":\"high\"}",
        "\"context_management\":{\"edits\":[{\"type\":\"clear_thinking_20251015\"}]}", "\"max_tokens\":9000"};
    enum { N = sizeof members / sizeof *members };
    const struct model *to = catalog_find(catalog, "plain");

    for (int code = 0; code < 3125; code++) {
        struct buf body;
        struct buf once;
        struct buf twice;
        struct compat c;
        int digits[N];
        int seen = 0;
        for (int i = 0, rest = code; i < N; i++, rest /= N)
            seen |= 1 << (digits[i] = rest % N);
        if (seen != (1 << N) - 1)
            continue;
        buf_init(&body);
        buf_init(&once);
        buf_init(&twice);
        for (int i = 0; i < N; i++)
            buf_printf(&body, "%s%s", i ? " , " : "{ ", members[digits[i]]);
        buf_puts(&body, " }");
        assert_int_equal(compat_plan(&c, body.data, body.len, "plain", catalog_find(catalog, OPUS), to), 0);
        assert_int_equal(request_splice(body.data, body.len, c.splices, c.splice_count, &once), 0);
        compat_done(&c);
        struct request_facts f;
        request_read_facts("/v1/messages", NULL, NULL, once.data, once.len, &f);
        if (!f.is_json || strcmp(f.model, "plain") != 0 || f.max_tokens != 4096 || strstr(once.data, "thinking") ||
            strstr(once.data, "effort"))
            fail_msg("%s became %s", body.data, once.data);
        assert_int_equal(compat_plan(&c, once.data, once.len, "plain", catalog_find(catalog, OPUS), to), 0);
        assert_int_equal(request_splice(once.data, once.len, c.splices, c.splice_count, &twice), 0);
        compat_done(&c);
        assert_string_equal(twice.data, once.data);
        buf_done(&body);
        buf_done(&once);
        buf_done(&twice);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_alike_models_change_only_the_name),
        cmocka_unit_test(test_unknown_models_change_only_the_name),
        cmocka_unit_test(test_what_cannot_be_switched_is_refused),
        cmocka_unit_test(test_adaptive_becomes_a_budget),
        cmocka_unit_test(test_budget_becomes_adaptive),
        cmocka_unit_test(test_no_budget_begins_inside_a_tool_loop_without_thinking),
        cmocka_unit_test(test_too_small_for_a_budget),
        cmocka_unit_test(test_disabled_goes_where_thinking_is_always_on),
        cmocka_unit_test(test_thinking_goes_with_its_edits),
        cmocka_unit_test(test_edits_stay_while_thinking_stays),
        cmocka_unit_test(test_effort_is_left_out),
        cmocka_unit_test(test_effort_above_the_models_levels),
        cmocka_unit_test(test_structured_output_is_left_out),
        cmocka_unit_test(test_max_tokens_above_the_limit),
        cmocka_unit_test(test_budget_follows_a_smaller_max_tokens),
        cmocka_unit_test(test_a_whole_call),
        cmocka_unit_test(test_betas),
        cmocka_unit_test(test_every_order_stays_json),
    };
    return cmocka_run_group_tests(tests, load, unload);
}
