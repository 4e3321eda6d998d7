/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A peer that breaks rules, and a path that does. Nothing that they send has an effect that it must
 * not have.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "support/pair.h"
#include "support/raw.h"

/* A server without a client: the peer is raw. */
static void open_server(pair *p, raw_peer *r, rill_connection_options *server)
{
    pair_options o;
    pair_options_init(&o);
    o.stay = true;
    if (server)
        o.accepted = *server;
    pair_open(p, &o);
    raw_open(r, p->credentials.destination_account, p->credentials.shared_secret);
}

static void close_server(pair *p, raw_peer *r)
{
    raw_close(r);
    pair_close(p);
}

static rill_endpoint *server_of(pair *p)
{
    return p->end[PAIR_SERVER].endpoint;
}

static uint64_t received(pair *p)
{
    rill_connection_stats stats;
    rill_connection_get_stats(p->end[PAIR_SERVER].connection, &stats);
    return stats.received;
}

static void send_frames(pair *p, raw_peer *r, uint64_t amount, const rill_frame *frames,
                        unsigned count, raw_reply *reply)
{
    raw_packet packet = {.amount = amount, .frames = frames, .frame_count = count};
    raw_send(r, server_of(p), p->now, &packet, reply);
    pair_pump(p);
}

static const rill_frame money1 = {.type = RILL_FRAME_STREAM_MONEY, .stream = 1, .value = 1};
static const rill_frame hello = {
    .type = RILL_FRAME_STREAM_DATA, .stream = 1, .text = {(const uint8_t *)"hello", 5}};

static raw_reply reply;

static void test_a_replayed_packet_is_refused_and_credited_once(void **state)
{
    pair *p = *state;
    raw_peer r;
    uint8_t bytes[RILL_PACKET_BUFFER];
    open_server(p, &r, NULL);
    raw_packet packet = {.amount = 10, .frames = &money1, .frame_count = 1};
    size_t len = raw_write(&r, p->now, &packet, bytes);
    raw_deliver(&r, server_of(p), p->now, bytes, len, &reply);
    assert_int_equal(reply.type, RILL_ILP_FULFILL);
    assert_int_equal(reply.amount, 10);
    for (unsigned i = 0; i < 3; i++) {
        raw_deliver(&r, server_of(p), p->now, bytes, len, &reply);
        assert_int_equal(reply.type, RILL_ILP_REJECT);
        assert_false(reply.authentic);
    }
    pair_pump(p);
    assert_int_equal(received(p), 10);
    /* ... and with a raised amount */
    rill_prepare prepare;
    uint8_t raised[RILL_PACKET_BUFFER];
    assert_int_equal(rill_prepare_decode(&prepare, bytes, len), RILL_OK);
    prepare.amount = 1000;
    assert_int_equal(rill_prepare_encode(&prepare, raised, sizeof raised, &len), RILL_OK);
    raw_deliver(&r, server_of(p), p->now, raised, len, &reply);
    assert_int_equal(reply.type, RILL_ILP_REJECT);
    assert_int_equal(received(p), 10);
    close_server(p, &r);
}

static void test_what_is_no_good_opens_no_connection(void **state)
{
    pair *p = *state;
    raw_peer r;
    uint8_t bytes[RILL_PACKET_BUFFER];
    open_server(p, &r, NULL);
    raw_packet expired = {.amount = 10, .frames = &money1, .frame_count = 1, .expires_in = 1};
    raw_send(&r, server_of(p), p->now, &expired, &reply);
    assert_int_equal(reply.code, RILL_ILP_R00_TRANSFER_TIMED_OUT);
    raw_packet mistyped = {.amount = 10, .type = RILL_ILP_FULFILL};
    raw_send(&r, server_of(p), p->now, &mistyped, &reply);
    assert_int_equal(reply.code, RILL_ILP_F06_UNEXPECTED_PAYMENT);
    raw_packet broken = {.amount = 10, .frames = &money1, .frame_count = 1, .broken = true};
    raw_send(&r, server_of(p), p->now, &broken, &reply);
    assert_int_equal(reply.type, RILL_ILP_REJECT);
    raw_packet good = {.amount = 10, .frames = &money1, .frame_count = 1};
    size_t len = raw_write(&r, p->now, &good, bytes);
    for (size_t i = len - 60; i < len; i += 7) {
        bytes[i] ^= 0x10;
        raw_deliver(&r, server_of(p), p->now, bytes, len, &reply);
        assert_int_equal(reply.type, RILL_ILP_REJECT);
        bytes[i] ^= 0x10;
    }
    raw_deliver(&r, server_of(p), p->now, bytes, len - 9, &reply);
    assert_int_equal(reply.code, RILL_ILP_F00_BAD_REQUEST);
    pair_pump(p);
    assert_int_equal(rill_endpoint_connection_count(server_of(p)), 0);
    assert_int_equal(p->end[PAIR_SERVER].events[RILL_EVENT_CONNECTION], 0);
    close_server(p, &r);
}

