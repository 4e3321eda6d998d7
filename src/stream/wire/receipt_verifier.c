/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a verifier gives out it need not remember: a nonce begins with the time at which its payment
 * is over, and the secret is the HMAC of the nonce. So only what was credited is kept, and not for
 * ever: a receipt whose time is over is refused, whether its total is still known or not.
 */
#include <assert.h>
#include <string.h>

#include <rill/error.h>

#include "base/alloc.h"
#include "base/cursor.h"
#include "base/map.h"
#include "base/secret.h"
#include "base/sized.h"
#include "stream/wire/receipt.h"

#define TIME_LEN   8
#define SIGNED_LEN (RILL_RECEIPT_LEN - RILL_SHA256_LEN)
#define A_DAY_MS   UINT64_C(86400000)

_Static_assert(TIME_LEN + sizeof(uint64_t) <= RILL_RECEIPT_NONCE_LEN,
               "behind its time a nonce has enough that tells payments apart");

typedef struct credited {
    uint8_t nonce[RILL_RECEIPT_NONCE_LEN];
    uint8_t stream_id;
    uint64_t total;
} credited;

struct rill_receipt_verifier {
    const rill_allocator *allocator;
    rill_crypto *crypto;
    rill_map streams; /* credited, by key_of */
    uint8_t key[RILL_SHA256_LEN];
    uint64_t lifetime_ms;
    uint64_t latest_ms; /* of the times that it was told: a clock that goes back revives nothing */
    uint64_t first_end; /* no stream's time is over before this */
    uint32_t max_streams;
};

void rill_receipt_verifier_options_init_sized(rill_receipt_verifier_options *o, size_t size)
{
    const rill_receipt_verifier_options defaults = {.lifetime_ms = A_DAY_MS,
                                                    .max_streams = 1000000};
    rill_sized_init(o, size, &defaults, sizeof defaults);
}

int rill_receipt_verifier_new(rill_receipt_verifier **out,
                              const rill_receipt_verifier_options *options)
{
    rill_receipt_verifier_options o;
    uint64_t seed;
    rill_receipt_verifier_options_init(&o);
    int error = options != NULL ? rill_sized_take(&o, sizeof o, options) : RILL_OK;
    if (error != RILL_OK)
        return error;
    if (o.lifetime_ms == 0 || o.max_streams == 0)
        return RILL_ERR_INVALID;
    const rill_allocator *a = o.allocator != NULL ? o.allocator : rill_allocator_default();
    rill_receipt_verifier *v = rill_calloc(a, 1, sizeof *v);
    if (v == NULL)
        return RILL_ERR_NOMEM;
    v->allocator = a;
    v->lifetime_ms = o.lifetime_ms;
    v->max_streams = o.max_streams;
    v->first_end = UINT64_MAX;
    v->crypto = rill_crypto_new(a);
    if (v->crypto == NULL || rill_crypto_random(v->crypto, v->key, sizeof v->key) != RILL_OK ||
        rill_crypto_random(v->crypto, (uint8_t *)&seed, sizeof seed) != RILL_OK) {
        rill_crypto_free(v->crypto);
        rill_wipe(v->key, sizeof v->key);
        rill_free(a, v);
        return RILL_ERR_CRYPTO;
    }
    rill_map_init(&v->streams, a, seed);
    *out = v;
    return RILL_OK;
}

void rill_receipt_verifier_free(rill_receipt_verifier *v)
{
    size_t cursor = 0;
    uint64_t key;
    void *entry;
    if (v == NULL)
        return;
    while (rill_map_next(&v->streams, &cursor, &key, &entry))
        rill_free(v->allocator, entry);
    rill_map_clear(&v->streams);
    rill_crypto_free(v->crypto);
    rill_wipe(v->key, sizeof v->key);
    rill_free(v->allocator, v);
}

static int secret_of(const rill_receipt_verifier *v, const uint8_t nonce[RILL_RECEIPT_NONCE_LEN],
                     uint8_t secret[RILL_RECEIPT_SECRET_LEN])
{
    return rill_crypto_hmac(v->crypto, v->key, sizeof v->key, nonce, RILL_RECEIPT_NONCE_LEN,
                            secret);
}

static void look_at_clock(rill_receipt_verifier *v, uint64_t wall_ms)
{
    if (wall_ms > v->latest_ms)
        v->latest_ms = wall_ms;
}

