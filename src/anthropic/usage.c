/* Cache writes come in two forms: the total `cache_creation_input_tokens`, and
 * its split by lifetime in `cache_creation`.  message_start has both, a later
 * message_delta often only the total.  The sum of the two classes therefore
 * follows the newest total, and the 1-hour part stays what a split said. */
#include "anthropic/usage.h"

#include <stdbool.h>

#include "anthropic/field.h"
#include "base/json.h"

void usage_init(struct usage *u)
{
    u->in = USAGE_UNKNOWN;
    u->cache_read = USAGE_UNKNOWN;
    u->cache_write_5m = USAGE_UNKNOWN;
    u->cache_write_1h = USAGE_UNKNOWN;
    u->out = USAGE_UNKNOWN;
    u->web_searches = USAGE_UNKNOWN;
    u->extras = 0;
}

/* Only a count replaces: null, a text or a negative number says nothing. */
static bool read_count(const char *s, struct span v, int64_t *count)
{
    int64_t n;

    if (!json_int(s, v, &n) || n < 0)
        return false;
    *count = n;
    return true;
}

struct writes {
    int64_t total;
    int64_t split_5m;
    int64_t split_1h;
};

static void read_split(const char *s, struct span v, struct writes *w)
{
    struct json_iter it = json_object(s, field_end(v), v.off);

    while (json_next(&it)) {
        if (field_key_is(s, it.key, "ephemeral_5m_input_tokens"))
            read_count(s, it.value, &w->split_5m);
        else if (field_key_is(s, it.key, "ephemeral_1h_input_tokens"))
            read_count(s, it.value, &w->split_1h);
    }
}

static int64_t known(int64_t count)
{
    return count < 0 ? 0 : count;
}

static void merge_writes(struct usage *u, const struct writes *w)
{
    if (w->split_5m >= 0)
        u->cache_write_5m = w->split_5m;
    if (w->split_1h >= 0)
        u->cache_write_1h = w->split_1h;
    bool has_split = w->split_5m >= 0 || w->split_1h >= 0;
    if (has_split) {
        u->cache_write_5m = known(u->cache_write_5m);
        u->cache_write_1h = known(u->cache_write_1h);
    }
    if (w->total < 0)
        return;

    int64_t sum = known(u->cache_write_5m) + known(u->cache_write_1h);
    /* A split above its total is the better witness; one below it (some
     * providers send zeros) leaves tokens over, and those were written too. */
    if (has_split && sum >= w->total)
        return;
    if (known(u->cache_write_1h) > w->total)
        u->cache_write_1h = w->total;
    u->cache_write_5m = w->total - known(u->cache_write_1h);
}

static void read_web_searches(struct usage *u, const char *s, struct span v)
{
    struct span count;

    if (field_member(s, v, "web_search_requests", &count))
        read_count(s, count, &u->web_searches);
}

static void set_extra(struct usage *u, unsigned extra, bool is_so)
{
    u->extras = is_so ? u->extras | extra : u->extras & ~extra;
}

/* Words alone count: null is a provider that does not say. */
static void read_extra(struct usage *u, const char *s, struct span key, struct span v)
{
    if (!json_is_string(s, v))
        return;
    if (field_key_is(s, key, "speed")) {
        set_extra(u, USAGE_FAST, field_value_is(s, v, "fast"));
    } else if (field_key_is(s, key, "inference_geo")) {
        set_extra(u, USAGE_US_ONLY, field_value_is(s, v, "us"));
    } else if (field_key_is(s, key, "service_tier")) {
        bool is_batch = field_value_is(s, v, "batch");
        set_extra(u, USAGE_BATCH, is_batch);
        set_extra(u, USAGE_OTHER_TIER, !is_batch && !field_value_is(s, v, "standard"));
    }
}

void usage_merge(struct usage *u, const char *s, struct span v)
{
    struct writes w = {USAGE_UNKNOWN, USAGE_UNKNOWN, USAGE_UNKNOWN};
    struct json_iter it = json_object(s, field_end(v), v.off);

    while (json_next(&it)) {
        if (field_key_is(s, it.key, "input_tokens"))
            read_count(s, it.value, &u->in);
        else if (field_key_is(s, it.key, "output_tokens"))
            read_count(s, it.value, &u->out);
        else if (field_key_is(s, it.key, "cache_read_input_tokens"))
            read_count(s, it.value, &u->cache_read);
        else if (field_key_is(s, it.key, "cache_creation_input_tokens"))
            read_count(s, it.value, &w.total);
        else if (field_key_is(s, it.key, "cache_creation"))
            read_split(s, it.value, &w);
        else if (field_key_is(s, it.key, "server_tool_use"))
            read_web_searches(u, s, it.value);
        else
            read_extra(u, s, it.key, it.value);
    }
    merge_writes(u, &w);
}

int64_t usage_context(const struct usage *u)
{
    return known(u->in) + known(u->cache_read) + known(u->cache_write_5m) + known(u->cache_write_1h);
}
