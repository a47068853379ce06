/* A small deterministic generator (splitmix64), so that the same seed gives the
 * same answers on every machine, and the mixer the simulator's hashes rest on.
 * Nothing here is secret. */
#ifndef SPANTOP_SIM_RNG_H
#define SPANTOP_SIM_RNG_H

#include <stddef.h>
#include <stdint.h>

struct rng {
    uint64_t state;
};

static inline uint64_t rng_mix(uint64_t x)
{
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
    return x ^ (x >> 31);
}

static inline uint64_t rng_next(struct rng *r)
{
    r->state += 0x9e3779b97f4a7c15ULL;
    return rng_mix(r->state);
}

/* 0 … n-1; n > 0. */
static inline unsigned rng_below(struct rng *r, unsigned n) { return (unsigned)(rng_next(r) % n); } /* NOLINT(clang-analyzer-core.DivideZero): n > 0 */

/* Hash of bytes, chained by `seed`. */
static inline uint64_t rng_hash(uint64_t seed, const void *data, size_t len)
{
    const unsigned char *p = data;
    uint64_t h = rng_mix(seed ^ (0x9e3779b97f4a7c15ULL * (len + 1)));
    while (len > 0) {
        uint64_t word = 0;
        size_t take = len < 8 ? len : 8;
        for (size_t i = 0; i < take; i++)
            word |= (uint64_t)p[i] << (8 * i);
        h = rng_mix(h ^ word) + 0x9e3779b97f4a7c15ULL;
        p += take;
        len -= take;
    }
    return rng_mix(h);
}

#endif
