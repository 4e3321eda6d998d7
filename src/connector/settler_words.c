/* SPDX-License-Identifier: Apache-2.0 */
/* What is said to engines, and what their answers mean. */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "connector/settler_impl.h"

int rill_settler_make_key(const rill_settler *s, char out[RILL_SETTLE_KEY + 1])
{
    static const char digits[] = "0123456789abcdef";
    uint8_t bytes[16];
    size_t at = 0;
    int rc = s->options.random(s->options.user, bytes, sizeof bytes);
    if (rc != RILL_OK)
        return rc;
    bytes[6] = (uint8_t)((bytes[6] & 0x0f) | 0x40); /* a UUID of version 4 (RFC 9562) */
    bytes[8] = (uint8_t)((bytes[8] & 0x3f) | 0x80);
    for (size_t i = 0; i < sizeof bytes; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            out[at++] = '-';
        out[at++] = digits[bytes[i] >> 4];
        out[at++] = digits[bytes[i] & 15];
    }
    out[at] = '\0';
    return RILL_OK;
}

void rill_settler_describe(const rill_settling *a, rill_engine_call *call,
                           char path[RILL_SETTLE_PATH], char body[RILL_QUANTITY_JSON])
{
    char amount[24];
    rill_quantity q;
    body[0] = '\0';
    call->method = a->step == RILL_SETTLE_DELETE ? "DELETE" : "POST";
    call->engine = a->asks->url;
    call->path = path;
    call->token = a->asks == a->terms.engine       ? a->terms.token
                  : a->asks == a->before[0].engine ? a->before[0].token
                  : a->asks == a->before[1].engine ? a->before[1].token
                                                   : NULL;
    switch (a->step) {
    case RILL_SETTLE_SETUP:
        (void)snprintf(path, RILL_SETTLE_PATH, "/accounts");
        (void)snprintf(body, RILL_QUANTITY_JSON, "{\"id\":\"%s\"}", a->name);
        break;
    case RILL_SETTLE_PAY:
        (void)snprintf(path, RILL_SETTLE_PATH, "/accounts/%s/settlements", a->name);
        (void)snprintf(amount, sizeof amount, "%" PRIu64, a->asked);
        int rc = rill_quantity_of(&q, amount, strlen(amount), a->scale);
        assert(rc == RILL_OK);
        (void)rc;
        rill_quantity_json(&q, body);
        call->key = a->key;
        break;
    default:
        (void)snprintf(path, RILL_SETTLE_PATH, "/accounts/%s", a->name);
        break;
    }
    call->body = (rill_bytes){(const uint8_t *)body, strlen(body)};
    call->type = call->body.len > 0 ? "application/json" : NULL;
}

/* More units than any amount has. What is only finer than an amount is not. */
static bool is_beyond(const rill_quantity *q, uint8_t scale)
{
    rill_quantity whole;
    rill_exact units;
    const unsigned below = q->scale > scale ? (unsigned)(q->scale - scale) : 0;
    const size_t len = strlen(q->amount);
    return len > below &&
           rill_quantity_of(&whole, q->amount, len - below, q->scale - below) == RILL_OK &&
           rill_exact_of(&units, &whole, scale) != RILL_OK;
}

const char *rill_settler_find_taken(const rill_settling *a, const rill_engine_answer *answer,
                                    rill_exact *taken)
{
    rill_quantity q;
    rill_bytes body = answer->body;
    while (body.len > 0 && strchr(" \t\r\n", body.data[0]) != NULL && body.data[0] != '\0') {
        body.data++;
        body.len--;
    }
    *taken = rill_exact_units(a->asked);
    if (body.len == 0 || body.data[0] != '{')
        return answer->status == 201 ? NULL : "its answer is no Quantity, nor a 201";
    if (rill_quantity_read(&q, body) != RILL_OK)
        return "its answer is no Quantity";
    if (rill_exact_of(taken, &q, a->scale) == RILL_OK)
        return NULL;
    /* It would claim that again for ever, as often as it is asked. */
    *taken = rill_exact_units(UINT64_MAX);
    return is_beyond(&q, a->scale) ? NULL : "its answer is no Quantity";
}

const char *rill_settler_find_refusal(const rill_settling *a, const rill_engine_answer *answer,
                                      char out[RILL_SETTLE_REFUSAL])
{
    unsigned status = answer->status;
    bool good = status >= 200 && status < 300;
    if (status == 0)
        return answer->problem;
    if (a->step == RILL_SETTLE_SETUP)
        good = good || status == 409; /* it knows the account already */
    if (a->step == RILL_SETTLE_DELETE)
        good = good || status == 404 || status == 410;
    (void)snprintf(out, RILL_SETTLE_REFUSAL, "it answers with status %u", status);
    return good ? NULL : out;
}
