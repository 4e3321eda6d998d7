/* SPDX-License-Identifier: Apache-2.0 */
/* What a receiver's totals say about money whose reply never came. The server is our own. */
#include "client_fixture.h"

#include "support/pair.h"

#include "stream/core/connection_internal.h"
#include <rill/waiting.h>

#define EXPIRY (31 * RILL_SECOND)

static rill_stream_totals of(const rill_stream *s)
{
    rill_stream_totals t;
    rill_stream_get_totals(s, &t);
    return t;
}

static rill_frame told(const rill_stream *s, uint64_t total)
{
    return (rill_frame){.type = RILL_FRAME_STREAM_MAX_MONEY,
                        .stream = rill_stream_id(s),
                        .value = UINT64_MAX,
                        .total = total};
}

static void half(rill_connection_options *o)
{
    o->min_rate = (rill_ratio){1, 2};
}

/* So low that streams share packets. What the receiver rounds off of each is allowed for. */
static void two_fifths(rill_connection_options *o)
{
    o->min_rate = (rill_ratio){2, 5};
}

/* Where the client takes packets: it says so in its first. */
static void learn_address(client *c)
{
    const rill_frame *frame = raw_find(&question, RILL_FRAME_CONNECTION_NEW_ADDRESS);
    assert_non_null(frame);
    assert_true(frame->text.len < sizeof c->server.destination);
    memcpy(c->server.destination, frame->text.data, frame->text.len);
    c->server.destination[frame->text.len] = '\0';
}

/* 100 units are sent, have arrived at that rate, and are told. */
static void open_paid(client *c, void (*change)(rill_connection_options *), uint64_t arrived)
{
    open_client_with(c, change);
    rill_frame total = told(c->stream, arrived);
    assert_int_equal(rill_stream_set_send_max(c->stream, 100), RILL_OK);
    assert_true(next(c));
    assert_int_equal(c->amount, 100);
    learn_address(c);
    fulfill(c, arrived, &total, 1);
    assert_int_equal(totals(c).sent, 100);
}

/* The next packet carries so much, and has no reply. */
static void lose(client *c, uint64_t amount)
{
    assert_true(next(c));
    assert_int_equal(c->amount, amount);
    rill_endpoint_unanswered(c->endpoint, c->now, c->request, true);
}

static void lose_more(client *c, uint64_t more)
{
    assert_int_equal(
        rill_stream_set_send_max(c->stream, totals(c).sent + totals(c).in_flight + more), RILL_OK);
    lose(c, more);
}

static void expire(client *c)
{
    c->now.mono_ns += EXPIRY;
    c->now.wall_ms += EXPIRY / MS;
    rill_endpoint_timeout(c->endpoint, c->now);
}

static bool asks(client *c)
{
    return next(c) && c->amount == 0 && raw_find(&question, RILL_FRAME_STREAM_MONEY_BLOCKED);
}

static void answer_with(client *c, uint64_t total)
{
    rill_frame frame = told(c->stream, total);
    assert_true(asks(c));
    fulfill(c, 0, &frame, 1);
}

/* Nobody answers what is said in a reply. */
static void test_a_reply_is_no_place_for_the_question(void **state)
{
    client c;
    raw_reply reply;
    (void)state;
    open_paid(&c, NULL, 100);
    lose_more(&c, 50);
    expire(&c);
    raw_send(&c.server, c.endpoint, c.now, &(raw_packet){0}, &reply);
    assert_true(reply.authentic);
    answer_with(&c, 150);
    assert_int_equal(totals(&c).sent, 150);
    assert_int_equal(totals(&c).in_flight, 0);
    close_client(&c);
}

