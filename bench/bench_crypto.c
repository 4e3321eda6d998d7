/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All cryptography of one packet, both ends, by OpenSSL as directly as it can be
 * called: the most that any implementation on this machine with this library can
 * reach.
 *   sender:   seal, fulfillment and condition, open the reply
 *   receiver: open, fulfillment and condition, seal the reply
 * Beside it the same through Rill's own interface to the library, and AES-256-GCM
 * and HMAC-SHA-256 over the bytes of data packets. The limit is the faster way.
 *
 * usage: bench_crypto SECONDS
 */
#define OPENSSL_SUPPRESS_DEPRECATED /* SHA256_*: no allocation a digest */

#include <openssl/evp.h>
#include <openssl/sha.h>
#include <string.h>

#include "clock.h"
#include "crypto/crypto.h"

#define MONEY_LEN 64    /* a money packet's frames; its reply is no longer */
#define DATA_LEN  32700 /* a data packet's bytes */
#define BATCH     1000000

typedef struct raw_keys {
    EVP_CIPHER_CTX *seal;
    EVP_CIPHER_CTX *open;
    SHA256_CTX inner; /* HMAC's two halves, that have hashed the key */
    SHA256_CTX outer;
    uint64_t iv;
} raw_keys;

static uint8_t envelope[RILL_ENVELOPE_OVERHEAD + DATA_LEN];
static uint8_t plain[DATA_LEN];

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
    raw_seal(k, MONEY_LEN); /* the reply */
    raw_open(k, MONEY_LEN);
}

static void rill_packet(rill_keys *keys, size_t plain_len)
{
    uint8_t fulfillment[32], condition[32];
    size_t len = RILL_ENVELOPE_OVERHEAD + plain_len;

    bench_check(rill_keys_seal(keys, envelope, plain_len), "seal");
    bench_check(rill_keys_fulfill(keys, envelope, len, fulfillment, condition), "fulfill");
    bench_check(rill_keys_open(keys, envelope, len, plain), "open");
    bench_check(rill_keys_fulfill(keys, envelope, len, fulfillment, condition), "fulfill");
    bench_check(rill_keys_seal(keys, envelope, MONEY_LEN), "seal");
    bench_check(rill_keys_open(keys, envelope, RILL_ENVELOPE_OVERHEAD + MONEY_LEN, plain), "open");
}

/* Packets of len bytes for so long, by keys or else by raw. */
static double run(raw_keys *raw, rill_keys *keys, size_t len, uint64_t ns)
{
    bench_span span = bench_begin(ns);
    double count = 0;

    while (bench_goes_on(&span)) {
        for (size_t done = 0; done < BATCH; done += len + 1000, count++) {
            if (keys)
                rill_packet(keys, len);
            else
                raw_packet(raw, len);
        }
    }
    return count * 1e9 / (double)bench_spent(&span);
}

int main(int argc, char **argv)
{
    uint64_t ns = (uint64_t)(bench_number(argc > 1 ? argv[1] : "2") * 1e9 / 4);
    uint8_t secret[32] = {1};
    raw_keys raw;
    rill_keys *keys = NULL;
    rill_crypto *crypto = rill_crypto_new(rill_allocator_default());

    bench_check(crypto ? 0 : -1, "rill_crypto_new");
    bench_check(rill_keys_new(&keys, crypto, secret, sizeof secret), "rill_keys_new");
    raw_keys_init(&raw);
    bench_figure("money", run(&raw, NULL, MONEY_LEN, ns));
    bench_figure("money_rill", run(&raw, keys, MONEY_LEN, ns));
    bench_figure("data", run(&raw, NULL, DATA_LEN, ns) * DATA_LEN / 1e6);
    bench_figure("data_rill", run(&raw, keys, DATA_LEN, ns) * DATA_LEN / 1e6);
    EVP_CIPHER_CTX_free(raw.seal);
    EVP_CIPHER_CTX_free(raw.open);
    rill_keys_free(keys);
    rill_crypto_free(crypto);
    return 0;
}
