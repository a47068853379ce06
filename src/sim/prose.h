/* Believable words: answers about what was asked, and titles for it. */
#ifndef SPANTOP_SIM_PROSE_H
#define SPANTOP_SIM_PROSE_H

#include <cjson/cJSON.h>

#include "base/buf.h"
#include "sim/rng.h"

/* About `words` words (0: 30 to 120) that take up the prompt's own. */
void prose_answer(struct buf *out, const char *prompt, int words, struct rng *rng);
/* What /compact asks for. */
void prose_summary(struct buf *out, const char *prompt, struct rng *rng);
/* Two to five words of the prompt, like a commit subject. */
void prose_title(struct buf *out, const char *prompt);
/* The smallest believable value for a JSON schema; strings come from prompt. */
cJSON *prose_fill_schema(const cJSON *schema, const char *name, const char *prompt, int depth);

#endif
