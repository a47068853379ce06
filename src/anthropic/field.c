#include "anthropic/field.h"

#include <stdint.h>
#include <string.h>

#include "base/buf.h"
#include "base/json.h"

/* An escape makes a byte out of six at most (\u0061), so a longer value cannot
 * be one of the short words compared here. */
#define ESCAPE_MAX 6

bool field_member(const char *s, struct span object, const char *key, struct span *v)
{
    return field_begins(s, object, '{') && json_member(s, field_end(object), object.off, key, v);
}

/* The start of the character that the byte at `at` belongs to. */
static size_t character_start(const char *text, size_t at)
{
    size_t start = at;

    while (start > 0 && at - start < 3 && ((unsigned char)text[start] & 0xC0) == 0x80)
        start--;
    return start;
}

void field_copy(char *field, size_t size, const char *text, size_t len)
{
    size_t room = size - 1;

    if (len > room)
        len = character_start(text, room);
    len = strnlen(text, len);
    memcpy(field, text, len);
    field[len] = '\0';
}

bool field_from_json(char *field, size_t size, const char *s, struct span v)
{
    struct buf text;

    if (!json_is_string(s, v))
        return false;
    if (!memchr(s + v.off, '\\', v.len)) {
        field_copy(field, size, s + v.off + 1, v.len - 2);
        return true;
    }
    buf_init(&text);
    bool good = json_text(s, v, &text) == 0;
    if (good)
        field_copy(field, size, text.data, text.len);
    buf_done(&text);
    return good;
}

bool field_from_member(char *field, size_t size, const char *s, struct span v, const char *key)
{
    struct span value;

    return field_member(s, v, key, &value) && field_from_json(field, size, s, value);
}

static bool quoted_is(const char *s, struct span quoted, const char *word, size_t word_len)
{
    struct buf text;

    buf_init(&text);
    bool is = json_text(s, quoted, &text) == 0 && text.len == word_len && memcmp(text.data, word, word_len) == 0;
    buf_done(&text);
    return is;
}

bool field_key_is(const char *s, struct span key, const char *word)
{
    size_t len = strlen(word);

    if (key.len == len)
        return memcmp(s + key.off, word, len) == 0;
    if (key.len < len || key.len > len * ESCAPE_MAX || !memchr(s + key.off, '\\', key.len))
        return false;
    return quoted_is(s, (struct span){key.off - 1, key.len + 2}, word, len);
}

bool field_value_is(const char *s, struct span v, const char *word)
{
    return v.len >= 2 && json_is_string(s, v) && field_key_is(s, (struct span){v.off + 1, v.len - 2}, word);
}
