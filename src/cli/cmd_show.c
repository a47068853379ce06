/* spantop show: one call.
 *
 * Bodies are written byte for byte, with nothing added, unless stdout is a
 * terminal: there they are text from outside and are cleaned. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "cli/call_view.h"
#include "cli/command.h"
#include "cli/diff_view.h"
#include "cli/difference.h"
#include "cli/output.h"
#include "cli/values.h"
#include "log/call_curl.h"
#include "log/diff.h"
#include "log/header_list.h"
#include "log/peer.h"
#include "log/reader.h"

static const struct option_spec options[] = {
    {"request", NULL, "the body as the client sent it, to the last byte"},
    {"sent", NULL, "the body as it went upstream"},
    {"response", NULL, "the answer's body as received, framing removed"},
    {"headers", NULL, "the headers kept, secrets masked"},
    {"diff", NULL, "what changed since the call before it of the same agent"},
    {"curl", NULL, "a line of shell that sends it again ($RESPAN_API_KEY)"},
    {"json", NULL, "the row as a JSON object"},
    {NULL, NULL, NULL},
};

static const char *const views[] = {"request", "sent", "response", "headers", "diff", "curl", "json"};

/* A body of no bytes is whole, though nothing of it was stored. */
static bool is_empty(const struct call *c, enum body_kind kind)
{
    return (c->body_state == BODY_KEPT || c->body_state == BODY_REDACTED) && c->state != CALL_OPEN &&
           (kind == BODY_RESPONSE ? c->bytes_out : c->bytes_in) == 0;
}

static int load_body(struct db *db, const struct call *c, enum body_kind kind, struct buf *body, struct err *e)
{
    struct err why = {""};
    int r = reader_body(db, c->id, kind, body, &why);
    if (r == 0 || (r > 0 && is_empty(c, kind)))
        return 0;
    return err_set(e, "%s", why.text[0] ? why.text : "that body is not in the log");
}

static int show_body(struct db *db, const struct call *c, enum body_kind kind, struct err *e)
{
    struct buf body;
    buf_init(&body);
    int r = load_body(db, c, kind, &body, e);
    if (r == 0)
        out_text(body.data, body.len);
    buf_done(&body);
    return r;
}

static void print_headers(const char *title, const char *headers)
{
    if (!headers)
        return;
    printf("%s\n", title);
    struct json_iter all = header_list(headers);
    struct span name, value;
    while (header_next(&all, &name, &value)) {
        struct buf line;
        buf_init(&line);
        buf_puts(&line, "  ");
        json_text(all.s, name, &line);
        buf_puts(&line, ": ");
        json_text(all.s, value, &line);
        out_text(line.data, line.len);
        putchar('\n');
        buf_done(&line);
    }
}

static int show_headers(const struct call *c, struct err *e)
{
    if (!c->request_headers && !c->response_headers)
        return err_set(e, "no headers of call %lld are in the log", (long long)c->id);
    print_headers("request", c->request_headers);
    print_headers("sent", c->sent_headers);
    print_headers("response", c->response_headers);
    return 0;
}

/* What the gateway itself changed on the way. */
static int show_switched(struct db *db, const struct call *c, struct err *e)
{
    struct buf request, sent;
    buf_init(&request);
    buf_init(&sent);
    int r = load_body(db, c, BODY_REQUEST, &request, e);
    if (r == 0 && (r = load_body(db, c, BODY_SENT, &sent, e)) == 0)
        difference_print(buf_bytes(&request), buf_bytes(&sent));
    buf_done(&request);
    buf_done(&sent);
    return r;
}

static int show_changed(struct db *db, const struct call *c, int64_t before_id, struct err *e)
{
    struct buf before, after;
    buf_init(&before);
    buf_init(&after);
    int r = reader_body(db, before_id, BODY_SENT, &before, e) == 0 ? 0 : -1;
    if (r == 0 && (r = load_body(db, c, BODY_SENT, &after, e)) == 0) {
        printf("call %lld against call %lld, the one before it of the same agent\n", (long long)c->id, (long long)before_id);
        diff_view_print(buf_bytes(&before), buf_bytes(&after));
    }
    buf_done(&before);
    buf_done(&after);
    return r;
}

