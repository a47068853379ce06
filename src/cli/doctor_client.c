/* Claude Code takes each variable from the strongest place that has it: managed
 * settings, then the project's local and shared ones, then the user's, and only
 * then the shell.  So an exported variable can be beaten by a file nobody thinks
 * of, and the other way round ANTHROPIC_AUTH_TOKEN beats any key. */
#include <cjson/cJSON.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "cli/claude_files.h"
#include "cli/client_env.h"
#include "cli/doctor.h"

#define SETTINGS_MAX ((size_t)64 << 20)
#define CLAUDE_MS    3000 /* a cold start of the client takes about a second */
#define CLAUDE_MAJOR 2    /* the first line whose wire format was tried */

struct scope {
    char *path;
    cJSON *settings; /* NULL: no such file */
};

struct view {
    struct scope scopes[CLAUDE_SCOPES];
    cJSON *state; /* ~/.claude.json */
};

/* A variable as claude sees it; text NULL: not set. */
struct seen {
    const char *text;
    const char *where;
};

static cJSON *read_json(struct report *r, const char *path)
{
    struct buf text;
    struct err e;
    cJSON *json = NULL;
    if (access(path, F_OK) != 0)
        return NULL;
    buf_init(&text);
    if (file_read(path, SETTINGS_MAX, &text, &e) != 0)
        report_add(r, "settings", CHECK_WARN, NULL, "%s", e.text);
    else if (!(json = cJSON_ParseWithLength(text.data, text.len)))
        report_add(r, "settings", CHECK_FAIL, "mend the file: claude leaves all of it out", "%s is no JSON", path);
    buf_done(&text);
    return json;
}

static void view_load(struct view *v, struct report *r)
{
    struct err e;
    *v = (struct view){0};
    for (int i = 0; i < CLAUDE_SCOPES; i++) {
        v->scopes[i].path = claude_settings_path((enum claude_scope)i, &e);
        if (v->scopes[i].path)
            v->scopes[i].settings = read_json(r, v->scopes[i].path);
    }
    char *state = claude_state_path(&e);
    v->state = state ? read_json(r, state) : NULL;
    free(state);
}

static void view_done(struct view *v)
{
    for (int i = 0; i < CLAUDE_SCOPES; i++) {
        free(v->scopes[i].path);
        cJSON_Delete(v->scopes[i].settings);
    }
    cJSON_Delete(v->state);
}

static const char *env_of(const struct scope *s, const char *name)
{
    const cJSON *env = cJSON_GetObjectItemCaseSensitive(s->settings, "env");
    return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(env, name));
}

static struct seen look(const struct view *v, const char *name)
{
    for (int i = CLAUDE_SCOPES - 1; i >= 0; i--) {
        const char *text = env_of(&v->scopes[i], name);
        if (text)
            return (struct seen){text, v->scopes[i].path};
    }
    const char *text = getenv(name);
    return (struct seen){text, text ? "the environment" : NULL};
}

static bool is_set(struct seen s)
{
    return s.text && *s.text;
}

/* The user's settings, which spantop setup writes, beat the shell but no project. */
static bool is_mendable(const struct view *v, struct seen s)
{
    return !s.where || strcmp(s.where, "the environment") == 0 ||
           (v->scopes[CLAUDE_USER].path && strcmp(s.where, v->scopes[CLAUDE_USER].path) == 0);
}

/* --- The checks ------------------------------------------------------------------ */

static void check_auth_token(struct report *r, const struct view *v)
{
    static const char *const mend[] = {"setup", NULL};
    struct seen token = look(v, "ANTHROPIC_AUTH_TOKEN");
    if (!is_set(token)) {
        report_ok(r, "auth_token", "no ANTHROPIC_AUTH_TOKEN in the way of the key");
        return;
    }
    struct check *c = report_add(r, "auth_token", CHECK_FAIL, "take it out there, or: spantop setup",
                                 "ANTHROPIC_AUTH_TOKEN in %s is used instead of ANTHROPIC_API_KEY", token.where);
    c->mend = is_mendable(v, token) ? mend : NULL;
}

