/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Only a packet that begins a connection may begin one. A server that was restarted, that has
 * forgotten, or that is another one, takes nothing from a client that goes on, and the client
 * learns of it.
 */
#include "begins_fixture.h"

static raw_reply reply;

static void expect_forgotten(pair *p)
{
    assert_int_equal(p->end[PAIR_CLIENT].events[RILL_EVENT_CONNECTION_END], 1);
    assert_int_equal(p->end[PAIR_CLIENT].end_error, RILL_ERR_FORGOTTEN);
    assert_true(p->end[PAIR_CLIENT].end_remote);
    assert_int_equal(pair_seen(p, PAIR_CLIENT, 1)->error, RILL_ERR_FORGOTTEN);
}

static void test_bytes_do_not_cross_a_restart(void **state)
{
    pair *p = *state;
    pair_options o = same_secret();
    rill_stream_offsets offsets;
    pair_open(p, &o);
    rill_stream *s = pair_stream_open(p, PAIR_CLIENT);
    pair_write(s, "AAAA", 4);
    pair_run(p, RILL_SECOND);
    assert_int_equal(pair_seen(p, PAIR_SERVER, 1)->len, 4);
    pair_restart_server(p, &o);
    pair_write(s, "BBBB", 4);
    pair_run(p, RILL_SECOND);
    rill_stream_get_offsets(s, &offsets);
    assert_int_equal(offsets.acknowledged, 4);
    pair_run(p, 4 * RILL_SECOND);
    expect_forgotten(p);
    /* There is no new connection, and not a byte of it. */
    assert_int_equal(p->end[PAIR_SERVER].events[RILL_EVENT_CONNECTION], 1);
    assert_int_equal(pair_seen(p, PAIR_SERVER, 1)->len, 4);
}

static void test_money_does_not_cross_a_restart(void **state)
{
    pair *p = *state;
    pair_options o = same_secret();
    o.connection.max_packet_amount = 10;
    pair_open(p, &o);
    rill_stream *s = pair_stream_open(p, PAIR_CLIENT);
    assert_int_equal(rill_stream_send_total(s, 100, RILL_NEVER), RILL_OK);
    pair_run(p, RILL_SECOND);
    pair_restart_server(p, &o);
    assert_int_equal(rill_stream_send_total(s, 300, RILL_NEVER), RILL_OK);
    pair_run(p, 5 * RILL_SECOND);
    expect_forgotten(p);
    assert_int_equal(p->end[PAIR_CLIENT].sent_error, RILL_ERR_FORGOTTEN);
    assert_int_equal(p->end[PAIR_CLIENT].last.sent, 100);
    assert_int_equal(p->end[PAIR_CLIENT].last.in_doubt, 0);
    assert_int_equal(p->end[PAIR_SERVER].fulfilled_in, 100);
    /* The same credentials are good for another connection, at once. */
    assert_int_equal(pair_connect(p, &o.connection), RILL_OK);
    s = pair_stream_open(p, PAIR_CLIENT);
    assert_int_equal(rill_stream_send_total(s, 200, RILL_NEVER), RILL_OK);
    pair_run(p, RILL_SECOND);
    assert_int_equal(p->end[PAIR_SERVER].fulfilled_in, 300);
    pair_check_books(p);
}

static void drop_all_of_the_server(pair *p, pair_packet *packet)
{
    (void)p;
    if (packet->from == PAIR_SERVER)
        packet->action = PAIR_DROP;
}

/*
 * The server has closed because its packets are used up, and has forgotten the connection. Its
 * client was not told.
 */
static void test_silent_for_longer_than_the_server_remembers(void **state)
{
    pair *p = *state;
    pair_options o = same_secret();
    o.connection.idle_timeout_ns = 0;
    pair_open(p, &o);
    p->on_packet = drop_all_of_the_server;
    rill_stream *s = pair_stream_open(p, PAIR_CLIENT);
    pair_write(s, "AAAA", 4);
    pair_run(p, 300 * RILL_SECOND);
    assert_int_equal(p->end[PAIR_SERVER].events[RILL_EVENT_CONNECTION_END], 1);
    assert_true(rill_endpoint_deadline(p->end[PAIR_SERVER].endpoint) == RILL_NEVER);
    pair_write(s, "BBBB", 4);
    pair_run(p, 5 * RILL_SECOND);
    expect_forgotten(p);
    assert_int_equal(pair_seen(p, PAIR_SERVER, 1)->len, 4);
}

