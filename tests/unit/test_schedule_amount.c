/* SPDX-License-Identifier: Apache-2.0 */
/* How much the next packet carries, and the least that it must bring. */
#include "client_fixture.h"

#include "stream/core/endpoint_internal.h"
#include "stream/core/schedule_amount.h"
#include "stream/core/stream.h"

/* The rate of the path, as a large packet has shown it, and the least that is wanted of it. */
static void open_path(client *c, rill_ratio rate, rill_ratio minimum)
{
    open_client(c);
    assert_true(rill_stream_may_pay(c->stream));
    rill_path *p = c->connection->path;
    rill_rate_init(&p->rate, minimum, (rill_ratio){0, 1});
    rill_rate_learn(&p->rate, UINT64_C(1000000000) * rate.den, UINT64_C(1000000000) * rate.num);
    rill_tally_begin(&c->connection->path->tally, minimum, rill_rate_era(&p->rate));
    rill_tally_begin(&c->stream->out->tally, minimum, rill_rate_era(&p->rate));
}

static bool choose(client *c, uint64_t room, uint64_t most, rill_choice *out)
{
    memset(out, 0, sizeof *out);
    return rill_amount_choose(c->connection, c->stream, room, most, out);
}

static void may_send(client *c, uint64_t amount)
{
    rill_money_set_max(&c->stream->out->money,
                       rill_money_committed(&c->stream->out->money) + amount);
}

static void test_the_largest_that_is_known_to_pass(void **state)
{
    client c;
    (void)state;
    open_client(&c);
    rill_packet_size *size = &c.connection->path->packet_size;
    rill_packet_size_init(size, 5000);
    assert_true(rill_amount_limit(c.connection) == 5000 && !rill_amount_searches(c.connection));
    size->refused = 1000;
    assert_true(rill_amount_limit(c.connection) == 0 && rill_amount_searches(c.connection));
    size->passed = 999;
    assert_true(rill_amount_limit(c.connection) == 999 && !rill_amount_searches(c.connection));
    close_client(&c);
}

/* Nothing is rounded: what is sent is what must arrive. */
static void test_one_for_one(void **state)
{
    static const uint64_t amounts[] = {1, 2, 1000, UINT64_MAX};
    rill_choice choice;
    (void)state;
    for (unsigned i = 0; i < sizeof amounts / sizeof *amounts; i++) {
        client c;
        open_path(&c, (rill_ratio){1, 1}, (rill_ratio){1, 1});
        may_send(&c, amounts[i]);
        assert_true(choose(&c, amounts[i], UINT64_MAX, &choice));
        assert_true(choice.amount == amounts[i] && choice.minimum == amounts[i]);
        assert_true(!choice.trial && !choice.alone);
        /* No more than there is room for, nor than a packet may have. */
        assert_true(choose(&c, 1, UINT64_MAX, &choice) && choice.amount == 1);
        assert_true(choose(&c, amounts[i], 1, &choice) && choice.amount == 1);
        close_client(&c);
    }
}

/* Two units bring one: an odd one is left at home, but for the last, which may lose a part of it.
 */
static void test_what_rounding_takes_is_not_sent(void **state)
{
    client c;
    rill_choice choice;
    (void)state;
    open_path(&c, (rill_ratio){1, 2}, (rill_ratio){1, 2});
    may_send(&c, 1003);
    assert_true(choose(&c, 1003, 101, &choice));
    assert_true(choice.amount == 100 && choice.minimum == 50 && choice.brings == 50);
    assert_true(choose(&c, 101, 1000, &choice)); /* its room is not all that it has */
    assert_true(choice.amount == 100);
    assert_true(choose(&c, 1003, 1003, &choice)); /* the last */
    assert_true(choice.amount == 1003 && choice.minimum == 501);
    close_client(&c);
}

