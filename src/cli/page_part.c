/* What was said, as people read it: prose with its code set apart, thinking and
 * results folded, tool calls by the one argument that tells most. */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "cli/html.h"
#include "cli/page.h"
#include "log/diff.h"

#define GLIMPSE_BYTES ((size_t)110)
#define OPEN_BYTES    ((size_t)400)       /* a result this short is no trouble to the eye */
#define OTHER_BYTES   ((size_t)64 << 10)  /* of what nobody can lay out, such as a PDF */

/* ---- Text -------------------------------------------------------------------------------- */

char *page_clean(const struct page *p, const char *s, size_t len)
{
    struct buf clean;
    size_t kept = 0;
    buf_init_max(&clean, (size_t)1 << 30);
    text_clean(&clean, s, len, true, false);
    char *text = buf_take(&clean, NULL);
    if (p->x->redact)
        redact_text(p->x->redact, &text);
    for (char *c = text; *c; c++) /* the first half of CR LF became a sign of its own */
        if (strncmp(c, "\xef\xbf\xbd\n", 4) == 0)
            c += 2;
        else
            text[kept++] = *c;
    text[kept] = '\0';
    return text;
}

void page_put(struct page *p, const char *s, size_t len)
{
    char *text = page_clean(p, s, len);
    html_put_escaped(&p->x->out, text, strlen(text));
    free(text);
}

void page_put_string(struct page *p, const char *s)
{
    if (s)
        page_put(p, s, strlen(s));
}

void page_put_glimpse(struct page *p, const char *s, size_t len)
{
    char *text = page_clean(p, s, len);
    const char *line = text + strspn(text, " \t\n");
    size_t n = strcspn(line, "\n"), whole = strlen(line);
    if (n > GLIMPSE_BYTES)
        for (n = GLIMPSE_BYTES; n > 0 && ((unsigned char)line[n] & 0xc0) == 0x80;)
            n--;
    html_put_escaped(&p->x->out, line, n);
    if (n < whole)
        buf_puts(&p->x->out, " …");
    free(text);
}

/* ---- Prose --------------------------------------------------------------------------------- */

/* The next of `code` and **bold** in a line; its words are what stands between the marks. */
static bool find_marked(const char *line, size_t len, struct span *words, size_t *mark)
{
    for (size_t at = 0; at + 1 < len; at++) {
        *mark = line[at] == '`' ? 1 : line[at] == '*' && line[at + 1] == '*' ? 2 : 0;
        size_t from = at + *mark;
        const char *end = *mark && from < len ? memmem(line + from, len - from, line + at, *mark) : NULL;
        if (!end || end == line + from)
            continue;
        *words = (struct span){from, (size_t)(end - line) - from};
        return true;
    }
    return false;
}

static void put_line(struct buf *out, const char *line, size_t len)
{
    struct span words;
    size_t mark;
    while (find_marked(line, len, &words, &mark)) {
        const char *tag = mark == 1 ? "code" : "b";
        html_put_escaped(out, line, words.off - mark);
        buf_printf(out, "<%s>", tag);
        html_put_escaped(out, line + words.off, words.len);
        buf_printf(out, "</%s>", tag);
        line += words.off + words.len + mark;
        len -= words.off + words.len + mark;
    }
    html_put_escaped(out, line, len);
}

/* Lines between two of ``` are code. */
static void put_prose(struct page *p, const char *s, size_t len)
{
    struct buf *out = &p->x->out;
    char *text = page_clean(p, s, len);
    bool is_code = false;
    buf_puts(out, "<div class=prose>");
    for (const char *line = text; *line;) {
        size_t n = strcspn(line, "\n");
        const char *mark = line + strspn(line, " ");
        if (strncmp(mark, "```", 3) == 0) {
            buf_puts(out, is_code ? "</pre>" : "<pre>");
            is_code = !is_code;
        } else if (is_code) {
            html_put_escaped(out, line, n);
            buf_putc(out, '\n');
        } else {
            put_line(out, line, n);
            buf_puts(out, line[n] ? "\n" : "");
        }
        line += n + (line[n] == '\n');
    }
    buf_puts(out, is_code ? "</pre></div>\n" : "</div>\n");
    free(text);
}

static void put_size(struct buf *out, size_t len)
{
    char size[TEXT_SHORT_MAX];
    text_bytes(size, (int64_t)len);
    buf_printf(out, "<small>%s</small> ", size);
}

