/* What y copies: at once as text what the cursor is on; then, while the bottom line
 * offers it, the call as a line of curl or as JSON instead.
 *
 * A terminal takes so much by OSC 52 and no more; what is larger goes to a file that
 * its user alone can read. */
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/text.h"
#include "log/call_curl.h"
#include "log/call_json.h"
#include "ui/app.h"

#define COPY_MAX ((size_t)64 << 10) /* bytes; with base64 around them some terminals take no more */

/* ---- Giving ----------------------------------------------------------------------- */

static int write_file(const struct app *a, const struct buf *text, const char *ending, char **path, struct err *e)
{
    char *dir = file_xdg("CACHE"), *name = xasprintf("call-%lld.%s", (long long)a->copy_id, ending);
    *path = file_join(dir, name);
    int rc = file_make_dir(dir, e) == 0 ? file_write(*path, text->data, text->len, 0600, e) : -1;
    free(dir);
    free(name);
    return rc;
}

static void give(struct app *a, const struct buf *text, const char *what, const char *ending)
{
    struct err e = {""};
    char *path, size[TEXT_SHORT_MAX];
    xreplace(&a->copy_text, NULL);
    if (text->len <= COPY_MAX) {
        a->copy_text = xstrndup(text->data, text->len);
        app_notice(a, INK_GOOD, "Copied %s.", what);
        return;
    }
    text_bytes(size, (int64_t)text->len);
    if (write_file(a, text, ending, &path, &e) == 0)
        app_notice(a, INK_WARN, "Too large for the clipboard (%s), so written to %s", size, path);
    else
        app_notice(a, INK_BAD, "Too large for the clipboard (%s), and no file could be written: %s", size, e.text);
    free(path);
}

/* ---- As what ------------------------------------------------------------------------ */

static const char *or_dash(const char *text)
{
    return text ? text : "-";
}

static void give_text(struct app *a, const struct call *c)
{
    struct buf text;
    buf_init(&text);
    if (a->inspect.is_open)
        inspect_copy(&a->inspect, &text);
    else
        buf_printf(&text, "%lld %s %s %s %s", (long long)c->id, or_dash(c->request_id), or_dash(c->session_id),
                   or_dash(c->model_sent ? c->model_sent : c->model_asked), c->error_message ? c->error_message : "");
    give(a, &text, a->inspect.is_open ? "as text" : "the call's ids", "txt");
    buf_done(&text);
}

static void give_json(struct app *a, const struct call *c)
{
    struct buf text;
    cJSON *j = call_to_json(c);
    char *printed = cJSON_Print(j);
    buf_init(&text);
    buf_puts(&text, printed ? printed : "");
    give(a, &text, "as JSON", "json");
    buf_done(&text);
    free(printed);
    cJSON_Delete(j);
}

static void give_curl(struct app *a, const struct call *c)
{
    struct err e = {""};
    struct buf line, left_out;
    const struct snapshot *d = &a->data;
    const char *upstream = d->is_gateway_up && d->peer.upstream[0] ? d->peer.upstream : a->o->upstream;
    buf_init(&line);
    buf_init(&left_out);
    if (call_curl(a->db, c, upstream ? upstream : "", &line, &left_out, &e) != 0)
        app_notice(a, INK_BAD, "%s", e.text);
    else
        give(a, &line, left_out.len ? "as curl, without the headers that are masked" : "as curl", "sh");
    buf_done(&line);
    buf_done(&left_out);
}

/* ---- Keys ------------------------------------------------------------------------------ */

/* The call that the menu was opened on, whatever came into the list since. */
static void give_as(struct app *a, enum action action)
{
    struct err e = {""};
    struct call c;
    call_init(&c);
    int rc = reader_call(a->db, a->copy_id, &c, &e);
    if (rc != 0)
        app_notice(a, INK_BAD, rc < 0 ? "%s" : "The call is no longer in the log.", e.text);
    else if (action == ACTION_COPY_CURL)
        give_curl(a, &c);
    else if (action == ACTION_COPY_JSON)
        give_json(a, &c);
    else
        give_text(a, &c);
    call_done(&c);
}

bool copy_key(struct app *a, int key)
{
    enum action action = keys_action(PLACE_COPY, key);
    if (action == ACTION_COPY_CURL || action == ACTION_COPY_JSON || action == ACTION_COPY_TEXT)
        give_as(a, action);
    else
        a->overlay = 0;
    return action != ACTION_NONE;
}

void copy_selected(struct app *a)
{
    const struct call *call = a->inspect.is_open ? &a->inspect.call : app_has_feed(a) ? feed_selected(app_feed(a)) : NULL;
    const struct session *s = a->view == VIEW_SESSIONS ? lists_selected_session(a) : NULL;
    if (call) {
        a->copy_id = call->id;
        give_text(a, call);
        a->overlay = PLACE_COPY;
    } else if (s && !a->timeline.is_open) {
        xreplace(&a->copy_text, s->session_id);
        app_notice(a, INK_GOOD, "Copied the session id.");
    } else {
        app_notice(a, INK_DIM, "Select a row first; y copies it.");
    }
}
