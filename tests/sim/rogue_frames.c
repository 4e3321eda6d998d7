/* SPDX-License-Identifier: Apache-2.0 */
/* What a rogue says: the frames of one packet. */
#include "rogue.h"

#include <string.h>

bool sim_rogue_does(sim_rogue *r, uint32_t permille, sim_feature trick)
{
    bool now = !r->calm && sim_rng_chance(&r->rng, permille);
    if (now)
        sim_count(r->report, trick);
    return now;
}

static uint64_t draw(sim_rogue *r, uint64_t n)
{
    return sim_rng_below(&r->rng, n);
}

/* Any number, the ends of its range among them. */
static uint64_t any_number(sim_rogue *r)
{
    static const uint64_t marks[] = {
        0, 1, 255, 16384, 65534, 0xffffffffU, 1ULL << 62, UINT64_MAX - 1, UINT64_MAX};
    if (sim_rng_chance(&r->rng, 500))
        return marks[draw(r, 9)];
    return sim_rng_magnitude(&r->rng, 1, UINT64_MAX);
}

/* A stream that it may open. */
static uint64_t own_stream(sim_rogue *r)
{
    return 2 * draw(r, 8) + (r->config.serves ? 2 : 1);
}

static uint64_t their_stream(sim_rogue *r)
{
    uint64_t seen = r->theirs[draw(r, 8)];
    if (seen != 0 && sim_rng_chance(&r->rng, 700))
        return seen;
    return 2 * draw(r, 20) + (r->config.serves ? 1 : 2);
}

static uint64_t any_stream(sim_rogue *r)
{
    uint64_t kind = draw(r, 4);
    if (kind == 0)
        return their_stream(r);
    return kind == 1 ? any_number(r) : own_stream(r);
}

static void data(sim_rogue *r, uint64_t stream, uint64_t offset, size_t len, unsigned version)
{
    uint8_t bytes[2048];
    uint64_t seed = sim_pattern_version(r->pattern, version);
    if (len > sizeof(bytes))
        len = sizeof(bytes);
    if (sim_forge_left(&r->forge) < len + 40)
        return;
    for (size_t i = 0; i < len; i++)
        bytes[i] = sim_pattern(seed, r->pair, r->config.serves, stream, offset + i);
    sim_forge_frame(&r->forge, SIM_FRAME_STREAM_DATA);
    sim_forge_number(&r->forge, stream);
    sim_forge_number(&r->forge, offset);
    sim_forge_octets(&r->forge, bytes, len);
    sim_forge_end(&r->forge);
}

static void text_frame(sim_rogue *r, uint8_t type, const void *text, size_t len)
{
    sim_forge_frame(&r->forge, type);
    sim_forge_octets(&r->forge, text, len);
    sim_forge_end(&r->forge);
}

static void close_frame(sim_rogue *r, uint8_t type, uint64_t stream)
{
    uint8_t message[1000];
    size_t len = sim_rng_chance(&r->rng, 800) ? 0 : (size_t)draw(r, sizeof(message));
    sim_rng_fill(&r->rng, message, len);
    sim_forge_frame(&r->forge, type);
    if (type == SIM_FRAME_STREAM_CLOSE)
        sim_forge_number(&r->forge, stream);
    sim_forge_byte(&r->forge, (uint8_t)(sim_rng_chance(&r->rng, 500) ? 1 : draw(r, 256)));
    sim_forge_octets(&r->forge, message, len);
    sim_forge_end(&r->forge);
}

/* ---- money ---- */

