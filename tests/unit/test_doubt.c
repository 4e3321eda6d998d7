/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Money whose reply never came: the receiver is asked, and nothing is paid twice.
 *
 * Over 600 lines: each way in which doubt ends is a few lines on the same beginning.
 */
#include "client_fixture.h"

#include "support/pair.h"

#define EXPIRY (31 * RILL_SECOND)

static rill_stream_totals of(const rill_stream *s)
{
    rill_stream_totals t;
    rill_stream_get_totals(s, &t);
    return t;
}

/* What becomes of the client's packets with money, in the order of sending. */
typedef struct fate {
    pair_action actions[8];
    unsigned count;
    unsigned at;
    unsigned questions_lost; /* of its packets without money, the first */
    unsigned questions;
} fate;

static void decide(pair *p, pair_packet *packet)
{
    fate *f = p->user;
    if (packet->from != PAIR_CLIENT)
        return;
    if (packet->amount > 0 && f->at < f->count) {
        packet->action = f->actions[f->at++];
    } else if (packet->amount == 0) {
        packet->action = f->questions < f->questions_lost ? PAIR_DROP : PAIR_PASS;
        f->questions++;
    }
}

/* Packets of 50 units; the connection has worked. */
static rill_stream *opened(pair *p, fate *f)
{
    p->maximum[PAIR_CLIENT] = 50;
    rill_stream *s = pair_stream_open(p, PAIR_CLIENT);
    assert_int_equal(rill_stream_send_total(s, 200, RILL_NEVER), RILL_OK);
    pair_run(p, RILL_SECOND);
    assert_int_equal(of(s).sent, 200);
    p->end[PAIR_CLIENT].events[RILL_EVENT_SEND_TOTAL_END] = 0;
    p->on_packet = decide;
    p->user = f;
    return s;
}

/* 400 units more than the 200 that are sent. Expired, and not an instant later. */
static void lose_some(pair *p, rill_stream *s)
{
    assert_int_equal(rill_stream_send_total(s, 600, RILL_NEVER), RILL_OK);
    pair_run(p, 30 * RILL_SECOND);
    assert_true(of(s).in_flight > 0);
    assert_int_equal(of(s).sent + of(s).in_flight, 600);
    pair_check_books(p);
}

static void test_money_stays_in_doubt_until_it_has_expired(void **state)
{
    pair *p = *state;
    fate f = {.actions = {PAIR_IN_DOUBT, PAIR_LOSE_REPLY}, .count = 2};
    rill_stream *s = opened(p, &f);
    assert_int_equal(rill_stream_send_total(s, 300, p->now.mono_ns + RILL_SECOND), RILL_OK);
    pair_run(p, 20 * RILL_SECOND);
    assert_int_equal(p->end[PAIR_CLIENT].sent_error, RILL_ERR_TIMEOUT);
    assert_int_equal(of(s).sent, 200);
    assert_int_equal(of(s).in_flight, 100);
    assert_int_equal(of(s).in_doubt, 50);
    assert_int_equal(p->end[PAIR_SERVER].fulfilled_in, 300);
    assert_int_equal(f.questions, 0);
    pair_run(p, 15 * RILL_SECOND);
    assert_int_equal(of(s).sent, 300);
    assert_int_equal(of(s).delivered, 300);
    assert_int_equal(of(s).in_flight, 0);
    assert_int_equal(of(s).in_doubt, 0);
    pair_check_books(p);
}

static void test_what_arrived_is_not_paid_again(void **state)
{
    pair *p = *state;
    fate f = {.actions = {PAIR_LOSE_REPLY, PAIR_IN_DOUBT, PAIR_LOSE_REPLY}, .count = 3};
    rill_stream *s = opened(p, &f);
    lose_some(p, s);
    pair_run(p, 5 * RILL_SECOND);
    assert_int_equal(p->end[PAIR_CLIENT].events[RILL_EVENT_SEND_TOTAL_END], 1);
    assert_int_equal(p->end[PAIR_CLIENT].sent_error, RILL_OK);
    assert_int_equal(of(s).sent, 600);
    assert_int_equal(of(s).delivered, 600);
    assert_int_equal(of(s).in_flight, 0);
    assert_int_equal(p->end[PAIR_SERVER].fulfilled_in, 600);
    pair_check_books(p);
}

