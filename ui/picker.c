#include "ui/picker.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"
#include "respan/switch_price.h"
#include "ui/columns.h"
#include "ui/glyph.h"
#include "ui/keys.h"

/* ---- What can be chosen -------------------------------------------------- */

/* Every word of the text stands somewhere in the value. */
static bool fits(const struct picker *p, const char *value, const char *label)
{
    char text[FIELD_MAX];
    snprintf(text, sizeof(text), "%s", p->field.text);
    char *rest = NULL;
    for (char *word = strtok_r(text, " ", &rest); word; word = strtok_r(NULL, " ", &rest))
        if (!strcasestr(value, word) && !(label && strcasestr(label, word)))
            return false;
    return true;
}

static bool has_item(const struct picker *p, const char *value)
{
    for (size_t i = 0; i < p->count; i++)
        if (strcasecmp(p->items[i].value, value) == 0)
            return true;
    return false;
}

static struct picker_item *add_item(struct picker *p, const char *value, const struct model *model)
{
    if (p->count == PICKER_ITEMS_MAX || has_item(p, value))
        return NULL;
    struct picker_item *item = &p->items[p->count++];
    memset(item, 0, sizeof(*item));
    snprintf(item->value, sizeof(item->value), "%s", value);
    item->model = model;
    return item;
}

static const struct model *known_model(const struct picker *p, const char *name)
{
    return p->what == ROUTE_MODEL && p->catalog ? catalog_find(p->catalog, name) : NULL;
}

