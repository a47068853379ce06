/* spantop run: a command whose LLM calls go through the gateway.
 *
 * The command stays in our process group and has our terminal, so that the
 * terminal's signals reach it directly; ours are held back or passed on.  When
 * it stops, we stop, too, or the shell would wait for us; when a signal ends
 * it, we end by the same one. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/text.h"
#include "cli/client_env.h"
#include "cli/command.h"
#include "cli/leave.h"
#include "cli/split.h"
#include "cli/start.h"
#include "log/reader.h"

#define STATUS_NOT_EXECUTABLE 126 /* as env(1) and every shell */
#define STATUS_NOT_FOUND      127

/* --- The child's environment -------------------------------------------------- */

/* A proxy for the world must not get calls to the loopback address. */
static void spare_loopback(const char *variable)
{
    const char *now = getenv(variable);
    struct buf list;
    buf_init(&list);
    buf_printf(&list, "%s%s127.0.0.1,localhost,::1", now ? now : "", now && *now ? "," : "");
    setenv(variable, list.data, 1);
    buf_done(&list);
}

static void set_environment(const struct client_env *env, bool keeps_key)
{
    setenv("ANTHROPIC_BASE_URL", env->base_url, 1);
    if (!keeps_key)
        setenv("ANTHROPIC_API_KEY", env->token, 1);
    setenv("ANTHROPIC_AUTH_TOKEN", "", 1);
    /* These send claude elsewhere, whatever the base URL says. */
    unsetenv("CLAUDE_CODE_USE_BEDROCK");
    unsetenv("CLAUDE_CODE_USE_VERTEX");
    unsetenv("CLAUDE_CODE_USE_FOUNDRY");
    if (getenv("HTTP_PROXY") || getenv("http_proxy") || getenv("HTTPS_PROXY") || getenv("https_proxy")) {
        spare_loopback("NO_PROXY");
        spare_loopback("no_proxy");
    }
}

/* Without a Respan key of ours, a key the user has set for claude goes through. */
static int find_key(const struct settings *s, bool *keeps_key, struct err *e)
{
    char *key = NULL;
    const char *own = getenv("ANTHROPIC_API_KEY");
    if (settings_key(s, &key, e) != 0)
        return -1;
    *keeps_key = !key && own && *own;
    if (!key && !*keeps_key)
        cli_say("no RESPAN_API_KEY and no --key-file: unless the running gateway has a key, calls will be refused");
    key_free(key);
    return 0;
}

/* --- Running -------------------------------------------------------------------- */

