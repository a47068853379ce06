/* Fed whole or in pieces, the same events come out. */
#include "anthropic/sse.h"

#include "tests/fuzz/fuzz.h"

static void put_event(void *arg, const struct sse_event *ev)
{
    struct buf *seen = arg;
    MUST(!ev->truncated || ev->data.len == 0);
    buf_printf(seen, "%zu %zu %d ", ev->name.len, ev->data.len, ev->truncated);
    buf_put(seen, ev->name.data, ev->name.len);
    buf_put(seen, ev->data.data, ev->data.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct sse whole, pieces;
    struct buf seen_whole, seen_pieces;
    buf_init(&seen_whole);
    buf_init(&seen_pieces);
    sse_init(&whole, put_event, &seen_whole);
    sse_init(&pieces, put_event, &seen_pieces);
    const char *text = (const char *)data;
    uint32_t state = data[size - 1];
    size--;
    sse_feed(&whole, text, size);
    for (size_t at = 0, len; at < size; at += len) {
        len = fuzz_piece(&state, size - at);
        sse_feed(&pieces, text + at, len);
    }
    MUST(bytes_eq(buf_bytes(&seen_whole), buf_bytes(&seen_pieces)));
    sse_done(&whole);
    sse_done(&pieces);
    buf_done(&seen_whole);
    buf_done(&seen_pieces);
    return 0;
}
