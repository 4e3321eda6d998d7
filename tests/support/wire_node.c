/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include "support/wire_node.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rill/btp.h>
#include <rill/error.h>

#include "ws/ws_handshake.h"

enum { EXPIRY = NODE_SIDES }; /* an item that is for the node itself */

struct node_item {
    node_item *next;
    uint64_t due;
    int to;
    uint32_t open;
    fake_socket *socket; /* the session that was meant; another one does not get it */
    size_t len;
    uint8_t bytes[];
};

static wire_node *current;

static uint64_t wall_ms(void)
{
    /* fake_uv.c's. */
    return UINT64_C(1700000000000) + (fake_uv_now() - 100 * RILL_SECOND) / RILL_MS;
}

static rill_bytes text(const char *s)
{
    return (rill_bytes){(const uint8_t *)s, strlen(s)};
}

static node_item *put(wire_node *n, uint64_t due, int to, size_t len)
{
    node_item *item = calloc(1, sizeof *item + len);
    CHECK(item != NULL);
    item->due = due;
    item->to = to;
    item->len = len;
    node_item **at = &n->queue;
    while (*at != NULL && (*at)->due <= due)
        at = &(*at)->next;
    item->next = *at;
    *at = item;
    return item;
}

static void send_bytes(wire_node *n, fake_socket *socket, const uint8_t *bytes, size_t len)
{
    node_item *item = put(n, fake_uv_now() + n->delay, 0, len);
    item->socket = socket;
    memcpy(item->bytes, bytes, len);
}

static void send_message(wire_node *n, int to, const uint8_t *message, size_t len)
{
    static uint8_t frame[RILL_BTP_MAX_FRAME + 64];
    if (n->sides[to].socket != NULL)
        send_bytes(n, n->sides[to].socket, frame, wire_frame(frame, false, 2, true, message, len));
}

static void send_ilp(wire_node *n, int to, rill_btp_type type, uint32_t id, const uint8_t *packet,
                     size_t len)
{
    static uint8_t message[RILL_BTP_MAX_FRAME];
    uint8_t header[RILL_BTP_ILP_HEADER_MAX];
    size_t header_len = rill_btp_ilp_header(type, id, len, header);
    CHECK(header_len + len <= sizeof message);
    memcpy(message, header, header_len);
    memcpy(message + header_len, packet, len);
    send_message(n, to, message, header_len + len);
}

static void refuse(wire_node *n, int to, uint32_t id, rill_ilp_code_id code)
{
    uint8_t packet[256];
    size_t len;
    const rill_reject reject = {.code = rill_ilp_code_of(code), .triggered_by = text("test.node")};
    CHECK(rill_reject_encode(&reject, packet, sizeof packet, &len) == RILL_OK);
    send_ilp(n, to, RILL_BTP_RESPONSE, id, packet, len);
}

static void tell_account(wire_node *n, int side, uint32_t id)
{
    uint8_t packet[256];
    size_t len;
    char address[] = "test.node.0";
    address[10] = (char)('0' + side);
    const rill_ildcp_info info = {text(address), 9, text("XRP")};
    CHECK(rill_ildcp_response_encode(&info, packet, sizeof packet, &len) == RILL_OK);
    send_ilp(n, side, RILL_BTP_RESPONSE, id, packet, len);
}

static void forward(wire_node *n, int from, uint32_t id, rill_prepare *p)
{
    static uint8_t packet[RILL_ILP_MAX_PACKET];
    size_t len;
    n->sides[from].stale += p->expires_at_ms <= wall_ms();
    int to = p->destination.len > 10 ? p->destination.data[10] - '0' : -1;
    if (to < 0 || to >= NODE_SIDES || n->sides[to].socket == NULL) {
        refuse(n, from, id, RILL_ILP_T01_PEER_UNREACHABLE);
        return;
    }
    struct node_open *o = &n->open[n->next_open % NODE_OPEN];
    if (o->used) {
        refuse(n, from, id, RILL_ILP_T03_CONNECTOR_BUSY);
        return;
    }
    uint64_t shortest = wall_ms() + n->lifetime;
    if (n->lifetime != 0 && p->expires_at_ms > shortest)
        p->expires_at_ms = shortest;
    *o = (struct node_open){true, from, id, to, p->amount, p->expires_at_ms};
    CHECK(rill_prepare_encode(p, packet, sizeof packet, &len) == RILL_OK);
    n->sides[to].prepares++;
    n->last_len = len;
    memcpy(n->last, packet, len);
    send_ilp(n, to, RILL_BTP_MESSAGE, n->next_open, packet, len);
    uint64_t left = p->expires_at_ms > wall_ms() ? p->expires_at_ms - wall_ms() : 0;
    put(n, fake_uv_now() + left * RILL_MS, EXPIRY, 0)->open = n->next_open++;
}

static void expire(wire_node *n, uint32_t id)
{
    struct node_open *o = &n->open[id % NODE_OPEN];
    if (!o->used)
        return;
    o->used = false;
    refuse(n, o->from, o->id, RILL_ILP_R00_TRANSFER_TIMED_OUT);
}

/* Before the expiry is handled, by the present clock: it may have been on its way already. */
static void on_answer(wire_node *n, int side, uint32_t id, rill_bytes ilp)
{
    struct node_open *o = &n->open[id % NODE_OPEN];
    node_side *s = &n->sides[side];
    rill_fulfill fulfill;
    bool paid = rill_fulfill_decode(&fulfill, ilp.data, ilp.len) == RILL_OK;
    bool late = !o->used || wall_ms() >= o->expires_at;
    if (paid && late) {
        s->late++;
        s->late_in += o->amount;
    }
    if (late)
        return;
    CHECK(o->to == side);
    o->used = false;
    if (paid) {
        s->paid_in += o->amount;
        n->sides[o->from].charged += o->amount;
    }
    send_ilp(n, o->from, RILL_BTP_RESPONSE, o->id, ilp.data, ilp.len);
}

