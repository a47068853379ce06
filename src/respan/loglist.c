#include "respan/loglist.h"

#include <string.h>

#include "base/buf.h"
#include "base/json.h"

/* Longer ones are no figures and no names. */
#define MEMBER_MAX ((size_t)8 << 10)

static bool is_wanted(struct bytes key)
{
    static const char wanted[] = LOGLIST_FIELDS ",id";
    for (const char *at = wanted; *at;) {
        size_t len = strcspn(at, ",");
        if (key.len == len && memcmp(key.data, at, len) == 0)
            return true;
        at += len + (at[len] == ',');
    }
    return false;
}

/* The row at `at` with nothing but the wanted members. */
static int slim(const char *json, size_t len, size_t at, struct buf *out)
{
    struct json_iter it = json_object(json, len, at);
    buf_putc(out, '{');
    while (json_next(&it)) {
        if (it.value.len > MEMBER_MAX || !is_wanted(bytes_at(json, it.key)))
            continue;
        buf_printf(out, "%s\"", out->len > 1 ? "," : "");
        buf_put(out, json + it.key.off, it.key.len);
        buf_puts(out, "\":");
        buf_put(out, json + it.value.off, it.value.len);
    }
    buf_putc(out, '}');
    return it.bad || out->failed ? -1 : 0;
}

static int read_row(const char *json, size_t len, size_t at, struct logrow *row, struct err *e)
{
    struct buf small;
    int rc;
    buf_init_max(&small, 32 * MEMBER_MAX);
    if (at >= len || json[at] != '{' || slim(json, len, at, &small) != 0)
        rc = err_set(e, "Respan's log row is no JSON object");
    else
        rc = logrow_parse(small.data, small.len, row, e);
    buf_done(&small);
    return rc;
}

int loglist_row(const char *json, size_t len, struct logrow *row, struct err *e)
{
    return read_row(json, len, json_skip_space(json, len, 0), row, e);
}

int loglist_page(const char *json, size_t len, void (*on_row)(void *arg, const struct logrow *row), void *arg,
                 bool *has_more, struct err *e)
{
    struct span results, next;
    struct logrow row;
    size_t at = json_skip_space(json, len, 0);
    if (at >= len || json[at] != '{' || !json_member(json, len, at, "results", &results) ||
        json[results.off] != '[')
        return err_set(e, "Respan's log list holds no rows");
    *has_more = json_member(json, len, at, "next", &next) && json_is_string(json, next);
    struct json_iter it = json_array(json, len, results.off);
    while (json_next(&it))
        if (read_row(json, len, it.value.off, &row, NULL) == 0)
            on_row(arg, &row);
    return it.bad ? err_set(e, "Respan's log list breaks off") : 0;
}
