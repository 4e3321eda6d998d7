/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Incoming Prepares: whose are they? A server makes the connection of a client
 * from the address alone, once a packet has shown that the client knows its
 * secret; before that nothing is kept.
 */
#include <assert.h>
#include <string.h>

#include "base/alloc.h"
#include "base/sized.h"
#include "ilp/address.h"
#include "stream/core/arrival.h"
#include "stream/core/beginning.h"
#include "stream/core/connection.h"
#include "stream/core/endpoint.h"
#include "stream/core/endpoint_internal.h"
#include "stream/core/identity.h"
#include "stream/core/numbering.h"
#include "stream/core/queues.h"
#include "stream/core/receive_prepare.h"
#include "stream/core/reply.h"
#include "stream/core/settle.h"
#include "stream/core/succession.h"

static int refuse(rill_arrival *a, rill_ilp_code_id code)
{
    return rill_reply_bare(a->e, code, a->reply, a->reply_len);
}

/* Decrypts to the endpoint's plaintext. RILL_ERR_AUTH: another secret; RILL_ERR_CRYPTO. */
static int open_envelope(rill_arrival *a, rill_keys *keys)
{
    rill_bytes data = a->prepare.data;
    if (data.len <= RILL_ENVELOPE_OVERHEAD)
        return RILL_ERR_AUTH;
    assert(data.len <= sizeof a->e->shared->plaintext); /* no packet that was decoded has more */
    return rill_keys_open(keys, data.data, data.len, a->e->shared->plaintext);
}

/* What a packet is refused with that could not be opened: by whose fault? */
static rill_ilp_code_id unopened(int err)
{
    return err == RILL_ERR_NOMEM || err == RILL_ERR_CRYPTO ? RILL_ILP_T00_INTERNAL_ERROR
                                                           : RILL_ILP_F06_UNEXPECTED_PAYMENT;
}

static int deliver(const rill_arrival *a, rill_connection *c)
{
    return rill_connection_receive(c, a, a->e->shared->plaintext,
                                   a->prepare.data.len - RILL_ENVELOPE_OVERHEAD);
}

static rill_past *new_past(rill_endpoint *e)
{
    rill_past *past = rill_calloc(e->allocator, 1, sizeof *past);
    if (past)
        past->deadline.kind = RILL_DEADLINE_PAST;
    return past;
}

/* A client that says which life of it begins goes on with our mark. */
static void note_beginning(rill_connection *c, const rill_stream_packet *packet, bool unsure)
{
    if (unsure)
        rill_succession_unsure(&c->succession);
    if (rill_life_read(packet->after, &c->numbers.life, &c->numbers.who)) {
        rill_numbering_set_mark(&c->numbers, c->numbers.mark);
        return;
    }
    /* Of before: no packet of that begins anything. */
    rill_numbering_set_life(&c->numbers, c->succession.past->life, c->succession.past->who);
}

/* keys become the connection's, also on failure; a->past where it could be added, and not before.
 */
static int make_connection(rill_arrival *a, const rill_token_details *details, rill_keys *keys,
                           rill_connection **out)
{
    rill_connection *c = rill_connection_create(a->e, a->now, true, NULL);
    if (!c) {
        rill_keys_free(keys);
        return RILL_ERR_NOMEM;
    }
    rill_identity_take_keys(&c->identity, keys);
    rill_succession_begin(&c->succession, a->past ? a->past : new_past(a->e));
    int err = c->succession.past
                  ? rill_identity_keep(&c->identity, a->e->allocator, a->token, details)
                  : RILL_ERR_NOMEM;
    if (err == RILL_OK)
        err = rill_endpoint_add(a->e, c);
    if (err != RILL_OK) {
        if (a->past) /* it stays */
            rill_succession_begin(&c->succession, NULL);
        rill_connection_destroy(c);
        return err;
    }
    /* Its next packet is found by the same token. */
    assert(c->in_table && rill_identity_has(&c->identity, a->token));
    rill_succession_follow(c);
    rill_numbering_go_on(&c->numbers, c->succession.past); /* the key is the same */
    c->counts.ended_another = rill_succession_ends_another(&c->succession);
    /* Its first packet may be refused still: it ends like any other, when nothing follows. */
    rill_settle(c, a->now.mono_ns);
    rill_connection_notify(c, RILL_EVENT_CONNECTION);
    *out = c;
    return RILL_OK;
}

