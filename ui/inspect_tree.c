/* Inspect's Request tab: the body as a tree.  What repeats in every call (system,
 * tools) lies folded, the newest message open; a folded element shows how its
 * text begins. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "log/diff.h"
#include "ui/columns.h"
#include "ui/glyph.h"
#include "ui/inspect.h"

#define PREVIEW_MAX 200 /* bytes; more than a wide screen shows */
#define ROOMY       80  /* columns from which on words fit beside the figures */

static void fold_all_but_newest(struct inspect *x)
{
    struct inspect_part *parts = x->parts[TAB_REQUEST].list;
    size_t newest = x->tree.count;
    for (size_t i = 0; i < x->tree.count; i++) {
        const struct content_node *n = &x->tree.nodes[i];
        parts[i].is_unfolded = n->depth == 0 && strncmp(n->label, "messages", 8) == 0;
        newest = n->depth == 1 ? i : newest;
    }
    for (size_t i = newest; i < x->tree.count; i++)
        parts[i].is_unfolded = true;
}

static void load_tree(struct inspect *x, struct db *db)
{
    struct err e = {""};
    if (x->has_tree)
        return;
    buf_reset(&x->request);
    if (reader_body(db, x->call.id, BODY_REQUEST, &x->request, &e) != 0) {
        snprintf(x->problem, sizeof(x->problem), "%s", e.text);
        return;
    }
    content_tree_from_request(x->request.data, x->request.len, &x->tree);
    if (x->tree.count == 0) {
        content_tree_done(&x->tree);
        return;
    }
    x->has_tree = true;
    x->is_scaled = content_tree_estimate(&x->tree, call_context_tokens(&x->call));
    inspect_parts_size(&x->parts[TAB_REQUEST], x->tree.count);
    fold_all_but_newest(x);
}

bool inspect_unfold(struct inspect *x, size_t part, bool itself)
{
    struct inspect_part *parts = x->parts[TAB_REQUEST].list;
    int depth = x->tree.nodes[part].depth + itself; /* what is less deep on the way back holds it */
    bool is_other = false;
    for (size_t i = part + 1; i-- > 0 && depth > 0;) {
        if (x->tree.nodes[i].depth >= depth)
            continue;
        depth = x->tree.nodes[i].depth;
        is_other = is_other || !parts[i].is_unfolded;
        parts[i].is_unfolded = true;
    }
    return is_other;
}

/* ---- The text of an element ------------------------------------------------------ */

/* The text of the first of these members that has one. */
static bool put_member(const char *body, struct span v, struct buf *out)
{
    static const char *const keys[] = {"text", "thinking", "content", "description"};
    struct span inner;
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
        if (json_member(body, v.off + v.len, v.off, keys[i], &inner) && json_is_string(body, inner) &&
            json_text(body, inner, out) == 0)
            return true;
    return false;
}

/* A tool's input, or the shape of it, a member a line. */
static bool put_layout(const char *body, struct span v, const char *key, struct buf *out)
{
    struct span inner;
    if (!json_member(body, v.off + v.len, v.off, key, &inner))
        return false;
    if (out->len)
        buf_puts(out, "\n\n");
    diff_layout((struct bytes){body + inner.off, inner.len}, out);
    return true;
}

bool inspect_is_leaf(const struct content_tree *t, size_t i)
{
    return i + 1 >= t->count || t->nodes[i + 1].depth <= t->nodes[i].depth;
}

void inspect_element_text(const struct inspect *x, size_t i, struct buf *out)
{
    const char *body = x->request.data;
    const struct content_node *n = &x->tree.nodes[i];
    struct span v = n->at, source;
    if (!inspect_is_leaf(&x->tree, i) || v.len == 0)
        return;
    if (body[v.off] == '"' && json_text(body, v, out) == 0)
        return;
    if (body[v.off] == '{' && n->media.kind != MEDIA_NONE) { /* never its base64 */
        bool is_text = strncmp(n->media.type, "text/", 5) == 0 && json_path(body, v.off + v.len, v.off, "source/data", &source);
        if (!is_text || json_text(body, source, out) != 0)
            media_describe(&n->media, out);
        return;
    }
    bool has_words = body[v.off] == '{' && put_member(body, v, out);
    bool has_shape = body[v.off] == '{' && (put_layout(body, v, "input", out) || put_layout(body, v, "input_schema", out));
    if (!has_words && !has_shape)
        diff_layout((struct bytes){body + v.off, v.len}, out);
}

