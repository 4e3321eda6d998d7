/* SPDX-License-Identifier: Apache-2.0 */
/*
 * No block of memory is given back with a secret in it, by us or by OpenSSL, and no secret is left
 * on the stack: after a connection with money, data, receipts and decisions, and after each of its
 * allocations has failed.
 *
 * What was given back is kept until the end of a run, and searched when all secrets of the run are
 * known.
 *
 * usage: wiped [fastest]: encrypts with OpenSSL, or with the fastest library
 */
#define _GNU_SOURCE                 /* memmem */
#define OPENSSL_SUPPRESS_DEPRECATED /* SHA256_* */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/crypto.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>

#include "crypto/crypto.h"
#include "support/scene.h"

/* ---- memory ---- */

typedef struct block {
    struct block *next; /* bytes that are in use, or that were given back */
    struct block *prev; /* bytes in use */
    size_t size;
    bool openssl;
} block;

/* Stands before the bytes that are given out, which are aligned for anything. */
#define HEADER 32
_Static_assert(sizeof(block) <= HEADER, "the header has room for it");

static uint8_t *bytes_of(const block *b)
{
    return (uint8_t *)(uintptr_t)b + HEADER;
}

static block *block_of(void *p)
{
    return (block *)((uintptr_t)p - HEADER);
}

static block in_use = {.next = &in_use, .prev = &in_use};
static block *given_back;
static unsigned long asked;   /* of our allocator */
static unsigned long fail_at; /* the number of the allocation that is refused; 0: none */

static void *allocate(size_t size, bool openssl)
{
    block *b = malloc(HEADER + size);
    if (b == NULL)
        return NULL;
    *b = (block){.next = in_use.next, .prev = &in_use, .size = size, .openssl = openssl};
    b->next->prev = b;
    in_use.next = b;
    return bytes_of(b);
}

static void give_back(void *p)
{
    if (p == NULL)
        return;
    block *b = block_of(p);
    b->next->prev = b->prev;
    b->prev->next = b->next;
    b->next = given_back;
    given_back = b;
}

/* It always moves the block, so that the old block is searched as well. */
static void *move(void *p, size_t size, bool openssl)
{
    void *moved = allocate(size, openssl);
    if (moved != NULL && p != NULL) {
        const block *b = block_of(p);
        memcpy(moved, p, b->size < size ? b->size : size);
        give_back(p);
    }
    return moved;
}

static void *our_realloc(void *user, void *p, size_t size)
{
    (void)user;
    return ++asked == fail_at ? NULL : move(p, size, false);
}

static void our_free(void *user, void *p)
{
    (void)user;
    give_back(p);
}

static const rill_allocator allocator = {our_realloc, our_free, NULL};

static void *openssl_malloc(size_t size, const char *file, int line)
{
    (void)file;
    (void)line;
    return size == 0 ? NULL : allocate(size, true);
}

static void *openssl_realloc(void *p, size_t size, const char *file, int line)
{
    (void)file;
    (void)line;
    if (size == 0) {
        give_back(p);
        return NULL;
    }
    return move(p, size, true);
}

static void openssl_free(void *p, const char *file, int line)
{
    (void)file;
    (void)line;
    give_back(p);
}

static void forget_blocks(void)
{
    while (given_back != NULL) {
        block *b = given_back;
        given_back = b->next;
        free(b);
    }
}

/* ---- secrets ---- */

#define SECRETS 32

static struct {
    const char *name;
    uint8_t bytes[32];
} secrets[SECRETS];
static unsigned secret_count;

static void know(const char *name, const uint8_t bytes[32])
{
    assert_true(secret_count < SECRETS);
    secrets[secret_count].name = name;
    memcpy(secrets[secret_count++].bytes, bytes, 32);
}

/* A key is used only for HMAC, beside encryption. Inside HMAC it is mixed with these. */
static void know_hmac_key(const char *name, const uint8_t key[32])
{
    static const uint8_t pads[] = {0, 0x36, 0x5c};
    uint8_t mixed[32];
    for (unsigned p = 0; p < sizeof pads; p++) {
        for (unsigned i = 0; i < 32; i++)
            mixed[i] = key[i] ^ pads[p];
        know(name, mixed);
    }
}

