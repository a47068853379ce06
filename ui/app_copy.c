/* What y copies, of whatever is on the screen. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "ui/app.h"

#define COPY_MAX ((size_t)64 << 10) /* what terminals take by OSC 52 */

static const char *or_dash(const char *text)
{
    return text ? text : "-";
}

static void copy_here(struct app *a)
{
    struct buf text;
    buf_init(&text);
    inspect_copy(&a->inspect, &text);
    bool is_whole = text.len <= COPY_MAX;
    a->copy_text = xstrndup(text.data, is_whole ? text.len : COPY_MAX);
    app_notice(a, INK_GOOD, is_whole ? "Copied." : "Copied the first 64 KB.");
    buf_done(&text);
}

void copy_selected(struct app *a)
{
    const struct call *call = feed_selected(app_feed(a));
    const struct session *s = a->view == VIEW_SESSIONS && !a->timeline.is_open ? lists_selected_session(a) : NULL;
    free(a->copy_text);
    a->copy_text = NULL;
    if (a->inspect.is_open) {
        copy_here(a);
    } else if (s) {
        a->copy_text = xstrdup(s->session_id);
        app_notice(a, INK_GOOD, "Copied the session id.");
    } else if (call && app_has_feed(a)) {
        a->copy_text =
            xasprintf("%lld %s %s %s %s", (long long)call->id, or_dash(call->request_id), or_dash(call->session_id),
                      or_dash(call->model_sent ? call->model_sent : call->model_asked),
                      call->error_message ? call->error_message : "");
        app_notice(a, INK_GOOD, "Copied the call's ids.");
    } else {
        app_notice(a, INK_DIM, "Select a row first; y copies it.");
    }
}
