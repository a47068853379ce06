#include "log/bodies.h"
#include "log/reader.h"

int reader_body(struct db *db, int64_t id, enum body_kind kind, struct buf *out, struct err *e)
{
    return bodies_read(db, id, kind, out, e);
}
