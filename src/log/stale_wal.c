#include "log/stale_wal.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/diag.h"
#include "base/mem.h"

struct log_files log_files_at(const char *log_path)
{
    struct stat log, wal;
    char *wal_path = xasprintf("%s-wal", log_path);
    struct log_files f = {stat(log_path, &log) == 0 ? (int64_t)log.st_ino : 0,
                          stat(wal_path, &wal) == 0 && wal.st_size > 0 ? (int64_t)wal.st_ino : 0};
    free(wal_path);
    return f;
}

bool stale_wal_is_at(const char *log_path, struct log_files known)
{
    struct log_files now = log_files_at(log_path);
    return known.log && known.wal && now.log && now.log != known.log && now.wal == known.wal;
}

void stale_wal_set_aside(const char *log_path)
{
    char *wal = xasprintf("%s-wal", log_path);
    char *old = xasprintf("%s-wal.old", log_path);
    char *shm = xasprintf("%s-shm", log_path);
    if (rename(wal, old) == 0)
        diag_line("%s belonged to another log that was there before; it is called %s now", wal, old);
    (void)unlink(shm);
    free(wal);
    free(old);
    free(shm);
}
