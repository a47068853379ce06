/* Keys and what they do: one table that dispatches, feeds the hint line and
 * writes the help.  Pure. */
#ifndef SPANTOP_UI_KEYS_H
#define SPANTOP_UI_KEYS_H

#include <stdbool.h>
#include <stddef.h>

/* A key is a Unicode code point, a control code, or one of these. */
enum {
    KEY_CODE_NONE = 0,
    KEY_CODE_TAB = 9,
    KEY_CODE_ENTER = 13,
    KEY_CODE_ESC = 27,
    KEY_CODE_FIRST = 0x110000,
    KEY_CODE_UP,
    KEY_CODE_DOWN,
    KEY_CODE_LEFT,
    KEY_CODE_RIGHT,
    KEY_CODE_PAGE_UP,
    KEY_CODE_PAGE_DOWN,
    KEY_CODE_HOME,
    KEY_CODE_END,
    KEY_CODE_BACKSPACE,
    KEY_CODE_DELETE,
    KEY_CODE_BACK_TAB,
    KEY_CODE_RESIZE,
    KEY_CODE_SIGNS_ARE_WIDE, /* no key: the terminal's answer, see screen.h */
    KEY_CODE_NOTHING,        /* a key nobody knows */
};
#define KEY_CTRL(letter) ((letter)&0x1f)

/* Where the user is. */
enum key_place {
    PLACE_LIVE = 1 << 0,
    PLACE_CALLS = 1 << 1,
    PLACE_SESSIONS = 1 << 2,
    PLACE_CACHE = 1 << 3,
    PLACE_SPEND = 1 << 4,
    PLACE_INSPECT = 1 << 5,
    PLACE_HELP = 1 << 6,
    PLACE_PICKER = 1 << 7,
    PLACE_SORT = 1 << 8,
    PLACE_FILTER = 1 << 9,
    PLACE_ROUTES = 1 << 10,
    PLACE_TIMELINE = 1 << 11,
    PLACE_ROUTE_FORM = 1 << 12,
    PLACE_SEARCH = 1 << 13, /* the line of words that Inspect looks for */
    PLACE_ALARMS = 1 << 14,
    PLACE_WELCOME = 1 << 16, /* before the first call */
    PLACE_COPY = 1 << 15,   /* the line that offers what else to copy */
};

enum action {
    ACTION_NONE,
    ACTION_VIEW_1,
    ACTION_VIEW_2,
    ACTION_VIEW_3,
    ACTION_VIEW_4,
    ACTION_VIEW_5,
    ACTION_UP,
    ACTION_DOWN,
    ACTION_PAGE_UP,
    ACTION_PAGE_DOWN,
    ACTION_FIRST,
    ACTION_LAST,
    ACTION_LEFT,
    ACTION_RIGHT,
    ACTION_OPEN,
    ACTION_NEXT_CALL,
    ACTION_PREVIOUS_CALL,
    ACTION_BACK,
    ACTION_LEAVE,
    ACTION_NEXT_ERROR,
    ACTION_PREVIOUS_ERROR,
    ACTION_FOLLOW,
    ACTION_MODEL,
    ACTION_PROVIDER,
    ACTION_UNDO,
    ACTION_PRESET,
    ACTION_LIFT,
    ACTION_FILTER,
    ACTION_FILTER_INVERT,
    ACTION_SORT,
    ACTION_REVERSE,
    ACTION_COPY,
    ACTION_PERIOD,
    ACTION_GROUP,
    ACTION_RESTART,
    ACTION_HELP,
    ACTION_REDRAW,
    ACTION_ACCEPT,
    ACTION_SCOPE,
    ACTION_CANCEL,
    ACTION_ROUTES,
    ACTION_TOGGLE,
    ACTION_DELETE,
    ACTION_CALLS,
    ACTION_ADD,
    ACTION_RAISE,
    ACTION_SEARCH,
    ACTION_SEARCH_NEXT,
    ACTION_SEARCH_PREVIOUS,
    ACTION_UNFOLD_ALL,
    ACTION_FOLD_ALL,
    ACTION_NEXT_PAGE,
    ACTION_PREVIOUS_PAGE,
    ACTION_ALARMS,
    ACTION_DEMO,
    ACTION_COPY_CURL,
    ACTION_COPY_JSON,
    ACTION_COPY_TEXT,
    ACTION_OTHER_HALF,
    ACTION_COMPLETE,
    ACTION_COMPLETE_BACK,
};

#define KEYS_MAX 3
struct key_binding {
    unsigned places;
    int keys[KEYS_MAX];
    enum action action;
    const char *label; /* as shown: "Enter" */
    const char *hint;  /* a word for the hint line, or NULL */
    const char *help;  /* a sentence for the help, or NULL */
};

/* By how many rows the action moves in a list that shows so many; 0: by none. */
int action_rows(enum action action, size_t rows);
/* ACTION_NONE when the key means nothing there. */
enum action keys_action(unsigned place, int key);
/* The i-th binding of a place, in table order; NULL behind the last. */
const struct key_binding *keys_at(unsigned place, size_t i);

#endif