/* However much others have earned, and before anything is known of the rate: something arrives. */
static void test_something_arrives_of_each_packet(void **state)
{
    const rill_ratio half = {1, 2};
    const rill_i128 nothing = rill_wide_signed(rill_wide(0));
    client c;
    rill_choice choice;
    (void)state;
    open_client(&c);
    assert_true(rill_stream_may_pay(c.stream));
    rill_tally *tallies[] = {&c.connection->path->tally, &c.stream->out->tally};
    rill_rate_init(&c.connection->path->rate, half, (rill_ratio){0, 1});
    for (unsigned i = 0; i < 2; i++) {
        rill_tally_begin(tallies[i], half, rill_rate_era(&c.connection->path->rate));
        assert_true(rill_tally_commit(tallies[i], nothing, 20, 20));
        assert_int_equal(rill_tally_demand(tallies[i], 1, false), 0);
    }
    may_send(&c, 100);
    assert_true(choose(&c, 100, 1, &choice));
    assert_true(choice.amount == 1 && choice.minimum == 1);
    close_client(&c);
}

/* What is under way may come back: so nothing else is the last. */
static void test_the_last_is_known_when_all_else_is_settled(void **state)
{
    client c;
    rill_choice choice;
    (void)state;
    open_path(&c, (rill_ratio){1, 2}, (rill_ratio){1, 2});
    may_send(&c, 1003);
    assert_true(rill_money_hold(&c.stream->out->money, &c.connection->path->money, 1000, 500) ==
                500);
    assert_true(choose(&c, 3, 1000, &choice) && choice.amount == 2);
    rill_money_commit(&c.stream->out->money, &c.connection->path->money, 1000, 500, 500);
    assert_true(choose(&c, 3, 1000, &choice) && choice.amount == 3 && choice.minimum == 1);
    close_client(&c);
}

/* One unit is left of which nothing arrives: that is certain, and why depends on what was before.
 */
static void test_what_brings_nothing(void **state)
{
    client c;
    rill_choice choice;
    (void)state;
    open_path(&c, (rill_ratio){1, 2}, (rill_ratio){1, 2});
    may_send(&c, 1);
    c.connection->path->worth.barren = 1;
    assert_false(choose(&c, 1, 1000, &choice));
    assert_int_equal(rill_amount_problem(c.connection, c.stream), RILL_ERR_TOO_LITTLE);
    c.stream->out->money.abandoned = 5;
    assert_int_equal(rill_amount_problem(c.connection, c.stream), RILL_ERR_IN_DOUBT);
    c.stream->out->money.abandoned = 0;
    c.stream->out->money.sent = 2; /* something has arrived: now it is only too bad a rate */
    assert_int_equal(rill_amount_problem(c.connection, c.stream), RILL_ERR_RATE);
    c.stream->out->money.sent = 0;
    c.connection->path->worth.barren = 0;
    may_send(&c, 2);
    assert_true(choose(&c, 2, 1000, &choice) && choice.amount == 2 && choice.minimum == 1);
    close_client(&c);
}

/* The path brings less than the minimum, whatever the size: each packet may only ask. */
static void test_a_rate_below_the_minimum(void **state)
{
    client c;
    rill_choice choice;
    (void)state;
    open_path(&c, (rill_ratio){1, 3}, (rill_ratio){1, 2});
    may_send(&c, 1000);
    assert_true(choose(&c, 1000, 100, &choice));
    assert_true(choice.amount == 100 && choice.minimum == 50);
    close_client(&c);
}

