#include "base/clock.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

int64_t clock_mono_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

int64_t clock_slept_us(void)
{
#ifdef CLOCK_BOOTTIME
    struct timespec t;
    if (clock_gettime(CLOCK_BOOTTIME, &t) == 0)
        return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000 - clock_mono_us();
#endif
    return 0;
}

/* Set once by whoever asks first; -1: not looked at, 0: the real clock. */
static int64_t fixed_ms(void)
{
    static _Atomic int64_t fixed = -1;
    if (fixed < 0) {
        const char *s = getenv("SPANTOP_CLOCK");
        long long ms = s ? atoll(s) : 0;
        fixed = ms > 0 ? ms : 0;
    }
    return fixed;
}

int64_t clock_wall_ms(void)
{
    int64_t fixed = fixed_ms();
    if (fixed > 0)
        return fixed;
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static struct tm local_time(int64_t wall_ms)
{
    time_t seconds = (time_t)(wall_ms / 1000);
    struct tm tm;
    localtime_r(&seconds, &tm);
    return tm;
}

int64_t clock_day_start_ms(int64_t wall_ms)
{
    struct tm tm = local_time(wall_ms);
    tm.tm_hour = tm.tm_min = tm.tm_sec = 0;
    tm.tm_isdst = -1; /* the offset at midnight may differ from the one now */
    return (int64_t)mktime(&tm) * 1000;
}

void clock_to_iso(char text[CLOCK_ISO_MAX], int64_t wall_ms)
{
    time_t seconds = (time_t)(wall_ms / 1000);
    struct tm tm;
    gmtime_r(&seconds, &tm);
    strftime(text, CLOCK_ISO_MAX, "%Y-%m-%dT%H:%M:%SZ", &tm);
}

void clock_to_iso_ms(char text[CLOCK_ISO_MAX], int64_t wall_ms)
{
    clock_to_iso(text, wall_ms);
    size_t len = strlen(text) - 1; /* the Z goes behind */
    snprintf(text + len, CLOCK_ISO_MAX - len, ".%03dZ", (int)(wall_ms % 1000));
}

/* Digits behind the seconds, as milliseconds. */
static int64_t read_fraction(const char **at)
{
    int64_t ms = 0;
    int64_t unit = 100;
    if (**at != '.')
        return 0;
    for ((*at)++; **at >= '0' && **at <= '9'; (*at)++, unit /= 10)
        ms += unit * (**at - '0');
    return ms;
}

int64_t clock_from_iso(const char *text)
{
    struct tm tm = {0};
    int hours = 0;
    int minutes = 0;
    int used = 0;
    char sign;
    const char *at = strptime(text, "%Y-%m-%d", &tm);
    if (!at || (*at != 'T' && *at != ' '))
        return -1;
    at = strptime(at + 1, "%H:%M:%S", &tm);
    if (!at)
        return -1;
    int64_t ms = read_fraction(&at);
    if (strcmp(at, "Z") != 0 && *at != '\0') {
        if (sscanf(at, "%c%2d:%2d%n", &sign, &hours, &minutes, &used) != 3 || at[used] || (sign != '+' && sign != '-'))
            return -1;
        if (sign == '-') {
            hours = -hours;
            minutes = -minutes;
        }
    }
    return ((int64_t)timegm(&tm) - hours * 3600 - minutes * 60) * 1000 + ms;
}

int clock_day_number(int64_t wall_ms)
{
    struct tm tm = local_time(wall_ms);
    return (tm.tm_year + 1900) * 10000 + (tm.tm_mon + 1) * 100 + tm.tm_mday;
}