/* A packet with money may be decided on for long, and other replies may tell meanwhile. */
static void test_the_question_does_not_travel_with_money(void **state)
{
    client c;
    rill_stream *other;
    bool asked = false;
    (void)state;
    open_paid(&c, NULL, 100);
    for (unsigned turn = 0; turn < 2; turn++) {
        lose_more(&c, 50);
        expire(&c);
        assert_int_equal(rill_connection_open_stream(c.connection, &other), RILL_OK);
        assert_int_equal(rill_stream_set_send_max(other, 10), RILL_OK);
        asked = false;
        for (unsigned i = 0; i < 2; i++) {
            assert_true(next(&c));
            bool blocked = raw_find(&question, RILL_FRAME_STREAM_MONEY_BLOCKED) != NULL;
            assert_false(blocked && c.amount > 0);
            asked = asked || blocked;
            rill_frame frame = told(c.stream, 150 + 50 * turn);
            fulfill(&c, c.amount, &frame, blocked ? 1 : 0);
        }
        assert_true(asked);
        assert_int_equal(totals(&c).sent, 150 + 50 * turn);
        size_t accepted; /* so that money and other packets take turns the other way round */
        assert_int_equal(rill_stream_write(c.stream, "x", 1, &accepted), RILL_OK);
        assert_true(next(&c));
        fulfill(&c, 0, NULL, 0);
    }
    close_client(&c);
}

/*
 * Packets of both: 50 and 10 that were lost, 50 and 30 that arrived. Which of
 * the first stream's arrived is not known, and does not matter to the second.
 */
static void test_shared_packets_of_the_same_size(void **state)
{
    client c;
    rill_stream *other;
    (void)state;
    open_paid(&c, NULL, 100);
    assert_int_equal(rill_connection_open_stream(c.connection, &other), RILL_OK);
    assert_int_equal(rill_stream_set_send_max(c.stream, 150), RILL_OK);
    assert_int_equal(rill_stream_set_send_max(other, 10), RILL_OK);
    lose(&c, 60);
    assert_int_equal(rill_stream_set_send_max(c.stream, 200), RILL_OK);
    assert_int_equal(rill_stream_set_send_max(other, 40), RILL_OK);
    lose(&c, 80);
    expire(&c);
    rill_frame frames[2] = {told(c.stream, 150), told(other, 30)};
    assert_true(asks(&c));
    fulfill(&c, 0, frames, 2);
    assert_int_equal(totals(&c).sent, 150);
    assert_int_equal(totals(&c).in_flight, 0);
    assert_int_equal(of(other).sent, 30);
    assert_int_equal(of(other).in_flight, 0);
    close_client(&c);
}

/*
 * One of two packets that bring the same has arrived. The difference of their amounts is in doubt.
 */
static void test_what_brings_the_same_is_not_the_same(void **state)
{
    client c;
    (void)state;
    open_paid(&c, half, 50);
    lose_more(&c, 3); /* first: what loses to rounding leaves alone */
    lose_more(&c, 2);
    expire(&c);
    answer_with(&c, 51);
    assert_int_equal(totals(&c).sent, 102);
    assert_int_equal(totals(&c).in_flight, 1);
    assert_int_equal(totals(&c).in_doubt, 1);
    close_client(&c);
}

/* An amount that is too small to bring anything may have been taken, or not. */
static void test_dust_stays_in_doubt(void **state)
{
    client c;
    (void)state;
    open_paid(&c, half, 50);
    lose_more(&c, 1); /* first: it is sent if nothing else is under way */
    lose_more(&c, 100);
    expire(&c);
    answer_with(&c, 100);
    assert_int_equal(totals(&c).sent, 200);
    assert_int_equal(totals(&c).in_flight, 1);
    assert_int_equal(totals(&c).in_doubt, 1);
    close_client(&c);
}

