/* SPDX-License-Identifier: Apache-2.0 */
/* Signing and verifying requests: RFC 9421 and RFC 9530. */
#include <rill/http_signature.h>

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <rill/error.h>

#include "base/alloc.h"
#include "base/base64.h"
#include "clients/signature_text.h"
#include "crypto/crypto.h"
#include "crypto/ed25519.h"

#define MAX_CREATED UINT64_C(999999999999999) /* integers of RFC 8941 have 15 digits */

static const char SHA_512[] = "sha-512=:";

/* ---- signing ---- */

static int sign_by_key(void *user, const uint8_t *message, size_t len,
                       uint8_t signature[RILL_SIGNATURE_LEN])
{
    return rill_key_sign(user, message, len, signature);
}

void rill_signer_of_key(rill_signer *out, const rill_key *key, const char *key_id)
{
    /* sign_by_key takes it as const again. */
    void *user = (void *)(uintptr_t)key;
    *out = (rill_signer){.key_id = key_id, .sign = sign_by_key, .user = user};
}

static int describe_body(rill_request_signature *out, rill_bytes body)
{
    uint8_t digest[RILL_SHA512_LEN];
    static_assert(sizeof out->content_digest >=
                      sizeof SHA_512 + RILL_BASE64_SIZE(RILL_SHA512_LEN) + 1,
                  "the header fits");
    int error = rill_sha512(body.data, body.len, digest);
    if (error != RILL_OK)
        return error;
    memcpy(out->content_digest, SHA_512, sizeof SHA_512 - 1);
    char *at = out->content_digest + sizeof SHA_512 - 1;
    at += rill_base64_encode(digest, sizeof digest, at);
    memcpy(at, ":", 2);
    snprintf(out->content_length, sizeof out->content_length, "%zu", body.len);
    return RILL_OK;
}

static rill_bytes bytes_of(const char *text)
{
    return (rill_bytes){(const uint8_t *)text, strlen(text)};
}

/* The names of what is signed, and the value of Signature-Input after the label. */
static size_t choose(rill_bytes components[6], bool authorization, bool body)
{
    size_t count = 0;
    components[count++] = bytes_of("@method");
    components[count++] = bytes_of("@target-uri");
    if (authorization)
        components[count++] = bytes_of("authorization");
    if (body) {
        components[count++] = bytes_of("content-digest");
        components[count++] = bytes_of("content-length");
        components[count++] = bytes_of("content-type");
    }
    return count;
}

static void write_input(rill_request_signature *out, const rill_bytes *components, size_t count,
                        const rill_signer *signer, uint64_t created_s)
{
    char *at = out->signature_input;
    char *end = at + sizeof out->signature_input;
    at += snprintf(at, (size_t)(end - at), "sig1=(");
    for (size_t i = 0; i < count; i++)
        at += snprintf(at, (size_t)(end - at), "%s\"%.*s\"", i > 0 ? " " : "",
                       (int)components[i].len, (const char *)components[i].data);
    at += snprintf(at, (size_t)(end - at), ");keyid=\"%s\";created=%" PRIu64, signer->key_id,
                   created_s);
    assert(at < end); /* names have 98 characters together, numbers 15, the id RILL_MAX_KEY_ID */
}

static int sign_base(rill_request_signature *out, const rill_signed_request *request,
                     const rill_bytes *components, size_t count, const rill_signer *signer)
{
    uint8_t signature[RILL_SIGNATURE_LEN];
    uint8_t *base;
    size_t len;
    int error = rill_signature_base(request, components, count,
                                    bytes_of(out->signature_input + strlen("sig1=")), &base, &len);
    if (error != RILL_OK)
        return error;
    error = signer->sign(signer->user, base, len, signature);
    /* The token of the authorization is in it. */
    rill_wipe(base, len);
    rill_free(rill_allocator_default(), base);
    if (error != RILL_OK)
        return error;
    static_assert(sizeof out->signature >= sizeof "sig1=::" + RILL_BASE64_SIZE(RILL_SIGNATURE_LEN),
                  "the header fits");
    memcpy(out->signature, "sig1=:", 6);
    char *at = out->signature + 6;
    at += rill_base64_encode(signature, sizeof signature, at);
    memcpy(at, ":", 2);
    return RILL_OK;
}

static bool is_word(rill_bytes text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] <= ' ' || text.data[i] > '~')
            return false;
    }
    return text.len > 0;
}

/* Once, or more often. */
static bool has_header(const rill_signed_request *request, const char *name)
{
    for (size_t i = 0; i < request->field_count; i++) {
        if (rill_is_header(bytes_of(name), request->fields[i].name))
            return true;
    }
    return false;
}

int rill_sign_request(rill_request_signature *out, const rill_signed_request *request,
                      const rill_signer *signer, uint64_t created_s)
{
    rill_bytes components[6];
    rill_request_header fields[4];
    rill_signed_request whole = *request;
    rill_bytes authorization = rill_request_header_of(request, "authorization");
    rill_bytes content_type = rill_request_header_of(request, "content-type");
    bool body = request->body.len > 0;

    *out = (rill_request_signature){0};
    if (!is_word(request->method) || !is_word(request->target_uri) ||
        !rill_key_id_valid(signer->key_id) || created_s > MAX_CREATED ||
        (body && content_type.len == 0) ||
        (!authorization.data && has_header(request, "authorization"))) /* twice */
        return RILL_ERR_INVALID;
    if (body) {
        int error = describe_body(out, request->body);
        if (error != RILL_OK)
            return error;
    }
    whole.fields = fields;
    whole.field_count = 0;
    if (authorization.data)
        fields[whole.field_count++] = (rill_request_header){"authorization", authorization};
    if (body) {
        fields[whole.field_count++] =
            (rill_request_header){"content-digest", bytes_of(out->content_digest)};
        fields[whole.field_count++] =
            (rill_request_header){"content-length", bytes_of(out->content_length)};
        fields[whole.field_count++] = (rill_request_header){"content-type", content_type};
    }
    size_t count = choose(components, authorization.data != NULL, body);
    write_input(out, components, count, signer, created_s);
    return sign_base(out, &whole, components, count, signer);
}

