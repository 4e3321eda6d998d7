/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A backend of src/crypto/crypto.h for fuzz targets. It is deterministic, and so cheap that the
 * fuzzer's time goes into STREAM. It hides nothing and proves nothing. But it keeps what the
 * protocol depends on: only who has the key can make a tag or a fulfillment, different texts have
 * different ones, and each envelope has its own IV. Any call that may fail fails when the target
 * says so.
 */
#include "crypto/crypto.h"

#include <rill/error.h>

#include "asan.h"
#include "base/alloc.h"
#include "base/cursor.h"
#include "faults.h"
#include "fuzz.h"

struct rill_crypto {
    const rill_allocator *allocator;
    size_t keys; /* number of objects that are not freed yet */
};

struct rill_keys {
    rill_crypto *crypto;
    uint8_t encryption[RILL_KEY_LEN];
    uint8_t fulfillment[RILL_KEY_LEN];
};

typedef struct sum {
    uint64_t lane[4];
    uint64_t count;
} sum;

static uint64_t mix(uint64_t z)
{
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static sum sum_of(const char *what)
{
    sum s = {{1, 2, 3, 4}, 0};
    for (size_t i = 0; what[i] != '\0'; i++)
        s.lane[i % 4] = mix(s.lane[i % 4] ^ (uint8_t)what[i]);
    return s;
}

NOT_CHECKED static void add_words(sum *s, const uint64_t words[4])
{
    for (unsigned i = 0; i < 4; i++) {
        s->lane[i] = (s->lane[i] ^ words[i]) * UINT64_C(0x9e3779b97f4a7c15);
        s->lane[i] ^= s->lane[i] >> 29;
    }
    s->count++;
}

/* Otherwise most of a target's time would go here: all bytes are checked at once. */
NOT_CHECKED static void add(sum *s, const uint8_t *data, size_t len)
{
    uint64_t words[4] = {len, 0, 0, 0};
    CHECK(len == 0 || MAY_BE_READ(data, len));
    add_words(s, words);
    for (; len >= sizeof words; data += sizeof words, len -= sizeof words) {
        __builtin_memcpy(words, data, sizeof words);
        add_words(s, words);
    }
    if (len == 0)
        return;
    words[0] = words[1] = words[2] = words[3] = 0;
    memcpy(words, data, len);
    add_words(s, words);
}

static void finish(sum *s, uint8_t out[32])
{
    uint64_t all = s->count;
    for (int i = 0; i < 4; i++)
        all = mix(all ^ s->lane[i]);
    for (int i = 0; i < 4; i++) {
        uint64_t word = mix(all ^ s->lane[i] ^ (uint64_t)i);
        all = mix(all + word);
        memcpy(out + 8 * i, &word, 8);
    }
}

rill_crypto *rill_crypto_new(const rill_allocator *allocator)
{
    rill_crypto *c = fuzz_crypto_fails() ? NULL : rill_calloc(allocator, 1, sizeof *c);
    if (c != NULL)
        c->allocator = allocator;
    return c;
}

int rill_crypto_new_with(rill_crypto **out, const rill_allocator *allocator,
                         rill_crypto_backend backend)
{
    (void)backend;
    *out = rill_crypto_new(allocator);
    return *out != NULL ? RILL_OK : RILL_ERR_CRYPTO;
}

void rill_crypto_free(rill_crypto *c)
{
    if (c == NULL)
        return;
    CHECK(c->keys == 0);
    rill_free(c->allocator, c);
}

void rill_crypto_forget(rill_crypto *c)
{
    (void)c; /* it keeps no key */
}

int rill_crypto_random(rill_crypto *c, uint8_t *out, size_t len)
{
    (void)c;
    if (fuzz_crypto_fails())
        return RILL_ERR_CRYPTO;
    fuzz_random(out, len);
    return RILL_OK;
}

int rill_crypto_sha256(rill_crypto *c, const uint8_t *data, size_t len,
                       uint8_t out[RILL_SHA256_LEN])
{
    sum s = sum_of("digest");
    (void)c;
    if (fuzz_crypto_fails())
        return RILL_ERR_CRYPTO;
    add(&s, data, len);
    finish(&s, out);
    return RILL_OK;
}

static void keyed(const uint8_t *key, size_t key_len, const uint8_t *data, size_t len,
                  uint8_t out[RILL_SHA256_LEN])
{
    sum s = sum_of("hmac");
    add(&s, key, key_len);
    add(&s, data, len);
    finish(&s, out);
}

int rill_crypto_hmac(rill_crypto *c, const uint8_t *key, size_t key_len, const uint8_t *data,
                     size_t len, uint8_t out[RILL_SHA256_LEN])
{
    (void)c;
    if (fuzz_crypto_fails())
        return RILL_ERR_CRYPTO;
    keyed(key, key_len, data, len, out);
    return RILL_OK;
}

static void tag_of(const uint8_t key[RILL_KEY_LEN], const uint8_t iv[RILL_IV_LEN],
                   const uint8_t *text, size_t len, uint8_t out[RILL_SHA256_LEN])
{
    sum s = sum_of("seal");
    add(&s, key, RILL_KEY_LEN);
    add(&s, iv, RILL_IV_LEN);
    add(&s, text, len);
    finish(&s, out);
}

int rill_crypto_seal(rill_crypto *c, const uint8_t key[RILL_KEY_LEN], uint8_t *envelope, size_t len)
{
    uint8_t tag[RILL_SHA256_LEN];
    int err = rill_crypto_random(c, envelope, RILL_IV_LEN);
    if (err != RILL_OK)
        return err;
    tag_of(key, envelope, envelope + RILL_ENVELOPE_OVERHEAD, len, tag);
    memcpy(envelope + RILL_IV_LEN, tag, RILL_TAG_LEN);
    return RILL_OK;
}

int rill_crypto_open(rill_crypto *c, const uint8_t key[RILL_KEY_LEN], const uint8_t *envelope,
                     size_t envelope_len, uint8_t *out)
{
    uint8_t tag[RILL_SHA256_LEN];
    (void)c;
    CHECK(envelope_len >= RILL_ENVELOPE_OVERHEAD);
    if (fuzz_crypto_fails())
        return RILL_ERR_CRYPTO;
    size_t len = envelope_len - RILL_ENVELOPE_OVERHEAD;
    tag_of(key, envelope, envelope + RILL_ENVELOPE_OVERHEAD, len, tag);
    if (memcmp(tag, envelope + RILL_IV_LEN, RILL_TAG_LEN) != 0) {
        memset(out, 0xEE, len); /* nothing may be read from it */
        return RILL_ERR_AUTH;
    }
    memcpy(out, envelope + RILL_ENVELOPE_OVERHEAD, len);
    return RILL_OK;
}

int rill_keys_new(rill_keys **out, rill_crypto *c, const uint8_t *shared_secret, size_t secret_len)
{
    rill_keys *k = fuzz_crypto_fails() ? NULL : rill_calloc(c->allocator, 1, sizeof *k);
    *out = k;
    if (k == NULL)
        return RILL_ERR_NOMEM;
    k->crypto = c;
    keyed(shared_secret, secret_len, (const uint8_t *)"encryption", 10, k->encryption);
    keyed(shared_secret, secret_len, (const uint8_t *)"fulfillment", 11, k->fulfillment);
    c->keys++;
    return RILL_OK;
}

void rill_keys_free(rill_keys *k)
{
    if (k == NULL)
        return;
    CHECK(k->crypto->keys > 0);
    k->crypto->keys--;
    rill_free(k->crypto->allocator, k);
}

int rill_keys_seal(rill_keys *k, uint8_t *envelope, size_t len)
{
    return rill_crypto_seal(k->crypto, k->encryption, envelope, len);
}

int rill_keys_open(rill_keys *k, const uint8_t *envelope, size_t envelope_len, uint8_t *out)
{
    return rill_crypto_open(k->crypto, k->encryption, envelope, envelope_len, out);
}

int rill_keys_fulfill(rill_keys *k, const uint8_t *data, size_t len, uint8_t fulfillment[32],
                      uint8_t condition[32])
{
    uint8_t made[32];
    int err = rill_crypto_hmac(k->crypto, k->fulfillment, RILL_KEY_LEN, data, len, made);
    if (err == RILL_OK && condition != NULL)
        err = rill_crypto_sha256(k->crypto, made, sizeof made, condition);
    if (err == RILL_OK && fulfillment != NULL)
        memcpy(fulfillment, made, sizeof made);
    return err;
}

bool rill_equal_ct(const void *a, const void *b, size_t len)
{
    return len == 0 || memcmp(a, b, len) == 0;
}

void rill_wipe(void *p, size_t len)
{
    if (len != 0)
        memset(p, 0, len);
}
