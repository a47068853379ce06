#include "ui/route_form.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "respan/params.h"
#include "respan/params_words.h"
#include "ui/glyph.h"
#include "ui/keys.h"

#define DAY_MS ((int64_t)86400000)

static const struct {
    const char *label;
    const char *hint; /* while it is empty */
} looks[FORM_FIELDS_] = {
    [FORM_SESSION] = {"session", "every session; or a title, or the beginning of an id"},
    [FORM_PURPOSE] = {"calls", "all; or main, subagent, fork, title, count_tokens, side"},
    [FORM_GLOB] = {"asked model", "any; or a pattern, *haiku*"},
    [FORM_MODEL] = {"set model", "as Claude Code asks"},
    [FORM_PROVIDER] = {"set provider", "Respan decides"},
    [FORM_FALLBACK] = {"fallback", "none; models Respan tries next, a,b"},
    [FORM_CACHE] = {"Respan's cache", "as it is set; or off, on, a time such as 1h"},
    [FORM_PARAMS] = {"parameters", "none; others as JSON, {\"thread_identifier\":\"auto\"}"},
    [FORM_CALLS] = {"for calls", "any number of them"},
    [FORM_UNTIL] = {"until", "no end; or a time today, 18:00"},
    [FORM_NOTE] = {"note", ""},
};

static void take_out(char **json, const char *key)
{
    char *rest = *json ? params_without(*json, key) : NULL;
    free(*json);
    *json = rest;
}

static void put_until(struct field *f, int64_t until_at)
{
    char text[16];
    if (until_at <= 0)
        return;
    time_t at = (time_t)(until_at / 1000);
    struct tm local;
    localtime_r(&at, &local);
    strftime(text, sizeof(text), "%H:%M", &local);
    field_set(f, text);
}

/* Some parameters have a field of their own; what that cannot say stays in the JSON. */
static void put_params(struct route_form *f, const char *json)
{
    static const char *const cache_keys[] = {"cache_enabled", "cache_ttl"};
    char *rest = xstrdup(json), *fallback = params_list_words(json, "fallback_models"), *cache = params_cache_words(json);
    field_set(&f->fields[FORM_FALLBACK], fallback);
    field_set(&f->fields[FORM_CACHE], cache);
    if (fallback)
        take_out(&rest, "fallback_models");
    for (size_t i = 0; cache && i < 2; i++)
        take_out(&rest, cache_keys[i]);
    field_set(&f->fields[FORM_PARAMS], rest);
    free(rest);
    free(fallback);
    free(cache);
}

void route_form_open(struct route_form *f, const struct route *r)
{
    memset(f, 0, sizeof(*f));
    f->wrong = FORM_FIELDS_;
    f->enabled = true;
    f->at = FORM_MODEL;
    if (!r)
        return;
    f->id = r->id;
    f->enabled = r->enabled;
    f->calls_taken = r->calls_taken;
    field_set(&f->fields[FORM_SESSION], r->session_id);
    field_set(&f->fields[FORM_PURPOSE], r->purpose);
    field_set(&f->fields[FORM_GLOB], r->model_glob);
    field_set(&f->fields[FORM_MODEL], r->set_model);
    field_set(&f->fields[FORM_PROVIDER], r->set_provider);
    if (r->params_json)
        put_params(f, r->params_json);
    field_set(&f->fields[FORM_NOTE], r->note);
    put_until(&f->fields[FORM_UNTIL], r->until_at);
    if (r->max_calls > 0) {
        char text[24];
        snprintf(text, sizeof(text), "%lld", (long long)r->max_calls);
        field_set(&f->fields[FORM_CALLS], text);
    }
}

void route_form_key(struct route_form *f, int key)
{
    bool changed;
    if (key == KEY_CODE_TAB || key == KEY_CODE_DOWN)
        f->at = (enum form_field)((f->at + 1) % FORM_FIELDS_);
    else if (key == KEY_CODE_BACK_TAB || key == KEY_CODE_UP)
        f->at = (enum form_field)((f->at + FORM_FIELDS_ - 1) % FORM_FIELDS_);
    else if (field_key(&f->fields[f->at], key, &changed) && changed)
        f->wrong = FORM_FIELDS_;
}

void route_form_say(struct route_form *f, enum form_field field, const char *error)
{
    f->wrong = f->at = field;
    snprintf(f->error, sizeof(f->error), "%s", error);
}

/* ---- Reading ----------------------------------------------------------------- */

static char *text_of(const struct route_form *f, enum form_field field)
{
    const char *text = f->fields[field].text;
    size_t from = strspn(text, " "), len = strlen(text);
    while (len > from && text[len - 1] == ' ')
        len--;
    return len > from ? xstrndup(text + from, len - from) : NULL;
}

static int read_calls(struct route_form *f, struct route *r)
{
    char *text = text_of(f, FORM_CALLS), *end = NULL;
    long long n = text ? strtoll(text, &end, 10) : 0;
    bool is_good = !text || (*end == '\0' && n > 0 && n <= 1000000000);
    free(text);
    if (!is_good) {
        route_form_say(f, FORM_CALLS, "A number of calls above 0, or nothing.");
        return -1;
    }
    r->max_calls = n;
    return 0;
}