static void test_what_did_not_arrive_is_paid_again(void **state)
{
    pair *p = *state;
    fate f = {.actions = {PAIR_DROP, PAIR_DROP, PAIR_DROP}, .count = 3};
    rill_stream *s = opened(p, &f);
    lose_some(p, s);
    assert_int_equal(p->end[PAIR_SERVER].fulfilled_in, 450);
    pair_run(p, 5 * RILL_SECOND);
    assert_int_equal(p->end[PAIR_CLIENT].sent_error, RILL_OK);
    assert_int_equal(of(s).sent, 600);
    assert_int_equal(p->end[PAIR_SERVER].fulfilled_in, 600);
    pair_check_books(p);
}

static void test_what_arrived_in_part_is_paid_for_the_rest(void **state)
{
    pair *p = *state;
    fate f = {.actions = {PAIR_DROP, PAIR_LOSE_REPLY, PAIR_DROP, PAIR_IN_DOUBT, PAIR_LOSE_REPLY},
              .count = 5};
    pair_options o = pair_defaults();
    o.connection.min_rate = (rill_ratio){1, 2};
    pair_open(p, &o);
    p->rate[PAIR_CLIENT] = (rill_ratio){51, 100}; /* 50 arrive as 25, with a half rounded away */
    rill_stream *s = opened(p, &f);
    lose_some(p, s);
    pair_run(p, 5 * RILL_SECOND);
    assert_int_equal(p->end[PAIR_CLIENT].sent_error, RILL_OK);
    assert_int_equal(of(s).sent, 600);
    assert_int_equal(of(s).delivered, 300);
    assert_int_equal(of(s).in_flight, 0);
    assert_int_equal(p->end[PAIR_SERVER].fulfilled_in, 300);
    pair_check_books(p);
}

/* At another rate than is known nothing explains what arrived: not to be taken for either. */
static void test_what_cannot_be_explained_stays_in_doubt(void **state)
{
    pair *p = *state;
    fate f = {.actions = {PAIR_LOSE_REPLY, PAIR_LOSE_REPLY, PAIR_DROP}, .count = 3};
    pair_options o = pair_defaults();
    o.connection.min_rate = (rill_ratio){1, 2};
    pair_open(p, &o);
    rill_stream *s = opened(p, &f);
    p->rate[PAIR_CLIENT] = (rill_ratio){9, 10};
    assert_int_equal(rill_stream_send_total(s, 350, RILL_NEVER), RILL_OK);
    pair_run(p, 35 * RILL_SECOND);
    assert_int_equal(p->end[PAIR_CLIENT].sent_error, RILL_ERR_IN_DOUBT);
    assert_int_equal(of(s).sent, 200);
    assert_int_equal(of(s).in_flight, 150);
    assert_int_equal(of(s).in_doubt, 150);
    assert_int_equal(of(s).delivered, 200);
    pair_check_books(p);
    /* An application that knows better may send more. */
    p->rate[PAIR_CLIENT] = (rill_ratio){1, 1};
    assert_int_equal(rill_stream_send_total(s, 349, RILL_NEVER), RILL_ERR_RANGE);
    assert_int_equal(rill_stream_send_total(s, 400, RILL_NEVER), RILL_OK);
    pair_run(p, RILL_SECOND);
    assert_int_equal(of(s).sent, 250);
    assert_int_equal(p->end[PAIR_CLIENT].sent_error, RILL_ERR_IN_DOUBT);
    pair_check_books(p);
}

static void test_a_question_that_is_lost_is_asked_again(void **state)
{
    pair *p = *state;
    fate f = {.actions = {PAIR_LOSE_REPLY}, .count = 1, .questions_lost = 3};
    rill_stream *s = opened(p, &f);
    lose_some(p, s);
    /* Signs of life, in half a minute of silence; those that are lost are sent again. */
    assert_in_range(f.questions, 0, 4);
    f.questions = 0;
    pair_run(p, 30 * RILL_SECOND);
    assert_in_range(f.questions, 4, 5);
    assert_int_equal(of(s).sent, 600);
    assert_int_equal(p->end[PAIR_SERVER].fulfilled_in, 600);
    pair_check_books(p);
}

