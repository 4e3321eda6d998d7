/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Address tokens, base64 and receipts. The first byte chooses. The cryptography is that of
 * fuzz/crypto.c, so that what is sealed here opens there.
 */
#include <openssl/evp.h>
#include <rill/error.h>
#include <rill/receipt.h>

#include "base/base64.h"
#include "faults.h"
#include "program.h"
#include "stream/wire/receipt.h"
#include "stream/wire/token.h"

static rill_crypto *crypto;
static rill_token_keys keys;

/* A token that is not ours opens nothing, and reveals nothing. */
static void open_text(rill_bytes text)
{
    rill_token_details details;
    uint8_t secret[32];
    CHECK(rill_token_open(&keys, crypto, text, &details, secret) == RILL_ERR_AUTH);
    CHECK(details.tag[0] == '\0' && !details.receipts);
}

/*
 * The content as another reader sees it: version 1, flags, a tag with its length, 48 bytes for
 * receipts.
 */
static bool valid_content(rill_bytes c)
{
    if (c.len < 3 || c.data[0] != 1 || (c.data[1] & 0xFE) != 0)
        return false;
    return c.len == 3u + c.data[2] + ((c.data[1] & 1) != 0 ? 48u : 0u);
}

static void open_content(rill_bytes content)
{
    uint8_t envelope[RILL_ENVELOPE_OVERHEAD + 400];
    char text[RILL_BASE64_SIZE(sizeof envelope)];
    rill_token_details details;
    uint8_t secret[32];
    if (content.len > 3 + RILL_MAX_TAG + 48)
        return;
    if (content.len != 0)
        memcpy(envelope + RILL_ENVELOPE_OVERHEAD, content.data, content.len);
    CHECK(rill_crypto_seal(crypto, keys.seal, envelope, content.len) == RILL_OK);
    size_t len = rill_base64url_encode(envelope, RILL_ENVELOPE_OVERHEAD + content.len, text);
    int err = rill_token_open(&keys, crypto, (rill_bytes){(uint8_t *)text, len}, &details, secret);
    CHECK(err == (valid_content(content) ? RILL_OK : RILL_ERR_AUTH));
    if (err != RILL_OK)
        return;
    CHECK(memcmp(details.tag, content.data + 3, content.data[2]) == 0);
    CHECK(details.tag[content.data[2]] == '\0');
    CHECK(details.receipts == ((content.data[1] & 1) != 0));
    if (details.receipts) {
        const uint8_t *at = content.data + 3 + content.data[2];
        CHECK(memcmp(details.receipt_nonce, at, 16) == 0);
        CHECK(memcmp(details.receipt_secret, at + 16, 32) == 0);
    }
    /* Another spelling of it is not accepted, nor is it with any bit changed. */
    text[len] = '=';
    open_text((rill_bytes){(uint8_t *)text, len + 1});
    text[content.data[2] % len] ^= 1;
    open_text((rill_bytes){(uint8_t *)text, len});
}

static void create(program *p)
{
    char tag[RILL_MAX_TAG + 2], token[RILL_TOKEN_MAX];
    uint8_t nonce[16], receipt_secret[32], secret[32], opened[32];
    rill_token_details details;
    uint8_t flags = take_byte(p);
    rill_bytes text = take_bytes(p, RILL_MAX_TAG);
    if (text.len != 0)
        memcpy(tag, text.data, text.len);
    tag[text.len] = '\0';
    fuzz_random(nonce, sizeof nonce);
    fuzz_random(receipt_secret, sizeof receipt_secret);
    const rill_credentials_options o = {.tag = (flags & 1) != 0 ? tag : NULL,
                                        .receipt_nonce = (flags & 2) != 0 ? nonce : NULL,
                                        .receipt_secret = (flags & 4) != 0 ? receipt_secret : NULL};
    int err = rill_token_create(&keys, crypto, &o, token, secret);
    bool both = ((flags & 2) != 0) == ((flags & 4) != 0);
    CHECK(err == (both ? RILL_OK : RILL_ERR_INVALID));
    if (err != RILL_OK)
        return;
    rill_bytes whole = {(uint8_t *)token, strlen(token)};
    CHECK(rill_token_open(&keys, crypto, whole, &details, opened) == RILL_OK);
    CHECK(memcmp(opened, secret, 32) == 0);
    CHECK(strcmp(details.tag, (flags & 1) != 0 ? tag : "") == 0);
    CHECK(details.receipts == ((flags & 2) != 0));
}