static void become_command(char **argv, const struct client_env *env, bool keeps_key)
{
    static const int numbers[] = {SIGINT, SIGQUIT, SIGTSTP, SIGCHLD, SIGPIPE};
    sigset_t none;
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        signal(numbers[i], SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    set_environment(env, keeps_key);
    execvp(argv[0], argv);
    int reason = errno;
    cli_say("cannot run %s: %s", argv[0], strerror(reason));
    _exit(reason == ENOENT ? STATUS_NOT_FOUND : STATUS_NOT_EXECUTABLE);
}

static void on_child(int number)
{
    (void)number; /* a handler, for a signal that is ignored need not be waited for */
}

/* What is waited for in wait_for_end(): the command's end, and what is passed on to it. */
static void set_signals(sigset_t *awaited)
{
    static const int numbers[] = {SIGCHLD, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2};
    signal(SIGINT, SIG_IGN); /* the terminal sends these to the command itself */
    signal(SIGQUIT, SIG_IGN);
    signal(SIGTSTP, SIG_IGN); /* we stop when the command has stopped, not besides */
    signal(SIGCHLD, on_child);
    sigemptyset(awaited);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        sigaddset(awaited, numbers[i]);
    sigprocmask(SIG_BLOCK, awaited, NULL);
}

/* waitpid's status once it ended. */
static int wait_for_end(pid_t pid, const sigset_t *awaited)
{
    for (;;) {
        int number, status;
        if (sigwait(awaited, &number) != 0)
            continue;
        if (number != SIGCHLD) {
            kill(pid, number);
            continue;
        }
        if (waitpid(pid, &status, WUNTRACED | WNOHANG) != pid)
            continue; /* the gateway, which is our child, too */
        if (!WIFSTOPPED(status))
            return status;
        raise(SIGSTOP); /* until the shell continues the whole group */
    }
}

static int end_as(int status)
{
    if (!WIFSIGNALED(status))
        return WEXITSTATUS(status);
    struct rlimit no_core = {0, 0};
    setrlimit(RLIMIT_CORE, &no_core); /* the command's core is there already */
    fflush(NULL);
    sigset_t none;
    sigemptyset(&none);
    signal(WTERMSIG(status), SIG_DFL);
    sigprocmask(SIG_SETMASK, &none, NULL);
    raise(WTERMSIG(status));
    return 128 + WTERMSIG(status);
}

/* --- Afterwards --------------------------------------------------------------------- */

#define SETTLE_MS 500 /* a call's row is written within 100 ms, its end within 300 */

/* How many calls the gateway carried and how many rows the log has, before the command. */
struct before {
    int64_t since_ms;
    int64_t carried;
    int64_t rows;
};

static int64_t carried_by(const struct started *g)
{
    struct err ignored;
    struct peer_health h;
    return gateway_verify(&g->peer, &h, &ignored) == 0 ? h.calls : 0;
}

static int64_t rows_in(struct db *db)
{
    struct err ignored;
    struct call_query every = {.sort = SORT_ID};
    int64_t n = 0;
    return reader_count(db, &every, &n, &ignored) == 0 ? n : 0;
}

static struct before look_before(const struct settings *s, const struct started *g)
{
    struct err ignored;
    struct before b = {.since_ms = clock_wall_ms(), .carried = carried_by(g)};
    struct db *db = db_open(s->log_path, DB_READ, &ignored);
    b.rows = db ? rows_in(db) : 0;
    db_close(db);
    return b;
}

static bool are_any_open(struct db *db)
{
    struct err ignored;
    struct call_page open;
    if (reader_open_calls(db, &open, &ignored) != 0)
        return false;
    bool any = open.count > 0;
    call_page_done(&open);
    return any;
}

/* Until the command's calls are written, to their end. */
static void await_rows(struct db *db, const struct started *g, const struct before *b)
{
    int64_t wanted = b->rows + carried_by(g) - b->carried;
    int64_t end_us = clock_mono_us() + SETTLE_MS * 1000;
    while (wanted > b->rows && (rows_in(db) < wanted || are_any_open(db)) && clock_mono_us() < end_us)
        poll(NULL, 0, 10);
}

static void add_row(struct totals *sum, const struct totals *t)
{
    sum->calls += t->calls;
    sum->tokens_in += t->tokens_in + t->tokens_cache_read + t->tokens_cache_write_5m + t->tokens_cache_write_1h;
    sum->tokens_out += t->tokens_out;
    sum->cost_microusd += t->cost_microusd;
}

/* "12 calls, 142k tokens in, 3.1k out, $0.21" of everything since then. */
static int sum_up(const char *log_path, const struct started *g, const struct before *b, char *line, size_t size,
                  struct err *e)
{
    struct group_page page;
    struct totals sum = {0};
    struct db *db = db_open(log_path, DB_READ, e);
    if (!db)
        return -1;
    await_rows(db, g, b);
    int r = reader_groups(db, b->since_ms, GROUP_SESSION, &page, e);
    db_close(db);
    if (r != 0)
        return -1;
    char in[TEXT_SHORT_MAX], out[TEXT_SHORT_MAX], cost[TEXT_SHORT_MAX], sessions[48] = "";
    for (size_t i = 0; i < page.count; i++)
        add_row(&sum, &page.rows[i].totals);
    if (page.count > 1)
        snprintf(sessions, sizeof sessions, " in %zu sessions", page.count);
    group_page_done(&page);
    text_count(in, sum.tokens_in);
    text_count(out, sum.tokens_out);
    text_usd(cost, sum.cost_microusd);
    if (sum.calls == 0)
        snprintf(line, size, "no call came through the gateway (spantop doctor tells why)");
    else
        snprintf(line, size, "%lld call%s%s, %s tokens in, %s out, %s", (long long)sum.calls, sum.calls == 1 ? "" : "s",
                 sessions, in, out, cost);
    return 0;
}

static void tell_cost(struct cli *c, const struct started *g, const struct before *b)
{
    struct err e = {""};
    struct buf stop;
    char line[256];
    bool stays;
    if (sum_up(c->settings.log_path, g, b, line, sizeof line, &e) != 0 ||
        gateway_leave(&c->settings, g, &stays, &e) != 0) {
        cli_say("%s", e.text);
        return;
    }
    buf_init(&stop);
    cli_command_line(c, "stop", &stop);
    if (stays && g->is_ours)
        cli_say("%s; the gateway goes on at %s (%s)", line, g->peer.address, stop.data);
    else
        cli_say("%s", line);
    buf_done(&stop);
}

/* Without a pane nothing is run, and a gateway that was started for it goes again. */
static int open_pane(struct cli *c, const struct started *g, struct split *pane, struct err *e)
{
    struct err ignored;
    bool stays;
    if (!args_has(&c->args, "split") || split_open(c, pane, e) == 0)
        return 0;
    (void)!gateway_leave(&c->settings, g, &stays, &ignored);
    return -1;
}

static int run(struct cli *c, struct err *e)
{
    struct start_options o = {.settings = &c->settings, .program = c->program};
    struct client_env env;
    struct started gateway = {0};
    struct split pane = {""};
    bool keeps_key;
    if (args_has(&c->args, "split") && split_check(e) != 0)
        return CLI_FAILED;
    if (find_key(&c->settings, &keeps_key, e) != 0 || gateway_start(&o, &gateway, e) != 0 ||
        client_env_load(&c->settings, &env, e) != 0 || open_pane(c, &gateway, &pane, e) != 0)
        return CLI_FAILED;
    struct before before = look_before(&c->settings, &gateway);
    sigset_t awaited;
    set_signals(&awaited);
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0)
        become_command(c->args.words, &env, keeps_key);
    if (pid < 0)
        return err_set(e, "cannot run %s: %s", c->args.words[0], strerror(errno));
    int status = wait_for_end(pid, &awaited);
    split_close(&pane); /* before, since its dashboard uses the gateway, too */
    tell_cost(c, &gateway, &before);
    return end_as(status);
}

static const struct option_spec options[] = {
    {"split", NULL, "in tmux: the dashboard beside it, until it ends"},
    {NULL, NULL, NULL},
};

const struct command command_run = {
    .name = "run",
    .summary = "run a command (claude), its calls through the gateway",
    .synopsis = "[--split] [--] COMMAND ARG…",
    .text = "Starts the gateway if none runs. The environment is changed for that command\n"
            "alone; terminal, signals and exit status are its own. At the end one line tells\n"
            "the cost.",
    .example = "spantop run claude --continue",
    .options = options,
    .min_words = 1,
    .max_words = (size_t)-1,
    .stops_at_word = true,
    .run = run,
};