static void test_bad_packets_change_nothing_on_a_connection(void **state)
{
    pair *p = *state;
    raw_peer r;
    uint8_t bytes[RILL_PACKET_BUFFER];
    open_server(p, &r, NULL);
    send_frames(p, &r, 10, &money1, 1, &reply);
    rill_frame frames[] = {money1, hello};
    raw_packet expired = {.amount = 10, .frames = frames, .frame_count = 2, .expires_in = 1};
    raw_send(&r, server_of(p), p->now, &expired, &reply);
    assert_int_equal(reply.code, RILL_ILP_R00_TRANSFER_TIMED_OUT);
    raw_packet mistyped = {.amount = 10, .frames = frames, .frame_count = 2, .type = 14};
    raw_send(&r, server_of(p), p->now, &mistyped, &reply);
    assert_int_equal(reply.type, RILL_ILP_REJECT);
    raw_packet good = {.amount = 10, .frames = frames, .frame_count = 2};
    size_t len = raw_write(&r, p->now, &good, bytes);
    bytes[len - 1] ^= 1;
    raw_deliver(&r, server_of(p), p->now, bytes, len, &reply);
    assert_int_equal(reply.code, RILL_ILP_F06_UNEXPECTED_PAYMENT);
    pair_pump(p);
    assert_int_equal(received(p), 10);
    assert_int_equal(p->end[PAIR_SERVER].events[RILL_EVENT_DATA], 0);
    close_server(p, &r);
}

static void test_refused_money_has_no_effect_but_frames_have(void **state)
{
    pair *p = *state;
    raw_peer r;
    open_server(p, &r, NULL);
    rill_frame frames[] = {money1, hello};
    raw_packet unfulfillable = {
        .amount = 10, .frames = frames, .frame_count = 2, .unfulfillable = true};
    raw_send(&r, server_of(p), p->now, &unfulfillable, &reply);
    assert_int_equal(reply.code, RILL_ILP_F99_APPLICATION_ERROR);
    assert_true(reply.authentic);
    assert_int_equal(reply.amount, 10);
    assert_int_equal(reply.sequence, 1);
    raw_packet low = {.amount = 10, .minimum = 11, .frames = &money1, .frame_count = 1};
    raw_send(&r, server_of(p), p->now, &low, &reply);
    assert_int_equal(reply.code, RILL_ILP_F99_APPLICATION_ERROR);
    raw_packet nobody = {.amount = 10};
    raw_send(&r, server_of(p), p->now, &nobody, &reply);
    assert_int_equal(reply.type, RILL_ILP_REJECT);
    pair_pump(p);
    assert_int_equal(received(p), 0);
    assert_int_equal(pair_seen(p, PAIR_SERVER, 1)->len, 5);
    close_server(p, &r);
}

