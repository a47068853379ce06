#include "cli/setup.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/text.h"
#include "cli/json_edit.h"

#define FILE_MAX     ((size_t)64 << 20) /* ~/.claude.json grows to megabytes */
#define KEY_NOTE_LEN 20                 /* Claude Code notes the last 20 characters of a key */
#define CONTEXT      3                  /* lines of it in --dry-run */

static const char *const keys[] = {"ANTHROPIC_BASE_URL", "ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN"};
#define KEY_COUNT (sizeof keys / sizeof *keys)

/* --- A change ------------------------------------------------------------------- */

static int load(struct change_set *c, const char *path, struct err *e)
{
    *c = (struct change_set){.path = xstrdup(path)};
    buf_init(&c->before);
    buf_init(&c->after);
    c->existed = access(path, F_OK) == 0;
    return c->existed ? file_read(path, FILE_MAX, &c->before, e) : 0;
}

void change_set_done(struct change_set *c)
{
    buf_done(&c->before);
    buf_done(&c->after);
    free(c->path);
    free(c->backup);
    free(c->leftovers[0]);
    free(c->leftovers[1]);
}

bool change_set_is_empty(const struct change_set *c)
{
    return !c->is_removed && c->existed && bytes_eq(buf_bytes(&c->before), buf_bytes(&c->after));
}

static int write_after(const struct change_set *c, struct err *e)
{
    struct stat st;
    if (c->is_removed)
        return unlink(c->path) == 0 ? 0 : err_set(e, "cannot delete %s: %s", c->path, strerror(errno));
    /* A new one holds the local token: nobody else's business. */
    unsigned mode = stat(c->path, &st) == 0 ? st.st_mode & 0777 : 0600;
    return file_write(c->path, c->after.data, c->after.len, mode, e);
}

int change_set_write(const struct change_set *c, struct err *e)
{
    char *dir = file_dir_of(c->path);
    int r = file_make_dir(dir, e);
    free(dir);
    if (r != 0)
        return -1;
    if (c->backup && access(c->backup, F_OK) != 0 && file_write(c->backup, c->before.data, c->before.len, 0600, e) != 0)
        return -1;
    if (!change_set_is_empty(c) && write_after(c, e) != 0)
        return -1;
    for (size_t i = 0; i < 2; i++) {
        if (c->leftovers[i])
            unlink(c->leftovers[i]);
    }
    return 0;
}

/* --- Showing it ------------------------------------------------------------------- */

struct lines {
    struct bytes *at;
    size_t count;
};

static struct lines split(const struct buf *b)
{
    struct lines l = {NULL, 0};
    for (size_t from = 0; from < b->len;) {
        const char *newline = memchr(b->data + from, '\n', b->len - from);
        size_t end = newline ? (size_t)(newline - b->data) : b->len;
        l.at = xrealloc(l.at, (l.count + 1) * sizeof *l.at);
        l.at[l.count++] = (struct bytes){b->data + from, end - from};
        from = end + 1;
    }
    return l;
}

static void print_lines(char mark, const struct lines *l, size_t from, size_t to)
{
    for (size_t i = from; i < to && i < l->count; i++) {
        struct buf clean;
        buf_init(&clean);
        text_clean(&clean, l->at[i].data, l->at[i].len, true, false); /* tabs stay */
        printf("%c%s\n", mark, clean.data);
        buf_done(&clean);
    }
}

void change_set_print(const struct change_set *c)
{
    struct lines a = split(&c->before), b = split(&c->after);
    size_t head = 0, tail = 0;
    while (head < a.count && head < b.count && bytes_eq(a.at[head], b.at[head]))
        head++;
    while (tail < a.count - head && tail < b.count - head &&
           bytes_eq(a.at[a.count - 1 - tail], b.at[b.count - 1 - tail]))
        tail++;
    printf("--- %s\n+++ %s\n", c->existed ? c->path : "/dev/null", c->is_removed ? "/dev/null" : c->path);
    print_lines(' ', &a, head > CONTEXT ? head - CONTEXT : 0, head);
    print_lines('-', &a, head, a.count - tail);
    print_lines('+', &b, head, b.count - tail);
    print_lines(' ', &a, a.count - tail, a.count - tail + CONTEXT);
    free(a.at);
    free(b.at);
}

/* --- Claude Code's settings --------------------------------------------------------- */

static void copy(struct buf *to, const struct buf *from)
{
    buf_reset(to);
    buf_put(to, from->data, from->len);
}

