/* The filter as SQL, between filter*.c and reader*.c.  Private to them.
 *
 * The text holds nothing that a user typed: all values are bound. */
#ifndef SPANTOP_LOG_FILTER_SQL_H
#define SPANTOP_LOG_FILTER_SQL_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/err.h"
#include "log/filter.h"

/* The first parameter number of a filter; lower ones are the reader's. */
#define FILTER_FIRST_PARAM 20

/* Look texts up in what is searched now; before filter_sql() each time, in the same
 * transaction, or the index may go between two of its statements.  f may be NULL. */
NODISCARD int filter_prepare(const struct filter *f, sqlite3 *sq, struct err *e);
/* A condition on `call c`, or NULL: everything matches.  Lent by f (which may be NULL). */
const char *filter_sql(const struct filter *f);
void filter_bind(const struct filter *f, sqlite3_stmt *st);

/* Must bodies be read for it, at 20 us for each of some calls? */
bool filter_reads_bodies(const struct filter *f);

/* ---- The fields ---- */

enum field_kind {
    FIELD_TEXT,
    FIELD_WORD,    /* one of a few words */
    FIELD_COUNT,   /* a number, also 38k, 1.2M */
    FIELD_STATUS,  /* a count, also 5xx */
    FIELD_DOLLARS, /* kept in micro-dollars */
    FIELD_SECONDS, /* kept in milliseconds; also 300ms, 2m */
    FIELD_MS,      /* the same, a bare number is milliseconds */
    FIELD_TIME,    /* Unix milliseconds, or a day or time */
    FIELD_SINCE,   /* a time; no operator but `:` */
    FIELD_UNTIL,
    FIELD_FLAG,    /* a word of its own */
    FIELD_BODY,    /* texts of requests and answers; no operator but `:` */
};

#define FIELD_EXPRS_MAX 3

struct filter_field {
    const char *name;
    enum field_kind kind;
    const char *exprs[FIELD_EXPRS_MAX]; /* on `call c`, or `session s`; any of them may match */
    const char *words;                  /* FIELD_WORD: what there is, separated by spaces */
};

/* NULL: no such field. */
const struct filter_field *filter_field_find(const char *name, size_t len);
/* All expressions that bare text is looked for in, NULL-terminated. */
extern const char *const filter_text_exprs[];

/* ---- Texts of requests and answers ---- */

/* A phrase that is looked for, and the calls in which it came first. */
struct filter_text;
/* NULL: there is nothing in it to look for, or nothing to look with. */
struct filter_text *filter_text_new(const char *phrase, struct err *e);
void filter_text_free(struct filter_text *t);
/* Looks it up; again only when the log has changed. */
NODISCARD int filter_text_find(struct filter_text *t, sqlite3 *sq, struct err *e);
bool filter_text_reads_bodies(const struct filter_text *t);
int64_t filter_text_unsearched(const struct filter_text *t);
/* The condition, as it is best for what was found; takes two parameters. */
void filter_text_put(const struct filter_text *t, struct buf *sql, size_t param);
void filter_text_bind(struct filter_text *t, sqlite3_stmt *st, int param);

/* ---- Values ---- */

/* What a value means in the field's unit; now_ms is the present.  -1: e says
 * what is possible, without naming the word. */
NODISCARD int filter_value(const struct filter_field *field, const char *text, int64_t now_ms, double *value, struct err *e);
/* "5xx" gives 500; false for anything else. */
bool filter_status_class(const char *text, int *first);

#endif
