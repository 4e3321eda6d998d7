/* SPDX-License-Identifier: Apache-2.0 */
/* Which bytes travel in the next packet, and what is asked for where none may. */
#include "client_fixture.h"

#include "stream/core/endpoint_internal.h"
#include "stream/core/outcome.h"
#include "stream/core/queues.h"
#include "stream/core/schedule_data.h"

#define MANY 100000u

static uint8_t bytes[MANY];
static uint8_t text[RILL_PACKET_MAX_PLAINTEXT];
static rill_stream_packet packet;
static rill_packet_writer writer;

static void write_to(rill_stream *s, size_t len)
{
    size_t accepted;
    assert_int_equal(rill_stream_write(s, bytes, len, &accepted), RILL_OK);
    assert_int_equal(accepted, len);
}

static rill_flight *open_flight(client *c)
{
    rill_flight *f = rill_flight_open(c->endpoint->flights);
    assert_non_null(f);
    f->connection = c->connection;
    f->kind = RILL_FLIGHT_NORMAL;
    rill_flights_add(&c->connection->path->flights, f);
    return f;
}

/* A packet with so much room, and its frames as the other side reads them. */
static rill_flight *add(client *c, size_t room)
{
    bool header_ok;
    rill_flight *f = open_flight(c);
    rill_packet_begin(&writer, text, room, RILL_ILP_PREPARE, 1, 0);
    assert_true(rill_schedule_data_add(c->connection, &writer, f, c->now.mono_ns));
    size_t len = rill_packet_end(&writer);
    assert_int_equal(rill_stream_packet_decode(&packet, text, len, &header_ok), RILL_OK);
    assert_int_equal(packet.frame_count, f->piece_count);
    return f;
}

static bool wanted(client *c)
{
    return rill_schedule_data_wanted(c->connection, c->now.mono_ns);
}

static bool is_told(const rill_stream *s, uint16_t bit)
{
    return (s->urgent & bit) != 0;
}

static void test_no_bytes_and_one(void **state)
{
    client c;
    (void)state;
    open_client(&c);
    assert_false(wanted(&c));
    const rill_flight *f = add(&c, sizeof text);
    assert_int_equal(f->piece_count, 0);
    write_to(c.stream, 1);
    assert_true(wanted(&c));
    f = add(&c, sizeof text);
    assert_int_equal(f->piece_count, 1);
    assert_true(packet.kept[0].stream == 1 && packet.kept[0].value == 0);
    assert_int_equal(packet.kept[0].text.len, 1);
    assert_true(c.stream->references == 1 && c.connection->data.send_window.used == 1);
    assert_false(wanted(&c)); /* and it stands in no line */
    assert_true(rill_list_empty(&c.connection->streams.with_data));
    close_client(&c);
}

/* Control frames keep 1500 bytes of a packet: new bytes do not reach into these. */
static void test_room_is_kept_for_control(void **state)
{
    client c;
    (void)state;
    open_client(&c);
    c.stream->send_window.limit = MANY;
    c.connection->data.send_window.limit = MANY;
    write_to(c.stream, MANY);
    (void)add(&c, sizeof text);
    assert_true(rill_packet_left(&writer) >= 1500 && rill_packet_left(&writer) < 1600);
    /* Without room for a piece that is worth a frame there is none. */
    const rill_flight *f = add(&c, 1500 + 32 + 64);
    assert_int_equal(f->piece_count, 0);
    close_client(&c);
}

/* A stream's window is used to the last byte; then the other side is told, once. */
static void test_a_streams_window(void **state)
{
    client c;
    (void)state;
    open_client(&c);
    c.stream->send_window.limit = 10;
    write_to(c.stream, 11);
    (void)add(&c, sizeof text);
    assert_int_equal(packet.kept[0].text.len, 10);
    assert_false(c.stream->data_blocked);
    assert_false(wanted(&c));
    assert_true(c.stream->data_blocked && is_told(c.stream, RILL_TELL(DATA_BLOCKED)));
    assert_true(c.connection->blocked.ask_at != 0);
    c.stream->urgent = 0;
    assert_false(wanted(&c));
    assert_false(is_told(c.stream, RILL_TELL(DATA_BLOCKED)));
    c.stream->send_window.limit = 11;
    assert_true(wanted(&c) && !c.stream->data_blocked);
    close_client(&c);
}

/* The connection's window is of all streams: what one has used the other has not. */
static void test_the_connections_window(void **state)
{
    client c;
    rill_stream *other;
    (void)state;
    open_client(&c);
    assert_int_equal(rill_connection_open_stream(c.connection, &other), RILL_OK);
    c.connection->data.send_window.limit = 15;
    write_to(c.stream, 10);
    write_to(other, 10);
    (void)add(&c, sizeof text);
    assert_int_equal(packet.frame_count, 2);
    assert_int_equal(packet.kept[0].text.len, 10);
    assert_int_equal(packet.kept[1].text.len, 5);
    c.connection->telling.urgent = 0;
    assert_false(wanted(&c));
    assert_true((c.connection->telling.urgent & RILL_TELL(CONNECTION_DATA_BLOCKED)) != 0);
    assert_false(other->data_blocked); /* it is not its own window */
    close_client(&c);
}

