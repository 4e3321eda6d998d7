/* SPDX-License-Identifier: Apache-2.0 */
/* Incoming packets whose money waits for a decision. */
#include "client_fixture.h"

#include "stream/core/endpoint_internal.h"
#include "stream/core/undecided.h"

static const uint8_t fulfillment[32] = {1}, packet_id[32] = {2};

/* So many may wait: of one connection, and of all. */
static uint32_t most_of_one = 1024, most_of_all = 8192;

static void few_of_one(rill_connection_options *o)
{
    o->max_undecided = most_of_one;
}

static void open_with(client *c)
{
    open_client_with(c, few_of_one);
    c->endpoint->max_undecided = most_of_all;
    take_events(c);
}

/* A packet for one stream, or half of it for another. */
static int add_at(client *c, uint64_t amount, rill_stream *half, uint64_t deadline_ns)
{
    const rill_part parts[] = {{c->stream, half ? amount - amount / 2 : amount},
                               {half, amount / 2}};
    const rill_question q = {.request = amount,
                             .sequence = 5,
                             .amount = amount,
                             .expires_at = 1000,
                             .deadline_ns = deadline_ns,
                             .fulfillment = fulfillment,
                             .packet_id = packet_id,
                             .parts = parts,
                             .part_count = half ? 2 : 1};
    return rill_undecided_add(c->connection, &q);
}

static void add(client *c, uint64_t amount)
{
    assert_int_equal(add_at(c, amount, NULL, 100), RILL_OK);
}

static const rill_undecided_set *waits(const client *c)
{
    return c->connection->undecided;
}

/* Each unit is kept for the stream that it is for, and given back once. */
static void test_reserved_and_given_back(void **state)
{
    client c;
    rill_stream *other;
    (void)state;
    open_with(&c);
    assert_int_equal(rill_connection_open_stream(c.connection, &other), RILL_OK);
    assert_int_equal(add_at(&c, 7, other, 100), RILL_OK);
    assert_int_equal(add_at(&c, 1, NULL, 100), RILL_OK);
    assert_true(c.stream->in.reserved == 5 && c.stream->references == 2);
    assert_true(other->in.reserved == 3 && other->references == 1);
    assert_true(waits(&c)->count == 2 && c.endpoint->undecided_count == 2);
    rill_undecided *u = rill_undecided_ask_next(c.connection);
    assert_non_null(u);
    assert_true(u->amount == 7 && u->request == 7 && u->sequence == 5 && u->part_count == 2);
    assert_memory_equal(u->packet_id, packet_id, 32);
    assert_memory_equal(u->fulfillment, fulfillment, 32);
    assert_ptr_equal(rill_map_get(&c.endpoint->decisions, u->decision), u);
    rill_undecided_release(u);
    assert_true(c.stream->in.reserved == 1 && c.stream->references == 1);
    assert_true(other->in.reserved == 0 && other->references == 0);
    assert_true(waits(&c)->count == 1 && c.endpoint->undecided_count == 1);
    /* Whoever finds it could take the money. */
    static const uint8_t wiped[32];
    assert_memory_equal(u->fulfillment, wiped, 32);
    uint64_t decision = u->decision;
    rill_undecided_free(c.endpoint, u);
    assert_null(rill_map_get(&c.endpoint->decisions, decision));
    close_client(&c);
}

static void test_all_units_there_are(void **state)
{
    client c;
    (void)state;
    open_with(&c);
    add(&c, UINT64_MAX);
    assert_true(c.stream->in.reserved == UINT64_MAX);
    rill_undecided_settle_all(c.connection);
    assert_true(c.stream->in.reserved == 0);
    close_client(&c);
}

/* They are asked about in the order in which they came, each once. */
static void test_asked_once_and_in_order(void **state)
{
    client c;
    (void)state;
    open_with(&c);
    assert_null(rill_undecided_ask_next(c.connection));
    uint64_t last = 0;
    for (uint64_t i = 1; i <= 3; i++)
        add(&c, i);
    for (uint64_t i = 1; i <= 3; i++) {
        const rill_undecided *u = rill_undecided_ask_next(c.connection);
        assert_non_null(u);
        assert_true(u->amount == i && u->decision > last);
        last = u->decision;
    }
    assert_null(rill_undecided_ask_next(c.connection));
    assert_true(waits(&c)->count == 3); /* they wait all the same */
    close_client(&c);
}

/* At its time, and not a nanosecond before; the earliest that is left is looked at next. */
static void test_expiry(void **state)
{
    client c;
    (void)state;
    open_with(&c);
    assert_true(waits(&c)->deadline == RILL_NEVER);
    assert_int_equal(add_at(&c, 1, NULL, 300), RILL_OK);
    assert_int_equal(add_at(&c, 2, NULL, 100), RILL_OK);
    assert_int_equal(add_at(&c, 4, NULL, 200), RILL_OK);
    assert_true(waits(&c)->deadline == 100);
    rill_undecided_expire(c.connection, 99);
    assert_true(waits(&c)->count == 3 && c.connection->counts.packets_refused == 0);
    rill_undecided_expire(c.connection, 100);
    assert_true(waits(&c)->count == 2 && waits(&c)->deadline == 200);
    assert_true(c.stream->in.reserved == 5 && c.connection->counts.packets_refused == 1);
    rill_undecided_expire(c.connection, 1000);
    assert_true(waits(&c)->count == 0 && waits(&c)->deadline == RILL_NEVER);
    assert_true(c.stream->in.reserved == 0 && c.stream->references == 0);
    assert_true(waits(&c)->unasked_settled == 3); /* the application is asked about them still */
    close_client(&c);
}

