/* SPDX-License-Identifier: Apache-2.0 */
/* The frames for what is to be told, and what becomes of them. */
#include "client_fixture.h"

#include "stream/core/endpoint_internal.h"
#include "stream/core/queues.h"
#include "stream/core/stream.h"
#include "stream/core/tell.h"

static uint8_t text[RILL_PACKET_MAX_PLAINTEXT];
static rill_stream_packet packet;
static rill_flight flight;

/* Nothing is to be told any more. */
static void open_quiet(client *c)
{
    open_client(c);
    c->connection->telling = (rill_telling){0};
    c->stream->tell = 0;
    c->stream->urgent = 0;
    rill_list_remove(&c->stream->tell_node);
    memset(&flight, 0, sizeof flight);
}

static void tell(client *c, rill_flight *f, size_t room)
{
    rill_packet_writer p;
    bool header_ok;
    rill_packet_begin(&p, text, room, RILL_ILP_PREPARE, 1, 0);
    rill_tell_frames(c->connection, &p, f);
    assert_int_equal(rill_stream_packet_decode(&packet, text, rill_packet_end(&p), &header_ok),
                     RILL_OK);
}

static void write_packet(client *c)
{
    tell(c, &flight, sizeof text);
}

static void write_reply(client *c)
{
    tell(c, NULL, sizeof text);
}

static const rill_frame *find(uint8_t type)
{
    static rill_frame_walk walk;
    rill_frames_begin(&walk, &packet);
    for (const rill_frame *frame; (frame = rill_frame_walk_next(&walk)) != NULL;)
        if (frame->type == type)
            return frame;
    return NULL;
}

static void close_quiet(client *c)
{
    /* As if the packet had been answered. */
    for (unsigned i = 0; i < flight.control_count; i++)
        if (flight.control[i].stream)
            flight.control[i].stream->references--;
    close_client(c);
}

static void test_nothing_is_told(void **state)
{
    client c;
    (void)state;
    open_quiet(&c);
    assert_false(rill_tell_urgent(c.connection));
    write_packet(&c);
    assert_true(packet.frame_count == 0 && flight.control_count == 0);
    close_quiet(&c);
}

/* In a packet each is told once, noted to be told again, and its stream held. */
static void test_what_a_packet_tells(void **state)
{
    client c;
    (void)state;
    open_quiet(&c);
    rill_stream_tell(c.stream, RILL_TELL(MAX_MONEY) | RILL_TELL(MAX_DATA), true);
    rill_connection_tell(c.connection, RILL_TELL(MAX_STREAM_ID), false);
    assert_true(rill_tell_urgent(c.connection));
    write_packet(&c);
    assert_int_equal(packet.frame_count, 3);
    assert_true(find(RILL_FRAME_CONNECTION_MAX_STREAM_ID)->value == 20);
    assert_true(find(RILL_FRAME_STREAM_MAX_MONEY)->stream == c.stream->id);
    assert_true(find(RILL_FRAME_STREAM_MAX_DATA)->value == c.stream->receive_window.limit);
    assert_true(flight.control_count == 3 && c.stream->references == 2);
    assert_true(c.stream->tell == 0 && c.stream->urgent == 0 && c.connection->telling.due == 0);
    assert_false(rill_list_linked(&c.stream->tell_node) || rill_tell_urgent(c.connection));
    close_quiet(&c);
}

/* What is told is what it is now, and it counts as told from then on: it is never taken back. */
static void test_the_latest_is_told(void **state)
{
    client c;
    (void)state;
    open_quiet(&c);
    assert_int_equal(rill_stream_set_receive_max(c.stream, 10), RILL_OK);
    assert_int_equal(rill_stream_set_receive_max(c.stream, 5), RILL_OK);
    write_packet(&c);
    assert_true(find(RILL_FRAME_STREAM_MAX_MONEY)->value == 5);
    assert_int_equal(rill_stream_set_receive_max(c.stream, 4), RILL_ERR_RANGE);
    close_quiet(&c);
}

