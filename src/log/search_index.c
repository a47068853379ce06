#include "log/search_index.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "base/clock.h"
#include "base/diag.h"
#include "base/mem.h"
#include "log/body_pieces.h"
#include "log/piece_read.h"
#include "log/piece_set.h"
#include "log/search_schema.h"
#include "log/search_text.h"
#include "log/sql.h"

#define STEP_US   ((int64_t)10000)    /* work within a step; its commit comes on top */
#define QUIET_US  ((int64_t)50000)    /* after a batch, for the next one may be near */
#define LAG_US    ((int64_t)10000000) /* but calls that keep coming wait no longer */
#define PAUSE_US  ((int64_t)20000)    /* between steps: others may write */
#define RETRY_US  ((int64_t)5000000)  /* after an error */
#define DROP_ROWS 100                 /* of an old index at once, up to 4 KB each */
#define DROP_PIECES 2000
#define FORGET_CALLS 2000             /* of those that nobody indexed, at once */
#define KEPT_ROWID 10                 /* what FTS5 reads to open a table, for DROP to work after a restart */
#define FAILURES_TOLD 3
#define SAID_KEPT ((size_t)1 << 14)
#define NEVER     INT64_MAX

struct search_index {
    sqlite3 *sq;
    struct search_index_options options;
    struct piece_reader *pieces;
    struct search_text text;
    struct buf said_anew; /* a piece's parts but for those that an answer said before */
    struct piece_ids ids;
    sqlite3_stmt *add_todo;
    sqlite3_stmt *next_todo;
    sqlite3_stmt *end_todo;
    sqlite3_stmt *lists;
    sqlite3_stmt *add_piece;
    sqlite3_stmt *find_gen;
    sqlite3_stmt *epochs;
    sqlite3_stmt *add_text; /* of this generation */
    int64_t gen;            /* 0: not looked up */
    int64_t gen_first_call;
    struct piece_set known; /* what it has */
    /* What answers said lately: the next request says it again, and it is to be found once. */
    uint64_t said[SAID_KEPT];
    int64_t dropping; /* a generation; 0: none */
    int64_t waiting_since_us;
    int64_t due_us;
    int failures;
};

/* ---- Opening ------------------------------------------------------------------------ */

static int prepare(struct search_index *x, struct err *e)
{
    x->add_todo = sql_prepare(x->sq, "INSERT OR IGNORE INTO search_todo VALUES(?)", e);
    x->next_todo = sql_prepare(x->sq, "SELECT min(call_id) FROM search_todo", e);
    x->end_todo = sql_prepare(x->sq, "DELETE FROM search_todo WHERE call_id = ?", e);
    x->find_gen = sql_prepare(x->sq,
                              "SELECT id, first_call FROM search_gen WHERE NOT is_going"
                              " ORDER BY first_call <= ?1 DESC, abs(first_call - ?1) LIMIT 1",
                              e);
    x->epochs = sql_prepare(x->sq,
                            "SELECT ifnull(max(first_call), 0), CAST(total(first_call > ?1) AS INTEGER), count(*) FROM epoch"
                            " WHERE first_call <= ?2",
                            e);
    x->lists = body_pieces_prepare(x->sq, e);
    x->add_piece = sql_prepare(x->sq, "INSERT OR IGNORE INTO search_piece VALUES(?,?,?)", e);
    x->pieces = piece_reader_open(x->sq, e);
    return x->add_todo && x->next_todo && x->end_todo && x->find_gen && x->epochs && x->lists && x->add_piece && x->pieces ? 0 : -1;
}

struct search_index *search_index_open(sqlite3 *sq, const struct search_index_options *o, struct err *e)
{
    struct search_index *x = xcalloc(1, sizeof *x);
    x->sq = sq;
    x->options = *o;
    search_text_init(&x->text);
    buf_init(&x->said_anew);
    if (prepare(x, e) != 0) {
        search_index_free(x);
        return NULL;
    }
    x->due_us = o->is_off ? NEVER : clock_mono_us() + QUIET_US;
    return x;
}