/* While one stream asks, and its money waits, the others pay. */
static void test_other_streams_go_on(void **state)
{
    pair *p = *state;
    fate f = {.actions = {PAIR_LOSE_REPLY, PAIR_LOSE_REPLY}, .count = 2, .questions_lost = 1000};
    rill_stream *s = opened(p, &f);
    assert_int_equal(rill_stream_set_send_max(s, 300), RILL_OK);
    pair_run(p, EXPIRY + 500 * RILL_MS);
    assert_int_equal(of(s).in_doubt, 100);
    rill_stream *other = pair_stream_open(p, PAIR_CLIENT);
    assert_int_equal(rill_stream_set_send_max(s, 1000), RILL_OK);
    assert_int_equal(rill_stream_send_total(other, 5000, RILL_NEVER), RILL_OK);
    pair_run(p, 3 * RILL_SECOND);
    assert_int_equal(of(other).sent, 5000);
    assert_int_equal(of(s).sent, 200);
    assert_int_equal(of(s).in_flight, 100);
    f.questions_lost = 0;
    pair_run(p, 10 * RILL_SECOND);
    assert_int_equal(of(s).sent, 1000);
    assert_int_equal(pair_seen(p, PAIR_SERVER, rill_stream_id(s))->money, 1000);
    pair_check_books(p);
}

/* A packet of three streams; two of them lose money in others too, at other times. */
static void test_streams_that_shared_a_packet_are_told_apart(void **state)
{
    pair *p = *state;
    fate f = {.actions = {PAIR_LOSE_REPLY, PAIR_DROP, PAIR_LOSE_REPLY}, .count = 3};
    rill_stream *s[3];
    p->maximum[PAIR_CLIENT] = 60;
    for (unsigned i = 0; i < 3; i++)
        s[i] = pair_stream_open(p, PAIR_CLIENT);
    rill_stream *first = pair_stream_open(p, PAIR_CLIENT);
    assert_int_equal(rill_stream_send_total(first, 60, RILL_NEVER), RILL_OK);
    pair_run(p, 10 * RILL_MS);
    p->on_packet = decide;
    p->user = &f;
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(rill_stream_send_total(s[i], 20 + 40 * i, RILL_NEVER), RILL_OK);
    pair_run(p, 20 * RILL_SECOND);
    assert_int_equal(of(s[0]).in_flight + of(s[1]).in_flight + of(s[2]).in_flight, 180);
    pair_run(p, 20 * RILL_SECOND);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(of(s[i]).sent, 20 + 40 * i);
        assert_int_equal(of(s[i]).in_flight, 0);
        assert_int_equal(pair_seen(p, PAIR_SERVER, rill_stream_id(s[i]))->money, 20 + 40 * i);
    }
    pair_check_books(p);
}

/* Nobody can be asked about a stream that is closed. */
static void test_a_stream_that_closes_leaves_it_in_doubt(void **state)
{
    pair *p = *state;
    fate f = {.actions = {PAIR_LOSE_REPLY, PAIR_LOSE_REPLY}, .count = 2, .questions_lost = 1000};
    rill_stream *s = opened(p, &f);
    assert_int_equal(rill_stream_send_total(s, 300, RILL_NEVER), RILL_OK);
    pair_run(p, EXPIRY + 500 * RILL_MS);
    assert_int_equal(of(s).in_doubt, 100);
    f.questions_lost = 0;
    rill_stream_close(s, RILL_CLOSE_NO_ERROR, NULL);
    assert_int_equal(of(s).in_doubt, 100);
    assert_int_equal(of(s).in_flight, 100);
    pair_run(p, 100 * RILL_MS);
    assert_int_equal(p->end[PAIR_CLIENT].sent_error, RILL_ERR_CLOSED);
    assert_int_equal(rill_connection_end(p->end[PAIR_CLIENT].connection), RILL_OK);
    pair_run(p, EXPIRY + RILL_SECOND); /* the questions are still under way */
    assert_int_equal(p->end[PAIR_CLIENT].events[RILL_EVENT_CONNECTION_END], 1);
    assert_int_equal(p->end[PAIR_CLIENT].last.sent, 200);
    assert_int_equal(p->end[PAIR_CLIENT].last.in_doubt, 100);
    pair_check_books(p);
}