static void money(sim_rogue *r, uint64_t amount)
{
    const sim_rogue_config *c = &r->config;
    sim_forge *f = &r->forge;
    if (sim_rogue_does(r, c->no_shares, SIM_NO_SHARES)) {
        for (uint64_t i = draw(r, 4); i > 0; i--)
            sim_forge_frame2(f, SIM_FRAME_STREAM_MONEY, own_stream(r), 0);
        return;
    }
    if (sim_rogue_does(r, c->huge_shares, SIM_HUGE_SHARES)) {
        sim_forge_frame2(f, SIM_FRAME_STREAM_MONEY, own_stream(r), UINT64_MAX);
        sim_forge_frame2(f, SIM_FRAME_STREAM_MONEY, own_stream(r), any_number(r));
    }
    if (sim_rogue_does(r, c->many_parts, SIM_MANY_PARTS)) {
        bool one = sim_rng_chance(&r->rng, 500);
        uint64_t stream = own_stream(r);
        for (uint64_t i = sim_rng_magnitude(&r->rng, 2, 1400); i > 0; i--)
            sim_forge_frame2(f, SIM_FRAME_STREAM_MONEY, one ? stream : own_stream(r), draw(r, 300));
    }
    if (sim_rogue_does(r, c->wrong_parity, SIM_WRONG_PARITY))
        sim_forge_frame2(f, SIM_FRAME_STREAM_MONEY, their_stream(r), 1);
    else if (amount != 0)
        sim_forge_frame2(f, SIM_FRAME_STREAM_MONEY, own_stream(r), 1 + draw(r, 5));
}

/* ---- bytes ---- */

static void bytes_in_order(sim_rogue *r)
{
    uint64_t k = draw(r, 8);
    uint64_t stream = 2 * k + (r->config.serves ? 2 : 1);
    size_t len = (size_t)sim_rng_magnitude(&r->rng, 1, 1500);
    if (r->written[k] + len > 16384)
        return;
    data(r, stream, r->written[k], len, 0);
    r->written[k] += len;
}

static void bytes(sim_rogue *r)
{
    const sim_rogue_config *c = &r->config;
    if (sim_rng_chance(&r->rng, 300))
        bytes_in_order(r);
    if (sim_rogue_does(r, c->contradict, SIM_CONTRADICT)) {
        uint64_t stream = own_stream(r);
        for (uint64_t i = 1 + draw(r, 4); i > 0; i--)
            data(r, stream, draw(r, 3000), (size_t)draw(r, 1500), (unsigned)draw(r, SIM_VERSIONS));
    }
    if (sim_rogue_does(r, c->holes, SIM_HOLES)) {
        uint64_t stream = own_stream(r);
        uint64_t at = draw(r, 200);
        for (uint64_t i = sim_rng_magnitude(&r->rng, 1, 1200); i > 0; i--, at += 2 + draw(r, 3))
            data(r, stream, at, 1, 0);
    }
    if (sim_rogue_does(r, c->giant_offset, SIM_GIANT_OFFSET))
        data(r, any_stream(r), any_number(r), (size_t)draw(r, 100), 0);
    if (sim_rogue_does(r, c->past_limit, SIM_PAST_LIMIT))
        data(r, own_stream(r), 16384 + sim_rng_magnitude(&r->rng, 1, UINT64_C(1) << 34),
             (size_t)draw(r, 1500), 0);
}

/* ---- streams ---- */

static void streams(sim_rogue *r)
{
    const sim_rogue_config *c = &r->config;
    sim_forge *f = &r->forge;
    if (sim_rogue_does(r, c->high_stream, SIM_HIGH_STREAM)) {
        uint64_t id = sim_rng_chance(&r->rng, 200) ? 0 : sim_rng_magnitude(&r->rng, 19, UINT64_MAX);
        uint8_t types[] = {SIM_FRAME_STREAM_MONEY, SIM_FRAME_STREAM_MAX_DATA,
                           SIM_FRAME_STREAM_DATA_BLOCKED};
        sim_forge_frame2(f, types[draw(r, 3)], id, any_number(r));
    }
    if (sim_rogue_does(r, c->wrong_parity, SIM_WRONG_PARITY)) {
        uint64_t id = their_stream(r);
        if (sim_rng_chance(&r->rng, 500))
            data(r, id, draw(r, 100), (size_t)draw(r, 100), 0);
        else
            sim_forge_frame3(f, SIM_FRAME_STREAM_MAX_MONEY, id, any_number(r), any_number(r));
    }
    if (sim_rogue_does(r, c->many_streams, SIM_MANY_STREAMS)) {
        bool closes = sim_rng_chance(&r->rng, 700);
        for (uint64_t i = sim_rng_magnitude(&r->rng, 1, 100); i > 0; i--) {
            r->newest += 2;
            uint64_t id = r->newest + (c->serves ? 0 : 1);
            sim_forge_frame2(f, SIM_FRAME_STREAM_MAX_DATA, id, 16384);
            if (closes && sim_forge_left(f) > 1100)
                close_frame(r, SIM_FRAME_STREAM_CLOSE, id);
        }
    }
    if (sim_rogue_does(r, c->false_close, SIM_FALSE_CLOSE) && sim_forge_left(f) > 1100)
        close_frame(r, SIM_FRAME_STREAM_CLOSE, any_stream(r));
    if (sim_rogue_does(r, c->close_all, SIM_CLOSE_ALL) && sim_forge_left(f) > 1100)
        close_frame(r, SIM_FRAME_CONNECTION_CLOSE, 0);
}

