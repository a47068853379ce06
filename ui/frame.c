/* What every view has around it: the status line, the tabs, an alert when there
 * is one, and the line of keys (or a notice in its place).
 *
 * The status line is made of segments, each with a rank; when it does not fit,
 * the highest rank goes first. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/text.h"
#include "ui/app.h"
#include "ui/columns.h"
#include "ui/glyph.h"

#define SEGMENTS_MAX  16
#define TABS_MIN_ROWS 30 /* below that the rows are worth more to the calls */

struct segment {
    char text[128];
    unsigned style;
    int rank; /* 0 stays */
    bool is_right;
    int gap; /* columns before it */
};
struct segments {
    struct segment list[SEGMENTS_MAX];
    size_t count;
};

static void add(struct segments *s, bool is_right, int gap, int rank, unsigned style, const char *text)
{
    if (s->count == SEGMENTS_MAX)
        return;
    struct segment *seg = &s->list[s->count++];
    snprintf(seg->text, sizeof(seg->text), "%.120s", text);
    seg->style = style;
    seg->rank = rank;
    seg->is_right = is_right;
    seg->gap = gap;
}

static int width_of(const struct segments *s, bool is_right)
{
    int width = 1;
    for (size_t i = 0; i < s->count; i++)
        if (s->list[i].text[0] && s->list[i].is_right == is_right)
            width += canvas_width(s->list[i].text) + s->list[i].gap;
    return width;
}

static void fit(struct segments *s, int width)
{
    for (int rank = 9; rank > 0 && width_of(s, false) + width_of(s, true) + 1 > width; rank--)
        for (size_t i = 0; i < s->count; i++)
            if (s->list[i].rank == rank)
                s->list[i].text[0] = '\0';
}

static void draw(struct canvas *c, int row, const struct segments *s)
{
    int left = 1, right = c->cols - width_of(s, true);
    for (size_t i = 0; i < s->count; i++) {
        const struct segment *seg = &s->list[i];
        if (!seg->text[0])
            continue;
        int *at = seg->is_right ? &right : &left;
        *at += seg->gap;
        *at += canvas_put(c, row, *at, c->cols - *at, seg->style, seg->text);
    }
}

static const char *const view_names[VIEW_COUNT_] = {"Live", "Calls", "Sessions", "Cache", "Spend"};

/* ---- The status line ----------------------------------------------------- */

static void host_of(const char *url, char *out, size_t size)
{
    const char *at = url ? strstr(url, "://") : NULL;
    at = at ? at + 3 : url ? url : "";
    snprintf(out, size, "%.*s", (int)strcspn(at, "/"), at);
}

static void add_gateway(struct segments *s, const struct app *a)
{
    const struct glyphs *g = glyphs();
    const struct snapshot *d = &a->data;
    char text[128], figure[TEXT_SHORT_MAX];
    if (!d->is_gateway_up) {
        snprintf(text, sizeof(text), "%s gateway stopped", g->cross);
        add(s, false, 2, 0, INK_BAD | STYLE_BOLD, text);
        return;
    }
    snprintf(text, sizeof(text), "%s %s", d->has_health ? g->dot : g->warn, d->has_health ? "live" : "no answer");
    add(s, false, 2, 0, d->has_health ? INK_GOOD | STYLE_BOLD : INK_WARN | STYLE_BOLD, text);
    if (d->running > 0) {
        text_count(figure, d->running);
        snprintf(text, sizeof(text), "%s running", figure);
        add(s, false, 2, 3, INK_ACCENT, text);
    }
}

static void add_address(struct segments *s, const struct app *a)
{
    char text[128], host[96];
    const char *address = a->data.is_gateway_up && a->data.peer.address[0] ? a->data.peer.address : a->o->listen;
    const char *upstream = a->data.is_gateway_up && a->data.peer.upstream[0] ? a->data.peer.upstream : a->o->upstream;
    add(s, false, 3, 6, INK_DIM, address ? address : "");
    host_of(upstream, host, sizeof(host));
    snprintf(text, sizeof(text), "%s %s", glyphs()->arrow, host);
    add(s, false, 1, 7, INK_DIM, text);
}

