/* SPDX-License-Identifier: Apache-2.0 */
/* What a wallet says of money in doubt: when it is asked, what is believed, what is kept first. */
#define _POSIX_C_SOURCE 200809L

#include "state_file_fixture.h"

#include <uv.h>

#include "cli/payer_settle.h"
#include <rill/receiver.h>

int __wrap_uv_timer_start(uv_timer_t *timer, uv_timer_cb run, uint64_t timeout, uint64_t repeat);
int __real_uv_timer_start(uv_timer_t *timer, uv_timer_cb run, uint64_t timeout, uint64_t repeat);
int __wrap_rill_receiver_start(rill_receiver **out, rill_loop *loop, const char *receiver,
                               const rill_receiver_options *options, rill_receiver_done done,
                               void *user, const char **problem);
void __wrap_rill_receiver_close(rill_receiver *r, void (*closed)(void *user), void *user);

/* ---- a disk ---- */

int __real_rill_payment_state_save(const char *name, rill_bytes state);
int __wrap_rill_payment_state_save(const char *name, rill_bytes state);

static int save_error;

int __wrap_rill_payment_state_save(const char *name, rill_bytes state)
{
    return save_error == RILL_OK ? __real_rill_payment_state_save(name, state) : save_error;
}

/* ---- a wallet ---- */

static struct {
    int start; /* what asking it returns */
    int error; /* of its answer */
    bool is_wallet;
    rill_reason reason;
    uint64_t received;
    unsigned asked, closed;
    uint64_t waited_ms;
    char url[STATE_FILE_URL + 1];
} wallet;

static rill_loop *loop;
static state_file f;
static payer_settler *settler;
static unsigned done;

/* Not in real time. */
int __wrap_uv_timer_start(uv_timer_t *timer, uv_timer_cb run, uint64_t timeout, uint64_t repeat)
{
    if (timeout >= 1000)
        wallet.waited_ms = timeout;
    return __real_uv_timer_start(timer, run, timeout >= 1000 ? 1 : timeout, repeat);
}

int __wrap_rill_receiver_start(rill_receiver **out, rill_loop *on, const char *receiver,
                               const rill_receiver_options *options, rill_receiver_done answer,
                               void *user, const char **problem)
{
    static char a_receiver;
    rill_incoming_payment payment = {.received_amount = wallet.received};
    rill_receiver_result result = {.error = wallet.error,
                                   .reason = wallet.reason,
                                   .problem = wallet.error == RILL_OK ? "" : "it\nis closed",
                                   .payment = wallet.is_wallet ? &payment : NULL};
    (void)options;
    assert_ptr_equal(on, loop);
    wallet.asked++;
    (void)snprintf(wallet.url, sizeof wallet.url, "%s", receiver);
    if (wallet.start != RILL_OK) {
        *problem = "it is no URL";
        return wallet.start;
    }
    *out = (rill_receiver *)&a_receiver;
    answer(&result, user);
    return RILL_OK;
}

void __wrap_rill_receiver_close(rill_receiver *r, void (*closed)(void *user), void *user)
{
    (void)r;
    wallet.closed++;
    closed(user);
}

/* ---- a payment that was interrupted ---- */

static rill_reason told;

static void on_done(rill_reason reason, void *user)
{
    assert_ptr_equal(user, &done);
    told = reason;
    done++;
}

/* What follows, in the file and in memory alike. */
static rill_payment_state settle(rill_payment_state s)
{
    rill_payment_state read;
    write_sample(&s);
    state_file_init(&f);
    assert_int_equal(state_file_open(&f, &test_args, path, &read), CLI_DONE);
    state_file_set_incoming(&f, "https://wallet.example/incoming-payments/1");
    done = 0;
    assert_int_equal(rill_loop_new(&loop, NULL), RILL_OK);
    settler = payer_settle_begin(&test_args, loop, &f, &read, on_done, &done);
    if (settler) {
        (void)uv_run(rill_loop_uv(loop), UV_RUN_DEFAULT);
        assert_int_equal(done, 1);
        payer_settle_end(settler);
    }
    (void)uv_run(rill_loop_uv(loop), UV_RUN_DEFAULT);
    rill_loop_free(loop);
    assert_int_equal(rill_payment_state_read(&read, (rill_bytes){f.text, f.len}, NULL), RILL_OK);
    state_file_close(&f);
    rill_payment_state kept = read_sample();
    assert_true(kept.sent == read.sent && kept.in_doubt == read.in_doubt &&
                kept.delivered == read.delivered);
    return read;
}

static int begin(void **state)
{
    memset(&wallet, 0, sizeof wallet);
    wallet.is_wallet = true;
    return make_folder(state);
}

static void test_nothing_more_has_arrived(void **state)
{
    (void)state;
    wallet.received = 498;
    rill_payment_state s = settle(sample());
    assert_true(s.sent == 500 && s.in_doubt == 0 && s.delivered == 498);
    assert_int_equal(wallet.asked, 1);
    assert_string_equal(wallet.url, "https://wallet.example/incoming-payments/1");
    assert_int_equal(wallet.closed, 1); /* its grant is given back */
}