static void test_every_unit_goes_to_one_stream(void **state)
{
    pair *p = *state;
    raw_peer r;
    open_server(p, &r, NULL);
    rill_frame frames[] = {
        {.type = RILL_FRAME_STREAM_MONEY, .stream = 5, .value = 1},
        {.type = RILL_FRAME_STREAM_MONEY, .stream = 3, .value = 1},
        {.type = RILL_FRAME_STREAM_MONEY, .stream = 7, .value = 1},
    };
    send_frames(p, &r, 11, frames, 3, &reply);
    assert_int_equal(reply.type, RILL_ILP_FULFILL);
    assert_int_equal(pair_seen(p, PAIR_SERVER, 3)->money, 5);
    assert_int_equal(pair_seen(p, PAIR_SERVER, 5)->money, 3);
    assert_int_equal(pair_seen(p, PAIR_SERVER, 7)->money, 3);
    assert_int_equal(received(p), 11);
    /* Shares beyond 2^64, and none at all */
    frames[0].value = frames[1].value = UINT64_MAX;
    send_frames(p, &r, 11, frames, 3, &reply);
    assert_int_equal(reply.type, RILL_ILP_REJECT);
    frames[0].value = frames[1].value = frames[2].value = 0;
    send_frames(p, &r, 11, frames, 3, &reply);
    assert_int_equal(reply.type, RILL_ILP_REJECT);
    assert_int_equal(received(p), 11);
    /* The same stream many times over */
    rill_frame same[40];
    for (unsigned i = 0; i < 40; i++)
        same[i] = money1;
    send_frames(p, &r, UINT64_MAX - 11, same, 40, &reply);
    assert_int_equal(reply.type, RILL_ILP_FULFILL);
    assert_true(received(p) == UINT64_MAX);
    /* The sum of all streams stays there; what would not fit in a stream's total is refused. */
    send_frames(p, &r, 1, &money1, 1, &reply);
    assert_int_equal(reply.type, RILL_ILP_FULFILL);
    assert_true(received(p) == UINT64_MAX);
    send_frames(p, &r, UINT64_MAX - 11, &money1, 1, &reply);
    assert_int_equal(reply.type, RILL_ILP_REJECT);
    assert_true(received(p) == UINT64_MAX);
    close_server(p, &r);
}

static void test_a_receive_max_takes_one_percent_more_at_most(void **state)
{
    pair *p = *state;
    raw_peer r;
    rill_connection_options limits;
    rill_connection_options_init(&limits);
    limits.default_receive_max = 1000;
    open_server(p, &r, &limits);
    rill_frame twice[] = {money1, money1};
    send_frames(p, &r, 1011, &money1, 1, &reply);
    assert_int_equal(reply.type, RILL_ILP_REJECT);
    assert_int_equal(raw_find(&reply, RILL_FRAME_STREAM_MAX_MONEY)->value, 1000);
    send_frames(p, &r, 1012, twice, 2, &reply);
    assert_int_equal(reply.type, RILL_ILP_REJECT);
    send_frames(p, &r, 600, &money1, 1, &reply);
    assert_int_equal(reply.type, RILL_ILP_FULFILL);
    send_frames(p, &r, 405, &money1, 1, &reply);
    assert_int_equal(reply.type, RILL_ILP_REJECT);
    send_frames(p, &r, 404, &money1, 1, &reply);
    assert_int_equal(reply.type, RILL_ILP_FULFILL);
    send_frames(p, &r, 1, &money1, 1, &reply);
    assert_int_equal(reply.type, RILL_ILP_REJECT);
    assert_int_equal(received(p), 1004);
    close_server(p, &r);
}

/* The frame ends the connection with that code, and no money of the packet counts. */
static void check_violation(const rill_frame *frame, uint8_t code)
{
    pair p;
    raw_peer r;
    rill_connection_options limits;
    rill_connection_options_init(&limits);
    limits.connection_receive_buffer = 65534;
    open_server(&p, &r, &limits);
    send_frames(&p, &r, 5, &money1, 1, &reply);
    assert_int_equal(reply.type, RILL_ILP_FULFILL);
    rill_frame frames[] = {money1, *frame};
    send_frames(&p, &r, 5, frames, 2, &reply);
    assert_int_equal(reply.type, RILL_ILP_REJECT);
    assert_true(reply.authentic);
    const rill_frame *close = raw_find(&reply, RILL_FRAME_CONNECTION_CLOSE);
    assert_non_null(close);
    assert_int_equal(close->code, code);
    pair_run(&p, RILL_SECOND);
    assert_int_equal(p.end[PAIR_SERVER].events[RILL_EVENT_CONNECTION_END], 1);
    assert_int_equal(p.end[PAIR_SERVER].end_code, code);
    assert_int_equal(p.end[PAIR_SERVER].last.received, 5);
    close_server(&p, &r);
}

