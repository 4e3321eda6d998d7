/* SPDX-License-Identifier: Apache-2.0 */
/* The thread that writes the log of packets, on a disk that fails. */
#define _POSIX_C_SOURCE 200809L

#include "packet_disk.h"

#include <pthread.h>
#include <rill/error.h>

#include "../support/failing_memory.h"
#include "base/alloc.h"
#include "connector/packet_desk.h"

/* 2026-11-24T09:30:00Z */
#define AT  UINT64_C(1795512600000)
#define MIB (UINT64_C(1) << 20)

static rill_packet_desk *desk;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t woken = PTHREAD_COND_INITIALIZER;
static unsigned wakes; /* under the lock */
static unsigned soons;
static unsigned said;
static char last_said[256];
static uint8_t condition[32];

/* The thread and the tests have the disk one after the other. */
static pthread_mutex_t disk_lock = PTHREAD_MUTEX_INITIALIZER;

static ptrdiff_t locked_append(void *user, int file, const void *data, size_t len)
{
    pthread_mutex_lock(&disk_lock);
    ptrdiff_t n = disk_on_append(user, file, data, len);
    pthread_mutex_unlock(&disk_lock);
    return n;
}

static rill_packet_files files;

static void set_disk(size_t room)
{
    pthread_mutex_lock(&disk_lock);
    folder.room = room;
    pthread_mutex_unlock(&disk_lock);
}

static void on_wake(void *user)
{
    (void)user;
    pthread_mutex_lock(&lock);
    wakes++;
    pthread_cond_signal(&woken);
    pthread_mutex_unlock(&lock);
}

static void on_soon(void *user)
{
    (void)user;
    soons++;
}

static void on_say(void *user, const char *line)
{
    (void)user;
    said++;
    snprintf(last_said, sizeof last_said, "%s", line);
}

static uint64_t on_now(void *user)
{
    (void)user;
    return AT;
}

static int open_desk(const rill_allocator *allocator, bool addresses)
{
    const rill_packet_desk_options o = {
        .allocator = allocator,
        .files = &files,
        .limits = {16 * MIB, UINT64_C(86400000)},
        .addresses = addresses,
        .now_ms = on_now,
        .wake = on_wake,
        .soon = on_soon,
        .say = on_say,
    };
    return rill_packet_desk_new(&desk, &o);
}

static int set_up(void **state)
{
    (void)state;
    disk_reset();
    files = disk_files;
    files.append = locked_append;
    wakes = soons = said = 0;
    desk = NULL;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    if (desk != NULL)
        rill_packet_desk_free(desk);
    assert_int_equal(folder.opened, 0);
    disk_reset();
    return 0;
}

static rill_bytes of(const char *text)
{
    return (rill_bytes){(const uint8_t *)text, strlen(text)};
}

static uint32_t sent(uint64_t amount)
{
    const rill_packet_sent p = {of("g.x.bob"), condition, amount, amount * 2, AT + 30000};
    return rill_packet_desk_sent(desk, &p, (rill_now){1000000, AT});
}

static void over(uint32_t number, const char *code)
{
    rill_packet_line line = {.from = of("alice"), .to = of("bob"), .triggered_by = of("g.x.bob.7")};
    line.message = of("no g.x.bob.7 here");
    snprintf(line.result, sizeof line.result, "%s", code);
    rill_packet_desk_over(desk, number, &line, (rill_now){3500000, AT + 1});
}

static void turn(uint64_t mono_ns)
{
    rill_packet_desk_turn(desk, (rill_now){mono_ns, AT});
}

/* Until this is true of the desk, whose news are collected. */
static void until(bool (*is)(const rill_packet_desk_state *state))
{
    for (;;) {
        rill_packet_desk_state state;
        pthread_mutex_lock(&lock);
        wakes = 0;
        pthread_mutex_unlock(&lock);
        rill_packet_desk_collect(desk, (rill_now){5000000, AT + 2});
        turn(5000000);
        rill_packet_desk_get_state(desk, &state);
        if (is(&state))
            return;
        pthread_mutex_lock(&lock);
        if (wakes == 0) {
            struct timespec soon;
            (void)clock_gettime(CLOCK_REALTIME, &soon);
            soon.tv_nsec += 20000000;
            soon.tv_sec += soon.tv_nsec / 1000000000;
            soon.tv_nsec %= 1000000000;
            (void)pthread_cond_timedwait(&woken, &lock, &soon);
        }
        pthread_mutex_unlock(&lock);
    }
}

static uint64_t wanted;