/* The same while the server remembers the connection. */
static void test_silent_for_as_long_as_the_server_remembers(void **state)
{
    pair *p = *state;
    pair_options o = same_secret();
    o.connection.idle_timeout_ns = 0;
    pair_open(p, &o);
    p->on_packet = drop_all_of_the_server;
    rill_stream *s = pair_stream_open(p, PAIR_CLIENT);
    pair_write(s, "AAAA", 4);
    pair_run(p, 90 * RILL_SECOND);
    assert_int_equal(p->end[PAIR_SERVER].events[RILL_EVENT_CONNECTION_END], 1);
    pair_write(s, "BBBB", 4);
    pair_run(p, 5 * RILL_SECOND);
    expect_forgotten(p);
}

/* A suspended machine: its server has forgotten it, and by its own clock no time has passed. */
static void test_a_client_that_was_suspended(void **state)
{
    pair *p = *state;
    pair_options o = same_secret();
    pair_open(p, &o);
    rill_stream *s = pair_stream_open(p, PAIR_CLIENT);
    assert_int_equal(rill_stream_set_send_max(s, 1000), RILL_OK);
    pair_write(s, "AAAA", 4);
    pair_run(p, RILL_SECOND);
    assert_int_equal(p->end[PAIR_SERVER].fulfilled_in, 1000);
    pair_suspend(p, PAIR_CLIENT, 300 * RILL_SECOND);
    assert_int_equal(p->end[PAIR_SERVER].end_error, RILL_ERR_IDLE);
    assert_int_equal(p->end[PAIR_CLIENT].events[RILL_EVENT_CONNECTION_END], 0);
    assert_int_equal(rill_stream_set_send_max(s, 2000), RILL_OK);
    pair_write(s, "BBBB", 4);
    pair_run(p, 10 * RILL_SECOND);
    expect_forgotten(p);
    assert_int_equal(p->end[PAIR_SERVER].events[RILL_EVENT_CONNECTION], 1);
    assert_int_equal(pair_seen(p, PAIR_SERVER, 1)->len, 4);
    assert_int_equal(p->end[PAIR_SERVER].fulfilled_in, 1000);
}

/* Another process with the same secret: what it gets goes back, and the right one gets it then. */
static void test_two_servers_take_turns(void **state)
{
    pair *p = *state;
    pair_options o = same_secret();
    rill_endpoint *one, *two;
    pair_open(p, &o);
    rill_stream *s = pair_stream_open(p, PAIR_CLIENT);
    pair_write(s, "AAAA", 4);
    pair_run(p, RILL_SECOND);
    one = p->end[PAIR_SERVER].endpoint;
    assert_int_equal(rill_endpoint_new(&two, &o.server), RILL_OK);
    assert_int_equal(rill_endpoint_set_account(two,
                                               (rill_bytes){(const uint8_t *)"test.server", 11},
                                               (rill_bytes){(const uint8_t *)"XYZ", 3}, 6),
                     RILL_OK);
    p->end[PAIR_SERVER].endpoint = two;
    pair_write(s, "BBBB", 4);
    pair_run(p, RILL_SECOND);
    assert_int_equal(rill_endpoint_connection_count(two), 0);
    p->end[PAIR_SERVER].endpoint = one;
    pair_run(p, 2 * RILL_SECOND);
    assert_int_equal(pair_seen(p, PAIR_SERVER, 1)->len, 8);
    assert_int_equal(p->end[PAIR_CLIENT].events[RILL_EVENT_CONNECTION_END], 0);
    /* Anew: patience begins with the first such answer. */
    p->end[PAIR_SERVER].endpoint = two;
    pair_write(s, "CCCC", 4);
    pair_run(p, 2 * RILL_SECOND);
    assert_int_equal(p->end[PAIR_CLIENT].events[RILL_EVENT_CONNECTION_END], 0);
    pair_run(p, 3 * RILL_SECOND);
    expect_forgotten(p);
    p->end[PAIR_SERVER].endpoint = one;
    rill_endpoint_free(two);
}