/* What a packet is answered with that begins no connection. */
static int refuse_beginning(rill_arrival *a, rill_keys *keys, const rill_stream_packet *packet,
                            rill_beginning judged)
{
    assert(judged != RILL_BEGINS && judged != RILL_BEGINS_UNSURE);
    rill_over over = {.of_another = rill_is_of_another(packet, a->past),
                      .sequence = packet->sequence,
                      .amount = a->prepare.amount};
    switch (judged) {
    case RILL_REPLAYED:
        return refuse(a, RILL_ILP_F99_APPLICATION_ERROR);
    case RILL_BEGINS_LATER:
        return refuse(a, RILL_ILP_T02_PEER_BUSY);
    case RILL_REPLACED:
        over.why = RILL_TRAILER_REPLACED;
        break;
    case RILL_FORGOTTEN:
        over.why = RILL_TRAILER_FORGOTTEN;
        break;
    default: /* it takes leave */
        break;
    }
    return rill_reply_over(a->e, keys, &a->e->connection_options, &over, a->reply, a->reply_len);
}

/* Not now, whatever it begins. */
static bool is_busy(const rill_endpoint *e, rill_ilp_code_id *code)
{
    if (e->ending)
        *code = RILL_ILP_T99_APPLICATION_ERROR;
    else if (e->open_count >= e->max_connections || e->past_count >= e->max_remembered)
        *code = RILL_ILP_T02_PEER_BUSY;
    else
        return false;
    return true;
}

/* What is no good as a packet begins nothing, and leaves what was there alone. */
static bool is_no_good(const rill_arrival *a, int decoded, const rill_stream_packet *packet,
                       rill_ilp_code_id *code)
{
    if (decoded != RILL_OK || packet->type != RILL_ILP_PREPARE)
        *code = RILL_ILP_F06_UNEXPECTED_PAYMENT;
    else if (packet->sequence >= RILL_NUMBER_SERVER) /* of a server, that we were once */
        *code = RILL_ILP_F99_APPLICATION_ERROR;
    else if (a->prepare.expires_at_ms <= a->now.wall_ms)
        *code = RILL_ILP_R00_TRANSFER_TIMED_OUT;
    else
        return false;
    return true;
}

/* It is authentic, and of no connection that is open. *keys are NULL where they were taken. */
static int handle_unknown(rill_arrival *a, const rill_token_details *details, rill_keys **keys)
{
    rill_stream_packet packet;
    rill_connection *c = NULL;
    rill_ilp_code_id code;
    bool header_ok;
    int err = rill_stream_packet_decode(&packet, a->e->shared->plaintext,
                                        a->prepare.data.len - RILL_ENVELOPE_OVERHEAD, &header_ok);
    if (is_no_good(a, err, &packet, &code))
        return refuse(a, code);
    rill_beginning judged = rill_judge_beginning(&packet, a->past);
    if (judged != RILL_BEGINS && judged != RILL_BEGINS_UNSURE)
        return refuse_beginning(a, *keys, &packet, judged);
    if (is_busy(a->e, &code))
        return refuse(a, code);
    err = make_connection(a, details, *keys, &c);
    *keys = NULL;
    if (err != RILL_OK)
        return refuse(a, RILL_ILP_T02_PEER_BUSY);
    note_beginning(c, &packet, judged == RILL_BEGINS_UNSURE);
    return deliver(a, c);
}

