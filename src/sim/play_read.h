/* Answers as the client keeps them: their content blocks. */
#ifndef SPANTOP_SIM_PLAY_READ_H
#define SPANTOP_SIM_PLAY_READ_H

#include <cjson/cJSON.h>

#include "base/buf.h"

/* The blocks of a whole stream; NULL when it did not come to its message_stop. */
cJSON *play_read_stream(const struct buf *body);
/* The blocks of a plain answer; NULL when it is none. */
cJSON *play_read_plain(const struct buf *body);

#endif
