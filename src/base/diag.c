#include "base/diag.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"

#define DIAG_LINE_MAX 1024

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int diag_fd = STDERR_FILENO;
static char last_line[DIAG_LINE_MAX];
static unsigned repeats;

int diag_open(const char *path, struct err *e)
{
    if (!path)
        return 0;
    int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return err_set(e, "cannot write diagnostics to %s: %s", path, strerror(errno));
    diag_fd = fd;
    return 0;
}

static void write_line(const char *text)
{
    char stamp[32];
    struct tm tm;
    time_t now = (time_t)(clock_wall_ms() / 1000);
    localtime_r(&now, &tm);
    strftime(stamp, sizeof stamp, "%Y-%m-%d %H:%M:%S", &tm);
    struct buf line;
    buf_init(&line);
    buf_printf(&line, "%s ", stamp);
    text_clean(&line, text, strlen(text), false, false);
    buf_putc(&line, '\n');
    ssize_t n = write(diag_fd, line.data, line.len);
    (void)n; /* nobody is left to be told */
    buf_done(&line);
}

static void write_repeats(void)
{
    char text[64];
    if (repeats == 0)
        return;
    snprintf(text, sizeof text, "(the same line %u times more)", repeats);
    write_line(text);
    repeats = 0;
}

void diag_line(const char *fmt, ...)
{
    char text[DIAG_LINE_MAX];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    pthread_mutex_lock(&lock);
    if (strcmp(text, last_line) == 0) {
        repeats++;
    } else {
        write_repeats();
        write_line(text);
        memcpy(last_line, text, sizeof last_line);
    }
    pthread_mutex_unlock(&lock);
}
