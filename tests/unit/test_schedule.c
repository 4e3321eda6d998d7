/* SPDX-License-Identifier: Apache-2.0 */
/* Which kind of packet leaves next, and what keeps all of them back. */
#include "client_fixture.h"

#include "stream/core/endpoint_internal.h"
#include "stream/core/schedule.h"
#include "stream/core/settle.h"

typedef enum kind { NOTHING, MONEY, BYTES, CLOSE, OTHER } kind;

static unsigned in_flight = 4096;

static void few(rill_connection_options *o)
{
    o->max_in_flight = in_flight;
    o->max_packet_amount = 100;
}

/* The next packet of the connection, as its server reads it. */
static kind step(client *c)
{
    rill_prepare prepare;
    size_t len = 0;
    const rill_turn turn = {
        .now = c->now, .packet = c->packet, .len = &len, .request = &c->request};
    assert_int_equal(rill_connection_next_packet(c->connection, &turn), RILL_OK);
    rill_settle(c->connection, c->now.mono_ns);
    if (len == 0) /* the one before is still there, to be answered */
        return NOTHING;
    c->len = len;
    assert_int_equal(rill_prepare_decode(&prepare, c->packet, c->len), RILL_OK);
    c->amount = prepare.amount;
    raw_read(&c->server, c->packet, c->len, &question);
    if (raw_find(&question, RILL_FRAME_CONNECTION_CLOSE))
        return CLOSE;
    if (c->amount > 0)
        return MONEY;
    return raw_find(&question, RILL_FRAME_STREAM_DATA) ? BYTES : OTHER;
}

/* Its first words have been answered, and nothing is left to be said. */
static void open_quiet(client *c)
{
    open_client_with(c, few);
    while (step(c) != NOTHING)
        fulfill(c, 0, NULL, 0);
}

static void want(client *c, uint64_t money, size_t bytes)
{
    static const uint8_t data[10000];
    size_t accepted;
    if (money > 0)
        assert_int_equal(rill_stream_set_send_max(c->stream, totals(c).send_max + money), RILL_OK);
    if (bytes > 0)
        assert_int_equal(rill_stream_write(c->stream, data, bytes, &accepted), RILL_OK);
}

static void test_the_first_packet_says_who_we_are(void **state)
{
    client c;
    (void)state;
    open_client_with(&c, few);
    assert_int_equal(step(&c), OTHER);
    assert_non_null(raw_find(&question, RILL_FRAME_CONNECTION_NEW_ADDRESS));
    assert_non_null(raw_find(&question, RILL_FRAME_CONNECTION_ASSET_DETAILS));
    assert_int_equal(step(&c), NOTHING);
    close_client(&c);
}

/* Neither keeps the other from sending, whichever has more. */
static void test_money_and_bytes_take_turns(void **state)
{
    client c;
    (void)state;
    open_quiet(&c);
    want(&c, 10000, 10000);
    unsigned sent[OTHER + 1] = {0};
    kind last = NOTHING;
    for (unsigned i = 0; i < 8; i++) {
        kind now = step(&c);
        assert_true(now == MONEY || now == BYTES);
        assert_true(last == NOTHING || now != last);
        last = now;
        sent[now]++;
        want(&c, 0, 1);
    }
    assert_true(sent[MONEY] == 4 && sent[BYTES] == 4);
    close_client(&c);
}

/* Each of the three keeps back its own kind, until its time has come. */
static void test_holdoffs(void **state)
{
    client c;
    (void)state;
    open_quiet(&c);
    rill_holdoffs *h = &c.connection->holdoffs;
    uint64_t now = c.now.mono_ns;
    want(&c, 1000, 10);
    h->path.until = now + 1;
    assert_int_equal(step(&c), NOTHING);
    h->path.until = now;
    h->refusals.until = now + 1;
    assert_int_equal(step(&c), BYTES);
    assert_int_equal(step(&c), NOTHING);
    h->refusals.until = now;
    h->plain.until = now + 1;
    want(&c, 0, 10);
    assert_int_equal(step(&c), MONEY);
    assert_int_equal(step(&c), MONEY);
    h->plain.until = now;
    h->refusals.until = now + 1;
    assert_int_equal(step(&c), BYTES);
    close_client(&c);
}

static void test_no_more_packets_than_may_be_in_flight(void **state)
{
    client c;
    (void)state;
    in_flight = 2;
    open_quiet(&c);
    in_flight = 4096;
    want(&c, 1000, 0);
    assert_int_equal(step(&c), MONEY);
    assert_int_equal(step(&c), MONEY);
    assert_int_equal(step(&c), NOTHING);
    fulfill(&c, 100, NULL, 0);
    assert_int_equal(step(&c), MONEY);
    assert_int_equal(step(&c), NOTHING);
    close_client(&c);
}

/* An address that nobody has answered from may be a third party's: it gets five packets. */
static void test_an_address_that_nobody_has_answered_from(void **state)
{
    client c;
    (void)state;
    open_quiet(&c);
    c.connection->peer.validated = false;
    want(&c, 10000, 0);
    for (unsigned i = 0; i < 5; i++)
        assert_int_equal(step(&c), MONEY);
    assert_int_equal(step(&c), NOTHING);
    c.connection->peer.validated = true;
    assert_int_equal(step(&c), MONEY);
    close_client(&c);
}

