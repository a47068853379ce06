#include "gateway/models.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "gateway/answer.h"
#include "gateway/record.h"

#define WAIT_US         1500000
#define ABSENT_FOR_MS   (24 * 3600 * (int64_t)1000)
#define LIST_MAX        ((size_t)4 << 20) /* a model list is some hundred KB at most */

/* --- From the catalog ------------------------------------------------------------ */

static bool client_accepts(const char *name)
{
    return strncasecmp(name, "claude", 6) == 0 || strncasecmp(name, "anthropic", 9) == 0;
}

char *models_list_json(const struct catalog *c, size_t *len)
{
    struct buf out;
    bool is_first = true;
    buf_init(&out);
    buf_puts(&out, "{\"data\":[");
    for (size_t i = 0; c && i < catalog_count(c); i++) {
        const struct model *m = catalog_at(c, i);
        if (!client_accepts(m->name))
            continue;
        const char *label = m->label ? m->label : m->name;
        buf_puts(&out, is_first ? "{\"type\":\"model\",\"id\":" : ",{\"type\":\"model\",\"id\":");
        json_quote(&out, m->name, strlen(m->name));
        buf_puts(&out, ",\"display_name\":");
        json_quote(&out, label, strlen(label));
        buf_puts(&out, "}");
        is_first = false;
    }
    buf_puts(&out, "],\"has_more\":false}");
    return buf_take(&out, len);
}

static void answer_from_catalog(struct exchange *x, const char *why)
{
    size_t len;
    char *json = models_list_json(x->g->options->catalog, &len);
    x->note = xasprintf("answered from the catalog: %s", why);
    x->end = END_OWN;
    answer_json(x, json, len);
    free(json);
}

/* --- From the upstream -------------------------------------------------------------- */

void models_forget(struct exchange *x)
{
    loop_timer_clear(x->g->loop, &x->timer);
}

static void on_late(void *arg)
{
    struct exchange *x = arg;
    if (x->transfer) {
        transfer_cancel(x->transfer);
        x->transfer = NULL;
    }
    if (x->state == EXCHANGE_ASKING)
        answer_from_catalog(x, "the upstream did not give its list within 1.5 s");
}

static void on_head(void *owner, int status, const struct headers *h)
{
    struct exchange *x = owner;
    x->held_status = status;
    headers_reset(&x->held_headers);
    if (status == 200)
        (void)headers_copy_end_to_end(&x->held_headers, h);
}

static bool on_body(void *owner, const void *data, size_t len)
{
    struct exchange *x = owner;
    if (x->held_status != 200 || x->is_response_dropped)
        return true;
    if (!x->response)
        x->response = blob_new(len);
    if (!x->response || blob_put(&x->response, data, len, LIST_MAX) != 0)
        x->is_response_dropped = true;
    return true;
}

static void pass_on(struct exchange *x)
{
    struct blob *list = x->response;
    x->response = NULL;
    x->end = END_WHOLE;
    x->state = EXCHANGE_FINISHING;
    x->status = 200;
    record_head(x, &x->held_headers);
    answer_put_call_id(x, &x->held_headers);
    size_t len = list ? list->len : 0;
    record_keep(x, list ? list->data : "", len);
    if (client_answer(x->client, 200, &x->held_headers, (int64_t)len) == 0)
        client_end(x->client, len == 0 || client_send(x->client, list->data, len) == 0);
    blob_unref(list);
}

static void on_end(void *owner, enum transfer_end how, const char *text)
{
    struct exchange *x = owner;
    char why[300];
    x->transfer = NULL;
    models_forget(x);
    if (how == TRANSFER_WHOLE && x->held_status == 200 && !x->is_response_dropped) {
        pass_on(x);
        return;
    }
    blob_unref(x->response);
    x->response = NULL;
    x->is_response_dropped = false;
    if (how == TRANSFER_WHOLE && x->held_status == 404)
        x->g->models_absent_until_ms = clock_wall_ms() + ABSENT_FOR_MS;
    if (how == TRANSFER_WHOLE)
        snprintf(why, sizeof why, "the upstream answered %d", x->held_status);
    else
        snprintf(why, sizeof why, "%s", text);
    answer_from_catalog(x, why);
}

void models_answer(struct exchange *x)
{
    if (clock_wall_ms() < x->g->models_absent_until_ms) {
        x->state = EXCHANGE_ASKING;
        answer_from_catalog(x, "the upstream has no model list (404 within the last day)");
        return;
    }
    x->timer = (struct timer){.fn = on_late, .arg = x};
    if (exchange_ask(x, &(struct transfer_events){x, on_head, on_body, on_end}) == 0)
        loop_timer_set(x->g->loop, &x->timer, clock_mono_us() + WAIT_US);
}
