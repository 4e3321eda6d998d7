/* SPDX-License-Identifier: Apache-2.0 */
/* What a rogue sends and answers: the packets around its frames. */
#include "rogue.h"

#include "hop.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define LIFETIME_MS 20000

void sim_rogue_init(sim_rogue *r, const sim_rogue_config *config, sim_report *report,
                    sim_queue *queue, uint64_t seed)
{
    memset(r, 0, sizeof(*r));
    r->config = *config;
    r->report = report;
    r->queue = queue;
    r->pattern = seed;
    sim_rng_seed(&r->rng, seed, 400);
    /* Counts as the reference does, or from the clock. */
    if (sim_rng_chance(&r->rng, 500))
        r->sequence = SIM_WALL_MS << 20;
}

static void send_packet(sim_rogue *r, uint64_t amount, uint64_t expiry_ms, const uint8_t *hash,
                        const uint8_t *data, size_t len)
{
    uint8_t fixed[57];
    sim_packet p = {.type = SIM_PREPARE,
                    .amount = fixed,
                    .expiry = fixed + 8,
                    .hash = fixed + 25,
                    .address = (uint8_t *)r->target,
                    .address_len = strlen(r->target)};
    sim_u64_write(p.amount, amount);
    sim_packet_set_expiry(&p, expiry_ms);
    memcpy(p.hash, hash, 32);
    size_t n = sim_prepare_write(r->packet, &p, data, len);
    r->requests++;
    r->report->packets++;
    sim_path_send(r->path, r->side, r->requests, r->packet, n);
}

/* Around the frames in the forge; returns the length of what is in text. */
static size_t seal(sim_rogue *r, uint8_t *envelope)
{
    uint8_t iv[12];
    sim_rng_fill(&r->rng, iv, sizeof(iv));
    size_t len = sim_forge_write(&r->forge, r->text);
    sim_envelope_write(&r->keys, iv, r->text, len, envelope);
    return len + 28;
}

static uint64_t next_sequence(sim_rogue *r)
{
    if (!sim_rogue_does(r, r->config.bad_sequence, SIM_BAD_SEQUENCE))
        return ++r->sequence;
    switch (sim_rng_below(&r->rng, 20)) {
    case 0:
        return UINT64_MAX;
    case 1:
        r->sequence += sim_rng_magnitude(&r->rng, 1, UINT64_C(1) << 40);
        return r->sequence;
    case 2:
        return sim_rng_magnitude(&r->rng, 1, UINT64_MAX);
    default:
        /* A number that it may have used before. */
        return r->sequence - sim_rng_below(&r->rng, 30);
    }
}

static uint64_t draw_amount(sim_rogue *r)
{
    if (sim_rogue_does(r, r->config.money_over, SIM_MONEY_OVER))
        return sim_rng_magnitude(&r->rng, 1, UINT64_MAX);
    if (sim_rng_chance(&r->rng, 400) || r->config.amount_high == 0)
        return 0;
    return sim_rng_magnitude(&r->rng, 1, r->config.amount_high);
}

static uint64_t draw_expiry(sim_rogue *r)
{
    uint64_t now = sim_wall_ms(r->queue->now);
    if (!sim_rogue_does(r, r->config.bad_expiry, SIM_BAD_EXPIRY))
        return now + LIFETIME_MS;
    static const uint64_t far[] = {0, UINT64_C(253402300799999)};
    return sim_rng_chance(&r->rng, 500) ? far[sim_rng_below(&r->rng, 2)]
                                        : now + sim_rng_below(&r->rng, 4000) - 2000;
}

static void send_one(sim_rogue *r)
{
    const sim_rogue_config *c = &r->config;
    static uint8_t envelope[SIM_FORGE_TEXT + 100];
    uint8_t fulfillment[32];
    uint8_t condition[32];
    uint64_t amount = draw_amount(r);
    uint64_t sequence = next_sequence(r);
    uint64_t minimum = sim_rng_chance(&r->rng, 500) ? 0 : amount;
    if (sim_rogue_does(r, c->high_minimum, SIM_HIGH_MINIMUM))
        minimum = amount + sim_rng_below(&r->rng, UINT64_MAX - amount) + (amount != UINT64_MAX);
    sim_forge_begin(&r->forge, SIM_PREPARE, sequence, minimum);
    sim_rogue_frames(r, true, amount);
    if (sim_rogue_does(r, c->bad_header, SIM_BAD_HEADER)) {
        if (sim_rng_chance(&r->rng, 500))
            r->forge.version = (uint8_t)sim_rng_below(&r->rng, 256);
        else
            r->forge.type = (uint8_t)sim_rng_below(&r->rng, 256);
    }
    size_t len = seal(r, envelope);
    sim_keys_condition(&r->keys, envelope, len, fulfillment, condition);
    if (sim_rogue_does(r, c->bad_condition, SIM_BAD_CONDITION))
        sim_rng_fill(&r->rng, condition, sizeof(condition));
    send_packet(r, amount, draw_expiry(r), condition, envelope, len);
    sim_trace(r->report,
              "rogue sends amount %" PRIu64 " minimum %" PRIu64 " sequence %" PRIu64
              " frames %" PRIu64 " len %zu",
              amount, minimum, sequence, r->forge.count, len);
}

static void act(void *context, uint64_t argument)
{
    (void)argument;
    sim_rogue *r = context;
    if (r->report->failed || r->calm || r->target[0] == '\0')
        return;
    unsigned packets = sim_rogue_does(r, r->config.flood, SIM_FLOOD) ? 50 : 1;
    for (unsigned i = 0; i < packets && !r->report->failed; i++)
        send_one(r);
}

