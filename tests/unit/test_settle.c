/* SPDX-License-Identifier: Apache-2.0 */
/* What follows from a change: in which order, what an end waits for, and what it does not. */
#include "client_fixture.h"

#include "support/failing_memory.h"

/* What the latest end of each kind said. */
typedef struct end_seen {
    unsigned count;
    int error;
    uint8_t code;
    bool remote;
} end_seen;

static end_seen stream_end, connection_end;

static void see(rill_endpoint *e)
{
    rill_event event;
    while (rill_endpoint_next_event(e, &event)) {
        end_seen *seen = event.type == RILL_EVENT_STREAM_END       ? &stream_end
                         : event.type == RILL_EVENT_CONNECTION_END ? &connection_end
                                                                   : NULL;
        if (seen)
            *seen = (end_seen){seen->count + 1, event.error, event.close_code, event.remote};
    }
}

/* The answer to the packet that is out, without anybody fetching events. */
static void answer_with(client *c, uint64_t arrived, const rill_frame *frames, unsigned count)
{
    size_t len = raw_answer(&c->server, c->packet, c->len, true, 0, arrived, frames, count, answer);
    c->now.mono_ns += MS;
    c->now.wall_ms += 1;
    assert_int_equal(rill_endpoint_receive_reply(c->endpoint, c->now, c->request, answer, len),
                     RILL_OK);
    see(c->endpoint);
}

static void open_world(client *c)
{
    memset(&stream_end, 0, sizeof stream_end);
    memset(&connection_end, 0, sizeof connection_end);
    open_client(c);
    assert_true(next(c));
    fulfill(c, 0, NULL, 0);
}

/* A stream whose last packet is fulfilled has ended well, whatever the same answer says of it. */
static void test_an_outcome_comes_before_the_frames_of_its_answer(void **state)
{
    const rill_frame over = {
        .type = RILL_FRAME_STREAM_CLOSE, .stream = 1, .code = RILL_CLOSE_APPLICATION_ERROR};
    client c;

    (void)state;
    open_world(&c);
    assert_int_equal(rill_stream_send_total(c.stream, 10, RILL_NEVER), RILL_OK);
    assert_int_equal(rill_stream_end(c.stream), RILL_OK);
    assert_true(next(&c));
    assert_int_equal(c.amount, 10);
    answer_with(&c, 10, &over, 1);
    assert_true(stream_end.count == 1 && stream_end.error == RILL_OK && !stream_end.remote);
    assert_int_equal(stream_end.code, RILL_CLOSE_NO_ERROR);
    close_client(&c);
}

/* The first frame ends the last stream, and with it the connection: the second comes too late. */
static void test_what_a_frame_ends_comes_before_the_next_frame(void **state)
{
    const rill_frame frames[] = {
        {.type = RILL_FRAME_STREAM_CLOSE, .stream = 1, .code = RILL_CLOSE_NO_ERROR},
        {.type = RILL_FRAME_CONNECTION_CLOSE, .code = RILL_CLOSE_APPLICATION_ERROR},
    };
    client c;

    (void)state;
    open_world(&c);
    assert_int_equal(rill_stream_send_total(c.stream, 10, RILL_NEVER), RILL_OK);
    assert_int_equal(rill_connection_end(c.connection), RILL_OK);
    assert_true(next(&c));
    answer_with(&c, 10, frames, 2);
    assert_true(connection_end.count == 1 && connection_end.error == RILL_OK);
    assert_true(!connection_end.remote && connection_end.code == RILL_CLOSE_NO_ERROR);
    close_client(&c);
}

/* ---- a server, and a client without rules ---- */

typedef struct server {
    rill_endpoint *endpoint;
    rill_connection *connection;
    rill_stream *stream; /* the client's first */
    raw_peer client;
    rill_now now;
} server;

static raw_reply reply;

static void say(server *s, const rill_frame *frames, unsigned count)
{
    rill_event event;
    raw_packet packet = {.frames = frames, .frame_count = count};
    s->now.mono_ns += MS;
    s->now.wall_ms += 1;
    raw_send(&s->client, s->endpoint, s->now, &packet, &reply);
    assert_true(reply.authentic);
    while (s->connection == NULL && rill_endpoint_next_event(s->endpoint, &event))
        if (event.type == RILL_EVENT_CONNECTION)
            s->connection = event.connection;
    if (s->stream == NULL)
        s->stream = rill_connection_stream(s->connection, 1);
}

