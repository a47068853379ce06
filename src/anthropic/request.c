/* Everything is read where it stands: one walk over the top-level members, and
 * for the facts one more over `tools` and `messages`.  Texts are only unescaped
 * where a line of them is wanted. */
#include "anthropic/request.h"

#include <string.h>

#include "anthropic/field.h"
#include "base/json.h"
#include "base/text.h"

/* An iterator that ended well stands behind the object; only space may follow. */
static bool is_read_to_end(const struct json_iter *it, const char *body, size_t len)
{
    return !it->bad && json_skip_space(body, len, it->at) == len;
}

size_t request_find_models(const char *body, size_t len, struct span *spans, size_t max)
{
    struct json_iter it = json_object(body, len, json_skip_space(body, len, 0));
    size_t count = 0;

    while (json_next(&it)) {
        if (!field_key_is(body, it.key, "model"))
            continue;
        if (count == max)
            return 0;
        spans[count++] = it.value;
    }
    return is_read_to_end(&it, body, len) ? count : 0;
}

/* --- Splicing ----------------------------------------------------------------- */

static int check_splices(size_t len, const struct splice *splices, size_t count, size_t *new_len)
{
    size_t at = 0;
    size_t sum = len;

    for (size_t i = 0; i < count; i++) {
        struct span v = splices[i].at;
        if (v.off < at || v.off > len || v.len > len - v.off)
            return -1;
        at = field_end(v);
        sum = sum - v.len + splices[i].with.len;
    }
    *new_len = sum;
    return 0;
}

int request_splice(const char *body, size_t len, const struct splice *splices, size_t count, struct buf *out)
{
    size_t new_len;
    size_t at = 0;

    if (check_splices(len, splices, count, &new_len) != 0 || buf_reserve(out, new_len) != 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        if (buf_put(out, body + at, splices[i].at.off - at) != 0 ||
            buf_put(out, splices[i].with.data, splices[i].with.len) != 0)
            return -1;
        at = field_end(splices[i].at);
    }
    return buf_put(out, body + at, len - at);
}

/* --- Purposes ------------------------------------------------------------------- */

static const char *const purpose_names[] = {
    [PURPOSE_MAIN] = "main",   [PURPOSE_SUBAGENT] = "subagent", [PURPOSE_FORK] = "fork",
    [PURPOSE_TITLE] = "title", [PURPOSE_SIDE] = "side",         [PURPOSE_COUNT_TOKENS] = "count_tokens",
    [PURPOSE_OTHER] = "other",
};

#define PURPOSE_COUNT (sizeof purpose_names / sizeof *purpose_names)

const char *purpose_name(enum call_purpose p)
{
    return purpose_names[p];
}

bool purpose_parse(const char *name, enum call_purpose *p)
{
    for (size_t i = 0; i < PURPOSE_COUNT; i++)
        if (strcmp(name, purpose_names[i]) == 0) {
            *p = (enum call_purpose)i;
            return true;
        }
    return false;
}

/* --- Reading the body ------------------------------------------------------------- */

/* Top-level values that say something; len 0 when absent.  The last one of a key
 * wins, as for the client and the upstream. */
struct members {
    struct span model, messages, system, tools, tool_choice, metadata, max_tokens, output_config, stream;
};

static bool is_null(const char *s, struct span v)
{
    return v.len == 4 && memcmp(s + v.off, "null", 4) == 0;
}
static bool is_true(const char *s, struct span v)
{
    return v.len == 4 && memcmp(s + v.off, "true", 4) == 0;
}
static bool find_members(const char *s, size_t len, struct members *m)
{
    struct {
        const char *key;
        struct span *value;
    } wanted[] = {
        {"model", &m->model},           {"messages", &m->messages},           {"system", &m->system},
        {"tools", &m->tools},           {"tool_choice", &m->tool_choice},     {"metadata", &m->metadata},
        {"max_tokens", &m->max_tokens}, {"output_config", &m->output_config}, {"stream", &m->stream},
    };
    struct json_iter it = json_object(s, len, json_skip_space(s, len, 0));

    while (json_next(&it))
        for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
            if (field_key_is(s, it.key, wanted[i].key)) {
                *wanted[i].value = is_null(s, it.value) ? (struct span){0, 0} : it.value;
                break;
            }
    return is_read_to_end(&it, s, len);
}

static size_t count_elements(const char *s, struct span array)
{
    struct json_iter it = json_array(s, field_end(array), array.off);
    size_t count = 0;

    while (json_next(&it))
        count++;
    return count;
}