static int answered(pair *p, raw_peer *r)
{
    send_to(p, r, 0, NULL, 0, 0, &reply);
    return reply.type == RILL_ILP_FULFILL ? RILL_OK : (int)reply.code;
}

/* Several with one secret, each with a name: only the one that made an address takes its packets.
 */
static void test_servers_with_names_take_their_own(void **state)
{
    pair *p = *state;
    raw_peer r;
    pair_options o = same_secret(), other = same_secret(), none = same_secret();
    o.stay = true;
    o.server.instance = "a";
    other.server.instance = "b";
    pair_open(p, &o);
    raw_open(&r, p->credentials.destination_account, p->credentials.shared_secret);
    assert_int_equal(answered(p, &r), RILL_OK);
    pair_restart_server(p, &other);
    assert_int_equal(answered(p, &r), RILL_ILP_F02_UNREACHABLE);
    pair_restart_server(p, &none);
    assert_int_equal(answered(p, &r), RILL_ILP_F06_UNEXPECTED_PAYMENT);
    /* Started again under its name it knows its addresses. */
    pair_restart_server(p, &o);
    r.sequence = 1;
    assert_int_equal(answered(p, &r), RILL_OK);
    raw_close(&r);
}

static void test_names_have_a_limit(void **state)
{
    static char name[RILL_MAX_INSTANCE + 2];
    rill_endpoint_options o;
    rill_endpoint *e;
    (void)state;
    rill_endpoint_options_init(&o);
    o.instance = name;
    memset(name, 'x', RILL_MAX_INSTANCE + 1);
    assert_int_equal(rill_endpoint_new(&e, &o), RILL_ERR_INVALID);
    name[RILL_MAX_INSTANCE] = '\0';
    assert_int_equal(rill_endpoint_new(&e, &o), RILL_OK);
    rill_endpoint_free(e);
}

static void delay_the_second(pair *p, pair_packet *packet)
{
    (void)p;
    if (packet->from == PAIR_CLIENT && packet->number == 1)
        packet->delay = 500 * RILL_MS;
}

/* One of its first packets comes to the server that was there before, and one to the next. */
static void test_first_packets_to_two_servers(void **state)
{
    pair *p = *state;
    pair_options o = same_secret();
    o.connection.max_packet_amount = 10;
    pair_open(p, &o);
    p->on_packet = delay_the_second;
    rill_stream *s = pair_stream_open(p, PAIR_CLIENT);
    assert_int_equal(rill_stream_set_send_max(s, 20), RILL_OK);
    pair_run(p, 100 * RILL_MS);
    assert_int_equal(p->end[PAIR_SERVER].fulfilled_in, 10);
    pair_restart_server(p, &o);
    pair_run(p, 2 * RILL_SECOND);
    assert_int_equal(p->end[PAIR_CLIENT].events[RILL_EVENT_CONNECTION_END], 1);
    assert_int_equal(p->end[PAIR_CLIENT].end_error, RILL_ERR_FORGOTTEN);
    pair_check_books(p);
}

typedef struct first_error {
    int error;
    char message[100];
    unsigned ends;
} first_error;

static void note_first_end(pair *p, pair_side side, const rill_event *event)
{
    first_error *first = p->user;
    if (side != PAIR_CLIENT || event->type != RILL_EVENT_CONNECTION_END || first->ends++ > 0)
        return;
    first->error = event->error;
    strncpy(first->message, event->message, sizeof first->message - 1);
}

