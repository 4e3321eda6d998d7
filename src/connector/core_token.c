/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens that a connector makes for its neighbours, and hashes of secrets. */
#include <stdio.h>
#include <string.h>

#include "connector/core_impl.h"

static void hex(const uint8_t *bytes, size_t len, char *out)
{
    for (size_t i = 0; i < len; i++)
        (void)snprintf(out + 2 * i, 3, "%02x", (unsigned)bytes[i]);
}

int rill_core_new_token(const rill_core *c, char token[RILL_CORE_TOKEN], char hash[RILL_CORE_HASH])
{
    uint8_t random[(RILL_CORE_TOKEN - 1) / 2];
    uint8_t digest[RILL_SHA256_LEN];
    int rc = rill_crypto_random(c->options.crypto, random, sizeof random);
    if (rc != RILL_OK)
        return RILL_ERR_CRYPTO;
    hex(random, sizeof random, token);
    rill_wipe(random, sizeof random);
    rc = rill_crypto_sha256(c->options.crypto, (const uint8_t *)token, RILL_CORE_TOKEN - 1, digest);
    (void)snprintf(hash, RILL_CORE_HASH, "%s", RILL_CONFIG_HASH);
    hex(digest, sizeof digest, hash + strlen(RILL_CONFIG_HASH));
    return rc == RILL_OK ? RILL_OK : RILL_ERR_CRYPTO;
}

bool rill_core_text_hash(void *user, const char *text, char out[RILL_SHAPE_PRINT])
{
    const rill_core *c = user;
    uint8_t digest[RILL_SHA256_LEN];
    if (rill_crypto_sha256(c->options.crypto, (const uint8_t *)text, strlen(text), digest) !=
        RILL_OK)
        return false;
    hex(digest, (RILL_SHAPE_PRINT - 1) / 2, out);
    return true;
}
