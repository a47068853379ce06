#include "sim/player.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/mem.h"
#include "sim/play_session.h"

/* The second and third person sit down a little later. */
#define SIT_DOWN_MS 2200

struct player {
    char *key;
    int stop_fd;
    struct seat seats[PLAY_SEATS];
    pthread_t threads[PLAY_SEATS];
    unsigned running;
};

static void *seat_main(void *arg)
{
    const struct seat *seat = arg;
    double ms = seat->speed > 0 ? SIT_DOWN_MS * seat->number / seat->speed : 0;

    if (play_sleep(seat->stop_fd, (int64_t)ms) == 0)
        seat_play(seat);
    return NULL;
}

struct player *player_start(const char *base_url, const char *key, double speed, unsigned seed, struct err *e)
{
    struct player *p = xcalloc(1, sizeof(*p));
    struct play_place place;

    p->stop_fd = -1;
    if (play_place_parse(&place, base_url, e) < 0)
        goto bad;
    p->key = xstrdup(key);
    p->stop_fd = eventfd(0, EFD_CLOEXEC);
    if (p->stop_fd < 0) {
        err_set(e, "the demo's player gets no event descriptor from the system");
        goto bad;
    }
    for (unsigned i = 0; i < PLAY_SEATS; i++) {
        p->seats[i] = (struct seat){.place = place, .key = p->key, .speed = speed, .stop_fd = p->stop_fd, .seed = seed, .number = i};
        if (pthread_create(&p->threads[i], NULL, seat_main, &p->seats[i]) != 0) {
            err_set(e, "the demo's player gets no thread from the system");
            goto bad;
        }
        p->running++;
    }
    return p;
bad:
    player_stop(p);
    return NULL;
}

void player_stop(struct player *p)
{
    uint64_t one = 1;

    if (!p)
        return;
    if (p->stop_fd >= 0 && write(p->stop_fd, &one, sizeof(one)) != (ssize_t)sizeof(one))
        abort();
    for (unsigned i = 0; i < p->running; i++)
        pthread_join(p->threads[i], NULL);
    if (p->stop_fd >= 0)
        close(p->stop_fd);
    free(p->key);
    free(p);
}
