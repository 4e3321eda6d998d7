/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The link of a client (rill_link_open of btp+ws) against a server that does what the input says:
 * lookups and connections that fail, right and wrong HTTP heads, frames, bytes in pieces, sockets
 * that block and break, time, failing allocations. The owner's calls come from the input, too.
 *
 * At each call the target checks what a link promises its owner (rill/link.h). It reads strictly
 * what the program writes (wire.h). A Prepare that the link reports as not sent must not be among
 * the bytes that the server got.
 */
#define _POSIX_C_SOURCE 200809L

#include <stdio.h>

#include <rill/btp.h>
#include <rill/error.h>
#include <rill/ilp.h>
#include <rill/link.h>

#include "fake_uv.h"
#include "faults.h"
#include "io/loop.h"
#include "wire.h"
#include "ws/ws_handshake.h"

enum { CALLS = 512, SERVERS = 48, ASKED = 64 };

/* A Prepare of the owner. */
typedef struct call {
    bool told;    /* a reply, or the word that none will come: once */
    bool arrived; /* the server has all of it */
    uint32_t id;  /* BTP's id, once it has arrived */
    unsigned server;
    bool answered; /* the server has answered it in some way */
} call;

/* A connection as the server sees it. */
typedef struct server {
    fake_socket *socket;
    wire wire;
    bool authenticated; /* the client's token came */
    bool slow;
    uint32_t auth_id;
} server;

static rill_loop *loop;
static rill_link *client;
static program input;
static call calls[CALLS];
static unsigned call_count;
static server servers[SERVERS];
static unsigned server_count;
static struct {
    uint64_t request;
    uint32_t id;
    bool replied;
} asked[ASKED];
static unsigned asked_count;
static bool early, up, ended, link_gone, link_closing, foreign;
static unsigned generation; /* number of times that it came up */

static rill_bytes text(const char *s)
{
    return (rill_bytes){(const uint8_t *)s, strlen(s)};
}

/* ---- what the link reports, and what is sent on it ---- */

static void send_prepare(program *p)
{
    static uint8_t packet[RILL_ILP_MAX_PACKET];
    size_t len = 8 + (size_t)take_byte(p) * 130u;
    if (call_count == CALLS || link_closing || ended)
        return;
    uint64_t outgoing_id = ++call_count;
    calls[outgoing_id - 1] = (call){.told = false};
    memset(packet, 0x5A, len);
    memcpy(packet, &outgoing_id, sizeof outgoing_id);
    int err = rill_link_send(client, outgoing_id, packet, len);
    CHECK(err == RILL_OK || err == RILL_ERR_NOT_CONNECTED || err == RILL_ERR_BLOCKED ||
          err == RILL_ERR_LIMIT || (err == RILL_ERR_NOMEM && fuzz_fault.failed != 0));
    CHECK(up || early || err == RILL_ERR_NOT_CONNECTED);
    if (err != RILL_OK)
        calls[outgoing_id - 1].told = true; /* not sent, and not reported again */
}

static void on_up(rill_link *l, void *user)
{
    CHECK(l == client && user == &input && !up && !ended && !link_closing);
    CHECK(rill_link_is_up(l));
    up = true;
    generation++;
}

static void on_down(rill_link *l, int error, const char *detail, bool final, void *user)
{
    CHECK(l == client && user == &input && !ended && !link_closing && error < 0);
    CHECK(detail[0] != '\0' && strstr(detail, "tok3n") == NULL && !rill_link_is_up(l));
    /* Requests open at that time have been reported before. */
    for (unsigned i = 0; i < call_count; i++)
        CHECK(calls[i].told);
    up = false;
    ended = final;
}

static void on_prepare(rill_link *l, uint64_t request, const uint8_t *packet, size_t len,
                       void *user)
{
    (void)user;
    CHECK(l == client && up && !link_closing);
    uint8_t sum = 0;
    for (size_t i = 0; i < len; i++)
        sum ^= packet[i]; /* every byte must be readable */
    if (asked_count < ASKED) {
        asked[asked_count].request = request;
        asked[asked_count++].replied = false;
    }
    if ((sum & 3) == 3)
        CHECK(rill_link_reply(l, request, packet, len) == RILL_OK || fuzz_fault.failed != 0);
}

static call *call_of(uint64_t outgoing_id)
{
    CHECK(outgoing_id >= 1 && outgoing_id <= call_count);
    call *c = &calls[outgoing_id - 1];
    CHECK(!c->told);
    c->told = true;
    return c;
}

static void on_reply(rill_link *l, uint64_t outgoing_id, const uint8_t *packet, size_t len,
                     void *user)
{
    (void)user;
    CHECK(l == client && up && len > 0 && packet != NULL);
    const call *c = call_of(outgoing_id);
    CHECK(foreign || (c->arrived && c->answered));
}

