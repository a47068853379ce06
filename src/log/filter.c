/* Parsing the filter language into SQL with bound values.
 *
 * A word is parsed and becomes one condition at once; there is no tree, since
 * AND is all there is.  A negated condition is `(…) IS NOT TRUE`, so that an
 * unknown value counts as not matching. */
#include "log/filter.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "log/filter_sql.h"

/* Far below SQLite's limit of 32,766 parameters; nobody types this many words. */
#define PARAMS_MAX 200

struct param {
    char *text; /* NULL: number, or found */
    double number;
    struct filter_text *found; /* the calls in which a text came first */
};

struct filter {
    struct buf sql;
    struct param params[PARAMS_MAX];
    size_t count;
    bool has_texts;
    struct buf *sql_now; /* with the conditions of texts filled in */
};

struct parser {
    struct filter *filter;
    const char *at;
    const char *word; /* where the word began, for errors */
    int64_t now_ms;
    struct err *err;
};

enum op { OP_HAS, OP_IS, OP_NOT, OP_LT, OP_LE, OP_GT, OP_GE, OP_NONE };
static const char *const OP_SQL[] = {"=", "=", "!=", "<", "<=", ">", ">="};

struct term {
    bool is_negated;
    bool is_quoted;
    const struct filter_field *field; /* NULL: bare text */
    enum op op;
    struct buf value;
};

/* ---- Errors ---- */

/* "in WORD: why". */
static int complain(struct parser *p, const struct err *why)
{
    int len = (int)(p->at - p->word);
    return err_set(p->err, "filter word %.*s: %s", len > 60 ? 60 : len, p->word, why->text);
}

static int complain_field(struct parser *p, const char *name, size_t len)
{
    return err_set(p->err,
                   "there is no field \"%.*s\" to filter by; there are model, provider, session, who, agent, state, status, error, cost, in, out, "
                   "read, cache, rate, ttft, duration, break, route, text, since, until and the columns of `calls`; to look for the text itself, "
                   "put it in quotes",
                   (int)(len > 40 ? 40 : len), name);
}

/* ---- Conditions ---- */

static size_t add_param(struct filter *f, char *text, double number)
{
    f->params[f->count] = (struct param){text, number, NULL};
    return FILTER_FIRST_PARAM + f->count++;
}

/* Text for LIKE: a user's % and _ mean themselves. */
static char *like_pattern(const char *text)
{
    struct buf out;
    buf_init(&out);
    buf_putc(&out, '%');
    for (; *text; text++) {
        if (strchr("%_\\", *text))
            buf_putc(&out, '\\');
        buf_putc(&out, *text);
    }
    buf_putc(&out, '%');
    return buf_take(&out, NULL);
}

static void put_text_match(struct buf *sql, const char *expr, bool contains, size_t param)
{
    if (contains)
        buf_printf(sql, "%s LIKE ?%zu ESCAPE '\\'", expr, param);
    else
        buf_printf(sql, "%s = ?%zu", expr, param);
}

/* Sessions are found once, not call by call. */
static void put_session_match(struct buf *sql, const char *expr, bool contains, size_t param)
{
    buf_puts(sql, "c.session_id IN (SELECT s.session_id FROM session s WHERE ");
    put_text_match(sql, expr, contains, param);
    buf_putc(sql, ')');
}

static bool is_of_session(const char *expr)
{
    return strncmp(expr, "s.", 2) == 0;
}

static void put_texts(struct filter *f, const char *const *exprs, size_t max, const char *value, bool contains)
{
    size_t param = add_param(f, contains ? like_pattern(value) : xstrdup(value), 0);
    for (size_t i = 0; i < max && exprs[i]; i++) {
        if (i > 0)
            buf_puts(&f->sql, " OR ");
        if (is_of_session(exprs[i]))
            put_session_match(&f->sql, exprs[i], contains, param);
        else
            put_text_match(&f->sql, exprs[i], contains, param);
    }
}

static void put_unknown(struct filter *f, const struct filter_field *field)
{
    for (size_t i = 0; i < FIELD_EXPRS_MAX && field->exprs[i]; i++) {
        bool is_joined = is_of_session(field->exprs[i]);
        buf_printf(&f->sql, "%s%s%s%s IS NULL", i ? " AND " : "", is_joined ? "(SELECT " : "", field->exprs[i],
                   is_joined ? " FROM session s WHERE s.session_id = c.session_id)" : "");
    }
}

static int put_number(struct parser *p, const struct term *t)
{
    struct filter *f = p->filter;
    struct err why;
    double value = 0;
    int first = 0;
    if (t->field->kind == FIELD_STATUS && t->op <= OP_IS && filter_status_class(t->value.data, &first)) {
        size_t low = add_param(f, NULL, first);
        buf_printf(&f->sql, "c.status >= ?%zu AND c.status < ?%zu + 100", low, low);
        return 0;
    }
    if (filter_value(t->field, t->value.data, p->now_ms, &value, &why) != 0)
        return complain(p, &why);
    enum op op = t->field->kind == FIELD_SINCE ? OP_GE : t->field->kind == FIELD_UNTIL ? OP_LT : t->op;
    buf_printf(&f->sql, "%s %s ?%zu", t->field->exprs[0], OP_SQL[op], add_param(f, NULL, value));
    return 0;
}

