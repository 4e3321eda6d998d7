/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers of packets: those that are given, and whose a packet is by its number. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "stream/core/numbering.h"
#include <rill/rill.h>

#define NOW_MS UINT64_C(1790000000000)
#define LIFE   rill_life_of(NOW_MS, 5)

static uint8_t text[200];

/* A Prepare of that number; life 0: no trailer. */
static rill_stream_packet packet_of(uint64_t number, rill_trailer_kind kind, uint64_t value)
{
    rill_packet_writer w;
    rill_stream_packet packet;
    bool header_ok;
    rill_packet_begin(&w, text, sizeof text - RILL_TRAILER_SIZE, RILL_ILP_PREPARE, number, 0);
    size_t len = rill_packet_end(&w);
    if (kind != RILL_TRAILER_NONE)
        len += rill_trailer_write(text + len, kind, value);
    assert_int_equal(rill_stream_packet_decode(&packet, text, len, &header_ok), RILL_OK);
    return packet;
}

static rill_place place(rill_numbering *n, const rill_past *past, uint64_t number, uint64_t life,
                        uint64_t *at)
{
    rill_stream_packet packet =
        packet_of(number, life != 0 ? RILL_TRAILER_LIFE : RILL_TRAILER_NONE, life);
    return rill_numbering_place(n, past, &packet, at);
}

/* The first packet of a client that says whose life it is. */
static rill_place place_of(rill_numbering *n, const rill_past *past, uint64_t life, uint32_t who,
                           uint64_t *at)
{
    rill_packet_writer w;
    rill_stream_packet packet;
    bool header_ok;
    rill_packet_begin(&w, text, sizeof text - RILL_LIFE_SIZE, RILL_ILP_PREPARE,
                      rill_life_first_number(life), 0);
    size_t len = rill_packet_end(&w);
    len += rill_life_write(text + len, life, who);
    assert_int_equal(rill_stream_packet_decode(&packet, text, len, &header_ok), RILL_OK);
    return rill_numbering_place(n, past, &packet, at);
}

static rill_bytes words(rill_trailer_kind kind, uint64_t value)
{
    return (rill_bytes){text, rill_trailer_write(text, kind, value)};
}

static void test_lives_are_later_and_later(void **state)
{
    (void)state;
    rill_numbering a, b, c;
    uint64_t last = 0;
    rill_numbering_init_client(&a, LIFE, 5, &last);
    rill_numbering_init_client(&b, LIFE, 5, &last);
    rill_numbering_init_client(&c, LIFE - 1000, 5, &last); /* the clock was set back */
    assert_true(a.life < b.life && b.life < c.life);
    assert_int_equal(last, c.life);
    assert_true(a.opening);
    assert_true(a.next >= RILL_NUMBER_CLIENT && a.next < RILL_NUMBER_LIMIT);
}

static void test_a_client_goes_on_with_the_servers_mark(void **state)
{
    (void)state;
    rill_numbering n;
    uint64_t last = 0;
    bool ended = false;
    rill_numbering_init_client(&n, LIFE, 5, &last);
    rill_numbering_give(&n);
    rill_numbering_give(&n);
    assert_true(rill_numbering_hear(&n, words(RILL_TRAILER_MARK, 77), &ended));
    assert_true(n.marked);
    assert_false(n.opening);
    assert_int_equal(n.next, rill_number_marked(77, 2));
    assert_int_equal(n.given, 2);
    assert_true(rill_numbering_hear(&n, words(RILL_TRAILER_MARK, 77), &ended));
    assert_false(ended);
    /* Another server has answered one of the first packets. */
    assert_false(rill_numbering_hear(&n, words(RILL_TRAILER_MARK, 78), &ended));
}

static void test_others_are_counted_for(void **state)
{
    (void)state;
    rill_numbering n;
    uint64_t last = 0, at;
    bool ended = false;
    rill_numbering_init_client(&n, LIFE, 5, &last);
    uint64_t first = n.next;
    assert_true(rill_numbering_hear(&n, (rill_bytes){text, 0}, &ended));
    assert_false(n.opening || n.marked);
    rill_numbering_give(&n);
    assert_int_equal(n.next, first + 1);
    assert_int_equal(place(&n, NULL, 3, 0, &at), RILL_PLACE_HERE);
    assert_int_equal(at, 3);
    assert_int_equal(place(&n, NULL, first, 0, &at), RILL_PLACE_REFLECTED);
}

static void test_a_client_believes_the_first_packet_of_its_server(void **state)
{
    (void)state;
    rill_numbering n;
    uint64_t last = 0, at;
    const uint64_t number = RILL_NUMBER_SERVER | UINT64_C(77) << 32 | 9;
    rill_numbering_init_client(&n, LIFE, 5, &last);
    assert_int_equal(place(&n, NULL, number, 0, &at), RILL_PLACE_HERE);
    assert_int_equal(at, 9);
    assert_int_equal(n.mark, 77);
    assert_int_equal(place(&n, NULL, number + 1, 0, &at), RILL_PLACE_HERE);
    assert_int_equal(at, 10);
    assert_int_equal(place(&n, NULL, RILL_NUMBER_SERVER | UINT64_C(78) << 32, 0, &at),
                     RILL_PLACE_FORGOTTEN);
    assert_int_equal(place(&n, NULL, rill_number_marked(77, 1), 0, &at), RILL_PLACE_REFLECTED);
}

