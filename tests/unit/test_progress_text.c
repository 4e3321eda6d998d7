/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/progress.h"

#define START (5 * RILL_SECOND)

static char line[512];

static const char *text_of(const cli_progress *p, uint64_t now, const cli_progress_state *state,
                           size_t columns)
{
    cli_progress_text(p, now, state, columns, line, sizeof line);
    return line;
}

/* Noted every tenth of a second, as the program does. */
static void note(cli_progress *p, uint64_t from, uint64_t until, uint64_t per_second,
                 cli_progress_state *s)
{
    for (uint64_t t = from; t < until; t += RILL_SECOND / 10) {
        cli_speed_note(&p->money, t, s->sent);
        cli_speed_note(&p->data, t, s->bytes);
        if (s->amount > 0)
            s->sent += per_second / 10;
        else
            s->bytes += per_second / 10;
    }
}

static void test_money(void **state)
{
    (void)state;
    cli_progress p = {0};
    cli_progress_state s = {.amount = 300, .packets = 4, .rate = {99, 100}};
    assert_string_equal(text_of(&p, START, &s, 200),
                        "sent 0 of 300 (0 %), rate 0.99, 4 packets in flight");
    s = (cli_progress_state){.amount = 3000, .packets = 1};
    note(&p, START, START + 10 * RILL_SECOND, 100, &s);
    assert_string_equal(text_of(&p, START + 10 * RILL_SECOND, &s, 200),
                        "sent 1000 of 3000 (33 %), 20 s left, 100/s, 1 packet in flight");
    s = (cli_progress_state){.sent = 3000, .amount = 3000};
    assert_string_equal(text_of(&p, START + 30 * RILL_SECOND, &s, 200),
                        "sent 3000 of 3000 (100 %), 0 packets in flight");
    s = (cli_progress_state){
        .sent = 500000000, .amount = 1500000000, .asset = "XRP", .asset_scale = 9};
    assert_string_equal(text_of(&(cli_progress){0}, START, &s, 200),
                        "sent 0.5 of 1.5 XRP (33 %), 0 packets in flight");
}

static void test_data(void **state)
{
    (void)state;
    cli_progress p = {0};
    cli_progress_state s = {.size = 3000000, .packets = 9};
    note(&p, START, START + 2 * RILL_SECOND, 600000, &s);
    assert_string_equal(text_of(&p, START + 2 * RILL_SECOND, &s, 200),
                        "sent 1.2 MB of 3.0 MB (40 %), 3 s left, 600.0 kB/s, 9 packets in flight");
    s.size = CLI_SIZE_UNKNOWN;
    assert_string_equal(text_of(&p, START + 2 * RILL_SECOND, &s, 200),
                        "sent 1.2 MB, 600.0 kB/s, 9 packets in flight");
    s = (cli_progress_state){.sent = 1, .amount = 2, .bytes = 5, .size = 10};
    assert_string_equal(text_of(&(cli_progress){0}, START, &s, 200),
                        "sent 1 of 2 (50 %), 5 B of 10 B (50 %), 0 packets in flight");
}

/* A stall is seen soon, and what was before it is forgotten. */
static void test_speed_is_of_the_last_seconds(void **state)
{
    (void)state;
    cli_progress p = {0};
    cli_progress_state s = {.amount = 1000000};
    note(&p, START, START + 20 * RILL_SECOND, 1000, &s);
    note(&p, START + 20 * RILL_SECOND, START + 30 * RILL_SECOND, 10, &s);
    assert_non_null(strstr(text_of(&p, START + 30 * RILL_SECOND, &s, 200), ", 10/s"));
    note(&p, START + 30 * RILL_SECOND, START + 40 * RILL_SECOND, 0, &s);
    assert_non_null(strstr(text_of(&p, START + 40 * RILL_SECOND, &s, 200), ", 0/s"));
    assert_null(strstr(line, "left"));
    /* It falls evenly, until it is 0 after a few seconds: the window moves with the time. */
    uint64_t now = START + 40 * RILL_SECOND, before = 1001, speed = 0;
    note(&p, now, now + 20 * RILL_SECOND, 1000, &s);
    now += 20 * RILL_SECOND;
    for (unsigned i = 0; i < 60; i++, before = speed) {
        note(&p, now, now + RILL_SECOND / 10, 0, &s);
        now += RILL_SECOND / 10;
        assert_true(cli_speed_per_second(&p.money, now, s.sent, &speed));
        assert_in_range(speed, before > 120 ? before - 120 : 0, before);
    }
    assert_int_equal(speed, 0);
}