int rill_receipt_verifier_begin(rill_receipt_verifier *v, uint64_t wall_ms,
                                uint8_t nonce[RILL_RECEIPT_NONCE_LEN],
                                uint8_t secret[RILL_RECEIPT_SECRET_LEN])
{
    look_at_clock(v, wall_ms);
    uint64_t end =
        v->latest_ms > UINT64_MAX - v->lifetime_ms ? UINT64_MAX : v->latest_ms + v->lifetime_ms;
    rill_store_u64(nonce, end);
    int error = rill_crypto_random(v->crypto, nonce + TIME_LEN, RILL_RECEIPT_NONCE_LEN - TIME_LEN);
    return error == RILL_OK ? secret_of(v, nonce, secret) : error;
}

/* Of a nonce that we have made: its random part tells payments apart. */
static uint64_t key_of(const rill_receipt *r)
{
    return rill_load_u64(r->nonce + TIME_LEN) + r->stream_id;
}

/* Forgets the streams whose time is over, unless there are none. */
static void sweep(rill_receipt_verifier *v)
{
    size_t cursor = 0;
    uint64_t key;
    void *entry;
    if (v->latest_ms < v->first_end)
        return;
    v->first_end = UINT64_MAX;
    while (rill_map_next(&v->streams, &cursor, &key, &entry)) {
        const credited *c = entry;
        uint64_t end = rill_load_u64(c->nonce);
        if (end <= v->latest_ms)
            rill_free(v->allocator, rill_map_remove(&v->streams, key));
        else if (end < v->first_end)
            v->first_end = end;
    }
    assert(v->first_end > v->latest_ms || rill_map_count(&v->streams) == 0);
}

/* RILL_ERR_LIMIT, RILL_ERR_NOMEM. */
static int find(rill_receipt_verifier *v, const rill_receipt *r, credited **out)
{
    credited *c = rill_map_get(&v->streams, key_of(r));
    if (c != NULL) {
        *out = c;
        /* As good as impossible; and then it is not credited, rather than wrongly. */
        return c->stream_id == r->stream_id && memcmp(c->nonce, r->nonce, sizeof c->nonce) == 0
                   ? RILL_OK
                   : RILL_ERR_LIMIT;
    }
    if (rill_map_count(&v->streams) >= v->max_streams)
        sweep(v);
    if (rill_map_count(&v->streams) >= v->max_streams)
        return RILL_ERR_LIMIT;
    c = rill_calloc(v->allocator, 1, sizeof *c);
    if (c == NULL)
        return RILL_ERR_NOMEM;
    memcpy(c->nonce, r->nonce, sizeof c->nonce);
    c->stream_id = r->stream_id;
    int error = rill_map_put(&v->streams, key_of(r), c);
    if (error != RILL_OK) {
        rill_free(v->allocator, c);
        return error;
    }
    if (rill_load_u64(c->nonce) < v->first_end)
        v->first_end = rill_load_u64(c->nonce);
    assert(rill_map_count(&v->streams) <= v->max_streams);
    *out = c;
    return RILL_OK;
}

/* RILL_ERR_AUTH, RILL_ERR_CRYPTO. */
static int check_hmac(const rill_receipt_verifier *v, const rill_receipt *r, rill_bytes receipt)
{
    uint8_t secret[RILL_RECEIPT_SECRET_LEN];
    uint8_t hmac[RILL_SHA256_LEN];
    int error = secret_of(v, r->nonce, secret);
    if (error == RILL_OK)
        error = rill_crypto_hmac(v->crypto, secret, sizeof secret, receipt.data, SIGNED_LEN, hmac);
    if (error == RILL_OK && !rill_equal_ct(hmac, receipt.data + SIGNED_LEN, sizeof hmac))
        error = RILL_ERR_AUTH;
    rill_wipe(secret, sizeof secret);
    rill_wipe(hmac, sizeof hmac);
    return error;
}

int rill_receipt_verifier_credit(rill_receipt *out, uint64_t *increase, rill_receipt_verifier *v,
                                 uint64_t wall_ms, rill_bytes receipt)
{
    rill_receipt own;
    credited *c;
    if (out == NULL)
        out = &own;
    *increase = 0;
    look_at_clock(v, wall_ms);
    int error = rill_receipt_decode(out, receipt);
    if (error == RILL_OK)
        error = check_hmac(v, out, receipt);
    if (error == RILL_OK && rill_load_u64(out->nonce) <= v->latest_ms)
        error = RILL_ERR_EXPIRED;
    if (error == RILL_OK)
        error = find(v, out, &c);
    if (error != RILL_OK)
        return error;
    /* It is swept when its time is over, and not before: else it could be credited once more. */
    assert(v->first_end <= rill_load_u64(c->nonce) && rill_load_u64(c->nonce) > v->latest_ms);
    if (out->total_received > c->total) {
        *increase = out->total_received - c->total;
        c->total = out->total_received;
    }
    return RILL_OK;
}
