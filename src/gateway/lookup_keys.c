#include "gateway/lookup_keys.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "base/sys.h"

#define KEY_LEN_MAX 512 /* longer ones are no keys */

void lookup_keys_init(struct lookup_keys *k, const char *own)
{
    *k = (struct lookup_keys){0};
    k->keys[LOOKUP_KEY_OWN] = own && *own ? xstrdup(own) : NULL;
}

void lookup_keys_done(struct lookup_keys *k)
{
    for (int i = 0; i < LOOKUP_KEYS_MAX; i++) {
        if (k->keys[i])
            sys_wipe(k->keys[i], strlen(k->keys[i]));
        free(k->keys[i]);
    }
    *k = (struct lookup_keys){0};
}

static const char *key_of(const struct headers *sent)
{
    const char *key = headers_get(sent, "x-api-key");
    const char *bearer = headers_get(sent, "Authorization");
    if (!key && bearer && strncasecmp(bearer, "Bearer ", 7) == 0)
        key = bearer + 7 + strspn(bearer + 7, " ");
    return key && *key && strlen(key) <= KEY_LEN_MAX ? key : NULL;
}

int lookup_keys_choose(struct lookup_keys *k, const struct headers *sent)
{
    if (k->keys[LOOKUP_KEY_OWN] && !k->refused[LOOKUP_KEY_OWN])
        return LOOKUP_KEY_OWN;
    const char *key = sent ? key_of(sent) : NULL;
    for (int i = 0; key && i < LOOKUP_KEYS_MAX; i++) {
        if (i != LOOKUP_KEY_OWN && !k->keys[i])
            k->keys[i] = xstrdup(key);
        if (k->keys[i] && strcmp(k->keys[i], key) == 0)
            return k->refused[i] ? LOOKUP_KEY_NONE : i;
    }
    return LOOKUP_KEY_NONE;
}

const char *lookup_keys_peek(const struct lookup_keys *k, int key)
{
    return k->keys[key];
}

void lookup_keys_refuse(struct lookup_keys *k, int key)
{
    k->refused[key] = true;
}
