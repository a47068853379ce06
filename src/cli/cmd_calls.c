/* spantop calls: the log as a table or as JSON, newest last.
 *
 * Pages are read from the newest back and then printed from the oldest on.  Of a
 * page only where it begins is kept in between, except for the newest one, which
 * would otherwise shift while calls come in.  No statement is open while the
 * terminal or pipe takes its time. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "cli/call_view.h"
#include "cli/command.h"
#include "cli/output.h"
#include "cli/values.h"
#include "log/reader.h"

#define TERMINAL_DEFAULT 50 /* about a screen or two; a pipe gets everything */

static const struct option_spec options[] = {
    {"json", NULL, "a JSON array with every column of the view calls"},
    {"last", "N", "the newest N only (all; on a terminal 50)"},
    {"where", "FILTER", "only matching: 'model:opus status>=400 since:1h'"},
    {NULL, NULL, NULL},
};

struct listing {
    struct db *db;
    struct call_query query;
    int64_t wanted;  /* INT64_MAX: all */
    int64_t *starts; /* after_id of each page, newest page first */
    size_t page_count;
    size_t oldest_count; /* rows to show of the last page found */
    struct call_page newest;
    bool is_json;
    bool has_printed;
    struct table table;
};

static int find_pages(struct listing *l, struct err *e)
{
    int64_t left = l->wanted;
    for (int64_t after = 0;;) {
        struct call_page page;
        struct call_query q = l->query;
        q.after_id = after;
        if (reader_calls(l->db, &q, &page, e) != 0)
            return -1;
        l->starts = xrealloc(l->starts, (l->page_count + 1) * sizeof *l->starts);
        l->starts[l->page_count++] = after;
        l->oldest_count = (int64_t)page.count < left ? page.count : (size_t)left;
        left -= (int64_t)l->oldest_count;
        after = page.count ? page.calls[page.count - 1].id : 0;
        bool has_more = page.has_more && left > 0 && page.count > 0;
        if (l->page_count == 1)
            l->newest = page;
        else
            call_page_done(&page);
        if (!has_more)
            return 0;
    }
}

static void print_call(struct listing *l, const struct call *c)
{
    if (!l->is_json) {
        call_put_row(&l->table, c);
        return;
    }
    cJSON *j = call_to_json(c);
    char *text = cJSON_PrintUnformatted(j);
    if (l->has_printed)
        puts(",");
    if (text)
        out_text(text, strlen(text));
    l->has_printed = true;
    free(text);
    cJSON_Delete(j);
}

static void print_page(struct listing *l, const struct call_page *page, size_t count)
{
    for (size_t i = count < page->count ? count : page->count; i-- > 0 && !out_is_broken();)
        print_call(l, &page->calls[i]);
    if (!l->is_json) {
        table_print(&l->table, !l->has_printed, out_columns());
        l->has_printed = true;
    }
    fflush(stdout);
}

static int print_pages(struct listing *l, struct err *e)
{
    for (size_t i = l->page_count; i-- > 0 && !out_is_broken();) {
        size_t count = i + 1 == l->page_count ? l->oldest_count : READER_PAGE_MAX;
        struct call_page page;
        struct call_query q = l->query;
        q.after_id = l->starts[i];
        if (i == 0) {
            print_page(l, &l->newest, count);
            continue;
        }
        if (reader_calls(l->db, &q, &page, e) != 0)
            return -1;
        print_page(l, &page, count);
        call_page_done(&page);
    }
    return 0;
}

static int list(struct listing *l, struct err *e)
{
    if (find_pages(l, e) != 0)
        return -1;
    if (l->is_json)
        putchar('[');
    int r = print_pages(l, e);
    if (l->is_json)
        puts("]");
    return r;
}

static int calls(struct cli *c, struct err *e)
{
    struct listing l = {.wanted = out_is_terminal() ? TERMINAL_DEFAULT : INT64_MAX,
                        .query = {.sort = SORT_ID, .descending = true, .limit = READER_PAGE_MAX}};
    const char *last = args_get(&c->args, "last");
    if (last && value_int("--last", last, 1, INT64_MAX, &l.wanted, e) != 0)
        return CLI_USAGE;
    struct filter *filter = filter_parse(args_get(&c->args, "where"), e);
    if (!filter)
        return CLI_USAGE;
    int r = -1;
    l.query.filter = filter;
    l.is_json = args_has(&c->args, "json");
    table_init(&l.table, call_columns, call_column_count);
    l.db = db_open(c->settings.log_path, DB_READ, e);
    if (l.db)
        r = list(&l, e);
    if (r == 0)
        cli_tell_unsearched(filter_unsearched(filter));
    db_close(l.db);
    table_done(&l.table);
    call_page_done(&l.newest);
    free(l.starts);
    filter_free(filter);
    return r == 0 ? CLI_DONE : CLI_FAILED;
}

const struct command command_calls = {
    .name = "calls",
    .summary = "the log, newest last",
    .synopsis = "[--json] [--last N] [--where FILTER]",
    .text = "FILTER is the language of the dashboard's /: words that all must hold, such as\n"
            "model:opus status>=400 cost>0.5 since:1h \"connection refused\" !state:done",
    .example = "spantop calls --where 'status>=400 since:1d'\nspantop calls --json --last 100 | jq '.[].cost_microusd'",
    .options = options,
    .run = calls,
};
