/* Decided from the last value of each member, the one that counts.  What the
 * catalog does not know of a model is not touched. */
#include "respan/compat_decide.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "anthropic/field.h"
#include "base/json.h"
#include "base/mem.h"

/* The API's least budget, and what a switched call is given at most: the
 * client's own full budget. */
#define BUDGET_MIN INT64_C(1024)
#define BUDGET_MAX INT64_C(31999)

#define LONG_CONTEXT_TOKENS INT64_C(1000000)
#define BETA_LONG_CONTEXT   "context-1m-2025-08-07"
#define BETA_STRUCTURED     "structured-outputs-2025-11-13"

#define THINKING_ADAPTIVE_TEXT "{\"type\":\"adaptive\"}"
#define THINKING_DISABLED_TEXT "{\"type\":\"disabled\"}"

/* What the body says, last of each key; len 0 when absent. */
struct asked {
    const struct compat_body *body;
    struct span thinking, output_config, max_tokens, output_format;
};

/* --- Notes --- */

void compat_add_change(struct compat *c, char *sentence)
{
    size_t count = 0;

    while (c->changes && c->changes[count])
        count++;
    c->changes = xrealloc(c->changes, (count + 2) * sizeof *c->changes);
    c->changes[count] = sentence;
    c->changes[count + 1] = NULL;
}

static void drop_beta(struct compat *c, const char *token)
{
    size_t i = 0;

    while (c->drop_betas[i])
        i++;
    if (i < COMPAT_BETAS_MAX)
        c->drop_betas[i] = token;
}

/* --- Reading -------------------------------------------------------------------------- */

static bool member_is(const char *s, struct span object, const char *key, const char *word)
{
    struct span v;
    return field_member(s, object, key, &v) && field_value_is(s, v, word);
}

static void read_asked(struct asked *a, const struct compat_body *b)
{
    const struct {
        const char *key;
        struct span *value;
    } wanted[] = {
        {"thinking", &a->thinking},     {"output_config", &a->output_config}, {"output_format", &a->output_format},
        {"max_tokens", &a->max_tokens},
    };

    memset(a, 0, sizeof *a);
    a->body = b;
    for (size_t i = 0; i < b->count; i++)
        for (size_t k = 0; k < sizeof wanted / sizeof *wanted; k++)
            if (field_key_is(b->s, b->members[i].key, wanted[k].key))
                *wanted[k].value = b->members[i].value;
}

static bool first_block_is_thinking(const char *s, struct span message)
{
    struct span content;

    if (!field_member(s, message, "content", &content))
        return false;
    struct json_iter it = json_array(s, field_end(content), content.off);
    return json_next(&it) &&
           (member_is(s, it.value, "type", "thinking") || member_is(s, it.value, "type", "redacted_thinking"));
}

static bool holds_tool_result(const char *s, struct span message)
{
    struct span content;

    if (!field_member(s, message, "content", &content))
        return false;
    struct json_iter it = json_array(s, field_end(content), content.off);
    while (json_next(&it))
        if (member_is(s, it.value, "type", "tool_result"))
            return true;
    return false;
}

/* In the middle of a tool loop the budget form wants the assistant's turn to
 * begin with thinking; an adaptive model may have left it out. */
static bool can_begin_budget(const struct compat_body *b)
{
    const char *s = b->s;
    size_t count = b->message_count;
    bool is_tool_loop = false;

    for (size_t back = 1; back <= count && back <= COMPAT_TAIL_MAX; back++) {
        struct span message = b->tail[(count - back) % COMPAT_TAIL_MAX];
        if (member_is(s, message, "role", "assistant"))
            return !is_tool_loop || first_block_is_thinking(s, message);
        if (member_is(s, message, "role", "user") && !holds_tool_result(s, message))
            return true;
        is_tool_loop = true;
    }
    return count <= COMPAT_TAIL_MAX; /* longer: not seen, so better not */
}

/* --- Deciding ---------------------------------------------------------------------------- */

static bool takes_adaptive(enum thinking_kind k)
{
    return k == THINKING_BUDGET_ADAPTIVE || k == THINKING_ADAPTIVE || k == THINKING_ALWAYS;
}

static bool takes_budget(enum thinking_kind k)
{
    return k == THINKING_BUDGET || k == THINKING_BUDGET_ADAPTIVE;
}

static void decide_max_tokens(struct compat *c, struct compat_decision *d, const char *s, const struct asked *a,
                              const struct model *to, int64_t *max_tokens)
{
    if (!json_int(s, a->max_tokens, max_tokens)) {
        *max_tokens = INT64_MAX; /* count_tokens sends none */
        return;
    }
    if (to->max_output_tokens <= 0 || *max_tokens <= to->max_output_tokens)
        return;
    d->max_tokens = COMPAT_REPLACE;
    d->max_tokens_text = xasprintf("%" PRId64, to->max_output_tokens);
    compat_add_change(c, xasprintf("max_tokens: %" PRId64 " to %" PRId64 ", the most that %s gives", *max_tokens,
                                   to->max_output_tokens, to->label));
    *max_tokens = to->max_output_tokens;
}

static void thinking_off(struct compat *c, struct compat_decision *d, const struct model *to, const char *why)
{
    bool has_none = to->thinking == THINKING_NONE;

    d->thinking = has_none ? COMPAT_REMOVE : COMPAT_REPLACE;
    d->thinking_text = has_none ? NULL : xstrdup(THINKING_DISABLED_TEXT);
    d->thinking_goes = true;
    compat_add_change(c, xasprintf("thinking: switched off, %s", why));
}

