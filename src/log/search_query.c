#include "log/search_query.h"

#include <ctype.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "log/search_words.h"

#define WORDS_MAX  64 /* all in all; a term's state is a bit a word */
#define PREFIX_MIN 3  /* bytes; below it half of all words begin so */

/* A word, or some that must follow each other. */
struct term {
    size_t first; /* of q->words */
    size_t count;
    bool is_prefix; /* the last word */
    bool is_negated;
    /* while a text is read */
    uint64_t state; /* bit i: the last i + 1 words are the first i + 1 of the term */
    bool is_found;
};

struct search_query {
    struct search_words *cutter;
    char *words[WORDS_MAX];
    size_t lens[WORDS_MAX];
    size_t word_count;
    struct term terms[WORDS_MAX];
    size_t term_count;
    struct buf fts;
    /* while a text is read */
    size_t starts[WORDS_MAX]; /* of its last words */
    size_t at;
    size_t offset; /* of the part in the text */
    size_t missing;
    bool has_first;
    struct span first;
};

/* ---- Parsing ------------------------------------------------------------------------ */

static bool add_word(void *arg, struct bytes word, struct span at)
{
    struct search_query *q = arg;
    (void)at;
    if (q->word_count < WORDS_MAX) {
        char *copy = xmalloc(word.len + 1);
        memcpy(copy, word.data, word.len);
        copy[word.len] = '\0';
        q->words[q->word_count] = copy;
        q->lens[q->word_count] = word.len;
    }
    q->word_count++;
    return q->word_count <= WORDS_MAX;
}

/* Text without a word adds nothing. */
static int add_term(struct search_query *q, struct bytes text, bool is_prefix, bool is_negated, struct err *e)
{
    struct term t = {.first = q->word_count, .is_prefix = is_prefix, .is_negated = is_negated};
    search_words_each(q->cutter, text, add_word, q);
    if (q->word_count > WORDS_MAX) {
        q->word_count = WORDS_MAX;
        return err_set(e, "more than %d words cannot be looked for at once", WORDS_MAX);
    }
    t.count = q->word_count - t.first;
    if (t.count == 0)
        return 0;
    if (is_prefix && t.count == 1 && q->lens[t.first] < PREFIX_MIN)
        return err_set(e, "\"%s*\" begins too many words; at least %d letters must stand before *", q->words[t.first], PREFIX_MIN);
    q->terms[q->term_count++] = t;
    return 0;
}

static int take_quoted(struct search_query *q, const char **at, bool is_negated, struct err *e)
{
    struct buf text;
    const char *s = *at + 1;
    buf_init(&text);
    for (; *s && *s != '"'; s++) {
        if (*s == '\\' && s[1])
            s++;
        buf_putc(&text, *s);
    }
    int rc = *s ? 0 : err_set(e, "the quote in %.60s is not closed", *at);
    bool is_prefix = rc == 0 && s[1] == '*';
    if (rc == 0)
        rc = add_term(q, buf_bytes(&text), is_prefix, is_negated, e);
    *at = *s ? s + 1 + is_prefix : s;
    buf_done(&text);
    return rc;
}

static int take_bare(struct search_query *q, const char **at, bool is_negated, struct err *e)
{
    size_t len = 0;
    while ((*at)[len] && !isspace((unsigned char)(*at)[len]) && (*at)[len] != '"')
        len++;
    struct bytes text = {*at, len};
    *at += len;
    return add_term(q, text, len > 1 && text.data[len - 1] == '*', is_negated, e);
}

static int parse(struct search_query *q, const char *text, struct err *e)
{
    const char *at = text;
    for (;;) {
        while (isspace((unsigned char)*at))
            at++;
        if (!*at)
            return 0;
        bool is_negated = *at == '-';
        at += is_negated;
        int rc = *at == '"' ? take_quoted(q, &at, is_negated, e) : take_bare(q, &at, is_negated, e);
        if (rc != 0)
            return -1;
    }
}

/* ---- For the index ------------------------------------------------------------------ */

static bool is_for_index(const struct search_query *q, const struct term *t, size_t word)
{
    bool is_short_prefix = t->is_prefix && word == t->first + t->count - 1 && q->lens[word] < PREFIX_MIN;
    return !is_short_prefix;
}

static void put_word(struct search_query *q, const struct term *t, size_t word)
{
    buf_printf(&q->fts, "\"%s\"%s", q->words[word], t->is_prefix && word == t->first + t->count - 1 ? "*" : "");
}

