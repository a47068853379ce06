/* Writing JSON text: the few places that print a string build on this one. */
#include "base/json.h"
#include "base/text.h"

/* How much of s goes out as it is, a character beyond ASCII apart. */
static size_t plain_len(const char *s, size_t len)
{
    size_t n = 0;
    while (n < len && s[n] >= 0x20 && s[n] < 0x7F && s[n] != '"' && s[n] != '\\')
        n++;
    return n;
}

void json_quote(struct buf *out, const char *s, size_t len)
{
    buf_putc(out, '"');
    while (len > 0) {
        size_t plain = plain_len(s, len);
        buf_put(out, s, plain);
        s += plain;
        len -= plain;
        if (len == 0)
            break;
        unsigned char c = (unsigned char)*s;
        size_t n = text_utf8_len(s, len);
        if (n == 0) {
            buf_puts(out, "\xEF\xBF\xBD");
            n = 1;
        } else if (c == '"' || c == '\\') {
            buf_printf(out, "\\%c", c);
        } else if (c == '\n') {
            buf_puts(out, "\\n");
        } else if (c == '\t') {
            buf_puts(out, "\\t");
        } else if (c < 0x20 || c == 0x7F) {
            buf_printf(out, "\\u%04x", c);
        } else {
            buf_put(out, s, n);
        }
        s += n;
        len -= n;
    }
    buf_putc(out, '"');
}
