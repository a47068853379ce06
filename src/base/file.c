#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/sys.h"

static int read_all(int fd, const char *path, size_t max, struct buf *out, struct err *e)
{
    char chunk[16384];
    for (;;) {
        ssize_t n = read(fd, chunk, sizeof chunk);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_set(e, "cannot read %s: %s", path, strerror(errno));
        if (n == 0)
            return 0;
        if (out->len + (size_t)n > max || buf_put(out, chunk, (size_t)n) != 0)
            return err_set(e, "%s is larger than the %zu bytes expected of it", path, max);
    }
}

int file_read(const char *path, size_t max, struct buf *out, struct err *e)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return err_set(e, "cannot open %s: %s", path, strerror(errno));
    int r = read_all(fd, path, max, out, e);
    close(fd);
    return r;
}

static int write_all(int fd, const char *data, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, data, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        data += n;
        len -= (size_t)n;
    }
    return 0;
}

/* Where a write to path ends up: the target of a symlink, else path itself. */
static char *real_target(const char *path)
{
    char resolved[PATH_MAX];
    return xstrdup(realpath(path, resolved) ? resolved : path);
}

int file_write(const char *path, const void *data, size_t len, unsigned mode, struct err *e)
{
    int r = -1;
    char *target = real_target(path);
    char *temp = xasprintf("%s.XXXXXX", target);
    int fd = sys_temp_file(temp);
    if (fd < 0) {
        err_set(e, "cannot write beside %s: %s", target, strerror(errno));
        goto out;
    }
    if (fchmod(fd, mode) != 0 || write_all(fd, data, len) != 0 || fsync(fd) != 0) {
        err_set(e, "cannot write %s: %s", target, strerror(errno));
        unlink(temp);
        goto out;
    }
    if (rename(temp, target) != 0) {
        err_set(e, "cannot replace %s: %s", target, strerror(errno));
        unlink(temp);
        goto out;
    }
    r = 0;
out:
    if (fd >= 0)
        close(fd);
    free(temp);
    free(target);
    return r;
}

static int make_one_dir(const char *path, struct err *e)
{
    struct stat st;
    if (mkdir(path, 0700) == 0)
        return 0;
    if (errno == EEXIST && stat(path, &st) == 0 && S_ISDIR(st.st_mode))
        return 0;
    return err_set(e, "cannot make the folder %s: %s", path, strerror(errno == EEXIST ? ENOTDIR : errno));
}

int file_make_dir(const char *path, struct err *e)
{
    int r = 0;
    char *copy = xstrdup(path);
    for (char *p = copy + 1; r == 0 && *p; p++) {
        if (*p != '/')
            continue;
        *p = '\0';
        r = make_one_dir(copy, e);
        *p = '/';
    }
    if (r == 0)
        r = make_one_dir(copy, e);
    free(copy);
    return r;
}

char *file_dir_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    if (!slash)
        return xstrdup(".");
    return slash == path ? xstrdup("/") : xstrndup(path, (size_t)(slash - path));
}

char *file_join(const char *dir, const char *name)
{
    size_t len = strlen(dir);
    return xasprintf("%s%s%s", dir, len > 0 && dir[len - 1] == '/' ? "" : "/", name);
}

static const char *xdg_default(const char *kind)
{
    if (strcmp(kind, "DATA") == 0)
        return ".local/share";
    return strcmp(kind, "CONFIG") == 0 ? ".config" : ".cache";
}

char *file_xdg(const char *kind)
{
    char name[32] = "XDG_";
    strncat(name, kind, 16);
    strcat(name, "_HOME");
    const char *base = getenv(name);
    if (base && base[0] == '/') /* the XDG rules: a relative path is ignored */
        return file_join(base, "spantop");
    const char *home = getenv("HOME");
    return xasprintf("%s/%s/spantop", home && *home ? home : ".", xdg_default(kind));
}
