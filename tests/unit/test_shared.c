/* SPDX-License-Identifier: Apache-2.0 */
/* Endpoints that share their scratch and cryptography. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "crypto/crypto_internal.h"
#include "stream/core/endpoint_internal.h"
#include "stream/core/options.h"
#include "support/pair.h"

/* An allocator that knows how much is out. */
static size_t out_bytes;

typedef union block {
    size_t size;
    max_align_t align;
} block;

static void counting_free(void *user, void *ptr)
{
    (void)user;
    if (!ptr)
        return;
    block *b = (block *)ptr - 1;
    out_bytes -= b->size;
    free(b);
}

static void *counting_realloc(void *user, void *ptr, size_t size)
{
    block *b = malloc(sizeof *b + size);
    assert_non_null(b);
    b->size = size;
    out_bytes += size;
    if (ptr) {
        size_t before = ((block *)ptr - 1)->size;
        memcpy(b + 1, ptr, before < size ? before : size);
        counting_free(user, ptr);
    }
    return b + 1;
}

static const rill_allocator counting = {counting_realloc, counting_free, NULL};

static rill_shared *new_shared(void)
{
    rill_shared_options o;
    rill_shared *s = NULL;
    rill_shared_options_init(&o);
    o.allocator = &counting;
    assert_int_equal(rill_shared_new(&s, &o), RILL_OK);
    assert_non_null(s);
    return s;
}

static rill_endpoint *new_endpoint(rill_shared *shared, bool accept)
{
    rill_endpoint_options o;
    rill_endpoint *e = NULL;
    rill_endpoint_options_init(&o);
    o.allocator = &counting;
    o.shared = shared;
    o.accept = accept;
    assert_int_equal(rill_endpoint_new(&e, &o), RILL_OK);
    return e;
}

static void test_defaults(void **state)
{
    rill_shared *s = NULL;
    rill_shared_options o;
    (void)state;
    rill_shared_options_init(&o);
    assert_int_equal(o.size, sizeof o);
    assert_ptr_equal(o.allocator, rill_allocator_default());
    assert_int_equal(o.crypto, RILL_CRYPTO_OPENSSL);
    assert_int_equal(rill_shared_new(&s, NULL), RILL_OK);
    rill_shared_free(s);
    rill_shared_free(NULL);
}

static void test_what_is_wrong(void **state)
{
    rill_shared *s = (rill_shared *)1;
    rill_shared_options o;
    struct {
        rill_shared_options known;
        void *later;
    } newer;
    (void)state;
    rill_shared_options_init(&o);
    o.crypto = (rill_crypto_backend)99;
    assert_int_equal(rill_shared_new(&s, &o), RILL_ERR_INVALID);
    assert_null(s);
    memset(&o, 0, sizeof o);
    assert_int_equal(rill_shared_new(&s, &o), RILL_ERR_INVALID);
    rill_shared_options_init(&newer.known);
    newer.known.size = sizeof newer;
    newer.later = &s;
    assert_int_equal(rill_shared_new(&s, &newer.known), RILL_ERR_UNSUPPORTED);
}

/* The cryptography is that of what is shared: what the endpoint's options say is not looked at. */
static void test_its_cryptography_counts(void **state)
{
    rill_shared *s = new_shared();
    rill_endpoint_options o;
    rill_endpoint *e = NULL;
    (void)state;
    rill_endpoint_options_init(&o);
    o.shared = s;
    o.crypto = (rill_crypto_backend)99;
    assert_int_equal(rill_endpoint_new(&e, &o), RILL_OK);
    assert_ptr_equal(e->crypto, s->crypto);
    rill_endpoint_free(e);
    rill_shared_free(s);
}

/* What an endpoint takes, by a count of its own bytes. */
static void test_an_endpoint_is_small(void **state)
{
    (void)state;
    rill_shared *s = new_shared();
    size_t shared_bytes = out_bytes;
    for (unsigned accept = 0; accept < 2; accept++) {
        rill_endpoint *e = new_endpoint(s, accept);
        size_t bytes = out_bytes - shared_bytes;
        print_message("# endpoint that %s: %zu bytes, shared: %zu\n",
                      accept ? "accepts" : "connects", bytes, shared_bytes);
        assert_true(bytes < (accept ? 2100 : 850));
        rill_endpoint_free(e);
        assert_int_equal(out_bytes, shared_bytes);
    }
    rill_shared_free(s);
    assert_int_equal(out_bytes, 0);
}

