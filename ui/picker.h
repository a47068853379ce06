/* The model and provider pickers: type to narrow, choose for whom, see what the
 * switch will cost.  State and choice are pure; writing the switch is the app's. */
#ifndef SPANTOP_UI_PICKER_H
#define SPANTOP_UI_PICKER_H

#include <stdbool.h>
#include <stddef.h>

#include "log/routes.h"
#include "respan/catalog.h"
#include "ui/canvas.h"
#include "ui/field.h"
#include "ui/switches.h"

#define PICKER_ITEMS_MAX  512
#define PICKER_SCOPES_MAX 3

struct picker_item {
    char value[128];           /* "" takes the switch away */
    const struct model *model; /* NULL: not from the catalog */
    bool is_recent;
    bool is_typed; /* the text as it stands */
};

struct picker_scope {
    struct route_scope scope; /* points into the texts below */
    char label[96];
};

struct picker {
    enum route_setting what;
    const struct catalog *catalog;
    struct field field;
    struct picker_item items[PICKER_ITEMS_MAX]; /* what fits the text, in order */
    size_t count, cursor;
    struct picker_scope scopes[PICKER_SCOPES_MAX];
    size_t scope_count, scope;
    char recent[1024]; /* values chosen before, newest first, one a line */
    char session_id[128], title[128], glob[64];
    char model_now[128];    /* of the session, for the price */
    int64_t context_tokens; /* -1: no session in view */
    bool is_1h;             /* it writes its cache for an hour */
    int day;
    char error[ERR_TEXT_MAX];
};

/* about: the selected row's session, or NULL; its texts are copied.  newest_model
 * names the family scope when no row is selected; may be NULL. */
struct picker_about {
    const char *session_id, *title, *model;
    int64_t context_tokens;
    bool is_1h;
};
void picker_open(struct picker *p, enum route_setting what, const struct catalog *catalog,
                 const struct picker_about *about, const char *newest_model, const char *recent, int day);
/* A key of editing or moving; false when it was none of those. */
bool picker_key(struct picker *p, int key);
void picker_next_scope(struct picker *p, bool forward);
/* What Enter would choose: "" to take the switch away; NULL when nothing can be chosen. */
const char *picker_choice(const struct picker *p);
const struct route_scope *picker_scope(const struct picker *p);
/* recent with value put first, for the next time. */
void picker_remember(const struct picker *p, const char *value, char *out, size_t size);
void picker_draw(struct canvas *c, const struct picker *p, const struct route_set *routes);

#endif
