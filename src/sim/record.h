/* What arrived: every request but those to /sim/, byte-exact, for the tests to see.
 *
 * Thread: none; the caller holds its lock.
 * Bound:  RECORDS_MAX requests; of their bodies the newest keep_bytes. */
#ifndef SPANTOP_SIM_RECORD_H
#define SPANTOP_SIM_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cjson/cJSON.h>

#include "sim/http.h"

#define RECORDS_MAX 10000 /* a test or a bench run; the demo keeps no bodies */

struct record {
    uint64_t n; /* from 1 */
    int64_t at_ms;
    int64_t at_us; /* monotonic */
    uint64_t connection;
    char *method, *target, *version;
    struct http_header *headers;
    size_t header_count;
    char *body; /* NULL: not kept any more */
    size_t body_len;
    char hash[33];
    bool chunked;
    const char *state; /* static: answering, done, gone, fault */
    char log_id[64];
    int64_t left_after_ms; /* -1: the client did not leave */
    int64_t bytes_sent, events_sent;
};

struct records;

struct records *records_new(size_t keep_bytes);
void records_free(struct records *r);
void records_clear(struct records *r);
struct record *records_add(struct records *r, const struct http_request *q, uint64_t connection);
struct record *records_find(struct records *r, uint64_t n); /* NULL: not (any more) */
size_t records_open(const struct records *r);               /* those in state answering */
uint64_t records_last(const struct records *r);
cJSON *record_json(const struct record *rec);
cJSON *records_json(const struct records *r, uint64_t since);

#endif
