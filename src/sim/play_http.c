#include "sim/play_http.h"
#include "base/sys.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#define READ_SIZE 16384
#define SILENCE_MS 300000 /* the real client gives up then, too */

int play_place_parse(struct play_place *p, const char *url, struct err *e)
{
    const char *host = url + strlen("http://");
    size_t len;
    char *end;
    unsigned long port;

    memset(p, 0, sizeof(*p));
    if (strncmp(url, "http://", 7) != 0)
        return err_set(e, "the demo's base URL must begin with http://, not %.80s", url);
    len = strcspn(host, ":/");
    if (len == 0 || len >= sizeof(p->host) || host[len] != ':')
        return err_set(e, "the demo's base URL needs a host and a port: %.80s", url);
    memcpy(p->host, host, len);
    if (strcmp(p->host, "localhost") == 0)
        memcpy(p->host, "127.0.0.1", sizeof("127.0.0.1"));
    port = strtoul(host + len + 1, &end, 10);
    if (port == 0 || port > 65535 || strncmp(p->host, "127.", 4) != 0)
        return err_set(e, "the demo talks to loopback addresses only, not to %.80s", url);
    p->port = (uint16_t)port;
    len = strlen(end);
    while (len > 0 && end[len - 1] == '/')
        len--;
    if (len >= sizeof(p->path))
        return err_set(e, "the demo's base URL is too long: %.80s", url);
    memcpy(p->path, end, len);
    return 0;
}

void play_conn_init(struct play_conn *c, const struct play_place *place, int stop_fd)
{
    c->place = place;
    c->stop_fd = stop_fd;
    c->fd = -1;
    buf_init(&c->in);
}

static void hang_up(struct play_conn *c)
{
    if (c->fd >= 0)
        close(c->fd);
    c->fd = -1;
    buf_reset(&c->in);
}

void play_conn_done(struct play_conn *c)
{
    hang_up(c);
    buf_done(&c->in);
}

/* The events on fd within ms; 0 none, -1 the player stops. */
static int await(int fd, int stop_fd, short events, int ms)
{
    struct pollfd p[2] = {{.fd = stop_fd, .events = POLLIN}, {.fd = fd, .events = events}};
    int n;

    do
        n = poll(p, fd < 0 ? 1 : 2, ms);
    while (n < 0 && errno == EINTR);
    if (n < 0 || p[0].revents)
        return -1;
    return n == 0 ? 0 : p[1].revents;
}

int play_sleep(int stop_fd, int64_t ms) { return await(-1, stop_fd, 0, (int)ms) < 0 ? -1 : 0; }

static int dial(struct play_conn *c)
{
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_port = htons(c->place->port)};
    int one = 1;

    hang_up(c);
    inet_pton(AF_INET, c->place->host, &addr.sin_addr);
    c->fd = sys_socket(AF_INET, true);
    if (c->fd < 0)
        return -1;
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    if (connect(c->fd, (struct sockaddr *)&addr, sizeof(addr)) == 0)
        return 0;
    hang_up(c);
    return -1;
}

static int send_all(struct play_conn *c, const char *data, size_t len)
{
    while (len > 0) {
        ssize_t n = sys_send(c->fd, data, len, MSG_DONTWAIT);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN && await(c->fd, c->stop_fd, POLLOUT, SILENCE_MS) > 0)
            continue;
        if (n <= 0)
            return -1;
        data += n;
        len -= (size_t)n;
    }
    return 0;
}

static int fill(struct play_conn *c)
{
    ssize_t n;

    if (await(c->fd, c->stop_fd, POLLIN, SILENCE_MS) <= 0 || buf_reserve(&c->in, READ_SIZE) < 0)
        return -1;
    n = recv(c->fd, c->in.data + c->in.len, READ_SIZE, 0);
    if (n <= 0)
        return -1;
    c->in.len += (size_t)n;
    c->in.data[c->in.len] = '\0';
    return 0;
}

/* The next line, ended by NUL in place; *len with its end.  NULL: the connection broke. */
static char *peek_line(struct play_conn *c, size_t *len)
{
    char *nl;

    while (!(nl = memchr(c->in.data, '\n', c->in.len)))
        if (fill(c) < 0)
            return NULL;
    *len = (size_t)(nl - c->in.data) + 1;
    *nl = '\0';
    if (nl > c->in.data && nl[-1] == '\r')
        nl[-1] = '\0';
    return c->in.data;
}

