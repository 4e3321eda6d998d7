/* SPDX-License-Identifier: Apache-2.0 */
/* Every decoder of ILP packets. What was decoded must encode to bytes that decode to the same. */
#include <rill/error.h>
#include <rill/ilp.h>

#include "fuzz.h"
#include "ilp/address.h"

/* Larger than every packet that can be decoded: a Reject with all fields full. */
static uint8_t encoded[RILL_ILP_MAX_PACKET + 1024 + RILL_ILP_MAX_MESSAGE];

/* Data beyond RFC 27's limit is read, and written only by a program that passes it on. */
#define CHECK_SIZE(kind, packet)                                                                   \
    do {                                                                                           \
        size_t any;                                                                                \
        int expected = (packet).data.len > RILL_ILP_MAX_DATA ? RILL_ERR_TOO_LARGE : RILL_OK;       \
        CHECK((packet).data.len <= RILL_ILP_MAX_DATA_READ);                                        \
        CHECK(rill_##kind##_encode(&(packet), encoded, sizeof(encoded), &any) == expected);        \
    } while (0)

/*
 * One byte less than the packet takes is too little. Room for the data alone is as much as its
 * bytes.
 */
#define CHECK_ROOM(kind, packet, size)                                                             \
    do {                                                                                           \
        rill_##kind room = (packet);                                                               \
        size_t some;                                                                               \
        CHECK(rill_##kind##_encode_any_size(&(packet), encoded, (size)-1, &some) ==                \
              RILL_ERR_BUFFER);                                                                    \
        room.data.data = NULL;                                                                     \
        CHECK(rill_##kind##_encode_any_size(&room, encoded, sizeof(encoded), &some) == RILL_OK);   \
        CHECK(some == (size));                                                                     \
    } while (0)

static void fuzz_prepare(const uint8_t *data, size_t size)
{
    rill_prepare p, q;
    if (rill_prepare_decode(&p, data, size) != 0)
        return;
    CHECK(rill_address_valid(p.destination) && rill_address_prefix_valid(p.destination));
    CHECK(rill_address_has_prefix(p.destination, p.destination));
    size_t len;
    CHECK_SIZE(prepare, p);
    CHECK(rill_prepare_encode_any_size(&p, encoded, sizeof(encoded), &len) == 0);
    /* Canonical, so only bytes after the fields can be lost. */
    CHECK(len <= size && len <= RILL_ILP_MAX_PACKET);
    CHECK(len < size || memcmp(encoded, data, len) == 0);
    CHECK(rill_prepare_decode(&q, encoded, len) == 0);
    CHECK(p.amount == q.amount && p.expires_at_ms == q.expires_at_ms);
    CHECK(memcmp(p.condition, q.condition, 32) == 0);
    CHECK(same_bytes(p.destination, q.destination) && same_bytes(p.data, q.data));
    CHECK_ROOM(prepare, p, len);
}

static void fuzz_fulfill(const uint8_t *data, size_t size)
{
    rill_fulfill p, q;
    bool whole;
    if (rill_fulfill_decode_noting(&p, data, size, &whole) != 0)
        return;
    size_t len;
    CHECK_SIZE(fulfill, p);
    CHECK(rill_fulfill_encode_any_size(&p, encoded, sizeof(encoded), &len) == 0);
    CHECK(!whole || (len <= size && (len < size || memcmp(encoded, data, len) == 0)));
    CHECK(rill_fulfill_decode(&q, encoded, len) == 0);
    CHECK(memcmp(p.fulfillment, q.fulfillment, 32) == 0 && same_bytes(p.data, q.data));
    CHECK_ROOM(fulfill, p, len);
}

static void fuzz_reject(const uint8_t *data, size_t size)
{
    rill_reject p, q;
    bool whole;
    if (rill_reject_decode_noting(&p, data, size, &whole) != 0)
        return;
    CHECK(strlen(p.code.text) == 3);
    CHECK(rill_ilp_code_name(p.code) != NULL);
    rill_ilp_code_id id = rill_ilp_code_find(p.code);
    CHECK(id == RILL_ILP_CODE_UNKNOWN || strcmp(rill_ilp_code_of(id).text, p.code.text) == 0);
    rill_amount_too_large f08;
    if (rill_amount_too_large_decode(&f08, p.data) == 0) {
        uint8_t back[16];
        rill_amount_too_large_encode(f08, back);
        CHECK(memcmp(back, p.data.data, 16) == 0);
    }
    size_t len;
    CHECK_SIZE(reject, p);
    CHECK(rill_reject_encode_any_size(&p, encoded, sizeof(encoded), &len) == 0);
    CHECK(!whole || (len <= size && (len < size || memcmp(encoded, data, len) == 0)));
    CHECK(rill_reject_decode_noting(&q, encoded, len, &whole) == 0 && whole);
    CHECK(memcmp(&p.code, &q.code, sizeof(p.code)) == 0);
    CHECK(same_bytes(p.triggered_by, q.triggered_by) && same_bytes(p.message, q.message));
    CHECK(same_bytes(p.data, q.data));
    CHECK_ROOM(reject, p, len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_prepare(data, size);
    fuzz_fulfill(data, size);
    fuzz_reject(data, size);
    return 0;
}
