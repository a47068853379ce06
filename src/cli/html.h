/* Pages that stand for themselves: no script, no font, nothing is fetched, and a
 * content security policy in the page says so to the browser, too.
 *
 * Text from outside stands between tags and is escaped; it never becomes an
 * attribute's value. */
#ifndef SPANTOP_CLI_HTML_H
#define SPANTOP_CLI_HTML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

/* Up to and with <body>.  title is escaped; css is ours. */
void html_put_head(struct buf *out, const char *title, const char *css);
/* Escaped, nothing else. */
void html_put_escaped(struct buf *out, const char *s, size_t len);
/* Cleaned to one line and escaped. */
void html_put_text(struct buf *out, const char *s);
void html_put_usd(struct buf *out, int64_t microusd); /* may be negative: what was lost */
/* "2026-11-22 14:02", local, either part left out as asked. */
void html_put_time(struct buf *out, bool has_day, bool has_hour, int64_t ms);

#endif
