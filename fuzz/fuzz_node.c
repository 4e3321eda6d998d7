/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rilld's sessions from the first byte on the socket: the listener, TCP, the WebSocket and BTP
 * servers, and src/node above them, put together as rilld does it. The input plays the network
 * (fake_uv.h). There are up to eight clients, right ones and wrong ones. Bytes come in any pieces,
 * sockets block and break, time passes, allocations and cryptography fail. The target reads
 * strictly what the node writes (wire.h), and keeps books of it (node_peer.h). In the end
 * everything must be closed and freed.
 */
#include <rill/error.h>

#include "faults.h"
#include "io/loop.h"
#include "links/btp/btp_server.h"
#include "node/hub.h"
#include "node_peer.h"

typedef struct world {
    rill_loop *loop;
    rill_hub *node;
    rill_btp_server *server;
    uv_timer_t tick;
    node_peers peers;
    bool closed;
    bool drained;
    bool draining;
    bool closing;
    unsigned lines;
} world;

static world w;

/* ---- as in rilld ---- */

static rill_now now_of(void *user)
{
    const world *v = user;
    return rill_loop_now(v->loop);
}

static void on_tick(uv_timer_t *timer)
{
    const world *v = timer->data;
    rill_hub_tick(v->node);
}

static void wake(void *user, uint64_t deadline)
{
    world *v = user;
    uint64_t now = now_of(v).mono_ns;
    uint64_t ms = deadline > now ? (deadline - now + RILL_MS - 1) / RILL_MS : 0;
    if (!v->closing)
        CHECK(uv_timer_start(&v->tick, on_tick, ms, 0) == 0);
}

static void drained(void *user)
{
    world *v = user;
    CHECK(v->draining && !v->drained);
    v->drained = true;
}

static void node_log(void *user, rill_log_level level, const char *line)
{
    world *v = user;
    (void)level;
    CHECK(strlen(line) < RILL_LOG_MAX_LINE && strchr(line, '\n') == NULL);
    v->lines++;
}

static void server_log(void *owner, const char *line)
{
    node_log(owner, RILL_LOG_WARNING, line);
}

static int authenticate(void *owner, rill_bytes name, rill_bytes token, rill_link *session,
                        const rill_link_handlers **handlers, void **user)
{
    world *v = owner;
    return rill_hub_admit(handlers, user, v->node, session, name, token);
}

static void on_server_closed(void *owner)
{
    world *v = owner;
    CHECK(!v->closed);
    v->closed = true;
}

static void open_node(program *p)
{
    rill_hub_options o;
    uint8_t flags = take_byte(p);
    rill_hub_options_init(&o);
    o.allocator = fuzz_allocator();
    o.address = NODE_ADDRESS;
    o.now = now_of;
    o.wake = wake;
    o.drained = drained;
    o.user = &w;
    o.log = (rill_log){node_log, &w, RILL_LOG_DEBUG, NULL};
    if ((flags & 1) != 0)
        o.max_packet_amount = 100;
    if ((flags & 2) != 0)
        o.rate_limit = 3;
    if ((flags & 4) != 0)
        o.max_sessions = 2;
    if ((flags & 8) != 0)
        o.max_open = 9;
    if ((flags & 16) != 0)
        o.max_open_from = 2;
    if ((flags & 32) != 0)
        o.max_accounts = 2;
    w.peers.window = o.min_message_window;
    w.peers.max_hold = o.max_hold_time;
    w.peers.max_amount = o.max_packet_amount;
    CHECK(rill_hub_new(&w.node, &o) == RILL_OK);
}

static void open_server(program *p)
{
    static const char *const origins[] = {"http://good.example", NULL};
    static const char *const any[] = {"*", NULL};
    rill_btp_server_options o;
    uint8_t flags = take_byte(p);
    rill_btp_server_options_init(&o);
    o.authenticate = authenticate;
    o.log = server_log;
    o.owner = &w;
    if ((flags & 1) != 0)
        o.max_sessions = 2;
    if ((flags & 2) != 0)
        o.max_requests = 2;
    if ((flags & 4) != 0)
        o.max_backlog = 3000;
    if ((flags & 8) != 0)
        o.listen.max_strangers = 1;
    o.allow_origins = (flags & 16) == 0 ? NULL : (flags & 32) != 0 ? any : origins;
    CHECK(rill_btp_server_open(&w.server, w.loop, &o) == RILL_OK);
}