/* Its event is fetched when it is settled already: it is kept to be answered, and not for ever. */
static void test_what_is_settled_is_kept_for_a_while(void **state)
{
    client c;
    (void)state;
    most_of_all = 2;
    open_with(&c);
    most_of_all = 8192;
    for (uint64_t i = 1; i <= 3; i++)
        add(&c, i);
    rill_undecided_settle_all(c.connection);
    assert_true(waits(&c)->unasked_settled == 3 && c.endpoint->old_decision_count == 0);
    uint64_t decisions[3];
    for (unsigned i = 0; i < 3; i++) {
        const rill_undecided *u = rill_undecided_ask_next(c.connection);
        assert_non_null(u);
        decisions[i] = u->decision;
    }
    assert_true(waits(&c)->unasked_settled == 0 && c.endpoint->old_decision_count == 2);
    assert_null(rill_map_get(&c.endpoint->decisions, decisions[0])); /* the oldest has gone */
    assert_non_null(rill_map_get(&c.endpoint->decisions, decisions[1]));
    assert_non_null(rill_map_get(&c.endpoint->decisions, decisions[2]));
    rill_undecided_free_old(c.endpoint);
    assert_true(c.endpoint->old_decision_count == 0);
    assert_null(rill_map_get(&c.endpoint->decisions, decisions[2]));
    close_client(&c);
}

/* The connection is gone: who was asked can say no still, and who was not asked is forgotten. */
static void test_orphans(void **state)
{
    client c;
    (void)state;
    open_with(&c);
    add(&c, 1);
    add(&c, 2);
    rill_undecided *asked = rill_undecided_ask_next(c.connection);
    assert_non_null(asked);
    rill_undecided_orphan(c.connection);
    assert_true(waits(&c)->count == 0 && c.stream->references == 0);
    assert_null(asked->connection);
    assert_true(asked->settled && c.endpoint->old_decision_count == 1);
    assert_ptr_equal(rill_map_get(&c.endpoint->decisions, asked->decision), asked);
    assert_null(rill_map_get(&c.endpoint->decisions, asked->decision + 1));
    assert_true(c.endpoint->undecided_count == 0);
    close_client(&c);
}

/* As many as the options say, and one more is refused. */
static void test_the_most_of_one_connection(void **state)
{
    client c;
    (void)state;
    most_of_one = 2;
    open_with(&c);
    most_of_one = 1024;
    assert_true(rill_undecided_has_room(c.connection));
    add(&c, 1);
    add(&c, 2);
    assert_false(rill_undecided_has_room(c.connection));
    /* Settled and not fetched: it takes memory still. */
    rill_undecided_expire(c.connection, 100);
    assert_false(rill_undecided_has_room(c.connection));
    assert_non_null(rill_undecided_ask_next(c.connection));
    assert_true(rill_undecided_has_room(c.connection));
    close_client(&c);
}

/* One connection gets half of what all have, and others find what is left. */
static void test_the_most_of_all(void **state)
{
    static const struct {
        uint32_t most, of_one;
    } cases[] = {{1, 1}, {2, 1}, {3, 2}, {8, 4}, {9, 5}};
    (void)state;
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        client c;
        most_of_all = cases[i].most;
        open_with(&c);
        most_of_all = 8192;
        unsigned count = 0;
        for (; rill_undecided_has_room(c.connection); count++)
            add(&c, 1);
        assert_int_equal(count, cases[i].of_one);
        /* Others have taken what was left: nobody is asked any more. */
        c.endpoint->undecided_count = cases[i].most;
        assert_false(rill_undecided_has_room(c.connection));
        c.endpoint->undecided_count = count;
        close_client(&c);
    }
}

static unsigned allocations_left;
static rill_allocator few;

static void *few_realloc(void *user, void *ptr, size_t size)
{
    const rill_allocator *a = rill_allocator_default();
    (void)user;
    if (allocations_left == 0)
        return NULL;
    allocations_left--;
    return a->realloc(a->user, ptr, size);
}

static void few_free(void *user, void *ptr)
{
    const rill_allocator *a = rill_allocator_default();
    (void)user;
    a->free(a->user, ptr);
}

/* Without memory all is as it was, and the next gets the number that this one had not. */
static void test_no_memory(void **state)
{
    client c;
    (void)state;
    open_with(&c);
    const rill_allocator *before = c.endpoint->allocator;
    uint64_t next_number = c.endpoint->next_decision;
    few = (rill_allocator){.realloc = few_realloc, .free = few_free};
    c.endpoint->allocator = &few;
    c.endpoint->decisions.allocator = &few;
    for (unsigned i = 0; i < 2; i++) {
        allocations_left = i;
        assert_int_equal(add_at(&c, 5, NULL, 100), RILL_ERR_NOMEM);
        assert_true(waits(&c)->count == 0 && c.endpoint->undecided_count == 0);
        assert_true(c.stream->in.reserved == 0 && c.stream->references == 0);
        assert_true(waits(&c)->deadline == RILL_NEVER);
        assert_true(c.endpoint->next_decision == next_number);
        assert_null(rill_undecided_ask_next(c.connection));
    }
    c.endpoint->allocator = before;
    c.endpoint->decisions.allocator = before;
    add(&c, 5);
    assert_true(rill_undecided_ask_next(c.connection)->decision == next_number + 1);
    close_client(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reserved_and_given_back),
        cmocka_unit_test(test_all_units_there_are),
        cmocka_unit_test(test_asked_once_and_in_order),
        cmocka_unit_test(test_expiry),
        cmocka_unit_test(test_what_is_settled_is_kept_for_a_while),
        cmocka_unit_test(test_orphans),
        cmocka_unit_test(test_the_most_of_one_connection),
        cmocka_unit_test(test_the_most_of_all),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