/* A record has room for so many: what it has not is told by the next. */
static void test_a_record_that_is_full(void **state)
{
    client c;
    (void)state;
    open_quiet(&c);
    flight.control_count = RILL_FLIGHT_CONTROL - 1;
    for (unsigned i = 0; i < RILL_FLIGHT_CONTROL - 1; i++)
        flight.control[i] = (rill_flight_control){.what = RILL_TELL_ASSET};
    rill_stream_tell(c.stream, RILL_TELL(MAX_MONEY) | RILL_TELL(MAX_DATA), true);
    write_packet(&c);
    assert_true(packet.frame_count == 1 && flight.control_count == RILL_FLIGHT_CONTROL);
    assert_true(c.stream->tell == RILL_TELL(MAX_DATA) && c.stream->urgent == c.stream->tell);
    rill_connection_tell(c.connection, RILL_TELL(HELLO), true);
    write_packet(&c);
    assert_int_equal(packet.frame_count, 0);
    assert_true(c.connection->telling.due == RILL_TELL(HELLO));
    close_quiet(&c);
}

/* A packet keeps room for money and some bytes: control frames do not fill it. */
static void test_room_is_kept_for_others(void **state)
{
    client c;
    const rill_frame max = {.type = RILL_FRAME_STREAM_MAX_DATA, .stream = 1, .value = 262144};
    const size_t header = 2 + 2 + 2 + 2; /* version and type, number, amount, count */
    (void)state;
    open_quiet(&c);
    assert_true(c.stream->receive_window.limit == max.value);
    rill_stream_tell(c.stream, RILL_TELL(MAX_DATA), false);
    tell(&c, &flight, header - 1 + rill_frame_size(&max) + 256);
    assert_true(packet.frame_count == 0 && c.stream->tell != 0);
    tell(&c, &flight, header + rill_frame_size(&max) + 256);
    assert_true(packet.frame_count == 1 && c.stream->tell == 0);
    close_quiet(&c);
}

/* A reply may be lost, and nobody would know: where a packet can go, that one says the close. */
static void test_a_close_in_a_reply(void **state)
{
    client c;
    (void)state;
    open_quiet(&c);
    rill_stream_close(c.stream, RILL_CLOSE_APPLICATION_ERROR, "why");
    write_reply(&c);
    assert_int_equal(find(RILL_FRAME_STREAM_CLOSE)->code, RILL_CLOSE_APPLICATION_ERROR);
    assert_int_equal(find(RILL_FRAME_STREAM_CLOSE)->text.len, 3);
    assert_true(c.stream->tell == RILL_TELL(CLOSE) && !c.stream->close_done);
    char *address = c.connection->peer.address;
    c.connection->peer.address = NULL;
    write_reply(&c);
    assert_non_null(find(RILL_FRAME_STREAM_CLOSE));
    assert_true(c.stream->tell == 0 && c.stream->close_done);
    c.connection->peer.address = address;
    close_quiet(&c);
}

/* In replies the address is said and not relied upon, and a greeting needs a packet of its own. */
static void test_who_we_are_in_a_reply(void **state)
{
    client c;
    (void)state;
    open_quiet(&c);
    rill_connection_tell(c.connection, RILL_TELL(ADDRESS) | RILL_TELL(ASSET) | RILL_TELL(HELLO),
                         true);
    write_reply(&c);
    assert_int_equal(packet.frame_count, 2);
    assert_true(c.connection->telling.due == (RILL_TELL(ADDRESS) | RILL_TELL(HELLO)));
    write_packet(&c);
    assert_int_equal(packet.frame_count, 1);
    assert_true(c.connection->telling.due == 0 && flight.control_count == 2);
    assert_false(rill_tells_who_we_are(&flight)); /* the asset is what shows it */
    rill_connection_tell(c.connection, RILL_TELL(ASSET), true);
    write_packet(&c);
    assert_true(rill_tells_who_we_are(&flight));
    close_quiet(&c);
}

/* What became of money is asked by a packet without any: one with some may be decided on for long.
 */
static void test_a_doubt_is_asked_without_money(void **state)
{
    client c;
    (void)state;
    open_quiet(&c);
    assert_true(rill_stream_may_pay(c.stream));
    c.stream->out->doubt = RILL_DOUBT_ASKED;
    rill_stream_tell(c.stream, RILL_TELL(MONEY_BLOCKED), true);
    write_reply(&c);
    assert_int_equal(packet.frame_count, 0);
    flight.amount = 1;
    write_packet(&c);
    assert_true(packet.frame_count == 0 && c.stream->tell == RILL_TELL(MONEY_BLOCKED));
    flight.amount = 0;
    write_packet(&c);
    assert_non_null(find(RILL_FRAME_STREAM_MONEY_BLOCKED));
    assert_int_equal(c.stream->tell, 0);
    /* One that is merely blocked may be told in any. */
    c.stream->out->doubt = RILL_DOUBT_NONE;
    c.stream->out->blocked = true;
    flight.amount = 1;
    rill_stream_tell(c.stream, RILL_TELL(MONEY_BLOCKED), true);
    write_packet(&c);
    assert_non_null(find(RILL_FRAME_STREAM_MONEY_BLOCKED));
    close_quiet(&c);
}