/* A client of an address that nobody has to answer from. */
static rill_connection *new_client(rill_endpoint *e, const rill_connection_options *o)
{
    static const uint8_t secret[RILL_SHARED_SECRET_LEN] = {1};
    static const char address[] = "test.client";
    rill_connection *c = NULL;
    assert_int_equal(
        rill_endpoint_set_account(e, (rill_bytes){(const uint8_t *)address, strlen(address)},
                                  (rill_bytes){(const uint8_t *)"XRP", 3}, 9),
        RILL_OK);
    assert_int_equal(rill_endpoint_connect(e, (rill_now){.mono_ns = 1, .wall_ms = 1},
                                           "test.server.token", secret, sizeof secret, o, &c),
                     RILL_OK);
    return c;
}

/* The records of packets are one table: a request is still known to its own endpoint alone. */
static void test_a_request_is_of_one_endpoint(void **state)
{
    static const rill_now now = {.mono_ns = 2, .wall_ms = 2};
    uint8_t packet[RILL_PACKET_BUFFER];
    size_t len = 0;
    uint64_t request = 0;
    (void)state;
    rill_shared *s = new_shared();
    rill_endpoint *e = new_endpoint(s, false);
    rill_endpoint *other = new_endpoint(s, false);
    rill_connection *c = new_client(e, NULL);
    (void)new_client(other, NULL);
    assert_int_equal(rill_connection_probe(c, 1000), RILL_OK);
    assert_int_equal(rill_endpoint_next_prepare(e, now, packet, &len, &request), RILL_OK);
    assert_true(len > 0);
    assert_int_equal(rill_endpoint_receive_reply(other, now, request, packet, len),
                     RILL_ERR_NOT_FOUND);
    rill_endpoint_unanswered(other, now, request, true);
    rill_connection_stats stats;
    rill_connection_get_stats(c, &stats);
    assert_int_equal(stats.packets_in_flight, 1);
    rill_endpoint_unanswered(e, now, request, true);
    rill_connection_get_stats(c, &stats);
    assert_int_equal(stats.packets_in_flight, 0);
    rill_endpoint_free(other);
    rill_endpoint_free(e);
    rill_shared_free(s);
    assert_int_equal(out_bytes, 0);
}

enum { OPTIONS = 22 };

/* One that is not as it was; each is what an application may want. */
static void change(rill_connection_options *o, unsigned which)
{
    uint64_t *const large[] = {
        &o->default_receive_max, &o->max_packet_amount,  &o->slippage.num,       &o->slippage.den,
        &o->idle_timeout_ns,     &o->packet_lifetime_ns, &o->connect_timeout_ns, &o->flags,
        &o->min_rate.den,        &o->min_rate.num,
    };
    uint32_t *const small[] = {
        &o->stream_receive_buffer,
        &o->connection_receive_buffer,
        &o->max_stream_receive_buffer,
        &o->max_connection_receive_buffer,
        &o->stream_send_buffer,
        &o->max_remote_streams,
        &o->max_in_flight,
        &o->max_undecided,
    };
    bool *const flags[] = {&o->padding, &o->tell_address, &o->ask_before_fulfill, &o->keep_alive};
    const unsigned larges = sizeof large / sizeof large[0];
    const unsigned smalls = sizeof small / sizeof small[0];
    assert_int_equal(larges + smalls + sizeof flags / sizeof flags[0], OPTIONS);
    if (which < larges)
        *large[which] ^= 1;
    else if (which < larges + smalls)
        *small[which - larges] ^= 1;
    else
        *flags[which - larges - smalls] ^= true;
    if (o->min_rate.num != 0)
        o->min_rate.den = 1;
}

/* A connection whose options are its endpoint's has no copy of them. */
static void test_options_are_kept_once(void **state)
{
    (void)state;
    rill_shared *s = new_shared();
    rill_endpoint *e = new_endpoint(s, false);
    rill_connection_options o;
    rill_connection_options_init(&o);
    assert_ptr_equal(new_client(e, &o)->options, &e->connection_options);
    for (unsigned which = 0; which < OPTIONS; which++) {
        rill_connection_options_init(&o);
        change(&o, which);
        const rill_connection *c = new_client(e, &o);
        assert_ptr_not_equal(c->options, &e->connection_options);
        assert_true(rill_connection_options_same(c->options, &o));
        assert_false(rill_connection_options_same(c->options, &e->connection_options));
    }
    rill_endpoint_free(e);
    rill_shared_free(s);
    assert_int_equal(out_bytes, 0);
}

