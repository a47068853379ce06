/* Two bodies, one a line.  The image made with the help of the one before is the
 * image made alone; a body does not differ from itself; what differs lies
 * within the bodies, and its lines within their layouts. */
#include <string.h>

#include "log/breaks_image.h"
#include "log/breaks_why.h"
#include "log/cut.h"
#include "log/diff.h"

#include "tests/fuzz/fuzz.h"

/* A copy without anything behind it, so that reading past the end is seen. */
static struct bytes copy(const uint8_t *data, size_t size)
{
    char *text = malloc(size ? size : 1);
    MUST(text != NULL);
    memcpy(text, data, size);
    return (struct bytes){text, size};
}

static void check_alike(const struct image *a, const struct image *b)
{
    MUST(!a == !b);
    if (!a)
        return;
    MUST(image_count(a) == image_count(b) && break_common(a, b) == image_count(a));
    MUST(image_last_mark(a) == image_last_mark(b) && a->params == b->params && a->message_count == b->message_count);
    for (size_t i = 0; i < image_count(a); i++)
        MUST(image_at(a, i)->element == image_at(b, i)->element && image_at(a, i)->role == image_at(b, i)->role);
    MUST(a->names_len == b->names_len && (a->names_len == 0 || memcmp(a->names, b->names, a->names_len) == 0));
}

static void check_image(struct bytes before, struct bytes after)
{
    struct cut old, cut;
    cut_init(&old);
    cut_init(&cut);
    cut_fresh(before, &old);
    cut_again(after, before, &old, cut_common_prefix(after, before), &cut);
    struct image *first = image_new(before, &old, NULL);
    struct image *next = image_new(after, &cut, first);
    struct image *alone = image_of(after);
    check_alike(next, alone);
    image_unref(first);
    image_unref(next);
    image_unref(alone);
    cut_done(&old);
    cut_done(&cut);
}

static void check_lines(struct bytes before, struct bytes after, const struct diff_element *el)
{
    struct diff_lines l;
    diff_element_lines(before, after, el, &l);
    for (size_t i = 0; i < l.count; i++) {
        const struct buf *from = l.lines[i].mark == '+' ? &l.after : &l.before;
        MUST(l.lines[i].mark == '@' || (l.lines[i].text.data >= from->data &&
                                        l.lines[i].text.data + l.lines[i].text.len <= from->data + from->len));
    }
    diff_lines_done(&l);
}

static void check_diff(struct bytes before, struct bytes after)
{
    struct diff d;
    diff_requests(before, after, &d);
    for (size_t i = 0; i < d.count; i++) {
        const struct diff_element *el = &d.elements[i];
        MUST(el->before.off <= before.len && el->before.len <= before.len - el->before.off);
        MUST(el->after.off <= after.len && el->after.len <= after.len - el->after.off);
        if (el->change != DIFF_SAME)
            check_lines(before, after, el);
    }
    diff_done(&d);
    diff_requests(after, after, &d);
    MUST(d.changes == 0);
    diff_done(&d);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *end = size ? memchr(data, '\n', size) : NULL;
    size_t first = end ? (size_t)(end - data) : size / 2;
    size_t skip = end ? first + 1 : first;
    struct bytes before = copy(data, first);
    struct bytes after = copy(data + skip, size - skip);
    check_image(before, after);
    check_diff(before, after);
    free((char *)before.data);
    free((char *)after.data);
    return 0;
}
