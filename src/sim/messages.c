/* POST v1/messages and …/count_tokens: one call from its body to its last byte.
 *
 * Order: key, body, fault, model and its rules, answer, caches, ledger, sending.
 * What is decided under the lock is decided once; sending happens without it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/encode.h"
#include "base/mem.h"
#include "sim/jsonx.h"
#include "sim/rules.h"
#include "sim/state.h"

/* Time to first token: a base, its spread, and what each token not read from the
 * cache adds (50,000 tokens a second of prompt processing). */
#define FIRST_MS_BASE 380
#define FIRST_MS_SPREAD 700
#define PROMPT_TOKENS_PER_MS 50

struct call {
    struct sim *s;
    struct conn *c;
    const struct http_request *q;
    uint64_t n;
    bool counting;
    int64_t began_us;
    struct sim_config config;
    struct rng rng;
    cJSON *body;
    struct ask ask;
    struct elements elements;
    const struct model *model;
    const char *provider;
    struct fault *fault;
    struct answer answer;
    struct figures figures;
    bool cache_hit, has_answer;
    char model_served[LEDGER_NAME_MAX];
    char provider_served[LEDGER_ID_MAX];
    char *request_id, *log_id, *gateway_id;
    uint64_t row_id;
    struct reply *reply; /* while it is being sent */
    bool is_closed;      /* the row counts already */
};

/* ---- who serves ------------------------------------------------------------------ */

static const char *mixed_provider(const struct call *k)
{
    /* By session and agent: a conversation stays where its prompt cache is. */
    uint64_t h = rng_hash(rng_hash(k->s->opt.seed, k->ask.session, strlen(k->ask.session)), k->ask.agent, strlen(k->ask.agent));
    return h % 10 < 6 ? "anthropic" : h % 10 < 9 ? "vertex_ai" : "bedrock";
}

static const char *choose_provider(const struct call *k, const char *slug_provider)
{
    if (*k->ask.provider)
        return k->ask.provider;
    if (slug_provider)
        return slug_provider;
    if (k->config.provider)
        return k->config.provider;
    return k->config.provider_mix && *k->ask.session ? mixed_provider(k) : "anthropic";
}

/* The model that answers, after its rules; 0 or -1 and the problem. */
static int choose_model(struct call *k, const char *name, struct problem *p)
{
    const char *provider = NULL;
    const char *pinned = http_header(k->q, "x-respan-route-provider");

    if (rules_model(name, &k->model, &provider, p) < 0)
        return -1;
    if (pinned && !provider_find(pinned))
        return problem_set(p, 400, SHAPE_DETAIL, "Provider `%.60s` is not available for this model.", pinned);
    k->provider = choose_provider(k, provider);
    return rules_check(k->body, k->model, &k->elements, k->counting, k->config.limit_context, p);
}

/* Respan's fallback_models: the next one that is served takes the failed one's place. */
static int choose_fallback(struct call *k, struct problem *p)
{
    const cJSON *name;

    if (!k->config.fallbacks || jsonx_bool(k->ask.params, "disable_fallback", false))
        return -1;
    cJSON_ArrayForEach(name, jsonx_get(k->ask.params, "fallback_models")) {
        if (cJSON_IsString(name) && choose_model(k, name->valuestring, p) == 0)
            return 0;
    }
    return -1;
}

/* ---- caches ------------------------------------------------------------------------ */

static void set_served(struct call *k, const char *model, const char *provider)
{
    snprintf(k->model_served, sizeof(k->model_served), "%s", model);
    snprintf(k->provider_served, sizeof(k->provider_served), "%s", provider);
}

static bool answer_from_cache(struct call *k, const uint64_t key[2])
{
    const struct rcache_entry *e = rcache_find(&k->s->rcache, key, sim_now_ms(k->s));

    if (!e)
        return false;
    answer_copy(&k->answer, &e->answer);
    k->figures = e->figures;
    k->cache_hit = true;
    set_served(k, e->model, e->provider);
    return true;
}

static cJSON *header_answer(const struct call *k)
{
    const char *header = http_header(k->q, "x-sim-answer");
    size_t len = 0;
    char *text = header ? decode_base64(header, strlen(header), &len) : NULL;
    cJSON *item = text ? cJSON_ParseWithLength(text, len) : NULL;

    free(text);
    return item;
}

