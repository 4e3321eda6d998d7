/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The code that drives endpoints (src/run: host, client, server). A server and two clients are on
 * one loop, in virtual time, and their handlers do what the input says. They call the API wherever
 * the headers allow it, take their time, and decide late. Links break, time passes, packets come
 * that nobody sent, servers and clients close and come again with what they have.
 *
 * A node (support/wire_node.h) keeps the books. Each end is reported once, nothing comes after it,
 * and no handler is called from inside another. What a receiver credits is what it fulfilled.
 */
#define _POSIX_C_SOURCE 200809L

#include <rill/net.h>

#include "fake_uv.h"
#include "faults.h"
#include "io/loop.h"
#include "program.h"
#include "support/wire_node.h"

enum { CLIENTS = 2, STREAMS = 64, CONNECTIONS = 64, DECISIONS = 32, CALLS_OF_ONE = 3 };
#define LIMIT (UINT64_C(3000) * RILL_SECOND) /* time for everything to end */

typedef struct payer {
    rill_client *client; /* NULL: none */
    unsigned credentials;
    uint64_t sent, in_doubt; /* sums of connections that are over */
} payer;

static program input;
static wire_node node;
static rill_loop *loop;
static rill_server *server; /* NULL: none */
static bool listening, inside, injected, cut;
static payer payers[CLIENTS];
static rill_credentials credentials[CLIENTS];
static bool known; /* credentials */
static rill_stream *streams[STREAMS];
static unsigned stream_count;
static rill_connection *connections[CONNECTIONS];
static unsigned connection_count;
static struct {
    rill_connection *connection; /* perhaps gone */
    uint64_t decision;
} decisions[DECISIONS];
static unsigned decision_count;
static uint64_t credited, received; /* by the server */
static const uint8_t secret[32] = "one secret for all its lives";

/* ---- the objects ---- */

static rill_stream *any_stream(void)
{
    return stream_count == 0 ? NULL : streams[take_byte(&input) % stream_count];
}

static rill_connection *any_connection(void)
{
    return connection_count == 0 ? NULL : connections[take_byte(&input) % connection_count];
}

static void add_stream(rill_stream *s)
{
    if (stream_count < STREAMS)
        streams[stream_count++] = s;
}

static void add_connection(rill_connection *c)
{
    CHECK(connection_count < CONNECTIONS);
    connections[connection_count++] = c;
}

static void remove_stream(const rill_stream *s)
{
    for (unsigned i = 0; i < stream_count; i++)
        if (streams[i] == s)
            streams[i--] = streams[--stream_count];
}

static void remove_connection(const rill_connection *c)
{
    unsigned i = 0;
    while (i < connection_count && connections[i] != c)
        i++;
    CHECK(i < connection_count);
    connections[i] = connections[--connection_count];
    /* The end of each stream was reported before. */
    for (i = 0; i < stream_count; i++)
        CHECK(rill_stream_connection(streams[i]) != c);
}

/* ---- calls ---- */

static bool may(int error)
{
    return error == RILL_OK || error == RILL_ERR_CLOSED || error == RILL_ERR_RANGE ||
           error == RILL_ERR_BLOCKED || error == RILL_ERR_STREAM_ID || error == RILL_ERR_STATE ||
           (error == RILL_ERR_NOMEM && fuzz_fault.failed != 0);
}

static void open_stream(rill_connection *c)
{
    rill_stream *s;
    int error = rill_connection_open_stream(c, &s);
    CHECK(may(error));
    if (error == RILL_OK)
        add_stream(s);
}

static void call_connection(rill_connection *c)
{
    rill_connection_stats stats;
    switch (take_byte(&input) % 8) {
    case 0:
        CHECK(may(rill_connection_end(c)));
        break;
    case 1:
        rill_connection_close(c, (rill_close_code)(1 + take_byte(&input) % 8), "enough");
        break;
    case 2:
        rill_connection_get_stats(c, &stats);
        break;
    default:
        open_stream(c);
    }
}

static void write_some(rill_stream *s)
{
    static uint8_t data[70000];
    size_t accepted = 0;
    size_t len = (size_t)(take_number(&input) % sizeof data);
    int error = rill_stream_write(s, data, len, &accepted);
    CHECK(may(error) && accepted <= len);
}

static uint64_t some_time(void)
{
    return take_number(&input) * 100 * RILL_MS % (200 * RILL_SECOND);
}

