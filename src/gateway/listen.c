#include "gateway/listen.h"
#include "base/sys.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define BACKLOG 511
/* Accepted sockets inherit it; the kernel doubles it.  Left to itself it grows to
 * megabytes, and a client that does not read would not slow the upstream. */
#define CLIENT_SEND_BUFFER (128 << 10)

int listen_parse(const char *listen, char *host, size_t host_size, int *port, struct err *e)
{
    const char *colon = strrchr(listen, ':');
    const char *start = listen;
    const char *end = colon;
    if (!colon || colon == listen)
        goto bad;
    if (*start == '[') {
        start++;
        if (colon[-1] != ']')
            goto bad;
        end = colon - 1;
    } else if (memchr(start, ':', (size_t)(colon - start))) {
        goto bad;
    }
    size_t digits = strspn(colon + 1, "0123456789");
    if (digits == 0 || digits > 5 || colon[1 + digits] || atoi(colon + 1) > 65535)
        goto bad;
    if (end == start || (size_t)(end - start) >= host_size)
        goto bad;
    memcpy(host, start, (size_t)(end - start));
    host[end - start] = '\0';
    *port = atoi(colon + 1);
    return 0;
bad:
    return err_set(e, "--listen %s is not ADDRESS:PORT, such as 127.0.0.1:4777 or [::1]:4777", listen);
}

static int format_address(int fd, char address[64], struct err *e)
{
    struct sockaddr_storage at = {0};
    socklen_t len = sizeof at;
    char host[INET6_ADDRSTRLEN];
    if (getsockname(fd, (struct sockaddr *)&at, &len) != 0)
        return err_set(e, "cannot read the listening address: %s", strerror(errno));
    if (at.ss_family == AF_INET6) {
        const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&at;
        inet_ntop(AF_INET6, &v6->sin6_addr, host, sizeof host);
        /* NOLINTNEXTLINE(clang-analyzer-core.CallAndMessage): at is zeroed whole */
        snprintf(address, 64, "[%s]:%d", host, ntohs(v6->sin6_port));
    } else {
        const struct sockaddr_in *v4 = (const struct sockaddr_in *)&at;
        inet_ntop(AF_INET, &v4->sin_addr, host, sizeof host);
        /* NOLINTNEXTLINE(clang-analyzer-core.CallAndMessage): as above */
        snprintf(address, 64, "%s:%d", host, ntohs(v4->sin_port));
    }
    return 0;
}

int listen_bind(const char *host_wanted, int port_wanted, char address[64], struct err *e)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST | AI_PASSIVE};
    struct addrinfo *found = NULL;
    char port[16];
    int fd = -1;
    int one = 1;
    const char *host = strcasecmp(host_wanted, "localhost") == 0 ? "127.0.0.1" : host_wanted;
    snprintf(port, sizeof port, "%d", port_wanted);
    int rc = getaddrinfo(host, port, &hints, &found);
    if (rc != 0)
        return err_set(e, "--listen %s is no address of this machine (%s); use 127.0.0.1:PORT", host_wanted, gai_strerror(rc));
    fd = sys_socket(found->ai_family, false);
    if (fd < 0) {
        err_set(e, "cannot make a socket: %s", strerror(errno));
        goto out;
    }
    int send_buffer = CLIENT_SEND_BUFFER;
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &send_buffer, sizeof send_buffer);
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(fd, found->ai_addr, found->ai_addrlen) != 0 || listen(fd, BACKLOG) != 0) {
        rc = errno;
        err_set(e, "cannot listen on %s port %d: %s", host_wanted, port_wanted, strerror(rc));
        close(fd);
        fd = -1;
        errno = rc; /* the caller looks who holds the port on EADDRINUSE */
        goto out;
    }
    if (format_address(fd, address, e) != 0) {
        close(fd);
        fd = -1;
    }
out:
    rc = errno;
    freeaddrinfo(found);
    errno = rc;
    return fd;
}

/* Each call needs a descriptor on both sides; some are left for the log. */
unsigned listen_connection_limit(unsigned descriptors_max)
{
    struct rlimit lim;
    if (getrlimit(RLIMIT_NOFILE, &lim) != 0)
        return 256;
    rlim_t wanted = lim.rlim_max < descriptors_max ? lim.rlim_max : descriptors_max;
    if (lim.rlim_cur != wanted) {
        lim.rlim_cur = wanted;
        (void)setrlimit(RLIMIT_NOFILE, &lim);
        (void)getrlimit(RLIMIT_NOFILE, &lim);
    }
    rlim_t per_side = lim.rlim_cur > 128 ? (lim.rlim_cur - 64) / 2 : lim.rlim_cur / 4;
    return per_side > 4096 ? 4096 : (unsigned)per_side;
}
