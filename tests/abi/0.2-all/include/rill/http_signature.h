/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP message signatures (RFC 9421) with Ed25519, and Content-Digest (RFC 9530), as Open Payments
 * asks for them. No input or output: texts of headers go out, texts of headers come in.
 *
 * What is signed is the label sig1 over "@method", "@target-uri", "authorization" where there is
 * one, and "content-digest", "content-length" and "content-type" where there is a body.
 * Verifiers in use compute the digest anew from the JSON that they parsed: write a body
 * without blanks, as JSON.stringify of JavaScript does (rill_json_rewrite).
 */
#ifndef RILL_HTTP_SIGNATURE_H
#define RILL_HTTP_SIGNATURE_H

#include <rill/key.h>
#include <rill/types.h>

RILL_BEGIN_DECLS

/* A header of a request. Its name is the same in any case; both are borrowed. */
typedef struct rill_request_header {
    const char *name;
    rill_bytes value;
} rill_request_header;

/* A request, as far as signatures go. All is borrowed. */
typedef struct rill_signed_request {
    rill_bytes method;                 /* "POST" */
    rill_bytes target_uri;             /* absolute: "https://wallet.example/path?query" */
    const rill_request_header *fields; /* headers; may be NULL where there are none */
    size_t field_count;
    rill_bytes body; /* len 0: none */
} rill_signed_request;

/* Who signs: a key in memory, or whatever keeps one (a smart card, a service). */
typedef struct rill_signer {
    const char *key_id; /* rill_key_id_valid; borrowed */
    /* Ed25519 over message into signature. RILL_OK, or an error that the caller is given. */
    int (*sign)(void *user, const uint8_t *message, size_t len,
                uint8_t signature[RILL_SIGNATURE_LEN]);
    void *user;
} rill_signer;

/* key and key_id are borrowed as long as the signer is used. */
RILL_API void rill_signer_of_key(rill_signer *out, const rill_key *key, const char *key_id);

/* The values of the headers to add to a request, each with a NUL. */
typedef struct rill_request_signature {
    char signature[112];                         /* Signature */
    char signature_input[256 + RILL_MAX_KEY_ID]; /* Signature-Input */
    char content_digest[104];                    /* Content-Digest; "" where there is no body */
    char content_length[24];                     /* Content-Length; "" where there is no body */
} rill_request_signature;

/*
 * Signs request. Of its fields "authorization" and "content-type" are looked at.
 * created_s: seconds since 1970.
 * RILL_ERR_INVALID: the method, the URI or the key's id is not one, a header has a line break,
 * authorization comes twice, or there is a body without content-type. RILL_ERR_NOMEM,
 * RILL_ERR_CRYPTO, and what sign returns.
 */
RILL_API RILL_MUST_CHECK int rill_sign_request(rill_request_signature *out,
                                               const rill_signed_request *request,
                                               const rill_signer *signer, uint64_t created_s);

/* What a request says of its signature, before it is believed. */
typedef struct rill_signature_info {
    char key_id[RILL_MAX_KEY_ID + 1]; /* "" where it names none */
    uint64_t created_s;               /* seconds since 1970; 0 where it says nothing */
    uint64_t expires_s;               /* likewise */
} rill_signature_info;

/*
 * Reads signature-input from request: of several signatures sig1, else the only one.
 * RILL_ERR_NOT_FOUND: the request is not signed. RILL_ERR_MALFORMED. RILL_ERR_UNSUPPORTED: an
 * algorithm other than ed25519, or a component that Rill does not know.
 */
RILL_API RILL_MUST_CHECK int rill_signature_info_of(rill_signature_info *out,
                                                    const rill_signed_request *request);

/*
 * Checks that the owner of public_key signed request: method, target URI, the authorization where
 * there is one, and the body where there is one, whose digest is computed anew.
 * now_s: seconds since 1970. max_age_s: signatures that were created longer ago, or as long in the
 * future, or at no time, are refused; 0: any age.
 * RILL_ERR_AUTH: another key, another request, or one of these is not covered. RILL_ERR_EXPIRED.
 * Else the errors of rill_signature_info_of, RILL_ERR_NOMEM, RILL_ERR_CRYPTO.
 */
RILL_API RILL_MUST_CHECK int rill_verify_request(const rill_signed_request *request,
                                                 const uint8_t public_key[RILL_KEY_PUBLIC_LEN],
                                                 uint64_t now_s, uint64_t max_age_s);

/*
 * Writes JSON anew as JSON.stringify(JSON.parse(text)) would: no blanks, keys in their order but
 * whole numbers first, characters as they are. *out has a NUL and is the caller's, to be freed by
 * free(); *out_len is without the NUL.
 * RILL_ERR_MALFORMED: not JSON, or a key comes twice in an object. RILL_ERR_NOMEM.
 */
RILL_API RILL_MUST_CHECK int rill_json_rewrite(const char *text, size_t len, char **out,
                                               size_t *out_len);

RILL_END_DECLS

#endif
