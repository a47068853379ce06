#include "ui/keys.h"

#define TABLES  (PLACE_LIVE | PLACE_CALLS)
#define LISTS   (TABLES | PLACE_SESSIONS | PLACE_CACHE | PLACE_SPEND)
#define VIEWS   LISTS
#define PAGES   (VIEWS | PLACE_INSPECT | PLACE_TIMELINE | PLACE_WELCOME)
/* Lists that lie above a view. */
#define OVERS   (PLACE_ROUTES | PLACE_ALARMS)
#define SCROLLS (PAGES | PLACE_HELP | OVERS)
/* Where a row or a call stands for a session. */
#define SWITCHES (TABLES | PLACE_SESSIONS | PLACE_TIMELINE | PLACE_INSPECT)

static const struct key_binding table[] = {
    {PLACE_WELCOME, {'d'}, ACTION_DEMO, "d", "demo", "play spantop demo, and come back here"},
    {TABLES | PLACE_CACHE | PLACE_TIMELINE,
     {KEY_CODE_ENTER},
     ACTION_OPEN,
     "Enter",
     "inspect",
     "look into the selected call, or the newest"},
    {PLACE_SESSIONS, {KEY_CODE_ENTER}, ACTION_OPEN, "Enter", "timeline", "where its minutes went, call by call"},
    {PLACE_SESSIONS,
     {' ', KEY_CODE_RIGHT, KEY_CODE_LEFT},
     ACTION_TOGGLE,
     "Space",
     "agents",
     "unfold or fold the session's agents"},
    {PLACE_SESSIONS, {'c'}, ACTION_CALLS, "c", "calls", "show the session's calls alone, as a table"},
    {PLACE_INSPECT, {KEY_CODE_ENTER}, ACTION_OPEN, "Enter", "fold", "unfold or fold the element (Request)"},
    {PLACE_INSPECT, {KEY_CODE_RIGHT, 'l', KEY_CODE_TAB}, ACTION_RIGHT, "Tab", "next part", "next tab"},
    {PLACE_INSPECT, {KEY_CODE_LEFT, 'h', KEY_CODE_BACK_TAB}, ACTION_LEFT, "Shift-Tab", NULL, "previous tab"},
    {PLACE_INSPECT, {'/'}, ACTION_SEARCH, "/", "search", "look for words in this tab, folded or not"},
    {PLACE_INSPECT, {'n'}, ACTION_SEARCH_NEXT, "n N", NULL, "next hit, previous hit; Esc ends the search"},
    {PLACE_INSPECT, {'N'}, ACTION_SEARCH_PREVIOUS, "N", NULL, NULL},
    {PLACE_INSPECT, {'>'}, ACTION_NEXT_PAGE, "> <", NULL, "next and previous page of a long text"},
    {PLACE_INSPECT, {'<'}, ACTION_PREVIOUS_PAGE, "<", NULL, NULL},
    {PLACE_INSPECT, {'o'}, ACTION_OTHER_HALF, "o", NULL, "from a tool's call to its result, and back"},
    {SWITCHES, {'m'}, ACTION_MODEL, "m", "model", "switch the model, from the very next call"},
    {SWITCHES, {'p'}, ACTION_PROVIDER, "p", "provider", "pin the provider, from the very next call"},
    {SWITCHES | PLACE_ROUTES, {'u'}, ACTION_UNDO, "u", "undo", "take back the last switch"},
    {PLACE_INSPECT, {'+', '='}, ACTION_UNFOLD_ALL, "+ -", "all", "unfold all, fold all (Request)"},
    {PLACE_INSPECT, {'-'}, ACTION_FOLD_ALL, "-", NULL, NULL},
    {PLACE_CACHE | PLACE_SPEND, {'u'}, ACTION_UNDO, "u", NULL, "take back the last switch"},
    {PLACE_WELCOME, {'m'}, ACTION_MODEL, "m", NULL, "switch the model, from the very first call"},
    {PLACE_WELCOME, {'p'}, ACTION_PROVIDER, "p", NULL, "pin the provider"},
    {PLACE_WELCOME, {'u'}, ACTION_UNDO, "u", NULL, "take back the last switch"},
    {PAGES | PLACE_ROUTES, {'P'}, ACTION_PRESET, "P", NULL, "use the next preset; after the last, none"},
    {PAGES, {'b'}, ACTION_LIFT, "b", NULL, "lift the budgets that block, for an hour"},
    {PAGES, {'r'}, ACTION_ROUTES, "r", NULL, "the routes: what is switched, for whom"},
    {PAGES, {'A'}, ACTION_ALARMS, "A", NULL, "the alarms, the newest first"},
    {PLACE_ALARMS, {KEY_CODE_ENTER}, ACTION_OPEN, "Enter", "inspect", "look into the call that raised the alarm"},
    {PLACE_ROUTES, {KEY_CODE_ENTER}, ACTION_OPEN, "Enter", "edit", "edit the route"},
    {PLACE_ROUTES, {'a'}, ACTION_ADD, "a", "add", "add a route"},
    {PLACE_ROUTES, {' '}, ACTION_TOGGLE, "Space", "on or off", "put the route in force, or out of it"},
    {PLACE_ROUTES, {'d'}, ACTION_DELETE, "d", "delete", "delete the route (asks once more)"},
    {PLACE_ROUTES, {'K'}, ACTION_RAISE, "K", "raise", "let the route win over others of its scope"},
    {TABLES, {'/'}, ACTION_FILTER, "/", "filter", "filter the calls; an empty filter clears it"},
    {PLACE_SESSIONS, {'/'}, ACTION_FILTER, "/", "filter", "show those with calls that match"},
    {PLACE_CACHE, {'/'}, ACTION_FILTER, "/", "filter", "filter the breaks and what is summed; an empty filter clears it"},
    {PLACE_SPEND, {'/'}, ACTION_FILTER, "/", NULL, "filter the calls (in Live)"},
    {TABLES | PLACE_SESSIONS | PLACE_CACHE, {'!'}, ACTION_FILTER_INVERT, "!", NULL, "invert the filter"},
    {TABLES, {'s'}, ACTION_SORT, "s", "sort", "choose the column to sort by"},
    {PLACE_SPEND, {'s'}, ACTION_GROUP, "s", "group", "group by model, provider, session, day, who, folder"},
    {PLACE_SPEND | PLACE_CACHE, {'t'}, ACTION_PERIOD, "t", "period", "today by hours, 7 or 30 days, 12 weeks"},
    {TABLES | PLACE_TIMELINE, {'F'}, ACTION_FOLLOW, "F", "follow", "follow the newest call, or hold"},
    {TABLES | PLACE_TIMELINE, {'e'}, ACTION_NEXT_ERROR, "e", NULL, "next error"},
    {TABLES | PLACE_TIMELINE, {'E'}, ACTION_PREVIOUS_ERROR, "E", NULL, "previous error"},
    {SWITCHES, {'y'}, ACTION_COPY, "y", NULL, "copy (OSC 52) as text; c as curl, j as JSON"},
    {PLACE_INSPECT, {']'}, ACTION_NEXT_CALL, "]", NULL, "the call below in the list"},
    {PLACE_INSPECT, {'['}, ACTION_PREVIOUS_CALL, "[", NULL, "the call above"},
    {VIEWS | PLACE_TIMELINE | PLACE_WELCOME, {'1'}, ACTION_VIEW_1, "1", NULL, "Live"},
    {VIEWS | PLACE_TIMELINE | PLACE_WELCOME, {'2'}, ACTION_VIEW_2, "2", NULL, "Calls: the whole log"},
    {VIEWS | PLACE_TIMELINE | PLACE_WELCOME, {'3'}, ACTION_VIEW_3, "3", NULL, "Sessions"},
    {VIEWS | PLACE_TIMELINE | PLACE_WELCOME, {'4'}, ACTION_VIEW_4, "4", NULL, "Cache"},
    {VIEWS | PLACE_TIMELINE | PLACE_WELCOME, {'5'}, ACTION_VIEW_5, "5", NULL, "Spend"},
    {SCROLLS, {KEY_CODE_UP, 'k'}, ACTION_UP, "Up k", NULL, "one row up"},
    {SCROLLS, {KEY_CODE_DOWN, 'j'}, ACTION_DOWN, "Down j", NULL, "one row down"},
    {SCROLLS, {KEY_CODE_PAGE_UP, KEY_CTRL('B')}, ACTION_PAGE_UP, "PgUp", NULL, "one page up"},
    {SCROLLS, {KEY_CODE_PAGE_DOWN, KEY_CTRL('F')}, ACTION_PAGE_DOWN, "PgDn", NULL, "one page down"},
    {SCROLLS, {'g', KEY_CODE_HOME}, ACTION_FIRST, "g", NULL, "first row"},
    {SCROLLS, {'G', KEY_CODE_END}, ACTION_LAST, "G", NULL, "last row"},
    {VIEWS, {KEY_CODE_ESC, 'q'}, ACTION_BACK, "Esc q", NULL, "back: unselect, unfilter, every session"},
    {PLACE_INSPECT | PLACE_TIMELINE | PLACE_HELP | OVERS,
     {KEY_CODE_ESC, 'q'},
     ACTION_BACK,
     "Esc",
     "back",
     "back"},
    {PLACE_ROUTES, {'r'}, ACTION_BACK, "r", NULL, NULL},
    {PLACE_ALARMS, {'A'}, ACTION_BACK, "A", NULL, NULL},
    {PAGES, {'R'}, ACTION_RESTART, "R", NULL, "start the gateway again after it stopped"},
    {PAGES | PLACE_HELP | OVERS, {KEY_CTRL('L')}, ACTION_REDRAW, "Ctrl-L", NULL, "draw the screen anew"},
    {PAGES | OVERS, {'?'}, ACTION_HELP, "?", "help", "this help"},
    {PLACE_HELP, {'?'}, ACTION_BACK, "?", NULL, NULL},
    {PAGES | PLACE_HELP | OVERS,
     {'Q', KEY_CTRL('C')},
     ACTION_LEAVE,
     "Q",
     "leave",
     "leave the dashboard; the gateway goes on"},

    {PLACE_COPY, {'c'}, ACTION_COPY_CURL, "c", "curl", NULL},
    {PLACE_COPY, {'j'}, ACTION_COPY_JSON, "j", "JSON", NULL},
    {PLACE_COPY, {'t'}, ACTION_COPY_TEXT, "t", "text", NULL},
    {PLACE_COPY, {KEY_CODE_ESC, 'q'}, ACTION_CANCEL, "Esc", "close", NULL},
    {PLACE_PICKER | PLACE_FILTER | PLACE_SEARCH | PLACE_SORT | PLACE_ROUTE_FORM,
     {KEY_CODE_ENTER},
     ACTION_ACCEPT,
     "Enter",
     "accept",
     NULL},
    {PLACE_FILTER, {KEY_CODE_TAB}, ACTION_COMPLETE, "Tab", "complete", NULL},
    {PLACE_FILTER, {KEY_CODE_BACK_TAB}, ACTION_COMPLETE_BACK, "Shift-Tab", NULL, NULL},
    {PLACE_PICKER, {KEY_CODE_TAB}, ACTION_SCOPE, "Tab", "scope", NULL},
    {PLACE_PICKER, {KEY_CODE_BACK_TAB}, ACTION_LEFT, "Shift-Tab", NULL, NULL},
    {PLACE_PICKER | PLACE_SORT, {KEY_CODE_UP, KEY_CTRL('P')}, ACTION_UP, "Up", NULL, NULL},
    {PLACE_PICKER | PLACE_SORT, {KEY_CODE_DOWN, KEY_CTRL('N')}, ACTION_DOWN, "Down", NULL, NULL},
    {PLACE_PICKER, {KEY_CODE_PAGE_UP}, ACTION_PAGE_UP, "PgUp", NULL, NULL},
    {PLACE_PICKER, {KEY_CODE_PAGE_DOWN}, ACTION_PAGE_DOWN, "PgDn", NULL, NULL},
    {PLACE_SORT, {'k'}, ACTION_UP, "k", NULL, NULL},
    {PLACE_SORT, {'j'}, ACTION_DOWN, "j", NULL, NULL},
    {PLACE_SORT, {'r', ' '}, ACTION_REVERSE, "r", "reverse", NULL},
    {PLACE_SORT, {'q', 's'}, ACTION_CANCEL, "q", NULL, NULL},
    {PLACE_PICKER | PLACE_FILTER | PLACE_SEARCH | PLACE_SORT | PLACE_ROUTE_FORM,
     {KEY_CODE_ESC, KEY_CTRL('C')},
     ACTION_CANCEL,
     "Esc",
     "cancel",
     NULL},
};

#define TABLE_COUNT (sizeof(table) / sizeof(table[0]))

enum action keys_action(unsigned place, int key)
{
    for (size_t i = 0; i < TABLE_COUNT; i++) {
        if (!(table[i].places & place))
            continue;
        for (int k = 0; k < KEYS_MAX; k++)
            if (table[i].keys[k] != KEY_CODE_NONE && table[i].keys[k] == key)
                return table[i].action;
    }
    return ACTION_NONE;
}

const struct key_binding *keys_at(unsigned place, size_t i)
{
    for (size_t at = 0; at < TABLE_COUNT; at++)
        if ((table[at].places & place) && i-- == 0)
            return &table[at];
    return NULL;
}

int action_rows(enum action action, size_t rows)
{
    int page = rows > 1 ? (int)rows - 1 : 1;
    switch (action) {
    case ACTION_UP:
        return -1;
    case ACTION_DOWN:
        return 1;
    case ACTION_PAGE_UP:
        return -page;
    case ACTION_PAGE_DOWN:
        return page;
    default:
        return 0;
    }
}
