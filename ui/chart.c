/* Each model has a colour and a pattern of its own, so that the colour is not
 * needed.  A cell shows the model at its middle; the topmost cell of a stack is
 * drawn in eighths. */
#include "ui/chart.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/text.h"
#include "ui/bars.h"
#include "ui/columns.h"
#include "ui/glyph.h"

#define AXIS_COLS 8 /* the costs at the left */
#define BAR_MAX   7

static const struct {
    const char *sign, *ascii;
    unsigned style;
} looks[SPEND_SERIES_MAX] = {
    {"█", "#", INK_ACCENT}, {"▓", "=", INK_GOOD}, {"▒", "+", INK_SWITCHED},
    {"░", "-", INK_WARN},   {"▚", "o", INK_BAD},  {"▞", ".", INK_DIM},
};

static const char *sign_of(size_t series)
{
    return glyph_is_ascii() ? looks[series].ascii : looks[series].sign;
}

static int64_t sum_of(const struct spend_chart *s, size_t bar)
{
    int64_t sum = 0;
    for (size_t i = 0; i < s->series_count; i++)
        sum += s->series[i].cost_microusd[bar];
    return sum;
}

size_t chart_series_at(const struct spend_chart *s, size_t bar, int64_t value)
{
    int64_t sum = 0;
    for (size_t i = 0; i < s->series_count; i++) {
        sum += s->series[i].cost_microusd[bar];
        if (value < sum)
            return i;
    }
    return s->series_count;
}

struct frame {
    struct canvas *c;
    int row, col, rows; /* of the bars */
    int bar_cols, step; /* of one bar; with its gap */
    int64_t most;
};

static void draw_bar(const struct frame *f, const struct chart *chart, size_t bar)
{
    const struct spend_chart *s = chart->spend;
    int64_t sum = sum_of(s, bar);
    int col = f->col + (int)(bar - chart->first) * f->step;
    int eighths = bar_eighths(f->rows, sum, f->most);
    for (int up = 0; up * 8 < eighths; up++) {
        int part = eighths - up * 8;
        int64_t middle = (int64_t)((double)f->most * (up + (part < 8 ? 0.0 : 0.5)) / f->rows);
        size_t series = chart_series_at(s, bar, middle < sum ? middle : sum - 1);
        bool is_part = part < 8 && !glyph_is_ascii();
        canvas_fill(f->c, f->row + f->rows - 1 - up, col, f->bar_cols, looks[series].style,
                    is_part ? glyphs()->spark[part] : sign_of(series));
    }
}

static void draw_costs(const struct frame *f, int col)
{
    char text[TEXT_SHORT_MAX];
    for (int at = 0; at < 2 && f->most > 0; at++) {
        int up = at ? f->rows / 2 : f->rows;
        text_usd(text, f->most * up / f->rows);
        canvas_put_right(f->c, f->row + f->rows - up, col, AXIS_COLS - 1, INK_DIM, text);
    }
}

static void time_label(const struct chart *chart, size_t bar, char *out, size_t size)
{
    time_t at = (time_t)(chart->spend->starts_ms[bar] / 1000);
    struct tm local;
    localtime_r(&at, &local);
    strftime(out, size, chart->unit == SPEND_HOURS ? "%H:00" : "%d %b", &local);
}

/* As many times below the bars as do not touch. */
static void draw_times(const struct frame *f, const struct chart *chart)
{
    int row = f->row + f->rows, free_from = f->col;
    char text[16];
    for (size_t bar = chart->first; bar < chart->spend->bars; bar++) {
        int col = f->col + (int)(bar - chart->first) * f->step;
        bool is_round = chart->unit != SPEND_HOURS || (bar - chart->first) % 3 == 0;
        if (col < free_from || !is_round)
            continue;
        time_label(chart, bar, text, sizeof(text));
        free_from = col + canvas_put(f->c, row, col, f->c->cols - col, INK_DIM, text) + 2;
    }
}

static void draw_legend(struct canvas *c, int row, int col, int cols, const struct chart *chart)
{
    const struct spend_chart *s = chart->spend;
    int end = col + cols;
    for (size_t i = 0; i < s->series_count; i++) {
        char cost[TEXT_SHORT_MAX];
        int64_t sum = 0;
        for (size_t bar = chart->first; bar < s->bars; bar++)
            sum += s->series[i].cost_microusd[bar];
        if (sum == 0)
            continue;
        text_usd(cost, sum);
        const char *name = !s->series[i].model      ? "others"
                           : !s->series[i].model[0] ? "unknown"
                                                    : model_short(chart->catalog, s->series[i].model);
        if (col + 3 + canvas_width(name) + canvas_width(cost) + 4 > end)
            break;
        canvas_fill(c, row, col, 2, looks[i].style, sign_of(i));
        col += 3 + canvas_put(c, row, col + 3, end - col - 3, INK_PLAIN, name) + 1;
        col += canvas_put(c, row, col, end - col, INK_DIM, cost) + 3;
    }
}

void chart_draw(struct canvas *c, const struct chart *chart, int row, int col, int rows, int cols)
{
    const struct spend_chart *s = chart->spend;
    int count = (int)(s->bars - chart->first);
    if (rows < CHART_MIN_ROWS || count <= 0)
        return;
    struct frame f = {.c = c, .row = row, .col = col + AXIS_COLS, .rows = rows - 2};
    f.step = (cols - AXIS_COLS) / count;
    f.step = f.step > BAR_MAX + 1 ? BAR_MAX + 1 : f.step;
    f.bar_cols = f.step > 1 ? f.step - 1 : 1;
    if (f.step < 1)
        return;
    for (size_t bar = chart->first; bar < s->bars; bar++)
        f.most = sum_of(s, bar) > f.most ? sum_of(s, bar) : f.most;
    canvas_fill(c, f.row + f.rows - 1, f.col, f.step * count - 1, INK_DIM, glyph_is_ascii() ? "_" : "▁");
    for (size_t bar = chart->first; bar < s->bars; bar++)
        draw_bar(&f, chart, bar);
    draw_costs(&f, col);
    draw_times(&f, chart);
    draw_legend(c, row + rows - 1, f.col, cols - AXIS_COLS, chart);
}
