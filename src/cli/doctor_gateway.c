#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/config_check.h"
#include "cli/doctor.h"
#include "cli/probe.h"
#include "cli/reconcile_read.h"
#include "cli/start.h"
#include "log/db.h"

#define PROBE_MS    3000
#define COMPARE_MS  4000
#define COMPARED_MS ((int64_t)3600000)
#define SKEW_WARN_S 60                /* TLS and signed requests begin to suffer at minutes */
#define WAL_WARN    ((off_t)64 << 20) /* above it a restart takes a second and more */
#define SPACE_WARN  ((uint64_t)200 << 20)

/* --- The gateway --------------------------------------------------------------------- */

/* Nobody runs it: is the address at least free? */
static void check_address(struct report *r, const struct settings *s)
{
    struct peer_health h;
    struct err e;
    if (peer_ask_health(s->listen, 500, &h, &e) == 0)
        report_add(r, "gateway", CHECK_FAIL, "end that one, or use its log with --log",
                   "a spantop gateway of another log answers at %s", s->listen);
    else
        report_add(r, "gateway", CHECK_WARN, "spantop (or: spantop run claude)", "no gateway runs for this log");
}

static void check_running(struct report *r, const struct peer *p)
{
    struct peer_health h;
    struct err e;
    if (gateway_verify(p, &h, &e) != 0) {
        report_add(r, "gateway", CHECK_FAIL, "spantop stop --now, then spantop", "%s", e.text);
        return;
    }
    if (strcmp(h.version, SPANTOP_VERSION) != 0)
        report_add(r, "gateway", CHECK_WARN, "spantop stop, then spantop",
                   "the running gateway is version %s, this is %s", h.version, SPANTOP_VERSION);
    else
        report_ok(r, "gateway", "runs at %s, version %s", p->address, h.version);
    if (h.problem[0])
        report_add(r, "journal", CHECK_FAIL, "make room, or mend the disk", "the gateway cannot write its log: %s",
                   h.problem);
    else if (h.dropped + h.dropped_bodies > 0)
        report_add(r, "journal", CHECK_WARN, "look at the disk: it was too slow or full",
                   "%lld calls and %lld bodies could not be logged", (long long)h.dropped, (long long)h.dropped_bodies);
    else
        report_ok(r, "journal", "the gateway writes its log");
}

/* --- The log ---------------------------------------------------------------------------- */

static void check_space(struct report *r, const char *log_path)
{
    struct statvfs fs;
    struct stat wal;
    char text[TEXT_SHORT_MAX];
    char *dir = file_dir_of(log_path), *wal_path = xasprintf("%s-wal", log_path);
    uint64_t free_bytes = statvfs(dir, &fs) == 0 ? (uint64_t)fs.f_bavail * fs.f_frsize : UINT64_MAX;
    if (free_bytes < SPACE_WARN) {
        text_bytes(text, (int64_t)free_bytes);
        report_add(r, "log_space", CHECK_WARN, "make room, or bound the log with --max-log-bytes",
                   "only %s are free in %s", text, dir);
    }
    if (stat(wal_path, &wal) == 0 && wal.st_size > WAL_WARN) {
        text_bytes(text, wal.st_size);
        report_add(r, "log_wal", CHECK_WARN, "end programs that keep the log open (lsof)",
                   "the write-ahead log has %s: some reader keeps it from being folded back", text);
    }
    free(dir);
    free(wal_path);
}

static void check_log(struct report *r, const struct settings *s)
{
    struct err e;
    struct stat st;
    if (stat(s->log_path, &st) != 0) {
        report_ok(r, "log", "there is no log yet: the gateway makes it (%s)", s->log_path);
        return;
    }
    struct db *db = db_open(s->log_path, DB_READ, &e);
    if (db && db_is_remote(s->log_path, &e))
        report_add(r, "log", CHECK_WARN, "keep the log on a local disk: --log, or log in spantop.conf", "%s", e.text);
    else if (db)
        report_ok(r, "log", "%s opens", s->log_path);
    else
        report_add(r, "log", CHECK_FAIL, NULL, "%s", e.text);
    db_close(db);
    check_space(r, s->log_path);
}

static void check_config_file(struct report *r, const char *path, bool *tells_of_key, const char *key_file)
{
    struct config_check check;
    struct err e;
    if (config_check_file(&check, path, &e) != 0) {
        report_add(r, "config", CHECK_FAIL, NULL, "%s", e.text);
        return;
    }
    for (size_t i = 0; i < check.count; i++) {
        const struct config_finding *f = &check.findings[i];
        report_add(r, "config", f->is_warning ? CHECK_WARN : CHECK_FAIL, "spantop config check", "%s", f->text);
        *tells_of_key = *tells_of_key || (key_file && strstr(f->text, key_file));
    }
    if (check.count == 0)
        report_ok(r, "config", "%s has no fault", path);
    config_check_done(&check);
}

/* What no command refuses: files that are not there, and that others may read. */
static void check_config(struct report *r, const struct settings *s)
{
    bool is_told = false;
    if (s->config_path)
        check_config_file(r, s->config_path, &is_told, s->key_file);
    if (s->key_file && !is_told && settings_key_is_open(s->key_file))
        report_add(r, "key_file", CHECK_WARN, "chmod 600 that file", "others on this machine can read the key in %s",
                   s->key_file);
}