/* At the same instant, and each with bytes: one has the connection, the other learns why not. */
static void test_two_payers_with_one_file(void **state)
{
    static uint8_t a[3000], b[3000];
    first_error first = {0};
    pair *p = *state;
    pair_options o = same_secret();
    memset(a, 'a', sizeof a);
    memset(b, 'b', sizeof b);
    pair_open(p, &o);
    p->user = &first;
    p->on_event = note_first_end;
    rill_stream *one = pair_stream_open(p, PAIR_CLIENT);
    pair_write(one, a, sizeof a);
    assert_int_equal(pair_connect(p, &o.connection), RILL_OK);
    rill_stream *other = pair_stream_open(p, PAIR_CLIENT);
    pair_write(other, b, sizeof b);
    pair_run(p, 5 * RILL_SECOND);
    if (first.ends == 0) { /* it had been answered before the other one began: and goes on */
        pair_write(one, "a", 1);
        pair_run(p, RILL_SECOND);
    }
    assert_int_equal(first.ends, 1);
    assert_int_equal(first.error, RILL_ERR_REMOTE);
    assert_non_null(strstr(first.message, "same credentials"));
    assert_int_equal(p->end[PAIR_CLIENT].open_count, 1);
    assert_int_equal(p->end[PAIR_SERVER].open_count, 1);
    const pair_stream *got = pair_seen(p, PAIR_SERVER, 1);
    assert_int_equal(got->len, sizeof a);
    assert_true(memcmp(got->data, a, sizeof a) == 0 || memcmp(got->data, b, sizeof b) == 0);
}

/* The first one's next packet comes before the application has fetched its end. */
static void test_who_is_replaced_is_told(void **state)
{
    const raw_packet begins = {0}, pays = {.amount = 5};
    pair *p = *state;
    raw_peer one, other;
    pair_options o = same_secret();
    o.stay = true;
    pair_open(p, &o);
    rill_endpoint *server = p->end[PAIR_SERVER].endpoint;
    raw_open(&one, p->credentials.destination_account, p->credentials.shared_secret);
    raw_open(&other, p->credentials.destination_account, p->credentials.shared_secret);
    raw_begin(&one, rill_life_of(p->now.wall_ms, 1));
    raw_begin(&other, rill_life_of(p->now.wall_ms, 2));
    raw_send(&one, server, p->now, &begins, &reply);
    assert_false(reply.ended);
    raw_go_on(&one, &reply);
    raw_send(&other, server, p->now, &begins, &reply);
    assert_int_equal(reply.code, RILL_ILP_T02_PEER_BUSY);
    for (unsigned i = 0; i < 3; i++) {
        raw_send(&one, server, p->now, &pays, &reply);
        assert_int_equal(reply.trailer, RILL_TRAILER_REPLACED);
        assert_non_null(raw_find(&reply, RILL_FRAME_CONNECTION_CLOSE));
        pair_pump(p); /* the end is fetched */
        if (i == 1) { /* and then the other one has its connection */
            raw_send(&other, server, p->now, &begins, &reply);
            assert_int_equal(reply.trailer, RILL_TRAILER_MARK);
            assert_true(reply.ended);
        }
    }
    raw_close(&one);
    raw_close(&other);
}

/*
 * Two programs with one file begin at the very same moment. Neither gets what is the other's: one
 * has the connection, and the other is told who has.
 */
static void test_two_of_one_moment_are_told_apart(void **state)
{
    pair *p = *state;
    raw_peer one, other;
    pair_options o = same_secret();
    o.stay = true;
    pair_open(p, &o);
    rill_endpoint *server = p->end[PAIR_SERVER].endpoint;
    raw_open(&one, p->credentials.destination_account, p->credentials.shared_secret);
    raw_open(&other, p->credentials.destination_account, p->credentials.shared_secret);
    raw_begin(&one, rill_life_of(p->now.wall_ms, 1));
    raw_begin(&other, one.life);
    one.who = 2;
    other.who = 1;
    const rill_frame money = {.type = RILL_FRAME_STREAM_MONEY, .stream = 1, .value = 1};
    const raw_packet begins = {.amount = 7, .frames = &money, .frame_count = 1};
    raw_send(&one, server, p->now, &begins, &reply);
    assert_int_equal(reply.trailer, RILL_TRAILER_MARK);
    pair_pump(p);
    raw_send(&other, server, p->now, &begins, &reply); /* the same number as the first one's */
    assert_int_equal(reply.trailer, RILL_TRAILER_REPLACED);
    raw_send(&other, server, p->now, &begins, &reply); /* and one that the first has not used */
    assert_int_equal(reply.trailer, RILL_TRAILER_REPLACED);
    assert_non_null(raw_find(&reply, RILL_FRAME_CONNECTION_CLOSE));
    pair_pump(p);
    assert_int_equal(pair_seen(p, PAIR_SERVER, 1)->money, 7);
    raw_close(&one);
    raw_close(&other);
}

