/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a server hands to a client over an authenticated and encrypted channel
 * (RFC 29 section 4.1): the address to send to and the secret to share.
 */
#ifndef RILL_CREDENTIALS_H
#define RILL_CREDENTIALS_H

#include <rill/crypto.h>
#include <rill/ilp.h>
#include <rill/types.h>

RILL_BEGIN_DECLS

#define RILL_SHARED_SECRET_LEN  32
#define RILL_RECEIPT_NONCE_LEN  16
#define RILL_RECEIPT_SECRET_LEN 32
#define RILL_MAX_TAG            255 /* bytes of a connection tag */

typedef struct rill_credentials {
    char destination_account[RILL_ILP_MAX_ADDRESS + 1]; /* NUL-terminated */
    uint8_t shared_secret[RILL_SHARED_SECRET_LEN];      /* wipe after use */
} rill_credentials;

/* What is sealed inside the address of one client: nobody but the server can read it. */
typedef struct rill_credentials_options {
    size_t size;                   /* sizeof(rill_credentials_options): see rill/types.h */
    const char *tag;               /* NUL-terminated, or NULL; at most RILL_MAX_TAG bytes */
    const uint8_t *receipt_nonce;  /* RILL_RECEIPT_NONCE_LEN bytes, or NULL: no receipts */
    const uint8_t *receipt_secret; /* RILL_RECEIPT_SECRET_LEN bytes, or NULL; both or neither */
} rill_credentials_options;

RILL_API void rill_credentials_options_init_sized(rill_credentials_options *o, size_t size);
/* Sets size and every default. */
static inline void rill_credentials_options_init(rill_credentials_options *o)
{
    rill_credentials_options_init_sized(o, sizeof *o);
}

/* Overwrites the secret, so that it does not stay in memory. */
RILL_API void rill_credentials_wipe(rill_credentials *c);

/* ---- as text: how programs pass them on. Files: rill/credentials_file.h ---- */

/* Room for the text of any credentials, with its NUL. */
#define RILL_CREDENTIALS_TEXT_MAX 1152

/*
 * One line of JSON, {"destination_account":"...","shared_secret":"..."} with the secret in base64,
 * a line feed and a NUL, into text[cap]; *len (may be NULL) becomes its length without the NUL. The
 * text holds the secret: wipe it after use.
 * RILL_ERR_BUFFER: cap is too small; RILL_CREDENTIALS_TEXT_MAX never is. RILL_ERR_ADDRESS: the
 * destination account is not an ILP address.
 */
RILL_API RILL_MUST_CHECK int rill_credentials_encode(const rill_credentials *in, char *text,
                                                     size_t cap, size_t *len);
/*
 * Reads a JSON object with those two members; others are ignored. The text is not copied.
 * RILL_ERR_MALFORMED: *problem (may be NULL) then says what is wrong, static, without secrets; and
 * *out is all zeros.
 */
RILL_API RILL_MUST_CHECK int rill_credentials_decode(rill_credentials *out, const char *text,
                                                     size_t len, const char **problem);
/*
 * Reads a server's secret: 32 bytes in base64, with white space before and after it or without.
 * Wipe out after use. RILL_ERR_MALFORMED: not that; out is all zeros then.
 */
RILL_API RILL_MUST_CHECK int rill_server_secret_decode(uint8_t out[RILL_SHARED_SECRET_LEN],
                                                       const char *text, size_t len);

RILL_END_DECLS

#endif
