/* SPDX-License-Identifier: Apache-2.0 */
/*
 * constant_time.py runs this under valgrind. Without an argument it does everything that touches a
 * secret, with the secrets marked. With "fastest" it does the same with the fastest encryption.
 * With any other argument it leaks a secret, which valgrind must report. Otherwise valgrind would
 * not report a leak above either.
 */
#define _POSIX_C_SOURCE 200809L

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <rill/btp.h>
#include <valgrind/valgrind.h>

#include "base/base64.h"
#include "links/btp/btp_auth.h"
#include "node/accounts.h"
#include "secrets.h"
#include "support/pair.h"

static rill_crypto_backend backend = RILL_CRYPTO_OPENSSL;

/* ---- a connection: server secret, shared secret, receipt secret, and all keys from them ---- */

static void find_receipt(pair *p, pair_side to, uint8_t *bytes, size_t *len)
{
    (void)to;
    (void)bytes;
    (void)len;
    (*(unsigned *)p->user)++;
}

static void test_connection(void **state)
{
    (void)state;
    pair p;
    pair_options o;
    uint8_t server_secret[32];
    uint8_t nonce[RILL_RECEIPT_NONCE_LEN];
    uint8_t receipt_secret[RILL_RECEIPT_SECRET_LEN];
    unsigned replies = 0;
    memset(server_secret, 1, sizeof server_secret);
    memset(nonce, 2, sizeof nonce);
    memset(receipt_secret, 3, sizeof receipt_secret);
    secret_mark(server_secret, sizeof server_secret);
    secret_mark(receipt_secret, sizeof receipt_secret);
    pair_options_init(&o);
    o.server.crypto = o.client.crypto = backend;
    o.server.server_secret = server_secret;
    o.accepted.default_receive_max = RILL_UNLIMITED;
    o.credentials.tag = "tag";
    o.credentials.receipt_nonce = nonce;
    o.credentials.receipt_secret = receipt_secret;
    pair_open(&p, &o);
    p.user = &replies;
    p.on_reply = find_receipt;
    /* The mark must follow to what is derived. Otherwise nothing would be tested here. */
    assert_true(secret_is(p.credentials.shared_secret, RILL_SHARED_SECRET_LEN));
    rill_stream *s = pair_stream_open(&p, PAIR_CLIENT);
    pair_write(s, "hello", 5);
    assert_int_equal(rill_stream_send_total(s, 1000, RILL_NEVER), RILL_OK);
    pair_run(&p, RILL_SECOND);
    assert_int_equal(pair_seen(&p, PAIR_SERVER, 1)->money, 1000);
    assert_int_equal(pair_seen(&p, PAIR_SERVER, 1)->len, 5);
    assert_true(replies > 0);
    assert_int_equal(rill_connection_end(p.end[PAIR_CLIENT].connection), RILL_OK);
    pair_run(&p, 10 * RILL_SECOND);
    assert_null(p.end[PAIR_CLIENT].connection);
    pair_check_books(&p);
    pair_close(&p);
}

static unsigned changed;

/* Changes another byte of each packet, so that address tokens, tags and ciphertext are all hit. */
static void tamper(pair *p, pair_packet *packet)
{
    (void)p;
    if (packet->number % 2 == 1 || packet->number > 60)
        return;
    packet->bytes[packet->len - 1 - packet->number * 2 % 100] ^= 1;
    changed++;
}

/* If something does not match, a comparison that ends early would tell most. */
static void test_tampered_packets(void **state)
{
    (void)state;
    pair p;
    pair_options o;
    uint8_t server_secret[32] = {9};
    secret_mark(server_secret, sizeof server_secret);
    pair_options_init(&o);
    o.server.crypto = o.client.crypto = backend;
    o.server.server_secret = server_secret;
    o.accepted.default_receive_max = RILL_UNLIMITED;
    o.connection.max_packet_amount = 10;
    pair_open(&p, &o);
    p.on_packet = tamper;
    changed = 0;
    rill_stream *s = pair_stream_open(&p, PAIR_CLIENT);
    assert_int_equal(rill_stream_send_total(s, 500, RILL_NEVER), RILL_OK);
    pair_run(&p, 20 * RILL_SECOND);
    assert_true(changed > 10);
    assert_int_equal(pair_seen(&p, PAIR_SERVER, 1)->money, 500);
    pair_close(&p);
}

static void test_receipts(void **state)
{
    (void)state;
    rill_crypto *c = rill_crypto_new(rill_allocator_default());
    uint8_t secret[RILL_RECEIPT_SECRET_LEN] = {1};
    uint8_t right[RILL_SHA256_LEN];
    uint8_t receipt[RILL_RECEIPT_LEN] = {1};
    rill_receipt out;
    secret_mark(secret, sizeof secret);
    assert_int_equal(rill_crypto_hmac(c, secret, sizeof secret, receipt, 26, right), RILL_OK);
    assert_true(secret_is(right, sizeof right));
    memcpy(receipt + 26, right, sizeof right);
    secret_publish(receipt, sizeof receipt);
    const rill_bytes bytes = {receipt, sizeof receipt};
    assert_int_equal(rill_receipt_verify(&out, bytes, secret), RILL_OK);
    receipt[57] ^= 1;
    assert_int_equal(rill_receipt_verify(&out, bytes, secret), RILL_ERR_AUTH);
    receipt[26] ^= 1;
    assert_int_equal(rill_receipt_verify(&out, bytes, secret), RILL_ERR_AUTH);
    rill_crypto_free(c);
}

