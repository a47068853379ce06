/* Base64 (standard alphabet, padded), hex, and secret bytes. */
#ifndef SPANTOP_BASE_ENCODE_H
#define SPANTOP_BASE_ENCODE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"

char *encode_base64(const void *data, size_t len);              /* caller frees */
/* NULL when in is no base64; the result is NUL-terminated beyond *out_len. */
char *decode_base64(const char *in, size_t len, size_t *out_len);
void encode_hex(const void *data, size_t len, char *out);       /* 2*len + NUL */
/* len bytes from the kernel's generator; aborts if it has none. */
void random_bytes(void *out, size_t len);
/* Compare secrets in a time that does not tell where they differ. */
NODISCARD bool secret_eq(const char *a, size_t a_len, const char *b, size_t b_len);

#endif
