/* Models: slugs, prices, and what each one refuses. */
#include "tests/unit/test.h"

#include <stdlib.h>
#include <string.h>

#include "sim/jsonx.h"
#include "sim/rules.h"

#define OK "\"max_tokens\":1000,\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]"

static struct problem check(const char *model, const char *rest)
{
    struct problem p = {0};
    const struct model *m = NULL;
    struct elements e;
    cJSON *body = cJSON_Parse(rest);

    assert_non_null(body);
    elements_read(&e, body);
    if (rules_model(model, &m, NULL, &p) == 0) {
        int result = rules_check(body, m, &e, false, false, &p);
        assert_int_equal(result, p.status ? -1 : 0);
    }
    elements_done(&e);
    cJSON_Delete(body);
    return p;
}

static void test_what_models_refuse(void **state)
{
    static const struct {
        const char *model, *body;
        int status;
        const char *says;
    } cases[] = {
        {"claude-sonnet-5", "{" OK "}", 0, ""},
        {"claude-nothing", "{" OK "}", 404, "does not exist"},
        {"claude-sonnet-5", "{\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}", 400, "max_tokens: Field required"},
        {"claude-sonnet-5", "{\"max_tokens\":10}", 400, "messages: Field required"},
        {"claude-sonnet-5", "{\"max_tokens\":10,\"messages\":[]}", 400, "at least one message"},
        {"claude-sonnet-5", "{\"max_tokens\":10,\"messages\":[{\"role\":\"bot\",\"content\":\"x\"}]}", 400, "messages.0.role"},
        {"claude-haiku-4-5-20251001", "{\"max_tokens\":64001,\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]}", 400, "64001 > 64000"},
        {"claude-haiku-4-5-20251001", "{" OK ",\"thinking\":{\"type\":\"adaptive\"}}", 400, "adaptive thinking is not supported on this model"},
        {"claude-haiku-4-5", "{" OK ",\"output_config\":{\"effort\":\"high\"}}", 400, "effort"},
        {"claude-haiku-4-5", "{\"max_tokens\":9000,\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":4000},\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]}", 0, ""},
        {"claude-haiku-4-5", "{" OK ",\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":4000}}", 400, "must be greater than"},
        {"claude-haiku-4-5", "{" OK ",\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":10}}", 400, "1024"},
        {"claude-sonnet-5-5", "{" OK ",\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":4000}}", 400, "is not supported for this model"},
        {"claude-opus-4-7", "{" OK ",\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":4000}}", 400, "is not supported for this model"},
        {"claude-opus-5-5", "{" OK ",\"thinking\":{\"type\":\"adaptive\"},\"output_config\":{\"effort\":\"high\"}}", 0, ""},
        {"claude-opus-5-5", "{" OK ",\"output_config\":{\"effort\":\"enormous\"}}", 400, "output_config.effort"},
        {"claude-sonnet-5", "{\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"x\",\"cache_control\":{\"type\":\"ephemeral\",\"ttl\":\"2h\"}}]}]}", 400, "ttl"},
        {"claude-sonnet-5", "{\"max_tokens\":9,\"system\":[{\"type\":\"text\",\"text\":\"s\",\"cache_control\":{\"type\":\"ephemeral\"}}],\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"x\",\"cache_control\":{\"type\":\"ephemeral\",\"ttl\":\"1h\"}}]}]}", 400, "must not come after"},
        {"claude-sonnet-5", "{\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":[{\"cache_control\":{\"type\":\"ephemeral\"}},{\"cache_control\":{\"type\":\"ephemeral\"}},{\"cache_control\":{\"type\":\"ephemeral\"}},{\"cache_control\":{\"type\":\"ephemeral\"}},{\"cache_control\":{\"type\":\"ephemeral\"}}]}]}", 400, "Found 5"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct problem p = check(cases[i].model, cases[i].body);
        if (p.status != cases[i].status || !strstr(p.message, cases[i].says))
            fail_msg("%s %s: expected %d \"%s\", got %d \"%s\"", cases[i].model, cases[i].body, cases[i].status, cases[i].says, p.status, p.message);
    }
}

static void test_slugs_lead_to_model_and_provider(void **state)
{
    static const struct {
        const char *slug, *model, *provider;
    } cases[] = {
        {"claude-sonnet-5", "claude-sonnet-5", NULL},
        {"claude-sonnet-5[1m]", "claude-sonnet-5", NULL},
        {"claude-sonnet-4-5", "claude-sonnet-4-5-20250929", NULL},
        {"vertex_ai/claude-sonnet-4-5@20250929", "claude-sonnet-4-5-20250929", "vertex_ai"},
        {"bedrock/anthropic.claude-haiku-4-5-20251001-v1:0", "claude-haiku-4-5-20251001", "bedrock"},
        {"nowhere/claude-sonnet-5", NULL, NULL},
        {"", NULL, NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *provider = NULL;
        const struct model *m = model_find(cases[i].slug, &provider);
        if (!cases[i].model) {
            assert_null(m);
            continue;
        }
        assert_non_null(m);
        assert_string_equal(m->name, cases[i].model);
        assert_string_equal(provider ? provider : "-", cases[i].provider ? cases[i].provider : "-");
    }
}

static void test_costs_are_exact(void **state)
{
    struct pcache_use use = {.input = 3, .read = 7, .write_5m = 11, .write_1h = 13};
    (void)state;
    /* opus-5-5: 4 and 20 dollars per million, in nano-dollars a token */
    assert_int_equal(model_cost_nanousd(model_find("claude-opus-5-5", NULL), &use, 17),
                     3 * 4000 + 7 * 400 + 11 * 5000 + 13 * 8000 + 17 * 20000);
    /* haiku-5-5: 0.10 and 0.50, the smallest price there is */
    assert_int_equal(model_cost_nanousd(model_find("claude-haiku-5-5", NULL), &use, 17), 3 * 100 + 7 * 10 + 11 * 125 + 13 * 200 + 17 * 500);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_models_refuse),
        cmocka_unit_test(test_slugs_lead_to_model_and_provider),
        cmocka_unit_test(test_costs_are_exact),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