static void test_violations_end_the_connection(void **state)
{
    static uint8_t much[20000];
    const rill_frame wrong_parity = {.type = RILL_FRAME_STREAM_MONEY, .stream = 2, .value = 1};
    const rill_frame zero = {.type = RILL_FRAME_STREAM_DATA, .stream = 0};
    const rill_frame too_high = {.type = RILL_FRAME_STREAM_DATA, .stream = 21};
    const rill_frame far = {
        .type = RILL_FRAME_STREAM_DATA, .stream = 1, .value = 262144 - 10, .text = {much, 11}};
    const rill_frame wraps = {
        .type = RILL_FRAME_STREAM_DATA, .stream = 1, .value = UINT64_MAX, .text = {much, 2}};
    const rill_frame connection = {
        .type = RILL_FRAME_STREAM_DATA, .stream = 1, .value = 65534, .text = {much, 1}};
    const rill_frame address = {.type = RILL_FRAME_CONNECTION_NEW_ADDRESS,
                                .text = {(const uint8_t *)"not an address", 14}};
    (void)state;
    check_violation(&wrong_parity, RILL_CLOSE_PROTOCOL_VIOLATION);
    check_violation(&zero, RILL_CLOSE_PROTOCOL_VIOLATION);
    check_violation(&too_high, RILL_CLOSE_STREAM_ID_ERROR);
    check_violation(&far, RILL_CLOSE_FLOW_CONTROL_ERROR);
    check_violation(&wraps, RILL_CLOSE_FLOW_CONTROL_ERROR);
    check_violation(&connection, RILL_CLOSE_FLOW_CONTROL_ERROR);
    check_violation(&address, RILL_CLOSE_FRAME_FORMAT_ERROR);
}

static void test_assets_do_not_change(void **state)
{
    pair *p = *state;
    raw_peer r;
    const char *code;
    uint8_t scale;
    open_server(p, &r, NULL);
    rill_frame asset = {.type = RILL_FRAME_CONNECTION_ASSET_DETAILS,
                        .code = 9,
                        .text = {(const uint8_t *)"ABC", 3}};
    send_frames(p, &r, 0, &asset, 1, &reply);
    assert_int_equal(reply.type, RILL_ILP_FULFILL);
    send_frames(p, &r, 0, &asset, 1, &reply);
    assert_int_equal(reply.type, RILL_ILP_FULFILL);
    assert_true(rill_connection_remote_asset(p->end[PAIR_SERVER].connection, &code, &scale));
    assert_string_equal(code, "ABC");
    asset.code = 8;
    send_frames(p, &r, 0, &asset, 1, &reply);
    pair_pump(p);
    assert_int_equal(p->end[PAIR_SERVER].end_error, RILL_ERR_ASSET);
    close_server(p, &r);
}

static void test_junk_and_unknown_frames_are_ignored(void **state)
{
    pair *p = *state;
    raw_peer r;
    open_server(p, &r, NULL);
    raw_packet packet = {.amount = 3,
                         .frames = &money1,
                         .frame_count = 1,
                         .broken = true,
                         .tail = {(const uint8_t *)"\x7f\x03junk and more of it", 22}};
    raw_send(&r, server_of(p), p->now, &packet, &reply);
    assert_int_equal(reply.type, RILL_ILP_FULFILL);
    pair_pump(p);
    assert_int_equal(received(p), 3);
    close_server(p, &r);
}

