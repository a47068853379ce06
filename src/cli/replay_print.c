/* Both calls side by side, then what the second says otherwise. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "anthropic/content.h"
#include "base/text.h"
#include "cli/call_view.h"
#include "cli/diff_view.h"
#include "cli/output.h"
#include "cli/replay.h"
#include "cli/table.h"
#include "log/diff.h"

/* ---- Answers as text --------------------------------------------------------------------------- */

/* What an answer says and does; its thinking is left out, which never says the same twice. */
static void put_answer(struct buf *out, const struct buf *body)
{
    struct buf plain;
    struct content c = {0};
    buf_init(&plain);
    if (body->len && content_decode(NULL, body->data, body->len, &plain) == 0)
        content_from_answer(plain.data, plain.len, &c);
    for (size_t i = 0; i < c.count; i++) {
        const struct content_part *p = &c.parts[i];
        if (p->kind == CONTENT_THINKING)
            continue;
        if (out->len && out->data[out->len - 1] != '\n')
            buf_putc(out, '\n');
        if (p->kind == CONTENT_TOOL_USE) {
            buf_printf(out, "tool %s\n", p->name);
            diff_layout((struct bytes){p->text, p->text_len}, out);
        } else {
            buf_put(out, p->text, p->text_len);
        }
    }
    content_done(&c);
    buf_done(&plain);
}

struct answers {
    struct buf first, again;
};

static struct answers answers_of(const struct replay *r)
{
    struct answers a;
    buf_init(&a.first);
    buf_init(&a.again);
    put_answer(&a.first, &r->first_answer);
    put_answer(&a.again, &r->answer);
    return a;
}

static void answers_done(struct answers *a)
{
    buf_done(&a->first);
    buf_done(&a->again);
}

/* ---- For people ----------------------------------------------------------------------------------- */

static void put_row(struct table *t, const char *name, const char *first, const char *again)
{
    table_put(t, name);
    table_put(t, first);
    table_put(t, again);
}

typedef void figure_fn(char out[TEXT_SHORT_MAX], int64_t n);

static void put_figure(struct table *t, const char *name, figure_fn *as, int64_t first, int64_t again)
{
    char a[TEXT_SHORT_MAX], b[TEXT_SHORT_MAX];
    as(a, first);
    as(b, again);
    put_row(t, name, a, b);
}

static int64_t written(const struct usage *u)
{
    if (u->cache_write_5m < 0 && u->cache_write_1h < 0)
        return -1;
    return (u->cache_write_5m > 0 ? u->cache_write_5m : 0) + (u->cache_write_1h > 0 ? u->cache_write_1h : 0);
}

static int64_t whole_input(const struct usage *u)
{
    return u->in < 0 ? -1 : usage_context(u);
}

static const char *model_of(const struct call *c)
{
    return c->model_served ? c->model_served : c->model_sent ? c->model_sent : c->model_asked;
}

static const char *provider_of(const struct call *c)
{
    return c->provider_served ? c->provider_served : c->provider_pinned;
}

static void print_table(const struct call *a, const struct call *b)
{
    static const struct table_column columns[] = {
        {.title = ""}, {.title = "FIRST", .shrinks = true, .min_width = 12}, {.title = "AGAIN", .shrinks = true, .min_width = 12}};
    struct table t;
    table_init(&t, columns, sizeof columns / sizeof *columns);
    char first[24], again[24];
    snprintf(first, sizeof first, "%lld", (long long)a->id);
    snprintf(again, sizeof again, "%lld", (long long)b->id);
    put_row(&t, "call", first, again);
    put_row(&t, "state", call_state_name(a->state), call_state_name(b->state));
    put_row(&t, "stop reason", a->stop_reason, b->stop_reason);
    if (a->error_message || b->error_message)
        put_row(&t, "error", a->error_message, b->error_message);
    put_row(&t, "model", model_of(a), model_of(b));
    put_row(&t, "provider", provider_of(a), provider_of(b));
    put_figure(&t, "tokens in", text_count, whole_input(&a->usage), whole_input(&b->usage));
    put_figure(&t, "from cache", text_count, a->usage.cache_read, b->usage.cache_read);
    put_figure(&t, "cache written", text_count, written(&a->usage), written(&b->usage));
    put_figure(&t, "tokens out", text_count, a->usage.out, b->usage.out);
    put_figure(&t, "first content", text_ms, a->ttft_ms, b->ttft_ms);
    put_figure(&t, "took", text_ms, a->duration_ms, b->duration_ms);
    put_figure(&t, "cost", text_usd, a->cost_microusd, b->cost_microusd);
    table_print(&t, true, out_columns());
    table_done(&t);
}

static void print_changes(const char *changes)
{
    cJSON *list = changes ? cJSON_Parse(changes) : NULL;
    const cJSON *one;
    cJSON_ArrayForEach(one, list)
    {
        const char *text = cJSON_GetStringValue(one);
        fputs("changed: ", stdout);
        out_text(text, text ? strlen(text) : 0);
        putchar('\n');
    }
    cJSON_Delete(list);
}

void replay_print(const struct replay *r)
{
    struct answers a = answers_of(r);
    print_changes(r->changes);
    print_table(&r->first, &r->again);
    if (bytes_eq(buf_bytes(&a.first), buf_bytes(&a.again)))
        puts("\nboth say the same");
    else {
        puts("\nwhat it says otherwise (thinking aside):");
        diff_view_print_texts(buf_bytes(&a.first), buf_bytes(&a.again));
    }
    answers_done(&a);
}

/* ---- For programs ------------------------------------------------------------------------------------ */

void replay_print_json(const struct replay *r)
{
    struct answers a = answers_of(r);
    cJSON *j = cJSON_CreateObject();
    cJSON *changes = r->changes ? cJSON_Parse(r->changes) : NULL;
    cJSON_AddItemToObject(j, "first", call_to_json(&r->first));
    cJSON_AddItemToObject(j, "again", call_to_json(&r->again));
    json_add_text(j, "first_answer", a.first.data);
    json_add_text(j, "again_answer", a.again.data);
    cJSON_AddBoolToObject(j, "is_same_answer", bytes_eq(buf_bytes(&a.first), buf_bytes(&a.again)));
    json_add_count(j, "expected_least_microusd", r->least_microusd);
    json_add_count(j, "expected_most_microusd", r->most_microusd);
    cJSON_AddItemToObject(j, "changes", changes ? changes : cJSON_CreateArray());
    out_json(j);
    answers_done(&a);
}
