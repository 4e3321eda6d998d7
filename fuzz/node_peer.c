/* SPDX-License-Identifier: Apache-2.0 */
#include "node_peer.h"

#include <stdio.h>

#include <rill/error.h>

#include "crypto/crypto.h"
#include "faults.h"
#include "ilp/address.h"

static const char *const names[] = {"alice", "bob", "carol", "", "no.name", "dave"};

static void hash_of(const uint8_t fulfillment[32], uint8_t condition[32])
{
    unsigned left = fuzz_fault.crypto;
    fuzz_fault.crypto = 0;
    CHECK(rill_crypto_sha256(NULL, fulfillment, 32, condition) == RILL_OK);
    fuzz_fault.crypto = left;
}

static rill_bytes text(const char *s)
{
    return (rill_bytes){(const uint8_t *)s, strlen(s)};
}

void node_peers_open(node_peers *n)
{
    memset(n, 0, sizeof *n);
}

void node_peers_close(node_peers *n)
{
    for (unsigned i = 0; i < n->count; i++)
        wire_close(&n->peers[i].wire);
}

/* ---- what the node wrote ---- */

typedef struct reading {
    node_peers *n;
    unsigned peer;
} reading;

static node_request *request_with(node_peers *n, const uint8_t condition[32])
{
    for (unsigned i = n->request_count; i > 0; i--)
        if (n->requests[i - 1].ilp && memcmp(n->requests[i - 1].condition, condition, 32) == 0)
            return &n->requests[i - 1];
    return NULL;
}

/* Its amount is unchanged, it has less time, and it goes where it should. */
static void on_forwarded(node_peers *n, unsigned peer, uint32_t id, rill_bytes packet)
{
    rill_prepare prepare;
    CHECK(rill_prepare_decode(&prepare, packet.data, packet.len) == RILL_OK);
    node_request *r = request_with(n, prepare.condition);
    CHECK(r != NULL || n->foreign);
    if (n->forwarded_count < NODE_REQUESTS)
        n->forwarded[n->forwarded_count++] =
            (node_forwarded){.peer = peer,
                             .id = id,
                             .request = r != NULL ? (unsigned)(r - n->requests) : NODE_REQUESTS};
    if (r == NULL)
        return;
    CHECK(prepare.amount == r->amount && prepare.amount <= n->max_amount);
    CHECK(prepare.expires_at_ms + n->window <= r->expires_at);
    CHECK(prepare.expires_at_ms <= n->wall_ms + n->max_hold || n->foreign);
    CHECK(rill_address_has_prefix(prepare.destination, text(NODE_ADDRESS)));
    CHECK(!r->config);
    if (!r->echo)
        CHECK(prepare.destination.len == r->to_len &&
              memcmp(prepare.destination.data, r->to, r->to_len) == 0);
}

static node_request *request_of(node_peers *n, unsigned peer, uint32_t id)
{
    for (unsigned i = 0; i < n->request_count; i++)
        if (n->requests[i].peer == peer && n->requests[i].id == id && !n->requests[i].answered)
            return &n->requests[i];
    return NULL;
}

/* The Prepare that a Fulfill answers. Ids may be used twice; then the packet decides. */
static node_request *fulfilled_request(node_peers *n, unsigned peer, uint32_t id,
                                       const rill_fulfill *fulfill)
{
    uint8_t condition[32];
    hash_of(fulfill->fulfillment, condition);
    for (unsigned i = 0; i < n->request_count; i++) {
        node_request *r = &n->requests[i];
        if (r->peer == peer && r->id == id && !r->answered && r->ilp &&
            (r->config || memcmp(condition, r->condition, 32) == 0))
            return r;
    }
    return NULL;
}

static void check_config(const rill_fulfill *fulfill, rill_bytes packet)
{
    static const uint8_t zeros[32];
    rill_ildcp_info info;
    CHECK(memcmp(fulfill->fulfillment, zeros, 32) == 0);
    CHECK(rill_ildcp_response_decode(&info, packet.data, packet.len) == RILL_OK);
    CHECK(rill_address_has_prefix(info.address, text(NODE_ADDRESS)));
}

