/* SPDX-License-Identifier: Apache-2.0 */
/* Random bytes: a pool of secret ones, and one of IVs, which everybody may see. */
#include <openssl/rand.h>
#include <rill/error.h>
#include <string.h>

#include "crypto/crypto.h"
#include "crypto/crypto_internal.h"

int rill_crypto_random(rill_crypto *c, uint8_t *out, size_t len)
{
    while (len > 0) {
        if (c->pool_left == 0) {
            if (RAND_priv_bytes(c->pool, RILL_POOL_LEN) != 1)
                return RILL_ERR_CRYPTO;
            c->pool_left = RILL_POOL_LEN;
        }
        size_t take = len < c->pool_left ? len : c->pool_left;
        uint8_t *from = c->pool + RILL_POOL_LEN - c->pool_left;
        memcpy(out, from, take);
        /* Bytes that were given out must not be found here later. */
        rill_wipe(from, take);
        c->pool_left -= take;
        out += take;
        len -= take;
    }
    return RILL_OK;
}

bool rill_crypto_fill_ivs(rill_crypto *c)
{
    c->iv_left = 0;
    if (RAND_bytes(c->ivs, RILL_POOL_LEN) != 1)
        return false;
    c->iv_left = RILL_POOL_LEN;
    return true;
}