/* A packet has the next number, and its record is found by the name that the link gets. */
static void test_a_packet_and_its_record(void **state)
{
    client c;
    (void)state;
    open_quiet(&c);
    uint64_t next_number = c.connection->numbers.next;
    uint64_t sent = c.connection->counts.packets_sent;
    want(&c, 7, 0);
    assert_int_equal(step(&c), MONEY);
    assert_true(question.sequence == next_number && c.connection->numbers.next == next_number + 1);
    assert_true(c.connection->counts.packets_sent == sent + 1);
    const rill_flight *f = rill_flight_find(c.endpoint->flights, c.request);
    assert_non_null(f);
    assert_true(f->connection == c.connection && f->sequence == next_number && f->amount == 7);
    /* The reply may be on its way for a second after the packet has expired. */
    assert_true(f->expires_ns ==
                c.now.mono_ns + c.connection->options->packet_lifetime_ns + RILL_SECOND);
    close_client(&c);
}

/* The close leaves alone, once; and again where the path refused it, when its time has come. */
static void test_a_close(void **state)
{
    client c;
    (void)state;
    open_quiet(&c);
    want(&c, 1000, 1000);
    rill_connection_close(c.connection, RILL_CLOSE_NO_ERROR, "enough");
    assert_int_equal(step(&c), CLOSE);
    assert_int_equal(c.amount, 0);
    assert_null(raw_find(&question, RILL_FRAME_STREAM_DATA));
    assert_int_equal(step(&c), NOTHING);
    c.connection->closing.sent = false;
    c.connection->closing.again_at = c.now.mono_ns + 1;
    assert_int_equal(step(&c), NOTHING);
    c.connection->closing.again_at = c.now.mono_ns;
    assert_int_equal(step(&c), CLOSE);
    close_client(&c);
}

/* For a reason that may be gone soon, and while there is time to send it again. */
static void refused_on_the_way(client *c)
{
    rill_endpoint_timeout(c->endpoint, c->now);
    assert_true(c->connection->closing.deadline > c->now.mono_ns);
    connector_says(c, RILL_ILP_T00_INTERNAL_ERROR);
}

/* It is over, and its end was fetched: nothing is waited for. */
static void assert_ended(const client *c)
{
    assert_int_equal(c->events[RILL_EVENT_CONNECTION_END], 1);
    assert_int_equal(c->end_error, RILL_ERR_EXHAUSTED);
}

/* All packets of the key but one have been sent: the last is the close's, and it is not sent again.
 */
static void test_the_last_packet_of_a_key(void **state)
{
    client c;
    (void)state;
    open_quiet(&c);
    want(&c, 1000, 0);
    c.connection->numbers.given = RILL_MAX_PACKETS - 2;
    assert_int_equal(step(&c), MONEY);
    fulfill(&c, 100, NULL, 0);
    assert_int_equal(step(&c), CLOSE);
    assert_true(c.connection->numbers.given == RILL_MAX_PACKETS);
    assert_int_equal(c.connection->closing.error, RILL_ERR_EXHAUSTED);
    refused_on_the_way(&c);
    assert_ended(&c);
    close_client(&c);
}

/* To a server that is not Rill the number says how many there were: it takes none from 2^31 on. */
static void test_the_last_number(void **state)
{
    client c;
    (void)state;
    open_quiet(&c);
    want(&c, 1000, 0);
    c.connection->numbers.next = RILL_NUMBER_LIMIT - 1;
    assert_int_equal(step(&c), CLOSE);
    assert_true(question.sequence == RILL_NUMBER_LIMIT - 1);
    refused_on_the_way(&c);
    assert_ended(&c);
    close_client(&c);
}

/* Those before it with the same key have left it nothing: it ends without a word. */
static void test_a_key_of_which_nothing_is_left(void **state)
{
    client c;
    (void)state;
    open_quiet(&c);
    want(&c, 1000, 0);
    c.connection->numbers.given = RILL_MAX_PACKETS;
    assert_int_equal(step(&c), NOTHING);
    assert_true(c.connection->numbers.given == RILL_MAX_PACKETS);
    take_events(&c);
    assert_ended(&c);
    close_client(&c);
}

/* Nobody to send to. */
static void test_a_peer_without_an_address(void **state)
{
    client c;
    (void)state;
    open_quiet(&c);
    want(&c, 1000, 10);
    char *address = c.connection->peer.address;
    c.connection->peer.address = NULL;
    assert_int_equal(step(&c), NOTHING);
    c.connection->peer.address = address;
    assert_int_not_equal(step(&c), NOTHING);
    close_client(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_first_packet_says_who_we_are),
        cmocka_unit_test(test_money_and_bytes_take_turns),
        cmocka_unit_test(test_holdoffs),
        cmocka_unit_test(test_no_more_packets_than_may_be_in_flight),
        cmocka_unit_test(test_an_address_that_nobody_has_answered_from),
        cmocka_unit_test(test_a_packet_and_its_record),
        cmocka_unit_test(test_a_close),
        cmocka_unit_test(test_the_last_packet_of_a_key),
        cmocka_unit_test(test_the_last_number),
        cmocka_unit_test(test_a_key_of_which_nothing_is_left),
        cmocka_unit_test(test_a_peer_without_an_address),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