/* ... nor of one that closes while packets of it are under way. */
static void test_a_close_before_the_expiry_leaves_it_in_doubt_too(void **state)
{
    pair *p = *state;
    fate f = {.actions = {PAIR_LOSE_REPLY, PAIR_IN_DOUBT}, .count = 2};
    rill_stream *s = opened(p, &f);
    assert_int_equal(rill_stream_send_total(s, 300, RILL_NEVER), RILL_OK);
    pair_run(p, RILL_SECOND);
    rill_stream_close(s, RILL_CLOSE_NO_ERROR, NULL);
    assert_int_equal(rill_connection_end(p->end[PAIR_CLIENT].connection), RILL_OK);
    pair_run(p, 35 * RILL_SECOND);
    assert_int_equal(p->end[PAIR_CLIENT].events[RILL_EVENT_SEND_TOTAL_END], 1);
    assert_int_equal(p->end[PAIR_CLIENT].sent_error, RILL_ERR_CLOSED);
    assert_int_equal(p->end[PAIR_CLIENT].events[RILL_EVENT_CONNECTION_END], 1);
    assert_int_equal(p->end[PAIR_CLIENT].last.in_doubt, 100);
    assert_int_equal(p->end[PAIR_CLIENT].last.in_flight, 100);
    pair_check_books(p);
}

/* rill_stream_end waits for the answer, and then for the money that it sets free. */
static void test_an_end_waits_for_the_answer(void **state)
{
    pair *p = *state;
    fate f = {.actions = {PAIR_DROP, PAIR_LOSE_REPLY}, .count = 2};
    rill_stream *s = opened(p, &f);
    uint64_t id = rill_stream_id(s);
    assert_int_equal(rill_stream_set_send_max(s, 300), RILL_OK);
    pair_run(p, RILL_SECOND);
    assert_int_equal(rill_stream_end(s), RILL_OK);
    pair_run(p, 35 * RILL_SECOND);
    assert_true(pair_seen(p, PAIR_CLIENT, id)->ended);
    assert_int_equal(pair_seen(p, PAIR_CLIENT, id)->error, RILL_OK);
    assert_int_equal(pair_seen(p, PAIR_SERVER, id)->money, 300);
    pair_check_books(p);
}

/*
 * At most five are under way to a server that has never answered. Those in doubt do not count. A
 * restarted server would tell the same total as one that never got them. So what it does not
 * account for is not sent a second time.
 */
static void test_the_first_packets_stay_in_doubt_where_lost(void **state)
{
    pair *p = *state;
    fate f = {.actions = {PAIR_DROP, PAIR_IN_DOUBT, PAIR_DROP, PAIR_LOSE_REPLY, PAIR_DROP},
              .count = 5,
              .questions_lost = 14};
    pair_options o = pair_defaults();
    o.connection.connect_timeout_ns = 60 * RILL_SECOND;
    pair_open(p, &o);
    p->maximum[PAIR_CLIENT] = 50;
    p->on_packet = decide;
    p->user = &f;
    rill_stream *s = pair_stream_open(p, PAIR_CLIENT);
    assert_int_equal(rill_stream_send_total(s, 250, RILL_NEVER), RILL_OK);
    pair_run(p, 59 * RILL_SECOND);
    assert_int_equal(of(s).sent, 100);
    assert_int_equal(of(s).in_doubt, 150);
    assert_int_equal(p->end[PAIR_CLIENT].sent_error, RILL_ERR_IN_DOUBT);
    assert_int_equal(pair_seen(p, PAIR_SERVER, rill_stream_id(s))->money, 100);
    /* What leaves from now on can be told apart, though it is lost. */
    f.at = 0;
    f.count = 1;
    assert_int_equal(rill_stream_send_total(s, 300, RILL_NEVER), RILL_OK);
    pair_run(p, 40 * RILL_SECOND);
    assert_int_equal(of(s).sent, 150);
    assert_int_equal(of(s).in_doubt, 150);
    pair_check_books(p);
}

/* ---- a server of our own making ---- */