struct framing {
    bool chunked, close;
    int64_t length; /* -1: not said */
};

static int read_head(struct play_conn *c, struct play_answer *a, struct framing *f)
{
    size_t len;
    char *line = peek_line(c, &len);

    *f = (struct framing){.length = -1};
    if (!line || strncmp(line, "HTTP/1.", 7) != 0)
        return -1;
    a->status = atoi(line + 9);
    for (;;) {
        buf_drop_front(&c->in, len);
        line = peek_line(c, &len);
        if (!line)
            return -1;
        if (!*line)
            break;
        if (strncasecmp(line, "content-length:", 15) == 0)
            f->length = atoll(line + 15);
        else if (strncasecmp(line, "transfer-encoding:", 18) == 0)
            f->chunked = strstr(line, "chunked") != NULL;
        else if (strncasecmp(line, "connection:", 11) == 0)
            f->close = strstr(line, "close") != NULL;
        else if (strncasecmp(line, "retry-after:", 12) == 0)
            a->retry_after_s = atoi(line + 12);
    }
    buf_drop_front(&c->in, len);
    return a->status < 200 ? read_head(c, a, f) : 0;
}

static int take(struct play_conn *c, size_t len, struct buf *out)
{
    while (len > 0) {
        size_t n;
        if (c->in.len == 0 && fill(c) < 0)
            return -1;
        n = c->in.len < len ? c->in.len : len;
        if (buf_put(out, c->in.data, n) < 0)
            return -1;
        buf_drop_front(&c->in, n);
        len -= n;
    }
    return 0;
}

static int read_chunks(struct play_conn *c, struct buf *out)
{
    for (;;) {
        size_t len;
        char *line = peek_line(c, &len);
        size_t size;
        if (!line || !isxdigit((unsigned char)*line))
            return -1;
        size = strtoul(line, NULL, 16);
        buf_drop_front(&c->in, len);
        if (take(c, size, out) < 0 || !peek_line(c, &len))
            return -1;
        buf_drop_front(&c->in, len);
        if (size == 0)
            return 0;
    }
}

static void read_answer(struct play_conn *c, bool head_only, struct play_answer *a)
{
    struct framing f;

    if (read_head(c, a, &f) < 0) {
        hang_up(c);
        return;
    }
    if (head_only)
        a->complete = true;
    else if (f.chunked)
        a->complete = read_chunks(c, &a->body) == 0;
    else if (f.length >= 0)
        a->complete = take(c, (size_t)f.length, &a->body) == 0;
    if (f.close || !a->complete)
        hang_up(c);
}

static void exchange(struct play_conn *c, const struct buf *head, const struct buf *body, bool head_only, struct play_answer *a)
{
    for (int attempt = 0; attempt < 2; attempt++) {
        bool kept = c->fd >= 0;
        if (!kept && dial(c) < 0)
            return;
        if (send_all(c, head->data, head->len) == 0 && (!body || send_all(c, body->data, body->len) == 0))
            read_answer(c, head_only, a);
        else
            hang_up(c);
        if (a->status != 0 || !kept)
            return;
    }
}

static void answer_init(struct play_answer *a)
{
    memset(a, 0, sizeof(*a));
    a->retry_after_s = -1;
    buf_init(&a->body);
}

void play_answer_done(struct play_answer *a) { buf_done(&a->body); }

void play_post(struct play_conn *c, const char *target, const char *headers, const struct buf *body, struct play_answer *a)
{
    struct buf head;

    answer_init(a);
    buf_init(&head);
    buf_printf(&head, "POST %s%s HTTP/1.1\r\n%sHost: %s:%u\r\nContent-Length: %zu\r\n\r\n", c->place->path, target, headers, c->place->host,
               c->place->port, body->len);
    exchange(c, &head, body, false, a);
    buf_done(&head);
}

void play_head(struct play_conn *c, const char *headers, struct play_answer *a)
{
    struct buf head;

    answer_init(a);
    buf_init(&head);
    buf_printf(&head, "HEAD %s/ HTTP/1.1\r\n%sHost: %s:%u\r\n\r\n", c->place->path, headers, c->place->host, c->place->port);
    exchange(c, &head, NULL, true, a);
    buf_done(&head);
}
