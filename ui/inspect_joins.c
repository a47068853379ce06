/* A tool's call (in Response) joined to its result (in the next call's Request), and
 * the way there and back. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "ui/glyph.h"
#include "ui/inspect.h"

void inspect_load_joins(struct inspect *x, struct db *db)
{
    struct err e = {""};
    int rc = 0;
    if (x->has_joins)
        return;
    tool_joins_done(&x->joins);
    if (x->tab == TAB_RESPONSE)
        rc = tool_joins_of_answer(db, &x->call, &x->answer, &x->joins, &e);
    else if (x->tab == TAB_REQUEST && x->has_tree)
        rc = tool_joins_of_request(db, &x->call, x->request.data, &x->tree, &x->joins, &e);
    if (rc < 0)
        snprintf(x->problem, sizeof(x->problem), "%s", e.text);
    x->has_joins = true;
    x->joined_us = clock_mono_us();
}

bool inspect_awaits_results(const struct inspect *x)
{
    bool is_missing = false;
    for (size_t i = 0; i < x->joins.count; i++)
        is_missing = is_missing || x->joins.list[i].call_id == 0;
    return x->tab == TAB_RESPONSE && x->call.state == CALL_DONE && is_missing;
}

/* ---- What is said ---------------------------------------------------------------- */

/* "result 2.1s later, 4.3 KB, in call 18 (key o)" */
static void say_result(const struct tool_join *join, char *out, size_t size)
{
    char time[TEXT_SHORT_MAX], bytes[TEXT_SHORT_MAX], later[TEXT_SHORT_MAX + 8] = "";
    if (join->call_id == 0) {
        snprintf(out, size, "no result in the log so far");
        return;
    }
    text_ms(time, join->gap_ms);
    text_bytes(bytes, (int64_t)join->bytes);
    if (join->gap_ms >= 0)
        snprintf(later, sizeof(later), " %s later", time);
    snprintf(out, size, "%s%s, %s, in call %lld (key o)", join->is_error ? "failed, result" : "result", later, bytes,
             (long long)join->call_id);
}

static void say_call(const struct tool_join *join, char *out, size_t size)
{
    char time[TEXT_SHORT_MAX], earlier[TEXT_SHORT_MAX + 24] = "";
    text_ms(time, join->gap_ms);
    if (join->gap_ms >= 0)
        snprintf(earlier, sizeof(earlier), ", which ended %s earlier", time);
    out[0] = '\0';
    if (join->call_id != 0)
        snprintf(out, size, "answers %s in call %lld (key o)%s", join->name, (long long)join->call_id, earlier);
}

void inspect_add_join(struct inspect *x, const char *id, int indent)
{
    char text[256];
    const struct tool_join *join = id ? tool_joins_find(&x->joins, id) : NULL;
    if (!join)
        return;
    if (x->tab == TAB_RESPONSE)
        say_result(join, text, sizeof(text));
    else
        say_call(join, text, sizeof(text));
    if (text[0])
        pager_add_aside(&x->pager, join->is_error ? INK_BAD : join->call_id ? INK_SWITCHED : INK_DIM, indent, text);
}

/* ---- Going there ------------------------------------------------------------------ */

static int result_of(const struct inspect *x, size_t part, int64_t *call_id, char id[TOOL_ID_MAX], struct err *e)
{
    const struct content_part *p = &x->answer.parts[part];
    const struct tool_join *join = p->kind == CONTENT_TOOL_USE && p->id ? tool_joins_find(&x->joins, p->id) : NULL;
    if (!join) {
        err_set(e, "No tool's call is under the cursor.");
        return 1;
    }
    if (join->call_id == 0) {
        err_set(e, "No result of it is in the log so far.");
        return 1;
    }
    *call_id = join->call_id;
    snprintf(id, TOOL_ID_MAX, "%s", join->id);
    return 0;
}

/* Results of earlier turns are not joined yet: their calls are looked for now. */
static int call_of(const struct inspect *x, struct db *db, size_t part, int64_t *call_id, char id[TOOL_ID_MAX], struct err *e)
{
    struct tool_join far;
    const char *body = x->request.data;
    while (part > 0 && x->tree.nodes[part].depth > 2) /* a block of the result */
        part--;
    if (!tool_result_id(body, &x->tree.nodes[part], id)) {
        err_set(e, "No tool's result is under the cursor.");
        return 1;
    }
    const struct tool_join *join = tool_joins_find(&x->joins, id);
    if (!join || join->call_id == 0) {
        int rc = tool_call_find(db, &x->call, id, &far, e);
        if (rc == 1)
            err_set(e, "The call that it answers is not in the log any more.");
        if (rc != 0)
            return rc;
        join = &far;
    }
    *call_id = join->call_id;
    return 0;
}

int inspect_other_half(const struct inspect *x, struct db *db, int64_t *call_id, char id[TOOL_ID_MAX], struct err *e)
{
    int part = inspect_part_here(x);
    if (part >= 0 && x->tab == TAB_RESPONSE && (size_t)part < x->answer.count)
        return result_of(x, (size_t)part, call_id, id, e);
    if (part >= 0 && x->tab == TAB_REQUEST && x->has_tree)
        return call_of(x, db, (size_t)part, call_id, id, e);
    err_set(e, "o goes from a tool's call (Response) to its result (Request), and back.");
    return 1;
}

static void go_to_result(struct inspect *x, const char *id)
{
    char other[TOOL_ID_MAX];
    for (size_t i = 0; x->has_tree && i < x->tree.count; i++) {
        if (!tool_result_id(x->request.data, &x->tree.nodes[i], other) || strcmp(id, other) != 0)
            continue;
        inspect_unfold(x, i, true);
        x->wanted_part = (int)i;
        return;
    }
}

void inspect_go_to_tool(struct inspect *x, struct db *db, enum inspect_tab tab, const char *id)
{
    inspect_turn(x, (int)tab - (int)x->tab);
    inspect_make(x, db);
    if (tab == TAB_REQUEST)
        go_to_result(x, id);
    for (size_t i = 0; tab == TAB_RESPONSE && i < x->answer.count; i++)
        if (x->answer.parts[i].id && strcmp(x->answer.parts[i].id, id) == 0)
            x->wanted_part = (int)i;
    inspect_make(x, db);
}