void page_put_folded(struct page *p, const char *class, const char *name, const char *s, size_t len)
{
    struct buf *out = &p->x->out;
    buf_printf(out, "<details class=%s><summary><b>", class);
    page_put_string(p, name);
    buf_puts(out, "</b> ");
    put_size(out, len);
    page_put_glimpse(p, s, len);
    buf_puts(out, "</summary><pre>");
    page_put(p, s, len);
    buf_puts(out, "</pre></details>\n");
}

/* ---- Tools ----------------------------------------------------------------------------------- */

/* The argument that tells most about a call, by the names that tools use. */
static bool find_main(const struct content_part *part, struct span *v)
{
    static const char *const names[] = {"command", "file_path", "notebook_path", "pattern", "query", "url",
                                        "skill",   "description", "path",        "subject", "prompt"};
    size_t at = json_skip_space(part->text, part->text_len, 0);
    if (at >= part->text_len || part->text[at] != '{')
        return false;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (json_member(part->text, part->text_len, at, names[i], v) && json_is_string(part->text, *v))
            return true;
    return false;
}

static void put_tool_use(struct page *p, const struct content_part *part)
{
    struct buf *out = &p->x->out, text;
    struct span v;
    buf_init_max(&text, (size_t)1 << 30);
    buf_puts(out, "<details class=tool><summary><b>");
    page_put_string(p, part->name);
    buf_puts(out, "</b> <code>");
    if (find_main(part, &v) && json_text(part->text, v, &text) == 0)
        page_put_glimpse(p, text.data, text.len);
    buf_puts(out, "</code></summary><pre>");
    buf_reset(&text);
    diff_layout((struct bytes){part->text, part->text_len}, &text);
    page_put(p, text.data, text.len);
    buf_puts(out, "</pre></details>\n");
    buf_done(&text);
}

static void put_result(struct page *p, const struct content_part *part, const char *tool)
{
    const char *class = part->is_error ? "\"result failed\"" : "result";
    if (part->text_len > OPEN_BYTES) {
        page_put_folded(p, class, tool ? tool : "result", part->text, part->text_len);
        return;
    }
    buf_printf(&p->x->out, "<div class=%s><pre>", class);
    page_put(p, part->text, part->text_len);
    buf_puts(&p->x->out, "</pre></div>\n");
}

/* ---- Parts ------------------------------------------------------------------------------------- */

/* Claude Code puts such texts around what people type: fold them, go on behind them. */
static size_t put_reminder(struct page *p, const char *s, size_t len)
{
    static const char open[] = "<system-reminder>", close[] = "</system-reminder>";
    size_t from = 0;
    while (from < len && strchr(" \n", s[from]))
        from++;
    if (len - from < sizeof open - 1 || memcmp(s + from, open, sizeof open - 1) != 0)
        return 0;
    from += sizeof open - 1;
    const char *end = memmem(s + from, len - from, close, sizeof close - 1);
    size_t upto = end ? (size_t)(end - s) : len;
    page_put_folded(p, "other", "system reminder", s + from, upto - from);
    return end ? upto + sizeof close - 1 : len;
}

static void put_text(struct page *p, const char *s, size_t len)
{
    size_t used;
    while ((used = put_reminder(p, s, len)) > 0) {
        s += used;
        len -= used;
    }
    while (len > 0 && (*s == '\n' || *s == ' ')) {
        s++;
        len--;
    }
    if (len > 0)
        put_prose(p, s, len);
}

static void put_other(struct page *p, const struct content_part *part)
{
    size_t len = part->text_len < OTHER_BYTES ? part->text_len : OTHER_BYTES;
    page_put_folded(p, "other", part->name, part->text, len);
    if (len < part->text_len)
        buf_printf(&p->x->out, "<p class=note>%zu bytes more are left out</p>\n", part->text_len - len);
}

void page_put_part(struct page *p, const struct content_part *part, const char *tool)
{
    switch (part->kind) {
    case CONTENT_TEXT:
        put_text(p, part->text, part->text_len);
        break;
    case CONTENT_THINKING:
        page_put_folded(p, "thinking", "thinking", part->text, part->text_len);
        break;
    case CONTENT_TOOL_USE:
        put_tool_use(p, part);
        break;
    case CONTENT_TOOL_RESULT:
        put_result(p, part, tool);
        break;
    case CONTENT_IMAGE:
        buf_puts(&p->x->out, "<p class=image>▨ ");
        page_put(p, part->text, part->text_len);
        buf_puts(&p->x->out, "</p>\n");
        break;
    case CONTENT_OTHER:
        put_other(p, part);
        break;
    }
}