static void call_stream(rill_stream *s)
{
    uint64_t amount = take_number(&input) % 100000;
    uint64_t deadline = fake_uv_now() + some_time();
    rill_bytes bytes = rill_stream_peek(s);
    switch (take_byte(&input) % 10) {
    case 0:
        CHECK(may(rill_stream_end(s)));
        break;
    case 1:
        rill_stream_close(s, RILL_CLOSE_NO_ERROR, NULL);
        break;
    case 2:
        CHECK(may(rill_stream_set_send_max(s, amount)));
        break;
    case 3:
        CHECK(may(rill_stream_receive_total(s, amount, deadline)));
        break;
    case 4:
        CHECK(may(rill_stream_set_receive_max(s, amount)));
        break;
    case 5:
        CHECK(may(rill_stream_set_weight(s, take_byte(&input))));
        break;
    case 6:
        rill_stream_consume(s, bytes.len == 0 ? 0 : take_byte(&input) % (bytes.len + 1));
        break;
    case 7:
        write_some(s);
        break;
    default:
        CHECK(may(rill_stream_send_total(s, amount, (amount & 1) != 0 ? RILL_NEVER : deadline)));
    }
}

static void decide(void)
{
    bool fulfilled = false;
    uint8_t how = take_byte(&input);
    if (decision_count == 0)
        return;
    unsigned i = how % decision_count;
    int error = rill_connection_decide(decisions[i].connection, decisions[i].decision, how < 200,
                                       &fulfilled);
    CHECK(error == RILL_OK || (error == RILL_ERR_NOT_FOUND && !fulfilled) ||
          fuzz_fault.failed != 0);
    CHECK(how < 200 || !fulfilled);
    if ((how & 1) != 0)
        decisions[i] = decisions[--decision_count];
}

static void start_client(unsigned i);
static void start_server(void);

static void call_host(void)
{
    rill_waiting waiting;
    payer *p = &payers[take_byte(&input) % CLIENTS];
    switch (take_byte(&input) % 8) {
    case 0:
        if (server != NULL)
            rill_server_close(server);
        break;
    case 1:
        if (p->client != NULL)
            rill_client_close(p->client);
        break;
    case 2:
        if (server != NULL)
            rill_server_pause(server, take_byte(&input) < 96);
        break;
    case 3:
        if (server != NULL)
            rill_server_get_waiting(server, &waiting);
        if (p->client != NULL)
            rill_client_get_waiting(p->client, &waiting);
        break;
    case 4:
        CHECK(p->client == NULL || rill_client_address(p->client) != NULL);
        CHECK(server == NULL || rill_server_address(server) != NULL);
        break;
    default:
        start_client((unsigned)(p - payers));
        start_server();
    }
}

/* One call, or a handler's time. */
static void act(void)
{
    uint8_t op = take_byte(&input);
    rill_stream *s = op < 110 ? any_stream() : NULL;
    rill_connection *c = op >= 110 && op < 140 ? any_connection() : NULL;
    if (s != NULL)
        call_stream(s);
    else if (c != NULL)
        call_connection(c);
    else if (op >= 140 && op < 180)
        decide();
    else if (op >= 180 && op < 190)
        call_host();
    else if (op >= 190 && op < 196)
        fake_uv_advance(some_time());
}

/* ---- handlers ---- */

static void enter(void)
{
    CHECK(!inside);
    inside = true;
}

/* At places where the headers allow any function, before or after the handler's own work. */
static void leave(void)
{
    for (unsigned i = take_byte(&input) % (CALLS_OF_ONE + 1); i > 0 && input.left > 0; i--)
        act();
    inside = false;
}

static void on_listening(rill_server *s, void *user)
{
    (void)user;
    enter();
    CHECK(s == server && !listening);
    listening = true;
    for (unsigned i = 0; i < CLIENTS && !known; i++)
        known = rill_server_generate_credentials(s, NULL, &credentials[i]) == RILL_OK &&
                i == CLIENTS - 1;
    leave();
}

static void on_connection(rill_connection *c, void *user)
{
    (void)user;
    enter();
    CHECK(listening && rill_connection_is_server(c));
    add_connection(c);
    leave();
}

static void on_ready(rill_client *client, rill_connection *c, void *user)
{
    payer *p = user;
    enter();
    CHECK(client == p->client && rill_client_connection(client) == c);
    add_connection(c);
    open_stream(c);
    if (stream_count > 0)
        CHECK(may(rill_stream_send_total(streams[stream_count - 1], 500, RILL_NEVER)));
    leave();
}

static void on_connected(rill_connection *c, void *user)
{
    (void)c;
    (void)user;
    enter();
    leave();
}

static void on_stream(rill_stream *s, void *user)
{
    (void)user;
    enter();
    add_stream(s);
    leave();
}

static void on_money(rill_stream *s, uint64_t amount, void *user)
{
    enter();
    CHECK(amount > 0);
    if (user == NULL && rill_connection_is_server(rill_stream_connection(s)))
        credited += amount;
    leave();
}

