#include "log/body_facts.h"

#include <xxhash.h>

#include "base/json.h"
#include "log/conversations.h"

static bool is_messages(const struct record *r, const struct cut_array *a)
{
    static const char key[] = "\"messages\":";
    const size_t len = sizeof key - 1;
    return a->open >= len && memcmp(r->body->data + a->open - len, key, len) == 0;
}

/* The array that holds the messages; NULL when there is none, or more than one. */
static const struct cut_array *messages_of(const struct record *r)
{
    const struct cut_array *found = NULL;
    for (size_t i = 0; i < r->cut.array_count; i++) {
        if (!is_messages(r, &r->cut.arrays[i]))
            continue;
        if (found)
            return NULL;
        found = &r->cut.arrays[i];
    }
    return found;
}

/* The first n elements of both arrays are the same bytes. */
static bool begins_alike(const struct record *r, const struct cut_array *a, const struct cut_array *old, size_t n)
{
    if (a->count < n || old->count < n)
        return false;
    for (size_t i = 0; i < n; i++)
        if (r->cut.elements[a->first + i].same != old->first + i)
            return false;
    return true;
}

/* The skeleton, which is all that stands outside the arrays, is a piece: equal
 * numbers are equal bytes. */
static bool differs_in_messages_only(const struct record *r, const struct record *old)
{
    const struct cut_array *messages = messages_of(r);
    if (!messages || r->skeleton != old->skeleton || r->cut.array_count != old->cut.array_count)
        return false;
    for (size_t i = 0; i < r->cut.array_count; i++) {
        const struct cut_array *a = &r->cut.arrays[i];
        const struct cut_array *twin = &old->cut.arrays[i];
        if (a == messages ? !begins_alike(r, a, twin, 1) : a->count != twin->count || !begins_alike(r, a, twin, a->count))
            return false;
    }
    return true;
}

void facts_take_over(struct record *r, const struct record *old)
{
    r->facts_of = 0;
    if (!old || old->facts_of == 0 || !differs_in_messages_only(r, old))
        return;
    r->facts = old->facts;
    r->facts_of = old->facts_of;
}

static struct span message_at(const struct record *r, size_t i)
{
    const struct cut_element *el = &r->cut.elements[i];
    size_t at = json_skip_space(r->body->data, el->end, el->off);
    return (struct span){at, el->end - at};
}

static void renew(struct record *r, const char *agent_id)
{
    const struct cut_array *messages = messages_of(r);
    struct span last = {0, 0};
    if (!messages) /* not so: facts_take_over() looked; told for analyzers */
        return;
    for (size_t i = messages->count; i-- > 0 && last.len == 0;) {
        struct span message = message_at(r, messages->first + i);
        if (!request_is_system_message(r->body->data, message))
            last = message;
    }
    request_renew_facts(&r->facts, agent_id, r->body->data, messages->count, last);
}

static uint64_t mix(uint64_t seed, const char *text)
{
    return XXH3_64bits_withSeed(text ? text : "", text ? strlen(text) : 0, seed);
}

void facts_read(struct record *r, const struct facts_asker *asker, struct request_facts *f)
{
    uint64_t of = mix(mix(mix(1, asker->target), asker->agent_id), asker->session_id);
    if (of != 0 && of == r->facts_of)
        renew(r, asker->agent_id);
    else
        request_read_facts(asker->target, asker->agent_id, asker->session_id, r->body->data, r->body->len, &r->facts);
    r->facts_of = of;
    *f = r->facts;
}
