/* The guided start, when nothing ever came through this log: is there a key, what to
 * type in the other terminal, waiting; then, above the calls, a line that says "it
 * works" with that first call, or what it failed of.
 * Thread: one. */
#ifndef SPANTOP_UI_FIRST_RUN_H
#define SPANTOP_UI_FIRST_RUN_H

#include <stdbool.h>

#include "ui/canvas.h"

struct app;

enum first_run {
    FIRST_RUN_OVER,    /* or never: there were calls */
    FIRST_RUN_WAITING, /* nothing came yet, or nothing good */
    FIRST_RUN_WORKS,   /* for a moment */
};

/* At the start, once the log was looked at. */
void first_run_init(struct app *a);
/* The log may have changed; true when the screen does. */
bool first_run_tick(struct app *a);
/* Does the card stand in the place of the calls? */
bool first_run_is_shown(const struct app *a);
void first_run_draw(struct canvas *c, struct app *a, int top, int bottom);
/* The line above the calls; false: there is none.  Any key takes it away. */
bool first_run_draw_line(struct canvas *c, int row, const struct app *a);
void first_run_dismiss(struct app *a);

#endif
