/* The whole screen: the frame, the view, and what lies above it. */
#include "base/clock.h"
#include "ui/app.h"

#define COLS_MIN 60 /* below that, or below ROWS_MIN, everything is one line */
#define ROWS_MIN 8

static void draw_view(struct app *a, struct canvas *c, int top, int bottom)
{
    static void (*const views[VIEW_COUNT_])(struct canvas *, struct app *, int,
                                            int) = {live_draw, calls_draw, sessions_draw, cache_draw, spend_draw};
    if (a->overlay == PLACE_ROUTES || a->overlay == PLACE_ROUTE_FORM)
        routes_draw(c, a, top, bottom);
    else if (a->overlay == PLACE_ALARMS)
        alarms_draw(c, a, top, bottom);
    else if (a->inspect.is_open)
        inspect_draw(c, &a->inspect, a->db, top, bottom, a->data.now_ms);
    else if (a->view == VIEW_SESSIONS && a->timeline.is_open)
        timeline_draw(c, &a->timeline, a->o->catalog, top, bottom, a->data.now_ms);
    else
        views[a->view](c, a, top, bottom);
}

void app_draw(struct app *a, struct canvas *c)
{
    a->data.now_ms = clock_wall_ms();
    a->width = c->cols;
    a->height = c->rows;
    canvas_clear(c);
    if (c->cols < COLS_MIN || c->rows < ROWS_MIN) {
        frame_draw_line(c, a);
    } else if (a->overlay == PLACE_HELP) {
        help_draw(c, a);
    } else {
        int bottom, top = frame_draw(c, a, &bottom);
        draw_view(a, c, top, bottom);
        frame_draw_bottom(c, a);
        if (a->overlay == PLACE_SORT)
            sorter_draw(c, a);
        if (a->overlay == PLACE_ROUTE_FORM)
            route_form_draw(c, &a->form);
    }
    if (a->overlay == PLACE_PICKER)
        picker_draw(c, &a->picker, &a->data.routes);
}
