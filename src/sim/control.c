/* The control interface below /sim/, as sim.h tells it. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "sim/jsonx.h"
#include "sim/models.h"
#include "sim/state.h"

struct control {
    struct sim *s;
    struct conn *c;
    const struct http_request *q;
    const char *path; /* behind "/sim/" */
    cJSON *body;      /* NULL: none, or no JSON */
};

static void send_error(const struct control *k, int status, const char *text)
{
    cJSON *o = cJSON_CreateObject();
    cJSON_AddStringToObject(o, "error", text);
    send_json(k->c, k->q, status, o);
    cJSON_Delete(o);
}

static void send_ok(const struct control *k)
{
    cJSON *o = cJSON_CreateObject();
    cJSON_AddBoolToObject(o, "ok", true);
    send_json(k->c, k->q, 200, o);
    cJSON_Delete(o);
}

/* Make JSON under the lock, send it without. */
static void send_made(const struct control *k, cJSON *(*make)(struct sim *))
{
    cJSON *o;

    pthread_mutex_lock(&k->s->lock);
    o = make(k->s);
    pthread_mutex_unlock(&k->s->lock);
    send_json(k->c, k->q, 200, o);
    cJSON_Delete(o);
}

static cJSON *make_faults(struct sim *s) { return fault_queue_list(&s->faults); }
static cJSON *make_ledger(struct sim *s) { return ledger_json(s->ledger); }

static cJSON *make_config(struct sim *s)
{
    const struct sim_config *f = &s->config;
    cJSON *o = cJSON_CreateObject();

    cJSON_AddNumberToObject(o, "speed", f->speed);
    cJSON_AddNumberToObject(o, "log_latency_ms", (double)f->log_latency_ms);
    cJSON_AddNumberToObject(o, "first_ms", (double)f->first_ms);
    cJSON_AddNumberToObject(o, "idle_close_ms", (double)f->idle_close_ms);
    cJSON_AddBoolToObject(o, "models_enabled", f->models_enabled);
    cJSON_AddBoolToObject(o, "provider_mix", f->provider_mix);
    cJSON_AddBoolToObject(o, "provider_header", f->provider_header);
    cJSON_AddBoolToObject(o, "fallbacks", f->fallbacks);
    cJSON_AddBoolToObject(o, "limit_context", f->limit_context);
    cJSON_AddStringToObject(o, "provider", f->provider ? f->provider : "");
    return o;
}

static cJSON *make_status(struct sim *s)
{
    cJSON *o = cJSON_CreateObject();

    cJSON_AddNumberToObject(o, "connections", s->connections);
    cJSON_AddNumberToObject(o, "in_flight", (double)records_open(s->records));
    cJSON_AddNumberToObject(o, "requests", (double)records_last(s->records));
    cJSON_AddNumberToObject(o, "cached_prefixes", (double)pcache_count(s->pcache, sim_now_ms(s)));
    cJSON_AddNumberToObject(o, "script", jsonx_count(s->composer.script));
    cJSON_AddNumberToObject(o, "faults", (double)s->faults.count);
    cJSON_AddNumberToObject(o, "now_ms", (double)sim_now_ms(s));
    return o;
}

static void add_faults(const struct control *k)
{
    struct err e = {{0}};
    int bad;

    pthread_mutex_lock(&k->s->lock);
    bad = k->body ? fault_queue_add(&k->s->faults, k->body, &e) : err_set(&e, "the body is no JSON");
    pthread_mutex_unlock(&k->s->lock);
    if (bad)
        send_error(k, 400, e.text);
    else
        send_ok(k);
}

static void add_script(const struct control *k)
{
    struct err e = {{0}};
    int bad;

    pthread_mutex_lock(&k->s->lock);
    bad = k->body ? composer_add_script(&k->s->composer, k->body, &e) : err_set(&e, "the body is no JSON");
    pthread_mutex_unlock(&k->s->lock);
    if (bad)
        send_error(k, 400, e.text);
    else
        send_ok(k);
}

static void set_clock(const struct control *k)
{
    struct sim *s = k->s;

    pthread_mutex_lock(&s->lock);
    if (jsonx_get(k->body, "now_ms"))
        s->clock_ahead_ms = jsonx_int(k->body, "now_ms", 0) - clock_wall_ms();
    s->clock_ahead_ms += jsonx_int(k->body, "advance_ms", 0);
    pthread_mutex_unlock(&s->lock);
    send_made(k, make_status);
}