/* The words wanted, and those of a single word that are not. */
static int write_fts(struct search_query *q, const char *text, struct err *e)
{
    buf_putc(&q->fts, '(');
    for (size_t i = 0; i < q->term_count; i++) {
        const struct term *t = &q->terms[i];
        for (size_t w = t->first; w < t->first + t->count && !t->is_negated; w++) {
            if (!is_for_index(q, t, w))
                continue;
            buf_puts(&q->fts, q->fts.len > 1 ? " AND " : "");
            put_word(q, t, w);
        }
    }
    if (q->fts.len == 1)
        return q->term_count > 0 ? err_set(e, "give a word to look for, too: -WORD only leaves texts out")
                                 : err_set(e, "there is no letter or digit in \"%.60s\" to look for", text);
    buf_putc(&q->fts, ')');
    for (size_t i = 0; i < q->term_count; i++) {
        const struct term *t = &q->terms[i];
        if (t->is_negated && t->count == 1) {
            buf_puts(&q->fts, " NOT ");
            put_word(q, t, t->first);
        }
    }
    return 0;
}

/* ---- The whole ---------------------------------------------------------------------- */

static struct search_query *query_new(struct err *e)
{
    struct search_query *q = xcalloc(1, sizeof *q);
    buf_init(&q->fts);
    q->cutter = search_words_open(e);
    if (q->cutter)
        return q;
    search_query_free(q);
    return NULL;
}

static struct search_query *query_finish(struct search_query *q, int rc, const char *text, struct err *e)
{
    if (rc == 0 && write_fts(q, text, e) == 0)
        return q;
    search_query_free(q);
    return NULL;
}

struct search_query *search_query_parse(const char *text, struct err *e)
{
    struct search_query *q = query_new(e);
    return q ? query_finish(q, parse(q, text, e), text, e) : NULL;
}

struct search_query *search_query_phrase(const char *text, struct err *e)
{
    struct search_query *q = query_new(e);
    size_t len = strlen(text);
    bool is_prefix = len > 1 && text[len - 1] == '*';
    return q ? query_finish(q, add_term(q, bytes_of(text), is_prefix, false, e), text, e) : NULL;
}

void search_query_free(struct search_query *q)
{
    if (!q)
        return;
    search_words_close(q->cutter);
    for (size_t i = 0; i < q->word_count; i++)
        free(q->words[i]);
    buf_done(&q->fts);
    free(q);
}

const char *search_query_fts(const struct search_query *q)
{
    return q->fts.data;
}

bool search_query_must_read(const struct search_query *q)
{
    for (size_t i = 0; i < q->term_count; i++)
        if (q->terms[i].count > 1)
            return true;
    return false;
}

/* ---- Reading texts ------------------------------------------------------------------ */

static bool is_word(const struct search_query *q, const struct term *t, size_t i, struct bytes word)
{
    size_t len = q->lens[t->first + i];
    bool is_prefix = t->is_prefix && i == t->count - 1;
    return (is_prefix ? word.len >= len : word.len == len) && memcmp(word.data, q->words[t->first + i], len) == 0;
}

static void found(struct search_query *q, struct term *t, size_t end)
{
    if (!t->is_negated && !q->has_first) {
        size_t start = q->starts[(q->at - (t->count - 1)) % WORDS_MAX];
        q->first = (struct span){q->offset + start, end - start};
        q->has_first = true;
    }
    if (!t->is_found)
        q->missing--;
    t->is_found = true;
}

static bool read_word(void *arg, struct bytes word, struct span at)
{
    struct search_query *q = arg;
    q->starts[++q->at % WORDS_MAX] = at.off;
    for (size_t i = 0; i < q->term_count; i++) {
        struct term *t = &q->terms[i];
        uint64_t next = 0;
        bool is_whole = false;
        for (size_t w = 0; w < t->count; w++) {
            if ((w > 0 && !(t->state >> (w - 1) & 1)) || !is_word(q, t, w, word))
                continue;
            next |= (uint64_t)1 << w;
            is_whole = w == t->count - 1;
        }
        t->state = next;
        if (is_whole)
            found(q, t, at.off + at.len);
    }
    return q->missing > 0;
}

static bool has_all(const struct search_query *q)
{
    for (size_t i = 0; i < q->term_count; i++)
        if (q->terms[i].is_found == q->terms[i].is_negated)
            return false;
    return true;
}

bool search_query_match(struct search_query *q, const struct search_text *t, struct search_match *m)
{
    q->at = WORDS_MAX;
    q->has_first = false;
    q->missing = q->term_count;
    for (size_t i = 0; i < q->term_count; i++)
        q->terms[i].is_found = false;
    for (size_t p = 0; p < t->count && q->missing > 0; p++) {
        bool had_first = q->has_first;
        for (size_t i = 0; i < q->term_count; i++)
            q->terms[i].state = 0;
        q->offset = t->parts[p].at.off;
        search_words_each(q->cutter, search_part_text(t, p), read_word, q);
        if (q->has_first && !had_first)
            *m = (struct search_match){p, q->first};
    }
    return has_all(q);
}
