#include "sim/ledger.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"

#define NANO_PER_USD 1e9

struct ledger {
    struct ledger_row *rows; /* a ring once full */
    size_t count, cap, first;
    uint64_t next_id;
    double credits_usd;
    int64_t spent_nanousd;
};

struct ledger *ledger_new(double credits_usd)
{
    struct ledger *l = xcalloc(1, sizeof(*l));
    l->credits_usd = credits_usd;
    l->next_id = 1;
    return l;
}

void ledger_free(struct ledger *l)
{
    if (!l)
        return;
    free(l->rows);
    free(l);
}

void ledger_clear(struct ledger *l)
{
    l->count = l->first = 0;
    l->spent_nanousd = 0;
}

void ledger_set_credits(struct ledger *l, double credits_usd)
{
    l->credits_usd = credits_usd;
    l->spent_nanousd = 0;
}

size_t ledger_count(const struct ledger *l) { return l->count; }
struct ledger_row *ledger_at(struct ledger *l, size_t i) { return &l->rows[(l->first + i) % l->cap]; }

struct ledger_row *ledger_add(struct ledger *l)
{
    struct ledger_row *row;

    if (l->count == l->cap && l->cap < LEDGER_ROWS_MAX) {
        l->cap = l->cap ? l->cap * 2 : 256;
        l->rows = xrealloc(l->rows, l->cap * sizeof(*l->rows));
    }
    if (l->count == l->cap) {
        l->first = (l->first + 1) % l->cap;
        l->count--;
    }
    row = ledger_at(l, l->count++);
    memset(row, 0, sizeof(*row));
    row->id = l->next_id++;
    row->state = "open";
    row->ttft_us = -1;
    return row;
}

struct ledger_row *ledger_row(struct ledger *l, uint64_t id)
{
    uint64_t first = l->next_id - l->count;
    return id < first || id >= l->next_id ? NULL : ledger_at(l, (size_t)(id - first));
}

struct ledger_row *ledger_find(struct ledger *l, const char *log_id)
{
    for (size_t i = l->count; i-- > 0;)
        if (strcmp(ledger_at(l, i)->log_id, log_id) == 0)
            return ledger_at(l, i);
    return NULL;
}

void ledger_close(struct ledger *l, struct ledger_row *row) { l->spent_nanousd += row->cost_nanousd; }

static void add_int(cJSON *object, const char *key, int64_t n) { cJSON_AddNumberToObject(object, key, (double)n); }
static int64_t micro(int64_t nano) { return (nano + 500) / 1000; }

static cJSON *usage_json(const struct figures *f)
{
    cJSON *u = cJSON_CreateObject();

    add_int(u, "input_tokens", f->in.input);
    add_int(u, "cache_read", f->in.read);
    add_int(u, "cache_write_5m", f->in.write_5m);
    add_int(u, "cache_write_1h", f->in.write_1h);
    add_int(u, "output_tokens", f->out);
    return u;
}

static cJSON *row_json(const struct ledger_row *row)
{
    cJSON *o = cJSON_CreateObject();

    cJSON_AddStringToObject(o, "log_id", row->log_id);
    cJSON_AddStringToObject(o, "gateway_request_id", row->gateway_id);
    cJSON_AddStringToObject(o, "request_id", row->request_id);
    add_int(o, "n", (int64_t)row->request_n);
    add_int(o, "at_ms", row->at_ms);
    cJSON_AddStringToObject(o, "target", row->target);
    cJSON_AddStringToObject(o, "model_asked", row->model_asked);
    cJSON_AddStringToObject(o, "model", row->model);
    cJSON_AddStringToObject(o, "provider", row->provider);
    add_int(o, "status", row->status);
    cJSON_AddStringToObject(o, "state", row->state);
    cJSON_AddBoolToObject(o, "stream", row->stream);
    cJSON_AddStringToObject(o, "session_id", row->session);
    cJSON_AddStringToObject(o, "agent_id", row->agent);
    cJSON_AddBoolToObject(o, "cache_hit", row->cache_hit);
    cJSON_AddStringToObject(o, "stop_reason", row->stop_reason);
    cJSON_AddStringToObject(o, "error_message", row->error_message);
    cJSON_AddItemToObject(o, "usage", usage_json(&row->used));
    add_int(o, "cost_nanousd", row->cost_nanousd);
    add_int(o, "cost_microusd", micro(row->cost_nanousd));
    cJSON_AddItemToObject(o, "told", row->told_any ? usage_json(&row->told) : cJSON_CreateNull());
    add_int(o, "told_cost_microusd", micro(row->told_nanousd));
    add_int(o, "latency_ms", row->latency_us / 1000);
    add_int(o, "ttft_ms", row->ttft_us < 0 ? -1 : row->ttft_us / 1000);
    return o;
}