/* ---- the network ---- */

static void turn(void)
{
    fake_uv_turn(rill_loop_uv(w.loop));
    w.peers.wall_ms = rill_loop_now(w.loop).wall_ms;
    node_peers_read(&w.peers);
}

static void wait(uint64_t ns)
{
    turn(); /* a loop with work to do does not wait */
    uint64_t at = fake_uv_deadline(), now = fake_uv_now();
    if (at > now && at - now < ns)
        ns = at - now + RILL_MS;
    fake_uv_advance(ns);
    w.peers.wall_ms = rill_loop_now(w.loop).wall_ms;
}

static node_peer *any_peer(program *p, unsigned *index)
{
    if (w.peers.count == 0 && !node_peer_connect(&w.peers))
        return NULL;
    *index = take_byte(p) % w.peers.count;
    return &w.peers.peers[*index];
}

/* In one piece, in two pieces with turns between them, or all but the end. */
static void feed(node_peer *peer, program *p, const uint8_t *data, size_t len)
{
    uint8_t cut = take_byte(p);
    size_t first = cut < 192 ? len : (size_t)(cut & 63u) * len / 64;
    fake_socket_feed(peer->socket, data, first);
    if (first == len)
        return;
    turn();
    if ((cut & 1) == 0)
        fake_socket_feed(peer->socket, data + first, len - first);
    else
        w.peers.foreign = true; /* what follows is read as the rest of this frame */
}

static void say_hello(program *p)
{
    static const char *const more[] = {"",
                                       "Origin: http://good.example\r\n",
                                       "Origin: http://evil.example\r\n",
                                       "X-Any: thing\r\n",
                                       "Sec-WebSocket-Protocol: btp\r\n",
                                       "Upgrade: h2c\r\n",
                                       "Content-Length: 5\r\n"};
    static const char key[] = "dGhlIHNhbXBsZSBub25jZQ==";
    char request[512];
    unsigned index;
    node_peer *peer = any_peer(p, &index);
    uint8_t which = take_byte(p);
    if (peer == NULL)
        return;
    if (!peer->wire.open && !peer->broken && peer->wire.key[0] == '\0')
        memcpy(peer->wire.key, key, sizeof key);
    else
        peer->broken = true;
    size_t len = wire_request(request, sizeof request, key, more[which < 192 ? 0 : which % 7]);
    feed(peer, p, (const uint8_t *)request, len);
}

/* Bytes of the input, as they are. */
static void say_anything(program *p)
{
    unsigned index;
    node_peer *peer = any_peer(p, &index);
    rill_bytes bytes = take_bytes(p, 255);
    if (peer == NULL)
        return;
    w.peers.foreign = true;
    if (!peer->wire.open)
        peer->wire.key[0] = '\0';
    fake_socket_feed(peer->socket, bytes.data, bytes.len);
}

/* A message of BTP, in one frame, or in two with a ping between them. */
static void say_message(program *p,
                        size_t (*make)(node_peers *, unsigned, program *, uint8_t *, size_t))
{
    static uint8_t message[RILL_BTP_MAX_FRAME], bytes[RILL_BTP_MAX_FRAME + 64];
    unsigned index;
    node_peer *peer = any_peer(p, &index);
    if (peer == NULL)
        return;
    size_t len = make(&w.peers, index, p, message, sizeof message);
    size_t first = len, total = 0;
    uint8_t split = take_byte(p);
    if (split >= 224)
        first = len * (split & 31u) / 32;
    total += wire_frame(bytes, true, 2, first == len, message, first);
    if (first != len) {
        if ((split & 1) != 0)
            total += wire_frame(bytes + total, true, 9, true, message, 3);
        total += wire_frame(bytes + total, true, 0, true, message + first, len - first);
    }
    feed(peer, p, bytes, total);
}

static void say_control(program *p)
{
    uint8_t bytes[256 + 16];
    unsigned index;
    node_peer *peer = any_peer(p, &index);
    uint8_t opcode = take_byte(p);
    rill_bytes body = take_bytes(p, 130);
    if (peer == NULL)
        return;
    size_t len =
        wire_frame(bytes, opcode < 240, opcode & 15, (opcode & 16) == 0, body.data, body.len);
    w.peers.foreign = true;
    feed(peer, p, bytes, len);
}

