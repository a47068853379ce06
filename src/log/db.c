/* Opening the log.
 *
 * A log is refused before anything is changed in it: the file's kind is looked
 * up through SQLite itself, never by open() and close(), since closing any
 * descriptor of the file drops the POSIX locks that SQLite holds for the whole
 * process, and another program's sqlite3 then deletes the write-ahead log under
 * us (SQLite, "How To Corrupt", 2.2).  stat() and chmod() by path are harmless,
 * and so is making a file that did not exist (O_EXCL: nobody has it open).
 *
 * The mode 0600 is set on log.db before SQLite opens it: -wal and -shm inherit
 * it.  The -shm must exist from the start, for when the disk is full nobody can
 * make it any more and a new reader gets "disk I/O error"; opening in WAL mode
 * and reading once makes it, and the connection keeps it. */
#include "log/db.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/diag.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/sys.h"
#include "log/peer.h"
#include "log/reserve.h"
#include "log/schema.h"
#include "log/sql.h"

/* Another process holds the write lock for one commit (milliseconds); longer
 * only when a disk stalls.  At start the gateway waits longer: recovering a
 * write-ahead log left by kill -9 takes seconds. */
#define BUSY_MS       2000
#define BUSY_START_MS 10000

struct db {
    sqlite3 *sq;
    sqlite3_stmt *version;
    char *path;
    dev_t dev;
    ino_t ino;
    ino_t wal_ino; /* of the -wal beside it; 0: unknown */
    int64_t last_version; /* -1: never asked */
};

/* ---- The file and its folder --------------------------------------------- */

static int check_folder(const char *path, struct err *e)
{
    char *dir = file_dir_of(path);
    struct stat st;
    int rc = 0;
    if (stat(dir, &st) != 0)
        rc = err_set(e, "the log's folder %s cannot be used: %s; name another log with --log", dir, strerror(errno));
    else if (!S_ISDIR(st.st_mode))
        rc = err_set(e, "the log's folder %s is no folder; name another log with --log", dir);
    else if (st.st_uid != geteuid() && geteuid() != 0) /* root may use anybody's */
        rc = err_set(e, "the log's folder %s belongs to another user; name a log in a folder of yours with --log", dir);
    else if (st.st_mode & (S_IWGRP | S_IWOTH))
        rc = err_set(
            e, "others can write to the log's folder %s; run `chmod go-w` on it or name another log with --log", dir);
    free(dir);
    return rc;
}

/* Shared memory between processes needs one host and working locks. */
bool db_is_remote(const char *path, struct err *warning)
{
    const char *remote = sys_remote_filesystem(path);
    if (remote)
        err_set(warning, "the log %s lies on a %s file system, where its locks may not hold; name one on a local disk with --log",
                path, remote);
    return remote;
}

static int make_file(const char *path, struct err *e)
{
    char *dir = file_dir_of(path);
    int rc = file_make_dir(dir, e);
    free(dir);
    if (rc != 0 || check_folder(path, e) != 0)
        return -1;
    int fd = open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
    if (fd >= 0)
        close(fd);
    else if (errno != EEXIST)
        return err_set(e, "the log %s cannot be made: %s; name another with --log", path, strerror(errno));
    return 0;
}

static int check_file(const char *path, enum db_mode mode, struct stat *st, struct err *e)
{
    if (stat(path, st) != 0) {
        if (errno == ENOENT || errno == ENOTDIR)
            return err_set(e, "there is no log at %s yet; start spantop once, or name another with --log", path);
        return err_set(e, "the log %s cannot be reached: %s", path, strerror(errno));
    }
    if (!S_ISREG(st->st_mode))
        return err_set(e, "the log %s is no plain file; name another with --log", path);
    if (mode != DB_CREATE)
        return 0;
    if (st->st_mode & 077 && chmod(path, 0600) != 0)
        return err_set(e, "others can read the log %s and its mode cannot be changed: %s", path, strerror(errno));
    return 0;
}

/* ---- Opening -------------------------------------------------------------- */

static int refuse(struct db *db, int rc, struct err *e)
{
    switch (rc & 0xff) {
    case SQLITE_NOTADB:
        return err_set(e, "%s is no spantop log; name another with --log", db->path);
    case SQLITE_CORRUPT:
        return err_set(e, "the log %s is damaged; move it away and start again, or mend it with `sqlite3 %s .recover`",
                       db->path, db->path);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return err_set(e, "the log %s is locked by another program; end that, or name another with --log", db->path);
    case SQLITE_FULL:
        return err_set(e, "the disk that holds the log %s is full; make room, or name another with --log", db->path);
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
    case SQLITE_READONLY:
        return err_set(e, "the log %s cannot be opened (%s); check that you may write to it and its folder", db->path,
                       sqlite3_errmsg(db->sq));
    default:
        return err_set(e, "the log %s cannot be opened: %s", db->path, sqlite3_errmsg(db->sq));
    }
}

