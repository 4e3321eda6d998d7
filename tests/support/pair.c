/* SPDX-License-Identifier: Apache-2.0 */
#include "pair.h"
#include "conditions.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define PACKET_TIME  1000u  /* nanoseconds that pass with each packet */
#define MAX_TURNS    200000 /* without time passing: somebody is busy with nothing */
#define TIME_LIMIT   120u   /* seconds of real time: somebody loops */
#define START_MONO   (3 * RILL_SECOND)
#define START_WALL   UINT64_C(1700000000000)
#define REPLY_BUFFER RILL_PACKET_BUFFER

typedef struct pair_item {
    struct pair_item *next;
    uint64_t due;
    uint64_t serial;
    bool reply;
    bool answer_lost;
    pair_side to;
    uint64_t request; /* the sender's name for it */
    uint64_t amount;  /* at the sender */
    uint64_t delay;
    size_t len;
    uint8_t bytes[];
} pair_item;

static pair_side other(pair_side side)
{
    return side == PAIR_CLIENT ? PAIR_SERVER : PAIR_CLIENT;
}

static void set_time(pair *p, uint64_t mono_ns)
{
    p->now.mono_ns = mono_ns;
    p->now.wall_ms = START_WALL + (mono_ns - START_MONO) / RILL_MS;
}

void pair_options_init(pair_options *o)
{
    memset(o, 0, sizeof *o);
    rill_endpoint_options_init(&o->server);
    rill_endpoint_options_init(&o->client);
    rill_connection_options_init(&o->connection);
    rill_credentials_options_init(&o->credentials);
    o->server.connection.min_rate = (rill_ratio){1, 1};
    o->connection.min_rate = (rill_ratio){1, 1};
}

pair_options pair_defaults(void)
{
    pair_options o;
    pair_options_init(&o);
    return o;
}

static rill_bytes text(const char *s)
{
    return (rill_bytes){(const uint8_t *)s, strlen(s)};
}

static int open_endpoint(pair_end *end, const rill_endpoint_options *o, const char *address,
                         const char *asset_code, uint8_t asset_scale)
{
    int err = rill_endpoint_new(&end->endpoint, o);
    if (err == RILL_OK)
        err =
            rill_endpoint_set_account(end->endpoint, text(address), text(asset_code), asset_scale);
    return err;
}

int pair_try_open(pair *p, const pair_options *o)
{
    memset(p, 0, sizeof *p);
    alarm(TIME_LIMIT);
    set_time(p, START_MONO);
    p->rate[0] = p->rate[1] = (rill_ratio){1, 1};
    p->maximum[0] = p->maximum[1] = UINT64_MAX;
    p->delay[0] = p->delay[1] = RILL_MS;
    pair_end *client = &p->end[PAIR_CLIENT];
    pair_end *server = &p->end[PAIR_SERVER];
    p->fulfilled = pair_conditions_new();
    int err = open_endpoint(client, &o->client, "test.client", "ABC", 9);
    if (err == RILL_OK)
        err = open_endpoint(server, &o->server, "test.server", "XYZ", 6);
    if (err == RILL_OK)
        err = rill_endpoint_credentials(server->endpoint, &o->credentials, &p->credentials);
    if (err == RILL_OK && !o->stay)
        err = pair_connect(p, &o->connection);
    return err;
}

void pair_open(pair *p, const pair_options *o)
{
    assert_int_equal(pair_try_open(p, o), RILL_OK);
}

static void note_connection(pair_end *end, rill_connection *c)
{
    assert_true(end->open_count < PAIR_CONNECTIONS);
    end->open[end->open_count++] = c;
    end->connection = c;
}

int pair_connect(pair *p, const rill_connection_options *o)
{
    rill_connection *c;
    int err = rill_endpoint_connect(p->end[PAIR_CLIENT].endpoint, p->now,
                                    p->credentials.destination_account,
                                    p->credentials.shared_secret, RILL_SHARED_SECRET_LEN, o, &c);
    if (err == RILL_OK)
        note_connection(&p->end[PAIR_CLIENT], c);
    return err;
}

static void lose_connection(pair_end *end, const rill_connection *c);

