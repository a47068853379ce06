/* Elements are told by the hashes that cache breaks are found by, so that both
 * say the same of a body. */
#include "log/diff.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "log/breaks_image.h"
#include "log/cut.h"
#include "log/diff_align.h"

/* One element of one body. */
struct item {
    enum diff_part part;
    uint64_t key;  /* what it is matched by: a tool's or parameter's name, else the content */
    uint64_t hash; /* of the content */
    struct span at;
    bool has_mark;
    char label[sizeof((struct diff_element *)0)->label];
};
struct items {
    struct item *v;
    size_t count;
    size_t cap;
    size_t starts[DIFF_PARTS + 1];
};

static struct item *add_item(struct items *t)
{
    if (t->count == t->cap) {
        t->cap *= 2;
        t->v = xrealloc(t->v, t->cap * sizeof *t->v);
    }
    t->v[t->count] = (struct item){0};
    return &t->v[t->count++];
}

static void set_label(struct item *i, const char *before, const char *name, size_t len)
{
    struct buf clean;
    buf_init(&clean);
    buf_puts(&clean, before);
    text_clean(&clean, name, len, false, false);
    size_t fits = text_fit(clean.data, clean.len, (int)sizeof i->label / 4);
    snprintf(i->label, sizeof i->label, "%.*s", (int)fits, clean.data);
    buf_done(&clean);
}

/* ---- Reading a body ------------------------------------------------------------------ */

static bool is_key(const struct json_iter *it, const char *name)
{
    return it->key.len == strlen(name) && memcmp(it->s + it->key.off, name, it->key.len) == 0;
}

static bool is_prompt(const struct json_iter *it)
{
    return is_key(it, "messages") || is_key(it, "system") || is_key(it, "tools");
}

static void read_params(struct bytes body, struct items *t)
{
    struct json_iter it = json_object(body.data, body.len, json_skip_space(body.data, body.len, 0));
    while (json_next(&it)) {
        if (is_prompt(&it) && body.data[it.value.off] == '[')
            continue;
        struct item *i = add_item(t);
        i->part = DIFF_PARAMS;
        i->at = it.value;
        i->key = XXH3_64bits(body.data + it.key.off, it.key.len);
        i->hash = XXH3_64bits(body.data + it.value.off, it.value.len);
        set_label(i, "", body.data + it.key.off, it.key.len);
    }
}

static void label_element(struct item *i, const struct image *im, size_t n, const struct print *p)
{
    static const char *const roles[] = {"user", "assistant", "system", "other"};
    const char *name = image_tool_name(im, n);
    switch (i->part) {
    case DIFF_TOOLS:
        set_label(i, "tool ", name, strlen(name));
        i->key = XXH3_64bits(name, strlen(name));
        break;
    case DIFF_SYSTEM:
        snprintf(i->label, sizeof i->label, "system[%zu]", n);
        break;
    default:
        snprintf(i->label, sizeof i->label, "message[%zu] (%s)", n, p ? roles[p->role] : "empty");
    }
}

static void read_element(struct items *t, const struct image *im, const struct cut *cut, size_t element, size_t n,
                         enum diff_part part)
{
    const struct image_element *el = &im->elements[element];
    const struct print *prints = im->prints ? im->prints + el->first : NULL;
    struct item *i = add_item(t);
    i->part = part;
    i->at = (struct span){cut->elements[element].off, cut->elements[element].end - cut->elements[element].off};
    for (uint32_t k = 0; prints && k < el->count; k++) {
        i->hash = XXH3_64bits_withSeed(&prints[k].hash, sizeof prints[k].hash, i->hash + 1 + prints[k].role);
        i->has_mark |= prints[k].mark != IMAGE_NO_MARK;
    }
    i->key = i->hash;
    label_element(i, im, n, el->count ? prints : NULL);
}

/* The array of the cut that a part was read from: it begins where the part's prints do. */
static const struct cut_array *array_of(struct bytes body, const struct cut *cut, enum diff_part part)
{
    static const char *const names[DIFF_PARTS] = {NULL, "tools", "system", "messages"};
    struct json_iter it = json_object(body.data, body.len, json_skip_space(body.data, body.len, 0));
    const struct cut_array *found = NULL;
    while (json_next(&it))
        for (size_t i = 0; is_key(&it, names[part]) && i < cut->array_count; i++)
            if (cut->arrays[i].open == it.value.off)
                found = &cut->arrays[i];
    return found;
}

/* false: not a request. */
static bool read_items(struct bytes body, struct items *t)
{
    struct cut cut;
    t->cap = 64; /* never NULL: the parts of an empty list begin somewhere, too */
    t->v = xcalloc(t->cap, sizeof *t->v);
    cut_init(&cut);
    cut_fresh(body, &cut);
    struct image *im = image_new(body, &cut, NULL);
    if (im)
        read_params(body, t);
    for (int part = DIFF_TOOLS; im && part < DIFF_PARTS; part++) {
        const struct cut_array *a = array_of(body, &cut, (enum diff_part)part);
        t->starts[part] = t->count;
        for (size_t n = 0; a && n < a->count; n++)
            read_element(t, im, &cut, a->first + n, n, (enum diff_part)part);
    }
    t->starts[DIFF_PARTS] = t->count;
    bool is_good = im != NULL;
    image_unref(im);
    cut_done(&cut);
    return is_good;
}