/* ---- the node's accounts: tokens, from the BTP frame on ---- */

/* Reads the frame as a server does, with the token marked in the frame. */
static int admit(rill_accounts *a, const char *name, const char *secret)
{
    uint8_t buffer[512];
    size_t len = 0;
    rill_btp_frame frame = {
        .type = RILL_BTP_MESSAGE,
        .request_id = 1,
        .entry_count = 3,
        .entries = {{{(const uint8_t *)"auth", 4}, RILL_BTP_OCTET_STREAM, {NULL, 0}},
                    {{(const uint8_t *)"auth_username", 13},
                     RILL_BTP_TEXT,
                     {(const uint8_t *)name, strlen(name)}},
                    {{(const uint8_t *)"auth_token", 10},
                     RILL_BTP_TEXT,
                     {(const uint8_t *)secret, strlen(secret)}}},
    };
    rill_bytes read_name;
    rill_bytes token;
    rill_account *account = NULL;
    const char *problem = NULL;
    assert_int_equal(rill_btp_encode(&frame, buffer, sizeof buffer, &len), RILL_OK);
    secret_mark(buffer + len - strlen(secret), strlen(secret));
    assert_int_equal(rill_btp_decode(&frame, buffer, len), RILL_OK);
    assert_int_equal(rill_btp_read_auth(&frame, &read_name, &token), RILL_OK);
    assert_true(secret_is(token.data, token.len));
    int rc = rill_accounts_admit(a, read_name, token, &account, &problem);
    if (rc == RILL_OK)
        rill_account_release(a, account);
    return rc;
}

static void test_accounts(void **state)
{
    (void)state;
    rill_crypto *c = rill_crypto_new(rill_allocator_default());
    rill_accounts a;
    const uint64_t key[2] = {1, 2};
    uint8_t hash[RILL_SHA256_LEN];
    char own[RILL_BASE64_SIZE(RILL_SHA256_LEN)];
    rill_accounts_init(&a, rill_allocator_default(), c, 100, 200, key);
    assert_int_equal(rill_crypto_sha256(c, (const uint8_t *)"third", 5, hash), RILL_OK);
    rill_base64url_encode(hash, sizeof hash, own);
    assert_int_equal(admit(&a, "alice", "first"), RILL_OK);
    assert_int_equal(admit(&a, "alice", "first"), RILL_OK);
    assert_int_equal(admit(&a, "alice", "other"), RILL_ERR_AUTH);
    assert_int_equal(admit(&a, "alice", "firsts"), RILL_ERR_AUTH);
    assert_int_equal(admit(&a, "", "second"), RILL_OK);
    assert_int_equal(admit(&a, "", "second"), RILL_OK);
    assert_int_equal(admit(&a, own, "third"), RILL_OK);
    assert_int_equal(admit(&a, own, "fourth"), RILL_ERR_AUTH);
    /* What is stored of a token is also secret. */
    const rill_account *alice = rill_accounts_find(&a, (rill_bytes){(const uint8_t *)"alice", 5});
    assert_true(secret_is(alice->of.token_hash, sizeof alice->of.token_hash));
    rill_accounts_clear(&a);
    rill_crypto_free(c);
}

/* ---- a secret as text ---- */

static void test_base64(void **state)
{
    (void)state;
    uint8_t secret[32] = {77};
    char text[RILL_BASE64_SIZE(sizeof secret)];
    secret_mark(secret, sizeof secret);
    assert_int_equal(rill_base64_encode(secret, sizeof secret, text), 44);
    assert_true(secret_is(text, 42));
}

/* ---- leaks ---- */

static int (*volatile compare)(const void *a, const void *b, size_t len) = memcmp;
static volatile unsigned sink;

static int leak(const char *how)
{
    static const uint8_t table[256] = {1};
    uint8_t secret[32] = {1};
    uint8_t guess[32] = {2};
    secret_mark(secret, sizeof secret);
    if (strcmp(how, "memcmp") == 0)
        sink = compare(secret, guess, sizeof secret) == 0;
    else if (strcmp(how, "branch") == 0)
        sink = secret[0] == guess[0] ? 1 : 2 + sink;
    else if (strcmp(how, "table") == 0)
        sink = table[secret[5]];
    else if (strcmp(how, "condition") == 0)
        sink = memcmp(secret, guess, 32) == 0 && sink == 0;
    else
        return 2;
    return 0;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_connection), cmocka_unit_test(test_tampered_packets),
        cmocka_unit_test(test_receipts),   cmocka_unit_test(test_accounts),
        cmocka_unit_test(test_base64),
    };
    if (!RUNNING_ON_VALGRIND) {
        fprintf(stderr, "not below valgrind: run constant_time.py\n");
        return 2;
    }
    if (argc > 1 && strcmp(argv[1], "fastest") == 0)
        backend = RILL_CRYPTO_FASTEST;
    else if (argc > 1)
        return leak(argv[1]);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
