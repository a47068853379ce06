/* The rest of Respan that spantop asks: health, models, request logs. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/text.h"
#include "sim/jsonx.h"
#include "sim/models.h"
#include "sim/state.h"

#define LOGS "/api/request-logs/"
#define PAGE_SIZE_MAX 1000
#define PAGE_SIZE_USUAL 100

struct api {
    struct sim *s;
    struct conn *c;
    const struct http_request *q;
    uint64_t n;
};

static void send(const struct api *k, int status, cJSON *json)
{
    char *text = jsonx_print(json);
    struct reply r;

    reply_init(&r, k->c);
    r.status = status;
    r.keep_alive = k->q->keep_alive;
    note_end(k->s, k->n, &r, reply_plain(&r, text, strlen(text)));
    reply_done(&r);
    free(text);
    cJSON_Delete(json);
}

static void fail(const struct api *k, int status)
{
    struct problem p = {.status = status, .shape = SHAPE_DETAIL};
    struct reply r;

    reply_init(&r, k->c);
    r.keep_alive = k->q->keep_alive;
    note_end(k->s, k->n, &r, send_problem(&r, &p, ""));
    reply_done(&r);
}

/* ---- models ------------------------------------------------------------------------ */

static void add_price(cJSON *o, const char *key, double nano) { cJSON_AddNumberToObject(o, key, nano / 1000); }

static const char *provider_name(const char *id)
{
    if (strcmp(id, "anthropic") == 0)
        return "Anthropic";
    return strcmp(id, "bedrock") == 0 ? "AWS Bedrock" : "Google Vertex AI";
}

static cJSON *public_model(const struct model *m, const char *provider, bool with_cache_prices)
{
    cJSON *o = cJSON_CreateObject();
    cJSON *by = cJSON_CreateObject();

    if (strcmp(provider, "anthropic") == 0) {
        cJSON_AddStringToObject(o, "model_name", m->name);
    } else {
        char *name = xasprintf("%s/%s", provider, m->name);
        cJSON_AddStringToObject(o, "model_name", name);
        free(name);
    }
    cJSON_AddNumberToObject(o, "max_context_window", (double)m->context_tokens);
    add_price(o, "input_cost", (double)m->in_nanousd);
    add_price(o, "output_cost", (double)m->out_nanousd);
    if (with_cache_prices) {
        add_price(o, "cache_hit_input_cost", (double)m->in_nanousd / 10);
        add_price(o, "cache_creation_input_cost", (double)m->in_nanousd * 5 / 4);
    }
    cJSON_AddStringToObject(by, "provider_name", provider_name(provider));
    cJSON_AddStringToObject(by, "provider_id", provider);
    cJSON_AddItemToObject(o, "provider", by);
    return o;
}

static void send_models(const struct api *k, bool bare, bool with_cache_prices)
{
    static const char *const providers[] = {"anthropic", "vertex_ai", "bedrock"};
    cJSON *list = cJSON_CreateArray();
    cJSON *o = list;

    for (size_t i = 0; i < model_count(); i++)
        for (size_t p = 0; p < 3; p++)
            cJSON_AddItemToArray(list, public_model(model_at(i), providers[p], with_cache_prices));
    if (!bare) {
        o = cJSON_CreateObject();
        cJSON_AddItemToObject(o, "models", list);
    }
    send(k, 200, o);
}

static void send_gateway_models(const struct api *k)
{
    cJSON *o = cJSON_CreateObject();
    cJSON *data = cJSON_AddArrayToObject(o, "data");

    for (size_t i = 0; i < model_count(); i++) {
        cJSON *m = cJSON_CreateObject();
        cJSON_AddStringToObject(m, "type", "model");
        cJSON_AddStringToObject(m, "id", model_at(i)->name);
        cJSON_AddStringToObject(m, "display_name", model_at(i)->display_name);
        cJSON_AddItemToArray(data, m);
    }
    cJSON_AddBoolToObject(o, "has_more", false);
    send(k, 200, o);
}

/* ---- request logs -------------------------------------------------------------------- */

/* "key=value" of the query as a number. */
static int64_t query_int(const char *target, const char *key, int64_t fallback)
{
    const char *at = strchr(target, '?');
    size_t len = strlen(key);

    while (at && *at) {
        at++;
        if (strncmp(at, key, len) == 0 && at[len] == '=')
            return atoll(at + len + 1);
        at = strchr(at, '&');
    }
    return fallback;
}

