/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE /* memmem */

/* Nothing secret is left in memory that an endpoint gives back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "crypto/crypto.h"
#include "stream/core/endpoint_internal.h"
#include "support/pair.h"

#define SECRET_LEN  32
#define MAX_SECRETS 256

typedef struct secret {
    const char *what;
    const void *only; /* in this block; NULL: in any */
    uint8_t bytes[SECRET_LEN];
} secret;

/* An allocator that knows the sizes of its blocks, and reads each before it is freed. */
typedef struct watch {
    rill_allocator allocator;
    secret secrets[MAX_SECRETS];
    unsigned count;
    unsigned seen[MAX_SECRETS]; /* blocks that held it and were freed */
    unsigned long freed;
} watch;

typedef union block {
    size_t size;
    max_align_t align;
} block;

static void look(watch *w, const block *b)
{
    const uint8_t *bytes = (const uint8_t *)(b + 1);
    w->freed++;
    for (unsigned i = 0; i < w->count; i++)
        if ((!w->secrets[i].only || w->secrets[i].only == bytes) &&
            memmem(bytes, b->size, w->secrets[i].bytes, SECRET_LEN) != NULL)
            w->seen[i]++;
}

static void watch_free(void *user, void *ptr)
{
    if (!ptr)
        return;
    block *b = (block *)ptr - 1;
    look(user, b);
    free(b);
}

/* Always another block, as a realloc may: the old one is given back too. */
static void *watch_realloc(void *user, void *ptr, size_t size)
{
    block *b = malloc(sizeof *b + size);
    assert_non_null(b);
    memset(b, 0, sizeof *b + size);
    b->size = size;
    if (ptr) {
        size_t before = ((block *)ptr - 1)->size;
        memcpy(b + 1, ptr, before < size ? before : size);
        watch_free(user, ptr);
    }
    return b + 1;
}

static void watch_init(watch *w)
{
    memset(w, 0, sizeof *w);
    w->allocator = (rill_allocator){.realloc = watch_realloc, .free = watch_free, .user = w};
}

static uint8_t *watch_for(watch *w, const char *what)
{
    assert_true(w->count < MAX_SECRETS);
    w->secrets[w->count].what = what;
    return w->secrets[w->count++].bytes;
}

static void watch_check(const watch *w)
{
    assert_true(w->freed > 20);
    for (unsigned i = 0; i < w->count; i++)
        if (w->seen[i] > 0)
            fail_msg("%u blocks were freed with %s in them", w->seen[i], w->secrets[i].what);
}

typedef struct world {
    pair p;
    watch watch;
    rill_crypto *crypto;
    rill_keys *keys; /* of the connection */
} world;

static void derive(world *w, const uint8_t *key, const char *label, const char *what)
{
    uint8_t *out = watch_for(&w->watch, what);
    assert_int_equal(
        rill_crypto_hmac(w->crypto, key, 32, (const uint8_t *)label, strlen(label), out), RILL_OK);
}

/* Each fulfillment is a secret. Those of some packets are never given out. */
static void on_packet(pair *p, pair_packet *packet)
{
    world *w = p->user;
    rill_prepare prepare;
    assert_int_equal(rill_prepare_decode(&prepare, packet->bytes, packet->len), RILL_OK);
    uint8_t *fulfillment = watch_for(&w->watch, "a fulfillment");
    assert_int_equal(
        rill_keys_fulfill(w->keys, prepare.data.data, prepare.data.len, fulfillment, NULL),
        RILL_OK);
    if (packet->from == PAIR_CLIENT && packet->number % 4 == 3) {
        packet->action = PAIR_REJECT;
        packet->code = RILL_ILP_T00_INTERNAL_ERROR;
    }
}

