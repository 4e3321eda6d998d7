/* SPDX-License-Identifier: Apache-2.0 */
/* CCP, against bytes that ilp-protocol-ccp 1.2 writes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
/* cmocka.h comes after what it needs. */
#include <rill/error.h>

#include "ilp/ccp.h"
#include "ilp/peer.h"
#include <cmocka.h>

static const char control_hex[] = "0c6c0000000000000000323032363131323931373536313035323566687aadf8"
                                  "62bd776c8fc18b8e9f8e20089714856e"
                                  "e233b3902a591d0d5f292512706565722e726f7574652e636f6e74726f6c1f01"
                                  "70d1a134a0df4f47964f6e19e2ab379d"
                                  "00000020010203666f6f03626172";
static const char update_hex[] = "0c8201540000000000000000323032363131323931373536313035333566687aa"
                                 "df862bd776c8fc18b8e9f8e20089714"
                                 "856ee233b3902a591d0d5f292511706565722e726f7574652e757064617465820"
                                 "10621e55f8eabcd4e979ab9bf0ff00a"
                                 "224c000000340000002e00000032000075300d6578616d706c652e616c6963650"
                                 "1020f6578616d706c652e7072656669"
                                 "783101010f6578616d706c652e707265666978310707070707070707070707070"
                                 "7070707070707070707070707070707"
                                 "0707070701000f6578616d706c652e707265666978320102126578616d706c652"
                                 "e636f6e6e6563746f72310f6578616d"
                                 "706c652e707265666978320808080808080808080808080808080808080808080"
                                 "8080808080808080808080102500000"
                                 "0b68656c6c6f20776f726c64e0000102a0a00102116578616d706c652e7769746"
                                 "86472617731116578616d706c652e77"
                                 "6974686472617732";

static uint8_t bytes[1024];

static rill_bytes from_hex(const char *hex)
{
    size_t len = strlen(hex) / 2;
    for (size_t i = 0; i < len; i++) {
        uint8_t value = 0;
        for (size_t k = 0; k < 2; k++) {
            char c = hex[2 * i + k];
            value = (uint8_t)(value << 4 | (c <= '9' ? c - '0' : c - 'a' + 10));
        }
        bytes[i] = value;
    }
    return (rill_bytes){bytes, len};
}

static rill_prepare prepare_of(const char *hex, const char *destination)
{
    rill_prepare p;
    rill_bytes whole = from_hex(hex);
    assert_int_equal(rill_prepare_decode(&p, whole.data, whole.len), RILL_OK);
    assert_true(rill_peer_is_request(&p, destination));
    return p;
}

static bool is(rill_bytes a, const char *text)
{
    return a.len == strlen(text) && memcmp(a.data, text, a.len) == 0;
}

static void test_control(void **state)
{
    (void)state;
    rill_ccp_control c;
    uint8_t out[64];
    size_t len = 0;
    rill_prepare p = prepare_of(control_hex, RILL_CCP_CONTROL);
    assert_int_equal(rill_ccp_control_decode(&c, p.data), RILL_OK);
    assert_int_equal(c.mode, RILL_CCP_SYNC);
    assert_int_equal(c.epoch, 32);
    assert_int_equal(c.table[0], 0x70);
    assert_int_equal(c.table[15], 0x9d);
    /* Ours has no features: the rest is the same. */
    assert_int_equal(rill_ccp_control_encode(&c, out, sizeof out, &len), RILL_OK);
    assert_int_equal(len, 23);
    assert_memory_equal(out, p.data.data, 21);
    assert_int_equal(out[21], 1);
    assert_int_equal(out[22], 0);
    for (size_t cap = 0; cap < len; cap++)
        assert_int_equal(rill_ccp_control_encode(&c, out, cap, &len), RILL_ERR_BUFFER);
    for (size_t n = 0; n < p.data.len; n++)
        assert_int_not_equal(rill_ccp_control_decode(&c, (rill_bytes){p.data.data, n}), RILL_OK);
    bytes[p.data.data - bytes] = 2;
    assert_int_equal(rill_ccp_control_decode(&c, p.data), RILL_ERR_MALFORMED);
}

