/* SPDX-License-Identifier: Apache-2.0 */
/* The saved state of a payment: what is written is read, and nothing else is. */
#define _POSIX_C_SOURCE 200809L

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "run/payment_state.h"
#include <rill/error.h>

static rill_payment_state sample(void)
{
    rill_payment_state s = {.amount = UINT64_MAX,
                            .deliver = 7,
                            .min_rate = {99, 100},
                            .sent = 1000,
                            .in_doubt = 125,
                            .delivered = 990,
                            .packet_lifetime_ns = 90 * RILL_SECOND + 1};
    strcpy(s.credentials.destination_account, "test.receiver.~token");
    memset(s.credentials.shared_secret, 0x5a, sizeof s.credentials.shared_secret);
    return s;
}

static void same(const rill_payment_state *a, const rill_payment_state *b)
{
    assert_string_equal(a->credentials.destination_account, b->credentials.destination_account);
    assert_memory_equal(a->credentials.shared_secret, b->credentials.shared_secret, 32);
    assert_true(a->amount == b->amount && a->deliver == b->deliver && a->sent == b->sent);
    assert_true(a->in_doubt == b->in_doubt && a->delivered == b->delivered);
    assert_true(a->min_rate.num == b->min_rate.num && a->min_rate.den == b->min_rate.den);
    assert_int_equal(a->complete, b->complete);
    assert_true(a->packet_lifetime_ns == b->packet_lifetime_ns);
}

static size_t write_state(const rill_payment_state *s, char text[RILL_PAYMENT_STATE_MAX])
{
    size_t len = 0;
    assert_int_equal(rill_payment_state_write(s, text, &len), RILL_OK);
    assert_int_equal(text[len - 1], '\n');
    return len;
}

static int read_text(const char *text, size_t len)
{
    rill_payment_state s;
    const char *problem = NULL;
    int error = rill_payment_state_read(&s, (rill_bytes){(const uint8_t *)text, len}, &problem);
    assert_true((error == RILL_OK) == (problem == NULL));
    if (error != RILL_OK) {
        const rill_payment_state none = {.min_rate = {0, 1}};
        same(&s, &none);
    }
    return error;
}

static void test_is_read_as_it_was_written(void **state)
{
    char text[RILL_PAYMENT_STATE_MAX];
    rill_payment_state s = sample();
    rill_payment_state back;
    (void)state;
    for (int i = 0; i < 2; i++) {
        size_t len = write_state(&s, text);
        assert_int_equal(rill_payment_state_read(&back, (rill_bytes){(uint8_t *)text, len}, NULL),
                         RILL_OK);
        same(&s, &back);
        /* Who reads no more than credentials finds them. */
        rill_credentials c;
        assert_int_equal(rill_credentials_decode(&c, text, len, NULL), RILL_OK);
        s.complete = true;
        memset(s.credentials.destination_account, 'a', 1022);
        memcpy(s.credentials.destination_account, "test.", 5);
    }
}

/* Cut anywhere, or with a byte changed, it is refused, or says the same as before. */
static void test_damaged(void **state)
{
    char text[RILL_PAYMENT_STATE_MAX], copy[RILL_PAYMENT_STATE_MAX];
    rill_payment_state s = sample();
    size_t len = write_state(&s, text);
    (void)state;
    for (size_t cut = 0; cut < len - 1; cut++)
        assert_int_equal(read_text(text, cut), RILL_ERR_MALFORMED);
    for (size_t i = 0; i < len; i++) {
        memcpy(copy, text, len);
        copy[i] = (char)(copy[i] ^ 0x11);
        (void)read_text(copy, len);
    }
}

static void replaced(const char *what, const char *by, int error)
{
    char text[RILL_PAYMENT_STATE_MAX], changed[2 * RILL_PAYMENT_STATE_MAX];
    rill_payment_state s = sample();
    size_t len = write_state(&s, text);
    text[len] = '\0';
    char *at = strstr(text, what);
    assert_non_null(at);
    int n = snprintf(changed, sizeof changed, "%.*s%s%s", (int)(at - text), text, by,
                     at + strlen(what));
    assert_int_equal(read_text(changed, (size_t)n), error);
}