static void set_config(const struct control *k)
{
    const cJSON *b = k->body;
    const char *provider = jsonx_string(b, "provider", NULL);
    struct sim_config *f = &k->s->config;

    if (provider && *provider && !provider_find(provider)) {
        send_error(k, 400, "there is no such provider; known are anthropic, vertex_ai, bedrock and azure");
        return;
    }
    pthread_mutex_lock(&k->s->lock);
    f->speed = jsonx_number(b, "speed", f->speed);
    f->log_latency_ms = jsonx_int(b, "log_latency_ms", f->log_latency_ms);
    f->first_ms = jsonx_int(b, "first_ms", f->first_ms);
    f->idle_close_ms = jsonx_int(b, "idle_close_ms", f->idle_close_ms);
    f->models_enabled = jsonx_bool(b, "models_enabled", f->models_enabled);
    f->provider_mix = jsonx_bool(b, "provider_mix", f->provider_mix);
    f->provider_header = jsonx_bool(b, "provider_header", f->provider_header);
    f->fallbacks = jsonx_bool(b, "fallbacks", f->fallbacks);
    f->limit_context = jsonx_bool(b, "limit_context", f->limit_context);
    if (provider)
        f->provider = provider_find(provider);
    if (jsonx_get(b, "credits_usd"))
        ledger_set_credits(k->s->ledger, jsonx_number(b, "credits_usd", 0));
    pthread_mutex_unlock(&k->s->lock);
    send_made(k, make_config);
}

static void reset(const struct control *k)
{
    struct sim *s = k->s;

    pthread_mutex_lock(&s->lock);
    fault_queue_clear(&s->faults);
    composer_reset(&s->composer);
    records_clear(s->records);
    rcache_clear(&s->rcache);
    pcache_free(s->pcache);
    s->pcache = pcache_new();
    ledger_clear(s->ledger);
    s->clock_ahead_ms = 0;
    pthread_mutex_unlock(&s->lock);
    send_ok(k);
}

static void send_body(const struct control *k, uint64_t n)
{
    struct record *rec;
    char *copy = NULL;
    size_t len = 0;
    struct reply r;

    pthread_mutex_lock(&k->s->lock);
    rec = records_find(k->s->records, n);
    if (rec && rec->body && (copy = malloc(rec->body_len + 1))) {
        len = rec->body_len;
        memcpy(copy, rec->body, len);
    }
    pthread_mutex_unlock(&k->s->lock);
    if (!copy) {
        send_error(k, 404, "that request is not known, or its body is not kept any more");
        return;
    }
    reply_init(&r, k->c);
    r.keep_alive = k->q->keep_alive;
    r.content_type = "application/octet-stream";
    reply_plain(&r, copy, len);
    reply_done(&r);
    free(copy);
}

static void send_request(const struct control *k, uint64_t n)
{
    struct record *rec;
    cJSON *o = NULL;

    pthread_mutex_lock(&k->s->lock);
    rec = records_find(k->s->records, n);
    if (rec)
        o = record_json(rec);
    pthread_mutex_unlock(&k->s->lock);
    if (o)
        send_json(k->c, k->q, 200, o);
    else
        send_error(k, 404, "there is no such request");
    cJSON_Delete(o);
}

static void send_requests(const struct control *k)
{
    const char *since = strstr(k->q->target, "since=");
    cJSON *o;

    pthread_mutex_lock(&k->s->lock);
    o = records_json(k->s->records, since ? strtoull(since + strlen("since="), NULL, 10) : 0);
    pthread_mutex_unlock(&k->s->lock);
    send_json(k->c, k->q, 200, o);
    cJSON_Delete(o);
}

static bool is(const struct control *k, const char *name) { return http_path_is(k->path, name); }

static bool route_get(const struct control *k)
{
    if (is(k, "faults"))
        send_made(k, make_faults);
    else if (is(k, "ledger"))
        send_made(k, make_ledger);
    else if (is(k, "config"))
        send_made(k, make_config);
    else if (is(k, "status"))
        send_made(k, make_status);
    else if (is(k, "requests"))
        send_requests(k);
    else if (strncmp(k->path, "requests/", 9) == 0 && strstr(k->path, "/body"))
        send_body(k, strtoull(k->path + 9, NULL, 10));
    else if (strncmp(k->path, "requests/", 9) == 0)
        send_request(k, strtoull(k->path + 9, NULL, 10));
    else
        return false;
    return true;
}

static bool route_post(const struct control *k)
{
    if (is(k, "faults"))
        add_faults(k);
    else if (is(k, "script"))
        add_script(k);
    else if (is(k, "clock"))
        set_clock(k);
    else if (is(k, "config"))
        set_config(k);
    else if (is(k, "reset"))
        reset(k);
    else
        return false;
    return true;
}

void control_handle(struct sim *s, struct conn *c, const struct http_request *q)
{
    struct control k = {s, c, q, q->target + strlen("/sim/"), cJSON_ParseWithLength(q->body.data, q->body.len)};
    /* POST to a name that is only looked at looks at it, too. */
    bool done = (strcmp(q->method, "POST") == 0 && route_post(&k)) || route_get(&k);

    if (!done)
        send_error(&k, 404, "there is no such control; sim.h lists them");
    cJSON_Delete(k.body);
}
