/* Whatever was said, a part of a page is our own elements and text, each closed where
 * it was opened, and no secret that --redact names. */
#include <string.h>

#include "cli/page.h"

#include "tests/fuzz/fuzz.h"

#define OPEN_MAX_DEPTH 16

static const char *const elements[] = {"details", "summary", "div", "span", "pre", "code", "small", "p", "b"};

/* The element's name behind < or </; -1: not one of ours. */
static int element_at(const char *at)
{
    for (int i = 0; i < (int)(sizeof elements / sizeof *elements); i++) {
        size_t len = strlen(elements[i]);
        if (strncmp(at, elements[i], len) == 0 && (at[len] == '>' || strncmp(at + len, " class=", 7) == 0))
            return i;
    }
    return -1;
}

static void check(const char *html)
{
    int open[OPEN_MAX_DEPTH], depth = 0;
    for (const char *c = html; *c; c++) {
        MUST((unsigned char)*c >= ' ' || *c == '\n' || *c == '\t');
        if (*c != '<')
            continue;
        bool is_end = c[1] == '/';
        int element = element_at(c + 1 + is_end);
        MUST(element >= 0);
        if (is_end) {
            MUST(depth > 0 && open[--depth] == element);
        } else {
            MUST(depth < OPEN_MAX_DEPTH);
            open[depth++] = element;
        }
        c = strchr(c, '>');
        MUST(c != NULL);
    }
    MUST(depth == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct redact *redact;
    static const char *const patterns[] = {"SECRET", NULL};
    struct err e;
    if (!redact)
        redact = redact_new(patterns, &e);
    MUST(redact != NULL);
    struct export x = {.redact = redact};
    struct page page = {.x = &x};
    struct content c;
    buf_init(&x.out);
    content_from_answer((const char *)data, size, &c);
    for (size_t i = 0; i < c.count; i++)
        page_put_part(&page, &c.parts[i], i % 2 ? c.parts[i].name : NULL);
    check(x.out.data);
    MUST(!strstr(x.out.data, "SECRET"));
    content_done(&c);
    buf_done(&x.out);
    return 0;
}
