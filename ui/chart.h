/* What was spent over time as stacked bars by model, with axis and legend.  Pure. */
#ifndef SPANTOP_UI_CHART_H
#define SPANTOP_UI_CHART_H

#include <stddef.h>

#include "log/reader.h"
#include "respan/catalog.h"
#include "ui/canvas.h"

#define CHART_MIN_ROWS 6 /* bars, axis, legend */

struct chart {
    const struct spend_chart *spend;
    enum spend_unit unit;
    size_t first;                  /* the bars before it are left out */
    const struct catalog *catalog; /* may be NULL */
};

void chart_draw(struct canvas *c, const struct chart *chart, int row, int col, int rows, int cols);
/* The series that a stack shows at value above its foot; series_count: none. */
size_t chart_series_at(const struct spend_chart *s, size_t bar, int64_t value);

#endif
