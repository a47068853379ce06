/* Asking a gateway for its health page, within a time limit.
 *
 * A plain socket: this layer knows no HTTP library, and one short answer of a
 * program of our own needs none.  The request says HTTP/1.0, so that the answer
 * comes in one piece and ends with the connection. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/sys.h"
#include "log/peer.h"
#include "log/peer_json.h"

/* The page is half a kilobyte; whatever answers with more is not ours. */
#define ANSWER_MAX ((size_t)64 << 10)

struct endpoint {
    struct sockaddr_storage addr;
    socklen_t len;
};

/* "127.0.0.1:4777" or "[::1]:4777", as the lock file has it. */
static int parse_address(const char *address, struct endpoint *to, struct err *e)
{
    char host[64];
    const char *colon = strrchr(address, ':');
    bool is_v6 = address[0] == '[';
    size_t len = colon ? (size_t)(colon - address) : 0;
    unsigned long port = colon ? strtoul(colon + 1, NULL, 10) : 0;
    memset(to, 0, sizeof *to);
    if (is_v6 && len >= 2 && address[len - 1] == ']') {
        address++;
        len -= 2;
    }
    if (port == 0 || port > 65535 || len == 0 || len >= sizeof host)
        return err_set(e, "\"%.60s\" is no address of a gateway (ADDR:PORT)", address);
    memcpy(host, address, len);
    host[len] = 0;
    struct sockaddr_in *v4 = (struct sockaddr_in *)&to->addr;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&to->addr;
    if (is_v6 && inet_pton(AF_INET6, host, &v6->sin6_addr) == 1) {
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons((uint16_t)port);
        to->len = sizeof *v6;
    } else if (inet_pton(AF_INET, host, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons((uint16_t)port);
        to->len = sizeof *v4;
    } else {
        return err_set(e, "\"%.60s\" is no numeric address of a gateway", host);
    }
    return 0;
}

/* 0: ready; -1: the time is over, or the socket cannot be waited for. */
static int wait_for(int fd, short events, int64_t deadline_us)
{
    for (;;) {
        int64_t left_us = deadline_us - clock_mono_us();
        if (left_us <= 0) {
            errno = ETIMEDOUT;
            return -1;
        }
        struct pollfd p = {.fd = fd, .events = events};
        int n = poll(&p, 1, (int)(left_us / 1000) + 1);
        if (n > 0)
            return 0;
        if (n < 0 && errno != EINTR)
            return -1;
    }
}

static int connect_by(const struct endpoint *to, int64_t deadline_us)
{
    int fd = sys_socket(to->addr.ss_family, false);
    if (fd < 0)
        return -1;
    int error = 0;
    socklen_t size = sizeof error;
    if (connect(fd, (const struct sockaddr *)&to->addr, to->len) == 0)
        return fd;
    if (errno == EINPROGRESS && wait_for(fd, POLLOUT, deadline_us) == 0 &&
        getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0 && error == 0)
        return fd;
    if (error)
        errno = error;
    int saved = errno;
    close(fd);
    errno = saved;
    return -1;
}

static int send_by(int fd, const char *text, size_t len, int64_t deadline_us)
{
    while (len > 0) {
        ssize_t n = sys_send(fd, text, len, 0);
        if (n > 0) {
            text += n;
            len -= (size_t)n;
        } else if (errno == EAGAIN) {
            if (wait_for(fd, POLLOUT, deadline_us) != 0)
                return -1;
        } else if (errno != EINTR) {
            return -1;
        }
    }
    return 0;
}

static int receive_by(int fd, struct buf *answer, int64_t deadline_us)
{
    char piece[4096];
    for (;;) {
        ssize_t n = recv(fd, piece, sizeof piece, 0);
        if (n == 0)
            return 0;
        if (n > 0 && buf_put(answer, piece, (size_t)n) != 0) {
            errno = EMSGSIZE;
            return -1;
        }
        if (n > 0 || errno == EINTR)
            continue;
        if (errno != EAGAIN || wait_for(fd, POLLIN, deadline_us) != 0)
            return -1;
    }
}

static int parse_page(const struct buf *answer, const char *address, struct peer_health *h, struct err *e)
{
    const char *body = strstr(answer->data, "\r\n\r\n");
    bool is_good = body && strncmp(answer->data, "HTTP/1.", 7) == 0 && strncmp(answer->data + 8, " 200", 4) == 0;
    cJSON *page = is_good ? cJSON_Parse(body + 4) : NULL;
    const char *status = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(page, "status"));
    if (!status || !cJSON_GetObjectItemCaseSensitive(page, "routes_version")) {
        cJSON_Delete(page);
        return err_set(e, "what listens at %s does not answer as spantop does; is another program on that port?", address);
    }
    peer_json_text(page, "instance", h->instance, sizeof h->instance);
    peer_json_text(page, "version", h->version, sizeof h->version);
    peer_json_text(page, "problem", h->problem, sizeof h->problem);
    peer_json_text(page, "key", h->key, sizeof h->key);
    peer_json_text(page, "refusal", h->refusal, sizeof h->refusal);
    peer_json_text(page, "notice", h->notice, sizeof h->notice);
    h->started_at = peer_json_number(page, "started_at");
    h->in_flight = peer_json_number(page, "in_flight");
    h->calls = peer_json_number(page, "calls");
    h->dropped = peer_json_number(page, "dropped");
    h->dropped_bodies = peer_json_number(page, "dropped_bodies");
    h->refused = peer_json_number(page, "refused");
    h->routes_version = peer_json_number(page, "routes_version");
    cJSON_Delete(page);
    return 0;
}

int peer_ask_health(const char *address, int timeout_ms, struct peer_health *h, struct err *e)
{
    int64_t deadline_us = clock_mono_us() + (int64_t)timeout_ms * 1000;
    struct endpoint to;
    struct buf answer;
    char request[200];
    int rc = -1;
    memset(h, 0, sizeof *h);
    if (parse_address(address, &to, e) != 0)
        return -1;
    buf_init_max(&answer, ANSWER_MAX);
    int len = snprintf(request, sizeof request, "GET /spantop/health HTTP/1.0\r\nHost: %s\r\nConnection: close\r\n\r\n", address);
    int fd = connect_by(&to, deadline_us);
    if (fd < 0)
        err_set(e, "no gateway answers at %s: %s", address, strerror(errno));
    else if (send_by(fd, request, (size_t)len, deadline_us) != 0 || receive_by(fd, &answer, deadline_us) != 0)
        err_set(e, "the gateway at %s does not answer: %s", address, strerror(errno));
    else
        rc = parse_page(&answer, address, h, e);
    if (fd >= 0)
        close(fd);
    buf_done(&answer);
    return rc;
}
