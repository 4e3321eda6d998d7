/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A whole connection, driven by bytes. The first bytes choose the world: two endpoints and a path,
 * or one endpoint and a peer that has the keys and keeps no rules; also options, rates, limits. The
 * others are a program: calls of the application, what becomes of each packet and reply, time,
 * clocks that jump, allocations and cryptography that fail. The ledgers check what must be true
 * (ledger.h). In the end everything that was begun must end (world.h).
 */
#include "faults.h"
#include "raw.h"
#include "world.h"

static world w;

static ledger_connection *any_connection(world_side *s, program *p)
{
    ledger *l = &s->books;
    if (l->connection_count == 0)
        return NULL;
    ledger_connection *c = &l->connections[take_byte(p) % l->connection_count];
    return c->connection != NULL ? c : NULL;
}

static ledger_stream *any_stream(world_side *s, program *p)
{
    ledger *l = &s->books;
    if (l->stream_count == 0)
        return NULL;
    /* From the last one on, since what was opened lately is open. */
    ledger_stream *found = &l->streams[l->stream_count - 1 - take_byte(p) % l->stream_count];
    return found->stream != NULL ? found : NULL;
}

/* ---- calls on a connection ---- */

static void open_stream(world_side *s, program *p)
{
    ledger_connection *c = any_connection(s, p);
    rill_stream *stream;
    if (c == NULL)
        return;
    int err = rill_connection_open_stream(c->connection, &stream);
    if (err == RILL_OK)
        (void)ledger_add_stream(&s->books, stream, false);
    else
        CHECK(err == RILL_ERR_STREAM_ID || err == RILL_ERR_CLOSED ||
              (err == RILL_ERR_NOMEM && fuzz_fault.failed != 0));
}

static void end_connection(world_side *s, program *p)
{
    ledger_connection *c = any_connection(s, p);
    uint8_t how = take_byte(p);
    if (c == NULL)
        return;
    if (how < 128) {
        int err = rill_connection_end(c->connection);
        CHECK(err == RILL_OK || err == RILL_ERR_CLOSED);
    } else {
        rill_connection_close(c->connection, (rill_close_code)(how % 10), how < 192 ? "bye" : NULL);
    }
}

static void set_min_rate(world_side *s, program *p)
{
    ledger_connection *c = any_connection(s, p);
    rill_ratio rate = {take_number(p), take_number(p)};
    if (c == NULL)
        return;
    int err = rill_connection_set_min_rate(c->connection, rate);
    CHECK(err == (rate.den == 0 || rate.num == 0 ? RILL_ERR_INVALID : RILL_OK));
    c->rate_fixed = c->rate_fixed && err != RILL_OK;
}

/* ---- calls on a stream ---- */

static void check_result(int err, int other)
{
    CHECK(err == RILL_OK || err == RILL_ERR_CLOSED || err == RILL_ERR_RANGE || err == other ||
          (err == RILL_ERR_NOMEM && fuzz_fault.failed != 0));
}

static void send_money(world_side *s, program *p)
{
    ledger_stream *stream = any_stream(s, p);
    uint64_t total = take_number(p);
    uint8_t how = take_byte(p);
    if (stream == NULL)
        return;
    int err;
    if (how < 128) {
        uint64_t deadline = how < 64 ? RILL_NEVER : w.mono + (how & 63) * RILL_SECOND;
        err = rill_stream_send_total(stream->stream, total, deadline);
        check_result(err, RILL_ERR_STATE);
        stream->send_open = stream->send_open || err == RILL_OK;
    } else {
        err = rill_stream_set_send_max(stream->stream, total);
        check_result(err, RILL_OK);
    }
    if (err == RILL_OK && total > stream->highest_send_max)
        stream->highest_send_max = total;
}

static void receive_money(world_side *s, program *p)
{
    ledger_stream *stream = any_stream(s, p);
    uint64_t total = take_number(p);
    uint8_t how = take_byte(p);
    if (stream == NULL)
        return;
    if (how < 128) {
        uint64_t deadline = how < 64 ? RILL_NEVER : w.mono + (how & 63) * RILL_SECOND;
        int err = rill_stream_receive_total(stream->stream, total, deadline);
        check_result(err, RILL_ERR_STATE);
        stream->receive_open = stream->receive_open || err == RILL_OK;
    } else {
        check_result(rill_stream_set_receive_max(stream->stream, total), RILL_OK);
    }
}

static void write_data(world_side *s, program *p)
{
    static uint8_t data[40000];
    ledger_stream *stream = any_stream(s, p);
    uint8_t much = take_byte(p);
    if (stream == NULL)
        return;
    const ledger_connection *c = &s->books.connections[stream->connection];
    size_t len = much < 128 ? much : (much & 127u) * 300u;
    size_t accepted = 0;
    for (size_t i = 0; i < len; i++)
        data[i] = ledger_pattern(c->secret, c->server, stream->id, stream->written + i);
    size_t room = rill_stream_writable(stream->stream);
    int err = rill_stream_write(stream->stream, data, len, &accepted);
    check_result(err, RILL_ERR_BLOCKED);
    if (err != RILL_OK)
        return;
    CHECK(accepted <= len && accepted <= room);
    stream->written += accepted;
    rill_stream_offsets offsets;
    rill_stream_get_offsets(stream->stream, &offsets);
    CHECK(offsets.written == stream->written && offsets.acknowledged <= offsets.written);
}

