/* SPDX-License-Identifier: Apache-2.0 */
/* JSON Web Keys of Ed25519 (RFC 7517, RFC 8037). */
#include "clients/jwk.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include <rill/error.h>

#include "base/base64.h"
#include "crypto/ed25519.h"

bool rill_key_id_valid(const char *id)
{
    size_t len = strlen(id);
    if (len == 0 || len > RILL_MAX_KEY_ID)
        return false;
    for (; *id; id++) {
        if (*id <= ' ' || *id > '~' || *id == '"' || *id == '\\' || *id == ';')
            return false;
    }
    return true;
}

int rill_key_thumbprint(const uint8_t public_key[RILL_KEY_PUBLIC_LEN],
                        char out[RILL_KEY_THUMBPRINT_LEN + 1])
{
    char x[RILL_BASE64_SIZE(RILL_KEY_PUBLIC_LEN)];
    char text[96];
    uint8_t digest[RILL_SHA256_LEN];
    rill_base64url_encode(public_key, RILL_KEY_PUBLIC_LEN, x);
    /* The members that matter, in the order of their names (RFC 7638 section 3). */
    int len = snprintf(text, sizeof text, "{\"crv\":\"Ed25519\",\"kty\":\"OKP\",\"x\":\"%s\"}", x);
    assert(len > 0 && (size_t)len < sizeof text);
    int error = rill_sha256((const uint8_t *)text, (size_t)len, digest);
    if (error == RILL_OK)
        rill_base64url_encode(digest, sizeof digest, out);
    return error;
}

/* ---- writing ---- */

int rill_jwk_write(const rill_jwk *jwk, char *out, size_t cap, size_t *len)
{
    char x[RILL_BASE64_SIZE(RILL_KEY_PUBLIC_LEN)];
    if (!rill_key_id_valid(jwk->key_id))
        return RILL_ERR_INVALID;
    rill_base64url_encode(jwk->public_key, sizeof jwk->public_key, x);
    /* An id has nothing that JSON would escape. */
    int n = snprintf(out, cap,
                     "{\"kid\":\"%s\",\"alg\":\"EdDSA\",\"use\":\"sig\",\"kty\":\"OKP\","
                     "\"crv\":\"Ed25519\",\"x\":\"%s\"}",
                     jwk->key_id, x);
    if (n < 0 || (size_t)n >= cap)
        return RILL_ERR_BUFFER;
    *len = (size_t)n;
    return RILL_OK;
}

int rill_jwks_write(const rill_jwk *jwks, size_t count, char *out, size_t cap, size_t *len)
{
    static const char start[] = "{\"keys\":[";
    static const char end[] = "]}";
    if (cap < sizeof start)
        return RILL_ERR_BUFFER;
    memcpy(out, start, sizeof start - 1);
    size_t at = sizeof start - 1;
    for (size_t i = 0; i < count; i++) {
        size_t n;
        if (i > 0 && at < cap)
            out[at++] = ',';
        int error = rill_jwk_write(&jwks[i], out + at, cap - at, &n);
        if (error != RILL_OK)
            return error;
        at += n;
    }
    if (cap - at < sizeof end)
        return RILL_ERR_BUFFER;
    memcpy(out + at, end, sizeof end);
    *len = at + sizeof end - 1;
    return RILL_OK;
}

/* ---- reading ---- */

static json_t *parse(const char *text, size_t len)
{
    return json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
}

/* 32 bytes out of a member in base64url. */
static int bytes_of(const json_t *key, const char *member, uint8_t out[32])
{
    const json_t *value = json_object_get(key, member);
    size_t len = 0;
    if (!json_is_string(value) ||
        rill_base64_decode(json_string_value(value), json_string_length(value), out, 32, &len) !=
            RILL_OK ||
        len != 32)
        return RILL_ERR_MALFORMED;
    return RILL_OK;
}

/* Ed25519, for all that it says. */
static int check_kind(const json_t *key)
{
    const char *kty = json_string_value(json_object_get(key, "kty"));
    const char *crv = json_string_value(json_object_get(key, "crv"));
    const json_t *alg = json_object_get(key, "alg");
    if (!kty || (alg && !json_is_string(alg)))
        return RILL_ERR_MALFORMED;
    if (strcmp(kty, "OKP") != 0 || !crv || strcmp(crv, "Ed25519") != 0)
        return RILL_ERR_UNSUPPORTED;
    /* RFC 9864 gave the algorithm a name of its own. */
    if (alg && strcmp(json_string_value(alg), "EdDSA") != 0 &&
        strcmp(json_string_value(alg), "Ed25519") != 0)
        return RILL_ERR_UNSUPPORTED;
    return RILL_OK;
}

static int read_key(rill_jwk *out, const json_t *key)
{
    const json_t *id = json_object_get(key, "kid");
    int error = check_kind(key);
    if (error != RILL_OK)
        return error;
    if (!json_is_string(id) || strlen(json_string_value(id)) != json_string_length(id) ||
        !rill_key_id_valid(json_string_value(id)))
        return RILL_ERR_MALFORMED;
    memcpy(out->key_id, json_string_value(id), json_string_length(id) + 1);
    return bytes_of(key, "x", out->public_key);
}

int rill_jwk_read(rill_jwk *out, const char *text, size_t len)
{
    json_t *key = parse(text, len);
    int error = json_is_object(key) ? read_key(out, key) : RILL_ERR_MALFORMED;
    json_decref(key);
    return error;
}

int rill_jwk_read_private(const char *text, size_t len, uint8_t seed[RILL_KEY_SEED_LEN])
{
    json_t *key = parse(text, len);
    int error = json_is_object(key) ? check_kind(key) : RILL_ERR_MALFORMED;
    if (error == RILL_OK)
        error = bytes_of(key, "d", seed);
    json_decref(key);
    return error;
}

int rill_jwks_find(rill_jwk *out, const char *text, size_t len, const char *id)
{
    json_t *set = parse(text, len);
    const json_t *keys = json_object_get(set, "keys");
    int error = json_is_array(keys) ? RILL_ERR_NOT_FOUND : RILL_ERR_MALFORMED;
    for (size_t i = 0; i < json_array_size(keys); i++) {
        const json_t *key = json_array_get(keys, i);
        const char *kid = json_string_value(json_object_get(key, "kid"));
        if (!kid || strcmp(kid, id) != 0)
            continue;
        error = read_key(out, key);
        if (error == RILL_OK)
            break;
    }
    json_decref(set);
    return error;
}
