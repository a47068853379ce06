/* Calls as rows: JSON Lines and CSV, with the columns of `spantop calls --json`. */
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "base/encode.h"
#include "base/json.h"
#include "base/text.h"
#include "cli/call_view.h"
#include "cli/csv.h"
#include "cli/export.h"

/* ---- JSON Lines ---------------------------------------------------------------------- */

static const struct {
    enum body_kind kind;
    const char *name;
} bodies[] = {{BODY_REQUEST, "request_body"}, {BODY_SENT, "sent_body"}, {BODY_RESPONSE, "response_body"}};

/* ,"NAME":"text"  or  ,"NAME_base64":"…"  or  ,"NAME":null */
static void put_body(struct buf *out, const char *name, const struct buf *body, bool is_there)
{
    if (is_there && !text_is_utf8(body->data, body->len)) {
        char *text = encode_base64(body->data, body->len);
        buf_printf(out, ",\"%s_base64\":\"", name);
        buf_puts(out, text);
        buf_putc(out, '"');
        free(text);
        return;
    }
    buf_printf(out, ",\"%s\":", name);
    if (is_there)
        json_quote(out, body->data, body->len);
    else
        buf_puts(out, "null");
}

static int put_bodies(struct export *x, const struct call *c, struct err *e)
{
    struct buf body;
    int r = 0;
    buf_init(&body);
    for (size_t i = 0; r >= 0 && i < sizeof bodies / sizeof *bodies; i++) {
        if (bodies[i].kind == BODY_SENT && !c->has_sent_body)
            continue; /* the request's own */
        r = export_body(x, c, bodies[i].kind, &body, e);
        if (r >= 0)
            put_body(&x->out, bodies[i].name, &body, r == 0);
    }
    buf_done(&body);
    return r < 0 ? -1 : 0;
}

static int nothing(struct export *x, struct err *e)
{
    (void)x;
    (void)e;
    return 0;
}

static int jsonl_call(struct export *x, const struct call *c, struct err *e)
{
    export_put_row(&x->out, c);
    if (x->has_bodies) {
        x->out.len--; /* the row's last brace */
        if (put_bodies(x, c, e) != 0)
            return -1;
        buf_putc(&x->out, '}');
    }
    buf_putc(&x->out, '\n');
    return 0;
}

const struct export_format export_jsonl = {
    .option = "jsonl", .can_have_bodies = true, .begin = nothing, .call = jsonl_call, .end = nothing};

/* ---- CSV ------------------------------------------------------------------------------- */

static void put_value(struct buf *out, const cJSON *v)
{
    if (cJSON_IsString(v))
        csv_put_cell(out, v->valuestring);
    else if (cJSON_IsNumber(v))
        buf_printf(out, "%.0f", v->valuedouble);
    else if (cJSON_IsBool(v))
        buf_puts(out, cJSON_IsTrue(v) ? "1" : "0");
}

static void put_line(struct buf *out, const struct call *c, bool is_title)
{
    cJSON *j = call_to_json(c);
    for (const cJSON *v = j->child; v; v = v->next) {
        if (is_title)
            csv_put_cell(out, v->string);
        else
            put_value(out, v);
        buf_puts(out, v->next ? "," : "\r\n");
    }
    cJSON_Delete(j);
}

static int csv_begin(struct export *x, struct err *e)
{
    struct call none;
    (void)e;
    call_init(&none);
    put_line(&x->out, &none, true);
    return 0;
}

static int csv_call(struct export *x, const struct call *c, struct err *e)
{
    (void)e;
    put_line(&x->out, c, false);
    return 0;
}

const struct export_format export_csv = {.option = "csv", .begin = csv_begin, .call = csv_call, .end = nothing};
