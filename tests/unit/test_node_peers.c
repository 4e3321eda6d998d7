/* SPDX-License-Identifier: Apache-2.0 */
/* Packets of neighbours that do not quite follow the specifications. */
#define NODE_WORLD_PACKET 50000
#define NODE_WORLD_KEPT   8
#include "node_world.h"

#include "ilp/address.h"
#include "ilp/peer.h"

static const uint8_t bytes[40001];
/*
 * What RFC 27 allows, one byte more, what ilp-protocol-stream sends, and the most that is accepted.
 */
static const size_t sizes[] = {32767, 32768, 32773, 40000};

static size_t write_large(uint8_t *packet, size_t size)
{
    size_t len = 0;
    rill_prepare p = prepare_to("private.rill.bob");
    p.data = (rill_bytes){bytes, size};
    assert_int_equal(rill_prepare_encode_any_size(&p, packet, MAX_PACKET, &len), RILL_OK);
    return len;
}

static int send_in_parts(rill_link *l, uint64_t outgoing_id, const rill_bytes *parts, size_t count)
{
    static uint8_t whole[MAX_PACKET];
    size_t len = 0;
    for (size_t i = 0; i < count; i++) {
        memcpy(whole + len, parts[i].data, parts[i].len);
        len += parts[i].len;
    }
    return fake_send(l, outgoing_id, whole, len);
}

static const rill_link_ops fake_ops_in_parts = {
    .is_up = fake_is_up,
    .send = fake_send,
    .reply = fake_reply,
    .close = fake_close,
    .send_parts = send_in_parts,
};

static void test_large_prepares_go_on(void **state)
{
    (void)state;
    static uint8_t packet[MAX_PACKET];
    world *w = start(NULL);
    rill_link *l = &w->alice.link;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        for (uint64_t way = 0; way < 4; way++) {
            size_t len = write_large(packet, sizes[i]);
            w->bob.link.ops = way < 2 ? &fake_ops : &fake_ops_in_parts;
            /* Bytes after its end are not passed on: it is then put together anew. */
            memcpy(packet + len, "after", 5);
            l->on.prepare(l, 10 * i + way, packet, way % 2 == 0 ? len : len + 5, l->user);
            rill_prepare got = last_sent(&w->bob);
            assert_int_equal(got.data.len, sizes[i]);
            assert_int_equal(w->bob.sent[(w->bob.sent_count - 1) % MAX_KEPT].len, len);
            fulfill(&w->bob, fulfillment);
        }
    }
    assert_int_equal(w->bob.sent_count, 16);
    assert_int_equal(w->alice.answer_count, 16);
    /* One more byte of data, in the length of the packet and in that of the data. */
    size_t len = write_large(packet, 40000);
    packet[3]++;
    packet[len - 40000 - 1]++;
    l->on.prepare(l, 99, packet, len + 1, l->user);
    rejected_by_node(&w->alice, 99, "F00");
    assert_int_equal(w->bob.sent_count, 16);
    stop(w);
}

static void test_large_answers_go_back(void **state)
{
    (void)state;
    static uint8_t packet[MAX_PACKET];
    world *w = start(NULL);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        size_t len = 0;
        rill_fulfill yes = {fulfillment, {bytes, sizes[i]}};
        rill_reject no = {rill_ilp_code_of(RILL_ILP_F99_APPLICATION_ERROR),
                          text("g.x"),
                          {bytes, RILL_ILP_MAX_MESSAGE},
                          {bytes, sizes[i]}};
        ask_for(&w->alice, 2 * i, "private.rill.bob");
        assert_int_equal(rill_fulfill_encode_any_size(&yes, packet, sizeof packet, &len), RILL_OK);
        reply(&w->bob, w->bob.sent[(w->bob.sent_count - 1) % MAX_KEPT].id, packet, len);
        const kept *k = answer_to(&w->alice, 2 * i);
        assert_non_null(k);
        assert_int_equal(k->len, len);
        assert_memory_equal(k->packet, packet, len);
        ask_for(&w->alice, 2 * i + 1, "private.rill.bob");
        assert_int_equal(rill_reject_encode_any_size(&no, packet, sizeof packet, &len), RILL_OK);
        reply(&w->bob, w->bob.sent[(w->bob.sent_count - 1) % MAX_KEPT].id, packet, len);
        k = answer_to(&w->alice, 2 * i + 1);
        assert_non_null(k);
        assert_int_equal(k->len, len);
        assert_memory_equal(k->packet, packet, len);
    }
    stop(w);
}

