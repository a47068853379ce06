/* A switch can never wedge a session: when the upstream refuses a call for what a
 * route may have made of it (400, 404, 422), the client's own bytes go up once,
 * unswitched, before the client has seen a byte.  Only if these are accepted does
 * the route count as refused; it is then disabled with the upstream's words, or
 * every later call would be sent twice.
 *
 * Likewise a pin: the failure that makes it rest (pins.h) is kept from the client,
 * and the call goes up again without the pin; the model's switch stays.
 *
 * This is no blind retry: the upstream has answered that it did not do the work.
 * Thread: proxy thread. */
#ifndef SPANTOP_GATEWAY_RESEND_H
#define SPANTOP_GATEWAY_RESEND_H

#include <stdbool.h>
#include <stdint.h>

#include "base/blob.h"
#include "base/buf.h"

struct exchange;

/* The try that was refused. */
struct refused {
    int status;
    bool is_pin_tired;      /* its pin rests from now on; no route is to blame */
    struct buf words;       /* the beginning of its answer */
    int64_t route;          /* which route is to blame: the model's, else the pin's, else the parameters' */
    char *what;             /* what the call took: the router's note */
    char *model_asked;
    struct blob *original;  /* what goes up instead, for the log */
};

bool resend_is_wanted(const struct exchange *x, int status);
/* The refusal's head is here: keep it from the client. */
void resend_hold(struct exchange *x, int status);
void resend_take_words(struct exchange *x, const void *data, size_t len);
/* The refusal is over: ask again, with the client's own bytes or without the pin. */
void resend_now(struct exchange *x);
/* An answer goes to the client: if it is the second one, this tells whose fault the first was. */
void resend_answered(struct exchange *x, int status);
void resend_done(struct exchange *x);

#endif
