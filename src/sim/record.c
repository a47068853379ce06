#include "sim/record.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

#include "base/clock.h"
#include "base/mem.h"

struct records {
    struct record *v; /* a ring of RECORDS_MAX */
    size_t count, first, cap;
    uint64_t next_n;
    size_t keep_bytes, kept;
    size_t first_with_body; /* how many of the oldest have lost theirs, at least */
};

struct records *records_new(size_t keep_bytes)
{
    struct records *r = xcalloc(1, sizeof(*r));
    r->keep_bytes = keep_bytes;
    r->next_n = 1;
    return r;
}

static struct record *at(const struct records *r, size_t i) { return &r->v[(r->first + i) % r->cap]; }

static void drop_body(struct records *r, struct record *rec)
{
    if (rec->body)
        r->kept -= rec->body_len;
    free(rec->body);
    rec->body = NULL;
}

static void record_done(struct records *r, struct record *rec)
{
    drop_body(r, rec);
    for (size_t i = 0; i < rec->header_count; i++) {
        free(rec->headers[i].name);
        free(rec->headers[i].value);
    }
    free(rec->headers);
    free(rec->method);
    free(rec->target);
    free(rec->version);
}

void records_clear(struct records *r)
{
    for (size_t i = 0; i < r->count; i++)
        record_done(r, at(r, i));
    r->count = r->first = r->first_with_body = 0;
}

void records_free(struct records *r)
{
    if (!r)
        return;
    records_clear(r);
    free(r->v);
    free(r);
}

static struct record *new_slot(struct records *r)
{
    if (r->count == r->cap && r->cap < RECORDS_MAX) {
        r->cap = r->cap ? r->cap * 2 : 64;
        r->v = xrealloc(r->v, r->cap * sizeof(*r->v));
    }
    if (r->count == r->cap) {
        record_done(r, at(r, 0));
        r->first = (r->first + 1) % r->cap;
        r->count--;
        if (r->first_with_body > 0)
            r->first_with_body--;
    }
    return at(r, r->count++);
}

static void keep_body(struct records *r, struct record *rec, const struct http_request *q)
{
    XXH128_hash_t h;

    rec->body_len = q->body.len;
    if (r->keep_bytes == 0)
        return;
    h = XXH3_128bits(q->body.data, q->body.len);
    snprintf(rec->hash, sizeof(rec->hash), "%016llx%016llx", (unsigned long long)h.high64, (unsigned long long)h.low64);
    while (r->kept + q->body.len > r->keep_bytes && r->first_with_body + 1 < r->count)
        drop_body(r, at(r, r->first_with_body++));
    rec->body = malloc(q->body.len + 1);
    if (!rec->body)
        return;
    memcpy(rec->body, q->body.data, q->body.len);
    r->kept += q->body.len;
}

struct record *records_add(struct records *r, const struct http_request *q, uint64_t connection)
{
    struct record *rec = new_slot(r);

    memset(rec, 0, sizeof(*rec));
    rec->n = r->next_n++;
    rec->at_ms = clock_wall_ms();
    rec->at_us = clock_mono_us();
    rec->connection = connection;
    rec->method = xstrdup(q->method);
    rec->target = xstrdup(q->target);
    rec->version = xstrdup(q->version);
    rec->chunked = q->chunked;
    rec->state = "answering";
    rec->left_after_ms = -1;
    rec->header_count = q->header_count;
    rec->headers = xcalloc(q->header_count + 1, sizeof(*rec->headers));
    for (size_t i = 0; i < q->header_count; i++) {
        rec->headers[i].name = xstrdup(q->headers[i].name);
        rec->headers[i].value = xstrdup(q->headers[i].value);
    }
    keep_body(r, rec, q);
    return rec;
}

struct record *records_find(struct records *r, uint64_t n)
{
    uint64_t first = r->next_n - r->count;
    return n < first || n >= r->next_n ? NULL : at(r, (size_t)(n - first));
}

size_t records_open(const struct records *r)
{
    size_t n = 0;
    for (size_t i = 0; i < r->count; i++)
        n += strcmp(at(r, i)->state, "answering") == 0;
    return n;
}

uint64_t records_last(const struct records *r) { return r->next_n - 1; }

cJSON *record_json(const struct record *rec)
{
    cJSON *o = cJSON_CreateObject();
    cJSON *headers = cJSON_CreateArray();

    cJSON_AddNumberToObject(o, "n", (double)rec->n);
    cJSON_AddNumberToObject(o, "at_ms", (double)rec->at_ms);
    cJSON_AddNumberToObject(o, "connection", (double)rec->connection);
    cJSON_AddStringToObject(o, "method", rec->method);
    cJSON_AddStringToObject(o, "target", rec->target);
    cJSON_AddStringToObject(o, "version", rec->version);
    for (size_t i = 0; i < rec->header_count; i++) {
        cJSON *pair = cJSON_CreateArray();
        cJSON_AddItemToArray(pair, cJSON_CreateString(rec->headers[i].name));
        cJSON_AddItemToArray(pair, cJSON_CreateString(rec->headers[i].value));
        cJSON_AddItemToArray(headers, pair);
    }
    cJSON_AddItemToObject(o, "headers", headers);
    cJSON_AddNumberToObject(o, "body_len", (double)rec->body_len);
    cJSON_AddStringToObject(o, "xxh128", rec->hash);
    cJSON_AddBoolToObject(o, "chunked", rec->chunked);
    cJSON_AddStringToObject(o, "state", rec->state);
    cJSON_AddStringToObject(o, "log_id", rec->log_id);
    if (rec->left_after_ms >= 0)
        cJSON_AddNumberToObject(o, "left_after_ms", (double)rec->left_after_ms);
    else
        cJSON_AddNullToObject(o, "left_after_ms");
    cJSON_AddNumberToObject(o, "bytes_sent", (double)rec->bytes_sent);
    cJSON_AddNumberToObject(o, "events_sent", (double)rec->events_sent);
    return o;
}

cJSON *records_json(const struct records *r, uint64_t since)
{
    cJSON *o = cJSON_CreateObject();
    cJSON *list = cJSON_CreateArray();

    for (size_t i = 0; i < r->count; i++)
        if (at(r, i)->n > since)
            cJSON_AddItemToArray(list, record_json(at(r, i)));
    cJSON_AddNumberToObject(o, "count", (double)records_last(r));
    cJSON_AddItemToObject(o, "requests", list);
    return o;
}