static bool has_lines(const rill_packet_desk_state *state)
{
    return state->lines >= wanted;
}

static bool fails(const rill_packet_desk_state *state)
{
    return state->failing_ms != 0;
}

static bool is_well(const rill_packet_desk_state *state)
{
    return state->failing_ms == 0;
}

static const char *text(void)
{
    static char all[65536];
    size_t len = 0;
    for (size_t i = 0; i < folder.count; i++) {
        assert_true(len + folder.files[i].len < sizeof all);
        memcpy(all + len, folder.files[i].data, folder.files[i].len);
        len += folder.files[i].len;
    }
    all[len] = '\0';
    return all;
}

static void test_packets(void **state)
{
    (void)state;
    memset(condition, 0xab, sizeof condition);
    assert_int_equal(open_desk(rill_allocator_default(), true), RILL_OK);
    uint32_t a = sent(7);
    uint32_t b = sent(8);
    assert_true(a != 0 && b != 0 && a != b);
    assert_int_equal(soons, 0);
    over(b, "");
    over(a, "T04");
    assert_int_equal(soons, 1);
    rill_packet_line refused = {.from = of("alice"), .result = "F02", .by_node = true, .in = 9};
    rill_packet_desk_refused(desk, &refused, (rill_now){0, AT + 3});
    /* A number that is free is the next one's. */
    assert_int_equal(sent(10), a);
    turn(0);
    wanted = 4;
    until(has_lines);
    rill_packet_desk_free(desk);
    desk = NULL;
    assert_non_null(strstr(
        text(),
        "{\"at\":\"2026-11-24T09:30:00.001Z\",\"from\":\"alice\",\"to\":\"bob\",\"in\":\"8\","
        "\"out\":\"16\",\"destination\":\"g.x.bob\",\"id\":\"abababababababababababababababab\","
        "\"expires\":\"2026-11-24T09:30:30.000Z\",\"us\":2500,\"result\":\"fulfilled\"}\n"));
    assert_non_null(strstr(text(), "\"in\":\"7\""));
    assert_non_null(strstr(text(), "\"in\":\"9\""));
    assert_null(strstr(text(), "\"in\":\"10\"")); /* it was not over */
    assert_non_null(strstr(text(), "\"event\":\"ended\"}\n"));
}

/* No address is kept, nor what others said, who may have named it. */
static void test_no_addresses(void **state)
{
    (void)state;
    assert_int_equal(open_desk(rill_allocator_default(), false), RILL_OK);
    over(sent(7), "T04");
    rill_packet_line refused = {
        .from = of("alice"), .destination = of("g.x.y"), .result = "F02", .by_node = true};
    refused.triggered_by = of("g.me");
    rill_packet_desk_refused(desk, &refused, (rill_now){0, AT + 3});
    turn(0);
    wanted = 3;
    until(has_lines);
    assert_null(strstr(text(), "g.x"));
    assert_non_null(strstr(text(), "g.me"));
    rill_packet_desk_change(desk, (rill_packet_limits){MIB, 60000}, true);
    over(sent(8), "");
    turn(0);
    wanted = 4;
    until(has_lines);
    assert_non_null(strstr(text(), "g.x.bob"));
}

/* The disk is full: nobody waits, all that has no room is counted, and the log says so. */
static void test_full_disk(void **state)
{
    (void)state;
    assert_int_equal(open_desk(rill_allocator_default(), true), RILL_OK);
    wanted = 1;
    until(has_lines);
    set_disk(100);
    uint64_t packets = 0;
    rill_packet_desk_state now;
    for (rill_packet_desk_get_state(desk, &now); now.missing < 1000;
         rill_packet_desk_get_state(desk, &now)) {
        over(sent(7), "");
        packets++;
        turn(0);
    }
    until(fails);
    assert_non_null(strstr(last_said, "cannot be written, and packets go on without it: No space"));
    unsigned before = said;
    /* What was in the ring may be given up meanwhile, so that some have room again. */
    for (; now.missing < 2000; packets++) {
        over(sent(7), "");
        rill_packet_desk_get_state(desk, &now);
    }
    turn(5000000 + RILL_SECOND);
    assert_true(said - before <= 1); /* once a while */
    turn(5000000 + 120 * RILL_SECOND);
    rill_packet_desk_get_state(desk, &now);
    assert_true(now.error == ENOSPC && now.missing >= 2000);
    set_disk(SIZE_MAX);
    until(is_well);
    uint64_t missing = now.missing;
    wanted = packets - missing + 2; /* with those that it began with, and the gap */
    until(has_lines);
    rill_packet_desk_free(desk);
    desk = NULL;
    uint64_t lines = 0;
    uint64_t told = 0;
    for (size_t i = 0; i < folder.count; i++) {
        const disk_file *f = &folder.files[i];
        for (size_t at = 0; at < f->len;) {
            rill_packet_line line;
            size_t len =
                (size_t)((const char *)memchr(f->data + at, '\n', f->len - at) - f->data) - at;
            assert_true(rill_packet_line_read(f->data + at, len, &line));
            lines += line.event == RILL_PACKET_OVER;
            told += line.event == RILL_PACKET_MISSING ? line.packets : 0;
            at += len + 1;
        }
    }
    assert_int_equal(told, missing);
    assert_int_equal(lines + told, packets);
}

