#include "log/alarm.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "log/sql.h"

static const struct {
    const char *name;
    int64_t unit; /* 1: whole numbers */
    double most;
    const char *example;
} kinds[ALARM_KIND_COUNT] = {
    [ALARM_CACHE_BREAK] = {"cache_break", 1000000, 1000, "dollars, such as 0.50"},
    [ALARM_RUNAWAY] = {"runaway", 1, 1000000, "calls a minute, such as 120"},
    [ALARM_STORM] = {"storm", 1, 100, "failed calls, such as 10"},
    [ALARM_TTFT] = {"ttft", 1, 1000, "times the usual, such as 4"},
    [ALARM_CONTEXT] = {"context", 1, 100, "percent, such as 85"},
};

const char *alarm_kind_name(enum alarm_kind k)
{
    return kinds[k].name;
}

static bool kind_find(const char *name, size_t len, size_t *kind)
{
    for (size_t i = 0; i < ALARM_KIND_COUNT; i++) {
        if (strlen(kinds[i].name) == len && strncmp(kinds[i].name, name, len) == 0) {
            *kind = i;
            return true;
        }
    }
    return false;
}

/* ---- Limits ---------------------------------------------------------------------- */

static bool number_parse(size_t kind, const char *text, size_t len, int64_t *n)
{
    char number[32], *end = number;
    /* strtod alone would take "inf" and "0x10". */
    if (len == 0 || len >= sizeof number || strspn(text, "0123456789.") < len)
        return false;
    memcpy(number, text, len);
    number[len] = '\0';
    errno = 0;
    double value = strtod(number, &end);
    if (*end || errno || value > kinds[kind].most)
        return false;
    *n = (int64_t)llround(value * (double)kinds[kind].unit);
    return *n > 0 && (kinds[kind].unit > 1 || value == (double)*n);
}

static int entry_parse(struct alarm_limits *l, const char *what, const char *entry, size_t len, struct err *e)
{
    const char *equals = memchr(entry, '=', len);
    size_t name_len = equals ? (size_t)(equals - entry) : len, kind;
    if (!equals || !kind_find(entry, name_len, &kind))
        return err_set(
            e, "%s: \"%.*s\" is no alarm; write cache_break, runaway, storm, ttft or context, = and a limit or off",
            what, (int)(len < 60 ? len : 60), entry);
    const char *value = equals + 1;
    size_t value_len = len - name_len - 1;
    if (value_len == 3 && strncmp(value, "off", 3) == 0)
        l->from[kind] = 0;
    else if (!number_parse(kind, value, value_len, &l->from[kind]))
        return err_set(e, "%s: %s needs %s, or off", what, kinds[kind].name, kinds[kind].example);
    return 0;
}

int alarm_limits_parse(struct alarm_limits *l, const char *what, const char *text, struct err *e)
{
    struct alarm_limits fresh = *l;
    if (strcmp(text, "off") == 0) {
        *l = (struct alarm_limits){{0}};
        return 0;
    }
    do {
        text += strspn(text, " ");
        size_t len = strcspn(text, ","), bare = len;
        while (bare > 0 && text[bare - 1] == ' ')
            bare--;
        if (entry_parse(&fresh, what, text, bare, e) != 0)
            return -1;
        text += len;
    } while (*text++ == ',');
    *l = fresh;
    return 0;
}

void alarm_limits_text(const struct alarm_limits *l, char text[ALARM_LIMITS_TEXT_MAX])
{
    size_t len = 0;
    text[0] = '\0';
    for (size_t i = 0; i < ALARM_KIND_COUNT; i++) {
        char value[32] = "off";
        if (l->from[i] > 0 && kinds[i].unit > 1)
            snprintf(value, sizeof value, "%.6g", (double)l->from[i] / (double)kinds[i].unit);
        else if (l->from[i] > 0)
            snprintf(value, sizeof value, "%lld", (long long)l->from[i]);
        len += (size_t)snprintf(text + len, ALARM_LIMITS_TEXT_MAX - len, "%s%s=%s", i ? "," : "", kinds[i].name, value);
    }
}

/* ---- Reading --------------------------------------------------------------------- */

void alarm_done(struct alarm *a)
{
    free(a->session_id);
    free(a->session_title);
    free(a->subject);
    *a = (struct alarm){0};
}

void alarm_page_done(struct alarm_page *p)
{
    for (size_t i = 0; i < p->count; i++)
        alarm_done(&p->alarms[i]);
    free(p->alarms);
    *p = (struct alarm_page){0};
}

/* A kind of a newer spantop is left out: nobody here could name it. */
static bool read_row(sqlite3_stmt *st, struct alarm *a)
{
    const char *kind = (const char *)sqlite3_column_text(st, 1), *text = (const char *)sqlite3_column_text(st, 7);
    size_t k;
    if (!kind || !kind_find(kind, strlen(kind), &k))
        return false;
    *a = (struct alarm){.id = sqlite3_column_int64(st, 0),
                        .kind = (enum alarm_kind)k,
                        .at = sqlite3_column_int64(st, 2),
                        .until_at = sqlite3_column_int64(st, 3),
                        .session_id = sql_text(st, 4),
                        .session_title = sql_text(st, 5),
                        .subject = sql_text(st, 8),
                        .call_id = sql_known(st, 6)};
    snprintf(a->text, sizeof a->text, "%s", text ? text : "");
    return true;
}

int alarms_read(struct db *db, int64_t before_id, size_t limit, struct alarm_page *p, struct err *e)
{
    *p = (struct alarm_page){0};
    if (limit == 0 || limit > ALARMS_KEPT)
        limit = ALARMS_KEPT;
    sqlite3_stmt *st = sql_prepare(db_sqlite(db),
                                   "SELECT id, kind, at, until_at, session_id, session_title, call_id, text, subject"
                                   " FROM alarms WHERE ?1 = 0 OR id < ?1 ORDER BY id DESC LIMIT ?2",
                                   e);
    if (!st)
        return -1;
    sqlite3_bind_int64(st, 1, before_id);
    sqlite3_bind_int64(st, 2, (int64_t)limit);
    p->alarms = xcalloc(limit, sizeof *p->alarms);
    int rc;
    while ((rc = sqlite3_step(st)) == SQLITE_ROW)
        p->count += read_row(st, &p->alarms[p->count]);
    if (rc != SQLITE_DONE)
        err_set(e, "cannot read the alarms: %s", sqlite3_errmsg(db_sqlite(db)));
    sqlite3_finalize(st);
    if (rc == SQLITE_DONE)
        return 0;
    alarm_page_done(p);
    return -1;
}
