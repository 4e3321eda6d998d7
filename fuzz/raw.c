/* SPDX-License-Identifier: Apache-2.0 */
#include "raw.h"

#include "faults.h"

static const uint8_t frame_types[] = {
    RILL_FRAME_CONNECTION_CLOSE,
    RILL_FRAME_CONNECTION_NEW_ADDRESS,
    RILL_FRAME_CONNECTION_MAX_DATA,
    RILL_FRAME_CONNECTION_DATA_BLOCKED,
    RILL_FRAME_CONNECTION_MAX_STREAM_ID,
    RILL_FRAME_CONNECTION_STREAM_ID_BLOCKED,
    RILL_FRAME_CONNECTION_ASSET_DETAILS,
    RILL_FRAME_STREAM_CLOSE,
    RILL_FRAME_STREAM_MONEY,
    RILL_FRAME_STREAM_MAX_MONEY,
    RILL_FRAME_STREAM_MONEY_BLOCKED,
    RILL_FRAME_STREAM_DATA,
    RILL_FRAME_STREAM_MAX_DATA,
    RILL_FRAME_STREAM_DATA_BLOCKED,
    RILL_FRAME_STREAM_RECEIPT,
};

/* The bytes that belong there, as many as the input says, unless it brings its own. */
static rill_bytes take_data(world *w, program *p, unsigned secret, const rill_frame *frame)
{
    static uint8_t bytes[20000];
    uint8_t kind = take_byte(p);
    if (kind >= 0xC0) { /* from now on the reader cannot know what is right */
        w->sides[0].books.foreign_data = true;
        return take_bytes(p, 255);
    }
    size_t len = kind < 0x80 ? kind : (kind & 0x3Fu) * 300u;
    for (size_t i = 0; i < len; i++)
        bytes[i] =
            ledger_pattern(secret, w->issuer[secret] == WORLD_RAW, frame->stream, frame->value + i);
    return (rill_bytes){bytes, len};
}

static rill_bytes take_address(program *p)
{
    static const char *const addresses[] = {"test.raw.peer1", "", "test.raw.elsewhere",
                                            "test.bob.token"};
    uint8_t kind = take_byte(p);
    if (kind >= 16)
        return take_bytes(p, 255);
    const char *address = addresses[kind % 4];
    return (rill_bytes){(const uint8_t *)address, strlen(address)};
}

static void take_frame(world *w, program *p, unsigned secret, rill_packet_writer *out)
{
    uint8_t type = take_byte(p);
    rill_frame f = {.type = type < 240 ? frame_types[type % sizeof frame_types] : type};
    if (f.type >= RILL_FRAME_STREAM_CLOSE)
        f.stream = take_number(p);
    switch (f.type) {
    case RILL_FRAME_CONNECTION_CLOSE:
    case RILL_FRAME_STREAM_CLOSE:
        f.code = take_byte(p);
        f.text = take_bytes(p, 64);
        break;
    case RILL_FRAME_CONNECTION_ASSET_DETAILS:
        f.code = take_byte(p);
        f.text = take_bytes(p, 64);
        break;
    case RILL_FRAME_CONNECTION_NEW_ADDRESS:
        f.text = take_address(p);
        break;
    case RILL_FRAME_STREAM_DATA:
        f.value = take_number(p);
        f.text = take_data(w, p, secret, &f);
        break;
    case RILL_FRAME_STREAM_RECEIPT:
        f.text = take_bytes(p, 80);
        break;
    default:
        f.value = take_number(p);
        if (f.type == RILL_FRAME_STREAM_MAX_MONEY || f.type == RILL_FRAME_STREAM_MONEY_BLOCKED)
            f.total = take_number(p);
    }
    (void)rill_packet_add(out, &f); /* if there is room, and its type can be written */
}

/* Makes a sealed STREAM packet. Returns the length of the envelope. */
static size_t take_packet(world *w, program *p, unsigned secret, uint8_t type, uint64_t sequence,
                          uint64_t amount, uint8_t *envelope)
{
    rill_packet_writer out;
    uint8_t *plain = envelope + RILL_ENVELOPE_OVERHEAD;
    uint8_t flags = take_byte(p);
    size_t len;
    if ((flags & 0xC0) == 0xC0) { /* as it is in the input */
        rill_bytes raw = take_bytes(p, 255);
        len = raw.len;
        if (len != 0)
            memcpy(plain, raw.data, len);
    } else {
        rill_packet_begin(&out, plain, RILL_PACKET_MAX_PLAINTEXT, type, sequence, amount);
        for (unsigned n = flags & 15; n > 0; n--)
            take_frame(w, p, secret, &out);
        if ((flags & 0x30) == 0x30)
            out.count++; /* claims that there is one more */
        len = rill_packet_end(&out);
        if ((flags & 0x30) == 0x20 && len > 1)
            len--;
    }
    unsigned crypto = fuzz_fault.crypto;
    fuzz_fault.crypto = 0;
    CHECK(rill_keys_seal(w->keys.keys[secret], envelope, len) == RILL_OK);
    fuzz_fault.crypto = crypto;
    return len + RILL_ENVELOPE_OVERHEAD;
}

