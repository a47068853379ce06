#include "base/encode.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/sys.h"

static const char base64_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

char *encode_base64(const void *data, size_t len)
{
    const unsigned char *in = data;
    char *out = xmalloc((len + 2) / 3 * 4 + 1);
    char *p = out;
    for (size_t i = 0; i < len; i += 3) {
        uint32_t v = (uint32_t)in[i] << 16;
        if (i + 1 < len)
            v |= (uint32_t)in[i + 1] << 8;
        if (i + 2 < len)
            v |= in[i + 2];
        *p++ = base64_digits[v >> 18];
        *p++ = base64_digits[v >> 12 & 63];
        *p++ = i + 1 < len ? base64_digits[v >> 6 & 63] : '=';
        *p++ = i + 2 < len ? base64_digits[v & 63] : '=';
    }
    *p = '\0';
    return out;
}

static int digit_value(char c)
{
    const char *at = c ? strchr(base64_digits, c) : NULL;
    return at ? (int)(at - base64_digits) : -1;
}

char *decode_base64(const char *in, size_t len, size_t *out_len)
{
    while (len > 0 && in[len - 1] == '=')
        len--;
    if (len % 4 == 1)
        return NULL;
    char *out = xmalloc(len / 4 * 3 + 4);
    size_t n = 0;
    uint32_t v = 0;
    int bits = 0;
    for (size_t i = 0; i < len; i++) {
        int d = digit_value(in[i]);
        if (d < 0) {
            free(out);
            return NULL;
        }
        v = v << 6 | (uint32_t)d;
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            out[n++] = (char)(v >> bits & 0xFF);
        }
    }
    out[n] = '\0';
    *out_len = n;
    return out;
}

void encode_hex(const void *data, size_t len, char *out)
{
    static const char digits[] = "0123456789abcdef";
    const unsigned char *in = data;
    for (size_t i = 0; i < len; i++) {
        out[2 * i] = digits[in[i] >> 4];
        out[2 * i + 1] = digits[in[i] & 15];
    }
    out[2 * len] = '\0';
}

void random_bytes(void *out, size_t len)
{
    if (sys_random(out, len) == 0)
        return;
    fprintf(stderr, "spantop: the kernel gives no random bytes: %s\n", strerror(errno));
    abort();
}

bool secret_eq(const char *a, size_t a_len, const char *b, size_t b_len)
{
    unsigned char differ = a_len != b_len;
    /* Always walk all of a; b wraps so that its length does not set the time. */
    for (size_t i = 0; i < a_len; i++)
        differ |= (unsigned char)(a[i] ^ (b_len ? b[i % b_len] : 0));
    return differ == 0;
}