static rill_frame told(uint64_t total)
{
    return (rill_frame){
        .type = RILL_FRAME_STREAM_MAX_MONEY, .stream = 1, .value = 1000000, .total = total};
}

/* The first money of all, in one packet, before anything was answered: it has expired. */
static void open_first_lost(client *c, uint64_t amount, void (*change)(rill_connection_options *))
{
    open_client_with(c, change);
    assert_int_equal(rill_stream_send_total(c->stream, amount, RILL_NEVER), RILL_OK);
    assert_true(next(c));
    assert_int_equal(c->amount, amount);
    const rill_frame *address = raw_find(&question, RILL_FRAME_CONNECTION_NEW_ADDRESS);
    assert_non_null(address);
    memcpy(c->server.destination, address->text.data, address->text.len);
    c->server.destination[address->text.len] = '\0';
    rill_endpoint_unanswered(c->endpoint, c->now, c->request, true);
    c->now.mono_ns += EXPIRY;
    c->now.wall_ms += EXPIRY / MS;
}

/* Another packet is lost later, when the server has answered. That one can be told apart. */
static void test_what_left_before_any_answer_is_not_unsent(void **state)
{
    client c;
    rill_frame total = told(0);
    (void)state;
    open_first_lost(&c, 100, NULL);
    while (!(next(&c) && raw_find(&question, RILL_FRAME_STREAM_MONEY_BLOCKED)))
        fulfill(&c, 0, NULL, 0);
    fulfill(&c, 0, &total, 1);
    assert_int_equal(totals(&c).in_doubt, 100);
    assert_int_equal(totals(&c).sent, 0);
    assert_int_equal(c.events[RILL_EVENT_SEND_TOTAL_END], 1);
    assert_int_equal(rill_stream_send_total(c.stream, 140, RILL_NEVER), RILL_OK);
    for (unsigned i = 0; i < 2; i++) {
        assert_true(next(&c));
        assert_int_equal(c.amount, 40);
        rill_endpoint_unanswered(c.endpoint, c.now, c.request, true);
        c.now.mono_ns += EXPIRY;
        c.now.wall_ms += EXPIRY / MS;
        while (!(next(&c) && raw_find(&question, RILL_FRAME_STREAM_MONEY_BLOCKED)))
            fulfill(&c, 0, NULL, 0);
        assert_int_equal(c.amount, 0);
        fulfill(&c, 0, &total, 1);
        assert_int_equal(totals(&c).in_doubt, 100);
    }
    assert_true(next(&c));
    assert_int_equal(c.amount, 40);
    close_client(&c);
}

static void test_what_left_before_any_answer_may_have_arrived(void **state)
{
    client c;
    rill_frame total = told(100);
    (void)state;
    open_first_lost(&c, 100, NULL);
    while (!(next(&c) && raw_find(&question, RILL_FRAME_STREAM_MONEY_BLOCKED)))
        fulfill(&c, 0, NULL, 0);
    fulfill(&c, 0, &total, 1);
    assert_int_equal(totals(&c).in_doubt, 0);
    assert_int_equal(totals(&c).sent, 100);
    close_client(&c);
}

static void twentieth(rill_connection_options *o)
{
    o->min_rate = (rill_ratio){1, 20};
}

/* So the rest, which brings nothing, is not the end of a payment of which something has arrived. */
static void test_what_is_in_doubt_for_good_brings_nothing(void **state)
{
    client c;
    rill_frame total = told(0);
    (void)state;
    open_first_lost(&c, 30, twentieth);
    while (!(next(&c) && raw_find(&question, RILL_FRAME_STREAM_MONEY_BLOCKED)))
        fulfill(&c, 0, NULL, 0);
    fulfill(&c, 0, &total, 1);
    assert_int_equal(totals(&c).in_doubt, 30);
    assert_int_equal(rill_stream_send_total(c.stream, 40, RILL_NEVER), RILL_OK);
    while (next(&c)) {
        if (c.amount > 0)
            assert_true(question.amount > 0);
        refuse(&c, 0, NULL, 0);
    }
    assert_int_equal(totals(&c).sent, 0);
    assert_int_equal(c.events[RILL_EVENT_SEND_TOTAL_END], 2);
    close_client(&c);
}

