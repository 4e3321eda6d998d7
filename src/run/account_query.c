/* SPDX-License-Identifier: Apache-2.0 */
#include "run/account_query.h"

#include <stdio.h>

#include <rill/error.h>

/* As ilp-protocol-ildcp has it: a clock that is behind by less still gets an answer. */
#define LIFETIME (60 * RILL_SECOND)
/* Of a question without an answer; the next one waits twice as long, up to the most. */
#define FIRST_PATIENCE RILL_SECOND
#define MAX_PATIENCE   (10 * RILL_SECOND)
/* Beyond all that a network delays: who says by then that it has expired has another time. */
#define SOON        (30 * RILL_SECOND)
#define FIRST_DELAY (100 * RILL_MS)
#define MAX_DELAY   (5 * RILL_SECOND)
/* The answer to an early request follows that to our authentication, in so long at least. */
#define BEHIND (5 * RILL_MS)

void rill_account_query_init(rill_account_query *q)
{
    *q = (rill_account_query){.outgoing_id = RILL_ACCOUNT_COOKIE_MIN, .retry_at = RILL_NEVER};
}

static void begin(rill_account_query *q, rill_now now)
{
    q->waiting = false;
    q->attempts = 0;
    q->first = UINT64_MAX;
    q->refusal = (rill_ilp_code){{0}};
    q->retry_at = now.mono_ns;
}

void rill_account_query_early(rill_account_query *q, rill_link *l, rill_now now, uint8_t *buf)
{
    begin(q, now);
    rill_account_query_run(q, l, now, buf);
}

void rill_account_query_start(rill_account_query *q, rill_now now)
{
    if (!q->waiting) {
        begin(q, now);
        return;
    }
    q->attempts = 0;
    q->retry_at = now.mono_ns + (now.mono_ns - q->asked_at) / 2 + BEHIND;
}

void rill_account_query_stop(rill_account_query *q)
{
    q->waiting = false;
    q->retry_at = RILL_NEVER;
}

static uint64_t doubled(uint64_t first, unsigned times, uint64_t most)
{
    uint64_t delay = first << (times < 7 ? times : 7);
    return delay < most ? delay : most;
}

static void ask_later(rill_account_query *q, rill_now now)
{
    q->waiting = false;
    q->retry_at = now.mono_ns + doubled(FIRST_DELAY, q->attempts, MAX_DELAY);
}

void rill_account_query_run(rill_account_query *q, rill_link *l, rill_now now, uint8_t *buf)
{
    if (now.mono_ns < q->retry_at)
        return;
    size_t len;
    q->attempts++;
    q->outgoing_id++; /* 2^32 questions are never asked */
    if (rill_ildcp_request_encode(now.wall_ms + LIFETIME / RILL_MS, buf, RILL_ILP_MAX_PACKET,
                                  &len) != RILL_OK ||
        rill_link_send(l, q->outgoing_id, buf, len) != RILL_OK) {
        ask_later(q, now);
        return;
    }
    if (q->first == UINT64_MAX)
        q->first = q->outgoing_id;
    q->waiting = true;
    q->asked_at = now.mono_ns;
    q->retry_at = now.mono_ns + doubled(FIRST_PATIENCE, q->attempts - 1, MAX_PATIENCE);
}

bool rill_account_query_owns(uint64_t outgoing_id)
{
    return outgoing_id >= RILL_ACCOUNT_COOKIE_MIN;
}

int rill_account_query_reply(rill_account_query *q, uint64_t outgoing_id, rill_now now,
                             const uint8_t *packet, size_t len, rill_ildcp_info *out)
{
    if (!q->waiting || outgoing_id < q->first || outgoing_id > q->outgoing_id)
        return RILL_ERR_BLOCKED;
    rill_reject reject;
    if (rill_reject_decode(&reject, packet, len) == RILL_OK) {
        q->refusal = reject.code;
        bool clock = rill_ilp_code_find(reject.code) == RILL_ILP_R00_TRANSFER_TIMED_OUT &&
                     now.mono_ns - q->asked_at < SOON;
        if (reject.code.text[0] == 'F' || clock) {
            rill_account_query_stop(q);
            return RILL_ERR_REFUSED;
        }
        ask_later(q, now);
        return RILL_ERR_BLOCKED;
    }
    rill_account_query_stop(q);
    return rill_ildcp_response_decode(out, packet, len);
}

void rill_account_query_unanswered(rill_account_query *q, uint64_t outgoing_id, rill_now now)
{
    if (q->waiting && outgoing_id == q->outgoing_id)
        ask_later(q, now);
}

void rill_account_query_explain(const rill_account_query *q, int error, char *out, size_t cap)
{
    if (error != RILL_ERR_REFUSED && error != RILL_ERR_TIMEOUT) {
        snprintf(out, cap, "the node's answer about our account is malformed (IL-DCP)");
        return;
    }
    size_t len = (size_t)snprintf(out, cap, "the node does not tell our address");
    if (len >= cap)
        return;
    out += len;
    cap -= len;
    if (q->refusal.text[0] == '\0')
        snprintf(out, cap, ": it does not answer the question (IL-DCP)");
    else if (rill_ilp_code_find(q->refusal) == RILL_ILP_R00_TRANSFER_TIMED_OUT)
        snprintf(out, cap,
                 ": to it, our question (IL-DCP) came a minute too late (R00). The clock of this "
                 "machine is behind, or the node's is ahead");
    else
        snprintf(out, cap, ": IL-DCP was refused with %s (%s)", q->refusal.text,
                 rill_ilp_code_name(q->refusal));
}