static int set_all(struct buf *doc, const char *const values[KEY_COUNT], const char *path, struct err *e)
{
    for (size_t i = 0; i < KEY_COUNT; i++) {
        if (json_edit_set(doc, "env", keys[i], values[i], e) != 0)
            return err_prefix(e, "%s", path);
    }
    return 0;
}

static int load_json(struct change_set *c, const char *path, struct err *e)
{
    if (load(c, path, e) != 0)
        return -1;
    if (!c->existed)
        return 0;
    return json_check_strict(path, c->before.data, c->before.len, e);
}

static void start_from(struct change_set *c)
{
    if (c->existed)
        copy(&c->after, &c->before);
    else
        buf_puts(&c->after, "{}\n");
}

static bool is_set_up(const struct buf *doc);

int setup_settings(struct change_set *c, const char *path, const struct client_env *env, struct err *e)
{
    const char *values[KEY_COUNT] = {env->base_url, env->token, ""};
    if (load_json(c, path, e) != 0)
        return -1;
    /* A second setup must not take the first one's work for the user's. */
    if (!is_set_up(&c->before))
        c->backup = xasprintf("%s.spantop-%s", path, c->existed ? "backup" : "created");
    start_from(c);
    return set_all(&c->after, values, path, e);
}

/* Is this the value a setup wrote, whatever its port was? */
static bool is_ours(const char *key, const char *value)
{
    static const char *const hosts[] = {"http://127.0.0.1:", "http://localhost:", "http://[::1]:"};
    if (strcmp(key, "ANTHROPIC_API_KEY") == 0)
        return strncmp(value, "spantop-", 8) == 0;
    if (strcmp(key, "ANTHROPIC_AUTH_TOKEN") == 0)
        return *value == '\0';
    for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++) {
        const char *port = strncmp(value, hosts[i], strlen(hosts[i])) == 0 ? value + strlen(hosts[i]) : NULL;
        if (port && strcmp(port + strspn(port, "0123456789"), "/api/anthropic/") == 0)
            return true;
    }
    return false;
}

static bool get(const struct buf *doc, const char *key, struct buf *value)
{
    buf_reset(value);
    return json_edit_get(doc, "env", key, value);
}

/* Set up means that the key is a local token: nothing else has one. */
static bool is_set_up(const struct buf *doc)
{
    struct buf value;
    buf_init(&value);
    bool yes = get(doc, "ANTHROPIC_API_KEY", &value) && is_ours("ANTHROPIC_API_KEY", value.data);
    buf_done(&value);
    return yes;
}

/* Take out what is ours; what stood there before comes back. */
static int remove_ours(struct buf *doc, const struct buf *original, struct err *e)
{
    struct buf now, was;
    int r = 0;
    buf_init(&now);
    buf_init(&was);
    for (size_t i = 0; i < KEY_COUNT && r == 0; i++) {
        if (!get(doc, keys[i], &now) || !is_ours(keys[i], now.data))
            continue;
        if (get(original, keys[i], &was))
            r = json_edit_set(doc, "env", keys[i], was.data, e);
        else
            json_edit_remove(doc, "env", keys[i], !json_edit_has(original, NULL, "env"));
    }
    buf_done(&now);
    buf_done(&was);
    return r;
}

/* Would setup, with the values that stand in the file, make it of the original? */
static bool is_as_setup_left_it(const struct change_set *c, const struct buf *original, const char *path)
{
    struct buf values[KEY_COUNT], made;
    const char *texts[KEY_COUNT];
    struct err ignored;
    bool same = true;
    buf_init(&made);
    for (size_t i = 0; i < KEY_COUNT; i++) {
        buf_init(&values[i]);
        same = get(&c->before, keys[i], &values[i]) && same;
        texts[i] = values[i].data;
    }
    copy(&made, original);
    same = same && set_all(&made, texts, path, &ignored) == 0 && bytes_eq(buf_bytes(&made), buf_bytes(&c->before));
    for (size_t i = 0; i < KEY_COUNT; i++)
        buf_done(&values[i]);
    buf_done(&made);
    return same;
}

static int undo_from(struct change_set *c, const struct buf *original, bool was_created, struct err *e)
{
    bool as_left = is_as_setup_left_it(c, original, c->path);
    c->is_removed = as_left && was_created;
    if (as_left && !was_created) {
        copy(&c->after, original);
        return 0;
    }
    if (as_left)
        return 0;
    copy(&c->after, &c->before);
    return remove_ours(&c->after, original, e);
}

