/* SPDX-License-Identifier: Apache-2.0 */
#include "world.h"

#include <stdio.h>

#include "../tests/oracle.h"
#include "faults.h"

#define START_MONO (5 * RILL_SECOND)
#define START_WALL UINT64_C(1700000000000)

rill_now world_now(const world *w, unsigned side)
{
    uint64_t ms = (w->mono - START_MONO) / RILL_MS;
    return (rill_now){w->mono, START_WALL + ms + (side < 2 ? w->sides[side].wall_offset : 0)};
}

static rill_bytes text(const char *s)
{
    return (rill_bytes){(const uint8_t *)s, strlen(s)};
}

/* ---- making ---- */

static void on_wake(void *user)
{
    world_side *s = user;
    s->wakes++;
}

static rill_ratio take_ratio(program *p)
{
    static const rill_ratio ratios[] = {{1, 1},    {1, 2},       {2, 1},
                                        {1, 3},    {999, 1000},  {1, 1000000000},
                                        {7, 3},    {1000000, 1}, {UINT64_MAX, UINT64_MAX - 1},
                                        {101, 100}};
    return ratios[take_byte(p) % (sizeof ratios / sizeof ratios[0])];
}

static uint64_t choose(unsigned bits, const uint64_t *values, unsigned count)
{
    return values[bits % count];
}

static void take_options(program *p, rill_connection_options *o)
{
    static const uint64_t amounts[] = {RILL_UNLIMITED, 0, 1, 1000, 100000, UINT64_MAX - 1};
    static const uint64_t lifetimes[] = {30 * RILL_SECOND, RILL_SECOND, 5 * RILL_SECOND};
    static const uint64_t idles[] = {60 * RILL_SECOND, 10 * RILL_SECOND, 120 * RILL_SECOND};
    rill_connection_options_init(o);
    uint8_t a = take_byte(p), b = take_byte(p), c = take_byte(p);
    o->ask_before_fulfill = (a & 1) != 0;
    o->padding = (a & 2) != 0;
    o->tell_address = (a & 4) == 0;
    if ((a & 8) == 0)
        o->min_rate = (a & 16) == 0 ? (rill_ratio){1, 1} : take_ratio(p);
    if ((a & 32) != 0)
        o->slippage = (rill_ratio){1, 2};
    o->default_receive_max = choose(b & 7, amounts, 6);
    o->max_packet_amount = choose(b >> 3 & 7, amounts, 6);
    if (o->max_packet_amount == 0)
        o->max_packet_amount = 7;
    if ((b & 64) != 0)
        o->max_in_flight = 2;
    if ((b & 128) != 0)
        o->max_undecided = 1;
    o->packet_lifetime_ns = choose(c & 3, lifetimes, 3);
    o->idle_timeout_ns = choose(c >> 2 & 3, idles, 3);
    o->connect_timeout_ns = choose(c >> 4 & 3, lifetimes, 3);
    if ((c & 64) != 0) {
        o->stream_receive_buffer = 16384;
        o->connection_receive_buffer = 65534;
        o->max_stream_receive_buffer = 16384;
        o->max_connection_receive_buffer = 65534;
    }
    if ((c & 128) != 0)
        o->stream_send_buffer = 1024;
}

static bool make_keys(world *w, unsigned i)
{
    return rill_keys_new(&w->keys.keys[i], w->keys.crypto, w->credentials[i].shared_secret,
                         RILL_SHARED_SECRET_LEN) == RILL_OK;
}

/* The tag says which secret it is, so that the books know a server's connection. */
static bool issue(world *w, unsigned i, unsigned server)
{
    static const uint8_t receipt[RILL_RECEIPT_SECRET_LEN] = {7};
    char tag[4];
    w->issuer[i] = server;
    if (server == WORLD_RAW) {
        (void)snprintf(w->credentials[i].destination_account,
                       sizeof w->credentials[i].destination_account, "test.raw.peer%u", i);
        fuzz_random(w->credentials[i].shared_secret, RILL_SHARED_SECRET_LEN);
        return make_keys(w, i);
    }
    (void)snprintf(tag, sizeof tag, "%u", i);
    const bool receipts = w->sides[server].server_receipts;
    const rill_credentials_options options = {.size = sizeof options,
                                              .tag = tag,
                                              .receipt_nonce = receipts ? receipt : NULL,
                                              .receipt_secret = receipts ? receipt : NULL};
    CHECK(rill_endpoint_generate_credentials(w->sides[server].books.endpoint, &options,
                                             &w->credentials[i]) == RILL_OK);
    return make_keys(w, i);
}