void sim_rogue_start(sim_rogue *r)
{
    for (unsigned i = 0; i < r->config.packets; i++) {
        uint64_t span = sim_rng_chance(&r->rng, 300) ? RILL_SECOND / 10 : r->config.duration;
        uint64_t at = r->queue->now + sim_rng_below(&r->rng, span + 1);
        sim_queue_put(r->queue, at, act, r, 0, NULL);
    }
}

void sim_rogue_calm(sim_rogue *r)
{
    r->calm = true;
}

/* ---- replies ---- */

typedef struct held_reply {
    sim_rogue *rogue;
    uint64_t handle;
    size_t len;
    uint8_t bytes[];
} held_reply;

static void answer_now(void *context, uint64_t argument)
{
    (void)argument;
    held_reply *h = context;
    if (!h->rogue->report->failed)
        sim_path_answer(h->rogue->path, h->handle, h->bytes, h->len);
    free(h);
}

static void answer(sim_rogue *r, uint64_t handle, const uint8_t *reply, size_t len)
{
    uint64_t wait = 0;
    if (sim_rogue_does(r, r->config.reply_late, SIM_REPLY_LATE))
        wait = sim_rng_magnitude(&r->rng, 1, 40000) * RILL_MS;
    held_reply *h = sim_allocate(sizeof(*h) + len);
    h->rogue = r;
    h->handle = handle;
    h->len = len;
    memcpy(h->bytes, reply, len);
    sim_queue_put(r->queue, r->queue->now + wait, answer_now, h, 0, free);
}

/* What it can learn from a packet of the other side: its streams, and where it receives. */
static void learn(sim_rogue *r)
{
    for (unsigned i = 0; i < r->scratch.frame_count; i++) {
        const sim_frame *f = &r->scratch.frames[i];
        if (f->type == SIM_FRAME_NEW_ADDRESS && f->data_len > 0 && f->data_len < 1023) {
            memcpy(r->target, f->data, f->data_len);
            r->target[f->data_len] = '\0';
        }
        if (f->type >= SIM_FRAME_STREAM_CLOSE && f->stream % 2 == (r->config.serves ? 1 : 0))
            r->theirs[f->stream / 2 % 8] = f->stream;
    }
}

static uint64_t amount_told(sim_rogue *r, uint64_t amount)
{
    if (!sim_rogue_does(r, r->config.reply_amount, SIM_REPLY_AMOUNT))
        return amount;
    const uint64_t lies[] = {0, 1, amount / 2, amount + 1, amount * 2, UINT64_MAX};
    return lies[sim_rng_below(&r->rng, 6)];
}

static size_t write_reply(sim_rogue *r, const sim_packet *p, bool fulfill,
                          const uint8_t fulfillment[32])
{
    static const char *const codes[] = {"F99", "F04", "F05", "F08", "T00", "T04", "T99", "R01"};
    static uint8_t envelope[SIM_FORGE_TEXT + 100];
    const sim_rogue_config *c = &r->config;
    uint8_t type = fulfill ? SIM_FULFILL : SIM_REJECT;
    uint64_t sequence = r->scratch.sequence;
    if (sim_rogue_does(r, c->reply_type, SIM_REPLY_TYPE))
        type = (uint8_t)sim_rng_below(&r->rng, 16);
    if (sim_rogue_does(r, c->reply_sequence, SIM_REPLY_SEQUENCE))
        sequence += sim_rng_below(&r->rng, 11) - 5;
    sim_forge_begin(&r->forge, type, sequence, amount_told(r, sim_packet_amount(p)));
    sim_rogue_frames(r, false, 0);
    size_t len = seal(r, envelope);
    if (fulfill)
        return sim_fulfill_write(r->packet, fulfillment, envelope, len);
    const char *code = r->calm ? "F99" : codes[sim_rng_below(&r->rng, 8)];
    return sim_reject_write(r->packet, code, SIM_ROGUE_ADDRESS, envelope, len);
}

static void on_prepare(void *user, uint64_t handle, uint8_t *packet, size_t len)
{
    sim_rogue *r = user;
    const sim_rogue_config *c = &r->config;
    uint8_t fulfillment[32];
    uint8_t condition[32];
    if (r->report->failed || (r->calm && c->deaf))
        return;
    if (sim_rogue_does(r, c->reply_never, SIM_REPLY_NEVER))
        return;
    sim_packet p = sim_packet_parse(packet, len);
    r->scratch.authentic = false;
    if (p.type == SIM_PREPARE)
        sim_stream_packet_open(&r->keys, p.data, p.data_len, &r->scratch);
    if (!r->scratch.authentic) {
        answer(r, handle, r->packet, sim_reject_write(r->packet, "F06", "", NULL, 0));
        return;
    }
    learn(r);
    sim_keys_condition(&r->keys, p.data, p.data_len, fulfillment, condition);
    bool can = memcmp(condition, p.hash, 32) == 0;
    bool will = can && !sim_rogue_does(r, c->reply_refuses, SIM_REPLY_REFUSES);
    size_t n = write_reply(r, &p, will, fulfillment);
    sim_trace(r->report, "rogue answers %" PRIu64 " %s", handle, will ? "Fulfill" : "Reject");
    answer(r, handle, r->packet, n);
}

sim_port sim_rogue_port(sim_rogue *r)
{
    return sim_port_of_receiver(r, on_prepare);
}
