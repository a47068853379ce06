/* Targets, upstreams and listening addresses: lines of the input.  Joining leaves
 * exactly one slash and the rest of a target as it came. */
#include <string.h>

#include "gateway/api.h"
#include "gateway/guard.h"
#include "gateway/listen.h"
#include "gateway/target.h"

#include "tests/fuzz/fuzz.h"

static void check_target(const struct upstream_base *b, const char *method, const char *target)
{
    const char *rest = NULL;
    if (target_classify(method, target, &rest) != TARGET_FORWARD)
        return;
    size_t len = strlen(target), rest_len = strlen(rest);
    MUST(rest >= target && rest + rest_len == target + len);
    (void)target_is_routed(method, rest);
    (void)target_is_models(method, rest);
    (void)target_is_v1(rest);
    char *joined = upstream_base_join(b, rest);
    size_t base_len = strlen(b->path);
    MUST(strncmp(joined, b->path, base_len) == 0 && joined[base_len] == '/');
    MUST(strcmp(joined + base_len + 1, rest) == 0);
    free(joined);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct upstream_base base;
    struct err e = {""};
    char host[64];
    int port = -1;
    char *text = malloc(size + 1);
    MUST(text != NULL);
    memcpy(text, data, size);
    text[size] = '\0';
    char *target = strchr(text, '\n');
    if (target)
        *target++ = '\0';
    if (upstream_base_parse(&base, text, &e) == 0) {
        size_t path_len = strlen(base.path);
        MUST(path_len == 0 || base.path[path_len - 1] != '/');
        MUST(base.host[0] && strncmp(base.origin, base.is_tls ? "https://" : "http://", base.is_tls ? 8 : 7) == 0);
        check_target(&base, "POST", target ? target : "/v1/messages");
        check_target(&base, "GET", target ? target : "/");
        upstream_base_done(&base);
    } else {
        MUST(e.text[0]);
    }
    free(api_base_of(text));
    if (listen_parse(text, host, sizeof host, &port, &e) == 0)
        MUST(port >= 0 && port <= 65535 && host[0] && memchr(host, 0, sizeof host));
    (void)host_is_loopback(text);
    free(text);
    return 0;
}
