/* SPDX-License-Identifier: Apache-2.0 */
#define OPENSSL_SUPPRESS_DEPRECATED /* SHA256_* */

#include "crypto/digest.h"

#include <openssl/crypto.h>
#include <rill/error.h>
#include <string.h>

enum { BLOCK_LEN = SHA256_CBLOCK };

int rill_crypto_sha256(rill_crypto *c, const uint8_t *data, size_t len,
                       uint8_t out[RILL_SHA256_LEN])
{
    SHA256_CTX state;
    (void)c;
    bool ok = SHA256_Init(&state) == 1 && (len == 0 || SHA256_Update(&state, data, len) == 1) &&
              SHA256_Final(out, &state) == 1;
    /* What was hashed may be a secret. */
    OPENSSL_cleanse(&state, sizeof(state));
    return ok ? RILL_OK : RILL_ERR_CRYPTO;
}

static void xor_block(uint8_t block[BLOCK_LEN], uint8_t with)
{
    for (size_t i = 0; i < BLOCK_LEN; i++)
        block[i] ^= with;
}

static bool hash_block(SHA256_CTX *state, const uint8_t block[BLOCK_LEN])
{
    return SHA256_Init(state) == 1 && SHA256_Update(state, block, BLOCK_LEN) == 1;
}

/*
 * RFC 2104: HMAC is H(key ^ opad, H(key ^ ipad, data)). A key longer than a block is hashed first.
 */
int rill_hmac_key(rill_hmac_state *h, const uint8_t *key, size_t key_len)
{
    uint8_t block[BLOCK_LEN] = {0};
    int err = RILL_OK;
    if (key_len > BLOCK_LEN)
        err = rill_crypto_sha256(NULL, key, key_len, block);
    else if (key_len != 0)
        memcpy(block, key, key_len);
    if (err == RILL_OK) {
        xor_block(block, 0x36);
        bool ok = hash_block(&h->inner, block);
        xor_block(block, 0x36 ^ 0x5c);
        ok = hash_block(&h->outer, block) && ok;
        err = ok ? RILL_OK : RILL_ERR_CRYPTO;
    }
    OPENSSL_cleanse(block, sizeof(block));
    return err;
}

int rill_hmac(const rill_hmac_state *h, const uint8_t *data, size_t len,
              uint8_t out[RILL_SHA256_LEN])
{
    struct {
        SHA256_CTX state;
        uint8_t digest[RILL_SHA256_LEN];
    } w; /* wiped as one */
    w.state = h->inner;
    bool ok = (len == 0 || SHA256_Update(&w.state, data, len) == 1) &&
              SHA256_Final(w.digest, &w.state) == 1;
    w.state = h->outer;
    ok = ok && SHA256_Update(&w.state, w.digest, sizeof w.digest) == 1 &&
         SHA256_Final(out, &w.state) == 1;
    OPENSSL_cleanse(&w, sizeof w);
    return ok ? RILL_OK : RILL_ERR_CRYPTO;
}

int rill_crypto_hmac(rill_crypto *c, const uint8_t *key, size_t key_len, const uint8_t *data,
                     size_t len, uint8_t out[RILL_SHA256_LEN])
{
    rill_hmac_state h;
    (void)c;
    int err = rill_hmac_key(&h, key, key_len);
    if (err == RILL_OK)
        err = rill_hmac(&h, data, len, out);
    OPENSSL_cleanse(&h, sizeof(h));
    return err;
}
