/* SPDX-License-Identifier: Apache-2.0 */
/* What of packets gets into the log of packets. */
#include "connector_world.h"
#include "packet_disk.h"

#include "connector/packet_desk.h"

static rill_packet_desk *desk;

static void on_desk(void *user)
{
    (void)user;
}

static void on_desk_says(void *user, const char *line)
{
    (void)user;
    (void)line;
}

static void log_packets(void)
{
    const rill_packet_desk_options o = {
        .allocator = rill_allocator_default(),
        .files = &disk_files,
        .limits = {UINT64_C(1) << 20, 86400000},
        .addresses = true,
        .wake = on_desk,
        .soon = on_desk,
        .say = on_desk_says,
    };
    disk_reset();
    assert_int_equal(rill_packet_desk_new(&desk, &o), RILL_OK);
    rill_core_log_packets(core, desk);
}

static char all[65536];

/* All that was written, but for when it was and how long it took. */
static const char *logged(void)
{
    size_t len = 0;
    rill_core_log_packets(core, NULL);
    rill_packet_desk_free(desk);
    for (size_t i = 0; i < folder.count; i++) {
        memcpy(all + len, folder.files[i].data, folder.files[i].len);
        len += folder.files[i].len;
    }
    all[len] = '\0';
    disk_reset();
    return all;
}

static void has(const char *lines, const char *what)
{
    if (strstr(lines, what) == NULL)
        fail_msg("%s is not in %s", what, lines);
}

/* Lines that begin with a source, which are those of packets. */
static size_t count(const char *lines)
{
    size_t n = 0;
    for (const char *at = strstr(lines, "\"from\""); at != NULL; at = strstr(at + 1, "\"from\""))
        n++;
    return n;
}

/* It is over when its Fulfill goes on; and until then no line says that it was fulfilled. */
static void test_fulfilled(void **state)
{
    (void)state;
    all_come();
    log_packets();
    send(&alice, 1, "g.x.b.server", 100);
    now.mono_ns += 3 * RILL_MS;
    fulfill(&bob, fulfillment);
    turn();
    now.mono_ns += 2 * RILL_MS;
    written();
    const char *lines = logged();
    assert_int_equal(count(lines), 1);
    has(lines, "\"from\":\"alice\",\"to\":\"bob\",\"in\":\"100\",\"out\":\"5000\","
               "\"destination\":\"g.x.b.server\",\"id\":\"");
    has(lines, "\"expires\":\"2023-11-14T22:13:30.000Z\",\"us\":5000,\"result\":\"fulfilled\"}\n");
    /* Its id is of the condition, and never of the fulfillment. */
    rill_prepare p = prepare_to("g.x");
    char id[2 * RILL_PACKET_ID + 1];
    for (size_t i = 0; i < RILL_PACKET_ID; i++)
        snprintf(id + 2 * i, 3, "%02x", p.condition[i]);
    has(lines, id);
    for (size_t i = 0; i < RILL_PACKET_ID; i++)
        snprintf(id + 2 * i, 3, "%02x", fulfillment[i]);
    assert_null(strstr(lines, id));
    assert_null(strstr(lines, "reply")); /* data */
}

static void test_rejected(void **state)
{
    (void)state;
    all_come();
    log_packets();
    send(&alice, 1, "g.x.b.server", 1000);
    send(&alice, 2, "g.x.b.server", 1); /* above its credit */
    now.mono_ns += 7 * RILL_MS;
    reject(&bob, RILL_ILP_F99_APPLICATION_ERROR, "not you");
    send(&alice, 3, "g.x.nobody", 5);
    send(&alice, 4, "g.carol.x", 6);
    now.mono_ns += 20 * RILL_SECOND;
    now.wall_ms += 20000;
    rill_hub_tick(rill_core_hub(core));
    const char *lines = logged();
    assert_int_equal(count(lines), 4);
    has(lines, "\"from\":\"alice\",\"in\":\"1\",\"destination\":\"g.x.b.server\",\"id\":\"");
    has(lines, "\"us\":0,\"result\":\"T04\",\"by\":\"node\",\"triggered_by\":\"g.x\","
               "\"message\":\"above the account's credit\"}\n");
    has(lines, "\"from\":\"alice\",\"to\":\"bob\",\"in\":\"1000\",\"out\":\"50000\"");
    has(lines, "\"us\":7000,\"result\":\"F99\",\"by\":\"neighbour\"");
    has(lines, "\"destination\":\"g.x.nobody\"");
    has(lines, "\"result\":\"F02\",\"by\":\"node\"");
    has(lines, "\"from\":\"alice\",\"to\":\"carol\",\"in\":\"6\",\"out\":\"6\"");
    has(lines, "\"us\":20000000,\"result\":\"R00\",\"by\":\"node\"");
}

