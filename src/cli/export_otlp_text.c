/* What was asked and answered, as the semantic conventions for generative AI lay
 * messages out: gen_ai.system_instructions, .input.messages and .output.messages,
 * each a JSON text.  Tools are left out, as the conventions advise; an image is told
 * by type and size. */
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "anthropic/content.h"
#include "anthropic/field.h"
#include "base/json.h"
#include "cli/export.h"

static void put_member(struct buf *out, const char *name, const char *s, size_t len)
{
    buf_printf(out, ",\"%s\":", name);
    json_quote(out, s, len);
}

/* As JSON where it is JSON (a stream may have been cut in the middle of it). */
static void put_arguments(struct buf *out, const struct content_part *p)
{
    cJSON *j = cJSON_ParseWithLength(p->text, p->text_len);
    char *text = j ? cJSON_PrintUnformatted(j) : NULL;
    if (text)
        buf_printf(out, ",\"arguments\":%s", text);
    else
        put_member(out, "arguments", p->text, p->text_len);
    free(text);
    cJSON_Delete(j);
}

static void put_part(struct buf *out, const struct content_part *p)
{
    static const char *const types[] = {[CONTENT_TEXT] = "text",
                                        [CONTENT_THINKING] = "reasoning",
                                        [CONTENT_TOOL_USE] = "tool_call",
                                        [CONTENT_TOOL_RESULT] = "tool_call_response",
                                        [CONTENT_IMAGE] = "image",
                                        [CONTENT_OTHER] = NULL};
    const char *type = types[p->kind] ? types[p->kind] : p->name[0] ? p->name : "other";
    buf_puts(out, "{\"type\":");
    json_quote(out, type, strlen(type));
    if (p->id)
        put_member(out, "id", p->id, strlen(p->id));
    if (p->kind == CONTENT_TOOL_USE) {
        put_member(out, "name", p->name, strlen(p->name));
        put_arguments(out, p);
    } else {
        put_member(out, p->kind == CONTENT_TOOL_RESULT ? "response" : "content", p->text, p->text_len);
    }
    buf_putc(out, '}');
}

/* [{…},{…}]; frees c. */
static void put_parts(struct export *x, struct buf *out, struct content *c)
{
    buf_putc(out, '[');
    for (size_t i = 0; i < c->count; i++) {
        struct content_part *p = &c->parts[i];
        if (x->redact) {
            redact_text(x->redact, &p->text); /* again: what a stream had split is joined now */
            p->text_len = p->text ? strlen(p->text) : 0;
        }
        buf_puts(out, i ? "," : "");
        put_part(out, p);
    }
    buf_putc(out, ']');
    content_done(c);
}

static void put_attribute(struct export *x, const char *key, const struct buf *json)
{
    buf_printf(&x->out, ",{\"key\":\"%s\",\"value\":{\"stringValue\":", key);
    json_quote(&x->out, json->data, json->len);
    buf_puts(&x->out, "}}");
}

static void put_message(struct export *x, struct buf *out, const char *s, struct span message)
{
    char role[32] = "user";
    struct span value = {0, 0};
    struct content content;
    field_from_member(role, sizeof role, s, message, "role");
    buf_puts(out, "{\"role\":");
    json_quote(out, role, strlen(role));
    buf_puts(out, ",\"parts\":");
    field_member(s, message, "content", &value);
    content_from_blocks(s, value, &content);
    put_parts(x, out, &content);
    buf_putc(out, '}');
}

static void put_asked(struct export *x, const struct buf *body)
{
    const char *s = body->data;
    struct span top = {json_skip_space(s, body->len, 0), 0}, v;
    struct content content;
    struct buf json;
    top.len = body->len - top.off;
    if (!field_begins(s, top, '{'))
        return;
    buf_init(&json);
    if (field_member(s, top, "system", &v)) {
        content_from_blocks(s, v, &content);
        put_parts(x, &json, &content);
        put_attribute(x, "gen_ai.system_instructions", &json);
        buf_reset(&json);
    }
    if (field_member(s, top, "messages", &v)) {
        struct json_iter it = json_array(s, field_end(v), v.off);
        for (bool is_first = true; json_next(&it); is_first = false) {
            buf_putc(&json, is_first ? '[' : ',');
            put_message(x, &json, s, it.value);
        }
        buf_puts(&json, json.len ? "]" : "[]");
        put_attribute(x, "gen_ai.input.messages", &json);
    }
    buf_done(&json);
}

static void put_answered(struct export *x, const struct call *c, const struct buf *body)
{
    const char *reason = c->stop_reason ? c->stop_reason : "";
    struct content content;
    struct buf json;
    buf_init(&json);
    content_from_answer(body->data, body->len, &content);
    buf_puts(&json, "[{\"role\":\"assistant\",\"parts\":");
    put_parts(x, &json, &content);
    put_member(&json, "finish_reason", reason, strlen(reason));
    buf_puts(&json, "}]");
    put_attribute(x, "gen_ai.output.messages", &json);
    buf_done(&json);
}

int export_otlp_messages(struct export *x, const struct call *c, struct err *e)
{
    struct buf body, plain;
    buf_init(&body);
    buf_init(&plain);
    int r = export_body(x, c, BODY_SENT, &body, e);
    if (r == 0)
        put_asked(x, &body);
    if (r >= 0)
        r = export_body(x, c, BODY_RESPONSE, &body, e);
    if (r == 0 && content_decode(NULL, body.data, body.len, &plain) == 0)
        put_answered(x, c, &plain);
    buf_done(&body);
    buf_done(&plain);
    return r < 0 ? -1 : 0;
}