void pair_restart_server(pair *p, const pair_options *o)
{
    pair_end *server = &p->end[PAIR_SERVER];
    while (server->open_count > 0)
        lose_connection(server, server->open[0]);
    rill_endpoint_free(server->endpoint);
    assert_int_equal(open_endpoint(server, &o->server, "test.server", "XYZ", 6), RILL_OK);
}

static void free_items(pair_item *i)
{
    while (i) {
        pair_item *next = i->next;
        free(i);
        i = next;
    }
}

void pair_close(pair *p)
{
    for (int side = 0; side < 2; side++) {
        rill_endpoint_free(p->end[side].endpoint);
        for (unsigned i = 0; i < PAIR_STREAMS; i++)
            free(p->end[side].streams[i].data);
    }
    free_items(p->queue);
    free_items(p->waiting);
    pair_conditions_free(p->fulfilled);
    memset(p, 0, sizeof *p);
    alarm(0);
}

rill_stream *pair_stream_open(pair *p, pair_side side)
{
    rill_stream *s;
    assert_int_equal(rill_connection_open_stream(p->end[side].connection, &s), RILL_OK);
    return s;
}

static pair_stream *new_stream(pair_end *end, uint64_t id)
{
    assert_true(end->stream_count < PAIR_STREAMS);
    pair_stream *seen = &end->streams[end->stream_count++];
    *seen = (pair_stream){.id = id};
    return seen;
}

pair_stream *pair_seen(pair *p, pair_side side, uint64_t id)
{
    pair_end *end = &p->end[side];
    for (unsigned i = end->stream_count; i-- > 0;)
        if (end->streams[i].id == id)
            return &end->streams[i];
    return new_stream(end, id);
}

/* Streams of connections one after the other may have the same id. */
static pair_stream *seen_of(pair *p, pair_side side, const rill_stream *s)
{
    pair_end *end = &p->end[side];
    const rill_connection *c = rill_stream_connection(s);
    for (unsigned i = end->stream_count; i-- > 0;) {
        pair_stream *seen = &end->streams[i];
        if (seen->id != rill_stream_id(s))
            continue;
        if (seen->connection == c)
            return seen;
        /* A test has asked for it already. */
        if (!seen->connection && !seen->ended && !seen->over) {
            seen->connection = c;
            return seen;
        }
    }
    pair_stream *seen = new_stream(end, rill_stream_id(s));
    seen->connection = c;
    return seen;
}

void pair_write(rill_stream *s, const void *data, size_t len)
{
    size_t accepted;
    assert_int_equal(rill_stream_write(s, data, len, &accepted), RILL_OK);
    assert_int_equal(accepted, len);
}

/* ---- the path ---- */

static pair_item *put(pair *p, uint64_t due, const uint8_t *bytes, size_t len)
{
    pair_item *item = malloc(sizeof *item + len);
    assert_non_null(item);
    memset(item, 0, sizeof *item);
    item->due = due;
    item->serial = ++p->serial;
    item->len = len;
    memcpy(item->bytes, bytes, len);
    pair_item **at = &p->queue;
    while (*at && (*at)->due <= due)
        at = &(*at)->next;
    item->next = *at;
    *at = item;
    return item;
}

static void put_reply(pair *p, pair_side to, uint64_t request, uint64_t amount, uint64_t delay,
                      const uint8_t *bytes, size_t len)
{
    pair_item *item = put(p, p->now.mono_ns + delay, bytes, len);
    item->reply = true;
    item->to = to;
    item->request = request;
    item->amount = amount;
}

static void refuse(pair *p, const pair_packet *packet, uint64_t request)
{
    uint8_t bytes[256];
    uint8_t data[16];
    size_t len;
    rill_reject reject = {.code = rill_ilp_code_of(packet->code),
                          .triggered_by = text("test.path")};
    if (packet->maximum > 0) {
        rill_amount_too_large_encode((rill_amount_too_large){packet->amount, packet->maximum},
                                     data);
        reject.data = (rill_bytes){data, sizeof data};
    }
    assert_int_equal(rill_reject_encode(&reject, bytes, sizeof bytes, &len), RILL_OK);
    put_reply(p, packet->from, request, packet->amount, 2 * packet->delay, bytes, len);
}

