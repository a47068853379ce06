/* A fault has a place: the event (and the byte in it) of a stream, or the byte of
 * a plain body.  The place is found before anything is sent; at it, act() either
 * ends the answer or puts something in its way and lets it go on. */
#include "sim/reply.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "base/clock.h"
#include "base/mem.h"
#include "sim/gzip.h"
#include "sim/place.h"

#define FLUSH_AT 16384          /* bytes gathered when nothing is waited for */
#define LONG_HEADER_BYTES 200000 /* above what curl takes for all headers */
#define LONG_EVENT_BYTES (2 << 20) /* above the largest event spantop reads */
#define GARBAGE_BYTES 512
#define WRONG_LENGTH_BYTES 1000
#define DRIP_MS 1

void reply_init(struct reply *r, struct conn *c)
{
    memset(r, 0, sizeof(*r));
    r->c = c;
    r->status = 200;
    r->keep_alive = true;
    r->content_type = "application/json";
    buf_init(&r->headers);
    buf_init(&r->out);
}

void reply_done(struct reply *r)
{
    buf_done(&r->headers);
    buf_done(&r->out);
    gzip_free(r->gzip);
}

void reply_header(struct reply *r, const char *name, const char *value) { buf_printf(&r->headers, "%s: %s\r\n", name, value); }

static enum fault_kind kind_of(const struct reply *r) { return r->fault ? r->fault->kind : FAULT_NONE; }
static bool is_at(const struct reply *r, enum fault_stage stage) { return kind_of(r) != FAULT_NONE && r->fault->stage == stage; }
static int64_t amount(const struct fault *f, int64_t usual) { return f->bytes != 0 ? f->bytes : usual; }

/* ---- bytes to the socket ---------------------------------------------------- */

static int flush(struct reply *r)
{
    size_t step = r->is_dripping ? 1 : r->out.len;
    int64_t ms = r->fault && r->fault->delay_ms > 0 ? r->fault->delay_ms : DRIP_MS;
    size_t at = 0;

    while (at < r->out.len) {
        if (conn_write(r->c, r->out.data + at, step) < 0)
            return -1;
        if (r->first_byte_us == 0)
            r->first_byte_us = clock_mono_us();
        r->bytes_sent += (int64_t)step;
        at += step;
        if (r->is_dripping && conn_sleep(r->c, ms) < 0)
            return -1;
    }
    buf_reset(&r->out);
    return 0;
}

static void put_framed(struct reply *r, const void *data, size_t len)
{
    if (len == 0)
        return;
    if (r->is_chunked)
        buf_printf(&r->out, "%zx\r\n", len);
    buf_put(&r->out, data, len);
    if (r->is_chunked)
        buf_puts(&r->out, "\r\n");
}

static void put_piece(struct reply *r, const void *data, size_t len)
{
    struct buf packed;

    if (!r->gzip) {
        put_framed(r, data, len);
        return;
    }
    buf_init(&packed);
    gzip_put(r->gzip, data, len, &packed);
    put_framed(r, packed.data, packed.len);
    buf_done(&packed);
}

static int put_end(struct reply *r)
{
    if (r->on_end)
        r->on_end(r->on_end_arg);
    if (r->gzip) {
        struct buf packed;
        buf_init(&packed);
        gzip_end(r->gzip, &packed);
        put_framed(r, packed.data, packed.len);
        buf_done(&packed);
    }
    if (r->is_chunked)
        buf_puts(&r->out, "0\r\n\r\n");
    return flush(r);
}

/* ---- what a fault does -------------------------------------------------------- */

static void hang_up(struct conn *c)
{
    if (c->fd >= 0)
        shutdown(c->fd, SHUT_WR);
    conn_close(c);
}

static void put_garbage(struct buf *out, int64_t bytes)
{
    uint32_t x = 0x2545f491;

    for (int64_t i = 0; i < bytes; i++) {
        x = x * 1664525u + 1013904223u;
        buf_putc(out, (char)(x >> 24));
    }
}