static int show_diff(struct db *db, const struct call *c, struct err *e)
{
    struct err why = {""};
    int64_t before_id;
    if (c->has_sent_body && show_switched(db, c, e) != 0)
        return -1;
    int r = diff_find_before(db, c->id, &before_id, &why);
    if (r == 0)
        return show_changed(db, c, before_id, e);
    if (r < 0)
        return err_set(e, "%s", why.text);
    printf("%s\n", why.text);
    return 0;
}

/* To where the gateway of this log sends its calls, unless told otherwise. */
static const char *upstream_of(const struct settings *s, struct peer *p)
{
    struct err e;
    bool is_up = !s->upstream_is_given && peer_find(s->log_path, p, &e) == 0 && p->upstream[0];
    return is_up ? p->upstream : s->upstream;
}

static int show_curl(struct db *db, const struct call *c, const struct settings *s, struct err *e)
{
    struct peer peer = {0};
    struct buf line, left_out;
    buf_init(&line);
    buf_init(&left_out);
    int r = call_curl(db, c, upstream_of(s, &peer), &line, &left_out, e);
    if (r == 0)
        out_text(line.data, line.len);
    if (r == 0 && left_out.len)
        cli_say("left out, since the log does not have their values: %s", left_out.data);
    if (r == 0 && c->body_state == BODY_REDACTED)
        cli_say("the body is without what --redact took out of it");
    buf_done(&line);
    buf_done(&left_out);
    return r;
}

static int show_view(struct db *db, const struct call *c, const char *view, const struct settings *s, struct err *e)
{
    if (!view) {
        call_print_overview(c);
        return 0;
    }
    if (strcmp(view, "request") == 0)
        return show_body(db, c, BODY_REQUEST, e);
    if (strcmp(view, "sent") == 0)
        return show_body(db, c, c->has_sent_body ? BODY_SENT : BODY_REQUEST, e);
    if (strcmp(view, "response") == 0)
        return show_body(db, c, BODY_RESPONSE, e);
    if (strcmp(view, "headers") == 0)
        return show_headers(c, e);
    if (strcmp(view, "diff") == 0)
        return show_diff(db, c, e);
    if (strcmp(view, "curl") == 0)
        return show_curl(db, c, s, e);
    out_json(call_to_json(c));
    return 0;
}

static int find_view(const struct args *a, const char **view, struct err *e)
{
    *view = NULL;
    for (size_t i = 0; i < sizeof views / sizeof *views; i++) {
        if (!args_has(a, views[i]))
            continue;
        if (*view)
            return err_set(e, "--%s or --%s, one at a time", *view, views[i]);
        *view = views[i];
    }
    return 0;
}

static int show(struct cli *c, struct err *e)
{
    const char *view;
    int64_t id;
    struct call call;
    if (find_view(&c->args, &view, e) != 0 || value_int("a call's id", c->args.words[0], 1, INT64_MAX, &id, e) != 0)
        return CLI_USAGE;
    struct db *db = db_open(c->settings.log_path, DB_READ, e);
    int r = db ? reader_call(db, id, &call, e) : -1;
    if (r > 0)
        err_set(e, "there is no call %lld in %s; spantop calls lists them", (long long)id, c->settings.log_path);
    if (r == 0) {
        r = show_view(db, &call, view, &c->settings, e);
        call_done(&call);
    }
    db_close(db);
    return r == 0 ? CLI_DONE : CLI_FAILED;
}

const struct command command_show = {
    .name = "show",
    .summary = "one call; its bodies byte-exact",
    .synopsis = "ID [--request|--sent|--response|--headers|--diff|--curl|--json]",
    .text = "Without an option an overview. ID is the first column of spantop calls, and the\n"
            "header x-spantop-call-id of the answer.",
    .example = "spantop show 42 --request > request.json",
    .options = options,
    .min_words = 1,
    .max_words = 1,
    .words_are = WORDS_ARE_CALLS,
    .run = show,
};
