/* What the fuzzers share.  Each tests/fuzz/LAYER/fuzz_X.c is one libFuzzer
 * program; its seeds lie in tests/fuzz/seeds/X/.  A fuzzer does more than wait
 * for a crash: it states what must hold and stops where it does not. */
#ifndef SPANTOP_FUZZ_H
#define SPANTOP_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(condition)                                                                      \
    do {                                                                                     \
        if (!(condition)) {                                                                  \
            fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #condition);   \
            abort();                                                                         \
        }                                                                                    \
    } while (0)

/* The input's last byte decides how the rest is cut into pieces of 1..len. */
static inline size_t fuzz_piece(uint32_t *state, size_t left)
{
    *state = *state * 1664525u + 1013904223u;
    size_t len = (*state >> 16) % 17 + 1;
    return len < left ? len : left;
}

#endif
