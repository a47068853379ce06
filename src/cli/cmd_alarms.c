/* spantop alarms: the last ones, newest last, as the dashboard's A lists them. */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "cli/command.h"
#include "cli/output.h"
#include "cli/table.h"
#include "cli/values.h"
#include "log/alarm.h"

#define LAST_DEFAULT 20
#define LAST_MAX     1000 /* no more are kept */

static const struct option_spec options[] = {
    {"last", "N", "so many at most (20)"},
    {"json", NULL, "as one JSON object"},
    {NULL, NULL, NULL},
};

static cJSON *json_of(const struct alarm *a, int64_t now_ms)
{
    cJSON *j = cJSON_CreateObject();
    json_add_count(j, "id", a->id);
    json_add_count(j, "at", a->at);
    json_add_text(j, "kind", alarm_kind_name(a->kind));
    json_add_text(j, "text", a->text);
    json_add_text(j, "session_id", a->session_id);
    json_add_text(j, "session_title", a->session_title);
    json_add_count(j, "call_id", a->call_id);
    cJSON_AddBoolToObject(j, "is_over", a->until_at <= now_ms);
    return j;
}

/* A page has the newest first. */
static void print_json(const struct alarm_page *p, int64_t now_ms)
{
    cJSON *j = cJSON_CreateObject(), *list = cJSON_AddArrayToObject(j, "alarms");
    for (size_t i = p->count; i-- > 0;)
        cJSON_AddItemToArray(list, json_of(&p->alarms[i], now_ms));
    out_json(j);
}

static void put_row(struct table *t, const struct alarm *a, int64_t now_ms)
{
    char at[OUT_TIME_MAX], call[24];
    out_time(at, a->at, true);
    snprintf(call, sizeof call, "%lld", (long long)a->call_id);
    table_put(t, at);
    table_put(t, alarm_kind_name(a->kind));
    table_put(t, a->until_at > now_ms ? "now" : "over");
    table_put(t, a->session_title ? a->session_title : a->session_id);
    table_put(t, a->call_id > 0 ? call : NULL);
    table_put(t, a->text);
}

static void print_text(const struct alarm_page *p, int64_t now_ms)
{
    static const struct table_column columns[] = {
        {.title = "TIME"},
        {.title = "KIND"},
        {.title = "STATE", .drop = 2},
        {.title = "SESSION", .shrinks = true, .min_width = 10},
        {.title = "CALL", .right = true, .drop = 1},
        {.title = "WHAT", .shrinks = true, .min_width = 20},
    };
    struct table t;
    if (p->count == 0) {
        puts("no alarm; docs/alarms.md tells when there is one");
        return;
    }
    table_init(&t, columns, sizeof columns / sizeof *columns);
    for (size_t i = p->count; i-- > 0;)
        put_row(&t, &p->alarms[i], now_ms);
    table_print(&t, true, out_columns());
    table_done(&t);
}

static int alarms(struct cli *c, struct err *e)
{
    struct alarm_page page;
    int64_t last = LAST_DEFAULT;
    const char *text = args_get(&c->args, "last");
    if (text && value_int("--last", text, 1, LAST_MAX, &last, e) != 0)
        return CLI_USAGE;
    struct db *db = db_open(c->settings.log_path, DB_READ, e);
    if (!db)
        return CLI_FAILED;
    int rc = alarms_read(db, 0, (size_t)last, &page, e);
    db_close(db);
    if (rc != 0)
        return CLI_FAILED;
    if (args_has(&c->args, "json"))
        print_json(&page, clock_wall_ms());
    else
        print_text(&page, clock_wall_ms());
    alarm_page_done(&page);
    return CLI_DONE;
}

const struct command command_alarms = {
    .name = "alarms",
    .is_minor = true,
    .summary = "what you should know: dear cache breaks, runaways, storms",
    .synopsis = "[--last N] [--json]",
    .text = "The newest last. --alarms sets from when on the gateway raises them, --on-alarm\n"
            "runs a command of yours for each (spantop help gateway).",
    .example = "spantop alarms --last 5",
    .options = options,
    .run = alarms,
};