/* The close overtakes what it closes: the stream must not open after it. */
static void test_a_close_that_comes_first_keeps_its_stream_closed(void **state)
{
    pair *p = *state;
    raw_peer r;
    open_server(p, &r, NULL);
    rill_frame close = {
        .type = RILL_FRAME_STREAM_CLOSE, .stream = 1, .code = RILL_CLOSE_APPLICATION_ERROR};
    send_frames(p, &r, 0, &close, 1, &reply);
    send_frames(p, &r, 5, &money1, 1, &reply);
    assert_int_equal(reply.type, RILL_ILP_REJECT);
    assert_non_null(raw_find(&reply, RILL_FRAME_STREAM_CLOSE));
    send_frames(p, &r, 0, &hello, 1, &reply);
    assert_non_null(raw_find(&reply, RILL_FRAME_STREAM_CLOSE));
    assert_int_equal(p->end[PAIR_SERVER].events[RILL_EVENT_STREAM], 0);
    /* Its place is free again. */
    rill_frame last = {.type = RILL_FRAME_STREAM_MONEY, .stream = 21, .value = 1};
    send_frames(p, &r, 5, &last, 1, &reply);
    assert_int_equal(reply.type, RILL_ILP_FULFILL);
    close_server(p, &r);
}

/* Closed streams that nobody has read keep their place: or any number could be made. */
static void test_unread_streams_are_bounded(void **state)
{
    pair *p = *state;
    raw_peer r;
    unsigned refused = 0;
    open_server(p, &r, NULL);
    p->no_read[PAIR_SERVER] = true;
    for (uint64_t id = 1; id < 101 && !refused; id += 2) {
        rill_frame frames[] = {
            {.type = RILL_FRAME_STREAM_DATA, .stream = id, .text = {(const uint8_t *)"x", 1}},
            {.type = RILL_FRAME_STREAM_CLOSE, .stream = id, .code = 1}};
        send_frames(p, &r, 0, frames, 2, &reply);
        refused += reply.type == RILL_ILP_REJECT;
    }
    assert_int_equal(p->end[PAIR_SERVER].events[RILL_EVENT_STREAM], 10);
    assert_int_equal(refused, 1);
    close_server(p, &r);
}

static void test_a_client_without_an_address_is_told_in_replies(void **state)
{
    pair *p = *state;
    raw_peer r;
    open_server(p, &r, NULL);
    send_frames(p, &r, 5, &money1, 1, &reply);
    rill_stream *s = rill_connection_stream(p->end[PAIR_SERVER].connection, 1);
    rill_stream_close(s, RILL_CLOSE_NO_ERROR, NULL);
    rill_frame second = {.type = RILL_FRAME_STREAM_MONEY, .stream = 3, .value = 1};
    raw_packet packet = {.amount = 5, .frames = &second, .frame_count = 1};
    raw_send(&r, server_of(p), p->now, &packet, &reply);
    assert_int_equal(reply.type, RILL_ILP_FULFILL);
    assert_non_null(raw_find(&reply, RILL_FRAME_STREAM_CLOSE));
    assert_int_equal(raw_find(&reply, RILL_FRAME_STREAM_CLOSE)->stream, 1);
    pair_pump(p);
    assert_int_equal(p->end[PAIR_SERVER].packets, 0);
    close_server(p, &r);
}

/* The end of a stream is announced, then an address comes, and a packet leaves: nothing dangles. */
static void test_an_address_that_comes_late(void **state)
{
    pair *p = *state;
    raw_peer r;
    uint8_t packet[RILL_PACKET_BUFFER];
    size_t len;
    uint64_t request;
    static uint8_t answer[RILL_PACKET_BUFFER];
    open_server(p, &r, NULL);
    send_frames(p, &r, 5, &money1, 1, &reply);
    rill_stream_close(rill_connection_stream(p->end[PAIR_SERVER].connection, 1),
                      RILL_CLOSE_NO_ERROR, NULL);
    rill_frame address = {.type = RILL_FRAME_CONNECTION_NEW_ADDRESS,
                          .text = {(const uint8_t *)"test.raw.peer", 13}};
    raw_packet introduces = {.frames = &address, .frame_count = 1};
    /* A connection of its own may tell what it likes: no events are taken meanwhile. */
    raw_send(&r, server_of(p), p->now, &introduces, &reply);
    assert_int_equal(rill_stream_set_receive_max(pair_stream_open(p, PAIR_SERVER), RILL_UNLIMITED),
                     RILL_OK);
    assert_int_equal(rill_endpoint_next_prepare(server_of(p), p->now, packet, &len, &request),
                     RILL_OK);
    assert_true(len > 0);
    rill_event event;
    while (rill_endpoint_next_event(server_of(p), &event)) {
    }
    size_t answered = raw_answer(&r, packet, len, true, 0, 0, NULL, 0, answer);
    p->now.mono_ns += 1000;
    assert_int_equal(rill_endpoint_receive_reply(server_of(p), p->now, request, answer, answered),
                     RILL_OK);
    close_server(p, &r);
}