static bool is_among(const char *words, const char *value, bool contains)
{
    char list[128];
    char *rest = list;
    char *word;
    snprintf(list, sizeof list, "%s", words);
    while ((word = strsep(&rest, " ")) != NULL)
        if (contains ? strstr(word, value) != NULL : strcmp(word, value) == 0)
            return true;
    return false;
}

static int put_word(struct parser *p, const struct term *t)
{
    struct err why;
    bool contains = t->op == OP_HAS;
    if (!is_among(t->field->words, t->value.data, contains)) {
        err_set(&why, "%s is one of %s", t->field->name, t->field->words);
        return complain(p, &why);
    }
    put_texts(p->filter, t->field->exprs, FIELD_EXPRS_MAX, t->value.data, contains);
    return 0;
}

/* In requests and answers.  What the condition is depends on what is found, so its place
 * is marked: a byte that stands nowhere else, and the parameter's number. */
#define PLACE '\001'

static void put_found(struct filter *f, struct filter_text *found)
{
    size_t param = add_param(f, NULL, 0);
    f->params[f->count - 1].found = found;
    add_param(f, NULL, 0);
    f->has_texts = true;
    buf_printf(&f->sql, "%c%zu ", PLACE, param);
}

static void fill_places(const struct filter *f)
{
    buf_reset(f->sql_now);
    for (const char *at = f->sql.data; *at;) {
        if (*at != PLACE) {
            buf_putc(f->sql_now, *at++);
            continue;
        }
        char *end;
        size_t param = strtoul(at + 1, &end, 10);
        filter_text_put(f->params[param - FILTER_FIRST_PARAM].found, f->sql_now, param);
        at = end;
    }
}

static int put_body(struct parser *p, const struct term *t)
{
    struct err why;
    struct filter_text *found = filter_text_new(t->value.data, &why);
    if (!found)
        return complain(p, &why);
    put_found(p->filter, found);
    return 0;
}

/* Quoted text is looked for in the row's texts and in the bodies. */
static void put_bare(struct filter *f, const struct term *t)
{
    struct err none;
    put_texts(f, filter_text_exprs, SIZE_MAX, t->value.data, true);
    struct filter_text *found = t->is_quoted ? filter_text_new(t->value.data, &none) : NULL;
    if (!found)
        return;
    buf_puts(&f->sql, " OR ");
    put_found(f, found);
}

static int check_op(struct parser *p, const struct term *t)
{
    struct err why;
    enum field_kind kind = t->field->kind;
    if (kind == FIELD_FLAG)
        err_set(&why, "%s stands alone, without a value", t->field->name);
    else if ((kind == FIELD_SINCE || kind == FIELD_UNTIL || kind == FIELD_BODY) && t->op != OP_HAS)
        err_set(&why, "write %s:VALUE", t->field->name);
    else if ((kind == FIELD_TEXT || kind == FIELD_WORD) && t->op > OP_NOT)
        err_set(&why, "%s is text; use %s:TEXT (contains), %s=TEXT or %s!=TEXT", t->field->name, t->field->name, t->field->name, t->field->name);
    else if (t->value.len == 0 && kind == FIELD_BODY)
        err_set(&why, "a word to look for is missing");
    else if (t->value.len == 0 && t->op != OP_IS && t->op != OP_NOT)
        err_set(&why, "a value is missing; %s=\"\" finds what is not known", t->field->name);
    else
        return 0;
    return complain(p, &why);
}

static int put_condition(struct parser *p, const struct term *t)
{
    struct filter *f = p->filter;
    if (!t->field) {
        put_bare(f, t);
        return 0;
    }
    if (t->field->kind == FIELD_FLAG && t->op == OP_NONE) {
        buf_puts(&f->sql, t->field->exprs[0]);
        return 0;
    }
    if (check_op(p, t) != 0)
        return -1;
    if (t->value.len == 0) {
        put_unknown(f, t->field);
        return 0;
    }
    if (t->field->kind == FIELD_WORD)
        return put_word(p, t);
    if (t->field->kind == FIELD_BODY)
        return put_body(p, t);
    if (t->field->kind != FIELD_TEXT)
        return put_number(p, t);
    put_texts(f, t->field->exprs, FIELD_EXPRS_MAX, t->value.data, t->op == OP_HAS);
    return 0;
}

static int put_term(struct parser *p, const struct term *t)
{
    struct filter *f = p->filter;
    /* A number's != is SQL's; of a text it is the negation of =. */
    bool is_not = t->field && t->op == OP_NOT && (t->value.len == 0 || t->field->kind <= FIELD_WORD);
    if (f->count + 3 > PARAMS_MAX)
        return err_set(p->err, "the filter has more than %d words", PARAMS_MAX - 2);
    if (f->sql.len > 0)
        buf_puts(&f->sql, " AND ");
    buf_putc(&f->sql, '(');
    int rc = put_condition(p, t);
    buf_puts(&f->sql, t->is_negated != is_not ? ") IS NOT TRUE" : ")");
    return rc;
}

