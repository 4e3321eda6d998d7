/* SPDX-License-Identifier: Apache-2.0 */
/* Who credits by receipts: nothing twice, nothing that is not proved. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <rill/error.h>
#include <rill/receipt.h>

#define NOW UINT64_C(1700000000000)
#define DAY UINT64_C(86400000)

typedef struct payment {
    uint8_t nonce[RILL_RECEIPT_NONCE_LEN];
    uint8_t secret[RILL_RECEIPT_SECRET_LEN];
} payment;

static rill_receipt_verifier *v;

static payment begin_at(uint64_t wall_ms)
{
    payment p;
    assert_int_equal(rill_receipt_verifier_begin(v, wall_ms, p.nonce, p.secret), RILL_OK);
    return p;
}

static int show_at(const payment *p, uint8_t stream_id, uint64_t total, uint64_t wall_ms,
                   uint64_t *increase)
{
    uint8_t bytes[RILL_RECEIPT_LEN];
    rill_receipt r = {.stream_id = stream_id, .total_received = total};
    memcpy(r.nonce, p->nonce, sizeof r.nonce);
    assert_int_equal(rill_receipt_create(bytes, &r, p->secret), RILL_OK);
    *increase = 99;
    return rill_receipt_verifier_credit(NULL, increase, v, wall_ms,
                                        (rill_bytes){bytes, sizeof bytes});
}

static uint64_t credit(const payment *p, uint8_t stream_id, uint64_t total)
{
    uint64_t increase;
    assert_int_equal(show_at(p, stream_id, total, NOW, &increase), RILL_OK);
    return increase;
}

static void open_with(uint32_t max_streams)
{
    rill_receipt_verifier_options o;
    rill_receipt_verifier_options_init(&o);
    if (max_streams != 0)
        o.max_streams = max_streams;
    assert_int_equal(rill_receipt_verifier_new(&v, &o), RILL_OK);
}

static void test_only_increases_are_credited(void **state)
{
    (void)state;
    open_with(0);
    payment a = begin_at(NOW), b = begin_at(NOW);
    assert_memory_not_equal(a.nonce, b.nonce, sizeof a.nonce);
    assert_memory_not_equal(a.secret, b.secret, sizeof a.secret);
    assert_int_equal(credit(&a, 1, 100), 100);
    assert_int_equal(credit(&a, 1, 100), 0);
    assert_int_equal(credit(&a, 1, 40), 0);
    assert_int_equal(credit(&a, 1, 250), 150);
    assert_int_equal(credit(&a, 3, 70), 70);
    assert_int_equal(credit(&b, 1, 7), 7);
    assert_int_equal(credit(&a, 1, 251), 1);
    assert_true(credit(&a, 1, UINT64_MAX) == UINT64_MAX - 251);
    assert_int_equal(credit(&a, 1, UINT64_MAX), 0);
    assert_int_equal(credit(&b, 255, 0), 0);
    rill_receipt_verifier_free(v);
}

static void test_what_is_not_proved(void **state)
{
    uint64_t increase;
    uint8_t bytes[RILL_RECEIPT_LEN + 1] = {0};
    rill_receipt said;
    (void)state;
    open_with(0);
    payment a = begin_at(NOW);
    payment b = begin_at(NOW);
    payment mixed = a;
    memcpy(mixed.secret, b.secret, sizeof mixed.secret);
    assert_int_equal(show_at(&mixed, 1, 5, NOW, &increase), RILL_ERR_AUTH);
    assert_int_equal(increase, 0);
    mixed = a;
    mixed.nonce[0] ^= 0x40; /* a longer time */
    assert_int_equal(show_at(&mixed, 1, 5, NOW, &increase), RILL_ERR_AUTH);
    rill_receipt r = {.stream_id = 1, .total_received = 5};
    memcpy(r.nonce, a.nonce, sizeof r.nonce);
    assert_int_equal(rill_receipt_create(bytes, &r, a.secret), RILL_OK);
    for (size_t i = 0; i < RILL_RECEIPT_LEN; i++) {
        bytes[i] ^= 1;
        assert_int_equal(rill_receipt_verifier_credit(NULL, &increase, v, NOW,
                                                      (rill_bytes){bytes, RILL_RECEIPT_LEN}),
                         i == 0 ? RILL_ERR_MALFORMED : RILL_ERR_AUTH);
        assert_int_equal(increase, 0);
        bytes[i] ^= 1;
    }
    assert_int_equal(rill_receipt_verifier_credit(NULL, &increase, v, NOW,
                                                  (rill_bytes){bytes, RILL_RECEIPT_LEN - 1}),
                     RILL_ERR_TRUNCATED);
    assert_int_equal(
        rill_receipt_verifier_credit(NULL, &increase, v, NOW, (rill_bytes){bytes, sizeof bytes}),
        RILL_ERR_MALFORMED);
    assert_int_equal(rill_receipt_verifier_credit(&said, &increase, v, NOW,
                                                  (rill_bytes){bytes, RILL_RECEIPT_LEN}),
                     RILL_OK);
    assert_int_equal(increase, 5);
    assert_int_equal(said.total_received, 5);
    /* Another verifier's are no good here. */
    rill_receipt_verifier_free(v);
    open_with(0);
    assert_int_equal(show_at(&a, 1, 5, NOW, &increase), RILL_ERR_AUTH);
    rill_receipt_verifier_free(v);
}

