/* A switch replaces a few short values in a long line of JSON, so a diff by lines
 * would print everything.  Both bodies are walked side by side; at a difference
 * the nearest place is looked for where RESYNC bytes agree again. */
#include "cli/difference.h"

#include <stdbool.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/text.h"

#define CONTEXT 40   /* bytes shown before and after */
#define RESYNC  24   /* so many equal bytes are no coincidence */
#define WINDOW  8192 /* longest replaced stretch that is looked for */
#define SHOWN   200  /* bytes shown of a replaced stretch */

static size_t same_from(struct bytes a, size_t i, struct bytes b, size_t j)
{
    size_t n = 0;
    while (i + n < a.len && j + n < b.len && a.data[i + n] == b.data[j + n])
        n++;
    return n;
}

/* Do both go on alike from i and j (to RESYNC bytes, or to both ends)? */
static bool resumes(struct bytes a, size_t i, struct bytes b, size_t j)
{
    size_t want = a.len - i < RESYNC ? a.len - i : RESYNC;
    return b.len - j >= want && same_from(a, i, b, j) >= want && (want == RESYNC || b.len - j == want);
}

/* How long the differing stretches at i and j are; the shortest pair wins. */
static void resync(struct bytes a, size_t i, struct bytes b, size_t j, size_t *a_len, size_t *b_len)
{
    for (size_t sum = 1; sum <= WINDOW; sum++) {
        for (size_t da = 0; da <= sum; da++) {
            size_t db = sum - da;
            if (i + da > a.len || j + db > b.len || !resumes(a, i + da, b, j + db))
                continue;
            *a_len = da;
            *b_len = db;
            return;
        }
        /* Long unequal stretches are rare, and this is quadratic in their length. */
    }
    *a_len = a.len - i;
    *b_len = b.len - j;
}

static void print_stretch(char mark, struct bytes all, size_t from, size_t len)
{
    struct buf clean;
    size_t begin = from > CONTEXT ? from - CONTEXT : 0;
    size_t shown = len < SHOWN ? len : SHOWN;
    size_t end = from + shown + (shown < len ? 0 : CONTEXT);
    if (end > all.len)
        end = all.len;
    buf_init(&clean);
    text_clean(&clean, all.data + begin, end - begin, false, false);
    printf("%c %s%s%s\n", mark, begin ? "... " : "", clean.data, end < all.len ? " ..." : "");
    buf_done(&clean);
}

void difference_print(struct bytes before, struct bytes after)
{
    size_t i = 0, j = 0;
    printf("%zu bytes as the client sent them, %zu as they went upstream\n", before.len, after.len);
    for (;;) {
        size_t same = same_from(before, i, after, j), a_len, b_len;
        i += same;
        j += same;
        if (i == before.len && j == after.len)
            return;
        resync(before, i, after, j, &a_len, &b_len);
        printf("@ byte %zu\n", i);
        print_stretch('-', before, i, a_len);
        print_stretch('+', after, j, b_len);
        i += a_len;
        j += b_len;
    }
}