/* Both ends of a connection, and of a second one, in turns of one packet each. */
static void test_both_ends_may_share_it(void **state)
{
    static const char words[] = "both ways";
    pair *p = *state;
    rill_shared *s = new_shared();
    pair_options o = pair_defaults();
    o.client.shared = o.server.shared = s;
    pair_open(p, &o);
    assert_int_equal(pair_connect(p, NULL), RILL_OK);
    for (unsigned side = PAIR_CLIENT; side <= PAIR_SERVER; side++) {
        pair_run(p, RILL_SECOND);
        rill_stream *stream = pair_stream_open(p, (pair_side)side);
        pair_write(stream, words, sizeof words);
        assert_int_equal(rill_stream_send_total(stream, 5000, RILL_NEVER), RILL_OK);
        pair_run(p, RILL_SECOND);
        pair_stream *seen =
            pair_seen(p, side == PAIR_CLIENT ? PAIR_SERVER : PAIR_CLIENT, rill_stream_id(stream));
        assert_int_equal(seen->money, 5000);
        assert_int_equal(seen->len, sizeof words);
        assert_memory_equal(seen->data, words, sizeof words);
    }
    pair_check_books(p);
    pair_close(p);
    rill_shared_free(s);
    assert_int_equal(out_bytes, 0);
}

/* An endpoint that is gone leaves nothing that it decrypted to those that are left. */
static void test_what_one_has_decrypted_is_wiped(void **state)
{
    pair *p = *state;
    uint8_t text[64];
    rill_shared *s = new_shared();
    rill_endpoint *other = new_endpoint(s, false);
    pair_options o = pair_defaults();
    o.server.shared = s;
    pair_open(p, &o);
    memset(text, 0xab, sizeof text);
    pair_write(pair_stream_open(p, PAIR_CLIENT), text, sizeof text);
    pair_run(p, RILL_SECOND);
    assert_int_equal(pair_seen(p, PAIR_SERVER, 1)->len, sizeof text);
    pair_close(p);
    for (size_t i = 0; i < sizeof s->plaintext; i++)
        assert_int_equal(s->plaintext[i], 0);
    rill_endpoint_free(other);
    rill_shared_free(s);
}

/* Whether what is under the key for the keys that come with a call is opened by this one. */
static bool has_key(const rill_crypto *c, const uint8_t key[RILL_KEY_LEN])
{
    uint8_t envelope[RILL_ENVELOPE_OVERHEAD + 1] = {0};
    uint8_t out[1];
    if (!c->any_key || c->gcm->seal(c->gcm, c->any_key, envelope, 1) != RILL_OK)
        return false;
    rill_crypto *other = rill_crypto_new(rill_allocator_default());
    assert_non_null(other);
    int err = rill_crypto_open(other, key, envelope, sizeof envelope, out);
    rill_crypto_free(other);
    return err == RILL_OK;
}

/* A server that is gone leaves no key with which addresses could be opened, or made. */
static void test_what_seals_addresses_is_wiped(void **state)
{
    static const char address[] = "test.server";
    rill_credentials credentials;
    rill_token_keys keys;
    rill_shared *s = new_shared();
    (void)state;
    for (unsigned i = 0; i < 2; i++) { /* and the next one makes addresses as well */
        rill_endpoint *e = new_endpoint(s, true);
        assert_int_equal(
            rill_endpoint_set_account(e, (rill_bytes){(const uint8_t *)address, strlen(address)},
                                      (rill_bytes){(const uint8_t *)"XRP", 3}, 9),
            RILL_OK);
        assert_int_equal(rill_endpoint_generate_credentials(e, NULL, &credentials), RILL_OK);
        keys = e->token_keys;
        assert_true(has_key(s->crypto, keys.seal));
        rill_endpoint_free(e);
        assert_false(has_key(s->crypto, keys.seal));
    }
    rill_shared_free(s);
    assert_int_equal(out_bytes, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_what_is_wrong),
        cmocka_unit_test(test_its_cryptography_counts),
        cmocka_unit_test(test_an_endpoint_is_small),
        cmocka_unit_test(test_a_request_is_of_one_endpoint),
        cmocka_unit_test(test_options_are_kept_once),
        PAIR_TEST_TO_OPEN(test_both_ends_may_share_it),
        PAIR_TEST_TO_OPEN(test_what_one_has_decrypted_is_wiped),
        cmocka_unit_test(test_what_seals_addresses_is_wiped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
