/* A walk over the top object that can be taken up again.
 *
 * Taking it up again rests on this: what the walk does at an offset depends only
 * on the bytes before it.  So everything it found before the first difference
 * holds for the new body, as far as the byte that ended it (comma or bracket) still lies
 * before the difference.  And once both bodies have just closed the
 * same array, equal rests give equal cuts. */
#include "log/cut.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "log/body_list.h"

void cut_init(struct cut *c)
{
    *c = (struct cut){.arrays = xcalloc(BODY_ARRAYS_MAX, sizeof *c->arrays)};
}

void cut_done(struct cut *c)
{
    free(c->arrays);
    free(c->elements);
    *c = (struct cut){0};
}

static void add_element(struct cut *c, size_t off, size_t end, size_t same)
{
    if (c->element_count == c->element_cap) {
        c->element_cap = c->element_cap ? c->element_cap * 2 : 64;
        c->elements = xrealloc(c->elements, c->element_cap * sizeof *c->elements);
    }
    c->elements[c->element_count++] = (struct cut_element){off, end, same};
}

/* ---- The walk --------------------------------------------------------------------- */

struct walk {
    const char *s;
    size_t len;
    struct cut *c;
};

/* Elements from `at` (just behind [ or a comma) to the end of an array, of which
 * the elements from `first` on are known.  Returns the offset of the ], or
 * JSON_NONE: then the array is left whole. */
static size_t walk_array(struct walk *w, size_t first, size_t at)
{
    for (;;) {
        size_t start = at;
        at = json_skip_space(w->s, w->len, at);
        /* An empty array has no element; a ] behind a comma would make an empty one. */
        if (at >= w->len || w->s[at] == ']')
            return w->c->element_count == first && at < w->len ? at : JSON_NONE;
        at = json_skip_value(w->s, w->len, at);
        if (at == JSON_NONE)
            return JSON_NONE;
        at = json_skip_space(w->s, w->len, at);
        if (at >= w->len || (w->s[at] != ',' && w->s[at] != ']') || w->c->element_count == BODY_ELEMENTS_MAX)
            return JSON_NONE;
        add_element(w->c, start, at, CUT_NEW);
        if (w->s[at] == ']')
            return at;
        at++;
    }
}

/* Finish the array: keep it if it has elements, undo it when it was not understood. */
static size_t close_array(struct walk *w, size_t open, size_t first, size_t close)
{
    struct cut *c = w->c;
    if (close == JSON_NONE) {
        c->element_count = first;
        return JSON_NONE;
    }
    if (c->element_count > first)
        c->arrays[c->array_count++] = (struct cut_array){open, close, first, c->element_count - first};
    return close + 1;
}

/* From behind a value (or the opening brace) to the next top array: its offset;
 * JSON_NONE when there is none. */
static size_t next_array(const struct walk *w, size_t at, bool is_first)
{
    for (;;) {
        at = json_skip_space(w->s, w->len, at);
        if (!is_first) {
            if (at >= w->len || w->s[at] != ',')
                return JSON_NONE;
            at = json_skip_space(w->s, w->len, at + 1);
        }
        is_first = false;
        if (at >= w->len || w->s[at] != '"')
            return JSON_NONE;
        at = json_skip_string(w->s, w->len, at);
        if (at == JSON_NONE)
            return JSON_NONE;
        at = json_skip_space(w->s, w->len, at);
        if (at >= w->len || w->s[at] != ':')
            return JSON_NONE;
        at = json_skip_space(w->s, w->len, at + 1);
        if (at >= w->len)
            return JSON_NONE;
        if (w->s[at] == '[')
            return at;
        at = json_skip_value(w->s, w->len, at);
        if (at == JSON_NONE)
            return JSON_NONE;
    }
}

/* ---- Taking over -------------------------------------------------------------------- */

struct before {
    struct bytes body;
    const struct cut *cut;
};

/* The array of the previous body that stands at the same place in order. */
static const struct cut_array *twin_of(const struct cut *c, const struct before *old)
{
    size_t i = c->array_count - 1;
    return old && i < old->cut->array_count ? &old->cut->arrays[i] : NULL;
}

