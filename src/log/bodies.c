/* From a body to its piece list.
 *
 * A conversation repeats itself: turn N carries turns 1 … N-1, so the body is
 * compared with the conversation's last one, and only elements that are not found
 * there at the same place are hashed and looked up.  (Measured on 88 KB: 35 us a
 * turn, where hashing all takes twice and storing it whole ten times as long.) */
#include "log/bodies.h"

#include <stdlib.h>

#include "base/mem.h"
#include "log/body_list.h"
#include "log/canon.h"
#include "log/conversations.h"

#define SCRATCH_KEPT ((size_t)1 << 20)

struct bodies {
    struct pieces *pieces;
    struct conversations *conversations;
    struct buf scratch; /* a canonical element or a skeleton */
    struct body_insert *inserts;
    size_t insert_cap;
    struct record *last; /* of the request put last, while it is kept */
    struct image *last_image;
};

struct bodies *bodies_open(sqlite3 *sq, struct err *e)
{
    struct bodies *b = xcalloc(1, sizeof *b);
    buf_init(&b->scratch);
    b->pieces = pieces_open(sq, e);
    if (!b->pieces) {
        free(b);
        return NULL;
    }
    b->conversations = conversations_new();
    return b;
}

void bodies_free(struct bodies *b)
{
    if (!b)
        return;
    pieces_free(b->pieces);
    conversations_free(b->conversations);
    buf_done(&b->scratch);
    free(b->inserts);
    image_unref(b->last_image);
    free(b);
}

struct pieces *bodies_pieces(struct bodies *b)
{
    return b->pieces;
}

/* ---- Elements ---------------------------------------------------------------------- */

static struct bytes element_bytes(const struct record *r, size_t i)
{
    const struct cut_element *el = &r->cut.elements[i];
    return (struct bytes){r->body->data + el->off, el->end - el->off};
}

static void add_note(struct record *r, struct cut_note note)
{
    if (r->note_count == r->note_cap) {
        r->note_cap = r->note_cap ? r->note_cap * 2 : 8;
        r->notes = xrealloc(r->notes, r->note_cap * sizeof *r->notes);
    }
    r->notes[r->note_count++] = note;
}

/* Where bytes go back in, counted from the nearer end of the stored element:
 * then the same marker reads the same in elements of any length. */
static void note_cuts(struct record *r, size_t element, size_t len, const struct canon *c)
{
    size_t gone = 0;
    size_t all = 0;
    for (size_t i = 0; i < c->count; i++)
        all += c->cuts[i].len;
    for (size_t i = 0; i < c->count; i++) {
        size_t from_start = c->cuts[i].off - gone;
        size_t from_end = len - all - from_start;
        int64_t place = from_start < from_end ? (int64_t)from_start : -1 - (int64_t)from_end;
        add_note(r, (struct cut_note){element, c->cuts[i], place});
        gone += c->cuts[i].len;
    }
}

static int store_element(struct bodies *b, struct record *r, size_t i, bool *is_old)
{
    struct bytes text = element_bytes(r, i);
    struct canon canon;
    canon_find(text, &canon);
    if (canon.count > 0 && r->note_count + canon.count <= BODY_INSERTS_MAX) {
        buf_reset(&b->scratch);
        if (canon_write(text, &canon, &b->scratch) != 0)
            return -1;
        note_cuts(r, i, text.len, &canon);
        text = buf_bytes(&b->scratch);
    }
    r->pieces[i] = pieces_put(b->pieces, text, PIECE_ELEMENT, is_old);
    return r->pieces[i] != 0 ? 0 : -1;
}

/* Piece and notes of an element that the last body had, too.  Notes rise with
 * the elements on both sides, so *at only moves on. */
static void take_over(struct record *r, size_t i, const struct record *old, size_t *at)
{
    size_t same = r->cut.elements[i].same;
    /* cppcheck-suppress ctunullpointer ; only a body cut against an old one has elements that are the same */
    r->pieces[i] = old->pieces[same]; /* NOLINT(clang-analyzer-core.NullDereference): the same */
    while (*at < old->note_count && old->notes[*at].element < same)
        ++*at;
    for (; *at < old->note_count && old->notes[*at].element == same; ++*at) {
        struct cut_note note = old->notes[*at];
        note.element = i;
        add_note(r, note);
    }
}

static int store_elements(struct bodies *b, struct record *r, const struct record *old, bool *needs_renewal)
{
    size_t note = 0;
    for (size_t i = 0; i < r->cut.element_count; i++) {
        bool is_old = false;
        if (r->cut.elements[i].same != CUT_NEW)
            take_over(r, i, old, &note);
        else if (store_element(b, r, i, &is_old) != 0)
            return -1;
        *needs_renewal |= is_old;
    }
    return 0;
}

/* ---- Skeleton and list ----------------------------------------------------------------- */

static int store_skeleton(struct bodies *b, struct record *r, bool *needs_renewal)
{
    struct bytes body = blob_bytes(r->body);
    bool is_old;
    if (r->cut.array_count > 0) {
        size_t at = 0;
        buf_reset(&b->scratch);
        for (size_t i = 0; i < r->cut.array_count; i++) {
            const struct cut_array *a = &r->cut.arrays[i];
            buf_put(&b->scratch, body.data + at, a->open + 1 - at);
            at = a->close;
        }
        buf_put(&b->scratch, body.data + at, body.len - at);
        if (b->scratch.failed)
            return -1;
        body = buf_bytes(&b->scratch);
    }
    r->skeleton = pieces_put(b->pieces, body, PIECE_SKELETON, &is_old);
    *needs_renewal |= is_old;
    return r->skeleton != 0 ? 0 : -1;
}

