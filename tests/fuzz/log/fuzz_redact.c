/* Whatever the body, no whole secret stays; what is called clean had none. */
#include <string.h>

#include "log/redact.h"

#include "tests/fuzz/fuzz.h"

static bool has_secret(struct bytes text)
{
    /* "K" and four figures, not across a quote or a line: none of them is a figure. */
    for (size_t i = 0; i + 5 <= text.len; i++) {
        size_t n = 1;
        while (text.data[i] == 'K' && n < 5 && text.data[i + n] >= '0' && text.data[i + n] <= '9')
            n++;
        if (n == 5)
            return true;
    }
    return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct redact *r;
    static const char *const patterns[] = {"K[0-9]{4}", "(secret|token)=[^ &]+", NULL};
    struct err e;
    if (!r)
        r = redact_new(patterns, &e);
    MUST(r != NULL);
    struct blob *body = blob_copy(data, size);
    struct blob *out = NULL;
    MUST(body != NULL);
    enum redacted verdict = redact_body(r, body, &out);
    MUST((verdict == REDACT_CHANGED) == (out != NULL));
    if (verdict == REDACT_CLEAN)
        MUST(!has_secret(blob_bytes(body)));
    if (out)
        MUST(!has_secret(blob_bytes(out)));
    blob_unref(out);
    blob_unref(body);
    return 0;
}