static void know_derived(const char *name, const uint8_t key[32], const char *label)
{
    uint8_t out[32];
    unsigned len = 0;
    assert_non_null(HMAC(EVP_sha256(), key, 32, (const uint8_t *)label, strlen(label), out, &len));
    know(name, out);
}

/* The block with which HMAC begins each time. It is as good as the key. */
static void know_hmac_state(const char *name, const uint8_t key[32])
{
    uint8_t pad[64];
    SHA256_CTX state;
    for (unsigned i = 0; i < sizeof pad; i++)
        pad[i] = (uint8_t)((i < 32 ? key[i] : 0) ^ 0x36);
    SHA256_Init(&state);
    SHA256_Update(&state, pad, sizeof pad);
    know(name, (const uint8_t *)state.h);
}

/* The name of a secret of which at least half is there; NULL if there is none. */
static const char *found_in(const void *data, size_t size)
{
    for (unsigned i = 0; i < secret_count; i++)
        if (memmem(data, size, secrets[i].bytes, 16) != NULL ||
            memmem(data, size, secrets[i].bytes + 16, 16) != NULL)
            return secrets[i].name;
    return NULL;
}

static void check_blocks(void)
{
    for (const block *b = given_back; b != NULL; b = b->next) {
        const char *name = found_in(bytes_of(b), b->size);
        if (name != NULL)
            fail_msg("allocation %lu failing: %s gave back %zu bytes with the %s", fail_at,
                     b->openssl ? "OpenSSL" : "the core", b->size, name);
    }
}

/* What is still in use has nothing any more of a connection that is over. */
static void check_blocks_in_use(void)
{
    for (const block *b = in_use.next; b != &in_use; b = b->next) {
        const char *name = found_in(bytes_of(b), b->size);
        if (name != NULL)
            fail_msg("%zu bytes in use hold the %s", b->size, name);
    }
}

/* The stack, where functions that have returned had their variables. */
#define STACK_SEEN 65536

__attribute__((noinline)) static void copy_stack(uint8_t *out)
{
    uintptr_t here = (uintptr_t)__builtin_frame_address(0);
    const volatile uint8_t *from = (const volatile uint8_t *)(here - STACK_SEEN);
    for (size_t i = 0; i < STACK_SEEN; i++)
        out[i] = from[i];
}

static uint8_t stack_copy[STACK_SEEN];

/* ---- the runs ---- */

static rill_crypto_backend backend = RILL_CRYPTO_OPENSSL;
static uint8_t server_secret[32];
static uint8_t receipt_secret[RILL_RECEIPT_SECRET_LEN];
static uint8_t nonce[RILL_RECEIPT_NONCE_LEN];

static void options(pair_options *o)
{
    memset(server_secret, 0x5a, sizeof server_secret);
    for (uint8_t i = 0; i < 32; i++) {
        server_secret[i] = (uint8_t)(i * 7 + 1);
        receipt_secret[i] = (uint8_t)(i * 13 + 5);
    }
    o->server.allocator = &allocator;
    o->client.allocator = &allocator;
    o->server.crypto = backend;
    o->client.crypto = backend;
    o->server.server_secret = server_secret;
    o->accepted.default_receive_max = RILL_UNLIMITED;
    o->accepted.ask_before_fulfill = true;
    o->credentials.tag = "tag";
    o->credentials.receipt_nonce = nonce;
    o->credentials.receipt_secret = receipt_secret;
}

static void know_all(const scene *s)
{
    const uint8_t *shared = s->p.credentials.shared_secret;
    secret_count = 0;
    know_hmac_key("server secret", server_secret);
    know_hmac_state("state of the server secret", server_secret);
    know_hmac_key("receipt secret", receipt_secret);
    know_derived("key of address tokens", server_secret, "rill_token_seal");
    know_derived("key of shared secrets", server_secret, "rill_token_shared_secret");
    /* Without memory it did not come this far. */
    if (s->p.credentials.destination_account[0] == '\0')
        return;
    know_hmac_key("shared secret", shared);
    know_derived("key of encryption", shared, "ilp_stream_encryption");
    know_derived("key of fulfillments", shared, "ilp_stream_fulfillment");
}

