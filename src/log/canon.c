#include "log/canon.h"

#include <string.h>

#include "base/json.h"

/* Inside a string the quotes would be escaped, so this is a key (and if it were
 * not: what is taken out is put back). */
static const char marker[] = ",\"cache_control\":{";
#define MARKER_LEN (sizeof marker - 1)

static const char message[] = "{\"role\":\"user\",\"content\":";
static const char block[] = "[{\"type\":\"text\",\"text\":";
#define MESSAGE_LEN (sizeof message - 1)
#define BLOCK_LEN   (sizeof block - 1)

/* Length of the marker that stands at `at`, 0 when there is none. */
static size_t marker_len(struct bytes el, size_t at)
{
    if (el.len - at < MARKER_LEN || memcmp(el.data + at, marker, MARKER_LEN) != 0)
        return 0;
    size_t end = json_skip_value(el.data, el.len, at + MARKER_LEN - 1);
    return end == JSON_NONE ? 0 : end - at;
}

/* {"role":"user","content":[{"type":"text","text":"…"}]}, with or without a marker. */
static bool find_only_text(struct bytes el, struct canon *c)
{
    if (el.len < MESSAGE_LEN + BLOCK_LEN + 5 || memcmp(el.data, message, MESSAGE_LEN) != 0 ||
        memcmp(el.data + MESSAGE_LEN, block, BLOCK_LEN) != 0 || el.data[MESSAGE_LEN + BLOCK_LEN] != '"')
        return false;
    size_t end = json_skip_string(el.data, el.len, MESSAGE_LEN + BLOCK_LEN);
    if (end == JSON_NONE)
        return false;
    size_t tail = end + marker_len(el, end);
    if (el.len - tail != 3 || memcmp(el.data + tail, "}]}", 3) != 0)
        return false;
    c->cuts[0] = (struct span){MESSAGE_LEN, BLOCK_LEN};
    c->cuts[1] = (struct span){end, tail + 2 - end};
    c->count = 2;
    return true;
}

void canon_find(struct bytes el, struct canon *c)
{
    c->count = 0;
    if (find_only_text(el, c))
        return;
    size_t at = 0;
    while (c->count < CANON_CUTS_MAX && at < el.len) {
        const char *found = memmem(el.data + at, el.len - at, marker, MARKER_LEN);
        if (!found)
            return;
        at = (size_t)(found - el.data);
        size_t len = marker_len(el, at);
        if (len > 0)
            c->cuts[c->count++] = (struct span){at, len};
        at += len ? len : MARKER_LEN;
    }
}

int canon_write(struct bytes el, const struct canon *c, struct buf *out)
{
    size_t at = 0;
    for (size_t i = 0; i < c->count; i++) {
        buf_put(out, el.data + at, c->cuts[i].off - at);
        at = c->cuts[i].off + c->cuts[i].len;
    }
    buf_put(out, el.data + at, el.len - at);
    return out->failed ? -1 : 0;
}
