/* What the model is to say to a call of the player, as an item for x-sim-answer. */
#ifndef SPANTOP_SIM_PLAY_SAY_H
#define SPANTOP_SIM_PLAY_SAY_H

#include <stdbool.h>

#include <cjson/cJSON.h>

#include "sim/play_story.h"
#include "sim/rng.h"

#define PLAY_AGENTS_MAX 2 /* in one answer */

struct play_say {
    const struct story *story;
    struct rng *rng;
    bool is_agent; /* agents do not think aloud */
};

/* One or two tool calls, with a thought and a remark in front. */
cJSON *play_say_tools(const struct play_say *p);
/* One or two subagents that look into the prompt. */
cJSON *play_say_agents(const struct play_say *p, const char *prompt);
/* The words that end a turn. */
cJSON *play_say_end(const struct play_say *p, const char *prompt);
/* Now and then the upstream is overloaded, and rarely a stream breaks. */
void play_add_trouble(const struct play_say *p, cJSON *item);

#endif
