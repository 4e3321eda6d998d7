/* SPDX-License-Identifier: Apache-2.0 */
#define OPENSSL_SUPPRESS_DEPRECATED /* SHA256_*: no allocation a digest */

#include "limit.h"

#include <openssl/evp.h>
#include <openssl/sha.h>
#include <string.h>

#include "clock.h"
#include "crypto/crypto.h"

#define BATCH 1000000

typedef struct raw_keys {
    EVP_CIPHER_CTX *seal;
    EVP_CIPHER_CTX *open;
    SHA256_CTX inner; /* HMAC's two halves, that have hashed the key */
    SHA256_CTX outer;
    uint64_t iv;
} raw_keys;

struct bench_limit {
    rill_crypto *crypto;
    rill_keys *keys;
    raw_keys raw;
};

static uint8_t envelope[RILL_ENVELOPE_OVERHEAD + LIMIT_DATA_LEN];
static uint8_t plain[LIMIT_DATA_LEN];

static void half(SHA256_CTX *ctx, uint8_t pad)
{
    uint8_t block[SHA256_CBLOCK];
    memset(block, pad, sizeof block);
    SHA256_Init(ctx);
    SHA256_Update(ctx, block, sizeof block);
}

static void raw_keys_init(raw_keys *k)
{
    static const uint8_t key[32] = {1};
    k->iv = 0;
    k->seal = EVP_CIPHER_CTX_new();
    k->open = EVP_CIPHER_CTX_new();
    bench_check(!EVP_EncryptInit_ex(k->seal, EVP_aes_256_gcm(), NULL, key, NULL), "key");
    bench_check(!EVP_DecryptInit_ex(k->open, EVP_aes_256_gcm(), NULL, key, NULL), "key");
    half(&k->inner, 0x36);
    half(&k->outer, 0x5c);
}

static void raw_seal(raw_keys *k, size_t len)
{
    int done;
    uint8_t *text = envelope + RILL_ENVELOPE_OVERHEAD;
    k->iv++;
    memcpy(envelope, &k->iv, sizeof k->iv);
    int ok =
        EVP_EncryptInit_ex(k->seal, NULL, NULL, NULL, envelope) &&
        EVP_EncryptUpdate(k->seal, text, &done, text, (int)len) &&
        EVP_EncryptFinal_ex(k->seal, text + len, &done) &&
        EVP_CIPHER_CTX_ctrl(k->seal, EVP_CTRL_AEAD_GET_TAG, RILL_TAG_LEN, envelope + RILL_IV_LEN);
    bench_check(!ok, "seal");
}

static void raw_open(raw_keys *k, size_t len)
{
    int done;
    int ok =
        EVP_DecryptInit_ex(k->open, NULL, NULL, NULL, envelope) &&
        EVP_CIPHER_CTX_ctrl(k->open, EVP_CTRL_AEAD_SET_TAG, RILL_TAG_LEN, envelope + RILL_IV_LEN) &&
        EVP_DecryptUpdate(k->open, plain, &done, envelope + RILL_ENVELOPE_OVERHEAD, (int)len) &&
        EVP_DecryptFinal_ex(k->open, plain + len, &done);
    bench_check(!ok, "open");
}

static void raw_fulfill(raw_keys *k, size_t len)
{
    uint8_t digest[32], fulfillment[32], condition[32];
    SHA256_CTX ctx = k->inner;
    SHA256_Update(&ctx, envelope, RILL_ENVELOPE_OVERHEAD + len);
    SHA256_Final(digest, &ctx);
    ctx = k->outer;
    SHA256_Update(&ctx, digest, sizeof digest);
    SHA256_Final(fulfillment, &ctx);
    SHA256_Init(&ctx);
    SHA256_Update(&ctx, fulfillment, sizeof fulfillment);
    SHA256_Final(condition, &ctx);
}

static void raw_packet(raw_keys *k, size_t len)
{
    for (int end = 0; end < 2; end++) {
        if (end == 0)
            raw_seal(k, len);
        else
            raw_open(k, len);
        raw_fulfill(k, len);
    }
    raw_seal(k, LIMIT_MONEY_LEN); /* the reply */
    raw_open(k, LIMIT_MONEY_LEN);
}

static void rill_packet(rill_keys *keys, size_t plain_len)
{
    uint8_t fulfillment[32], condition[32];
    size_t len = RILL_ENVELOPE_OVERHEAD + plain_len;

    bench_check(rill_keys_seal(keys, envelope, plain_len), "seal");
    bench_check(rill_keys_fulfill(keys, envelope, len, fulfillment, condition), "fulfill");
    bench_check(rill_keys_open(keys, envelope, len, plain), "open");
    bench_check(rill_keys_fulfill(keys, envelope, len, fulfillment, condition), "fulfill");
    bench_check(rill_keys_seal(keys, envelope, LIMIT_MONEY_LEN), "seal");
    bench_check(rill_keys_open(keys, envelope, RILL_ENVELOPE_OVERHEAD + LIMIT_MONEY_LEN, plain),
                "open");
}

bench_limit *bench_limit_new(rill_crypto_backend backend)
{
    static const uint8_t secret[32] = {1};
    bench_limit *l = calloc(1, sizeof *l);
    bench_check(l ? 0 : -1, "memory");
    bench_check(rill_crypto_new_with(&l->crypto, rill_allocator_default(), backend), "rill_crypto");
    bench_check(rill_keys_new(&l->keys, l->crypto, secret, sizeof secret), "rill_keys_new");
    raw_keys_init(&l->raw);
    return l;
}

void bench_limit_free(bench_limit *l)
{
    EVP_CIPHER_CTX_free(l->raw.seal);
    EVP_CIPHER_CTX_free(l->raw.open);
    rill_keys_free(l->keys);
    rill_crypto_free(l->crypto);
    free(l);
}

double bench_limit_packets(bench_limit *l, bool directly, size_t len, uint64_t ns)
{
    bench_span span = bench_begin(ns);
    double count = 0;

    while (bench_goes_on(&span)) {
        for (size_t done = 0; done < BATCH; done += len + 1000, count++) {
            if (directly)
                raw_packet(&l->raw, len);
            else
                rill_packet(l->keys, len);
        }
    }
    return count * 1e9 / (double)bench_spent(&span);
}