static void play(scene *s)
{
    uint64_t id = scene_open(s, PAIR_CLIENT);
    scene_write(s, PAIR_CLIENT, id, 1000);
    scene_send(s, PAIR_CLIENT, id, 100, RILL_NEVER);
    pair_run(&s->p, RILL_SECOND);
    scene_decide(s, PAIR_SERVER, 0);
    pair_run(&s->p, RILL_SECOND);
    scene_send(s, PAIR_CLIENT, scene_open(s, PAIR_CLIENT), 100, 20 * RILL_SECOND);
    pair_run(&s->p, RILL_SECOND);
    scene_decide(s, PAIR_SERVER, 1);
    pair_run(&s->p, RILL_SECOND);
    scene_finish(s);
}

static const scenario whole = {.name = "whole", .run = play, .idle_allowed = true};

static void run_once(void)
{
    static scene s;
    pair_options o;
    pair_options_init(&o);
    options(&o);
    asked = 0;
    bool played = scene_play(&s, &whole, &o, true);
    /* One packet was refused, and sent again. */
    if (fail_at == 0) {
        assert_true(played);
        assert_int_equal(s.p.end[PAIR_SERVER].fulfilled_in, 200);
        assert_int_equal(s.p.end[PAIR_SERVER].asked_count, 3);
    }
    know_all(&s);
    scene_close(&s);
    check_blocks();
    forget_blocks();
}

/* The search must find a secret if there is one. */
static void test_a_block_with_a_secret_is_found(void **state)
{
    (void)state;
    static const uint8_t secret[32] = "a secret of 32 bytes, no less no";
    uint8_t *p = our_realloc(NULL, NULL, 1000);
    secret_count = 0;
    know("secret", secret);
    memset(p, 0, 1000);
    memcpy(p + 500, secret + 16, 16);
    our_free(NULL, p);
    assert_non_null(found_in(bytes_of(given_back), given_back->size));
    forget_blocks();
    memset(stack_copy, 0, sizeof stack_copy);
    assert_null(found_in(stack_copy, sizeof stack_copy));
}

__attribute__((noinline)) static void leave_on_stack(const uint8_t secret[32])
{
    volatile uint8_t copy[4096];
    for (size_t i = 0; i < sizeof copy; i++)
        copy[i] = secret[i % 32];
}

static void test_a_secret_on_the_stack_is_found(void **state)
{
    (void)state;
    static const uint8_t secret[32] = "another one, of 32 bytes as well";
    secret_count = 0;
    know("secret", secret);
    leave_on_stack(secret);
    copy_stack(stack_copy);
    assert_non_null(found_in(stack_copy, sizeof stack_copy));
}

static void test_what_is_given_back_is_wiped(void **state)
{
    (void)state;
    fail_at = 0;
    run_once();
}

static void test_also_where_memory_runs_out(void **state)
{
    (void)state;
    fail_at = 0;
    run_once();
    unsigned long all = asked;
    assert_true(all > 20);
    for (fail_at = 1; fail_at <= all; fail_at++)
        run_once();
    fail_at = 0;
}

/* Each call that takes a secret, and then a search of the stack. */
static uint8_t stacks[6][STACK_SEEN];