/* Claude Code prints the role first; anything else is looked up. */
bool request_is_system_message(const char *s, struct span message)
{
    static const char user[] = "{\"role\":\"user\"";
    static const char assistant[] = "{\"role\":\"assistant\"";
    const char *p = s + message.off;
    struct span role;

    if (message.len >= sizeof assistant &&
        (memcmp(p, user, sizeof user - 1) == 0 || memcmp(p, assistant, sizeof assistant - 1) == 0))
        return false;
    return field_member(s, message, "role", &role) && field_value_is(s, role, "system");
}

static void read_messages(const char *s, struct span messages, size_t *count, struct span *first, struct span *last)
{
    struct json_iter it = json_array(s, field_end(messages), messages.off);

    while (json_next(&it)) {
        if ((*count)++ == 0)
            *first = it.value;
        if (!request_is_system_message(s, it.value))
            *last = it.value;
    }
}

/* Has any block of this array a cache_control of its own? */
static bool has_cache_control(const char *s, struct span blocks)
{
    struct json_iter it = json_array(s, field_end(blocks), blocks.off);
    struct span v;

    while (json_next(&it))
        if (field_member(s, it.value, "cache_control", &v) && !is_null(s, v))
            return true;
    return false;
}

static bool message_has_cache_control(const char *s, struct span message)
{
    struct span content;
    return field_member(s, message, "content", &content) && has_cache_control(s, content);
}

/* --- Telling calls apart ------------------------------------------------------------ */

static bool path_ends_in(const char *target, const char *tail)
{
    size_t len = strcspn(target, "?#");
    size_t tail_len = strlen(tail);
    return len >= tail_len && memcmp(target + len - tail_len, tail, tail_len) == 0;
}

static bool asks_for_title(const char *s, struct span output_config)
{
    struct span v;
    return output_config.len > 0 &&
           json_path(s, field_end(output_config), output_config.off, "format/schema/properties/title", &v);
}

/* A fork asks for nothing to be cached behind what its parent has cached. */
static enum call_purpose tell_by_mark(const char *agent_id, const char *s, struct span last_message)
{
    if (!message_has_cache_control(s, last_message))
        return PURPOSE_FORK;
    return agent_id && agent_id[0] ? PURPOSE_SUBAGENT : PURPOSE_MAIN;
}

/* The order of these rules is their meaning (docs/wire.md): each one is only
 * right for what the ones before it let through. */
static enum call_purpose tell_purpose(const char *target, const char *agent_id, const char *s, const struct members *m,
                                      struct request_facts *f, struct span last_message)
{
    if (path_ends_in(target, "/count_tokens"))
        return PURPOSE_COUNT_TOKENS;
    if (!f->is_json || !path_ends_in(target, "/messages"))
        return PURPOSE_OTHER;
    if (!f->is_stream && f->tool_count < 2)
        return PURPOSE_SIDE;
    if (f->tool_count == 0)
        return asks_for_title(s, m->output_config) ? PURPOSE_TITLE : PURPOSE_SIDE;
    if (f->has_tool_choice)
        return PURPOSE_SIDE;
    f->is_told_by_mark = has_cache_control(s, m->system);
    if (f->is_told_by_mark)
        return tell_by_mark(agent_id, s, last_message);
    return agent_id && agent_id[0] ? PURPOSE_SUBAGENT : PURPOSE_MAIN;
}

/* --- Session ---------------------------------------------------------------------------- */

/* metadata.user_id is JSON in a string; older clients wrote
 * user_HASH_account_UUID_session_UUID. */
static void read_session_from_user_id(const char *s, struct span user_id, char *session_id, size_t size)
{
    static const char mark[] = "_session_";
    struct buf text;

    buf_init(&text);
    if (json_text(s, user_id, &text) == 0) {
        struct span all = {0, text.len};
        const char *found = NULL;
        if (text.len > 0 && text.data[0] == '{')
            field_from_member(session_id, size, text.data, all, "session_id");
        else
            found = memmem(text.data, text.len, mark, sizeof mark - 1);
        if (found) {
            found += sizeof mark - 1;
            field_copy(session_id, size, found, text.len - (size_t)(found - text.data));
        }
    }
    buf_done(&text);
}

static void read_session(const char *header, const char *s, struct span metadata, struct request_facts *f)
{
    struct span user_id;

    if (header && header[0])
        field_copy(f->session_id, sizeof f->session_id, header, strlen(header));
    else if (field_member(s, metadata, "user_id", &user_id))
        read_session_from_user_id(s, user_id, f->session_id, sizeof f->session_id);
}

/* --- Working directory -------------------------------------------------------------------- */

/* Searched for in the raw JSON, where a line of a text begins behind its opening
 * quote or an escaped newline and ends before the next backslash escape \n or \r,
 * or the closing quote. */

