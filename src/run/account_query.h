/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Asks a link's neighbour for our address and asset (IL-DCP, RFC 31), and
 * again where the answer is lost or temporary. Knows no timers: it says when
 * it wants to be called.
 */
#ifndef RILL_RUN_ACCOUNT_QUERY_H
#define RILL_RUN_ACCOUNT_QUERY_H

#include <rill/ilp.h>
#include <rill/link.h>

/* Cookies of link requests from here up are an account query's; endpoints count from 0. */
#define RILL_ACCOUNT_COOKIE_MIN (UINT64_MAX - UINT32_MAX)

typedef struct rill_account_query {
    uint64_t first;       /* outgoing_id of the first request over this connection of the link */
    uint64_t outgoing_id; /* of the last one */
    uint64_t asked_at;    /* monotonic nanoseconds, the last one */
    bool waiting;         /* for a reply */
    uint64_t retry_at;    /* monotonic nanoseconds, RILL_NEVER where nothing is to be asked */
    unsigned attempts;
    rill_ilp_code refusal; /* of the last Reject over this connection; "" */
} rill_account_query;

void rill_account_query_init(rill_account_query *q);
/*
 * Authentication has just been sent: asks along with it, which saves a round
 * trip. buf[RILL_ILP_MAX_PACKET] is free to be used.
 */
void rill_account_query_early(rill_account_query *q, rill_link *l, rill_now now, uint8_t *buf);
/*
 * The link came up: ask now, or, where it was asked early, soon: the answer
 * should come right behind that to our authentication.
 */
void rill_account_query_start(rill_account_query *q, rill_now now);
/* The link went down, or the answer is known: ask no more. */
void rill_account_query_stop(rill_account_query *q);
/* Asks where retry_at has come. buf[RILL_ILP_MAX_PACKET] is free to be used. */
void rill_account_query_run(rill_account_query *q, rill_link *l, rill_now now, uint8_t *buf);
bool rill_account_query_owns(uint64_t outgoing_id);
/*
 * A reply came. RILL_OK: *out is the account, borrowed from packet.
 * RILL_ERR_BLOCKED: not yet, it asks again (at retry_at). RILL_ERR_REFUSED: the neighbour
 * has no account for us to tell, or its clock says that the question has expired (refusal
 * says how it put it); or the errors of rill_ildcp_response_decode.
 */
RILL_MUST_CHECK int rill_account_query_reply(rill_account_query *q, uint64_t outgoing_id,
                                             rill_now now, const uint8_t *packet, size_t len,
                                             rill_ildcp_info *out);
void rill_account_query_unanswered(rill_account_query *q, uint64_t outgoing_id, rill_now now);
/*
 * Why there is no account, for people: after an error of rill_account_query_reply, or
 * RILL_ERR_TIMEOUT where the caller waits no more.
 */
void rill_account_query_explain(const rill_account_query *q, int error, char *out, size_t cap);

#endif
