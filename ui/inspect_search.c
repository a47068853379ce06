/* Looking for words in the tab that is shown.
 *
 * A tab of parts is looked through part by part, folded or not, on whatever page: how
 * often the words stand in each title and page is counted, and only the page with the
 * hit that is gone to is laid out.  The other tabs are looked through by their lines.
 * Counting and marking clean the text in the same way (ui/pager.h), so that the nth
 * hit of a page is the nth mark on it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "ui/inspect.h"

/* ---- Counting ------------------------------------------------------------------- */

static void add_chunk(struct inspect_search *s, struct search_chunk chunk)
{
    if (chunk.count == 0)
        return;
    if ((s->chunk_count & (s->chunk_count - 1)) == 0) /* doubling at powers of two */
        s->chunks = xrealloc(s->chunks, (s->chunk_count ? s->chunk_count * 2 : 1) * sizeof(*s->chunks));
    s->chunks[s->chunk_count++] = chunk;
    s->total += chunk.count;
}

static void count_part(struct inspect *x, size_t part)
{
    struct inspect_search *s = &x->search;
    struct buf text;
    buf_init(&text);
    inspect_part_title(x, part, &text);
    add_chunk(s, (struct search_chunk){(int)part, true, 0, pager_count(text.data, text.len, s->words)});
    buf_reset(&text);
    inspect_part_text(x, part, &text);
    for (size_t at = 0, page = 0; at < text.len; page++) {
        size_t end = inspect_page_end(buf_bytes(&text), at);
        add_chunk(s, (struct search_chunk){(int)part, false, page, pager_count(text.data + at, end - at, s->words)});
        at = end;
    }
    buf_done(&text);
}

static void forget(struct inspect_search *s)
{
    free(s->chunks);
    s->chunks = NULL;
    s->chunk_count = 0;
    s->total = s->at = 0;
    s->is_counted = false;
}

static void count(struct inspect *x)
{
    struct inspect_search *s = &x->search;
    const struct pager *p = &x->pager;
    size_t at = s->at;
    bool was_on = at < s->total;
    forget(s);
    for (size_t part = 0; part < x->parts[x->tab].count; part++)
        count_part(x, part);
    if (x->parts[x->tab].count == 0)
        add_chunk(s, (struct search_chunk){-1, false, 0, p->hit_count ? p->hits[p->hit_count - 1].number + 1 : 0});
    s->at = was_on && at < s->total ? at : s->total;
    s->is_counted = true;
}

/* ---- Going to a hit --------------------------------------------------------------- */

/* The chunk of the hit, and which one of the chunk it is. */
static const struct search_chunk *chunk_of(const struct inspect_search *s, size_t hit, size_t *nth)
{
    for (size_t i = 0; i < s->chunk_count; i++) {
        if (hit < s->chunks[i].count) {
            *nth = hit;
            return &s->chunks[i];
        }
        hit -= s->chunks[i].count;
    }
    return NULL;
}

/* Unfold what hides it, turn to its page.  Is anything another now? */
static bool uncover(struct inspect *x, const struct search_chunk *chunk)
{
    struct inspect_part *part = &x->parts[x->tab].list[chunk->part];
    bool is_other = x->tab == TAB_REQUEST && inspect_unfold(x, (size_t)chunk->part, !chunk->is_title);
    if (!chunk->is_title && part->page != chunk->page) {
        part->page = chunk->page;
        is_other = true;
    }
    return is_other;
}

/* The number that the pager gave the hit.  Titles stand in front of texts. */
static size_t number_of(const struct inspect *x, const struct search_chunk *chunk, size_t nth)
{
    for (const struct search_chunk *c = chunk; !chunk->is_title && c-- > x->search.chunks && c->part == chunk->part;)
        nth += c->is_title ? c->count : 0;
    return pager_nth(&x->pager, chunk->part, nth);
}

static void show(struct inspect *x, struct db *db)
{
    size_t nth;
    const struct search_chunk *chunk = chunk_of(&x->search, x->search.at, &nth);
    if (!chunk)
        return;
    if (chunk->part >= 0 && uncover(x, chunk))
        inspect_make(x, db);
    size_t number = number_of(x, chunk, nth);
    if (number != (size_t)-1)
        x->cursor = pager_show(&x->pager, number);
}

void inspect_search_mark(struct inspect *x)
{
    struct inspect_search *s = &x->search;
    size_t nth;
    if (!s->words[0])
        return;
    pager_mark(&x->pager, s->words);
    if (!s->is_counted)
        count(x);
    const struct search_chunk *chunk = chunk_of(s, s->at, &nth);
    if (chunk)
        x->pager.hit_at = number_of(x, chunk, nth);
}

/* The first hit at or behind the part, or line, that the user is on. */
static size_t first_from_here(const struct inspect *x)
{
    const struct inspect_search *s = &x->search;
    int here = inspect_part_here(x);
    size_t hit = 0, line = inspect_has_cursor(x) ? x->cursor : x->pager.top;
    for (size_t i = 0; i < x->pager.hit_count && x->parts[x->tab].count == 0; i++)
        if (x->pager.hits[i].line >= line)
            return x->pager.hits[i].number;
    for (size_t i = 0; i < s->chunk_count && s->chunks[i].part < here; i++)
        hit += s->chunks[i].count;
    return hit < s->total ? hit : 0;
}

void inspect_search_start(struct inspect *x, struct db *db, const char *words)
{
    inspect_search_end(x);
    if (!words[0])
        return;
    snprintf(x->search.words, sizeof(x->search.words), "%s", words);
    inspect_ready(x, db);
    inspect_search_mark(x);
    x->search.at = first_from_here(x);
    show(x, db);
}

bool inspect_search_go(struct inspect *x, struct db *db, int by)
{
    struct inspect_search *s = &x->search;
    inspect_ready(x, db);
    if (s->total == 0)
        return false;
    bool is_on = s->at < s->total, wraps = is_on && (by > 0 ? s->at + 1 == s->total : s->at == 0);
    size_t from = is_on ? s->at : first_from_here(x);
    s->at = by < 0 ? (from + s->total - 1) % s->total : is_on ? (from + 1) % s->total : from;
    show(x, db);
    return wraps;
}

void inspect_search_end(struct inspect *x)
{
    x->search.words[0] = '\0';
    forget(&x->search);
    pager_mark(&x->pager, NULL);
}
