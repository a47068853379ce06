/* spantop report: what was spent, as one page with charts.
 *
 * Colours are chosen to be told apart by people who see red and green alike; a title on
 * each bar says the figure, too. */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/html.h"
#include "cli/output.h"
#include "cli/values.h"
#include "log/reader.h"

static const struct option_spec options[] = {
    {"html", "FILE", "where the page goes; - is stdout"},
    {"since", "TIME", "what the tables sum up: 7d, today, all (30d)"},
    {NULL, NULL, NULL},
};

/* Okabe and Ito's, without black. */
static const char *const colours[SPEND_SERIES_MAX] = {"#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00"};

#define CHART_WIDTH  900
#define CHART_HEIGHT 220
#define CHART_LEFT   70
#define CHART_BOTTOM 30

/* --- A chart of stacked bars ---------------------------------------------------------- */

static int64_t height_of(const struct spend_chart *c, size_t bar)
{
    int64_t sum = 0;
    for (size_t i = 0; i < c->series_count; i++)
        sum += c->series[i].cost_microusd[bar];
    return sum;
}

/* 1, 2 or 5 times a power of ten, the next above the highest bar. */
static int64_t top_of(const struct spend_chart *c)
{
    static const int steps[] = {2, 5, 10};
    int64_t highest = 0, ten = 1;
    for (size_t bar = 0; bar < c->bars; bar++)
        if (height_of(c, bar) > highest)
            highest = height_of(c, bar);
    if (highest <= 1)
        return 1;
    while (ten * 10 < highest)
        ten *= 10;
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
        if (ten * steps[i] >= highest)
            return ten * steps[i];
    return ten * 10;
}

static void put_axis(struct buf *out, int64_t top)
{
    for (int i = 0; i <= 4; i++) {
        int y = CHART_HEIGHT - CHART_HEIGHT * i / 4;
        buf_printf(out, "<line x1=\"%d\" y1=\"%d\" x2=\"%d\" y2=\"%d\" class=\"grid\"/><text x=\"%d\" y=\"%d\" text-anchor=\"end\">",
                   CHART_LEFT, y + 10, CHART_WIDTH, y + 10, CHART_LEFT - 8, y + 14);
        html_put_usd(out, top * i / 4);
        buf_puts(out, "</text>");
    }
}

static void put_piece(struct buf *out, const struct spend_chart *c, size_t series, size_t bar, double y, double height)
{
    double width = (double)(CHART_WIDTH - CHART_LEFT) / (double)c->bars;
    const char *model = c->series[series].model;
    buf_printf(out, "<rect x=\"%.1f\" y=\"%.2f\" width=\"%.1f\" height=\"%.2f\" fill=\"%s\"><title>",
               CHART_LEFT + width * (double)bar + width * 0.1, y + 10, width * 0.8, height, colours[series]);
    html_put_text(out, model ? model : "others");
    buf_puts(out, " ");
    html_put_usd(out, c->series[series].cost_microusd[bar]);
    buf_puts(out, "</title></rect>");
}

static void put_bars(struct buf *out, const struct spend_chart *c, int64_t top, bool is_hours)
{
    double width = (double)(CHART_WIDTH - CHART_LEFT) / (double)c->bars;
    size_t every = c->bars > 12 ? (c->bars + 11) / 12 : 1; /* so that the labels do not touch */
    for (size_t bar = 0; bar < c->bars; bar++) {
        double y = CHART_HEIGHT;
        for (size_t i = 0; i < c->series_count; i++) {
            double height = (double)c->series[i].cost_microusd[bar] / (double)top * CHART_HEIGHT;
            y -= height;
            if (height > 0)
                put_piece(out, c, i, bar, y, height);
        }
        if (bar % every)
            continue;
        buf_printf(out, "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">", CHART_LEFT + width * ((double)bar + 0.5), CHART_HEIGHT + CHART_BOTTOM);
        html_put_time(out, !is_hours, is_hours, c->starts_ms[bar]);
        buf_puts(out, "</text>");
    }
}

static void put_legend(struct buf *out, const struct spend_chart *c)
{
    buf_puts(out, "<p class=\"legend\">");
    for (size_t i = 0; i < c->series_count; i++) {
        buf_printf(out, "<span style=\"background:%s\"></span>", colours[i]);
        html_put_text(out, c->series[i].model ? c->series[i].model : "others");
        buf_puts(out, " ");
    }
    buf_puts(out, "</p>\n");
}

static int put_chart(struct buf *out, struct db *db, enum spend_unit unit, const char *title, struct err *e)
{
    struct spend_chart c;
    if (reader_spend(db, unit, clock_wall_ms(), &c, e) != 0)
        return -1;
    int64_t top = top_of(&c);
    buf_printf(out, "<h2>%s</h2>\n<svg viewBox=\"0 0 %d %d\" role=\"img\" aria-label=\"%s\">", title, CHART_WIDTH,
               CHART_HEIGHT + CHART_BOTTOM + 10, title);
    put_axis(out, top);
    put_bars(out, &c, top, unit == SPEND_HOURS);
    buf_puts(out, "</svg>\n");
    put_legend(out, &c);
    spend_chart_done(&c);
    return 0;
}

/* --- A table ----------------------------------------------------------------------------- */

static void put_row(struct buf *out, const struct group_row *row)
{
    const struct totals *t = &row->totals;
    const int64_t counts[] = {t->calls, t->errors, t->tokens_in + t->tokens_cache_read + t->tokens_cache_write_5m + t->tokens_cache_write_1h,
                              t->tokens_cache_read, t->tokens_out};
    const int64_t costs[] = {t->cache_break_microusd, row->cache_saved_microusd, t->cost_microusd};
    char text[TEXT_SHORT_MAX];
    buf_puts(out, "<tr><th>");
    html_put_text(out, row->label ? row->label : row->key ? row->key : "unknown");
    buf_puts(out, "</th>");
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        text_count(text, counts[i]);
        buf_printf(out, "<td title=\"%lld\">%s</td>", (long long)counts[i], text);
    }
    for (size_t i = 0; i < sizeof costs / sizeof *costs; i++) {
        buf_printf(out, "<td title=\"%lld micro-dollars\">", (long long)costs[i]);
        html_put_usd(out, costs[i]);
        buf_puts(out, "</td>");
    }
    buf_puts(out, "</tr>\n");
}

