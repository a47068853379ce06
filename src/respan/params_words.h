/* Members of a parameters object as people type them, and back.  Pure. */
#ifndef SPANTOP_RESPAN_PARAMS_WORDS_H
#define SPANTOP_RESPAN_PARAMS_WORDS_H

/* "a, b" as ["a","b"]; blanks around the commas do not count.  Caller frees. */
char *params_list_json(const char *words);
/* json (an object) without that member; NULL when nothing is left.  Caller frees. */
char *params_without(const char *json, const char *key);
/* A member that is a list of texts as "a,b"; NULL: there is none, or it is something
 * else.  Caller frees. */
char *params_list_words(const char *json, const char *key);
/* cache_enabled and cache_ttl as "off", "on" or "1h", which params_from_cache_word()
 * reads; NULL: they are not there, or say something else.  Caller frees. */
char *params_cache_words(const char *json);

#endif
