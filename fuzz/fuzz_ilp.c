/* SPDX-License-Identifier: Apache-2.0 */
/* Every decoder of ILP packets; what is decoded encodes to what decodes to the same. */
#include <rill/error.h>
#include <rill/ilp.h>

#include "fuzz.h"

/* Larger than every packet that decodes: a Reject with all of its fields full. */
static uint8_t encoded[RILL_ILP_MAX_PACKET + 1024 + RILL_ILP_MAX_MESSAGE];

/* A byte less than it takes is too little; room for the data alone is as much as its bytes. */
#define CHECK_ROOM(kind, packet, size)                                                             \
    do {                                                                                           \
        rill_##kind room = (packet);                                                               \
        size_t some;                                                                               \
        CHECK(rill_##kind##_encode(&(packet), encoded, (size)-1, &some) == RILL_ERR_BUFFER);       \
        room.data.data = NULL;                                                                     \
        CHECK(rill_##kind##_encode(&room, encoded, sizeof(encoded), &some) == RILL_OK);            \
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
    CHECK(rill_prepare_encode(&p, encoded, sizeof(encoded), &len) == 0);
    /* Canonical, so that only bytes after the fields can be lost. */
    CHECK(len <= size && len <= RILL_ILP_MAX_PACKET);
    CHECK(len < size || memcmp(encoded, data, len) == 0);
    CHECK(rill_prepare_decode(&q, encoded, len) == 0);
    CHECK(p.amount == q.amount && p.expires_at == q.expires_at);
    CHECK(memcmp(p.condition, q.condition, 32) == 0);
    CHECK(same_bytes(p.destination, q.destination) && same_bytes(p.data, q.data));
    CHECK_ROOM(prepare, p, len);
}

static void fuzz_fulfill(const uint8_t *data, size_t size)
{
    rill_fulfill p, q;
    if (rill_fulfill_decode(&p, data, size) != 0)
        return;
    size_t len;
    CHECK(rill_fulfill_encode(&p, encoded, sizeof(encoded), &len) == 0);
    CHECK(len <= size && (len < size || memcmp(encoded, data, len) == 0));
    CHECK(rill_fulfill_decode(&q, encoded, len) == 0);
    CHECK(memcmp(p.fulfillment, q.fulfillment, 32) == 0 && same_bytes(p.data, q.data));
    CHECK_ROOM(fulfill, p, len);
}

static void fuzz_reject(const uint8_t *data, size_t size)
{
    rill_reject p, q;
    if (rill_reject_decode(&p, data, size) != 0)
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
    CHECK(rill_reject_encode(&p, encoded, sizeof(encoded), &len) == 0);
    CHECK(len <= size && (len < size || memcmp(encoded, data, len) == 0));
    CHECK(rill_reject_decode(&q, encoded, len) == 0);
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