/* Answer, usage and fault; under the lock. */
static void decide(struct call *k)
{
    struct fault *directed = NULL;
    uint64_t key[2];
    bool cached = rcache_wanted(&k->ask, &k->q->body, key);
    cJSON *given;

    k->has_answer = true;
    if (cached && answer_from_cache(k, key))
        return;
    given = header_answer(k);
    composer_answer(&k->s->composer, &k->ask, given, &k->rng, &k->answer, &directed);
    cJSON_Delete(given);
    if (directed && !k->fault)
        k->fault = directed;
    else
        fault_free(directed);
    set_served(k, k->answer.model ? k->answer.model : k->model->name, k->answer.provider ? k->answer.provider : k->provider);
    if (k->fault && k->fault->status)
        return;
    if (k->fault && k->fault->stage == STAGE_MID_UTF8)
        answer_add(&k->answer, BLOCK_TEXT, "Zusätzlich geprüft: naïve café → 語 ✓ 🙂, alles in Ordnung.");
    answer_finish(&k->answer, &k->rng, k->provider_served, jsonx_int(k->body, "max_tokens", 0));
    pcache_call(k->s->pcache, k->model->name, k->provider_served, &k->elements, k->model->cache_min_tokens, sim_now_ms(k->s), &k->figures.in);
    k->figures.out = answer_tokens(&k->answer);
    figures_override(&k->figures, k->answer.usage);
    if (cached)
        rcache_put(&k->s->rcache, key, sim_now_ms(k->s) + rcache_ttl_ms(&k->ask), &k->answer, &k->figures, k->model_served, k->provider_served);
}

/* ---- the ledger ---------------------------------------------------------------------- */

static void copy_text(char *out, size_t size, const char *s) { snprintf(out, size, "%s", s); }

static void open_row(struct call *k)
{
    struct ledger_row *row = ledger_add(k->s->ledger);

    k->row_id = row->id;
    copy_text(row->log_id, sizeof(row->log_id), k->log_id);
    copy_text(row->gateway_id, sizeof(row->gateway_id), k->gateway_id);
    copy_text(row->request_id, sizeof(row->request_id), k->request_id);
    copy_text(row->target, sizeof(row->target), k->q->target);
    copy_text(row->model_asked, sizeof(row->model_asked), k->ask.model);
    copy_text(row->session, sizeof(row->session), k->ask.session);
    copy_text(row->agent, sizeof(row->agent), k->ask.agent);
    copy_text(row->thread_identifier, sizeof(row->thread_identifier), jsonx_string(k->ask.params, "thread_identifier", ""));
    copy_text(row->customer_identifier, sizeof(row->customer_identifier), jsonx_string(k->ask.params, "customer_identifier", ""));
    row->request_n = k->n;
    row->at_ms = sim_now_ms(k->s);
    row->stream = k->ask.stream;
}

static void name_record(struct call *k)
{
    struct record *rec = records_find(k->s->records, k->n);

    if (rec)
        copy_text(rec->log_id, sizeof(rec->log_id), k->log_id);
}

static void set_figures(const struct call *k, struct ledger_row *row, const struct reply *r, bool whole)
{
    bool started = whole || r->start_sent;

    row->has_usage = started;
    row->cache_hit = k->cache_hit;
    if (!started)
        return;
    row->used = row->told = k->figures;
    row->told_any = true;
    if (!whole && !r->end_sent) {
        row->used.out = r->tokens_sent > 0 ? r->tokens_sent : EVENTS_OUT_AT_START;
        row->told.out = EVENTS_OUT_AT_START;
    }
    if (k->cache_hit)
        return;
    row->cost_nanousd = model_cost_nanousd(k->model, &row->used.in, row->used.out);
    row->told_nanousd = model_cost_nanousd(k->model, &row->told.in, row->told.out);
}

static bool is_streamed(const struct call *k) { return k->ask.stream && !(k->fault && k->fault->kind == FAULT_PLAIN_JSON); }

static const char *state_of(const struct reply *r, enum reply_result result)
{
    if (result == REPLY_GONE)
        return "aborted";
    if (result == REPLY_BROKEN)
        return "cut";
    return r->status >= 400 ? "error" : "done";
}

