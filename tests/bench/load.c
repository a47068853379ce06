/* The bench's client: N connections, each sending a body and reading the
 * streamed answer, again and again.
 *
 *   load PORT TARGET CONNECTIONS REQUESTS STAGGER_US SESSION BODY-FILE…
 *
 * Several body files are sent in order (a growing conversation).  Prints one
 * JSON line: requests, seconds, first-byte and event delays in microseconds.
 * An answer that is not whole ends the program with an error: a bench that
 * loses calls has no figures. */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net.h"

#define CONNS_MAX 1024
#define BODIES_MAX 1024
#define READ_MAX 65536
#define TAIL_KEEP 128 /* an event's stamp may be split between two reads */

struct request {
    char *data; /* head and body */
    size_t len;
};

struct conn {
    int fd;
    const struct request *request;
    size_t sent;
    int64_t sent_at_ns; /* the last byte of the request left */
    bool got_first;
    char tail[TAIL_KEEP + READ_MAX + 1];
    size_t tail_len;
    int64_t start_ns;
    bool is_busy;
};

struct samples {
    int64_t *ns;
    size_t count, cap;
};

static struct request requests[BODIES_MAX];
static int request_count;
static struct conn conns[CONNS_MAX];
static struct samples first_bytes, event_delays;
static int total, begun, done;
static int epoll_fd;

static void add_sample(struct samples *s, int64_t ns)
{
    if (s->count == s->cap) {
        s->cap = s->cap ? s->cap * 2 : 4096;
        s->ns = realloc(s->ns, s->cap * sizeof *s->ns);
    }
    s->ns[s->count++] = ns;
}

