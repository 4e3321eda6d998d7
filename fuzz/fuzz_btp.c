/* SPDX-License-Identifier: Apache-2.0 */
/* BTP frames. What was decoded must encode to bytes that decode to the same. */
#include <rill/btp.h>
#include <rill/error.h>

#include "fuzz.h"

static void check_same(const rill_btp_frame *p, const rill_btp_frame *q)
{
    CHECK(p->type == q->type && p->request_id == q->request_id && p->amount == q->amount);
    CHECK(same_bytes(p->code, q->code) && same_bytes(p->name, q->name));
    CHECK(same_bytes(p->triggered_at, q->triggered_at) && same_bytes(p->data, q->data));
    CHECK(p->entry_count == q->entry_count);
    for (size_t i = 0; i < p->entry_count; i++) {
        CHECK(same_bytes(p->entries[i].name, q->entries[i].name));
        CHECK(p->entries[i].content_type == q->entries[i].content_type);
        CHECK(same_bytes(p->entries[i].data, q->entries[i].data));
    }
}

/* The short way for one ILP packet must write the same as the long way. */
static void check_ilp_header(const rill_btp_frame *p, const uint8_t *encoded, size_t len)
{
    if ((p->type != RILL_BTP_MESSAGE && p->type != RILL_BTP_RESPONSE) || p->entry_count != 1)
        return;
    const rill_btp_entry *ilp = rill_btp_find(p, "ilp");
    if (ilp == NULL || ilp->content_type != RILL_BTP_OCTET_STREAM)
        return;
    uint8_t header[RILL_BTP_ILP_HEADER_MAX];
    size_t size = rill_btp_ilp_header(p->type, p->request_id, ilp->data.len, header);
    CHECK(size + ilp->data.len == len && memcmp(header, encoded, size) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t encoded[RILL_BTP_MAX_FRAME];
    rill_btp_frame p, q;
    if (rill_btp_decode(&p, data, size) != RILL_OK)
        return 0;
    size_t len;
    CHECK(rill_btp_encode(&p, encoded, sizeof(encoded), &len) == RILL_OK);
    CHECK(len == rill_btp_size(&p) && len <= size);
    CHECK(rill_btp_decode(&q, encoded, len) == RILL_OK);
    check_same(&p, &q);
    check_ilp_header(&p, encoded, len);
    CHECK(rill_btp_encode(&p, encoded, len - 1, &len) == RILL_ERR_BUFFER);
    return 0;
}
