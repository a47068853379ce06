#include "cli/values.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/clock.h"

struct unit {
    const char *name;
    int64_t factor;
};

int value_int(const char *what, const char *text, int64_t min, int64_t max, int64_t *n, struct err *e)
{
    char *end;
    errno = 0;
    long long v = strtoll(text, &end, 10);
    if (errno || end == text || *end || v < min || v > max)
        return err_set(e, "%s needs a whole number from %lld to %lld, not \"%s\"", what, (long long)min, (long long)max,
                       text);
    *n = v;
    return 0;
}

int value_real(const char *what, const char *text, double min, double max, double *n, struct err *e)
{
    char *end;
    double v = strtod(text, &end);
    if (end == text || *end || !isfinite(v) || v < min || v > max)
        return err_set(e, "%s needs a number from %g to %g, not \"%s\"", what, min, max, text);
    *n = v;
    return 0;
}

int value_bool(const char *what, const char *text, bool *b, struct err *e)
{
    static const char *const yes[] = {"1", "true", "yes", "on"}, *const no[] = {"", "0", "false", "no", "off"};
    for (size_t i = 0; i < sizeof yes / sizeof *yes; i++) {
        if (strcasecmp(text, yes[i]) == 0) {
            *b = true;
            return 0;
        }
    }
    for (size_t i = 0; i < sizeof no / sizeof *no; i++) {
        if (strcasecmp(text, no[i]) == 0) {
            *b = false;
            return 0;
        }
    }
    return err_set(e, "%s is yes or no, not \"%s\"", what, text);
}

/* NUMBER[UNIT] with a fraction allowed; -1 when it is none or does not fit. */
static int number_with_unit(const char *text, const struct unit *units, int64_t default_factor, int64_t *n)
{
    const char *end = text + strspn(text, "0123456789."); /* not what else strtod knows */
    char *read_to;
    double v = strtod(text, &read_to);
    if (end == text || read_to != end || !isfinite(v))
        return -1;
    while (*end == ' ')
        end++;
    int64_t factor = *end ? 0 : default_factor;
    for (; *end && units->name; units++) {
        if (strcasecmp(end, units->name) == 0)
            factor = units->factor;
    }
    if (factor == 0 || v * (double)factor > 9e15) /* exact in a double, and in JSON */
        return -1;
    *n = (int64_t)(v * (double)factor + 0.5);
    return 0;
}

int value_size(const char *what, const char *text, int64_t *bytes, struct err *e)
{
    static const struct unit units[] = {
        {"B", 1},        {"K", 1 << 10},   {"KB", 1 << 10},         {"KiB", 1 << 10},
        {"M", 1 << 20},  {"MB", 1 << 20},  {"MiB", 1 << 20},        {"G", 1 << 30},
        {"GB", 1 << 30}, {"GiB", 1 << 30}, {"T", (int64_t)1 << 40}, {"TB", (int64_t)1 << 40},
        {NULL, 0},
    };
    if (number_with_unit(text, units, 1, bytes) != 0)
        return err_set(e, "%s needs a size such as 500M or 2G, not \"%s\"", what, text);
    return 0;
}

int value_duration(const char *what, const char *text, int64_t default_unit_ms, int64_t *ms, struct err *e)
{
    static const struct unit units[] = {
        {"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}, {"w", 7 * 86400000LL}, {NULL, 0},
    };
    if (number_with_unit(text, units, default_unit_ms, ms) != 0)
        return err_set(e, "%s needs a time such as 20s, 5m, 1h or 7d, not \"%s\"", what, text);
    return 0;
}

int value_address(const char *what, const char *text, struct err *e)
{
    const char *colon = strrchr(text, ':');
    int64_t port;
    struct err ignored;
    bool bracketed = colon && colon > text && text[0] == '[' && colon[-1] == ']';
    bool plain = colon && colon > text && !memchr(text, ':', (size_t)(colon - text));
    if ((!bracketed && !plain) || value_int(what, colon + 1, 0, 65535, &port, &ignored) != 0)
        return err_set(e, "%s needs an address and a port, such as 127.0.0.1:4777 or [::1]:4777, not \"%s\"", what,
                       text);
    return 0;
}

int value_since(const char *text, int64_t now_ms, int64_t *since_ms, struct err *e)
{
    int64_t back_ms = 0;
    if (strcmp(text, "all") == 0) {
        *since_ms = 0;
        return 0;
    }
    if (strcmp(text, "today") == 0) {
        *since_ms = clock_day_start_ms(now_ms);
        return 0;
    }
    /* A number alone has no unit anybody could know. */
    if (value_duration("--since", text, 0, &back_ms, e) != 0)
        return err_set(e, "--since needs a time such as 1h or 7d, \"today\" or \"all\", not \"%s\"", text);
    *since_ms = back_ms < now_ms ? now_ms - back_ms : 0;
    return 0;
}

/* Local time; -1 when the text is none of the forms.  *is_bare: a time without a day. */
static int64_t local_time(const char *text, int64_t now_ms, bool *is_bare)
{
    static const char *const forms[] = {"%H:%M", "%H:%M:%S", "%Y-%m-%d", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M",
                                        "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S"};
    time_t now = (time_t)(now_ms / 1000);
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        struct tm t;
        *is_bare = i < 2;
        localtime_r(&now, &t);
        t.tm_sec = 0;
        if (!*is_bare)
            t.tm_hour = t.tm_min = 0;
        const char *end = strptime(text, forms[i], &t);
        if (!end || *end)
            continue;
        t.tm_isdst = -1;
        return (int64_t)mktime(&t) * 1000;
    }
    return -1;
}

static int64_t next_day(int64_t ms)
{
    time_t at = (time_t)(ms / 1000);
    struct tm t;
    localtime_r(&at, &t);
    t.tm_mday++;
    t.tm_isdst = -1; /* the same hour by the clock, summer time or not */
    return (int64_t)mktime(&t) * 1000;
}

int value_until(const char *what, const char *text, int64_t now_ms, int64_t *until_ms, struct err *e)
{
    bool is_bare = false;
    int64_t at = local_time(text, now_ms, &is_bare);
    if (at < 0)
        at = clock_from_iso(text);
    if (at < 0)
        return err_set(e, "%s needs a time such as 18:00 or \"2026-11-30 18:00\", not \"%s\"", what, text);
    if (is_bare && at <= now_ms)
        at = next_day(at);
    if (at <= now_ms)
        return err_set(e, "%s %s is over already", what, text);
    *until_ms = at;
    return 0;
}

void shell_quote(struct buf *out, const char *s)
{
    buf_putc(out, '\'');
    for (; *s; s++) {
        if (*s == '\'')
            buf_puts(out, "'\\''");
        else
            buf_putc(out, *s);
    }
    buf_putc(out, '\'');
}

void shell_word(struct buf *out, const char *s)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:=,@%+";
    if (*s && s[strspn(s, plain)] == '\0')
        buf_puts(out, s);
    else
        shell_quote(out, s);
}
