#include "respan/logrow.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "anthropic/field.h"
#include "respan/tree.h"

#define COST_MAX_USD 1e9 /* a call dearer than that is nonsense */
#define MICRO        1e6

/* Beyond it a figure is no money and no token count. */
#define FIGURE_MAX 1e12

static void copy_text(char *field, size_t size, const cJSON *v)
{
    field[0] = '\0';
    if (cJSON_IsString(v))
        field_copy(field, size, v->valuestring, strlen(v->valuestring));
}

/* Decimal fields come as numbers or, from some serialisers, as texts. */
static bool read_number(const cJSON *v, double *n)
{
    char *end;

    if (cJSON_IsNumber(v)) {
        *n = v->valuedouble;
    } else if (cJSON_IsString(v) && v->valuestring[0]) {
        *n = strtod(v->valuestring, &end);
        if (*end)
            return false;
    } else {
        return false;
    }
    return *n >= -FIGURE_MAX && *n <= FIGURE_MAX;
}

static int64_t read_count(const cJSON *row, const char *key)
{
    double n;
    return read_number(tree_member(row, key), &n) && n >= 0 ? (int64_t)n : -1;
}

/* Half a micro-dollar counts up, as in the catalog's own figure: so the digits that
 * Respan wrote are taken before the rounding, not the binary fraction just below them. */
static int64_t read_cost(const cJSON *row)
{
    double usd;
    if (!read_number(tree_member(row, "cost"), &usd) || usd < 0 || usd > COST_MAX_USD)
        return -1;
    return (llround(usd * MICRO * 1000) + 500) / 1000;
}

/* limit_info.limits[]: the organisation's credits after this call. */
static int64_t read_credits(const cJSON *row)
{
    const cJSON *limits = tree_member(tree_member(row, "limit_info"), "limits");
    const cJSON *limit;
    double usd;

    if (!cJSON_IsArray(limits))
        return INT64_MIN;
    cJSON_ArrayForEach(limit, limits)
    {
        const cJSON *name = tree_member(limit, "name");
        if (!cJSON_IsString(name) || strcmp(name->valuestring, "org_credits") != 0)
            continue;
        if (read_number(tree_member(limit, "new_value"), &usd) ||
            read_number(tree_member(limit, "current_value"), &usd))
            return llround(usd * MICRO);
    }
    return INT64_MIN;
}

int logrow_parse(const char *json, size_t len, struct logrow *row, struct err *e)
{
    cJSON *root = tree_parse(json, len);
    const cJSON *hit = tree_member(root, "cache_hit");

    if (!cJSON_IsObject(root)) {
        cJSON_Delete(root);
        return err_set(e, "Respan's log row is no JSON object");
    }
    memset(row, 0, sizeof *row);
    copy_text(row->unique_id, sizeof row->unique_id, tree_member(root, "unique_id"));
    if (!row->unique_id[0])
        copy_text(row->unique_id, sizeof row->unique_id, tree_member(root, "id"));
    copy_text(row->model, sizeof row->model, tree_member(root, "model"));
    copy_text(row->provider, sizeof row->provider, tree_member(root, "provider_id"));
    copy_text(row->error_message, sizeof row->error_message, tree_member(root, "error_message"));
    copy_text(row->timestamp, sizeof row->timestamp, tree_member(root, "timestamp"));
    row->status_code = read_count(root, "status_code");
    row->cost_microusd = read_cost(root);
    row->tokens_prompt = read_count(root, "prompt_tokens");
    row->tokens_completion = read_count(root, "completion_tokens");
    row->tokens_cache_read = read_count(root, "prompt_cache_hit_tokens");
    row->tokens_cache_write = read_count(root, "prompt_cache_creation_tokens");
    row->cache_hit = cJSON_IsBool(hit) ? cJSON_IsTrue(hit) : -1;
    row->credits_left_microusd = read_credits(root);
    cJSON_Delete(root);
    return 0;
}