/* ---- Comparing ------------------------------------------------------------------------- */

static void add(struct diff *d, enum diff_change change, const struct item *a, const struct item *b)
{
    const struct item *named = b ? b : a;
    if (!named)
        return; /* never: one of the two is there */
    d->elements = xrealloc(d->elements, (d->count + 1) * sizeof *d->elements);
    struct diff_element *el = &d->elements[d->count++];
    *el = (struct diff_element){.change = change, .part = named->part};
    memcpy(el->label, named->label, sizeof el->label);
    if (a) {
        el->before = a->at;
        el->had_mark = a->has_mark;
    }
    if (b) {
        el->after = b->at;
        el->has_mark = b->has_mark;
    }
    d->changes += change != DIFF_SAME;
}

static const struct item *find_key(const struct item *v, size_t count, uint64_t key)
{
    for (size_t i = 0; i < count; i++)
        if (v[i].key == key)
            return &v[i];
    return NULL;
}

/* Elements of both between two that are alike.  Named ones were added, removed or
 * moved; of the others the first of the one side is the changed first of the other. */
static void compare_gap(struct diff *d, const struct item *a, size_t a_count, const struct item *b, size_t b_count,
                        const struct items *all_a, const struct items *all_b, enum diff_part part)
{
    bool is_named = part == DIFF_TOOLS || part == DIFF_PARAMS;
    const struct item *from_a = all_a->v + all_a->starts[part];
    const struct item *from_b = all_b->v + all_b->starts[part];
    size_t na = all_a->starts[part + 1] - all_a->starts[part];
    size_t nb = all_b->starts[part + 1] - all_b->starts[part];
    for (size_t i = 0; i < a_count || i < b_count; i++) {
        if (!is_named && i < a_count && i < b_count) {
            add(d, DIFF_CHANGED, &a[i], &b[i]);
            continue;
        }
        if (i < a_count && !(is_named && find_key(from_b, nb, a[i].key)))
            add(d, DIFF_REMOVED, &a[i], NULL);
        const struct item *other = is_named && i < b_count ? find_key(from_a, na, b[i].key) : NULL;
        if (other && part == DIFF_PARAMS)
            add(d, other->hash == b[i].hash ? DIFF_SAME : DIFF_CHANGED, other, &b[i]);
        else if (i < b_count)
            add(d, other ? DIFF_MOVED : DIFF_ADDED, other, &b[i]);
    }
}

static void compare_part(struct diff *d, const struct items *a, const struct items *b, enum diff_part part)
{
    const struct item *va = a->v + a->starts[part];
    const struct item *vb = b->v + b->starts[part];
    size_t na = a->starts[part + 1] - a->starts[part];
    size_t nb = b->starts[part + 1] - b->starts[part];
    uint64_t *keys = xcalloc(na + nb + 1, sizeof *keys);
    size_t *to_b = xcalloc(na + 1, sizeof *to_b);
    size_t done_a = 0;
    size_t done_b = 0;
    for (size_t i = 0; i < na + nb; i++)
        keys[i] = i < na ? va[i].key : vb[i - na].key;
    diff_align(keys, na, keys + na, nb, to_b);
    for (size_t i = 0; i <= na; i++) {
        size_t twin = i < na ? to_b[i] : nb;
        if (twin == DIFF_NONE)
            continue;
        compare_gap(d, va + done_a, i - done_a, vb + done_b, twin - done_b, a, b, part);
        if (i < na)
            add(d, va[i].hash == vb[twin].hash ? DIFF_SAME : DIFF_CHANGED, &va[i], &vb[twin]);
        done_a = i + 1;
        done_b = twin + 1;
    }
    free(keys);
    free(to_b);
}

void diff_requests(struct bytes before, struct bytes after, struct diff *d)
{
    struct items a = {0};
    struct items b = {0};
    *d = (struct diff){0};
    if (read_items(before, &a) && read_items(after, &b)) {
        for (int part = 0; part < DIFF_PARTS; part++)
            compare_part(d, &a, &b, (enum diff_part)part);
    } else {
        bool is_same = before.len == after.len && (before.len == 0 || memcmp(before.data, after.data, after.len) == 0);
        struct item x = {.at = {0, before.len}, .label = "body"};
        struct item y = {.at = {0, after.len}, .label = "body"};
        add(d, is_same ? DIFF_SAME : DIFF_CHANGED, &x, &y);
    }
    free(a.v);
    free(b.v);
}

void diff_done(struct diff *d)
{
    free(d->elements);
    *d = (struct diff){0};
}
