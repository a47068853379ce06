#include "log/redact.h"

#include <locale.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/encode.h"
#include "base/mem.h"
#include "base/sys.h"

/* One regexec() cannot be interrupted and may need the square of its text: 64 million
 * steps of the worst pattern, on a window and a match beyond its end. */
#define WINDOW      ((size_t)4096)
#define CLEAN_SLOTS ((size_t)1 << 16) /* 512 KiB: some 20 conversations of 3,000 strings */
#define CLEAN_LEAST ((size_t)32)      /* shorter stretches are searched as fast as looked up */
#define MARK        "[redacted]"

struct redact {
    regex_t patterns[REDACT_PATTERNS_MAX];
    size_t count;
    locale_t ascii; /* bytes, whatever the user's language: several times as fast */
    uint64_t secret;
    uint64_t clean[CLEAN_SLOTS]; /* hashes of stretches without a match; 0: empty */
    int64_t patience_us;
    int64_t deadline_us;
};

/* ---- Patterns ---------------------------------------------------------------------- */

/* \1 makes the time of a match exponential, and says nothing a secret needs. */
static bool has_back_reference(const char *pattern)
{
    for (const char *p = pattern; *p; p++) {
        if (*p != '\\' || !p[1])
            continue;
        if (*++p >= '1' && *p <= '9')
            return true;
    }
    return false;
}

static int compile(struct redact *r, const char *pattern, struct err *e)
{
    char why[200];
    regmatch_t at;
    if (r->count == REDACT_PATTERNS_MAX)
        return err_set(e, "--redact takes at most %zu patterns; join some with |", REDACT_PATTERNS_MAX);
    if (!*pattern || strlen(pattern) > REDACT_PATTERN_MAX)
        return err_set(e, "a --redact pattern has 1 to %zu bytes, this one %zu", REDACT_PATTERN_MAX, strlen(pattern));
    if (has_back_reference(pattern))
        return err_set(e, "--redact '%s' refers back with a backslash and a figure, which has no bound; write it out", pattern);
    regex_t *slot = &r->patterns[r->count];
    int rc = regcomp(slot, pattern, REG_EXTENDED | REG_NEWLINE);
    if (rc != 0) {
        regerror(rc, slot, why, sizeof why);
        return err_set(e, "--redact '%s' is no POSIX extended regular expression: %s", pattern, why);
    }
    r->count++;
    if (regexec(slot, "", 1, &at, 0) == 0)
        return err_set(e, "--redact '%s' matches nothing at all everywhere; say what must be there", pattern);
    return 0;
}

struct redact *redact_new(const char *const *patterns, struct err *e)
{
    struct redact *r = xcalloc(1, sizeof *r);
    int rc = 0;
    r->ascii = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    r->patience_us = REDACT_BODY_US;
    random_bytes(&r->secret, sizeof r->secret);
    locale_t before = uselocale(r->ascii);
    for (size_t i = 0; rc == 0 && patterns[i]; i++)
        rc = compile(r, patterns[i], e);
    uselocale(before);
    if (rc == 0)
        return r;
    redact_free(r);
    return NULL;
}

void redact_free(struct redact *r)
{
    if (!r)
        return;
    for (size_t i = 0; i < r->count; i++)
        regfree(&r->patterns[i]);
    if (r->ascii)
        freelocale(r->ascii);
    free(r);
}

void redact_set_patience(struct redact *r, int64_t body_us)
{
    r->patience_us = body_us;
}

/* ---- Searching ----------------------------------------------------------------------- */

/* The first match of any pattern that begins in text[from, upto). */
static bool find_match(const struct redact *r, struct bytes text, size_t from, size_t upto, struct span *found)
{
    bool has = false;
    for (size_t i = 0; i < r->count; i++) {
        size_t end = upto + REDACT_MATCH_MAX < text.len ? upto + REDACT_MATCH_MAX : text.len;
        regmatch_t at = {.rm_so = (regoff_t)from, .rm_eo = (regoff_t)end};
        int flags = (from > 0 ? REG_NOTBOL : 0) | (end < text.len ? REG_NOTEOL : 0);
        if (sys_regexec(&r->patterns[i], text.data, &at, flags) != 0 || at.rm_eo <= at.rm_so)
            continue;
        struct span here = {(size_t)at.rm_so, (size_t)(at.rm_eo - at.rm_so)};
        if (here.off >= upto || (has && here.off >= found->off))
            continue;
        *found = here;
        has = true;
    }
    return has;
}