/* The Prepare as it arrives: its amount at the other side's rate. */
static void carry(pair *p, const pair_packet *packet, uint64_t request)
{
    static uint8_t bytes[RILL_PACKET_BUFFER];
    const uint8_t *out = packet->bytes;
    size_t len = packet->len;
    rill_prepare prepare;
    if (rill_prepare_decode(&prepare, packet->bytes, packet->len) == RILL_OK) {
        rill_ratio rate = p->rate[packet->from];
        prepare.amount = (uint64_t)((unsigned __int128)prepare.amount * rate.num / rate.den);
        assert_int_equal(rill_prepare_encode(&prepare, bytes, sizeof bytes, &len), RILL_OK);
        out = bytes;
    }
    bool lost = packet->action == PAIR_LOSE_REPLY || packet->action == PAIR_IN_DOUBT;
    p->doubled = p->doubled || packet->copies > 1;
    for (unsigned i = 0; i < packet->copies; i++) {
        pair_item *item = put(p, p->now.mono_ns + packet->delay, out, len);
        item->to = other(packet->from);
        item->request = request;
        item->amount = packet->amount;
        item->delay = packet->delay;
        item->answer_lost = lost || i > 0;
    }
}

static void on_path(pair *p, pair_side from, uint8_t *bytes, size_t len, uint64_t request)
{
    rill_prepare prepare;
    assert_int_equal(rill_prepare_decode(&prepare, bytes, len), RILL_OK);
    pair_packet packet = {.from = from,
                          .number = p->end[from].packets++,
                          .amount = prepare.amount,
                          .bytes = bytes,
                          .len = len,
                          .delay = p->delay[from],
                          .copies = 1};
    if (prepare.amount > p->maximum[from]) {
        packet.action = PAIR_REJECT;
        packet.code = RILL_ILP_F08_AMOUNT_TOO_LARGE;
        packet.maximum = p->silent_maximum ? 0 : p->maximum[from];
    } else if (p->on_packet) {
        p->on_packet(p, &packet);
    }
    rill_endpoint *e = p->end[from].endpoint;
    if (packet.action == PAIR_REJECT)
        refuse(p, &packet, request);
    else if (packet.action != PAIR_DROP && packet.action != PAIR_UNSENT)
        carry(p, &packet, request);
    if (packet.action == PAIR_UNSENT || packet.action == PAIR_IN_DOUBT)
        rill_endpoint_unanswered(e, p->now, request, packet.action == PAIR_IN_DOUBT);
}

static bool send_all(pair *p, pair_side side)
{
    static uint8_t bytes[RILL_PACKET_BUFFER];
    bool any = false;
    for (;;) {
        size_t len;
        uint64_t request;
        int err = rill_endpoint_send(p->end[side].endpoint, p->now, bytes, &len, &request);
        assert_true(err == RILL_OK || err == RILL_ERR_NOMEM || err == RILL_ERR_CRYPTO);
        assert_true(err == RILL_OK || len == 0);
        if (len == 0)
            return any;
        any = true;
        on_path(p, side, bytes, len, request);
        set_time(p, p->now.mono_ns + PACKET_TIME);
    }
}

/* Design section 4.2: a packet is fulfilled once, however often it comes. */
static void note_fulfilled(pair *p, const pair_item *item)
{
    rill_prepare prepare;
    assert_int_equal(rill_prepare_decode(&prepare, item->bytes, item->len), RILL_OK);
    assert_true(pair_conditions_add(p->fulfilled, prepare.condition));
}

static void answer(pair *p, const pair_item *item, uint64_t arrived, uint8_t *reply, size_t len)
{
    pair_end *to = &p->end[item->to];
    rill_fulfill fulfill;
    if (rill_fulfill_decode(&fulfill, reply, len) == RILL_OK) {
        to->fulfilled_in += arrived;
        p->end[other(item->to)].paid_out += item->amount;
        note_fulfilled(p, item);
    }
    if (item->answer_lost)
        return;
    pair_side back = other(item->to);
    if (p->on_reply)
        p->on_reply(p, back, reply, &len);
    if (len > 0)
        put_reply(p, back, item->request, item->amount, item->delay, reply, len);
}