static void on_unanswered(rill_link *l, uint64_t outgoing_id, int error, bool sent, void *user)
{
    (void)user;
    CHECK(l == client && error < 0);
    const call *c = call_of(outgoing_id);
    /* This is about money: what is reported as unsent may be sent again. */
    CHECK(sent || !c->arrived);
}

static void on_writable(rill_link *l, void *user)
{
    (void)user;
    CHECK(l == client && up);
}

static void on_closed(rill_link *l, void *user)
{
    (void)user;
    CHECK(l == client && link_closing && !link_gone);
    for (unsigned i = 0; i < call_count; i++)
        CHECK(calls[i].told);
    link_gone = true;
}

static void on_early(rill_link *l, void *user)
{
    CHECK(l == client && user == &input && !up && !ended && !link_closing);
    early = true;
    if (take_byte(&input) < 64)
        send_prepare(&input);
    early = false;
}

static const rill_link_handlers handlers = {.size = sizeof(rill_link_handlers),
                                            .up = on_up,
                                            .down = on_down,
                                            .prepare = on_prepare,
                                            .reply = on_reply,
                                            .unanswered = on_unanswered,
                                            .writable = on_writable,
                                            .closed = on_closed,
                                            .early = on_early};

/* ---- what the server gets ---- */

static void on_client_message(server *s, const rill_btp_frame *frame)
{
    const rill_btp_entry *ilp = rill_btp_find(frame, "ilp");
    if (!s->authenticated) {
        const rill_btp_entry *token = rill_btp_find(frame, "auth_token");
        CHECK(rill_btp_find(frame, "auth") == &frame->entries[0] && token != NULL);
        CHECK(same_bytes(token->data, text("tok3n")));
        s->authenticated = true;
        s->auth_id = frame->request_id;
        return;
    }
    CHECK(ilp != NULL && frame->entry_count == 1 && ilp->data.len >= 8);
    uint64_t outgoing_id;
    memcpy(&outgoing_id, ilp->data.data, sizeof outgoing_id);
    CHECK(outgoing_id >= 1 && outgoing_id <= call_count);
    call *c = &calls[outgoing_id - 1];
    CHECK(!c->arrived);
    c->arrived = true;
    c->id = frame->request_id;
    c->server = (unsigned)(s - servers);
}

static void on_frame(void *user, const uint8_t *data, size_t len)
{
    server *s = user;
    rill_btp_frame frame;
    CHECK(rill_btp_decode(&frame, data, len) == RILL_OK && rill_btp_size(&frame) == len);
    CHECK(frame.type != RILL_BTP_TRANSFER);
    CHECK(s->authenticated || frame.type == RILL_BTP_MESSAGE);
    if (frame.type == RILL_BTP_MESSAGE)
        on_client_message(s, &frame);
}

static void read_all(void)
{
    for (unsigned i = 0; i < server_count; i++)
        wire_take(&servers[i].wire, fake_socket_output(servers[i].socket));
}

static void turn(void)
{
    fake_uv_turn(rill_loop_uv(loop));
    read_all();
}

static void wait(uint64_t ns)
{
    turn(); /* a loop with work to do does not wait */
    uint64_t at = fake_uv_deadline(), now = fake_uv_now();
    if (at > now && at - now < ns)
        ns = at - now + RILL_MS;
    fake_uv_advance(ns);
}

/* ---- what the server does ---- */

static server *last_server(void)
{
    return server_count == 0 ? NULL : &servers[server_count - 1];
}

static void answer_attempt(program *p)
{
    uint8_t how = take_byte(p);
    fake_socket *s = fake_uv_attempt();
    if (s == NULL || server_count == SERVERS)
        return;
    if (how >= 192) {
        fake_socket_answer(s, how < 224 ? UV_ECONNREFUSED : UV_ETIMEDOUT);
        return;
    }
    fake_socket_answer(s, 0);
    server *mine = &servers[server_count++];
    *mine = (server){.socket = s};
    wire_open(&mine->wire, true);
    mine->wire.message = on_frame;
    mine->wire.user = mine;
}

static void feed(program *p, const uint8_t *data, size_t len)
{
    uint8_t cut = take_byte(p);
    size_t first = cut < 192 ? len : (size_t)(cut & 63u) * len / 64;
    fake_socket_feed(last_server()->socket, data, first);
    if (first == len)
        return;
    turn();
    if ((cut & 1) == 0)
        fake_socket_feed(last_server()->socket, data + first, len - first);
    else
        foreign = true;
}

