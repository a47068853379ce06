#include "ui/field.h"

#include <string.h>

#include "base/text.h"
#include "ui/keys.h"

void field_set(struct field *f, const char *text)
{
    size_t len = text ? strlen(text) : 0;
    while (len >= FIELD_MAX || (len && !text_is_utf8(text, len)))
        len--;
    memcpy(f->text, text ? text : "", len);
    f->text[len] = '\0';
    f->len = f->at = len;
}

static size_t before(const struct field *f, size_t at)
{
    if (at > 0)
        at--;
    /* cppcheck-suppress arrayIndexOutOfBoundsCond ; at <= len < the text's size */
    while (at > 0 && ((unsigned char)f->text[at] & 0xc0) == 0x80)
        at--;
    return at;
}

static size_t behind(const struct field *f, size_t at)
{
    if (at < f->len)
        at++;
    while (at < f->len && ((unsigned char)f->text[at] & 0xc0) == 0x80)
        at++;
    return at;
}

static size_t word_before(const struct field *f, size_t at)
{
    while (at > 0 && f->text[at - 1] == ' ')
        at--;
    while (at > 0 && f->text[at - 1] != ' ')
        at--;
    return at;
}

static void cut(struct field *f, size_t from, size_t to)
{
    memmove(f->text + from, f->text + to, f->len - to + 1);
    f->len -= to - from;
    f->at = from;
}

static size_t encode(int point, char out[4])
{
    unsigned u = (unsigned)point;
    if (u < 0x80) {
        out[0] = (char)u;
        return 1;
    }
    if (u < 0x800) {
        out[0] = (char)(0xc0 | u >> 6);
        out[1] = (char)(0x80 | (u & 0x3f));
        return 2;
    }
    if (u < 0x10000) {
        out[0] = (char)(0xe0 | u >> 12);
        out[1] = (char)(0x80 | (u >> 6 & 0x3f));
        out[2] = (char)(0x80 | (u & 0x3f));
        return 3;
    }
    out[0] = (char)(0xf0 | u >> 18);
    out[1] = (char)(0x80 | (u >> 12 & 0x3f));
    out[2] = (char)(0x80 | (u >> 6 & 0x3f));
    out[3] = (char)(0x80 | (u & 0x3f));
    return 4;
}

static bool insert(struct field *f, int point)
{
    char bytes[4];
    size_t n = encode(point, bytes);
    if (f->len + n >= FIELD_MAX)
        return false;
    memmove(f->text + f->at + n, f->text + f->at, f->len - f->at + 1);
    memcpy(f->text + f->at, bytes, n);
    f->len += n;
    f->at += n;
    return true;
}

static bool move_key(struct field *f, int key)
{
    switch (key) {
    case KEY_CODE_LEFT:
    case KEY_CTRL('B'):
        f->at = before(f, f->at);
        return true;
    case KEY_CODE_RIGHT:
    case KEY_CTRL('F'):
        f->at = behind(f, f->at);
        return true;
    case KEY_CODE_HOME:
    case KEY_CTRL('A'):
        f->at = 0;
        return true;
    case KEY_CODE_END:
    case KEY_CTRL('E'):
        f->at = f->len;
        return true;
    default:
        return false;
    }
}

bool field_key(struct field *f, int key, bool *changed)
{
    size_t old = f->len;
    *changed = false;
    if (move_key(f, key))
        return true;
    switch (key) {
    case KEY_CODE_BACKSPACE:
        cut(f, before(f, f->at), f->at);
        break;
    case KEY_CODE_DELETE:
    case KEY_CTRL('D'):
        cut(f, f->at, behind(f, f->at));
        break;
    case KEY_CTRL('U'):
        cut(f, 0, f->at);
        break;
    case KEY_CTRL('K'):
        cut(f, f->at, f->len);
        break;
    case KEY_CTRL('W'):
        cut(f, word_before(f, f->at), f->at);
        break;
    default:
        if (key < 0x20 || key == 0x7f || (key >= 0x80 && key < 0xa0) || key >= KEY_CODE_FIRST)
            return false;
        insert(f, key);
        break;
    }
    *changed = f->len != old;
    return true;
}

bool field_replace(struct field *f, size_t from, size_t to, const char *text)
{
    size_t len = strlen(text);
    if (from > to || to > f->len || f->len - (to - from) + len >= FIELD_MAX)
        return false;
    cut(f, from, to);
    memmove(f->text + from + len, f->text + from, f->len - from + 1);
    memcpy(f->text + from, text, len);
    f->len += len;
    f->at = from + len;
    return true;
}

void field_draw(struct canvas *c, int row, int col, int width, const struct field *f)
{
    size_t from = 0;
    char part[FIELD_MAX];
    for (;;) { /* scroll until the cursor's column is inside */
        memcpy(part, f->text + from, f->at - from);
        part[f->at - from] = '\0';
        if (canvas_width(part) < width || from >= f->at)
            break;
        from = behind(f, from);
    }
    int cursor = canvas_width(part);
    canvas_fill(c, row, col, width, INK_PLAIN, " ");
    canvas_put(c, row, col, width, INK_PLAIN, f->text + from);
    canvas_restyle(c, row, col + cursor, 1, INK_SELECTED);
}