static bool open_side(world *w, program *p, unsigned i)
{
    static const char *const addresses[] = {"test.alice", "test.bob"};
    world_side *s = &w->sides[i];
    rill_endpoint_options o;
    rill_endpoint_options_init(&o);
    o.allocator = fuzz_allocator();
    o.wake = on_wake;
    o.user = s;
    uint8_t flags = take_byte(p);
    take_options(p, &s->options);
    o.connection = &s->options;
    o.accept = (flags & 7) != 7;
    if ((flags & 8) != 0)
        /* connections that are over are still remembered */
        o.max_connections = o.max_remembered = 2;
    s->server_receipts = (flags & 16) != 0;
    s->no_read = (flags & 32) != 0;
    s->books.keys = &w->keys;
    CHECK(rill_endpoint_new(&s->books.endpoint, &o) == RILL_OK);
    return rill_endpoint_set_account(s->books.endpoint, text(addresses[i]), text("XYZ"), 6) ==
           RILL_OK;
}

bool world_open(world *w, program *p)
{
    memset(w, 0, sizeof *w);
    w->mono = START_MONO;
    memcpy(w->told_address, "test.alice", 11);
    uint8_t mode = take_byte(p);
    w->side_count = (mode & 1) != 0 ? 2 : 1;
    w->keys.crypto = rill_crypto_new(fuzz_allocator());
    w->rate[0] = (mode & 2) != 0 ? take_ratio(p) : (rill_ratio){1, 1};
    w->rate[1] = (mode & 4) != 0 ? take_ratio(p) : (rill_ratio){1, 1};
    w->maximum[0] = (mode & 8) != 0 ? take_number(p) : UINT64_MAX;
    w->maximum[1] = (mode & 16) != 0 ? take_number(p) : UINT64_MAX;
    bool good = w->keys.crypto != NULL && open_side(w, p, 0);
    if (good && w->side_count == 2)
        good = open_side(w, p, 1);
    unsigned other = w->side_count == 2 ? 1 : WORLD_RAW;
    good = good && issue(w, 0, 0) && issue(w, 1, other) && issue(w, 2, 0);
    CHECK(good);
    if ((mode & 32) == 0)
        world_connect(w, w->side_count == 2 ? 1 : 0, w->side_count == 2 ? 0 : 1);
    return good;
}

/* ---- the path ---- */

world_item *world_put(world *w, bool reply, unsigned from, unsigned to, uint64_t request,
                      uint64_t amount, const uint8_t *bytes, size_t len)
{
    if (w->queue_count == WORLD_QUEUE)
        return NULL;
    world_item *item = malloc(sizeof *item + len);
    CHECK(item != NULL);
    *item = (world_item){
        .reply = reply, .from = from, .to = to, .request = request, .amount = amount, .len = len};
    if (len != 0)
        memcpy(item->bytes, bytes, len);
    w->queue[w->queue_count++] = item;
    w->work++;
    return item;
}

world_item *world_take(world *w, unsigned index)
{
    if (w->queue_count == 0)
        return NULL;
    index %= w->queue_count;
    world_item *item = w->queue[index];
    w->queue_count--;
    memmove(&w->queue[index], &w->queue[index + 1], (w->queue_count - index) * sizeof w->queue[0]);
    return item;
}

void world_refuse(world *w, world_item *item, rill_ilp_code code, rill_bytes data)
{
    uint8_t bytes[512];
    size_t len;
    const rill_reject reject = {.code = code, .triggered_by = text("test.path"), .data = data};
    CHECK(rill_reject_encode(&reject, bytes, sizeof bytes, &len) == RILL_OK);
    (void)world_put(w, true, item->to, item->from, item->request, item->amount, bytes, len);
    free(item);
}

static void refuse_too_large(world *w, world_item *item)
{
    uint8_t data[16];
    rill_amount_too_large_encode((rill_amount_too_large){item->amount, w->maximum[item->from]},
                                 data);
    world_refuse(w, item, rill_ilp_code_of(RILL_ILP_F08_AMOUNT_TOO_LARGE),
                 (rill_bytes){data, sizeof data});
}

/* A whole answer: it is recorded, and on its way back. */
static void answered(world *w, unsigned side, const ledger_arrival *a, const uint8_t *reply,
                     size_t len)
{
    ledger_answered(&w->sides[side].books, world_now(w, side), a, reply, len);
    world_item *origin = a->origin;
    (void)world_put(w, true, side, origin->from, origin->request, origin->amount, reply, len);
    free(origin);
}