/* ---- Words ---- */

static enum op parse_op(const char **at)
{
    static const struct { const char *text; enum op op; } ops[] = {
        {"!=", OP_NOT}, {"<=", OP_LE}, {">=", OP_GE}, {"<", OP_LT}, {">", OP_GT}, {"=", OP_IS}, {":", OP_HAS},
    };
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++) {
        size_t len = strlen(ops[i].text);
        if (strncmp(*at, ops[i].text, len) == 0) {
            *at += len;
            return ops[i].op;
        }
    }
    return OP_NONE;
}

static int parse_quoted(struct parser *p, struct buf *value)
{
    for (p->at++; *p->at != '"'; p->at++) {
        if (*p->at == '\\' && p->at[1])
            p->at++;
        if (!*p->at)
            return err_set(p->err, "the quote in %.60s is not closed", p->word);
        buf_putc(value, *p->at);
    }
    p->at++;
    return 0;
}

static int parse_value(struct parser *p, struct buf *value)
{
    if (*p->at == '"')
        return parse_quoted(p, value);
    while (*p->at && !isspace((unsigned char)*p->at))
        buf_putc(value, *p->at++);
    return 0;
}

/* The field and operator in front of a value, if there are any. */
static int parse_field(struct parser *p, struct term *t)
{
    const char *name = p->at;
    size_t len = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789");
    const char *behind = name + len;
    t->op = parse_op(&behind);
    if (len == 0 || !isalpha((unsigned char)*name))
        return 0;
    t->field = filter_field_find(name, len);
    if (t->op != OP_NONE) {
        p->at = behind;
        return t->field ? 0 : complain_field(p, name, len);
    }
    bool is_whole = !*behind || isspace((unsigned char)*behind);
    if (!t->field || t->field->kind != FIELD_FLAG || !is_whole)
        t->field = NULL;
    return 0;
}

static int parse_word(struct parser *p)
{
    struct term t = {0};
    p->word = p->at;
    if (*p->at == '!') {
        t.is_negated = true;
        p->at++;
    }
    buf_init(&t.value);
    int rc = parse_field(p, &t);
    t.is_quoted = *p->at == '"';
    if (rc == 0)
        rc = parse_value(p, &t.value);
    if (rc == 0 && !t.field && t.value.len == 0)
        rc = err_set(p->err, "filter word %.40s: a word is missing", *p->word ? p->word : "!");
    if (rc == 0)
        rc = put_term(p, &t);
    buf_done(&t.value);
    return rc;
}

struct filter *filter_parse(const char *text, struct err *e)
{
    struct filter *f = xcalloc(1, sizeof *f);
    f->sql_now = xcalloc(1, sizeof *f->sql_now);
    buf_init(f->sql_now);
    struct parser p = {.filter = f, .at = text ? text : "", .now_ms = clock_wall_ms(), .err = e};
    buf_init(&f->sql);
    for (;;) {
        while (isspace((unsigned char)*p.at))
            p.at++;
        if (!*p.at)
            return f;
        if (parse_word(&p) != 0)
            break;
    }
    filter_free(f);
    return NULL;
}

void filter_free(struct filter *f)
{
    if (!f)
        return;
    for (size_t i = 0; i < f->count; i++) {
        free(f->params[i].text);
        filter_text_free(f->params[i].found);
    }
    buf_done(&f->sql);
    buf_done(f->sql_now);
    free(f->sql_now);
    free(f);
}

int filter_prepare(const struct filter *f, sqlite3 *sq, struct err *e)
{
    for (size_t i = 0; f && i < f->count; i++)
        if (f->params[i].found && filter_text_find(f->params[i].found, sq, e) != 0)
            return -1;
    if (f && f->has_texts)
        fill_places(f);
    return 0;
}

int64_t filter_unsearched(const struct filter *f)
{
    for (size_t i = 0; f && i < f->count; i++)
        if (f->params[i].found)
            return filter_text_unsearched(f->params[i].found);
    return 0;
}

bool filter_reads_bodies(const struct filter *f)
{
    for (size_t i = 0; f && i < f->count; i++)
        if (f->params[i].found && filter_text_reads_bodies(f->params[i].found))
            return true;
    return false;
}

const char *filter_sql(const struct filter *f)
{
    if (!f || f->sql.len == 0)
        return NULL;
    return f->has_texts ? f->sql_now->data : f->sql.data;
}

void filter_bind(const struct filter *f, sqlite3_stmt *st)
{
    for (size_t i = 0; f && i < f->count; i++) {
        int at = (int)(FILTER_FIRST_PARAM + i);
        if (f->params[i].found)
            filter_text_bind(f->params[i++].found, st, at); /* two */
        else if (f->params[i].text)
            sqlite3_bind_text(st, at, f->params[i].text, -1, SQLITE_STATIC);
        else
            sqlite3_bind_double(st, at, f->params[i].number);
    }
}