static int compare(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a;
    int64_t y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static double quantile_us(struct samples *s, double q)
{
    if (s->count == 0)
        return -1;
    return (double)s->ns[(size_t)((double)(s->count - 1) * q)] / 1000.0;
}

static void load_request(const char *path, const char *target, const char *session)
{
    FILE *f = fopen(path, "rb");
    if (!f)
        net_die(path);
    fseek(f, 0, SEEK_END);
    size_t size = (size_t)ftell(f);
    rewind(f);
    char head[2048];
    int n = snprintf(head, sizeof head,
                     "POST %s HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nAccept: application/json\r\n"
                     "User-Agent: claude-cli/2.1.197 (external, cli)\r\nx-app: cli\r\nanthropic-version: 2023-06-01\r\n"
                     "anthropic-beta: claude-code-20250219,interleaved-thinking-2025-05-14\r\nx-api-key: bench\r\n"
                     "X-Claude-Code-Session-Id: %s\r\nContent-Length: %zu\r\n\r\n",
                     target, session, size);
    struct request *r = &requests[request_count++];
    r->len = (size_t)n + size;
    r->data = malloc(r->len);
    memcpy(r->data, head, (size_t)n);
    if (fread(r->data + n, 1, size, f) != size)
        net_die(path);
    fclose(f);
}

static void watch(struct conn *c, bool want_write)
{
    struct epoll_event ev = {.events = EPOLLIN | (want_write ? EPOLLOUT : 0u), .data.ptr = c};
    epoll_ctl(epoll_fd, EPOLL_CTL_MOD, c->fd, &ev);
}

static void send_some(struct conn *c)
{
    while (c->sent < c->request->len) {
        ssize_t n = send(c->fd, c->request->data + c->sent, c->request->len - c->sent, MSG_NOSIGNAL);
        if (n < 0 && errno == EAGAIN) {
            watch(c, true);
            return;
        }
        if (n <= 0)
            net_die("cannot send a request");
        c->sent += (size_t)n;
    }
    c->sent_at_ns = net_now_ns();
    watch(c, false);
}

static void begin(struct conn *c)
{
    c->request = &requests[begun++ % request_count];
    c->sent = 0;
    c->got_first = false;
    c->tail_len = 0;
    c->is_busy = true;
    send_some(c);
}

/* The stamps `@NS@` in what came; what is behind the last whole one stays. */
static void read_stamps(struct conn *c, int64_t now)
{
    char *at = c->tail;
    for (;;) {
        char *mark = memchr(at, '@', (size_t)(c->tail + c->tail_len - at));
        char *end = mark ? memchr(mark + 1, '@', (size_t)(c->tail + c->tail_len - mark - 1)) : NULL;
        if (!end) {
            at = mark ? mark : c->tail + c->tail_len;
            break;
        }
        char *digits_end;
        int64_t stamp = strtoll(mark + 1, &digits_end, 10);
        /* A proxy may begin a new chunk inside a stamp: that one is passed over. */
        if (digits_end == end)
            add_sample(&event_delays, now - stamp);
        at = end + 1;
    }
    size_t keep = (size_t)(c->tail + c->tail_len - at);
    /* Beside an open stamp the last bytes are kept to see the end of the answer. */
    if (keep < 5 && c->tail_len >= 5) {
        at = c->tail + c->tail_len - 5;
        keep = 5;
    }
    memmove(c->tail, at, keep);
    c->tail_len = keep;
}

static bool is_end(const struct conn *c)
{
    return c->tail_len >= 5 && memcmp(c->tail + c->tail_len - 5, "0\r\n\r\n", 5) == 0;
}

static void on_readable(struct conn *c)
{
    ssize_t n = recv(c->fd, c->tail + c->tail_len, READ_MAX, 0);
    if (n < 0 && errno == EAGAIN)
        return;
    if (n <= 0)
        net_die("an answer was cut");
    int64_t now = net_now_ns();
    if (!c->got_first) {
        if (memcmp(c->tail + c->tail_len, "HTTP/1.1 200", 12) != 0) {
            c->tail[c->tail_len + (size_t)n] = '\0';
            fprintf(stderr, "bench: expected 200, got: %.300s\n", c->tail + c->tail_len);
            exit(1);
        }
        c->got_first = true;
        add_sample(&first_bytes, now - c->sent_at_ns);
    }
    c->tail_len += (size_t)n;
    read_stamps(c, now);
    if (!is_end(c))
        return;
    done++;
    c->is_busy = false;
    if (begun < total)
        begin(c);
}

static void print_result(int64_t started_ns)
{
    double seconds = (double)(net_now_ns() - started_ns) / 1e9;
    qsort(first_bytes.ns, first_bytes.count, sizeof(int64_t), compare);
    qsort(event_delays.ns, event_delays.count, sizeof(int64_t), compare);
    printf("{\"requests\":%d,\"seconds\":%.4f,\"first_byte_us\":{\"p50\":%.1f,\"p99\":%.1f},"
           "\"event_us\":{\"count\":%zu,\"p50\":%.1f,\"p99\":%.1f}}\n",
           done, seconds, quantile_us(&first_bytes, 0.5), quantile_us(&first_bytes, 0.99), event_delays.count,
           quantile_us(&event_delays, 0.5), quantile_us(&event_delays, 0.99));
}

int main(int argc, char **argv)
{
    if (argc < 8) {
        fprintf(stderr, "usage: load PORT TARGET CONNECTIONS REQUESTS STAGGER_US SESSION BODY-FILE...\n");
        return 2;
    }
    int port = atoi(argv[1]);
    int connections = atoi(argv[3]);
    int64_t stagger_ns = atoll(argv[5]) * 1000;
    total = atoi(argv[4]);
    for (int i = 7; i < argc && request_count < BODIES_MAX; i++)
        load_request(argv[i], argv[2], argv[6]);
    epoll_fd = epoll_create1(0);
    int64_t started = net_now_ns();
    for (int i = 0; i < connections; i++) {
        conns[i].fd = net_connect(port);
        conns[i].start_ns = started + i * stagger_ns;
        struct epoll_event ev = {.events = EPOLLIN, .data.ptr = &conns[i]};
        epoll_ctl(epoll_fd, EPOLL_CTL_ADD, conns[i].fd, &ev);
    }
    int waiting = 0;
    while (done < total) {
        struct epoll_event got[64];
        while (waiting < connections && begun < total && net_now_ns() >= conns[waiting].start_ns)
            begin(&conns[waiting++]);
        int n = epoll_wait(epoll_fd, got, 64, waiting < connections ? 1 : 1000);
        for (int i = 0; i < n; i++) {
            struct conn *c = got[i].data.ptr;
            if (got[i].events & EPOLLOUT)
                send_some(c);
            if (got[i].events & EPOLLIN)
                on_readable(c);
        }
    }
    print_result(started);
    return 0;
}
