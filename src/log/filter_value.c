/* Values of the filter language: numbers with units, days and times. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "log/filter_sql.h"

struct unit {
    const char *name;
    double factor;
};

static const struct unit COUNTS[] = {{"", 1}, {"k", 1e3}, {"K", 1e3}, {"M", 1e6}, {"m", 1e6}, {"G", 1e9}, {NULL, 0}};
static const struct unit PERCENTS[] = {{"", 1}, {"%", 1}, {NULL, 0}};
static const struct unit SECONDS[] = {{"", 1e3}, {"ms", 1}, {"s", 1e3}, {"m", 6e4}, {"h", 36e5}, {NULL, 0}};
static const struct unit MILLISECONDS[] = {{"", 1}, {"ms", 1}, {"s", 1e3}, {"m", 6e4}, {"h", 36e5}, {NULL, 0}};
static const struct unit AGES[] = {{"s", 1e3}, {"m", 6e4}, {"min", 6e4}, {"h", 36e5}, {"d", 864e5}, {"w", 6048e5}, {NULL, 0}};

/* Digits and one point only: strtod would take "inf", "0x10" and signs. */
static bool parse_number(const char *text, const struct unit *units, double *value)
{
    size_t digits = strspn(text, "0123456789.");
    if (digits == 0 || digits > 20 || (text[0] == '.' && digits == 1))
        return false;
    char *end;
    double n = strtod(text, &end);
    if (end != text + digits)
        return false;
    for (; units->name; units++) {
        if (strcmp(end, units->name) == 0) {
            *value = n * units->factor;
            return true;
        }
    }
    return false;
}

static bool is_at_end(const char *end)
{
    return end && *end == 0;
}

/* A day, a day with a time, or a time of today; local. */
static bool parse_date(const char *text, int64_t now_ms, double *value)
{
    static const char *const forms[] = {"%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S",
                                        "%H:%M", "%H:%M:%S"};
    time_t now = (time_t)(now_ms / 1000);
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        struct tm tm;
        localtime_r(&now, &tm);
        tm.tm_hour = tm.tm_min = tm.tm_sec = 0;
        if (!is_at_end(strptime(text, forms[i], &tm)))
            continue;
        tm.tm_isdst = -1;
        time_t at = mktime(&tm);
        *value = (double)at * 1e3;
        return at != (time_t)-1;
    }
    return false;
}

static bool parse_time(const char *text, int64_t now_ms, bool takes_ms, double *value)
{
    double age;
    if (strcmp(text, "now") == 0)
        *value = (double)now_ms;
    else if (strcmp(text, "today") == 0)
        *value = (double)clock_day_start_ms(now_ms);
    else if (strcmp(text, "yesterday") == 0)
        *value = (double)clock_day_start_ms(clock_day_start_ms(now_ms) - 1);
    else if (parse_number(text, AGES, &age))
        *value = (double)now_ms - age;
    else if (!(takes_ms && parse_number(text, MILLISECONDS, value)))
        return parse_date(text, now_ms, value);
    return true;
}

bool filter_status_class(const char *text, int *first)
{
    if (strlen(text) != 3 || text[0] < '1' || text[0] > '5' || strcmp(text + 1, "xx") != 0)
        return false;
    *first = (text[0] - '0') * 100;
    return true;
}

int filter_value(const struct filter_field *field, const char *text, int64_t now_ms, double *value, struct err *e)
{
    switch (field->kind) {
    case FIELD_DOLLARS:
        if (!parse_number(text[0] == '$' ? text + 1 : text, PERCENTS, value) || strchr(text, '%'))
            return err_set(e, "it wants a number of dollars, as in %s>0.5", field->name);
        *value *= 1e6;
        return 0;
    case FIELD_SECONDS:
        if (!parse_number(text, SECONDS, value))
            return err_set(e, "it wants a time in seconds or with ms, s, m, h, as in %s>2.5 or %s>300ms", field->name, field->name);
        return 0;
    case FIELD_MS:
        if (!parse_number(text, MILLISECONDS, value))
            return err_set(e, "it wants a number of milliseconds or a time with ms, s, m, h, as in %s>300", field->name);
        return 0;
    case FIELD_TIME:
    case FIELD_SINCE:
    case FIELD_UNTIL:
        if (!parse_time(text, now_ms, field->kind == FIELD_TIME, value))
            return err_set(e, "it wants 30m, 1h, 2d, 1w, today, yesterday, 14:00, 2026-11-22 or 2026-11-22T14:00");
        return 0;
    case FIELD_STATUS:
        if (!parse_number(text, COUNTS, value))
            return err_set(e, "it wants a number or a class, as in status>=400 or status:5xx");
        return 0;
    default:
        if (!parse_number(text, strcmp(field->name, "cache") == 0 ? PERCENTS : COUNTS, value))
            return err_set(e, "it wants a number, also with k or M, as in %s>38k", field->name);
        return 0;
    }
}
