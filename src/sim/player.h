/* The demo's Claude Code: three believable sessions that go on in parallel
 * (tool loops, subagents, a title call, thinking, an overloaded upstream and its
 * retry, a /compact), sent with raw sockets and shaped like the real client's.
 *
 * What the model is to answer travels in the header x-sim-answer, so the player
 * must have the simulated Respan behind the gateway.
 *
 * Threads: one a session and one a running subagent, all ended by player_stop().
 * A gateway that cannot be reached is tried again every second. */
#ifndef SPANTOP_SIM_PLAYER_H
#define SPANTOP_SIM_PLAYER_H

#include "base/err.h"

struct player;

/* base_url: "http://HOST:PORT/api/anthropic/" (the trailing slash may be
 * missing); speed as in sim.h, for the pauses a person and the tools make.
 * NULL when the URL is no plain http one with a loopback host; e says so. */
struct player *player_start(const char *base_url, const char *key, double speed, unsigned seed, struct err *e);
/* At most about a second; NULL is fine. */
void player_stop(struct player *p);

#endif
