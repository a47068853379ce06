/* Writing JSON text: the few places that print a string build on this one. */
#include "base/json.h"
#include "base/text.h"

void json_quote(struct buf *out, const char *s, size_t len)
{
    buf_putc(out, '"');
    while (len > 0) {
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
