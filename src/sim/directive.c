/* Directives nest ("[[sim tool Agent {…[[sim text x]]…}]]"), so the end of one is
 * found by counting brackets; only the outermost ones belong to this prompt. */
#include "sim/directive.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "sim/jsonx.h"

#define OPEN "[[sim "
#define OPEN_LEN (sizeof(OPEN) - 1)

/* The next outermost directive at or after s: its inner text as a new string,
 * *start and *after around it.  NULL: none. */
static char *next_directive(const char *s, const char **start, const char **after)
{
    const char *open = strstr(s, OPEN);
    int depth = 1;

    if (!open)
        return NULL;
    for (const char *p = open + OPEN_LEN; *p; p++) {
        if (p[0] == '[' && p[1] == '[') {
            depth++;
            p++;
        } else if (p[0] == ']' && p[1] == ']') {
            /* "]]]" closes an array first. */
            if (p[2] == ']' && depth == 1)
                continue;
            if (--depth == 0) {
                *start = open;
                *after = p + 2;
                return xstrndup(open + OPEN_LEN, (size_t)(p - open) - OPEN_LEN);
            }
            p++;
        }
    }
    return NULL;
}

static bool take_word(const char **s, char *word, size_t size)
{
    size_t len;

    *s += strspn(*s, " \t\n");
    len = strcspn(*s, " \t\n");
    if (len == 0)
        return false;
    if (len >= size)
        len = size - 1;
    memcpy(word, *s, len);
    word[len] = '\0';
    *s += strcspn(*s, " \t\n");
    return true;
}

static void add_fault(struct directive *d, struct fault *f, const char *rest)
{
    char word[64];

    if (d->fault_count == DIRECTIVE_FAULTS_MAX) {
        fault_free(f);
        return;
    }
    while (take_word(&rest, word, sizeof(word))) {
        char value[64];
        if (!take_word(&rest, value, sizeof(value)))
            break;
        if (strcmp(word, "times") == 0)
            f->times = atoi(value);
        if (strcmp(word, "retry-after") == 0) {
            f->headers = f->headers ? f->headers : cJSON_CreateObject();
            cJSON_AddStringToObject(f->headers, "retry-after", value);
        }
    }
    d->faults[d->fault_count++] = f;
}

static void read_fault(struct directive *d, const char *rest)
{
    struct fault *f = fault_new();
    char stage[64] = "", kind[64] = "";

    take_word(&rest, stage, sizeof(stage));
    take_word(&rest, kind, sizeof(kind));
    f->stage = fault_stage_find(stage);
    f->kind = fault_kind_find(kind);
    if (f->kind == FAULT_NONE || f->stage == STAGE_NONE)
        fault_free(f);
    else
        add_fault(d, f, rest);
}

static void read_status(struct directive *d, const char *rest)
{
    struct fault *f = fault_new();
    char number[16] = "";

    take_word(&rest, number, sizeof(number));
    f->status = atoi(number);
    if (f->status < 200 || f->status > 999)
        fault_free(f);
    else
        add_fault(d, f, rest);
}

static void read_tool(struct directive *d, const char *rest)
{
    char name[128];
    cJSON *input;
    char *text;

    if (!take_word(&rest, name, sizeof(name)))
        return;
    input = cJSON_Parse(rest);
    text = input ? jsonx_print(input) : xstrdup("{}");
    answer_add_tool(&d->answer, name, text, NULL);
    free(text);
    cJSON_Delete(input);
}

static void apply(struct directive *d, const char *inner)
{
    const char *rest = inner;
    char verb[32];

    if (!take_word(&rest, verb, sizeof(verb)))
        return;
    rest += *rest ? 1 : 0;
    d->any = true;
    if (strcmp(verb, "text") == 0)
        answer_add(&d->answer, BLOCK_TEXT, rest);
    else if (strcmp(verb, "think") == 0)
        answer_add(&d->answer, BLOCK_THINKING, *rest ? rest : "Let me work out what is asked here, then answer it plainly.");
    else if (strcmp(verb, "tool") == 0)
        read_tool(d, rest);
    else if (strcmp(verb, "status") == 0)
        read_status(d, rest);
    else if (strcmp(verb, "fault") == 0)
        read_fault(d, rest);
    else if (strcmp(verb, "words") == 0)
        d->words = atoi(rest);
    else if (strcmp(verb, "delay") == 0)
        d->delay_ms = atoll(rest);
    else if (strcmp(verb, "stop") == 0)
        xreplace(&d->answer.stop_reason, rest);
    else if (strcmp(verb, "model") == 0)
        xreplace(&d->answer.model, rest);
    else if (strcmp(verb, "provider") == 0)
        xreplace(&d->answer.provider, rest);
}

void directive_read(struct directive *d, const char *prompt, size_t step)
{
    const char *start, *after = prompt;
    size_t at = 0;
    char *inner;

    memset(d, 0, sizeof(*d));
    answer_init(&d->answer);
    while ((inner = next_directive(after, &start, &after))) {
        if (strcmp(inner, "then") == 0)
            at++;
        else if (at == step)
            apply(d, inner);
        free(inner);
    }
}

void directive_done(struct directive *d)
{
    answer_done(&d->answer);
    for (size_t i = 0; i < d->fault_count; i++)
        fault_free(d->faults[i]);
    memset(d, 0, sizeof(*d));
}

void directive_strip(const char *prompt, struct buf *out)
{
    const char *start, *after = prompt;
    const char *from = prompt;
    char *inner;

    while ((inner = next_directive(after, &start, &after))) {
        buf_put(out, from, (size_t)(start - from));
        from = after;
        free(inner);
    }
    buf_puts(out, from);
}