static void read_data(world_side *s, program *p)
{
    ledger_stream *stream = any_stream(s, p);
    size_t most = take_byte(p);
    if (stream == NULL)
        return;
    const ledger_connection *c = &s->books.connections[stream->connection];
    rill_bytes bytes = rill_stream_peek(stream->stream);
    size_t len = bytes.len < most * 16 ? bytes.len : most * 16;
    for (size_t i = 0; i < len && !s->books.foreign_data; i++)
        CHECK(bytes.data[i] == ledger_pattern(c->secret, !c->server, stream->id, stream->read + i));
    rill_stream_consume(stream->stream, len);
    stream->read += len;
}

static void end_stream(world_side *s, program *p)
{
    ledger_stream *stream = any_stream(s, p);
    uint8_t how = take_byte(p);
    if (stream == NULL)
        return;
    if (how < 128)
        check_result(rill_stream_end(stream->stream), RILL_OK);
    else
        rill_stream_close(stream->stream, (rill_close_code)(how % 12), how < 192 ? "enough" : NULL);
}

static void set_weight(world_side *s, program *p)
{
    ledger_stream *stream = any_stream(s, p);
    uint64_t weight = take_number(p);
    if (stream != NULL)
        check_result(rill_stream_set_weight(stream->stream, (uint32_t)weight), RILL_OK);
}

/* ---- the path ---- */

static void duplicate(program *p)
{
    uint8_t index = take_byte(p);
    if (w.queue_count == 0)
        return;
    const world_item *i = w.queue[index % w.queue_count];
    (void)world_put(&w, i->reply, i->from, i->to, i->request, i->amount, i->bytes, i->len);
}

/* A field of a Prepare, or any byte. */
static void tamper(program *p)
{
    uint8_t index = take_byte(p), what = take_byte(p);
    uint64_t value = take_number(p);
    rill_prepare prepare;
    uint8_t bytes[RILL_PACKET_BUFFER];
    size_t len;
    if (w.queue_count == 0)
        return;
    world_item *i = w.queue[index % w.queue_count];
    if (what < 192 && !i->reply && rill_prepare_decode(&prepare, i->bytes, i->len) == RILL_OK) {
        if (what < 96)
            prepare.amount = value;
        else
            prepare.expires_at_ms = world_now(&w, 0).wall_ms + value % 100000;
        CHECK(rill_prepare_encode(&prepare, bytes, sizeof bytes, &len) == RILL_OK);
        CHECK(len == i->len); /* both fields have one length */
        memcpy(i->bytes, bytes, len);
    } else if (i->len != 0 && what < 250) {
        i->bytes[value % i->len] ^= what;
    } else if (i->len != 0) {
        i->len = value % i->len;
    }
}

static void refuse(program *p)
{
    uint8_t index = take_byte(p), code = take_byte(p);
    uint8_t data[16];
    rill_amount_too_large told = {take_number(p), take_number(p)};
    if (w.queue_count == 0)
        return;
    if (w.queue[index % w.queue_count]->reply)
        return;
    world_item *item = world_take(&w, index);
    rill_ilp_code c = rill_ilp_code_of((rill_ilp_code_id)(code % RILL_ILP_CODE_UNKNOWN));
    if (code >= 240)
        c.text[1] = '8'; /* a code that nobody knows */
    rill_amount_too_large_encode(told, data);
    world_refuse(&w, item, c, (rill_bytes){data, code < 128 ? sizeof data : code % 16u});
}

static void unanswered(program *p)
{
    uint8_t index = take_byte(p), sent = take_byte(p);
    if (w.queue_count == 0 || w.queue[index % w.queue_count]->reply)
        return;
    world_item *item = world_take(&w, index);
    if (item->from < w.side_count) {
        ledger *l = &w.sides[item->from].books;
        ledger_flight *f = ledger_flight_of(l, item->request);
        rill_now now = world_now(&w, item->from);
        rill_endpoint_unanswered(l->endpoint, now, item->request, (sent & 1) != 0);
        if (f != NULL && ((sent & 1) != 0 || now.mono_ns >= f->expires_ns))
            f->doubt = true;
        else if (f != NULL && !f->doubt) /* what is in doubt stays in doubt */
            f->open = false;
    }
    /* In doubt: perhaps it arrives anyway. */
    if ((sent & 3) == 3)
        world_deliver(&w, item);
    else
        free(item);
}