static bool query_is(const char *target, const char *pair)
{
    const char *query = strchr(target, '?');
    return query && strstr(query, pair);
}

static bool value_fits(const cJSON *have, const char *operator, const cJSON *want)
{
    if (cJSON_IsNumber(have) && cJSON_IsNumber(want)) {
        double a = have->valuedouble, b = want->valuedouble;
        if (strcmp(operator, "gt") == 0)
            return a > b;
        if (strcmp(operator, "gte") == 0)
            return a >= b;
        if (strcmp(operator, "lt") == 0)
            return a < b;
        if (strcmp(operator, "lte") == 0)
            return a <= b;
    }
    if (cJSON_IsString(have) && cJSON_IsString(want) && strcmp(operator, "contains") == 0)
        return strstr(have->valuestring, want->valuestring) != NULL;
    return cJSON_Compare(have, want, 1);
}

/* {"field":{"operator":"in","value":[…]}}: one of the values must fit. */
static bool row_fits(const cJSON *row, const cJSON *filters)
{
    const cJSON *filter, *want;

    cJSON_ArrayForEach(filter, filters) {
        const cJSON *have = jsonx_get(row, filter->string);
        const char *operator = jsonx_string(filter, "operator", "");
        bool fits = false;
        cJSON_ArrayForEach(want, jsonx_get(filter, "value"))
            fits = fits || (have && value_fits(have, operator, want));
        if (fits == (strcmp(operator, "not") == 0))
            return false;
    }
    return true;
}

/* Rows that have landed and fit, newest first unless sort_by=id. */
static cJSON *find_rows(struct sim *s, const char *target, const cJSON *filters)
{
    cJSON *list = cJSON_CreateArray();
    bool oldest_first = query_is(target, "sort_by=id");
    size_t count;
    int64_t now_us = clock_mono_us();

    pthread_mutex_lock(&s->lock);
    count = ledger_count(s->ledger);
    for (size_t i = 0; i < count; i++) {
        struct ledger_row *row = ledger_at(s->ledger, oldest_first ? i : count - 1 - i);
        cJSON *json;
        if (row->ready_us == 0 || row->ready_us > now_us)
            continue;
        json = ledger_log_row(s->ledger, row);
        if (row_fits(json, filters))
            cJSON_AddItemToArray(list, json);
        else
            cJSON_Delete(json);
    }
    pthread_mutex_unlock(&s->lock);
    return list;
}

static void send_list(const struct api *k, const cJSON *filters)
{
    cJSON *rows = find_rows(k->s, k->q->target, filters);
    int total = jsonx_count(rows);
    int size = (int)query_int(k->q->target, "page_size", PAGE_SIZE_USUAL);
    int page = (int)query_int(k->q->target, "page", 1);
    cJSON *o = cJSON_CreateObject();
    cJSON *results = cJSON_CreateArray();

    if (size < 1 || size > PAGE_SIZE_MAX)
        size = PAGE_SIZE_MAX;
    if (page < 1)
        page = 1;
    for (int i = 0; i < size * (page - 1) && rows->child; i++)
        cJSON_Delete(cJSON_DetachItemFromArray(rows, 0));
    for (int i = 0; i < size && rows->child; i++)
        cJSON_AddItemToArray(results, cJSON_DetachItemFromArray(rows, 0));
    cJSON_AddNumberToObject(o, "count", total);
    if (rows->child) {
        char *next = xasprintf("%s%slist/?page=%d&page_size=%d", "https://api.respan.ai", LOGS, page + 1, size);
        cJSON_AddStringToObject(o, "next", next);
        free(next);
    } else {
        cJSON_AddNullToObject(o, "next");
    }
    cJSON_AddNullToObject(o, "previous");
    cJSON_AddItemToObject(o, "results", results);
    cJSON_Delete(rows);
    send(k, 200, o);
}

