/* Inspect's Cache tab: what was read and written anew, why less was read than
 * could have been, and what changed since the call before it, with the lines of
 * the element at which the prefix broke. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/text.h"
#include "log/diff.h"
#include "ui/columns.h"
#include "ui/glyph.h"
#include "ui/inspect.h"

#define CHANGES_MAX 200 /* elements told by name; more is another conversation */
#define LINES_MAX   400 /* of the element that broke it */

/* ---- What was read --------------------------------------------------------- */

static void share_line(struct pager *p, const char *name, int64_t tokens, int64_t all)
{
    char count[TEXT_SHORT_MAX], text[64];
    if (tokens < 0)
        return;
    text_count(count, tokens);
    int percent = all > 0 ? (int)((double)tokens * 100 / (double)all + 0.5) : 0;
    if (percent == 100 && tokens < all)
        percent = 99;
    snprintf(text, sizeof(text), "%7s  %3d%%", count, percent);
    pager_add_value(p, name, tokens ? INK_PLAIN : INK_DIM, text);
}

static void add_shares(struct inspect *x)
{
    const struct usage *u = &x->call.usage;
    int64_t all = call_context_tokens(&x->call);
    pager_add_heading(&x->pager, "Input tokens");
    if (all < 0) {
        pager_add(&x->pager, INK_DIM, 0,
                  x->call.state == CALL_OPEN ? "Known when the answer tells them." : "The answer told none.");
        return;
    }
    share_line(&x->pager, "read from cache", u->cache_read, all);
    share_line(&x->pager, "written, 5 min", u->cache_write_5m, all);
    share_line(&x->pager, "written, 1 h", u->cache_write_1h, all);
    share_line(&x->pager, "not cached", u->in, all);
}

/* ---- Why ------------------------------------------------------------------- */

static const struct {
    const char *kind;
    const char *words;
    bool is_element; /* the prompt itself changed */
} reasons[] = {
    {"tool", "A tool changed.  Tools stand first in the prompt, so nothing behind it could be read.", true},
    {"system", "A system block changed: from there on nothing could be read.", true},
    {"message", "A message of the conversation changed: from there on nothing could be read.", true},
    {"model", "Another model served the call; each has a cache of its own.", false},
    {"provider", "Another provider served the call; each has a cache of its own.", false},
    {"breakpoint", "The cache mark stands where nothing that was kept can be reached from.", false},
    {"expired", "More time passed than the cache keeps a prompt.", false},
    {"compacted", "The conversation was compacted or cleared; a new prompt has to be written.", false},
    {"minimum", "The prompt is shorter than the least that is cached.", false},
    {"upstream", "The prompt is the same as before: whoever served the call had lost it.", false},
};

/* Which of the reasons it is; behind the last when none is named. */
static size_t reason_of(const struct call *c)
{
    size_t count = sizeof(reasons) / sizeof(reasons[0]), i = 0;
    const char *named = c->cache_break ? c->cache_break : "";
    size_t len = strcspn(named, ":");
    while (i < count && (strlen(reasons[i].kind) != len || strncmp(reasons[i].kind, named, len) != 0))
        i++;
    return i;
}

static void add_reason(struct inspect *x)
{
    const struct call *c = &x->call;
    struct pager *p = &x->pager;
    size_t reason = reason_of(c);
    char cost[TEXT_SHORT_MAX], text[96];
    pager_add_heading(p, "Why not more was read");
    if (!c->cache_break) {
        pager_add(p, INK_DIM, 0,
                  c->state == CALL_OPEN ? "Known when the call has ended." : "No break of the cache is proven.");
        return;
    }
    pager_add_value(p, "reason", INK_WARN | STYLE_BOLD, c->cache_break);
    if (reason < sizeof(reasons) / sizeof(reasons[0]))
        pager_add_value(p, "", INK_PLAIN, reasons[reason].words);
    if (c->cache_break_microusd < 0)
        return;
    text_usd(cost, c->cache_break_microusd);
    snprintf(text, sizeof(text), "%s more than reading it would have been", cost);
    pager_add_value(p, "cost", INK_WARN, text);
}

/* ---- What changed ----------------------------------------------------------- */

static const char *change_word(enum diff_change change)
{
    static const char *const words[] = {"same", "changed", "added", "removed", "moved"};
    return words[change];
}

static unsigned change_ink(enum diff_change change)
{
    return change == DIFF_ADDED ? INK_GOOD : change == DIFF_REMOVED ? INK_BAD : INK_WARN;
}

