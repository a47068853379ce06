/* A config file: its settings are within their bounds, or a sentence says what is wrong. */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cli/options.h"

#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[64];
    char *argv[] = {(char *)"spantop", (char *)"--config", path, NULL};
    struct args args;
    struct settings s;
    struct err e = {""};
    int fd = memfd_create("config", MFD_CLOEXEC);
    MUST(fd >= 0 && write(fd, data, size) == (ssize_t)size);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    MUST(args_parse(&args, 3, argv, 0, false, common_options, NULL, &e) == 0);
    if (settings_load(&s, &args, &e) == 0) {
        MUST(s.listen && s.upstream && s.log_path && s.log_path[0] == '/');
        MUST(s.keep_days >= 0 && s.max_log_bytes >= 0 && s.body_max_bytes >= 0 && s.held_max_bytes >= 0);
        MUST(s.upstream_idle_ms >= 0 && s.connect_timeout_ms >= 0);
    } else {
        MUST(e.text[0]);
    }
    settings_done(&s);
    args_done(&args);
    close(fd);
    return 0;
}