static void arrive(pair *p, pair_item *item)
{
    static uint8_t reply[REPLY_BUFFER];
    size_t len;
    pair_end *to = &p->end[item->to];
    rill_prepare prepare = {0};
    if (rill_prepare_decode(&prepare, item->bytes, item->len) != RILL_OK)
        prepare.amount = 0;
    assert_int_equal(rill_endpoint_receive(to->endpoint, p->now, item->serial, item->bytes,
                                           item->len, reply, &len),
                     RILL_OK);
    if (len > 0) {
        answer(p, item, prepare.amount, reply, len);
        free(item);
        return;
    }
    item->next = p->waiting;
    p->waiting = item;
}

static void come_back(pair *p, pair_item *item)
{
    pair_end *to = &p->end[item->to];
    rill_fulfill fulfill;
    bool paid = rill_fulfill_decode(&fulfill, item->bytes, item->len) == RILL_OK;
    int err = rill_endpoint_reply(to->endpoint, p->now, item->request, item->bytes, item->len);
    if (err == RILL_OK && paid)
        to->fulfilled_out += item->amount;
    free(item);
}

static bool deliver_due(pair *p)
{
    bool any = false;
    while (p->queue && p->queue->due <= p->now.mono_ns) {
        pair_item *item = p->queue;
        p->queue = item->next;
        if (item->reply)
            come_back(p, item);
        else
            arrive(p, item);
        any = true;
        set_time(p, p->now.mono_ns + PACKET_TIME);
    }
    return any;
}

int pair_decide(pair *p, pair_side side, unsigned n, bool fulfill, bool *fulfilled)
{
    static uint8_t reply[REPLY_BUFFER];
    size_t len;
    pair_asked *asked = &p->end[side].asked[n];
    assert_true(n < p->end[side].asked_count);
    asked->decided = true;
    int err = rill_endpoint_decide(p->end[side].endpoint, p->now, asked->decision, fulfill, reply,
                                   &len, fulfilled);
    pair_item **at = &p->waiting;
    while (*at && (*at)->serial != asked->request)
        at = &(*at)->next;
    if (err == RILL_OK && *at) {
        pair_item *item = *at;
        *at = item->next;
        answer(p, item, asked->amount, reply, len);
        free(item);
    }
    return err;
}

/* ---- events ---- */

void pair_keep_bytes(pair_stream *seen, rill_bytes bytes)
{
    seen->data = realloc(seen->data, seen->len + bytes.len);
    assert_non_null(seen->data);
    memcpy(seen->data + seen->len, bytes.data, bytes.len);
    seen->len += bytes.len;
}

static void take_bytes(pair *p, pair_side side, rill_stream *s)
{
    pair_stream *seen = seen_of(p, side, s);
    for (;;) {
        rill_bytes bytes = rill_stream_peek(s);
        if (bytes.len == 0)
            return;
        pair_keep_bytes(seen, bytes);
        rill_stream_consume(s, bytes.len);
    }
}

/* It is over: what it says last is kept. */
static void lose_connection(pair_end *end, const rill_connection *c)
{
    rill_connection_stats_of(c, &end->last);
    end->ended_sent += end->last.sent;
    end->ended_in_flight += end->last.in_flight;
    end->ended_received += end->last.received;
    if (end->connection == c)
        end->connection = NULL;
    unsigned i = 0;
    while (i < end->open_count && end->open[i] != c)
        i++;
    assert_true(i < end->open_count);
    end->open[i] = end->open[--end->open_count];
    for (i = 0; i < end->stream_count; i++) {
        if (end->streams[i].connection == c) {
            end->streams[i].connection = NULL;
            end->streams[i].over = true;
        }
    }
}

static void note_end(pair_end *end, const rill_event *event)
{
    end->end_error = event->error;
    end->end_code = event->close_code;
    end->end_remote = event->remote;
    lose_connection(end, event->connection);
}

static void note_stream_end(pair *p, pair_side side, const rill_event *event)
{
    pair_stream *seen = seen_of(p, side, event->stream);
    assert_false(seen->ended);
    seen->ended = true;
    seen->error = event->error;
    seen->code = event->close_code;
    seen->remote = event->remote;
}

static void note_asked(pair_end *end, const rill_event *event)
{
    assert_true(end->asked_count < PAIR_ASKED);
    pair_asked *asked = &end->asked[end->asked_count++];
    *asked = (pair_asked){
        .decision = event->decision, .request = event->request, .amount = event->amount};
    memcpy(asked->packet_id, event->packet_id, sizeof asked->packet_id);
}

