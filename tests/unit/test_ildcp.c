/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h comes after what it needs. */
#include <cmocka.h>
#include <rill/error.h>
#include <rill/ilp.h>
#include <string.h>

#define BYTES(text) ((rill_bytes){(const uint8_t *)(text), sizeof(text) - 1})

static void test_request(void **state)
{
    (void)state;
    uint8_t buf[128];
    size_t len;
    rill_prepare p;
    assert_int_equal(rill_ildcp_request_encode(UINT64_C(1513992100549), buf, sizeof(buf), &len),
                     RILL_OK);
    assert_int_equal(rill_prepare_decode(&p, buf, len), RILL_OK);
    assert_true(p.amount == 0);
    assert_true(p.expires_at_ms == UINT64_C(1513992100549));
    assert_memory_equal(p.destination.data, "peer.config", 11);
    assert_int_equal(p.data.len, 0);
    /* Zmh6rfhivXdsj8GLjp+OIAiXFIVu4jOzkCpZHQ1fKSU= */
    assert_memory_equal(p.condition, "\x66\x68\x7a\xad\xf8\x62\xbd\x77\x6c\x8f\xc1\x8b", 12);
    assert_true(rill_ildcp_is_request(&p));
    static const uint8_t other[32] = {1};
    p.condition = other;
    assert_false(rill_ildcp_is_request(&p));
    assert_int_equal(rill_prepare_decode(&p, buf, len), RILL_OK);
    p.destination = BYTES("peer.route");
    assert_false(rill_ildcp_is_request(&p));
    p.destination = BYTES("peer.config.x");
    assert_false(rill_ildcp_is_request(&p));
    assert_int_equal(rill_ildcp_request_encode(0, buf, len - 1, &len), RILL_ERR_BUFFER);
    assert_int_equal(rill_ildcp_request_encode(UINT64_MAX, buf, sizeof(buf), &len), RILL_ERR_RANGE);
}

static void test_response(void **state)
{
    (void)state;
    rill_ildcp_info in = {BYTES("private.moneyd.local.abc"), 9, BYTES("XRP")}, out;
    uint8_t buf[128];
    size_t len;
    assert_int_equal(rill_ildcp_response_encode(&in, buf, sizeof(buf), &len), RILL_OK);
    assert_int_equal(len, 2 + 32 + 1 + 25 + 1 + 4);
    assert_int_equal(rill_ildcp_response_decode(&out, buf, len), RILL_OK);
    assert_int_equal(out.address.len, 24);
    assert_memory_equal(out.address.data, "private.moneyd.local.abc", 24);
    assert_int_equal(out.asset_scale, 9);
    assert_int_equal(out.asset_code.len, 3);
    assert_memory_equal(out.asset_code.data, "XRP", 3);
    size_t none;
    assert_int_equal(rill_ildcp_response_encode(&in, buf, len - 1, &none), RILL_ERR_BUFFER);
}

static void test_response_refused(void **state)
{
    (void)state;
    rill_ildcp_info in = {BYTES("g.a"), 2, BYTES("USD")}, out;
    uint8_t buf[128];
    size_t len;
    assert_int_equal(rill_ildcp_response_encode(&in, buf, sizeof(buf), &len), RILL_OK);
    /* 2 + 32 bytes, the data's length, then 03 g.a 02 03 USD. */
    for (uint8_t data = 0; data < 9; data++) {
        buf[1] = (uint8_t)(32 + 1 + data);
        buf[34] = data;
        assert_int_equal(rill_ildcp_response_decode(&out, buf, 35U + data), RILL_ERR_TRUNCATED);
    }
    buf[1] = 32 + 1 + 9;
    buf[34] = 9;
    buf[20] = 1;
    assert_int_equal(rill_ildcp_response_decode(&out, buf, len), RILL_ERR_MALFORMED);
    buf[20] = 0;
    buf[36] = 'h';
    assert_int_equal(rill_ildcp_response_decode(&out, buf, len), RILL_ERR_ADDRESS);
    buf[36] = 'g';
    buf[40] = 33;
    assert_int_equal(rill_ildcp_response_decode(&out, buf, len), RILL_ERR_TOO_LARGE);
    buf[0] = RILL_ILP_REJECT;
    assert_int_equal(rill_ildcp_response_decode(&out, buf, len), RILL_ERR_REFUSED);
    assert_int_equal(rill_ildcp_response_decode(&out, buf, 0), RILL_ERR_TRUNCATED);
    buf[0] = RILL_ILP_PREPARE;
    assert_int_equal(rill_ildcp_response_decode(&out, buf, len), RILL_ERR_MALFORMED);
    in.address = BYTES("nowhere");
    assert_int_equal(rill_ildcp_response_encode(&in, buf, sizeof(buf), &len), RILL_ERR_ADDRESS);
    in.address = BYTES("g.a");
    in.asset_code = BYTES("012345678901234567890123456789012");
    assert_int_equal(rill_ildcp_response_encode(&in, buf, sizeof(buf), &len), RILL_ERR_TOO_LARGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_request),
        cmocka_unit_test(test_response),
        cmocka_unit_test(test_response_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
