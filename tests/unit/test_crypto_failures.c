/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every call of the core into src/crypto fails, in each of the core's scenarios. The linker puts
 * these functions before the real ones (--wrap).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "crypto/crypto.h"
#include "support/every_nth.h"

static unsigned long calls;
static unsigned long failed;
static nth_fault due;

static bool fails(void)
{
    calls++;
    if (due.n == 0 || calls < due.n || calls - due.n >= due.fail_for)
        return false;
    failed++;
    return true;
}

/* The real function, and the one that stands before it. */
#define WRAP(name, parameters, arguments)                                                          \
    int __real_##name parameters;                                                                  \
    int __wrap_##name parameters;                                                                  \
    int __wrap_##name parameters                                                                   \
    {                                                                                              \
        return fails() ? RILL_ERR_CRYPTO : __real_##name arguments;                                \
    }

WRAP(rill_crypto_random, (rill_crypto * c, uint8_t *out, size_t len), (c, out, len))
WRAP(rill_crypto_hmac,
     (rill_crypto * c, const uint8_t *key, size_t key_len, const uint8_t *data, size_t len,
      uint8_t out[32]),
     (c, key, key_len, data, len, out))
WRAP(rill_crypto_seal,
     (rill_crypto * c, const uint8_t key[RILL_KEY_LEN], uint8_t *envelope, size_t len),
     (c, key, envelope, len))
WRAP(rill_crypto_open,
     (rill_crypto * c, const uint8_t key[RILL_KEY_LEN], const uint8_t *envelope, size_t len,
      uint8_t *out),
     (c, key, envelope, len, out))
WRAP(rill_keys_new,
     (rill_keys * *out, rill_crypto *c, const uint8_t *shared_secret, size_t secret_len),
     (out, c, shared_secret, secret_len))
WRAP(rill_keys_seal, (rill_keys * k, uint8_t *envelope, size_t len), (k, envelope, len))
WRAP(rill_keys_open, (rill_keys * k, const uint8_t *envelope, size_t len, uint8_t *out),
     (k, envelope, len, out))
WRAP(rill_keys_fulfill,
     (rill_keys * k, const uint8_t *data, size_t len, uint8_t fulfillment[32],
      uint8_t condition[32]),
     (k, data, len, fulfillment, condition))

static bool run(const scenario *what, nth_fault fault)
{
    static scene s;
    pair_options o;
    pair_options_init(&o);
    calls = failed = 0;
    due = fault;
    nth_play(&s, what, &o, fault);
    due = (nth_fault){0};
    scene_close(&s);
    return failed > 0;
}

int main(int argc, char **argv)
{
    static const char *const kinds[] = {"", NULL};
    static const every_nth crypto = {"call of the cryptography", kinds, false, run};
    return every_nth_main(argc, argv, &crypto);
}