/* A fine clock puts two connections of one millisecond in order, whatever is drawn for them. */
static uint64_t fine_ns;

static uint64_t read_fine(void *user)
{
    (void)user;
    return fine_ns;
}

static void test_a_fine_clock_puts_those_of_one_millisecond_in_order(void **state)
{
    pair *p = *state;
    pair_options o = same_secret();
    o.stay = true;
    pair_open(p, &o);
    rill_endpoint *server = p->end[PAIR_SERVER].endpoint;
    fine_ns = p->now.wall_ms * RILL_MS;
    raw_peer reader;
    uint32_t who = 0;
    raw_open(&reader, p->credentials.destination_account, p->credentials.shared_secret);
    for (unsigned i = 0; i < 50; i++) {
        rill_endpoint *client;
        rill_connection *c;
        rill_endpoint_options eo;
        uint8_t packet[RILL_PACKET_BUFFER], answer[RILL_PACKET_BUFFER];
        size_t len, answer_len;
        uint64_t request;
        rill_endpoint_options_init(&eo);
        eo.wall_ns = read_fine;
        eo.accept = false;
        fine_ns += 1000;
        assert_int_equal(rill_endpoint_new(&client, &eo), RILL_OK);
        assert_int_equal(rill_endpoint_set_account(client,
                                                   (rill_bytes){(const uint8_t *)"test.c", 6},
                                                   (rill_bytes){(const uint8_t *)"ABC", 3}, 9),
                         RILL_OK);
        assert_int_equal(rill_endpoint_connect(client, p->now, p->credentials.destination_account,
                                               p->credentials.shared_secret, 32, NULL, &c),
                         RILL_OK);
        /* The first packet of a later life may be refused, since it ends the one before. */
        for (unsigned k = 0; k < 2; k++) {
            p->now.mono_ns += 20 * RILL_MS;
            if (rill_endpoint_deadline(client) <= p->now.mono_ns)
                rill_endpoint_timeout(client, p->now);
            assert_int_equal(rill_endpoint_next_prepare(client, p->now, packet, &len, &request),
                             RILL_OK);
            if (len == 0)
                break;
            raw_read(&reader, packet, len, &reply);
            assert_true(reply.trailer == RILL_TRAILER_LIFE && reply.who != 0);
            assert_true(k > 0 || reply.who != who);
            who = reply.who;
            assert_int_equal(
                rill_endpoint_receive_prepare(server, p->now, i, packet, len, answer, &answer_len),
                RILL_OK);
            assert_int_equal(
                rill_endpoint_receive_reply(client, p->now, request, answer, answer_len), RILL_OK);
            pair_pump(p);
        }
        rill_event event;
        assert_true(rill_endpoint_next_event(client, &event));
        assert_int_equal(event.type, RILL_EVENT_CONNECTED);
        while (rill_endpoint_next_event(client, &event))
            assert_int_not_equal(event.type, RILL_EVENT_CONNECTION_END);
        rill_endpoint_free(client);
    }
    raw_close(&reader);
}

/* ---- numbers ---- */

static uint64_t numbers[64];
static unsigned number_count;
static bool told_address;

