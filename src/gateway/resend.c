#include "gateway/resend.h"

#include <stdlib.h>

#include "anthropic/error.h"
#include "base/mem.h"
#include "gateway/exchange.h"
#include "gateway/record.h"

#define WORDS_MAX ((size_t)16 << 10) /* an error's sentence is short */

static bool is_refusal(const struct exchange *x, int status)
{
    bool is_routed = x->routed.model_route || x->routed.pin_route || x->routed.params_route;
    return is_routed && (status == 400 || status == 404 || status == 422);
}

/* The provider failed so often that its pin rests as of this answer. */
static bool is_pin_tired(const struct exchange *x, int status)
{
    return x->routed.pin_route && status >= 429 &&
           pins_rest_us(x->g->pins, x->routed.pin_route, loop_now_us(x->g->loop)) > 0;
}

bool resend_is_wanted(const struct exchange *x, int status)
{
    if (x->refused || x->state != EXCHANGE_ASKING)
        return false;
    return is_refusal(x, status) || is_pin_tired(x, status);
}

/* With several at work the model is the likeliest; if it was not, the next call
 * is refused again and the next one gets the blame. */
static int64_t blamed_route(const struct routed *r)
{
    return r->model_route ? r->model_route : r->pin_route ? r->pin_route : r->params_route;
}

void resend_hold(struct exchange *x, int status)
{
    struct refused *r = xcalloc(1, sizeof *r);
    buf_init_max(&r->words, WORDS_MAX);
    r->status = status;
    r->is_pin_tired = !is_refusal(x, status);
    r->route = blamed_route(&x->routed);
    r->what = xstrdup(x->routed.note);
    r->model_asked = xstrdup(x->routed.model_asked);
    r->original = r->is_pin_tired ? NULL : blob_ref(x->request);
    x->refused = r;
    x->state = EXCHANGE_REFUSED;
}

void resend_take_words(struct exchange *x, const void *data, size_t len)
{
    struct buf *words = &x->refused->words;
    size_t room = words->max - words->len;
    (void)buf_put(words, data, len < room ? len : room);
}

void resend_now(struct exchange *x)
{
    routed_done(&x->routed);
    x->attempt++;
    exchange_ask_again(x, x->refused->is_pin_tired);
}

static char *sentence(const struct refused *r)
{
    char type[128];
    char message[512];
    error_body_read(r->words.data, r->words.len, type, sizeof type, message, sizeof message);
    return xasprintf("%s with %d%s%s", r->is_pin_tired ? "failed" : "refused", r->status, *message ? ": " : "", message);
}

void resend_answered(struct exchange *x, int status)
{
    const struct refused *r = x->refused;
    if (!r)
        return;
    char *words = sentence(r);
    if (r->is_pin_tired) {
        x->note = xasprintf("%s, %s; the pin rests, sent without it", r->what, words);
    } else if (status < 400) {
        journal_refuse_route(x->g->journal, r->route, words);
        refused_routes_add(&x->g->refused_routes, r->route, x->g->routes_version);
        x->note = xasprintf("%s, %s; sent as it came, route #%lld is off", r->what, words, (long long)r->route);
    } else {
        x->note = xasprintf("%s, %s; so was the request as it came", r->what, words);
    }
    free(words);
}

void resend_done(struct exchange *x)
{
    if (!x->refused)
        return;
    buf_done(&x->refused->words);
    blob_unref(x->refused->original);
    free(x->refused->what);
    free(x->refused->model_asked);
    free(x->refused);
}