static void forget_gen(struct search_index *x)
{
    sqlite3_finalize(x->add_text);
    x->add_text = NULL;
    piece_set_done(&x->known);
    x->gen = 0;
    memset(x->said, 0, sizeof x->said);
}

void search_index_free(struct search_index *x)
{
    if (!x)
        return;
    forget_gen(x);
    sqlite3_finalize(x->add_todo);
    sqlite3_finalize(x->next_todo);
    sqlite3_finalize(x->end_todo);
    sqlite3_finalize(x->lists);
    sqlite3_finalize(x->find_gen);
    sqlite3_finalize(x->epochs);
    sqlite3_finalize(x->add_piece);
    piece_reader_close(x->pieces);
    search_text_done(&x->text);
    buf_done(&x->said_anew);
    piece_ids_done(&x->ids);
    free(x);
}

/* ---- Generations -------------------------------------------------------------------- */

static int load_known(struct search_index *x, struct err *e)
{
    sqlite3_stmt *st = sql_prepare(x->sq, "SELECT piece_id FROM search_piece WHERE gen = ?", e);
    if (!st)
        return -1;
    sqlite3_bind_int64(st, 1, x->gen);
    int rc;
    while ((rc = sqlite3_step(st)) == SQLITE_ROW)
        piece_set_add(&x->known, sqlite3_column_int64(st, 0));
    if (rc != SQLITE_DONE)
        err_set(e, "%s", sqlite3_errmsg(x->sq));
    sqlite3_finalize(st);
    return rc == SQLITE_DONE ? 0 : -1;
}

static int use_gen(struct search_index *x, int64_t gen, int64_t first_call, struct err *e)
{
    forget_gen(x);
    char *sql = xasprintf("INSERT INTO search_text_%" PRId64 "(rowid, text) VALUES(?,?)", gen);
    x->add_text = sql_prepare(x->sq, sql, e);
    free(sql);
    x->gen = gen;
    x->gen_first_call = first_call;
    if (x->add_text && load_known(x, e) == 0)
        return 0;
    forget_gen(x);
    return -1;
}

/* The youngest that began before the call: one that was open for long belongs to an older.
 * x->gen is 0 when there is none at all. */
static int find_gen(struct search_index *x, int64_t call_id, struct err *e)
{
    int64_t gen = 0;
    int64_t first = 0;
    sqlite3_bind_int64(x->find_gen, 1, call_id);
    int rc = sqlite3_step(x->find_gen);
    if (rc == SQLITE_ROW) {
        gen = sqlite3_column_int64(x->find_gen, 0);
        first = sqlite3_column_int64(x->find_gen, 1);
    }
    sqlite3_reset(x->find_gen);
    if (rc != SQLITE_ROW && rc != SQLITE_DONE)
        return err_set(e, "%s", sqlite3_errmsg(x->sq));
    if (gen == x->gen)
        return 0;
    forget_gen(x);
    return gen == 0 ? 0 : use_gen(x, gen, first, e);
}

/* Where the epoch of this call began, and how many there are since the generation did
 * and in all. */
struct epochs {
    int64_t first_call;
    int64_t since;
    int64_t all;
};

static int count_epochs(struct search_index *x, int64_t call_id, struct epochs *n, struct err *e)
{
    sqlite3_bind_int64(x->epochs, 1, x->gen_first_call);
    sqlite3_bind_int64(x->epochs, 2, call_id);
    int rc = sqlite3_step(x->epochs);
    if (rc == SQLITE_ROW)
        *n = (struct epochs){sqlite3_column_int64(x->epochs, 0), sqlite3_column_int64(x->epochs, 1), sqlite3_column_int64(x->epochs, 2)};
    sqlite3_reset(x->epochs);
    return rc == SQLITE_ROW ? 0 : err_set(e, "%s", sqlite3_errmsg(x->sq));
}

