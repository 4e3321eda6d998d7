/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The saved state of a payment, which may come back from a disk as anything. What is taken says
 * nothing that would have more sent than was allowed, comes back from what is written, and stays
 * within that whatever a wallet says has arrived.
 */
#include <string.h>

#include <rill/error.h>

#include "fuzz.h"
#include "run/payment_state.h"

static void check(const rill_payment_state *s)
{
    CHECK(s->sent <= s->amount && s->in_doubt <= s->amount - s->sent);
    CHECK(s->min_rate.den != 0);
}

static void check_same(const rill_payment_state *a, const rill_payment_state *b)
{
    CHECK(strcmp(a->credentials.destination_account, b->credentials.destination_account) == 0);
    CHECK(memcmp(a->credentials.shared_secret, b->credentials.shared_secret,
                 sizeof a->credentials.shared_secret) == 0);
    CHECK(a->amount == b->amount && a->deliver == b->deliver && a->sent == b->sent);
    CHECK(a->packet_lifetime_ns == b->packet_lifetime_ns);
    CHECK(a->in_doubt == b->in_doubt && a->delivered == b->delivered && a->complete == b->complete);
    CHECK(a->min_rate.num == b->min_rate.num &&
          (a->min_rate.num == 0 || a->min_rate.den == b->min_rate.den));
}

static void check_written(const rill_payment_state *s)
{
    char text[RILL_PAYMENT_STATE_MAX];
    size_t len = 0;
    rill_payment_state again;
    CHECK(rill_payment_state_write(s, text, &len) == RILL_OK && len < sizeof text);
    CHECK(rill_payment_state_read(&again, (rill_bytes){(const uint8_t *)text, len}, NULL) ==
          RILL_OK);
    check_same(s, &again);
}

static void check_settled(const rill_payment_state *s, rill_bytes state, uint64_t delivered)
{
    uint8_t text[RILL_PAYMENT_STATE_MAX];
    size_t len = 0;
    rill_payment_state settled;
    int error = rill_payment_state_settle(state, delivered, text, &len);
    if (s->in_doubt > 0 && s->packet_lifetime_ns == RILL_NEVER)
        CHECK(error == RILL_ERR_STATE);
    else
        CHECK(error == (delivered < s->delivered ? RILL_ERR_RANGE : RILL_OK));
    if (error != RILL_OK)
        return;
    CHECK(rill_payment_state_read(&settled, (rill_bytes){text, len}, NULL) == RILL_OK);
    check(&settled);
    /* What has gone stays gone, and no more can be sent than before but what came back. */
    CHECK(settled.in_doubt == 0 && settled.sent >= s->sent && settled.delivered == delivered);
    CHECK(settled.sent <= s->sent + s->in_doubt && settled.amount == s->amount);
    CHECK(delivered == s->delivered || settled.sent == s->sent + s->in_doubt);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *problem = NULL;
    rill_payment_state s;
    rill_bytes state = {data, size};
    int error = rill_payment_state_read(&s, state, &problem);
    if (error != RILL_OK) {
        CHECK(problem != NULL && s.amount == 0);
        return 0;
    }
    check(&s);
    check_written(&s);
    check_settled(&s, state, s.delivered);
    check_settled(&s, state, s.delivered > 0 ? s.delivered - 1 : 1);
    check_settled(&s, state, UINT64_MAX);
    return 0;
}