static void test_the_stack(void **state)
{
    (void)state;
    static const char *const calls[] = {"a new endpoint",   "credentials", "a connection",
                                        "the first packet", "a receipt",   "an HMAC"};
    static scene s; /* for its credentials */
    rill_endpoint_options o;
    rill_credentials_options with;
    rill_endpoint *end[2];
    rill_connection *c;
    pair_options all;
    pair_options_init(&all);
    options(&all);
    rill_endpoint_options_init(&o);
    rill_credentials_options_init(&with);
    o = all.server;
    rill_connection_options accepted = all.accepted;
    accepted.ask_before_fulfill = false;
    o.connection = &accepted;
    with = all.credentials;
    rill_now now = {RILL_SECOND, 1700000000000};
    int errors = rill_endpoint_new(&end[0], &o);
    copy_stack(stacks[0]);
    const rill_bytes address = {(const uint8_t *)"test.server", 11};
    const rill_bytes code = {(const uint8_t *)"ABC", 3};
    errors |= rill_endpoint_set_account(end[0], address, code, 2);
    errors |= rill_endpoint_new(&end[1], &all.client);
    errors |= rill_endpoint_set_account(end[1], (rill_bytes){(const uint8_t *)"test.client", 11},
                                        code, 2);
    errors |= rill_endpoint_generate_credentials(end[0], &with, &s.p.credentials);
    copy_stack(stacks[1]);
    errors |= rill_endpoint_connect(end[1], now, s.p.credentials.destination_account,
                                    s.p.credentials.shared_secret, 32, NULL, &c);
    copy_stack(stacks[2]);
    static uint8_t packet[RILL_PACKET_BUFFER];
    static uint8_t reply[RILL_PACKET_BUFFER];
    size_t len = 0;
    size_t reply_len = 0;
    uint64_t request;
    errors |= rill_endpoint_next_prepare(end[1], now, packet, &len, &request);
    errors |= rill_endpoint_receive_prepare(end[0], now, 1, packet, len, reply, &reply_len);
    copy_stack(stacks[3]);
    rill_receipt receipt;
    uint8_t bytes[RILL_RECEIPT_LEN] = {1};
    int wrong = rill_receipt_verify(&receipt, (rill_bytes){bytes, sizeof bytes}, receipt_secret);
    copy_stack(stacks[4]);
    rill_crypto *crypto = rill_crypto_new(&allocator);
    errors |= rill_crypto_hmac(crypto, server_secret, 32, bytes, 1, bytes);
    copy_stack(stacks[5]);
    assert_int_equal(errors, RILL_OK);
    assert_int_equal(wrong, RILL_ERR_AUTH);
    assert_true(reply_len > 0 && rill_endpoint_connection_count(end[0]) == 1);
    know_all(&s);
    for (unsigned i = 0; i < 6; i++) {
        const char *name = found_in(stacks[i], STACK_SEEN);
        if (name != NULL)
            fail_msg("after %s the %s is on the stack", calls[i], name);
    }
    rill_crypto_free(crypto);
    rill_endpoint_free(end[0]);
    rill_endpoint_free(end[1]);
    forget_blocks();
}

/* Its packets have expired, and its end is known. The endpoints go on without it. */
static void test_a_connection_that_is_over(void **state)
{
    (void)state;
    static scene s;
    pair_options o;
    pair_options_init(&o);
    options(&o);
    fail_at = 0;
    assert_true(scene_play(&s, &whole, &o, true));
    know_all(&s);
    uint8_t shared[32];
    memcpy(shared, s.p.credentials.shared_secret, sizeof shared);
    secret_count = 0;
    know_hmac_key("shared secret", shared);
    know_hmac_key("receipt secret", receipt_secret);
    know_derived("key of encryption", shared, "ilp_stream_encryption");
    know_derived("key of fulfillments", shared, "ilp_stream_fulfillment");
    know_hmac_state("state of fulfillments", secrets[secret_count - 1].bytes);
    pair_run(&s.p, 130 * RILL_SECOND);
    check_blocks_in_use();
    scene_close(&s);
    forget_blocks();
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_block_with_a_secret_is_found),
        cmocka_unit_test(test_a_secret_on_the_stack_is_found),
        cmocka_unit_test(test_what_is_given_back_is_wiped),
        cmocka_unit_test(test_also_where_memory_runs_out),
        cmocka_unit_test(test_the_stack),
        cmocka_unit_test(test_a_connection_that_is_over),
    };
    if (argc > 1 && strcmp(argv[1], "fastest") == 0)
        backend = RILL_CRYPTO_FASTEST;
    if (CRYPTO_set_mem_functions(openssl_malloc, openssl_realloc, openssl_free) != 1)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