static void add_in_force(struct segments *s, const struct app *a)
{
    struct in_force f;
    struct route_scope every = {NULL, NULL, NULL};
    char text[128], dot[8];
    switches_in_force(&a->data.routes, &every, &f);
    snprintf(dot, sizeof(dot), "%s", glyphs()->middle);
    snprintf(text, sizeof(text), "model %.60s", f.model ? model_short(a->o->catalog, f.model) : "as sent");
    add(s, true, 0, 2, f.model ? INK_SWITCHED | STYLE_BOLD : INK_PLAIN, text);
    add(s, true, 1, 4, INK_DIM, dot);
    snprintf(text, sizeof(text), "provider %.60s", f.provider ? f.provider : "auto");
    add(s, true, 1, 4, f.provider ? INK_SWITCHED | STYLE_BOLD : INK_PLAIN, text);
    add(s, true, 1, 5, INK_DIM, dot);
    snprintf(text, sizeof(text), "cache %s", f.cache);
    add(s, true, 1, 5, strcmp(f.cache, "off") ? INK_SWITCHED | STYLE_BOLD : INK_PLAIN, text);
    if (f.narrower) {
        snprintf(text, sizeof(text), "%s +%zu %s", glyphs()->middle, f.narrower, f.narrower == 1 ? "route" : "routes");
        add(s, true, 1, 5, INK_SWITCHED, text);
    }
}

#define MINUTE_MS ((int64_t)60000)

/* "45 min", "3 h", "12 days": no more than such a guess knows. */
static void about_how_long(int64_t ms, char *out, size_t size)
{
    int64_t minutes = (ms + MINUTE_MS / 2) / MINUTE_MS;
    if (minutes < 90)
        snprintf(out, size, "%lld min", (long long)minutes);
    else if (minutes < 48 * 60)
        snprintf(out, size, "%lld h", (long long)((minutes + 30) / 60));
    else
        snprintf(out, size, "%lld days", (long long)((minutes + 720) / 1440));
}

static void add_credits(struct segments *s, const struct app *a)
{
    const struct credits *k = &a->data.credits;
    char text[128], figure[TEXT_SHORT_MAX], time[32];
    if (!a->data.has_credits)
        return;
    bool is_soon = k->left_microusd <= 0 || (k->lasts_ms >= 0 && k->lasts_ms < 180 * MINUTE_MS);
    text_usd(figure, k->left_microusd > 0 ? k->left_microusd : 0);
    snprintf(text, sizeof(text), "%s%scredits %s", is_soon ? glyphs()->warn : "", is_soon ? " " : "", figure);
    add(s, false, 3, 3, is_soon ? INK_WARN | STYLE_BOLD : INK_PLAIN, text);
    if (k->lasts_ms < 0 || k->per_hour_microusd <= 0)
        return;
    text_usd(figure, k->per_hour_microusd);
    snprintf(text, sizeof(text), "%s/h", figure);
    add(s, false, 2, 5, INK_DIM, text);
    about_how_long(k->lasts_ms, time, sizeof(time));
    snprintf(text, sizeof(text), "runs out in about %s", time);
    add(s, false, 2, 4, is_soon ? INK_WARN | STYLE_BOLD : INK_DIM, text);
}

static void clock_text(int64_t now_ms, char *out, size_t size)
{
    time_t now = (time_t)(now_ms / 1000);
    struct tm local;
    localtime_r(&now, &local);
    strftime(out, size, "%H:%M:%S", &local);
}

static void draw_status(struct canvas *c, int row, const struct app *a)
{
    struct segments s = {.count = 0};
    char clock[16];
    add(&s, false, 0, 0, INK_ACCENT | STYLE_BOLD, "spantop");
    if (a->o->is_demo)
        add(&s, false, 1, 0, INK_LABEL | STYLE_BOLD, " DEMO ");
    if (!frame_has_tabs(c) && a->view != VIEW_LIVE)
        add(&s, false, 2, 1, STYLE_BOLD | STYLE_UNDERLINE, view_names[a->view]);
    add_gateway(&s, a);
    if (a->filter_text[0] && a->view == VIEW_SPEND) /* it is of all calls */
        add(&s, false, 3, 1, INK_WARN, "filter not here");
    add_address(&s, a);
    add_credits(&s, a);
    add_in_force(&s, a);
    clock_text(clock_wall_ms(), clock, sizeof(clock));
    add(&s, true, 3, 1, INK_DIM, clock);
    fit(&s, c->cols);
    draw(c, row, &s);
}

/* ---- Tabs, alert, keys --------------------------------------------------- */

static void draw_tabs(struct canvas *c, int row, const struct app *a)
{
    int at = 1;
    for (int i = 0; i < VIEW_COUNT_; i++) {
        bool on = (enum view)i == a->view;
        char number[4] = {(char)('1' + i), '\0'};
        at += canvas_put(c, row, at, c->cols - at, on ? INK_ACCENT | STYLE_BOLD : INK_DIM, number) + 1;
        at += canvas_put(c, row, at, c->cols - at, on ? STYLE_BOLD | STYLE_UNDERLINE : INK_DIM, view_names[i]) + 3;
    }
}

