/* A request as a tree, in the order the model reads it: system, tools, messages,
 * wherever they stand in the body. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "anthropic/content.h"
#include "anthropic/field.h"
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

static void add_node(struct growing *g, int depth, struct span at, const char *label)
{
    struct span v;

    if (g->t->count == NODES_MAX)
        return;
    if (g->t->count == g->room) {
        g->room = g->room ? g->room * 2 : 64;
        g->t->nodes = xrealloc(g->t->nodes, g->room * sizeof *g->t->nodes);
    }
    struct content_node *n = &g->t->nodes[g->t->count++];
    *n = (struct content_node){.depth = depth, .at = at};
    n->has_cache_control = field_member(g->s, at, "cache_control", &v) && !field_begins(g->s, v, 'n');
    set_label(n, label);
}

/* The type of a block and, where it has one, the name that tells it from others. */
static void add_block(struct growing *g, int depth, struct span block)
{
    static const char *const names[] = {"name", "tool_use_id", "title"};
    char type[48] = "value";
    char name[96] = "";
    char label[160];
    struct span source;

    if (field_begins(g->s, block, '"'))
        field_copy(type, sizeof type, "text", 4);
    field_from_member(type, sizeof type, g->s, block, "type");
    for (size_t i = 0; i < sizeof names / sizeof *names && !name[0]; i++)
        field_from_member(name, sizeof name, g->s, block, names[i]);
    if (!name[0] && field_member(g->s, block, "source", &source))
        field_from_member(name, sizeof name, g->s, source, "media_type");
    snprintf(label, sizeof label, "%s%s%s", type, name[0] ? " " : "", name);
    add_node(g, depth, block, label);
}

static void add_tool(struct growing *g, struct span tool)
{
    char name[128] = "";
    char label[160];

    if (!field_from_member(name, sizeof name, g->s, tool, "name"))
        field_from_member(name, sizeof name, g->s, tool, "type");
    snprintf(label, sizeof label, "tool %s", name);
    add_node(g, 1, tool, label);
}

/* The blocks of a content or system value; a plain string is one text. */
static void add_blocks(struct growing *g, int depth, struct span content)
{
    if (!field_begins(g->s, content, '[')) {
        add_block(g, depth, content);
        return;
    }
    struct json_iter it = json_array(g->s, field_end(content), content.off);
    while (json_next(&it))
        add_block(g, depth, it.value);
}

static void add_message(struct growing *g, struct span message)
{
    char role[64] = "message";
    struct span content;

    field_from_member(role, sizeof role, g->s, message, "role");
    add_node(g, 1, message, role);
    if (field_member(g->s, message, "content", &content))
        add_blocks(g, 2, content);
}

/* --- Sections -------------------------------------------------------------------- */

static void add_tools(struct growing *g, struct span tools)
{
    struct json_iter it = json_array(g->s, field_end(tools), tools.off);

    add_node(g, 0, tools, "tools");
    while (json_next(&it))
        add_tool(g, it.value);
}

static void add_messages(struct growing *g, struct span messages)
{
    struct json_iter it = json_array(g->s, field_end(messages), messages.off);

    add_node(g, 0, messages, "messages");
    while (json_next(&it))
        add_message(g, it.value);
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
        add_node(&g, 0, v, "system");
        add_blocks(&g, 1, v);
    }
    if (field_member(body, top, "tools", &v) && field_begins(body, v, '['))
        add_tools(&g, v);
    if (field_member(body, top, "messages", &v) && field_begins(body, v, '['))
        add_messages(&g, v);
}

void content_tree_done(struct content_tree *t)
{
    free(t->nodes);
    *t = (struct content_tree){NULL, 0};
}