/* A connector brings our own packets back to us: they are not the other side's. */
static uint8_t caught[RILL_PACKET_BUFFER];
static size_t caught_len;

static void catch_first(pair *p, pair_packet *packet)
{
    (void)p;
    if (packet->from != PAIR_CLIENT || packet->number > 0)
        return;
    memcpy(caught, packet->bytes, packet->len);
    caught_len = packet->len;
    packet->action = PAIR_DROP;
}

static void test_our_own_packet_come_back_is_refused(void **state)
{
    pair *p = *state;
    raw_peer r;
    pair_options o = pair_defaults();
    pair_open(p, &o);
    raw_open(&r, "test.nobody", p->credentials.shared_secret);
    p->on_packet = catch_first;
    rill_stream *s = pair_stream_open(p, PAIR_CLIENT);
    assert_int_equal(rill_stream_send_total(s, 7, RILL_NEVER), RILL_OK);
    pair_pump(p);
    raw_reply *read = &reply;
    raw_read(&r, caught, caught_len, read);
    const rill_frame *address = raw_find(read, RILL_FRAME_CONNECTION_NEW_ADDRESS);
    rill_prepare prepare;
    uint8_t back[RILL_PACKET_BUFFER];
    size_t len;
    assert_int_equal(rill_prepare_decode(&prepare, caught, caught_len), RILL_OK);
    prepare.destination = address->text;
    assert_int_equal(rill_prepare_encode(&prepare, back, sizeof back, &len), RILL_OK);
    raw_deliver(&r, p->end[PAIR_CLIENT].endpoint, p->now, back, len, &reply);
    assert_int_equal(reply.type, RILL_ILP_REJECT);
    pair_pump(p);
    assert_int_equal(p->end[PAIR_CLIENT].events[RILL_EVENT_MONEY], 0);
    assert_string_equal(rill_connection_remote_address(p->end[PAIR_CLIENT].connection),
                        p->credentials.destination_account);
    raw_close(&r);
}

/* ... also when it is of a connection before, of the same credentials and so the same key. */
static void test_a_packet_of_an_earlier_connection_come_back_is_refused(void **state)
{
    pair *p = *state;
    raw_peer r;
    pair_options o = pair_defaults();
    pair_open(p, &o);
    raw_open(&r, "test.nobody", p->credentials.shared_secret);
    p->on_packet = catch_first;
    pair_write(pair_stream_open(p, PAIR_CLIENT), "to the server", 13);
    pair_run(p, RILL_SECOND);
    p->on_packet = NULL;
    assert_int_equal(rill_connection_end(p->end[PAIR_CLIENT].connection), RILL_OK);
    pair_run(p, 20 * RILL_SECOND);
    assert_int_equal(pair_connect(p, &o.connection), RILL_OK);
    rill_stream *s = pair_stream_open(p, PAIR_CLIENT);
    assert_int_equal(rill_stream_set_receive_max(s, 1000), RILL_OK);
    pair_run(p, RILL_SECOND);
    /* Somebody on the path knows our new address from the server's packets. */
    pair_write(rill_connection_stream(p->end[PAIR_SERVER].connection, 1), "x", 1);
    pair_run(p, RILL_SECOND);
    char address[RILL_ILP_MAX_ADDRESS + 1];
    strcpy(address, rill_connection_remote_address(p->end[PAIR_SERVER].connection));
    assert_int_equal(pair_seen(p, PAIR_CLIENT, 1)->len, 1);
    rill_prepare prepare;
    uint8_t back[RILL_PACKET_BUFFER];
    size_t len;
    assert_true(caught_len > 0);
    assert_int_equal(rill_prepare_decode(&prepare, caught, caught_len), RILL_OK);
    prepare.destination = (rill_bytes){(const uint8_t *)address, strlen(address)};
    prepare.expires_at_ms = p->now.wall_ms + 10000;
    assert_int_equal(rill_prepare_encode(&prepare, back, sizeof back, &len), RILL_OK);
    raw_deliver(&r, p->end[PAIR_CLIENT].endpoint, p->now, back, len, &reply);
    assert_int_equal(reply.type, RILL_ILP_REJECT);
    assert_int_equal(reply.code, RILL_ILP_F99_APPLICATION_ERROR);
    pair_pump(p);
    assert_int_equal(pair_seen(p, PAIR_CLIENT, 1)->len, 1);
    raw_close(&r);
}

