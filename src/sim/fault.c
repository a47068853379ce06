#include "sim/fault.h"

#include <stdlib.h>
#include <string.h>

#include "base/encode.h"
#include "base/mem.h"
#include "sim/jsonx.h"

static const char *const stage_names[] = {"none", "connect", "headers", "mid_headers", "first_event", "mid_event",
                                          "mid_utf8", "between_events", "before_end", "terminator"};
static const char *const kind_names[] = {"none", "reset", "close", "stall", "garbage", "bad_chunk", "dup_headers",
                                         "wrong_length", "long_line", "1xx", "redirect", "drip", "gzip", "http10",
                                         "error_event", "crlf", "comments", "no_event_lines", "plain_json"};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

const char *fault_stage_name(enum fault_stage s) { return stage_names[s]; }
const char *fault_kind_name(enum fault_kind k) { return kind_names[k]; }

static size_t find_name(const char *const *names, size_t count, const char *name)
{
    for (size_t i = 1; name && i < count; i++)
        if (strcmp(names[i], name) == 0)
            return i;
    return 0;
}

enum fault_stage fault_stage_find(const char *name) { return (enum fault_stage)find_name(stage_names, COUNT(stage_names), name); }
enum fault_kind fault_kind_find(const char *name) { return (enum fault_kind)find_name(kind_names, COUNT(kind_names), name); }

struct fault *fault_new(void)
{
    struct fault *f = xcalloc(1, sizeof(*f));
    f->times = 1;
    buf_init(&f->body);
    return f;
}

void fault_free(struct fault *f)
{
    if (!f)
        return;
    buf_done(&f->body);
    cJSON_Delete(f->headers);
    cJSON_Delete(f->match);
    free(f);
}

static struct fault *copy(const struct fault *f)
{
    struct fault *c = xmalloc(sizeof(*c));

    *c = *f;
    buf_init(&c->body);
    buf_put(&c->body, f->body.data, f->body.len);
    c->headers = f->headers ? cJSON_Duplicate(f->headers, 1) : NULL;
    c->match = NULL;
    return c;
}

static int read_body(struct fault *f, const cJSON *json, struct err *e)
{
    const cJSON *body = jsonx_get(json, "body");
    const char *coded = jsonx_string(json, "body_base64", NULL);

    if (coded) {
        size_t len = 0;
        char *bytes = decode_base64(coded, strlen(coded), &len);
        if (!bytes)
            return err_set(e, "the fault's body_base64 is no base64");
        buf_put(&f->body, bytes, len);
        free(bytes);
    } else if (cJSON_IsString(body)) {
        buf_puts(&f->body, body->valuestring);
    } else if (body) {
        char *text = jsonx_print(body);
        buf_puts(&f->body, text);
        free(text);
    }
    f->has_body = coded || body;
    return 0;
}

static int read_names(struct fault *f, const cJSON *json, struct err *e)
{
    const char *stage = jsonx_string(json, "stage", NULL);
    const char *kind = jsonx_string(json, "fault", NULL);
    int shape = problem_shape_of(jsonx_string(json, "shape", NULL));

    f->stage = fault_stage_find(stage);
    f->kind = fault_kind_find(kind);
    if (stage && f->stage == STAGE_NONE)
        return err_set(e, "there is no fault stage \"%.40s\"; sim.h lists them", stage);
    if (kind && f->kind == FAULT_NONE)
        return err_set(e, "there is no fault \"%.40s\"; sim.h lists them", kind);
    if (shape < 0)
        return err_set(e, "there is no error shape \"%.40s\"; sim.h lists them", jsonx_string(json, "shape", ""));
    f->shape = (enum problem_shape)shape;
    if (f->kind != FAULT_NONE && f->stage == STAGE_NONE)
        f->stage = STAGE_HEADERS;
    return 0;
}

static struct fault *read_one(const cJSON *json, struct err *e)
{
    struct fault *f = fault_new();

