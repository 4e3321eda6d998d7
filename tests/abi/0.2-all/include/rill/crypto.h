/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which library encrypts packets (AES-256-GCM, RFC 29 section 5.1.2). What goes
 * over the wire is the same with each. Everything else, digests and randomness,
 * is OpenSSL's.
 */
#ifndef RILL_CRYPTO_H
#define RILL_CRYPTO_H

#include <stdbool.h>
#include <stddef.h>

#include <rill/api.h>

RILL_BEGIN_DECLS

typedef enum rill_crypto_backend {
    RILL_CRYPTO_OPENSSL = 0, /* always there, and the default */
    /*
     * intel-ipsec-mb: where Rill was built with it, on x86-64 processors with
     * AES and carry-less multiplication. It takes 200 KB for a moment when an
     * endpoint is made.
     */
    RILL_CRYPTO_IPSEC_MB,
    /* The fastest that this build has and this processor runs. Always there. */
    RILL_CRYPTO_FASTEST
} rill_crypto_backend;

/* Whether this build has it and this processor runs it. */
RILL_API bool rill_crypto_available(rill_crypto_backend backend);

/* Overwrites len bytes with zeros, which the compiler does not leave out: for secrets. */
RILL_API void rill_wipe(void *data, size_t len);

RILL_END_DECLS

#endif
