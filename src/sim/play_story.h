/* What the demo's sessions are about: their prompts, files and the output of the
 * tools they run.  All made up, and the same for the same seed. */
#ifndef SPANTOP_SIM_PLAY_STORY_H
#define SPANTOP_SIM_PLAY_STORY_H

#include <stddef.h>

#include "base/buf.h"
#include "sim/rng.h"

#define STORY_PROMPTS_MAX 10
#define STORY_FILES_MAX 8

struct story {
    const char *title;
    const char *model;
    const char *agent_model; /* of its subagents */
    const char *cwd;
    const char *test_command;
    const char *word; /* what its code is about */
    const char *prompts[STORY_PROMPTS_MAX]; /* ends with NULL */
    const char *files[STORY_FILES_MAX];
};

size_t story_count(void);
const struct story *story_at(size_t i);
const char *story_file(const struct story *s, struct rng *rng);

/* The input of a tool call as JSON, appended to out. */
void story_tool_input(const struct story *s, const char *tool, struct rng *rng, struct buf *out);
/* What the tool gave back, appended to out.  command: of Bash, else "". */
void story_tool_result(const struct story *s, const char *tool, const char *command, struct rng *rng, struct buf *out);
/* A thought, two to seven sentences. */
void story_thought(const struct story *s, struct rng *rng, struct buf *out);
/* A word before a tool call; may stay empty. */
void story_remark(struct rng *rng, struct buf *out);
const char *story_pick_tool(struct rng *rng);

#endif
