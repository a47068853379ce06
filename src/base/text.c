#include "base/text.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <wchar.h>

static bool use_ascii;

void text_set_ascii(bool ascii)
{
    use_ascii = ascii;
}

/* --- UTF-8 --- */

/* Decode one character; its length, or 0 when s does not begin with a valid one. */
static size_t decode(const unsigned char *s, size_t len, uint32_t *code)
{
    static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
    if (len == 0)
        return 0;
    if (s[0] < 0x80) {
        *code = s[0];
        return 1;
    }
    size_t n = s[0] >= 0xF0 ? 4 : s[0] >= 0xE0 ? 3 : 2;
    if (s[0] < 0xC2 || s[0] > 0xF4 || len < n)
        return 0;
    uint32_t c = s[0] & (0xFFu >> (n + 1));
    for (size_t i = 1; i < n; i++) {
        if ((s[i] & 0xC0) != 0x80)
            return 0;
        c = c << 6 | (s[i] & 0x3F);
    }
    if (c < smallest[n] || c > 0x10FFFF || (c >= 0xD800 && c <= 0xDFFF))
        return 0;
    *code = c;
    return n;
}

size_t text_utf8_len(const char *s, size_t len)
{
    uint32_t code;
    return decode((const unsigned char *)s, len, &code);
}

/* Whole words of ASCII at the start of s: nearly every text that is checked. */
static size_t ascii_len(const char *s, size_t len)
{
    size_t at = 0;
    uint64_t word;
    for (; len - at >= sizeof word; at += sizeof word) {
        memcpy(&word, s + at, sizeof word);
        if (word & 0x8080808080808080u)
            break;
    }
    return at;
}

bool text_is_utf8(const char *s, size_t len)
{
    size_t ascii = ascii_len(s, len);
    s += ascii;
    len -= ascii;
    while (len > 0) {
        size_t n = text_utf8_len(s, len);
        if (n == 0)
            return false;
        s += n;
        len -= n;
    }
    return true;
}

/* --- Cleaning --- */

static bool is_bidi_control(uint32_t c)
{
    return c == 0x061C || c == 0x200E || c == 0x200F || (c >= 0x202A && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069);
}

/* Line and paragraph separators move the cursor on some terminals; the tag and
 * BOM characters are invisible carriers. */
static bool is_invisible(uint32_t c)
{
    return c == 0x2028 || c == 0x2029 || c == 0xFEFF || (c >= 0xE0000 && c <= 0xE007F) || (c >= 0xFFF9 && c <= 0xFFFB);
}

static bool is_unsafe(uint32_t c)
{
    return c < 0x20 || (c >= 0x7F && c < 0xA0) || is_bidi_control(c) || is_invisible(c);
}

void text_clean(struct buf *out, const char *s, size_t len, bool keep_lines, bool ascii)
{
    const char *mark = ascii ? "?" : "\xEF\xBF\xBD";
    while (len > 0) {
        uint32_t c = 0;
        size_t n = decode((const unsigned char *)s, len, &c);
        bool is_line = keep_lines && n == 1 && (c == '\n' || c == '\t');
        if (is_line || (n > 0 && !is_unsafe(c) && !(ascii && c > 0x7E)))
            buf_put(out, s, n);
        else
            buf_puts(out, mark);
        n = n ? n : 1;
        s += n;
        len -= n;
    }
}

/* --- Widths --- */

/* In the C locale wcwidth knows ASCII alone; then every character counts 1. */
static int char_width(uint32_t c)
{
    if (c < 0x80)
        return 1;
    int w = wcwidth((wchar_t)c);
    return w < 0 ? 1 : w;
}

size_t text_fit(const char *s, size_t len, int columns)
{
    size_t at = 0;
    while (at < len) {
        uint32_t c = '?';
        size_t n = decode((const unsigned char *)s + at, len - at, &c);
        columns -= char_width(c);
        if (columns < 0)
            break;
        at += n ? n : 1;
    }
    return at;
}

size_t text_wrap(const char *s, size_t len, int columns)
{
    size_t fit = text_fit(s, len, columns);
    if (fit >= len)
        return len;
    if (fit == 0)
        fit = text_utf8_len(s, len) ? text_utf8_len(s, len) : 1;
    for (size_t at = fit; at > fit / 2; at--)
        if (s[at] == ' ' || s[at - 1] == ',')
            return at;
    return fit;
}

int text_width(const char *s, size_t len)
{
    int columns = 0;
    while (len > 0) {
        uint32_t c = '?';
        size_t n = decode((const unsigned char *)s, len, &c);
        columns += char_width(c);
        n = n ? n : 1;
        s += n;
        len -= n;
    }
    return columns;
}

/* --- Short figures --- */

static void unknown(char out[TEXT_SHORT_MAX])
{
    strcpy(out, use_ascii ? "-" : "\xE2\x80\x93");
}