static bool is_line_start(const char *s, size_t from, size_t at)
{
    size_t slashes = 0;

    if (at > from && s[at - 1] == '"')
        return true;
    if (at < from + 2 || s[at - 1] != 'n')
        return false;
    while (at - 1 - slashes > from && s[at - 2 - slashes] == '\\')
        slashes++;
    return slashes % 2 == 1; /* an even number are escaped backslashes before an n */
}

static size_t line_end(const char *s, size_t end, size_t at)
{
    while (at < end && s[at] != '"') {
        if (s[at] == '\\' && at + 1 < end) {
            if (s[at + 1] == 'n' || s[at + 1] == 'r')
                break;
            at++;
        }
        at++;
    }
    return at < end ? at : end;
}

/* Where the value of the first line `head value` begins within v; 0 none. */
static size_t find_line(const char *s, struct span v, const char *head)
{
    size_t head_len = strlen(head);
    size_t at = v.off;

    while (at < field_end(v)) {
        const char *found = memmem(s + at, field_end(v) - at, head, head_len);
        if (!found)
            return 0;
        at = (size_t)(found - s);
        if (is_line_start(s, v.off, at) && line_end(s, field_end(v), at + head_len) > at + head_len)
            return at + head_len;
        at += head_len;
    }
    return 0;
}

static void copy_line(const char *s, size_t at, size_t end, char *field, size_t size)
{
    struct buf quoted;

    buf_init(&quoted);
    if (buf_putc(&quoted, '"') == 0 && buf_put(&quoted, s + at, end - at) == 0 && buf_putc(&quoted, '"') == 0)
        field_from_json(field, size, quoted.data, (struct span){0, quoted.len});
    buf_done(&quoted);
}

static bool read_work_dir(const char *s, struct span v, char *field, size_t size)
{
    static const char *const heads[] = {" - Primary working directory: ", "Working directory: ", "CWD: "};
    size_t first = 0;

    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) {
        size_t at = v.len ? find_line(s, v, heads[i]) : 0;
        if (at > 0 && (first == 0 || at < first))
            first = at;
    }
    if (first == 0)
        return false;
    copy_line(s, first, line_end(s, field_end(v), first), field, size);
    return field[0] != '\0';
}

/* --- The facts --------------------------------------------------------------------------------- */

void request_read_facts(const char *target, const char *agent_id, const char *session_id, const char *body, size_t len,
                        struct request_facts *f)
{
    struct members m = {0};
    struct span first = {0, 0};
    struct span last = {0, 0};

    memset(f, 0, sizeof *f);
    f->max_tokens = -1;
    f->is_json = len > 0 && find_members(body, len, &m);
    if (!f->is_json) {
        m = (struct members){0};
    } else {
        field_from_json(f->model, sizeof f->model, body, m.model);
        f->is_stream = is_true(body, m.stream);
        f->has_tool_choice = m.tool_choice.len > 0;
        json_int(body, m.max_tokens, &f->max_tokens);
        f->tool_count = field_begins(body, m.tools, '[') ? count_elements(body, m.tools) : 0;
        read_messages(body, m.messages, &f->message_count, &first, &last);
    }
    read_session(session_id, body, m.metadata, f);
    if (!read_work_dir(body, m.system, f->work_dir, sizeof f->work_dir))
        read_work_dir(body, first, f->work_dir, sizeof f->work_dir);
    f->purpose = tell_purpose(target, agent_id, body, &m, f, last);
}

void request_renew_facts(struct request_facts *f, const char *agent_id, const char *body, size_t message_count,
                         struct span last)
{
    f->message_count = message_count;
    if (f->is_told_by_mark)
        f->purpose = tell_by_mark(agent_id, body, last);
}

/* --- Titles ---------------------------------------------------------------------------------------- */

bool request_title_from_answer(const char *answer_text, size_t len, char *title, size_t size)
{
    const char *brace = memchr(answer_text, '{', len);
    struct buf raw;
    struct buf clean;
    struct span v;
    bool found = false;

    if (!brace)
        return false;
    buf_init(&raw);
    buf_init(&clean);
    if (json_member(answer_text, len, (size_t)(brace - answer_text), "title", &v) &&
        json_text(answer_text, v, &raw) == 0) {
        size_t start = json_skip_space(raw.data, raw.len, 0);
        text_clean(&clean, raw.data + start, raw.len - start, false, false);
        while (clean.len > 0 && clean.data[clean.len - 1] == ' ')
            clean.len--;
        field_copy(title, size, clean.data, clean.len);
        found = title[0] != '\0';
    }
    buf_done(&clean);
    buf_done(&raw);
    return found;
}
