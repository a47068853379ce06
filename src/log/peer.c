/* One gateway a log, by a lock that dies with its holder.
 *
 * The lock is flock() on a file beside the log, which no crash can leave behind
 * held; the file's text says who holds it.  It is never deleted: two gateways
 * could then lock two files of one name.  Whoever looks takes the lock shared
 * for a moment, which can cross a gateway's start; hence the short patience on
 * both sides.
 *
 * (This opens and closes the lock file only, never the log's own files: that
 * would drop SQLite's locks.) */
#include "log/peer.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "log/peer_json.h"

/* A look holds the lock for microseconds; a stopping gateway for a moment more. */
#define TAKE_PATIENCE_US 300000
/* From the lock to the listening socket a gateway opens the log, and recovers
 * it if the last one was killed. */
#define ANNOUNCE_PATIENCE_US 3000000
#define RETRY_MS 10
#define LOCK_FILE_MAX 4096

struct peer_lock {
    int fd;
};

static char *lock_path(const char *log_path)
{
    return xasprintf("%s.gateway", log_path);
}

/* ---- What the lock file says ---- */

static bool parse_peer(const char *text, size_t len, struct peer *p)
{
    memset(p, 0, sizeof *p);
    cJSON *object = cJSON_ParseWithLength(text, len);
    bool good = peer_json_text(object, "address", p->address, sizeof p->address) &&
                peer_json_text(object, "token", p->token, sizeof p->token) && *p->address && *p->token;
    peer_json_text(object, "upstream", p->upstream, sizeof p->upstream);
    peer_json_text(object, "version", p->version, sizeof p->version);
    p->pid = peer_json_number(object, "pid");
    p->started_at = peer_json_number(object, "started_at");
    p->files = (struct log_files){peer_json_number(object, "log_inode"), peer_json_number(object, "wal_inode")};
    cJSON_Delete(object);
    return good;
}

/* false: nothing (whole) there yet. */
static bool read_peer(int fd, struct peer *p)
{
    char text[LOCK_FILE_MAX];
    ssize_t len = pread(fd, text, sizeof text, 0);
    return len > 0 && parse_peer(text, (size_t)len, p);
}

/* ---- Gateway ---- */

/* 0: fd holds the lock of the file that has the name now; 1: somebody else does; -1. */
static int try_lock(const char *path, int *fd, struct err *e)
{
    struct stat named, held;
    *fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (*fd < 0)
        return err_set(e, "the lock file %s cannot be opened: %s; name another log with --log", path, strerror(errno));
    if (flock(*fd, LOCK_EX | LOCK_NB) == 0) {
        if (fstat(*fd, &held) == 0 && stat(path, &named) == 0 && held.st_ino == named.st_ino && held.st_dev == named.st_dev)
            return 0;
    } else if (errno != EWOULDBLOCK) {
        err_set(e, "the lock file %s cannot be locked: %s; keep the log on a local disk (--log)", path, strerror(errno));
        close(*fd);
        return -1;
    }
    return 1;
}

static int refuse(int fd, const char *log_path, struct err *e)
{
    struct peer p;
    if (!read_peer(fd, &p))
        return err_set(e, "another gateway of the log %s is just starting; try again, or name another log with --log", log_path);
    return err_set(e, "a gateway of the log %s runs already at %s (pid %" PRId64 "); end it with `spantop stop`, or name another log with --log",
                   log_path, p.address, p.pid);
}

struct peer_lock *peer_lock_take(const char *log_path, struct err *e)
{
    char *path = lock_path(log_path);
    char *dir = file_dir_of(log_path);
    struct peer_lock *lock = NULL;
    struct peer last;
    int64_t give_up_us = clock_mono_us() + TAKE_PATIENCE_US;
    int fd = -1;
    int rc = file_make_dir(dir, e);
    if (rc != 0)
        goto out;
    while ((rc = try_lock(path, &fd, e)) == 1 && clock_mono_us() < give_up_us) {
        close(fd);
        poll(NULL, 0, RETRY_MS);
    }
    if (rc == 1) {
        refuse(fd, log_path, e);
        close(fd);
    }
    if (rc != 0)
        goto out;
    if (read_peer(fd, &last) && stale_wal_is_at(log_path, last.files))
        stale_wal_set_aside(log_path);
    /* What the last holder wrote must not be taken for ours. */
    if (ftruncate(fd, 0) != 0) {
        err_set(e, "the lock file %s cannot be written: %s", path, strerror(errno));
        close(fd);
        goto out;
    }
    lock = xcalloc(1, sizeof *lock);
    lock->fd = fd;
out:
    free(dir);
    free(path);
    return lock;
}

int peer_lock_announce(struct peer_lock *l, const struct peer *p, struct err *e)
{
    cJSON *object = cJSON_CreateObject();
    cJSON_AddStringToObject(object, "address", p->address);
    cJSON_AddNumberToObject(object, "pid", (double)p->pid);
    cJSON_AddStringToObject(object, "token", p->token);
    cJSON_AddStringToObject(object, "upstream", p->upstream);
    cJSON_AddStringToObject(object, "version", p->version);
    cJSON_AddNumberToObject(object, "started_at", (double)p->started_at);
    cJSON_AddNumberToObject(object, "log_inode", (double)p->files.log);
    cJSON_AddNumberToObject(object, "wal_inode", (double)p->files.wal);
    char *text = cJSON_PrintUnformatted(object);
    cJSON_Delete(object);
    size_t len = text ? strlen(text) : 0;
    int rc = -1;
    if (!text || len > LOCK_FILE_MAX)
        err_set(e, "the gateway's address and upstream are too long for the lock file");
    else if (ftruncate(l->fd, 0) != 0 || pwrite(l->fd, text, len, 0) != (ssize_t)len)
        err_set(e, "the lock file beside the log cannot be written: %s", strerror(errno));
    else
        rc = 0;
    free(text);
    return rc;
}

void peer_lock_free(struct peer_lock *l)
{
    if (!l)
        return;
    if (ftruncate(l->fd, 0) != 0) {
        /* It only tidies; the lock is what counts. */
    }
    close(l->fd);
    free(l);
}

/* ---- Others ---- */

/* 0: held and announced; 1: not held; 2: held, nothing said yet; -1. */
static int look(const char *path, struct peer *p, struct err *e)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        if (errno == ENOENT || errno == ENOTDIR)
            return 1;
        return err_set(e, "the lock file %s cannot be read: %s", path, strerror(errno));
    }
    int rc;
    if (flock(fd, LOCK_SH | LOCK_NB) == 0)
        rc = 1;
    else if (errno != EWOULDBLOCK)
        rc = err_set(e, "the lock file %s cannot be asked: %s", path, strerror(errno));
    else
        rc = read_peer(fd, p) ? 0 : 2;
    close(fd);
    return rc;
}

struct log_files peer_last_files(const char *log_path)
{
    struct peer last = {0};
    char *path = lock_path(log_path);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        (void)read_peer(fd, &last);
        close(fd);
    }
    free(path);
    return last.files;
}

int peer_find(const char *log_path, struct peer *p, struct err *e)
{
    char *path = lock_path(log_path);
    int64_t give_up_us = clock_mono_us() + ANNOUNCE_PATIENCE_US;
    int rc;
    while ((rc = look(path, p, e)) == 2 && clock_mono_us() < give_up_us)
        poll(NULL, 0, RETRY_MS);
    if (rc == 2)
        rc = err_set(e, "a gateway of the log %s is starting but has not said where it listens; try again", log_path);
    free(path);
    return rc;
}
