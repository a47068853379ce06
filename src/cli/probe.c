#include "cli/probe.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/sys.h"
#include "gateway/headers.h"
#include "gateway/loop.h"
#include "gateway/target.h"
#include "gateway/upstream.h"

struct question {
    struct probe *probe;
    bool has_head;
    bool has_ended;
    struct err *e;
};

/* "Sun, 22 Nov 2026 10:29:45 GMT", the one form that is still sent. */
static int64_t parse_date(const char *text)
{
    struct tm tm = {0};
    const char *end = text ? strptime(text, "%a, %d %b %Y %H:%M:%S GMT", &tm) : NULL;
    return end && !*end ? (int64_t)timegm(&tm) : -1;
}

static void on_head(void *owner, int status, const struct headers *h)
{
    struct question *q = owner;
    q->has_head = true;
    q->probe->status = status;
    q->probe->date_s = parse_date(headers_get(h, "Date"));
}

static bool on_body(void *owner, const void *data, size_t len)
{
    (void)owner;
    (void)data;
    (void)len;
    return true; /* nobody reads it */
}

static void on_end(void *owner, enum transfer_end end, const char *text)
{
    struct question *q = owner;
    q->has_ended = true;
    if (end != TRANSFER_WHOLE && !q->has_head)
        err_set(q->e, "%s", text ? text : "no answer");
}

static int await(struct loop *l, struct question *q, int limit_ms)
{
    int64_t end_us = clock_mono_us() + (int64_t)limit_ms * 1000;
    while (!q->has_ended && !q->has_head) {
        int64_t left_us = end_us - clock_mono_us();
        if (left_us <= 0)
            return err_set(q->e, "no answer within %d s", limit_ms / 1000);
        if (loop_turn(l, left_us, q->e) != 0)
            return -1;
    }
    return q->has_head ? 0 : -1;
}

static int ask(struct loop *l, const struct settings *s, const struct upstream_base *base,
               const struct headers *headers, int limit_ms, struct question *q)
{
    struct upstream_options o = {.base = base, .ca_file = s->ca_file, .idle_ms = limit_ms, .connect_ms = limit_ms};
    struct upstream *u = upstream_new(l, &o, q->e);
    char *target = xasprintf("%s/", base->path);
    struct transfer_request r = {
        .method = "GET", .target = target, .headers = headers, .events = {q, on_head, on_body, on_end}};
    int rc = -1;
    struct transfer *t = u ? upstream_send(u, &r, q->e) : NULL;
    if (t) {
        rc = await(l, q, limit_ms);
        if (!q->has_ended)
            transfer_cancel(t);
    }
    upstream_free(u);
    free(target);
    return rc;
}

int probe_get(const struct settings *s, const char *url, const char *bearer, int limit_ms, struct probe *p,
              struct err *e)
{
    struct upstream_base base = {0};
    struct headers headers;
    struct question q = {.probe = p, .e = e};
    *p = (struct probe){.date_s = -1};
    if (upstream_base_parse(&base, url, e) != 0)
        return -1;
    headers_init(&headers);
    if (bearer) {
        char *value = xasprintf("Bearer %s", bearer);
        (void)headers_put(&headers, "Authorization", value);
        key_free(value);
    }
    struct loop *l = loop_new(e);
    int r = l ? ask(l, s, &base, &headers, limit_ms, &q) : -1;
    loop_free(l);
    if (bearer && headers.text.cap)
        sys_wipe(headers.text.data, headers.text.cap);
    headers_done(&headers);
    upstream_base_done(&base);
    return r;
}
