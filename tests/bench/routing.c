/* What routing costs a call: choosing among 1,000 routes, and making a switched body
 * of 1 MB.  Prints the best and the median of many rounds, CPU time of this thread.
 *
 * The routes are the worst kinds: none of them fits, so every one is looked at, or
 * every one fits and gives a parameter. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "anthropic/request.h"
#include "base/buf.h"
#include "log/routes.h"
#include "log/routes_index.h"
#include "respan/compat.h"

#define ROUTES     1000
#define ROUNDS     400
#define BODY_BYTES ((size_t)1 << 20)
#define MESSAGES   570 /* of a real conversation of that size */

static const char SESSION[] = "5f0c2f0e-0000-4000-8000-000000000000";
static const char OPUS[] = "claude-opus-4-8";
static const char HAIKU[] = "claude-haiku-4-5-20251001"; /* takes neither adaptive thinking nor effort */

static int64_t cpu_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static int compare(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static void measure(const char *what, void (*step)(void *), void *arg, double limit_us)
{
    static int64_t took[ROUNDS];
    for (int i = 0; i < ROUNDS; i++) {
        int64_t start = cpu_ns();
        step(arg);
        took[i] = cpu_ns() - start;
    }
    qsort(took, ROUNDS, sizeof *took, compare);
    printf("| %s | %.1f | %.1f | %.0f |\n", what, (double)took[0] / 1000, (double)took[ROUNDS / 2] / 1000, limit_us);
}

/* --- Choosing ---------------------------------------------------------------------- */

static char texts[ROUTES][80];
static struct route routes[ROUTES];

static void make_routes(struct route_set *s, char **field, const char *front, const char *back)
{
    memset(routes, 0, sizeof routes);
    for (int i = 0; i < ROUTES; i++) {
        snprintf(texts[i], sizeof texts[i], "%s%d%s", front, i + 100000, back);
        routes[i].id = i + 1;
        routes[i].enabled = true;
        routes[i].set_provider = (char *)"vertex_ai";
        /* The same member of this route as field is of the first one. */
        *(char **)((char *)&routes[i] + ((char *)field - (char *)&routes[0])) = texts[i];
    }
    *s = (struct route_set){.routes = routes, .count = ROUTES};
    s->index = route_index_new(s);
}

static void choose(void *set)
{
    struct route_subject who = {SESSION, NULL, OPUS, true, PURPOSE_MAIN, 1};
    struct route_choice c;
    route_choose(set, &who, &c);
    route_choice_done(&c);
}

static void bench_choosing(void)
{
    const struct {
        const char *what;
        char **field;
        const char *front, *back;
    } kinds[] = {
        {"choose among 1,000 routes for other sessions", &routes[0].session_id, "5f0c2f0e-0000-4000-8000-000000", ""},
        {"choose among 1,000 globs that nearly fit", &routes[0].model_glob, "*opus-", "*"},
        {"choose among 1,000 routes that all give parameters", &routes[0].params_json, "{\"cache_ttl\":", ",\"cache_enabled\":true}"},
    };
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        struct route_set s;
        make_routes(&s, kinds[i].field, kinds[i].front, kinds[i].back);
        measure(kinds[i].what, choose, &s, 20);
        route_index_free(s.index);
    }
}

/* --- The switched body --------------------------------------------------------------- */

struct switching {
    struct buf body;
    struct buf out;
    const struct model *from, *to; /* NULL: the model's name is all that changes */
};

/* Code as it stands in a tool's result: lines of some 40 characters, a quoted word
 * now and then. */
static const char TEXT[] = "static int upstream_read(struct upstream *u)\\n{\\n    size_t count = buf_free(&u->body);\\n"
                           "    if (count == 0)\\n        return fail(u, \\\"full\\\");\\n    return take(u, count);\\n}\\n";

/* In the client's own order: messages before system, tools and the parameters. */
static void make_body(struct buf *b)
{
    buf_printf(b, "{\"model\":\"%s\",\"messages\":[", OPUS);
    for (int i = 0; i < MESSAGES; i++) {
        buf_printf(b, "%s{\"role\":\"%s\",\"content\":[{\"type\":\"text\",\"text\":\"", i ? "," : "", i % 2 ? "assistant" : "user");
        while (b->len < BODY_BYTES * (size_t)(i + 1) / MESSAGES)
            buf_puts(b, TEXT);
        buf_puts(b, "\"}]}");
    }
    buf_puts(b, "],\"system\":[{\"type\":\"text\",\"text\":\"you are\"}],\"tools\":[],\"max_tokens\":128000,"
                "\"thinking\":{\"type\":\"adaptive\"},\"output_config\":{\"effort\":\"high\"},\"stream\":true}");
}

static void switch_body(void *arg)
{
    struct switching *s = arg;
    struct compat plan;
    buf_reset(&s->out);
    if (compat_plan(&plan, s->body.data, s->body.len, HAIKU, s->from, s->to) != 0 ||
        request_splice(s->body.data, s->body.len, plan.splices, plan.splice_count, &s->out) != 0)
        abort();
    compat_done(&plan);
}

static void bench_switching(void)
{
    struct err warning;
    struct catalog *catalog = catalog_load(NULL, NULL, &warning);
    struct switching s = {.from = NULL};
    buf_init(&s.body);
    buf_init(&s.out);
    make_body(&s.body);
    measure("splice the model into a body of 1 MB", switch_body, &s, 200);
    s.from = catalog_find(catalog, OPUS);
    s.to = catalog_find(catalog, HAIKU);
    measure("the same, leaving behind what the new model does not take", switch_body, &s, 200);
    buf_done(&s.body);
    buf_done(&s.out);
    catalog_free(catalog);
}

int main(void)
{
    printf("## Routing\n\n| µs of CPU a call | best | median | meant to stay below |\n|---|---|---|---|\n");
    bench_choosing();
    bench_switching();
    return 0;
}