static void test_update(void **state)
{
    (void)state;
    rill_ccp_update u;
    rill_ccp_route route;
    rill_bytes address;
    uint8_t out[512];
    rill_writer w = rill_writer_of(out, sizeof out);
    rill_prepare p = prepare_of(update_hex, RILL_CCP_UPDATE);
    assert_int_equal(rill_ccp_update_decode(&u, p.data), RILL_OK);
    assert_int_equal(u.table[0], 0x21);
    assert_int_equal(u.current_epoch, 52);
    assert_int_equal(u.from_epoch, 46);
    assert_int_equal(u.to_epoch, 50);
    assert_int_equal(u.hold_down_ms, 30000);
    assert_true(is(u.speaker, "example.alice"));
    assert_int_equal(u.route_count, 2);
    assert_int_equal(u.withdrawn_count, 2);
    rill_ccp_update_begin(&w, &u);

    rill_reader routes = rill_reader_of(u.routes.data, u.routes.len);
    assert_true(rill_ccp_next_route(&routes, &route));
    assert_true(is(route.prefix, "example.prefix1"));
    assert_int_equal(route.hops, 1);
    assert_int_equal(route.auth[31], 7);
    assert_int_equal(route.prop_count, 0);
    rill_ccp_put_route(&w, (rill_bytes){NULL, 0}, &route);
    assert_true(rill_ccp_next_route(&routes, &route));
    assert_true(is(route.prefix, "example.prefix2"));
    assert_int_equal(route.hops, 2);
    assert_int_equal(route.prop_count, 2);
    rill_reader path = rill_reader_of(route.path.data, route.path.len);
    assert_true(rill_ccp_next_address(&path, &address));
    assert_true(is(address, "example.connector1"));
    assert_true(rill_ccp_next_address(&path, &address));
    assert_true(is(address, "example.prefix2"));
    assert_false(rill_ccp_next_address(&path, &address));
    rill_ccp_put_route(&w, (rill_bytes){NULL, 0}, &route);
    assert_false(rill_ccp_next_route(&routes, &route));

    rill_reader withdrawn = rill_reader_of(u.withdrawn.data, u.withdrawn.len);
    rill_ccp_begin_withdrawn(&w, u.withdrawn_count);
    while (rill_ccp_next_address(&withdrawn, &address))
        rill_ccp_put_withdrawn(&w, address);
    assert_false(w.failed);
    assert_int_equal(rill_writer_len(&w), p.data.len);
    assert_memory_equal(out, p.data.data, p.data.len);
}

/* Our address becomes the first hop of what we pass on. */
static void test_a_hop_more(void **state)
{
    (void)state;
    static const char own[] = "g.own";
    rill_ccp_update u;
    rill_ccp_route route;
    rill_bytes address;
    uint8_t out[512];
    rill_writer w = rill_writer_of(out, sizeof out);
    rill_prepare p = prepare_of(update_hex, RILL_CCP_UPDATE);
    assert_int_equal(rill_ccp_update_decode(&u, p.data), RILL_OK);
    rill_reader routes = rill_reader_of(u.routes.data, u.routes.len);
    assert_true(rill_ccp_next_route(&routes, &route));
    rill_ccp_put_route(&w, (rill_bytes){(const uint8_t *)own, 5}, &route);
    assert_false(w.failed);
    routes = rill_reader_of(out, rill_writer_len(&w));
    assert_true(rill_ccp_next_route(&routes, &route));
    assert_int_equal(route.hops, 2);
    rill_reader path = rill_reader_of(route.path.data, route.path.len);
    assert_true(rill_ccp_next_address(&path, &address));
    assert_true(is(address, own));
    assert_true(rill_ccp_next_address(&path, &address));
    assert_true(is(address, "example.prefix1"));
}

static void test_what_is_cut_or_wrong(void **state)
{
    (void)state;
    rill_ccp_update u;
    rill_prepare p = prepare_of(update_hex, RILL_CCP_UPDATE);
    uint8_t *data = bytes + (p.data.data - bytes);
    for (size_t n = 0; n < p.data.len; n++)
        assert_int_not_equal(rill_ccp_update_decode(&u, (rill_bytes){data, n}), RILL_OK);
    /* It would go back: from 46 to 45. */
    data[16 + 8 + 3] = 45;
    assert_int_equal(rill_ccp_update_decode(&u, p.data), RILL_ERR_MALFORMED);
    data[16 + 8 + 3] = 50;
    /* A prefix, a hop and the speaker that are no addresses. */
    static const size_t places[] = {16 + 16 + 1, 16 + 16 + 14 + 3, 16 + 16 + 14 + 3 + 18};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        uint8_t was = data[places[i]];
        data[places[i]] = ' ';
        assert_int_equal(rill_ccp_update_decode(&u, p.data), RILL_ERR_ADDRESS);
        data[places[i]] = was;
    }
    assert_int_equal(rill_ccp_update_decode(&u, p.data), RILL_OK);
}

/* Counts that no message could hold do not take long. */
static void test_counts_of_nothing(void **state)
{
    (void)state;
    rill_ccp_update u;
    rill_ccp_control c;
    uint8_t data[64] = {0};
    size_t len = 16 + 16;
    data[len++] = 3;
    memcpy(data + len, "g.a", 3);
    len += 3;
    data[len++] = 8;
    memset(data + len, 0xff, 8);
    assert_int_equal(rill_ccp_update_decode(&u, (rill_bytes){data, len + 8}), RILL_ERR_TRUNCATED);
    memset(data, 0, sizeof data);
    data[21] = 8;
    memset(data + 22, 0xff, 8);
    assert_int_equal(rill_ccp_control_decode(&c, (rill_bytes){data, 30}), RILL_ERR_TRUNCATED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_control),           cmocka_unit_test(test_update),
        cmocka_unit_test(test_a_hop_more),        cmocka_unit_test(test_what_is_cut_or_wrong),
        cmocka_unit_test(test_counts_of_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
