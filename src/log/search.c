#include "log/search.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/text.h"
#include "log/body_pieces.h"
#include "log/filter_sql.h"
#include "log/piece_read.h"
#include "log/piece_set.h"
#include "log/reader_row.h"
#include "log/search_schema.h"
#include "log/sql.h"

#define PAGE_US        ((int64_t)150000) /* after which a page ends as it is */
#define DIRECT_CALLS   100
#define DIRECT_BYTES   ((size_t)16 << 20)
#define EXCERPT_BEFORE ((size_t)48)
#define EXCERPT_AFTER  ((size_t)160)

struct search {
    sqlite3 *sq;
    struct search_query *query;
    const struct search_ask *ask; /* NULL: all calls are wanted, no excerpts */
    struct piece_reader *pieces;
    struct search_text text;
    sqlite3_stmt *wanted; /* is this call there, and wanted? NULL: all are */
    sqlite3_stmt *older;  /* does an older generation have this piece? */
    bool has_index;
    size_t page_size;
    int64_t gone; /* calls before this one have no bodies any more */
    struct search_hits *page;
    struct search_found *found;
};

/* ---- Opening ------------------------------------------------------------------------ */

/* A log that no gateway of this version has opened yet has no index. */
static int look_for_index(struct search *s, struct err *e)
{
    int64_t count = 0;
    if (sql_int64(s->sq, "SELECT count(*) FROM sqlite_schema WHERE name = 'search_todo'", &count, e) != 0)
        return -1;
    s->has_index = count > 0;
    return sql_int64(s->sq, "SELECT " SEARCH_GONE_SQL, &s->gone, e);
}

static int prepare_wanted(struct search *s, struct err *e)
{
    struct buf sql;
    const struct search_ask *ask = s->ask;
    buf_init(&sql);
    buf_puts(&sql, "SELECT 1 FROM call c WHERE c.id = ?1");
    if (ask->session_id)
        buf_puts(&sql, " AND c.session_id = ?2");
    if (filter_sql(ask->filter))
        buf_printf(&sql, " AND %s", filter_sql(ask->filter));
    s->wanted = sql_prepare(s->sq, sql.data, e);
    buf_done(&sql);
    if (!s->wanted)
        return -1;
    if (ask->session_id)
        sql_bind_text(s->wanted, 2, ask->session_id);
    filter_bind(ask->filter, s->wanted);
    return 0;
}

static int search_open(struct search *s, struct err *e)
{
    search_text_init(&s->text);
    s->pieces = piece_reader_open(s->sq, e);
    if (!s->pieces || look_for_index(s, e) != 0 || (s->ask && prepare_wanted(s, e) != 0))
        return -1;
    if (!s->has_index)
        return 0;
    s->older = sql_prepare(s->sq,
                           "SELECT 1 FROM search_gen g JOIN search_piece p ON p.gen = g.id AND p.piece_id = ?1"
                           " WHERE g.id < ?2 AND NOT g.is_going AND p.call_id >= ?3 LIMIT 1",
                           e);
    return s->older ? 0 : -1;
}

static void search_close(struct search *s)
{
    search_text_done(&s->text);
    piece_reader_close(s->pieces);
    sqlite3_finalize(s->wanted);
    sqlite3_finalize(s->older);
}

/* 0 or 1; -1. */
static int has_row(sqlite3_stmt *st, struct err *e)
{
    int rc = sqlite3_step(st);
    sqlite3_reset(st);
    if (rc != SQLITE_ROW && rc != SQLITE_DONE)
        return reader_fail(sqlite3_db_handle(st), e);
    return rc == SQLITE_ROW;
}

static int is_wanted(struct search *s, int64_t call_id, struct err *e)
{
    if (call_id < s->gone || !s->wanted)
        return call_id >= s->gone;
    sqlite3_bind_int64(s->wanted, 1, call_id);
    return has_row(s->wanted, e);
}

static int is_in_older(struct search *s, int64_t gen, int64_t piece, struct err *e)
{
    sqlite3_bind_int64(s->older, 1, piece);
    sqlite3_bind_int64(s->older, 2, gen);
    sqlite3_bind_int64(s->older, 3, s->gone);
    return has_row(s->older, e);
}