static void note(pair *p, pair_side side, const rill_event *event)
{
    pair_end *end = &p->end[side];
    end->events[event->type]++;
    switch (event->type) {
    case RILL_EVENT_CONNECTION:
        note_connection(end, event->connection);
        break;
    case RILL_EVENT_MONEY:
        seen_of(p, side, event->stream)->money += event->amount;
        break;
    case RILL_EVENT_DATA:
        if (!p->no_read[side])
            take_bytes(p, side, event->stream);
        break;
    case RILL_EVENT_SENT:
        end->sent_error = event->error;
        break;
    case RILL_EVENT_RECEIVED:
        end->received_error = event->error;
        break;
    case RILL_EVENT_INCOMING:
        note_asked(end, event);
        break;
    case RILL_EVENT_STREAM_END:
        note_stream_end(p, side, event);
        break;
    case RILL_EVENT_CONNECTION_END:
        note_end(end, event);
        break;
    default:
        break;
    }
    if (p->on_event)
        p->on_event(p, side, event);
}

static bool take_events(pair *p, pair_side side)
{
    rill_event event;
    bool any = false;
    while (!p->no_events[side] && rill_endpoint_next_event(p->end[side].endpoint, &event)) {
        note(p, side, &event);
        any = true;
    }
    return any;
}

/* ---- time ---- */

void pair_pump(pair *p)
{
    for (int turns = 0;; turns++) {
        assert_true(turns < MAX_TURNS);
        bool any = deliver_due(p);
        for (pair_side side = PAIR_CLIENT; side <= PAIR_SERVER; side++) {
            if (rill_endpoint_deadline(p->end[side].endpoint) <= p->now.mono_ns)
                rill_endpoint_timeout(p->end[side].endpoint, p->now);
            /* Nobody is left with a deadline that has come already. */
            assert_true(rill_endpoint_deadline(p->end[side].endpoint) > p->now.mono_ns);
            any = take_events(p, side) || any;
            any = send_all(p, side) || any;
        }
        if (!any)
            return;
    }
}

static uint64_t next_time(const pair *p)
{
    uint64_t at = p->queue ? p->queue->due : RILL_NEVER;
    for (int side = 0; side < 2; side++) {
        uint64_t deadline = rill_endpoint_deadline(p->end[side].endpoint);
        if (deadline < at)
            at = deadline;
    }
    return at;
}

void pair_run(pair *p, uint64_t ns)
{
    uint64_t until = p->now.mono_ns + ns;
    unsigned turns = 0;
    uint64_t turn_time = p->now.mono_ns;
    pair_pump(p);
    while (p->now.mono_ns < until) {
        uint64_t at = next_time(p);
        set_time(p, at < until ? (at > p->now.mono_ns ? at : p->now.mono_ns) : until);
        pair_pump(p);
        turns = p->now.mono_ns > turn_time ? 0 : turns + 1;
        turn_time = p->now.mono_ns;
        assert_true(turns < 1000);
    }
}

void pair_sleep(pair *p, uint64_t ns)
{
    set_time(p, p->now.mono_ns + ns);
}

/*
 * disturbed: replies were changed, or packets came twice, of which the reply to one was lost and
 * the other refused: so that what was paid may be told to be unpaid.
 */
static void check_side(const pair_end *end, bool disturbed)
{
    uint64_t sent = end->ended_sent;
    uint64_t received = end->ended_received;
    uint64_t in_flight = end->ended_in_flight;
    for (unsigned i = 0; i < end->open_count; i++) {
        rill_connection_stats stats;
        rill_connection_stats_of(end->open[i], &stats);
        sent += stats.sent;
        received += stats.received;
        in_flight += stats.in_flight;
    }
    /* Of what was paid, replies to a part were lost: that is in doubt, or was found to be sent. */
    assert_in_range(sent, end->fulfilled_out, end->paid_out);
    assert_true(disturbed || end->paid_out <= sent + in_flight);
    assert_int_equal(received, end->fulfilled_in);
}

void pair_check_books(pair *p)
{
    bool disturbed = p->on_reply != NULL || p->doubled;
    check_side(&p->end[PAIR_CLIENT], disturbed);
    check_side(&p->end[PAIR_SERVER], disturbed);
}
