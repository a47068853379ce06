/* A folder of its own for each test: tmpdir_make() in the setup, tmpdir_remove() in the
 * teardown. */
#ifndef SPANTOP_TESTS_TMPDIR_H
#define SPANTOP_TESTS_TMPDIR_H

#include "tests/unit/test.h"

#include <stdio.h>
#include <stdlib.h>

static char tmpdir[64];

/* The path of a file in it goes into path. */
static inline void tmpdir_make(char *path, size_t size, const char *name)
{
    snprintf(tmpdir, sizeof tmpdir, "/tmp/spantop-test-XXXXXX");
    assert_non_null(mkdtemp(tmpdir));
    snprintf(path, size, "%s/%s", tmpdir, name);
}

static inline int tmpdir_remove(void **state)
{
    (void)state;
    char command[96];
    snprintf(command, sizeof command, "rm -rf '%s'", tmpdir);
    return system(command) == 0 ? 0 : -1;
}

#endif