static void test_it_has_arrived(void **state)
{
    (void)state;
    wallet.received = 620;
    rill_payment_state s = settle(sample());
    assert_true(s.sent == 625 && s.in_doubt == 0 && s.delivered == 620);
}

/* What was allowed is no measure of what was sent: the rest is to be sent. */
static void test_a_part_has_arrived(void **state)
{
    (void)state;
    wallet.received = 560;
    rill_payment_state s = settle(sample());
    assert_true(s.sent == 566 && s.in_doubt == 0 && s.delivered == 560);
}

/* Not before the last packet has expired: one that arrives after the answer would be paid twice. */
static void test_it_is_asked_when_no_packet_can_arrive(void **state)
{
    static const uint64_t seconds[] = {30, 3600, 2};
    (void)state;
    wallet.received = 498;
    for (size_t i = 0; i < sizeof seconds / sizeof *seconds; i++) {
        rill_payment_state s = sample();
        s.packet_lifetime_ns = seconds[i] * RILL_SECOND;
        (void)settle(s);
        assert_int_equal(wallet.waited_ms, (seconds[i] + 1) * 1000);
    }
    assert_int_equal(wallet.asked, 3);
}

static void test_it_is_not_asked_where_nobody_knows_when(void **state)
{
    rill_payment_state s = sample();
    (void)state;
    s.packet_lifetime_ns = RILL_NEVER;
    s = settle(s);
    assert_true(s.sent == 500 && s.in_doubt == 125 && s.delivered == 498);
    assert_int_equal(wallet.asked, 0);
}

static void test_less_than_is_certain_is_not_believed(void **state)
{
    (void)state;
    wallet.received = 497;
    rill_payment_state s = settle(sample());
    assert_true(s.sent == 500 && s.in_doubt == 125 && s.delivered == 498);
}

/* It says what it has got all the same; and nothing more is to be sent to it. */
static void test_one_that_takes_no_more(void **state)
{
    static const struct {
        int error;
        rill_reason reason;
    } ends[] = {{RILL_ERR_CLOSED, RILL_REASON_COMPLETED}, {RILL_ERR_EXPIRED, RILL_REASON_EXPIRED}};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        wallet.error = ends[i].error;
        wallet.reason = ends[i].reason;
        wallet.received = 498;
        rill_payment_state s = settle(sample());
        assert_true(s.sent == 500 && s.in_doubt == 0 && s.delivered == 498);
        assert_int_equal(told, ends[i].reason);
        wallet.received = 620;
        s = settle(sample());
        assert_true(s.sent == 625 && s.in_doubt == 0 && s.delivered == 620);
        assert_int_equal(told, ends[i].reason);
    }
    wallet.error = RILL_OK;
    wallet.reason = RILL_REASON_NONE;
    (void)settle(sample());
    assert_int_equal(told, RILL_REASON_NONE);
}

static void test_no_answer(void **state)
{
    (void)state;
    wallet.received = 498;
    wallet.error = RILL_ERR_TIMEOUT;
    wallet.reason = RILL_REASON_SERVER_UNREACHABLE;
    wallet.is_wallet = false;
    rill_payment_state s = settle(sample());
    assert_int_equal(s.in_doubt, 125);
    assert_int_equal(told, RILL_REASON_NONE);
    wallet.error = RILL_OK; /* a server of SPSP knows no sums */
    s = settle(sample());
    assert_int_equal(s.in_doubt, 125);
    wallet.start = RILL_ERR_MALFORMED;
    s = settle(sample());
    assert_int_equal(s.in_doubt, 125);
    assert_int_equal(wallet.asked, 3);
}

static void test_nothing_to_ask(void **state)
{
    rill_payment_state s = sample(), read;
    (void)state;
    s.in_doubt = 0;
    (void)settle(s);
    assert_int_equal(wallet.asked, 0);
    s = sample();
    write_sample(&s);
    state_file_init(&f);
    assert_int_equal(state_file_open(&f, &test_args, path, &read), CLI_DONE);
    assert_int_equal(rill_loop_new(&loop, NULL), RILL_OK);
    assert_null(payer_settle_begin(&test_args, loop, &f, &read, on_done, &done));
    payer_settle_end(NULL);
    rill_loop_free(loop);
    state_file_close(&f);
}

/* What cannot be kept is not acted upon: the next process would not know of it. */
static void test_what_cannot_be_kept_is_not_believed(void **state)
{
    (void)state;
    wallet.received = 498;
    save_error = RILL_ERR_IO;
    rill_payment_state s = settle(sample());
    save_error = RILL_OK;
    assert_int_equal(s.in_doubt, 125);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_nothing_more_has_arrived),
        TEST(test_it_has_arrived),
        TEST(test_a_part_has_arrived),
        TEST(test_it_is_asked_when_no_packet_can_arrive),
        TEST(test_it_is_not_asked_where_nobody_knows_when),
        TEST(test_less_than_is_certain_is_not_believed),
        TEST(test_one_that_takes_no_more),
        TEST(test_no_answer),
        TEST(test_nothing_to_ask),
        TEST(test_what_cannot_be_kept_is_not_believed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