/* The generation for this call: a new one at the bounds of an epoch. */
static int choose_gen(struct search_index *x, int64_t call_id, struct err *e)
{
    struct epochs n = {0};
    if (find_gen(x, call_id, e) != 0 || count_epochs(x, call_id, &n, e) != 0)
        return -1;
    int64_t wanted = x->options.is_bounded ? 1 : n.all / 8 > 4 ? n.all / 8 : 4;
    int64_t newest = 0;
    if (x->gen != 0 && n.since < wanted)
        return 0;
    if (sql_int64(x->sq, "SELECT ifnull(max(id), 0) FROM search_gen", &newest, e) != 0)
        return -1;
    if (x->gen != 0 && newest != x->gen) /* a call that was open for long */
        return 0;
    if (search_schema_add_gen(x->sq, newest + 1, n.first_call, e) != 0)
        return -1;
    return use_gen(x, newest + 1, n.first_call, e);
}

/* ---- Texts -------------------------------------------------------------------------- */

static bool begins(const char *s, const char *with)
{
    return strncmp(s, with, strlen(with)) == 0;
}

/* The client sends an answer back as a message of the assistant. */
static bool was_said(struct search_index *x, size_t part, enum piece_kind kind)
{
    struct bytes text = search_part_text(&x->text, part);
    bool is_echo = kind == PIECE_ELEMENT && begins(x->text.parts[part].where, "assistant");
    if (!is_echo && kind != PIECE_ANSWER)
        return false;
    uint64_t hash = XXH3_64bits(text.data, text.len) | 1; /* 0: an empty place */
    uint64_t *place = &x->said[hash / 2 % SAID_KEPT];
    bool was = *place == hash;
    if (kind == PIECE_ANSWER)
        *place = hash;
    return is_echo && was;
}

static struct bytes text_to_index(struct search_index *x, enum piece_kind kind)
{
    buf_reset(&x->said_anew);
    for (size_t i = 0; i < x->text.count; i++) {
        if (was_said(x, i, kind))
            continue;
        struct bytes text = search_part_text(&x->text, i);
        buf_put(&x->said_anew, text.data, text.len);
        buf_putc(&x->said_anew, '\n');
    }
    return buf_bytes(&x->said_anew);
}

static int add_text(struct search_index *x, int64_t piece, struct bytes text, struct err *e)
{
    if (text.len == 0)
        return 0;
    sqlite3_bind_int64(x->add_text, 1, piece);
    sqlite3_bind_text(x->add_text, 2, text.data, (int)text.len, SQLITE_STATIC);
    return sql_done(x->add_text, e);
}

static int index_piece(struct search_index *x, int64_t call_id, int64_t piece, struct err *e)
{
    enum piece_kind kind;
    struct bytes raw;
    piece_set_add(&x->known, piece);
    sqlite3_bind_int64(x->add_piece, 1, x->gen);
    sqlite3_bind_int64(x->add_piece, 2, piece);
    sqlite3_bind_int64(x->add_piece, 3, call_id);
    if (sql_done(x->add_piece, e) != 0)
        return -1;
    if (sqlite3_changes(x->sq) == 0)
        return 0; /* another program was faster (doctor --rebuild) */
    int rc = piece_reader_get(x->pieces, piece, &kind, &raw, e);
    if (rc != 0)
        return rc < 0 ? -1 : 0;
    search_text_read(&x->text, kind, raw);
    return add_text(x, piece, text_to_index(x, kind), e);
}

/* *is_done: all of it. */
static int index_call(struct search_index *x, int64_t call_id, int64_t until_us, bool *is_done, struct err *e)
{
    *is_done = false;
    if (choose_gen(x, call_id, e) != 0 || body_pieces_read(x->lists, call_id, &x->ids, e) != 0)
        return -1;
    for (size_t i = 0; i < x->ids.count; i++) {
        if (piece_set_has(&x->known, x->ids.ids[i]))
            continue;
        if (clock_mono_us() >= until_us)
            return 0;
        if (index_piece(x, call_id, x->ids.ids[i], e) != 0)
            return -1;
    }
    *is_done = true;
    sqlite3_bind_int64(x->end_todo, 1, call_id);
    return sql_done(x->end_todo, e);
}

static int next_call(struct search_index *x, int64_t *call_id, struct err *e)
{
    int rc = sqlite3_step(x->next_todo);
    *call_id = rc == SQLITE_ROW ? sqlite3_column_int64(x->next_todo, 0) : 0;
    sqlite3_reset(x->next_todo);
    return rc == SQLITE_ROW ? 0 : err_set(e, "%s", sqlite3_errmsg(x->sq));
}