static void test_time(void **state)
{
    uint64_t increase;
    (void)state;
    open_with(0);
    payment a = begin_at(NOW);
    assert_int_equal(show_at(&a, 1, 5, NOW + DAY - 1, &increase), RILL_OK);
    assert_int_equal(increase, 5);
    assert_int_equal(show_at(&a, 1, 9, NOW + DAY, &increase), RILL_ERR_EXPIRED);
    assert_int_equal(increase, 0);
    /* A clock that goes back revives nothing. */
    assert_int_equal(show_at(&a, 1, 9, NOW, &increase), RILL_ERR_EXPIRED);
    payment b = begin_at(NOW);
    assert_int_equal(show_at(&b, 1, 3, NOW + DAY + DAY - 1, &increase), RILL_OK);
    assert_int_equal(show_at(&b, 1, 4, NOW + DAY + DAY, &increase), RILL_ERR_EXPIRED);
    rill_receipt_verifier_free(v);
}

static void test_the_limit(void **state)
{
    uint64_t increase;
    (void)state;
    open_with(3);
    payment old = begin_at(NOW);
    payment new = begin_at(NOW + DAY / 2);
    assert_int_equal(show_at(&old, 1, 1, NOW + DAY / 2, &increase), RILL_OK);
    assert_int_equal(show_at(&old, 3, 1, NOW + DAY / 2, &increase), RILL_OK);
    assert_int_equal(show_at(&new, 1, 1, NOW + DAY / 2, &increase), RILL_OK);
    assert_int_equal(show_at(&new, 3, 1, NOW + DAY / 2, &increase), RILL_ERR_LIMIT);
    assert_int_equal(increase, 0);
    /* Those that are known go on. */
    assert_int_equal(show_at(&new, 1, 5, NOW + DAY / 2, &increase), RILL_OK);
    assert_int_equal(increase, 4);
    /* What is over makes room; and what was refused is credited in full. */
    assert_int_equal(show_at(&new, 3, 1, NOW + DAY, &increase), RILL_OK);
    assert_int_equal(increase, 1);
    assert_int_equal(show_at(&new, 5, 2, NOW + DAY, &increase), RILL_OK);
    assert_int_equal(show_at(&new, 7, 2, NOW + DAY, &increase), RILL_ERR_LIMIT);
    assert_int_equal(show_at(&new, 1, 5, NOW + DAY, &increase), RILL_OK);
    assert_int_equal(increase, 0);
    rill_receipt_verifier_free(v);
}

static void test_options_that_cannot_be(void **state)
{
    rill_receipt_verifier_options o;
    (void)state;
    rill_receipt_verifier_options_init(&o);
    o.max_streams = 0;
    assert_int_equal(rill_receipt_verifier_new(&v, &o), RILL_ERR_INVALID);
    rill_receipt_verifier_options_init(&o);
    o.lifetime_ms = 0;
    assert_int_equal(rill_receipt_verifier_new(&v, &o), RILL_ERR_INVALID);
    memset(&o, 0, sizeof o);
    assert_int_equal(rill_receipt_verifier_new(&v, &o), RILL_ERR_INVALID);
    assert_int_equal(rill_receipt_verifier_new(&v, NULL), RILL_OK);
    rill_receipt_verifier_free(v);
    rill_receipt_verifier_free(NULL);
}

/* ---- memory ---- */

static unsigned long asked, fail_at;
static long blocks;

static void *failing_realloc(void *user, void *ptr, size_t size)
{
    (void)user;
    if (++asked == fail_at)
        return NULL;
    blocks += ptr == NULL;
    return realloc(ptr, size);
}

static void counting_free(void *user, void *ptr)
{
    (void)user;
    blocks -= ptr != NULL;
    free(ptr);
}

static void test_failing_allocations(void **state)
{
    static const rill_allocator allocator = {failing_realloc, counting_free, NULL};
    rill_receipt_verifier_options o;
    uint64_t increase, sum;
    (void)state;
    rill_receipt_verifier_options_init(&o);
    o.allocator = &allocator;
    for (fail_at = 1;; fail_at++) {
        asked = 0;
        int error = rill_receipt_verifier_new(&v, &o);
        if (error != RILL_OK) {
            assert_true(error == RILL_ERR_NOMEM || error == RILL_ERR_CRYPTO);
            assert_int_equal(blocks, 0);
            continue;
        }
        payment p = begin_at(NOW);
        sum = 0;
        for (unsigned i = 0; i < 40; i++) {
            /* What was not counted is, the next time. */
            error = show_at(&p, (uint8_t)i, 10, NOW, &increase);
            if (error != RILL_OK) {
                assert_int_equal(error, RILL_ERR_NOMEM);
                assert_int_equal(increase, 0);
                assert_int_equal(show_at(&p, (uint8_t)i, 10, NOW, &increase), RILL_OK);
            }
            sum += increase;
        }
        assert_int_equal(sum, 400);
        bool done = asked < fail_at;
        rill_receipt_verifier_free(v);
        assert_int_equal(blocks, 0);
        if (done)
            break;
    }
    assert_true(fail_at > 40);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_only_increases_are_credited),
        cmocka_unit_test(test_what_is_not_proved),
        cmocka_unit_test(test_time),
        cmocka_unit_test(test_the_limit),
        cmocka_unit_test(test_options_that_cannot_be),
        cmocka_unit_test(test_failing_allocations),
    };
    return cmocka_run_group_tests_name("receipt verifier", tests, NULL, NULL);
}
