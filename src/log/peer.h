/* The running gateway of a log, as seen from another process: a lock file beside
 * the log (log.db.gateway) that the gateway holds by flock and that names its
 * address, pid and a random token; and its health page.
 *
 * Never trust the pid alone: stop and attach compare the token with the health page. */
#ifndef SPANTOP_LOG_PEER_H
#define SPANTOP_LOG_PEER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "log/stale_wal.h"

struct peer {
    char address[64];      /* 127.0.0.1:4777 */
    int64_t pid;
    char token[65];        /* names this run; no secret opens with it */
    char upstream[256];
    char version[32];
    int64_t started_at;
    struct log_files files; /* that it has open */
};

/* Gateway: become the one of this log.  NULL: another holds it (e names address
 * and pid), or the file cannot be had.  Makes the log's folder when missing, and sets
 * a stale write-ahead log aside (stale_wal.h). */
struct peer_lock;
struct peer_lock *peer_lock_take(const char *log_path, struct err *e);
NODISCARD int peer_lock_announce(struct peer_lock *l, const struct peer *p, struct err *e);
void peer_lock_free(struct peer_lock *l);

/* Others: 0 and *p filled when a gateway holds the lock; 1 when none does; -1 on error.
 * Waits up to 3 s for a gateway that is just starting to say where it listens. */
NODISCARD int peer_find(const char *log_path, struct peer *p, struct err *e);

/* The files that the last gateway had open, be it dead or not; all 0: unknown. */
struct log_files peer_last_files(const char *log_path);

struct peer_health {
    char instance[65];     /* the token of the lock file */
    char version[32];
    int64_t started_at;
    int64_t in_flight;
    int64_t calls;
    int64_t dropped;       /* calls the log could not take */
    int64_t dropped_bodies;
    int64_t refused;
    int64_t routes_version;
    char key[16];          /* where the Respan key came from: environment, file, none; "" not told */
    char refusal[24];      /* why the last request without a row was refused: host, origin, token …; "" */
    char problem[ERR_TEXT_MAX]; /* why the journal cannot write; "" */
    char notice[ERR_TEXT_MAX];  /* what is to be known of the log, journal.h; "" */
};
/* GET /spantop/health at address (ADDR:PORT, numeric) within timeout_ms.  The page is
 *   {"status":"ok","version","started_at","in_flight","calls","dropped","dropped_bodies",
 *    "refused","routes_version","instance","problem","notice","key",
 *    "refusal"}
 * instance is the token of the lock file as it is: it opens nothing.
 * -1: nobody there, silent, or another program; e says which. */
NODISCARD int peer_ask_health(const char *address, int timeout_ms, struct peer_health *h, struct err *e);

/* The local token of `spantop env`: "spantop-" + 64 hex, file `token` (0600)
 * beside the log, made when missing. */
#define LOCAL_TOKEN_MAX 80
NODISCARD int local_token_load(const char *log_path, char token[LOCAL_TOKEN_MAX], struct err *e);

#endif