/* A rolled back transaction has forgotten its code, but not its text. */
void db_explain(struct db *db, struct err *e)
{
    static const int codes[] = {SQLITE_NOTADB, SQLITE_CORRUPT, SQLITE_BUSY, SQLITE_FULL, SQLITE_READONLY};
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        if (strcmp(e->text, sqlite3_errstr(codes[i])) != 0)
            continue;
        refuse(db, codes[i], e);
        return;
    }
    err_prefix(e, "the log %s cannot be used", db->path);
}

/* Said before SQLite's first use, the only time it can be.  Nobody asks how much
 * memory it uses, and counting takes a lock at each allocation.  What a statement may
 * have to undo stays in memory: a call's row with its indexes touches more pages than
 * the 64 KB allowed by default, and each of them went through a file, up to 30 writes
 * a call. */
static void set_sqlite_up(void)
{
    sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    sqlite3_config(SQLITE_CONFIG_STMTJRNL_SPILL, -1);
}

static int open_sqlite(struct db *db, enum db_mode mode, struct err *e)
{
    int flags =
        (mode == DB_READ ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE) | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
    /* "./" keeps SQLite from reading a meaning into names like ":memory:". */
    char *name = xasprintf("%s%s", db->path[0] == '/' ? "" : "./", db->path);
    static pthread_once_t is_set_up = PTHREAD_ONCE_INIT;
    pthread_once(&is_set_up, set_sqlite_up);
    int rc = sqlite3_open_v2(name, &db->sq, flags, NULL);
    free(name);
    if (rc != SQLITE_OK)
        return refuse(db, rc, e);
    sqlite3_busy_timeout(db->sq, mode == DB_CREATE ? BUSY_START_MS : BUSY_MS);
    /* What comes from a file must not run as code. */
    sqlite3_db_config(db->sq, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(db->sq, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    return 0;
}

static int migrate(struct db *db, int version, struct err *e)
{
    struct err why;
    diag_line("the log %s is of an older spantop (log version %d); it is made version %d, which takes a minute for a "
              "million calls",
              db->path, version, SCHEMA_VERSION);
    if (schema_migrate(db->sq, version, &why) == 0)
        return 0;
    return err_set(e, "the log %s stays as it was, version %d, because it cannot be made version %d: %s", db->path, version,
                   SCHEMA_VERSION, why.text);
}

static int prepare_log(struct db *db, enum db_mode mode, struct err *e)
{
    struct err why = {""};
    enum schema_kind kind = SCHEMA_EMPTY;
    int version = 0;
    if (schema_look(db->sq, &kind, &version, &why) != 0)
        return refuse(db, sqlite3_extended_errcode(db->sq), e);
    if (kind == SCHEMA_FOREIGN)
        return err_set(e, "%s is a database, but no spantop log; name another with --log", db->path);
    if (kind == SCHEMA_NEWER)
        return err_set(e,
                       "the log %s is of a newer spantop (log version %d, this one knows %d); update spantop or name "
                       "another log with --log",
                       db->path, version, SCHEMA_VERSION);
    if (mode != DB_CREATE) {
        if (kind == SCHEMA_OURS)
            return 0;
        return err_set(e, "the log %s is %s", db->path,
                       kind == SCHEMA_EMPTY ? "still empty; start the gateway once to make it ready"
                                            : "of an older spantop; start the gateway once to make it ready, after "
                                              "`spantop stop` if one from before the update still runs");
    }
    if (kind == SCHEMA_OLDER && version < 1)
        return err_set(e, "the log %s has the unknown version %d; name another with --log", db->path, version);
    if (sqlite3_db_readonly(db->sq, "main") == 1)
        return err_set(e, "the log %s cannot be written; check that you may write to it and its folder", db->path);
    if (kind == SCHEMA_EMPTY && schema_create(db->sq, &why) != 0)
        return err_set(e, "the log %s cannot be made: %s", db->path, why.text);
    if (kind == SCHEMA_OLDER && migrate(db, version, e) != 0)
        return -1;
    if (kind != SCHEMA_EMPTY && schema_complete(db->sq, &why) != 0)
        return refuse(db, sqlite3_extended_errcode(db->sq), e);
    return 0;
}

static int start_wal(struct db *db, enum db_mode mode, struct err *e)
{
    struct err why;
    if (mode == DB_CREATE) {
        if (sql_run(db->sq, "PRAGMA journal_mode = WAL", &why) != 0)
            return refuse(db, sqlite3_extended_errcode(db->sq), e);
        /* Safe against the death of any process; a power cut may cost the last commits, never the file. */
        sql_try(db->sq, "PRAGMA synchronous = NORMAL");
        /* What a long reader made it grow by is given back; above what wal.c lets it reach. */
        sql_try(db->sq, "PRAGMA journal_size_limit = 33554432");
    }
    int64_t ids = 0;
    if (sql_int64(db->sq, "SELECT value FROM meta WHERE key = 'next_call_id'", &ids, &why) != 0) {
        int rc = sqlite3_extended_errcode(db->sq);
        return refuse(db, rc == SQLITE_OK || rc == SQLITE_DONE || rc == SQLITE_ERROR ? SQLITE_CORRUPT : rc, e);
    }
    return 0;
}

static ino_t inode_beside(const struct db *db, const char *end)
{
    struct stat st;
    char *name = xasprintf("%s%s", db->path, end);
    ino_t ino = stat(name, &st) == 0 ? st.st_ino : 0;
    free(name);
    return ino;
}

struct db *db_open(const char *path, enum db_mode mode, struct err *e)
{
    struct db *db = xcalloc(1, sizeof *db);
    struct stat st;
    db->path = xstrdup(path);
    db->last_version = -1;
    if (path[0] == '\0') {
        err_set(e, "the log's name is empty; name one with --log");
        goto fail;
    }
    if (mode == DB_CREATE && make_file(path, e) != 0)
        goto fail;
    if (check_file(path, mode, &st, e) != 0)
        goto fail;
    if (mode == DB_WRITE && check_folder(path, e) != 0)
        goto fail;
    db->dev = st.st_dev;
    db->ino = st.st_ino;
    if (mode != DB_CREATE && stale_wal_is_at(path, peer_last_files(path))) {
        err_set(e, "beside the log %s lies the write-ahead log of another that was there before; a gateway that runs, or the next "
                "to start, sets it aside: try again then", path);
        goto fail;
    }
    if (mode != DB_READ)
        reserve_drop_if_full(path);
    if (open_sqlite(db, mode, e) != 0 || prepare_log(db, mode, e) != 0 || start_wal(db, mode, e) != 0)
        goto fail;
    db->version = sql_prepare(db->sq, "PRAGMA data_version", e);
    if (db->version == NULL)
        goto fail;
    db->wal_ino = inode_beside(db, "-wal");
    return db;
fail:
    db_close(db);
    return NULL;
}

void db_close(struct db *db)
{
    if (db == NULL)
        return;
    sqlite3_finalize(db->version);
    sqlite3_close_v2(db->sq);
    free(db->path);
    free(db);
}

/* ---- Asking --------------------------------------------------------------- */

sqlite3 *db_sqlite(struct db *db)
{
    return db->sq;
}

const char *db_path(const struct db *db)
{
    return db->path;
}

bool db_changed(struct db *db)
{
    int64_t now = db->last_version;
    if (sqlite3_step(db->version) == SQLITE_ROW)
        now = sqlite3_column_int64(db->version, 0);
    sqlite3_reset(db->version);
    bool changed = now != db->last_version;
    db->last_version = now;
    return changed;
}

bool db_is_replaced(struct db *db)
{
    struct stat st;
    /* A log is never empty once it is open. */
    return stat(db->path, &st) != 0 || st.st_dev != db->dev || st.st_ino != db->ino || st.st_size == 0;
}

bool db_is_vacant(const struct db *db)
{
    struct stat st;
    return stat(db->path, &st) != 0 ? errno == ENOENT || errno == ENOTDIR : S_ISREG(st.st_mode) && st.st_size == 0;
}

static void rename_beside(const struct db *db, const char *end, const char *to)
{
    char *name = xasprintf("%s%s", db->path, end);
    char *new_name = xasprintf("%s%s", db->path, to);
    (void)rename(name, new_name);
    free(name);
    free(new_name);
}

static void remove_beside(const struct db *db, const char *end)
{
    char *name = xasprintf("%s%s", db->path, end);
    (void)unlink(name);
    free(name);
}

void db_vacate(struct db *db)
{
    bool is_useless = inode_beside(db, "") == db->ino;
    if (is_useless) /* emptied: SQLite would copy what it has left into it when the last one closes it */
        remove_beside(db, "");
    else
        is_useless = sqlite3_wal_checkpoint_v2(db->sq, "main", SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL) == SQLITE_OK;
    if (db->wal_ino == 0 || inode_beside(db, "-wal") != db->wal_ino)
        return; /* somebody took it along, or it is the new log's */
    /* A reader kept some of it from being copied: nobody but its owner may throw it away. */
    if (is_useless)
        remove_beside(db, "-wal");
    else
        rename_beside(db, "-wal", "-wal.old");
    remove_beside(db, "-shm");
}

char *db_default_path(void)
{
    char *dir = file_xdg("DATA");
    char *path = file_join(dir, "log.db");
    free(dir);
    return path;
}

char *db_setting(struct db *db, const char *key)
{
    sqlite3_stmt *st = sql_prepare(db->sq, "SELECT value FROM setting WHERE key = ?", NULL);
    if (st == NULL)
        return NULL;
    sql_bind_text(st, 1, key);
    char *value = sqlite3_step(st) == SQLITE_ROW ? sql_text(st, 0) : NULL;
    sqlite3_finalize(st);
    return value;
}

int db_set_setting(struct db *db, const char *key, const char *value, struct err *e)
{
    sqlite3_stmt *st = sql_prepare(db->sq,
                                   value != NULL ? "INSERT OR REPLACE INTO setting(key, value) VALUES(?1, ?2)"
                                                 : "DELETE FROM setting WHERE key = ?1",
                                   e);
    if (st == NULL)
        return -1;
    sql_bind_text(st, 1, key);
    if (value != NULL)
        sql_bind_text(st, 2, value);
    int rc = sql_done(st, e);
    sqlite3_finalize(st);
    return rc == 0 ? 0 : err_prefix(e, "the setting %s cannot be stored", key);
}
