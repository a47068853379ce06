#include "cli/html.h"

#include <string.h>
#include <time.h>

#include "base/text.h"

void html_put_head(struct buf *out, const char *title, const char *css)
{
    buf_puts(out, "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
                  "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; "
                  "base-uri 'none'; form-action 'none'\">\n"
                  "<meta name=\"referrer\" content=\"no-referrer\">\n"
                  "<meta name=\"viewport\" content=\"width=device-width\">\n<title>");
    html_put_text(out, title);
    buf_printf(out, "</title>\n<style>%s</style></head><body>\n", css);
}

void html_put_escaped(struct buf *out, const char *s, size_t len)
{
    static const char special[] = {'<', '>', '&', '"', '\''};
    for (size_t i = 0; i < len; i++) {
        size_t plain = i;
        while (i < len && !memchr(special, s[i], sizeof special))
            i++;
        buf_put(out, s + plain, i - plain);
        if (i < len)
            buf_puts(out, s[i] == '<' ? "&lt;" : s[i] == '>' ? "&gt;" : s[i] == '&' ? "&amp;" : s[i] == '"' ? "&quot;" : "&#39;");
    }
}

void html_put_text(struct buf *out, const char *s)
{
    struct buf clean;
    buf_init(&clean);
    text_clean(&clean, s, strlen(s), false, false);
    html_put_escaped(out, clean.data, clean.len);
    buf_done(&clean);
}

void html_put_usd(struct buf *out, int64_t microusd)
{
    char text[TEXT_SHORT_MAX];
    text_usd(text, microusd < 0 ? -microusd : microusd);
    buf_printf(out, "%s%s", microusd < 0 ? "-" : "", text);
}

void html_put_time(struct buf *out, bool has_day, bool has_hour, int64_t ms)
{
    struct tm t;
    time_t at = (time_t)(ms / 1000);
    localtime_r(&at, &t);
    if (has_day && has_hour)
        buf_printf(out, "%d-", t.tm_year + 1900);
    if (has_day)
        buf_printf(out, "%02d-%02d", t.tm_mon + 1, t.tm_mday);
    if (has_hour)
        buf_printf(out, "%s%02d:%02d", has_day ? " " : "", t.tm_hour, t.tm_min);
}