/* A token of ours, and its secret: whoever knows that is a client. */
static int open_token(rill_arrival *a)
{
    rill_endpoint *e = a->e;
    rill_token_details details;
    uint8_t secret[RILL_SHARED_SECRET_LEN];
    rill_keys *keys = NULL;
    int err = rill_token_open(&e->token_keys, e->crypto, a->token, &details, secret);
    if (err == RILL_ERR_AUTH && e->one_of_many)
        return refuse(a, RILL_ILP_F02_UNREACHABLE); /* maybe another one's of them */
    if (err == RILL_OK)
        err = rill_keys_new(&keys, e->crypto, secret, sizeof secret);
    rill_wipe(secret, sizeof secret);
    if (err == RILL_OK)
        err = open_envelope(a, keys);
    err = err == RILL_OK ? handle_unknown(a, &details, &keys) : refuse(a, unopened(err));
    rill_keys_free(keys);
    rill_wipe(&details, sizeof details);
    return err;
}

/* The address is ours, a dot, and the token of a connection, to the end: no byte is unknown. */
static rill_connection *known(rill_arrival *a)
{
    const rill_endpoint *e = a->e;
    rill_bytes to = a->prepare.destination;
    size_t before = e->address_len + 1;
    if (to.len <= before || to.data[e->address_len] != '.' ||
        memcmp(to.data, e->address, e->address_len) != 0)
        return NULL;
    a->token = (rill_bytes){to.data + before, to.len - before};
    return rill_endpoint_find(a->e, a->token, &a->past);
}

static int route(rill_arrival *a)
{
    rill_endpoint *e = a->e;
    rill_bytes address = {(const uint8_t *)e->address, e->address_len};
    rill_connection *c = known(a);
    if (!c) {
        if (!rill_address_valid(a->prepare.destination))
            return refuse(a, RILL_ILP_F00_BAD_REQUEST);
        a->token = rill_address_segment_after(a->prepare.destination, address);
        if (a->token.len == 0)
            return refuse(a, RILL_ILP_F02_UNREACHABLE);
        c = rill_endpoint_find(e, a->token, &a->past);
    }
    if (c) {
        int err = open_envelope(a, c->identity.keys);
        if (err != RILL_OK)
            return refuse(a, unopened(err));
        return deliver(a, c);
    }
    if (!e->accept)
        return refuse(a, RILL_ILP_F02_UNREACHABLE);
    return open_token(a);
}

int rill_endpoint_receive_prepare(rill_endpoint *e, rill_now now, uint64_t request,
                                  const uint8_t *packet, size_t len, uint8_t *reply,
                                  size_t *reply_len)
{
    *reply_len = 0;
    e->latest = now;
    if (!e->address)
        return RILL_ERR_STATE;
    rill_arrival a = {
        .e = e, .now = now, .request = request, .reply = reply, .reply_len = reply_len};
    if (rill_prepare_decode_any_address(&a.prepare, packet, len) != RILL_OK)
        return refuse(&a, RILL_ILP_F00_BAD_REQUEST);
    return route(&a);
}

int rill_endpoint_generate_credentials(rill_endpoint *e, const rill_credentials_options *options,
                                       rill_credentials *out)
{
    rill_credentials_options full;
    char token[RILL_TOKEN_MAX];
    rill_credentials_options_init(&full);
    if (!e->address)
        return RILL_ERR_STATE;
    int err = options ? rill_sized_take(&full, sizeof full, options) : RILL_OK;
    if (err == RILL_OK)
        err = rill_token_create(&e->token_keys, e->crypto, &full, token, out->shared_secret);
    if (err != RILL_OK)
        return err;
    size_t token_len = strlen(token);
    assert(e->address_len + 1 + token_len < sizeof out->destination_account);
    memcpy(out->destination_account, e->address, e->address_len);
    out->destination_account[e->address_len] = '.';
    memcpy(out->destination_account + e->address_len + 1, token, token_len + 1);
    return RILL_OK;
}

void rill_credentials_options_init_sized(rill_credentials_options *o, size_t size)
{
    const rill_credentials_options defaults = {0};
    rill_sized_init(o, size, &defaults, sizeof defaults);
}

void rill_credentials_wipe(rill_credentials *c)
{
    rill_wipe(c, sizeof *c);
}
