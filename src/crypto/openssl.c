/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The OpenSSL 3 backend. What makes it fast: a cipher context (EVP) keeps its
 * key and is given only a new IV for each packet; IVs come from a pool; and
 * HMAC is put together from two digest states that have hashed the key and are
 * copied for each packet.
 *
 * Those states are SHA256_CTX, plain memory, which OpenSSL has deprecated in
 * favour of EVP but has in every 3.x: EVP allocates, copies and frees a state
 * for each digest, six times a packet. Both run the same code for the
 * processor.
 *
 * What makes it small: contexts take twenty times the memory of the keys in
 * them. So keys are kept, and LIVE_MAX sets of contexts that are lent to those
 * that are used; who has lost its set to another is given one again, for a
 * fifth of what the cryptography of a packet costs.
 */
#define OPENSSL_SUPPRESS_DEPRECATED /* SHA256_* */

#include "crypto/crypto.h"

#include <limits.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <openssl/sha.h>
#include <rill/error.h>
#include <string.h>

#include "base/alloc.h"

enum { POOL_LEN = 4096, BLOCK_LEN = SHA256_CBLOCK, LIVE_MAX = 1024 };

/* HMAC's two digests, that have hashed the key's block. */
typedef struct hmac_state {
    SHA256_CTX inner;
    SHA256_CTX outer;
} hmac_state;

/* One set of contexts. */
typedef struct live {
    rill_keys *owner;       /* NULL: of nobody, and holds no key */
    bool used;              /* since the hand passed */
    EVP_CIPHER_CTX *cipher; /* for either direction: GCM's key schedule is the same */
    hmac_state fulfillment;
} live;

struct rill_crypto {
    const rill_allocator *allocator;
    EVP_CIPHER *aes;
    EVP_CIPHER_CTX *any_key; /* AES with the keys that come with a call */
    size_t pool_left;        /* unused random bytes, at the end of the pool: secret */
    uint8_t pool[POOL_LEN];
    size_t iv_left; /* as pool_left, of what everybody may see once it is used */
    uint8_t ivs[POOL_LEN];
    unsigned live_count; /* sets that were made */
    unsigned hand;       /* the set that is lent next, if it was not used since the last round */
    live sets[LIVE_MAX];
};

struct rill_keys {
    rill_crypto *crypto;
    live *live; /* NULL: has no contexts now */
    uint8_t encryption[RILL_KEY_LEN];
    uint8_t fulfillment[RILL_KEY_LEN];
};

rill_crypto *rill_crypto_new(const rill_allocator *allocator)
{
    rill_crypto *c = rill_calloc(allocator, 1, sizeof(*c));
    if (c == NULL)
        return NULL;
    c->allocator = allocator;
    c->aes = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
    c->any_key = EVP_CIPHER_CTX_new();
    if (c->aes == NULL || c->any_key == NULL) {
        rill_crypto_free(c);
        return NULL;
    }
    return c;
}

static void free_set(live *l)
{
    EVP_CIPHER_CTX_free(l->cipher); /* wipes its key */
    rill_wipe(l, sizeof(*l));
}

void rill_crypto_free(rill_crypto *c)
{
    if (c == NULL)
        return;
    for (unsigned i = 0; i < c->live_count; i++)
        free_set(&c->sets[i]);
    EVP_CIPHER_CTX_free(c->any_key);
    EVP_CIPHER_free(c->aes);
    const rill_allocator *allocator = c->allocator;
    rill_wipe(c, sizeof(*c));
    rill_free(allocator, c);
}

void rill_wipe(void *p, size_t len)
{
    if (len != 0)
        OPENSSL_cleanse(p, len);
}

bool rill_equal_ct(const void *a, const void *b, size_t len)
{
    return len == 0 || CRYPTO_memcmp(a, b, len) == 0;
}

