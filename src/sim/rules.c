#include "sim/rules.h"

#include <inttypes.h>
#include <string.h>

#include "sim/jsonx.h"

/* The API's lower bound for a thinking budget. */
#define BUDGET_MIN 1024

int rules_model(const char *name, const struct model **m, const char **provider, struct problem *p)
{
    if (!name)
        return problem_set(p, 400, SHAPE_ANTHROPIC, "model: Field required");
    *m = model_find(name, provider);
    if (!*m)
        return problem_set(p, 404, SHAPE_DETAIL, "The model `%.120s` does not exist or you do not have access to it.", name);
    return 0;
}

static int check_messages(const cJSON *body, struct problem *p)
{
    const cJSON *messages = jsonx_get(body, "messages");
    const cJSON *message;
    int i = 0;

    if (!cJSON_IsArray(messages))
        return problem_set(p, 400, SHAPE_ANTHROPIC, "messages: Field required");
    if (jsonx_count(messages) == 0)
        return problem_set(p, 400, SHAPE_ANTHROPIC, "messages: at least one message is required");
    cJSON_ArrayForEach(message, messages) {
        const char *role = jsonx_string(message, "role", "");
        const cJSON *content = jsonx_get(message, "content");
        if (strcmp(role, "user") != 0 && strcmp(role, "assistant") != 0 && strcmp(role, "system") != 0)
            return problem_set(p, 400, SHAPE_ANTHROPIC, "messages.%d.role: Input should be 'user' or 'assistant'", i);
        if (!cJSON_IsString(content) && !cJSON_IsArray(content))
            return problem_set(p, 400, SHAPE_ANTHROPIC, "messages.%d.content: Field required", i);
        i++;
    }
    return 0;
}

static int check_max_tokens(const cJSON *body, const struct model *m, struct problem *p)
{
    int64_t max = jsonx_int(body, "max_tokens", -1);

    if (max == -1)
        return problem_set(p, 400, SHAPE_ANTHROPIC, "max_tokens: Field required");
    if (max < 1)
        return problem_set(p, 400, SHAPE_ANTHROPIC, "max_tokens: Input should be greater than or equal to 1");
    if (max > m->max_output_tokens)
        return problem_set(p, 400, SHAPE_ANTHROPIC,
                           "max_tokens: %" PRId64 " > %" PRId64 ", which is the maximum allowed number of output tokens for %s", max,
                           m->max_output_tokens, m->name);
    return 0;
}

static int check_thinking(const cJSON *body, const struct model *m, struct problem *p)
{
    const cJSON *thinking = jsonx_get(body, "thinking");
    const char *type = jsonx_string(thinking, "type", "disabled");
    int64_t budget = jsonx_int(thinking, "budget_tokens", 0);

    if (strcmp(type, "adaptive") == 0) {
        if (m->thinking == THINKS_BUDGET)
            return problem_set(p, 400, SHAPE_ANTHROPIC, "adaptive thinking is not supported on this model");
        return 0;
    }
    if (strcmp(type, "enabled") != 0)
        return 0;
    if (m->thinking == THINKS_ADAPTIVE || m->thinking == THINKS_ALWAYS)
        return problem_set(p, 400, SHAPE_ANTHROPIC,
                           "\"thinking.type.enabled\" is not supported for this model. Use \"thinking.type.adaptive\" and "
                           "\"output_config.effort\" to control thinking behavior.");
    if (budget < BUDGET_MIN)
        return problem_set(p, 400, SHAPE_ANTHROPIC, "thinking.enabled.budget_tokens: Input should be greater than or equal to %d", BUDGET_MIN);
    if (budget >= jsonx_int(body, "max_tokens", INT64_MAX / 2))
        return problem_set(p, 400, SHAPE_ANTHROPIC, "`max_tokens` must be greater than `thinking.budget_tokens`.");
    return 0;
}

static int check_effort(const cJSON *body, const struct model *m, struct problem *p)
{
    const char *effort = jsonx_string(jsonx_get(body, "output_config"), "effort", NULL);
    static const char *const levels[] = {"low", "medium", "high", "xhigh", "max"};

    if (!effort)
        return 0;
    if (!m->effort)
        return problem_set(p, 400, SHAPE_ANTHROPIC, "This model does not support the effort parameter.");
    for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++)
        if (strcmp(effort, levels[i]) == 0)
            return 0;
    return problem_set(p, 400, SHAPE_ANTHROPIC, "output_config.effort: Input should be 'low', 'medium', 'high', 'xhigh' or 'max'");
}

static int check_marks(const struct elements *e, struct problem *p)
{
    enum cache_mark before = MARK_NONE;

    if (e->marks > PCACHE_MARKS_MAX)
        return problem_set(p, 400, SHAPE_ANTHROPIC, "A maximum of %d blocks with cache_control may be provided. Found %zu.",
                           PCACHE_MARKS_MAX, e->marks);
    for (size_t i = 0; i < e->count; i++) {
        enum cache_mark mark = e->v[i].mark;
        if (mark == MARK_BAD)
            return problem_set(p, 400, SHAPE_ANTHROPIC, "cache_control.ephemeral.ttl: Input should be '5m' or '1h'");
        if (mark == MARK_1H && before == MARK_5M)
            return problem_set(p, 400, SHAPE_ANTHROPIC,
                               "a ttl='1h' cache_control block must not come after a ttl='5m' cache_control block. Note that blocks are "
                               "processed in the following order: `tools`, `system`, `messages`.");
        if (mark != MARK_NONE)
            before = mark;
    }
    return 0;
}

int rules_check(const cJSON *body, const struct model *m, const struct elements *e, bool counting, bool limit_context, struct problem *p)
{
    if (check_messages(body, p) < 0 || (!counting && check_max_tokens(body, m, p) < 0))
        return -1;
    if (check_thinking(body, m, p) < 0 || check_effort(body, m, p) < 0 || check_marks(e, p) < 0)
        return -1;
    if (limit_context && e->tokens > m->context_tokens)
        return problem_set(p, 400, SHAPE_ANTHROPIC, "prompt is too long: %" PRId64 " tokens > %" PRId64 " maximum", e->tokens, m->context_tokens);
    return 0;
}