/* 100 units are sent, of which so much arrives and is told. */
static void open_told(client *c, uint64_t arrived)
{
    rill_frame total = told(arrived);
    open_client(c);
    assert_int_equal(rill_stream_send_total(c->stream, 100, RILL_NEVER), RILL_OK);
    assert_true(next(c));
    const rill_frame *address = raw_find(&question, RILL_FRAME_CONNECTION_NEW_ADDRESS);
    assert_non_null(address);
    memcpy(c->server.destination, address->text.data, address->text.len);
    c->server.destination[address->text.len] = '\0';
    fulfill(c, arrived, &total, 1);
    assert_int_equal(totals(c).sent, 100);
}

/* 100 more are without a reply, and have expired. */
static void open_lost(client *c)
{
    open_told(c, 100);
    assert_int_equal(rill_stream_send_total(c->stream, 200, RILL_NEVER), RILL_OK);
    assert_true(next(c));
    assert_int_equal(c->amount, 100);
    rill_endpoint_unanswered(c->endpoint, c->now, c->request, true);
    c->now.mono_ns += EXPIRY;
    c->now.wall_ms += EXPIRY / MS;
}

static bool asks(client *c)
{
    return next(c) && c->amount == 0 && raw_find(&question, RILL_FRAME_STREAM_MONEY_BLOCKED);
}

static void test_who_does_not_tell_leaves_it_in_doubt(void **state)
{
    client c;
    (void)state;
    open_lost(&c);
    c.events[RILL_EVENT_SEND_TOTAL_END] = 0;
    assert_true(asks(&c));
    assert_int_equal(totals(&c).in_doubt, 100);
    assert_int_equal(c.events[RILL_EVENT_SEND_TOTAL_END], 0);
    fulfill(&c, 0, NULL, 0);
    assert_int_equal(c.events[RILL_EVENT_SEND_TOTAL_END], 1);
    assert_int_equal(totals(&c).sent, 100);
    assert_int_equal(totals(&c).in_doubt, 100);
    /* Asked once, and never again. */
    assert_false(next(&c) && c.amount > 0);
    assert_int_equal(rill_stream_end(c.stream), RILL_OK);
    assert_true(next(&c));
    fulfill(&c, 0, NULL, 0);
    assert_int_equal(c.events[RILL_EVENT_STREAM_END], 1);
    assert_int_equal(c.stream_error, RILL_ERR_IN_DOUBT);
    close_client(&c);
}

static void test_a_refusal_can_tell_too(void **state)
{
    client c;
    rill_frame total = told(200);
    (void)state;
    open_lost(&c);
    assert_true(asks(&c));
    refuse(&c, 0, &total, 1);
    assert_int_equal(totals(&c).sent, 200);
    assert_int_equal(totals(&c).delivered, 200);
    assert_int_equal(totals(&c).in_flight, 0);
    close_client(&c);
}

/* Totals never fall: one that does is not of what we paid. */
static void test_a_total_that_fell_tells_nothing(void **state)
{
    client c;
    rill_frame total = told(99);
    (void)state;
    open_lost(&c);
    assert_true(asks(&c));
    fulfill(&c, 0, &total, 1);
    assert_int_equal(totals(&c).in_doubt, 100);
    assert_int_equal(totals(&c).sent, 100);
    close_client(&c);
}

static void test_the_total_of_another_time_is_not_the_answer(void **state)
{
    client c;
    rill_frame early = told(100);
    rill_frame late = told(200);
    (void)state;
    open_client(&c);
    assert_int_equal(rill_stream_send_total(c.stream, 100, RILL_NEVER), RILL_OK);
    assert_true(next(&c));
    fulfill(&c, 100, &early, 1);
    /* Two packets: one is lost, and the other is answered when the first has expired. */
    size_t accepted;
    assert_int_equal(rill_stream_send_total(c.stream, 200, RILL_NEVER), RILL_OK);
    assert_true(next(&c));
    assert_int_equal(c.amount, 100);
    c.now.mono_ns += 20 * RILL_SECOND;
    c.now.wall_ms += 20000;
    assert_int_equal(rill_stream_write(c.stream, "x", 1, &accepted), RILL_OK);
    assert_true(next(&c));
    assert_int_equal(c.amount, 0);
    uint64_t request = c.request;
    static uint8_t packet[RILL_PACKET_BUFFER];
    size_t len = c.len;
    memcpy(packet, c.packet, len);
    c.now.mono_ns += 12 * RILL_SECOND;
    c.now.wall_ms += 12000;
    assert_true(asks(&c));
    /* The first answer was made when the money could still be on its way. */
    size_t size = raw_answer(&c.server, packet, len, true, 0, 0, &early, 1, answer);
    assert_int_equal(rill_endpoint_receive_reply(c.endpoint, c.now, request, answer, size),
                     RILL_OK);
    assert_int_equal(totals(&c).in_doubt, 100);
    fulfill(&c, 0, &late, 1);
    assert_int_equal(totals(&c).sent, 200);
    assert_int_equal(totals(&c).in_flight, 0);
    close_client(&c);
}

