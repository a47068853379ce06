/* The two clocks.  Durations come from the monotonic one (it does not jump when
 * a laptop wakes or NTP steps); the wall clock only dates things.
 * SPANTOP_CLOCK=<unix ms> fixes the wall clock for tests of screens. */
#ifndef SPANTOP_BASE_CLOCK_H
#define SPANTOP_BASE_CLOCK_H

#include <stdint.h>

int64_t clock_mono_us(void);
int64_t clock_wall_ms(void);
/* How long the machine has slept since it booted, the monotonic clock standing
 * still; 0 where the system does not tell. */
int64_t clock_slept_us(void);
/* Start of the local day that holds wall_ms, in Unix ms. */
int64_t clock_day_start_ms(int64_t wall_ms);
/* The local calendar day of wall_ms as YYYYMMDD. */
int clock_day_number(int64_t wall_ms);

/* ISO 8601 as APIs write it, "2026-11-22T14:02:31Z", in UTC. */
#define CLOCK_ISO_MAX 32
void clock_to_iso(char text[CLOCK_ISO_MAX], int64_t wall_ms);
void clock_to_iso_ms(char text[CLOCK_ISO_MAX], int64_t wall_ms); /* 14:02:31.123Z */
/* The same back, with a fraction or an offset (+01:00) if it has one, UTC when it
 * names none; -1 when it is no such time. */
int64_t clock_from_iso(const char *text);

#endif