static void put_long_event(struct reply *r)
{
    struct buf event;

    buf_init(&event);
    buf_puts(&event, "event: ping\ndata: {\"type\":\"ping\",\"padding\":\"");
    for (int64_t n = amount(r->fault, LONG_EVENT_BYTES); n > 0; n--)
        buf_putc(&event, 'a');
    buf_puts(&event, "\"}\n\n");
    put_piece(r, event.data, event.len);
    buf_done(&event);
}

/* 0: the answer goes on; else 1 and *result. */
static int act(struct reply *r, enum reply_result *result)
{
    static const char overloaded[] = "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\","
                                     "\"message\":\"Overloaded\"}}\n\n";
    struct buf noise;

    *result = REPLY_BROKEN;
    switch (kind_of(r)) {
    case FAULT_RESET:
        if (flush(r) == 0)
            conn_reset(r->c);
        return 1;
    case FAULT_CLOSE:
    case FAULT_WRONG_LENGTH:
        if (flush(r) == 0)
            hang_up(r->c);
        return 1;
    case FAULT_STALL:
        if (flush(r) < 0 || conn_sleep(r->c, r->fault->delay_ms > 0 ? r->fault->delay_ms : -1) < 0)
            return 1;
        return 0;
    case FAULT_GARBAGE:
        buf_init(&noise);
        put_garbage(&noise, amount(r->fault, GARBAGE_BYTES));
        put_piece(r, noise.data, noise.len);
        buf_done(&noise);
        return 0;
    case FAULT_BAD_CHUNK:
        buf_puts(&r->out, "zz not a chunk\r\n");
        if (flush(r) == 0)
            hang_up(r->c);
        return 1;
    case FAULT_LONG_LINE:
        put_long_event(r);
        return 0;
    case FAULT_DRIP:
        if (flush(r) < 0)
            return 1;
        r->is_dripping = true;
        return 0;
    case FAULT_ERROR_EVENT:
        put_piece(r, overloaded, sizeof(overloaded) - 1);
        r->on_end = NULL; /* framed to its end, but not whole */
        if (put_end(r) < 0)
            *result = REPLY_GONE;
        return 1;
    default:
        return 0;
    }
}

/* ---- the head --------------------------------------------------------------- */

static void put_lengths(struct reply *r, struct buf *head, size_t body_len, bool known)
{
    bool wrong = kind_of(r) == FAULT_WRONG_LENGTH;
    bool dup = kind_of(r) == FAULT_DUP_HEADERS;

    if (r->is_close_delimited) {
        buf_puts(head, "Connection: close\r\n");
    } else if (known || wrong) {
        int64_t len = (int64_t)body_len + (wrong ? amount(r->fault, WRONG_LENGTH_BYTES) : 0);
        buf_printf(head, "Content-Length: %lld\r\n", (long long)(len > 0 ? len : 0));
    } else {
        r->is_chunked = true;
        buf_puts(head, "Transfer-Encoding: chunked\r\n");
    }
    if (dup)
        buf_printf(head, "Content-Length: %zu\r\nContent-Type: text/html\r\nrequest-id: req_another\r\n", body_len + 7);
    if (!r->keep_alive && !r->is_close_delimited)
        buf_puts(head, "Connection: close\r\n");
}

static void put_date(struct buf *head)
{
    char text[64];
    time_t now = time(NULL);
    struct tm tm;

    gmtime_r(&now, &tm);
    strftime(text, sizeof(text), "%a, %d %b %Y %H:%M:%S GMT", &tm);
    buf_printf(head, "Date: %s\r\n", text);
}

