/* The fixed part of the client's requests: system blocks and tools, some 70 KB of
 * them, alike from call to call and almost alike from session to session. */
#ifndef SPANTOP_SIM_PLAY_PROMPT_H
#define SPANTOP_SIM_PLAY_PROMPT_H

#include <stdbool.h>
#include <stdint.h>

/* JSON; the caller frees. */
char *prompt_system(const char *cwd, const char *model, bool is_agent, uint64_t salt);
char *prompt_tools(bool is_agent);
/* The reminder in front of a conversation's first words: plain text; the caller frees. */
char *prompt_notes(const char *cwd);
/* The system message behind them: plain text; the caller frees. */
char *prompt_aside(bool is_agent);

#endif
