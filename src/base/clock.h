/* The two clocks.  Durations come from the monotonic one (it does not jump when
 * a laptop wakes or NTP steps); the wall clock only dates things.
 * SPANTOP_CLOCK=<unix ms> fixes the wall clock for tests of screens. */
#ifndef SPANTOP_BASE_CLOCK_H
#define SPANTOP_BASE_CLOCK_H

#include <stdint.h>

int64_t clock_mono_us(void);
int64_t clock_wall_ms(void);
/* Start of the local day that holds wall_ms, in Unix ms. */
int64_t clock_day_start_ms(int64_t wall_ms);
/* The local calendar day of wall_ms as YYYYMMDD. */
int clock_day_number(int64_t wall_ms);

#endif
