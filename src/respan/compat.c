/* Two steps: decide what becomes of the call's thinking, effort, … from the last
 * value of each (the one that counts), then walk the body once and write splices
 * for every place.
 *
 * Members are taken out with one of their commas; cuts are made for runs of
 * neighbours, so that no two overlap and no comma is left over. */
#include "respan/compat.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "anthropic/field.h"
#include "base/json.h"
#include "base/mem.h"
#include "respan/compat_decide.h"

/* The kind of edit that the API takes only while thinking is on. */
#define EDIT_CLEAR_THINKING "clear_thinking"

/* --- The plan ------------------------------------------------------------------- */

static void add_splice(struct compat *c, struct span at, const char *with)
{
    /* One too many is kept, so that it is seen: the bound is on what a body can
     * make this allocate. */
    if (c->splice_count > COMPAT_SPLICES_MAX)
        return;
    if (c->splice_count == c->splice_room) {
        c->splice_room = c->splice_room ? c->splice_room * 2 : 8;
        c->splices = xrealloc(c->splices, c->splice_room * sizeof *c->splices);
    }
    /* Rising: values are met in order but for few cuts. */
    size_t i = c->splice_count++;
    for (; i > 0 && c->splices[i - 1].at.off > at.off; i--)
        c->splices[i] = c->splices[i - 1];
    c->splices[i] = (struct splice){at, {with ? xstrdup(with) : NULL, with ? strlen(with) : 0}};
}

void compat_done(struct compat *c)
{
    for (size_t i = 0; i < c->splice_count; i++)
        free((char *)(size_t)c->splices[i].with.data);
    free(c->splices);
    for (char **s = c->changes; s && *s; s++)
        free(*s);
    free(c->changes);
    memset(c, 0, sizeof *c);
}

/* --- Cutting members out ------------------------------------------------------------------- */

/* Walks children in order and gathers runs of those that go. */
struct cutter {
    struct compat *c;
    bool has_kept;
    size_t kept_end; /* behind the last child that stays */
    bool in_run;
    size_t run_start;
    size_t run_end;
};

static void cutter_child(struct cutter *k, size_t start, size_t end, bool goes)
{
    if (goes) {
        if (!k->in_run)
            k->run_start = start;
        k->in_run = true;
        k->run_end = end;
        return;
    }
    if (k->in_run)
        add_splice(k->c, (struct span){k->run_start, start - k->run_start}, NULL);
    k->in_run = false;
    k->has_kept = true;
    k->kept_end = end;
}

/* The last run has no child behind it: its comma is the one in front. */
static void cutter_end(struct cutter *k)
{
    size_t start = k->has_kept ? k->kept_end : k->run_start;

    if (k->in_run)
        add_splice(k->c, (struct span){start, k->run_end - start}, NULL);
}

/* --- Writing the splices ------------------------------------------------------------------------ */

static bool is_clearing_edit(const char *s, struct span edit)
{
    char type[64];
    return field_from_member(type, sizeof type, s, edit, "type") &&
           strncmp(type, EDIT_CLEAR_THINKING, sizeof EDIT_CLEAR_THINKING - 1) == 0;
}

/* Edits that clear thinking go; true when none but those were there. */
static bool count_clearing(const char *s, struct span edits, size_t *clearing)
{
    struct json_iter it = json_array(s, field_end(edits), edits.off);
    size_t others = 0;

    *clearing = 0;
    while (json_next(&it)) {
        if (is_clearing_edit(s, it.value))
            ++*clearing;
        else
            others++;
    }
    return *clearing > 0 && others == 0;
}

static size_t count_members(const char *s, struct span object)
{
    struct json_iter it = json_object(s, field_end(object), object.off);
    size_t count = 0;

    while (json_next(&it))
        count++;
    return count;
}

/* Returns whether the whole context_management member goes. */
static bool splice_edits(struct compat *c, const char *s, struct span management)
{
    struct span edits;
    size_t clearing;

    if (!field_member(s, management, "edits", &edits))
        return false;
    bool nothing_left = count_clearing(s, edits, &clearing);
    if (clearing == 0)
        return false;
    compat_add_change(c, xasprintf("context_management: clearing of thinking left out"));
    if (nothing_left && count_members(s, management) == 1)
        return true;

    struct cutter cut = {.c = c};
    struct json_iter it = json_array(s, field_end(edits), edits.off);
    while (json_next(&it))
        cutter_child(&cut, it.value.off, field_end(it.value), is_clearing_edit(s, it.value));
    cutter_end(&cut);
    return false;
}

static bool config_member_goes(const struct compat_decision *d, const char *s, struct span key)
{
    return (d->effort == COMPAT_REMOVE && field_key_is(s, key, "effort")) ||
           (d->drop_format && field_key_is(s, key, "format"));
}

/* Returns whether the whole output_config member goes. */
static bool splice_output_config(struct compat *c, const struct compat_decision *d, const char *s, struct span config)
{
    struct cutter cut = {.c = c};
    struct json_iter it = json_object(s, field_end(config), config.off);
    size_t going = 0;
    size_t staying = 0;

    while (json_next(&it)) {
        if (config_member_goes(d, s, it.key))
            going++;
        else
            staying++;
    }
    if (going > 0 && staying == 0)
        return true;
    it = json_object(s, field_end(config), config.off);
    while (json_next(&it)) {
        cutter_child(&cut, it.key.off - 1, field_end(it.value), config_member_goes(d, s, it.key));
        if (d->effort == COMPAT_REPLACE && field_key_is(s, it.key, "effort"))
            add_splice(c, it.value, d->effort_text);
    }
    cutter_end(&cut);
    return false;
}

