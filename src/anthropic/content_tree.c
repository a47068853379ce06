/* A request as a tree, in the order the model reads it: system, tools, messages,
 * wherever they stand in the body. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "anthropic/content.h"
#include "anthropic/field.h"
#include "anthropic/tool_names.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"

/* Far above any request (570 elements at 1 MB); what a body can make this
 * allocate.  The elements behind it are left out. */
#define NODES_MAX 50000

struct growing {
    struct content_tree *t;
    size_t room;
    const char *s;
};

/* --- Nodes --------------------------------------------------------------------- */

static void set_label(struct content_node *n, const char *text)
{
    struct buf clean;

    buf_init(&clean);
    text_clean(&clean, text, strlen(text), false, false);
    field_copy(n->label, sizeof n->label, clean.data, clean.len);
    buf_done(&clean);
}

/* Without a ttl a mark lives for five minutes. */
static void read_mark(struct content_node *n, const char *s)
{
    struct span v;

    n->has_cache_control = field_member(s, n->at, "cache_control", &v) && !field_begins(s, v, 'n');
    if (n->has_cache_control && !field_from_member(n->cache_ttl, sizeof n->cache_ttl, s, v, "ttl"))
        field_copy(n->cache_ttl, sizeof n->cache_ttl, "5m", 2);
}

static void add_node(struct growing *g, int depth, struct span at, const char *label, const struct media *media)
{
    if (g->t->count == NODES_MAX)
        return;
    if (g->t->count == g->room) {
        g->room = g->room ? g->room * 2 : 64;
        g->t->nodes = xrealloc(g->t->nodes, g->room * sizeof *g->t->nodes);
    }
    struct content_node *n = &g->t->nodes[g->t->count++];
    *n = (struct content_node){.depth = depth, .at = at, .tokens = -1};
    if (media)
        n->media = *media;
    read_mark(n, g->s);
    set_label(n, label);
}

/* The type of a block and, where it has one, the name that tells it from others. */
static void add_block(struct growing *g, int depth, struct span block)
{
    static const char *const names[] = {"name", "tool_use_id", "title"};
    char type[48] = "value";
    char name[96] = "";
    char label[160];
    struct media media;

    if (field_begins(g->s, block, '"'))
        field_copy(type, sizeof type, "text", 4);
    field_from_member(type, sizeof type, g->s, block, "type");
    for (size_t i = 0; i < sizeof names / sizeof *names && !name[0]; i++)
        field_from_member(name, sizeof name, g->s, block, names[i]);
    media_from_block(g->s, block, &media);
    if (!name[0])
        field_copy(name, sizeof name, media.type, strlen(media.type));
    snprintf(label, sizeof label, "%s%s%s", type, name[0] ? " " : "", name);
    add_node(g, depth, block, label, &media);
}

/* What a tool gave back may be blocks in turn: texts, images. */
static void add_result_blocks(struct growing *g, int depth, struct span block)
{
    struct span type, content;

    if (!field_member(g->s, block, "type", &type) || !field_value_is(g->s, type, "tool_result") ||
        !field_member(g->s, block, "content", &content) || !field_begins(g->s, content, '['))
        return;
    struct json_iter it = json_array(g->s, field_end(content), content.off);
    while (json_next(&it))
        add_block(g, depth, it.value);
}

static void add_tool(struct growing *g, struct span tool)
{
    char name[128] = "";
    char label[160];

    if (!field_from_member(name, sizeof name, g->s, tool, "name"))
        field_from_member(name, sizeof name, g->s, tool, "type");
    snprintf(label, sizeof label, "tool %s", name);
    add_node(g, 1, tool, label, NULL);
}

/* The blocks of a content or system value; a plain string is one text. */
static void add_blocks(struct growing *g, int depth, struct span content)
{
    if (!field_begins(g->s, content, '[')) {
        add_block(g, depth, content);
        return;
    }
    struct json_iter it = json_array(g->s, field_end(content), content.off);
    while (json_next(&it)) {
        add_block(g, depth, it.value);
        add_result_blocks(g, depth + 1, it.value);
    }
}

static void add_message(struct growing *g, struct span message)
{
    char role[64] = "message";
    struct span content;

    field_from_member(role, sizeof role, g->s, message, "role");
    add_node(g, 1, message, role, NULL);
    if (field_member(g->s, message, "content", &content))
        add_blocks(g, 2, content);
}

/* --- Sections -------------------------------------------------------------------- */

