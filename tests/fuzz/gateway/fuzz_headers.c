/* An upstream's head, line by line.  What is taken as good is clean, is copied
 * without what ends here, and shows no value of an unknown name to the log. */
#include <string.h>
#include <strings.h>

#include "gateway/guard.h"
#include "gateway/headers.h"
#include "gateway/reply_head.h"
#include "gateway/token.h"

#include "tests/fuzz/fuzz.h"

static void check_good(const struct reply_head *head, const uint8_t *data, size_t size)
{
    const struct headers *h = &head->headers;
    struct headers copy;
    MUST(head->status >= 200 && head->status <= 999);
    for (size_t i = 0; i < h->count; i++) {
        const char *name = headers_name(h, i);
        MUST(*name && strlen(name) == h->items[i].name.len && !strpbrk(name, " \t\r\n:"));
        MUST(strlen(headers_value(h, i)) == h->items[i].value.len && !strpbrk(headers_value(h, i), "\r\n"));
    }
    headers_init(&copy);
    if (headers_copy_end_to_end(&copy, h) == 0) {
        MUST(copy.count <= h->count);
        MUST(headers_find(&copy, "Connection", 0) == HEADERS_NONE && headers_find(&copy, "Transfer-Encoding", 0) == HEADERS_NONE);
        MUST(headers_put(&copy, "x-secret-of-mine", "SECRET-VALUE") != 0 || headers_count(&copy, "X-Secret-Of-Mine") >= 1);
        char *json = headers_to_json(&copy);
        MUST(!json || memmem(data, size, "SECRET", 6) || !strstr(json, "SECRET-VALUE"));
        free(json);
        MUST(token_replace(&copy, "key") != 0 || headers_count(&copy, "x-api-key") == 1);
        MUST(headers_count(&copy, "authorization") == 0);
    }
    headers_done(&copy);
}

static void check_as_request(const struct headers *h)
{
    struct guard_request r = {.method = "POST", .target = "/v1/messages", .headers = h};
    struct refusal refusal = guard_check(&r, "127.0.0.1");
    MUST(refusal.status == 0 || (refusal.status >= 400 && refusal.message && refusal.code && refusal.type));
    if (refusal.status)
        return;
    MUST(headers_count(h, "Content-Length") + headers_count(h, "Transfer-Encoding") <= 1);
    MUST(headers_count(h, "Origin") == 0 && headers_count(h, "Host") <= 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct reply_head head;
    const char *at = (const char *)data, *end = at + size;
    reply_head_init(&head);
    while (at < end && !head.is_whole) {
        const char *line_end = memchr(at, '\n', (size_t)(end - at));
        size_t len = line_end ? (size_t)(line_end - at) + 1 : (size_t)(end - at);
        (void)reply_head_line(&head, at, len);
        at += len;
    }
    if (head.is_whole && !head.is_bad)
        check_good(&head, data, size);
    if (!head.is_bad)
        check_as_request(&head.headers);
    reply_head_done(&head);
    return 0;
}
