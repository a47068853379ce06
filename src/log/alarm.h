/* An alarm: something about the calls that somebody should know now, as a row of the
 * view `alarms`; and the limits from which on there is one.
 *
 * The journal raises them (alarms.h); dashboards, the command line and a command
 * of the user's (alarm_hook.h) read them.  All times are Unix milliseconds. */
#ifndef SPANTOP_LOG_ALARM_H
#define SPANTOP_LOG_ALARM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"
#include "log/db.h"

enum alarm_kind { ALARM_CACHE_BREAK, ALARM_RUNAWAY, ALARM_STORM, ALARM_TTFT, ALARM_CONTEXT, ALARM_KIND_COUNT };
const char *alarm_kind_name(enum alarm_kind k); /* the word in `alarms.kind` */

/* From which figure on each kind is raised; 0: never. */
struct alarm_limits {
    int64_t from[ALARM_KIND_COUNT]; /* micro-dollars; calls a minute; failed calls; times the usual; percent */
};
#define ALARM_LIMITS_DEFAULT {{500000, 120, 10, 4, 85}}

/* Take "cache_break=0.50,context=off" or "off" into l; kinds that are not named keep
 * what they have.  what names the setting in e's sentence. */
NODISCARD int alarm_limits_parse(struct alarm_limits *l, const char *what, const char *text, struct err *e);
/* The same as text, every kind named; back through the parser it gives l. */
#define ALARM_LIMITS_TEXT_MAX 160
void alarm_limits_text(const struct alarm_limits *l, char text[ALARM_LIMITS_TEXT_MAX]);

#define ALARM_TEXT_MAX 200
#define ALARMS_KEPT    1000 /* rows in the log */
struct alarm {
    int64_t id; /* 0: not written yet */
    enum alarm_kind kind;
    int64_t at;
    int64_t until_at;        /* no longer shown then */
    char *session_id;        /* NULL: not of one session */
    char *session_title;     /* read only */
    char *subject;           /* what it is about, one text for all alarms of the same thing */
    int64_t call_id;         /* the call that raised it */
    char text[ALARM_TEXT_MAX]; /* clean */
};
void alarm_done(struct alarm *a);

struct alarm_page {
    struct alarm *alarms;
    size_t count;
};
/* The newest first, at most limit (and ALARMS_KEPT); before_id 0 or the last row's for the next page. */
NODISCARD int alarms_read(struct db *db, int64_t before_id, size_t limit, struct alarm_page *p, struct err *e);
void alarm_page_done(struct alarm_page *p);

#endif
