/* The checks of spantop doctor, each adding its findings to a report. */
#ifndef SPANTOP_CLI_DOCTOR_H
#define SPANTOP_CLI_DOCTOR_H

#include "cli/options.h"
#include "cli/report.h"

/* What claude would see if it started here: environment, settings files, its state. */
void doctor_check_client(struct report *r, const struct settings *s);
/* The gateway, its log, the port. */
void doctor_check_gateway(struct report *r, const struct settings *s);
/* Respan: the name, TLS, the clock, the key.  Ten seconds at most. */
void doctor_check_respan(struct report *r, const struct settings *s);

#endif
