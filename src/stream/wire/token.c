/* SPDX-License-Identifier: Apache-2.0 */
#include "stream/wire/token.h"

#include <string.h>

#include <rill/error.h>

#include "base/base64.h"
#include "base/cursor.h"

/*
 * Sealed: version, flags, length of the tag, tag, and with FLAG_RECEIPTS the
 * receipt nonce and secret. The token is the base64url text of the envelope:
 * only characters that an ILP address may have.
 */
#define MAX_LABEL     32
#define TOKEN_VERSION 1
#define FLAG_RECEIPTS 1
#define MAX_CONTENT   (3 + RILL_MAX_TAG + RILL_RECEIPT_NONCE_LEN + RILL_RECEIPT_SECRET_LEN)
#define MAX_ENVELOPE  (RILL_ENVELOPE_OVERHEAD + MAX_CONTENT)

_Static_assert(RILL_BASE64_SIZE(MAX_ENVELOPE) <= RILL_TOKEN_MAX, "the longest token fits");

static int derive_key(rill_crypto *c, const uint8_t server_secret[32], const char *label,
                      const char *instance, uint8_t out[RILL_KEY_LEN])
{
    uint8_t text[MAX_LABEL + 1 + RILL_MAX_INSTANCE];
    size_t len = strlen(label);

    memcpy(text, label, len);
    if (instance != NULL && instance[0] != '\0') {
        size_t more = strlen(instance);
        text[len++] = '/'; /* no label has one */
        memcpy(text + len, instance, more);
        len += more;
    }
    return rill_crypto_hmac(c, server_secret, 32, text, len, out);
}

int rill_token_keys_derive(rill_token_keys *out, rill_crypto *c, const uint8_t server_secret[32],
                           const char *instance)
{
    int rc = derive_key(c, server_secret, "rill_token_seal", instance, out->seal);

    if (rc == RILL_OK)
        rc = derive_key(c, server_secret, "rill_token_shared_secret", instance, out->derive);
    if (rc != RILL_OK)
        rill_wipe(out, sizeof *out);
    return rc;
}

static int write_content(const rill_credentials_options *o, rill_writer *w)
{
    const char *tag = o != NULL && o->tag != NULL ? o->tag : "";
    bool receipts = o != NULL && o->receipt_nonce != NULL;
    size_t tag_len = strlen(tag);

    if (o != NULL && (o->receipt_nonce != NULL) != (o->receipt_secret != NULL))
        return RILL_ERR_INVALID;
    if (tag_len > RILL_MAX_TAG)
        return RILL_ERR_TOO_LARGE;
    rill_write_u8(w, TOKEN_VERSION);
    rill_write_u8(w, receipts ? FLAG_RECEIPTS : 0);
    rill_write_u8(w, (uint8_t)tag_len);
    rill_write_bytes(w, tag, tag_len);
    if (receipts) {
        rill_write_bytes(w, o->receipt_nonce, RILL_RECEIPT_NONCE_LEN);
        rill_write_bytes(w, o->receipt_secret, RILL_RECEIPT_SECRET_LEN);
    }
    return RILL_OK;
}

int rill_token_create(const rill_token_keys *keys, rill_crypto *c,
                      const rill_credentials_options *options, char token[RILL_TOKEN_MAX],
                      uint8_t shared_secret[32])
{
    uint8_t envelope[MAX_ENVELOPE];
    rill_writer w = rill_writer_of(envelope + RILL_ENVELOPE_OVERHEAD, MAX_CONTENT);
    size_t len = 0;

    int rc = write_content(options, &w);
    if (rc == RILL_OK) {
        len = rill_writer_len(&w);
        rc = rill_crypto_seal(c, keys->seal, envelope, len);
        len += RILL_ENVELOPE_OVERHEAD;
    }
    if (rc == RILL_OK)
        rc = rill_crypto_hmac(c, keys->derive, RILL_KEY_LEN, envelope, len, shared_secret);
    if (rc == RILL_OK)
        rill_base64url_encode(envelope, len, token);
    /* Where sealing failed, this is still plaintext. */
    rill_wipe(envelope, sizeof envelope);
    return rc;
}

/* The envelope, from the one text that it has: not padded, not in the other alphabet. */
static bool decode_text(rill_bytes token, uint8_t envelope[MAX_ENVELOPE], size_t *len)
{
    for (size_t i = 0; i < token.len; i++)
        if (token.data[i] == '+' || token.data[i] == '/' || token.data[i] == '=')
            return false;
    return rill_base64_decode((const char *)token.data, token.len, envelope, MAX_ENVELOPE, len) ==
               RILL_OK &&
           *len >= RILL_ENVELOPE_OVERHEAD;
}

/* False only where another version of us sealed it, since it is authentic. */
static bool read_content(const uint8_t *content, size_t len, rill_token_details *details)
{
    rill_reader r = rill_reader_of(content, len);
    uint8_t version;
    uint8_t flags;
    uint8_t tag_len;
    rill_bytes tag;
    rill_bytes nonce;
    rill_bytes secret;

    if (!rill_read_u8(&r, &version) || version != TOKEN_VERSION || !rill_read_u8(&r, &flags) ||
        (flags & ~FLAG_RECEIPTS) != 0 || !rill_read_u8(&r, &tag_len) ||
        !rill_read_bytes(&r, tag_len, &tag))
        return false;
    /* details is all zero: the tag is terminated. */
    if (tag_len > 0)
        memcpy(details->tag, tag.data, tag_len);
    details->receipts = (flags & FLAG_RECEIPTS) != 0;
    if (details->receipts) {
        if (!rill_read_bytes(&r, RILL_RECEIPT_NONCE_LEN, &nonce) ||
            !rill_read_bytes(&r, RILL_RECEIPT_SECRET_LEN, &secret))
            return false;
        memcpy(details->receipt_nonce, nonce.data, nonce.len);
        memcpy(details->receipt_secret, secret.data, secret.len);
    }
    return rill_reader_left(&r) == 0;
}

int rill_token_open(const rill_token_keys *keys, rill_crypto *c, rill_bytes token,
                    rill_token_details *details, uint8_t shared_secret[32])
{
    uint8_t envelope[MAX_ENVELOPE];
    uint8_t content[MAX_CONTENT];
    size_t len;

    *details = (rill_token_details){.receipts = false};
    if (!decode_text(token, envelope, &len))
        return RILL_ERR_AUTH;
    int rc = rill_crypto_open(c, keys->seal, envelope, len, content);
    if (rc == RILL_OK && !read_content(content, len - RILL_ENVELOPE_OVERHEAD, details))
        rc = RILL_ERR_AUTH;
    if (rc == RILL_OK)
        rc = rill_crypto_hmac(c, keys->derive, RILL_KEY_LEN, envelope, len, shared_secret);
    rill_wipe(content, sizeof content);
    if (rc != RILL_OK)
        rill_wipe(details, sizeof *details);
    return rc;
}