static void close_row(struct call *k, const struct reply *r, enum reply_result result, const char *error)
{
    struct ledger_row *row;
    int64_t now_us = clock_mono_us();

    pthread_mutex_lock(&k->s->lock);
    row = ledger_row(k->s->ledger, k->row_id);
    if (row) {
        row->status = r->status;
        row->state = state_of(r, result);
        row->latency_us = now_us - k->began_us;
        row->ready_us = now_us + k->config.log_latency_ms * 1000;
        if (r->first_delta_us)
            row->ttft_us = r->first_delta_us - k->began_us;
        copy_text(row->model, sizeof(row->model), k->model_served);
        copy_text(row->provider, sizeof(row->provider), k->provider_served);
        copy_text(row->error_message, sizeof(row->error_message), error ? error : "");
        if (k->has_answer && r->status < 400) {
            copy_text(row->stop_reason, sizeof(row->stop_reason), k->answer.stop_reason ? k->answer.stop_reason : "");
            set_figures(k, row, r, result == REPLY_DONE && !is_streamed(k));
        }
        if (!k->is_closed)
            ledger_close(k->s->ledger, row);
        k->is_closed = true;
    }
    pthread_mutex_unlock(&k->s->lock);
    note_end(k->s, k->n, r, result);
}

/* ---- sending ------------------------------------------------------------------------- */

static void make_reply(struct call *k, struct reply *r)
{
    reply_init(r, k->c);
    r->keep_alive = k->q->keep_alive;
    r->speed = k->cache_hit ? 0 : k->config.speed;
    r->fault = k->fault;
    reply_header(r, "Cache-Control", "no-cache");
    reply_header(r, "request-id", k->request_id);
    if (k->log_id) {
        reply_header(r, "x-respan-log-id", k->log_id);
        reply_header(r, "x-respan-gateway-request-id", k->gateway_id);
        if (k->config.provider_header && *k->provider_served)
            reply_header(r, "x-respan-provider", k->provider_served);
    }
}

static void fail(struct call *k, const struct problem *p)
{
    enum reply_result result;
    struct reply r;

    make_reply(k, &r);
    if (r.fault && r.fault->kind == FAULT_NONE)
        r.fault = NULL;
    result = send_problem(&r, p, k->request_id);
    close_row(k, &r, result, *p->message ? p->message : http_reason(p->status));
    reply_done(&r);
}

/* A status fault: its own body, or the usual one of that status. */
static void fail_as_told(struct call *k)
{
    const struct fault *f = k->fault;
    struct problem p = {.status = f->status, .shape = f->shape};
    const cJSON *header;
    enum reply_result result;
    struct reply r;

    make_reply(k, &r);
    r.fault = f->kind == FAULT_NONE ? NULL : f;
    r.status = f->status;
    cJSON_ArrayForEach(header, f->headers)
        if (cJSON_IsString(header)) {
            if (strcasecmp(header->string, "content-type") == 0)
                r.content_type = header->valuestring;
            else
                reply_header(&r, header->string, header->valuestring);
        }
    result = f->has_body ? reply_plain(&r, f->body.data, f->body.len) : send_problem(&r, &p, k->request_id);
    close_row(k, &r, result, http_reason(f->status));
    reply_done(&r);
}

static int64_t first_wait_ms(struct call *k)
{
    int64_t fresh = k->figures.in.input + k->figures.in.write_5m + k->figures.in.write_1h;
    int64_t ms = FIRST_MS_BASE + rng_below(&k->rng, FIRST_MS_SPREAD) + fresh / PROMPT_TOKENS_PER_MS;

    if (k->answer.first_ms >= 0)
        return k->answer.first_ms;
    if (k->config.first_ms >= 0)
        return k->config.first_ms;
    return k->config.speed > 0 && !k->cache_hit ? (int64_t)((double)ms / k->config.speed) : 0;
}

static enum reply_result send_answer(struct call *k, struct reply *r)
{
    char *id = make_message_id(&k->rng, "msg", k->provider_served);
    bool as_stream = is_streamed(k);
    struct event_list events;
    enum reply_result result;
    int64_t wait_ms = first_wait_ms(k);
    struct buf plain;

    buf_init(&plain);
    events_build(&events, &k->answer, id, k->model_served, &k->figures, &k->rng);
    if (!as_stream && k->answer.first_ms < 0 && k->config.first_ms < 0 && r->speed > 0)
        wait_ms += (int64_t)((double)events_duration_us(&events) / r->speed / 1000);
    if (wait_ms > 0 && conn_sleep(k->c, wait_ms) < 0) {
        result = REPLY_GONE;
    } else if (as_stream) {
        result = reply_stream(r, &events);
    } else {
        events_plain(&plain, &k->answer, id, k->model_served, &k->figures);
        result = reply_plain(r, plain.data, plain.len);
    }
    events_done(&events);
    buf_done(&plain);
    free(id);
    return result;
}

/* The books are right before the last byte leaves; should that byte fail, the
 * row is set once more. */
static void close_early(void *arg)
{
    struct call *k = arg;
    close_row(k, k->reply, REPLY_DONE, NULL);
}

