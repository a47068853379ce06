/* The tap learns the same from a stream whole or in pieces, for each kind of answer. */
#include <string.h>

#include "anthropic/tap.h"

#include "tests/fuzz/fuzz.h"

static struct tap *new_tap(uint8_t kind)
{
    static const char *const types[] = {"text/event-stream", "application/json", NULL, "text/event-stream; charset=utf-8"};
    static const char *const encodings[] = {NULL, NULL, "gzip", "deflate"};
    return tap_new(kind & 16 ? 529 : 200, types[kind & 3], encodings[(kind >> 2) & 3]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    struct tap *whole = new_tap(data[size - 2]);
    struct tap *pieces = new_tap(data[size - 2]);
    uint32_t state = data[size - 1];
    size -= 2;
    tap_feed(whole, data, size);
    for (size_t at = 0, len; at < size; at += len) {
        len = fuzz_piece(&state, size - at);
        tap_feed(pieces, data + at, len);
    }
    tap_end(whole);
    tap_end(pieces);
    const struct tap_facts *a = tap_peek(whole), *b = tap_peek(pieces);
    MUST(memcmp(&a->usage, &b->usage, sizeof a->usage) == 0);
    MUST(strcmp(a->model, b->model) == 0 && strcmp(a->stop_reason, b->stop_reason) == 0);
    MUST(strcmp(a->error_type, b->error_type) == 0 && strcmp(a->error_message, b->error_message) == 0);
    MUST(a->has_content == b->has_content && a->is_complete == b->is_complete && a->delta_bytes == b->delta_bytes);
    tap_free(whole);
    tap_free(pieces);
    return 0;
}