/* ---- base64 ---- */

/*
 * OpenSSL's decoder reads whole groups of the standard alphabet. So our text is converted to that.
 */
static void compare_base64(rill_bytes text, const uint8_t *ours, size_t len)
{
    char standard[1024 + 4];
    uint8_t theirs[1024];
    size_t n = 0;
    for (size_t i = 0; i < text.len; i++) {
        char c = (char)text.data[i];
        standard[n++] = c == '-' ? '+' : c == '_' ? '/' : c;
    }
    while (n % 4 != 0)
        standard[n++] = '=';
    CHECK(EVP_DecodeBlock(theirs, (const unsigned char *)standard, (int)n) == (int)(n / 4 * 3));
    CHECK(len == 0 || memcmp(theirs, ours, len) == 0);
}

static void fuzz_base64(rill_bytes text)
{
    uint8_t out[1024];
    char back[RILL_BASE64_SIZE(sizeof out)], url[RILL_BASE64_SIZE(sizeof out)];
    size_t len = 0, cap = text.len / 4 * 3 + 3;
    if (text.len > 1000)
        return;
    uint8_t *exact = malloc(cap);
    CHECK(exact != NULL);
    int err = rill_base64_decode((const char *)text.data, text.len, exact, cap, &len);
    CHECK(err == RILL_OK || err == RILL_ERR_MALFORMED);
    if (err == RILL_OK) {
        CHECK(len <= cap);
        memcpy(out, exact, len);
        if (len > 0)
            CHECK(rill_base64_decode((const char *)text.data, text.len, exact, len - 1, &cap) ==
                  RILL_ERR_BUFFER);
        size_t digits = text.len;
        while (digits > 0 && text.data[digits - 1] == '=')
            digits--;
        size_t n = rill_base64_encode(out, len, back);
        size_t m = rill_base64url_encode(out, len, url);
        /* One value has one text in each alphabet, apart from the padding. */
        CHECK(n >= digits && m == digits);
        CHECK(memcmp(back, text.data, digits) == 0 || memcmp(url, text.data, digits) == 0);
        compare_base64((rill_bytes){text.data, digits}, out, len);
    }
    free(exact);
}

/* ---- receipts ---- */

static void fuzz_receipt(rill_bytes bytes)
{
    rill_receipt r, again;
    const uint8_t secret[RILL_RECEIPT_SECRET_LEN] = {1, 2, 3};
    uint8_t made[RILL_RECEIPT_LEN];
    int err = rill_receipt_decode(&r, bytes);
    CHECK(err == RILL_OK || err == RILL_ERR_TRUNCATED || err == RILL_ERR_MALFORMED);
    if (err != RILL_OK)
        return;
    CHECK(bytes.len >= RILL_RECEIPT_LEN && bytes.data[0] == 1);
    CHECK(rill_receipt_write(crypto, r.nonce, secret, r.stream_id, r.total_received, made) ==
          RILL_OK);
    CHECK(memcmp(made, bytes.data, 26) == 0);
    CHECK(rill_receipt_decode(&again, (rill_bytes){made, sizeof made}) == RILL_OK);
    CHECK(again.stream_id == r.stream_id && again.total_received == r.total_received);
    CHECK(memcmp(again.nonce, r.nonce, sizeof r.nonce) == 0);
    /* By its bytes alone it is not signed. It is signed with our secret, and with no other bit. */
    CHECK(rill_receipt_verify(&again, (rill_bytes){made, sizeof made}, secret) == RILL_OK);
    made[bytes.data[25] % sizeof made] ^= (uint8_t)(1 << bytes.data[25] % 8);
    CHECK(rill_receipt_verify(&again, (rill_bytes){made, sizeof made}, secret) != RILL_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t server_secret[32] = {9};
    program p = program_of(data, size);
    uint8_t kind = take_byte(&p);
    rill_bytes rest = {p.at, p.left};
    fuzz_faults_reset(size);
    crypto = rill_crypto_new(fuzz_allocator());
    CHECK(crypto != NULL && rill_token_keys_derive(&keys, crypto, server_secret, NULL) == RILL_OK);
    switch (kind % 5) {
    case 0:
        open_text(rest);
        break;
    case 1:
        open_content(rest);
        break;
    case 2:
        create(&p);
        break;
    case 3:
        fuzz_base64(rest);
        break;
    default:
        fuzz_receipt(rest);
    }
    rill_crypto_free(crypto);
    return 0;
}
