/* The bench's upstream: answers every POST with an SSE stream in Claude's shape.
 *
 * How many events and how far apart stands in the target: ?events=50&gap_us=20000
 * (gap 0: all in one burst).  Every event carries the time it was written, so
 * that whoever reads it knows how long it was under way.
 * One thread, epoll; a stream's next event is due at a time of its own. */
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net.h"

#define CONNS_MAX 4096
#define HEAD_MAX 65536
#define OUT_MAX (1 << 20) /* an answer of 2,000 events is 400 KB */

struct conn {
    int fd;
    char *head;
    size_t head_len;
    long body_left; /* -1: still reading the head */
    int events_left;
    int events_total;
    int64_t gap_ns;
    int64_t due_ns;
    bool is_answering;
    char *out;
    size_t out_len;
};

static struct conn *conns[CONNS_MAX];
static int epoll_fd;

static void conn_free(struct conn *c)
{
    conns[c->fd] = NULL;
    close(c->fd);
    free(c->head);
    free(c->out);
    free(c);
}

static void put_chunk(struct conn *c, const char *text, size_t len)
{
    if (c->out_len + len + 32 > OUT_MAX)
        net_die("an answer is larger than the bench foresees");
    c->out_len += (size_t)sprintf(c->out + c->out_len, "%zx\r\n", len);
    memcpy(c->out + c->out_len, text, len);
    c->out_len += len;
    memcpy(c->out + c->out_len, "\r\n", 2);
    c->out_len += 2;
}

static void put_start(struct conn *c)
{
    static const char head[] = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n"
                               "request-id: req_bench\r\nx-respan-log-id: bench\r\nTransfer-Encoding: chunked\r\n\r\n";
    static const char start[] =
        "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_bench\",\"type\":\"message\",\"role\":\"assistant\","
        "\"model\":\"claude-opus-5-5\",\"content\":[],\"usage\":{\"input_tokens\":3,\"cache_creation_input_tokens\":800,"
        "\"cache_read_input_tokens\":21000,\"cache_creation\":{\"ephemeral_5m_input_tokens\":800,\"ephemeral_1h_input_tokens\":0},"
        "\"output_tokens\":1}}}\n\nevent: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,"
        "\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n";
    memcpy(c->out + c->out_len, head, sizeof head - 1);
    c->out_len += sizeof head - 1;
    put_chunk(c, start, sizeof start - 1);
}

static void put_event(struct conn *c)
{
    char text[256];
    int n = snprintf(text, sizeof text,
                     "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":"
                     "{\"type\":\"text_delta\",\"text\":\"@%lld@ some words of it\"}}\n\n",
                     (long long)net_now_ns());
    put_chunk(c, text, (size_t)n);
}

static void put_end(struct conn *c)
{
    char text[512];
    int n = snprintf(text, sizeof text,
                     "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n"
                     "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},"
                     "\"usage\":{\"output_tokens\":%d}}\n\nevent: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
                     c->events_total * 6);
    put_chunk(c, text, (size_t)n);
    memcpy(c->out + c->out_len, "0\r\n\r\n", 5);
    c->out_len += 5;
}

/* false: the connection broke and c is gone. */
static bool flush(struct conn *c)
{
    while (c->out_len > 0) {
        ssize_t n = send(c->fd, c->out, c->out_len, MSG_NOSIGNAL);
        if (n < 0 && errno == EAGAIN)
            return true;
        if (n <= 0) {
            conn_free(c);
            return false;
        }
        c->out_len -= (size_t)n;
        memmove(c->out, c->out + n, c->out_len);
    }
    return true;
}

static long number_after(const char *text, const char *name, long otherwise)
{
    const char *at = strcasestr(text, name);
    return at ? atol(at + strlen(name)) : otherwise;
}