static void test_numbers_that_cannot_be(void **state)
{
    (void)state;
    replaced("\"sent\":\"1000\"", "\"sent\":\"1000\"", RILL_OK);
    replaced("\"rill_payment\":1", "\"rill_payment\":2", RILL_ERR_UNSUPPORTED);
    replaced("\"rill_payment\":1", "\"rill_paymenu\":1", RILL_ERR_MALFORMED);
    replaced("\"sent\":\"1000\"", "\"sent\":1000", RILL_ERR_MALFORMED);
    replaced("\"sent\":\"1000\"", "\"sent\":\"-1\"", RILL_ERR_MALFORMED);
    replaced("\"sent\":\"1000\"", "\"sent\":\"18446744073709551616\"", RILL_ERR_MALFORMED);
    replaced("\"sent\":\"1000\"", "\"send\":\"1000\"", RILL_ERR_MALFORMED);
    replaced("\"min_rate\":\"99/100\"", "\"min_rate\":\"99/0\"", RILL_ERR_MALFORMED);
    replaced("\"min_rate\":\"99/100\"", "\"min_rate\":\"99\"", RILL_ERR_MALFORMED);
    replaced("false", "null", RILL_ERR_MALFORMED);
    replaced("\"sent\":\"1000\"", "\"sent\":\"1000\",\"sent\":\"0\"", RILL_ERR_MALFORMED);
    /* More than was allowed cannot have been sent. */
    replaced("\"in_doubt\":\"125\"", "\"in_doubt\":\"18446744073709550616\"", RILL_ERR_MALFORMED);
    replaced("\"sent\":\"1000\"", "\"sent\":\"18446744073709551491\"", RILL_ERR_MALFORMED);
}

static uint64_t lifetime_of(const char *member)
{
    char text[RILL_PAYMENT_STATE_MAX], changed[2 * RILL_PAYMENT_STATE_MAX];
    rill_payment_state s = sample();
    size_t len = write_state(&s, text);
    text[len] = '\0';
    char *at = strstr(text, ",\"packet_lifetime_ns\":");
    assert_non_null(at);
    int n = snprintf(changed, sizeof changed, "%.*s%s%s", (int)(at - text), text, member,
                     strchr(at + 1, ','));
    assert_int_equal(rill_payment_state_read(&s, (rill_bytes){(uint8_t *)changed, (size_t)n}, NULL),
                     RILL_OK);
    return s.packet_lifetime_ns;
}

/* What an earlier library wrote does not say how long its packets live: as long as any may. */
static void test_without_a_lifetime(void **state)
{
    (void)state;
    assert_true(lifetime_of(",\"packet_lifetime_ns\":\"7\"") == 7);
    assert_true(lifetime_of("") == 3600 * RILL_SECOND);
    replaced("\"packet_lifetime_ns\":\"90000000001\"", "\"packet_lifetime_ns\":\"long\"",
             RILL_ERR_MALFORMED);
    replaced("\"packet_lifetime_ns\":\"90000000001\"", "\"packet_lifetime_ns\":90000000001",
             RILL_ERR_MALFORMED);
}

static int settle(const rill_payment_state *s, uint64_t delivered, rill_payment_state *out)
{
    char text[RILL_PAYMENT_STATE_MAX];
    uint8_t next[RILL_PAYMENT_STATE_MAX];
    size_t len = write_state(s, text);
    size_t next_len;
    int error =
        rill_payment_state_settle((rill_bytes){(uint8_t *)text, len}, delivered, next, &next_len);
    if (error == RILL_OK)
        assert_int_equal(rill_payment_state_read(out, (rill_bytes){next, next_len}, NULL), RILL_OK);
    return error;
}

static void test_the_receiver_says_what_arrived(void **state)
{
    rill_payment_state s = sample();
    rill_payment_state out;
    (void)state;
    s.deliver = 0;
    s.amount = 1125;
    /* Nothing of what was in doubt: it is to be sent again. */
    assert_int_equal(settle(&s, 990, &out), RILL_OK);
    assert_true(out.sent == 1000 && out.in_doubt == 0 && out.delivered == 990 && !out.complete);
    /* All of it, or as good as all. */
    assert_int_equal(settle(&s, 1113, &out), RILL_OK);
    assert_true(out.sent == 1125 && out.in_doubt == 0 && out.delivered == 1113 && out.complete);
    assert_int_equal(settle(&s, 989, &out), RILL_ERR_RANGE);
    s.deliver = 1000;
    assert_int_equal(settle(&s, 999, &out), RILL_OK);
    assert_false(out.complete);
    assert_int_equal(settle(&s, 1000, &out), RILL_OK);
    assert_true(out.complete);
}

/*
 * The rest never left: what was allowed is no measure of what was sent. As much counts as can have
 * been sent at the minimum rate, and no less, or more than the amount would leave.
 */
