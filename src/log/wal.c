/* Checkpoints run on a connection and thread of their own: a commit then never
 * waits for their fsync (measured: worst commit 27 ms instead of 127).  But
 * while commits go on such a checkpoint never catches up entirely, and the file would
 * grow: above STEP_IN_PAGES the journal's own thread, which can hold still, does
 * what little is left, and the next commit starts at the front of the file again.
 *
 * Only a reader that keeps its transaction open can hinder that; this is said once the
 * file passes LIMIT_PAGES.  A write-ahead log of 545 MB left by kill -9 costs 4 s
 * at the next start. */
#include "log/wal.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

#include "base/diag.h"
#include "base/mem.h"
#include "log/sql.h"

/* Pages of 4 KiB. */
#define STEP_PAGES    1000  /* 4 MB: 10 to 20 ms of copying */
#define STEP_IN_PAGES 4000  /* 16 MB */
#define WAIT_PAGES    6000  /* 24 MB: worth waiting for a checkpoint that runs */
#define LIMIT_PAGES   16384 /* 64 MB */
#define RESTS         5     /* seconds; each time costs two fsync() on the thread beside */

struct wal {
    struct db *writer;
    struct db *own;
    int pages;    /* in the file after the last commit */
    bool is_written;
    int seen;     /* pages when wal_rest() looked last, */
    int rests;    /* and how often they were the same */
    int tried_at; /* pages when the journal's thread last tried */
    pthread_t thread;
    pthread_mutex_t at_work; /* held while a checkpoint runs: there can be one only */
    pthread_mutex_t lock;    /* of what follows */
    pthread_cond_t wake;
    bool is_wanted;
    bool is_stopping;
};

static int note_pages(void *arg, sqlite3 *sq, const char *name, int pages)
{
    (void)sq;
    (void)name;
    struct wal *w = arg;
    w->pages = pages;
    w->is_written = true;
    return SQLITE_OK;
}

static void *run(void *arg)
{
    struct wal *w = arg;
    pthread_mutex_lock(&w->lock);
    while (!w->is_stopping) {
        if (!w->is_wanted) {
            pthread_cond_wait(&w->wake, &w->lock);
            continue;
        }
        w->is_wanted = false;
        pthread_mutex_unlock(&w->lock);
        pthread_mutex_lock(&w->at_work);
        sqlite3_wal_checkpoint_v2(db_sqlite(w->own), "main", SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
        pthread_mutex_unlock(&w->at_work);
        pthread_mutex_lock(&w->lock);
    }
    pthread_mutex_unlock(&w->lock);
    return NULL;
}

struct wal *wal_open(struct db *writer, struct err *e)
{
    struct wal *w = xcalloc(1, sizeof *w);
    w->writer = writer;
    w->own = db_open(db_path(writer), DB_WRITE, e);
    if (!w->own) {
        free(w);
        return NULL;
    }
    pthread_mutex_init(&w->at_work, NULL);
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->wake, NULL);
    sqlite3_wal_hook(db_sqlite(writer), note_pages, w); /* in place of SQLite's own checkpoints */
    if (pthread_create(&w->thread, NULL, run, w) == 0)
        return w;
    err_set(e, "no thread can be started");
    pthread_cond_destroy(&w->wake);
    pthread_mutex_destroy(&w->lock);
    pthread_mutex_destroy(&w->at_work);
    db_close(w->own);
    free(w);
    return NULL;
}

void wal_close(struct wal *w)
{
    if (!w)
        return;
    pthread_mutex_lock(&w->lock);
    w->is_stopping = true;
    pthread_cond_signal(&w->wake);
    pthread_mutex_unlock(&w->lock);
    pthread_join(w->thread, NULL);
    sqlite3_wal_hook(db_sqlite(w->writer), NULL, NULL);
    db_close(w->own);
    pthread_cond_destroy(&w->wake);
    pthread_mutex_destroy(&w->lock);
    pthread_mutex_destroy(&w->at_work);
    free(w);
}

static void want(struct wal *w)
{
    pthread_mutex_lock(&w->lock);
    w->is_wanted = true;
    pthread_cond_signal(&w->wake);
    pthread_mutex_unlock(&w->lock);
}

/* Commits stand still here, so everything gets copied that no reader needs. */
static void checkpoint_in_step(struct wal *w)
{
    if (w->pages < WAIT_PAGES ? pthread_mutex_trylock(&w->at_work) : pthread_mutex_lock(&w->at_work))
        return;
    sqlite3_wal_checkpoint_v2(db_sqlite(w->writer), "main", SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
    pthread_mutex_unlock(&w->at_work);
    w->tried_at = w->pages;
}

void wal_step(struct wal *w)
{
    if (w->pages < STEP_PAGES)
        w->tried_at = 0;
    else if (w->pages < STEP_IN_PAGES)
        want(w);
    else if (w->pages >= w->tried_at + STEP_PAGES)
        checkpoint_in_step(w);
}

/* Only then does the log's file give back what retention took out of it. */
void wal_rest(struct wal *w)
{
    w->rests = w->pages == w->seen ? w->rests + 1 : 0;
    w->seen = w->pages;
    if (w->rests == RESTS)
        want(w);
}

bool wal_was_written(struct wal *w)
{
    bool was = w->is_written;
    w->is_written = false;
    return was;
}

bool wal_is_too_long(const struct wal *w)
{
    return w->pages > LIMIT_PAGES;
}