static void add_element(struct pager *p, const struct diff_element *el, bool is_first)
{
    char text[256], sizes[64], before[TEXT_SHORT_MAX], after[TEXT_SHORT_MAX];
    text_bytes(before, (int64_t)el->before.len);
    text_bytes(after, (int64_t)el->after.len);
    if (el->change == DIFF_ADDED)
        snprintf(sizes, sizeof(sizes), "%s", after);
    else if (el->change == DIFF_REMOVED)
        snprintf(sizes, sizeof(sizes), "%s", before);
    else
        snprintf(sizes, sizeof(sizes), "%s %s %s", before, glyphs()->arrow, after);
    snprintf(text, sizeof(text), "%-8s %s%s", change_word(el->change), el->label,
             is_first ? "   the prefix broke here" : "");
    struct pager_line *line = pager_add(p, is_first ? INK_WARN | STYLE_BOLD : change_ink(el->change), 0, text);
    free(line->right);
    line->right = xstrdup(sizes);
}

static void add_lines(struct pager *p, struct bytes before, struct bytes after, const struct diff_element *el)
{
    struct diff_lines l;
    diff_element_lines(before, after, el, &l);
    for (size_t i = 0; i < l.count && i < LINES_MAX; i++) {
        const struct diff_line *line = &l.lines[i];
        unsigned ink = line->mark == '-' ? INK_BAD : line->mark == '+' ? INK_GOOD : INK_DIM;
        struct buf text;
        buf_init(&text);
        buf_printf(&text, "%c ", line->mark == '@' ? ' ' : line->mark);
        if (line->mark == '@')
            buf_puts(&text, glyph_is_ascii() ? "..." : "…");
        buf_put(&text, line->text.data, line->text.len);
        pager_add_text(p, ink, 2, text.data, text.len);
        buf_done(&text);
    }
    if (l.count > LINES_MAX)
        pager_add(p, INK_DIM, 4, "(more lines changed; `spantop show --diff` gives all)");
    diff_lines_done(&l);
}

/* The first element of the prompt that is another: what the cache can reach ends
 * before it.  Messages that were added behind the last one break nothing. */
static size_t broken_at(const struct diff *d)
{
    for (size_t i = 0; i < d->count; i++) {
        const struct diff_element *el = &d->elements[i];
        if (el->change != DIFF_SAME && el->part != DIFF_PARAMS &&
            !(el->part == DIFF_MESSAGES && el->change == DIFF_ADDED))
            return i;
    }
    return d->count;
}

static void add_changes(struct inspect *x, struct bytes before, struct bytes after)
{
    struct pager *p = &x->pager;
    struct diff d;
    size_t reason = reason_of(&x->call), told = 0;
    diff_requests(before, after, &d);
    bool is_element = reason < sizeof(reasons) / sizeof(reasons[0]) && reasons[reason].is_element;
    size_t broken = is_element ? broken_at(&d) : d.count;
    for (size_t i = 0; i < d.count && told < CHANGES_MAX; i++) {
        if (d.elements[i].change == DIFF_SAME)
            continue;
        add_element(p, &d.elements[i], i == broken);
        if (i == broken)
            add_lines(p, before, after, &d.elements[i]);
        told++;
    }
    if (d.changes > told)
        pager_add(p, INK_DIM, 0, "(more elements changed; `spantop show --diff` gives all)");
    if (d.changes == 0)
        pager_add(p, INK_DIM, 0, "Nothing: the same request again.");
    diff_done(&d);
}

static void add_before(struct inspect *x, struct db *db, int64_t before_id)
{
    struct call before;
    char title[160], idle[TEXT_SHORT_MAX];
    struct err e = {""};
    if (reader_call(db, before_id, &before, &e) != 0)
        before.finished_at = 0;
    int64_t rest = before.finished_at > 0 ? x->call.started_at - before.finished_at : -1;
    text_ms(idle, rest > 0 ? rest : 0);
    snprintf(title, sizeof(title), "Changed since call %lld of the same agent%s%s%s", (long long)before_id,
             rest > 0 ? ", which ended " : "", rest > 0 ? idle : "", rest > 0 ? " earlier" : "");
    pager_add_heading(&x->pager, title);
    call_done(&before);
}

static void add_difference(struct inspect *x, struct db *db)
{
    struct err e = {""};
    struct buf before, after;
    int64_t before_id = 0;
    if (diff_find_before(db, x->call.id, &before_id, &e) != 0) {
        pager_add_heading(&x->pager, "Changed since the call before");
        inspect_say(x, e.text);
        return;
    }
    add_before(x, db, before_id);
    buf_init(&before);
    buf_init(&after);
    if (reader_body(db, before_id, BODY_SENT, &before, &e) != 0 ||
        reader_body(db, x->call.id, BODY_SENT, &after, &e) != 0)
        inspect_say(x, e.text);
    else
        add_changes(x, buf_bytes(&before), buf_bytes(&after));
    buf_done(&before);
    buf_done(&after);
}

void inspect_make_cache(struct inspect *x, struct db *db)
{
    add_shares(x);
    add_reason(x);
    add_difference(x, db);
}