#define ROWS_MAX 20

static int put_table(struct buf *out, struct db *db, int64_t since_ms, enum group_by by, const char *title, struct err *e)
{
    struct group_page page;
    struct catalog *catalog;
    if (reader_groups(db, since_ms, by, &page, e) != 0)
        return -1;
    catalog = cli_catalog();
    int r = reader_group_savings(db, since_ms, by, catalog, &page, e);
    catalog_free(catalog);
    buf_printf(out, "<h2>By %s</h2>\n<table><tr><th></th><td>calls</td><td>errors</td><td>in</td><td>from cache</td><td>out</td>"
               "<td>breaks</td><td>saved</td><td>cost</td></tr>\n", title);
    for (size_t i = 0; i < page.count && i < ROWS_MAX; i++)
        put_row(out, &page.rows[i]);
    buf_puts(out, "</table>\n");
    if (page.count > ROWS_MAX)
        buf_printf(out, "<p>and %zu more</p>\n", page.count - ROWS_MAX);
    group_page_done(&page);
    return r;
}

/* --- The page --------------------------------------------------------------------------- */

static const char style[] =
    "body{font:15px/1.5 system-ui,sans-serif;max-width:60em;margin:2em auto;padding:0 1em;color:#222;background:#fff}"
    "h1{font-size:1.4em}h2{font-size:1.1em;margin:2em 0 .5em}svg{width:100%;height:auto}svg text{font-size:12px;fill:#555}"
    ".grid{stroke:#ddd}table{border-collapse:collapse;width:100%}th{text-align:left;font-weight:normal}"
    "td{text-align:right;padding:.2em .6em}tr{border-bottom:1px solid #eee}"
    ".legend span{display:inline-block;width:.8em;height:.8em;margin:0 .3em 0 1em}"
    "@media(prefers-color-scheme:dark){body{color:#ddd;background:#181818}.grid{stroke:#444}svg text{fill:#aaa}tr{border-color:#333}}";

static int write_page(struct buf *out, struct db *db, int64_t since_ms, const char *since, struct err *e)
{
    static const struct {
        enum group_by by;
        const char *title;
    } tables[] = {{GROUP_MODEL, "model"}, {GROUP_PROVIDER, "provider"}, {GROUP_FOLDER, "folder"}, {GROUP_PURPOSE, "purpose"}, {GROUP_SESSION, "session"}};
    html_put_head(out, "spantop: what was spent", style);
    buf_puts(out, "<h1>What was spent</h1>\n<p>As of ");
    html_put_time(out, true, true, clock_wall_ms());
    buf_puts(out, "; the tables: ");
    html_put_text(out, since);
    buf_puts(out, ".</p>\n");
    if (put_chart(out, db, SPEND_HOURS, "Today by hour", e) != 0 || put_chart(out, db, SPEND_DAYS, "The last days", e) != 0 ||
        put_chart(out, db, SPEND_WEEKS, "The last weeks", e) != 0)
        return -1;
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
        if (put_table(out, db, since_ms, tables[i].by, tables[i].title, e) != 0)
            return -1;
    buf_puts(out, "</body></html>\n");
    return 0;
}

/* Nobody else's business what the user spends. */
static int write_file(const char *path, const struct buf *page, struct err *e)
{
    if (strcmp(path, "-") == 0) {
        fwrite(page->data, 1, page->len, stdout);
        return 0;
    }
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return err_set(e, "cannot write %s: %s", path, strerror(errno));
    FILE *f = fdopen(fd, "w");
    bool is_whole = f && fwrite(page->data, 1, page->len, f) == page->len;
    if (!f || fclose(f) != 0 || !is_whole)
        return err_set(e, "cannot write %s: %s", path, strerror(errno));
    printf("%s written\n", path);
    return 0;
}

static int report(struct cli *c, struct err *e)
{
    const char *path = args_get(&c->args, "html"), *since = args_get(&c->args, "since");
    struct buf page;
    int64_t since_ms;
    if (!path || !*path)
        return cli_usage(e, "spantop report needs --html FILE");
    if (!since)
        since = "30d";
    if (value_since(since, clock_wall_ms(), &since_ms, e) != 0)
        return CLI_USAGE;
    struct db *db = db_open(c->settings.log_path, DB_READ, e);
    if (!db)
        return CLI_FAILED;
    buf_init(&page);
    int r = write_page(&page, db, since_ms, since, e);
    db_close(db);
    if (r == 0)
        r = write_file(path, &page, e);
    buf_done(&page);
    return r == 0 ? CLI_DONE : CLI_FAILED;
}

const struct command command_report = {
    .name = "report",
    .is_minor = true,
    .summary = "what was spent, as a page with charts",
    .synopsis = "--html FILE [--since TIME]",
    .text = "One page that stands for itself: bars by hour, day and week, tables by model,\n"
            "provider, folder, purpose and session.",
    .example = "spantop report --html spent.html\nspantop report --html - --since 7d > week.html",
    .options = options,
    .run = report,
};
