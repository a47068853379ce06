/* Where in an answer a fault strikes: found before anything is sent. */
#ifndef SPANTOP_SIM_PLACE_H
#define SPANTOP_SIM_PLACE_H

#include <stddef.h>
#include <stdint.h>

#include "sim/events.h"
#include "sim/fault.h"

#define PLACE_NONE SIZE_MAX

/* Before byte `byte` of event `event`; event == count is behind the last one. */
struct place {
    size_t event; /* PLACE_NONE: nowhere in the body */
    size_t byte;
};

/* f may be NULL. */
struct place place_in_events(const struct fault *f, const struct event_list *events);
/* The byte of a plain body, or PLACE_NONE. */
size_t place_in_body(const struct fault *f, const char *body, size_t len);

#endif
