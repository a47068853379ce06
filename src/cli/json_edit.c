/* Positions come from base/json.h's walkers; each change is one replacement of a
 * stretch of bytes, after which positions are looked up anew. */
#include "cli/json_edit.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"

static size_t top_of(const struct buf *doc)
{
    size_t bom = doc->len >= 3 && memcmp(doc->data, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
    return json_skip_space(doc->data, doc->len, bom);
}

static struct json_iter members(const struct buf *doc, size_t at)
{
    return doc->data[at] == '{' ? json_object(doc->data, doc->len, at) : json_array(doc->data, doc->len, at);
}

static void replace(struct buf *doc, size_t at, size_t len, const char *text, size_t text_len)
{
    struct buf out;
    buf_init(&out);
    buf_put(&out, doc->data, at);
    buf_put(&out, text, text_len);
    buf_put(&out, doc->data + at + len, doc->len - at - len);
    buf_done(doc);
    *doc = out;
}

static bool find_member(const struct buf *doc, const char *object, const char *key, struct span *value)
{
    struct span inner = {top_of(doc), 0};
    if (object && !json_member(doc->data, doc->len, inner.off, object, &inner))
        return false;
    return doc->data[inner.off] == '{' && json_member(doc->data, doc->len, inner.off, key, value);
}

/* --- White space as the file has it ---------------------------------------------- */

static bool is_empty(const struct buf *doc, size_t at)
{
    size_t first = json_skip_space(doc->data, doc->len, at + 1);
    return doc->data[first] == '}' || doc->data[first] == ']';
}

/* What stands in front of the first member of the container at `at`.  Caller frees. */
static char *sep_of(const struct buf *doc, size_t at)
{
    return xstrndup(doc->data + at + 1, json_skip_space(doc->data, doc->len, at + 1) - at - 1);
}

/* The separator of the container at `at`, depth levels below the top: what it
 * has, or what the top's own suggests.  Caller frees. */
static char *sep_for(const struct buf *doc, size_t at, int depth)
{
    if (!is_empty(doc, at))
        return sep_of(doc, at);
    char *base = is_empty(doc, top_of(doc)) ? xstrdup("\n  ") : sep_of(doc, top_of(doc));
    const char *newline = strrchr(base, '\n');
    struct buf sep;
    buf_init(&sep);
    buf_puts(&sep, base);
    for (int i = 0; newline && i < depth; i++)
        buf_puts(&sep, newline + 1);
    free(base);
    return buf_take(&sep, NULL);
}

/* What stands between a key and its value: as in the file's first member. */
static void put_colon(const struct buf *doc, struct buf *out)
{
    struct json_iter it = members(doc, top_of(doc));
    if (json_next(&it))
        buf_put(out, doc->data + it.key.off + it.key.len + 1, it.value.off - it.key.off - it.key.len - 1);
    else
        buf_puts(out, ": ");
}

/* --- Members ------------------------------------------------------------------------ */

/* Append member (its whole text) to the container at `at`. */
static void insert_last(struct buf *doc, size_t at, int depth, const char *member)
{
    struct buf text;
    char *sep = sep_for(doc, at, depth), *outer = depth > 0 ? sep_for(doc, at, depth - 1) : xstrdup("\n");
    struct json_iter it = members(doc, at);
    size_t end = 0;
    while (json_next(&it))
        end = it.value.off + it.value.len;
    buf_init(&text);
    if (end) {
        buf_printf(&text, ",%s%s", sep, member);
        replace(doc, end, 0, text.data, text.len);
    } else {
        size_t close = json_skip_space(doc->data, doc->len, at + 1);
        buf_printf(&text, "%s%s%s", sep, member, strchr(sep, '\n') ? outer : "");
        replace(doc, at + 1, close - at - 1, text.data, text.len);
    }
    buf_done(&text);
    free(sep);
    free(outer);
}

static size_t start_of(const struct json_iter *it)
{
    return it->is_object ? it->key.off - 1 : it->value.off;
}

/* Take out the member whose value stands at value_at, and one comma with it. */
static void remove_at(struct buf *doc, size_t at, size_t value_at)
{
    struct json_iter it = members(doc, at);
    size_t before = 0, start = 0, end = 0, next = 0;
    while (json_next(&it)) {
        if (end) {
            next = start_of(&it);
            break;
        }
        if (it.value.off == value_at) {
            start = start_of(&it);
            end = it.value.off + it.value.len;
        } else {
            before = it.value.off + it.value.len;
        }
    }
    if (!end)
        return;
    if (before)
        replace(doc, before, end - before, "", 0);
    else if (next)
        replace(doc, start, next - start, "", 0);
    else
        replace(doc, at + 1, json_skip_space(doc->data, doc->len, end) - at - 1, "", 0);
}

/* The inner container object (NULL: the top), made as `{}` or `[]` where missing. */
static int open_place(struct buf *doc, const char *object, const char *key, const char *made, size_t *at, struct err *e)
{
    struct span value;
    size_t outer = top_of(doc);
    if (object && find_member(doc, NULL, object, &value))
        outer = value.off;
    if (doc->data[outer] != '{')
        return err_set(e, "\"%s\" is no object", object);
    if (!json_member(doc->data, doc->len, outer, key, &value)) {
        struct buf member;
        buf_init(&member);
        json_quote(&member, key, strlen(key));
        put_colon(doc, &member);
        buf_puts(&member, made);
        insert_last(doc, outer, object ? 1 : 0, member.data);
        buf_done(&member);
        if (!json_member(doc->data, doc->len, outer, key, &value))
            return err_set(e, "\"%s\" could not be added", key);
    }
    if (doc->data[value.off] != made[0])
        return err_set(e, "\"%s\" is not what it should be, %s", key, made[0] == '{' ? "an object" : "a list");
    *at = value.off;
    return 0;
}

/* --- What others call -------------------------------------------------------------------- */

bool json_edit_has(const struct buf *doc, const char *object, const char *key)
{
    struct span value;
    return doc->len && find_member(doc, object, key, &value);
}

bool json_edit_get(const struct buf *doc, const char *object, const char *key, struct buf *out)
{
    struct span value;
    return doc->len && find_member(doc, object, key, &value) && json_text(doc->data, value, out) == 0;
}

int json_edit_set(struct buf *doc, const char *object, const char *key, const char *value, struct err *e)
{
    struct buf text;
    struct span old;
    size_t at = top_of(doc);
    int r = 0;
    buf_init(&text);
    if (find_member(doc, object, key, &old)) {
        json_quote(&text, value, strlen(value));
        replace(doc, old.off, old.len, text.data, text.len);
    } else if ((r = object ? open_place(doc, NULL, object, "{}", &at, e) : 0) == 0) {
        json_quote(&text, key, strlen(key));
        put_colon(doc, &text);
        json_quote(&text, value, strlen(value));
        insert_last(doc, at, object ? 1 : 0, text.data);
    }
    buf_done(&text);
    return r;
}

void json_edit_remove(struct buf *doc, const char *object, const char *key, bool drop_empty)
{
    struct span value, outer = {top_of(doc), 0};
    if (!find_member(doc, object, key, &value))
        return;
    if (object && !find_member(doc, NULL, object, &outer))
        return;
    remove_at(doc, outer.off, value.off);
    if (object && drop_empty && find_member(doc, NULL, object, &outer) && is_empty(doc, outer.off))
        remove_at(doc, top_of(doc), outer.off);
}

/* Where item stands in the array at `at`, or JSON_NONE. */
static size_t find_item(const struct buf *doc, size_t at, const char *item)
{
    struct json_iter it = members(doc, at);
    struct buf text;
    size_t found = JSON_NONE;
    buf_init(&text);
    while (found == JSON_NONE && json_next(&it)) {
        buf_reset(&text);
        if (json_text(doc->data, it.value, &text) == 0 && strcmp(text.data, item) == 0)
            found = it.value.off;
    }
    buf_done(&text);
    return found;
}

bool json_edit_list_has(const struct buf *doc, const char *object, const char *key, const char *item)
{
    struct span list;
    return doc->len && find_member(doc, object, key, &list) && doc->data[list.off] == '[' &&
           find_item(doc, list.off, item) != JSON_NONE;
}

bool json_edit_list_is_empty(const struct buf *doc, const char *object, const char *key)
{
    struct span list;
    return find_member(doc, object, key, &list) && doc->data[list.off] == '[' && is_empty(doc, list.off);
}

int json_edit_list_add(struct buf *doc, const char *object, const char *key, const char *item, struct err *e)
{
    struct buf text;
    size_t at = 0;
    if (open_place(doc, NULL, object, "{}", &at, e) != 0 || open_place(doc, object, key, "[]", &at, e) != 0)
        return -1;
    if (find_item(doc, at, item) != JSON_NONE)
        return 0;
    buf_init(&text);
    json_quote(&text, item, strlen(item));
    insert_last(doc, at, 2, text.data);
    buf_done(&text);
    return 0;
}

void json_edit_list_remove(struct buf *doc, const char *object, const char *key, const char *item)
{
    struct span list;
    if (!find_member(doc, object, key, &list) || doc->data[list.off] != '[')
        return;
    size_t at = find_item(doc, list.off, item);
    if (at != JSON_NONE)
        remove_at(doc, list.off, at);
}