/* ---- Hits --------------------------------------------------------------------------- */

/* One line of clean text. */
static void put_line(struct buf *out, const char *s, size_t len)
{
    struct buf line;
    bool was_space = out->len == 0;
    buf_init(&line);
    for (size_t i = 0; i < len; i++) {
        bool is_space = isspace((unsigned char)s[i]);
        if (!is_space || !was_space)
            buf_putc(&line, is_space ? ' ' : s[i]);
        was_space = is_space;
    }
    text_clean(out, line.data, line.len, false, false);
    buf_done(&line);
}

static bool is_inside_character(char c)
{
    return ((unsigned char)c & 0xC0) == 0x80;
}

static void write_excerpt(struct search_hit *h, struct bytes part, struct span hit)
{
    struct buf out;
    size_t from = hit.off > EXCERPT_BEFORE ? hit.off - EXCERPT_BEFORE : 0;
    size_t end = hit.off + hit.len;
    size_t to = part.len - end > EXCERPT_AFTER ? end + EXCERPT_AFTER : part.len;
    while (from > 0 && from < hit.off && !isspace((unsigned char)part.data[from]))
        from++;
    if (from > 0 && from == hit.off)
        from = hit.off - 1; /* within a long word */
    while (from > 0 && from < hit.off && is_inside_character(part.data[from]))
        from++;
    while (to < part.len && to > end && is_inside_character(part.data[to]))
        to--;
    buf_init(&out);
    put_line(&out, part.data + from, hit.off - from);
    h->mark.off = out.len;
    put_line(&out, part.data + hit.off, hit.len);
    h->mark.len = out.len - h->mark.off;
    put_line(&out, part.data + end, to - end);
    h->excerpt = buf_take(&out, NULL);
}

static void clean_where(char where[SEARCH_WHERE_MAX])
{
    struct buf clean;
    buf_init(&clean);
    text_clean(&clean, where, strlen(where), false, false);
    snprintf(where, SEARCH_WHERE_MAX, "%.*s", (int)text_fit(clean.data, clean.len, SEARCH_WHERE_MAX / 4), clean.data);
    buf_done(&clean);
}

static void add_hit(struct search *s, int64_t call_id, int64_t piece, const struct search_match *m)
{
    struct search_hits *p = s->page;
    /* Doubling at powers of two: no room to keep. */
    if ((p->count & (p->count - 1)) == 0)
        p->hits = xrealloc(p->hits, (p->count ? p->count * 2 : 1) * sizeof *p->hits);
    struct search_hit *h = &p->hits[p->count++];
    const struct search_part *part = &s->text.parts[m->part];
    *h = (struct search_hit){.call_id = call_id, .piece_id = piece};
    memcpy(h->where, part->where, sizeof h->where);
    clean_where(h->where);
    write_excerpt(h, bytes_at(s->text.text.data, part->at), (struct span){m->at.off - part->at.off, m->at.len});
}

static void add_candidate(struct search_found *f, struct search_candidate c)
{
    if (f->count == f->cap) {
        f->cap = f->cap ? f->cap * 2 : 256;
        f->all = xrealloc(f->all, f->cap * sizeof *f->all);
    }
    f->all[f->count++] = c;
}

static int read_text(struct search *s, int64_t piece, size_t *bytes, struct err *e)
{
    enum piece_kind kind;
    struct bytes raw;
    s->text.count = 0;
    int rc = piece_reader_get(s->pieces, piece, &kind, &raw, e);
    if (rc != 0)
        return rc < 0 ? -1 : 0;
    *bytes += raw.len;
    search_text_read(&s->text, kind, raw);
    return 0;
}

