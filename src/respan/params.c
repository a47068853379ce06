/* Which parameters there are and how each looks stands in one table; objects
 * inside have tables of their own.
 *
 * Merging works on the text: a client's 64-bit number or odd spelling goes on as
 * it came. */
#include "respan/params.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/encode.h"
#include "base/json.h"
#include "base/mem.h"
#include "respan/tree.h"

/* Respan's own limits. */
#define CUSTOMER_MAX  120
#define SPAN_NAME_MAX 255

/* A hundred years of seconds: beyond it is a slip. */
#define SECONDS_MAX 3155760000.0

enum shape {
    SHAPE_STRING,
    SHAPE_BOOL,
    SHAPE_COUNT,   /* whole number, 0 or more */
    SHAPE_SECONDS, /* number above 0, whole */
    SHAPE_NUMBER,  /* 0 or more */
    SHAPE_STRINGS, /* list of strings, one at least */
    SHAPE_OBJECT,  /* anything in it */
    SHAPE_FIELDS,  /* object of the fields below */
    SHAPE_LIST,    /* list of objects of the fields below */
    SHAPE_SECRET,
};

struct field {
    const char *name;
    enum shape shape;
    const struct field *fields; /* SHAPE_FIELDS, SHAPE_LIST */
    size_t max;                 /* SHAPE_STRING: characters; 0 any */
    bool is_required;
};

static const struct field cache_options_fields[] = {
    {.name = "cache_by_customer", .shape = SHAPE_BOOL},
    {.name = "is_cached_by_model", .shape = SHAPE_BOOL},
    {.name = "omit_log", .shape = SHAPE_BOOL},
    {0},
};

static const struct field retry_fields[] = {
    {.name = "retry_enabled", .shape = SHAPE_BOOL},
    {.name = "num_retries", .shape = SHAPE_COUNT},
    {.name = "retry_after", .shape = SHAPE_NUMBER},
    {0},
};

static const struct field balance_fields[] = {
    {.name = "model", .shape = SHAPE_STRING, .is_required = true},
    {.name = "weight", .shape = SHAPE_NUMBER},
    {.name = "credentials", .shape = SHAPE_SECRET},
    {0},
};

static const struct field group_fields[] = {
    {.name = "group_id", .shape = SHAPE_STRING},
    {.name = "models", .shape = SHAPE_LIST, .fields = balance_fields},
    {0},
};

static const struct field top_fields[] = {
    {.name = "fallback_models", .shape = SHAPE_STRINGS},
    {.name = "disable_fallback", .shape = SHAPE_BOOL},
    {.name = "load_balance_group", .shape = SHAPE_FIELDS, .fields = group_fields},
    {.name = "load_balance_models", .shape = SHAPE_LIST, .fields = balance_fields},
    {.name = "retry_params", .shape = SHAPE_FIELDS, .fields = retry_fields},
    {.name = "models", .shape = SHAPE_STRINGS},
    {.name = "exclude_models", .shape = SHAPE_STRINGS},
    {.name = "exclude_providers", .shape = SHAPE_STRINGS},
    {.name = "cache_enabled", .shape = SHAPE_BOOL},
    {.name = "cache_ttl", .shape = SHAPE_SECONDS},
    {.name = "cache_options", .shape = SHAPE_FIELDS, .fields = cache_options_fields},
    {.name = "customer_identifier", .shape = SHAPE_STRING, .max = CUSTOMER_MAX},
    {.name = "customer_params", .shape = SHAPE_OBJECT},
    {.name = "metadata", .shape = SHAPE_OBJECT},
    {.name = "properties", .shape = SHAPE_OBJECT},
    {.name = "thread_identifier", .shape = SHAPE_STRING},
    {.name = "custom_identifier", .shape = SHAPE_STRING},
    {.name = "trace_unique_id", .shape = SHAPE_STRING},
    {.name = "span_name", .shape = SHAPE_STRING, .max = SPAN_NAME_MAX},
    {.name = "disable_log", .shape = SHAPE_BOOL},
    {.name = "request_breakdown", .shape = SHAPE_BOOL},
    {.name = "customer_credentials", .shape = SHAPE_SECRET},
    {.name = "credential_override", .shape = SHAPE_SECRET},
    {0},
};

/* --- Checking ------------------------------------------------------------------ */

static int check_fields(const cJSON *o, const struct field *fields, const char *where, struct err *e);

static const struct field *find_field(const struct field *fields, const char *name)
{
    for (; fields->name; fields++)
        if (strcmp(fields->name, name) == 0)
            return fields;
    return NULL;
}

static size_t count_characters(const char *s)
{
    size_t n = 0;

    for (; *s; s++)
        n += ((unsigned char)*s & 0xC0) != 0x80;
    return n;
}

