/* SPDX-License-Identifier: Apache-2.0 */
#include "clients/interaction.h"

#include <stdio.h>
#include <string.h>

#include <rill/error.h>

#include "base/base64.h"
#include "crypto/crypto.h"
#include "crypto/ed25519.h"

#define MAX_URL  2048 /* bytes, with the NUL */
#define MAX_TEXT (RILL_INTERACTION_NONCE_LEN + 2 * RILL_INTERACTION_MAX_WORD + MAX_URL + 8)

int rill_interaction_nonce(char out[RILL_INTERACTION_NONCE_LEN + 1])
{
    uint8_t bytes[32];
    rill_crypto *crypto = rill_crypto_new(rill_allocator_default());
    int error = crypto ? rill_crypto_random(crypto, bytes, sizeof bytes) : RILL_ERR_CRYPTO;
    rill_crypto_free(crypto);
    if (error != RILL_OK)
        return error;
    (void)rill_base64url_encode(bytes, sizeof bytes, out);
    rill_wipe(bytes, sizeof bytes);
    return RILL_OK;
}

/* Whether given is the hash with the URL that ends so: all of it is compared, whatever differs. */
static int matches(const rill_interaction *i, int url_len, const char *slash,
                   const uint8_t given[RILL_SHA256_LEN], bool *out)
{
    char text[MAX_TEXT];
    uint8_t hash[RILL_SHA256_LEN];
    int n = snprintf(text, sizeof text, "%s\n%s\n%s\n%.*s%s", i->client_nonce, i->server_nonce,
                     i->interact_ref, url_len, i->grant_url, slash);
    if (n < 0 || (size_t)n >= sizeof text)
        return RILL_ERR_TOO_LARGE;
    int error = rill_sha256((const uint8_t *)text, (size_t)n, hash);
    *out = error == RILL_OK && rill_equal_ct(hash, given, sizeof hash);
    return error;
}

int rill_interaction_check(const rill_interaction *i, const char *hash)
{
    uint8_t given[RILL_SHA256_LEN];
    size_t len = 0;
    size_t url_len = strlen(i->grant_url);
    bool with = false;
    bool without = false;
    if (rill_base64_decode(hash, strlen(hash), given, sizeof given, &len) != RILL_OK ||
        len != sizeof given)
        return RILL_ERR_AUTH;
    if (url_len >= MAX_URL)
        return RILL_ERR_TOO_LARGE;
    if (url_len > 0 && i->grant_url[url_len - 1] == '/')
        url_len--;
    int error = matches(i, (int)url_len, "", given, &without);
    if (error == RILL_OK)
        error = matches(i, (int)url_len, "/", given, &with);
    if (error != RILL_OK)
        return error;
    return with || without ? RILL_OK : RILL_ERR_AUTH;
}