static bool answer_some(struct conn *c, int64_t now)
{
    while (c->events_left > 0 && (c->gap_ns == 0 || now >= c->due_ns)) {
        put_event(c);
        c->events_left--;
        c->due_ns += c->gap_ns;
    }
    if (c->events_left == 0) {
        put_end(c);
        c->is_answering = false;
        c->body_left = -1;
        c->head_len = 0;
    }
    return flush(c);
}

static bool answer_begin(struct conn *c)
{
    c->events_total = (int)number_after(c->head, "events=", 50);
    c->gap_ns = number_after(c->head, "gap_us=", 0) * 1000;
    c->events_left = c->events_total;
    c->is_answering = true;
    c->due_ns = net_now_ns() + c->gap_ns;
    put_start(c);
    return c->gap_ns ? flush(c) : answer_some(c, 0);
}

/* The head is whole: how much body follows, and what of it is here already. */
static void head_done(struct conn *c, const char *end)
{
    size_t head_size = (size_t)(end - c->head) + 4;
    c->body_left = number_after(c->head, "\r\ncontent-length:", 0);
    c->body_left -= (long)(c->head_len - head_size);
    c->head[head_size - 1] = '\0';
}

static bool take(struct conn *c, const char *data, size_t len)
{
    if (c->body_left >= 0) {
        c->body_left -= (long)len;
    } else {
        if (c->head_len + len >= HEAD_MAX)
            net_die("a head is larger than the bench foresees");
        memcpy(c->head + c->head_len, data, len);
        c->head_len += len;
        c->head[c->head_len] = '\0';
        const char *end = strstr(c->head, "\r\n\r\n");
        if (!end)
            return true;
        head_done(c, end);
    }
    return c->body_left > 0 ? true : answer_begin(c);
}

static void on_readable(struct conn *c)
{
    static char chunk[32768];
    for (;;) {
        ssize_t n = recv(c->fd, chunk, sizeof chunk, 0);
        if (n < 0 && errno == EAGAIN)
            return;
        if (n <= 0) {
            conn_free(c);
            return;
        }
        if (!take(c, chunk, (size_t)n))
            return;
    }
}

static void accept_all(int listener)
{
    int fd;
    while ((fd = accept(listener, NULL, NULL)) >= 0) {
        if (fd >= CONNS_MAX)
            net_die("too many connections");
        net_set_options(fd);
        struct conn *c = calloc(1, sizeof *c);
        c->fd = fd;
        c->body_left = -1;
        c->head = malloc(HEAD_MAX);
        c->out = malloc(OUT_MAX);
        conns[fd] = c;
        struct epoll_event ev = {.events = EPOLLIN, .data.fd = fd};
        epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &ev);
    }
}

/* Write what is due; how long until the next is. */
static int run_timers(void)
{
    int64_t now = net_now_ns();
    int64_t next = now + 1000000000;
    for (int i = 0; i < CONNS_MAX; i++) {
        struct conn *c = conns[i];
        if (!c || !c->is_answering)
            continue;
        if (now >= c->due_ns && !answer_some(c, now))
            continue;
        if (c->is_answering && c->due_ns < next)
            next = c->due_ns;
    }
    return next > now ? (int)((next - now) / 1000000) : 0;
}

int main(int argc, char **argv)
{
    int listener = net_listen(argc > 1 ? atoi(argv[1]) : 0);
    struct sockaddr_in a;
    socklen_t size = sizeof a;
    getsockname(listener, (struct sockaddr *)&a, &size);
    printf("%d\n", ntohs(a.sin_port));
    fflush(stdout);
    epoll_fd = epoll_create1(0);
    struct epoll_event ev = {.events = EPOLLIN, .data.fd = listener};
    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, listener, &ev);
    for (;;) {
        struct epoll_event got[256];
        int n = epoll_wait(epoll_fd, got, 256, run_timers());
        for (int i = 0; i < n; i++) {
            if (got[i].data.fd == listener)
                accept_all(listener);
            else if (conns[got[i].data.fd])
                on_readable(conns[got[i].data.fd]);
        }
    }
}