static void set_inserts(struct bodies *b, const struct record *r)
{
    if (r->note_count > b->insert_cap) {
        b->insert_cap = r->note_count * 2;
        b->inserts = xrealloc(b->inserts, b->insert_cap * sizeof *b->inserts);
    }
    for (size_t i = 0; i < r->note_count; i++) {
        const struct cut_note *note = &r->notes[i];
        b->inserts[i] =
            (struct body_insert){note->element, note->place, bytes_at(element_bytes(r, note->element).data, note->at)};
    }
}

static int write_list(struct bodies *b, const struct record *r, struct buf *list)
{
    struct body_list l = {
        .len = r->body->len,
        .skeleton = r->skeleton,
        .array_count = r->cut.array_count,
        .elements = r->pieces,
        .element_count = r->cut.element_count,
        .insert_count = r->note_count,
    };
    size_t taken = 0; /* bytes of elements before this array */
    for (size_t i = 0; i < l.array_count; i++) {
        const struct cut_array *a = &r->cut.arrays[i];
        l.arrays[i] = (struct body_array){a->open + 1 - taken, a->count};
        taken += a->close - (a->open + 1);
    }
    set_inserts(b, r);
    l.inserts = b->inserts;
    return body_list_encode(&l, list);
}

static void renew(struct bodies *b, const struct record *r)
{
    pieces_renew(b->pieces, r->pieces, r->cut.element_count);
    pieces_renew(b->pieces, &r->skeleton, 1);
}

/* ---- Putting ------------------------------------------------------------------------------ */

/* Is the new body a continuation of the old one, or only of the same name? */
static bool is_continuation(const struct record *r, const struct record *old)
{
    size_t kept = 0;
    for (size_t i = 0; i < r->cut.element_count; i++)
        if (r->cut.elements[i].same != CUT_NEW)
            kept += r->cut.elements[i].end - r->cut.elements[i].off;
    return kept >= old->body->len / 2;
}

/* A giant body must not leave its size behind. */
static void shrink_scratch(struct bodies *b)
{
    if (b->scratch.cap <= SCRATCH_KEPT)
        return;
    buf_done(&b->scratch);
    buf_init(&b->scratch);
}

int bodies_put_request(struct bodies *b, const struct body_origin *from, struct blob *body, struct buf *list,
                       int64_t *repeat_of)
{
    struct record r;
    size_t prefix;
    struct bytes text = blob_bytes(body);
    uint64_t name = conversation_name(from->conversation);
    image_unref(b->last_image);
    b->last_image = NULL;
    b->last = NULL;
    struct record *old = conversations_find(b->conversations, name, text, &prefix);
    *repeat_of = old && prefix == text.len && prefix == old->body->len ? old->call_id : 0;
    record_init(&r);
    r.name = name;
    r.body = blob_ref(body);
    r.call_id = from->call_id;
    if (old)
        cut_again(text, blob_bytes(old->body), &old->cut, prefix, &r.cut);
    else
        cut_fresh(text, &r.cut);
    r.pieces = xcalloc(r.cut.element_count, sizeof *r.pieces);
    r.epoch = pieces_epoch(b->pieces);
    bool needs_renewal = old && old->epoch != r.epoch;
    if (store_elements(b, &r, old, &needs_renewal) != 0 || store_skeleton(b, &r, &needs_renewal) != 0 ||
        write_list(b, &r, list) != 0) {
        record_done(&r);
        return -1;
    }
    if (needs_renewal)
        renew(b, &r);
    r.image = image_new(text, &r.cut, old ? old->image : NULL);
    b->last_image = image_ref(r.image);
    facts_take_over(&r, old);
    bool is_next = old && (*repeat_of != 0 || is_continuation(&r, old));
    b->last = conversations_keep(b->conversations, is_next ? old : NULL, &r);
    shrink_scratch(b);
    return 0;
}

struct image *bodies_last_image(const struct bodies *b)
{
    return b->last_image;
}

void bodies_read_facts(struct bodies *b, const struct facts_asker *asker, const struct blob *body, struct request_facts *f)
{
    if (b->last && b->last->body == body)
        facts_read(b->last, asker, f);
    else
        request_read_facts(asker->target, asker->agent_id, asker->session_id, body->data, body->len, f);
}

int bodies_put_answer(struct bodies *b, struct bytes answer, struct buf *list)
{
    struct body_list l = {.len = answer.len};
    l.skeleton = pieces_put(b->pieces, answer, PIECE_ANSWER, NULL);
    return l.skeleton != 0 ? body_list_encode(&l, list) : -1;
}

/* ---- Writing ------------------------------------------------------------------------------ */

size_t bodies_pending_bytes(const struct bodies *b)
{
    return pieces_pending_bytes(b->pieces);
}

int bodies_write(struct bodies *b, int64_t *stored, struct err *e)
{
    return pieces_write(b->pieces, stored, e);
}

void bodies_written(struct bodies *b)
{
    pieces_written(b->pieces);
}

void bodies_forget_before(struct bodies *b, int64_t epoch)
{
    conversations_forget_before(b->conversations, epoch);
}
