#include "cli/limits.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "cli/values.h"

#define CALLS_MAX 1000000000 /* beyond it somebody means "always" */

/* "2h": no model has such a name, so --for can mean both. */
static bool is_time(const char *text)
{
    static const char *const units[] = {"ms", "s", "m", "h", "d", "w"};
    size_t digits = text ? strspn(text, "0123456789.") : 0;
    for (size_t i = 0; digits > 0 && i < sizeof units / sizeof *units; i++)
        if (strcmp(text + digits, units[i]) == 0)
            return true;
    return false;
}

const char *limits_glob(const struct args *a)
{
    const char *glob = NULL;
    for (size_t i = 0; i < a->option_count; i++)
        if (strcmp(a->options[i].spec->name, "for") == 0 && !is_time(a->options[i].value))
            glob = a->options[i].value;
    return glob;
}

static const char *for_time(const struct args *a)
{
    const char *text = NULL;
    for (size_t i = 0; i < a->option_count; i++)
        if (strcmp(a->options[i].spec->name, "for") == 0 && is_time(a->options[i].value))
            text = a->options[i].value;
    return text;
}

bool limits_are_given(const struct args *a)
{
    return args_has(a, "for-next") || args_has(a, "until") || for_time(a);
}

int limits_take(const struct args *a, struct route_limits *limits, struct err *e)
{
    const char *calls = args_get(a, "for-next"), *until = args_get(a, "until"), *span = for_time(a);
    int64_t now_ms = clock_wall_ms(), ms = 0;
    *limits = (struct route_limits){0};
    if (calls && *calls && value_int("--for-next", calls, 1, CALLS_MAX, &limits->max_calls, e) != 0)
        return -1;
    if (until && *until && span)
        return err_set(e, "either --until %s or --for %s, not both", until, span);
    if (until && *until)
        return value_until("--until", until, now_ms, &limits->until_at, e);
    if (!span)
        return 0;
    if (value_duration("--for", span, 0, &ms, e) != 0)
        return -1;
    if (ms < 1)
        return err_set(e, "--for %s is over already", span);
    limits->until_at = now_ms + ms;
    return 0;
}

/* A time of today by the clock alone, any other with its day. */
static void put_time(struct buf *out, int64_t at_ms, int64_t now_ms)
{
    char text[40];
    struct tm t;
    time_t at = (time_t)(at_ms / 1000);
    bool is_today = clock_day_number(at_ms) == clock_day_number(now_ms);
    localtime_r(&at, &t);
    strftime(text, sizeof text, is_today ? "%H:%M" : "%Y-%m-%d %H:%M", &t);
    buf_printf(out, "%s %s", at_ms > now_ms ? "until" : "ended", text);
}

char *limits_words(const struct route *r, int64_t now_ms)
{
    struct buf out;
    if (r->max_calls <= 0 && r->until_at <= 0)
        return NULL;
    buf_init(&out);
    if (r->max_calls > 0)
        buf_printf(&out, "%lld of %lld calls taken", (long long)r->calls_taken, (long long)r->max_calls);
    if (r->until_at > 0) {
        buf_puts(&out, out.len ? ", " : "");
        put_time(&out, r->until_at, now_ms);
    }
    return buf_take(&out, NULL);
}
