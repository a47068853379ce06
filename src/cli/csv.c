#include "cli/csv.h"

#include <stdbool.h>
#include <string.h>

void csv_put_cell(struct buf *out, const char *text)
{
    bool is_formula = text && *text && strchr("=+-@\t\r\n", *text);
    if (!text || (!is_formula && !strpbrk(text, ",\"\r\n") && *text != ' ')) {
        buf_puts(out, text ? text : "");
        return;
    }
    buf_puts(out, is_formula ? "\"'" : "\"");
    for (; *text; text++) {
        if (*text == '"')
            buf_putc(out, '"');
        buf_putc(out, *text);
    }
    buf_putc(out, '"');
}