/* 101 units of both arrive as 50: 25 and 24, and the one that is left is the first stream's. */
static void test_what_sharing_rounds_away_is_allowed_for(void **state)
{
    client c;
    rill_stream *other;
    (void)state;
    open_paid(&c, two_fifths, 50);
    assert_int_equal(rill_connection_open_stream(c.connection, &other), RILL_OK);
    assert_int_equal(rill_stream_set_send_max(c.stream, 151), RILL_OK);
    assert_int_equal(rill_stream_set_send_max(other, 50), RILL_OK);
    lose(&c, 101);
    expire(&c);
    rill_frame frames[2] = {told(c.stream, 76), told(other, 24)};
    assert_true(asks(&c));
    fulfill(&c, 0, frames, 2);
    assert_int_equal(totals(&c).sent, 151);
    assert_int_equal(of(other).sent, 50);
    assert_int_equal(of(other).in_flight, 0);
    close_client(&c);
}

/* 31, 30, 30 and 7: the largest of them is not a part of every sum. */
static void test_a_sum_is_found_without_the_largest(void **state)
{
    static const uint64_t lost[] = {31, 30, 30, 7};
    static const struct {
        uint64_t arrived;
        uint64_t sent;
    } cases[] = {{0, 0},   {60, 60}, {61, 61}, {37, 37}, {67, 67},
                 {91, 91}, {98, 98}, {38, 38}, {62, 0},  {14, 0}};
    (void)state;
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        client c;
        open_paid(&c, NULL, 100);
        for (unsigned k = 0; k < sizeof lost / sizeof lost[0]; k++)
            lose_more(&c, lost[k]);
        expire(&c);
        answer_with(&c, 100 + cases[i].arrived);
        assert_int_equal(totals(&c).sent, 100 + cases[i].sent);
        assert_int_equal(totals(&c).in_doubt, cases[i].sent == cases[i].arrived ? 0 : 98);
        close_client(&c);
    }
}

/* What has arrived of it is not what arrives of the next one. */
static void test_what_stays_in_doubt_explains_nothing_later(void **state)
{
    client c;
    (void)state;
    open_paid(&c, NULL, 100);
    lose_more(&c, 100);
    expire(&c);
    answer_with(&c, 150); /* at another rate */
    assert_int_equal(totals(&c).in_doubt, 100);
    lose_more(&c, 50);
    expire(&c);
    answer_with(&c, 150);
    assert_int_equal(totals(&c).sent, 100);
    assert_int_equal(totals(&c).in_flight, 100);
    lose(&c, 50);
    close_client(&c);
}

/* ... nor if nobody said how much of it did. */
static void test_after_a_silence_nothing_is_known(void **state)
{
    client c;
    (void)state;
    open_paid(&c, NULL, 100);
    lose_more(&c, 50);
    expire(&c);
    assert_true(asks(&c));
    fulfill(&c, 0, NULL, 0);
    assert_int_equal(totals(&c).in_doubt, 50);
    lose_more(&c, 50);
    expire(&c);
    answer_with(&c, 150);
    assert_int_equal(totals(&c).sent, 100);
    assert_int_equal(totals(&c).in_doubt, 100);
    /* But from then on. */
    lose_more(&c, 50);
    expire(&c);
    answer_with(&c, 200);
    assert_int_equal(totals(&c).sent, 150);
    assert_int_equal(totals(&c).in_doubt, 100);
    close_client(&c);
}

/* The reference loses what cannot be divided among streams. So it tells less than we believe. */
static void test_what_counts_is_how_much_the_total_rose(void **state)
{
    client c;
    rill_frame total;
    (void)state;
    open_client(&c);
    total = told(c.stream, 99);
    assert_int_equal(rill_stream_set_send_max(c.stream, 100), RILL_OK);
    assert_true(next(&c));
    fulfill(&c, 100, &total, 1);
    lose_more(&c, 50);
    expire(&c);
    answer_with(&c, 149);
    assert_int_equal(totals(&c).in_doubt, 50);
    lose_more(&c, 50);
    lose_more(&c, 40);
    expire(&c);
    answer_with(&c, 199);
    assert_int_equal(totals(&c).sent, 150);
    assert_int_equal(totals(&c).in_doubt, 50);
    close_client(&c);
}

