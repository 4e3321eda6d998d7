/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All cryptography of one packet, both ends: the most packets a second that any
 * implementation on this machine and this library can reach.
 *   sender:   seal, fulfillment and condition, open the reply
 *   receiver: open, fulfillment and condition, seal the reply
 */
#include <string.h>

#include "clock.h"
#include "crypto/crypto.h"

#define PLAIN_LEN    64 /* a money packet's frames; its reply is no longer */
#define ENVELOPE_LEN (RILL_ENVELOPE_OVERHEAD + PLAIN_LEN)

static void one_way(rill_keys *keys, uint8_t *envelope, uint8_t *plain)
{
    uint8_t fulfillment[32], condition[32];

    bench_check(rill_keys_seal(keys, envelope, PLAIN_LEN), "seal");
    bench_check(rill_keys_fulfill(keys, envelope, ENVELOPE_LEN, fulfillment, condition), "fulfill");
    bench_check(rill_keys_open(keys, envelope, ENVELOPE_LEN, plain), "open");
    bench_check(rill_keys_fulfill(keys, envelope, ENVELOPE_LEN, fulfillment, condition), "fulfill");
}

static void way_back(rill_keys *keys, uint8_t *envelope, uint8_t *plain)
{
    bench_check(rill_keys_seal(keys, envelope, PLAIN_LEN), "seal");
    bench_check(rill_keys_open(keys, envelope, ENVELOPE_LEN, plain), "open");
}

int main(void)
{
    uint8_t secret[32] = {1};
    uint8_t envelope[ENVELOPE_LEN] = {0};
    uint8_t plain[PLAIN_LEN];
    uint64_t count = 0;
    rill_keys *keys = NULL;
    rill_crypto *crypto = rill_crypto_new(rill_allocator_default());

    bench_check(crypto ? 0 : -1, "rill_crypto_new");
    bench_check(rill_keys_new(&keys, crypto, secret, sizeof secret), "rill_keys_new");
    uint64_t start = bench_ns(CLOCK_PROCESS_CPUTIME_ID), now = start;
    while (now - start < BENCH_NS) {
        for (int i = 0; i < 1000; i++, count++) {
            one_way(keys, envelope, plain);
            way_back(keys, envelope, plain);
        }
        now = bench_ns(CLOCK_PROCESS_CPUTIME_ID);
    }
    bench_report("cryptography of a packet", count, now - start);
    rill_keys_free(keys);
    rill_crypto_free(crypto);
    return 0;
}
