#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

/* vsnprintf may cut inside a UTF-8 character; drop the torn rest. */
static void trim_torn_character(char *s)
{
    size_t len = strlen(s);
    size_t start = len;
    while (start > 0 && len - start < 4 && ((unsigned char)s[start - 1] & 0xC0) == 0x80)
        start--;
    if (start == 0 || (unsigned char)s[start - 1] < 0xC0)
        return;
    start--;
    if (text_utf8_len(s + start, len - start) != len - start)
        s[start] = '\0';
}

int err_set(struct err *e, const char *fmt, ...)
{
    va_list args;
    if (!e)
        return -1;
    va_start(args, fmt);
    vsnprintf(e->text, sizeof e->text, fmt, args);
    va_end(args);
    trim_torn_character(e->text);
    return -1;
}

int err_prefix(struct err *e, const char *fmt, ...)
{
    char head[ERR_TEXT_MAX];
    char tail[ERR_TEXT_MAX];
    va_list args;
    if (!e)
        return -1;
    va_start(args, fmt);
    vsnprintf(head, sizeof head, fmt, args);
    va_end(args);
    memcpy(tail, e->text, sizeof tail);
    return err_set(e, "%.*s: %s", ERR_TEXT_MAX / 2, head, tail);
}
