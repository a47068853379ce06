/* First the polite way: a spantop answers its health page.  Then /proc, which
 * tells the socket of the port and, for one's own processes, who has it open. */
#include "gateway/holder.h"

#include <ctype.h>
#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log/peer.h"

#define ASK_MS     500
#define TCP_LISTEN 0x0A

/* The inode of the socket that listens on port, from a table of the kernel's; 0: none. */
static unsigned long listening_inode(const char *table, int port)
{
    char line[512];
    unsigned long found = 0;
    FILE *f = fopen(table, "re");
    if (!f)
        return 0;
    while (!found && fgets(line, sizeof line, f)) {
        unsigned local_port, state;
        unsigned long inode;
        if (sscanf(line, " %*d: %*[0-9A-Fa-f]:%x %*s %x %*s %*s %*s %*s %*s %lu", &local_port, &state, &inode) == 3 &&
            (int)local_port == port && state == TCP_LISTEN)
            found = inode;
    }
    fclose(f);
    return found;
}

static bool has_open(const char *pid, const char *link_wanted)
{
    char dir[300];
    char path[600];
    char link[64];
    bool found = false;
    snprintf(dir, sizeof dir, "/proc/%s/fd", pid);
    DIR *d = opendir(dir);
    if (!d)
        return false;
    for (struct dirent *entry; !found && (entry = readdir(d));) {
        snprintf(path, sizeof path, "%s/%s", dir, entry->d_name);
        ssize_t n = readlink(path, link, sizeof link - 1);
        if (n <= 0)
            continue;
        link[n] = '\0';
        found = strcmp(link, link_wanted) == 0;
    }
    closedir(d);
    return found;
}

static void name_process(const char *pid, char *out, size_t size)
{
    char path[300];
    char name[64] = "";
    snprintf(path, sizeof path, "/proc/%s/comm", pid);
    FILE *f = fopen(path, "re");
    if (f) {
        if (!fgets(name, sizeof name, f))
            name[0] = '\0';
        fclose(f);
    }
    name[strcspn(name, "\n")] = '\0';
    snprintf(out, size, "%s (pid %s)", name[0] ? name : "a process", pid);
}

static bool find_process(unsigned long inode, char *out, size_t size)
{
    char link[64];
    bool found = false;
    snprintf(link, sizeof link, "socket:[%lu]", inode);
    DIR *proc = opendir("/proc");
    if (!proc)
        return false;
    for (struct dirent *entry; !found && (entry = readdir(proc));) {
        if (!isdigit((unsigned char)entry->d_name[0]) || !has_open(entry->d_name, link))
            continue;
        name_process(entry->d_name, out, size);
        found = true;
    }
    closedir(proc);
    return found;
}

void holder_describe(const char *address, int port, char *out, size_t size)
{
    struct peer_health health;
    char process[400];
    unsigned long inode = listening_inode("/proc/net/tcp", port);
    if (!inode)
        inode = listening_inode("/proc/net/tcp6", port);
    bool has_process = inode && find_process(inode, process, sizeof process);
    if (peer_ask_health(address, ASK_MS, &health, NULL) == 0)
        snprintf(out, size, "another spantop gateway, %s", has_process ? process : "of another user or log");
    else
        snprintf(out, size, "%s", has_process ? process : "another program");
}