/* At the path's rate. What cannot be decoded goes as it is. */
static void change_amount(const world *w, const world_item *item, uint8_t *bytes, size_t *len)
{
    rill_prepare prepare;
    memcpy(bytes, item->bytes, item->len);
    *len = item->len;
    if (item->from > 1 || rill_prepare_decode(&prepare, item->bytes, item->len) != RILL_OK)
        return;
    rill_ratio rate = w->rate[item->from];
    oracle_u128 amount = (oracle_u128)prepare.amount * rate.num / rate.den;
    prepare.amount = amount > UINT64_MAX ? UINT64_MAX : (uint64_t)amount;
    CHECK(rill_prepare_encode(&prepare, bytes, RILL_PACKET_BUFFER, len) == RILL_OK);
}

static void deliver_prepare(world *w, world_item *item)
{
    static uint8_t bytes[RILL_PACKET_BUFFER], reply[RILL_PACKET_BUFFER];
    world_side *s = &w->sides[item->to];
    size_t len, reply_len;
    if (item->len > sizeof bytes) {
        free(item);
        return;
    }
    change_amount(w, item, bytes, &len);
    uint8_t *exact = malloc(len == 0 ? 1 : len);
    CHECK(exact != NULL);
    if (len != 0)
        memcpy(exact, bytes, len);
    ledger_arrival a = ledger_arriving(&s->books, ++w->serial, exact, len);
    a.origin = item;
    int err = rill_endpoint_receive_prepare(s->books.endpoint, world_now(w, item->to), a.request,
                                            exact, len, reply, &reply_len);
    free(exact);
    CHECK(err == RILL_OK); /* whatever it is, and whatever fails */
    if (reply_len != 0) {
        answered(w, item->to, &a, reply, reply_len);
    } else if (s->books.waiting_count < LEDGER_WAITING) {
        CHECK(a.readable && s->options.ask_before_fulfill);
        s->books.waiting[s->books.waiting_count++] = a;
    } else {
        s->books.waiting_full = true;
        free(item);
    }
}

static void deliver_reply(world *w, world_item *item)
{
    world_side *s = &w->sides[item->to];
    int err = rill_endpoint_receive_reply(s->books.endpoint, world_now(w, item->to), item->request,
                                          item->bytes, item->len);
    ledger_replied(&s->books, item->request, item->bytes, item->len, err);
    free(item);
}

void world_deliver(world *w, world_item *item)
{
    w->mono += 1000;
    if (item->to >= w->side_count)
        free(item);
    else if (item->reply)
        deliver_reply(w, item);
    else if (item->from < 2 && item->amount > w->maximum[item->from])
        refuse_too_large(w, item);
    else
        deliver_prepare(w, item);
}

void world_decide(world *w, unsigned side, unsigned index, bool fulfill)
{
    static uint8_t reply[RILL_PACKET_BUFFER];
    ledger *l = &w->sides[side].books;
    bool fulfilled = false;
    size_t len;
    if (l->waiting_count == 0)
        return;
    index %= l->waiting_count;
    ledger_arrival a = l->waiting[index];
    if (!a.asked)
        return;
    l->waiting[index] = l->waiting[--l->waiting_count];
    int err = rill_endpoint_decide(l->endpoint, world_now(w, side), a.decision, fulfill, reply,
                                   &len, &fulfilled);
    CHECK(err == RILL_OK || err == RILL_ERR_NOT_FOUND);
    CHECK(err == RILL_OK ? len != 0 : len == 0 && !fulfilled);
    if (len == 0) {
        free(a.origin);
        return;
    }
    rill_fulfill decoded;
    CHECK((rill_fulfill_decode(&decoded, reply, len) == RILL_OK) == fulfilled);
    answered(w, side, &a, reply, len);
}

/* ---- a side ---- */

void world_connect(world *w, unsigned side, unsigned secret)
{
    world_side *s = &w->sides[side];
    rill_connection *c;
    if (w->issuer[secret] == side)
        return;
    int err = rill_endpoint_connect(
        s->books.endpoint, world_now(w, side), w->credentials[secret].destination_account,
        w->credentials[secret].shared_secret, RILL_SHARED_SECRET_LEN, &s->options, &c);
    if (err != RILL_OK) {
        CHECK(fuzz_fault.failed != 0 || err == RILL_ERR_LIMIT);
        return;
    }
    ledger_connection *book = ledger_add_connection(&s->books, c, secret);
    if (book != NULL) {
        book->min_rate = s->options.min_rate;
        book->rate_fixed = true;
    }
}

