/* What a call must leave behind when it is switched to another model.
 *
 * A switched call must not fail because of parameters that only the old model
 * takes.  From the catalog's words on both models this makes a list of byte
 * splices on the body (the `model` values among them) and of tokens to take out
 * of `anthropic-beta`; every other byte stays.  What the catalog does not know is
 * left as it is, and so is what both models take alike.
 *
 * Pure; thread: any.  The plan owns the texts of its splices and lends nothing
 * from the body but offsets. */
#ifndef SPANTOP_RESPAN_COMPAT_H
#define SPANTOP_RESPAN_COMPAT_H

#include <stdbool.h>
#include <stddef.h>

#include "anthropic/request.h"
#include "base/buf.h"
#include "respan/catalog.h"

#define COMPAT_BETAS_MAX   4
#define COMPAT_SPLICES_MAX 256 /* a call of the client needs six */

struct compat {
    struct splice *splices; /* rising, for request_splice */
    size_t splice_count;
    size_t splice_room;
    const char *drop_betas[COMPAT_BETAS_MAX + 1]; /* NULL-terminated, static */
    char **changes;  /* NULL-terminated sentences for people, the model's own change not among them */
};

/* new_model replaces every top-level `model`; from and to are the catalog's
 * entries of the model asked for and of new_model (NULL: unknown, then only the
 * model changes).  -1: the body has no `model` that could be replaced (no JSON, none in
 * it, or more members or changes than any client sends); the plan is then empty.
 * compat_done in either case. */
NODISCARD int compat_plan(struct compat *c, const char *body, size_t len, const char *new_model, const struct model *from,
                          const struct model *to);
void compat_done(struct compat *c);

/* The changes as a JSON array of strings; NULL when there are none.  Caller frees. */
char *compat_changes_json(const struct compat *c);

/* An anthropic-beta value without the plan's tokens; the rest as it was.  Appends
 * to out and notes each token as a change (so: before compat_changes_json); true
 * when something was taken out.  Nothing left: drop the header. */
bool compat_filter_betas(struct compat *c, const char *value, struct buf *out);

#endif
