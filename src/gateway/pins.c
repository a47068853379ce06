#include "gateway/pins.h"

#include <stdlib.h>

#include "base/mem.h"

#define PINS_MAX 64 /* pins in use at once; nobody has more providers */

struct pin {
    int64_t route_id; /* 0: free */
    int failures;
    int64_t rests_until_us;
    int64_t told_us;
};

struct pins {
    struct pin_limits limits;
    struct pin pins[PINS_MAX];
};

struct pins *pins_new(const struct pin_limits *limits)
{
    struct pins *p = xcalloc(1, sizeof *p);
    p->limits = *limits;
    if (p->limits.failures <= 0)
        p->limits.failures = PIN_FAILURES_DEFAULT;
    if (p->limits.rest_ms <= 0)
        p->limits.rest_ms = PIN_REST_MS_DEFAULT;
    if (p->limits.long_wait_s <= 0)
        p->limits.long_wait_s = PIN_LONG_WAIT_S_DEFAULT;
    return p;
}

void pins_free(struct pins *p)
{
    free(p);
}

static struct pin *find(const struct pins *p, int64_t route_id)
{
    for (size_t i = 0; i < PINS_MAX; i++)
        if (p->pins[i].route_id == route_id)
            return (struct pin *)&p->pins[i];
    return NULL;
}

static struct pin *find_or_make(struct pins *p, int64_t route_id)
{
    struct pin *pin = find(p, route_id);
    if (pin)
        return pin;
    pin = &p->pins[0];
    for (size_t i = 0; i < PINS_MAX && pin->route_id; i++)
        if (!p->pins[i].route_id || p->pins[i].told_us < pin->told_us)
            pin = &p->pins[i];
    *pin = (struct pin){.route_id = route_id};
    return pin;
}

bool pins_take(struct pins *p, int64_t route_id, int64_t now_us)
{
    struct pin *pin = find(p, route_id);
    if (!pin || pin->failures < p->limits.failures)
        return true;
    if (now_us < pin->rests_until_us)
        return false;
    /* One call tries; should its result never be told, the next may try a rest later. */
    pin->rests_until_us = now_us + p->limits.rest_ms * 1000;
    return true;
}

void pins_tell(struct pins *p, int64_t route_id, enum pin_result result, int64_t now_us)
{
    if (result == PIN_NO_VERDICT)
        return;
    struct pin *pin = find_or_make(p, route_id);
    pin->told_us = now_us;
    if (result == PIN_GOOD) {
        pin->failures = 0;
        return;
    }
    if (pin->failures < p->limits.failures)
        pin->failures++;
    if (pin->failures >= p->limits.failures)
        pin->rests_until_us = now_us + p->limits.rest_ms * 1000;
}

int64_t pins_rest_us(const struct pins *p, int64_t route_id, int64_t now_us)
{
    const struct pin *pin = find(p, route_id);
    if (!pin || pin->failures < p->limits.failures || now_us >= pin->rests_until_us)
        return 0;
    return pin->rests_until_us - now_us;
}

enum pin_result pins_judge(const struct pins *p, int status, const char *retry_after)
{
    if (status == 0 || status >= 500)
        return PIN_FAILED;
    if (status == 429)
        return retry_after && atoll(retry_after) >= p->limits.long_wait_s ? PIN_FAILED : PIN_NO_VERDICT;
    return status < 400 ? PIN_GOOD : PIN_NO_VERDICT;
}