static void check_base_url(struct report *r, const struct view *v, const struct client_env *env)
{
    static const char *const mend[] = {"setup", NULL};
    static const char fix[] = "eval \"$(spantop env)\" in the shell, or: spantop setup";
    struct seen url = look(v, "ANTHROPIC_BASE_URL");
    struct check *c;
    if (!is_set(url)) {
        c = report_add(r, "base_url", CHECK_WARN, fix, "ANTHROPIC_BASE_URL is not set: claude goes past the gateway");
        c->mend = mend;
        return;
    }
    size_t len = strlen(env->base_url), given = strlen(url.text);
    if (strcmp(url.text, env->base_url) == 0 || (given == len - 1 && strncmp(url.text, env->base_url, given) == 0)) {
        report_ok(r, "base_url", "claude goes to %s (%s)", url.text, url.where);
        return;
    }
    const char *why =
        strstr(url.text, "127.0.0.1") || strstr(url.text, "localhost")
            ? strstr(url.text, "/api/anthropic") ? "another address than the gateway's" : "without /api/anthropic/"
            : "past the gateway";
    c = report_add(r, "base_url", CHECK_FAIL, fix, "ANTHROPIC_BASE_URL in %s is %s: %s; it should be %s", url.where,
                   url.text, why, env->base_url);
    c->mend = is_mendable(v, url) ? mend : NULL;
}

static bool is_local_token(const char *key)
{
    return strncmp(key, "spantop-", 8) == 0;
}

static void check_api_key(struct report *r, const struct view *v, const struct client_env *env)
{
    static const char *const mend[] = {"setup", NULL};
    struct seen key = look(v, "ANTHROPIC_API_KEY");
    if (!is_set(key)) {
        report_add(r, "api_key", CHECK_WARN, "eval \"$(spantop env)\", or: spantop setup",
                   "ANTHROPIC_API_KEY is not set: claude has nothing to show the gateway");
    } else if (!is_local_token(key.text)) {
        report_ok(r, "api_key", "claude sends a key of its own, which is passed on (%s)", key.where);
    } else if (strcmp(key.text, env->token) == 0) {
        report_ok(r, "api_key", "claude sends this gateway's local token (%s)", key.where);
    } else {
        struct check *c = report_add(r, "api_key", CHECK_FAIL, "eval \"$(spantop env)\", or: spantop setup",
                                     "the local token in %s is that of another log: the gateway refuses it", key.where);
        c->mend = is_mendable(v, key) ? mend : NULL;
    }
}

static bool list_has(const cJSON *state, const char *list, const char *note)
{
    const cJSON *item,
        *items =
            cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(state, "customApiKeyResponses"), list);
    cJSON_ArrayForEach(item, items)
    {
        if (cJSON_IsString(item) && strcmp(item->valuestring, note) == 0)
            return true;
    }
    return false;
}

static void check_approval(struct report *r, const struct view *v)
{
    static const char *const mend[] = {"setup", "--approve", NULL};
    struct seen key = look(v, "ANTHROPIC_API_KEY");
    if (!is_set(key))
        return;
    size_t len = strlen(key.text);
    const char *note = len > 20 ? key.text + len - 20 : key.text; /* so claude keeps it */
    if (list_has(v->state, "rejected", note)) {
        struct check *c = report_add(r, "key_approval", CHECK_FAIL,
                                     "in claude: /config, search \"custom\", turn on Use custom API key",
                                     "this key was rejected in claude earlier: it is left out without a word");
        if (is_local_token(key.text))
            c->mend = mend;
    } else if (list_has(v->state, "approved", note)) {
        report_ok(r, "key_approval", "claude's user agreed to this key");
    } else {
        report_ok(r, "key_approval", "claude will ask once whether to use this key: choose yes");
    }
}

static void check_helpers(struct report *r, const struct view *v)
{
    static const char *const others[] = {"CLAUDE_CODE_USE_BEDROCK", "CLAUDE_CODE_USE_VERTEX",
                                         "CLAUDE_CODE_USE_FOUNDRY"};
    bool is_clean = true;
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        struct seen s = look(v, others[i]);
        if (!is_set(s) || strcmp(s.text, "0") == 0 || strcasecmp(s.text, "false") == 0)
            continue;
        is_clean = false;
        report_add(r, "other_backend", CHECK_FAIL, "take it out there", "%s in %s sends claude elsewhere", others[i],
                   s.where);
    }
    if (is_clean)
        report_ok(r, "other_backend", "no Bedrock, Vertex or Foundry switch");
    for (int i = 0; i < CLAUDE_SCOPES; i++) {
        if (cJSON_GetObjectItemCaseSensitive(v->scopes[i].settings, "apiKeyHelper"))
            report_add(r, "api_key_helper", CHECK_WARN, "take it out if calls come with another key",
                       "apiKeyHelper in %s makes a key where ANTHROPIC_API_KEY does not reach claude",
                       v->scopes[i].path);
    }
    if (v->scopes[CLAUDE_MANAGED].settings)
        report_add(r, "managed_settings", CHECK_WARN, "ask your administrator", "%s beats every other setting",
                   v->scopes[CLAUDE_MANAGED].path);
}

