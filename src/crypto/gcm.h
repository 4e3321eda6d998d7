/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AES-256-GCM, behind one table of functions; one file a library. Which one is
 * chosen when a rill_crypto is made. Only the functions that make something
 * may allocate.
 */
#ifndef RILL_CRYPTO_GCM_H
#define RILL_CRYPTO_GCM_H

#include "crypto/crypto.h"

typedef struct rill_gcm rill_gcm;

/* A backend begins its own struct with this one. */
struct rill_gcm {
    void (*free)(rill_gcm *g);

    /* Room for a key, for either direction; holds none yet. NULL on failure. */
    void *(*key_new)(rill_gcm *g);
    /* Wipes. NULL is allowed. */
    void (*key_free)(rill_gcm *g, void *key);
    /* In the place of the key before. False: it holds none now. */
    bool (*key_set)(rill_gcm *g, void *key, const uint8_t bytes[RILL_KEY_LEN]);

    /* As rill_crypto_seal, the IV being there. len is at most INT_MAX. RILL_ERR_CRYPTO. */
    int (*seal)(rill_gcm *g, void *key, uint8_t *envelope, size_t len);
    /*
     * As rill_crypto_open, of an envelope with len bytes of text, at most INT_MAX.
     * RILL_ERR_AUTH, found in time that does not depend on the tag;
     * RILL_ERR_CRYPTO. Whatever is then left in out, the caller wipes.
     */
    int (*open)(rill_gcm *g, void *key, const uint8_t *envelope, size_t len, uint8_t *out);
};

/* The allocator is kept. RILL_ERR_NOMEM, RILL_ERR_CRYPTO. */
RILL_MUST_CHECK int rill_gcm_openssl_new(rill_gcm **out, const rill_allocator *allocator);
/* The same, and RILL_ERR_UNSUPPORTED: not in this build, or not on this processor. */
RILL_MUST_CHECK int rill_gcm_ipsec_mb_new(rill_gcm **out, const rill_allocator *allocator);
bool rill_gcm_ipsec_mb_available(void);

#endif