static int index_calls(struct search_index *x, bool *has_more, struct err *e)
{
    int64_t until = clock_mono_us() + STEP_US;
    piece_reader_begin(x->pieces);
    for (;;) {
        int64_t id;
        bool is_done;
        if (next_call(x, &id, e) != 0)
            return -1;
        *has_more = id != 0;
        if (id == 0 || clock_mono_us() >= until)
            return 0;
        if (index_call(x, id, until, &is_done, e) != 0)
            return -1;
    }
}

/* ---- Dropping old generations ------------------------------------------------------- */

/* One whose calls have all given up their bodies, or the oldest, if some of its have: in a
 * log that had no bound before, generations are longer than what retention takes at once. */
static int find_old_gen(struct search_index *x, struct err *e)
{
    return sql_int64(x->sq,
                     "SELECT ifnull((SELECT id FROM search_gen WHERE id < (SELECT max(id) FROM search_gen WHERE first_call <= "
                     SEARCH_GONE_SQL ") OR (id < (SELECT max(id) FROM search_gen) AND first_call <"
                     " (SELECT value FROM meta WHERE key = 'bodies_gone_to')) ORDER BY id LIMIT 1), 0)",
                     &x->dropping, e);
}

static int run_once(struct search_index *x, char *sql, struct err *e)
{
    int rc = sql_run(x->sq, sql, e);
    free(sql);
    return rc;
}

/* Its pages one by one: to drop a table of 20 MB at once takes 150 ms.  That is
 * spantop's own table, but FTS5's to SQLite, which must be told for the moment. */