/* What is refused at once is there, malformed or not; what is above the rate limit is not. */
static void test_refused(void **state)
{
    (void)state;
    all_come();
    log_packets();
    const uint8_t garbage[] = {12, 3, 1, 2, 3};
    alice.link.on.prepare(&alice.link, 1, garbage, sizeof garbage, alice.link.user);
    send(&bob, 1, "g.carol.x", 100001); /* more than one packet may have */
    for (uint64_t i = 2; i < 30; i++)
        send(&bob, i, "g.x.nobody", 1); /* 3 in a second */
    const char *lines = logged();
    has(lines, "\"from\":\"alice\",\"in\":\"0\",\"us\":0,\"result\":\"F00\",\"by\":\"node\"");
    has(lines, "\"from\":\"bob\",\"in\":\"100001\",\"destination\":\"g.carol.x\",\"id\":\"");
    has(lines, "\"result\":\"F08\"");
    /* Not the code alone: the log's own lines have the time of now, and at five it has "T05" in it.
     */
    assert_null(strstr(lines, "\"result\":\"T05\""));
    assert_in_range(count(lines), 3, 8);
}

/* Its source has left, before it is fulfilled, or while the books are written. */
static void test_unseen(void **state)
{
    (void)state;
    all_come();
    log_packets();
    send(&alice, 1, "g.x.b.server", 100);
    send(&alice, 2, "g.x.b.server", 200);
    fulfill(&bob, fulfillment); /* the second */
    turn();
    disconnect(&alice);
    const rill_fulfill f = {.fulfillment = fulfillment};
    uint8_t packet[MAX_PACKET];
    size_t len;
    assert_int_equal(rill_fulfill_encode(&f, packet, sizeof packet, &len), RILL_OK);
    bob.link.on.reply(&bob.link, bob.sent[0].id, packet, len, bob.link.user);
    written();
    turn();
    written();
    const char *lines = logged();
    assert_int_equal(count(lines), 2);
    const char *first = strstr(lines, "\"in\":\"200\"");
    const char *second = strstr(lines, "\"in\":\"100\"");
    assert_true(first != NULL && second != NULL && first < second);
    has(second, "\"result\":\"fulfilled\",\"unseen\":true}\n");
    all[second - lines] = '\0';
    has(first, "\"result\":\"fulfilled\",\"unseen\":true}\n");
}

/* It is turned off and on while packets are out: of these there is no line, and no other's. */
static void test_off_and_on(void **state)
{
    (void)state;
    all_come();
    log_packets();
    send(&alice, 1, "g.x.b.server", 100);
    const char *lines = logged();
    assert_int_equal(count(lines), 0);
    send(&alice, 2, "g.x.b.server", 200);
    log_packets();
    send(&alice, 3, "g.x.b.server", 300);
    for (size_t i = 0; i < 3; i++) {
        const rill_reject r = {.code = rill_ilp_code_of(RILL_ILP_F99_APPLICATION_ERROR)};
        uint8_t packet[MAX_PACKET];
        size_t len;
        assert_int_equal(rill_reject_encode(&r, packet, sizeof packet, &len), RILL_OK);
        bob.link.on.reply(&bob.link, bob.sent[i].id, packet, len, bob.link.user);
    }
    lines = logged();
    assert_int_equal(count(lines), 1);
    has(lines, "\"in\":\"300\"");
    nothing_held();
}

/* What neighbours say to the node itself is no packet of a payment. */
static void test_requests_to_the_node(void **state)
{
    (void)state;
    all_come();
    log_packets();
    const rill_prepare p = prepare_to("peer.config");
    ask(&bob, 1, &p);
    rill_core_drain(core);
    send(&alice, 2, "g.x.b.server", 1);
    const char *lines = logged();
    has(lines, "\"result\":\"T03\"");
    assert_int_equal(count(lines), strstr(lines, "peer.config") == NULL ? 1 : 2);
}

/* ---- those who watch ---- */

static unsigned watch(void)
{
    const rill_live_filter every = {.outcome = RILL_LIVE_ALL};
    unsigned number = 99;
    assert_int_equal(rill_core_watch_packets(core, &every, &number), RILL_OK);
    return number;
}

