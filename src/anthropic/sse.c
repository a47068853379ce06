/* Lines are found by memchr, and an event that lies within one piece is lent
 * from that piece: nothing is copied unless a line, or an event, goes on in the
 * next piece.  Everything is decided on whole lines, so it does not matter how
 * the bytes were cut. */
#include "anthropic/sse.h"

#include <string.h>

/* The longest line that can hold data within bounds: "data: " and the data.
 * What is longer needs no bytes, only its field's name. */
#define LINE_MAX_BYTES (SSE_EVENT_MAX + 6)

/* Buffers that one huge event blew up are given back after it. */
#define KEEP_BYTES ((size_t)64 << 10)

void sse_init(struct sse *p, sse_event_fn *on_event, void *arg)
{
    memset(p, 0, sizeof *p);
    buf_init_max(&p->line, LINE_MAX_BYTES);
    buf_init_max(&p->data, SSE_EVENT_MAX);
    buf_init_max(&p->name, SSE_NAME_MAX);
    p->at_start = true;
    p->on_event = on_event;
    p->arg = arg;
}

void sse_done(struct sse *p)
{
    buf_done(&p->line);
    buf_done(&p->data);
    buf_done(&p->name);
    p->data_now = p->name_now = (struct bytes){NULL, 0};
}

static void forget(struct buf *b)
{
    if (b->cap > KEEP_BYTES)
        buf_done(b);
    else
        buf_reset(b);
}

/* The blank line: the event is complete.  One without data is none. */
static void dispatch(struct sse *p)
{
    if (p->has_data) {
        struct sse_event ev = {p->name_now, p->data_now, p->truncated};
        if (p->truncated)
            ev.data = (struct bytes){NULL, 0};
        p->on_event(p->arg, &ev);
    }
    if (p->data.cap)
        forget(&p->data);
    p->data_now = p->name_now = (struct bytes){NULL, 0};
    p->has_data = false;
    p->truncated = false;
}

/* Make the data so far our own, so that the next piece can follow it. */
static int own_data(struct sse *p)
{
    if (p->data_now.data != p->data.data) {
        buf_reset(&p->data);
        if (buf_put(&p->data, p->data_now.data, p->data_now.len) != 0)
            return -1;
    }
    p->data_now = buf_bytes(&p->data);
    return 0;
}

static void add_data(struct sse *p, const char *text, size_t len)
{
    bool is_first = !p->has_data;

    p->has_data = true;
    if (p->truncated)
        return;
    if (is_first && len <= SSE_EVENT_MAX) {
        p->data_now = (struct bytes){text, len};
        return;
    }
    if (is_first || own_data(p) != 0 || buf_putc(&p->data, '\n') != 0 || buf_put(&p->data, text, len) != 0)
        p->truncated = true;
    else
        p->data_now = buf_bytes(&p->data);
}

/* Is the line's field `name`?  Then where its value begins, else 0. */
static size_t value_start(const char *line, size_t len, const char *name, size_t name_len)
{
    if (len < name_len || memcmp(line, name, name_len) != 0)
        return 0;
    if (len == name_len)
        return name_len; /* a field without a colon is an empty value */
    if (line[name_len] != ':')
        return 0;
    return name_len + 1 + (len > name_len + 1 && line[name_len + 1] == ' ');
}

static void process_line(struct sse *p, const char *line, size_t len, bool is_long)
{
    if (p->at_start) {
        p->at_start = false;
        if (len >= 3 && memcmp(line, "\xEF\xBB\xBF", 3) == 0) {
            line += 3;
            len -= 3;
        }
    }
    if (len == 0) {
        dispatch(p);
        return;
    }

    size_t at = value_start(line, len, "data", 4);
    if (at > 0) {
        if (is_long) {
            p->has_data = true;
            p->truncated = true;
        } else {
            add_data(p, line + at, len - at);
        }
        return;
    }
    at = value_start(line, len, "event", 5);
    if (at > 0)
        p->name_now =
            is_long || len - at > SSE_NAME_MAX ? (struct bytes){NULL, 0} : (struct bytes){line + at, len - at};
}

/* The line goes on in the next piece. */
static void keep_line(struct sse *p, const char *text, size_t len)
{
    size_t room = LINE_MAX_BYTES - p->line.len;

    if (len > room) {
        len = room;
        p->line_is_long = true;
    }
    if (buf_put(&p->line, text, len) != 0)
        p->line_is_long = true; /* no memory: as good as too long */
}

/* Lent bytes die with the caller's piece: copy what an unfinished event holds. */
static void own_event(struct sse *p)
{
    if (p->has_data && !p->truncated && own_data(p) != 0)
        p->truncated = true;
    if (p->name_now.data != p->name.data) {
        buf_reset(&p->name);
        buf_put(&p->name, p->name_now.data, p->name_now.len);
    }
    p->name_now = buf_bytes(&p->name);
}

/* The line that began in an earlier piece ends.  What it says is lent from the
 * line buffer, which the next line needs. */
static void end_kept_line(struct sse *p, const char *text, size_t len)
{
    keep_line(p, text, len);
    process_line(p, p->line.data, p->line.len, p->line_is_long);
    own_event(p);
    forget(&p->line);
    p->line_is_long = false;
}

static void end_line(struct sse *p, const char *text, size_t len)
{
    if (p->line.len > 0)
        end_kept_line(p, text, len);
    else
        process_line(p, text, len, len > LINE_MAX_BYTES);
}

void sse_feed(struct sse *p, const char *data, size_t len)
{
    const char *end = data + len;

    if (len == 0)
        return;
    if (p->skip_lf && *data == '\n')
        data++;
    p->skip_lf = false;

    /* Hardly any stream has a CR: looked for once a piece, not once a line. */
    const char *cr = memchr(data, '\r', (size_t)(end - data));
    while (data < end) {
        const char *stop = cr ? cr : end;
        const char *eol = memchr(data, '\n', (size_t)(stop - data));
        if (!eol)
            eol = stop;
        if (eol == end)
            break;
        end_line(p, data, (size_t)(eol - data));
        data = eol + 1;
        if (eol != cr)
            continue;
        if (data == end)
            p->skip_lf = true;
        else if (*data == '\n')
            data++;
        cr = memchr(data, '\r', (size_t)(end - data));
    }
    if (data < end)
        keep_line(p, data, (size_t)(end - data));
    if (p->has_data || p->name_now.len > 0)
        own_event(p);
}
