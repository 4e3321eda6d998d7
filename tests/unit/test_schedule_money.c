/* SPDX-License-Identifier: Apache-2.0 */
/* Which streams' money travels in the next packet, and how much of each. */
#include "client_fixture.h"

#include "stream/core/endpoint_internal.h"
#include "stream/core/outcome.h"
#include "stream/core/schedule_money.h"

/* The path brings as much as is sent, and takes packets of so many units. */
static uint64_t largest;

static void limited(rill_connection_options *o)
{
    o->max_packet_amount = largest;
    o->max_remote_streams = 20;
}

static void open_path(client *c, uint64_t most)
{
    largest = most;
    open_client_with(c, limited);
    c->connection->peer.max_stream_id = 100;
    rill_rate_learn(&c->connection->path->rate, 1000000, 1000000);
}

static rill_stream *stream_with(client *c, uint64_t send_max)
{
    rill_stream *s;
    assert_int_equal(rill_connection_open_stream(c->connection, &s), RILL_OK);
    assert_int_equal(rill_stream_set_send_max(s, send_max), RILL_OK);
    return s;
}

/* A packet that may leave now; NULL: none. */
static rill_flight *plan_at(client *c, uint64_t now_ns)
{
    rill_flight *f = rill_flight_open(c->endpoint->flights);
    assert_non_null(f);
    f->connection = c->connection;
    f->kind = RILL_FLIGHT_NORMAL;
    rill_flights_add(&c->connection->path->flights, f);
    if (rill_schedule_money_plan(c->connection, now_ns, f)) {
        uint64_t sum = 0;
        for (unsigned i = 0; i < f->money_count; i++) {
            assert_true(f->money[i].amount > 0);
            sum += f->money[i].amount;
        }
        assert_true(f->amount > 0 && sum == f->amount);
        return f;
    }
    assert_true(f->amount == 0 && f->money_count == 0); /* as if nobody had looked */
    rill_flight_lose(c->connection, f, now_ns);
    return NULL;
}

static rill_flight *plan(client *c)
{
    return plan_at(c, c->now.mono_ns);
}

static uint64_t part_of(const rill_flight *f, const rill_stream *s)
{
    for (unsigned i = 0; i < f->money_count; i++)
        if (f->money[i].stream == s)
            return f->money[i].amount;
    return 0;
}

static void test_nothing_to_send(void **state)
{
    client c;
    (void)state;
    open_path(&c, 100);
    assert_false(rill_schedule_money_wanted(c.connection));
    assert_null(plan(&c));
    assert_true(rill_schedule_money_not_before(c.connection) == RILL_NEVER);
    assert_true(rill_schedule_money_room(c.connection, c.stream) == 0);
    close_client(&c);
}

/* All of it, in one packet: it is away then, and its stream is in no line any more. */
static void test_one_unit_and_all_there_are(void **state)
{
    static const uint64_t amounts[] = {1, 2, UINT64_MAX / 2};
    (void)state;
    for (unsigned i = 0; i < sizeof amounts / sizeof *amounts; i++) {
        client c;
        open_path(&c, UINT64_MAX);
        assert_int_equal(rill_stream_set_send_max(c.stream, amounts[i]), RILL_OK);
        assert_true(rill_schedule_money_wanted(c.connection));
        rill_flight *f = plan(&c);
        assert_non_null(f);
        assert_true(f->amount == amounts[i] && f->minimum == amounts[i]);
        assert_true(c.stream->out->money.away == amounts[i] && c.stream->out->money.free == 0);
        assert_int_equal(c.stream->references, 1);
        assert_true(rill_list_empty(&c.connection->streams.with_money));
        assert_null(plan(&c));
        rill_flight_lose(c.connection, f, c.now.mono_ns);
        assert_true(c.stream->out->money.free == amounts[i] && c.stream->references == 0);
        close_client(&c);
    }
}

/* As large as packets may be, and then what is left. */
static void test_the_rest_of_a_payment(void **state)
{
    client c;
    (void)state;
    open_path(&c, 100);
    assert_int_equal(rill_stream_set_send_max(c.stream, 201), RILL_OK);
    assert_true(plan(&c)->amount == 100);
    assert_true(plan(&c)->amount == 100);
    assert_true(plan(&c)->amount == 1);
    assert_null(plan(&c));
    close_client(&c);
}

/* A stream's turn is its weight times half a packet: of weight 1 and 3, a quarter and the rest. */
static void test_weights(void **state)
{
    client c;
    (void)state;
    open_path(&c, 100);
    rill_stream *heavy = stream_with(&c, 100000);
    rill_stream *light = stream_with(&c, 100000);
    assert_int_equal(rill_stream_set_weight(heavy, 3), RILL_OK);
    uint64_t of_heavy = 0, of_light = 0;
    for (unsigned i = 0; i < 8; i++) {
        rill_flight *f = plan(&c);
        assert_non_null(f);
        assert_true(f->amount == 100);
        of_heavy += part_of(f, heavy);
        of_light += part_of(f, light);
        /* After each round of both nobody has more than is his. */
        if (i % 2 == 1)
            assert_true(of_heavy == 3 * of_light);
    }
    close_client(&c);
}