static void on_response(node_peers *n, unsigned peer, const rill_btp_frame *frame)
{
    const rill_btp_entry *ilp = rill_btp_find(frame, "ilp");
    rill_fulfill fulfill;
    rill_reject reject;
    node_request *r = request_of(n, peer, frame->request_id);
    if (ilp == NULL) {
        CHECK(frame->entry_count == 0 && !n->peers[peer].up); /* the peer has authenticated */
        n->peers[peer].up = true;
    } else if (rill_fulfill_decode(&fulfill, ilp->data.data, ilp->data.len) == RILL_OK) {
        r = fulfilled_request(n, peer, frame->request_id, &fulfill);
        if (r != NULL && r->config)
            check_config(&fulfill, ilp->data);
        else if (r != NULL) /* the peer that got it did fulfil it, and in time */
            CHECK(n->foreign ||
                  (r->fulfilled && (n->peers[peer].slow || n->wall_ms < r->expires_at)));
    } else {
        CHECK(rill_reject_decode(&reject, ilp->data.data, ilp->data.len) == RILL_OK);
    }
    CHECK(r != NULL || n->foreign);
    if (r != NULL)
        r->answered = true;
}

static void on_message(void *user, const uint8_t *data, size_t len)
{
    const reading *at = user;
    rill_btp_frame frame;
    CHECK(rill_btp_decode(&frame, data, len) == RILL_OK && rill_btp_size(&frame) == len);
    const rill_btp_entry *ilp = rill_btp_find(&frame, "ilp");
    node_request *r;
    switch (frame.type) {
    case RILL_BTP_MESSAGE:
        CHECK(ilp != NULL && frame.entry_count == 1);
        on_forwarded(at->n, at->peer, frame.request_id, ilp->data);
        break;
    case RILL_BTP_RESPONSE:
        on_response(at->n, at->peer, &frame);
        break;
    case RILL_BTP_ERROR:
        r = request_of(at->n, at->peer, frame.request_id);
        CHECK(r != NULL || at->n->foreign);
        if (r != NULL)
            r->answered = true;
        break;
    default:
        CHECK(false);
    }
}

void node_peers_read(node_peers *n)
{
    for (unsigned i = 0; i < n->count; i++) {
        node_peer *peer = &n->peers[i];
        reading at = {n, i};
        peer->wire.message = on_message;
        peer->wire.user = &at;
        wire_take(&peer->wire, fake_socket_output(peer->socket));
    }
}

bool node_peer_connect(node_peers *n)
{
    if (n->count == NODE_PEERS)
        return false;
    fake_socket *s = fake_uv_arrive();
    if (s == NULL)
        return false;
    node_peer *peer = &n->peers[n->count++];
    peer->socket = s;
    wire_open(&peer->wire, false);
    return true;
}

/* ---- what the peers write ---- */

static node_request *note(node_peers *n, unsigned peer, uint32_t id)
{
    if (n->request_count == NODE_REQUESTS) {
        n->foreign = true;
        return &n->requests[NODE_REQUESTS - 1];
    }
    node_request *r = &n->requests[n->request_count++];
    *r = (node_request){.peer = peer, .id = id};
    return r;
}

static uint32_t take_id(node_peers *n, program *p)
{
    uint8_t kind = take_byte(p);
    if (kind < 240)
        return ++n->next_id;
    return n->next_id - (kind & 15u); /* an id that was used before */
}

static size_t encode(const rill_btp_frame *frame, uint8_t *out, size_t cap)
{
    size_t len = 0;
    int err = rill_btp_encode(frame, out, cap, &len);
    CHECK(err == RILL_OK || err == RILL_ERR_BUFFER || err == RILL_ERR_INVALID);
    return len;
}