static void add_recent(struct picker *p)
{
    char lines[sizeof(p->recent)];
    snprintf(lines, sizeof(lines), "%s", p->recent);
    char *rest = NULL;
    for (char *line = strtok_r(lines, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        const struct model *m = known_model(p, line);
        struct picker_item *item = fits(p, line, m ? m->label : NULL) ? add_item(p, line, m) : NULL;
        if (item)
            item->is_recent = true;
    }
}

static void add_catalog(struct picker *p)
{
    if (!p->catalog)
        return;
    if (p->what == ROUTE_PROVIDER) {
        for (const char *const *name = catalog_providers(p->catalog); name && *name; name++)
            if (fits(p, *name, NULL))
                add_item(p, *name, NULL);
        return;
    }
    for (size_t i = 0; i < catalog_count(p->catalog); i++) {
        const struct model *m = catalog_at(p->catalog, i);
        if (fits(p, m->name, m->label))
            add_item(p, m->name, m);
    }
}

/* The item whose whole name was typed. */
static size_t exact_item(const struct picker *p)
{
    for (size_t i = 0; i < p->count; i++) {
        const struct picker_item *item = &p->items[i];
        if (strcasecmp(item->value, p->field.text) == 0)
            return i;
        if (item->model && item->model->label && strcasecmp(item->model->label, p->field.text) == 0)
            return i;
    }
    return p->count;
}

static void narrow(struct picker *p)
{
    p->count = 0;
    p->cursor = 0;
    p->error[0] = '\0';
    if (p->field.len == 0)
        add_item(p, "", NULL);
    add_recent(p);
    add_catalog(p);
    if (p->field.len == 0)
        return;
    size_t exact = exact_item(p);
    if (exact < p->count) {
        p->cursor = exact;
        return;
    }
    struct picker_item *typed = add_item(p, p->field.text, known_model(p, p->field.text));
    if (typed)
        typed->is_typed = true;
    /* A known name under another spelling was typed whole, too. */
    if (typed && typed->model)
        p->cursor = p->count - 1;
}

/* ---- For whom ------------------------------------------------------------ */

static void add_scope(struct picker *p, const char *session_id, const char *glob, const char *label)
{
    struct picker_scope *s = &p->scopes[p->scope_count++];
    s->scope = (struct route_scope){.session_id = session_id, .model_glob = glob};
    snprintf(s->label, sizeof(s->label), "%s", label);
}

static void make_scopes(struct picker *p, const char *family_of)
{
    char label[96];
    p->scope_count = p->scope = 0;
    if (p->session_id[0]) {
        char title[64];
        snprintf(title, sizeof(title), "%.*s", (int)text_fit(p->title, strlen(p->title), 24), p->title);
        snprintf(label, sizeof(label), "session %.48s", title);
        add_scope(p, p->session_id, NULL, label);
    }
    add_scope(p, NULL, NULL, "every session");
    if (switches_family(family_of, p->glob, sizeof(p->glob))) {
        snprintf(label, sizeof(label), "only %.48s requests", p->glob);
        add_scope(p, NULL, p->glob, label);
    }
}

void picker_open(struct picker *p, enum route_setting what, const struct catalog *catalog,
                 const struct picker_about *about, const char *newest_model, const char *recent, int day)
{
    memset(p, 0, sizeof(*p));
    p->what = what;
    p->catalog = catalog;
    p->context_tokens = -1;
    p->day = day;
    snprintf(p->recent, sizeof(p->recent), "%s", recent ? recent : "");
    if (about && about->session_id) {
        snprintf(p->session_id, sizeof(p->session_id), "%s", about->session_id);
        snprintf(p->title, sizeof(p->title), "%.120s", about->title ? about->title : about->session_id);
        snprintf(p->model_now, sizeof(p->model_now), "%s", about->model ? about->model : "");
        p->context_tokens = about->context_tokens;
        p->is_1h = about->is_1h;
    }
    make_scopes(p, p->model_now[0] ? p->model_now : newest_model);
    narrow(p);
}

bool picker_key(struct picker *p, int key)
{
    bool changed;
    if (!field_key(&p->field, key, &changed))
        return false;
    if (changed)
        narrow(p);
    return true;
}

void picker_next_scope(struct picker *p, bool forward)
{
    p->scope = (p->scope + (forward ? 1 : p->scope_count - 1)) % p->scope_count;
    p->error[0] = '\0';
}

const char *picker_choice(const struct picker *p)
{
    return p->cursor < p->count ? p->items[p->cursor].value : NULL;
}

const struct route_scope *picker_scope(const struct picker *p)
{
    return &p->scopes[p->scope].scope;
}

void picker_remember(const struct picker *p, const char *value, char *out, size_t size)
{
    char lines[sizeof(p->recent)];
    size_t used = (size_t)snprintf(out, size, "%s\n", value);
    int kept = 1;
    snprintf(lines, sizeof(lines), "%s", p->recent);
    char *rest = NULL;
    for (char *line = strtok_r(lines, "\n", &rest); line && kept < 5; line = strtok_r(NULL, "\n", &rest)) {
        if (strcmp(line, value) == 0 || used + strlen(line) + 2 > size)
            continue;
        used += (size_t)snprintf(out + used, size - used, "%s\n", line);
        kept++;
    }
}

/* ---- Drawing ------------------------------------------------------------- */

static const char *thinking_word(enum thinking_kind kind)
{
    switch (kind) {
    case THINKING_NONE:
        return "none";
    case THINKING_BUDGET:
        return "budget";
    case THINKING_BUDGET_ADAPTIVE:
        return "both";
    case THINKING_ADAPTIVE:
        return "adaptive";
    case THINKING_ALWAYS:
        return "always";
    case THINKING_UNKNOWN:
        break;
    }
    return glyphs()->dash;
}

/* Dollars a million tokens: $2, $0.10. */
static void price_word(char out[TEXT_SHORT_MAX], int64_t microusd)
{
    if (microusd < 0)
        snprintf(out, TEXT_SHORT_MAX, "%s", glyphs()->dash);
    else if (microusd % 1000000 == 0)
        snprintf(out, TEXT_SHORT_MAX, "$%lld", (long long)(microusd / 1000000));
    else
        snprintf(out, TEXT_SHORT_MAX, "$%lld.%02lld", (long long)(microusd / 1000000),
                 (long long)(microusd / 10000 % 100));
}

static void join_words(char *const *words, char *out, size_t size)
{
    size_t used = 0;
    out[0] = '\0';
    for (; words && *words && used < size; words++)
        used += (size_t)snprintf(out + used, size - used, "%s%s", used ? " " : "", *words);
}

/* Columns of a model's row, from its left edge; what does not fit is left out. */
struct model_places {
    int name, in, out, context, thinking, providers; /* widths; 0: not shown */
};

static struct model_places model_places(int width)
{
    struct model_places m = {.name = 26, .in = 7, .out = 8, .context = 8};
    if (width >= 26 + 23 + 10)
        m.thinking = 10;
    if (width >= 26 + 23 + 10 + 26)
        m.providers = width - 26 - 23 - 10;
    if (width < 26 + 23)
        m.name = width - 23;
    return m;
}

static void draw_model(struct canvas *c, int row, int col, int width, const struct picker *p, const struct model *m)
{
    char in[TEXT_SHORT_MAX], out[TEXT_SHORT_MAX], context[TEXT_SHORT_MAX], names[128];
    const struct price *price = model_price_on(m, p->day);
    struct model_places at = model_places(width);
    price_word(in, price ? price->in : -1);
    price_word(out, price ? price->out : -1);
    text_count(context, m->context_tokens);
    if (m->context_tokens > 0 && m->context_tokens % 1000000 == 0)
        snprintf(context, sizeof(context), "%lldM", (long long)(m->context_tokens / 1000000));
    join_words(m->providers, names, sizeof(names));
    col += at.name;
    canvas_put_right(c, row, col, at.in, INK_PLAIN, in);
    canvas_put_right(c, row, col += at.in, at.out, INK_PLAIN, out);
    canvas_put_right(c, row, col += at.out, at.context, INK_PLAIN, context);
    canvas_put(c, row, col += at.context + 2, at.thinking - 2, INK_DIM, thinking_word(m->thinking));
    canvas_put(c, row, col + at.thinking, at.providers - 2, INK_DIM, names);
}

static void draw_model_head(struct canvas *c, int row, int col, int width)
{
    struct model_places at = model_places(width);
    canvas_put(c, row, col, at.name, INK_DIM, "MODEL");
    col += at.name;
    canvas_put_right(c, row, col, at.in, INK_DIM, "$/M IN");
    canvas_put_right(c, row, col += at.in, at.out, INK_DIM, "OUT");
    canvas_put_right(c, row, col += at.out, at.context, INK_DIM, "CONTEXT");
    canvas_put(c, row, col += at.context + 2, at.thinking - 2, INK_DIM, "THINKING");
    canvas_put(c, row, col + at.thinking, at.providers - 2, INK_DIM, "PROVIDERS");
}

static void draw_item(struct canvas *c, int row, int col, int width, const struct picker *p, size_t i,
                      const struct in_force *now)
{
    const struct picker_item *item = &p->items[i];
    const char *current = p->what == ROUTE_MODEL ? now->model : now->provider;
    bool is_current = current ? strcmp(current, item->value) == 0 : !item->value[0];
    const char *text = item->value[0]           ? item->value
                       : p->what == ROUTE_MODEL ? "as Claude Code asks"
                                                : "automatic: Respan chooses";
    int name = item->model ? model_places(width - 2).name : width - 2;
    canvas_put(c, row, col, 1, INK_GOOD, is_current ? glyphs()->check : " ");
    int used = canvas_put(c, row, col + 2, name, item->is_recent ? STYLE_BOLD : INK_PLAIN, text);
    if (item->model)
        draw_model(c, row, col + 2, width - 2, p, item->model);
    else if (item->is_typed)
        canvas_put(c, row, col + 4 + used, width - used - 4, INK_DIM,
                   p->what == ROUTE_MODEL ? "as typed; not in the catalog" : "as typed");
    if (i == p->cursor) {
        canvas_restyle(c, row, col - 2, width + 3, INK_SELECTED);
        canvas_put(c, row, col - 1, 1, INK_SELECTED, glyphs()->pointer);
    }
}

static void draw_scopes(struct canvas *c, int row, int col, int width, const struct picker *p)
{
    int at = canvas_put(c, row, col, width, INK_DIM, "for ") + 1;
    for (size_t i = 0; i < p->scope_count && at < width - 6; i++) {
        bool on = i == p->scope;
        at += canvas_put(c, row, col + at, width - at, on ? INK_ACCENT : INK_DIM, on ? "(x) " : "( ) ");
        if (on && !glyph_is_ascii())
            canvas_put(c, row, col + at - 3, 1, INK_ACCENT, glyphs()->dot);
        at += canvas_put(c, row, col + at, width - at, on ? STYLE_BOLD : INK_DIM, p->scopes[i].label) + 3;
    }
}

/* A little money is not no money. */
static void money(char out[TEXT_SHORT_MAX], int64_t microusd)
{
    if (microusd > 0 && microusd < 500)
        snprintf(out, TEXT_SHORT_MAX, "<$0.001");
    else
        text_usd(out, microusd);
}

/* What the switch does to the money, when a session is in view. */
static void draw_price(struct canvas *c, int row, int col, int width, const struct picker *p)
{
    const char *value = picker_choice(p);
    if (p->error[0]) {
        canvas_put(c, row, col, width, INK_BAD | STYLE_BOLD, p->error);
        return;
    }
    if (p->context_tokens <= 0 || !value)
        return;
    char tokens[TEXT_SHORT_MAX], now[TEXT_SHORT_MAX], next[TEXT_SHORT_MAX], then[TEXT_SHORT_MAX];
    const char *to = p->what == ROUTE_MODEL && value[0] ? value : p->model_now;
    struct switch_price price;
    text_count(tokens, p->context_tokens);
    if (!value[0])
        return;
    if (p->what == ROUTE_MODEL && strcasecmp(to, p->model_now) == 0) {
        canvas_put(c, row, col, width, INK_DIM, "the model this session runs on now");
        return;
    }
    struct switch_about about = {p->model_now, to, p->context_tokens, p->is_1h, p->day};
    if (!switch_price(p->catalog, &about, &price)) {
        canvas_printf(c, row, col, width, INK_DIM,
                      "next call re-reads %s tokens uncached; what that costs is not known", tokens);
        return;
    }
    money(now, price.now_microusd);
    money(next, price.next_microusd);
    money(then, price.then_microusd);
    if (price.is_too_long) {
        canvas_printf(c, row, col, width, INK_WARN, "the session's %s tokens are more than this model's context holds", tokens);
        return;
    }
    canvas_printf(c, row, col, width, INK_WARN, "next call re-reads %s tokens uncached: %s instead of %s, then %s",
                  tokens, next, now, then);
}

static void draw_one_line(struct canvas *c, const struct picker *p)
{
    canvas_fill(c, 0, 0, c->cols, INK_PLAIN, " ");
    int used =
        canvas_printf(c, 0, 0, c->cols, INK_ACCENT | STYLE_BOLD, "%s ", p->what == ROUTE_MODEL ? "model" : "provider");
    used += canvas_printf(c, 0, used, c->cols / 2, INK_DIM, "%s > ", p->scopes[p->scope].label);
    field_draw(c, 0, used, c->cols - used, &p->field);
}

static void draw_keys(struct canvas *c, int row, int col, int width)
{
    static const char *const words[][2] = {{"Enter", "switch"}, {"Tab", "scope"}, {"Esc", "cancel"}};
    int at = 0;
    for (size_t i = 0; i < 3; i++) {
        at += canvas_put(c, row, col + at, width - at, INK_ACCENT | STYLE_BOLD, words[i][0]) + 1;
        at += canvas_put(c, row, col + at, width - at, INK_DIM, words[i][1]) + 3;
    }
}

void picker_draw(struct canvas *c, const struct picker *p, const struct route_set *routes)
{
    if (c->rows < 9 || c->cols < 40) {
        draw_one_line(c, p);
        return;
    }
    struct in_force now;
    switches_in_force(routes, picker_scope(p), &now);
    int cols = c->cols < 102 ? c->cols - 4 : 98;
    int rows = c->rows - 4 < 22 ? c->rows - 4 : 22;
    int head = p->what == ROUTE_MODEL ? 1 : 0, list = rows - 6 - head;
    int row = (c->rows - rows) / 2, col = (c->cols - cols) / 2, inner = cols - 6;
    int margin = col > 4 ? 1 : col; /* room around; a sliver of the view behind only disturbs */
    for (int i = 0; i < rows; i++)
        canvas_fill(c, row + i, col - margin, cols + 2 * margin, INK_PLAIN, " ");
    canvas_box(c, row, col, rows, cols, p->what == ROUTE_MODEL ? "Switch model" : "Pin provider");
    draw_scopes(c, row + 1, col + 3, inner, p);
    canvas_put(c, row + 2, col + 3, 1, INK_ACCENT | STYLE_BOLD, ">");
    field_draw(c, row + 2, col + 5, inner - 2, &p->field);
    if (head)
        draw_model_head(c, row + 3, col + 5, inner - 2);
    size_t from = p->cursor >= (size_t)list ? p->cursor - (size_t)list + 1 : 0;
    for (size_t i = from; i < p->count && i < from + (size_t)list; i++)
        draw_item(c, row + 3 + head + (int)(i - from), col + 3, inner, p, i, &now);
    draw_price(c, row + rows - 3, col + 3, inner, p);
    draw_keys(c, row + rows - 2, col + 3, inner);
    if (p->count > (size_t)list) {
        char text[48];
        snprintf(text, sizeof(text), "%zu of %zu", p->cursor + 1, p->count);
        canvas_put_right(c, row + rows - 2, col + 3 + inner - 16, 16, INK_DIM, text);
    }
}