/* All that who watches is told after a look. */
static const char *told(unsigned number)
{
    rill_live *live = rill_core_live_packets(core);
    rill_live_event event;
    size_t len = 0;
    all[0] = '\0';
    rill_live_look(live, now);
    while (rill_live_next(live, number, &event))
        len += (size_t)snprintf(all + len, sizeof all - len, "%s\n", event.data);
    return all;
}

/* Without a log, too; and what it says is what became of the packets. */
static void test_watched(void **state)
{
    (void)state;
    all_come();
    send(&alice, 1, "g.x.b.server", 10); /* before anybody watches: it is not seen */
    unsigned w = watch();
    fulfill(&bob, fulfillment);
    turn();
    written();
    send(&alice, 2, "g.x.b.server", 100);
    const char *lines = told(w);
    assert_int_equal(count(lines), 1);
    has(lines, "\"number\":1,\"came\":\"2023-11-14T22:13:20.000Z\",\"from\":\"alice\","
               "\"to\":\"bob\",\"in\":\"100\",\"out\":\"5000\",\"id\":\"");
    has(lines, "\"result\":\"open\",\"by\":null,\"us\":null}");
    now.mono_ns += 3 * RILL_MS;
    fulfill(&bob, fulfillment);
    turn();
    assert_string_equal(told(w), ""); /* its booking is not kept yet */
    now.mono_ns += 2 * RILL_MS;
    written();
    has(told(w), "\"number\":1,");
    has(all, "\"result\":\"fulfilled\",\"by\":null,\"us\":5000}");
    send(&alice, 3, "g.x.b.server", 1000); /* above its credit */
    send(&alice, 4, "g.x.b.server", 2);
    reject(&bob, RILL_ILP_F99_APPLICATION_ERROR, "not you");
    send(&alice, 5, "g.carol.x", 6);
    now.mono_ns += 20 * RILL_SECOND;
    now.wall_ms += 20000;
    rill_hub_tick(rill_core_hub(core));
    lines = told(w);
    has(lines, "\"from\":\"alice\",\"to\":null,\"in\":\"1000\",\"out\":null");
    has(lines, "\"result\":\"T04\",\"by\":\"node\",\"us\":0}");
    has(lines, "\"result\":\"F99\",\"by\":\"neighbour\",\"us\":0}");
    has(lines, "\"result\":\"R00\",\"by\":\"node\",\"us\":20000000}");
    assert_null(strstr(lines, "g.x.b")); /* where it goes is nobody's business */
    assert_null(strstr(lines, "not you"));
    rill_core_unwatch_packets(core, w);
    assert_null(rill_core_live_packets(core));
    nothing_held();
    send(&alice, 6, "g.carol.x", 1);
}

/* Both at once, and each may come and go. */
static void test_watched_and_logged(void **state)
{
    (void)state;
    all_come();
    unsigned w = watch();
    send(&alice, 1, "g.x.b.server", 100);
    assert_int_equal(count(told(w)), 1);
    log_packets(); /* of the first one nobody knows any more how it ends */
    has(told(w), "\"number\":1,");
    has(all, "\"result\":\"unknown\"");
    fulfill(&bob, fulfillment);
    turn();
    written();
    send(&alice, 2, "g.x.b.server", 10);
    assert_int_equal(count(told(w)), 1);
    rill_core_unwatch_packets(core, w);
    fulfill(&bob, fulfillment); /* with nobody who watches */
    turn();
    written();
    send(&alice, 3, "g.x.b.server", 20);
    w = watch(); /* the log goes on with what is under way */
    fulfill(&bob, fulfillment);
    turn();
    written();
    send(&alice, 4, "g.x.b.server", 30);
    fulfill(&bob, fulfillment);
    turn();
    written();
    assert_int_equal(count(told(w)), 1);
    has(all, "\"in\":\"30\"");
    rill_core_unwatch_packets(core, w);
    const char *lines = logged();
    assert_int_equal(count(lines), 3);
    has(lines, "\"in\":\"10\"");
    has(lines, "\"in\":\"20\"");
    has(lines, "\"in\":\"30\"");
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_fulfilled), TEST(test_rejected),           TEST(test_refused),
        TEST(test_unseen),    TEST(test_off_and_on),         TEST(test_requests_to_the_node),
        TEST(test_watched),   TEST(test_watched_and_logged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