static void answer(struct call *k)
{
    struct reply r;
    enum reply_result result;

    make_reply(k, &r);
    /* cppcheck-suppress autoVariables ; the call ends before this function does */
    k->reply = &r;
    r.on_end = close_early;
    r.on_end_arg = k;
    result = send_answer(k, &r);
    close_row(k, &r, result, NULL);
    reply_done(&r);
    k->reply = NULL;
}

static void answer_count(struct call *k)
{
    char text[64];
    struct reply r;

    snprintf(text, sizeof(text), "{\"input_tokens\":%lld}", (long long)k->elements.tokens);
    make_reply(k, &r);
    note_end(k->s, k->n, &r, reply_plain(&r, text, strlen(text)));
    reply_done(&r);
}

/* ---- one call -------------------------------------------------------------------------- */

/* Wait the fault's delay: 0, or -1 when the client left meanwhile. */
static int delay(struct call *k)
{
    const struct fault *f = k->fault;

    if (!f || f->delay_ms <= 0 || f->kind == FAULT_STALL || f->kind == FAULT_DRIP)
        return 0;
    return conn_sleep(k->c, f->delay_ms);
}

static void give_up(struct call *k)
{
    struct reply r;

    make_reply(k, &r);
    close_row(k, &r, REPLY_GONE, NULL);
    reply_done(&r);
}

static void serve(struct call *k)
{
    struct problem p = {0};

    pthread_mutex_lock(&k->s->lock);
    name_record(k);
    if (!k->counting)
        open_row(k);
    k->fault = fault_take(&k->s->faults, &k->ask, !k->counting);
    pthread_mutex_unlock(&k->s->lock);
    if (delay(k) < 0) {
        give_up(k);
        return;
    }
    if (k->fault && k->fault->status) {
        if (k->fault->status < 500 || choose_fallback(k, &p) < 0) {
            fail_as_told(k);
            return;
        }
        fault_free(k->fault);
        k->fault = NULL;
    } else if (choose_model(k, jsonx_string(k->body, "model", NULL), &p) < 0 && (p.status != 404 || choose_fallback(k, &p) < 0)) {
        fail(k, &p);
        return;
    }
    if (k->counting) {
        answer_count(k);
        return;
    }
    pthread_mutex_lock(&k->s->lock);
    decide(k);
    pthread_mutex_unlock(&k->s->lock);
    if (k->fault && k->fault->status)
        fail_as_told(k);
    else
        answer(k);
}

static void call_init(struct call *k, struct sim *s, struct conn *c, const struct http_request *q, uint64_t n, bool counting)
{
    memset(k, 0, sizeof(*k));
    k->s = s;
    k->c = c;
    k->q = q;
    k->n = n;
    k->counting = counting;
    k->began_us = clock_mono_us();
    answer_init(&k->answer);
    pthread_mutex_lock(&s->lock);
    k->config = s->config;
    k->rng.state = rng_next(&s->rng);
    pthread_mutex_unlock(&s->lock);
    k->request_id = make_id(&k->rng, "req_011C", 20);
}

static void call_done(struct call *k)
{
    if (k->body) {
        ask_done(&k->ask);
        elements_done(&k->elements);
    }
    cJSON_Delete(k->body);
    fault_free(k->fault);
    answer_done(&k->answer);
    free(k->request_id);
    free(k->log_id);
    free(k->gateway_id);
}

static int check_body(struct call *k, struct problem *p)
{
    if (k->q->body_too_large)
        return problem_set(p, 413, SHAPE_ANTHROPIC, "Request exceeds the maximum size");
    k->body = cJSON_ParseWithLength(k->q->body.data, k->q->body.len);
    if (cJSON_IsObject(k->body))
        return 0;
    cJSON_Delete(k->body);
    k->body = NULL;
    return problem_set(p, 400, SHAPE_ANTHROPIC, "The request body is not valid JSON.");
}

void messages_handle(struct sim *s, struct conn *c, const struct http_request *q, uint64_t n, bool counting)
{
    struct problem p = {0};
    struct call k;

    call_init(&k, s, c, q, n, counting);
    if (!key_is_good(q, false, &p) || check_body(&k, &p) < 0) {
        fail(&k, &p);
    } else {
        k.log_id = make_id(&k.rng, "", 32);
        k.gateway_id = make_id(&k.rng, "gw_", 24);
        ask_init(&k.ask, q, k.body);
        elements_read(&k.elements, k.body);
        serve(&k);
    }
    call_done(&k);
}