/* Packets of one unit: each turn is one unit at least, whatever half of a packet is. */
static void test_turns_of_one_unit(void **state)
{
    client c;
    (void)state;
    open_path(&c, 1);
    rill_stream *a = stream_with(&c, 10);
    rill_stream *b = stream_with(&c, 10);
    for (unsigned i = 0; i < 10; i++) {
        rill_flight *f = plan(&c);
        assert_non_null(f);
        assert_true(f->amount == 1 && part_of(f, i % 2 == 0 ? a : b) == 1);
    }
    close_client(&c);
}

/* Its turn was given when packets were large: it is no longer than others' are now. */
static void test_a_turn_shrinks_with_the_packets(void **state)
{
    client c;
    (void)state;
    open_path(&c, 100);
    rill_stream *a = stream_with(&c, 1000);
    rill_stream *b = stream_with(&c, 1000);
    a->out->credit = 100000;
    rill_flight *f = plan(&c);
    assert_non_null(f);
    assert_true(part_of(f, a) == 50 && part_of(f, b) == 50);
    close_client(&c);
}

/* A packet has so many streams' money at most; those behind are the first of the next. */
static void test_more_streams_than_a_packet_has_room_for(void **state)
{
    client c;
    rill_stream *s[RILL_FLIGHT_MONEY + 2];
    const unsigned count = sizeof s / sizeof *s;
    (void)state;
    open_path(&c, 10000);
    for (unsigned i = 0; i < count; i++)
        s[i] = stream_with(&c, 10);
    rill_flight *f = plan(&c);
    assert_non_null(f);
    assert_int_equal(f->money_count, RILL_FLIGHT_MONEY);
    assert_true(f->amount == 10 * RILL_FLIGHT_MONEY);
    f = plan(&c);
    assert_non_null(f);
    assert_true(f->amount == 20 && part_of(f, s[count - 2]) == 10 &&
                part_of(f, s[count - 1]) == 10);
    close_client(&c);
}

/* The receiver takes no more of one stream: the others' money leaves, and it is asked. */
static void test_who_is_blocked_is_passed(void **state)
{
    client c;
    (void)state;
    open_path(&c, 100);
    rill_stream *full = stream_with(&c, 50);
    rill_stream *other = stream_with(&c, 50);
    full->theirs.max = 7;
    full->theirs.received = 7;
    full->urgent = 0;
    rill_flight *f = plan(&c);
    assert_non_null(f);
    assert_true(f->amount == 50 && part_of(f, other) == 50);
    assert_true(full->out->blocked && (full->urgent & RILL_TELL(MONEY_BLOCKED)) != 0);
    assert_true(c.connection->blocked.ask_at != 0);
    /* One unit more is taken: that much is sent. */
    full->theirs.max = 8;
    f = plan(&c);
    assert_non_null(f);
    assert_true(f->amount == 1 && part_of(f, full) == 1);
    close_client(&c);
}

/* What is held back and what is expected of it count against the receiver's maximum. */
static void test_room_by_the_other_sides_maximum(void **state)
{
    client c;
    (void)state;
    open_path(&c, 100);
    rill_stream *s = stream_with(&c, 1000);
    assert_true(rill_schedule_money_room(c.connection, s) == 1000); /* it has told none */
    s->theirs.max = 0;
    assert_true(rill_schedule_money_room(c.connection, s) == 0);
    s->theirs.max = 300;
    s->theirs.received = 100;
    assert_true(rill_schedule_money_room(c.connection, s) == 200);
    s->out->money.delivered = 150; /* we know of more than it has said */
    assert_true(rill_schedule_money_room(c.connection, s) == 150);
    rill_flight *f = plan(&c);
    assert_non_null(f);
    assert_true(f->amount == 100 && rill_schedule_money_room(c.connection, s) == 50);
    f = plan(&c); /* while that is under way */
    assert_non_null(f);
    assert_true(f->amount == 50 && rill_schedule_money_room(c.connection, s) == 0);
    assert_null(plan(&c));
    s->theirs.max = UINT64_MAX - 1;
    assert_true(rill_schedule_money_room(c.connection, s) == 850);
    close_client(&c);
}