static void check_catalog(struct report *r)
{
    struct err warning = {""};
    struct catalog *c = cli_catalog_quiet(&warning);
    char *sources = cli_catalog_sources(c);
    if (warning.text[0])
        report_add(r, "catalog", CHECK_WARN, "mend that file or remove it", "%s", warning.text);
    else
        report_ok(r, "catalog", "%zu models are known: %s", catalog_count(c), sources);
    free(sources);
    catalog_free(c);
}

void doctor_check_gateway(struct report *r, const struct settings *s)
{
    struct peer p;
    struct err e;
    int found = peer_find(s->log_path, &p, &e);
    if (found < 0)
        report_add(r, "gateway", CHECK_FAIL, "spantop status", "%s", e.text);
    else if (found > 0)
        check_address(r, s);
    else
        check_running(r, &p);
    check_log(r, s);
    check_config(r, s);
    check_catalog(r);
}

/* --- Respan --------------------------------------------------------------------------------- */

static void check_clock(struct report *r, const struct probe *p)
{
    if (p->date_s < 0)
        return;
    int64_t skew_s = clock_wall_ms() / 1000 - p->date_s;
    if (skew_s > SKEW_WARN_S || skew_s < -SKEW_WARN_S)
        report_add(r, "clock", CHECK_WARN, "set the clock (timedatectl set-ntp true)",
                   "this machine's clock is %lld s %s Respan's", (long long)(skew_s < 0 ? -skew_s : skew_s),
                   skew_s < 0 ? "behind" : "ahead of");
    else
        report_ok(r, "clock", "the clock agrees with Respan's");
}

/* The last hour, by the id of Respan's rows.  Rows of no call here are no fault:
 * other machines' calls are among them. */
static void check_agreement(struct report *r, const struct settings *s, const char *base, const char *key)
{
    struct err e = {""};
    struct reconcile both;
    char cost[TEXT_SHORT_MAX];
    int64_t now_ms = clock_wall_ms();
    if (access(s->log_path, F_OK) != 0)
        return;
    reconcile_init(&both, now_ms - COMPARED_MS, now_ms);
    if (reconcile_read(&both, s, base, key, COMPARE_MS, &e) != 0) {
        report_add(r, "respan_log", CHECK_WARN, "spantop reconcile", "the log could not be compared with Respan's: %s", e.text);
    } else if (both.differing > 0 || both.missing_there > 0) {
        report_add(r, "respan_log", CHECK_WARN, "spantop reconcile --since 1h",
                   "of the last hour's calls %zu differ from Respan's log and %zu have no row there", both.differing,
                   both.missing_there);
    } else {
        text_usd(cost, both.here.cost_microusd);
        report_ok(r, "respan_log", "Respan's log agrees on the last hour: calls %zu, cost %s", both.compared, cost);
    }
    reconcile_done(&both);
}

static void check_key(struct report *r, const struct settings *s, const char *base)
{
    static const char how[] = "export RESPAN_API_KEY=…, or name a file with --key-file";
    struct err e = {""};
    struct probe p;
    char *key = NULL;
    if (settings_key(s, &key, &e) != 0) {
        report_add(r, "respan_key", CHECK_FAIL, how, "%s", e.text);
        return;
    }
    if (!key) {
        report_add(r, "respan_key", CHECK_WARN, how,
                   "no Respan key here: the local token of spantop env will be refused");
        return;
    }
    char *url = base ? xasprintf("%s/models/", base) : NULL;
    if (!url) {
        report_ok(r, "respan_key", "there is a Respan key; the upstream has no API to try it on");
    } else if (probe_get(s, url, key, PROBE_MS, &p, &e) != 0) {
        report_add(r, "respan_key", CHECK_WARN, NULL, "the key could not be tried: %s", e.text);
    } else if (p.status == 401 || p.status == 403) {
        report_add(r, "respan_key", CHECK_FAIL, "take a fresh key from platform.respan.ai",
                   "Respan refuses the key (status %d)", p.status);
    } else {
        report_ok(r, "respan_key", "Respan takes the key");
        check_agreement(r, s, base, key);
    }
    free(url);
    key_free(key);
}

void doctor_check_respan(struct report *r, const struct settings *s)
{
    struct err e = {""};
    struct probe p;
    char *upstream = gateway_upstream(s);
    char *base = gateway_api_base(s);
    char *url = base ? xasprintf("%s/health-check/", base) : xstrdup(upstream);
    if (probe_get(s, url, NULL, PROBE_MS, &p, &e) != 0) {
        report_add(r, "respan", CHECK_FAIL, "look at the network, HTTPS_PROXY and --ca-file",
                   "%s cannot be reached: %s", url, e.text);
    } else if (p.status >= 500) {
        report_add(r, "respan", CHECK_WARN, "try again later", "%s answers with status %d", url, p.status);
    } else {
        report_ok(r, "respan", "%s answers", url);
        check_clock(r, &p);
    }
    check_key(r, s, p.status ? base : NULL);
    free(url);
    free(base);
    free(upstream);
}
