#include "sim/player.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/sys.h"
#include "sim/play_session.h"

/* The second and third person sit down a little later. */
#define SIT_DOWN_MS 2200

struct player {
    char *key;
    int stop_fd, stopper_fd; /* a pipe: closing the second ends every wait on the first */
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

    int stop[2];

    p->stop_fd = p->stopper_fd = -1;
    if (play_place_parse(&place, base_url, e) < 0)
        goto bad;
    p->key = xstrdup(key);
    if (sys_pipe(stop) != 0) {
        err_set(e, "the demo's player gets no pipe from the system");
        goto bad;
    }
    p->stop_fd = stop[0];
    p->stopper_fd = stop[1];
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
    if (!p)
        return;
    if (p->stopper_fd >= 0)
        close(p->stopper_fd);
    for (unsigned i = 0; i < p->running; i++)
        pthread_join(p->threads[i], NULL);
    if (p->stop_fd >= 0)
        close(p->stop_fd);
    free(p->key);
    free(p);
}