/* Of a piece whose words the index knows, or does not know yet. */
static int take_piece(struct search *s, int64_t call_id, int64_t piece, bool is_indexed, size_t *bytes, struct err *e)
{
    struct search_match m;
    if (s->found && is_indexed) {
        enum search_verdict verdict = search_query_must_read(s->query) ? SEARCH_UNREAD : SEARCH_MATCHES;
        add_candidate(s->found, (struct search_candidate){call_id, piece, verdict});
        return 0;
    }
    if (read_text(s, piece, bytes, e) != 0)
        return -1;
    if (!search_query_match(s->query, &s->text, &m))
        return 0;
    if (s->found)
        add_candidate(s->found, (struct search_candidate){call_id, piece, SEARCH_MATCHES});
    else
        add_hit(s, call_id, piece, &m);
    return 0;
}

/* ---- Calls that are not in the index yet ------------------------------------------- */

struct direct {
    int64_t calls[DIRECT_CALLS];
    size_t count;
    int64_t all;
    struct piece_set seen;
    struct piece_ids ids;
    size_t bytes;
    sqlite3_stmt *lists;
};

static int find_direct(struct search *s, struct direct *d, struct err *e)
{
    const char *count = s->has_index ? "SELECT count(*) FROM search_todo" : "SELECT count(*) FROM call WHERE state <> 'open'";
    const char *newest = s->has_index ? "SELECT call_id FROM search_todo ORDER BY call_id DESC LIMIT ?"
                                      : "SELECT id FROM call WHERE state <> 'open' ORDER BY id DESC LIMIT ?";
    if (sql_int64(s->sq, count, &d->all, e) != 0)
        return -1;
    sqlite3_stmt *st = sql_prepare(s->sq, newest, e);
    if (!st)
        return -1;
    sqlite3_bind_int(st, 1, DIRECT_CALLS);
    while (d->count < DIRECT_CALLS && sqlite3_step(st) == SQLITE_ROW)
        d->calls[d->count++] = sqlite3_column_int64(st, 0);
    sqlite3_finalize(st);
    d->lists = body_pieces_prepare(s->sq, e);
    return d->lists ? 0 : -1;
}

static int read_direct(struct search *s, struct direct *d, int64_t call_id, struct err *e)
{
    int wanted = is_wanted(s, call_id, e);
    if (wanted < 0 || body_pieces_read(d->lists, call_id, &d->ids, e) != 0)
        return -1;
    for (size_t i = 0; i < d->ids.count; i++) {
        int64_t piece = d->ids.ids[i];
        if (piece_set_has(&d->seen, piece))
            continue;
        piece_set_add(&d->seen, piece);
        int known = s->has_index ? is_in_older(s, INT64_MAX, piece, e) : 0;
        if (known < 0 || (!known && wanted && take_piece(s, call_id, piece, false, &d->bytes, e) != 0))
            return -1;
    }
    return 0;
}

static void turn_round(struct search_hits *page)
{
    for (size_t i = 0; i < page->count / 2; i++) {
        struct search_hit h = page->hits[i];
        page->hits[i] = page->hits[page->count - 1 - i];
        page->hits[page->count - 1 - i] = h;
    }
}

/* Oldest first, so that a text is found where it first came. */
static int search_direct(struct search *s, int64_t *unindexed, struct err *e)
{
    struct direct d = {.count = 0};
    int rc = find_direct(s, &d, e);
    size_t read = 0;
    for (size_t i = d.count; i-- > 0 && rc == 0 && d.bytes < DIRECT_BYTES; read++)
        rc = read_direct(s, &d, d.calls[i], e);
    *unindexed = d.all - (int64_t)read;
    if (s->page)
        turn_round(s->page);
    sqlite3_finalize(d.lists);
    piece_ids_done(&d.ids);
    piece_set_done(&d.seen);
    return rc;
}

/* ---- The index ---------------------------------------------------------------------- */

static sqlite3_stmt *prepare_match(struct search *s, int64_t gen, int64_t before, struct err *e)
{
    char *sql = xasprintf("SELECT t.rowid, p.call_id FROM search_text_%" PRId64 " t CROSS JOIN search_piece p"
                          " ON p.gen = %" PRId64 " AND p.piece_id = t.rowid"
                          " WHERE search_text_%" PRId64 " MATCH ?1 AND t.rowid < ?2 ORDER BY t.rowid DESC",
                          gen, gen, gen);
    sqlite3_stmt *st = sql_prepare(s->sq, sql, e);
    free(sql);
    if (!st)
        return NULL;
    sqlite3_bind_text(st, 1, search_query_fts(s->query), -1, SQLITE_STATIC);
    sqlite3_bind_int64(st, 2, before);
    return st;
}

