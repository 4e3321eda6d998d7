/* SPDX-License-Identifier: Apache-2.0 */
/* Keys, and the files that they are kept in. */
#define _POSIX_C_SOURCE 200809L

#include <rill/key.h>

#include <assert.h>
#include <errno.h>
#include <string.h>

#include <jansson.h>

#include <rill/error.h>

#include "base/alloc.h"
#include "base/base64.h"
#include "clients/jwk.h"
#include "crypto/crypto.h"
#include "crypto/ed25519.h"
#include "files/file.h"

#define MAX_FILE 16384 /* bytes of a file with a key: keys have some 120 */

static_assert(RILL_KEY_SEED_LEN == RILL_ED25519_SEED_LEN, "one length");
static_assert(RILL_KEY_PUBLIC_LEN == RILL_ED25519_PUBLIC_LEN, "one length");
static_assert(RILL_SIGNATURE_LEN == RILL_ED25519_SIGNATURE_LEN, "one length");
static_assert(RILL_KEY_TEXT_MAX == RILL_ED25519_PEM_MAX, "one length");

struct rill_key {
    rill_ed25519 *pair;
};

/* ---- making ---- */

/* Takes pair over, also on failure. */
static int adopt(rill_key **out, rill_ed25519 *pair)
{
    rill_key *key = rill_alloc(rill_allocator_default(), sizeof *key);
    if (!key) {
        rill_ed25519_free(pair);
        return RILL_ERR_NOMEM;
    }
    key->pair = pair;
    *out = key;
    return RILL_OK;
}

int rill_key_new(rill_key **out)
{
    rill_ed25519 *pair;
    int error = rill_ed25519_new(&pair, rill_allocator_default());
    return error == RILL_OK ? adopt(out, pair) : error;
}

int rill_key_from_seed(rill_key **out, const uint8_t seed[RILL_KEY_SEED_LEN])
{
    rill_ed25519 *pair;
    int error = rill_ed25519_from_seed(&pair, rill_allocator_default(), seed);
    return error == RILL_OK ? adopt(out, pair) : error;
}

static int from_pem(rill_key **out, const char *text, size_t len)
{
    rill_ed25519 *pair;
    int error = rill_ed25519_from_pem(&pair, rill_allocator_default(), text, len);
    return error == RILL_OK ? adopt(out, pair) : error;
}

static int from_jwk(rill_key **out, const char *text, size_t len)
{
    uint8_t seed[RILL_KEY_SEED_LEN];
    int error = rill_jwk_read_private(text, len, seed);
    if (error == RILL_OK)
        error = rill_key_from_seed(out, seed);
    rill_wipe(seed, sizeof seed);
    return error;
}

/* PEM in base64 once more. */
static int from_base64(rill_key **out, const char *text, size_t len)
{
    uint8_t pem[1024];
    size_t pem_len;
    int error = RILL_ERR_MALFORMED;
    if (rill_base64_decode(text, len, pem, sizeof pem, &pem_len) == RILL_OK)
        error = from_pem(out, (const char *)pem, pem_len);
    rill_wipe(pem, sizeof pem);
    return error;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

int rill_key_from_text(rill_key **out, const char *text, size_t len)
{
    while (len > 0 && is_blank(text[len - 1]))
        len--;
    while (len > 0 && is_blank(*text)) {
        text++;
        len--;
    }
    if (len == 0)
        return RILL_ERR_MALFORMED;
    if (*text == '{')
        return from_jwk(out, text, len);
    /* PEM may have explanations before it, so the marks count, not the first character. */
    return memchr(text, '-', len) ? from_pem(out, text, len) : from_base64(out, text, len);
}

void rill_key_free(rill_key *key)
{
    if (!key)
        return;
    rill_ed25519_free(key->pair);
    rill_free(rill_allocator_default(), key);
}

/* ---- use ---- */

int rill_key_text(const rill_key *key, char out[RILL_KEY_TEXT_MAX], size_t *len)
{
    return rill_ed25519_to_pem(key->pair, out, len);
}

const uint8_t *rill_key_public(const rill_key *key)
{
    return rill_ed25519_public(key->pair);
}

int rill_jwk_of_key(rill_jwk *out, const rill_key *key, const char *id)
{
    if (!rill_key_id_valid(id))
        return RILL_ERR_INVALID;
    memcpy(out->key_id, id, strlen(id) + 1);
    memcpy(out->public_key, rill_key_public(key), sizeof out->public_key);
    return RILL_OK;
}

int rill_key_sign(const rill_key *key, const uint8_t *message, size_t len,
                  uint8_t signature[RILL_SIGNATURE_LEN])
{
    return rill_ed25519_sign(key->pair, message, len, signature);
}

int rill_key_verify(const uint8_t public_key[RILL_KEY_PUBLIC_LEN], const uint8_t *message,
                    size_t len, const uint8_t signature[RILL_SIGNATURE_LEN])
{
    return rill_ed25519_verify(public_key, message, len, signature);
}

/* ---- files ---- */

int rill_key_read(rill_key **out, const char *path)
{
    char text[MAX_FILE];
    size_t len = 0;
    bool exposed = false;
    int error = RILL_ERR_IO;
    int kept = rill_file_read(path, text, sizeof text, &len, &exposed);
    if (exposed)
        error = RILL_ERR_EXPOSED;
    else if (kept == 0)
        error = len < sizeof text ? rill_key_from_text(out, text, len) : RILL_ERR_TOO_LARGE;
    rill_wipe(text, len);
    errno = kept;
    return error;
}

static int error_of(int kept)
{
    switch (kept) {
    case 0:
        return RILL_OK;
    case EEXIST:
        return RILL_ERR_EXISTS;
    case ENOMEM:
        return RILL_ERR_NOMEM;
    default:
        return RILL_ERR_IO;
    }
}

int rill_key_write(const rill_key *key, const char *path)
{
    char text[RILL_KEY_TEXT_MAX];
    size_t len;
    int error = rill_key_text(key, text, &len);
    if (error != RILL_OK)
        return error;
    int kept = rill_file_create(path, text, len);
    rill_wipe(text, sizeof text);
    errno = kept;
    return error_of(kept);
}