/* ---- verifying ---- */

static int read_input(rill_signature_input *out, const rill_signed_request *request)
{
    rill_bytes header = rill_request_header_of(request, "signature-input");
    if (!header.data)
        return RILL_ERR_NOT_FOUND;
    int error = rill_signature_input_read(out, header);
    if (error != RILL_OK)
        return error;
    if (out->algorithm.data &&
        (out->algorithm.len != 7 || memcmp(out->algorithm.data, "ed25519", 7) != 0))
        return RILL_ERR_UNSUPPORTED;
    return out->key_id.len > RILL_MAX_KEY_ID ? RILL_ERR_MALFORMED : RILL_OK;
}

int rill_signature_info_of(rill_signature_info *out, const rill_signed_request *request)
{
    rill_signature_input input;
    *out = (rill_signature_info){0};
    int error = read_input(&input, request);
    if (error != RILL_OK)
        return error;
    if (input.key_id.len > 0)
        memcpy(out->key_id, input.key_id.data, input.key_id.len);
    out->created_s = input.created_s;
    out->expires_s = input.expires_s;
    return RILL_OK;
}

/* One kind of digest, where the header has it: it must be right then. */
static int check_kind(rill_bytes header, const char *kind, rill_bytes body,
                      int (*digest)(const uint8_t *data, size_t len, uint8_t *out), size_t len,
                      bool *known)
{
    uint8_t told[RILL_SHA512_LEN];
    uint8_t right[RILL_SHA512_LEN];
    size_t told_len;
    int error = rill_signature_member(header, bytes_of(kind), told, sizeof told, &told_len);
    if (error == RILL_ERR_NOT_FOUND)
        return RILL_OK;
    if (error == RILL_OK)
        error = digest(body.data, body.len, right);
    if (error != RILL_OK)
        return error;
    *known = true;
    return told_len == len && rill_equal_ct(told, right, len) ? RILL_OK : RILL_ERR_AUTH;
}

/* Every digest that we know must be right, and one there must be. */
static int check_digest(rill_bytes header, rill_bytes body)
{
    bool known = false;
    int error = check_kind(header, "sha-512", body, rill_sha512, RILL_SHA512_LEN, &known);
    if (error == RILL_OK)
        error = check_kind(header, "sha-256", body, rill_sha256, RILL_SHA256_LEN, &known);
    if (error != RILL_OK)
        return error;
    return known ? RILL_OK : RILL_ERR_UNSUPPORTED;
}

/* The signature covers all that an attacker could gain by changing. */
static int check_cover(const rill_signature_input *input, const rill_signed_request *request)
{
    if (!rill_signature_covers(input, "@method") || !rill_signature_covers(input, "@target-uri"))
        return RILL_ERR_AUTH;
    if (has_header(request, "authorization") && !rill_signature_covers(input, "authorization"))
        return RILL_ERR_AUTH;
    if (request->body.len == 0 && !rill_signature_covers(input, "content-digest"))
        return RILL_OK;
    if (!rill_signature_covers(input, "content-digest"))
        return RILL_ERR_AUTH;
    rill_bytes digest = rill_request_header_of(request, "content-digest");
    return digest.data ? check_digest(digest, request->body) : RILL_ERR_AUTH;
}

static int check_age(const rill_signature_input *input, uint64_t now_s, uint64_t max_age_s)
{
    if (input->expires_s != 0 && now_s > input->expires_s)
        return RILL_ERR_EXPIRED;
    if (max_age_s == 0)
        return RILL_OK;
    uint64_t apart = input->created_s > now_s ? input->created_s - now_s : now_s - input->created_s;
    return input->created_s == 0 || apart > max_age_s ? RILL_ERR_EXPIRED : RILL_OK;
}

int rill_verify_request(const rill_signed_request *request,
                        const uint8_t public_key[RILL_KEY_PUBLIC_LEN], uint64_t now_s,
                        uint64_t max_age_s)
{
    rill_signature_input input;
    uint8_t signature[RILL_SIGNATURE_LEN];
    size_t signature_len;
    uint8_t *base;
    size_t len;
    int error = read_input(&input, request);
    if (error != RILL_OK)
        return error;
    rill_bytes header = rill_request_header_of(request, "signature");
    if (!header.data)
        return RILL_ERR_NOT_FOUND;
    error = rill_signature_member(header, input.label, signature, sizeof signature, &signature_len);
    if (error != RILL_OK)
        return error;
    if (signature_len != sizeof signature)
        return RILL_ERR_MALFORMED;
    error = check_cover(&input, request);
    if (error == RILL_OK)
        error = check_age(&input, now_s, max_age_s);
    if (error == RILL_OK)
        error = rill_signature_base(request, input.components, input.component_count, input.params,
                                    &base, &len);
    if (error != RILL_OK)
        return error;
    error = rill_key_verify(public_key, base, len, signature);
    rill_wipe(base, len);
    rill_free(rill_allocator_default(), base);
    return error;
}
