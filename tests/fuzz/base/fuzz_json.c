/* Where cJSON reads a value, the walker finds the same end; every span it gives
 * lies within the text; what it quotes, it reads back. */
#include <string.h>

#include <cJSON.h>

#include "base/json.h"
#include "base/text.h"

#include "tests/fuzz/fuzz.h"

static void walk(const char *s, size_t size, size_t at, int depth)
{
    struct json_iter it = s[at] == '[' ? json_array(s, size, at) : json_object(s, size, at);
    struct buf text;
    int64_t n;
    double d;

    buf_init(&text);
    while (json_next(&it)) {
        MUST(it.value.len > 0 && it.value.off > at && it.value.len <= size - it.value.off);
        MUST(json_skip_value(s, size, it.value.off) == it.value.off + it.value.len);
        if (json_is_string(s, it.value)) {
            buf_reset(&text);
            if (json_text(s, it.value, &text) == 0 && text_is_utf8(s + it.value.off, it.value.len))
                MUST(text_is_utf8(text.data, text.len));
        }
        (void)json_int(s, it.value, &n);
        (void)json_number(s, it.value, &d);
        if (depth < 20 && (s[it.value.off] == '{' || s[it.value.off] == '['))
            walk(s, size, it.value.off, depth + 1);
    }
    buf_done(&text);
}

static void check_quote(const char *s, size_t size)
{
    struct buf quoted, text;

    buf_init(&quoted);
    buf_init(&text);
    json_quote(&quoted, s, size);
    MUST(json_text(quoted.data, (struct span){0, quoted.len}, &text) == 0);
    if (text_is_utf8(s, size))
        MUST(bytes_eq(buf_bytes(&text), (struct bytes){s, size}));
    buf_done(&quoted);
    buf_done(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *s = malloc(size ? size : 1);
    MUST(s != NULL);
    memcpy(s, data, size);
    size_t at = json_skip_space(s, size, 0);
    if (at < size) {
        size_t end = json_skip_value(s, size, at);
        MUST(end == JSON_NONE || (end > at && end <= size));
        const char *their_end = NULL;
        cJSON *tree = cJSON_ParseWithLengthOpts(s + at, size - at, &their_end, 0);
        /* Only what has a clear end: a bare number's depends on what follows. */
        if (tree && (s[at] == '{' || s[at] == '[') && end != JSON_NONE)
            MUST(end == (size_t)(their_end - s));
        cJSON_Delete(tree);
        if (s[at] == '{' || s[at] == '[')
            walk(s, size, at, 0);
    }
    check_quote(s, size);
    free(s);
    return 0;
}
