#include "log/filter_complete.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "base/text.h"
#include "log/filter_sql.h"
#include "log/sql.h"

#define VALUE_MAX 80 /* bytes; longer ones are prose */

/* ---- The word ------------------------------------------------------------------- */

struct word {
    size_t from, to;  /* all of it */
    size_t value;     /* where the value begins; to: it has none yet */
    const struct filter_field *field;
    char typed[160];  /* of the value, else of the field's name; without its quote */
};

/* Behind the word that begins at from; a quoted blank does not end it. */
static size_t word_end(const char *text, size_t from)
{
    bool is_quoted = false;
    size_t at = from;
    for (; text[at] && (is_quoted || text[at] != ' '); at++) {
        if (text[at] == '\\' && is_quoted && text[at + 1])
            at++;
        else if (text[at] == '"')
            is_quoted = !is_quoted;
    }
    return at;
}

static void find_word(const char *text, size_t cursor, struct word *w)
{
    size_t at = 0;
    memset(w, 0, sizeof *w);
    for (;;) {
        at += strspn(text + at, " ");
        size_t end = word_end(text, at);
        if (end >= cursor || !text[end]) {
            w->from = at > cursor ? cursor : at; /* in the blanks between two: a new word */
            w->to = at > cursor ? cursor : end;
            break;
        }
        at = end;
    }
    w->from += text[w->from] == '!' && w->from < w->to;
    size_t name = strspn(text + w->from, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789");
    size_t op = strspn(text + w->from + name, "!<>=:");
    w->value = op ? w->from + name + op : w->to;
    if (w->from + name + op > w->to)
        w->value = w->to;
    w->field = op ? filter_field_find(text + w->from, name) : NULL;
    size_t from = op ? w->value : w->from, skip = from < w->to && text[from] == '"';
    snprintf(w->typed, sizeof w->typed, "%.*s", (int)(w->to - from - skip), text + from + skip);
}

/* ---- Choices ----------------------------------------------------------------------- */

static void add_choice(struct filter_choices *c, char *choice)
{
    for (size_t i = 0; i < c->count; i++)
        if (strcmp(c->list[i], choice) == 0) {
            free(choice);
            return;
        }
    if (c->count == FILTER_CHOICES_MAX) {
        free(choice);
        return;
    }
    c->list = xrealloc(c->list, (c->count + 1) * sizeof *c->list);
    c->list[c->count++] = choice;
}

/* What has to stand behind the field's name for most uses of it. */
static const char *usual_op(const struct filter_field *f)
{
    switch (f->kind) {
    case FIELD_FLAG:
        return "";
    case FIELD_COUNT:
    case FIELD_DOLLARS:
    case FIELD_SECONDS:
    case FIELD_MS:
    case FIELD_TIME:
        return ">";
    default:
        return ":";
    }
}

static void add_fields(struct filter_choices *c, const struct word *w)
{
    for (const char *const *name = filter_fields(); *name; name++) {
        const struct filter_field *f = filter_field_find(*name, strlen(*name));
        if (f && strncasecmp(*name, w->typed, strlen(w->typed)) == 0)
            add_choice(c, xasprintf("%s%s", *name, usual_op(f)));
    }
}

/* A value that a filter would read as more than one word, quoted. */
static char *as_value(const char *value)
{
    struct buf out;
    bool is_plain = value[strcspn(value, " \"\\")] == '\0';
    buf_init(&out);
    if (!is_plain)
        buf_putc(&out, '"');
    for (; *value; value++) {
        if (*value == '"' || *value == '\\')
            buf_putc(&out, '\\');
        buf_putc(&out, *value);
    }
    if (!is_plain)
        buf_putc(&out, '"');
    return buf_take(&out, NULL);
}

static void add_value(struct filter_choices *c, const struct word *w, const char *value)
{
    if (value[0] && strlen(value) <= VALUE_MAX && !strchr(value, '\n') && text_find_nocase(value, strlen(value), w->typed))
        add_choice(c, as_value(value));
}

static void add_words(struct filter_choices *c, const struct word *w, const char *words)
{
    char list[128], *rest = list, *word;
    snprintf(list, sizeof list, "%s", words);
    while ((word = strsep(&rest, " ")) != NULL)
        add_value(c, w, word);
}

static int add_rows(struct db *db, struct filter_choices *c, const struct word *w, const char *sql, struct err *e)
{
    int rc;
    sqlite3_stmt *st = sql_prepare(db_sqlite(db), sql, e);
    if (!st)
        return -1;
    sqlite3_bind_int(st, 1, FILTER_LOOKED_AT);
    while ((rc = sqlite3_step(st)) == SQLITE_ROW && c->count < FILTER_CHOICES_MAX) {
        const char *value = (const char *)sqlite3_column_text(st, 0);
        if (value)
            add_value(c, w, value);
    }
    if (rc != SQLITE_ROW && rc != SQLITE_DONE)
        err_set(e, "the log cannot be read: %s", sqlite3_errmsg(db_sqlite(db)));
    sqlite3_finalize(st);
    return rc == SQLITE_ROW || rc == SQLITE_DONE ? 0 : -1;
}

/* The newest first. */
static int add_sessions(struct db *db, struct filter_choices *c, const struct word *w, struct err *e)
{
    return add_rows(db, c, w, "SELECT coalesce(title, session_id) FROM session ORDER BY last_at DESC LIMIT ?1", e);
}

static int add_from_log(struct db *db, struct filter_choices *c, const struct word *w, struct err *e)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < FIELD_EXPRS_MAX && w->field->exprs[i]; i++) {
        const char *expr = w->field->exprs[i];
        if (strncmp(expr, "s.", 2) == 0)
            return add_sessions(db, c, w, e);
        char *sql = xasprintf("SELECT v FROM (SELECT %s AS v, c.id FROM call c ORDER BY c.id DESC LIMIT ?1)"
                              " WHERE v IS NOT NULL GROUP BY v ORDER BY max(id) DESC", expr);
        rc = add_rows(db, c, w, sql, e);
        free(sql);
    }
    return rc;
}

static int add_values(struct db *db, struct filter_choices *c, const struct word *w, struct err *e)
{
    switch (w->field->kind) {
    case FIELD_WORD:
        add_words(c, w, w->field->words);
        return 0;
    case FIELD_SINCE:
    case FIELD_UNTIL:
        add_words(c, w, "15m 1h 1d 1w today yesterday");
        return 0;
    case FIELD_STATUS:
        add_words(c, w, "2xx 4xx 5xx");
        return add_from_log(db, c, w, e);
    case FIELD_TEXT:
        return add_from_log(db, c, w, e);
    default:
        return 0;
    }
}

int filter_complete(struct db *db, const char *text, size_t at, struct filter_choices *c, struct err *e)
{
    struct word w;
    find_word(text, at, &w);
    bool is_value = w.field != NULL;
    *c = (struct filter_choices){.from = is_value ? w.value : w.from, .to = w.to};
    if (is_value)
        return add_values(db, c, &w, e);
    if (w.value == w.to) /* else: an operator behind something that is no field */
        add_fields(c, &w);
    return 0;
}

void filter_choices_done(struct filter_choices *c)
{
    for (size_t i = 0; i < c->count; i++)
        free(c->list[i]);
    free(c->list);
    *c = (struct filter_choices){0};
}