static void take_array(struct cut *c, const struct before *old, const struct cut_array *from, size_t shift)
{
    size_t first = c->element_count;
    for (size_t i = from->first; i < from->first + from->count; i++)
        add_element(c, old->cut->elements[i].off + shift, old->cut->elements[i].end + shift, i);
    c->arrays[c->array_count++] = (struct cut_array){from->open + shift, from->close + shift, first, from->count};
}

/* The array just closed ends where its twin did: if all that follows is alike,
 * the remaining arrays are, too.  (size_t arithmetic wraps both ways.) */
static bool take_rest(struct walk *w, const struct before *old)
{
    const struct cut_array *twin = w->c->array_count > 0 ? twin_of(w->c, old) : NULL;
    if (!twin)
        return false;
    size_t at = w->c->arrays[w->c->array_count - 1].close;
    size_t rest = w->len - at;
    if (old->body.len - twin->close != rest || memcmp(w->s + at, old->body.data + twin->close, rest) != 0)
        return false;
    size_t next = w->c->array_count;
    size_t more = old->cut->element_count - (twin->first + twin->count);
    if (w->c->element_count + more > BODY_ELEMENTS_MAX)
        return false;
    for (size_t i = next; i < old->cut->array_count; i++)
        take_array(w->c, old, &old->cut->arrays[i], at - twin->close);
    return true;
}

/* All arrays from `at` on, which is behind a value, or behind the brace. */
static void walk_arrays(struct walk *w, const struct before *old, size_t at, bool is_first)
{
    while (w->c->array_count < BODY_ARRAYS_MAX) {
        size_t open = next_array(w, at, is_first);
        if (open == JSON_NONE)
            return;
        is_first = false;
        size_t arrays = w->c->array_count;
        size_t first = w->c->element_count;
        at = close_array(w, open, first, walk_array(w, first, open + 1));
        if (at == JSON_NONE || (w->c->array_count > arrays && take_rest(w, old)))
            return;
    }
}

void cut_fresh(struct bytes body, struct cut *c)
{
    struct walk w = {body.data, body.len, c};
    c->array_count = c->element_count = 0;
    size_t at = json_skip_space(body.data, body.len, 0);
    if (at < body.len && body.data[at] == '{')
        walk_arrays(&w, NULL, at + 1, true);
}

/* Elements of an array that was still going on at the first difference; returns
 * where the walk goes on. */
static size_t take_prefix(struct cut *c, const struct before *old, const struct cut_array *from, size_t prefix)
{
    size_t at = from->open + 1;
    for (size_t i = from->first; i < from->first + from->count && old->cut->elements[i].end < prefix; i++) {
        add_element(c, old->cut->elements[i].off, old->cut->elements[i].end, i);
        at = old->cut->elements[i].end + 1;
    }
    return at;
}

void cut_again(struct bytes body, struct bytes previous, const struct cut *old_cut, size_t prefix, struct cut *c)
{
    struct walk w = {body.data, body.len, c};
    struct before old = {previous, old_cut};
    size_t at = 0;
    c->array_count = c->element_count = 0;
    for (size_t i = 0; i < old_cut->array_count; i++) {
        const struct cut_array *from = &old_cut->arrays[i];
        if (from->close < prefix) {
            take_array(c, &old, from, 0);
            at = from->close + 1;
            continue;
        }
        if (from->open >= prefix)
            break;
        size_t first = c->element_count;
        at = take_prefix(c, &old, from, prefix);
        size_t arrays = c->array_count;
        at = close_array(&w, from->open, first, walk_array(&w, first, at));
        if (at == JSON_NONE || (c->array_count > arrays && take_rest(&w, &old)))
            return;
        break;
    }
    if (at > 0) {
        walk_arrays(&w, &old, at, false);
        return;
    }
    at = json_skip_space(body.data, body.len, 0);
    if (at < body.len && body.data[at] == '{')
        walk_arrays(&w, &old, at + 1, true);
}

size_t cut_common_prefix(struct bytes a, struct bytes b)
{
    size_t len = a.len < b.len ? a.len : b.len;
    size_t at = 0;
    /* memcmp passes equal stretches at memory speed; the last one is searched by byte. */
    for (size_t step = 4096; step > 0; step /= 64) {
        while (len - at >= step && memcmp(a.data + at, b.data + at, step) == 0)
            at += step;
    }
    return at;
}
