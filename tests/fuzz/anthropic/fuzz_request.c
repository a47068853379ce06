/* Spans lie within the body, in order; putting back what was cut out gives the
 * same bytes; a switched body says the new model and differs in nothing else. */
#include <string.h>

#include "anthropic/request.h"

#include "tests/fuzz/fuzz.h"

static void check_splices(const char *body, size_t size, const struct span *spans, size_t count)
{
    struct splice splices[REQUEST_SPLICES_MAX];
    struct span found[REQUEST_SPLICES_MAX];
    struct buf out;
    size_t at = 0;

    buf_init(&out);
    for (size_t i = 0; i < count; i++) {
        MUST(spans[i].off >= at && spans[i].len > 0 && spans[i].len <= size - spans[i].off);
        at = spans[i].off + spans[i].len;
        splices[i] = (struct splice){spans[i], bytes_at(body, spans[i])};
    }
    MUST(request_splice(body, size, splices, count, &out) == 0);
    MUST(bytes_eq(buf_bytes(&out), (struct bytes){body, size}));

    for (size_t i = 0; i < count; i++)
        splices[i].with = bytes_of("\"claude-new\"");
    buf_reset(&out);
    MUST(request_splice(body, size, splices, count, &out) == 0);
    MUST(request_find_models(out.data, out.len, found, REQUEST_SPLICES_MAX) == count);
    for (size_t i = 0; i < count; i++)
        MUST(bytes_is(bytes_at(out.data, found[i]), "\"claude-new\""));
    buf_done(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span spans[REQUEST_SPLICES_MAX];
    struct request_facts facts;
    char title[64];
    /* A copy without anything behind it, so that reading past the end is seen. */
    char *body = malloc(size ? size : 1);
    MUST(body != NULL);
    memcpy(body, data, size);

    check_splices(body, size, spans, request_find_models(body, size, spans, REQUEST_SPLICES_MAX));
    request_read_facts("/v1/messages?beta=true", size & 1 ? "agent" : NULL, size & 2 ? "session" : NULL, body, size, &facts);
    MUST(memchr(facts.model, 0, sizeof facts.model) && memchr(facts.session_id, 0, sizeof facts.session_id));
    (void)request_title_from_answer(body, size, title, sizeof title);
    free(body);
    return 0;
}