    if (!cJSON_IsObject(json)) {
        err_set(e, "a fault is an object like {\"stage\":\"mid_event\",\"fault\":\"reset\"}");
        goto bad;
    }
    f->times = (int)jsonx_int(json, "times", 1);
    f->skip = (int)jsonx_int(json, "skip", 0);
    f->status = (int)jsonx_int(json, "status", 0);
    f->delay_ms = jsonx_int(json, "delay_ms", 0);
    f->bytes = jsonx_int(json, "bytes", 0);
    if (read_names(f, json, e) < 0 || read_body(f, json, e) < 0)
        goto bad;
    if (f->kind == FAULT_NONE && f->status == 0 && f->delay_ms == 0) {
        err_set(e, "a fault needs a status, a stage with a fault, or a delay_ms");
        goto bad;
    }
    if (jsonx_get(json, "headers"))
        f->headers = cJSON_Duplicate(jsonx_get(json, "headers"), 1);
    if (jsonx_get(json, "match"))
        f->match = cJSON_Duplicate(jsonx_get(json, "match"), 1);
    return f;
bad:
    fault_free(f);
    return NULL;
}

static void append(struct fault_queue *q, struct fault *f)
{
    q->v = xrealloc(q->v, (q->count + 1) * sizeof(struct fault *));
    q->v[q->count++] = f;
}

static void drop_at(struct fault_queue *q, size_t i)
{
    fault_free(q->v[i]);
    memmove(&q->v[i], &q->v[i + 1], (q->count - i - 1) * sizeof(struct fault *));
    q->count--;
}

void fault_queue_clear(struct fault_queue *q)
{
    while (q->count > 0)
        drop_at(q, q->count - 1);
    free(q->v);
    q->v = NULL;
}

int fault_queue_add(struct fault_queue *q, const cJSON *json, struct err *e)
{
    size_t before = q->count;
    const cJSON *item = cJSON_IsArray(json) ? json->child : json;

    while (item) {
        struct fault *f = read_one(item, e);
        if (!f) {
            while (q->count > before)
                drop_at(q, q->count - 1);
            return -1;
        }
        append(q, f);
        item = cJSON_IsArray(json) ? item->next : NULL;
    }
    return 0;
}

/* Use up one turn of q->v[i]; NULL when this call still goes free. */
static struct fault *fire(struct fault_queue *q, size_t i)
{
    struct fault *f = q->v[i];
    struct fault *taken;

    if (f->skip > 0) {
        f->skip--;
        return NULL;
    }
    f->fired++;
    taken = copy(f);
    if (f->times > 0 && --f->times == 0)
        drop_at(q, i);
    return taken;
}

struct fault *fault_take(struct fault_queue *q, const struct ask *a, bool is_messages)
{
    for (size_t i = 0; i < q->count; i++) {
        const struct fault *f = q->v[i];
        struct fault *taken;
        if (f->stage == STAGE_CONNECT || (!is_messages && !jsonx_get(f->match, "path")) || !ask_matches(a, f->match))
            continue;
        taken = fire(q, i);
        if (taken)
            return taken;
    }
    return NULL;
}

struct fault *fault_take_connect(struct fault_queue *q, const char *target)
{
    for (size_t i = 0; i < q->count; i++) {
        struct fault *taken;
        if (q->v[i]->stage != STAGE_CONNECT || !ask_path_matches(target, q->v[i]->match))
            continue;
        taken = fire(q, i);
        if (taken)
            return taken;
    }
    return NULL;
}

cJSON *fault_queue_list(const struct fault_queue *q)
{
    cJSON *list = cJSON_CreateArray();

    for (size_t i = 0; i < q->count; i++) {
        const struct fault *f = q->v[i];
        cJSON *item = cJSON_CreateObject();
        cJSON_AddStringToObject(item, "stage", fault_stage_name(f->stage));
        cJSON_AddStringToObject(item, "fault", fault_kind_name(f->kind));
        cJSON_AddNumberToObject(item, "status", f->status);
        cJSON_AddNumberToObject(item, "times", f->times);
        cJSON_AddNumberToObject(item, "fired", f->fired);
        cJSON_AddItemToArray(list, item);
    }
    return list;
}