/* The first of two packets is answered when both have arrived, and the second never. */
static void test_a_total_amid_money_is_no_mark(void **state)
{
    client c;
    rill_frame total;
    static uint8_t packet[RILL_PACKET_BUFFER];
    (void)state;
    open_paid(&c, NULL, 100);
    assert_int_equal(rill_stream_set_send_max(c.stream, 150), RILL_OK);
    assert_true(next(&c));
    uint64_t request = c.request;
    size_t len = c.len;
    memcpy(packet, c.packet, len);
    lose_more(&c, 50);
    total = told(c.stream, 200);
    len = raw_answer(&c.server, packet, len, true, 0, 50, &total, 1, answer);
    assert_int_equal(rill_endpoint_receive_reply(c.endpoint, c.now, request, answer, len), RILL_OK);
    assert_int_equal(totals(&c).sent, 150);
    expire(&c);
    answer_with(&c, 200);
    assert_int_equal(totals(&c).sent, 200);
    assert_int_equal(totals(&c).in_flight, 0);
    close_client(&c);
}

/* A refusal that does not tell is an answer as well. */
static void test_who_refuses_without_telling_is_not_waited_for(void **state)
{
    client c;
    (void)state;
    open_paid(&c, NULL, 100);
    lose_more(&c, 50);
    expire(&c);
    assert_true(asks(&c));
    refuse(&c, 0, NULL, 0);
    assert_int_equal(totals(&c).sent, 100);
    assert_int_equal(totals(&c).in_doubt, 50);
    /* Its money goes on. */
    assert_int_equal(rill_stream_set_send_max(c.stream, 160), RILL_OK);
    assert_true(next(&c));
    assert_int_equal(c.amount, 10);
    close_client(&c);
}

/* A connector refused what the receiver had taken: the next total shows it. */
static void test_what_a_connector_kept_is_seen_in_time(void **state)
{
    client c;
    rill_frame total;
    (void)state;
    open_paid(&c, NULL, 100);
    assert_int_equal(rill_stream_set_send_max(c.stream, 130), RILL_OK);
    assert_true(next(&c));
    connector_says(&c, RILL_ILP_R00_TRANSFER_TIMED_OUT);
    assert_true(next(&c));
    assert_int_equal(c.amount, 30);
    total = told(c.stream, 160);
    fulfill(&c, 30, &total, 1);
    assert_int_equal(totals(&c).sent, 130);
    lose_more(&c, 30);
    lose_more(&c, 40);
    expire(&c);
    answer_with(&c, 200);
    assert_int_equal(totals(&c).sent, 170);
    assert_int_equal(totals(&c).in_flight, 0);
    close_client(&c);
}

/* Totals never fall, also not below what was told. */
static void test_a_total_below_an_earlier_one_tells_nothing(void **state)
{
    client c;
    rill_frame total;
    raw_reply reply;
    (void)state;
    open_paid(&c, NULL, 100);
    total = told(c.stream, 150);
    raw_send(&c.server, c.endpoint, c.now, &(raw_packet){.frames = &total, .frame_count = 1},
             &reply);
    assert_true(reply.authentic);
    lose_more(&c, 20);
    expire(&c);
    answer_with(&c, 120);
    assert_int_equal(totals(&c).sent, 100);
    assert_int_equal(totals(&c).in_doubt, 20);
    close_client(&c);
}

/* A connector that removes the receiver's word from a Fulfill makes it unknown how much arrived. */
static void test_what_a_stripped_reply_said_is_not_guessed(void **state)
{
    client c;
    uint8_t fulfillment[32];
    rill_fulfill stripped;
    size_t len;
    (void)state;
    open_client_with(&c, half);
    assert_int_equal(rill_stream_set_send_max(c.stream, 100), RILL_OK);
    assert_true(next(&c));
    len = raw_answer(&c.server, c.packet, c.len, true, 0, 100, NULL, 0, answer);
    assert_int_equal(rill_fulfill_decode(&stripped, answer, len), RILL_OK);
    memcpy(fulfillment, stripped.fulfillment, sizeof fulfillment);
    stripped = (rill_fulfill){.fulfillment = fulfillment};
    assert_int_equal(rill_fulfill_encode(&stripped, answer, sizeof answer, &len), RILL_OK);
    give(&c, len);
    assert_int_equal(totals(&c).sent, 100);
    lose_more(&c, 10);
    expire(&c);
    answer_with(&c, 100);
    assert_int_equal(totals(&c).sent, 100);
    assert_int_equal(totals(&c).in_doubt, 10);
    close_client(&c);
}