/* value / unit with one decimal below ten, none above: 1.2k, 38k. */
static void scaled(char out[TEXT_SHORT_MAX], int64_t value, int64_t unit, const char *suffix)
{
    int64_t tenths = (value * 10 + unit / 2) / unit;
    if (tenths < 100)
        snprintf(out, TEXT_SHORT_MAX, "%lld.%lld%s", (long long)(tenths / 10), (long long)(tenths % 10), suffix);
    else
        snprintf(out, TEXT_SHORT_MAX, "%lld%s", (long long)((value + unit / 2) / unit), suffix);
}

void text_count(char out[TEXT_SHORT_MAX], int64_t n)
{
    if (n < 0)
        unknown(out);
    else if (n < 1000)
        snprintf(out, TEXT_SHORT_MAX, "%lld", (long long)n);
    else if (n < 999500)
        scaled(out, n, 1000, "k");
    else if (n < 999500000)
        scaled(out, n, 1000000, "M");
    else if (n < INT64_MAX / 20)
        scaled(out, n, 1000000000, "G");
    else
        strcpy(out, "huge");
}

void text_ms(char out[TEXT_SHORT_MAX], int64_t ms)
{
    int64_t s = ms < 59500 ? ms / 1000 : (ms - 500) / 1000 + 1; /* rounded: 59.7 s are a minute */
    if (ms < 0)
        unknown(out);
    else if (ms < 9950)
        scaled(out, ms, 1000, "s");
    else if (ms < 59500)
        snprintf(out, TEXT_SHORT_MAX, "%llds", (long long)((ms + 500) / 1000));
    else if (s < 3600)
        snprintf(out, TEXT_SHORT_MAX, "%lldm%02llds", (long long)(s / 60), (long long)(s % 60));
    else if (s < 86400)
        snprintf(out, TEXT_SHORT_MAX, "%lldh%02lldm", (long long)(s / 3600), (long long)(s % 3600 / 60));
    else
        snprintf(out, TEXT_SHORT_MAX, "%lldd%02lldh", (long long)(s / 86400), (long long)(s % 86400 / 3600));
}

/* Cents from a dollar on, tenths of a cent below: what one call costs is often
 * a few tenths. */
void text_usd(char out[TEXT_SHORT_MAX], int64_t microusd)
{
    if (microusd < 0)
        unknown(out);
    else if (microusd > 0 && microusd < 50)
        snprintf(out, TEXT_SHORT_MAX, "<$.0001");
    else if (microusd > 0 && microusd < 950) /* three digits would say nothing of it */
        snprintf(out, TEXT_SHORT_MAX, "$0.%04lld", (long long)((microusd + 50) / 100));
    else if (microusd < 999500)
        snprintf(out, TEXT_SHORT_MAX, "$0.%03lld", (long long)((microusd + 500) / 1000));
    else if (microusd < 99995000)
        snprintf(out, TEXT_SHORT_MAX, "$%lld.%02lld", (long long)((microusd + 5000) / 1000000),
                 (long long)((microusd + 5000) / 10000 % 100));
    else
        snprintf(out, TEXT_SHORT_MAX, "$%lld", (long long)((microusd + 500000) / 1000000));
}

void text_bytes(char out[TEXT_SHORT_MAX], int64_t bytes)
{
    static const char *const suffixes[] = {" KB", " MB", " GB", " TB"};
    int64_t unit = 1000;
    size_t i = 0;
    if (bytes < 0) {
        unknown(out);
        return;
    }
    if (bytes < 1000) {
        snprintf(out, TEXT_SHORT_MAX, "%lld B", (long long)bytes);
        return;
    }
    while (i + 1 < sizeof suffixes / sizeof *suffixes && bytes >= unit * 1000 - unit / 2) {
        unit *= 1000;
        i++;
    }
    if (bytes > INT64_MAX / 20)
        strcpy(out, "huge");
    else
        scaled(out, bytes, unit, suffixes[i]);
}

/* --- Matching --- */

static char fold(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

/* One star is remembered at a time, so the cost is at most glob * text. */
bool text_glob(const char *glob, const char *s)
{
    const char *star = NULL;
    const char *resume = NULL;
    while (*s) {
        if (*glob == '*') {
            star = glob++;
            resume = s;
        } else if (*glob == '?' || (*glob && fold(*glob) == fold(*s))) {
            glob++;
            s++;
        } else if (star) {
            glob = star + 1;
            s = ++resume;
        } else {
            return false;
        }
    }
    while (*glob == '*')
        glob++;
    return *glob == '\0';
}

const char *text_find_nocase(const char *hay, size_t hay_len, const char *needle)
{
    size_t n = strlen(needle);
    int first = tolower((unsigned char)needle[0]);
    for (size_t i = 0; i + n <= hay_len; i++) /* the first byte tells nearly always */
        if (n == 0 || (tolower((unsigned char)hay[i]) == first && strncasecmp(hay + i, needle, n) == 0))
            return hay + i;
    return NULL;
}