/* The same word, but not as an answer: its sender may not have known yet. */
static void test_a_total_in_a_packet_of_theirs_is_not_the_answer(void **state)
{
    client c;
    rill_frame total = told(100);
    raw_reply reply;
    (void)state;
    open_lost(&c);
    assert_true(asks(&c));
    raw_send(&c.server, c.endpoint, c.now, &(raw_packet){.frames = &total, .frame_count = 1},
             &reply);
    assert_true(reply.authentic);
    assert_int_equal(totals(&c).in_doubt, 100);
    fulfill(&c, 0, &total, 1);
    assert_int_equal(totals(&c).in_doubt, 0);
    close_client(&c);
}

/* A better rate than is known: all of it has arrived, and more. */
static void test_more_than_was_expected_is_all_of_it(void **state)
{
    client c;
    rill_frame total = told(UINT64_MAX);
    (void)state;
    open_lost(&c);
    assert_true(asks(&c));
    fulfill(&c, 0, &total, 1);
    assert_int_equal(totals(&c).sent, 200);
    assert_int_equal(totals(&c).in_flight, 0);
    close_client(&c);
}

/* ---- the rest of what is divided ---- */

static rill_stream *other_stream(client *c)
{
    rill_stream *other;
    assert_int_equal(rill_connection_open_stream(c->connection, &other), RILL_OK);
    return other;
}

/* A packet of 25 units of each; 27 of each arrive, and one more is the other side's to give. */
static void divide_one(client *c, rill_stream *other)
{
    rill_stream_totals t = of(c->stream);
    assert_int_equal(rill_stream_set_send_max(c->stream, t.sent + t.in_flight + 25), RILL_OK);
    assert_int_equal(rill_stream_set_send_max(other, 25), RILL_OK);
    assert_true(next(c));
    assert_int_equal(c->amount, 50);
    fulfill(c, 55, NULL, 0);
}

static void expire(client *c)
{
    c->now.mono_ns += EXPIRY;
    c->now.wall_ms += EXPIRY / MS;
    assert_true(asks(c));
}

/*
 * One unit is lost. Then a packet of two streams is divided, with one more than the parts of
 * both: whose it is only the receiver knows.
 */
static void open_divided(client *c)
{
    open_told(c, 110);
    assert_int_equal(rill_stream_set_send_max(c->stream, 101), RILL_OK);
    assert_true(next(c));
    assert_int_equal(c->amount, 1);
    rill_endpoint_unanswered(c->endpoint, c->now, c->request, true);
    divide_one(c, other_stream(c));
    assert_int_equal(totals(c).sent, 125);
    assert_int_equal(totals(c).in_doubt, 1);
    expire(c);
}

static void test_a_unit_of_the_rest_may_be_what_was_lost(void **state)
{
    client c;
    (void)state;
    /* 110 and 27, and one: of the rest, or the lost one. */
    rill_frame total = told(138);
    open_divided(&c);
    fulfill(&c, 0, &total, 1);
    assert_int_equal(totals(&c).sent, 125);
    assert_int_equal(totals(&c).in_doubt, 1);
    assert_int_equal(totals(&c).delivered, 138);
    assert_false(next(&c) && c.amount > 0);
    close_client(&c);
    /* Both of them. */
    total = told(139);
    open_divided(&c);
    fulfill(&c, 0, &total, 1);
    assert_int_equal(totals(&c).sent, 126);
    assert_int_equal(totals(&c).in_flight, 0);
    close_client(&c);
    /* Neither: it is sent again. */
    total = told(137);
    open_divided(&c);
    fulfill(&c, 0, &total, 1);
    assert_int_equal(totals(&c).in_doubt, 0);
    assert_true(next(&c));
    assert_int_equal(c.amount, 1);
    close_client(&c);
}