/* ---- records ---- */

static void no_replies(pair *p, pair_packet *packet)
{
    if (packet->from == PAIR_CLIENT && *(bool *)p->user)
        packet->action = PAIR_IN_DOUBT;
}

/* However many records wait for an answer: the question can leave. */
static void test_records_of_what_is_lost_leave_room_for_the_question(void **state)
{
    pair p;
    bool cut = true;
    pair_options o = pair_defaults();
    (void)state;
    o.connection.max_in_flight = 1;
    o.connection.idle_timeout_ns = 0;
    o.accepted.idle_timeout_ns = 0;
    pair_open(&p, &o);
    rill_stream *s = pair_stream_open(&p, PAIR_CLIENT);
    pair_write(s, "x", 1);
    p.maximum[PAIR_CLIENT] = 10;
    pair_run(&p, RILL_SECOND);
    assert_int_equal(rill_stream_send_total(s, 50, RILL_NEVER), RILL_OK);
    pair_run(&p, RILL_SECOND);
    assert_int_equal(of(s).sent, 50);
    p.on_packet = no_replies;
    p.user = &cut;
    assert_int_equal(rill_stream_set_send_max(s, 1000), RILL_OK);
    pair_run(&p, 70 * RILL_SECOND);
    assert_true(of(s).in_doubt >= 160);
    cut = false;
    pair_run(&p, 40 * RILL_SECOND);
    assert_int_equal(of(s).sent, 1000);
    assert_int_equal(of(s).in_flight, 0);
    assert_int_equal(pair_seen(&p, PAIR_SERVER, rill_stream_id(s))->money, 1000);
    pair_check_books(&p);
    pair_close(&p);
}

static void pay_more(client *c, uint64_t amount, uint64_t arrived, uint64_t total)
{
    rill_frame frame = told(c->stream, total);
    assert_int_equal(rill_stream_set_send_max(c->stream, totals(c).sent + amount), RILL_OK);
    assert_true(next(c));
    assert_int_equal(c->amount, amount);
    fulfill(c, arrived, &frame, 1);
}

/*
 * A hop in the middle takes whole hundreds: of 150 units 100 arrive, though the rate is one. So
 * three such packets bring what two of them would, if nothing were rounded.
 */
static void test_what_a_middle_hop_rounds_off_is_allowed_for(void **state)
{
    (void)state;
    for (unsigned known = 0; known < 2; known++) {
        client c;
        open_client_with(&c, half);
        assert_int_equal(rill_stream_set_send_max(c.stream, 100), RILL_OK);
        assert_true(next(&c));
        learn_address(&c);
        rill_frame frame = told(c.stream, 100);
        fulfill(&c, 100, &frame, 1);
        pay_more(&c, 10000, 10000, 10100);
        pay_more(&c, 150, 100, 10200);
        uint64_t sent = 10250, total = 10200;
        if (known) {
            pay_more(&c, 10000, 10000, 20200);
            sent += 10000;
            total += 10000;
        }
        for (unsigned i = 0; i < 3; i++)
            lose_more(&c, 150);
        expire(&c);
        answer_with(&c, total + 300);
        assert_int_equal(totals(&c).sent + totals(&c).in_doubt, sent + 450);
        assert_int_equal(totals(&c).in_flight, totals(&c).in_doubt);
        close_client(&c);
    }
}