static void say_head(program *p)
{
    static const char *const more[] = {"",
                                       "X-Any: thing\r\n",
                                       "Sec-WebSocket-Protocol: btp\r\n",
                                       "Sec-WebSocket-Extensions: permessage-deflate\r\n",
                                       "Upgrade: other\r\n",
                                       "Content-Length: 4\r\n"};
    char accept[RILL_WS_ACCEPT_CHARS + 1] = "", head[512];
    uint8_t how = take_byte(p);
    if (last_server() == NULL)
        return;
    CHECK(rill_ws_accept_of(last_server()->wire.key, accept) == RILL_OK);
    if (how >= 240)
        accept[how & 15] ^= 1;
    int len = snprintf(head, sizeof head,
                       "HTTP/1.1 %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                       "Sec-WebSocket-Accept: %s\r\n%s\r\n",
                       how == 239 ? "200 OK" : "101 Switching Protocols", accept,
                       more[how < 200 ? 0 : how % 6]);
    feed(p, (const uint8_t *)head, (size_t)len);
}

static void say_frame(program *p, const rill_btp_frame *frame)
{
    static uint8_t message[8192], bytes[8192 + 64];
    size_t len = 0, first, total;
    uint8_t split = take_byte(p);
    if (rill_btp_encode(frame, message, sizeof message, &len) != RILL_OK)
        return;
    first = split < 224 ? len : len * (split & 31u) / 32;
    total = wire_frame(bytes, false, 2, first == len, message, first);
    if (first != len)
        total += wire_frame(bytes + total, false, 0, true, message + first, len - first);
    feed(p, bytes, total);
}

static void say_welcome(program *p)
{
    uint8_t how = take_byte(p);
    if (last_server() == NULL)
        return;
    rill_btp_frame frame = {.type = how < 192 ? RILL_BTP_RESPONSE : RILL_BTP_ERROR,
                            .request_id = last_server()->auth_id + (how == 191),
                            .code = text("F00"),
                            .name = text("NotAcceptedError"),
                            .triggered_at = text("20200101000000.000Z")};
    say_frame(p, &frame);
}

/* Answers the first request that waits, another one, or none. */
static void say_answer(program *p)
{
    static const uint8_t packet[] = "\x0d\x22 any bytes: the link does not look";
    uint8_t how = take_byte(p);
    call *c = NULL;
    if (last_server() == NULL)
        return;
    for (unsigned i = 0; i < call_count && c == NULL; i++)
        if (calls[i].arrived && calls[i].server == server_count - 1 &&
            (!calls[i].answered || (how & 16) != 0))
            c = &calls[i];
    rill_btp_frame frame = {.type = (how & 3) == 3 ? RILL_BTP_ERROR : RILL_BTP_RESPONSE,
                            .request_id = c != NULL ? c->id : take_byte(p),
                            .code = text("T00"),
                            .name = text("Unknown"),
                            .triggered_at = text("20200101000000.000Z")};
    frame.entry_count = (how & 12) != 12;
    frame.entries[0] = (rill_btp_entry){text((how & 12) == 8 ? "custom" : "ilp"),
                                        RILL_BTP_OCTET_STREAM,
                                        {packet, (how & 32) != 0 ? 0 : sizeof packet - 1}};
    if (c != NULL)
        c->answered = true;
    say_frame(p, &frame);
}

static void say_request(program *p)
{
    uint8_t how = take_byte(p);
    rill_bytes bytes = take_bytes(p, 100);
    rill_btp_frame frame = {.type = (how & 15) == 15   ? RILL_BTP_TRANSFER
                                    : (how & 15) == 14 ? (rill_btp_type)9
                                                       : RILL_BTP_MESSAGE,
                            .request_id = (uint32_t)take_number(p),
                            .entry_count = 1};
    frame.entries[0] = (rill_btp_entry){text((how & 0x70) == 0x70 ? "custom" : "ilp"),
                                        RILL_BTP_OCTET_STREAM, bytes};
    if (last_server() != NULL)
        say_frame(p, &frame);
}

static void say_control(program *p)
{
    uint8_t bytes[256 + 16];
    uint8_t opcode = take_byte(p);
    rill_bytes body = take_bytes(p, 130);
    if (last_server() == NULL)
        return;
    size_t len =
        wire_frame(bytes, opcode >= 240, opcode & 15, (opcode & 16) == 0, body.data, body.len);
    foreign = true;
    feed(p, bytes, len);
}

static void say_anything(program *p)
{
    rill_bytes bytes = take_bytes(p, 255);
    if (last_server() == NULL)
        return;
    foreign = true;
    fake_socket_feed(last_server()->socket, bytes.data, bytes.len);
}