static void on_data(rill_stream *s, const uint8_t *data, size_t len, void *user)
{
    (void)user;
    enter();
    CHECK(len > 0 && len <= 65536 && data != NULL);
    uint8_t how = take_byte(&input);
    if (how >= 240)
        rill_stream_consume(s, len * (how - 240u) / 15);
    leave();
}

static void on_stream_word(rill_stream *s, void *user)
{
    (void)s;
    (void)user;
    enter();
    leave();
}

static void on_amount(rill_stream *s, uint64_t amount, void *user)
{
    CHECK(amount > 0);
    on_stream_word(s, user);
}

static void on_done(rill_stream *s, int error, void *user)
{
    CHECK(error <= 0);
    on_stream_word(s, user);
}

static void on_incoming(rill_connection *c, const rill_incoming *packet, void *user)
{
    (void)user;
    enter();
    if (decision_count < DECISIONS) {
        decisions[decision_count].connection = c;
        decisions[decision_count++].decision = packet->decision_id;
    }
    if (take_byte(&input) < 192)
        (void)!rill_connection_decide(c, packet->decision_id, true, NULL);
    leave();
}

static void on_stream_end(rill_stream *s, const rill_end *end, void *user)
{
    (void)user;
    enter();
    CHECK(end->message != NULL);
    leave();
    remove_stream(s);
}

static void on_connection_end(rill_connection *c, const rill_end *end, void *user)
{
    payer *p = user;
    rill_connection_stats stats;
    enter();
    CHECK(end->message != NULL);
    rill_connection_get_stats(c, &stats);
    if (p == NULL) {
        received += stats.received;
    } else {
        p->sent += stats.sent;
        p->in_doubt += stats.in_flight;
    }
    remove_connection(c);
    leave();
}

static void on_link(bool up, const char *detail, void *user)
{
    (void)user;
    enter();
    CHECK(up || detail[0] != '\0');
    leave();
}

static void on_server_closed(int error, const char *detail, void *user)
{
    (void)user;
    enter();
    CHECK(server != NULL && detail != NULL && error <= 0 && rill_server_address(server) != NULL);
    rill_server_close(server);
    server = NULL;
    listening = false;
    leave();
}

static void on_client_closed(int error, const char *detail, void *user)
{
    payer *p = user;
    enter();
    CHECK(p->client != NULL && detail != NULL && error <= 0);
    CHECK(rill_client_connection(p->client) == NULL);
    rill_client_close(p->client);
    p->client = NULL;
    leave();
}

static rill_handlers handlers_of(bool is_server)
{
    return (rill_handlers){.size = sizeof(rill_handlers),
                           .server_ready = on_listening,
                           .connection = on_connection,
                           .client_ready = on_ready,
                           .connected = on_connected,
                           .stream = on_stream,
                           .money = on_money,
                           .data = on_data,
                           .outgoing_money = on_amount,
                           .send_total_end = on_done,
                           .receive_total_end = on_done,
                           .writable = on_stream_word,
                           .incoming = on_incoming,
                           .stream_end = on_stream_end,
                           .connection_end = on_connection_end,
                           .link = on_link,
                           .closed = is_server ? on_server_closed : on_client_closed};
}

static rill_net_options options_of(bool is_server, const rill_handlers *handlers)
{
    static rill_connection_options both[2];
    rill_connection_options *connection = &both[is_server];
    rill_net_options o;
    rill_net_options_init(&o);
    rill_connection_options_init(connection);
    o.handlers = handlers;
    o.connection = connection;
    connection->min_rate = (rill_ratio){1, 1};
    connection->max_packet_amount = 1000;
    connection->ask_before_fulfill = is_server && take_byte(&input) < 64;
    o.connect_timeout_ns = 20 * RILL_SECOND;
    o.server_secret = is_server ? secret : NULL;
    o.max_connections = take_byte(&input) < 16 ? 1 : 100;
    return o;
}

static void start_server(void)
{
    const rill_handlers handlers = handlers_of(true);
    rill_net_options o = options_of(true, &handlers);
    if (server != NULL)
        return;
    o.link_uri = "btp+ws://:0@node";
    int error = rill_server_open(&server, loop, &o, NULL);
    CHECK(error == RILL_OK || fuzz_fault.failed != 0);
    if (error != RILL_OK)
        server = NULL;
}