/* No whole unit of ours fits into what is left: one that brings a hundredth more is taken too. */
static void test_a_unit_that_brings_slightly_too_much(void **state)
{
    client c;
    (void)state;
    open_path(&c, 100);
    rill_rate_init(&c.connection->path->rate, (rill_ratio){1, 1}, (rill_ratio){0, 1});
    rill_rate_learn(&c.connection->path->rate, 1, 1000);
    rill_stream *s = stream_with(&c, 5);
    s->theirs.max = 990; /* 1 % of it and a unit more is 1000.9 */
    assert_true(rill_schedule_money_room(c.connection, s) == 1);
    s->theirs.max = 988;
    assert_true(rill_schedule_money_room(c.connection, s) == 0);
    s->theirs.max = 1999;
    assert_true(rill_schedule_money_room(c.connection, s) == 1);
    close_client(&c);
}

/* There is room, but for less than the path brings anything of: more is asked for. */
static void test_too_little_room_is_asked_about(void **state)
{
    client c;
    (void)state;
    open_path(&c, 1000);
    rill_path *path = c.connection->path;
    rill_rate_init(&path->rate, (rill_ratio){1, 4}, (rill_ratio){0, 1});
    rill_rate_learn(&path->rate, 1000, 300);
    path->worth.enough = 10;
    path->worth.brings = 3;
    path->worth.less = 9;
    path->worth.barren = 9;
    path->worth.believed = (rill_ratio){3, 10};
    rill_stream *s = stream_with(&c, 100);
    s->theirs.max = 1;
    s->urgent = 0;
    assert_in_range(rill_schedule_money_room(c.connection, s), 1, 9);
    assert_null(plan(&c));
    assert_true(s->out->blocked && (s->urgent & RILL_TELL(MONEY_BLOCKED)) != 0);
    close_client(&c);
}

/* What became of earlier money is asked: until then none of that stream leaves. */
static void test_money_waits_for_a_doubt(void **state)
{
    client c;
    (void)state;
    open_path(&c, 100);
    rill_stream *asks = stream_with(&c, 50);
    rill_stream *other = stream_with(&c, 50);
    asks->out->doubt = RILL_DOUBT_ASKED;
    rill_flight *f = plan(&c);
    assert_non_null(f);
    assert_true(f->amount == 50 && part_of(f, other) == 50);
    assert_null(plan(&c));
    asks->out->doubt = RILL_DOUBT_NONE;
    assert_non_null(plan(&c));
    close_client(&c);
}

/* After a refusal nothing leaves for a while, and then at that very time. */
static void test_money_is_held_back(void **state)
{
    client c;
    (void)state;
    open_path(&c, 100);
    (void)stream_with(&c, 50);
    uint64_t until = c.now.mono_ns + 10 * MS;
    c.connection->holdoffs.refusals.until = until;
    assert_null(plan_at(&c, until - 1));
    assert_true(rill_schedule_money_not_before(c.connection) == until);
    assert_non_null(plan_at(&c, until));
    close_client(&c);
}

/* One frame a stream, and in them all that the packet has. */
static void test_its_frames(void **state)
{
    client c;
    rill_packet_writer p;
    static uint8_t text[RILL_PACKET_MAX_PLAINTEXT];
    static rill_stream_packet packet;
    bool header_ok;
    (void)state;
    open_path(&c, 100);
    const rill_stream *a = stream_with(&c, 30);
    const rill_stream *b = stream_with(&c, 40);
    const rill_flight *f = plan(&c);
    assert_non_null(f);
    rill_packet_begin(&p, text, sizeof text, RILL_ILP_PREPARE, 1, 0);
    rill_schedule_money_frames(&p, f);
    assert_int_equal(rill_stream_packet_decode(&packet, text, rill_packet_end(&p), &header_ok),
                     RILL_OK);
    assert_int_equal(packet.frame_count, 2);
    for (unsigned i = 0; i < 2; i++)
        assert_int_equal(packet.kept[i].type, RILL_FRAME_STREAM_MONEY);
    assert_true(packet.kept[0].stream == a->id && packet.kept[0].value == 30);
    assert_true(packet.kept[1].stream == b->id && packet.kept[1].value == 40);
    close_client(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_to_send),
        cmocka_unit_test(test_one_unit_and_all_there_are),
        cmocka_unit_test(test_the_rest_of_a_payment),
        cmocka_unit_test(test_weights),
        cmocka_unit_test(test_turns_of_one_unit),
        cmocka_unit_test(test_a_turn_shrinks_with_the_packets),
        cmocka_unit_test(test_more_streams_than_a_packet_has_room_for),
        cmocka_unit_test(test_who_is_blocked_is_passed),
        cmocka_unit_test(test_room_by_the_other_sides_maximum),
        cmocka_unit_test(test_a_unit_that_brings_slightly_too_much),
        cmocka_unit_test(test_too_little_room_is_asked_about),
        cmocka_unit_test(test_money_waits_for_a_doubt),
        cmocka_unit_test(test_money_is_held_back),
        cmocka_unit_test(test_its_frames),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
