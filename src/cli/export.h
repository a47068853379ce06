/* Calls of the log in other people's formats.
 *
 * Calls pass one by one, oldest first, read in pages by key: memory is bounded by
 * the largest call, whatever the log holds, and no read is open while the reader
 * of our output is slow.  Everything goes to stdout (a file named by --output takes
 * its place).  Thread: one. */
#ifndef SPANTOP_CLI_EXPORT_H
#define SPANTOP_CLI_EXPORT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/err.h"
#include "log/call.h"
#include "log/reader.h"
#include "log/redact.h"

struct api_client;

struct export {
    struct db *db;
    struct redact *redact;  /* NULL: nothing is taken out */
    bool has_bodies;
    const char *upstream;   /* base URL that calls went to, for addresses */
    struct api_client *to;  /* --to: where batches of spans are posted; NULL: to stdout */
    const char *to_url;     /* as the user wrote it */
    const char *to_rest;    /* its last part */
    struct buf out;         /* what is not written yet */
    size_t calls;           /* written so far */
    size_t batch;           /* of these in the batch that is open */
    size_t unsearched;      /* bodies left out because --redact took too long */
};

struct export_format {
    const char *option;     /* "har": the option --har */
    bool has_bodies;        /* unless told otherwise */
    bool can_have_bodies;
    int (*begin)(struct export *x, struct err *e);
    int (*call)(struct export *x, const struct call *c, struct err *e);
    int (*end)(struct export *x, struct err *e);
};
extern const struct export_format export_jsonl, export_csv, export_har, export_otlp;

/* All calls that q names (its order, limit and place are set here). */
NODISCARD int export_query(struct export *x, const struct export_format *f, struct call_query q, struct err *e);
/* These, in this order. */
NODISCARD int export_ids(struct export *x, const struct export_format *f, const int64_t *ids, size_t count, struct err *e);

/* ---- For the formats --------------------------------------------------------------- */

/* Write what x->out holds, so that it is empty. */
NODISCARD int export_flush(struct export *x, struct err *e);
/* A body as it may be told, --redact applied.  1: there is none. */
NODISCARD int export_body(struct export *x, const struct call *c, enum body_kind kind, struct buf *body, struct err *e);
/* The row's texts (its ids aside) without what --redact takes out. */
void export_redact_row(struct redact *r, struct call *c);
/* The row as one line of JSON. */
void export_put_row(struct buf *out, const struct call *c);
/* A span's id, 16 hex digits, and its trace's, 32: the same whenever they are asked for. */
#define TRACE_ID_MAX 33
#define SPAN_ID_MAX  17
void export_trace_id(char text[TRACE_ID_MAX], const char *session_id, int64_t call_id);
void export_span_id(char text[SPAN_ID_MAX], const char *trace_id, int64_t call_id);
/* What was asked and answered as attributes of a span, each with a comma in front. */
NODISCARD int export_otlp_messages(struct export *x, const struct call *c, struct err *e);

#endif