enum stretch_found { STRETCH_CLEAN, STRETCH_CHANGED, STRETCH_LATE };

/* What is kept so far: out, which stands for text[0, copied). */
struct copy {
    struct bytes text;
    struct buf out;
    size_t copied;
};

static enum stretch_found search(const struct redact *r, struct span stretch, struct copy *c)
{
    const char *base = c->text.data + stretch.off;
    struct bytes text = {base, stretch.len};
    enum stretch_found verdict = STRETCH_CLEAN;
    for (size_t at = 0; at < text.len;) {
        struct span found = {0, 0};
        size_t upto = at + WINDOW < text.len ? at + WINDOW : text.len;
        if (find_match(r, text, at, upto, &found)) {
            buf_put(&c->out, c->text.data + c->copied, stretch.off + found.off - c->copied);
            buf_puts(&c->out, MARK);
            at = found.off + found.len;
            c->copied = stretch.off + at;
            verdict = STRETCH_CHANGED;
        } else {
            at = upto;
        }
        if (clock_mono_us() > r->deadline_us)
            return STRETCH_LATE;
    }
    return verdict;
}

static enum stretch_found search_known(struct redact *r, struct span stretch, struct copy *c)
{
    if (stretch.len < CLEAN_LEAST)
        return search(r, stretch, c);
    uint64_t hash = XXH3_64bits_withSeed(c->text.data + stretch.off, stretch.len, r->secret) | 1;
    uint64_t *slot = &r->clean[(hash >> 1) % CLEAN_SLOTS];
    if (*slot == hash)
        return STRETCH_CLEAN;
    enum stretch_found found = search(r, stretch, c);
    if (found == STRETCH_CLEAN)
        *slot = hash;
    return found;
}

/* ---- A text ------------------------------------------------------------------------------ */

/* A stretch ends before a line break or a quote that no backslash escapes. */
static size_t stretch_end(struct bytes text, size_t at)
{
    for (; at < text.len; at++) {
        char c = text.data[at];
        if (c == '\\')
            at++;
        else if (c == '"' || c == '\n' || c == '\r')
            return at;
    }
    return text.len;
}

static enum redacted redact_bytes(struct redact *r, struct copy *c)
{
    r->deadline_us = clock_mono_us() + r->patience_us;
    for (size_t at = 0; at < c->text.len;) {
        size_t end = stretch_end(c->text, at);
        if (search_known(r, (struct span){at, end - at}, c) == STRETCH_LATE)
            return REDACT_FAILED;
        at = end + 1;
    }
    if (c->copied == 0)
        return REDACT_CLEAN;
    buf_put(&c->out, c->text.data + c->copied, c->text.len - c->copied);
    return c->out.failed ? REDACT_FAILED : REDACT_CHANGED;
}

enum redacted redact_body(struct redact *r, const struct blob *body, struct blob **out)
{
    struct copy c = {.text = blob_bytes(body)};
    locale_t before = uselocale(r->ascii);
    buf_init(&c.out);
    enum redacted verdict = redact_bytes(r, &c);
    uselocale(before);
    *out = verdict == REDACT_CHANGED ? blob_copy(c.out.data, c.out.len) : NULL;
    if (verdict == REDACT_CHANGED && !*out)
        verdict = REDACT_FAILED;
    buf_done(&c.out);
    return verdict;
}

void redact_text(struct redact *r, char **text)
{
    if (!*text)
        return;
    struct copy c = {.text = bytes_of(*text)};
    locale_t before = uselocale(r->ascii);
    buf_init(&c.out);
    enum redacted verdict = redact_bytes(r, &c);
    uselocale(before);
    if (verdict != REDACT_CLEAN)
        xreplace(text, verdict == REDACT_CHANGED ? c.out.data : MARK);
    buf_done(&c.out);
}
