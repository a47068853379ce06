/* A transfer's answer as it comes, and its end. */
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "gateway/upstream_parts.h"

/* Easy handles kept for reuse: making one costs more than a whole call's work. */
#define KEEP_HANDLES 32

/* --- A transfer's life ----------------------------------------------------------- */

void transfer_unlink(struct transfer *t)
{
    if (t->prev)
        t->prev->next = t->next;
    else
        t->upstream->running = t->next;
    if (t->next)
        t->next->prev = t->prev;
    t->prev = t->next = NULL;
}

void transfer_free(struct transfer *t)
{
    curl_easy_cleanup(t->easy);
    blob_unref(t->body);
    buf_done(&t->lines);
    reply_head_done(&t->head);
    free(t->nodes);
    free(t);
}

/* Out of the multi handle and back among the spare ones. */
void transfer_retire(struct transfer *t)
{
    struct upstream *u = t->upstream;
    loop_timer_clear(u->loop, &t->idle);
    loop_undefer(u->loop, &t->resume);
    loop_undefer(u->loop, &t->remove);
    curl_multi_remove_handle(u->multi, t->easy);
    transfer_unlink(t);
    blob_unref(t->body);
    t->body = NULL;
    if (u->spare_count >= KEEP_HANDLES) {
        transfer_free(t);
        return;
    }
    t->next = u->spare;
    u->spare = t;
    u->spare_count++;
}

static void end(struct transfer *t, enum transfer_end how, const char *text)
{
    struct transfer_events events = t->events;
    char copy[CURL_ERROR_SIZE + 64];
    snprintf(copy, sizeof copy, "%s", text);
    transfer_retire(t);
    events.on_end(events.owner, how, copy);
}

static enum transfer_end end_of(const struct transfer *t, CURLcode code)
{
    long request_size = 0;
    if (code == CURLE_OK)
        return t->head.is_whole ? TRANSFER_WHOLE : TRANSFER_CUT;
    if (t->is_silent)
        return TRANSFER_SILENT;
    curl_easy_getinfo(t->easy, CURLINFO_REQUEST_SIZE, &request_size);
    return t->tries > 0 && request_size > 0 ? TRANSFER_CUT : TRANSFER_CONNECT;
}

/* A header line above libcurl's bound of 100 KB. */
static bool is_too_large(CURLcode code)
{
#if LIBCURL_VERSION_NUM >= 0x080600
    if (code == CURLE_TOO_LARGE)
        return true;
#endif
    return code == CURLE_OUT_OF_MEMORY; /* its word for that before 8.6 */
}

static void finish(struct transfer *t, CURLcode code)
{
    enum transfer_end how = end_of(t, code);
    const char *text = t->error[0] ? t->error : curl_easy_strerror(code);
    if (t->head.is_bad || (is_too_large(code) && !t->head.is_whole))
        text = "its answer's headers are malformed or larger than 20 KB";
    else if (code == CURLE_ABORTED_BY_CALLBACK)
        text = "a kept-alive connection closed after the request was sent; it is not sent again, since it may have been acted on";
    else if (code == CURLE_OK && how == TRANSFER_CUT)
        text = "it closed the connection without an answer";
    end(t, how, text);
}

/* Nothing of the request went out yet: once more, on a connection of its own. */
static bool ask_afresh(struct transfer *t)
{
    t->is_spoilt = false;
    t->error[0] = '\0';
    curl_multi_remove_handle(t->upstream->multi, t->easy);
    curl_easy_setopt(t->easy, CURLOPT_FRESH_CONNECT, 1L);
    return curl_multi_add_handle(t->upstream->multi, t->easy) == CURLM_OK;
}

void upstream_read_messages(struct upstream *u)
{
    CURLMsg *m;
    int left;
    while ((m = curl_multi_info_read(u->multi, &left))) {
        if (m->msg != CURLMSG_DONE)
            continue;
        struct transfer *t = NULL;
        CURLcode code = m->data.result;
        curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&t);
        if (t->is_cancelled)
            transfer_retire(t);
        else if (!t->is_spoilt || !ask_afresh(t))
            finish(t, code);
    }
}

void transfer_retire_now(void *arg)
{
    transfer_retire(arg);
}

void transfer_cancel(struct transfer *t)
{
    if (t->is_cancelled)
        return;
    t->is_cancelled = true;
    loop_timer_clear(t->upstream->loop, &t->idle);
    loop_defer(t->upstream->loop, &t->remove);
}

void transfer_resume_now(void *arg)
{
    struct transfer *t = arg;
    struct upstream *u = t->upstream;
    int running;
    if (t->is_cancelled)
        return;
    t->is_paused = false;
    t->last_us = loop_now_us(u->loop);
    curl_easy_pause(t->easy, CURLPAUSE_CONT);
    /* Let curl act on what the unpausing changed without waiting for a socket. */
    curl_multi_socket_action(u->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    upstream_read_messages(u);
}

void transfer_resume(struct transfer *t)
{
    if (t->is_paused)
        loop_defer(t->upstream->loop, &t->resume);
}

void transfer_on_idle(void *arg)
{
    struct transfer *t = arg;
    int64_t now_us = loop_now_us(t->upstream->loop);
    int64_t due_us = t->last_us + t->idle_us;
    if (t->is_paused)
        due_us = now_us + t->idle_us; /* it is the client who is slow */
    if (due_us > now_us) {
        loop_timer_set(t->upstream->loop, &t->idle, due_us);
        return;
    }
    char text[128];
    snprintf(text, sizeof text, "nothing came for %lld s", (long long)(t->idle_us / 1000000));
    t->is_silent = true;
    end(t, TRANSFER_SILENT, text);
}

/* --- The body, when it is out ------------------------------------------------------- */

/* Once all of it went out the request's body is not read again (NO RESENDING in upstream_kept.c).
 * libcurl would keep its copying buffer for the life of the handle, 64 KiB and more
 * a stream; setting its size, to whatever value, frees it. */
void transfer_drop_sent_body(struct transfer *t)
{
    curl_off_t sent = 0;
    if (!t->body || curl_easy_getinfo(t->easy, CURLINFO_SIZE_UPLOAD_T, &sent) != CURLE_OK)
        return;
    if ((size_t)sent < t->body->len)
        return;
    blob_unref(t->body);
    t->body = NULL;
    curl_easy_setopt(t->easy, CURLOPT_UPLOAD_BUFFERSIZE, UPLOAD_BYTES);
}

/* --- The answer, as it comes -------------------------------------------------------- */

size_t transfer_on_header(char *line, size_t size, size_t count, void *arg)
{
    struct transfer *t = arg;
    size_t len = size * count;
    t->last_us = loop_now_us(t->upstream->loop);
    if (t->is_cancelled)
        return 0;
    if (reply_head_line(&t->head, line, len)) {
        transfer_drop_sent_body(t);
        t->events.on_head(t->events.owner, t->head.status, &t->head.headers);
    }
    return t->is_cancelled || t->head.is_bad ? 0 : len;
}

size_t transfer_on_data(char *data, size_t size, size_t count, void *arg)
{
    struct transfer *t = arg;
    size_t len = size * count;
    t->last_us = loop_now_us(t->upstream->loop);
    if (t->is_cancelled || !t->head.is_whole)
        return len + 1; /* ends the transfer */
    if (t->events.on_body(t->events.owner, data, len))
        return t->is_cancelled ? len + 1 : len;
    t->is_paused = true;
    return CURL_WRITEFUNC_PAUSE;
}