int rill_crypto_random(rill_crypto *c, uint8_t *out, size_t len)
{
    while (len > 0) {
        if (c->pool_left == 0) {
            if (RAND_priv_bytes(c->pool, POOL_LEN) != 1)
                return RILL_ERR_CRYPTO;
            c->pool_left = POOL_LEN;
        }
        size_t take = len < c->pool_left ? len : c->pool_left;
        uint8_t *from = c->pool + POOL_LEN - c->pool_left;
        memcpy(out, from, take);
        /* What was given out must not be found here later. */
        rill_wipe(from, take);
        c->pool_left -= take;
        out += take;
        len -= take;
    }
    return RILL_OK;
}

/* The IV of the next packet. Random: two processes may use one key. */
static bool next_iv(rill_crypto *c, uint8_t out[RILL_IV_LEN])
{
    if (c->iv_left < RILL_IV_LEN) {
        c->iv_left = 0;
        if (RAND_bytes(c->ivs, POOL_LEN) != 1)
            return false;
        c->iv_left = POOL_LEN;
    }
    memcpy(out, c->ivs + POOL_LEN - c->iv_left, RILL_IV_LEN);
    c->iv_left -= RILL_IV_LEN;
    return true;
}

int rill_crypto_sha256(rill_crypto *c, const uint8_t *data, size_t len,
                       uint8_t out[RILL_SHA256_LEN])
{
    SHA256_CTX state;
    (void)c;
    bool ok = SHA256_Init(&state) == 1 && (len == 0 || SHA256_Update(&state, data, len) == 1) &&
              SHA256_Final(out, &state) == 1;
    /* What it hashed may be a secret. */
    rill_wipe(&state, sizeof(state));
    return ok ? RILL_OK : RILL_ERR_CRYPTO;
}

static void xor_block(uint8_t block[BLOCK_LEN], uint8_t with)
{
    for (size_t i = 0; i < BLOCK_LEN; i++)
        block[i] ^= with;
}

static bool hash_block(SHA256_CTX *state, const uint8_t block[BLOCK_LEN])
{
    return SHA256_Init(state) == 1 && SHA256_Update(state, block, BLOCK_LEN) == 1;
}

/*
 * RFC 2104: HMAC is H(key ^ opad, H(key ^ ipad, data)), the key hashed where
 * it is longer than a block.
 */
static int hmac_key(rill_crypto *c, const uint8_t *key, size_t key_len, hmac_state *h)
{
    uint8_t block[BLOCK_LEN] = {0};
    int err = RILL_OK;
    if (key_len > BLOCK_LEN)
        err = rill_crypto_sha256(c, key, key_len, block);
    else if (key_len != 0)
        memcpy(block, key, key_len);
    if (err == RILL_OK) {
        xor_block(block, 0x36);
        bool ok = hash_block(&h->inner, block);
        xor_block(block, 0x36 ^ 0x5c);
        ok = hash_block(&h->outer, block) && ok;
        err = ok ? RILL_OK : RILL_ERR_CRYPTO;
    }
    rill_wipe(block, sizeof(block));
    return err;
}

static int hmac(const hmac_state *h, const uint8_t *data, size_t len, uint8_t out[RILL_SHA256_LEN])
{
    uint8_t digest[RILL_SHA256_LEN];
    SHA256_CTX state = h->inner;
    bool ok =
        (len == 0 || SHA256_Update(&state, data, len) == 1) && SHA256_Final(digest, &state) == 1;
    state = h->outer;
    ok = ok && SHA256_Update(&state, digest, sizeof(digest)) == 1 && SHA256_Final(out, &state) == 1;
    rill_wipe(&state, sizeof(state));
    rill_wipe(digest, sizeof(digest));
    return ok ? RILL_OK : RILL_ERR_CRYPTO;
}

int rill_crypto_hmac(rill_crypto *c, const uint8_t *key, size_t key_len, const uint8_t *data,
                     size_t len, uint8_t out[RILL_SHA256_LEN])
{
    hmac_state h;
    int err = hmac_key(c, key, key_len, &h);
    if (err == RILL_OK)
        err = hmac(&h, data, len, out);
    rill_wipe(&h, sizeof(h));
    return err;
}

