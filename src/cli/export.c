#include "cli/export.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/blob.h"
#include "cli/call_view.h"
#include "cli/output.h"

#define WRITE_BYTES ((size_t)64 << 10)

/* ---- What the formats use ------------------------------------------------------------ */

int export_flush(struct export *x, struct err *e)
{
    if (x->out.failed)
        return err_set(e, "no memory for the next call; leave the bodies out with --no-bodies");
    out_text(x->out.data, x->out.len);
    buf_reset(&x->out);
    return 0;
}

static int redact_copy(struct export *x, struct buf *body)
{
    struct blob *clean = NULL, *blob = blob_copy(body->data, body->len);
    enum redacted verdict = blob ? redact_body(x->redact, blob, &clean) : REDACT_FAILED;
    if (verdict == REDACT_CHANGED) {
        buf_reset(body);
        if (buf_put(body, clean->data, clean->len) != 0)
            verdict = REDACT_FAILED;
    }
    blob_unref(clean);
    blob_unref(blob);
    if (verdict != REDACT_FAILED)
        return 0;
    x->unsearched++;
    return 1;
}

int export_body(struct export *x, const struct call *c, enum body_kind kind, struct buf *body, struct err *e)
{
    struct err why = {""};
    if (c->body_state != BODY_KEPT && c->body_state != BODY_REDACTED)
        return 1;
    int r = reader_body(x->db, c->id, kind, body, &why);
    if (r < 0)
        return err_set(e, "%s", why.text);
    return r == 0 && x->redact ? redact_copy(x, body) : r;
}

void export_redact_row(struct redact *r, struct call *c)
{
    char **const texts[] = {
        &c->session_title, &c->path,          &c->error_type,      &c->error_message,   &c->stop_reason, &c->model_asked,
        &c->model_sent,    &c->model_served,  &c->provider_pinned, &c->provider_served, &c->cache_break, &c->request_headers,
        &c->sent_headers,  &c->response_headers, &c->route_note,   &c->changes,         &c->work_dir,    &c->method,
    };
    for (size_t i = 0; r && i < sizeof texts / sizeof *texts; i++)
        redact_text(r, texts[i]);
}

void export_put_row(struct buf *out, const struct call *c)
{
    cJSON *j = call_to_json(c);
    char *text = cJSON_PrintUnformatted(j);
    buf_puts(out, text ? text : "{}");
    free(text);
    cJSON_Delete(j);
}

/* ---- Going through the calls ----------------------------------------------------------- */

static int take(struct export *x, const struct export_format *f, struct call *c, struct err *e)
{
    export_redact_row(x->redact, c);
    if (f->call(x, c, e) != 0)
        return -1;
    x->calls++;
    return x->out.len >= WRITE_BYTES && !x->to && !x->batch ? export_flush(x, e) : 0;
}

static int take_all(struct export *x, const struct export_format *f, struct call_query q, struct err *e)
{
    int r = 0;
    q.sort = SORT_ID;
    q.descending = false;
    q.limit = READER_PAGE_MAX;
    for (bool has_more = true; r == 0 && has_more && !out_is_broken();) {
        struct call_page page;
        if (reader_calls(x->db, &q, &page, e) != 0)
            return -1;
        for (size_t i = 0; r == 0 && i < page.count && !out_is_broken(); i++) {
            q.after_id = page.calls[i].id;
            r = take(x, f, &page.calls[i], e);
        }
        has_more = page.has_more && page.count > 0;
        call_page_done(&page);
    }
    return r;
}

static int finish(struct export *x, const struct export_format *f, int r, struct err *e)
{
    if (r == 0)
        r = f->end(x, e);
    return r == 0 ? export_flush(x, e) : r;
}

int export_query(struct export *x, const struct export_format *f, struct call_query q, struct err *e)
{
    int r = f->begin(x, e);
    if (r == 0)
        r = take_all(x, f, q, e);
    return finish(x, f, r, e);
}

int export_ids(struct export *x, const struct export_format *f, const int64_t *ids, size_t count, struct err *e)
{
    int r = f->begin(x, e);
    for (size_t i = 0; r == 0 && i < count && !out_is_broken(); i++) {
        struct call c;
        if (reader_call(x->db, ids[i], &c, e) != 0)
            return -1;
        r = take(x, f, &c, e);
        call_done(&c);
    }
    return finish(x, f, r, e);
}