/* ---- limits ---- */

static void number_frame(sim_rogue *r, uint8_t type, uint64_t x)
{
    sim_forge_frame(&r->forge, type);
    sim_forge_number(&r->forge, x);
    sim_forge_end(&r->forge);
}

/* A number of more than eight bytes, which some fields saturate. */
static void long_number_frame(sim_rogue *r, uint8_t type, uint64_t stream)
{
    uint8_t digits[33];
    digits[0] = (uint8_t)(9 + draw(r, 24));
    sim_rng_fill(&r->rng, digits + 1, digits[0]);
    sim_forge_frame(&r->forge, type);
    sim_forge_number(&r->forge, stream);
    sim_forge_raw(&r->forge, digits, 1 + (size_t)digits[0]);
    sim_forge_number(&r->forge, any_number(r));
    sim_forge_end(&r->forge);
}

static void limits(sim_rogue *r)
{
    const sim_rogue_config *c = &r->config;
    sim_forge *f = &r->forge;
    if (sim_rogue_does(r, c->shrink_limits, SIM_SHRINK_LIMITS)) {
        uint64_t low = sim_rng_chance(&r->rng, 500) ? 0 : draw(r, 20000);
        sim_forge_frame3(f, SIM_FRAME_STREAM_MAX_MONEY, any_stream(r), low, draw(r, 2000));
        sim_forge_frame2(f, SIM_FRAME_STREAM_MAX_DATA, any_stream(r), low);
        number_frame(r, SIM_FRAME_MAX_DATA, low);
        number_frame(r, SIM_FRAME_MAX_STREAM_ID, draw(r, 20));
    }
    if (sim_rogue_does(r, c->huge_limits, SIM_HUGE_LIMITS)) {
        sim_forge_frame3(f, SIM_FRAME_STREAM_MAX_MONEY, any_stream(r), any_number(r),
                         any_number(r));
        sim_forge_frame2(f, SIM_FRAME_STREAM_MAX_DATA, any_stream(r), any_number(r));
        number_frame(r, SIM_FRAME_MAX_DATA, any_number(r));
        number_frame(r, SIM_FRAME_MAX_STREAM_ID, any_number(r));
        if (sim_rng_chance(&r->rng, 300))
            long_number_frame(r, SIM_FRAME_STREAM_MAX_MONEY, any_stream(r));
        if (sim_rng_chance(&r->rng, 100))
            long_number_frame(r, SIM_FRAME_STREAM_MAX_DATA, any_stream(r));
    }
    if (sim_rogue_does(r, c->false_blocked, SIM_FALSE_BLOCKED)) {
        sim_forge_frame3(f, SIM_FRAME_STREAM_MONEY_BLOCKED, any_stream(r), any_number(r),
                         any_number(r));
        sim_forge_frame2(f, SIM_FRAME_STREAM_DATA_BLOCKED, any_stream(r), any_number(r));
        number_frame(r, SIM_FRAME_DATA_BLOCKED, any_number(r));
        number_frame(r, SIM_FRAME_STREAM_ID_BLOCKED, any_number(r));
    }
}

/* ---- who it is ---- */

static void bad_address(sim_rogue *r)
{
    uint8_t text[1400];
    size_t len = sim_rng_chance(&r->rng, 200) ? sizeof(text) : (size_t)draw(r, 60);
    memset(text, 'a', len);
    for (uint64_t i = draw(r, 4); i > 0 && len > 0; i--)
        text[draw(r, len)] = (uint8_t)draw(r, 256);
    if (sim_forge_left(&r->forge) > len + 20)
        text_frame(r, SIM_FRAME_NEW_ADDRESS, text, len);
}