static void make_head(struct reply *r, struct buf *head, size_t body_len, bool known)
{
    if (kind_of(r) == FAULT_1XX)
        buf_puts(head, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </style.css>; rel=preload\r\n\r\n");
    r->is_close_delimited = kind_of(r) == FAULT_HTTP10;
    buf_printf(head, "HTTP/1.%d %d %s\r\n", r->is_close_delimited ? 0 : 1, r->status, http_reason(r->status));
    put_date(head);
    if (r->content_type)
        buf_printf(head, "Content-Type: %s\r\n", r->content_type);
    if (r->gzip)
        buf_puts(head, "Content-Encoding: gzip\r\n");
    put_lengths(r, head, body_len, known);
    buf_put(head, r->headers.data, r->headers.len);
    if (kind_of(r) == FAULT_LONG_LINE && (r->fault->stage == STAGE_HEADERS || r->fault->stage == STAGE_MID_HEADERS)) {
        buf_puts(head, "x-long: ");
        for (int64_t n = amount(r->fault, LONG_HEADER_BYTES); n > 0; n--)
            buf_putc(head, 'a');
        buf_puts(head, "\r\n");
    }
    buf_puts(head, "\r\n");
}

/* A fault that strikes before the head is whole. */
static int break_head(struct reply *r, enum reply_result *result)
{
    enum fault_kind kind = kind_of(r);

    if (kind != FAULT_GARBAGE && kind != FAULT_BAD_CHUNK)
        return kind == FAULT_RESET || kind == FAULT_CLOSE || kind == FAULT_STALL || kind == FAULT_DRIP ? act(r, result) : 0;
    put_garbage(&r->out, amount(r->fault, GARBAGE_BYTES));
    buf_puts(&r->out, "\r\n\r\n");
    if (flush(r) == 0)
        hang_up(r->c);
    *result = REPLY_BROKEN;
    return 1;
}

/* Queue the head.  0, or 1 and *result when the fault ended the answer here. */
static int begin(struct reply *r, size_t body_len, bool known, enum reply_result *result)
{
    size_t first = 0;
    struct buf head;
    int ended = 0;

    buf_init(&head);
    make_head(r, &head, body_len, known);
    if (is_at(r, STAGE_MID_HEADERS))
        first = head.len / 2;
    buf_put(&r->out, head.data, first);
    if (is_at(r, STAGE_HEADERS) || is_at(r, STAGE_MID_HEADERS))
        ended = break_head(r, result);
    if (!ended)
        buf_put(&r->out, head.data + first, head.len - first);
    buf_done(&head);
    return ended;
}

static enum reply_result redirect(struct reply *r)
{
    r->is_close_delimited = false;
    buf_printf(&r->out, "HTTP/1.1 307 %s\r\nLocation: http://127.0.0.1:9/elsewhere\r\nContent-Length: 0\r\n\r\n", http_reason(307));
    return flush(r) < 0 ? REPLY_GONE : REPLY_DONE;
}

/* After the last byte: what does not know its length, or lied about it, is closed. */
static enum reply_result finish(struct reply *r)
{
    if (put_end(r) < 0)
        return REPLY_GONE;
    if (r->is_close_delimited || kind_of(r) == FAULT_WRONG_LENGTH || kind_of(r) == FAULT_DUP_HEADERS || !r->keep_alive)
        hang_up(r->c);
    return REPLY_DONE;
}

/* ---- plain and streamed answers -------------------------------------------------- */

enum reply_result reply_plain(struct reply *r, const void *body, size_t len)
{
    size_t place = place_in_body(r->fault, body, len);
    enum reply_result result;
    struct buf packed;

    if (kind_of(r) == FAULT_REDIRECT)
        return redirect(r);
    buf_init(&packed);
    if (kind_of(r) == FAULT_GZIP) {
        r->gzip = gzip_new();
        gzip_put(r->gzip, body, len, &packed);
        gzip_end(r->gzip, &packed);
        body = packed.data;
        len = packed.len;
        place = PLACE_NONE;
    }
    /* Garbage in a body makes it longer than its length says: that is its point. */
    if (begin(r, len, true, &result) == 0) {
        gzip_free(r->gzip);
        r->gzip = NULL;
        if (place > len)
            place = PLACE_NONE;
        put_framed(r, body, place == PLACE_NONE ? len : place);
        if (place == PLACE_NONE || act(r, &result) == 0) {
            if (place != PLACE_NONE)
                put_framed(r, (const char *)body + place, len - place);
            result = finish(r);
        }
    }
    buf_done(&packed);
    return result;
}

/* The event as the fault wants its lines. */
static void dress_event(const struct reply *r, const struct event *e, struct buf *out)
{
    const char *bytes = e->bytes;

    if (kind_of(r) == FAULT_COMMENTS)
        buf_puts(out, ": a comment\n\n");
    if (kind_of(r) == FAULT_NO_EVENT_LINES)
        bytes = strchr(bytes, '\n') + 1;
    if (kind_of(r) != FAULT_CRLF) {
        buf_puts(out, bytes);
        return;
    }
    for (; *bytes; bytes++) {
        if (*bytes == '\n')
            buf_putc(out, '\r');
        buf_putc(out, *bytes);
    }
}

static int wait_for_event(struct reply *r, const struct event *e)
{
    int64_t us = e->is_exact ? e->delay_us : r->speed > 0 ? (int64_t)((double)e->delay_us / r->speed) : 0;

    if (us <= 0)
        return r->out.len >= FLUSH_AT ? flush(r) : 0;
    if (flush(r) < 0)
        return -1;
    return conn_sleep(r->c, us < 1000 ? 1 : us / 1000);
}

static void note_sent(struct reply *r, const struct event *e)
{
    r->events_sent++;
    r->tokens_sent += e->tokens;
    if (e->is_delta && r->first_delta_us == 0)
        r->first_delta_us = clock_mono_us();
    if (strncmp(e->bytes, "event: message_start\n", 21) == 0)
        r->start_sent = true;
    if (strncmp(e->bytes, "event: message_delta\n", 21) == 0)
        r->end_sent = true;
}

static enum reply_result send_events(struct reply *r, const struct event_list *events)
{
    struct place place = place_in_events(r->fault, events);
    enum reply_result result;
    struct buf bytes;

    buf_init(&bytes);
    for (size_t i = 0; i <= events->count; i++) {
        bool here = place.event == i;
        size_t cut = 0;
        buf_reset(&bytes);
        if (i < events->count) {
            if (wait_for_event(r, &events->v[i]) < 0) {
                buf_done(&bytes);
                return REPLY_GONE;
            }
            dress_event(r, &events->v[i], &bytes);
        }
        if (here) {
            cut = place.byte < bytes.len ? place.byte : bytes.len;
            put_piece(r, bytes.data, cut);
            if (act(r, &result) != 0) {
                buf_done(&bytes);
                return result;
            }
        }
        put_piece(r, bytes.data + cut, bytes.len - cut);
        if (i < events->count)
            note_sent(r, &events->v[i]);
        /* The first event leaves at once: clients measure the time to it. */
        if (i == 0 && flush(r) < 0)
            break;
    }
    buf_done(&bytes);
    return finish(r);
}

enum reply_result reply_stream(struct reply *r, const struct event_list *events)
{
    enum reply_result result;
    size_t total = 0;

    if (kind_of(r) == FAULT_REDIRECT)
        return redirect(r);
    if (kind_of(r) == FAULT_GZIP)
        r->gzip = gzip_new();
    for (size_t i = 0; i < events->count; i++)
        total += events->v[i].len;
    r->content_type = "text/event-stream; charset=utf-8";
    if (begin(r, total, false, &result) != 0)
        return result;
    if (flush(r) < 0)
        return REPLY_GONE;
    return send_events(r, events);
}

enum reply_result reply_break(struct conn *c, const struct fault *f)
{
    struct reply r;
    enum reply_result result = REPLY_BROKEN;

    reply_init(&r, c);
    r.fault = f;
    if (f->kind == FAULT_GARBAGE || f->kind == FAULT_BAD_CHUNK) {
        put_garbage(&r.out, amount(f, GARBAGE_BYTES));
        if (flush(&r) == 0)
            hang_up(c);
    } else if (act(&r, &result) == 0) {
        result = REPLY_DONE; /* a stall that ended, or a fault that has no place here */
    }
    reply_done(&r);
    return result;
}