static void test_wrong_secrets_and_tokens(void **state)
{
    pair *p = *state;
    raw_peer r;
    raw_peer liar;
    uint8_t secret[32] = {1};
    open_server(p, &r, NULL);
    raw_open(&liar, p->credentials.destination_account, secret);
    raw_packet packet = {.amount = 5, .frames = &money1, .frame_count = 1};
    raw_send(&liar, server_of(p), p->now, &packet, &reply);
    assert_int_equal(reply.code, RILL_ILP_F06_UNEXPECTED_PAYMENT);
    memcpy(liar.destination, "test.server.AAAA", 17);
    raw_send(&liar, server_of(p), p->now, &packet, &reply);
    assert_int_equal(reply.code, RILL_ILP_F06_UNEXPECTED_PAYMENT);
    memcpy(liar.destination, "test.server", 12);
    raw_send(&liar, server_of(p), p->now, &packet, &reply);
    assert_int_equal(reply.code, RILL_ILP_F02_UNREACHABLE);
    memcpy(liar.destination, "test.servers.x", 15);
    raw_send(&liar, server_of(p), p->now, &packet, &reply);
    assert_int_equal(reply.code, RILL_ILP_F02_UNREACHABLE);
    assert_int_equal(rill_endpoint_connection_count(server_of(p)), 0);
    raw_close(&liar);
    close_server(p, &r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        PAIR_TEST_TO_OPEN(test_a_replayed_packet_is_refused_and_credited_once),
        PAIR_TEST_TO_OPEN(test_what_is_no_good_opens_no_connection),
        PAIR_TEST_TO_OPEN(test_bad_packets_change_nothing_on_a_connection),
        PAIR_TEST_TO_OPEN(test_refused_money_has_no_effect_but_frames_have),
        PAIR_TEST_TO_OPEN(test_every_unit_goes_to_one_stream),
        PAIR_TEST_TO_OPEN(test_a_receive_max_takes_one_percent_more_at_most),
        cmocka_unit_test(test_violations_end_the_connection),
        PAIR_TEST_TO_OPEN(test_assets_do_not_change),
        PAIR_TEST_TO_OPEN(test_junk_and_unknown_frames_are_ignored),
        PAIR_TEST_TO_OPEN(test_a_close_that_comes_first_keeps_its_stream_closed),
        PAIR_TEST_TO_OPEN(test_unread_streams_are_bounded),
        PAIR_TEST_TO_OPEN(test_a_client_without_an_address_is_told_in_replies),
        PAIR_TEST_TO_OPEN(test_an_address_that_comes_late),
        PAIR_TEST_TO_OPEN(test_our_own_packet_come_back_is_refused),
        PAIR_TEST_TO_OPEN(test_a_packet_of_an_earlier_connection_come_back_is_refused),
        PAIR_TEST_TO_OPEN(test_wrong_secrets_and_tokens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
