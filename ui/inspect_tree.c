/* Inspect's Request tab: the body as a tree.  What repeats in every call (system,
 * tools) lies folded, the newest message open; a folded element shows how its
 * text begins. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "ui/glyph.h"
#include "ui/inspect.h"

#define PREVIEW_MAX 200 /* bytes; more than a wide screen shows */

size_t inspect_capped(size_t len)
{
    return len < INSPECT_BODY_MAX ? len : INSPECT_BODY_MAX;
}

static void fold_all_but_newest(struct inspect *x)
{
    size_t newest = x->tree.count;
    for (size_t i = 0; i < x->tree.count; i++) {
        const struct content_node *n = &x->tree.nodes[i];
        x->unfolded[i] = n->depth == 0 && strncmp(n->label, "messages", 8) == 0;
        newest = n->depth == 1 ? i : newest;
    }
    for (size_t i = newest; i < x->tree.count; i++)
        x->unfolded[i] = true;
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
    x->unfolded = xcalloc(x->tree.count, sizeof(*x->unfolded));
    fold_all_but_newest(x);
}

/* The words of an element: its text, else its JSON as it stands. */
static void element_words(const struct inspect *x, const struct content_node *n, struct buf *out)
{
    static const char *const keys[] = {"text", "thinking", "content", "description", "input"};
    const char *body = x->request.data;
    struct span v = n->at, inner;
    if (v.len && body[v.off] == '"' && json_text(body, v, out) == 0)
        return;
    for (size_t i = 0; v.len && body[v.off] == '{' && i < sizeof(keys) / sizeof(keys[0]); i++) {
        if (!json_member(body, v.off + v.len, v.off, keys[i], &inner))
            continue;
        if (json_is_string(body, inner) && json_text(body, inner, out) == 0)
            return;
        if (strcmp(keys[i], "input") == 0) {
            buf_put(out, body + inner.off, inner.len);
            return;
        }
    }
    buf_put(out, body + v.off, v.len);
}

static bool has_children(const struct content_tree *t, size_t i)
{
    return i + 1 < t->count && t->nodes[i + 1].depth > t->nodes[i].depth;
}

static size_t count_children(const struct content_tree *t, size_t i)
{
    size_t count = 0;
    for (size_t k = i + 1; k < t->count && t->nodes[k].depth > t->nodes[i].depth; k++)
        count += t->nodes[k].depth == t->nodes[i].depth + 1;
    return count;
}

/* How the element's text begins, on one line. */
static char *preview_of(const struct inspect *x, size_t i)
{
    size_t leaf = i;
    while (has_children(&x->tree, leaf))
        leaf++;
    struct buf words, line;
    buf_init(&words);
    buf_init(&line);
    element_words(x, &x->tree.nodes[leaf], &words);
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

static void add_node(struct inspect *x, size_t i)
{
    const struct content_node *n = &x->tree.nodes[i];
    char text[224], size[TEXT_SHORT_MAX], right[64];
    size_t children = n->depth == 0 ? count_children(&x->tree, i) : 0;
    text_bytes(size, (int64_t)n->at.len);
    snprintf(text, sizeof(text), "%s %s", x->unfolded[i] ? glyphs()->unfolded : glyphs()->folded, n->label);
    if (children)
        snprintf(text + strlen(text), sizeof(text) - strlen(text), " %s %zu", glyphs()->middle, children);
    snprintf(right, sizeof(right), "%s%9s", n->has_cache_control ? "cache mark " : "", size);
    struct pager_line *line =
        pager_add(&x->pager, n->depth == 0 ? INK_ACCENT | STYLE_BOLD : INK_PLAIN, n->depth * 2, text);
    if (x->pager.is_cut)
        return;
    line->node = (int)i;
    line->right = xstrdup(right);
    if (n->depth > 0 && !x->unfolded[i])
        line->note = preview_of(x, i);
}

static void add_words(struct inspect *x, const struct content_node *n)
{
    struct buf words;
    buf_init(&words);
    element_words(x, n, &words);
    pager_add_text(&x->pager, INK_PLAIN, n->depth * 2 + 2, words.data, inspect_capped(words.len));
    buf_done(&words);
}

void inspect_make_request(struct inspect *x, struct db *db)
{
    load_tree(x, db);
    if (!x->has_tree) {
        if (x->request.len)
            pager_add_text(&x->pager, INK_PLAIN, 0, x->request.data, inspect_capped(x->request.len));
        else
            inspect_say_missing(x, x->problem);
        return;
    }
    int open_to = 0; /* deeper nodes belong to a folded one */
    for (size_t i = 0; i < x->tree.count && !x->pager.is_cut; i++) {
        const struct content_node *n = &x->tree.nodes[i];
        if (n->depth > open_to)
            continue;
        open_to = x->unfolded[i] ? n->depth + 1 : n->depth;
        add_node(x, i);
        if (x->unfolded[i] && !has_children(&x->tree, i))
            add_words(x, n);
    }
}
