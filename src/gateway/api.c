#include "gateway/api.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/sys.h"
#include "gateway/loop.h"
#include "gateway/target.h"
#include "gateway/upstream.h"

struct api_client {
    struct loop *loop;
    struct upstream_base base;
    struct upstream *upstream;
    /* The question that runs. */
    struct buf *answer;
    int status;
    bool has_ended;
    bool is_whole;
    struct err why;
};

char *api_base_of(const char *upstream)
{
    static const char last[] = "/anthropic";
    size_t tail = sizeof last - 1;
    size_t len = strlen(upstream);
    while (len > 0 && upstream[len - 1] == '/')
        len--;
    return len > tail && strncmp(upstream + len - tail, last, tail) == 0 ? xstrndup(upstream, len - tail) : NULL;
}

int api_put_headers(struct headers *h, const char *key, bool has_body)
{
    char *bearer = key ? xasprintf("Bearer %s", key) : NULL;
    int rc = bearer ? headers_put(h, "Authorization", bearer) : 0;
    if (bearer)
        sys_wipe(bearer, strlen(bearer));
    free(bearer);
    if (rc != 0 || headers_put(h, "Accept", "application/json") != 0 ||
        headers_put(h, "Accept-Encoding", "identity") != 0 ||
        headers_put(h, "User-Agent", "spantop/" SPANTOP_VERSION) != 0)
        return -1;
    return has_body ? headers_put(h, "Content-Type", "application/json") : 0;
}

/* ---- Asking and waiting ----------------------------------------------------------- */

struct api_client *api_client_new(const char *base, const char *ca_file, struct err *e)
{
    struct api_client *c = xcalloc(1, sizeof *c);
    struct upstream_options o = {.base = &c->base, .ca_file = ca_file};
    if (upstream_base_parse(&c->base, base, e) == 0)
        c->loop = loop_new(e);
    if (c->loop)
        c->upstream = upstream_new(c->loop, &o, e);
    if (c->upstream)
        return c;
    api_client_free(c);
    return NULL;
}

void api_client_free(struct api_client *c)
{
    if (!c)
        return;
    upstream_free(c->upstream);
    loop_free(c->loop);
    upstream_base_done(&c->base);
    free(c);
}

static void on_head(void *owner, int status, const struct headers *h)
{
    struct api_client *c = owner;
    (void)h;
    c->status = status;
}

static bool on_body(void *owner, const void *data, size_t len)
{
    struct api_client *c = owner;
    buf_put(c->answer, data, len);
    return true;
}

static void on_end(void *owner, enum transfer_end end, const char *text)
{
    struct api_client *c = owner;
    c->has_ended = true;
    c->is_whole = end == TRANSFER_WHOLE;
    if (!c->is_whole)
        err_set(&c->why, "%s cannot be asked: %s", c->base.origin, text);
}

static int await(struct api_client *c, int limit_ms, struct err *e)
{
    int64_t end_us = clock_mono_us() + (int64_t)limit_ms * 1000;
    while (!c->has_ended) {
        int64_t left_us = end_us - clock_mono_us();
        if (left_us <= 0)
            return err_set(e, "%s did not answer within %d s", c->base.origin, limit_ms / 1000);
        if (loop_turn(c->loop, left_us, e) != 0)
            return -1;
    }
    if (!c->is_whole)
        return err_set(e, "%s", c->why.text);
    return c->answer->failed ? err_set(e, "the answer of %s is too large", c->base.origin) : 0;
}

int api_client_ask(struct api_client *c, const char *rest, const char *key, struct blob *body, int limit_ms, int *status,
                   struct buf *answer, struct err *e)
{
    struct headers h;
    char *target = upstream_base_join(&c->base, rest);
    struct transfer_request r = {
        .method = body ? "POST" : "GET",
        .target = target,
        .headers = &h,
        .body = body,
        .events = {c, on_head, on_body, on_end},
    };
    struct transfer *t = NULL;
    int rc = -1;
    headers_init(&h);
    buf_reset(answer);
    c->answer = answer;
    c->has_ended = false;
    if (api_put_headers(&h, key, body != NULL) != 0)
        err_set(e, "the Respan key is too long for a header");
    else
        t = upstream_send(c->upstream, &r, e);
    if (t)
        rc = await(c, limit_ms, e);
    if (t && !c->has_ended)
        transfer_cancel(t);
    *status = c->status;
    headers_done(&h);
    free(target);
    return rc;
}