static void introduce(sim_rogue *r, bool itself)
{
    const sim_rogue_config *c = &r->config;
    if (itself) {
        static const char address[] = SIM_ROGUE_ADDRESS ".x";
        static const uint8_t asset[] = {3, 'X', 'R', 'P', 9};
        text_frame(r, SIM_FRAME_NEW_ADDRESS, address, sizeof(address) - 1);
        sim_forge_frame(&r->forge, SIM_FRAME_ASSET_DETAILS);
        sim_forge_raw(&r->forge, asset, sizeof(asset));
        sim_forge_end(&r->forge);
    }
    if (sim_rogue_does(r, c->third_party, SIM_THIRD_PARTY)) {
        const char *address = r->strangers[draw(r, r->stranger_count)];
        text_frame(r, SIM_FRAME_NEW_ADDRESS, address, strlen(address));
    }
    if (sim_rogue_does(r, c->bad_address, SIM_BAD_ADDRESS))
        bad_address(r);
    if (sim_rogue_does(r, c->asset_change, SIM_ASSET_CHANGE)) {
        uint8_t code[300];
        size_t len = sim_rng_chance(&r->rng, 700) ? 3 : (size_t)draw(r, sizeof(code));
        sim_rng_fill(&r->rng, code, len);
        sim_forge_frame(&r->forge, SIM_FRAME_ASSET_DETAILS);
        sim_forge_octets(&r->forge, code, len);
        sim_forge_byte(&r->forge, (uint8_t)draw(r, 256));
        sim_forge_end(&r->forge);
    }
}

static void nonsense(sim_rogue *r)
{
    const sim_rogue_config *c = &r->config;
    uint8_t text[300];
    if (sim_rogue_does(r, c->false_receipt, SIM_FALSE_RECEIPT)) {
        size_t len = sim_rng_chance(&r->rng, 300) ? 58 : (size_t)draw(r, sizeof(text));
        sim_rng_fill(&r->rng, text, len);
        sim_forge_frame(&r->forge, SIM_FRAME_STREAM_RECEIPT);
        sim_forge_number(&r->forge, any_stream(r));
        sim_forge_octets(&r->forge, text, len);
        sim_forge_end(&r->forge);
    }
    if (sim_rogue_does(r, c->unknown_frames, SIM_UNKNOWN_FRAMES)) {
        for (uint64_t i = 1 + draw(r, 20); i > 0; i--) {
            size_t len = (size_t)draw(r, sizeof(text));
            sim_rng_fill(&r->rng, text, len);
            sim_forge_frame(&r->forge, (uint8_t)(0x18 + draw(r, 0xe8)));
            sim_forge_raw(&r->forge, text, len);
            sim_forge_end(&r->forge);
        }
        /* Junk after the last frame is padding. */
        uint64_t frames = r->forge.count;
        sim_forge_raw(&r->forge, text, (size_t)draw(r, sizeof(text)));
        r->forge.count = frames;
    }
}

/* Cut, miscounted, or with bits flipped. */
static void spoil(sim_rogue *r)
{
    sim_forge *f = &r->forge;
    switch (draw(r, 4)) {
    case 0:
        f->len = f->len == 0 ? 0 : (size_t)draw(r, f->len);
        break;
    case 1:
        f->count = any_number(r);
        break;
    case 2:
        f->count += 1 + draw(r, 3);
        break;
    default:
        for (uint64_t i = 1 + draw(r, 8); i > 0 && f->len > 0; i--)
            f->frames[draw(r, f->len)] ^= (uint8_t)(1U << draw(r, 8));
        break;
    }
}

void sim_rogue_frames(sim_rogue *r, bool prepare, uint64_t amount)
{
    const sim_rogue_config *c = &r->config;
    if (prepare)
        introduce(r, r->requests <= 3 || sim_rng_chance(&r->rng, 50));
    if (prepare)
        money(r, amount);
    if (prepare || sim_rogue_does(r, c->reply_frames, SIM_REPLY_FRAMES)) {
        if (!prepare)
            introduce(r, false);
        bytes(r);
        streams(r);
        limits(r);
        nonsense(r);
    }
    if (sim_rogue_does(r, c->bad_frames, SIM_BAD_FRAMES))
        spoil(r);
}
