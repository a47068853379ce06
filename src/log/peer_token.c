/* The local token: what `spantop env` hands out instead of the Respan key.
 *
 * Two processes may make it at the same moment, and both must end with the same
 * one: it is written whole under a name of its own and then linked to the real
 * name, which only one can do. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/encode.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/sys.h"
#include "log/peer.h"

#define PREFIX "spantop-"
#define SECRET_BYTES 32 /* 256 bits */
#define TOKEN_LEN (sizeof PREFIX - 1 + 2 * SECRET_BYTES)

static bool is_token(const char *text, size_t len)
{
    if (len != TOKEN_LEN || memcmp(text, PREFIX, sizeof PREFIX - 1) != 0)
        return false;
    return strspn(text + sizeof PREFIX - 1, "0123456789abcdef") == 2 * SECRET_BYTES;
}

/* 0; 1: there is none; -1. */
static int read_token(const char *path, char token[LOCAL_TOKEN_MAX], struct err *e)
{
    char text[LOCAL_TOKEN_MAX + 1];
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return 1;
    if (fd < 0)
        return err_set(e, "the local token %s cannot be read: %s", path, strerror(errno));
    ssize_t len = read(fd, text, sizeof text - 1);
    int rc = 0;
    if (fstat(fd, &st) == 0 && (st.st_mode & 077) && fchmod(fd, 0600) != 0)
        rc = err_set(e, "others can read the local token %s and its mode cannot be changed: %s", path, strerror(errno));
    close(fd);
    while (len > 0 && (text[len - 1] == '\n' || text[len - 1] == '\r'))
        len--;
    text[len > 0 ? len : 0] = 0;
    if (rc == 0 && !is_token(text, strlen(text)))
        rc = err_set(e, "%s does not hold a local token; delete it, and a new one is made", path);
    if (rc == 0)
        memcpy(token, text, TOKEN_LEN + 1);
    return rc;
}

static int write_all(int fd, const char *text, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, text, len);
        if (n < 0 && errno != EINTR)
            return -1;
        if (n > 0) {
            text += n;
            len -= (size_t)n;
        }
    }
    return fsync(fd);
}

/* Only the one that links first makes the token; to the others that is success, too. */
static int make_token(const char *path, struct err *e)
{
    unsigned char secret[SECRET_BYTES];
    char text[TOKEN_LEN + 2] = PREFIX;
    char *own = xasprintf("%s.XXXXXX", path);
    random_bytes(secret, sizeof secret);
    encode_hex(secret, sizeof secret, text + sizeof PREFIX - 1);
    strcat(text, "\n");
    int rc = -1;
    int fd = sys_temp_file(own); /* 0600 */
    if (fd < 0 || write_all(fd, text, strlen(text)) != 0)
        err_set(e, "the local token %s cannot be written: %s", path, strerror(errno));
    else if (link(own, path) != 0 && errno != EEXIST)
        err_set(e, "the local token %s cannot be made: %s; keep the log on a file system with links (--log)", path, strerror(errno));
    else
        rc = 0;
    if (fd >= 0) {
        close(fd);
        unlink(own);
    }
    free(own);
    return rc;
}

int local_token_load(const char *log_path, char token[LOCAL_TOKEN_MAX], struct err *e)
{
    char *dir = file_dir_of(log_path);
    char *path = file_join(dir, "token");
    int rc = read_token(path, token, e);
    if (rc == 1) {
        rc = file_make_dir(dir, e);
        if (rc == 0)
            rc = make_token(path, e);
        if (rc == 0)
            rc = read_token(path, token, e);
        if (rc == 1)
            rc = err_set(e, "the local token %s vanished while it was made; try again", path);
    }
    free(path);
    free(dir);
    return rc;
}
