/* The parameters header: what is encoded is decoded, a merge of good objects is good. */
#include <stdbool.h>
#include <string.h>

#include <cJSON.h>

#include "respan/params.h"

#include "tests/fuzz/fuzz.h"

static char *text_of(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    MUST(text != NULL);
    memcpy(text, data, size);
    text[size] = '\0';
    return text;
}

/* Merging looks no deeper than it must; what it promises it promises of JSON. */
static bool is_json(const char *text)
{
    cJSON *tree = cJSON_ParseWithOpts(text, NULL, 1);
    bool is_object = cJSON_IsObject(tree);
    /* cJSON takes any control character for white space. */
    for (const char *p = text; *p; p++)
        is_object = is_object && ((unsigned char)*p >= ' ' || *p == '\n');
    cJSON_Delete(tree);
    return is_object;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct err e = {""};
    const uint8_t *line = memchr(data, '\n', size);
    size_t first = line ? (size_t)(line - data) : size;
    char *base = text_of(data, first);
    char *top = line ? text_of(line + 1, size - first - 1) : text_of(data, 0);

    int verdict = params_check(base, &e);
    MUST(verdict == 0 || e.text[0]);
    free(params_decode(base, &e));
    free(params_from_cache_word(base, &e));
    char *merged = params_merge(base, top, &e);
    MUST(merged || e.text[0]);
    if (merged && is_json(base) && is_json(top)) {
        char *header = params_encode(merged);
        char *back = params_decode(header, &e);
        MUST(back != NULL);
        char *again = params_merge(NULL, back, &e);
        char *same = params_merge(NULL, merged, &e);
        MUST(again && same && strcmp(again, same) == 0);
        char *thread = params_with_thread(merged, "session\"\\", &e);
        MUST(thread != NULL);
        free(thread);
        free(again);
        free(same);
        free(back);
        free(header);
    }
    free(merged);
    free(base);
    free(top);
    return 0;
}