/* A time of day that has passed is tomorrow's. */
static int read_until(struct route_form *f, int64_t now_ms, struct route *r)
{
    char *text = text_of(f, FORM_UNTIL), rest;
    int hour = 0, minute = 0;
    bool is_good = !text || (sscanf(text, "%2d:%2d%c", &hour, &minute, &rest) == 2 && hour >= 0 && hour < 24 &&
                             minute >= 0 && minute < 60);
    bool has = text != NULL;
    free(text);
    if (!is_good) {
        route_form_say(f, FORM_UNTIL, "A time of day as 18:00, or nothing.");
        return -1;
    }
    if (!has)
        return 0;
    time_t now = (time_t)(now_ms / 1000);
    struct tm local;
    localtime_r(&now, &local);
    local.tm_hour = hour;
    local.tm_min = minute;
    local.tm_sec = 0;
    local.tm_isdst = -1;
    r->until_at = (int64_t)mktime(&local) * 1000;
    if (r->until_at <= now_ms)
        r->until_at += DAY_MS;
    return 0;
}

/* json (taken) over what the route has; else the field is wrong. */
static int merge(struct route_form *f, enum form_field field, char *json, struct route *r, struct err *e)
{
    char *all = json && params_check(json, e) == 0 ? params_merge(r->params_json, json, e) : NULL;
    free(json);
    if (!all) {
        route_form_say(f, field, e->text);
        return -1;
    }
    free(r->params_json);
    r->params_json = all;
    return 0;
}

/* The JSON first, so that a complaint is about what was typed there. */
static int read_params(struct route_form *f, struct route *r)
{
    struct err e = {""};
    int rc = 0;
    char *json = text_of(f, FORM_PARAMS), *fallback = text_of(f, FORM_FALLBACK), *cache = text_of(f, FORM_CACHE);
    if (json)
        rc = merge(f, FORM_PARAMS, json, r, &e);
    if (rc == 0 && fallback) {
        char *list = params_list_json(fallback);
        rc = merge(f, FORM_FALLBACK, xasprintf("{\"fallback_models\":%s}", list), r, &e);
        free(list);
    }
    if (rc == 0 && cache)
        rc = merge(f, FORM_CACHE, params_from_cache_word(cache, &e), r, &e);
    free(fallback);
    free(cache);
    return rc;
}

static int check(struct route_form *f, const struct route *r)
{
    if (r->purpose && !route_purpose_is_known(r->purpose)) {
        route_form_say(f, FORM_PURPOSE, "One of main, subagent, fork, title, count_tokens, side, other; or nothing.");
        return -1;
    }
    if (!r->set_model && !r->set_provider && !r->params_json) {
        route_form_say(f, FORM_MODEL, "A route sets a model, a provider or parameters: fill in one of them.");
        return -1;
    }
    return 0;
}

int route_form_read(struct route_form *f, int64_t now_ms, struct route *r)
{
    memset(r, 0, sizeof(*r));
    r->id = f->id;
    r->enabled = f->enabled;
    r->calls_taken = f->calls_taken;
    r->session_id = text_of(f, FORM_SESSION);
    r->purpose = text_of(f, FORM_PURPOSE);
    r->model_glob = text_of(f, FORM_GLOB);
    r->set_model = text_of(f, FORM_MODEL);
    r->set_provider = text_of(f, FORM_PROVIDER);
    r->note = text_of(f, FORM_NOTE);
    if (read_params(f, r) == 0 && read_calls(f, r) == 0 && read_until(f, now_ms, r) == 0 && check(f, r) == 0)
        return 0;
    route_done(r);
    return -1;
}

/* ---- Drawing ----------------------------------------------------------------- */

#define LABEL_COLS 16

static int put_key(struct canvas *c, int row, int at, const char *key, const char *word)
{
    at += canvas_put(c, row, at, c->cols - at, INK_ACCENT | STYLE_BOLD, key) + 1;
    return at + canvas_put(c, row, at, c->cols - at, INK_DIM, word) + 2;
}

static void draw_field(struct canvas *c, int row, int col, int cols, const struct route_form *f, enum form_field i)
{
    bool is_here = f->at == i;
    int from = col + 2 + LABEL_COLS, width = cols - 4 - LABEL_COLS;
    canvas_put(c, row, col + 2, LABEL_COLS - 1, is_here ? INK_ACCENT | STYLE_BOLD : INK_DIM, looks[i].label);
    if (is_here)
        field_draw(c, row, from, width, &f->fields[i]);
    else
        canvas_put(c, row, from, width, f->wrong == i ? INK_BAD : INK_PLAIN, f->fields[i].text);
    if (f->fields[i].len == 0)
        canvas_put(c, row, from + is_here * 2, width - is_here * 2, INK_DIM, looks[i].hint);
}

void route_form_draw(struct canvas *c, const struct route_form *f)
{
    char title[48];
    int cols = c->cols - 4 > 84 ? 84 : c->cols - 4, rows = FORM_FIELDS_ + 5;
    int row = (c->rows - rows) / 2, col = (c->cols - cols) / 2;
    if (f->id)
        snprintf(title, sizeof(title), "Route %lld", (long long)f->id);
    else
        snprintf(title, sizeof(title), "New route");
    canvas_box(c, row, col, rows, cols, title);
    for (int i = 0; i < FORM_FIELDS_; i++)
        draw_field(c, row + 1 + i, col, cols, f, (enum form_field)i);
    if (f->wrong < FORM_FIELDS_) {
        canvas_put(c, row + rows - 3, col + 2, 2, INK_BAD | STYLE_BOLD, glyphs()->cross);
        canvas_put(c, row + rows - 3, col + 4, cols - 6, INK_BAD, f->error);
    }
    int at = put_key(c, row + rows - 2, col + 2, "Enter", "save");
    at = put_key(c, row + rows - 2, at, "Tab", "next field");
    put_key(c, row + rows - 2, at, "Esc", "cancel");
}