static void test_a_part_of_the_doubt_arrived(void **state)
{
    static const struct {
        rill_ratio min_rate;
        uint64_t sent, delivered, in_doubt, told, counts;
    } cases[] = {
        {{99, 100}, 0, 0, 25000, 11749, 11868},     /* one more would bring 11750 */
        {{99, 100}, 0, 0, 25000, 1, 2},             /* 0.99 x 2 is rounded down to it */
        {{99, 100}, 1000, 1000, 25000, 1010, 1021}, /* what others earned is used up */
        {{99, 100}, 1000, 985, 125, 991, 1007},     /* several connections, a unit short each */
        {{1, 1}, 7, 7, 100, 60, 60},
        {{1, 3}, 0, 0, 1000, 10, 32}, /* 33 bring 11 */
        {{3, 1}, 0, 0, 1000, 31, 10},
        {{99, 100}, 0, 0, 25000, 24749, 24999},
        {{99, 100}, 0, 0, 25000, 24750, 25000},
        {{99, 100}, 0, 0, 25000, UINT64_MAX, 25000},
        {{UINT64_MAX, 1}, 0, 0, 25000, UINT64_MAX - 1, 0},
        {{1, UINT64_MAX}, 0, 0, 25000, 1, 25000},
        {{0, 1}, 10, 10, 25000, 11, 25010}, /* nobody knows what a unit has to bring */
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        rill_payment_state s = sample();
        rill_payment_state out;
        s.deliver = 0;
        s.amount = 50000;
        s.min_rate = cases[i].min_rate;
        s.sent = cases[i].sent;
        s.delivered = cases[i].delivered;
        s.in_doubt = cases[i].in_doubt;
        assert_int_equal(settle(&s, cases[i].told, &out), RILL_OK);
        assert_true(out.sent == cases[i].counts);
        assert_true(out.in_doubt == 0 && out.delivered == cases[i].told && !out.complete);
    }
}

/* Not complete, however much was allowed: so it is told as paid only where it was. */
static void test_a_part_is_not_all(void **state)
{
    rill_payment_state s = sample();
    rill_payment_state out;
    (void)state;
    s.deliver = s.sent = s.delivered = 0;
    s.amount = s.in_doubt = 25000;
    assert_int_equal(settle(&s, 24749, &out), RILL_OK);
    assert_false(out.complete);
    assert_int_equal(settle(&s, 24750, &out), RILL_OK);
    assert_true(out.complete && out.sent == 25000);
}

/* Whenever it was asked: a packet may arrive after that. */
static void test_nobody_knows_when_the_last_packet_arrives(void **state)
{
    rill_payment_state s = sample();
    rill_payment_state out;
    (void)state;
    s.packet_lifetime_ns = RILL_NEVER;
    assert_int_equal(settle(&s, 990, &out), RILL_ERR_STATE);
    assert_int_equal(settle(&s, 1000, &out), RILL_ERR_STATE);
    s.in_doubt = 0;
    assert_int_equal(settle(&s, 990, &out), RILL_OK);
    assert_int_equal(settle(&s, 989, &out), RILL_ERR_RANGE);
}

static void test_files(void **state)
{
    char folder[] = "/tmp/rill-state-XXXXXX";
    char path[64], text[RILL_PAYMENT_STATE_MAX];
    uint8_t back[RILL_PAYMENT_STATE_MAX];
    size_t len, got;
    struct stat status;
    rill_payment_state s = sample();
    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/state", folder);
    assert_int_equal(rill_payment_state_load(path, back, &got), RILL_ERR_IO);
    len = write_state(&s, text);
    for (int i = 0; i < 2; i++)
        assert_int_equal(rill_payment_state_save(path, (rill_bytes){(uint8_t *)text, len}),
                         RILL_OK);
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    assert_int_equal(rill_payment_state_load(path, back, &got), RILL_OK);
    assert_int_equal(got, len);
    assert_memory_equal(back, text, len);
    assert_int_equal(truncate(path, RILL_PAYMENT_STATE_MAX), 0);
    assert_int_equal(rill_payment_state_load(path, back, &got), RILL_ERR_MALFORMED);
    unlink(path);
    assert_int_equal(rmdir(folder), 0);
    assert_int_equal(rill_payment_state_save(path, (rill_bytes){(uint8_t *)text, len}),
                     RILL_ERR_IO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_is_read_as_it_was_written),
        cmocka_unit_test(test_damaged),
        cmocka_unit_test(test_numbers_that_cannot_be),
        cmocka_unit_test(test_without_a_lifetime),
        cmocka_unit_test(test_the_receiver_says_what_arrived),
        cmocka_unit_test(test_a_part_of_the_doubt_arrived),
        cmocka_unit_test(test_a_part_is_not_all),
        cmocka_unit_test(test_nobody_knows_when_the_last_packet_arrives),
        cmocka_unit_test(test_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