static void open_server_with(server *s, const rill_allocator *allocator)
{
    const rill_frame first = {
        .type = RILL_FRAME_STREAM_DATA, .stream = 1, .text = {(const uint8_t *)"x", 1}};
    rill_endpoint_options o;
    rill_credentials credentials;

    memset(s, 0, sizeof *s);
    memset(&stream_end, 0, sizeof stream_end);
    memset(&connection_end, 0, sizeof connection_end);
    s->now = (rill_now){RILL_SECOND, UINT64_C(1700000000000)};
    rill_endpoint_options_init(&o);
    if (allocator)
        o.allocator = allocator;
    assert_int_equal(rill_endpoint_new(&s->endpoint, &o), RILL_OK);
    assert_int_equal(rill_endpoint_set_account(s->endpoint,
                                               (rill_bytes){(const uint8_t *)"test.s", 6},
                                               (rill_bytes){(const uint8_t *)"ABC", 3}, 9),
                     RILL_OK);
    assert_int_equal(rill_endpoint_generate_credentials(s->endpoint, NULL, &credentials), RILL_OK);
    raw_open(&s->client, credentials.destination_account, credentials.shared_secret);
    say(s, &first, 1);
    assert_non_null(s->stream);
}

static void open_server(server *s)
{
    open_server_with(s, NULL);
}

static void close_server(server *s)
{
    rill_endpoint_free(s->endpoint);
    raw_close(&s->client);
}

static void test_what_a_frame_of_a_prepare_ends_comes_before_the_next(void **state)
{
    const rill_frame frames[] = {
        {.type = RILL_FRAME_STREAM_CLOSE, .stream = 1, .code = RILL_CLOSE_NO_ERROR},
        {.type = RILL_FRAME_CONNECTION_CLOSE, .code = RILL_CLOSE_APPLICATION_ERROR},
    };
    server s;
    size_t accepted;

    (void)state;
    open_server(&s);
    rill_stream_consume(s.stream, 1);
    /* It has bytes to send, and has been told of no address to send them to. */
    assert_int_equal(rill_stream_write(s.stream, "y", 1, &accepted), RILL_OK);
    assert_int_equal(rill_connection_end(s.connection), RILL_OK);
    say(&s, frames, 2);
    see(s.endpoint);
    assert_true(connection_end.count == 1 && !connection_end.remote);
    assert_int_equal(connection_end.code, RILL_CLOSE_NO_ERROR);
    close_server(&s);
}

/* A stream whose close could not be told, for want of an address, is over: an address that comes
 * later changes nothing of that. */
static void test_an_end_does_not_wait_for_what_is_over(void **state)
{
    const rill_frame address = {.type = RILL_FRAME_CONNECTION_NEW_ADDRESS,
                                .text = {(const uint8_t *)"test.c.raw", 10}};
    uint8_t packet[RILL_PACKET_BUFFER];
    size_t len;
    uint64_t request;
    server s;

    (void)state;
    open_server(&s);
    rill_stream_consume(s.stream, 1);
    rill_stream_close(s.stream, RILL_CLOSE_NO_ERROR, NULL);
    say(&s, &address, 1);
    assert_int_equal(rill_connection_end(s.connection), RILL_OK);
    assert_int_equal(rill_endpoint_next_prepare(s.endpoint, s.now, packet, &len, &request),
                     RILL_OK);
    raw_read(&s.client, packet, len, &reply);
    assert_true(reply.authentic && raw_find(&reply, RILL_FRAME_CONNECTION_CLOSE));
    see(s.endpoint);
    assert_int_equal(stream_end.count, 1);
    close_server(&s);
}

/* A stream that there is no memory for never was: the end waits for the others alone. Its number is
 * far from the first, so that to keep it takes memory as well. */
