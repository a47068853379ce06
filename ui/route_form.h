/* The form that adds or edits a route: a line of text a field, checked where it
 * stands.  Pure but for finding the session that a text means.
 *
 * A form holds texts alone; what it was opened on is kept, so that what it does not
 * show (preset, counts) stays. */
#ifndef SPANTOP_UI_ROUTE_FORM_H
#define SPANTOP_UI_ROUTE_FORM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "log/routes.h"
#include "ui/canvas.h"
#include "ui/field.h"

enum form_field {
    FORM_SESSION,
    FORM_PURPOSE,
    FORM_GLOB,
    FORM_MODEL,
    FORM_PROVIDER,
    FORM_FALLBACK,
    FORM_CACHE,
    FORM_PARAMS, /* the other ones, as JSON */
    FORM_CALLS,
    FORM_UNTIL,
    FORM_NOTE,
    FORM_FIELDS_
};

struct route_form {
    int64_t id; /* of the route edited; 0: a new one */
    bool enabled;
    int64_t calls_taken;
    struct field fields[FORM_FIELDS_];
    enum form_field at;
    enum form_field wrong; /* FORM_FIELDS_: none */
    char error[ERR_TEXT_MAX];
};

/* r NULL: a new one, for every session. */
void route_form_open(struct route_form *f, const struct route *r);
void route_form_key(struct route_form *f, int key); /* movement and typing */
/* What the texts mean, checked; -1: the field that is wrong is the current one, error
 * says why.  The session stands as it was typed.  route_done(r) frees. */
NODISCARD int route_form_read(struct route_form *f, int64_t now_ms, struct route *r);
void route_form_say(struct route_form *f, enum form_field field, const char *error);
void route_form_draw(struct canvas *c, const struct route_form *f);

#endif
