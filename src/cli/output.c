#include "cli/output.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "base/text.h"
#include "cli/command.h"

bool out_is_terminal(void)
{
    return isatty(STDOUT_FILENO);
}

static int terminal_size(bool rows)
{
    struct winsize size = {0};
    if (!out_is_terminal() || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0)
        return 0;
    int n = rows ? size.ws_row : size.ws_col;
    return n > 0 ? n : rows ? 24 : 80; /* a serial line does not know its size */
}

int out_columns(void)
{
    return terminal_size(false);
}

int out_rows(void)
{
    return terminal_size(true);
}

bool out_is_broken(void)
{
    return ferror(stdout) != 0;
}

/* stdio keeps no errno of an earlier failure, but a pipe without a reader says so itself. */
static bool reader_has_left(void)
{
    struct pollfd p = {.fd = STDOUT_FILENO, .events = POLLOUT};
    return poll(&p, 1, 0) == 1 && (p.revents & POLLERR);
}

int out_finish(int status)
{
    errno = 0;
    if (fflush(stdout) == 0 && !ferror(stdout))
        return status;
    int reason = errno;
    if (reason == EPIPE || reader_has_left())
        return status;
    cli_say("cannot write to stdout: %s", reason ? strerror(reason) : "a write failed");
    return CLI_FAILED;
}

void out_text(const char *s, size_t len)
{
    struct buf clean;
    if (!s || len == 0)
        return;
    if (!out_is_terminal()) {
        fwrite(s, 1, len, stdout);
        return;
    }
    buf_init(&clean);
    text_clean(&clean, s, len, true, false);
    fwrite(clean.data, 1, clean.len, stdout);
    buf_done(&clean);
}

void out_json(cJSON *j)
{
    char *text = cJSON_Print(j);
    if (text)
        out_text(text, strlen(text)); /* also on a terminal it is text from outside */
    putchar('\n');
    free(text);
    cJSON_Delete(j);
}

/* JSON must be UTF-8, and a JSON on a terminal is still text from outside. */
void json_add_text(cJSON *object, const char *name, const char *s)
{
    struct buf clean;
    if (!s) {
        cJSON_AddNullToObject(object, name);
        return;
    }
    size_t len = strlen(s);
    if (text_is_utf8(s, len) && !out_is_terminal()) {
        cJSON_AddStringToObject(object, name, s);
        return;
    }
    buf_init(&clean);
    text_clean(&clean, s, len, true, false);
    cJSON_AddStringToObject(object, name, clean.data);
    buf_done(&clean);
}

void json_add_count(cJSON *object, const char *name, int64_t n)
{
    if (n < 0)
        cJSON_AddNullToObject(object, name);
    else
        cJSON_AddNumberToObject(object, name, (double)n);
}

const char *out_dash(void)
{
    static char dash[TEXT_SHORT_MAX];
    text_count(dash, -1);
    return dash;
}

void out_time(char text[OUT_TIME_MAX], int64_t wall_ms, bool day)
{
    time_t seconds = (time_t)(wall_ms / 1000);
    struct tm tm;
    if (wall_ms <= 0 || !localtime_r(&seconds, &tm)) {
        snprintf(text, OUT_TIME_MAX, "%s", out_dash());
        return;
    }
    strftime(text, OUT_TIME_MAX, day ? "%Y-%m-%d %H:%M:%S" : "%H:%M:%S", &tm);
}
