#include "log/body_list.h"

#include <stdlib.h>

#include "log/varint.h"

#define FORMAT 1

/* What Claude Code's bodies lose from one turn to the next; anything else is
 * spelled out.  Written into logs: only ever add to it. */
static const char *const known_texts[] = {
    NULL,
    ",\"cache_control\":{\"type\":\"ephemeral\"}",
    ",\"cache_control\":{\"type\":\"ephemeral\",\"ttl\":\"1h\"}",
    ",\"cache_control\":{\"type\":\"ephemeral\",\"ttl\":\"5m\"}",
    "[{\"type\":\"text\",\"text\":",
    "}]",
    ",\"cache_control\":{\"type\":\"ephemeral\"}}]",
    ",\"cache_control\":{\"type\":\"ephemeral\",\"ttl\":\"1h\"}}]",
    ",\"cache_control\":{\"type\":\"ephemeral\",\"ttl\":\"5m\"}}]",
};
#define KNOWN_TEXTS (sizeof known_texts / sizeof *known_texts)

void body_list_done(struct body_list *l)
{
    free(l->elements);
    free(l->inserts);
    l->elements = NULL;
    l->inserts = NULL;
    l->element_count = l->insert_count = 0;
}

/* ---- Writing -------------------------------------------------------------- */

static size_t run_length(const struct body_list *l, size_t from)
{
    size_t n = 1;
    while (from + n < l->element_count && l->elements[from + n] == l->elements[from] + (int64_t)n)
        n++;
    return n;
}

static void put_runs(const struct body_list *l, struct buf *out)
{
    uint64_t runs = 0;
    for (size_t i = 0; i < l->element_count; i += run_length(l, i))
        runs++;
    varint_put(out, runs);
    int64_t last = 0;
    for (size_t i = 0; i < l->element_count;) {
        size_t n = run_length(l, i);
        varint_put(out, zigzag(l->elements[i] - last));
        varint_put(out, n);
        last = l->elements[i] + (int64_t)n;
        i += n;
    }
}

static void put_insert_text(struct bytes text, struct buf *out)
{
    for (size_t i = 1; i < KNOWN_TEXTS; i++) {
        if (bytes_is(text, known_texts[i])) {
            varint_put(out, i);
            return;
        }
    }
    varint_put(out, 0);
    varint_put(out, text.len);
    buf_put(out, text.data, text.len);
}

int body_list_encode(const struct body_list *l, struct buf *out)
{
    buf_putc(out, FORMAT);
    varint_put(out, l->len);
    varint_put(out, (uint64_t)l->skeleton);
    varint_put(out, l->array_count);
    size_t last = 0;
    for (size_t i = 0; i < l->array_count; i++) {
        varint_put(out, l->arrays[i].at - last);
        varint_put(out, l->arrays[i].count);
        last = l->arrays[i].at;
    }
    put_runs(l, out);
    varint_put(out, l->insert_count);
    last = 0;
    for (size_t i = 0; i < l->insert_count; i++) {
        const struct body_insert *ins = &l->inserts[i];
        varint_put(out, ins->element - last);
        varint_put(out, zigzag(ins->place));
        put_insert_text(ins->text, out);
        last = ins->element;
    }
    return out->failed ? -1 : 0;
}

/* ---- Reading -------------------------------------------------------------- */

static bool get_count(struct bytes *in, size_t max, size_t *n)
{
    uint64_t v;
    if (!varint_get(in, &v) || v > max)
        return false;
    *n = (size_t)v;
    return true;
}

static bool get_arrays(struct bytes *in, struct body_list *l)
{
    size_t at = 0;
    if (!get_count(in, BODY_ARRAYS_MAX, &l->array_count))
        return false;
    for (size_t i = 0; i < l->array_count; i++) {
        size_t step;
        if (!get_count(in, l->len, &step) || !get_count(in, BODY_ELEMENTS_MAX, &l->arrays[i].count) ||
            l->arrays[i].count == 0)
            return false;
        at += step;
        l->arrays[i].at = at;
        l->element_count += l->arrays[i].count;
    }
    return at <= l->len && l->element_count <= BODY_ELEMENTS_MAX;
}

static bool get_runs(struct bytes *in, struct body_list *l)
{
    size_t runs;
    size_t have = 0;
    int64_t last = 0;
    if (!get_count(in, BODY_ELEMENTS_MAX, &runs))
        return false;
    for (size_t i = 0; i < runs; i++) {
        uint64_t step;
        size_t n;
        if (!varint_get(in, &step) || !get_count(in, l->element_count - have, &n))
            return false;
        /* Ids stay far below 2^62; anything else is damage. */
        last += unzigzag(step) % ((int64_t)1 << 62);
        if (last < 0 || last > ((int64_t)1 << 61))
            return false;
        while (n-- > 0)
            l->elements[have++] = last++;
    }
    return have == l->element_count;
}

static bool get_insert_text(struct bytes *in, struct bytes *text)
{
    size_t known;
    size_t len;
    if (!get_count(in, KNOWN_TEXTS - 1, &known))
        return false;
    if (known != 0) {
        *text = bytes_of(known_texts[known]);
        return true;
    }
    if (!get_count(in, in->len, &len) || len > in->len)
        return false;
    *text = (struct bytes){in->data, len};
    in->data += len;
    in->len -= len;
    return true;
}

static bool get_inserts(struct bytes *in, struct body_list *l)
{
    size_t element = 0;
    for (size_t i = 0; i < l->insert_count; i++) {
        size_t step;
        uint64_t place;
        if (!get_count(in, BODY_ELEMENTS_MAX, &step) || !varint_get(in, &place) ||
            !get_insert_text(in, &l->inserts[i].text))
            return false;
        element += step;
        if (element >= l->element_count)
            return false;
        l->inserts[i].element = element;
        l->inserts[i].place = unzigzag(place);
    }
    return true;
}

static bool get_head(struct bytes *in, uint64_t *len)
{
    if (in->len == 0 || in->data[0] != FORMAT)
        return false;
    in->data++;
    in->len--;
    return varint_get(in, len) && *len <= SIZE_MAX / 4;
}

int body_list_decode(struct bytes in, struct body_list *l)
{
    uint64_t len;
    uint64_t skeleton;
    *l = (struct body_list){0};
    if (!get_head(&in, &len) || !varint_get(&in, &skeleton))
        return -1;
    l->len = (size_t)len;
    l->skeleton = (int64_t)skeleton;
    if (!get_arrays(&in, l))
        return -1;
    l->elements = calloc(l->element_count + 1, sizeof *l->elements);
    if (!l->elements || !get_runs(&in, l) || !get_count(&in, BODY_INSERTS_MAX, &l->insert_count))
        goto fail;
    l->inserts = calloc(l->insert_count + 1, sizeof *l->inserts);
    if (!l->inserts || !get_inserts(&in, l) || in.len != 0)
        goto fail;
    return 0;
fail:
    body_list_done(l);
    return -1;
}

int64_t body_list_len(struct bytes in)
{
    uint64_t len;
    return get_head(&in, &len) ? (int64_t)len : -1;
}