static void test_an_end_does_not_wait_for_what_could_not_be_made(void **state)
{
    const rill_frame far = {
        .type = RILL_FRAME_STREAM_DATA, .stream = 9, .text = {(const uint8_t *)"z", 1}};
    static failing_memory memory;
    unsigned refusals = 0;
    bool made = false;

    (void)state;
    for (unsigned long n = 1; n < 20 && !made; n++) {
        server s;
        failing_memory_init(&memory, 0, 1);
        open_server_with(&s, &memory.allocator);
        rill_stream_consume(s.stream, 1);
        memory.fail_at = memory.asked + n;
        say(&s, &far, 1);
        made = memory.refused == 0;
        refusals += memory.refused > 0;
        memory.fail_at = 0;
        rill_connection_abandon(s.connection, RILL_ERR_CLOSED);
        see(s.endpoint);
        assert_int_equal(connection_end.count, 1);
        close_server(&s);
        failing_memory_end(&memory);
    }
    assert_true(made && refusals > 2); /* the stream itself, and what it is kept in */
}

/* ---- many streams ---- */

#define STREAMS 8

/* Ends in the order in which they came about; and the connection's after all of them. */
static void test_ends_are_told_in_their_order(void **state)
{
    client c;
    rill_event event;
    rill_stream *streams[STREAMS];
    unsigned count = 0;

    (void)state;
    open_world(&c);
    streams[0] = c.stream;
    for (unsigned i = 1; i < STREAMS; i++)
        assert_int_equal(rill_connection_open_stream(c.connection, &streams[i]), RILL_OK);
    for (unsigned i = STREAMS; i-- > 0;)
        rill_stream_close(streams[i], RILL_CLOSE_NO_ERROR, NULL);
    assert_int_equal(rill_connection_end(c.connection), RILL_OK);
    assert_true(next(&c));
    size_t len = raw_answer(&c.server, c.packet, c.len, true, 0, 0, NULL, 0, answer);
    assert_int_equal(rill_endpoint_receive_reply(c.endpoint, c.now, c.request, answer, len),
                     RILL_OK);
    while (rill_endpoint_next_event(c.endpoint, &event)) {
        assert_int_equal(event.type, RILL_EVENT_STREAM_END);
        assert_ptr_equal(event.stream, streams[STREAMS - 1 - count]);
        count++;
    }
    assert_int_equal(count, STREAMS);
    assert_true(next(&c));
    assert_non_null(raw_find(&question, RILL_FRAME_CONNECTION_CLOSE));
    answer_with(&c, 0, NULL, 0);
    assert_int_equal(connection_end.count, 1);
    close_client(&c);
}

/* An end waits for every stream that ends or is closed, each for a reason of its own. */
static void test_an_end_waits_for_every_stream(void **state)
{
    client c;
    rill_stream *other;
    size_t accepted;

    (void)state;
    open_world(&c);
    assert_int_equal(rill_connection_open_stream(c.connection, &other), RILL_OK);
    assert_int_equal(rill_stream_write(other, "hello", 5, &accepted), RILL_OK);
    assert_true(next(&c));
    /* Its bytes are out; the other one has closed, and that has not been told. */
    rill_stream_close(c.stream, RILL_CLOSE_NO_ERROR, NULL);
    assert_int_equal(rill_connection_end(c.connection), RILL_OK);
    answer_with(&c, 0, NULL, 0);
    assert_true(next(&c));
    assert_non_null(raw_find(&question, RILL_FRAME_STREAM_CLOSE));
    assert_null(raw_find(&question, RILL_FRAME_CONNECTION_CLOSE));
    answer_with(&c, 0, NULL, 0);
    assert_int_equal(stream_end.count, 2);
    assert_true(next(&c));
    assert_non_null(raw_find(&question, RILL_FRAME_CONNECTION_CLOSE));
    answer_with(&c, 0, NULL, 0);
    assert_true(connection_end.count == 1 && connection_end.error == RILL_OK);
    close_client(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_outcome_comes_before_the_frames_of_its_answer),
        cmocka_unit_test(test_what_a_frame_ends_comes_before_the_next_frame),
        cmocka_unit_test(test_what_a_frame_of_a_prepare_ends_comes_before_the_next),
        cmocka_unit_test(test_an_end_does_not_wait_for_what_is_over),
        cmocka_unit_test(test_an_end_does_not_wait_for_what_could_not_be_made),
        cmocka_unit_test(test_ends_are_told_in_their_order),
        cmocka_unit_test(test_an_end_waits_for_every_stream),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