/* The generation below; 0: none. */
static int next_gen(struct search *s, int64_t below, int64_t *gen, struct err *e)
{
    char *sql = xasprintf("SELECT ifnull(max(id), 0) FROM search_gen WHERE NOT is_going AND id < %" PRId64, below);
    int rc = sql_int64(s->sq, sql, gen, e);
    free(sql);
    return rc;
}

/* The youngest piece of the generations below: only up to it one may be in both. */
static int last_piece_below(struct search *s, int64_t gen, int64_t *piece, struct err *e)
{
    char *sql = xasprintf("SELECT ifnull(max((SELECT max(piece_id) FROM search_piece WHERE gen = g.id)), 0) FROM search_gen g"
                          " WHERE NOT is_going AND id < %" PRId64,
                          gen);
    int rc = sql_int64(s->sq, sql, piece, e);
    free(sql);
    return rc;
}

static bool is_page_full(const struct search *s, int64_t until_us)
{
    return s->page && (s->page->count >= s->page_size || clock_mono_us() >= until_us);
}

/* Goes on behind *before in this generation; *before is 0 when it has no more. */
static int search_gen(struct search *s, int64_t gen, int64_t until_us, int64_t *before, struct err *e)
{
    size_t bytes = 0;
    int64_t last_below = 0;
    if (last_piece_below(s, gen, &last_below, e) != 0)
        return -1;
    sqlite3_stmt *st = prepare_match(s, gen, *before, e);
    if (!st)
        return -1;
    int rc = SQLITE_ROW;
    int found = 0;
    while (found >= 0 && !is_page_full(s, until_us) && (rc = sqlite3_step(st)) == SQLITE_ROW) {
        int64_t piece = *before = sqlite3_column_int64(st, 0);
        int64_t call_id = sqlite3_column_int64(st, 1);
        int older = piece > last_below ? 0 : is_in_older(s, gen, piece, e);
        found = older != 0 ? older : is_wanted(s, call_id, e);
        if (older == 0 && found > 0 && take_piece(s, call_id, piece, true, &bytes, e) != 0)
            found = -1;
    }
    if (rc != SQLITE_ROW && rc != SQLITE_DONE)
        found = reader_fail(s->sq, e);
    else if (rc == SQLITE_DONE)
        *before = 0;
    sqlite3_finalize(st);
    return found < 0 ? -1 : 0;
}

/* The newest words first: younger generations hold the younger pieces. */
static int search_index(struct search *s, struct search_cursor *at, struct err *e)
{
    int64_t until = clock_mono_us() + PAGE_US;
    if (at->gen == 0 && next_gen(s, INT64_MAX, &at->gen, e) != 0)
        return -1;
    while (at->gen != 0) {
        int64_t before = at->piece ? at->piece : INT64_MAX;
        if (search_gen(s, at->gen, until, &before, e) != 0)
            return -1;
        at->piece = before;
        if (before != 0)
            return 1;
        if (next_gen(s, at->gen, &at->gen, e) != 0)
            return -1;
    }
    return 0;
}

/* ---- Pages -------------------------------------------------------------------------- */

static int search_inside(struct search *s, struct search_cursor *at, struct err *e)
{
    if (search_open(s, e) != 0)
        return -1;
    if (!at->is_past_unindexed && search_direct(s, &at->unindexed, e) != 0)
        return -1;
    at->is_past_unindexed = true;
    return s->has_index ? search_index(s, at, e) : 0;
}

