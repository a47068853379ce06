/* The client's side of the replay: one request to the gateway on this machine. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "anthropic/error.h"
#include "base/clock.h"
#include "cli/replay.h"
#include "gateway/loop.h"
#include "gateway/target.h"
#include "gateway/upstream.h"

struct sending {
    struct replay *replay;
    bool has_ended;
    bool is_whole;
    struct err why;
};

static void on_head(void *owner, int status, const struct headers *h)
{
    struct sending *s = owner;
    const char *id = headers_get(h, "x-spantop-call-id");
    s->replay->status = status;
    s->replay->call_id = id ? atoll(id) : 0;
    if (id && s->replay->tells) {
        printf("it is call %lld; waiting for the end of its answer\n", (long long)s->replay->call_id);
        fflush(stdout);
    }
}

static bool on_body(void *owner, const void *data, size_t len)
{
    struct sending *s = owner;
    buf_put(&s->replay->answer, data, len);
    return true;
}

static void on_end(void *owner, enum transfer_end end, const char *text)
{
    struct sending *s = owner;
    s->has_ended = true;
    s->is_whole = end == TRANSFER_WHOLE;
    if (!s->is_whole)
        err_set(&s->why, "the gateway did not answer: %s", text);
}

static int await(struct loop *l, struct sending *s, struct err *e)
{
    while (!s->has_ended)
        if (loop_turn(l, INT64_MAX, e) != 0)
            return -1;
    /* An answer that broke off has a row, which tells it. */
    return s->is_whole || s->replay->call_id ? 0 : err_set(e, "%s", s->why.text);
}

static int send_on(struct loop *l, struct replay *r, const struct upstream_base *base, struct err *e)
{
    struct upstream_options o = {.base = base};
    struct upstream *u = upstream_new(l, &o, e);
    char *target = upstream_base_join(base, r->first.path + 1);
    struct sending s = {.replay = r};
    struct transfer_request request = {
        .method = "POST", .target = target, .headers = &r->headers, .body = r->body, .events = {&s, on_head, on_body, on_end}};
    struct transfer *t = u ? upstream_send(u, &request, e) : NULL;
    int rc = t ? await(l, &s, e) : -1;
    if (t && !s.has_ended)
        transfer_cancel(t);
    upstream_free(u);
    free(target);
    return rc;
}

/* The gateway's own no: a wrong key, a full queue. */
static int tell_refusal(const struct replay *r, struct err *e)
{
    char type[64] = "", message[ERR_TEXT_MAX] = "";
    error_body_read(r->answer.data, r->answer.len, type, sizeof type, message, sizeof message);
    return err_set(e, "the gateway refuses it with status %d: %.400s", r->status, message[0] ? message : type);
}

int replay_send(struct replay *r, const struct client_env *env, const char *key, struct err *e)
{
    struct upstream_base base = {0};
    int rc = upstream_base_parse(&base, env->base_url, e);
    struct loop *l = rc == 0 && headers_put(&r->headers, "x-api-key", key) == 0 ? loop_new(e) : NULL;
    rc = l ? send_on(l, r, &base, e) : -1;
    loop_free(l);
    upstream_base_done(&base);
    return rc == 0 && r->call_id == 0 ? tell_refusal(r, e) : rc;
}