static void add_tools(struct growing *g, struct span tools)
{
    struct json_iter it = json_array(g->s, field_end(tools), tools.off);

    add_node(g, 0, tools, "tools", NULL);
    while (json_next(&it))
        add_tool(g, it.value);
}

static void add_messages(struct growing *g, struct span messages)
{
    struct json_iter it = json_array(g->s, field_end(messages), messages.off);

    add_node(g, 0, messages, "messages", NULL);
    while (json_next(&it))
        add_message(g, it.value);
}

/* A result names the call it answers by an id; people know it by the tool. */
static void name_results(const struct growing *g)
{
    struct tool_names names;

    tool_names_read(g->s, g->t, &names);
    for (size_t i = 0; i < g->t->count; i++) {
        struct content_node *n = &g->t->nodes[i];
        char id[128];
        char label[160];
        if (n->depth != 2 || strncmp(n->label, "tool_result", 11) != 0 ||
            !field_from_member(id, sizeof id, g->s, n->at, "tool_use_id"))
            continue;
        const char *name = tool_names_find(&names, id, i);
        if (!name)
            continue;
        snprintf(label, sizeof label, "tool_result %s", name);
        set_label(n, label);
    }
    tool_names_done(&names);
}

void content_tree_from_request(const char *body, size_t len, struct content_tree *t)
{
    struct growing g = {.t = t, .s = body};
    struct span top = {json_skip_space(body, len, 0), 0};
    struct span v;

    *t = (struct content_tree){NULL, 0};
    top.len = len - top.off;
    if (!field_begins(body, top, '{'))
        return;
    if (field_member(body, top, "system", &v)) {
        add_node(&g, 0, v, "system", NULL);
        add_blocks(&g, 1, v);
    }
    if (field_member(body, top, "tools", &v) && field_begins(body, v, '['))
        add_tools(&g, v);
    if (field_member(body, top, "messages", &v) && field_begins(body, v, '['))
        add_messages(&g, v);
    name_results(&g);
}

void content_tree_done(struct content_tree *t)
{
    free(t->nodes);
    *t = (struct content_tree){NULL, 0};
}

/* --- Tokens ----------------------------------------------------------------------- */

#define BYTES_PER_TOKEN 4 /* English and code; Claude's tokenizers make 3 to 4.5 of it */

static bool is_leaf(const struct content_tree *t, size_t i)
{
    return i + 1 == t->count || t->nodes[i + 1].depth <= t->nodes[i].depth;
}

/* What the element weighs, unscaled; -1: nobody can tell. */
static double weight_of(const struct content_node *n)
{
    if (n->depth == 0) /* an empty section */
        return 0;
    bool is_text = n->media.kind == MEDIA_NONE || (n->media.kind == MEDIA_DOCUMENT && strcmp(n->media.type, "text/plain") == 0);
    return is_text ? (double)n->at.len / BYTES_PER_TOKEN : (double)media_tokens(&n->media);
}

/* What holds others is their sum; unknown as soon as one of them is. */
static void sum_up(struct content_tree *t)
{
    for (size_t i = t->count; i-- > 0;) {
        if (is_leaf(t, i))
            continue;
        int64_t sum = 0;
        for (size_t k = i + 1; k < t->count && t->nodes[k].depth > t->nodes[i].depth; k++)
            if (t->nodes[k].depth == t->nodes[i].depth + 1)
                sum = sum < 0 || t->nodes[k].tokens < 0 ? -1 : sum + t->nodes[k].tokens;
        t->nodes[i].tokens = sum;
    }
}

bool content_tree_estimate(struct content_tree *t, int64_t counted)
{
    double all = 0;
    double before = 0;
    bool is_known = counted >= 0;

    for (size_t i = 0; i < t->count; i++) {
        double weight = is_leaf(t, i) ? weight_of(&t->nodes[i]) : 0;
        is_known = is_known && weight >= 0;
        all += weight > 0 ? weight : 0;
    }
    bool is_scaled = is_known && all > 0;
    double scale = is_scaled ? (double)counted / all : 1;
    for (size_t i = 0; i < t->count; i++) {
        double weight = is_leaf(t, i) ? weight_of(&t->nodes[i]) : 0;
        double behind = before + (weight > 0 ? weight * scale : 0);
        /* What rounding takes here it gives to the next: the sum stays what was counted. */
        t->nodes[i].tokens = weight < 0 ? -1 : (int64_t)(behind + 0.5) - (int64_t)(before + 0.5);
        before = behind;
    }
    sum_up(t);
    return is_scaled;
}
