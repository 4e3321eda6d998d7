/* SPDX-License-Identifier: Apache-2.0 */
#include "peer.h"
#include "../oracle.h"

#include <inttypes.h>
#include <string.h>

#define PACKET_LIMIT (UINT64_C(1) << 31) /* Quilt's limit for sequence numbers */

void sim_peer_init(sim_peer *p, unsigned kind, sim_report *report, sim_books *payer)
{
    memset(p, 0, sizeof(*p));
    p->kind = kind;
    p->report = report;
    p->payer = payer;
}

static void answer_plain(sim_peer *p, uint64_t handle, const char *code)
{
    size_t len = sim_reject_write(p->packet, code, SIM_PEER_ADDRESS, NULL, 0);
    sim_path_answer(p->path, handle, p->packet, len);
}

/* With the frames in the forge. code NULL: a Fulfill. */
static void answer(sim_peer *p, uint64_t handle, const char *code, const uint8_t *fulfillment)
{
    static const uint8_t iv[12] = {7};
    static uint8_t envelope[SIM_FORGE_TEXT + 100];
    size_t len = sim_forge_write(&p->forge, p->text);
    sim_envelope_write(&p->keys, iv, p->text, len, envelope);
    len = code == NULL ? sim_fulfill_write(p->packet, fulfillment, envelope, len + 28)
                       : sim_reject_write(p->packet, code, SIM_PEER_ADDRESS, envelope, len + 28);
    sim_trace(p->report, "peer answers %" PRIu64 " %s", handle, code == NULL ? "Fulfill" : code);
    sim_path_answer(p->path, handle, p->packet, len);
}

static void close_connection(sim_peer *p, uint8_t why)
{
    sim_forge_frame(&p->forge, SIM_FRAME_CONNECTION_CLOSE);
    sim_forge_byte(&p->forge, why);
    sim_forge_octets(&p->forge, NULL, 0);
    sim_forge_end(&p->forge);
}

static const sim_frame *find(const sim_peer *p, uint8_t type)
{
    for (unsigned i = 0; i < p->scratch.frame_count; i++)
        if (p->scratch.frames[i].type == type)
            return &p->scratch.frames[i];
    return NULL;
}

/* What the reference, and implementations that follow it, say of each stream of a packet. */
static void tell_totals(sim_peer *p)
{
    for (unsigned i = 0; i < p->scratch.frame_count && i < 16; i++) {
        const sim_frame *f = &p->scratch.frames[i];
        if (f->type != SIM_FRAME_STREAM_MONEY && f->type != SIM_FRAME_STREAM_MONEY_BLOCKED)
            continue;
        uint64_t total = p->kind == SIM_PEER_RUST ? 0 : p->total[f->stream % 16];
        uint64_t most = p->kind == SIM_PEER_RUST ? UINT64_MAX : UINT64_C(1) << 62;
        sim_forge_frame3(&p->forge, SIM_FRAME_STREAM_MAX_MONEY, f->stream, most, total);
    }
}

static void credit(sim_peer *p, uint64_t amount)
{
    oracle_u128 sum = 0;
    for (unsigned i = 0; i < p->scratch.frame_count; i++)
        sum += p->scratch.frames[i].type == SIM_FRAME_STREAM_MONEY ? p->scratch.frames[i].value : 0;
    uint64_t left = amount;
    uint64_t *first = NULL;
    for (unsigned i = 0; i < p->scratch.frame_count && sum != 0; i++) {
        const sim_frame *f = &p->scratch.frames[i];
        if (f->type != SIM_FRAME_STREAM_MONEY)
            continue;
        uint64_t part = (uint64_t)((oracle_u128)amount * f->value / sum);
        p->total[f->stream % 16] += part;
        left -= part;
        first = first == NULL ? &p->total[f->stream % 16] : first;
    }
    if (first != NULL)
        *first += left;
}

/* Why it is not fulfilled; NULL: it is. */
static const char *refusal(const sim_peer *p, const sim_packet *packet, bool can, uint64_t amount)
{
    bool stateless = p->kind == SIM_PEER_STATELESS;
    if (find(p, SIM_FRAME_CONNECTION_CLOSE) != NULL || p->closed || packet->type != SIM_PREPARE)
        return "F99";
    if (!can)
        return stateless ? "F05" : "F99";
    if (amount < p->scratch.amount)
        return stateless ? "F04" : "F99";
    return NULL;
}

static void on_prepare(void *user, uint64_t handle, uint8_t *bytes, size_t len)
{
    sim_peer *p = user;
    uint8_t fulfillment[32];
    uint8_t condition[32];
    sim_packet packet = sim_packet_parse(bytes, len);
    if (p->report->failed)
        return;
    p->scratch.authentic = false;
    if (packet.type == SIM_PREPARE)
        sim_stream_packet_open(&p->keys, packet.data, packet.data_len, &p->scratch);
    const sim_frame *address = p->scratch.authentic ? find(p, SIM_FRAME_NEW_ADDRESS) : NULL;
    bool unread = p->kind == SIM_PEER_RUST && address != NULL && address->data_len == 0;
    if (!p->scratch.authentic || unread) {
        answer_plain(p, handle, p->kind == SIM_PEER_STATELESS ? "F06" : "F02");
        return;
    }
    if (p->scratch.malformed || p->scratch.type != SIM_PREPARE) {
        answer_plain(p, handle, "F00");
        return;
    }
    uint64_t amount = sim_packet_amount(&packet);
    sim_keys_condition(&p->keys, packet.data, packet.data_len, fulfillment, condition);
    bool can = memcmp(condition, packet.hash, 32) == 0;
    if (p->kind == SIM_PEER_QUILT && p->scratch.sequence > PACKET_LIMIT && !p->closed) {
        sim_forge_begin(&p->forge, SIM_REJECT, p->scratch.sequence, amount);
        close_connection(p, 2);
        p->closed = true;
        answer(p, handle, "F99", NULL);
        return;
    }
    const char *code = refusal(p, &packet, can, amount);
    sim_forge_begin(&p->forge, code == NULL ? SIM_FULFILL : SIM_REJECT, p->scratch.sequence,
                    amount);
    if (code == NULL) {
        sim_origin origin = {p->payer, 0, false};
        unsigned side;
        origin.copy = !sim_path_origin(p->path, handle, &side, &origin.request);
        credit(p, amount);
        sim_books_reached(p->payer, origin, &packet);
        p->report->fulfilled++;
        p->report->units += amount;
    }
    if (find(p, SIM_FRAME_CONNECTION_CLOSE) != NULL)
        close_connection(p, 1);
    else if (p->kind != SIM_PEER_STATELESS)
        tell_totals(p);
    answer(p, handle, code, fulfillment);
}

sim_port sim_peer_port(sim_peer *p)
{
    return sim_port_of_receiver(p, on_prepare);
}