size_t node_make_auth(node_peers *n, unsigned peer, program *p, uint8_t *out, size_t cap)
{
    uint8_t who = take_byte(p), how = take_byte(p);
    rill_bytes name = text(names[who % (sizeof names / sizeof names[0])]);
    rill_bytes token = text(how < 200 ? "token" : "other");
    if (how >= 230)
        token = take_bytes(p, 64);
    else if (how >= 215)
        name = take_bytes(p, 64);
    rill_btp_frame frame = {.type = RILL_BTP_MESSAGE,
                            .request_id = take_id(n, p),
                            .entry_count = how % 16 == 15 ? 2 : 3,
                            .entries = {{text("auth"), RILL_BTP_OCTET_STREAM, {NULL, 0}},
                                        {text("auth_username"), RILL_BTP_TEXT, name},
                                        {text("auth_token"), RILL_BTP_TEXT, token}}};
    note(n, peer, frame.request_id);
    return encode(&frame, out, cap);
}

static size_t take_destination(program *p, node_request *r, uint8_t data[128], size_t *data_len)
{
    uint8_t kind = take_byte(p);
    int len;
    if (kind < 192) {
        len = snprintf((char *)r->to, sizeof r->to, NODE_ADDRESS ".%s%s", names[kind % 3],
                       kind < 96 ? "" : ".x.y");
    } else if (kind < 208) {
        len = snprintf((char *)r->to, sizeof r->to, "peer.config");
    } else if (kind < 224) {
        len = snprintf((char *)r->to, sizeof r->to, NODE_ADDRESS);
        r->echo = true;
        int n = snprintf((char *)data, 128, "ECHOECHOECHOECHO%c%c" NODE_ADDRESS ".%s", 0,
                         (int)(13 + strlen(names[kind % 3])), names[kind % 3]);
        *data_len = (size_t)n;
    } else {
        rill_bytes any = take_bytes(p, sizeof r->to);
        if (any.len != 0)
            memcpy(r->to, any.data, any.len);
        len = (int)any.len;
        r->echo = rill_address_has_prefix((rill_bytes){r->to, any.len}, text(NODE_ADDRESS)) &&
                  any.len == strlen(NODE_ADDRESS);
    }
    return (size_t)len;
}

size_t node_make_prepare(node_peers *n, unsigned peer, program *p, uint8_t *out, size_t cap)
{
    static uint8_t data[RILL_ILP_MAX_DATA_READ], packet[RILL_ILP_MAX_PACKET];
    static const uint64_t times[] = {30000, 30000, 5000, 1999, 1000, 0, 100000};
    uint8_t small[128];
    uint8_t flags = take_byte(p);
    uint32_t id = take_id(n, p);
    node_request *r = note(n, peer, id);
    /*
     * Up to a few packets' worth, or the amount that the reference sends, or the most that is read.
     */
    size_t data_len = (size_t)(flags & 15) * 130, small_len = 0, len;
    if ((flags & 15) > 13)
        data_len = (flags & 15) == 14 ? 32773 : RILL_ILP_MAX_DATA_READ;
    fuzz_random(r->fulfillment, 32);
    hash_of(r->fulfillment, r->condition);
    r->to_len = take_destination(p, r, small, &small_len);
    r->amount = take_number(p);
    r->expires_at = n->wall_ms + times[(flags >> 4) % 7];
    r->config = r->to_len == 11 && memcmp(r->to, "peer.config", 11) == 0;
    rill_prepare prepare = {.amount = r->config && (flags & 1) == 0 ? 0 : r->amount,
                            .expires_at_ms = r->expires_at,
                            .condition = r->condition,
                            .destination = {r->to, r->to_len},
                            .data = {data, data_len}};
    if (r->echo)
        prepare.data = (rill_bytes){small, small_len};
    int err = r->config ? rill_ildcp_request_encode(r->expires_at, packet, sizeof packet, &len)
                        : rill_prepare_encode_any_size(&prepare, packet, sizeof packet, &len);
    CHECK(err == RILL_OK);
    r->ilp = rill_prepare_decode(&prepare, packet, len) == RILL_OK;
    const rill_btp_frame frame = {.type = RILL_BTP_MESSAGE,
                                  .request_id = id,
                                  .entry_count = 1,
                                  .entries = {{text("ilp"), RILL_BTP_OCTET_STREAM, {packet, len}}}};
    return encode(&frame, out, cap);
}