cJSON *ledger_json(struct ledger *l)
{
    cJSON *o = cJSON_CreateObject();
    cJSON *rows = cJSON_AddArrayToObject(o, "rows");
    cJSON *totals;
    struct figures sum;
    int64_t nano = 0;

    memset(&sum, 0, sizeof(sum));
    for (size_t i = 0; i < l->count; i++) {
        const struct ledger_row *row = ledger_at(l, i);
        cJSON_AddItemToArray(rows, row_json(row));
        sum.in.input += row->used.in.input;
        sum.in.read += row->used.in.read;
        sum.in.write_5m += row->used.in.write_5m;
        sum.in.write_1h += row->used.in.write_1h;
        sum.out += row->used.out;
        nano += row->cost_nanousd;
    }
    totals = usage_json(&sum);
    add_int(totals, "cost_nanousd", nano);
    add_int(totals, "rows", (int64_t)l->count);
    cJSON_AddItemToObject(o, "totals", totals);
    return o;
}

/* Exact to the billionth: cJSON's own printing of doubles is, at this size. */
static double usd(int64_t nano) { return (double)nano / NANO_PER_USD; }

static void add_limits(cJSON *o, const struct ledger *l, const struct ledger_row *row)
{
    cJSON *info = cJSON_AddObjectToObject(o, "limit_info");
    cJSON *limits = cJSON_AddArrayToObject(info, "limits");
    cJSON *credits = cJSON_CreateObject();
    double left = l->credits_usd - usd(l->spent_nanousd);

    cJSON_AddStringToObject(credits, "name", "org_credits");
    cJSON_AddNumberToObject(credits, "current_value", left + usd(row->cost_nanousd));
    cJSON_AddNumberToObject(credits, "new_value", left);
    cJSON_AddNumberToObject(credits, "limit_value", 0);
    cJSON_AddBoolToObject(credits, "is_within_limit", left > 0);
    cJSON_AddItemToArray(limits, credits);
    cJSON_AddBoolToObject(info, "is_within_limit", left > 0);
}

static void add_time(cJSON *o, const char *key, int64_t at_ms)
{
    char day[32], text[48];
    time_t s = (time_t)(at_ms / 1000);
    struct tm tm;

    gmtime_r(&s, &tm);
    strftime(day, sizeof(day), "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(text, sizeof(text), "%s.%03dZ", day, (int)(at_ms % 1000));
    cJSON_AddStringToObject(o, key, text);
}

cJSON *ledger_log_row(struct ledger *l, const struct ledger_row *row)
{
    cJSON *o = cJSON_CreateObject();
    const struct figures *f = &row->used;

    add_int(o, "id", (int64_t)row->id);
    cJSON_AddStringToObject(o, "unique_id", row->log_id);
    cJSON_AddNumberToObject(o, "cost", usd(row->cost_nanousd));
    cJSON_AddNumberToObject(o, "latency", (double)row->latency_us / 1e6);
    if (row->ttft_us >= 0)
        cJSON_AddNumberToObject(o, "time_to_first_token", (double)row->ttft_us / 1e6);
    else
        cJSON_AddNullToObject(o, "time_to_first_token");
    add_int(o, "prompt_tokens", f->in.input + f->in.read + f->in.write_5m + f->in.write_1h);
    add_int(o, "completion_tokens", f->out);
    add_int(o, "prompt_cache_hit_tokens", f->in.read);
    add_int(o, "prompt_cache_creation_tokens", f->in.write_5m + f->in.write_1h);
    cJSON_AddStringToObject(o, "model", row->cache_hit ? "respan/cache" : row->model);
    cJSON_AddStringToObject(o, "provider_id", row->provider);
    cJSON_AddStringToObject(o, "status", row->status < 400 ? "success" : "error");
    add_int(o, "status_code", row->status);
    cJSON_AddStringToObject(o, "error_message", row->error_message);
    cJSON_AddBoolToObject(o, "cache_hit", row->cache_hit);
    cJSON_AddStringToObject(o, "thread_identifier", row->thread_identifier);
    cJSON_AddStringToObject(o, "customer_identifier", row->customer_identifier);
    cJSON_AddBoolToObject(o, "stream", row->stream);
    add_time(o, "timestamp", row->at_ms);
    add_limits(o, l, row);
    return o;
}
