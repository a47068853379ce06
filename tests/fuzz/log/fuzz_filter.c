/* A filter is parsed or refused with a sentence; a glob and its digest agree. */
#include <string.h>

#include "base/text.h"
#include "log/filter.h"
#include "log/routes_index.h"

#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    struct err e = {""};
    MUST(text != NULL);
    memcpy(text, data, size);
    text[size] = '\0';
    struct filter *f = filter_parse(text, &e);
    MUST(f || e.text[0]);
    filter_free(f);
    /* What the digest rules out the glob must not match. */
    char *name = strchr(text, '\n');
    if (name && size < 200) {
        *name++ = '\0';
        uint64_t wanted = route_pairs(text, true);
        if (text_glob(text, name))
            MUST((route_pairs(name, false) & wanted) == wanted);
    }
    free(text);
    return 0;
}