/* Does a NO_PROXY list spare the loopback address? */
static bool spares_loopback(const char *list)
{
    return list && (strstr(list, "127.0.0.1") || strstr(list, "localhost") || strcmp(list, "*") == 0);
}

static void check_proxy(struct report *r, const struct view *v)
{
    static const char *const names[] = {"HTTP_PROXY",  "http_proxy", "HTTPS_PROXY",
                                        "https_proxy", "ALL_PROXY",  "all_proxy"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct seen proxy = look(v, names[i]);
        if (!is_set(proxy))
            continue;
        if (spares_loopback(look(v, "NO_PROXY").text) || spares_loopback(look(v, "no_proxy").text))
            report_ok(r, "proxy", "%s is set, and NO_PROXY spares this machine", names[i]);
        else
            report_add(r, "proxy", CHECK_WARN, "export NO_PROXY=127.0.0.1,localhost",
                       "%s is set: claude may send the gateway's calls to that proxy", names[i]);
        return;
    }
    report_ok(r, "proxy", "no proxy between claude and the gateway");
}

/* --- The program --------------------------------------------------------------------- */

/* The first line claude --version prints; false: not there, or it took too long. */
static bool ask_version(char *line, size_t size, bool *is_missing)
{
    int ends[2];
    *is_missing = false;
    line[0] = '\0';
    if (pipe(ends) != 0)
        return false;
    pid_t pid = fork();
    if (pid == 0) {
        dup2(ends[1], 1);
        close(ends[0]);
        close(ends[1]);
        execlp("claude", "claude", "--version", (char *)NULL);
        _exit(127);
    }
    close(ends[1]);
    struct pollfd p = {.fd = ends[0], .events = POLLIN};
    ssize_t n = pid > 0 && poll(&p, 1, CLAUDE_MS) == 1 ? read(ends[0], line, size - 1) : -1;
    close(ends[0]);
    if (n < 0 && pid > 0)
        kill(pid, SIGKILL);
    int status = 0;
    if (pid > 0 && waitpid(pid, &status, 0) == pid)
        *is_missing = WIFEXITED(status) && WEXITSTATUS(status) == 127;
    line[n > 0 ? n : 0] = '\0';
    line[strcspn(line, "\n")] = '\0';
    return n > 0;
}

static void check_claude(struct report *r)
{
    static const char install[] = "npm install -g @anthropic-ai/claude-code";
    char line[128];
    bool is_missing;
    bool answered = ask_version(line, sizeof line, &is_missing);
    int major = atoi(line);
    if (is_missing)
        report_add(r, "claude", CHECK_WARN, install, "claude is not in PATH");
    else if (!answered)
        report_add(r, "claude", CHECK_WARN, "run claude --version", "claude --version did not answer within %d s",
                   CLAUDE_MS / 1000);
    else if (major < CLAUDE_MAJOR)
        report_add(r, "claude", CHECK_WARN, install, "Claude Code %s is older than what spantop was tried with", line);
    else
        report_ok(r, "claude", "Claude Code %s", line);
}

void doctor_check_client(struct report *r, const struct settings *s)
{
    struct view v;
    struct client_env env;
    struct err e;
    view_load(&v, r);
    if (client_env_load(s, &env, &e) != 0) {
        report_add(r, "local_token", CHECK_FAIL, NULL, "%s", e.text);
    } else {
        check_base_url(r, &v, &env);
        check_api_key(r, &v, &env);
    }
    check_auth_token(r, &v);
    check_approval(r, &v);
    check_helpers(r, &v);
    check_proxy(r, &v);
    check_claude(r);
    view_done(&v);
}