static void start_client(unsigned i)
{
    static const char *const links[CLIENTS] = {"btp+ws://:1@node", "btp+ws://:2@node"};
    const rill_handlers handlers = handlers_of(false);
    rill_net_options o = options_of(false, &handlers);
    payer *p = &payers[i];
    uint8_t whose = take_byte(&input); /* both may have one */
    if (p->client != NULL || !known)
        return;
    p->credentials = whose < 192 ? i : 0;
    const rill_credentials *c = &credentials[p->credentials];
    o.link_uri = links[i];
    o.user = p;
    int error = rill_client_open(&p->client, loop, &o, c->destination_account, c->shared_secret,
                                 sizeof c->shared_secret, NULL);
    CHECK(error == RILL_OK || fuzz_fault.failed != 0);
    if (error != RILL_OK)
        p->client = NULL;
}

/* ---- the world ---- */

static void turn(void)
{
    wire_node_step(&node);
    fake_uv_turn(rill_loop_uv(loop));
}

static void wait(uint64_t ns)
{
    uint64_t until = fake_uv_now() + ns;
    for (unsigned n = 0; fake_uv_now() < until && n < 4000; n++) {
        turn();
        uint64_t next = fake_uv_deadline();
        if (wire_node_deadline(&node) < next)
            next = wire_node_deadline(&node);
        if (next > until)
            next = until;
        if (next > fake_uv_now())
            fake_uv_advance(next - fake_uv_now());
    }
    turn();
}

static void inject(void)
{
    static uint8_t packet[RILL_ILP_MAX_PACKET];
    uint8_t how = take_byte(&input);
    size_t len = 0;
    injected = true;
    if (how < 128 && node.last_len > 0) {
        len = node.last_len;
        memcpy(packet, node.last, len);
        if ((how & 3) != 0)
            packet[take_number(&input) % len] ^= take_byte(&input);
    } else {
        rill_bytes bytes = take_bytes(&input, 200);
        len = bytes.len;
        if (len != 0)
            memcpy(packet, bytes.data, len);
    }
    if (len != 0)
        wire_node_inject(&node, how % NODE_SIDES, packet, len);
}

static void step(void)
{
    uint8_t op = take_byte(&input);
    switch (op & 15) {
    case 0:
        wire_node_cut(&node, take_byte(&input) % NODE_SIDES);
        cut = true;
        break;
    case 1:
        wire_node_sleep(&node, some_time());
        break;
    case 2:
        node.delay = take_number(&input) % 2000 * RILL_MS;
        break;
    case 3:
        node.lifetime = take_number(&input) % 30000;
        break;
    case 4:
        inject();
        break;
    case 5:
        call_host();
        break;
    case 6:
        fuzz_fault.allocation = take_byte(&input) < 16 ? take_byte(&input) : 0;
        break;
    case 7:
    case 8:
    case 9:
        act();
        break;
    default:
        wait(some_time() / 8);
    }
    turn();
}

static bool over(void)
{
    return server == NULL && payers[0].client == NULL && payers[1].client == NULL;
}

static void close_all(void)
{
    uint64_t until = fake_uv_now() + LIMIT;
    fuzz_fault.allocation = 0;
    while (!over()) {
        CHECK(fake_uv_now() < until);
        for (unsigned i = 0; i < CLIENTS; i++)
            if (payers[i].client != NULL)
                rill_client_close(payers[i].client);
        if (server != NULL)
            rill_server_close(server);
        wait(RILL_SECOND);
    }
    CHECK(connection_count == 0 && stream_count == 0);
}

static void check_books(void)
{
    uint64_t paid = node.sides[0].paid_in, sent = payers[0].sent + payers[1].sent;
    uint64_t in_doubt = payers[0].in_doubt + payers[1].in_doubt;
    /*
     * A question may leave too late, after another host's slow handler. Then the packet is refused.
     */
    if (fuzz_fault.failed != 0)
        return;
    CHECK(credited == received && received >= paid);
    if (injected)
        return;
    CHECK(node.sides[0].late == 0 && sent <= received && sent + in_doubt >= paid);
    CHECK(cut || received == paid);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    input = program_of(data, size);
    fuzz_faults_reset(size);
    fake_uv_reset();
    memset(payers, 0, sizeof payers);
    server = NULL;
    listening = inside = injected = cut = known = false;
    stream_count = connection_count = decision_count = 0;
    credited = received = 0;
    CHECK(rill_loop_new(&loop, NULL) == RILL_OK);
    wire_node_open(&node, loop);
    start_server();
    wait(RILL_SECOND);
    start_client(0);
    start_client(1);
    wait(RILL_SECOND / 10);
    while (input.left > 0)
        step();
    close_all();
    check_books();
    CHECK(fuzz_fault.peak < (size_t)64 << 20);
    wire_node_close(&node);
    rill_loop_free(loop);
    CHECK(fake_uv_handles() == 0);
    return 0;
}