static void read_bytes(world *w, ledger *l, rill_stream *stream)
{
    ledger_stream *s = ledger_find_stream(l, stream);
    if (s == NULL)
        return;
    const ledger_connection *c = &l->connections[s->connection];
    (void)w;
    for (rill_bytes bytes; (bytes = rill_stream_peek(stream)).len != 0;) {
        for (size_t i = 0; i < bytes.len && !l->foreign_data; i++)
            CHECK(bytes.data[i] == ledger_pattern(c->secret, !c->server, s->id, s->read + i));
        rill_stream_consume(stream, bytes.len);
        s->read += bytes.len;
    }
}

static void on_connection(world *w, unsigned side, const rill_event *event)
{
    const char *tag = rill_connection_tag(event->connection);
    world_side *s = &w->sides[side];
    CHECK(tag[0] >= '0' && tag[0] < '0' + LEDGER_SECRETS && tag[1] == '\0');
    CHECK(w->issuer[tag[0] - '0'] == side);
    ledger_connection *book =
        ledger_add_connection(&s->books, event->connection, (unsigned)(tag[0] - '0'));
    if (book != NULL) {
        book->min_rate = s->options.min_rate;
        book->rate_fixed = true;
    }
}

static void on_incoming(ledger *l, rill_now now, const rill_event *event)
{
    for (unsigned i = 0; i < l->waiting_count; i++) {
        ledger_arrival *a = &l->waiting[i];
        if (a->request != event->incoming_id)
            continue;
        CHECK(!a->asked && a->amount == event->amount && a->expires_at == event->expires_at_ms);
        CHECK(memcmp(a->condition, event->packet_id, 32) == 0);
        a->asked = true;
        a->decision = event->decision_id;
        return;
    }
    CHECK(l->waiting_full); /* there was no room to note it: nobody waits for the answer */
    static uint8_t reply[RILL_PACKET_BUFFER];
    size_t len;
    bool fulfilled;
    int err =
        rill_endpoint_decide(l->endpoint, now, event->decision_id, false, reply, &len, &fulfilled);
    CHECK((err == RILL_OK || err == RILL_ERR_NOT_FOUND) && !fulfilled);
}

static void on_goal(bool *open)
{
    CHECK(*open);
    *open = false;
}

static void on_event(world *w, unsigned side, const rill_event *event)
{
    world_side *side_of = &w->sides[side];
    ledger *l = &side_of->books;
    ledger_stream *s = event->stream != NULL ? ledger_find_stream(l, event->stream) : NULL;
    CHECK(event->message != NULL);
    if (event->type == RILL_EVENT_CONNECTION) {
        on_connection(w, side, event);
        return;
    }
    ledger_connection *c = ledger_find_connection(l, event->connection);
    CHECK(c != NULL || l->full);
    if (event->type == RILL_EVENT_STREAM)
        s = ledger_add_stream(l, event->stream, true);
    CHECK(event->stream == NULL || s != NULL || l->full);
    if (event->type == RILL_EVENT_DATA && !side_of->no_read)
        read_bytes(w, l, event->stream);
    else if (event->type == RILL_EVENT_INCOMING)
        on_incoming(l, world_now(w, side), event);
    else if (event->type == RILL_EVENT_SEND_TOTAL_END && s != NULL)
        on_goal(&s->send_open);
    else if (event->type == RILL_EVENT_RECEIVE_TOTAL_END && s != NULL)
        on_goal(&s->receive_open);
    else if (event->type == RILL_EVENT_STREAM_END && s != NULL)
        ledger_stream_ends(l, s);
    else if (event->type == RILL_EVENT_CONNECTION_END && c != NULL)
        ledger_connection_ends(l, c);
}

static void note_address(world *w, const rill_prepare *prepare)
{
    ledger_packet p;
    rill_frame frame;
    ledger_read(&w->keys, prepare->data, &p);
    while (p.well_formed &&
           rill_stream_packet_next(&p.packet.frames, &p.packet.frame_count, &frame))
        if (frame.type == RILL_FRAME_CONNECTION_NEW_ADDRESS && frame.text.len != 0) {
            CHECK(rill_address_valid(frame.text));
            memcpy(w->told_address, frame.text.data, frame.text.len);
            w->told_address[frame.text.len] = '\0';
        }
}