static void welcome(wire_node *n, node_line *line, const rill_btp_frame *frame)
{
    uint8_t bytes[64];
    size_t len;
    const rill_btp_frame ok = {.type = RILL_BTP_RESPONSE, .request_id = frame->request_id};
    const rill_btp_entry *token = rill_btp_find(frame, "auth_token");
    CHECK(token != NULL && token->data.len == 1);
    line->side = token->data.data[0] - '0';
    CHECK(line->side >= 0 && line->side < NODE_SIDES);
    n->sides[line->side].socket = line->socket;
    CHECK(rill_btp_encode(&ok, bytes, sizeof bytes, &len) == RILL_OK);
    send_message(n, line->side, bytes, len);
}

static void on_message(void *user, const uint8_t *data, size_t len)
{
    wire_node *n = current;
    node_line *line = user;
    rill_btp_frame frame;
    CHECK(rill_btp_decode(&frame, data, len) == RILL_OK);
    const rill_btp_entry *ilp = rill_btp_find(&frame, "ilp");
    if (rill_btp_find(&frame, "auth") != NULL) {
        welcome(n, line, &frame);
        return;
    }
    CHECK(line->side >= 0 && ilp != NULL);
    if (frame.type == RILL_BTP_RESPONSE) {
        on_answer(n, line->side, frame.request_id, ilp->data);
        return;
    }
    rill_prepare prepare;
    CHECK(rill_prepare_decode(&prepare, ilp->data.data, ilp->data.len) == RILL_OK);
    if (rill_ildcp_is_request(&prepare))
        tell_account(n, line->side, frame.request_id);
    else
        forward(n, line->side, frame.request_id, &prepare);
}

static void shake_hands(node_line *line)
{
    char accept[RILL_WS_ACCEPT_CHARS + 1];
    char head[256];
    CHECK(rill_ws_accept_of(line->wire.key, accept) == RILL_OK);
    int len = snprintf(head, sizeof head,
                       "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                       "Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n",
                       accept);
    send_bytes(current, line->socket, (const uint8_t *)head, (size_t)len);
}

/* What a program writes comes here when it is written. */
static void on_output(fake_socket *socket, rill_bytes bytes)
{
    for (int i = 0; i < NODE_SOCKETS; i++) {
        node_line *line = &current->lines[i];
        if (line->socket != socket)
            continue;
        bool was_open = line->wire.open;
        wire_take(&line->wire, bytes);
        if (line->wire.open && !was_open)
            shake_hands(line);
    }
}

void wire_node_open(wire_node *n, rill_loop *loop)
{
    memset(n, 0, sizeof *n);
    n->loop = loop;
    n->delay = RILL_MS;
    current = n;
    fake_uv_on_output(on_output);
}

void wire_node_close(wire_node *n)
{
    for (int i = 0; i < NODE_SOCKETS; i++)
        if (n->lines[i].socket != NULL)
            wire_close(&n->lines[i].wire);
    for (node_item *item; (item = n->queue) != NULL;) {
        n->queue = item->next;
        free(item);
    }
    fake_uv_on_output(NULL);
}

static void take_connection(wire_node *n, fake_socket *socket)
{
    int i = 0;
    while (i < NODE_SOCKETS && n->lines[i].socket != NULL)
        i++;
    CHECK(i < NODE_SOCKETS);
    node_line *line = &n->lines[i];
    line->socket = socket;
    line->side = -1;
    wire_open(&line->wire, true);
    line->wire.message = on_message;
    line->wire.user = line;
    fake_socket_answer(socket, 0);
}

/* Who has closed is away. */
static void notice_ends(wire_node *n)
{
    for (int i = 0; i < NODE_SIDES; i++)
        if (n->sides[i].socket != NULL && fake_socket_closed(n->sides[i].socket))
            n->sides[i].socket = NULL;
}

static void hand_over(wire_node *n)
{
    while (n->queue != NULL && n->queue->due <= fake_uv_now()) {
        node_item *item = n->queue;
        n->queue = item->next;
        if (item->to == EXPIRY)
            expire(n, item->open);
        else if (!fake_socket_closed(item->socket))
            fake_socket_feed(item->socket, item->bytes, item->len);
        free(item);
    }
}

void wire_node_step(wire_node *n)
{
    for (fake_socket *socket; (socket = fake_uv_attempt()) != NULL;)
        take_connection(n, socket);
    notice_ends(n);
    hand_over(n);
}

uint64_t wire_node_deadline(const wire_node *n)
{
    return n->queue != NULL ? n->queue->due : RILL_NEVER;
}

void wire_node_inject(wire_node *n, int side, const uint8_t *packet, size_t len)
{
    send_ilp(n, side, RILL_BTP_MESSAGE, UINT32_MAX, packet, len);
}

void wire_node_cut(wire_node *n, int side)
{
    fake_socket *socket = n->sides[side].socket;
    n->sides[side].socket = NULL;
    if (socket != NULL && !fake_socket_closed(socket))
        fake_socket_break(socket, UV_ECONNRESET);
}

void wire_node_sleep(wire_node *n, uint64_t ns)
{
    uint64_t until = fake_uv_now() + ns;
    while (wire_node_deadline(n) <= until) {
        if (wire_node_deadline(n) > fake_uv_now())
            fake_uv_advance(wire_node_deadline(n) - fake_uv_now());
        hand_over(n);
    }
    fake_uv_advance(until - fake_uv_now());
}