/* Bytes of the input, as a Prepare or as a reply to some request. */
static void garbage(unsigned side, program *p)
{
    uint8_t kind = take_byte(p);
    uint64_t request = take_number(p);
    rill_bytes bytes = take_bytes(p, 255);
    world_item *item =
        world_put(&w, (kind & 1) != 0, WORLD_RAW, side, request, 0, bytes.data, bytes.len);
    if (item != NULL)
        world_deliver(&w, world_take(&w, w.queue_count - 1));
}

/* ---- clocks, faults, the account ---- */

static void jump(world_side *s, program *p)
{
    uint64_t ms = take_number(p);
    if (take_byte(p) < 128) {
        s->wall_offset += ms % UINT64_C(10000000000);
    } else {
        s->wall_offset -= ms % 10000000;
        s->books.replays_forgotten = true;
    }
}

static void set_account(world_side *s, program *p)
{
    static const char *const addresses[] = {"test.alice", "test.bob", "test.moved.here", "g.other",
                                            "nowhere"};
    static const char *const codes[] = {"XYZ", "", "ABC"};
    uint8_t which = take_byte(p);
    const char *address = addresses[which % 5];
    const char *code = codes[which >> 4 & 1 ? which >> 5 & 1 : 0];
    int err = rill_endpoint_set_account(
        s->books.endpoint, (rill_bytes){(const uint8_t *)address, strlen(address)},
        (rill_bytes){(const uint8_t *)code, strlen(code)}, which > 200 ? 9 : 6);
    CHECK(err == RILL_OK || err == RILL_ERR_ADDRESS || err == RILL_ERR_ASSET ||
          (err == RILL_ERR_NOMEM && fuzz_fault.failed != 0));
}

static void answer_raw(program *p)
{
    for (unsigned i = 0; i < w.queue_count; i++)
        if (w.queue[i]->to == WORLD_RAW && !w.queue[i]->reply) {
            raw_answer(&w, p, world_take(&w, i));
            return;
        }
}

/* ---- the program ---- */

static void do_call(unsigned op, unsigned side, program *p)
{
    world_side *s = &w.sides[side];
    switch (op) {
    case 0:
        open_stream(s, p);
        break;
    case 1:
        send_money(s, p);
        break;
    case 2:
        receive_money(s, p);
        break;
    case 3:
        write_data(s, p);
        break;
    case 4:
        read_data(s, p);
        break;
    case 5:
        end_stream(s, p);
        break;
    case 6:
        end_connection(s, p);
        break;
    case 7:
        set_weight(s, p);
        break;
    case 8:
        set_min_rate(s, p);
        break;
    case 9:
        set_account(s, p);
        break;
    case 10:
        world_decide(&w, side, take_byte(p), take_byte(p) < 192);
        break;
    case 11:
        world_connect(&w, side, take_byte(p) % LEDGER_SECRETS);
        break;
    case 12:
        jump(s, p);
        break;
    case 13:
        garbage(side, p);
        break;
    case 14:
        s->no_send = !s->no_send;
        break;
    default:
        rill_endpoint_end(s->books.endpoint);
    }
}

static void do_path(unsigned op, program *p)
{
    world_item *item;
    switch (op) {
    case 0:
        if ((item = world_take(&w, take_byte(p))) != NULL)
            world_deliver(&w, item);
        break;
    case 1:
        free(world_take(&w, take_byte(p)));
        break;
    case 2:
        duplicate(p);
        break;
    case 3:
        tamper(p);
        break;
    case 4:
        refuse(p);
        break;
    case 5:
        unanswered(p);
        break;
    case 6:
        fuzz_fault.allocation = take_byte(p);
        break;
    case 7:
        fuzz_fault.crypto = take_byte(p);
        break;
    case 8:
        world_wait(&w, take_number(p) * RILL_MS % (600 * RILL_SECOND));
        break;
    case 9:
        world_wait(&w, 60 * RILL_SECOND);
        break;
    case 10:
        w.mono += take_number(p) % (600 * RILL_SECOND); /* nobody looks at the deadlines */
        break;
    case 11:
        world_pump(&w, take_byte(p) % 40);
        break;
    case 12:
    case 13:
        if (w.side_count == 1)
            raw_send(&w, p);
        break;
    default:
        if (w.side_count == 1)
            answer_raw(p);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    program p = program_of(data, size);
    fuzz_faults_reset(size);
    CHECK(world_open(&w, &p));
    while (p.left > 0 && w.work < WORLD_WORK) {
        uint8_t op = take_byte(&p);
        unsigned side = op >> 5 & 1;
        if ((op & 0x40) != 0)
            do_path(op & 15, &p);
        else if (side < w.side_count)
            do_call(op & 15, side, &p);
        /* A turn, as after a wake; or nothing yet, if the byte says so. */
        if ((op & 0x80) == 0)
            (void)world_turn(&w, side < w.side_count ? side : 0);
    }
    CHECK(fuzz_fault.peak < (size_t)96 << 20);
    world_close(&w);
    return 0;
}