static void thinking_to_budget(struct compat *c, struct compat_decision *d, const struct asked *a,
                               const struct model *to, int64_t max_tokens)
{
    int64_t budget = max_tokens / 2 < BUDGET_MAX ? max_tokens / 2 : BUDGET_MAX;

    if (budget < BUDGET_MIN) {
        thinking_off(c, d, to, "max_tokens leaves no room for a budget");
    } else if (!can_begin_budget(a->body)) {
        thinking_off(c, d, to, "a tool loop without thinking cannot begin it");
    } else {
        d->thinking = COMPAT_REPLACE;
        d->thinking_text = xasprintf("{\"type\":\"enabled\",\"budget_tokens\":%" PRId64 "}", budget);
        compat_add_change(c, xasprintf("thinking: adaptive to a budget of %" PRId64 " tokens", budget));
    }
}

/* A budget that a smaller max_tokens has overtaken. */
static void shrink_budget(struct compat *c, struct compat_decision *d, const char *s, const struct asked *a,
                          const struct model *to, int64_t max_tokens)
{
    struct span v;
    int64_t budget;

    if (d->max_tokens == COMPAT_KEEP || !field_member(s, a->thinking, "budget_tokens", &v) ||
        !json_int(s, v, &budget) || budget < max_tokens)
        return;
    if (max_tokens - 1 < BUDGET_MIN) {
        thinking_off(c, d, to, "max_tokens leaves no room for a budget");
        return;
    }
    d->thinking = COMPAT_REPLACE;
    d->thinking_text = xasprintf("{\"type\":\"enabled\",\"budget_tokens\":%" PRId64 "}", max_tokens - 1);
    compat_add_change(c, xasprintf("thinking: budget %" PRId64 " to %" PRId64 " tokens", budget, max_tokens - 1));
}

static void decide_thinking(struct compat *c, struct compat_decision *d, const char *s, const struct asked *a,
                            enum thinking_kind from, const struct model *to, int64_t max_tokens)
{
    enum thinking_kind kind = to->thinking;
    bool is_adaptive = member_is(s, a->thinking, "type", "adaptive");
    bool is_budget = member_is(s, a->thinking, "type", "enabled");
    bool is_off = member_is(s, a->thinking, "type", "disabled");

    if (kind == THINKING_UNKNOWN)
        return;
    if (is_adaptive && !takes_adaptive(kind)) {
        if (kind == THINKING_BUDGET)
            thinking_to_budget(c, d, a, to, max_tokens);
        else
            thinking_off(c, d, to, "the model has none");
    } else if (is_budget && !takes_budget(kind)) {
        if (kind == THINKING_NONE) {
            thinking_off(c, d, to, "the model has none");
        } else {
            d->thinking = COMPAT_REPLACE;
            d->thinking_text = xstrdup(THINKING_ADAPTIVE_TEXT);
            compat_add_change(c, xasprintf("thinking: budget to adaptive"));
        }
    } else if (is_budget) {
        shrink_budget(c, d, s, a, to, max_tokens);
    } else if (is_off && kind == THINKING_ALWAYS && from != THINKING_ALWAYS) {
        d->thinking = COMPAT_REMOVE;
        compat_add_change(c, xasprintf("thinking: cannot be switched off on %s", to->label));
    }
}

static bool has_level(char **levels, const char *level)
{
    for (; *levels; levels++)
        if (strcmp(*levels, level) == 0)
            return true;
    return false;
}

static void decide_effort(struct compat *c, struct compat_decision *d, const char *s, const struct asked *a,
                          const struct model *from, const struct model *to)
{
    char level[32];
    struct span v;

    if (!field_member(s, a->output_config, "effort", &v))
        return;
    if (to->takes_effort == 0 && !(from && from->takes_effort == 0)) {
        d->effort = COMPAT_REMOVE;
        compat_add_change(c, xasprintf("effort: left out, %s takes none", to->label));
        return;
    }
    if (!to->effort_levels || !field_from_json(level, sizeof level, s, v) || has_level(to->effort_levels, level) ||
        !has_level(to->effort_levels, "high"))
        return;
    d->effort = COMPAT_REPLACE;
    d->effort_text = "\"high\"";
    compat_add_change(c, xasprintf("effort: %s to high", level));
}

static void decide_format(struct compat *c, struct compat_decision *d, const char *s, const struct asked *a,
                          const struct model *from, const struct model *to)
{
    struct span v;

    if (to->takes_structured != 0 || (from && from->takes_structured == 0))
        return;
    if (!field_member(s, a->output_config, "format", &v) && a->output_format.len == 0)
        return;
    d->drop_format = true;
    drop_beta(c, BETA_STRUCTURED);
    compat_add_change(c, xasprintf("structured output: left out, %s takes none", to->label));
}

void compat_decide(struct compat *c, struct compat_decision *d, const struct compat_body *b, const struct model *from,
                   const struct model *to)
{
    struct asked asked;
    int64_t max_tokens;

    memset(d, 0, sizeof *d);
    read_asked(&asked, b);
    decide_max_tokens(c, d, b->s, &asked, to, &max_tokens);
    decide_thinking(c, d, b->s, &asked, from ? from->thinking : THINKING_UNKNOWN, to, max_tokens);
    decide_effort(c, d, b->s, &asked, from, to);
    decide_format(c, d, b->s, &asked, from, to);
    if (to->context_tokens > 0 && to->context_tokens < LONG_CONTEXT_TOKENS)
        drop_beta(c, BETA_LONG_CONTEXT);
}

void compat_decision_done(struct compat_decision *d)
{
    free(d->thinking_text);
    free(d->max_tokens_text);
}