/* One packet is answered, with the total, when another is still on its way to who took it. */
static void test_a_total_that_lacks_as_much_as_is_guessed(void **state)
{
    static uint8_t packet[2][RILL_PACKET_BUFFER];
    size_t len[2];
    uint64_t request[2];
    client c;
    (void)state;
    open_told(&c, 110);
    rill_stream *other = other_stream(&c);
    divide_one(&c, other); /* 27 count as the other's. The receiver gave it 28. */
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(rill_stream_set_send_max(other, 26 + i), RILL_OK);
        assert_true(next(&c));
        assert_int_equal(c.amount, 1);
        memcpy(packet[i], c.packet, c.len);
        len[i] = c.len;
        request[i] = c.request;
    }
    rill_frame early = told(29); /* the second came first: this tells of it, and of 28 */
    early.stream = rill_stream_id(other);
    for (unsigned i = 0; i < 2; i++) {
        size_t size = raw_answer(&c.server, packet[i], len[i], true, 0, 1, &early, i, answer);
        assert_int_equal(rill_endpoint_receive_reply(c.endpoint, c.now, request[i], answer, size),
                         RILL_OK);
    }
    assert_int_equal(of(other).sent, 27);
    assert_int_equal(rill_stream_set_send_max(other, 28), RILL_OK);
    assert_true(next(&c));
    assert_int_equal(c.amount, 1);
    rill_endpoint_unanswered(c.endpoint, c.now, c.request, true);
    expire(&c);
    /* It may be that of the rest, which was not told of before: then the last one is lost. */
    rill_frame late = told(30);
    late.stream = rill_stream_id(other);
    fulfill(&c, 0, &late, 1);
    assert_int_equal(of(other).sent, 27);
    assert_int_equal(of(other).in_doubt, 1);
    close_client(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        PAIR_TEST(test_money_stays_in_doubt_until_it_has_expired),
        PAIR_TEST(test_what_arrived_is_not_paid_again),
        PAIR_TEST(test_what_did_not_arrive_is_paid_again),
        PAIR_TEST_TO_OPEN(test_what_arrived_in_part_is_paid_for_the_rest),
        PAIR_TEST_TO_OPEN(test_what_cannot_be_explained_stays_in_doubt),
        PAIR_TEST(test_a_question_that_is_lost_is_asked_again),
        PAIR_TEST(test_other_streams_go_on),
        PAIR_TEST(test_streams_that_shared_a_packet_are_told_apart),
        PAIR_TEST(test_a_stream_that_closes_leaves_it_in_doubt),
        PAIR_TEST(test_a_close_before_the_expiry_leaves_it_in_doubt_too),
        PAIR_TEST(test_an_end_waits_for_the_answer),
        PAIR_TEST_TO_OPEN(test_the_first_packets_stay_in_doubt_where_lost),
        cmocka_unit_test(test_what_left_before_any_answer_is_not_unsent),
        cmocka_unit_test(test_what_left_before_any_answer_may_have_arrived),
        cmocka_unit_test(test_what_is_in_doubt_for_good_brings_nothing),
        cmocka_unit_test(test_who_does_not_tell_leaves_it_in_doubt),
        cmocka_unit_test(test_a_refusal_can_tell_too),
        cmocka_unit_test(test_a_total_that_fell_tells_nothing),
        cmocka_unit_test(test_the_total_of_another_time_is_not_the_answer),
        cmocka_unit_test(test_a_total_in_a_packet_of_theirs_is_not_the_answer),
        cmocka_unit_test(test_more_than_was_expected_is_all_of_it),
        cmocka_unit_test(test_a_unit_of_the_rest_may_be_what_was_lost),
        cmocka_unit_test(test_a_total_that_lacks_as_much_as_is_guessed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
