#include "log/reserve.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/diag.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/sys.h"

/* A switch needs some 20 KB of the write-ahead log, the marks of 1000 lost calls
 * and their sums about 2 MB. */
#define RESERVE_BYTES ((int64_t)4 << 20)
/* On a small disk the reserve is this part of it. */
#define DISK_PARTS 16
/* Less than this: a switch would hardly fit any more. */
#define HARDLY_ANY ((int64_t)256 << 10)

struct reserve {
    char *path;
    bool is_given_up;
};

static char *path_of(const char *log_path)
{
    return xasprintf("%s-reserve", log_path);
}

/* What this user may still write where path lies, and how large its disk is; -1: unknown. */
static int64_t free_bytes(const char *path, int64_t *disk_bytes)
{
    struct statvfs fs;
    *disk_bytes = 0;
    char *dir = file_dir_of(path);
    int rc = statvfs(dir, &fs);
    free(dir);
    if (rc != 0)
        return -1;
    *disk_bytes = (int64_t)fs.f_blocks * (int64_t)fs.f_frsize;
    return (int64_t)(geteuid() == 0 ? fs.f_bfree : fs.f_bavail) * (int64_t)fs.f_frsize;
}

/* Is it there, or can it be laid?  Twice the room is wanted: what is laid aside
 * must leave some for the calls.  Where nobody can tell the room, all is well. */
static bool lay(const char *path)
{
    int64_t disk;
    int64_t room = free_bytes(path, &disk);
    int64_t bytes = disk / DISK_PARTS < RESERVE_BYTES ? disk / DISK_PARTS : RESERVE_BYTES;
    if (room < 0 || access(path, F_OK) == 0)
        return true;
    if (room < 2 * bytes)
        return false;
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return true; /* a folder that takes no file: the log will say why */
    int rc = sys_lay_aside(fd, bytes);
    close(fd);
    if (rc != 0)
        unlink(path);
    return rc == 0;
}

static bool is_nearly_full(const char *path)
{
    int64_t disk;
    int64_t room = free_bytes(path, &disk);
    return room >= 0 && room < (disk / DISK_PARTS < HARDLY_ANY ? disk / DISK_PARTS : HARDLY_ANY);
}

struct reserve *reserve_open(const char *log_path)
{
    struct reserve *r = xcalloc(1, sizeof *r);
    r->path = path_of(log_path);
    r->is_given_up = !lay(r->path);
    return r;
}

void reserve_free(struct reserve *r)
{
    if (!r)
        return;
    free(r->path);
    free(r);
}

bool reserve_lets_write(struct reserve *r)
{
    if (r->is_given_up)
        r->is_given_up = !lay(r->path);
    return !r->is_given_up;
}

void reserve_give_up(struct reserve *r)
{
    if (unlink(r->path) == 0)
        diag_line("the disk is full: the room that %s kept is given up for switches", r->path);
    r->is_given_up = true;
}

void reserve_look(struct reserve *r)
{
    if (r->is_given_up)
        return;
    if (access(r->path, F_OK) != 0)
        r->is_given_up = !lay(r->path); /* dropped for a switch, or deleted by hand */
    else if (is_nearly_full(r->path))
        reserve_give_up(r);
}

void reserve_drop_if_full(const char *log_path)
{
    char *path = path_of(log_path);
    if (is_nearly_full(path))
        unlink(path);
    free(path);
}
