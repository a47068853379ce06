/* Inspect's keys: from call to call, the search, folding and turning pages. */
#include <string.h>

#include "ui/app.h"

void inspector_open(struct app *a, int64_t id)
{
    struct err e = {""};
    inspect_close(&a->inspect);
    if (inspect_open(&a->inspect, a->db, id, a->o->catalog, &e) < 0)
        app_notice(a, INK_BAD, "%s", e.text);
    a->inspect.width = a->width;
}

/* The neighbour in the list of calls, on the same tab. */
static void open_neighbour(struct app *a, int by)
{
    struct err e = {""};
    enum inspect_tab tab = a->inspect.tab;
    int64_t id = a->inspect.call.id;
    struct feed *f = app_feed(a);
    if (feed_go_to(f, a->db, id, &e) < 0 || feed_move(f, a->db, by, &e) < 0) {
        app_notice(a, INK_BAD, "%s", e.text);
        return;
    }
    if (f->selected_id == id) {
        app_notice(a, INK_DIM, "There is no call %s.", by < 0 ? "above" : "below");
        return;
    }
    inspector_open(a, f->selected_id);
    a->inspect.tab = tab;
}

/* ---- Search ---------------------------------------------------------------------- */

static void open_search(struct app *a)
{
    field_set(&a->search_field, "");
    a->overlay = PLACE_SEARCH;
}

static void go_on(struct app *a, int by)
{
    const struct inspect_search *s = &a->inspect.search;
    if (!s->words[0])
        app_notice(a, INK_DIM, "Nothing is looked for; / begins.");
    else if (inspect_search_go(&a->inspect, a->db, by))
        app_notice(a, INK_WARN, by > 0 ? "The last hit was reached: on from the first." : "The first hit was reached: on from the last.");
    else if (s->total == 0)
        app_notice(a, INK_WARN, "\"%s\" is not in this tab; Tab looks into the next.", s->words);
}

/* Nothing typed: on with what was looked for. */
static void start_search(struct app *a)
{
    a->overlay = 0;
    if (!a->search_field.len) {
        go_on(a, 1);
        return;
    }
    inspect_search_start(&a->inspect, a->db, a->search_field.text);
    if (a->inspect.search.total == 0)
        app_notice(a, INK_WARN, "\"%s\" is not in this tab; Tab looks into the next.", a->inspect.search.words);
}

void inspector_search_key(struct app *a, int key)
{
    bool changed;
    switch (keys_action(PLACE_SEARCH, key)) {
    case ACTION_ACCEPT:
        start_search(a);
        break;
    case ACTION_CANCEL:
        a->overlay = 0;
        break;
    default:
        field_key(&a->search_field, key, &changed);
        break;
    }
}

/* ---- From a tool's call to its result, and back ------------------------------------ */

static void open_other_half(struct app *a)
{
    struct err e = {""};
    int64_t call_id;
    char id[TOOL_ID_MAX];
    enum inspect_tab to = a->inspect.tab == TAB_RESPONSE ? TAB_REQUEST : TAB_RESPONSE;
    int rc = inspect_other_half(&a->inspect, a->db, &call_id, id, &e);
    if (rc != 0) {
        app_notice(a, rc < 0 ? INK_BAD : INK_DIM, "%s", e.text);
        return;
    }
    inspector_open(a, call_id);
    if (a->inspect.is_open)
        inspect_go_to_tool(&a->inspect, a->db, to, id);
    app_notice(a, INK_DIM, "The %s, in call %lld.  o goes back.", to == TAB_REQUEST ? "result" : "tool's call",
               (long long)call_id);
}

/* What the filter looks for in requests and answers: its first text:WORDS or "WORDS". */
static const char *find_words(const char *filter, bool *is_sure)
{
    for (const char *at = filter; *at; at += strspn(at, " ")) {
        *is_sure = strncmp(at, "text:", 5) == 0;
        if (*is_sure || *at == '"')
            return at + (*is_sure ? 5 : 0);
        at += strcspn(at, " ");
    }
    return NULL;
}

/* A quote's backslash keeps the next character; a * behind a word is any ending. */
static bool words_of_filter(const char *filter, char out[FIELD_MAX], bool *is_sure)
{
    size_t len = 0;
    const char *at = find_words(filter, is_sure);
    bool is_quoted = at && *at == '"';
    for (at += is_quoted; at && *at && *at != (is_quoted ? '"' : ' ') && len + 1 < FIELD_MAX; at++) {
        if (is_quoted && *at == '\\' && at[1])
            at++;
        if (is_quoted || *at != '*')
            out[len++] = *at;
    }
    out[len] = '\0';
    return len > 0;
}

/* Where the words are: in the request, or else in the response. */
void inspector_open_found(struct app *a, int64_t id)
{
    static const enum inspect_tab tabs[] = {TAB_REQUEST, TAB_RESPONSE};
    char words[FIELD_MAX];
    bool is_sure;
    struct inspect *x = &a->inspect;
    inspector_open(a, id);
    if (!x->is_open || !words_of_filter(a->filter_text, words, &is_sure))
        return;
    for (size_t i = 0; i < sizeof(tabs) / sizeof(tabs[0]); i++) {
        inspect_turn(x, (int)tabs[i] - (int)x->tab);
        inspect_search_start(x, a->db, words);
        if (x->search.total)
            return;
    }
    inspect_search_end(x);
    inspect_turn(x, TAB_OVERVIEW - (int)x->tab);
    if (is_sure) /* else it stood in the row */
        app_notice(a, INK_DIM, "\"%s\" is in the call, but not as one text; / looks for a part of it.", words);
}

/* ---- Keys ------------------------------------------------------------------------ */

static void turn_page(struct app *a, int by)
{
    if (!inspect_turn_page(&a->inspect, by))
        app_notice(a, INK_DIM, by > 0 ? "No further page of this text." : "No earlier page of this text.");
}

/* The search first, then Inspect itself. */
static void go_back(struct app *a)
{
    if (a->inspect.search.words[0])
        inspect_search_end(&a->inspect);
    else
        inspect_close(&a->inspect);
}

bool inspector_act(struct app *a, enum action action)
{
    struct inspect *x = &a->inspect;
    switch (action) {
    case ACTION_OPEN:
        if (x->tab == TAB_RESPONSE)
            open_other_half(a);
        else
            inspect_fold(x);
        return true;
    case ACTION_OTHER_HALF:
        open_other_half(a);
        return true;
    case ACTION_BACK:
        go_back(a);
        return true;
    case ACTION_LEFT:
    case ACTION_RIGHT:
        inspect_turn(x, action == ACTION_RIGHT ? 1 : -1);
        return true;
    case ACTION_NEXT_CALL:
    case ACTION_PREVIOUS_CALL:
        open_neighbour(a, action == ACTION_NEXT_CALL ? 1 : -1);
        return true;
    case ACTION_SEARCH:
        open_search(a);
        return true;
    case ACTION_SEARCH_NEXT:
    case ACTION_SEARCH_PREVIOUS:
        go_on(a, action == ACTION_SEARCH_NEXT ? 1 : -1);
        return true;
    case ACTION_UNFOLD_ALL:
    case ACTION_FOLD_ALL:
        inspect_fold_all(x, action == ACTION_UNFOLD_ALL);
        return true;
    case ACTION_NEXT_PAGE:
    case ACTION_PREVIOUS_PAGE:
        turn_page(a, action == ACTION_NEXT_PAGE ? 1 : -1);
        return true;
    default:
        return false;
    }
}