static int drop_pages(struct search_index *x, struct err *e)
{
    char *sql = xasprintf("DELETE FROM search_text_%" PRId64 "_data WHERE rowid IN"
                          " (SELECT rowid FROM search_text_%" PRId64 "_data WHERE rowid > %d LIMIT %d)",
                          x->dropping, x->dropping, KEPT_ROWID, DROP_ROWS);
    sqlite3_db_config(x->sq, SQLITE_DBCONFIG_DEFENSIVE, 0, NULL);
    int rc = run_once(x, sql, e);
    sqlite3_db_config(x->sq, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    return rc;
}

static int drop_pieces(struct search_index *x, struct err *e)
{
    return run_once(x,
                    xasprintf("DELETE FROM search_piece WHERE gen = %" PRId64 " AND piece_id IN"
                              " (SELECT piece_id FROM search_piece WHERE gen = %" PRId64 " LIMIT %d)",
                              x->dropping, x->dropping, DROP_PIECES),
                    e);
}

/* Calls of it that are still there go into the next one; to begin with. */
static int begin_drop(struct search_index *x, struct err *e)
{
    if (run_once(x,
                 xasprintf("INSERT OR IGNORE INTO search_todo SELECT c.id FROM call c WHERE c.state <> 'open' AND c.id >= " SEARCH_GONE_SQL
                           " AND c.id < (SELECT min(first_call) FROM search_gen WHERE id > %" PRId64 ")"
                           " AND NOT (SELECT is_going FROM search_gen WHERE id = %" PRId64 ")",
                           x->dropping, x->dropping),
                 e) != 0)
        return -1;
    return run_once(x, xasprintf("UPDATE search_gen SET is_going = 1 WHERE id = %" PRId64, x->dropping), e);
}

static int drop_some(struct search_index *x, struct err *e)
{
    if (begin_drop(x, e) != 0)
        return -1;
    int rc = drop_pages(x, e);
    if (rc != 0 || sqlite3_changes(x->sq) > 0)
        return rc;
    rc = drop_pieces(x, e);
    if (rc != 0 || sqlite3_changes(x->sq) > 0)
        return rc;
    rc = run_once(x,
                  xasprintf("DROP TABLE search_text_%" PRId64 "; DELETE FROM search_gen WHERE id = %" PRId64, x->dropping,
                            x->dropping),
                  e);
    return rc != 0 ? -1 : find_old_gen(x, e); /* the next, or none: then nothing waits for it any more */
}

/* ---- Steps -------------------------------------------------------------------------- */

static int work_inside(struct search_index *x, bool *has_more, struct err *e)
{
    *has_more = true;
    if (find_old_gen(x, e) != 0)
        return -1;
    if (x->dropping)
        return drop_some(x, e);
    *has_more = false;
    return x->options.is_off ? 0 : index_calls(x, has_more, e);
}

int search_index_work(struct search_index *x, bool *has_more, struct err *e)
{
    if (sql_run(x->sq, "BEGIN IMMEDIATE", e) != 0)
        return -1;
    if (work_inside(x, has_more, e) == 0 && sql_run(x->sq, "COMMIT", e) == 0)
        return 0;
    sql_try(x->sq, "ROLLBACK");
    forget_gen(x); /* what it knew may not be so */
    x->dropping = 0;
    return -1;
}

int search_index_add(struct search_index *x, int64_t call_id, struct err *e)
{
    sqlite3_bind_int64(x->add_todo, 1, call_id);
    return sql_done(x->add_todo, e);
}

void search_index_added(struct search_index *x)
{
    int64_t now = clock_mono_us();
    if (x->options.is_off || x->dropping || x->failures > 0) /* a drop does not wait: retention waits for it */
        return;
    if (x->waiting_since_us == 0)
        x->waiting_since_us = now;
    int64_t latest = x->waiting_since_us + LAG_US;
    x->due_us = now + QUIET_US < latest ? now + QUIET_US : latest;
}

/* What nobody indexes is noted no longer than it has bodies, or the list would outgrow the
 * bound of the log. */
static int forget_gone(struct search_index *x, struct err *e)
{
    int64_t first;
    int64_t gone = 0;
    if (next_call(x, &first, e) != 0 || sql_int64(x->sq, "SELECT " SEARCH_GONE_SQL, &gone, e) != 0)
        return -1;
    if (first == 0 || first >= gone) /* no reason to take the write lock */
        return 0;
    int64_t before = gone - first < FORGET_CALLS ? gone : first + FORGET_CALLS;
    return run_once(x, xasprintf("DELETE FROM search_todo WHERE call_id < %" PRId64, before), e);
}

void search_index_look(struct search_index *x)
{
    struct err e;
    if (x->options.is_off)
        (void)forget_gone(x, &e); /* tried again at the next look */
    if (!x->dropping && find_old_gen(x, &e) == 0 && x->dropping)
        x->due_us = clock_mono_us();
}

int64_t search_index_due_us(const struct search_index *x)
{
    return x->due_us;
}

bool search_index_is_dropping(const struct search_index *x)
{
    return x->dropping != 0;
}

void search_index_step(struct search_index *x)
{
    struct err e = {""};
    bool has_more = false;
    int64_t id = 0;
    /* Nothing to do is no reason to take the write lock. */
    if (!x->dropping && !x->options.is_off && next_call(x, &id, &e) == 0 && id == 0) {
        x->waiting_since_us = 0;
        x->due_us = NEVER;
        return;
    }
    if (search_index_work(x, &has_more, &e) == 0) {
        x->failures = 0;
        x->waiting_since_us = has_more ? x->waiting_since_us : 0;
        x->due_us = has_more ? clock_mono_us() + PAUSE_US : NEVER;
        return;
    }
    if (++x->failures == FAILURES_TOLD)
        diag_line("texts cannot be put into the search index: %s", e.text);
    x->due_us = clock_mono_us() + RETRY_US;
}

int search_index_all(struct db *db, bool is_bounded, int64_t *calls, struct err *e)
{
    sqlite3 *sq = db_sqlite(db);
    const struct search_index_options o = {.is_bounded = is_bounded};
    *calls = 0;
    if (search_schema_complete(sq, e) != 0 || sql_int64(sq, "SELECT count(*) FROM search_todo", calls, e) != 0)
        return -1;
    struct search_index *x = search_index_open(sq, &o, e);
    bool has_more = *calls > 0;
    int rc = x ? 0 : -1;
    while (rc == 0 && has_more)
        rc = search_index_work(x, &has_more, e);
    search_index_free(x);
    return rc;
}