static int check_string(const cJSON *v, const struct field *f, const char *path, struct err *e)
{
    if (!cJSON_IsString(v) || !v->valuestring[0])
        return err_set(e, "%s must be a text in quotes that is not empty", path);
    if (f->max && count_characters(v->valuestring) > f->max)
        return err_set(e, "%s may have %zu characters at most", path, f->max);
    return 0;
}

static int check_strings(const cJSON *v, const char *path, struct err *e)
{
    const cJSON *item;

    if (!cJSON_IsArray(v) || cJSON_GetArraySize(v) == 0)
        return err_set(e, "%s must be a list of names such as [\"a\",\"b\"]", path);
    cJSON_ArrayForEach(item, v)
    {
        if (!cJSON_IsString(item) || !item->valuestring[0])
            return err_set(e, "%s must be a list of names such as [\"a\",\"b\"]", path);
    }
    return 0;
}

static int check_list(const cJSON *v, const struct field *f, const char *path, struct err *e)
{
    const cJSON *item;

    if (!cJSON_IsArray(v) || cJSON_GetArraySize(v) == 0)
        return err_set(e, "%s must be a list of objects such as [{\"model\":\"a\",\"weight\":1}]", path);
    cJSON_ArrayForEach(item, v)
    {
        if (!cJSON_IsObject(item))
            return err_set(e, "%s must be a list of objects such as [{\"model\":\"a\",\"weight\":1}]", path);
        if (check_fields(item, f->fields, path, e) != 0)
            return -1;
    }
    return 0;
}

static bool is_whole_from(const cJSON *v, double least)
{
    return cJSON_IsNumber(v) && v->valuedouble >= least && v->valuedouble <= SECONDS_MAX &&
           floor(v->valuedouble) >= v->valuedouble;
}

static int check_value(const cJSON *v, const struct field *f, const char *path, struct err *e)
{
    switch (f->shape) {
    case SHAPE_STRING:
        return check_string(v, f, path, e);
    case SHAPE_BOOL:
        return cJSON_IsBool(v) ? 0 : err_set(e, "%s must be true or false", path);
    case SHAPE_COUNT:
        return is_whole_from(v, 0) ? 0 : err_set(e, "%s must be a whole number, 0 or more", path);
    case SHAPE_SECONDS:
        return is_whole_from(v, 1) ? 0 : err_set(e, "%s must be a whole number of seconds, 1 or more", path);
    case SHAPE_NUMBER:
        return cJSON_IsNumber(v) && v->valuedouble >= 0 ? 0 : err_set(e, "%s must be a number, 0 or more", path);
    case SHAPE_STRINGS:
        return check_strings(v, path, e);
    case SHAPE_OBJECT:
        return cJSON_IsObject(v) ? 0 : err_set(e, "%s must be an object such as {\"name\":\"value\"}", path);
    case SHAPE_FIELDS:
        return cJSON_IsObject(v) ? check_fields(v, f->fields, path, e) : err_set(e, "%s must be an object", path);
    case SHAPE_LIST:
        return check_list(v, f, path, e);
    case SHAPE_SECRET:
        return err_set(e, "%s would put a key into the log; store provider keys at Respan instead", path);
    }
    return -1;
}

static int check_required(const cJSON *o, const struct field *fields, const char *where, struct err *e)
{
    for (; fields->name; fields++)
        if (fields->is_required && !tree_member(o, fields->name))
            return err_set(e, "%s needs a \"%s\"", where, fields->name);
    return 0;
}

/* where: the path of o, "" at the top. */
static int check_fields(const cJSON *o, const struct field *fields, const char *where, struct err *e)
{
    const cJSON *v;

    cJSON_ArrayForEach(v, o)
    {
        char *path = xasprintf("%s%s%.80s", where, where[0] ? "." : "", v->string);
        const struct field *f = find_field(fields, v->string);
        int r;
        if (!f)
            r = err_set(e, "%s is no Respan parameter that spantop knows", path);
        else if (tree_member(o, v->string) != v)
            r = err_set(e, "%s is given twice", path);
        else
            r = check_value(v, f, path, e);
        free(path);
        if (r != 0)
            return -1;
    }
    return check_required(o, fields, where, e);
}

int params_check(const char *json, struct err *e)
{
    cJSON *root = json ? tree_parse(json, strlen(json)) : NULL;
    int r;

    if (!cJSON_IsObject(root))
        r = err_set(e, "Respan parameters must be a JSON object such as {\"cache_enabled\":true}");
    else
        r = check_fields(root, top_fields, "", e);
    cJSON_Delete(root);
    return r;
}

/* --- Merging --------------------------------------------------------------------- */

static bool is_object_text(const char *json)
{
    cJSON *root = tree_parse(json, strlen(json));
    bool is = cJSON_IsObject(root);

    cJSON_Delete(root);
    return is;
}