/* More at once than a block: frames of one kind, so many that it takes several turns. */
static void say_much(program *p)
{
    static uint8_t bytes[160000];
    uint8_t ping[4] = {0};
    unsigned index;
    node_peer *peer = any_peer(p, &index);
    size_t most = (size_t)take_byte(p) * 600, len = 0;
    if (peer == NULL)
        return;
    while (len + 16 < most)
        len += wire_frame(bytes + len, true, 9, true, ping, sizeof ping);
    if (!peer->wire.open)
        w.peers.foreign = true;
    fake_socket_feed(peer->socket, bytes, len);
}

static void change_socket(program *p)
{
    unsigned index;
    node_peer *peer = any_peer(p, &index);
    uint8_t how = take_byte(p);
    if (peer == NULL)
        return;
    peer->slow = true;
    if (how < 64)
        fake_socket_eof(peer->socket);
    else if (how < 96)
        fake_socket_break(peer->socket, UV_ECONNRESET);
    else if (how < 112)
        fake_uv_accept_error(UV_EMFILE);
    else if (how < 224)
        fake_socket_room(peer->socket, (size_t)(how - 112u) * 40u);
    else
        fake_socket_room(peer->socket, SIZE_MAX);
}

static void change_node(program *p)
{
    uint8_t how = take_byte(p);
    if (how < 64) {
        rill_node_account a;
        size_t cursor = 0, count = 0;
        while (rill_hub_next_account(w.node, &cursor, &a))
            count += strlen(a.name) > 0;
        CHECK(count == rill_hub_accounts(w.node));
    } else if (how < 128) {
        rill_btp_server_stop(w.server);
    } else if (how < 192) {
        w.draining = true;
        rill_hub_drain(w.node);
    } else {
        rill_hub_abandon(w.node);
    }
}

static void step(program *p)
{
    uint8_t op = take_byte(p);
    switch (op & 15) {
    case 0:
        (void)node_peer_connect(&w.peers);
        break;
    case 1:
        say_hello(p);
        break;
    case 2:
        say_anything(p);
        break;
    case 3:
        say_message(p, node_make_auth);
        break;
    case 4:
    case 5:
        say_message(p, node_make_prepare);
        break;
    case 6:
        say_message(p, node_make_reply);
        break;
    case 7:
        if (take_byte(p) < 192)
            say_message(p, node_make_reply);
        else
            say_much(p);
        break;
    case 8:
        say_message(p, node_make_other);
        break;
    case 9:
        say_control(p);
        break;
    case 10:
        change_socket(p);
        break;
    case 11:
        wait(take_number(p) * 100 * RILL_MS % (3600 * RILL_SECOND));
        break;
    case 12:
        fuzz_fault.allocation = take_byte(p);
        break;
    case 13:
        fuzz_fault.crypto = take_byte(p);
        break;
    case 14:
        change_node(p);
        break;
    default:
        fake_uv_set_wall((int64_t)(take_number(p) % 100000) - 50000);
        w.peers.foreign = true; /* times are not comparable any more */
    }
    if ((op & 0x80) == 0)
        turn();
}

static void close_all(void)
{
    fuzz_fault.allocation = fuzz_fault.crypto = 0;
    w.closing = true;
    uv_close((uv_handle_t *)&w.tick, NULL);
    rill_btp_server_close(w.server, on_server_closed);
    /* Who does not read is waited for, but not for ever. */
    for (unsigned n = 0; !w.closed; n++) {
        CHECK(n < 200);
        wait(RILL_SECOND);
    }
    CHECK(rill_hub_open(w.node) == 0);
    rill_hub_free(w.node);
    for (unsigned i = 0; i < w.peers.count; i++)
        CHECK(fake_socket_closed(w.peers.peers[i].socket) ||
              fake_socket_waits(w.peers.peers[i].socket));
    rill_loop_free(w.loop);
    node_peers_close(&w.peers);
    CHECK(fake_uv_handles() == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    program p = program_of(data, size);
    fuzz_faults_reset(size);
    fake_uv_reset();
    memset(&w, 0, sizeof w);
    node_peers_open(&w.peers);
    CHECK(rill_loop_new(&w.loop, NULL) == RILL_OK);
    CHECK(uv_timer_init(rill_loop_uv(w.loop), &w.tick) == 0);
    w.tick.data = &w;
    open_node(&p);
    open_server(&p);
    turn();
    while (p.left > 0)
        step(&p);
    CHECK(fuzz_fault.peak < (size_t)64 << 20);
    close_all();
    return 0;
}
