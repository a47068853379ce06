/* Elements of a request lie within it, each inside the one that holds it; images are
 * read from their first bytes whatever these are; and estimated tokens add up to what
 * was counted, or nothing is scaled. */
#include <string.h>

#include "anthropic/content.h"

#include "tests/fuzz/fuzz.h"

static int64_t sections_of(const struct content_tree *t)
{
    int64_t sum = 0;
    for (size_t i = 0; i < t->count; i++)
        if (t->nodes[i].depth == 0)
            sum = sum < 0 || t->nodes[i].tokens < 0 ? -1 : sum + t->nodes[i].tokens;
    return sum;
}

static void check_places(const struct content_tree *t, size_t size)
{
    struct span above[4];
    for (size_t i = 0; i < t->count; i++) {
        const struct content_node *n = &t->nodes[i];
        MUST(n->depth >= 0 && n->depth <= 3 && (i > 0 || n->depth == 0));
        MUST(n->at.off <= size && n->at.len <= size - n->at.off);
        above[n->depth] = n->at;
        if (n->depth > 0) {
            const struct span *holds = &above[n->depth - 1];
            MUST(n->at.off >= holds->off && n->at.off + n->at.len <= holds->off + holds->len);
        }
        MUST(n->media.width >= 0 && n->media.height >= 0 && n->media.bytes >= -1);
        MUST(n->has_cache_control || n->cache_ttl[0] == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct content_tree t;
    int width, height;
    /* A copy without anything behind it, so that reading past the end is seen. */
    char *body = malloc(size ? size : 1);
    memcpy(body, data, size);
    media_pixels(body, size, &width, &height);
    MUST((width > 0 && height > 0) || (width == 0 && height == 0));
    content_tree_from_request(body, size, &t);
    check_places(&t, size);
    if (content_tree_estimate(&t, 123457))
        MUST(sections_of(&t) == 123457);
    MUST(!content_tree_estimate(&t, -1));
    content_tree_done(&t);
    free(body);
    return 0;
}