static void test_a_server_tells_lives_apart(void **state)
{
    (void)state;
    rill_numbering n;
    const rill_past past = {.life = 0};
    uint64_t at, life = rill_life_of(NOW_MS, 1);
    rill_numbering_init_server(&n, NOW_MS, 42);
    n.life = life;
    rill_numbering_set_mark(&n, n.mark);
    assert_int_equal(place(&n, &past, rill_number_marked(n.mark, 6), 0, &at), RILL_PLACE_HERE);
    assert_int_equal(at, 6);
    assert_int_equal(place(&n, &past, rill_life_first_number(life) + 2, life, &at),
                     RILL_PLACE_HERE);
    assert_int_equal(at, 2);
    assert_int_equal(place(&n, &past, rill_life_first_number(life + 1), life + 1, &at),
                     RILL_PLACE_ANEW);
    assert_int_equal(place(&n, &past, rill_life_first_number(life - 1), life - 1, &at),
                     RILL_PLACE_REPLACED);
    assert_int_equal(place(&n, &past, rill_number_marked(n.mark ^ 1, 6), 0, &at),
                     RILL_PLACE_FORGOTTEN);
    assert_int_equal(place(&n, &past, n.next, 0, &at), RILL_PLACE_REFLECTED);
}

/* Two clients begin at the same moment: one is later, and takes the place of the other. */
static void test_a_server_tells_two_clients_of_one_moment_apart(void **state)
{
    (void)state;
    rill_numbering n;
    const rill_past past = {.life = 0};
    uint64_t at, life = rill_life_of(NOW_MS, 1);
    rill_numbering_init_server(&n, NOW_MS, 42);
    n.life = life;
    n.who = 100;
    rill_numbering_set_mark(&n, n.mark);
    assert_int_equal(place_of(&n, &past, life, 100, &at), RILL_PLACE_HERE);
    assert_int_equal(place_of(&n, &past, life, 101, &at), RILL_PLACE_ANEW);
    assert_int_equal(place_of(&n, &past, life, 99, &at), RILL_PLACE_REPLACED);
    assert_int_equal(place_of(&n, &past, life + 1, 99, &at), RILL_PLACE_ANEW);
    assert_int_equal(place_of(&n, &past, life - 1, 101, &at), RILL_PLACE_REPLACED);
}

static void test_what_came_before_is_replayed(void **state)
{
    (void)state;
    rill_numbering n;
    uint64_t at, life = rill_life_of(NOW_MS, 1);
    const rill_past past = {.life = life,
                            .mark = 9,
                            .marked = true,
                            .any = true,
                            .highest = 5,
                            .numbered = 100,
                            .received = 200};
    rill_numbering_init_server(&n, NOW_MS, 42);
    rill_numbering_go_on(&n, &past);
    n.life = life + 1;
    rill_numbering_set_mark(&n, n.mark);
    assert_int_equal(place(&n, &past, rill_number_marked(9, 5), 0, &at), RILL_PLACE_REPLAYED);
    /* It would have been new: its sender goes on with what has been replaced. */
    assert_int_equal(place(&n, &past, rill_number_marked(9, 6), 0, &at), RILL_PLACE_REPLACED);
    assert_false(rill_numbering_exhausted(&n, RILL_MAX_PACKETS - 202));
    assert_true(rill_numbering_exhausted(&n, RILL_MAX_PACKETS - 201));
}

static void test_keys_are_used_up(void **state)
{
    (void)state;
    rill_numbering n;
    rill_numbering_init_server(&n, NOW_MS, 42);
    n.given = RILL_MAX_PACKETS - 2;
    assert_false(rill_numbering_exhausted(&n, 0));
    rill_numbering_give(&n);
    assert_true(rill_numbering_exhausted(&n, 0) && !rill_numbering_is_used_up(&n));
    rill_numbering_give(&n); /* the close */
    assert_true(rill_numbering_is_used_up(&n));
    /* Numbers below 2^31 are all that a server that is not Rill takes. */
    rill_numbering_init_server(&n, NOW_MS, 42);
    n.next = RILL_NUMBER_LIMIT - 2;
    assert_false(rill_numbering_exhausted(&n, 0));
    rill_numbering_give(&n);
    assert_true(rill_numbering_exhausted(&n, 0) && !rill_numbering_is_used_up(&n));
    rill_numbering_give(&n);
    assert_true(rill_numbering_is_used_up(&n));
    n.next = RILL_NUMBER_CLOCK; /* nobody counts so far */
    assert_false(rill_numbering_is_used_up(&n));
}

static void test_a_packet_may_come_again_until_it_has_expired(void **state)
{
    (void)state;
    rill_numbering n;
    rill_numbering_init_server(&n, NOW_MS, 42);
    rill_numbering_note_expiry(&n, NOW_MS, NOW_MS + 1);
    assert_int_equal(n.max_expires_at, NOW_MS + 30000);
    rill_numbering_note_expiry(&n, NOW_MS, NOW_MS + 60000);
    assert_int_equal(n.max_expires_at, NOW_MS + 60000);
    rill_numbering_note_expiry(&n, NOW_MS, NOW_MS + 1);
    assert_int_equal(n.max_expires_at, NOW_MS + 60000);
    assert_int_equal(rill_numbering_take(&n, rill_allocator_default(), 4), RILL_OK);
    assert_int_equal(rill_numbering_take(&n, rill_allocator_default(), 4), RILL_ERR_EXISTS);
    rill_numbering_clear(&n, rill_allocator_default());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lives_are_later_and_later),
        cmocka_unit_test(test_a_client_goes_on_with_the_servers_mark),
        cmocka_unit_test(test_others_are_counted_for),
        cmocka_unit_test(test_a_client_believes_the_first_packet_of_its_server),
        cmocka_unit_test(test_a_server_tells_lives_apart),
        cmocka_unit_test(test_a_server_tells_two_clients_of_one_moment_apart),
        cmocka_unit_test(test_what_came_before_is_replayed),
        cmocka_unit_test(test_keys_are_used_up),
        cmocka_unit_test(test_a_packet_may_come_again_until_it_has_expired),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