static void send_one(world *w, unsigned side, const uint8_t *packet, size_t len, uint64_t request)
{
    ledger *l = &w->sides[side].books;
    rill_prepare prepare;
    ledger_sent(l, world_now(w, side), request, packet, len);
    CHECK(rill_prepare_decode(&prepare, packet, len) == RILL_OK);
    note_address(w, &prepare);
    unsigned to = w->side_count == 2 ? 1 - side : WORLD_RAW;
    (void)world_put(w, false, side, to, request, prepare.amount, packet, len);
}

bool world_turn(world *w, unsigned side)
{
    static uint8_t packet[RILL_PACKET_BUFFER];
    world_side *s = &w->sides[side];
    rill_endpoint *e = s->books.endpoint;
    rill_event event;
    bool any = false;
    if (rill_endpoint_deadline(e) <= w->mono) {
        rill_endpoint_timeout(e, world_now(w, side));
        CHECK(rill_endpoint_deadline(e) > w->mono || fuzz_fault.failed != 0);
        any = true;
    }
    for (unsigned n = 0; rill_endpoint_next_event(e, &event); n++) {
        CHECK(n < 10000);
        on_event(w, side, &event);
        any = true;
    }
    ledger_check(&s->books);
    while (!s->no_send && w->queue_count < WORLD_QUEUE && w->work < WORLD_WORK &&
           s->books.flight_count < LEDGER_FLIGHTS) {
        size_t len;
        uint64_t request;
        int err = rill_endpoint_next_prepare(e, world_now(w, side), packet, &len, &request);
        CHECK(err == RILL_OK || (fuzz_fault.failed != 0 && len == 0));
        if (len == 0)
            return any;
        any = true;
        send_one(w, side, packet, len, request);
        w->mono += 1000;
    }
    return any;
}

void world_pump(world *w, unsigned most)
{
    for (unsigned n = 0; n < most; n++) {
        bool any = false;
        for (unsigned side = 0; side < w->side_count; side++)
            any = world_turn(w, side) || any;
        for (unsigned i = w->queue_count; i > 0; i--) {
            world_deliver(w, world_take(w, 0));
            any = true;
        }
        if (!any)
            return;
    }
}

void world_wait(world *w, uint64_t ns)
{
    uint64_t at = w->mono + ns;
    for (unsigned side = 0; side < w->side_count; side++) {
        uint64_t deadline = rill_endpoint_deadline(w->sides[side].books.endpoint);
        if (deadline < at)
            at = deadline;
    }
    if (at > w->mono)
        w->mono = at;
}

/* ---- the end ---- */

static void answer_waiting(world *w)
{
    for (unsigned side = 0; side < w->side_count; side++) {
        ledger *l = &w->sides[side].books;
        for (unsigned n = l->waiting_count; n > 0; n--)
            world_decide(w, side, 0, false);
    }
}

static bool over(const world *w)
{
    for (unsigned side = 0; side < w->side_count; side++)
        if (rill_endpoint_connection_count(w->sides[side].books.endpoint) != 0)
            return false;
    return true;
}

/* Every wait has a deadline: whatever was done before, everything ends. */
static void end_all(world *w)
{
    const uint64_t latest = w->mono + 20 * 60 * RILL_SECOND;
    fuzz_fault.allocation = fuzz_fault.crypto = 0;
    w->work = 0;
    for (unsigned side = 0; side < w->side_count; side++) {
        w->sides[side].no_send = w->sides[side].no_read = false;
        rill_endpoint_end(w->sides[side].books.endpoint);
    }
    while (!over(w) && w->work < WORLD_WORK && w->sides[0].books.flight_count < LEDGER_FLIGHTS &&
           w->sides[1].books.flight_count < LEDGER_FLIGHTS) {
        world_pump(w, 20);
        answer_waiting(w);
        world_pump(w, 20);
        world_wait(w, RILL_SECOND * 60);
        CHECK(w->mono < latest);
    }
    for (unsigned side = 0; side < w->side_count; side++)
        (void)world_turn(w, side);
}

void world_close(world *w)
{
    end_all(w);
    for (unsigned side = 0; side < w->side_count; side++) {
        ledger *l = &w->sides[side].books;
        rill_endpoint_free(l->endpoint);
        while (l->waiting_count > 0)
            free(l->waiting[--l->waiting_count].origin);
    }
    while (w->queue_count > 0)
        free(w->queue[--w->queue_count]);
    for (unsigned i = 0; i < LEDGER_SECRETS; i++)
        rill_keys_free(w->keys.keys[i]);
    rill_crypto_free(w->keys.crypto);
    CHECK(fuzz_fault.blocks == 0 && fuzz_fault.bytes == 0);
}