int setup_settings_undo(struct change_set *c, const char *path, struct err *e)
{
    struct buf original;
    if (load_json(c, path, e) != 0)
        return -1;
    c->leftovers[0] = xasprintf("%s.spantop-backup", path);
    c->leftovers[1] = xasprintf("%s.spantop-created", path);
    if (!c->existed || !is_set_up(&c->before))
        return 1;
    bool was_created = access(c->leftovers[1], F_OK) == 0;
    buf_init(&original);
    int r = 0;
    if (access(c->leftovers[0], F_OK) == 0)
        r = file_read(c->leftovers[0], FILE_MAX, &original, e);
    else
        buf_puts(&original, "{}\n");
    if (r == 0)
        r = json_check_strict(c->leftovers[0], original.data, original.len, e);
    if (r == 0)
        r = undo_from(c, &original, was_created, e);
    buf_done(&original);
    return r;
}

/* --- The key's approval --------------------------------------------------------------- */

static const char *note_of(const char *token)
{
    size_t len = strlen(token);
    return len > KEY_NOTE_LEN ? token + len - KEY_NOTE_LEN : token;
}

int setup_approve(struct change_set *c, const char *path, const char *token, struct err *e)
{
    if (load_json(c, path, e) != 0)
        return -1;
    start_from(c);
    json_edit_list_remove(&c->after, "customApiKeyResponses", "rejected", note_of(token));
    if (json_edit_list_add(&c->after, "customApiKeyResponses", "approved", note_of(token), e) != 0)
        return err_prefix(e, "%s", path);
    return 0;
}

int setup_approve_undo(struct change_set *c, const char *path, const char *token, struct err *e)
{
    if (load_json(c, path, e) != 0)
        return -1;
    copy(&c->after, &c->before);
    if (!json_edit_list_has(&c->before, "customApiKeyResponses", "approved", note_of(token)))
        return 1;
    json_edit_list_remove(&c->after, "customApiKeyResponses", "approved", note_of(token));
    if (json_edit_list_is_empty(&c->after, "customApiKeyResponses", "approved"))
        json_edit_remove(&c->after, "customApiKeyResponses", "approved", true);
    return 0;
}

/* --- A shell's profile ------------------------------------------------------------------- */

#define BEGIN "# >>> spantop setup >>>"
#define END   "# <<< spantop setup <<<"
/* Said in the first line, so that --undo leaves the exact bytes behind. */
#define WAS_MISSING " (file made)"
#define WAS_OPEN    " (line break added)"

/* The block with its line breaks; len 0 when there is none. */
static struct span find_block(const struct buf *text)
{
    const char *begin = strstr(text->data, BEGIN);
    const char *end = begin ? strstr(begin, END) : NULL;
    if (!end)
        return (struct span){0, 0};
    end += strlen(END);
    end += *end == '\n';
    return (struct span){(size_t)(begin - text->data), (size_t)(end - begin)};
}

/* What the file was without the block. */
static bool take_block_out(struct change_set *c, struct buf *out)
{
    struct span block = find_block(&c->before);
    const char *begin = c->before.data + block.off;
    if (!block.len)
        return false;
    size_t head = block.off;
    bool was_open = strncmp(begin + strlen(BEGIN), WAS_OPEN, strlen(WAS_OPEN)) == 0;
    if (was_open && head > 0)
        head--;
    buf_put(out, c->before.data, head);
    buf_put(out, c->before.data + block.off + block.len, c->before.len - block.off - block.len);
    c->is_removed = out->len == 0 && strncmp(begin + strlen(BEGIN), WAS_MISSING, strlen(WAS_MISSING)) == 0;
    return true;
}

int setup_profile(struct change_set *c, const char *path, enum shell shell, const struct client_env *env, struct err *e)
{
    if (load(c, path, e) != 0)
        return -1;
    if (memchr(c->before.data, '\0', c->before.len))
        return err_set(e, "%s holds a NUL byte and is no shell's profile", path);
    bool was_missing = !c->existed;
    if (take_block_out(c, &c->after)) {
        was_missing = c->is_removed;
        c->is_removed = false;
    } else {
        copy(&c->after, &c->before);
    }
    bool is_open = c->after.len > 0 && c->after.data[c->after.len - 1] != '\n';
    buf_printf(&c->after, "%s" BEGIN "%s\n", is_open ? "\n" : "", was_missing ? WAS_MISSING : is_open ? WAS_OPEN : "");
    shell_set(&c->after, shell, keys[0], env->base_url);
    shell_set(&c->after, shell, keys[1], env->token);
    shell_set(&c->after, shell, keys[2], "");
    buf_puts(&c->after, END "\n");
    return 0;
}

int setup_profile_undo(struct change_set *c, const char *path, struct err *e)
{
    if (load(c, path, e) != 0)
        return -1;
    return take_block_out(c, &c->after) ? 0 : 1;
}
