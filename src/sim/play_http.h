/* The player's side of HTTP: one kept connection, raw sockets, waits that end when
 * the player stops. */
#ifndef SPANTOP_SIM_PLAY_HTTP_H
#define SPANTOP_SIM_PLAY_HTTP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

#define PLAY_HOST_MAX 64
#define PLAY_PATH_MAX 128

struct play_place {
    char host[PLAY_HOST_MAX];
    uint16_t port;
    char path[PLAY_PATH_MAX]; /* "/api/anthropic", no trailing slash */
};

/* http and a loopback host only. */
int play_place_parse(struct play_place *p, const char *url, struct err *e);

struct play_conn {
    const struct play_place *place;
    int stop_fd;
    int fd;
    struct buf in;
};

void play_conn_init(struct play_conn *c, const struct play_place *place, int stop_fd);
void play_conn_done(struct play_conn *c);

struct play_answer {
    int status;       /* 0: no answer came */
    bool complete;    /* to its framing's end */
    int retry_after_s; /* -1: not said */
    struct buf body;
};

/* POST place->path + target.  headers: whole lines with CRLF.  A kept connection
 * that turns out closed is opened anew once. */
void play_post(struct play_conn *c, const char *target, const char *headers, const struct buf *body, struct play_answer *a);
void play_head(struct play_conn *c, const char *headers, struct play_answer *a);
void play_answer_done(struct play_answer *a);

/* 0, or -1 at once when the player stops. */
int play_sleep(int stop_fd, int64_t ms);

#endif
