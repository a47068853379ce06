#include "sim/place.h"

static size_t find_utf8(const char *s, size_t len, size_t from)
{
    for (size_t i = from; i + 1 < len; i++)
        if ((unsigned char)s[i] >= 0xc2)
            return i + 1;
    for (size_t i = 0; i + 1 < len && i < from; i++)
        if ((unsigned char)s[i] >= 0xc2)
            return i + 1;
    return len / 2;
}

static size_t middle_delta(const struct event_list *events)
{
    size_t deltas = 0, seen = 0;

    for (size_t i = 0; i < events->count; i++)
        deltas += events->v[i].is_delta;
    for (size_t i = 0; i < events->count; i++)
        if (events->v[i].is_delta && seen++ == deltas / 2)
            return i;
    return events->count / 2;
}

static size_t utf8_event(const struct event_list *events)
{
    for (size_t i = 0; i < events->count; i++)
        for (size_t k = 0; events->v[i].is_delta && k < events->v[i].len; k++)
            if ((unsigned char)events->v[i].bytes[k] >= 0xc2)
                return i;
    return middle_delta(events);
}

struct place place_in_events(const struct fault *f, const struct event_list *events)
{
    struct place p = {PLACE_NONE, 0};

    if (!f || f->kind == FAULT_NONE || events->count == 0)
        return p;
    switch (f->stage) {
    case STAGE_FIRST_EVENT:
        p.event = 0;
        break;
    case STAGE_MID_EVENT:
        p.event = middle_delta(events);
        p.byte = events->v[p.event].len / 2;
        break;
    case STAGE_MID_UTF8:
        p.event = utf8_event(events);
        p.byte = find_utf8(events->v[p.event].bytes, events->v[p.event].len, 0);
        break;
    case STAGE_BETWEEN_EVENTS:
        p.event = middle_delta(events);
        break;
    case STAGE_BEFORE_END:
        p.event = events->count - 1;
        break;
    case STAGE_TERMINATOR:
        p.event = events->count;
        break;
    default:
        break;
    }
    /* These are events of their own: they stand between others. */
    if (f->kind == FAULT_LONG_LINE || f->kind == FAULT_ERROR_EVENT)
        p.byte = 0;
    return p;
}

size_t place_in_body(const struct fault *f, const char *body, size_t len)
{
    if (!f || f->kind == FAULT_NONE)
        return PLACE_NONE;
    switch (f->stage) {
    case STAGE_FIRST_EVENT:
        return 0;
    case STAGE_MID_EVENT:
        return len / 2;
    case STAGE_MID_UTF8:
        return find_utf8(body, len, len / 4);
    case STAGE_BETWEEN_EVENTS:
        return len * 3 / 4;
    case STAGE_BEFORE_END:
        return len > 0 ? len - 1 : 0;
    case STAGE_TERMINATOR:
        return len;
    default:
        return PLACE_NONE;
    }
}