/* Numbers usually rise. The rest is as an attacker likes it. */
static uint64_t take_sequence(world *w, program *p, unsigned secret)
{
    uint8_t kind = take_byte(p);
    uint64_t *next = &w->raw_sequence[secret];
    if (kind < 160)
        return ++*next;
    if (kind < 192)
        return *next - (kind & 31u);
    if (kind < 224)
        return *next += (uint64_t)1 << (kind & 31);
    return take_number(p);
}

void raw_send(world *w, program *p)
{
    static uint8_t envelope[RILL_ILP_MAX_DATA], bytes[RILL_PACKET_BUFFER];
    static const uint64_t lifetimes[] = {30000, 30000, 1000, 1, 0, 600000, UINT64_C(4000000000)};
    uint8_t flags = take_byte(p);
    unsigned secret = (flags & 3u) % LEDGER_SECRETS;
    uint64_t amount = take_number(p);
    uint64_t minimum = (flags & 4) != 0 ? take_number(p) : 0;
    uint64_t sequence = take_sequence(w, p, secret);
    uint8_t type = (flags & 0x30) == 0x30 ? take_byte(p) : RILL_ILP_PREPARE;
    rill_bytes data = {envelope, take_packet(w, p, secret, type, sequence, minimum, envelope)};
    uint8_t condition[32];
    CHECK(ledger_fulfillment(&w->keys, secret, data, NULL, condition));
    condition[0] ^= (flags & 8) != 0;
    const char *to =
        w->issuer[secret] == 0 ? w->credentials[secret].destination_account : w->told_address;
    rill_prepare prepare = {
        .amount = amount,
        .expires_at_ms = world_now(w, 0).wall_ms +
                         lifetimes[(flags >> 6 | (flags & 3)) % (sizeof lifetimes / 8)],
        .condition = condition,
        .destination = {(const uint8_t *)to, strlen(to)},
        .data = data,
    };
    size_t len;
    CHECK(rill_prepare_encode(&prepare, bytes, sizeof bytes, &len) == RILL_OK);
    (void)world_put(w, false, WORLD_RAW, 0, ++w->serial, amount, bytes, len);
}

void raw_answer(world *w, program *p, world_item *item)
{
    static uint8_t envelope[RILL_ILP_MAX_DATA], bytes[RILL_PACKET_BUFFER];
    rill_prepare prepare;
    ledger_packet question;
    uint8_t fulfillment[32] = {0};
    uint8_t flags = take_byte(p);
    bool yes = (flags & 1) != 0;
    if (rill_prepare_decode(&prepare, item->bytes, item->len) != RILL_OK) {
        free(item);
        return;
    }
    ledger_read(&w->keys, prepare.data, &question);
    unsigned secret = question.secret < LEDGER_SECRETS ? question.secret : 1;
    uint64_t sequence = question.header_ok ? question.packet.sequence : 0;
    uint64_t amount = (flags & 2) != 0 ? take_number(p) : prepare.amount;
    uint8_t type = yes ? RILL_ILP_FULFILL : RILL_ILP_REJECT;
    if ((flags & 12) == 12)
        sequence += take_byte(p);
    if ((flags & 12) == 8)
        type = take_byte(p);
    rill_bytes data = {envelope, take_packet(w, p, secret, type, sequence, amount, envelope)};
    if ((flags & 0x30) == 0x30)
        data.len = 0;
    (void)ledger_fulfillment(&w->keys, secret, prepare.data, fulfillment, NULL);
    fulfillment[0] ^= (flags & 0x30) == 0x10;
    const rill_fulfill fulfill = {.fulfillment = fulfillment, .data = data};
    const rill_reject reject = {
        .code = rill_ilp_code_of((flags & 0x40) != 0
                                     ? (rill_ilp_code_id)(take_byte(p) % RILL_ILP_CODE_UNKNOWN)
                                     : RILL_ILP_F99_APPLICATION_ERROR),
        .data = data};
    size_t len;
    int err = yes ? rill_fulfill_encode(&fulfill, bytes, sizeof bytes, &len)
                  : rill_reject_encode(&reject, bytes, sizeof bytes, &len);
    CHECK(err == RILL_OK);
    (void)world_put(w, true, WORLD_RAW, item->from, item->request, item->amount, bytes, len);
    free(item);
}