/* More packets are under way than are remembered: they are counted as missing. */
static void test_too_many(void **state)
{
    (void)state;
    rill_packet_desk_state now;
    assert_int_equal(open_desk(rill_allocator_default(), true), RILL_OK);
    for (uint32_t i = 1; i <= RILL_PACKET_NOTES; i++)
        assert_int_equal(sent(i), i);
    assert_int_equal(sent(1), 0);
    rill_packet_desk_get_state(desk, &now);
    assert_int_equal(now.missing, 1);
    over(5, "");
    assert_int_equal(sent(1), 5);
}

static unsigned done_count;
static int done_rc;

static void on_done(rill_packet_search *s)
{
    done_count++;
    done_rc = s->rc;
    rill_packet_search_clear(rill_allocator_default(), s);
}

static bool is_done(const rill_packet_desk_state *state)
{
    (void)state;
    return done_count == wanted;
}

/* Searches see what was over before them, wait in a line, and are told when the log is closed. */
static void test_searches(void **state)
{
    (void)state;
    rill_packet_search all[RILL_PACKET_SEARCHES + 1];
    assert_int_equal(open_desk(rill_allocator_default(), true), RILL_OK);
    memset(all, 0, sizeof all);
    done_count = 0;
    for (size_t i = 0; i <= RILL_PACKET_SEARCHES; i++) {
        all[i].to_ms = UINT64_MAX;
        all[i].most = 10;
        all[i].done = on_done;
    }
    over(sent(7), "");
    assert_int_equal(rill_packet_desk_search(desk, &all[0]), RILL_OK);
    wanted = 1;
    until(is_done);
    assert_int_equal(done_rc, RILL_OK);
    assert_int_equal(all[0].packets.count, 0); /* cleared */
    assert_int_equal(all[0].place.number, 1);
    size_t taken = 0;
    for (size_t i = 1; i <= RILL_PACKET_SEARCHES; i++)
        taken += rill_packet_desk_search(desk, &all[i]) == RILL_OK;
    wanted = 1 + taken;
    until(is_done);
    rill_packet_desk_end(desk);
    assert_int_equal(rill_packet_desk_search(desk, &all[0]), RILL_ERR_LIMIT);
    /* It ends by itself. */
    while (!rill_packet_desk_has_ended(desk)) {
        pthread_mutex_lock(&lock);
        pthread_mutex_unlock(&lock);
    }
    assert_int_equal(done_count, 1 + taken);
}

/* A disk that fails from the beginning to the end is not waited for. */
static void test_no_disk(void **state)
{
    (void)state;
    rill_packet_search s = {.to_ms = UINT64_MAX, .most = 1, .done = on_done};
    folder.refuses[DISK_LIST] = EACCES;
    assert_int_equal(open_desk(rill_allocator_default(), true), RILL_OK);
    until(fails);
    done_count = 0;
    wanted = 1;
    assert_int_equal(rill_packet_desk_search(desk, &s), RILL_OK);
    until(is_done);
    assert_true(done_rc == RILL_ERR_IO && s.error == EACCES);
    over(sent(7), "");
    turn(0);
}

/* Each allocation fails: nothing is open then. */
static void test_memory(void **state)
{
    (void)state;
    for (unsigned n = 1;; n++) {
        failing_memory memory;
        failing_memory_init(&memory, n, 1);
        int rc = open_desk(&memory.allocator, true);
        if (rc == RILL_OK) {
            rill_packet_desk_free(desk);
            desk = NULL;
        }
        assert_int_equal(memory.blocks, 0);
        bool refused = memory.refused > 0;
        failing_memory_end(&memory);
        if (!refused)
            break;
        assert_int_equal(rc, RILL_ERR_NOMEM);
        assert_in_range(n, 1, 20);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_packets, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_no_addresses, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_full_disk, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_too_many, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_searches, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_no_disk, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_memory, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
