/* spantop service: the gateway starts with the session, and again after a crash. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/sys.h"
#include "cli/command.h"
#include "cli/output.h"
#include "cli/service.h"
#include "log/peer.h"

#define FILE_MAX ((size_t)64 << 10)
#define READY_US 10000000
#define STEP_MS  20

static const struct option_spec options[] = {
    {"without-key", NULL, "install: all clients bring a Respan key of their own"},
    {"dry-run", NULL, "show what would be done, do nothing"},
    {"json", NULL, "status: as one JSON object"},
    {NULL, NULL, NULL},
};

/* What a verb works on. */
struct job {
    const struct cli *cli;
    const struct service_manager *manager;
    char *path;
    bool is_there; /* the file */
    bool is_dry;
};

/* 0: ours or not there. */
static int look_at_file(struct job *j, struct err *e)
{
    struct buf text;
    struct err ignored;
    j->is_there = access(j->path, F_OK) == 0;
    if (!j->is_there)
        return 0;
    buf_init(&text);
    int r = file_read(j->path, FILE_MAX, &text, &ignored);
    bool is_ours = r == 0 && strstr(text.data, SERVICE_MARK);
    buf_done(&text);
    return is_ours ? 0 : err_set(e, "%s is not of spantop service's making; move it away first", j->path);
}

/* --- The key --------------------------------------------------------------------- */

static int check_key_file(const char *key_file, struct err *e)
{
    char *key = NULL;
    int r = settings_read_key(key_file, &key, e);
    key_free(key);
    if (r == 0 && settings_key_is_open(key_file))
        cli_say("others on this machine can read the key: chmod 600 %s", key_file);
    if (r == 0)
        printf("the service reads the Respan key from %s\n", key_file);
    return r;
}

/* A service does not see this shell's variables, and its file is no place for a key. */
static int check_key(const struct job *j, struct err *e)
{
    if (args_has(&j->cli->args, "without-key"))
        return 0;
    if (j->cli->settings.key_file)
        return check_key_file(j->cli->settings.key_file, e);
    int known = j->manager->has_key(e);
    if (known > 0)
        printf("the service gets the Respan key from RESPAN_API_KEY in %s's environment\n", j->manager->name);
    if (known != 0)
        return known < 0 ? -1 : 0;
    return err_set(
        e,
        "the service would find no Respan key%s: put it into a file of mode 600 and name that with --key-file "
        "here or key-file in spantop.conf (--without-key where every client brings its own)",
        getenv("RESPAN_API_KEY") ? ", for it does not see this shell's RESPAN_API_KEY" : "");
}

static void warn_of_proxy(void)
{
    static const char *const names[] = {"HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *value = getenv(names[i]);
        if (value && *value) {
            cli_say("%s is set here, but the service does not see it", names[i]);
            return;
        }
    }
}

/* --- install ------------------------------------------------------------------------ */

static int write_file(const struct job *j, const char *text, struct err *e)
{
    char *dir = file_dir_of(j->path);
    int r = file_make_dir(dir, e);
    if (r == 0)
        r = file_write(j->path, text, strlen(text), 0600, e);
    free(dir);
    return r;
}

static void take_away(const struct job *j)
{
    unlink(j->path);
    j->manager->forget(j->path);
}

/* One of another making holds the log: the service could not start beside it. */
static int check_running(const struct job *j, struct err *e)
{
    struct peer p;
    struct err ignored;
    if (j->is_there || peer_find(j->cli->settings.log_path, &p, &ignored) != 0)
        return 0;
    return err_set(e, "a gateway runs already at %s (pid %lld); first: spantop stop", p.address, (long long)p.pid);
}

/* Only told: what keeps it from listening stands in its messages. */
static void await_gateway(const struct job *j)
{
    const struct timespec step = {.tv_nsec = STEP_MS * 1000000L};
    struct service_state state = {0};
    struct peer p;
    struct err ignored;
    int64_t end = clock_mono_us() + READY_US;
    do {
        if (peer_find(j->cli->settings.log_path, &p, &ignored) == 0) {
            printf("the gateway listens at %s and starts with your session; back: spantop service remove\n", p.address);
            return;
        }
        nanosleep(&step, NULL);
        j->manager->ask(j->path, &state);
    } while (state.is_running && clock_mono_us() < end);
    cli_say("installed, but the gateway does not listen yet; what it says: %s", j->manager->logs);
}

