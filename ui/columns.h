/* The calls table: which columns fit, what stands in them.  Pure. */
#ifndef SPANTOP_UI_COLUMNS_H
#define SPANTOP_UI_COLUMNS_H

#include <stdbool.h>
#include <stddef.h>

#include "log/call.h"
#include "log/reader.h"
#include "respan/catalog.h"
#include "ui/canvas.h"

enum column {
    COLUMN_ID,
    COLUMN_TIME,
    COLUMN_SESSION,
    COLUMN_WHO,
    COLUMN_MODEL,
    COLUMN_PROVIDER,
    COLUMN_STATE,
    COLUMN_IN,
    COLUMN_CACHE,
    COLUMN_OUT,
    COLUMN_TTFT,
    COLUMN_DURATION,
    COLUMN_RATE,
    COLUMN_COST,
    COLUMN_NOTE, /* only where there is room left */
    COLUMN_COUNT_
};

struct column_place {
    enum column column;
    int col, width;
    bool is_right;
};
struct column_layout {
    struct column_place places[COLUMN_COUNT_];
    size_t count;
};

/* with_all: the Calls view's set, which has ID, too. */
void columns_lay_out(int width, bool with_all, struct column_layout *l);
const char *column_title(enum column c);
/* The order a column stands for. */
enum call_sort column_sort(enum column c);
void columns_draw_head(struct canvas *c, int row, const struct column_layout *l, enum call_sort sort, bool descending);

struct row_context {
    const struct catalog *catalog; /* may be NULL */
    int64_t now_ms;
    bool is_selected;
    bool has_duration; /* a column tells it, else a running call's state does; columns_draw_row() knows */
};
void columns_draw_row(struct canvas *c, int row, const struct column_layout *l, const struct call *call,
                      const struct row_context *context);

#define CELL_MAX 96
/* The text of one cell, uncleaned; the style it wants. */
unsigned column_text(enum column column, const struct call *call, const struct row_context *x, char out[CELL_MAX]);

/* ---- Short words for a call, used elsewhere, too ---- */
/* "opus-5-5"; the label of the catalog, else the name without "claude-". */
const char *model_short(const struct catalog *catalog, const char *model);
const char *purpose_short(const struct call *call);
/* Tokens the request held, cached or not; -1 unknown. */
int64_t call_context_tokens(const struct call *call);
/* Share of it read from the cache in percent; -1 unknown. */
int call_cache_percent(const struct call *call);
/* Elapsed for a running call. */
int64_t call_duration_ms(const struct call *call, int64_t now_ms);
/* Output tokens a second once content came; -1 unknown. */
int64_t call_rate(const struct call *call, int64_t now_ms);
bool call_is_failed(const struct call *call);
/* HH:MM:SS, or "Mon 17" and so on when it was not on the day of now. */
void time_short(char out[CELL_MAX], int64_t at_ms, int64_t now_ms);

#endif