/* Splices inside one top-level member; returns whether all of it goes. */
static bool splice_member(struct compat *c, const struct compat_decision *d, const char *s, struct span key,
                          struct span value, const char *quoted_model)
{
    if (field_key_is(s, key, "model")) {
        add_splice(c, value, quoted_model);
    } else if (field_key_is(s, key, "thinking")) {
        if (d->thinking == COMPAT_REPLACE)
            add_splice(c, value, d->thinking_text);
        return d->thinking == COMPAT_REMOVE;
    } else if (field_key_is(s, key, "max_tokens")) {
        if (d->max_tokens == COMPAT_REPLACE)
            add_splice(c, value, d->max_tokens_text);
    } else if (field_key_is(s, key, "output_config")) {
        return splice_output_config(c, d, s, value);
    } else if (field_key_is(s, key, "output_format")) {
        return d->drop_format;
    } else if (field_key_is(s, key, "context_management")) {
        return d->thinking_goes && splice_edits(c, s, value);
    }
    return false;
}

static void splice_body(struct compat *c, const struct compat_decision *d, const struct compat_body *b,
                        const char *quoted_model)
{
    struct cutter cut = {.c = c};

    for (size_t i = 0; i < b->count; i++) {
        struct span key = b->members[i].key;
        struct span value = b->members[i].value;
        bool goes = splice_member(c, d, b->s, key, value, quoted_model);
        cutter_child(&cut, key.off - 1, field_end(value), goes);
    }
    cutter_end(&cut);
}

/* --- The whole -------------------------------------------------------------------- */

/* Where the array of messages that begins at `at` ends; its last ones are kept. */
static size_t read_messages(struct compat_body *b, size_t len, size_t at)
{
    struct json_iter it = json_array(b->s, len, at);

    b->message_count = 0;
    if (at >= len || b->s[at] != '[')
        return json_skip_value(b->s, len, at);
    while (json_next(&it))
        b->tail[b->message_count++ % COMPAT_TAIL_MAX] = it.value;
    return it.bad ? JSON_NONE : it.at;
}

/* -1: no whole JSON object, too many members, or no model among them. */
static int read_body(struct compat_body *b, const char *body, size_t len)
{
    struct json_iter it = json_object(body, len, json_skip_space(body, len, 0));
    bool has_model = false;

    b->s = body;
    b->count = 0;
    b->message_count = 0;
    while (json_next_key(&it)) {
        size_t end = field_key_is(body, it.key, "messages") ? read_messages(b, len, it.at) : json_skip_value(body, len, it.at);
        if (!json_take_value(&it, end) || b->count == COMPAT_MEMBERS_MAX)
            return -1;
        has_model |= field_key_is(body, it.key, "model");
        b->members[b->count].key = it.key;
        b->members[b->count++].value = it.value;
    }
    return has_model && !it.bad && json_skip_space(body, len, it.at) == len ? 0 : -1;
}

int compat_plan(struct compat *c, const char *body, size_t len, const char *new_model, const struct model *from,
                const struct model *to)
{
    struct compat_decision d = {0};
    struct compat_body b;
    struct buf quoted;

    memset(c, 0, sizeof *c);
    if (read_body(&b, body, len) != 0)
        return -1;
    if (to && to != from)
        compat_decide(c, &d, &b, from, to);
    buf_init(&quoted);
    json_quote(&quoted, new_model, strlen(new_model));
    splice_body(c, &d, &b, quoted.data);
    buf_done(&quoted);
    compat_decision_done(&d);
    if (c->splice_count <= COMPAT_SPLICES_MAX)
        return 0;
    compat_done(c);
    return -1;
}

char *compat_changes_json(const struct compat *c)
{
    struct buf out;

    if (!c->changes)
        return NULL;
    buf_init(&out);
    buf_putc(&out, '[');
    for (char **s = c->changes; *s; s++) {
        if (s != c->changes)
            buf_putc(&out, ',');
        json_quote(&out, *s, strlen(*s));
    }
    buf_putc(&out, ']');
    return buf_take(&out, NULL);
}

/* --- anthropic-beta ------------------------------------------------------------------------------------ */

/* The token of drop_betas that this is, or NULL. */
static const char *find_dropped(const struct compat *c, const char *token, size_t len)
{
    while (len > 0 && (*token == ' ' || *token == '\t')) {
        token++;
        len--;
    }
    while (len > 0 && (token[len - 1] == ' ' || token[len - 1] == '\t'))
        len--;
    for (size_t i = 0; c->drop_betas[i]; i++)
        if (strlen(c->drop_betas[i]) == len && strncasecmp(c->drop_betas[i], token, len) == 0)
            return c->drop_betas[i];
    return NULL;
}

bool compat_filter_betas(struct compat *c, const char *value, struct buf *out)
{
    bool dropped = false;
    bool is_first = true;

    for (const char *at = value;;) {
        size_t len = strcspn(at, ",");
        const char *token = find_dropped(c, at, len);
        if (token) {
            compat_add_change(c, xasprintf("anthropic-beta: %s taken out", token));
            dropped = true;
        } else {
            if (!is_first)
                buf_putc(out, ',');
            buf_put(out, at, len);
            is_first = false;
        }
        if (!at[len])
            return dropped;
        at += len + 1;
    }
}