static int install_text(const struct job *j, const char *text, struct err *e)
{
    if (check_running(j, e) != 0 || write_file(j, text, e) != 0)
        return -1;
    if (j->manager->start(j->path, e) != 0) {
        if (!j->is_there)
            take_away(j);
        return -1;
    }
    printf("wrote %s\n", j->path);
    warn_of_proxy();
    await_gateway(j);
    return 0;
}

static int put_text(const struct job *j, struct buf *out, struct err *e)
{
    struct service_spec spec;
    char *program = sys_own_program(j->cli->program);
    int r = 0;
    if (program[0] != '/' || strncmp(program, "/proc/", 6) == 0) {
        r = err_set(e, "cannot tell where this program lies; call it by its whole path");
    } else {
        service_spec_fill(&spec, program, &j->cli->args);
        j->manager->put_text(&spec, out);
        service_spec_done(&spec);
    }
    free(program);
    return r;
}

static int install(struct job *j, struct err *e)
{
    struct buf text;
    buf_init(&text);
    int r = put_text(j, &text, e);
    if (r == 0 && j->is_dry)
        printf("would write %s:\n\n%s\n", j->path, text.data);
    if (r == 0)
        r = check_key(j, e);
    if (r == 0 && !j->is_dry)
        r = install_text(j, text.data, e);
    buf_done(&text);
    return r;
}

/* --- remove and status ---------------------------------------------------------------- */

static int remove_service(struct job *j, struct err *e)
{
    if (!j->is_there || j->is_dry) {
        printf(j->is_there ? "would stop the service and delete %s\n" : "there is no service: no %s\n", j->path);
        return 0;
    }
    if (j->manager->stop(j->path, e) != 0)
        return -1;
    take_away(j);
    printf("stopped the service and deleted %s\n", j->path);
    return 0;
}

static int status(struct job *j, struct err *e)
{
    struct service_state state = {.is_installed = j->is_there};
    (void)e;
    if (j->is_there)
        j->manager->ask(j->path, &state);
    if (args_has(&j->cli->args, "json")) {
        cJSON *json = cJSON_CreateObject();
        json_add_text(json, "manager", j->manager->name);
        json_add_text(json, "file", j->path);
        cJSON_AddBoolToObject(json, "installed", state.is_installed);
        cJSON_AddBoolToObject(json, "enabled", state.is_enabled);
        cJSON_AddBoolToObject(json, "running", state.is_running);
        out_json(json);
        return 0;
    }
    printf("%s: %s (%s)\n", j->manager->name, state.is_installed ? "installed" : "not installed", j->path);
    if (state.is_installed)
        printf("%s, %s; messages: %s\n", state.is_enabled ? "starts with your session" : "does not start by itself",
               state.is_running ? "runs" : "does not run", j->manager->logs);
    return 0;
}

/* --- The command -------------------------------------------------------------------------- */

static int service(struct cli *c, struct err *e)
{
    static const struct {
        const char *word;
        int (*run)(struct job *j, struct err *e);
    } verbs[] = {{"install", install}, {"remove", remove_service}, {"status", status}};
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++) {
        if (strcmp(c->args.words[0], verbs[i].word) != 0)
            continue;
        struct job j = {.cli = c, .manager = service_manager_find(e), .is_dry = args_has(&c->args, "dry-run")};
        if (!j.manager)
            return CLI_FAILED;
        j.path = j.manager->path();
        int r = look_at_file(&j, e);
        if (r == 0)
            r = verbs[i].run(&j, e);
        free(j.path);
        return r == 0 ? CLI_DONE : CLI_FAILED;
    }
    return cli_usage(e, "spantop service knows install, remove and status, not \"%s\"", c->args.words[0]);
}

const struct command command_service = {
    .name = "service",
    .is_minor = true,
    .summary = "start the gateway with your session, by systemd or launchd",
    .synopsis = "install [--key-file FILE|--without-key] [--dry-run]\n"
                "remove [--dry-run]\n"
                "status [--json]",
    .text = "Options of the gateway given to install, and variables that steer it, hold for\n"
            "the service; the rest it takes from spantop.conf. The key never stands in its\n"
            "file: name a file that holds it. Without a login: loginctl enable-linger.",
    .example = "spantop service install --dry-run --key-file ~/.config/spantop/respan.key\nspantop service remove",
    .options = options,
    .words = (const char *const[]){"install", "remove", "status", NULL},
    .min_words = 1,
    .max_words = 1,
    .run = service,
};