bool frame_has_tabs(const struct canvas *c)
{
    return c->rows >= TABS_MIN_ROWS;
}

/* How many alarms there are, and their key. */
static void alarm_hint(const struct app *a, char *hint, size_t size)
{
    size_t more;
    if (!alarms_newest(a, &more) || more == 0)
        snprintf(hint, size, "A alarms");
    else
        snprintf(hint, size, "A %zu alarms", more + 1);
}

/* What must be seen until it is mended; "" when all is well. */
static void alert_text(const struct app *a, char *out, size_t size, char *hint, size_t hint_size)
{
    const struct snapshot *d = &a->data;
    out[0] = hint[0] = '\0';
    if (!d->is_gateway_up && a->o->restart_gateway)
        snprintf(out, size, "The gateway %s: Claude Code's calls are refused.  R starts it %s",
                 d->has_gateway_ever ? "has stopped" : "is not running", d->has_gateway_ever ? "again." : "now.");
    else if (!d->is_gateway_up)
        snprintf(out, size, "The gateway is not running: Claude Code's calls are refused.  `spantop serve` starts it.");
    else if (d->problem.text[0])
        snprintf(out, size, "%s", d->problem.text);
    else if (d->has_health && d->health.problem[0])
        snprintf(out, size, "The log is not written: %s", d->health.problem);
    else if (d->has_health && d->health.dropped + d->health.dropped_bodies > 0)
        snprintf(out, size, "%lld calls and %lld bodies could not be logged since the gateway started.",
                 (long long)d->health.dropped, (long long)d->health.dropped_bodies);
    else if (d->bearer != BEARER_NONE)
        snprintf(out, size, "Unset ANTHROPIC_AUTH_TOKEN: claude sends it as a bearer token%s.  spantop doctor finds it.",
                 d->bearer == BEARER_REFUSED ? ", and is refused"
                 : d->bearer == BEARER_ALONE ? " instead of its key"
                                             : " beside its key");
    else if (!d->is_blocked && alarms_line(a, out, size))
        alarm_hint(a, hint, hint_size);
    else if (d->budget[0])
        snprintf(out, size, "%s%s", d->budget, d->is_blocked ? "  b lifts it for an hour." : "");
}

/* The key that tells more stands at the end, whatever becomes of the text. */
static void draw_alert(struct canvas *c, int row, const char *text, const char *hint)
{
    int room = hint[0] ? canvas_width(hint) + 2 : 0;
    canvas_fill(c, row, 0, c->cols, INK_ALERT, " ");
    int used = canvas_put(c, row, 1, 2, INK_ALERT | STYLE_BOLD, glyphs()->warn);
    canvas_put(c, row, 2 + used, c->cols - 3 - used - room, INK_ALERT | STYLE_BOLD, text);
    canvas_put_right(c, row, c->cols - 1 - room, room, INK_ALERT | STYLE_BOLD, hint);
}

static int hint_width(const struct key_binding *k)
{
    return k->hint ? canvas_width(k->label) + 1 + canvas_width(k->hint) + 2 : 0;
}

static int draw_hint(struct canvas *c, int row, int at, const struct key_binding *k)
{
    at += canvas_put(c, row, at, c->cols - at, INK_ACCENT | STYLE_BOLD, k->label) + 1;
    return at + canvas_put(c, row, at, c->cols - at, INK_DIM, k->hint) + 2;
}

/* The ways out are always told; of the others as many as fit. */
static bool is_always_told(const struct key_binding *k)
{
    return k->action == ACTION_HELP || k->action == ACTION_LEAVE || k->action == ACTION_BACK;
}

/* What would do nothing now is not told. */
static bool does_something(const struct app *a, const struct key_binding *k)
{
    bool needs_one = k->action == ACTION_OPEN || k->action == ACTION_UNFOLD_ALL; /* a row, or an element */
    return (!needs_one || app_can_open(a)) && (k->action != ACTION_DEMO || a->o->play_demo);
}

static void draw_hints(struct canvas *c, int row, const struct app *a)
{
    const struct key_binding *k;
    unsigned place = app_place(a);
    int kept = 0, at = 1;
    for (size_t i = 0; (k = keys_at(place, i)); i++)
        if (is_always_told(k))
            kept += hint_width(k);
    for (size_t i = 0; (k = keys_at(place, i)); i++) {
        bool always = is_always_told(k);
        if (!k->hint || !does_something(a, k) || (!always && at + hint_width(k) + kept > c->cols))
            continue;
        kept -= always ? hint_width(k) : 0;
        at = draw_hint(c, row, at, k);
    }
}

