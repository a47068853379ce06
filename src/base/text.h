/* Text for people: cleaning, widths, and numbers in few characters.
 *
 * Everything that came from the network, a file or the user's environment goes
 * through text_clean() before it reaches a terminal: no escape sequence, no
 * control character and no broken UTF-8 passes. Widths are terminal columns
 * (wcwidth in the current locale; callers run setlocale once). */
#ifndef SPANTOP_BASE_TEXT_H
#define SPANTOP_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

/* Length in bytes of the valid UTF-8 character at s (1..4), or 0 if none. */
size_t text_utf8_len(const char *s, size_t len);
bool text_is_utf8(const char *s, size_t len);

/* Append s to out: control characters (C0, DEL, C1), bidi overrides and broken
 * bytes become U+FFFD (or '?' when ascii); newlines and tabs stay only if
 * keep_lines. */
void text_clean(struct buf *out, const char *s, size_t len, bool keep_lines, bool ascii);

/* Columns that clean text takes; a character of unknown width counts 1. */
int text_width(const char *s, size_t len);
/* The longest prefix of s (bytes) that fits into columns. */
size_t text_fit(const char *s, size_t len, int columns);
/* Where to end a line that is too long: before the last blank (or behind the last
 * comma) of its second half, else where the columns end; len when it fits.  Never 0. */
size_t text_wrap(const char *s, size_t len, int columns);

/* Short figures, always NUL-terminated, at most 7 characters:
 * 0 999 1.2k 38k 142k 1.2M;  0.4s 12s 3m10s 2h05m;  $0.0004 $0.031 $4.21 $120;  1.5 KB 20 MB.
 * A negative number means unknown and gives "–" ("-" when ascii). */
#define TEXT_SHORT_MAX 24
void text_count(char out[TEXT_SHORT_MAX], int64_t n);
void text_ms(char out[TEXT_SHORT_MAX], int64_t ms);
void text_usd(char out[TEXT_SHORT_MAX], int64_t microusd);
void text_bytes(char out[TEXT_SHORT_MAX], int64_t bytes);
void text_set_ascii(bool ascii); /* once, at start (--no-unicode) */

/* Shell-style glob with * and ? over the whole of s, case-insensitive. */
bool text_glob(const char *glob, const char *s);

/* Fold ASCII case and find; NULL if absent. */
const char *text_find_nocase(const char *hay, size_t hay_len, const char *needle);

#endif