/* Others are not as liberal as we are: what goes on is as it should be. */
static void test_junk_in_answers_is_left_out(void **state)
{
    (void)state;
    world *w = start(NULL);
    bool whole = false;
    static const uint8_t odd[] = "\x0e\x0f"
                                 "F99"
                                 "\x04g. b"
                                 "\x02no"
                                 "\x03why";
    ask_for(&w->alice, 1, "private.rill.bob");
    reply(&w->bob, w->bob.sent[0].id, odd, sizeof odd - 1);
    rill_reject r = rejected(&w->alice, 1, "F99");
    assert_int_equal(r.triggered_by.len, 0);
    assert_true(same(r.message, text("no")));
    assert_true(same(r.data, text("why")));
    const kept *k = answer_to(&w->alice, 1);
    assert_int_equal(rill_reject_decode_noting(&r, k->packet, k->len, &whole), RILL_OK);
    assert_true(whole);
    /* The money of a Fulfill is the sender's to count, whatever its data is. */
    uint8_t cut[2 + 32 + 3] = {RILL_ILP_FULFILL, 32 + 3};
    memcpy(cut + 2, fulfillment, 32);
    memcpy(cut + 2 + 32, "\x09zz", 3);
    ask_for(&w->alice, 2, "private.rill.bob");
    reply(&w->bob, w->bob.sent[1].id, cut, sizeof cut);
    fulfilled(&w->alice, 2);
    rill_fulfill f;
    k = answer_to(&w->alice, 2);
    assert_int_equal(rill_fulfill_decode_noting(&f, k->packet, k->len, &whole), RILL_OK);
    assert_true(whole);
    assert_int_equal(f.data.len, 0);
    stop(w);
}

static void ask_peer(fake *from, uint64_t request, const char *destination, uint64_t amount)
{
    uint8_t packet[256];
    size_t len = 0;
    rill_prepare p;
    assert_int_equal(rill_ildcp_request_encode(WALL + 60000, packet, sizeof packet, &len), RILL_OK);
    assert_int_equal(rill_prepare_decode(&p, packet, len), RILL_OK);
    p.destination = text(destination);
    p.amount = amount;
    p.data = text("\x01 and all the rest");
    ask(from, request, &p);
}

/* interledger-rs takes anything but a Fulfill for an account that does not work. */
static void test_routes_are_asked_for_and_told(void **state)
{
    (void)state;
    static const uint8_t zero[32];
    static const char *const to[] = {RILL_CCP_CONTROL, RILL_CCP_UPDATE};
    world *w = start(NULL);
    for (uint64_t i = 0; i < 2; i++) {
        rill_fulfill f;
        ask_peer(&w->alice, i, to[i], 0);
        const kept *k = answer_to(&w->alice, i);
        assert_non_null(k);
        assert_int_equal(rill_fulfill_decode(&f, k->packet, k->len), RILL_OK);
        assert_memory_equal(f.fulfillment, zero, 32);
        assert_int_equal(f.data.len, 0);
        ask_peer(&w->alice, 10 + i, to[i], 1);
        rejected_by_node(&w->alice, 10 + i, "F01");
        ask_for(&w->alice, 20 + i, to[i]);
        rejected_by_node(&w->alice, 20 + i, "F01");
    }
    ask_peer(&w->alice, 30, "peer.route.other", 0);
    rejected_by_node(&w->alice, 30, "F01");
    ask_peer(&w->alice, 31, "peer.settle", 0);
    rejected_by_node(&w->alice, 31, "F01");
    assert_int_equal(w->alice.sent_count + w->bob.sent_count, 0);
    stop(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_large_prepares_go_on),
        cmocka_unit_test(test_large_answers_go_back),
        cmocka_unit_test(test_junk_in_answers_is_left_out),
        cmocka_unit_test(test_routes_are_asked_for_and_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
