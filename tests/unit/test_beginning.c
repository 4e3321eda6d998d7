/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which packets begin a connection at a server that does not know them, and what the other packets
 * are.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "stream/core/beginning.h"
#include <rill/rill.h>

#define LIFE UINT64_C(1876951040000012345)

static const rill_frame address = {.type = RILL_FRAME_CONNECTION_NEW_ADDRESS,
                                   .text = {(const uint8_t *)"test.c", 6}};
static const rill_frame money = {.type = RILL_FRAME_STREAM_MONEY, .stream = 1, .value = 1};
static const rill_frame leave = {.type = RILL_FRAME_CONNECTION_CLOSE, .code = 1};
static const rill_frame start = {
    .type = RILL_FRAME_STREAM_DATA, .stream = 1, .text = {(const uint8_t *)"a", 1}};
static const rill_frame middle = {
    .type = RILL_FRAME_STREAM_DATA, .stream = 1, .value = 4, .text = {(const uint8_t *)"b", 1}};

/* life 0: no trailer. */
static rill_beginning judge(const rill_past *past, uint64_t number, uint64_t life,
                            const rill_frame *a, const rill_frame *b)
{
    static uint8_t text[200];
    rill_packet_writer w;
    rill_stream_packet packet;
    bool header_ok;
    rill_packet_begin(&w, text, sizeof text - RILL_TRAILER_SIZE, RILL_ILP_PREPARE, number, 0);
    assert_true(!a || rill_packet_add(&w, a));
    assert_true(!b || rill_packet_add(&w, b));
    size_t len = rill_packet_end(&w);
    if (life != 0)
        len += rill_trailer_write(text + len, RILL_TRAILER_LIFE, life);
    assert_int_equal(rill_stream_packet_decode(&packet, text, len, &header_ok), RILL_OK);
    return rill_judge_beginning(&packet, past);
}

static void test_peers_that_count(void **state)
{
    (void)state;
    /* The first number there is. */
    assert_int_equal(judge(NULL, 0, 0, &money, NULL), RILL_BEGINS);
    assert_int_equal(judge(NULL, 1, 0, &start, NULL), RILL_BEGINS);
    /* A peer that tells an address has not been answered yet, whatever its number. */
    assert_int_equal(judge(NULL, 5, 0, &address, NULL), RILL_BEGINS);
    assert_int_equal(judge(NULL, 100000, 0, &address, &money), RILL_BEGINS);
    assert_int_equal(judge(NULL, 6, 0, &address, &middle), RILL_BEGINS_LATER);
    /* The first ones were lost, maybe. */
    assert_int_equal(judge(NULL, 2, 0, &money, NULL), RILL_BEGINS_UNSURE);
    assert_int_equal(judge(NULL, 1023, 0, NULL, NULL), RILL_BEGINS_UNSURE);
    assert_int_equal(judge(NULL, 2, 0, &start, NULL), RILL_BEGINS_UNSURE);
    /* With so high a number it is not. */
    assert_int_equal(judge(NULL, 1024, 0, &money, NULL), RILL_FORGOTTEN);
    assert_int_equal(judge(NULL, RILL_NUMBER_CLIENT + 3, 0, &money, NULL), RILL_FORGOTTEN);
    /* Bytes have a beginning. */
    assert_int_equal(judge(NULL, 1, 0, &middle, NULL), RILL_FORGOTTEN);
    assert_int_equal(judge(NULL, 9, 0, &start, &middle), RILL_FORGOTTEN);
    /* A peer that only leaves needs no connection for that. */
    assert_int_equal(judge(NULL, 9, 0, &leave, NULL), RILL_ENDS);
    assert_int_equal(judge(NULL, 9, 0, &leave, &money), RILL_BEGINS_UNSURE);
}

static void test_peers_that_count_come_again(void **state)
{
    const rill_past past = {.any = true, .highest = 20};
    (void)state;
    assert_int_equal(judge(&past, 1, 0, &address, NULL), RILL_REPLAYED);
    assert_int_equal(judge(&past, 20, 0, &money, NULL), RILL_REPLAYED);
    assert_int_equal(judge(&past, 21, 0, &money, NULL), RILL_FORGOTTEN);
    assert_int_equal(judge(&past, 21, 0, &address, NULL), RILL_FORGOTTEN);
    assert_int_equal(judge(&past, 21, 0, &leave, NULL), RILL_ENDS);
    const rill_past well = {.any = true, .highest = 20, .well = true};
    assert_int_equal(judge(&well, 21, 0, NULL, NULL), RILL_ENDS);
    assert_int_equal(judge(&well, 21, 0, &money, NULL), RILL_FORGOTTEN);
    assert_int_equal(judge(&well, 21, 0, &start, NULL), RILL_FORGOTTEN);
}