/* What asks a cipher context for its tag, or tells it. */
static OSSL_PARAM tag_param(uint8_t tag[RILL_TAG_LEN])
{
    return OSSL_PARAM_construct_octet_string(OSSL_CIPHER_PARAM_AEAD_TAG, tag, RILL_TAG_LEN);
}

/* key is NULL where ctx has its key. */
static int seal(rill_crypto *c, EVP_CIPHER_CTX *ctx, const uint8_t *key, uint8_t *envelope,
                size_t len)
{
    uint8_t *text = envelope + RILL_ENVELOPE_OVERHEAD;
    OSSL_PARAM tag[] = {tag_param(envelope + RILL_IV_LEN), OSSL_PARAM_construct_end()};
    int done;
    if (len > INT_MAX || !next_iv(c, envelope) ||
        EVP_CipherInit_ex2(ctx, NULL, key, envelope, 1, NULL) != 1 ||
        (len != 0 && EVP_EncryptUpdate(ctx, text, &done, text, (int)len) != 1) ||
        EVP_EncryptFinal_ex(ctx, text + len, &done) != 1 ||
        EVP_CIPHER_CTX_get_params(ctx, tag) != 1)
        return RILL_ERR_CRYPTO;
    return RILL_OK;
}

/* key is NULL where ctx has its key. */
static int open_envelope(EVP_CIPHER_CTX *ctx, const uint8_t *key, const uint8_t *envelope,
                         size_t envelope_len, uint8_t *out)
{
    if (envelope_len < RILL_ENVELOPE_OVERHEAD)
        return RILL_ERR_AUTH;
    size_t len = envelope_len - RILL_ENVELOPE_OVERHEAD;
    const uint8_t *text = envelope + RILL_ENVELOPE_OVERHEAD;
    uint8_t expected[RILL_TAG_LEN]; /* a parameter's data is not const */
    memcpy(expected, envelope + RILL_IV_LEN, RILL_TAG_LEN);
    OSSL_PARAM tag[] = {tag_param(expected), OSSL_PARAM_construct_end()};
    uint8_t none[EVP_MAX_BLOCK_LENGTH];
    int done;
    if (len > INT_MAX)
        return RILL_ERR_CRYPTO;
    bool checked = EVP_CipherInit_ex2(ctx, NULL, key, envelope, 0, NULL) == 1 &&
                   (len == 0 || EVP_DecryptUpdate(ctx, out, &done, text, (int)len) == 1) &&
                   EVP_CIPHER_CTX_set_params(ctx, tag) == 1;
    if (!checked || EVP_DecryptFinal_ex(ctx, none, &done) != 1) {
        rill_wipe(out, len); /* nobody has vouched for it */
        return checked ? RILL_ERR_AUTH : RILL_ERR_CRYPTO;
    }
    return RILL_OK;
}

int rill_crypto_seal(rill_crypto *c, const uint8_t key[RILL_KEY_LEN], uint8_t *envelope, size_t len)
{
    if (EVP_EncryptInit_ex2(c->any_key, c->aes, NULL, NULL, NULL) != 1)
        return RILL_ERR_CRYPTO;
    return seal(c, c->any_key, key, envelope, len);
}

int rill_crypto_open(rill_crypto *c, const uint8_t key[RILL_KEY_LEN], const uint8_t *envelope,
                     size_t envelope_len, uint8_t *out)
{
    if (EVP_DecryptInit_ex2(c->any_key, c->aes, NULL, NULL, NULL) != 1)
        return RILL_ERR_CRYPTO;
    return open_envelope(c->any_key, key, envelope, envelope_len, out);
}

/* HMAC(secret, label), label being a C string. */
static int derive(rill_crypto *c, const uint8_t *secret, size_t secret_len, const char *label,
                  uint8_t out[RILL_SHA256_LEN])
{
    return rill_crypto_hmac(c, secret, secret_len, (const uint8_t *)label, strlen(label), out);
}