static void test_widths(void **state)
{
    (void)state;
    cli_progress p = {0};
    cli_progress_state s = {.amount = 3000, .packets = 12, .rate = {1, 1}};
    note(&p, START, START + 10 * RILL_SECOND, 100, &s);
    uint64_t now = START + 10 * RILL_SECOND;
    assert_string_equal(text_of(&p, now, &s, 79),
                        "sent 1000 of 3000 (33 %), 20 s left, 100/s, rate 1, 12 packets in "
                        "flight");
    assert_string_equal(text_of(&p, now, &s, 39), "sent 1000 of 3000 (33 %), 20 s left");
    assert_string_equal(text_of(&p, now, &s, 35), "sent 1000 of 3000 (33 %), 20 s left");
    assert_string_equal(text_of(&p, now, &s, 34), "1000 of 3000 (33 %), 20 s left");
    assert_string_equal(text_of(&p, now, &s, 29), "33 %, 20 s left, 100/s");
    assert_string_equal(text_of(&p, now, &s, 20), "33 %, 20 s left");
    assert_string_equal(text_of(&p, now, &s, 10), "33 %");
    assert_string_equal(text_of(&p, now, &s, 2), "33");
    assert_string_equal(text_of(&p, now, &s, 0), "");
}

/* Where the speeds of both have no room, that of the data has. */
static void test_speed_of_money_and_data(void **state)
{
    (void)state;
    cli_progress p = {0};
    cli_progress_state s = {.amount = 3000, .size = 3000000};
    for (uint64_t t = 0; t <= 10; t++) {
        s.sent = 100 * t;
        s.bytes = 100000 * t;
        cli_speed_note(&p.money, START + t * RILL_SECOND, s.sent);
        cli_speed_note(&p.data, START + t * RILL_SECOND, s.bytes);
    }
    uint64_t now = START + 10 * RILL_SECOND;
#define BOTH "sent 1000 of 3000 (33 %), 1.0 MB of 3.0 MB (33 %), 20 s left"
    assert_string_equal(text_of(&p, now, &s, 79), BOTH ", 100/s, 100.0 kB/s");
    assert_string_equal(text_of(&p, now, &s, 78), BOTH ", 100.0 kB/s");
    assert_string_equal(text_of(&p, now, &s, 71), BOTH);
}

static void test_numbers_for_people(void **state)
{
    (void)state;
    static const struct {
        uint64_t bytes;
        const char *text;
    } bytes[] = {
        {0, "0 B"},           {999, "999 B"},      {1000, "1.0 kB"},        {1999, "1.9 kB"},
        {999999, "999.9 kB"}, {1000000, "1.0 MB"}, {UINT64_MAX, "18.4 EB"},
    };
    static const struct {
        uint64_t seconds;
        const char *text;
    } times[] = {
        {0, "0 s"},
        {59, "59 s"},
        {60, "1 min 00 s"},
        {125, "2 min 05 s"},
        {3599, "59 min 59 s"},
        {3600, "1 h 00 min"},
        {11520, "3 h 12 min"},
        {86400, "1 d 0 h"},
        {UINT64_MAX, "213503982334601 d 7 h"},
    };
    char out[48];
    for (size_t i = 0; i < sizeof bytes / sizeof bytes[0]; i++) {
        cli_bytes_text(bytes[i].bytes, out);
        assert_string_equal(out, bytes[i].text);
    }
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
        cli_duration_text(times[i].seconds, out);
        assert_string_equal(out, times[i].text);
    }
    assert_int_equal(cli_percent(0, 0), 100);
    assert_int_equal(cli_percent(0, UINT64_MAX), 0);
    assert_int_equal(cli_percent(UINT64_MAX - 1, UINT64_MAX), 99);
    assert_int_equal(cli_percent(UINT64_MAX, UINT64_MAX), 100);
}

static uint64_t seed = 3;

static uint64_t draw(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

/* Whatever happens, a line is never wider than the terminal, and says something if it can. */
static void test_any_line_fits(void **state)
{
    (void)state;
    for (int i = 0; i < 20000; i++) {
        cli_progress p = {0};
        uint64_t now = draw() >> (draw() % 64);
        cli_progress_state s = {0};
        s.amount = draw() % 3 == 0 ? 0 : draw() >> (draw() % 64);
        s.sent = s.amount == 0 ? 0 : draw() % s.amount;
        s.size = draw() % 3 == 0 ? 0 : draw() % 3 == 0 ? CLI_SIZE_UNKNOWN : draw() >> (draw() % 64);
        if (s.amount == 0 && s.size == 0)
            s.size = 1; /* nothing to send is no payment */
        s.bytes = s.size == 0 ? 0 : draw() % s.size;
        s.packets = (uint32_t)draw();
        s.rate = (rill_ratio){draw() >> (draw() % 64), 1 + (draw() >> (1 + draw() % 60))};
        if (draw() % 2 == 0) {
            s.asset = "LONGISHCODE";
            s.asset_scale = (uint8_t)draw();
        }
        cli_speed_note(&p.money, now / 2, s.sent / 2);
        cli_speed_note(&p.data, now / 2, s.bytes / 2);
        size_t columns = (size_t)(draw() % 300);
        size_t len = strlen(text_of(&p, now, &s, columns));
        assert_true(len <= columns);
        assert_true(len > 0 || columns == 0);
        for (size_t k = 0; k < len; k++)
            assert_true(line[k] >= ' ' && line[k] < 0x7f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_money),
        cmocka_unit_test(test_data),
        cmocka_unit_test(test_speed_is_of_the_last_seconds),
        cmocka_unit_test(test_widths),
        cmocka_unit_test(test_speed_of_money_and_data),
        cmocka_unit_test(test_numbers_for_people),
        cmocka_unit_test(test_any_line_fits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