/* How the element's text begins, on one line. */
static char *preview_of(const struct inspect *x, size_t i)
{
    while (!inspect_is_leaf(&x->tree, i))
        i++;
    struct buf words, line;
    buf_init(&words);
    buf_init(&line);
    inspect_element_text(x, i, &words);
    bool was_blank = true;
    for (size_t at = 0; at < words.len && line.len < PREVIEW_MAX; at++) {
        bool is_blank =
            words.data[at] == ' ' || words.data[at] == '\n' || words.data[at] == '\t' || words.data[at] == '\r';
        if (!is_blank)
            buf_putc(&line, words.data[at]);
        else if (!was_blank)
            buf_putc(&line, ' ');
        was_blank = is_blank;
    }
    buf_done(&words);
    return buf_take(&line, NULL);
}

/* ---- Lines ------------------------------------------------------------------------ */

static size_t count_children(const struct content_tree *t, size_t i)
{
    size_t count = 0;
    for (size_t k = i + 1; k < t->count && t->nodes[k].depth > t->nodes[i].depth; k++)
        count += t->nodes[k].depth == t->nodes[i].depth + 1;
    return count;
}

/* "cache mark 1h   ~1.2k tok   4.3 KB" */
static char *figures_of(const struct inspect *x, const struct content_node *n)
{
    char size[TEXT_SHORT_MAX], count[TEXT_SHORT_MAX], tokens[TEXT_SHORT_MAX + 8] = "";
    bool is_roomy = x->width >= ROOMY;
    text_bytes(size, (int64_t)n->at.len);
    text_count(count, n->tokens);
    if (n->tokens >= 0)
        snprintf(tokens, sizeof(tokens), "~%s%s", count, is_roomy ? " tok" : "");
    return xasprintf("%s%s%s%*s%9s", n->has_cache_control ? (is_roomy ? "cache mark " : "mark ") : "",
                     n->has_cache_control ? n->cache_ttl : "", n->has_cache_control ? " " : "", is_roomy ? 11 : 7, tokens, size);
}

/* What is faint behind the label: how many there are in it, what an image is, or how
 * the text begins. */
static char *note_of(const struct inspect *x, size_t i)
{
    const struct content_node *n = &x->tree.nodes[i];
    size_t children = n->depth == 0 ? count_children(&x->tree, i) : 0;
    if (children)
        return xasprintf("%s %zu", glyphs()->middle, children);
    return n->depth > 0 && !x->parts[TAB_REQUEST].list[i].is_unfolded ? preview_of(x, i) : NULL;
}

static void add_node(struct inspect *x, size_t i)
{
    const struct content_node *n = &x->tree.nodes[i];
    char text[224];
    bool is_unfolded = x->parts[TAB_REQUEST].list[i].is_unfolded;
    snprintf(text, sizeof(text), "%s %s", is_unfolded ? glyphs()->unfolded : glyphs()->folded, n->label);
    x->pager.node = (int)i;
    struct pager_line *line =
        pager_add(&x->pager, n->depth == 0 ? INK_ACCENT | STYLE_BOLD : INK_PLAIN, n->depth * 2, text);
    if (x->pager.is_cut)
        return;
    line->right = figures_of(x, n);
    line->note = note_of(x, i);
}

static void add_words(struct inspect *x, size_t i)
{
    struct buf words;
    if (!inspect_is_leaf(&x->tree, i))
        return;
    buf_init(&words);
    inspect_element_text(x, i, &words);
    inspect_add_text(x, i, INK_PLAIN, x->tree.nodes[i].depth * 2 + 2, buf_bytes(&words));
    buf_done(&words);
}

void inspect_make_request(struct inspect *x, struct db *db)
{
    load_tree(x, db);
    if (!x->has_tree) {
        inspect_parts_size(&x->parts[TAB_REQUEST], 1);
        if (x->request.len)
            inspect_add_text(x, 0, INK_PLAIN, 0, buf_bytes(&x->request));
        else
            inspect_say_missing(x, x->problem);
        x->parts[TAB_REQUEST].count = 0; /* no tree: it is looked through line by line */
        return;
    }
    char id[TOOL_ID_MAX];
    inspect_load_joins(x, db);
    int open_to = 0; /* deeper nodes belong to a folded one */
    for (size_t i = 0; i < x->tree.count && !x->pager.is_cut; i++) {
        const struct content_node *n = &x->tree.nodes[i];
        if (n->depth > open_to)
            continue;
        bool is_unfolded = x->parts[TAB_REQUEST].list[i].is_unfolded;
        open_to = is_unfolded ? n->depth + 1 : n->depth;
        add_node(x, i);
        if (!is_unfolded)
            continue;
        if (tool_result_id(x->request.data, n, id))
            inspect_add_join(x, id, n->depth * 2 + 2);
        add_words(x, i);
    }
    x->pager.node = -1;
}

void inspect_about_tokens(const struct inspect *x, char *out, size_t size)
{
    char count[TEXT_SHORT_MAX];
    text_count(count, call_context_tokens(&x->call));
    if (x->is_scaled)
        snprintf(out, size, "~ estimated, together the %s tokens counted", count);
    else
        snprintf(out, size, "~ estimated, four bytes a token");
}
