/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AES-256-GCM behind one table of functions, with one file for each library. The backend is chosen
 * when a rill_crypto is made. Only the functions that make something may allocate.
 */
#ifndef RILL_CRYPTO_GCM_H
#define RILL_CRYPTO_GCM_H

#include "crypto/crypto.h"

typedef struct rill_gcm rill_gcm;

/* Each backend's struct begins with this one. */
struct rill_gcm {
    void (*free)(rill_gcm *g);

    /* Makes room for a key, for either direction. It holds no key yet. NULL on failure. */
    void *(*key_new)(rill_gcm *g);
    /* Wipes. NULL is allowed. */
    void (*key_free)(rill_gcm *g, void *key);
    /* Replaces the key. False: it holds no key now. */
    bool (*key_set)(rill_gcm *g, void *key, const uint8_t bytes[RILL_KEY_LEN]);

    /* As rill_crypto_seal, but the IV is there already. len is at most INT_MAX. RILL_ERR_CRYPTO. */
    int (*seal)(rill_gcm *g, void *key, uint8_t *envelope, size_t len);
    /*
     * As rill_crypto_open, for an envelope with len bytes of text, at most INT_MAX. RILL_ERR_AUTH,
     * in a time that does not depend on the tag; RILL_ERR_CRYPTO. After an error the caller wipes
     * out.
     */
    int (*open)(rill_gcm *g, void *key, const uint8_t *envelope, size_t len, uint8_t *out);
};

/* The allocator is kept. RILL_ERR_NOMEM, RILL_ERR_CRYPTO. */
RILL_MUST_CHECK int rill_gcm_openssl_new(rill_gcm **out, const rill_allocator *allocator);
/* The same, and RILL_ERR_UNSUPPORTED: not in this build, or not on this processor. */
RILL_MUST_CHECK int rill_gcm_ipsec_mb_new(rill_gcm **out, const rill_allocator *allocator);
bool rill_gcm_ipsec_mb_available(void);

#endif
