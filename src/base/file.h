/* Files and folders, safely: private modes, whole reads, atomic writes. */
#ifndef SPANTOP_BASE_FILE_H
#define SPANTOP_BASE_FILE_H

#include <stddef.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/err.h"

/* Whole file into out, at most max bytes. */
NODISCARD int file_read(const char *path, size_t max, struct buf *out, struct err *e);
/* Write beside, fsync, rename over; follows a symlink to its target. */
NODISCARD int file_write(const char *path, const void *data, size_t len, unsigned mode, struct err *e);
/* mkdir -p with mode 0700 for what is made. */
NODISCARD int file_make_dir(const char *path, struct err *e);
char *file_dir_of(const char *path);                     /* caller frees */
char *file_join(const char *dir, const char *name);      /* caller frees */
/* $XDG_<kind>_HOME/spantop or its default below $HOME; kind is DATA, CONFIG or CACHE. */
char *file_xdg(const char *kind);                        /* caller frees */

#endif
