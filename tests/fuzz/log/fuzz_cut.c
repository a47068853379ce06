/* Two bodies, one a line.  Elements lie within their arrays, in order, with nothing
 * lost between them; cutting again with the help of the one before gives the same. */
#include <string.h>

#include "log/cut.h"

#include "tests/fuzz/fuzz.h"

static void check(struct bytes body, const struct cut *c)
{
    size_t at = 0;
    size_t element = 0;
    for (size_t a = 0; a < c->array_count; a++) {
        const struct cut_array *array = &c->arrays[a];
        MUST(array->open >= at && array->open < array->close && array->close < body.len);
        MUST(body.data[array->open] == '[' && body.data[array->close] == ']');
        MUST(array->first == element && array->count >= 1);
        for (size_t i = 0; i < array->count; i++, element++) {
            const struct cut_element *el = &c->elements[element];
            size_t from = i == 0 ? array->open + 1 : c->elements[element - 1].end + 1;
            MUST(el->off == from && el->end >= el->off && el->end <= array->close);
            MUST(body.data[el->end] == (i + 1 == array->count ? ']' : ','));
        }
        at = array->close + 1;
    }
    MUST(element == c->element_count);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    const char *line = memchr(data, '\n', size);
    size_t first = line ? (size_t)(line - text) : size;
    struct bytes before = {text, first};
    struct bytes after = line ? (struct bytes){line + 1, size - first - 1} : before;
    struct cut old, fresh, again;
    cut_init(&old);
    cut_init(&fresh);
    cut_init(&again);
    cut_fresh(before, &old);
    check(before, &old);
    cut_fresh(after, &fresh);
    check(after, &fresh);
    cut_again(after, before, &old, cut_common_prefix(after, before), &again);
    check(after, &again);
    MUST(again.array_count == fresh.array_count && again.element_count == fresh.element_count);
    for (size_t i = 0; i < fresh.element_count; i++) {
        MUST(again.elements[i].off == fresh.elements[i].off && again.elements[i].end == fresh.elements[i].end);
        size_t same = again.elements[i].same;
        if (same == CUT_NEW)
            continue;
        MUST(same < old.element_count);
        MUST(bytes_eq((struct bytes){after.data + again.elements[i].off, again.elements[i].end - again.elements[i].off},
                      (struct bytes){before.data + old.elements[same].off, old.elements[same].end - old.elements[same].off}));
    }
    cut_done(&old);
    cut_done(&fresh);
    cut_done(&again);
    return 0;
}
