/* One seat in front of the made-up client: session after session, each from its
 * first prompt to its last, with subagents, retries and a /compact. */
#ifndef SPANTOP_SIM_PLAY_SESSION_H
#define SPANTOP_SIM_PLAY_SESSION_H

#include <stdint.h>

#include "sim/play_http.h"

#define PLAY_SEATS 3 /* sessions in parallel */

struct seat {
    struct play_place place;
    const char *key; /* lent */
    double speed;    /* 0: no pauses */
    int stop_fd;
    uint64_t seed;
    unsigned number; /* 0 …; also the first story */
};

/* Plays until stop_fd is readable. */
void seat_play(const struct seat *seat);

#endif
