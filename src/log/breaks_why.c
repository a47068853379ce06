#include "log/breaks_why.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"

#define ELEMENT_MAX 160 /* a tool's name, or "message[4095] (assistant)" */

static int64_t known(int64_t n)
{
    return n > 0 ? n : 0;
}

static int64_t written(const struct break_call *c)
{
    return known(c->usage.cache_write_5m) + known(c->usage.cache_write_1h);
}

int64_t break_call_cached(const struct break_call *c)
{
    return known(c->usage.cache_read) + written(c);
}

/* ---- Comparing images ------------------------------------------------------------------ */

size_t break_common(const struct image *a, const struct image *b)
{
    size_t common = 0;
    for (int part = 0; part < IMAGE_PARTS; part++) {
        size_t na = a->parts[part].count;
        size_t nb = b->parts[part].count;
        for (size_t i = 0; i < na && i < nb; i++, common++)
            if (a->prints[a->parts[part].first + i].hash != b->prints[b->parts[part].first + i].hash)
                return common;
        if (na != nb)
            break;
    }
    return common;
}

bool break_is_continued(const struct break_call *before, const struct break_call *now)
{
    return (int64_t)break_common(before->image, now->image) > image_last_mark(before->image);
}

static int compare_hashes(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

/* The hashes of the message blocks from the block `from` on, sorted. */
struct hashes {
    uint64_t *v;
    size_t count;
};
static struct hashes message_hashes(const struct image *im, size_t from)
{
    size_t first = image_count(im) - im->parts[IMAGE_MESSAGES].count;
    size_t i = from > first ? from : first;
    struct hashes h = {xcalloc(image_count(im) + 1, sizeof *h.v), 0};
    for (; i < image_count(im); i++)
        h.v[h.count++] = image_at(im, i)->hash;
    qsort(h.v, h.count, sizeof *h.v, compare_hashes);
    return h;
}

/* How many of the message blocks of a, from the block `from` on, stand anywhere in b from b_from on? */
static size_t count_shared(const struct image *a, size_t from, const struct image *b, size_t b_from)
{
    struct hashes ha = message_hashes(a, from);
    struct hashes hb = message_hashes(b, b_from);
    size_t shared = 0;
    for (size_t i = 0; i < ha.count; i++)
        shared += bsearch(&ha.v[i], hb.v, hb.count, sizeof *hb.v, compare_hashes) != NULL;
    free(ha.v);
    free(hb.v);
    return shared;
}

/* ---- Models and providers ---------------------------------------------------------------- */

static bool differ(const char *a, const char *b)
{
    return a && b && strcmp(a, b) != 0;
}

static const char *or_unpinned(const char *s)
{
    return s ? s : "any";
}

static bool model_change(const struct break_call *before, const struct break_call *now, char *out, size_t size)
{
    const char *from = before->model_sent;
    const char *to = now->model_sent;
    if (!differ(from, to)) { /* a fallback: another one answered */
        from = before->model_served;
        to = now->model_served;
    }
    if (!differ(from, to))
        return false;
    snprintf(out, size, "%s → %s", from, to);
    return true;
}

bool break_provider_change(const struct break_call *before, const struct break_call *now, char *out, size_t size)
{
    const char *from = before->provider_served;
    const char *to = now->provider_served;
    bool is_pin_alike =
        !before->provider_pinned == !now->provider_pinned && !differ(before->provider_pinned, now->provider_pinned);
    if (!from || !to) {
        /* Who served one of them is not known: a pin that changed tells it, unless
         * it only asks for who served before. */
        from = from ? from : before->provider_pinned;
        to = to ? to : now->provider_pinned;
        if (is_pin_alike || (from && to && strcmp(from, to) == 0))
            return false;
    } else if (strcmp(from, to) == 0) {
        return false;
    }
    snprintf(out, size, "%s → %s", or_unpinned(from), or_unpinned(to));
    return true;
}

/* ---- The element ---------------------------------------------------------------------- */

static void put_element(const struct image *im, size_t i, char *out, size_t size)
{
    static const char *const roles[] = {"user", "assistant", "system", "other"};
    const struct print *p = image_at(im, i);
    switch (image_part_of(im, i)) {
    case IMAGE_TOOLS:
        snprintf(out, size, "%s", image_tool_name(im, p->element));
        break;
    case IMAGE_SYSTEM:
        snprintf(out, size, "system[%u]", (unsigned)p->element);
        break;
    default:
        snprintf(out, size, "message[%u] (%s)", (unsigned)p->element, roles[p->role]);
    }
}

static const char *kind_of(const struct image *im, size_t i)
{
    static const char *const kinds[] = {"tool", "system", "message"};
    return kinds[image_part_of(im, i)];
}

/* Whose element names the difference at block d?  One that was put in or changed
 * is the new body's, one that was taken out the old one's. */
static const struct image *blamed(const struct image *old, const struct image *new, size_t d)
{
    if (d >= image_count(new) || image_part_of(old, d) < image_part_of(new, d))
        return old;
    if (image_part_of(old, d) > image_part_of(new, d) || image_part_of(old, d) != IMAGE_TOOLS)
        return new;
    return image_has_tool(new, image_tool_name(old, image_at(old, d)->element)) ? new : old;
}

static void put_changed(const struct image *old, const struct image *new, size_t d, char *out, size_t size)
{
    char element[ELEMENT_MAX];
    const struct image *im = blamed(old, new, d);
    put_element(im, d, element, sizeof element);
    snprintf(out, size, "%s: %s", kind_of(im, d), element);
}

/* ---- Each reason ------------------------------------------------------------------------ */

/* One comparison, and all that the reasons ask of it. */
struct pair {
    const struct break_call *before;
    const struct break_call *now;
    const struct image *a; /* theirs */
    const struct image *b;
    size_t common;
    int64_t mark; /* before's last breakpoint, never -1 */
    int64_t lifetime_ms;
};

static bool is_same(const struct pair *p)
{
    return (int64_t)p->common > p->mark;
}

/* Are they one conversation at all, whatever changed in it?  A first call whose
 * only message was changed shares nothing but what stands before it. */
static bool is_related(const struct pair *p)
{
    size_t head = image_count(p->a) - p->a->parts[IMAGE_MESSAGES].count;
    bool is_second = p->a->message_count == 1 && p->b->message_count > 1 && p->common >= head;
    return is_same(p) || is_second || count_shared(p->a, 0, p->b, 0) > 0;
}

/* Another way on from an earlier point (a fork, a rewound conversation): after
 * the first difference nothing of the old one comes again, and it is no longer.  An
 * element that was changed is followed by others that were not. */
static bool is_branch(const struct pair *p)
{
    if (is_same(p) || p->common >= image_count(p->b))
        return !is_same(p);
    if (image_part_of(p->a, p->common) != IMAGE_MESSAGES || image_part_of(p->b, p->common) != IMAGE_MESSAGES)
        return false;
    return p->b->message_count <= p->a->message_count && count_shared(p->a, p->common + 1, p->b, p->common + 1) == 0;
}

/* The same tools, but fewer messages, and hardly one of them known. */
static bool is_compacted(const struct pair *p)
{
    size_t a = p->a->parts[IMAGE_MESSAGES].count;
    size_t b = p->b->parts[IMAGE_MESSAGES].count;
    size_t tools = p->a->parts[IMAGE_TOOLS].count;
    if (is_same(p) || b == 0 || p->b->message_count >= p->a->message_count || p->common < tools ||
        p->b->parts[IMAGE_TOOLS].count != tools)
        return false;
    return count_shared(p->a, 0, p->b, 0) * 2 < a && count_shared(p->b, 0, p->a, 0) * 2 <= b;
}

static void put_expired(const struct pair *p, int64_t idle_ms, char *out, size_t size)
{
    char idle[TEXT_SHORT_MAX];
    text_ms(idle, idle_ms);
    snprintf(out, size, "expired: idle %s, lifetime %s", idle, p->lifetime_ms == BREAK_LIFETIME_1H_MS ? "1h" : "5m");
}

/* The API finds what was kept at a breakpoint, or a few blocks before it. */
static bool can_reach(const struct pair *p)
{
    int64_t last = (int64_t)image_count(p->b) - 1;
    for (int64_t m = p->mark; m <= last && m < p->mark + BREAK_LOOK_BACK; m++)
        if (image_mark_at(p->b, (size_t)m) != IMAGE_NO_MARK)
            return true;
    return false;
}

static void put_breakpoint(const struct pair *p, char *out, size_t size)
{
    char was[ELEMENT_MAX];
    char is[ELEMENT_MAX] = "none";
    int64_t last = image_last_mark(p->b);
    put_element(p->a, (size_t)p->mark, was, sizeof was);
    if (last >= 0)
        put_element(p->b, (size_t)last, is, sizeof is);
    if (last > p->mark)
        snprintf(out, size, "breakpoint: %s, %" PRId64 " blocks behind %s", is, last - p->mark, was);
    else
        snprintf(out, size, "breakpoint: %s, was %s", is, was);
}

/* About how many tokens stand up to block `to`, by the share of the bytes. */
static int64_t tokens_up_to(const struct break_call *c, int64_t to)
{
    uint64_t part = 0;
    uint64_t all = 0;
    for (size_t i = 0; i < image_count(c->image); i++) {
        all += image_at(c->image, i)->bytes;
        if ((int64_t)i <= to)
            part = all;
    }
    return all ? (int64_t)((uint64_t)usage_context(&c->usage) * part / all) : 0;
}

/* Twice the same beginning with a breakpoint, and neither was anything written. */
static bool is_below_minimum(const struct pair *p, char *out, size_t size)
{
    char element[ELEMENT_MAX];
    int64_t tokens = tokens_up_to(p->now, p->mark);
    if (!is_same(p) || break_call_cached(p->before) > 0 || break_call_cached(p->now) > 0 || !can_reach(p) ||
        tokens < BREAK_TOKENS_MIN || tokens > BREAK_CACHE_TOKENS)
        return false;
    put_element(p->a, (size_t)p->mark, element, sizeof element);
    snprintf(out, size, "minimum: about %" PRId64 " tokens up to %s", tokens, element);
    return true;
}

/* false: not proven. */
static bool explain(const struct pair *p, struct break_reason *r)
{
    char change[BREAK_TEXT_MAX / 2];
    int64_t idle_ms = p->now->started_at - p->before->used_to;
    int64_t idle_at_most_ms = p->now->started_at - p->before->used_from;
    bool is_clear = is_compacted(p);
    if (!is_clear && !is_related(p))
        return false;
    if (model_change(p->before, p->now, change, sizeof change))
        snprintf(r->text, sizeof r->text, "model: %s", change);
    else if (break_provider_change(p->before, p->now, change, sizeof change))
        snprintf(r->text, sizeof r->text, "provider: %s", change);
    else if (is_clear)
        snprintf(r->text, sizeof r->text, "compacted: %zu → %zu messages", p->a->message_count, p->b->message_count);
    else if (idle_ms > p->lifetime_ms)
        put_expired(p, idle_ms, r->text, sizeof r->text);
    else if (!is_same(p))
        put_changed(p->a, p->b, p->common, r->text, sizeof r->text);
    else if (!can_reach(p))
        put_breakpoint(p, r->text, sizeof r->text);
    else if (idle_at_most_ms > p->lifetime_ms)
        put_expired(p, idle_at_most_ms, r->text, sizeof r->text);
    else if (p->a->params != p->b->params)
        return false;
    else {
        snprintf(r->text, sizeof r->text, "upstream: nothing differs");
        r->is_upstream = true;
    }
    return true;
}

/* ---- Finding ------------------------------------------------------------------------------ */

static struct pair pair_of(const struct break_call *before, const struct break_call *now)
{
    struct pair p = {before, now, before->image, now->image, break_common(before->image, now->image), -1, 0};
    p.mark = image_last_mark(p.a);
    p.lifetime_ms = p.mark >= 0 && image_mark_at(p.a, (size_t)p.mark) == IMAGE_MARK_1H ? BREAK_LIFETIME_1H_MS
                                                                                       : BREAK_LIFETIME_5M_MS;
    return p;
}

/* The longest run of equal blocks; of several the one that is wholly continued, then the newest. */
static bool is_better(const struct pair *p, const struct pair *than)
{
    if (!than->before)
        return true;
    if (p->common != than->common)
        return p->common > than->common;
    if (is_same(p) != is_same(than))
        return is_same(p);
    return p->before->id > than->before->id;
}

static bool is_usable(const struct break_call *before, const struct break_call *now)
{
    return before->image && before->usage.cache_read >= 0 && before->id != now->id &&
           before->finished_at <= now->started_at && image_last_mark(before->image) >= 0;
}

static bool is_broken(int64_t could, int64_t did)
{
    return did * 100 < could * BREAK_PERCENT && could - did >= BREAK_TOKENS_MIN;
}

bool break_find(const struct break_call *const *before, size_t count, const struct break_call *now,
                struct break_reason *r)
{
    struct pair best = {0};
    struct pair straight = {0}; /* the best that is wholly continued */
    *r = (struct break_reason){0};
    if (!now->image || now->usage.cache_read < 0)
        return false;
    for (size_t i = 0; i < count; i++) {
        if (!is_usable(before[i], now))
            continue;
        struct pair p = pair_of(before[i], now);
        if (is_better(&p, &best))
            best = p;
        if (is_same(&p) && is_better(&p, &straight))
            straight = p;
    }
    if (best.before && is_branch(&best) && !is_compacted(&best))
        best = straight;
    if (!best.before)
        return false;
    int64_t could = break_call_cached(best.before);
    r->before = best.before;
    r->tokens_lost = could - now->usage.cache_read;
    if (is_broken(could, now->usage.cache_read))
        return explain(&best, r);
    r->tokens_lost = 0;
    return is_below_minimum(&best, r->text, sizeof r->text);
}
