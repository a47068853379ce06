/* A whole call without its sockets.  The input is five parts, each ended by a line
 * of "%%": the client's header lines, its body, the upstream's head, the answer's
 * body, and the route's model.  Guards, router, head and tap work on them in the
 * order of a call; at the end the row's texts are whole. */
#include <string.h>

#include "anthropic/tap.h"
#include "base/json.h"
#include "gateway/guard.h"
#include "gateway/reply_head.h"
#include "gateway/router.h"
#include "gateway/token.h"
#include "log/redact.h"

#include "tests/fuzz/fuzz.h"

enum { HEAD, BODY, REPLY, ANSWER, MODEL, PARTS };

static void split(struct bytes parts[PARTS], const char *text, size_t size)
{
    for (int i = 0; i < PARTS; i++) {
        const char *mark = i + 1 < PARTS ? memmem(text, size, "\n%%\n", 4) : NULL;
        size_t len = mark ? (size_t)(mark - text) : size;
        parts[i] = (struct bytes){text, len};
        size_t gone = mark ? len + 4 : size;
        text += gone;
        size -= gone;
    }
}

static void read_headers(struct headers *h, struct bytes text)
{
    for (size_t at = 0; at < text.len;) {
        const char *line = text.data + at;
        const char *end = memchr(line, '\n', text.len - at);
        size_t len = end ? (size_t)(end - line) : text.len - at;
        const char *colon = memchr(line, ':', len);
        if (colon && headers_add(h, line, (size_t)(colon - line), colon + 1, len - (size_t)(colon - line) - 1) != 0)
            return;
        at += len + 1;
    }
}

static bool is_clean(const char *text)
{
    return text == NULL || strlen(text) < ((size_t)1 << 20);
}

static void route(const struct headers *client, struct bytes text, struct bytes model)
{
    char name[64] = "";
    struct headers up;
    struct routed routed = {0};
    memcpy(name, model.data, model.len < sizeof name ? model.len : sizeof name - 1);
    struct route routes[] = {{.id = 1, .enabled = true, .set_model = name},
                             {.id = 2, .enabled = true, .purpose = (char *)"main", .set_provider = (char *)"vertex_ai"},
                             {.id = 3, .enabled = true, .params_json = (char *)"{\"cache_enabled\":true}"}};
    struct route_set set = {.routes = routes, .count = name[0] ? 3 : 0};
    struct blob *body = blob_copy(text.data, text.len);
    MUST(body != NULL);
    headers_init(&up);
    if (headers_copy_end_to_end(&up, client) == 0) {
        struct router router = {.routes = &set};
        router_apply(&router, "v1/messages", body, &up, &routed);
        if (!name[0])
            MUST(!routed.sent && !routed.has_headers_changed);
        if (routed.sent && routed.model_sent) {
            size_t start = json_skip_space(routed.sent->data, routed.sent->len, 0);
            MUST(start < routed.sent->len && routed.sent->data[start] == '{');
        }
        MUST(is_clean(routed.note) && is_clean(routed.changes) && is_clean(routed.model_asked));
        free(headers_to_json(&up));
    }
    routed_done(&routed);
    headers_done(&up);
    blob_unref(body);
}

static void answer(struct bytes reply, struct bytes text, uint32_t seed)
{
    struct reply_head head;
    reply_head_init(&head);
    for (size_t at = 0; at < reply.len && !head.is_whole;) {
        const char *end = memchr(reply.data + at, '\n', reply.len - at);
        size_t len = end ? (size_t)(end - reply.data) + 1 - at : reply.len - at;
        (void)reply_head_line(&head, reply.data + at, len);
        at += len;
    }
    if (head.is_whole && !head.is_bad) {
        struct tap *tap = tap_new(head.status, headers_get(&head.headers, "Content-Type"), headers_get(&head.headers, "Content-Encoding"));
        for (size_t at = 0, len; at < text.len; at += len) {
            len = fuzz_piece(&seed, text.len - at);
            tap_feed(tap, text.data + at, len);
        }
        tap_end(tap);
        const struct tap_facts *f = tap_peek(tap);
        MUST(memchr(f->model, 0, sizeof f->model) && memchr(f->error_message, 0, sizeof f->error_message));
        MUST(f->usage.in >= -1 && f->usage.out >= -1 && f->delta_bytes >= 0);
        tap_free(tap);
    }
    reply_head_done(&head);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes parts[PARTS];
    struct headers client;
    split(parts, (const char *)data, size);
    headers_init(&client);
    read_headers(&client, parts[HEAD]);
    struct guard_request r = {.method = "POST", .target = "/v1/messages?beta=true", .headers = &client};
    struct refusal refusal = guard_check(&r, "127.0.0.1");
    if (refusal.status == 0) {
        (void)token_is_there(&client);
        if (token_check(&client, "spantop-0123456789") != TOKEN_WRONG) {
            route(&client, parts[BODY], parts[MODEL]);
            answer(parts[REPLY], parts[ANSWER], (uint32_t)size);
        }
    }
    headers_done(&client);
    return 0;
}
