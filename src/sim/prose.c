#include "sim/prose.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "sim/jsonx.h"

#define TOPICS_MAX 8
#define TOPIC_LEN 32
#define SCHEMA_DEPTH_MAX 8 /* a schema may name itself */

struct topics {
    char word[TOPICS_MAX][TOPIC_LEN];
    unsigned count;
};

/* %s takes one of the prompt's words. */
static const char *const sentences[] = {
    "The %s path is the one that matters here, so I started from its callers.",
    "I read through the code around `%s` and the behaviour follows from one early return.",
    "Nothing else depends on it — the change stays inside one function.",
    "There are two ways to do this; the smaller one keeps `%s` as it is and moves the check up.",
    "The tests that cover %s pass, and I added one for the empty case.",
    "Before the change a second call could see a half-written value; now it cannot.",
    "I kept the public names, so no caller of %s has to change.",
    "The error message now names the file and says what to do next.",
    "One thing to watch: %s is read again after a reload → the old value may still be cached.",
    "If you want it stricter, the limit is a constant at the top of the file.",
    "I left the formatting of the neighbouring lines alone to keep the diff small.",
    "The slow part was %s being parsed for each row; it is now parsed once.",
    "That matches what the log shows: three retries, each about a second apart.",
    "A short summary of the steps is below.",
    "The documentation for %s said otherwise, so I corrected that sentence as well.",
    "It is worth a look at `%s` in a follow-up, but it is not needed for this.",
};

static const char *const snippets[] = {
    "\n\n```diff\n-    if (!entry) return null;\n+    if (!entry) throw new NotFound(key);\n```\n\n",
    "\n\n1. Read the current value.\n2. Compare it with the stored one.\n3. Write only when they differ.\n\n",
    "\n\n```sh\nnpm test -- --run\n```\n\n",
    "\n\n- **Before:** 412 ms\n- **After:** 38 ms\n\n",
};

#define COUNT(array) ((unsigned)(sizeof(array) / sizeof((array)[0])))

static bool is_dull(const char *word)
{
    static const char *const dull[] = {"the", "and", "that", "this", "with", "from", "have", "please", "what", "when", "into",
                                       "your", "you", "for", "are", "can", "then", "them", "there", "should", "would", "about",
                                       "session", "title", "write", "following", "message", "user", "text", "a", "an", "to", "of", "in",
                                       "is", "it", "on"};
    for (unsigned i = 0; i < COUNT(dull); i++)
        if (strcmp(word, dull[i]) == 0)
            return true;
    return false;
}

static void find_topics(struct topics *t, const char *prompt)
{
    t->count = 0;
    while (*prompt && t->count < TOPICS_MAX) {
        char word[TOPIC_LEN];
        size_t len = 0;
        if (*prompt == '<') { /* markup around the prompt is not its subject */
            prompt += strcspn(prompt, ">");
            prompt += *prompt ? 1 : 0;
            continue;
        }
        while (isalnum((unsigned char)*prompt) || (len > 0 && (*prompt == '_' || *prompt == '-'))) {
            if (len + 1 < sizeof(word))
                word[len++] = *prompt;
            prompt++;
        }
        word[len] = '\0';
        if (len == 0) {
            prompt++;
            continue;
        }
        word[0] = (char)tolower((unsigned char)word[0]);
        if (len > 2 && !is_dull(word))
            memcpy(t->word[t->count++], word, sizeof(word));
    }
}

static const char *pick_topic(const struct topics *t, struct rng *rng)
{
    return t->count > 0 ? t->word[rng_below(rng, t->count)] : "config";
}

/* *used: which sentences were said already; none twice until all were. */
static int put_sentence(struct buf *out, const struct topics *t, struct rng *rng, uint32_t *used)
{
    unsigned i = rng_below(rng, COUNT(sentences));
    const char *s, *slot;
    int words = 1;

    if (*used == (1u << COUNT(sentences)) - 1)
        *used = 0;
    while (*used & (1u << i))
        i = (i + 1) % COUNT(sentences);
    *used |= 1u << i;
    s = sentences[i];
    slot = strstr(s, "%s");

    for (const char *p = s; *p; p++)
        words += *p == ' ';
    if (slot) {
        buf_put(out, s, (size_t)(slot - s));
        buf_puts(out, pick_topic(t, rng));
        buf_puts(out, slot + 2);
    } else {
        buf_puts(out, s);
    }
    return words;
}