/* What was lost comes before what is new, in the same pieces; and it needs no window. */
static void test_lost_bytes_first(void **state)
{
    client c;
    (void)state;
    open_client(&c);
    c.connection->numbers.marked = true; /* the other side takes bytes twice */
    c.connection->data.send_window.limit = 11;
    write_to(c.stream, 4);
    rill_flight *f = add(&c, sizeof text);
    write_to(c.stream, 7);
    rill_flight_lose(c.connection, f, c.now.mono_ns);
    rill_stream_want_data(c.stream);
    assert_true(wanted(&c));
    (void)add(&c, sizeof text);
    assert_int_equal(packet.frame_count, 2);
    assert_true(packet.kept[0].value == 0 && packet.kept[0].text.len == 4);
    assert_true(packet.kept[1].value == 4 && packet.kept[1].text.len == 7);
    assert_true(c.connection->data.send_window.used == 11); /* once, however often it is sent */
    close_client(&c);
}

/* To an address that nobody has answered from no more than 1024 bytes go at once. */
static void test_an_address_that_nobody_has_answered_from(void **state)
{
    client c;
    (void)state;
    open_client(&c);
    c.connection->peer.validated = false;
    write_to(c.stream, 2000);
    (void)add(&c, sizeof text);
    assert_int_equal(packet.kept[0].text.len, 1024);
    close_client(&c);
}

/* A packet has so many pieces at most; who has sent goes to the end of the line. */
static void test_more_streams_than_pieces(void **state)
{
    client c;
    rill_stream *s[RILL_FLIGHT_PIECES + 1];
    (void)state;
    open_client(&c);
    c.connection->peer.max_stream_id = 100;
    s[0] = c.stream;
    for (unsigned i = 1; i <= RILL_FLIGHT_PIECES; i++)
        assert_int_equal(rill_connection_open_stream(c.connection, &s[i]), RILL_OK);
    c.connection->data.send_window.limit = UINT64_MAX;
    for (unsigned i = 0; i <= RILL_FLIGHT_PIECES; i++) {
        s[i]->send_window.limit = 10;
        write_to(s[i], 20);
    }
    const rill_flight *f = add(&c, sizeof text);
    assert_int_equal(f->piece_count, RILL_FLIGHT_PIECES);
    for (unsigned i = 0; i < RILL_FLIGHT_PIECES; i++)
        assert_ptr_equal(f->pieces[i].stream, s[i]);
    for (unsigned i = 0; i <= RILL_FLIGHT_PIECES; i++)
        s[i]->send_window.limit = 20;
    f = add(&c, sizeof text);
    assert_ptr_equal(f->pieces[0].stream, s[RILL_FLIGHT_PIECES]);
    assert_ptr_equal(f->pieces[1].stream, s[0]);
    close_client(&c);
}

/* Limits are asked for at the time that was set, each time later, until there is nothing to ask. */
static void test_what_is_asked_for_again(void **state)
{
    client c;
    (void)state;
    open_client(&c);
    rill_blocked *b = &c.connection->blocked;
    uint64_t now = c.now.mono_ns;
    rill_blocked_on_deadline(c.connection, now); /* nothing was to be asked */
    assert_true(b->ask_at == 0);
    c.stream->send_window.limit = 0;
    write_to(c.stream, 1);
    assert_false(wanted(&c));
    uint64_t delay = b->delay;
    for (unsigned i = 0; i < 10; i++) {
        now = b->ask_at;
        c.stream->urgent = 0;
        rill_blocked_on_deadline(c.connection, now - 1);
        assert_false(is_told(c.stream, RILL_TELL(DATA_BLOCKED)));
        rill_blocked_on_deadline(c.connection, now);
        assert_true(is_told(c.stream, RILL_TELL(DATA_BLOCKED)));
        assert_true(b->delay == (2 * delay < 5 * RILL_SECOND ? 2 * delay : 5 * RILL_SECOND));
        assert_true(b->ask_at == now + b->delay);
        delay = b->delay;
    }
    assert_true(delay == 5 * RILL_SECOND);
    c.stream->data_blocked = false;
    c.connection->streams.wants_another = true;
    c.connection->telling.urgent = 0;
    rill_blocked_on_deadline(c.connection, b->ask_at);
    assert_true((c.connection->telling.urgent & RILL_TELL(STREAM_ID_BLOCKED)) != 0);
    c.connection->streams.wants_another = false;
    rill_blocked_on_deadline(c.connection, b->ask_at);
    assert_true(b->ask_at == 0);
    close_client(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_bytes_and_one),
        cmocka_unit_test(test_room_is_kept_for_control),
        cmocka_unit_test(test_a_streams_window),
        cmocka_unit_test(test_the_connections_window),
        cmocka_unit_test(test_lost_bytes_first),
        cmocka_unit_test(test_an_address_that_nobody_has_answered_from),
        cmocka_unit_test(test_more_streams_than_pieces),
        cmocka_unit_test(test_what_is_asked_for_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