static void note_numbers(pair *p, pair_packet *packet)
{
    static raw_reply seen;
    raw_peer *r = p->user;
    if (packet->from != PAIR_CLIENT || number_count == 64)
        return;
    raw_read(r, packet->bytes, packet->len, &seen);
    assert_true(seen.authentic);
    told_address = told_address || raw_find(&seen, RILL_FRAME_CONNECTION_NEW_ADDRESS);
    numbers[number_count++] = seen.sequence;
    assert_true((seen.trailer == RILL_TRAILER_LIFE) == (seen.sequence < RILL_NUMBER_LIMIT));
}

static void run_noting_numbers(pair *p, bool receive)
{
    raw_peer r;
    pair_options o = same_secret();
    o.connection.tell_address = receive;
    pair_open(p, &o);
    number_count = 0;
    told_address = false;
    raw_open(&r, p->credentials.destination_account, p->credentials.shared_secret);
    p->user = &r;
    p->on_packet = note_numbers;
    rill_stream *s = pair_stream_open(p, PAIR_CLIENT);
    pair_write(s, "hello", 5);
    pair_run(p, RILL_SECOND);
    pair_write(s, "hello", 5);
    pair_run(p, RILL_SECOND);
    p->on_packet = NULL;
    raw_close(&r);
}

/* Some peers take a number above 2^31 for the packet limit of RFC 29 section 5.1.3. */
static void test_the_first_numbers_are_small(void **state)
{
    pair *p = *state;
    run_noting_numbers(p, true);
    assert_true(number_count >= 2);
    assert_true(numbers[0] < RILL_NUMBER_LIMIT);
    assert_true(told_address);
    /* Once the server has said that it is Rill, they tell what they belong to. */
    assert_true(rill_number_is_marked(numbers[number_count - 1]));
    assert_int_equal((uint32_t)numbers[number_count - 1], number_count - 1);
}

/* interledger-rs cannot read an empty address, so a client without one leaves the frame out. */
static void test_no_address_is_no_frame(void **state)
{
    pair *p = *state;
    run_noting_numbers(p, false);
    assert_true(number_count >= 2);
    assert_false(told_address);
    assert_int_equal(pair_seen(p, PAIR_SERVER, 1)->len, 10);
}

/* A server that gives no mark is not Rill: the client counts on, and below 2^31. */
static void test_other_servers_are_counted_for(void **state)
{
    static uint8_t packet[RILL_PACKET_BUFFER], answer[RILL_PACKET_BUFFER];
    pair *p = *state;
    pair_options o = same_secret();
    uint64_t request, before = 0;
    raw_peer r;
    size_t len;
    pair_open(p, &o);
    rill_endpoint *client = p->end[PAIR_CLIENT].endpoint;
    raw_open(&r, p->credentials.destination_account, p->credentials.shared_secret);
    rill_stream *s = pair_stream_open(p, PAIR_CLIENT);
    for (unsigned i = 0; i < 5; i++) {
        pair_write(s, "x", 1);
        assert_int_equal(rill_endpoint_next_prepare(client, p->now, packet, &len, &request),
                         RILL_OK);
        assert_true(len > 0);
        raw_read(&r, packet, len, &reply);
        assert_true(reply.sequence < RILL_NUMBER_LIMIT);
        assert_true(reply.sequence > before);
        assert_true((reply.trailer == RILL_TRAILER_LIFE) == (i == 0));
        before = reply.sequence;
        size_t n = raw_answer(&r, packet, len, true, 0, 0, NULL, 0, answer);
        assert_int_equal(rill_endpoint_receive_reply(client, p->now, request, answer, n), RILL_OK);
    }
    /* Where those numbers end, the connection does. */
    rill_connection *c = p->end[PAIR_CLIENT].connection;
    c->numbers.next = RILL_NUMBER_LIMIT - 1;
    pair_write(s, "x", 1);
    pair_run(p, 10 * RILL_SECOND);
    assert_int_equal(p->end[PAIR_CLIENT].end_error, RILL_ERR_EXHAUSTED);
    raw_close(&r);
}