/* interledger-rs tells that nothing has come, and that it takes anything, of whatever has. */
static void test_who_does_not_count_is_not_believed(void **state)
{
    (void)state;
    for (unsigned answered = 0; answered < 3; answered++) {
        client c;
        rill_frame nothing;
        open_client_with(&c, NULL);
        nothing = told(c.stream, 0);
        if (answered == 2) { /* before there was money */
            assert_true(next(&c));
            learn_address(&c);
            fulfill(&c, 0, &nothing, 1);
        }
        assert_int_equal(rill_stream_set_send_max(c.stream, 100), RILL_OK);
        if (answered == 1) {
            assert_true(next(&c));
            learn_address(&c);
            fulfill(&c, 100, &nothing, 1);
            assert_int_equal(totals(&c).sent, 100);
            lose_more(&c, 50);
        } else {
            lose(&c, 100);
        }
        expire(&c);
        while (next(&c)) {
            assert_int_equal(c.amount, 0);
            fulfill(&c, 0, &nothing, 1);
        }
        assert_int_equal(totals(&c).sent, answered == 1 ? 100 : 0);
        assert_int_equal(totals(&c).in_doubt, answered == 1 ? 50 : 100);
        close_client(&c);
    }
}

/* Money that is in doubt for good is not under way: it frees no place, and nobody waits for it. */
static void test_who_is_in_doubt_asks_for_a_higher_maximum(void **state)
{
    client c;
    rill_waiting waits;
    (void)state;
    open_client_with(&c, NULL);
    rill_frame full = told(c.stream, 0);
    full.value = 0;
    assert_int_equal(rill_stream_set_send_max(c.stream, 100), RILL_OK);
    lose(&c, 100);
    expire(&c);
    while (totals(&c).in_doubt != totals(&c).in_flight ||
           c.connection->path->flights.lost_count > 0) {
        assert_true(next(&c));
        fulfill(&c, 0, &full, 1);
    }
    assert_int_equal(totals(&c).in_doubt, 100);
    assert_int_equal(rill_stream_set_send_max(c.stream, 140), RILL_OK);
    for (unsigned i = 0; i < 5; i++) {
        assert_true(asks(&c));
        fulfill(&c, 0, NULL, 0);
    }
    rill_connection_get_waiting(c.connection, &waits);
    assert_int_equal(waits.reason, RILL_WAIT_RECEIVE_MAX);
    assert_true(next(&c));
    full.value = 40;
    fulfill(&c, 0, &full, 1);
    assert_true(next(&c));
    assert_int_equal(c.amount, 40);
    close_client(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_a_middle_hop_rounds_off_is_allowed_for),
        cmocka_unit_test(test_who_is_in_doubt_asks_for_a_higher_maximum),
        cmocka_unit_test(test_who_does_not_count_is_not_believed),
        cmocka_unit_test(test_a_reply_is_no_place_for_the_question),
        cmocka_unit_test(test_the_question_does_not_travel_with_money),
        cmocka_unit_test(test_shared_packets_of_the_same_size),
        cmocka_unit_test(test_what_brings_the_same_is_not_the_same),
        cmocka_unit_test(test_dust_stays_in_doubt),
        cmocka_unit_test(test_what_sharing_rounds_away_is_allowed_for),
        cmocka_unit_test(test_a_sum_is_found_without_the_largest),
        cmocka_unit_test(test_what_stays_in_doubt_explains_nothing_later),
        cmocka_unit_test(test_after_a_silence_nothing_is_known),
        cmocka_unit_test(test_what_counts_is_how_much_the_total_rose),
        cmocka_unit_test(test_a_total_amid_money_is_no_mark),
        cmocka_unit_test(test_who_refuses_without_telling_is_not_waited_for),
        cmocka_unit_test(test_what_a_connector_kept_is_seen_in_time),
        cmocka_unit_test(test_a_total_below_an_earlier_one_tells_nothing),
        cmocka_unit_test(test_what_a_stripped_reply_said_is_not_guessed),
        cmocka_unit_test(test_records_of_what_is_lost_leave_room_for_the_question),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