/* Nobody's, and wiped. */
static void give_back(live *l)
{
    if (l->owner != NULL)
        l->owner->live = NULL;
    free_set(l);
}

/*
 * A set that is nobody's, or has not been used for longest, or nearly: a hand
 * goes round, and passes once over those that were used since it passed last.
 */
static live *next_set(rill_crypto *c)
{
    if (c->live_count < LIVE_MAX)
        return &c->sets[c->live_count++];
    for (;;) {
        live *l = &c->sets[c->hand];
        c->hand = (c->hand + 1) % LIVE_MAX;
        if (l->owner == NULL || !l->used)
            return l;
        l->used = false;
    }
}

static int lend(rill_keys *k)
{
    rill_crypto *c = k->crypto;
    live *l = next_set(c);
    bool first = l->owner == NULL;
    if (!first)
        l->owner->live = NULL;
    l->owner = k;
    k->live = l;
    if (l->cipher == NULL)
        l->cipher = EVP_CIPHER_CTX_new();
    if (l->cipher == NULL ||
        EVP_CipherInit_ex2(l->cipher, first ? c->aes : NULL, k->encryption, NULL, 1, NULL) != 1 ||
        hmac_key(c, k->fulfillment, RILL_KEY_LEN, &l->fulfillment) != RILL_OK) {
        give_back(l);
        return RILL_ERR_CRYPTO;
    }
    return RILL_OK;
}

/* The contexts of k, now. */
static inline int wake(rill_keys *k)
{
    if (k->live == NULL) {
        int err = lend(k);
        if (err != RILL_OK)
            return err;
    }
    k->live->used = true;
    return RILL_OK;
}

int rill_keys_new(rill_keys **out, rill_crypto *c, const uint8_t *shared_secret, size_t secret_len)
{
    rill_keys *k = rill_calloc(c->allocator, 1, sizeof(*k));
    if (k == NULL)
        return RILL_ERR_NOMEM;
    k->crypto = c;
    int err = derive(c, shared_secret, secret_len, "ilp_stream_encryption", k->encryption);
    if (err == RILL_OK)
        err = derive(c, shared_secret, secret_len, "ilp_stream_fulfillment", k->fulfillment);
    if (err != RILL_OK) {
        rill_keys_free(k);
        return err;
    }
    *out = k;
    return RILL_OK;
}

void rill_keys_free(rill_keys *k)
{
    if (k == NULL)
        return;
    if (k->live != NULL)
        give_back(k->live);
    const rill_allocator *allocator = k->crypto->allocator;
    rill_wipe(k, sizeof(*k));
    rill_free(allocator, k);
}

int rill_keys_seal(rill_keys *k, uint8_t *envelope, size_t len)
{
    int err = wake(k);
    return err == RILL_OK ? seal(k->crypto, k->live->cipher, NULL, envelope, len) : err;
}

int rill_keys_open(rill_keys *k, const uint8_t *envelope, size_t envelope_len, uint8_t *out)
{
    int err = wake(k);
    return err == RILL_OK ? open_envelope(k->live->cipher, NULL, envelope, envelope_len, out) : err;
}

int rill_keys_fulfill(rill_keys *k, const uint8_t *data, size_t len, uint8_t fulfillment[32],
                      uint8_t condition[32])
{
    uint8_t preimage[RILL_SHA256_LEN];
    int err = wake(k);
    if (err == RILL_OK)
        err = hmac(&k->live->fulfillment, data, len, preimage);
    if (err == RILL_OK && condition != NULL)
        err = rill_crypto_sha256(k->crypto, preimage, sizeof(preimage), condition);
    if (err == RILL_OK && fulfillment != NULL)
        memcpy(fulfillment, preimage, sizeof(preimage));
    /* Whoever knows it before the receiver gives it out can take the money. */
    rill_wipe(preimage, sizeof(preimage));
    return err;
}