static void test_lives(void **state)
{
    const uint64_t first = rill_life_first_number(LIFE);
    rill_past past = {.any = true, .highest = 20, .life = LIFE, .marked = true, .mark = 9};
    (void)state;
    assert_int_equal(judge(NULL, first, LIFE, &start, NULL), RILL_BEGINS);
    assert_int_equal(judge(NULL, first + 3, LIFE, &middle, NULL), RILL_BEGINS);
    assert_int_equal(judge(NULL, first + 3, LIFE, &leave, NULL), RILL_ENDS);
    assert_int_equal(judge(&past, first, LIFE, &start, NULL), RILL_REPLAYED);
    assert_int_equal(judge(&past, first + 20, LIFE, &start, NULL), RILL_REPLAYED);
    assert_int_equal(judge(&past, first + 21, LIFE, &start, NULL), RILL_FORGOTTEN);
    assert_int_equal(judge(&past, rill_life_first_number(LIFE + 1), LIFE + 1, &start, NULL),
                     RILL_BEGINS);
    assert_int_equal(judge(&past, rill_life_first_number(LIFE - 1), LIFE - 1, &start, NULL),
                     RILL_REPLACED);
    past.well = true;
    assert_int_equal(judge(&past, first + 21, LIFE, &start, NULL), RILL_ENDS);
    past.replaced = true;
    assert_int_equal(judge(&past, first + 21, LIFE, &start, NULL), RILL_REPLACED);
}

static void test_marked_numbers_never_begin(void **state)
{
    rill_past past = {.any = true, .highest = 20, .life = LIFE, .marked = true, .mark = 9};
    const uint64_t number = rill_number_marked(9, 0), other = rill_number_marked(8, 0);
    (void)state;
    assert_int_equal(judge(NULL, number, 0, &money, NULL), RILL_FORGOTTEN);
    assert_int_equal(judge(NULL, number, 0, &address, NULL), RILL_FORGOTTEN);
    assert_int_equal(judge(NULL, number, 0, NULL, NULL), RILL_FORGOTTEN);
    assert_int_equal(judge(NULL, number, 0, &leave, NULL), RILL_ENDS);
    assert_int_equal(judge(&past, number + 20, 0, &money, NULL), RILL_REPLAYED);
    assert_int_equal(judge(&past, number + 21, 0, &money, NULL), RILL_FORGOTTEN);
    assert_int_equal(judge(&past, other + 3, 0, &money, NULL), RILL_FORGOTTEN);
    past.well = true;
    assert_int_equal(judge(&past, number + 21, 0, &money, NULL), RILL_ENDS);
    assert_int_equal(judge(&past, other + 3, 0, &money, NULL), RILL_FORGOTTEN);
    past.replaced = true;
    assert_int_equal(judge(&past, number + 21, 0, &money, NULL), RILL_REPLACED);
    assert_int_equal(judge(&past, other + 3, 0, &money, NULL), RILL_FORGOTTEN);
}

/* Of what is over, too: the later of two clients of one moment begins, the other is told. */
static void test_two_clients_of_one_moment(void **state)
{
    static uint8_t text[200];
    const rill_past past = {.life = LIFE, .who = 50, .any = true, .highest = 3};
    static const struct {
        uint32_t who;
        rill_beginning judged;
    } cases[] = {{51, RILL_BEGINS}, {50, RILL_REPLAYED}, {49, RILL_REPLACED}, {0, RILL_REPLACED}};
    (void)state;
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        rill_packet_writer w;
        rill_stream_packet packet;
        bool header_ok;
        rill_packet_begin(&w, text, sizeof text - RILL_LIFE_SIZE, RILL_ILP_PREPARE,
                          rill_life_first_number(LIFE), 0);
        assert_true(rill_packet_add(&w, &money));
        size_t len = rill_packet_end(&w);
        len += rill_life_write(text + len, LIFE, cases[i].who);
        assert_int_equal(rill_stream_packet_decode(&packet, text, len, &header_ok), RILL_OK);
        assert_int_equal(rill_judge_beginning(&packet, &past), cases[i].judged);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_peers_that_count),
        cmocka_unit_test(test_peers_that_count_come_again),
        cmocka_unit_test(test_lives),
        cmocka_unit_test(test_marked_numbers_never_begin),
        cmocka_unit_test(test_two_clients_of_one_moment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