/* Does the object have this key, however either of them is escaped? */
static bool has_key(const char *json, const char *other, struct span other_key)
{
    size_t len = strlen(json);
    struct json_iter it = json_object(json, len, json_skip_space(json, len, 0));
    struct buf wanted;
    struct buf key;
    bool found = false;

    buf_init(&wanted);
    buf_init(&key);
    json_text(other, (struct span){other_key.off - 1, other_key.len + 2}, &wanted);
    while (!found && json_next(&it)) {
        buf_reset(&key);
        json_text(json, (struct span){it.key.off - 1, it.key.len + 2}, &key);
        found = bytes_eq(buf_bytes(&key), buf_bytes(&wanted));
    }
    buf_done(&key);
    buf_done(&wanted);
    return found;
}

/* Append the members of json that `except` (may be NULL) does not have. */
static void put_members(struct buf *out, const char *json, const char *except)
{
    size_t len = strlen(json);
    struct json_iter it = json_object(json, len, json_skip_space(json, len, 0));

    while (json_next(&it)) {
        if (except && has_key(except, json, it.key))
            continue;
        if (out->len > 1)
            buf_putc(out, ',');
        buf_putc(out, '"');
        buf_put(out, json + it.key.off, it.key.len);
        buf_puts(out, "\":");
        buf_put(out, json + it.value.off, it.value.len);
    }
}

char *params_merge(const char *base_json, const char *top_json, struct err *e)
{
    struct buf out;

    if ((base_json && !is_object_text(base_json)) || (top_json && !is_object_text(top_json))) {
        err_set(e, "Respan parameters that are no JSON object cannot be merged: %.200s",
                base_json && !is_object_text(base_json) ? base_json : top_json);
        return NULL;
    }
    buf_init(&out);
    buf_putc(&out, '{');
    if (base_json)
        put_members(&out, base_json, top_json);
    if (top_json)
        put_members(&out, top_json, NULL);
    buf_putc(&out, '}');
    if (out.failed) {
        err_set(e, "no memory to merge Respan parameters");
        buf_done(&out);
        return NULL;
    }
    return buf_take(&out, NULL);
}

char *params_with_thread(const char *json, const char *session_id, struct err *e)
{
    struct buf member;
    size_t len = strlen(json);
    struct span value;
    bool has_one = json_member(json, len, json_skip_space(json, len, 0), "thread_identifier", &value);
    bool is_auto = has_one && value.len == 6 && memcmp(json + value.off, "\"auto\"", 6) == 0;
    /* The session comes from a client's header and may hold anything. */
    char *name = xasprintf("claudecode_%s", session_id);
    buf_init(&member);
    buf_puts(&member, "{\"thread_identifier\":");
    json_quote(&member, name, strlen(name));
    buf_puts(&member, "}");
    free(name);
    char *with = is_auto ? params_merge(json, member.data, e) : params_merge(has_one ? NULL : member.data, json, e);
    buf_done(&member);
    return with;
}

/* --- The header -------------------------------------------------------------------- */

char *params_encode(const char *json)
{
    return encode_base64(json, strlen(json));
}

char *params_decode(const char *header_value, struct err *e)
{
    size_t len = 0;
    size_t start = strspn(header_value, " \t");
    size_t end = strlen(header_value);

    while (end > start && (header_value[end - 1] == ' ' || header_value[end - 1] == '\t'))
        end--;
    char *json = decode_base64(header_value + start, end - start, &len);
    if (!json) {
        err_set(e, "%s is no base64", PARAMS_HEADER);
        return NULL;
    }
    if (strlen(json) != len || !is_object_text(json)) {
        err_set(e, "%s holds no JSON object", PARAMS_HEADER);
        free(json);
        return NULL;
    }
    return json;
}

/* --- The word for the cache ---------------------------------------------------------- */

static double unit_seconds(char unit)
{
    switch (unit) {
    case '\0':
    case 's':
        return 1;
    case 'm':
        return 60;
    case 'h':
        return 3600;
    case 'd':
        return 86400;
    case 'w':
        return 604800;
    default:
        return 0;
    }
}

char *params_from_cache_word(const char *word, struct err *e)
{
    size_t digits = strspn(word, "0123456789");
    bool has_unit = digits > 0 && word[digits] && !word[digits + 1];

    if (strcmp(word, "off") == 0)
        return xstrdup("{\"cache_enabled\":false}");
    if (strcmp(word, "on") == 0)
        return xstrdup("{\"cache_enabled\":true}");
    if (digits > 0 && (has_unit || !word[digits])) {
        double seconds = strtod(word, NULL) * unit_seconds(word[digits]);
        if (seconds >= 1 && seconds <= SECONDS_MAX)
            return xasprintf("{\"cache_enabled\":true,\"cache_ttl\":%.0f}", seconds);
    }
    err_set(e, "the cache can be off, on, or a time such as 300, 5m, 1h or 7d, not \"%.80s\"", word);
    return NULL;
}