static void send_summary(const struct api *k, const cJSON *filters)
{
    cJSON *rows = find_rows(k->s, k->q->target, filters);
    cJSON *o = cJSON_CreateObject();
    const cJSON *row;
    double cost = 0, in = 0, out = 0, latency = 0, ttft = 0, count = jsonx_count(rows);

    cJSON_ArrayForEach(row, rows) {
        cost += jsonx_number(row, "cost", 0);
        in += jsonx_number(row, "prompt_tokens", 0);
        out += jsonx_number(row, "completion_tokens", 0);
        latency += jsonx_number(row, "latency", 0);
        ttft += jsonx_number(row, "time_to_first_token", 0);
    }
    cJSON_AddNumberToObject(o, "number_of_requests", count);
    cJSON_AddNumberToObject(o, "total_cost", cost);
    cJSON_AddNumberToObject(o, "total_tokens", in + out);
    cJSON_AddNumberToObject(o, "total_prompt_tokens", in);
    cJSON_AddNumberToObject(o, "total_completion_tokens", out);
    cJSON_AddNumberToObject(o, "avg_latency", count > 0 ? latency / count : 0);
    cJSON_AddNumberToObject(o, "avg_tps", latency > 0 ? out / latency : 0);
    cJSON_AddNumberToObject(o, "avg_ttft", count > 0 ? ttft / count : 0);
    cJSON_Delete(rows);
    send(k, 200, o);
}

static void send_one(const struct api *k)
{
    const char *at = k->q->target + strlen(LOGS);
    char *id = xstrndup(at, strcspn(at, "/?"));
    struct ledger_row *row;
    cJSON *json = NULL;

    pthread_mutex_lock(&k->s->lock);
    row = ledger_find(k->s->ledger, id);
    if (row && row->ready_us != 0 && row->ready_us <= clock_mono_us())
        json = ledger_log_row(k->s->ledger, row);
    pthread_mutex_unlock(&k->s->lock);
    free(id);
    if (json)
        send(k, 200, json);
    else
        fail(k, 404);
}

static void route_logs(const struct api *k)
{
    cJSON *body = cJSON_ParseWithLength(k->q->body.data, k->q->body.len);
    const cJSON *filters = jsonx_get(body, "filters");
    bool post = strcmp(k->q->method, "POST") == 0;

    if (http_path_is(k->q->target, LOGS "list/"))
        post ? send_list(k, filters) : fail(k, 405);
    else if (http_path_is(k->q->target, LOGS "summary/"))
        post ? send_summary(k, filters) : fail(k, 405);
    else
        send_one(k);
    cJSON_Delete(body);
}

/* ---- all of it ------------------------------------------------------------------------ */

static bool is_get(const struct api *k, const char *path) { return strcmp(k->q->method, "GET") == 0 && http_path_is(k->q->target, path); }

static void send_health(const struct api *k)
{
    cJSON *o = cJSON_CreateObject();
    cJSON_AddStringToObject(o, "status", "healthy");
    send(k, 200, o);
}

static void send_key_problem(const struct api *k, const struct problem *p)
{
    struct reply r;

    reply_init(&r, k->c);
    r.keep_alive = k->q->keep_alive;
    note_end(k->s, k->n, &r, send_problem(&r, p, ""));
    reply_done(&r);
}

void respan_api_handle(struct sim *s, struct conn *c, const struct http_request *q, uint64_t n)
{
    struct api k = {s, c, q, n};
    struct problem p = {0};
    struct fault *f;
    bool models;

    pthread_mutex_lock(&s->lock);
    models = s->config.models_enabled;
    pthread_mutex_unlock(&s->lock);
    f = sim_take_fault(s, q);
    if (f) {
        sim_send_fault(s, c, q, n, f);
        fault_free(f);
    } else if (is_get(&k, "/api/health-check/")) {
        send_health(&k);
    } else if (is_get(&k, "/api/models/public") || is_get(&k, "/api/models/public/")) {
        send_models(&k, query_is(q->target, "unnest=true"), false);
    } else if (is_get(&k, "/api/anthropic/v1/models") && models) {
        if (key_is_good(q, false, &p))
            send_gateway_models(&k);
        else
            send_key_problem(&k, &p);
    } else if (is_get(&k, "/api/models/") || strncmp(q->target, LOGS, strlen(LOGS)) == 0) {
        if (!key_is_good(q, true, &p))
            send_key_problem(&k, &p);
        else if (http_path_is(q->target, "/api/models/"))
            send_models(&k, false, true);
        else
            route_logs(&k);
    } else {
        fail(&k, 404);
    }
}