int search_page(struct db *db, const struct search_ask *ask, struct search_cursor *at, struct search_hits *page, struct err *e)
{
    at->page_size = at->page_size == 0 ? SEARCH_PAGE : at->page_size < SEARCH_PAGE_MAX ? at->page_size * 2 : SEARCH_PAGE_MAX;
    struct search s = {.sq = db_sqlite(db), .query = ask->query, .ask = ask, .page = page, .page_size = at->page_size};
    *page = (struct search_hits){0};
    if (reader_begin(s.sq, e) != 0)
        return -1;
    int rc = filter_prepare(ask->filter, s.sq, e);
    if (rc == 0)
        rc = search_inside(&s, at, e);
    search_close(&s);
    reader_end(s.sq);
    page->has_more = rc == 1;
    page->unindexed = at->unindexed;
    if (rc < 0)
        search_hits_done(page);
    return rc < 0 ? -1 : 0;
}

void search_hits_done(struct search_hits *h)
{
    for (size_t i = 0; i < h->count; i++)
        free(h->hits[i].excerpt);
    free(h->hits);
    *h = (struct search_hits){0};
}

/* ---- For filters -------------------------------------------------------------------- */

int search_candidate_compare(const void *a, const void *b)
{
    const struct search_candidate *x = a;
    const struct search_candidate *y = b;
    if (x->call_id != y->call_id)
        return x->call_id < y->call_id ? -1 : 1;
    return x->piece_id < y->piece_id ? -1 : x->piece_id > y->piece_id;
}

size_t search_found_at(const struct search_found *f, int64_t call_id)
{
    size_t low = 0;
    size_t high = f->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (f->all[middle].call_id < call_id)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

void search_found_done(struct search_found *f)
{
    free(f->all);
    *f = (struct search_found){0};
}

int search_find(sqlite3 *sq, struct search_query *q, struct search_found *found, struct err *e)
{
    struct search s = {.sq = sq, .query = q, .found = found};
    struct search_cursor at = {0};
    *found = (struct search_found){0};
    int rc = search_inside(&s, &at, e);
    search_close(&s);
    found->unindexed = at.unindexed;
    if (rc < 0)
        search_found_done(found);
    else if (found->count > 1)
        qsort(found->all, found->count, sizeof *found->all, search_candidate_compare);
    return rc < 0 ? -1 : 0;
}

int search_state(sqlite3 *sq, int64_t state[SEARCH_STATE], struct err *e)
{
    sqlite3_stmt *st = sql_prepare(sq,
                                   "SELECT (SELECT max(id) FROM search_gen), (SELECT max(call_id) FROM search_todo),"
                                   " (SELECT min(call_id) FROM search_todo), " SEARCH_GONE_SQL ","
                                   " (SELECT max(piece_id) FROM search_piece WHERE gen = (SELECT max(id) FROM search_gen))",
                                   e);
    if (!st)
        return -1;
    int rc = sqlite3_step(st);
    for (int i = 0; i < SEARCH_STATE; i++)
        state[i] = rc == SQLITE_ROW ? sqlite3_column_int64(st, i) : -1;
    sqlite3_finalize(st);
    return rc == SQLITE_ROW ? 0 : reader_fail(sq, e);
}

struct search_reader {
    struct piece_reader *pieces;
    struct search_text text;
};

struct search_reader *search_reader_open(sqlite3 *sq, struct err *e)
{
    struct search_reader *r = xcalloc(1, sizeof *r);
    search_text_init(&r->text);
    r->pieces = piece_reader_open(sq, e);
    if (r->pieces)
        return r;
    search_reader_close(r);
    return NULL;
}

void search_reader_close(struct search_reader *r)
{
    if (!r)
        return;
    piece_reader_close(r->pieces);
    search_text_done(&r->text);
    free(r);
}

void search_reader_begin(struct search_reader *r)
{
    piece_reader_begin(r->pieces);
}

int search_reader_match(struct search_reader *r, struct search_query *q, int64_t piece_id, struct err *e)
{
    enum piece_kind kind;
    struct bytes raw;
    struct search_match m;
    int rc = piece_reader_get(r->pieces, piece_id, &kind, &raw, e);
    if (rc != 0)
        return rc < 0 ? -1 : 0;
    search_text_read(&r->text, kind, raw);
    return search_query_match(q, &r->text, &m);
}