static void open_world(world *w, bool ask)
{
    static const uint8_t server_secret[32] = {7, 7, 7};
    static const uint8_t nonce[RILL_RECEIPT_NONCE_LEN] = {1};
    static const uint8_t receipt_secret[RILL_RECEIPT_SECRET_LEN] = {2, 3, 4};
    pair_options o;
    watch_init(&w->watch);
    w->crypto = rill_crypto_new(rill_allocator_default());
    assert_non_null(w->crypto);
    pair_options_init(&o);
    o.server.allocator = o.client.allocator = &w->watch.allocator;
    o.server.server_secret = server_secret;
    o.accepted.ask_before_fulfill = ask;
    o.credentials.receipt_nonce = nonce;
    o.credentials.receipt_secret = receipt_secret;
    pair_open(&w->p, &o);
    w->p.user = w;
    const uint8_t *shared = w->p.credentials.shared_secret;
    memcpy(watch_for(&w->watch, "the shared secret"), shared, 32);
    memcpy(watch_for(&w->watch, "the receipt secret"), receipt_secret, 32);
    derive(w, server_secret, "rill_token_seal", "the key of tokens");
    derive(w, server_secret, "rill_token_shared_secret", "the key of shared secrets");
    derive(w, shared, "ilp_stream_encryption", "the key of packets");
    derive(w, shared, "ilp_stream_fulfillment", "the key of fulfillments");
    assert_int_equal(rill_keys_new(&w->keys, w->crypto, shared, 32), RILL_OK);
    w->p.on_packet = on_packet;
}

static void close_world(world *w)
{
    pair_close(&w->p);
    watch_check(&w->watch);
    rill_keys_free(w->keys);
    rill_crypto_free(w->crypto);
}

/* The test itself: a block with a secret in it is found. */
static void test_the_watch_sees(void **state)
{
    static watch w;
    (void)state;
    watch_init(&w);
    memset(watch_for(&w, "a secret"), 9, SECRET_LEN);
    uint8_t *bytes = w.allocator.realloc(&w, NULL, 100);
    memset(bytes + 50, 9, SECRET_LEN);
    bytes = w.allocator.realloc(&w, bytes, 200);
    assert_int_equal(w.seen[0], 1);
    w.allocator.free(&w, bytes);
    assert_int_equal(w.seen[0], 2);
    bytes = w.allocator.realloc(&w, NULL, SECRET_LEN - 1);
    memset(bytes, 9, SECRET_LEN - 1);
    w.allocator.free(&w, bytes);
    assert_int_equal(w.seen[0], 2);
}

static void test_keys_and_fulfillments_are_wiped(void **state)
{
    static world w;
    (void)state;
    open_world(&w, false);
    rill_stream *s = pair_stream_open(&w.p, PAIR_CLIENT);
    for (unsigned i = 1; i <= 20; i++) {
        assert_int_equal(rill_stream_send_total(s, 1000 * i, RILL_NEVER), RILL_OK);
        pair_run(&w.p, RILL_SECOND);
    }
    assert_int_equal(w.p.end[PAIR_SERVER].fulfilled_in, 20000);
    close_world(&w);
}

static void test_the_fulfillment_of_what_was_refused_is_wiped(void **state)
{
    static world w;
    bool fulfilled;
    (void)state;
    open_world(&w, true);
    rill_stream *s = pair_stream_open(&w.p, PAIR_CLIENT);
    assert_int_equal(rill_stream_set_send_max(s, 1000), RILL_OK);
    pair_run(&w.p, RILL_SECOND);
    assert_true(w.p.end[PAIR_SERVER].asked_count > 0);
    assert_int_equal(pair_decide(&w.p, PAIR_SERVER, 0, false, &fulfilled), RILL_OK);
    assert_false(fulfilled);
    pair_run(&w.p, 100 * RILL_MS);
    close_world(&w);
}

/*
 * What an application writes is also in its own buffers, which are its concern. It must not be in
 * the endpoint.
 */
static void test_what_was_decrypted_is_wiped(void **state)
{
    static world w;
    uint8_t text[SECRET_LEN];
    (void)state;
    open_world(&w, false);
    for (unsigned i = 0; i < sizeof text; i++)
        text[i] = (uint8_t)(200 + i);
    memcpy(watch_for(&w.watch, "what was decrypted"), text, sizeof text);
    w.watch.secrets[w.watch.count - 1].only = w.p.end[PAIR_SERVER].endpoint->shared;
    pair_write(pair_stream_open(&w.p, PAIR_CLIENT), text, sizeof text);
    pair_run(&w.p, RILL_SECOND);
    assert_int_equal(pair_seen(&w.p, PAIR_SERVER, 1)->len, sizeof text);
    close_world(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_watch_sees),
        cmocka_unit_test(test_keys_and_fulfillments_are_wiped),
        cmocka_unit_test(test_the_fulfillment_of_what_was_refused_is_wiped),
        cmocka_unit_test(test_what_was_decrypted_is_wiped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
