/* Linux tells in three steps: /proc/net/tcp names the listening socket's inode,
 * /proc/PID/fd/ the process that has it, /proc/PID/comm its name.  Another
 * user's process keeps its descriptors to itself; then only the port is told. */
#include "cli/port_owner.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <netdb.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "log/peer.h"

#define TCP_LISTEN_STATE 0x0A
#define NAME_MAX_SHOWN   64

/* The inode of who listens on port, 0 when not found. */
static unsigned long find_inode(const char *table, unsigned port)
{
    char line[512];
    unsigned long found = 0;
    FILE *f = fopen(table, "re");
    while (f && !found && fgets(line, sizeof line, f)) {
        char local[64];
        unsigned state;
        unsigned long inode;
        if (sscanf(line, " %*[0-9]: %63s %*s %x %*s %*s %*s %*s %*s %lu", local, &state, &inode) != 3)
            continue;
        const char *colon = strrchr(local, ':');
        if (state == TCP_LISTEN_STATE && colon && strtoul(colon + 1, NULL, 16) == port)
            found = inode;
    }
    if (f)
        fclose(f);
    return found;
}

static bool has_socket(const char *pid, const char *wanted)
{
    char *dir = xasprintf("/proc/%s/fd", pid);
    DIR *d = opendir(dir);
    bool found = false;
    for (struct dirent *entry; d && !found && (entry = readdir(d));) {
        char target[64];
        char *path = file_join(dir, entry->d_name);
        ssize_t n = readlink(path, target, sizeof target - 1);
        free(path);
        target[n > 0 ? n : 0] = '\0';
        found = strcmp(target, wanted) == 0;
    }
    if (d)
        closedir(d);
    free(dir);
    return found;
}

static void name_process(const char *pid, char *who, size_t size)
{
    char *path = xasprintf("/proc/%s/comm", pid);
    struct buf name;
    struct err ignored;
    buf_init(&name);
    if (file_read(path, NAME_MAX_SHOWN, &name, &ignored) != 0)
        buf_puts(&name, "a process");
    name.data[strcspn(name.data, "\n")] = '\0';
    snprintf(who, size, "%.32s (pid %.16s)", name.data, pid);
    buf_done(&name);
    free(path);
}

static bool find_owner(unsigned port, char *who, size_t size)
{
    char wanted[64];
    unsigned long inode = find_inode("/proc/net/tcp", port);
    if (!inode)
        inode = find_inode("/proc/net/tcp6", port);
    snprintf(wanted, sizeof wanted, "socket:[%lu]", inode);
    DIR *d = inode ? opendir("/proc") : NULL;
    bool found = false;
    for (struct dirent *entry; d && !found && (entry = readdir(d));) {
        found = isdigit((unsigned char)entry->d_name[0]) && has_socket(entry->d_name, wanted);
        if (found)
            name_process(entry->d_name, who, size);
    }
    if (d)
        closedir(d);
    return found;
}

/* Is the address taken?  Anything else that is wrong with it the gateway tells. */
static bool is_taken(const char *host, const char *port)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE}, *list = NULL;
    bool taken = false;
    if (getaddrinfo(host, port, &hints, &list) != 0)
        return false;
    int fd = socket(list->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0) {
        /* As the gateway does: connections of an earlier run that linger are no obstacle. */
        int on = 1;
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        taken = bind(fd, list->ai_addr, list->ai_addrlen) != 0 && errno == EADDRINUSE;
        close(fd);
    }
    freeaddrinfo(list);
    return taken;
}

int port_check_free(const char *address, struct err *e)
{
    char host[256], who[128];
    const char *colon = strrchr(address, ':');
    if (!colon || colon == address)
        return 0;
    bool bracketed = address[0] == '[' && colon[-1] == ']';
    snprintf(host, sizeof host, "%.*s", (int)(colon - address) - (bracketed ? 2 : 0), address + (bracketed ? 1 : 0));
    if (!is_taken(host, colon + 1))
        return 0;
    if (!find_owner((unsigned)strtoul(colon + 1, NULL, 10), who, sizeof who))
        snprintf(who, sizeof who, "a process of another user");
    struct peer_health h;
    struct err ignored;
    if (peer_ask_health(address, 500, &h, &ignored) == 0)
        return err_set(e,
                       "cannot listen on %s: a spantop gateway of another log has it, %s; end it with spantop stop and "
                       "its --log, or take another port with --listen",
                       address, who);
    return err_set(e, "cannot listen on %s: %s has the port; end it, or take another port with --listen", address, who);
}