/* Two in one packet: divided, each of them brings its own minimum. */
static void test_shares_keep_their_minimum(void **state)
{
    client c;
    rill_stream *other;
    (void)state;
    open_path(&c, (rill_ratio){1, 2}, (rill_ratio){1, 2});
    assert_int_equal(rill_connection_open_stream(c.connection, &other), RILL_OK);
    assert_true(rill_stream_may_pay(other));
    rill_tally_begin(&other->out->tally, (rill_ratio){1, 2},
                     rill_rate_era(&c.connection->path->rate));
    rill_flight f = {.kind = RILL_FLIGHT_NORMAL, .amount = 100, .minimum = 50, .money_count = 2};
    f.money[0] = (rill_flight_money){.stream = c.stream, .amount = 50};
    f.money[1] = (rill_flight_money){.stream = other, .amount = 50};
    assert_true(rill_amount_share(&f, 50));
    assert_true(f.minimum == 50);
    /* 3 units of 100 bring 2 at least where they are rounded up: that is 67 in all. */
    f.money[0].amount = 3;
    f.money[1].amount = 97;
    assert_true(rill_amount_share(&f, 67));
    assert_true(f.minimum == 67);
    assert_false(rill_amount_share(&f, 66));
    /* One that has no part has no say. */
    f.minimum = 50;
    f.money[0].amount = 0;
    f.money[1].amount = 100;
    assert_true(rill_amount_share(&f, 50));
    assert_true(f.minimum == 50);
    close_client(&c);
}

static void test_one_packet_for_several(void **state)
{
    client c;
    rill_choice choice;
    (void)state;
    open_path(&c, (rill_ratio){1, 2}, (rill_ratio){1, 2});
    assert_true(rill_amount_choose_shared(c.connection, 101, 1000, &choice));
    assert_true(choice.amount == 100 && choice.minimum == 50);
    assert_true(rill_amount_choose_shared(c.connection, 100, 100, &choice));
    assert_true(choice.amount == 100 && choice.minimum == 50);
    assert_false(rill_amount_choose_shared(c.connection, 1, 1, &choice)); /* it brings nothing */
    rill_packet_size *size = &c.connection->path->packet_size;
    size->passed = 100;
    size->refused = 1000; /* a search is not for several: whose fault is it? */
    assert_false(rill_amount_choose_shared(c.connection, 100, 1000, &choice));
    close_client(&c);
}

/* Who waits is told; who ends, ends; who merely may send more keeps it. */
static void test_giving_up(void **state)
{
    client c;
    rill_stream *ends, *may;
    (void)state;
    open_client(&c);
    assert_int_equal(rill_connection_open_stream(c.connection, &ends), RILL_OK);
    assert_int_equal(rill_connection_open_stream(c.connection, &may), RILL_OK);
    assert_int_equal(rill_stream_send_total(c.stream, 100, RILL_NEVER), RILL_OK);
    assert_int_equal(rill_stream_set_send_max(ends, 100), RILL_OK);
    assert_int_equal(rill_stream_end(ends), RILL_OK);
    assert_int_equal(rill_stream_set_send_max(may, 100), RILL_OK);
    c.stream->out->vain = RILL_ERR_RATE;
    ends->out->vain = RILL_ERR_TOO_LITTLE;
    may->out->vain = RILL_ERR_RATE;
    c.connection->in_vain = true;
    rill_amount_give_up_vain(c.connection);
    assert_false(c.connection->in_vain);
    assert_true(!c.stream->out->goal_set && c.stream->sent_error == RILL_ERR_RATE);
    assert_false(c.stream->closed);
    assert_true(ends->closed && ends->end_error == RILL_ERR_TOO_LITTLE);
    assert_true(!may->closed && may->out->money.free == 100);
    /* It is told once: what is wished for next is not in vain yet. */
    assert_int_equal(c.stream->out->vain | ends->out->vain | may->out->vain, RILL_OK);
    close_client(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_largest_that_is_known_to_pass),
        cmocka_unit_test(test_one_for_one),
        cmocka_unit_test(test_what_rounding_takes_is_not_sent),
        cmocka_unit_test(test_something_arrives_of_each_packet),
        cmocka_unit_test(test_the_last_is_known_when_all_else_is_settled),
        cmocka_unit_test(test_what_brings_nothing),
        cmocka_unit_test(test_a_rate_below_the_minimum),
        cmocka_unit_test(test_shares_keep_their_minimum),
        cmocka_unit_test(test_one_packet_for_several),
        cmocka_unit_test(test_giving_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