/* What has changed meanwhile is not told: nobody is blocked any more. */
static void test_what_is_true_no_more(void **state)
{
    client c;
    (void)state;
    open_quiet(&c);
    rill_stream_tell(c.stream, RILL_TELL(MONEY_BLOCKED) | RILL_TELL(DATA_BLOCKED), true);
    write_packet(&c);
    assert_true(packet.frame_count == 0 && c.stream->tell == 0 && flight.control_count == 0);
    /* Nor may a packet point at a stream whose end has been announced. */
    rill_stream_tell(c.stream, RILL_TELL(MAX_DATA), true);
    c.stream->over = true;
    write_packet(&c);
    assert_true(packet.frame_count == 0 && c.stream->tell == 0 && c.stream->references == 0);
    c.stream->over = false;
    close_quiet(&c);
}

/* Lost with its packet: of a stream that is closed only the close is said again. */
static void test_again(void **state)
{
    const rill_flight_control connection = {.what = RILL_TELL_MAX_STREAM_ID};
    client c;
    (void)state;
    open_quiet(&c);
    const rill_flight_control max = {.stream = c.stream, .what = RILL_TELL_MAX_DATA};
    const rill_flight_control end = {.stream = c.stream, .what = RILL_TELL_CLOSE};
    rill_tell_again(c.connection, &connection);
    assert_true(c.connection->telling.urgent == RILL_TELL(MAX_STREAM_ID));
    rill_tell_again(c.connection, &max);
    assert_true(c.stream->urgent == RILL_TELL(MAX_DATA));
    rill_stream_close(c.stream, RILL_CLOSE_NO_ERROR, NULL);
    assert_int_equal(c.stream->urgent, RILL_TELL(CLOSE));
    rill_tell_again(c.connection, &max);
    assert_int_equal(c.stream->urgent, RILL_TELL(CLOSE));
    write_packet(&c);
    assert_int_equal(c.stream->tell, 0);
    rill_tell_again(c.connection, &end);
    assert_int_equal(c.stream->urgent, RILL_TELL(CLOSE));
    write_packet(&c);
    rill_tell_acknowledged(c.connection, &end, 1);
    rill_tell_again(c.connection, &end);
    assert_true(c.stream->close_done && c.stream->tell == 0);
    close_quiet(&c);
}

/* Our address is known by what left with it, and not by what left with the one before. */
static void test_an_address_that_has_changed(void **state)
{
    const rill_flight_control address = {.what = RILL_TELL_ADDRESS};
    client c;
    (void)state;
    open_quiet(&c);
    rill_telling *t = &c.connection->telling;
    uint64_t next_number = c.connection->numbers.next;
    t->known = RILL_TELL(ADDRESS) | RILL_TELL(ASSET);
    rill_tell_who_we_are(c.connection);
    assert_true(t->known == 0 && t->urgent == (RILL_TELL(ADDRESS) | RILL_TELL(ASSET)));
    rill_tell_acknowledged(c.connection, &address, next_number - 1);
    assert_int_equal(t->known, 0);
    rill_tell_acknowledged(c.connection, &address, next_number);
    assert_int_equal(t->known, RILL_TELL(ADDRESS));
    /* What is known need not be said again, and what is not must. */
    t->due = 0;
    t->urgent = 0;
    rill_tell_again(c.connection, &address);
    assert_int_equal(t->due, 0);
    rill_tell_again(c.connection, &(rill_flight_control){.what = RILL_TELL_ASSET});
    assert_int_equal(t->due, RILL_TELL(ASSET));
    close_quiet(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_is_told),
        cmocka_unit_test(test_what_a_packet_tells),
        cmocka_unit_test(test_the_latest_is_told),
        cmocka_unit_test(test_a_record_that_is_full),
        cmocka_unit_test(test_room_is_kept_for_others),
        cmocka_unit_test(test_a_close_in_a_reply),
        cmocka_unit_test(test_who_we_are_in_a_reply),
        cmocka_unit_test(test_a_doubt_is_asked_without_money),
        cmocka_unit_test(test_what_is_true_no_more),
        cmocka_unit_test(test_again),
        cmocka_unit_test(test_an_address_that_has_changed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