void prose_answer(struct buf *out, const char *prompt, int words, struct rng *rng)
{
    struct topics t;
    int left = words > 0 ? words : 30 + (int)rng_below(rng, 90);
    int since_break = 0;
    uint32_t used = 0;

    find_topics(&t, prompt);
    while (left > 0) {
        left -= put_sentence(out, &t, rng, &used);
        if (left <= 0)
            break;
        if (++since_break >= 3 && rng_below(rng, 2) == 0) {
            buf_puts(out, rng_below(rng, 3) == 0 ? snippets[rng_below(rng, COUNT(snippets))] : "\n\n");
            since_break = 0;
        } else {
            buf_putc(out, ' ');
        }
    }
}

void prose_summary(struct buf *out, const char *prompt, struct rng *rng)
{
    static const char *const heads[] = {"Primary Request and Intent", "Key Technical Concepts", "Files and Code Sections",
                                        "Errors and fixes", "Pending Tasks", "Current Work"};

    buf_puts(out, "<analysis>\nGoing through the conversation in order.\n</analysis>\n\n<summary>\n");
    for (unsigned i = 0; i < COUNT(heads); i++) {
        buf_printf(out, "%u. %s:\n   ", i + 1, heads[i]);
        prose_answer(out, prompt, 25, rng);
        buf_puts(out, "\n\n");
    }
    buf_puts(out, "</summary>");
}

void prose_title(struct buf *out, const char *prompt)
{
    struct topics t;

    find_topics(&t, prompt);
    if (t.count == 0)
        buf_puts(out, "New conversation");
    for (unsigned i = 0; i < t.count && i < 5; i++) {
        if (i == 0)
            t.word[i][0] = (char)toupper((unsigned char)t.word[i][0]);
        buf_printf(out, "%s%s", i > 0 ? " " : "", t.word[i]);
    }
}

static cJSON *fill_object(const cJSON *schema, const char *prompt, int depth)
{
    cJSON *object = cJSON_CreateObject();
    const cJSON *property;

    cJSON_ArrayForEach(property, jsonx_get(schema, "properties"))
        cJSON_AddItemToObject(object, property->string, prose_fill_schema(property, property->string, prompt, depth + 1));
    return object;
}

static cJSON *fill_string(const char *name, const char *prompt)
{
    struct buf text;
    cJSON *s;

    buf_init(&text);
    prose_title(&text, prompt);
    if (strcmp(name, "branch") == 0) {
        for (size_t i = 0; i < text.len; i++)
            text.data[i] = text.data[i] == ' ' ? '-' : (char)tolower((unsigned char)text.data[i]);
    }
    s = cJSON_CreateString(text.data);
    buf_done(&text);
    return s;
}

cJSON *prose_fill_schema(const cJSON *schema, const char *name, const char *prompt, int depth)
{
    const cJSON *choices = jsonx_get(schema, "enum");
    const cJSON *type_item = jsonx_get(schema, "type");
    bool several = cJSON_IsArray(type_item) && cJSON_IsString(type_item->child); /* ["string","null"]: the first */
    const char *type = several ? type_item->child->valuestring : jsonx_string(schema, "type", "object");

    if (depth > SCHEMA_DEPTH_MAX)
        return cJSON_CreateNull();
    if (cJSON_IsArray(choices) && choices->child)
        return cJSON_Duplicate(choices->child, 1);
    if (strcmp(type, "string") == 0)
        return fill_string(name, prompt);
    if (strcmp(type, "boolean") == 0)
        return cJSON_CreateTrue();
    if (strcmp(type, "integer") == 0 || strcmp(type, "number") == 0)
        return cJSON_CreateNumber(1);
    if (strcmp(type, "array") == 0)
        return cJSON_CreateArray();
    if (strcmp(type, "null") == 0)
        return cJSON_CreateNull();
    return fill_object(schema, prompt, depth);
}