/* The oldest request that this peer has not answered, another one, or none at all. */
size_t node_make_reply(node_peers *n, unsigned peer, program *p, uint8_t *out, size_t cap)
{
    uint8_t packet[512], flags = take_byte(p), fulfillment[32] = {0};
    node_forwarded *f = NULL;
    size_t len;
    for (unsigned i = 0; i < n->forwarded_count && f == NULL; i++)
        if (n->forwarded[i].peer == peer && (!n->forwarded[i].answered || (flags & 16) != 0))
            f = &n->forwarded[i];
    rill_btp_frame frame = {.type = RILL_BTP_RESPONSE,
                            .request_id = f != NULL ? f->id : take_byte(p),
                            .entry_count = 1};
    node_request *r = f != NULL && f->request < NODE_REQUESTS ? &n->requests[f->request] : NULL;
    if (r != NULL)
        memcpy(fulfillment, r->fulfillment, 32);
    fulfillment[0] ^= (flags & 8) != 0;
    const rill_fulfill yes = {.fulfillment = fulfillment, .data = {packet, (flags & 32) != 0}};
    const rill_reject no = {
        .code = rill_ilp_code_of((rill_ilp_code_id)(take_byte(p) % RILL_ILP_CODE_UNKNOWN)),
        .data = {packet, (flags & 32) != 0}};
    packet[0] = 0;
    int err = (flags & 3) != 0 ? rill_fulfill_encode(&yes, packet, sizeof packet, &len)
                               : rill_reject_encode(&no, packet, sizeof packet, &len);
    CHECK(err == RILL_OK);
    if (r != NULL && (flags & 3) != 0 && (flags & 8) == 0)
        r->fulfilled = true;
    if (f != NULL)
        f->answered = true;
    rill_bytes ilp = {packet, len};
    if ((flags & 0xC0) == 0xC0)
        ilp = take_bytes(p, 64);
    if ((flags & 0xC0) == 0x80)
        frame.entry_count = 0;
    frame.entries[0] = (rill_btp_entry){text("ilp"), RILL_BTP_OCTET_STREAM, ilp};
    if (!n->peers[peer].up) /* whatever comes first is answered, if only by an error */
        note(n, peer, frame.request_id);
    return encode(&frame, out, cap);
}

/* Frames that request no packet, or that are of no use. */
size_t node_make_other(node_peers *n, unsigned peer, program *p, uint8_t *out, size_t cap)
{
    uint8_t kind = take_byte(p);
    rill_btp_frame frame = {.request_id = take_id(n, p), .entry_count = 1};
    frame.entries[0] = (rill_btp_entry){text("ilp"), kind % 3, take_bytes(p, 64)};
    switch (kind >> 4) {
    case 0:
        frame.type = RILL_BTP_TRANSFER;
        frame.amount = take_number(p);
        break;
    case 1:
        frame.type = RILL_BTP_ERROR;
        frame.code = text("F00");
        frame.name = frame.data = text("Name");
        frame.triggered_at = text("20200101000000.000Z");
        if (n->forwarded_count != 0)
            frame.request_id = n->forwarded[take_byte(p) % n->forwarded_count].id;
        break;
    case 2:
        frame.type = RILL_BTP_MESSAGE;
        frame.entries[0].name = text("custom");
        break;
    case 3: {
        rill_prepare prepare;
        rill_bytes ilp = frame.entries[0].data;
        frame.type = RILL_BTP_MESSAGE;
        n->foreign = n->foreign || rill_prepare_decode(&prepare, ilp.data, ilp.len) == RILL_OK;
        break;
    }
    default: {
        rill_bytes any = take_bytes(p, 255);
        n->foreign = true;
        if (any.len != 0)
            memcpy(out, any.data, any.len);
        return any.len;
    }
    }
    note(n, peer, frame.request_id);
    return encode(&frame, out, cap);
}