/* What the server of another connection with the same secret sends is not taken into this one. */
static void test_a_server_is_known_by_its_mark(void **state)
{
    static uint8_t packet[RILL_PACKET_BUFFER];
    const rill_frame hello = {
        .type = RILL_FRAME_STREAM_DATA, .stream = 2, .text = {(const uint8_t *)"hello", 5}};
    const rill_frame other = {.type = RILL_FRAME_STREAM_DATA,
                              .stream = 2,
                              .value = 5,
                              .text = {(const uint8_t *)"other", 5}};
    const uint64_t number = RILL_NUMBER_SERVER | UINT64_C(5) << 32;
    pair *p = *state;
    pair_options o = same_secret();
    uint64_t request;
    raw_peer r;
    size_t len;
    pair_open(p, &o);
    rill_endpoint *client = p->end[PAIR_CLIENT].endpoint;
    raw_open(&r, p->credentials.destination_account, p->credentials.shared_secret);
    assert_int_equal(rill_endpoint_next_prepare(client, p->now, packet, &len, &request), RILL_OK);
    raw_read(&r, packet, len, &reply);
    const rill_frame *address = raw_find(&reply, RILL_FRAME_CONNECTION_NEW_ADDRESS);
    memcpy(r.destination, address->text.data, address->text.len);
    r.destination[address->text.len] = '\0';
    raw_send(&r, client, p->now,
             &(raw_packet){.sequence = number, .frames = &hello, .frame_count = 1}, &reply);
    assert_int_equal(reply.type, RILL_ILP_FULFILL);
    raw_send(
        &r, client, p->now,
        &(raw_packet){.sequence = number + (UINT64_C(1) << 32), .frames = &other, .frame_count = 1},
        &reply);
    assert_int_equal(reply.trailer, RILL_TRAILER_FORGOTTEN);
    raw_send(&r, client, p->now, &(raw_packet){.sequence = 7, .frames = &other, .frame_count = 1},
             &reply);
    assert_int_equal(reply.trailer, RILL_TRAILER_FORGOTTEN);
    pair_pump(p);
    assert_int_equal(pair_seen(p, PAIR_CLIENT, 2)->len, 5);
    /* And goes on with it itself. */
    pair_stream *seen = pair_seen(p, PAIR_CLIENT, 2);
    assert_false(seen->ended);
    rill_connection *c = p->end[PAIR_CLIENT].connection;
    assert_true(c->numbers.marked);
    assert_int_equal(c->numbers.mark, 5);
    raw_close(&r);
}

/* Answers the client's next packet, which has bytes, as the reference's server does. */

int main(void)
{
    const struct CMUnitTest tests[] = {
        PAIR_TEST_TO_OPEN(test_bytes_do_not_cross_a_restart),
        PAIR_TEST_TO_OPEN(test_money_does_not_cross_a_restart),
        PAIR_TEST_TO_OPEN(test_silent_for_longer_than_the_server_remembers),
        PAIR_TEST_TO_OPEN(test_silent_for_as_long_as_the_server_remembers),
        PAIR_TEST_TO_OPEN(test_a_client_that_was_suspended),
        PAIR_TEST_TO_OPEN(test_two_servers_take_turns),
        PAIR_TEST_TO_OPEN(test_servers_with_names_take_their_own),
        cmocka_unit_test(test_names_have_a_limit),
        PAIR_TEST_TO_OPEN(test_first_packets_to_two_servers),
        PAIR_TEST_TO_OPEN(test_two_payers_with_one_file),
        PAIR_TEST_TO_OPEN(test_who_is_replaced_is_told),
        PAIR_TEST_TO_OPEN(test_two_of_one_moment_are_told_apart),
        PAIR_TEST_TO_OPEN(test_a_fine_clock_puts_those_of_one_millisecond_in_order),
        PAIR_TEST_TO_OPEN(test_the_first_numbers_are_small),
        PAIR_TEST_TO_OPEN(test_no_address_is_no_frame),
        PAIR_TEST_TO_OPEN(test_other_servers_are_counted_for),
        PAIR_TEST_TO_OPEN(test_a_server_is_known_by_its_mark),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