static void change_socket(program *p)
{
    uint8_t how = take_byte(p);
    if (last_server() == NULL)
        return;
    fake_socket *s = last_server()->socket;
    if (how < 64)
        fake_socket_eof(s);
    else if (how < 112)
        fake_socket_break(s, UV_ECONNRESET);
    else if (how < 224)
        fake_socket_room(s, (size_t)(how - 112u) * 40u);
    else
        fake_socket_room(s, SIZE_MAX);
}

/* ---- what the owner does ---- */

static void reply_to(program *p)
{
    static const uint8_t packet[100] = {13};
    uint8_t which = take_byte(p);
    if (asked_count == 0 || link_closing)
        return;
    int err = rill_link_reply(client, asked[which % asked_count].request, packet, sizeof packet);
    CHECK(err == RILL_OK || err == RILL_ERR_NOT_CONNECTED || err == RILL_ERR_NOMEM);
}

static void step(program *p)
{
    uint8_t op = take_byte(p);
    uint8_t arg;
    switch (op & 15) {
    case 0:
        answer_attempt(p);
        break;
    case 1:
        say_head(p);
        break;
    case 2:
        say_welcome(p);
        break;
    case 3:
        send_prepare(p);
        break;
    case 4: /* more than a link takes at once */
        for (arg = take_byte(p) % 64; arg > 0; arg--)
            send_prepare(p);
        break;
    case 5:
        say_answer(p);
        break;
    case 6:
        say_request(p);
        break;
    case 7:
        reply_to(p);
        break;
    case 8:
        say_control(p);
        break;
    case 9:
        say_anything(p);
        break;
    case 10:
        change_socket(p);
        break;
    case 11:
        wait(take_number(p) * 100 * RILL_MS % (600 * RILL_SECOND));
        break;
    case 12:
        fuzz_fault.allocation = take_byte(p);
        break;
    case 13:
        fuzz_fault.crypto = take_byte(p);
        break;
    case 14:
        arg = take_byte(p);
        fake_uv_resolver((arg & 3) == 3 ? UV_EAI_NONAME : 0, 1 + (arg >> 2 & 3u), (arg & 16) != 0);
        break;
    default:
        if (take_byte(p) >= 128 && !link_closing) {
            link_closing = true;
            rill_link_close(client);
        }
    }
    if ((op & 0x80) == 0)
        turn();
}

/* Connected and authenticated, as most inputs need it. */
static void begin(program *p)
{
    static const uint8_t yes[] = {0, 0, 1, 0, 0, 2, 0, 0, 0};
    program honest = program_of(yes, sizeof yes);
    wait(RILL_MS);
    wait(RILL_MS);
    if (take_byte(p) < 128)
        while (honest.left > 0)
            step(&honest);
}

static bool open_link(program *p)
{
    static const char *const uris[] = {"btp+ws://alice:tok3n@localhost:7768/btp",
                                       "btp+ws://:tok3n@[::1]", "btp+ws://bob:tok3n@10.0.0.1:1/"};
    uint8_t flags = take_byte(p);
    rill_link_options options;
    rill_link_options_init(&options);
    options.reconnect = (flags & 1) == 0;
    options.connect_timeout_ns = (flags & 2) != 0 ? RILL_SECOND : 10 * RILL_SECOND;
    fuzz_fault.allocation = (flags & 0x80) != 0 ? take_byte(p) : 0;
    const char *problem = NULL;
    int err = rill_link_open(&client, loop, uris[(flags >> 2) % 3], &options, &handlers, &input,
                             &problem);
    CHECK(err == RILL_OK || (err == RILL_ERR_NOMEM && fuzz_fault.failed != 0));
    return err == RILL_OK;
}

static void close_all(void)
{
    fuzz_fault.allocation = fuzz_fault.crypto = 0;
    if (!link_closing) {
        link_closing = true;
        rill_link_close(client);
    }
    for (unsigned n = 0; !link_gone || fake_uv_handles() > loop->handles; n++) {
        CHECK(n < 200);
        wait(RILL_SECOND);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    input = program_of(data, size);
    fuzz_faults_reset(size);
    fake_uv_reset();
    call_count = server_count = asked_count = generation = 0;
    early = up = ended = link_gone = link_closing = foreign = false;
    CHECK(rill_loop_new(&loop, NULL) == RILL_OK);
    if (open_link(&input)) {
        begin(&input);
        while (input.left > 0)
            step(&input);
        CHECK(fuzz_fault.peak < (size_t)64 << 20);
        close_all();
    }
    fuzz_fault.allocation = 0;
    rill_loop_free(loop);
    for (unsigned i = 0; i < server_count; i++)
        wire_close(&servers[i].wire);
    CHECK(fake_uv_handles() == 0);
    return 0;
}
