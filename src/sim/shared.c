/* What the request handlers share: keys, plain sends, faults of the plain paths,
 * and the note of how a request ended. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "sim/jsonx.h"
#include "sim/state.h"

int64_t sim_now_ms(const struct sim *s) { return clock_wall_ms() + s->clock_ahead_ms; }

static const char *bearer_of(const struct http_request *q)
{
    const char *value = http_header(q, "authorization");

    if (!value || strncasecmp(value, "bearer ", 7) != 0)
        return NULL;
    return value + 7 + strspn(value + 7, " ");
}

bool key_is_good(const struct http_request *q, bool bearer_only, struct problem *p)
{
    const char *key = bearer_only ? NULL : http_header(q, "x-api-key");

    if (!key || !*key)
        key = bearer_of(q);
    if (!key || !*key) {
        problem_set(p, 401, SHAPE_DETAIL, "Authentication credentials were not provided.");
        return false;
    }
    if (strncmp(key, "bad", 3) == 0) {
        problem_set(p, 401, SHAPE_DETAIL, "Invalid API key.");
        return false;
    }
    return true;
}

void send_json(struct conn *c, const struct http_request *q, int status, const cJSON *json)
{
    char *text = jsonx_print(json);
    struct reply r;

    reply_init(&r, c);
    r.status = status;
    r.keep_alive = q->keep_alive;
    reply_plain(&r, text, strlen(text));
    reply_done(&r);
    free(text);
}

enum reply_result send_problem(struct reply *r, const struct problem *p, const char *request_id)
{
    enum reply_result result;
    struct buf body;

    buf_init(&body);
    r->status = p->status;
    problem_body(p, request_id, &body, &r->content_type);
    if (p->status == 429 && p->shape != SHAPE_ANTHROPIC && !strstr(r->headers.data, "retry-after"))
        reply_header(r, "retry-after", "60");
    result = reply_plain(r, body.data, body.len);
    buf_done(&body);
    return result;
}

void note_end(struct sim *s, uint64_t n, const struct reply *r, enum reply_result result)
{
    struct record *rec;

    pthread_mutex_lock(&s->lock);
    rec = records_find(s->records, n);
    if (rec) {
        rec->state = result == REPLY_DONE ? "done" : result == REPLY_GONE ? "gone" : "fault";
        rec->bytes_sent = r->bytes_sent;
        rec->events_sent = r->events_sent;
        if (result == REPLY_GONE)
            rec->left_after_ms = (clock_mono_us() - rec->at_us) / 1000;
    }
    pthread_mutex_unlock(&s->lock);
}

/* Faults with a "path" strike the other paths, too. */
struct fault *sim_take_fault(struct sim *s, const struct http_request *q)
{
    struct ask a;
    struct fault *f;

    ask_init(&a, q, NULL);
    pthread_mutex_lock(&s->lock);
    f = fault_take(&s->faults, &a, false);
    pthread_mutex_unlock(&s->lock);
    ask_done(&a);
    return f;
}

void sim_send_fault(struct sim *s, struct conn *c, const struct http_request *q, uint64_t n, const struct fault *f)
{
    struct problem p = {.status = f->status ? f->status : 404, .shape = f->shape};
    enum reply_result result = REPLY_GONE;
    const cJSON *header;
    struct reply r;

    reply_init(&r, c);
    r.keep_alive = q->keep_alive;
    r.fault = f->kind == FAULT_NONE ? NULL : f;
    r.status = p.status;
    cJSON_ArrayForEach(header, f->headers)
        if (cJSON_IsString(header))
            reply_header(&r, header->string, header->valuestring);
    if (f->delay_ms <= 0 || f->kind != FAULT_NONE || conn_sleep(c, f->delay_ms) == 0)
        result = f->has_body ? reply_plain(&r, f->body.data, f->body.len) : send_problem(&r, &p, "");
    note_end(s, n, &r, result);
    reply_done(&r);
}
