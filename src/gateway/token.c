#include "gateway/token.h"

#include <string.h>
#include <strings.h>

#include "base/encode.h"

/* The key in an Authorization value, or NULL. */
static const char *bearer_of(const char *value)
{
    if (strncasecmp(value, "Bearer", 6) != 0 || (value[6] != ' ' && value[6] != '\t'))
        return NULL;
    return value + 6 + strspn(value + 6, " \t");
}

static enum token_verdict check_one(const char *key, const char *local_token)
{
    if (!key || strncmp(key, TOKEN_PREFIX, strlen(TOKEN_PREFIX)) != 0)
        return TOKEN_PASS;
    return secret_eq(key, strlen(key), local_token, strlen(local_token)) ? TOKEN_REPLACE : TOKEN_WRONG;
}

enum token_verdict token_check(const struct headers *h, const char *local_token)
{
    enum token_verdict worst = TOKEN_PASS;
    for (size_t i = 0; i < h->count; i++) {
        const char *name = headers_name(h, i);
        const char *value = headers_value(h, i);
        enum token_verdict one = TOKEN_PASS;
        if (strcasecmp(name, "x-api-key") == 0)
            one = check_one(value, local_token);
        else if (strcasecmp(name, "Authorization") == 0)
            one = check_one(bearer_of(value), local_token);
        if (one > worst)
            worst = one;
    }
    return worst;
}

bool token_is_there(const struct headers *h)
{
    for (size_t i = 0; i < h->count; i++) {
        const char *name = headers_name(h, i);
        const char *key = strcasecmp(name, "x-api-key") == 0       ? headers_value(h, i)
                          : strcasecmp(name, "Authorization") == 0 ? bearer_of(headers_value(h, i))
                                                                   : NULL;
        if (key && key[strspn(key, " \t")])
            return true;
    }
    return false;
}

int token_replace(struct headers *h, const char *key)
{
    headers_remove(h, "x-api-key");
    headers_remove(h, "Authorization");
    return headers_put(h, "x-api-key", key);
}
