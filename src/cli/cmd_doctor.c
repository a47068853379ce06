/* spantop doctor: what stops the routing, and how to mend it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/sys.h"
#include "cli/command.h"
#include "cli/doctor.h"
#include "cli/output.h"
#include "cli/start.h"
#include "log/search_index.h"
#include "log/sums_rebuild.h"

#define WORDS_MAX 8

static const struct option_spec options[] = {
    {"json", NULL, "as one JSON object: ok, checks[id, state, message, fix]"},
    {"fix", NULL, "mend what spantop itself can mend, then look again"},
    {"rebuild", NULL, "count the log's sums anew, complete its search index"},
    {NULL, NULL, NULL},
};

static void gather(struct report *r, const struct settings *s)
{
    doctor_check_gateway(r, s);
    doctor_check_client(r, s);
    doctor_check_respan(r, s);
}

static void print_text(const struct report *r)
{
    for (size_t i = 0; i < r->count; i++) {
        const struct check *c = &r->checks[i];
        printf("%-5s ", check_state_name(c->state));
        out_text(c->message, strlen(c->message));
        putchar('\n');
        if (c->fix)
            printf("      %s\n", c->fix);
    }
}

static void print_json(const struct report *r)
{
    cJSON *j = cJSON_CreateObject(), *list = cJSON_CreateArray();
    cJSON_AddBoolToObject(j, "ok", !report_has_failed(r));
    for (size_t i = 0; i < r->count; i++) {
        const struct check *c = &r->checks[i];
        cJSON *one = cJSON_CreateObject();
        json_add_text(one, "id", c->id);
        json_add_text(one, "state", check_state_name(c->state));
        json_add_text(one, "message", c->message);
        json_add_text(one, "fix", c->fix);
        cJSON_AddItemToArray(list, one);
    }
    cJSON_AddItemToObject(j, "checks", list);
    out_json(j);
}

/* Runs spantop with these words; its output goes to stderr, so that ours stays whole. */
static void run_self(const struct cli *c, const char *const *words)
{
    char *argv[WORDS_MAX + 4] = {(char *)"spantop", (char *)"--log", c->settings.log_path};
    for (size_t i = 0; i < WORDS_MAX && words[i]; i++)
        argv[3 + i] = (char *)words[i];
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        dup2(STDERR_FILENO, STDOUT_FILENO);
        char *file = sys_own_program(c->program);
        execv(file, argv);
        _exit(127);
    }
    if (pid > 0)
        waitpid(pid, NULL, 0);
}

/* Each remedy once, though several findings may name it. */
static bool mend(const struct cli *c, const struct report *r)
{
    bool any = false;
    for (size_t i = 0; i < r->count; i++) {
        const char *const *words = r->checks[i].state == CHECK_OK ? NULL : r->checks[i].mend;
        bool is_done = !words;
        for (size_t k = 0; k < i && !is_done; k++) {
            const char *const *other = r->checks[k].mend;
            is_done = other && strcmp(other[0], words[0]) == 0 && !other[1] == !words[1];
        }
        if (is_done)
            continue;
        cli_say("mending %s: spantop %s%s%s", r->checks[i].id, words[0], words[1] ? " " : "", words[1] ? words[1] : "");
        run_self(c, words);
        any = true;
    }
    return any;
}

static void tell_sums(const struct sums_rebuilt *r)
{
    if (r->mended == 0)
        printf("the sums agree with the %lld calls", (long long)r->calls);
    else
        printf("%lld sums did not agree with the %lld calls and are right now (their costs were off by $%lld.%06lld)",
               (long long)r->mended, (long long)r->calls, (long long)(r->off_microusd / 1000000), (long long)(r->off_microusd % 1000000));
    if (r->kept_days > 0)
        printf("; those of %lld days stay as they are, since some of their calls are deleted", (long long)r->kept_days);
    putchar('\n');
}

static int rebuild_search(struct cli *c, struct db *db, struct err *e)
{
    int64_t calls;
    bool is_bounded = c->settings.max_log_bytes > 0 || c->settings.keep_days > 0;
    if (search_index_all(db, is_bounded, &calls, e) != 0)
        return err_prefix(e, "the search index cannot be completed");
    if (calls == 0)
        puts("the search index has every call");
    else
        printf("%lld calls were put into the search index\n", (long long)calls);
    return 0;
}

/* The gateway may be running. */
static int rebuild(struct cli *c, struct err *e)
{
    struct sums_rebuilt r;
    struct db *db = db_open(c->settings.log_path, DB_WRITE, e);
    int rc = db ? sums_rebuild(db, &r, e) : -1;
    if (rc == 0) {
        tell_sums(&r);
        rc = rebuild_search(c, db, e);
    }
    db_close(db);
    return rc == 0 ? CLI_DONE : CLI_FAILED;
}

static int doctor(struct cli *c, struct err *e)
{
    struct report r = {0};
    if (args_has(&c->args, "rebuild"))
        return rebuild(c, e);
    gather(&r, &c->settings);
    if (args_has(&c->args, "fix") && mend(c, &r)) {
        report_done(&r);
        gather(&r, &c->settings);
    }
    if (args_has(&c->args, "json"))
        print_json(&r);
    else
        print_text(&r);
    int status = report_has_failed(&r) ? CLI_FAILED : CLI_DONE;
    report_done(&r);
    return status;
}

const struct command command_doctor = {
    .name = "doctor",
    .summary = "find what stops the routing, say how to mend it",
    .synopsis = "[--json] [--fix]\n--rebuild",
    .text = "Looks at the gateway, its log, what claude would see here, and Respan. Changes\n"
            "nothing without --fix. Status 1 when something fails.\n"
            "--rebuild compares the log's sums with its calls and puts them right, and puts\n"
            "calls into the search index that are not in it.",
    .example = "spantop doctor",
    .options = options,
    .run = doctor,
};