/* What was copied, and at the right what else could be. */
static void draw_copied(struct canvas *c, int row, const struct app *a)
{
    const struct key_binding *k;
    int width = 0;
    for (size_t i = 0; (k = keys_at(PLACE_COPY, i)); i++)
        width += hint_width(k);
    int at = c->cols - width;
    if (canvas_width(a->notice) > at - 3) { /* where the text lies now matters more */
        canvas_put(c, row, 1, c->cols - 2, a->notice_ink | STYLE_BOLD, a->notice);
        return;
    }
    canvas_put(c, row, 1, at - 3, a->notice_ink | STYLE_BOLD, a->notice);
    for (size_t i = 0; (k = keys_at(PLACE_COPY, i)); i++)
        at = draw_hint(c, row, at, k);
}

void frame_draw_bottom(struct canvas *c, const struct app *a)
{
    int row = c->rows - 1;
    if (a->overlay == PLACE_FILTER) {
        int used = canvas_put(c, row, 1, 10, INK_ACCENT | STYLE_BOLD, "filter ");
        int error = a->filter_error[0] ? c->cols / 2 : 0;
        field_draw(c, row, 1 + used, c->cols - used - 2 - error, &a->filter_field);
        canvas_put_right(c, row, c->cols - error, error - 1, INK_BAD, a->filter_error);
        filter_draw_choices(c, row - 1, a);
        return;
    }
    if (a->overlay == PLACE_SEARCH) {
        int used = canvas_put(c, row, 1, 10, INK_ACCENT | STYLE_BOLD, "search ");
        field_draw(c, row, 1 + used, c->cols - used - 2, &a->search_field);
        return;
    }
    if (a->overlay == PLACE_COPY) {
        draw_copied(c, row, a);
        return;
    }
    if (a->notice[0] && clock_mono_us() < a->notice_until_us) {
        canvas_put(c, row, 1, c->cols - 2, a->notice_ink | STYLE_BOLD, a->notice);
        return;
    }
    if (!a->overlay || a->overlay == PLACE_ROUTES || a->overlay == PLACE_ALARMS) /* a box has its own line of keys */
        draw_hints(c, row, a);
}

int frame_draw(struct canvas *c, struct app *a, int *bottom)
{
    char alert[ERR_TEXT_MAX + 64], hint[32];
    int row = 0;
    draw_status(c, row++, a);
    alert_text(a, alert, sizeof(alert), hint, sizeof(hint));
    if (alert[0])
        draw_alert(c, row++, alert, hint);
    row += first_run_draw_line(c, row, a);
    if (frame_has_tabs(c)) {
        draw_tabs(c, row, a);
        row += 2;
    }
    *bottom = c->rows - (frame_has_tabs(c) ? 2 : 1);
    return row;
}

/* A terminal too small for anything else. */
void frame_draw_line(struct canvas *c, struct app *a)
{
    struct segments s = {.count = 0};
    char text[128], figure[TEXT_SHORT_MAX];
    size_t more;
    add_gateway(&s, a);
    s.list[0].gap = 0;
    if (a->o->is_demo)
        add(&s, false, 1, 0, INK_LABEL | STYLE_BOLD, "DEMO");
    text_count(figure, a->data.today.calls);
    snprintf(text, sizeof(text), "%s calls", figure);
    add(&s, false, 2, 2, INK_PLAIN, text);
    text_usd(figure, a->data.today.cost_microusd);
    add(&s, false, 2, 1, STYLE_BOLD, figure);
    if (a->data.today.errors > 0) {
        snprintf(text, sizeof(text), "%s %lld", glyphs()->cross, (long long)a->data.today.errors);
        add(&s, false, 2, 4, INK_BAD, text);
    }
    if (alarms_newest(a, &more)) {
        snprintf(text, sizeof(text), "%s alarm", glyphs()->warn);
        add(&s, false, 2, 1, INK_BAD | STYLE_BOLD, text);
    }
    fit(&s, c->cols + 1);
    draw(c, 0, &s);
    if (a->notice[0] && clock_mono_us() < a->notice_until_us) {
        canvas_fill(c, 0, 0, c->cols, INK_PLAIN, " ");
        canvas_put(c, 0, 0, c->cols, a->notice_ink | STYLE_BOLD, a->notice);
    }
}
